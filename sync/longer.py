"""Closes a month and a period of the plan, as `sync/closing.py` closes a week."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta

import msgspec

from ledger.model import Lifecycle
from ledger.store import Ledger
from signals.facts import Facts
from signals.packs.calibration import Seen, seen_in
from signals.packs.diagnosis import Diagnosis, diagnose
from signals.packs.handoffs import HandOff, handoffs
from signals.packs.monthly import Monthly, Tally, Week, monthly
from signals.packs.quarterly import History, Quarterly, quarterly
from signals.plan import Period
from signals.trace import Warned, watched
from sync.at_close import AtClose, planned_since
from sync.bound_plan import meet_plan
from sync.closing import close_week, published
from sync.configuration import Configuration
from sync.versions import NotClosedYet, over, publish, rows_of, settling, versions

REVIEW = "-mid"
"""After a period's key: its review in the middle."""
Bound = tuple[str, str]


class MonthPack(msgspec.Struct, frozen=True):
    """One published month."""

    name: str
    closes_at: datetime
    settles_at: datetime
    provisional: bool
    page: Monthly
    stands_on: dict[str, tuple[Bound, ...]] = {}
    """By workstream, (source, binding) of its records: who may read what is said of it."""
    restated: tuple[str, ...] = ()
    version: int = 0


class QuarterPack(msgspec.Struct, frozen=True):
    """One published period of the plan, at its scoring or at its review in the middle."""

    name: str
    closes_at: datetime
    settles_at: datetime
    provisional: bool
    page: Quarterly
    diagnosis: Diagnosis
    stands_on: dict[str, tuple[Bound, ...]] = {}
    restated: tuple[str, ...] = ()
    version: int = 0


month_pack = msgspec.json.Decoder(MonthPack).decode
quarter_pack = msgspec.json.Decoder(QuarterPack).decode


def _stands_on(facts: Facts, streams: Sequence[str]) -> Iterator[tuple[str, tuple[Bound, ...]]]:
    for key in streams:
        work = facts.work(facts.plan.workstream_by_key[key])
        yield key, tuple(sorted({(i.source, i.binding) for i in work}))


# -- months ----------------------------------------------------------------------------------------------------------------


def close_month(ledger: Ledger, configuration: Configuration, name: str, *, restate: bool = True) -> MonthPack:
    """Publishes a month ("2026-11"), and before it whatever weeks of it were not published yet.

    Raises:
        NotClosedYet: it is not over, or nothing was known of it.
    """
    first, last = days_of(name)
    closes = configuration.calendar.end_of(last)
    settles = over(ledger, configuration, name, closes)
    meet_plan(ledger, configuration)
    for week in weeks_of(configuration, first, last):
        with suppress(NotClosedYet):  # from before anything was read
            close_week(ledger, configuration, week, restate=False)

    def make(known_at: datetime) -> MonthPack:
        return month_of(ledger, configuration, name, known_at)

    earlier = versions(ledger, name, month_pack)
    return publish(ledger, name, settles, earlier, make, lambda p: set(rows_of(p.page)), restate=restate)


def days_of(month: str) -> tuple[date, date]:
    """The first and the last day of a month ("2026-11")."""
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def weeks_of(configuration: Configuration, first: date, last: date) -> list[str]:
    """The weeks that close within some days, oldest first."""
    calendar = configuration.calendar
    return [w for w in calendar.weeks(first, calendar.end_of(last)) if calendar.day(calendar.close_of(w)) >= first]


def month_of(ledger: Ledger, configuration: Configuration, name: str, known_at: datetime) -> MonthPack:
    """What a month's pack says: its weeks as they are published, the rest as known at an instant."""
    first, last = days_of(name)
    closes = configuration.calendar.end_of(last)
    settles = closes + settling(configuration)
    at = AtClose(ledger, configuration, closes, known_at, since=configuration.calendar.start_of(first))
    tally, waits = Tally(first, last), list[HandOff]()
    stands_on: dict[str, tuple[Bound, ...]] = {}
    for part, facts in at.slices():
        stands_on |= _stands_on(facts, [w.key for w in part])
        for w in part:
            tally.count(facts, w)
            waits += handoffs(facts, w)
    weeks, missing = _published_weeks(ledger, configuration, first, last)
    page = monthly(at.company(), at.above, first, weeks, missing, tally, waits)
    return MonthPack(name, closes, settles, known_at < settles, page, stands_on)


