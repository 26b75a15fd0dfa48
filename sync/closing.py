"""Closes a week: every workstream's check-in and every node's headline as known at its close. Published packs are never overwritten.

A pack is provisional until the sources' settle days have passed; what is known better then is another version, marked as restated where
it differs from what was published, and both stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from ledger.store import Ledger
from signals.cadence import SIX_WEEKS, CheckIn, check_in, kept_rhythm
from signals.company import Judged, assemble, cut_off, judge_workstreams
from signals.facts import Facts
from signals.nodes import NodeStatus
from sync.bound_plan import meet_plan
from sync.configuration import Configuration
from sync.facts import Gatherer, thresholds
from sync.loops import close_loops
from sync.standing import above_now, open_now, refresh


class NotClosedYet(Exception):
    """The week is not over; the message says when it closes."""


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
    restated: tuple[str, ...] = ()
    """Keys of nodes of which an earlier version of this pack said something else."""
    version: int = 0


_pack = msgspec.json.Decoder(Pack).decode


def close_week(ledger: Ledger, configuration: Configuration, week: str | None = None, *, restate: bool = True) -> Pack:
    """Publishes a week: as it is known while it is provisional, and as it was known when it settled.

    restate: a week that has settled is held against what is known now, and what differs is published as another version.

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
    earlier = published(ledger, week)
    settled = [p for p in earlier if not p.provisional]
    if earlier and not restate and (settled or now < earlier[-1].settles_at):
        return earlier[-1]
    known_at = now if settled else min(closes + settling(configuration), now)
    pack = restated(pack_of(ledger, configuration, week, known_at), earlier)
    body = msgspec.json.encode(pack).decode()
    return msgspec.structs.replace(pack, version=ledger.publish(week, body))


def settling(configuration: Configuration) -> timedelta:
    """How long after a close the sources may still tell of the week."""
    return timedelta(days=max((s.entry.settle_days for s in configuration.sources), default=2))


def published(ledger: Ledger, week: str | None = None) -> list[Pack]:
    """Every version of a week's pack, or of every week's, oldest first."""
    return [
        msgspec.structs.replace(_pack(body), version=version)
        for name, version, _, body in ledger.closes()
        if week in (None, name)
    ]


def restated(pack: Pack, earlier: list[Pack]) -> Pack:
    """A pack that says of which nodes an earlier version said something else."""
    if not earlier:
        return pack
    said, now = _said(earlier[-1]), _said(pack)
    differ = {key for key, _ in said ^ now} | set(earlier[-1].restated)
    return msgspec.structs.replace(pack, restated=tuple(sorted(differ)))


def _said(pack: Pack) -> set[tuple[str, str]]:
    """(node, what the pack says of it)."""
    nodes = {
        (n.key, f"{n.lifecycle} {n.reported} {n.derived} {n.headline} {n.because} {n.distribution}") for n in pack.nodes
    }
    checked = {
        (c.node, f"{c.reported_raw} {c.reported} {c.last_reported} {c.confidence} {c.freshness} {c.cadences}")
        for c in pack.check_ins
    }
    return nodes | checked


def pack_of(ledger: Ledger, configuration: Configuration, week: str, known_at: datetime) -> Pack:
    """What a week's pack says: what was known at an instant of what had happened by its close."""
    calendar, limits = configuration.calendar, thresholds(configuration)
    closes = calendar.close_of(week)
    settles = closes + settling(configuration)
    provisional = known_at < settles
    begin = closes - timedelta(weeks=SIX_WEEKS + 1)
    gatherer = Gatherer(ledger, configuration, known_at, "known", good_since=begin, words=True)
    members = gatherer.members()
    judged: dict[str, Judged] = {}
    checked: list[CheckIn] = []
    kept: dict[str, tuple[int, int]] = {}
    for part in gatherer.slices(members.sizes):
        facts = cut_off(gatherer.facts(part, members), closes)
        judged |= judge_workstreams(facts, part, limits)
        weeks = list(_weeks_back(facts, week))
        earlier = [cut_off(facts, calendar.close_of(w)) for w in weeks]
        for w in part:
            checked.append(check_in(facts, w, week, provisional=provisional))
            rhythm = kept_rhythm(earlier, w, weeks)
            fresh, due = kept.get(w.department, (0, 0))
            kept[w.department] = (fresh + rhythm.fresh, due + rhythm.due)
    nodes = assemble(cut_off(gatherer.above(), closes), judged, limits).nodes
    return Pack(week, closes, settles, provisional, tuple(checked), tuple(nodes.values()), kept)


def _weeks_back(facts: Facts, week: str) -> Iterator[str]:
    closes = facts.calendar.close_of(week)
    for back in range(SIX_WEEKS):
        yield facts.calendar.week_at(closes - timedelta(weeks=back))


def note_open(ledger: Ledger, configuration: Configuration, *, changed: bool = True) -> tuple[int, int]:
    """Notes which signals are open now, and whether decisions that are due helped; how many opened and cleared since the last note.

    changed: whether anything was read since; if not, a note of the same day still holds.
    """
    if not configuration.planned:
        return 0, 0
    calendar, last = configuration.calendar, ledger.last_noted()
    if not changed and last is not None and calendar.day(last) == calendar.day(ledger.clock()):
        return 0, 0
    refresh(ledger, configuration)
    above = above_now(ledger, configuration)
    rows = open_now(ledger, configuration, above)
    close_loops(ledger, configuration, above)
    return ledger.note_signals({e.key: (e.severity, e.because) for e in rows})
