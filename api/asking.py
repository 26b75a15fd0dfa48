"""The questions people ask, answered from the ledger and the configuration: one object for terminal, HTTP and pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.contract import record_of
from ledger.model import ItemLink, Presence, Word
from ledger.read import Filter, Kept, Reads
from ledger.veil import Veil
from normalizer.mapping import Mapping
from normalizer.people import People
from normalizer.translate import Translator
from signals.overview import Answer, NeedsSomebody, Open, SourceAge, Tally, Waiting, answer, exceptions
from sync.configuration import Configuration


class Overview(msgspec.Struct, frozen=True):
    """What the trackers say now, department by department, and what needs somebody."""

    organisation: str
    as_of: datetime
    departments: tuple[Answer, ...]
    exceptions: tuple[NeedsSomebody, ...]
    exceptions_total: int
    coverage: float | None
    """Share of all active items whose health is known, 0-1; None without active items."""
    unknown_share: float | None
    data_age_seconds: float | None
    """Age of the oldest source's last good read; None when one was never read."""


class Explanation(msgspec.Struct, frozen=True):
    """How one item was read: every word, its rule, what it became; what it waits for; where it lies."""

    id: str
    key: str
    title: str
    url: str
    source: str
    status: str
    lifecycle: str
    reported_health: str
    presence: Presence
    presence_reason: str
    mapping_version: str
    raw_hash: str
    last_good_at: datetime | None
    words: tuple[Word, ...]
    links: tuple[ItemLink, ...]
    raw: dict[str, Any] | None
    cells: dict[str, str]
    """Role to the cell it was read from, in a sheet; "" for the row."""


def overview(ledger: Reads, configuration: Configuration, *, now: datetime | None = None, limit: int = 7) -> Overview:
    """The answer as of now: counts and the worst `limit` exceptions; the full list is asked for by `limit` 0."""
    now = now or ledger.clock()
    today = now.astimezone(ZoneInfo(configuration.organisation.timezone)).date()
    tallies, ages = _counted(ledger, configuration)
    departments = _answers(configuration, tallies, ages, now)
    rows = _exceptions(ledger, today)
    shown = tuple(rows[:limit] if limit else rows)
    whole = answer("", configuration.organisation.name, tallies, list(ages.values()), now)
    worth = (whole.coverage, whole.unknown_share, whole.data_age_seconds)
    return Overview(configuration.organisation.name, now, departments, shown, len(rows), *worth)


def answers(ledger: Reads, configuration: Configuration, now: datetime) -> tuple[Answer, ...]:
    """What each department's trackers say now, of counts alone."""
    return _answers(configuration, *_counted(ledger, configuration), now)


def _counted(ledger: Reads, configuration: Configuration) -> tuple[list[Tally], dict[str, SourceAge]]:
    """How many items say what, and how fresh each source is."""
    planned = configuration.plan_bindings
    tallies = [t for row in ledger.tallies() if ((t := Tally(*row)).source, t.binding) not in planned]
    return tallies, _ages(ledger, configuration)


def _answers(
    configuration: Configuration, tallies: Sequence[Tally], ages: dict[str, SourceAge], now: datetime
) -> tuple[Answer, ...]:
    return tuple(
        answer(
            d.department,
            d.name,
            [t for t in tallies if t.source in {s.key for s in d.sources}],
            [ages[s.key] for s in d.sources],
            now,
        )
        for d in configuration.departments
    )


def _ages(ledger: Reads, configuration: Configuration) -> dict[str, SourceAge]:
    good = ledger.last_good()
    absent: dict[tuple[str, str], int] = {(s, p): n for s, p, n in ledger.absences()}
    unmapped = ledger.unmapped_words(at=ledger.clock())
    found = {}
    for source in (s for d in configuration.departments for s in d.sources):
        run = next(iter(ledger.runs(source.key, 1)), None)
        found[source.key] = SourceAge(
            source.key,
            run.state if run else "never",
            run.reason if run else "never synced",
            good.get(source.key),
            absent.get((source.key, Presence.UNOBSERVED), 0),
            absent.get((source.key, Presence.ACCESS_LOST), 0),
            unmapped.get(source.key, 0),
        )
    return found


def _exceptions(ledger: Reads, today: date) -> list[NeedsSomebody]:
    veil, ledger = ledger.veil, ledger.whole  # what is hidden is counted, and named by whom to ask
    late = ledger.items(Filter(unfinished=True, due_before=today.isoformat()), limit=10_000)
    blocked = ledger.items(Filter(unfinished=True, blocked=True), limit=10_000)
    overdue = [
        Waiting(_open(a, veil), _open(b, veil))
        for a, b in ledger.waiting()
        if b.item.due_on is not None and b.item.due_on < today
    ]
    return exceptions((_open(k, veil) for k in late), (_open(k, veil) for k in blocked), overdue, today)


def _open(kept: Kept, veil: Veil) -> Open:
    i, ask = kept.item, veil.ask(kept.item.source, kept.item.binding)
    if ask:
        return Open("", "", ask, "", i.source, None, i.lifecycle, i.due_on, i.blocked, ask)
    return Open(i.id, i.key, i.title, i.url, i.source, i.owner or i.owner_name, i.lifecycle, i.due_on, i.blocked)


def explain(ledger: Reads, id: str) -> Explanation | None:  # the domain's word
    """How an item was read, told anew from its raw record under the mapping in force; None where there is no such item."""
    kept = ledger.item(id)
    if kept is None:
        return None
    item = kept.item
    raw = ledger.raw(item.id, kept.raw_hash)
    mapping = ledger.mapping(item.source, item.binding)
    words = item.words
    if raw is not None and mapping is not None:
        # People are told by the words kept: the file may have changed since.
        told = Translator(Mapping.from_json(mapping[1]), People()).raw(raw).words
        words = tuple(item.word(w.field) or w if w.field == "owner" else w for w in told)
    return Explanation(
        id=item.id,
        key=item.key,
        title=item.title,
        url=item.url,
        source=item.source,
        status=item.status,
        lifecycle=str(item.lifecycle),
        reported_health=str(item.reported_health),
        presence=kept.presence,
        presence_reason=kept.presence_reason,
        mapping_version=kept.mapping_version,
        raw_hash=kept.raw_hash,
        last_good_at=ledger.last_good().get(item.source),
        words=words,
        links=tuple(ledger.links(item.id)),
        raw=msgspec.to_builtins(record_of(raw)) if raw else None,
        cells=ledger.cells(item.id),
    )


def sources(ledger: Reads, configuration: Configuration) -> list[dict[str, Any]]:
    """Every source with its freshness, its last run and what could not be read."""
    ages = _ages(ledger, configuration)
    rows = []
    for source in (s for d in configuration.departments for s in d.sources):
        run: Sequence[Any] = ledger.runs(source.key, 1)
        rows.append(
            {
                **msgspec.to_builtins(ages[source.key]),
                "kind": source.kind,
                "scopes": [msgspec.to_builtins(s) for s in ledger.scopes(source.key)],
                "last_run": msgspec.to_builtins(run[0]) if run else None,
                "next_at": msgspec.to_builtins(ledger.not_before(source.key)),
            }
        )
    return rows
