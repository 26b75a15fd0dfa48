"""The month (docs/packs.md): trends, load and capacity, who waits for whom by department, and where to move people. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from ledger.model import Decision, Health, Lifecycle
from signals.calendar import days
from signals.company import Company
from signals.exceptions import NeedsDecision, needs, urgency
from signals.facts import Facts, ItemFacts
from signals.nodes import NodeStatus
from signals.packs.handoffs import HandOff, Pair, pairs
from signals.packs.weekly import TOP, named
from signals.packs.words import many, word
from signals.plan import Workstream
from signals.rollup import KNOWN, WORSE
from signals.telling import name

TRENDS = ("company", "pillar", "objective", "key_result")
MOVES = ("tradeoff", "recovery", "rebaseline", "defer")
"""Kinds of decisions that move people, scope or dates."""
SCARCE = ("collision", "overloaded_owner", "overpromised_provider", "orphaned")
"""Signals that there is not enough for everything."""


class Week(msgspec.Struct, frozen=True):
    """A week as it was published: its name, which publication, and how every node stood."""

    name: str
    version: int
    nodes: Mapping[str, NodeStatus]


class Point(msgspec.Struct, frozen=True):
    """How a node stood at the close of a week."""

    week: str
    headline: Health
    reported: Health
    coverage: float | None
    score: float | None = None


class Trend(msgspec.Struct, frozen=True):
    """A node over the weeks of a month, and the sentence."""

    node: str
    kind: str
    name: str
    points: tuple[Point, ...]
    drift: Literal["better", "worse", "same", "unknown"]
    """From the first point to the last."""
    says: str


class Load(msgspec.Struct, frozen=True):
    """What a department carries, and what it has to carry it with. Counts; never of a person."""

    department: str
    workstreams: int
    """Unfinished."""
    owners: int
    """Different people who own them."""
    unowned: int
    open: int
    """Unfinished items at the close; each once."""
    came: int
    """Items that came in the month."""
    done: int
    """Items finished in the month."""
    undated: int
    """Items that came or were finished, and their tracker does not tell when: they were so when it was read first."""
    blocked: int
    promised: int
    """Deliveries to others that are promised for the month after."""
    working_days: int
    """Of the owners in the month after, less their known absences."""
    of_days: int
    """Without any absence."""
    says: str


class Decided(msgspec.Struct, frozen=True):
    """A decision of the month that moves people, scope or dates."""

    kind: str
    subject: str
    name: str
    decided_on: date
    act_by: date | None
    says: str


class Monthly(msgspec.Struct, frozen=True):
    """The month's page."""

    first_on: date
    last_on: date
    weeks: tuple[tuple[str, int], ...]
    """(week, version) of the publications that the trends stand on."""
    missing: tuple[str, ...]
    """Weeks of the month that were never published."""
    trends: tuple[Trend, ...]
    load: tuple[Load, ...]
    pairs: tuple[Pair, ...]
    decisions: tuple[Decided, ...]
    reallocate: tuple[NeedsDecision, ...]
    """Where there is not enough for everything, and somebody has to decide; the most urgent seven."""
    reallocate_total: int


# -- trends ----------------------------------------------------------------------------------------------------------------


def trends(weeks: Sequence[Week]) -> tuple[Trend, ...]:
    """Every node above the workstreams over the weeks in which it was there."""
    last = {key: n for w in weeks for key, n in w.nodes.items() if n.kind in TRENDS}
    ordered = sorted(last.values(), key=lambda n: (TRENDS.index(n.kind), list(last).index(n.key)))
    return tuple(_trend(n, weeks) for n in ordered)


def _trend(node: NodeStatus, weeks: Sequence[Week]) -> Trend:
    there = [(w.name, w.nodes[node.key]) for w in weeks if node.key in w.nodes]
    points = [Point(week, n.headline, n.reported, n.coverage, n.score) for week, n in there]
    return trend_of(node.key, node.kind, node.name, points)


def trend_of(key: str, kind: str, called: str, points: Sequence[Point]) -> Trend:
    """A node over some weeks, at least one, with its sentence."""
    counts = {h: sum(p.headline is h for p in points) for h in (*KNOWN[::-1], Health.UNKNOWN)}
    told = [f"{word(h)} in {c}" for h, c in counts.items() if c]
    told[0] += f" of {many(len(points), 'week')}"
    drift = _drift(points)
    change = f"; {drift} than in {points[0].week}" if drift in ("better", "worse") else ""
    return Trend(key, kind, called, tuple(points), drift, f"'{called}': {', '.join(told)}{change}{_way(points)}")


def _drift(points: Sequence[Point]) -> Literal["better", "worse", "same", "unknown"]:
    first, last = points[0].headline, points[-1].headline
    if len(points) < 2 or first not in KNOWN or last not in KNOWN:
        return "unknown"
    return "same" if first is last else "worse" if WORSE[last] > WORSE[first] else "better"


def _way(points: Sequence[Point]) -> str:
    """How far a metric went over the month, however little it was in each week."""
    first, last = points[0].score, points[-1].score
    if len(points) < 2 or first is None or last is None:
        return ""
    return f"; from {first:.0%} to {last:.0%} of its way"


# -- load and capacity -------------------------------------------------------------------------------------------------------


