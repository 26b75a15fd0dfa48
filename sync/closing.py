"""Closes a week: every workstream's check-in and every node's headline as known at its close. Published packs are never overwritten.

A pack is provisional until the sources' settle days have passed; what is known better then is another version, marked as restated where
it differs from what was published, and both stay.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import msgspec

from ledger.store import Ledger
from signals.cadence import SIX_WEEKS, CheckIn, check_in, kept_rhythm
from signals.catalogue import Verdict
from signals.company import cut_off
from signals.nodes import NodeStatus
from signals.packs.diagnosis import Diagnosis, diagnose
from signals.packs.handoffs import HandOff, handoffs
from signals.packs.weekly import Then, Weekly, then_of, weekly
from sync.at_close import AtClose, planned_since
from sync.bound_plan import meet_plan
from sync.configuration import Configuration
from sync.loops import close_loops
from sync.standing import above_now, open_now, refresh
from sync.versions import NotClosedYet, over, publish, rows_of, settling

WEEK = re.compile(r"\d{4}-W\d\d")


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
    page: Weekly | None = None
    """None in weeks that were published before there were pages."""
    diagnosis: Diagnosis | None = None
    decisive: tuple[Verdict, ...] = ()
    """The verdicts whose sentences the nodes say."""

    @property
    def name(self) -> str:
        return self.week


_pack = msgspec.json.Decoder(Pack).decode


def close_week(ledger: Ledger, configuration: Configuration, week: str | None = None, *, restate: bool = True) -> Pack:
    """Publishes a week: as it is known while it is provisional, and as it was known when it settled.

    restate: a week that has settled is held against what is known now, and what differs is published as another version.

    Raises:
        NotClosedYet: the week is not over, or nothing was known of it.
    """
    calendar, now = configuration.calendar, ledger.clock()
    meet_plan(ledger, configuration)
    name = week or calendar.week_at(now - timedelta(days=7))
    try:
        closes = calendar.close_of(name)
    except ValueError:
        raise NotClosedYet(f"'{name}' is no week: write one such as {calendar.week_at(now)}") from None
    settles = over(ledger, configuration, name, closes)

    def make(known_at: datetime) -> Pack:
        return pack_of(ledger, configuration, name, known_at)

    earlier = published(ledger, name)
    paged = not earlier or earlier[-1].page is not None
    return publish(ledger, name, settles, earlier, make, lambda p: _said(p, paged), restate=restate)


def published(ledger: Ledger, week: str | None = None) -> list[Pack]:
    """Every version of a week's pack, or of every week's, oldest first."""
    return [
        msgspec.structs.replace(_pack(body), version=version)
        for name, version, _, body in ledger.closes(week)
        if is_week(name)
    ]


def is_week(name: str) -> bool:
    """Whether a pack's name is a week's, such as 2026-W47."""
    return WEEK.fullmatch(name) is not None


def _said(pack: Pack, paged: bool) -> set[tuple[str, str]]:
    """(node, what the pack says of it); what its page says only where both that are compared have one."""
    nodes = {
        (n.key, f"{n.lifecycle} {n.reported} {n.derived} {n.headline} {n.because} {n.distribution}") for n in pack.nodes
    }
    checked = {
        (c.node, f"{c.reported_raw} {c.reported} {c.last_reported} {c.confidence} {c.freshness} {c.cadences}")
        for c in pack.check_ins
    }
    pages = [page for page in (pack.page, pack.diagnosis) if paged and page is not None]
    return nodes | checked | {row for page in pages for row in rows_of(page)}


def pack_of(ledger: Ledger, configuration: Configuration, week: str, known_at: datetime) -> Pack:
    """What a week's pack says: what was known at an instant of what had happened by its close."""
    calendar = configuration.calendar
    closes = calendar.close_of(week)
    settles = closes + settling(configuration)
    provisional = known_at < settles
    begin = closes - timedelta(weeks=SIX_WEEKS + 1)
    at = AtClose(ledger, configuration, closes, known_at, since=begin, words=True)
    weeks = [calendar.week_at(closes - timedelta(weeks=back)) for back in range(SIX_WEEKS)]
    checked: list[CheckIn] = []
    kept: dict[str, tuple[int, int]] = {}
    then: dict[str, Then] = {}
    waits: list[HandOff] = []
    for part, facts in at.slices():
        earlier = [cut_off(facts, calendar.close_of(w)) for w in weeks]
        for w in part:
            checked.append(check_in(facts, w, week, provisional=provisional))
            rhythm = kept_rhythm(earlier, w, weeks)
            fresh, due = kept.get(w.department, (0, 0))
            kept[w.department] = (fresh + rhythm.fresh, due + rhythm.due)
            then[w.key] = then_of(earlier[1], w)
            waits += handoffs(facts, w)
    company = at.company()
    page = weekly(company, at.above, cut_off(at.above, calendar.previous_close(week)), then, at.limits)
    period, since = at.above.plan.period_at(at.above.today), planned_since(ledger, configuration, known_at)
    told = diagnose(at.above, company.nodes, waits, at.limits, period, since)
    decided_by = {n.decided_by for n in company.nodes.values()} | {
        n.accountability.dependencies.decided_by for n in company.nodes.values() if n.accountability
    }
    return Pack(
        week, closes, settles, provisional, tuple(checked), tuple(company.nodes.values()), kept, page=page, diagnosis=told,
        decisive=tuple(v for v in company.verdicts if v.key in decided_by),
    )  # fmt: skip


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
