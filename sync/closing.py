"""Closes a week: every workstream's check-in and every node's headline as known at its close. Published packs are never overwritten.

A pack is provisional until the sources' settle days have passed; what is known better then is another version, and both stay.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ledger.model import Health
from ledger.store import Ledger
from signals.calendar import CADENCE_WEEKS, Calendar
from signals.company import NodeStatus, cut_off, judge
from signals.facts import SAYING, Facts, ItemFacts
from signals.headline import said_of
from signals.plan import Workstream
from sync.bound_plan import meet_plan
from sync.configuration import Configuration
from sync.facts import facts_at, thresholds

Freshness = Literal["fresh", "carried", "stale", "missing", "source_down"]
SIX_WEEKS = 6


class NotClosedYet(Exception):
    """The week is not over; the message says when it closes."""


class CheckIn(msgspec.Struct, frozen=True):
    """What one workstream said in one week. `cadences` full cadences without a change; from two on nothing is known any more."""

    node: str
    week: str
    reported: Health
    last_reported: Health
    freshness: Freshness
    cadences: int
    said_at: datetime | None
    slower_than_weekly: bool = False


class Pack(msgspec.Struct, frozen=True):
    """One published week."""

    week: str
    closes_at: datetime
    settles_at: datetime
    provisional: bool
    check_ins: tuple[CheckIn, ...]
    nodes: tuple[NodeStatus, ...]
    adherence: dict[str, tuple[int, int]]
    """By department: fresh check-ins of the last six weeks, of how many that could have been."""
    version: int = 0


def close_week(ledger: Ledger, configuration: Configuration, week: str | None = None) -> Pack:
    """Publishes a week as it was known when it settled, or is known now while it is provisional.

    Raises:
        NotClosedYet: the week is not over.
    """
    calendar, now = configuration.calendar, ledger.clock()
    meet_plan(ledger, configuration)
    week = week or calendar.week_at(now - timedelta(days=7))
    try:
        closes = calendar.close_of(week)
    except ValueError:
        raise NotClosedYet(f"'{week}' is no week: write one such as {calendar.week_at(now)}") from None
    if closes > now:
        raise NotClosedYet(f"{week} closes at {closes:%Y-%m-%d %H:%M} UTC")
    pack = pack_of(ledger, configuration, week, now)
    body = msgspec.json.encode(pack).decode()
    return msgspec.structs.replace(pack, version=ledger.publish(week, body))


def pack_of(ledger: Ledger, configuration: Configuration, week: str, now: datetime) -> Pack:
    """What a week's pack says: what was known when it settled, of what had happened by its close."""
    calendar = configuration.calendar
    closes = calendar.close_of(week)
    settle = max((s.entry.settle_days for s in configuration.sources), default=2)
    settles = closes + timedelta(days=settle)
    facts = facts_at(ledger, configuration, min(settles, now), "known")
    cut = cut_off(facts, closes)
    judged = judge(cut, thresholds(configuration))
    checked = tuple(check_in(cut, w, week) for w in cut.plan.workstreams)
    return Pack(week, closes, settles, now < settles, checked, tuple(judged.nodes.values()), adherence(cut, week))


def note_open(ledger: Ledger, configuration: Configuration, *, changed: bool = True) -> tuple[int, int]:
    """Notes which signals are open now; how many opened and how many cleared since it was last noted.

    changed: whether anything was read since; if not, a note of the same day still holds.
    """
    if not configuration.planned:
        return 0, 0
    calendar, last = configuration.calendar, ledger.last_noted()
    if not changed and last is not None and calendar.day(last) == calendar.day(ledger.clock()):
        return 0, 0
    judged = judge(facts_at(ledger, configuration, ledger.clock()), thresholds(configuration))
    return ledger.note_signals({e.key: (e.severity, e.because) for e in judged.exceptions})


def check_in(facts: Facts, w: Workstream, week: str) -> CheckIn:
    """One workstream's check-in of a week."""
    calendar = facts.calendar
    closes, opens = calendar.close_of(week), calendar.previous_close(week)
    work = [i for i in facts.work(w) if i.states[0].at <= closes]
    slow = CADENCE_WEEKS[facts.cadence_of(w)] > 1
    down = [s for k in {i.source for i in work} if (s := facts.sources.get(k)) and not any(opens < g for g in s.good)]
    if not work:
        return CheckIn(w.key, week, Health.UNKNOWN, Health.UNKNOWN, "missing", 0, None, slow)
    reported = said_of([(i.now.lifecycle, i.now.health) for i in work])
    said_at = max(said_in(i) for i in work)
    cadences = _cadences(calendar, said_at, closes, CADENCE_WEEKS[facts.cadence_of(w)])
    freshness: Freshness = "fresh" if said_at > opens else "carried" if cadences == 0 else "stale"
    if down and freshness != "fresh":
        freshness = "source_down"
    now = Health.UNKNOWN if cadences >= 2 else reported
    return CheckIn(w.key, week, now, reported, freshness, cadences, said_at, slow)


def said_in(item: ItemFacts) -> datetime:
    """When a reported field, a milestone or a blocker of an item last changed."""
    spoken = [a.at for a in item.acts if a.field in SAYING]
    return max([item.states[-1].at, *spoken])


def _cadences(calendar: Calendar, said_at: datetime, closes: datetime, weeks: int) -> int:
    """Full cadences between the week in which something was said and the week that closes."""
    first = calendar.close_of(calendar.week_at(said_at))
    return max(round((closes - first).total_seconds() / 604_800), 0) // weeks


def adherence(facts: Facts, week: str) -> dict[str, tuple[int, int]]:
    """By department, over six weeks: (fresh, weeks in which something could have been said)."""
    found: dict[str, list[int]] = {}
    closes = facts.calendar.close_of(week)
    for back in range(SIX_WEEKS):
        at = closes - timedelta(weeks=back)
        earlier, name = cut_off(facts, at), facts.calendar.week_at(at)
        for w in facts.plan.workstreams:
            told = check_in(earlier, w, name)
            tally = found.setdefault(w.department, [0, 0])
            tally[0] += told.freshness == "fresh"
            tally[1] += told.freshness not in ("source_down", "missing")
    return {department: (a, b) for department, (a, b) in found.items()}