class Tally:
    """Counts items of departments, each once, slice by slice of the company."""

    def __init__(self, first: date, last: date) -> None:
        self._first, self._last = first, last
        self._seen: dict[str, set[str]] = {}
        self._counts: dict[str, Counter[str]] = {}

    def of(self, department: str) -> Counter[str]:
        """open, blocked, came, done; and undated: how many of the last two nobody can date."""
        return self._counts.get(department, Counter())

    def count(self, facts: Facts, w: Workstream) -> None:
        """Counts the items of a workstream that were not counted for its department yet."""
        seen, counts = self._seen.setdefault(w.department, set()), self._counts.setdefault(w.department, Counter())
        for item in facts.work(w):
            if item.id not in seen:
                seen.add(item.id)
                counts.update(self._told(facts, item))

    def _told(self, facts: Facts, item: ItemFacts) -> Iterator[str]:
        if item.open:
            yield "open"
        if item.open and item.now.blocked:
            yield "blocked"
        came, done = item.states[0].at, item.done_at
        for what, at in (("came", came), ("done", done)):
            if at is not None and self._first <= facts.calendar.day(at) <= self._last:
                yield "undated" if at == came and _found(facts, item) else what


def _found(facts: Facts, item: ItemFacts) -> bool:
    """Whether an item was there when its tracker, which tells no history, was read first: nobody knows since when."""
    source = facts.sources.get(item.source)
    return source is not None and not source.actors and (not source.good or item.states[0].at <= source.good[0])


def load(facts: Facts, nodes: Mapping[str, NodeStatus], tally: Tally) -> tuple[Load, ...]:
    """What each department carries. facts: as of the month's close; no items are asked for."""
    departments = dict.fromkeys(w.department for w in facts.plan.workstreams)
    return tuple(_load(facts, d, nodes, tally.of(d)) for d in departments)


def _load(facts: Facts, department: str, nodes: Mapping[str, NodeStatus], counts: Counter[str]) -> Load:
    done = (Lifecycle.DONE, Lifecycle.CANCELLED)
    active = [w for w in facts.plan.workstreams if w.department == department and nodes[w.key].lifecycle not in done]
    owners = sorted({w.owner for w in active if w.owner})
    first, last = _month_after(facts.today)
    before = first - timedelta(days=1)
    there = sum(facts.working_days(before, last, o) for o in owners)
    whole = len(owners) * facts.working_days(before, last)
    streams = {w.key for w in active}
    promised = sum(
        d.provider in streams and d.committed_by is not None and first <= d.committed_by <= last
        for d in facts.plan.dependencies
        if d.state in ("proposed", "committed")
    )
    undated = f", of {counts['undated']} more nobody knows when" if counts["undated"] else ""
    says = (
        f"{department}: {many(len(active), 'workstream')} with {many(len(owners), 'owner')}; {counts['came']} items came and "
        f"{counts['done']} were done{undated}, {counts['open']} are open; its owners are there {there} of {whole} working days of the month after"
    )
    return Load(
        department, len(active), len(owners), sum(not w.owner for w in active), counts["open"], counts["came"], counts["done"],
        counts["undated"], counts["blocked"], promised, there, whole, says,
    )  # fmt: skip


def _month_after(on: date) -> tuple[date, date]:
    first = (on.replace(day=1) + timedelta(days=32)).replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


# -- where to move people ----------------------------------------------------------------------------------------------------


def decided(facts: Facts, first: date, last: date) -> tuple[Decided, ...]:
    """Decisions of some days that move people, scope or dates."""
    found = [d for d in facts.plan.decisions if d.kind in MOVES and first <= d.decided_on <= last]
    return tuple(_decided(facts, d) for d in sorted(found, key=lambda d: (d.decided_on, d.subject, d.kind)))


def _decided(facts: Facts, d: Decision) -> Decided:
    called = named(facts, d.subject)
    acts = f", {name(facts, d.act_owner)} acts" if d.act_owner else ""
    by = f" by {d.act_by}" if d.act_by else ""
    says = f"'{called}': {d.kind}, decided by {name(facts, d.decided_by)} on {d.decided_on}{acts}{by}"
    return Decided(d.kind, d.subject, called, d.decided_on, d.act_by, says)


def to_reallocate(company: Company, facts: Facts) -> list[NeedsDecision]:
    """What is open because there is not enough for everything, the most urgent first."""
    found = [v for v in company.verdicts if v.signal in SCARCE and v.outcome == "open"]
    return sorted((needs(facts, v, company.nodes) for v in found), key=urgency)


def monthly(
    company: Company,
    facts: Facts,
    first: date,
    weeks: Sequence[Week],
    missing: Sequence[str],
    tally: Tally,
    found: Iterable[HandOff],
) -> Monthly:
    """The month of a company as of its close. facts: what is above the items."""
    rows = to_reallocate(company, facts)
    return Monthly(
        first, facts.today, tuple((w.name, w.version) for w in weeks), tuple(missing), trends(weeks),
        load(facts, company.nodes, tally), pairs(found), decided(facts, first, facts.today), tuple(rows[:TOP]), len(rows),
    )  # fmt: skip


def delay(p: Pair) -> str:
    """A pair of departments, in words."""
    parts = [(p.kept, "kept"), (p.late, "late"), (p.overdue, "overdue"), (p.coming, "coming"), (p.undated, "undated")]
    told = ", ".join(f"{n} {what}" for n, what in parts if n)
    longest = f"; the longest delay is {days(p.longest_delay)}" if p.longest_delay else ""
    return f"{p.consumer} waits for {p.provider}: {told} of {p.handoffs}{longest}"
