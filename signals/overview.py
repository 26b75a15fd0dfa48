"""The first answer: what the trackers say, how old it is, what could not be read, and what needs somebody now.

Reported words only: this page draws no conclusion from behaviour. Below the coverage floor the answer is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import msgspec

from ledger.model import FINISHED, Health, Lifecycle

COVERAGE_FLOOR = 0.8
"""Below this share of known healths no colour is given (domain.md, 10)."""


class Tally(msgspec.Struct, frozen=True):
    """How many present items of one binding share a lifecycle and a reported health."""

    source: str
    binding: str
    lifecycle: Lifecycle
    health: Health
    count: int


class SourceAge(msgspec.Struct, frozen=True):
    """How fresh one source is. `state` is complete, incomplete, failed, paused, syncing or never."""

    key: str
    state: str
    reason: str
    last_good_at: datetime | None
    unobserved: int = 0
    access_lost: int = 0
    unmapped: int = 0


class Open(msgspec.Struct, frozen=True):
    """An unfinished item that may need somebody: past due, blocked, or waiting for another."""

    id: str
    key: str
    title: str
    url: str
    source: str
    owner: str | None
    lifecycle: Lifecycle
    due_on: date | None
    blocked: bool | None
    ask: str = ""
    """Whom to ask about it, where the reader may not see it: then nothing else is told."""


class Waiting(msgspec.Struct, frozen=True):
    """`consumer` cannot finish before `provider` does; they may live in two trackers."""

    consumer: Open
    provider: Open


class NeedsSomebody(msgspec.Struct, frozen=True):
    """One line that needs somebody: what, since when, whose, and the sentence shown to people."""

    kind: str
    item: str
    key: str
    url: str
    source: str
    owner: str | None
    because: str
    days: int


class Answer(msgspec.Struct, frozen=True):
    """What one department's trackers say now. Counts are of unfinished, present items unless named otherwise."""

    department: str
    name: str
    headline: Health
    because: str
    items: int
    active: int
    lifecycle: dict[str, int]
    health: dict[str, int]
    coverage: float | None
    """Share of active items whose health is known, 0-1; None without active items."""
    unknown_share: float | None
    data_age_seconds: float | None
    """Age of the oldest source's last good read; None when one was never read."""
    sources: tuple[SourceAge, ...]


def answer(department: str, name: str, tallies: Iterable[Tally], sources: Sequence[SourceAge], now: datetime) -> Answer:
    """One department's answer as of `now`, from counts alone: its cost does not grow with the items."""
    lifecycle: dict[str, int] = {}
    health: dict[str, int] = {}
    total = active = 0
    for tally in tallies:
        total += tally.count
        lifecycle[str(tally.lifecycle)] = lifecycle.get(str(tally.lifecycle), 0) + tally.count
        if tally.lifecycle not in FINISHED:
            active += tally.count
            health[str(tally.health)] = health.get(str(tally.health), 0) + tally.count
    judged = {word: n for word, n in health.items() if word != Health.NOT_APPLICABLE}
    of = sum(judged.values())
    known = of - judged.get(Health.UNKNOWN, 0)
    coverage = known / of if of else None
    headline, because = _headline(judged, of, known, sources)
    ages = [None if s.last_good_at is None else (now - s.last_good_at).total_seconds() for s in sources]
    return Answer(
        department=department,
        name=name,
        headline=headline,
        because=because,
        items=total,
        active=active,
        lifecycle=dict(sorted(lifecycle.items())),
        health=dict(sorted(health.items())),
        coverage=coverage,
        unknown_share=None if coverage is None else 1 - coverage,
        data_age_seconds=None if not ages or None in ages else max(a for a in ages if a is not None),
        sources=tuple(sources),
    )


def _headline(judged: dict[str, int], of: int, known: int, sources: Sequence[SourceAge]) -> tuple[Health, str]:
    """The reported headline and its sentence; unknown wherever there is too little to stand on."""
    if not sources:
        return Health.UNKNOWN, "no tracker is connected yet"
    if never := [s.key for s in sources if s.last_good_at is None]:
        return Health.UNKNOWN, f"{', '.join(never)} has not been read completely yet"
    if not of:
        return Health.UNKNOWN, "no active item says how it is going"
    if known < COVERAGE_FLOOR * of:
        return Health.UNKNOWN, f"only {known} of {of} active items say how they are going"
    off, risk = judged.get(Health.OFF_TRACK, 0), judged.get(Health.AT_RISK, 0)
    counts = f"{judged.get(Health.ON_TRACK, 0)} on track, {risk} at risk, {off} off track, {of - known} unknown"
    if 3 * off >= of:
        return Health.OFF_TRACK, f"reported: {counts}"
    if off or 3 * risk >= of:
        return Health.AT_RISK, f"reported: {counts}"
    return Health.ON_TRACK, f"reported, unverified: {counts}"


def exceptions(
    late: Iterable[Open], blocked: Iterable[Open], waiting: Iterable[Waiting], today: date
) -> list[NeedsSomebody]:
    """What needs somebody, worst first: waiting on overdue work elsewhere, past due, blocked."""
    rows = [_waiting(pair, today) for pair in waiting]
    rows += [_late(item, today) for item in late]
    rows += [_line("blocked", item, f"{_name(item)} is flagged as blocked", 0) for item in blocked]
    order = {"waits_for_overdue": 0, "past_due": 1, "blocked": 2}
    return sorted(rows, key=lambda row: (order[row.kind], -row.days, row.item))


def _waiting(pair: Waiting, today: date) -> NeedsSomebody:
    due = pair.provider.due_on
    days = (today - due).days if due else 0
    sentence = (
        f"{_name(pair.consumer)} waits for {_name(pair.provider)} ({pair.provider.source}), due {due}, {days} days ago"
    )
    return _line("waits_for_overdue", pair.consumer, sentence, days, pair.consumer.ask or pair.provider.ask)


def _late(item: Open, today: date) -> NeedsSomebody:
    days = (today - item.due_on).days if item.due_on else 0
    return _line("past_due", item, f"{_name(item)} was due {item.due_on}, {days} days ago", days)


def _name(item: Open) -> str:
    """As people call it: ENG-12 'Title', or only the title where that is its key."""
    return f"'{item.title}'" if item.key == item.title else f"{item.key} '{item.title}'"


def _line(kind: str, item: Open, because: str, days: int, ask: str = "") -> NeedsSomebody:
    if ask := ask or item.ask:
        because, days = ask, 0
    return NeedsSomebody(kind, item.id, item.key, item.url, item.source, item.owner, because, days)
