"""What judging asks of the ledger: states and acts as of an instant, when sources were read, what was open and published; and the
published tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
from sqlalchemy import JSON, case, cast, func, literal, select
from sqlmodel import SQLModel

from ledger.behind import Behind
from ledger.engine import transaction
from ledger.model import Item, Presence, Run, from_ms, to_ms
from ledger.read import Reads, run_of
from ledger.served import Served
from ledger.tables import (
    ItemEventRow,
    ItemLinkRow,
    ItemPlaceRow,
    ItemRow,
    ItemVersionRow,
    Meta,
    PlanNodeRow,
    RawRecordRow,
    SignalLogRow,
    SyncRunRow,
    WeeklyCloseRow,
    columns,
)
from ledger.watch import Watch

CHUNK = 500
GONE = (Presence.DELETED, Presence.MOVED_OUT)
_item = msgspec.json.Decoder(Item).decode
_names = msgspec.json.Decoder(tuple[str, ...]).decode
_cells = msgspec.json.Decoder(dict[str, str]).decode


class Told(msgspec.Struct, frozen=True, gc=False):
    """A state of an item as told from an instant (ms) on; `raw` the record as said, where it was asked for."""

    item_id: str
    at: int
    body: Item
    raw: bytes
    present: bool
    """Whether the item was still there at the instant that was asked for."""
    observed: int = 0
    """Since when (ms) it is known so."""


class Stated(msgspec.Struct, frozen=True):
    """What one record said as of an instant (RawRecord as JSON), what has become of it since, and where it lies now."""

    id: str
    presence: Presence
    missing_since: datetime | None
    raw: bytes
    cells: dict[str, str]


class Closed(msgspec.Struct, frozen=True):
    """What was published last under a name, without its body."""

    name: str
    version: int
    published_at: datetime
    closes_at: datetime
    settles_at: datetime
    provisional: bool
    restated: tuple[str, ...]


class Remembered(Reads):
    """The questions of judging. `ids` may be any number of items."""

    # -- items as of an instant ------------------------------------------------------------------------------------

    def states(self, ids: Sequence[str], *, at: datetime, known: bool, raws: bool = False) -> Iterator[Told]:
        """Every state of some items up to an instant, by item, oldest first.

        known: as it was known then; else as it is known now. raws: with the records (RawRecord as JSON).
        """
        statement = self._told(at, known=known, raws=raws)
        for part in _chunks(ids):
            for row in self._rows(statement.where(columns(ItemRow).id.in_(part))):
                yield _told(row, at, known=known)

    def latest(self, sources: Sequence[str], *, at: datetime, known: bool, raws: bool = False) -> Iterator[Told]:
        """The last state up to an instant of every item of some sources, by item; streamed."""
        statement = self._told(at, known=known, raws=raws).where(columns(ItemRow).source.in_(sources))
        last: Any = None
        with transaction(self.engine, writing=False) as connection:
            for row in connection.execution_options(yield_per=5000).execute(statement):
                if last is not None and last[0] != row[0]:
                    yield _told(last, at, known=known)
                last = row
        if last is not None:
            yield _told(last, at, known=known)

    def _told(self, at: datetime, *, known: bool, raws: bool) -> Any:
        i, v, raw = columns(ItemRow), columns(ItemVersionRow), columns(RawRecordRow)
        statement = select(
            v.item_id,
            v.valid_from,
            v.body,
            raw.payload if raws else literal(""),
            i.presence,
            i.missing_since,
            i.changed_at,
            v.observed_from,
        )
        statement = statement.join_from(ItemVersionRow, ItemRow, v.item_id == i.id)
        if raws:
            statement = statement.join(RawRecordRow, (raw.item_id == v.item_id) & (raw.hash == v.raw_hash))
        return statement.where(*_as_of(v, at, known=known)).order_by(v.item_id, v.valid_from)

    def stated(self, source: str, binding: str, *, at: datetime, known: bool) -> list[Stated]:
        """What every record of a binding said as of an instant, in the order of their ids.

        known: as it was known then; else as it is known now.
        """
        i, v, raw, place = columns(ItemRow), columns(ItemVersionRow), columns(RawRecordRow), columns(ItemPlaceRow)
        statement = (
            select(i.id, i.presence, i.missing_since, raw.payload, place.cells)
            .join_from(ItemVersionRow, ItemRow, v.item_id == i.id)
            .join(RawRecordRow, (raw.item_id == v.item_id) & (raw.hash == v.raw_hash))
            .outerjoin(ItemPlaceRow, place.item_id == i.id)
            .where(i.source == source, i.binding == binding, *_as_of(v, at, known=known))
            .order_by(i.id, v.valid_from)
        )
        last = {r[0]: r for r in self._rows(statement)}
        return [
            Stated(r[0], Presence(r[1]), None if r[2] is None else from_ms(r[2]), r[3].encode(), _cells(r[4] or "{}"))
            for r in last.values()
        ]

    def acts(self, ids: Sequence[str], *, at: datetime) -> Iterator[Any]:
        """Everything done to some items up to an instant, by item, oldest first: (item, instant in ms, field, the actor's id and name,
        the kind of actor)."""
        e = columns(ItemEventRow)
        statement = (
            select(e.item_id, e.at, e.field, e.actor_ref, e.actor_name, e.actor_kind)
            .where(e.at <= to_ms(at))
            .order_by(e.item_id, e.at, e.id)
        )
        for part in _chunks(ids):
            yield from self._rows(statement.where(e.item_id.in_(part)))

    def crowded(self, ids: Sequence[str], *, at: datetime, span: int, more_than: int) -> list[tuple[str, int]]:
        """(actor, instant) of acts of people on some items beside which the same actor did more than so many within `span` ms."""
        e = columns(ItemEventRow)
        beside = SQLModel.metadata.tables[str(ItemEventRow.__tablename__)].alias("beside").c
        near = (beside.actor_ref == e.actor_ref, beside.at.between(e.at - span, e.at + span), beside.at <= to_ms(at))
        many = select(literal(1)).where(*near).offset(more_than).limit(1).correlate(ItemEventRow).scalar_subquery()
        statement = select(e.actor_ref, e.at).distinct()
        statement = statement.where(e.actor_ref.is_not(None), e.actor_kind != "automation", many.is_not(None))
        found: set[tuple[str, int]] = set()
        for part in _chunks(ids):
            found |= {(r[0], r[1]) for r in self._rows(statement.where(e.item_id.in_(part), e.at <= to_ms(at)))}
        return sorted(found)

    def acts_of(self, actor: str, begin: int, end: int) -> list[tuple[int, str]]:
        """(instant in ms, item) of everything that one actor did between two instants, both included."""
        e = columns(ItemEventRow)
        return [
            (r[0], r[1])
            for r in self._rows(select(e.at, e.item_id).where(e.actor_ref == actor, e.at.between(begin, end)))
        ]

    def waits(self, *, of: Sequence[str] | None = None, on: Sequence[str] | None = None) -> set[tuple[str, str]]:
        """(waiting item, item it waits for) of every resolved edge; where items are given, of those whose waiting item is one `of`,
        or whose awaited one is one `on`."""
        c = columns(ItemLinkRow)
        edges = select(c.item_id, c.target_item, c.direction).where(c.kind == "blocks", c.target_item.is_not(None))
        if of is None and on is None:
            return {(r[0], r[1]) if r[2] == "in" else (r[1], r[0]) for r in self._rows(edges)}
        found: set[tuple[str, str]] = set()
        for ids, own, far in ((of or (), "in", "out"), (on or (), "out", "in")):
            for part in _chunks(ids):
                rows = self._rows(edges.where(c.item_id.in_(part), c.direction == own))
                rows = [*rows, *self._rows(edges.where(c.target_item.in_(part), c.direction == far))]
                found |= {(r[0], r[1]) if r[2] == "in" else (r[1], r[0]) for r in rows}
        return found

    def by_keys(self, keys: Collection[str], sources: Sequence[str]) -> dict[str, str]:
        """Item key to id, of those keys that exactly one item of some sources has."""
        c = columns(ItemRow)
        found: dict[str, list[str]] = {}
        for part in _chunks(sorted(keys)):
            for key, ref in self._rows(select(c.key, c.id).where(c.key.in_(part), c.source.in_(sources))):
                found.setdefault(key, []).append(ref)
        return {key: refs[0] for key, refs in found.items() if len(refs) == 1}

    def tells_actors(self, source: str) -> bool:
        """Whether anything is known of who did something in a source."""
        e = columns(ItemEventRow)
        # ';' is the character after ':', so that a source's ids are a range of the key.
        statement = select(literal(1)).where(
            e.item_id >= f"{source}:", e.item_id < f"{source};", e.actor_ref.is_not(None)
        )
        return bool(self._rows(statement.limit(1)))

    # -- sources -------------------------------------------------------------------------------------------------------

    def good_runs(self, source: str, *, at: datetime, since: datetime | None = None) -> list[datetime]:
        """When good runs of a source up to an instant ended, oldest first: the last of each hour from `since` on; else the last one."""
        c = columns(SyncRunRow)
        wanted = select(func.max(c.finished_at)).where(c.source == source, c.good.is_(True), c.finished_at <= to_ms(at))
        if since is not None:
            hours = wanted.where(c.finished_at > to_ms(since)).group_by(c.finished_at / literal(3_600_000))
            return sorted(from_ms(r[0]) for r in self._rows(hours))
        return [from_ms(r[0]) for r in self._rows(wanted) if r[0] is not None]

    def last_run(self, source: str, *, at: datetime) -> Run | None:
        """The last run of a source that had ended by an instant."""
        c = columns(SyncRunRow)
        wanted = select(*c).where(c.source == source, c.finished_at <= to_ms(at)).order_by(c.id.desc()).limit(1)
        return next((run_of(row) for row in self._rows(wanted)), None)

    def wholes(self, source: str, *, at: datetime, last: int = 8) -> list[int]:
        """How many records the last whole reads of a source up to an instant found, oldest first."""
        c = columns(SyncRunRow)
        wanted = select(c.whole).where(c.source == source, c.whole.is_not(None), c.finished_at <= to_ms(at))
        return [r[0] for r in reversed(self._rows(wanted.order_by(c.id.desc()).limit(last)))]

    # -- the plan, what was open, what was published -------------------------------------------------------------------

    def first_seen(self) -> dict[str, int]:
        """When each node of the plan was first met, in ms."""
        c = columns(PlanNodeRow)
        return {r[0]: r[1] for r in self._rows(select(c.key, c.first_seen_at))}

    def opened(self, *, at: datetime, keys: Collection[str] | None = None) -> dict[str, tuple[datetime, datetime]]:
        """By key, of signals noted as open at an instant: (since when, when it was open for the first time ever).

        keys: of these only.
        """
        c = columns(SignalLogRow)
        ms = to_ms(at)
        known = [c.opened_at <= ms] if keys is None else [c.opened_at <= ms, c.key.in_(keys)]
        still = case(((c.cleared_at.is_(None)) | (c.cleared_at > ms), c.opened_at))
        rows = self._rows(select(c.key, func.max(still), func.min(c.opened_at)).where(*known).group_by(c.key))
        return {r[0]: (from_ms(r[1]), from_ms(r[2])) for r in rows if r[1] is not None}

    def last_noted(self) -> datetime | None:
        """When open signals were last noted."""
        rows = self._rows(select(columns(Meta).noted_at))
        return from_ms(rows[0][0]) if rows and rows[0][0] is not None else None

    def closes(self, name: str | None = None) -> list[tuple[str, int, datetime, str]]:
        """(name, version, when, pack as JSON) of everything that was closed, or of one name, by name and oldest first."""
        c = columns(WeeklyCloseRow)
        wanted = select(c.week, c.version, c.closed_at, c.body).order_by(c.week, c.version)
        rows = self._rows(wanted if name is None else wanted.where(c.week == name))
        return [(r[0], r[1], from_ms(r[2]), r[3]) for r in rows]

    def closed(self) -> list[Closed]:
        """What was published last under each name, what closed last first; no body is read."""
        c = columns(WeeklyCloseRow)
        last = select(c.week, func.max(c.version).label("version")).group_by(c.week).subquery()
        parts = [self._part(c.body, name) for name in ("closes_at", "settles_at", "provisional", "restated")]
        wanted = select(c.week, c.version, c.closed_at, *parts)
        rows = self._rows(wanted.join(last, (c.week == last.c.week) & (c.version == last.c.version)))
        found = [_closed(row) for row in rows]
        return sorted(found, key=lambda p: (p.closes_at, p.name), reverse=True)

    def _part(self, body: Any, name: str) -> Any:
        """A part of JSON that is kept as text, as text."""
        if self.engine.dialect.name == "sqlite":
            return func.json_extract(body, f"$.{name}")
        return func.json_extract_path_text(cast(body, JSON), name)

    def logged(self) -> list[tuple[str, int, int | None, str, str]]:
        """(key, opened, cleared, severity, sentence) of every time that a signal was noted, instants in ms."""
        c = columns(SignalLogRow)
        return [tuple(r) for r in self._rows(select(c.key, c.opened_at, c.cleared_at, c.severity, c.because))]

    # -- published tables ----------------------------------------------------------------------------------------

    def served(self, behind: Behind | None = None) -> Served:
        """The published tables, of everything, or of what one reader may see."""
        return Served(self.engine, behind)

    @cached_property
    def watch(self) -> Watch:
        """Tells whether anything was written."""
        return Watch(self.engine)

    def state(self) -> str:
        """A word that is another one after any write to the database, by whatever process."""
        return self.watch.state()


def _closed(row: Any) -> Closed:
    closes, settles = (msgspec.convert(text, datetime) for text in (row[3], row[4]))
    return Closed(row[0], row[1], from_ms(row[2]), closes, settles, str(row[5]) in ("1", "true"), _names(row[6]))


def _as_of(v: Any, at: datetime, *, known: bool) -> list[Any]:
    """Conditions on versions: begun by an instant, and believed then (known) or now."""
    ms = to_ms(at)
    if known:
        return [v.valid_from <= ms, v.observed_from <= ms, (v.observed_to.is_(None)) | (v.observed_to > ms)]
    return [v.valid_from <= ms, v.observed_to.is_(None)]


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def _told(row: Any, at: datetime, *, known: bool) -> Told:
    gone = row[4] in GONE
    # When it vanished: as was known then, when that was concluded; as is known now, when it was first missed.
    since = row[6] if known or row[5] is None else row[5]
    return Told(row[0], row[1], _item(row[2]), row[3].encode(), not (gone and since <= to_ms(at)), row[7])
