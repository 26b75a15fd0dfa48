"""The weekly rhythm: what a team said last, how long ago in its own cadence, and the check-in of a week. Pure.

A check-in is never charged to a team whose tracker was not read (`source_down`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ledger.model import Health
from signals.calendar import CADENCE_WEEKS, Calendar
from signals.facts import Act, Facts, ItemFacts
from signals.plan import Workstream
from signals.rollup import KNOWN, WORSE, said_of

Freshness = Literal["fresh", "carried", "stale", "missing", "source_down"]
UNSAID = 2
"""From so many full cadences without a word on, what was said then is not said now."""


class Said(msgspec.Struct, frozen=True):
    """What a team says of a workstream, as the roll-up of its open items' words."""

    health: Health
    at: datetime
    """When it last said anything of how it is going."""
    cadences: int
    """Full cadences of the team since."""
    item: ItemFacts
    """The one spoken of last."""


class CheckIn(msgspec.Struct, frozen=True):
    """What one workstream said in one week. `reported` is unknown from two full cadences without a word on; `last_reported` is kept."""

    node: str
    week: str
    reported_raw: str
    """The words as said, the worst first."""
    reported: Health
    last_reported: Health
    confidence: float | None
    """0-1; of several items the lowest."""
    progress: float | None
    """0-1 of the milestones' weight; None without milestones."""
    biggest_risk: str | None
    need_from_others: str | None
    freshness: Freshness
    cadences: int
    """Full cadences without a change."""
    said_at: datetime | None
    said_by: str | None
    url: str
    provisional: bool
    """Something known better until the sources have settled still counts."""
    slower_than_weekly: bool = False
    stands_on: tuple[tuple[str, str], ...] = ()
    """(source, binding) of its records: who may read what was said."""


def last_said(facts: Facts, w: Workstream) -> Said | None:
    """What the team last said of its open work; None where it never said anything."""
    work = facts.work(w)
    if not any(i.open and i.now.health in KNOWN for i in work):
        return None
    last = max(work, key=lambda i: i.said_at)
    health = said_of([(i.now.lifecycle, i.now.health) for i in work])
    return Said(health, last.said_at, cadences(facts, w, last.said_at, _read_at(facts, work)), last)


def cadences(facts: Facts, w: Workstream, at: datetime, until: datetime, down: int = 0) -> int:
    """Full cadences of a workstream's team between two instants, counted in closed weeks less those in which nobody could be heard."""
    return max(facts.calendar.weeks_since(at, until) - down, 0) // CADENCE_WEEKS[facts.cadence_of(w)]


def _read_at(facts: Facts, work: Sequence[ItemFacts]) -> datetime:
    """Until when the trackers of some items were read: what they said since is nobody's silence."""
    good = [s.good[-1] for k in {i.source for i in work} if (s := facts.sources.get(k)) and s.good]
    return min([facts.now, *good])


def _weeks_down(facts: Facts, work: Sequence[ItemFacts], said_at: datetime, closes: datetime) -> int:
    """Weeks between two instants in which a tracker of some items was not read well, though it had been before."""
    weeks = facts.calendar.weeks_since(said_at, closes)
    ends = [closes - timedelta(weeks=n) for n in range(weeks)]
    known = [s.good for k in {i.source for i in work} if (s := facts.sources.get(k)) and s.good]
    return sum(
        any(
            good[0] <= end - timedelta(weeks=1) and not any(end - timedelta(weeks=1) < g <= end for g in good)
            for good in known
        )
        for end in ends
    )


