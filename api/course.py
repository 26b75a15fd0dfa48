"""The course of things: how nodes stood when each week closed, what was open then, and a workstream's milestones and records.

A week is told as it was published. Weeks that nobody published, such as those before Sightline was installed, are told from what the
trackers' histories say of them, in companies small enough to be judged anew while somebody waits.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from api.planning import Board
from ledger.model import Health, Lifecycle
from ledger.read import Reads
from ledger.store import Ledger
from signals.facts import Checkpoint, Facts, ItemFacts
from signals.nodes import NodeStatus
from signals.plan import KeyResult, Metric, Reading, Workstream
from signals.results import expected, period_of, share
from signals.rollup import WORSE
from sync.closing import Pack, published
from sync.configuration import Configuration
from sync.facts import Gatherer, facts_of, judged_at
from sync.standing import facts_now

FEW_ITEMS = 2_000
"""Up to so many items, weeks that were not published are judged anew."""
AT_LEAST = 6
"""Weeks that are told in a period that has only begun."""


class Stood(msgspec.Struct, frozen=True):
    """How a node stood: figures only, which are everybody's."""

    headline: Health
    reported: Health
    derived: Health


class Close(msgspec.Struct, frozen=True):
    """How everything stood when a week closed."""

    week: str
    closed_at: datetime
    published: bool
    """As it was published then; else told now, from the trackers' histories."""
    nodes: Mapping[str, Stood]
    open: frozenset[str]
    """Keys of what needed a decision."""
    restated: frozenset[str] = frozenset()
    """Nodes of which an earlier version of the week said something else."""
    adherence: Mapping[str, tuple[int, int]] = {}
    """By department: fresh check-ins of the six weeks up to then, of how many that could have been; empty where not published."""


class Week(msgspec.Struct, frozen=True):
    """One node at one close."""

    week: str
    closed_on: date
    headline: Health
    reported: Health
    derived: Health
    published: bool
    restated: bool


class Step(msgspec.Struct, frozen=True):
    """A milestone as its reader may see it. `late_days`: working days since its baseline, while it is not done."""

    title: str
    url: str
    item: str
    baseline_on: date | None
    due_on: date | None
    done_on: date | None
    late_days: int
    state: Literal["done", "late", "ahead", "cancelled", "lost", "undated"]


class Pace(msgspec.Struct, frozen=True):
    """How much was planned and how much was done by the end of a day, 0-1 of the milestones' weight; `done` None after today."""

    on: date
    planned: float
    done: float | None


class Record(msgspec.Struct, frozen=True):
    """One item of a workstream, with where it lies."""

    id: str
    key: str
    title: str
    url: str
    status: str
    due_on: date | None


class Work(msgspec.Struct, frozen=True):
    """What a workstream consists of: its milestones, the most urgent first; how they went over time; its records, the worst first."""

    steps: tuple[Step, ...] = ()
    pace: tuple[Pace, ...] = ()
    records: tuple[Record, ...] = ()
    hidden: int = 0
    """Records that this reader may not see."""


class Measure(msgspec.Struct, frozen=True):
    """A key result's metric: from where to where, how far it is, and how it went beside its plan curve, 0-1 of the way."""

    baseline: float
    target: float
    unit: str
    direction: str
    curve: str
    value: float | None
    """The last reading; None without one, or where its reader may not see it."""
    read_on: date | None
    pace: tuple[Pace, ...] = ()


class Closes:
    """Remembers what was told of closed weeks, until anything is written. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under: tuple[str, Configuration] | None = None
        self._told: dict[str, Close | None] = {}

    def of(self, ledger: Reads, configuration: Configuration, weeks: Sequence[str]) -> list[Close]:
        """Those of some weeks of which anything can be told."""
        whole = ledger.whole
        with self._lock:
            under = (whole.state(), configuration)
            if self._under is None or self._under[0] != under[0] or self._under[1] is not configuration:
                packs = published(whole)
                self._under, self._told = under, {p.week: _published(whole, p) for p in packs}
            missing = [w for w in weeks if w not in self._told]
            few = missing and sum(t[4] for t in whole.tallies()) <= FEW_ITEMS
            for week in missing:
                self._told[week] = _anew(whole, configuration, week) if few else None
            return [close for w in weeks if (close := self._told[w]) is not None]


def _published(ledger: Ledger, pack: Pack) -> Close:
    nodes = {n.key: _stood(n) for n in pack.nodes}
    opened = frozenset(ledger.opened(at=pack.closes_at))
    return Close(pack.week, pack.closes_at, True, nodes, opened, frozenset(pack.restated), pack.adherence)


def _anew(ledger: Ledger, configuration: Configuration, week: str) -> Close | None:
    """A week as it is known now; None where nothing is known of it yet."""
    closed_at = configuration.calendar.close_of(week)
    judged, _ = judged_at(ledger, configuration, closed_at)
    if not any(n.items for n in judged.nodes.values()):
        return None
    nodes = {key: _stood(n) for key, n in judged.nodes.items()}
    return Close(week, closed_at, False, nodes, frozenset(e.key for e in judged.exceptions))


def _stood(n: NodeStatus) -> Stood:
    return Stood(n.headline, n.reported, n.derived)


def weeks_of(configuration: Configuration, at: datetime) -> list[str]:
    """The closed weeks of the period that an instant lies in, and at least the last six, oldest first."""
    calendar, day = configuration.calendar, configuration.calendar.day(at)
    period = configuration.plan.period_at(day)
    begin = min(period.start_on if period else day, day - timedelta(weeks=AT_LEAST))
    return [w for w in calendar.weeks(begin, at) if calendar.close_of(w) <= at]


def weekly(closes: Sequence[Close], configuration: Configuration, key: str) -> list[Week]:
    """One node's weeks."""
    day = configuration.calendar.day
    return [
        Week(c.week, day(c.closed_at), s.headline, s.reported, s.derived, c.published, key in c.restated)
        for c in closes
        if (s := c.nodes.get(key)) is not None
    ]