def _published_weeks(
    ledger: Ledger, configuration: Configuration, first: date, last: date
) -> tuple[list[Week], list[str]]:
    """The month's weeks as published last, after the one before it, and the names of those that are not published."""
    calendar = configuration.calendar
    names = weeks_of(configuration, first, last)
    before = calendar.week_at(calendar.close_of(names[0]) - timedelta(days=7))
    packs = {week: found[-1] for week in (before, *names) if (found := published(ledger, week))}
    told = [Week(week, pack.version, {n.key: n for n in pack.nodes}) for week, pack in packs.items()]
    return told, [week for week in names if week not in packs]


# -- periods ---------------------------------------------------------------------------------------------------------------


def close_period(ledger: Ledger, configuration: Configuration, name: str, *, restate: bool = True) -> QuarterPack:
    """Publishes a period of the plan ("2026-Q4") as of its scoring, or ("2026-Q4-mid") as of its review in the middle.

    Raises:
        NotClosedYet: it is not over, or nothing was known of it, or there is no such period.
    """
    _, closes = span_of(configuration, name)
    settles = over(ledger, configuration, name, closes)
    meet_plan(ledger, configuration)

    def make(known_at: datetime) -> QuarterPack:
        return quarter_of(ledger, configuration, name, known_at)

    def said(p: QuarterPack) -> set[tuple[str, str]]:
        return {*rows_of(p.page), *rows_of(p.diagnosis)}

    earlier = versions(ledger, name, quarter_pack)
    return publish(ledger, name, settles, earlier, make, said, restate=restate)


def closings(configuration: Configuration) -> Mapping[str, tuple[Period, datetime]]:
    """Every pack of the plan's periods, by name, and when it closes: at the period's scoring, and at its review where it has one."""
    found: dict[str, tuple[Period, datetime]] = {}
    for p in configuration.plan.periods:
        if p.mid_review_on is not None:
            found[f"{p.key}{REVIEW}"] = (p, configuration.calendar.end_of(p.mid_review_on))
        found[p.key] = (p, configuration.calendar.end_of(p.scoring_on or p.end_on))
    return found


def span_of(configuration: Configuration, name: str) -> tuple[Period, datetime]:
    """A period by the name of its pack, and when that closes.

    Raises:
        NotClosedYet: there is no such period.
    """
    known = closings(configuration)
    if name not in known:
        listed = ", ".join(known) or "none"
        raise NotClosedYet(
            f"'{name}' is no week such as 2026-W47, no month such as 2026-11, and no period: known periods are {listed}"
        )
    return known[name]


def quarter_of(ledger: Ledger, configuration: Configuration, name: str, known_at: datetime) -> QuarterPack:
    """What a period's pack says: what was known at an instant of what had happened by its close, week by week."""
    period, closes = span_of(configuration, name)
    settles = closes + settling(configuration)
    begin = configuration.calendar.start_of(period.start_on) - timedelta(weeks=1)
    at = AtClose(ledger, configuration, closes, known_at, since=begin)
    seen: dict[str, list[Seen]] = {}
    warned: dict[str, Warned] = {}
    lives: dict[str, Lifecycle] = {}
    waits: list[HandOff] = []
    stands_on: dict[str, tuple[Bound, ...]] = {}
    for part, facts in at.slices():
        weeks = list(watched(facts, part, period, at.limits))
        seen |= seen_in(weeks)
        for week in weeks:
            for e in week.warned:
                warned.setdefault(e.subject, Warned(week.week, week.on, e))
            for key, judged in week.judged.items():
                lives.setdefault(key, judged.status.lifecycle)
        waits += [h for w in part for h in handoffs(facts, w)]
        stands_on |= _stands_on(facts, [w.key for w in part])
    company = at.company()
    page = quarterly(company, at.above, period, History(seen, warned, lives), at.limits)
    since = planned_since(ledger, configuration, known_at)
    told = diagnose(at.above, company.nodes, waits, at.limits, period, since)
    return QuarterPack(name, closes, settles, known_at < settles, page, told, stands_on)