def check_in(facts: Facts, w: Workstream, week: str, *, provisional: bool = False) -> CheckIn:
    """One workstream's check-in of a week, of facts that end at its close."""
    closes, opens = facts.calendar.close_of(week), facts.calendar.previous_close(week)
    work = [i for i in facts.work(w) if i.states[0].at <= closes]
    slow = CADENCE_WEEKS[facts.cadence_of(w)] > 1
    if not work:
        down = _down(facts, {s.source for s in w.selections}, opens, closes)
        return CheckIn(
            w.key, week, "", Health.UNKNOWN, Health.UNKNOWN, None, None, None, None, "source_down" if down else "missing", 0,
            None, None, "", provisional, slow,
        )  # fmt: skip
    last = max(work, key=lambda i: i.said_at)
    unsaid = cadences(facts, w, last.said_at, closes, _weeks_down(facts, work, last.said_at, closes))
    freshness: Freshness = "fresh" if last.said_at > opens else "carried" if unsaid == 0 else "stale"
    if freshness != "fresh" and _down(facts, {i.source for i in work}, opens, closes):
        freshness = "source_down"
    reported = said_of([(i.now.lifecycle, i.now.health) for i in work])
    told = sorted((i for i in work if i.open), key=lambda i: -WORSE.get(i.now.health, -1))
    pace = facts.pace(w, facts.today)
    return CheckIn(
        node=w.key,
        week=week,
        reported_raw=", ".join(dict.fromkeys(i.word for i in told if i.word)),
        reported=reported if unsaid < UNSAID else Health.UNKNOWN,
        last_reported=reported,
        confidence=min((i.now.confidence for i in told if i.now.confidence is not None), default=None),
        progress=round(pace.done / pace.total, 4) if pace.total else None,
        biggest_risk=next((i.now.risk for i in told if i.now.risk), None),
        need_from_others=next((i.now.need for i in told if i.now.need), None),
        freshness=freshness,
        cadences=unsaid,
        said_at=last.said_at,
        said_by=_said_by(facts, last),
        url=last.url,
        provisional=provisional,
        slower_than_weekly=slow,
        stands_on=tuple(sorted({(i.source, i.binding) for i in work})),
    )


def _down(facts: Facts, keys: Iterable[str], begin: datetime, end: datetime) -> bool:
    """Whether one of some trackers was not read well in (begin, end]."""
    sources = [facts.sources[k] for k in keys if k in facts.sources]
    return any(not any(begin < g <= end for g in s.good) for s in sources)


def _said_by(facts: Facts, item: ItemFacts) -> str | None:
    """Who said it, where the tracker tells."""
    act: Act | None = next((a for a in reversed(item.acts) if a.at == item.said_at), None)
    if act is None or act.actor is None:
        return None
    return facts.people[act.actor].name if act.actor in facts.people else act.actor


# -- adherence ---------------------------------------------------------------------------------------------------------

SIX_WEEKS = 6


class Kept(msgspec.Struct, frozen=True):
    """How a workstream kept its rhythm over six weeks: `fresh` of `due`, which leaves out weeks off and trackers that were down."""

    fresh: int
    due: int


def kept_rhythm(earlier: Sequence[Facts], w: Workstream, weeks: Sequence[str]) -> Kept:
    """A workstream's cadence over some weeks. earlier: the facts as of each week's close."""
    fresh = due = 0
    for facts, week in zip(earlier, weeks, strict=True):
        if not _began(facts, w, week) or _off(facts, w, week):
            continue
        told = check_in(facts, w, week)
        if told.freshness != "source_down":
            due += 1
            fresh += told.freshness == "fresh"
    return Kept(fresh, due)


def _began(facts: Facts, w: Workstream, week: str) -> bool:
    """Whether the workstream was to be worked on in a week: it had begun, or had records."""
    start = w.start_on
    if start is None:
        period = facts.plan.period_of(w, facts.today)
        start = period.start_on if period else None
    return bool(facts.work(w)) or (start is not None and start <= facts.calendar.day(facts.calendar.close_of(week)))


def _off(facts: Facts, w: Workstream, week: str) -> bool:
    """Whether nobody was to say anything: every working day of the week is a holiday or the owner's leave."""
    calendar: Calendar = facts.calendar
    last = calendar.day(calendar.close_of(week))
    return calendar.working_days(last - timedelta(days=7), last, facts.absent(w.owner)) == 0