# -- a workstream's work ---------------------------------------------------------------------------------------------------


def work_of(ledger: Reads, configuration: Configuration, board: Board, w: Workstream, *, now: bool) -> Work:
    """A workstream's milestones and records as of the board's instant, as its reader may see them. now: the instant is now."""
    whole = ledger.whole
    if now:
        facts = next(facts for _, facts in facts_now(whole, configuration, {w.key}))
    else:
        facts = facts_of(whole, configuration, [w], board.as_of)
    points, work = facts.checkpoints(w), facts.work(w)
    asks = ledger.asks({*(p.item for p in points if p.item), *(i.id for i in work)})
    steps = sorted((_step(facts, w, p, asks) for p in points), key=_urgency)
    records = sorted((i for i in work if i.id not in asks), key=_worst)
    hidden = sum(i.id in asks for i in work)
    pace = _pace(facts, w, points, by_week=any(p.item in asks for p in points))
    return Work(tuple(steps), pace, tuple(map(_record, records)), hidden)


def _step(facts: Facts, w: Workstream, p: Checkpoint, asks: Mapping[str, str]) -> Step:
    late = facts.working_days(p.baseline_on, facts.today, w.owner) if p.baseline_on and not p.done_on else 0
    state = _state(p, late)
    if ask := asks.get(p.item or ""):
        return Step(ask, "", "", None, None, None, 0, state)
    return Step(p.title, p.url, p.item or "", p.baseline_on, p.due_on, p.done_on, max(late, 0), state)


def _state(p: Checkpoint, late: int) -> Literal["done", "late", "ahead", "cancelled", "lost", "undated"]:
    if p.broken:
        return "lost"
    if p.cancelled:
        return "cancelled"
    if p.done_on:
        return "done"
    if p.baseline_on is None:
        return "undated"
    return "late" if late > 0 else "ahead"


def _urgency(s: Step) -> tuple[object, ...]:
    """What is late first, the longest first; then what comes next; then what is done, the latest first."""
    order = ("late", "lost", "ahead", "undated", "done", "cancelled").index(s.state)
    on = s.done_on if s.state == "done" else s.baseline_on
    days = on.toordinal() if on else 0
    return (order, -s.late_days, -days if s.state == "done" else days, s.title)


def _pace(facts: Facts, w: Workstream, points: Sequence[Checkpoint], *, by_week: bool) -> tuple[Pace, ...]:
    """Every day on which something was planned or done, and today. by_week: only ends of weeks, which tell nobody the day of one record."""
    counted = [p for p in points if not p.cancelled]
    total = sum(p.weight for p in counted)
    days = {d for p in counted for d in (p.baseline_on, p.done_on) if d is not None}
    if by_week:
        days = {d + timedelta(days=6 - d.weekday()) for d in days}
    if not total or len(days) < 2:
        return ()
    told = []
    for on in sorted(days | {facts.today}):
        at = facts.pace(w, on)
        told.append(Pace(on, round(at.planned / total, 4), None if on > facts.today else round(at.done / total, 4)))
    return tuple(told)


def measure_of(ledger: Reads, configuration: Configuration, board: Board, node: NodeStatus) -> Measure | None:
    """A key result's metric as of the board's instant; None where it has none. node: the key result as its reader may see it."""
    kr = board.plan.key_result_by_key[node.key]
    if (metric := kr.metric) is None:
        return None
    told = Measure(metric.baseline, metric.target, metric.unit, metric.direction, metric.curve, None, None)
    facts = Gatherer(ledger.whole, configuration, board.as_of).above([kr])
    readings = facts.readings.get(kr.key, ())
    if node.score is None or not readings:
        return told
    last = readings[-1]
    return msgspec.structs.replace(told, value=last.value, read_on=last.on, pace=_curve(facts, kr, metric, readings))


def _curve(facts: Facts, kr: KeyResult, metric: Metric, readings: Sequence[Reading]) -> tuple[Pace, ...]:
    """Readings beside the curve that was planned, where that is one of days."""
    period = period_of(facts, kr)
    if period is None or metric.curve not in ("linear", "step", "table"):
        return ()
    days = {period.start_on, period.end_on, facts.today, *(r.on for r in (*readings, *metric.table))}
    told = []
    for on in sorted(d for d in days if period.start_on <= d <= period.end_on):
        known = [r for r in readings if r.on <= on]
        done = _part(share(metric, known[-1].value)) if known and on <= facts.today else None
        told.append(Pace(on, _part(expected(facts, kr, on) or 0.0), done))
    return tuple(told)


def _part(way: float) -> float:
    return round(min(max(way, 0.0), 1.0), 4)


def _worst(i: ItemFacts) -> tuple[object, ...]:
    now = i.now
    return (not i.open, -WORSE.get(now.health, -1), now.due_on or date.max, i.key)


def _record(i: ItemFacts) -> Record:
    finished = i.now.lifecycle in (Lifecycle.DONE, Lifecycle.CANCELLED, Lifecycle.PAUSED)
    return Record(i.id, i.key, i.title, i.url, str(i.now.lifecycle if finished else i.now.health), i.now.due_on)
