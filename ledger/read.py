"""Every question to the ledger. Each call is one short read transaction; a reader never blocks a writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Engine, func, select
from sqlmodel import SQLModel, col

from ledger.behind import allowed
from ledger.engine import transaction
from ledger.lists import ALL, ITEMS, Condition, Listed, Wanted
from ledger.model import (
    Event,
    Finding,
    Health,
    Item,
    ItemLink,
    Known,
    Lifecycle,
    Presence,
    Run,
    Word,
    from_ms,
    to_ms,
)
from ledger.tables import (
    BindingState,
    ItemEventRow,
    ItemLinkRow,
    ItemPlaceRow,
    ItemRow,
    ItemUnmappedRow,
    ItemVersionRow,
    MappingVersionRow,
    MemberRow,
    Meta,
    RawRecordRow,
    ScopeStateRow,
    SourceState,
    StatusValueRow,
    SyncRunRow,
    columns,
)
from ledger.veil import Bound, Veil
from ledger.written import asked

if TYPE_CHECKING:
    from ledger.store import Ledger

_item = msgspec.json.Decoder(Item).decode


class _Words(msgspec.Struct):
    words: tuple[Word, ...] = ()


_read_words = msgspec.json.Decoder(_Words).decode
_findings = msgspec.json.Decoder(tuple[Finding, ...]).decode


class Kept(msgspec.Struct, frozen=True):
    """An item as the ledger holds it now."""

    item: Item
    presence: Presence
    presence_reason: str
    missing_since: datetime | None
    first_seen_at: datetime
    changed_at: datetime
    revision: int
    mapping_version: str
    raw_hash: str


class KeptVersion(msgspec.Struct, frozen=True):
    """A state an item was in from `valid_from` on, as known from `observed_from` until `observed_to` (None: still)."""

    item: Item
    valid_from: datetime
    observed_from: datetime
    observed_to: datetime | None
    mapping_version: str
    raw_hash: str


class Filter(msgspec.Struct, frozen=True):
    """Which items; every part that is given must hold."""

    sources: Sequence[str] = ()
    lifecycle: Sequence[str] = ()
    health: Sequence[str] = ()
    status: Sequence[str] = ()
    presence: Sequence[str] = (Presence.PRESENT,)
    """Empty: whatever became of them."""
    owner: str | None = None
    blocked: bool | None = None
    key: str | None = None
    due_before: str | None = None
    unfinished: bool = False
    since_revision: int | None = None


EVERYTHING = Filter()


class Binding(msgspec.Struct, frozen=True):
    """Where the next read of a binding starts."""

    cursor: str | None = None
    resume: str | None = None
    fields: str | None = None
    mapping_version: str | None = None
    census_at: datetime | None = None


class Inbox(msgspec.Struct, frozen=True):
    """One word without a translation, with how many items say it and one of them."""

    source: str
    binding: str
    field: str
    raw: str
    raw_id: str | None
    count: int
    first_seen_at: datetime
    samples: tuple[tuple[str, str, str], ...]
    """(id, key, url) of one or two of them."""


class Unresolved(msgspec.Struct, frozen=True):
    """An edge whose other end no tracker has, as far as we see."""

    item: str
    key: str
    url: str
    source: str
    target: str
    kind: str
    direction: str
    original: str
    source_updated_at: datetime | None
    synced_at: datetime


class MappingVersion(msgspec.Struct, frozen=True):
    """A mapping that was in force from an instant on."""

    effective_from: datetime
    version: str
    author: str
    reason: str


class ScopeState(msgspec.Struct, frozen=True):
    source: str
    scope: str
    name: str
    state: str
    reason: str
    since: datetime


class Reads:
    """The questions, as one reader may have them answered: rows of what is hidden are left out, counts are whole."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        veil: Veil | None = None,
    ) -> None:
        self.engine, self.clock, self.veil = engine, clock, veil or Veil()

    @property
    def whole(self) -> Ledger:
        """The ledger without a veil: for judging and counting, whose answers name no row that the veil hides."""
        raise NotImplementedError

    @property
    def prompt(self) -> Reads | None:
        """The same, for questions that are answered at once or not at all (`ledger.prompt`); None where the database is another machine's."""
        raise NotImplementedError

    def _shown(self) -> list[Any]:
        """Conditions on an item that the reader may see."""
        if self.veil.shown is None:
            return []
        i = columns(ItemRow)
        return [allowed(self.veil, i.source, i.binding)]

    def _noted(self, found: list[Kept]) -> list[Kept]:
        for kept in found:
            self.veil.ask(kept.item.source, kept.item.binding)
        return found

    def _homes(self, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """(source, binding) of items."""
        c, wanted, found = columns(ItemRow), sorted(set(ids)), dict[str, tuple[str, str]]()
        for start in range(0, len(wanted), 500):
            part = select(c.id, c.source, c.binding).where(c.id.in_(wanted[start : start + 500]))
            found |= {r[0]: (r[1], r[2]) for r in self._rows(part)}
        return found

    def asks(self, ids: Iterable[str]) -> dict[str, str]:
        """Those of some items that the reader may not see, with whom to ask; seeing the others is noted."""
        if self.veil.lifted:
            return {}
        return {id: ask for id, home in self._homes(ids).items() if (ask := self.veil.ask(*home))}

    def workstream_asks(self) -> dict[str, str]:
        """Workstreams that have items which the reader may not see, as was kept last, with whom to ask."""
        if self.veil.shown is None:
            return {}
        i, m = columns(ItemRow), columns(MemberRow)
        found: dict[str, str] = {}
        for (source, binding), ask in self.hides().items():
            of = select(m.workstream).distinct().join_from(ItemRow, MemberRow, m.item_id == i.id)
            for row in self._rows(of.where(i.source == source, i.binding == binding)):
                found.setdefault(row[0], ask)
        return found

    def hides(self) -> dict[Bound, str]:
        """Bindings with rows that the reader may not see, with whom to ask."""
        i = columns(ItemRow)
        there = self._rows(select(i.source, i.binding).distinct().order_by(i.source, i.binding))
        return {(s, b): ask for s, b in there if (ask := self.veil.ask(s, b))}

    def _hidden(self, ids: Iterable[str]) -> set[str]:
        return set(self.asks(ids))

    def _rows(self, statement: Any) -> Sequence[Any]:
        with transaction(self.engine, writing=False) as connection:
            return connection.execute(statement).fetchall()

    def _answered(self, text: str, values: Any) -> Sequence[Any]:
        """What the database says to SQL that was written before."""
        with transaction(self.engine, writing=False) as connection:
            return connection.exec_driver_sql(text, values).fetchall()

    def revision(self) -> int:
        """How many writes readers could have noticed; grows with each."""
        return int(self._rows(select(_c(Meta, "revision")))[0][0])

    # -- lists ---------------------------------------------------------------------------------------------------

    def horizon(self) -> datetime:
        """The instant before which every change is known: what is written later has it or a later one as `changed_at`."""
        return from_ms(int(self._answered("SELECT written_at FROM meta", ())[0][0]) + 1)

    def listed(self, of: Listed, wanted: Wanted = ALL) -> Sequence[Any]:
        """Rows of a list with every column of it, by name.

        Raises:
            WrongQuestion: `wanted.after` is no place in this order.
        """
        question = asked(of, wanted, self.engine.dialect, self.veil.shown)
        rows = question.rows(self._answered(question.text, question.values))
        if of.home and not self.veil.lifted:
            for source, binding in {(getattr(r, of.home[0]), getattr(r, of.home[1])) for r in rows}:
                self.veil.ask(source, binding)
        hidden = self._hidden(ref for r in rows for column in of.names if (ref := getattr(r, column)))
        return [self._unsaid(of, r, hidden) for r in rows] if hidden or of.says else rows

    def _unsaid(self, of: Listed, row: Any, hidden: set[str]) -> Any:
        """A row without what names hidden items, and without what a source says of itself of which the reader may not see all."""
        nothing = {name: None for column, names in of.names.items() if getattr(row, column) in hidden for name in names}
        ask = self.veil.ask_source(row.source) if of.says else ""
        instead = {name: ask for name in of.says if ask and getattr(row, name)}
        return row._replace(**nothing, **instead)

    # -- items ---------------------------------------------------------------------------------------------------

    def items(self, where: Filter = EVERYTHING, *, after: str = "", limit: int = 100) -> list[Kept]:
        """Items in the order of their ids, from the one after `after` on."""
        statement = (
            _where(select(*_KEPT), where).where(_c(ItemRow, "id") > after).order_by(_c(ItemRow, "id")).limit(limit)
        )
        return self._noted([_kept(row) for row in self._rows(statement.where(*self._shown()))])

    def item(self, id: str) -> Kept | None:  # the domain's word
        """One item by id, or by key where exactly one item has it; None where there is none."""
        statement = select(*_KEPT).where(*self._shown())
        rows = self._rows(statement.where(_c(ItemRow, "id") == id))
        if not rows:
            rows = self._rows(statement.where(_c(ItemRow, "key") == id).limit(2))
        return self._noted([_kept(rows[0])])[0] if len(rows) == 1 else None

    def one(self, id: str) -> Any | None:
        """The same as a row of ITEMS."""
        for column, most in (("id", 1), ("key", 2)):
            rows = self.listed(ITEMS, Wanted([Condition(column, "one of", [id])], limit=most))
            if rows:
                return rows[0] if len(rows) == 1 else None
        return None

    def history(self, id: str, *, known_at: datetime | None = None) -> list[KeptVersion]:
        """States of one item, oldest first, as known now or as known at an instant."""
        if self._hidden([id]):
            return []
        c = columns(ItemVersionRow)
        statement = select(c.body, c.valid_from, c.observed_from, c.observed_to, c.mapping_version, c.raw_hash)
        statement = statement.where(c.item_id == id).order_by(c.valid_from, c.observed_from)
        if known_at is None:
            statement = statement.where(c.observed_to.is_(None))
        else:
            at = to_ms(known_at)
            statement = statement.where(c.observed_from <= at, (c.observed_to.is_(None)) | (c.observed_to > at))
        return [
            KeptVersion(_item(r[0]), from_ms(r[1]), from_ms(r[2]), _at(r[3]), r[4], r[5]) for r in self._rows(statement)
        ]

    def events(self, id: str) -> list[Event]:
        """What was done to one item, oldest first."""
        if self._hidden([id]):
            return []
        c = columns(ItemEventRow)
        rows = self._rows(select(*c).where(c.item_id == id).order_by(c.at, c.id))
        return [
            Event(r.id, from_ms(r.at), r.field, r.before, r.after, r.actor_ref, r.actor_name, r.actor_kind)
            for r in rows
        ]

    def links(self, id: str) -> list[ItemLink]:
        """The edges that one item's record names; what lies at a hidden end is not told, only what the record itself says."""
        c = columns(ItemLinkRow)
        rows = self._rows(select(*c).where(c.item_id == id).order_by(c.kind, c.target))
        found = [ItemLink(r.target, r.kind, r.direction, r.original, r.target_key, r.target_item) for r in rows]
        hidden = self._hidden([id, *(link.target_item for link in found if link.target_item)])
        if id in hidden:
            return []
        return [_unnamed(link) if link.target_item in hidden else link for link in found]

    def unresolved(self) -> list[Unresolved]:
        """What present items name and no tracker that we read has."""
        i, link = columns(ItemRow), columns(ItemLinkRow)
        statement = (
            select(i.id, i.key, i.url, i.source, link.target, link.kind, link.direction, link.original)
            .add_columns(i.body, i.changed_at)
            .join_from(ItemLinkRow, ItemRow, link.item_id == i.id)
            .where(link.target_item.is_(None), i.presence == str(Presence.PRESENT), *self._shown())
            .order_by(i.id, link.target)
        )
        rows = self._rows(statement)
        self._hidden(r[0] for r in rows)
        return [
            Unresolved(id, key, url, source, target, kind, way, said, _item(body).remote_updated_at, from_ms(at))
            for id, key, url, source, target, kind, way, said, body, at in rows
        ]

    def waiting(self) -> list[tuple[Kept, Kept]]:
        """(consumer, provider) of every resolved blocking link between two present, unfinished items."""
        c = columns(ItemLinkRow)
        rows = self._rows(
            select(c.item_id, c.target_item, c.direction).where(c.kind == "blocks", c.target_item.is_not(None))
        )
        pairs = {(r[0], r[1]) if r[2] == "in" else (r[1], r[0]) for r in rows}
        ids = sorted({i for pair in pairs for i in pair})
        kept: dict[str, Kept] = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            statement = _where(select(*_KEPT), Filter(unfinished=True)).where(_c(ItemRow, "id").in_(part))
            kept |= {k.item.id: k for k in self._noted([_kept(r) for r in self._rows(statement.where(*self._shown()))])}
        return [(kept[a], kept[b]) for a, b in sorted(pairs) if a in kept and b in kept]

    def raw(self, id: str, digest: str) -> bytes | None:
        """A record as said: RawRecord as JSON."""
        if self._hidden([id]):
            return None
        c = columns(RawRecordRow)
        rows = self._rows(select(c.payload).where(c.item_id == id, c.hash == digest))
        return rows[0][0].encode() if rows else None

    def cells(self, id: str) -> dict[str, str]:
        """Where an item lies in its source: role to cell; empty where a link says enough."""
        if self._hidden([id]):
            return {}
        c = columns(ItemPlaceRow)
        rows = self._rows(select(c.cells).where(c.item_id == id))
        return msgspec.json.decode(rows[0][0], type=dict[str, str]) if rows else {}

    def held(self, source: str, binding: str) -> Iterator[tuple[str, str, str, str, int | None]]:
        """(id, ref, scope, presence, missing since in ms) of every item of a binding that is not deleted."""
        c = columns(ItemRow)
        statement = select(c.id, c.ref, c.scope, c.presence, c.missing_since).where(
            c.source == source, c.binding == binding, c.presence != str(Presence.DELETED), *self._shown()
        )
        with transaction(self.engine, writing=False) as connection:
            for row in connection.execute(statement):
                yield tuple(row)

    def tallies(self) -> list[tuple[str, str, Lifecycle, Health, int]]:
        """How many present items each binding of each source has per lifecycle and reported health."""
        c = columns(ItemRow)
        statement = (
            select(c.source, c.binding, c.lifecycle, c.reported_health, func.count())
            .where(c.presence == str(Presence.PRESENT))
            .group_by(c.source, c.binding, c.lifecycle, c.reported_health)
        )
        return [(r[0], r[1], Lifecycle(r[2]), Health(r[3]), r[4]) for r in self._rows(statement)]

    def absences(self) -> list[tuple[str, str, int]]:
        """How many items of each source are not present, by presence."""
        c = columns(ItemRow)
        statement = (
            select(c.source, c.presence, func.count())
            .where(c.presence != str(Presence.PRESENT))
            .group_by(c.source, c.presence)
        )
        return [tuple(r) for r in self._rows(statement)]

    def known(self, ids: Sequence[str]) -> dict[str, Known]:
        """What the ledger holds of these items, as far as deciding whether to write needs it."""
        c = columns(ItemRow)
        found: dict[str, Known] = {}
        for start in range(0, len(ids), 500):
            wanted = c.id.in_(ids[start : start + 500])
            statement = select(c.id, c.raw_hash, c.mapping_version, c.binding, c.scope, c.presence, c.missing_since)
            for r in self._rows(statement.where(wanted, *self._shown())):
                found[r[0]] = Known(r[1], r[2], r[3], r[4], Presence(r[5]), _at(r[6]))
        return found

    # -- sources -------------------------------------------------------------------------------------------------

    def last_good(self) -> dict[str, datetime]:
        """When each source was last read completely."""
        c = columns(SourceState)
        return {r[0]: from_ms(r[1]) for r in self._rows(select(c.source, c.last_good_at)) if r[1] is not None}

    def not_before(self, source: str) -> datetime | None:
        """When the tracker may be asked again, if it said so."""
        c = columns(SourceState)
        rows = self._rows(select(c.not_before).where(c.source == source))
        return _at(rows[0][0]) if rows else None

    def runs(self, source: str | None = None, limit: int = 20) -> list[Run]:
        """Sync runs, newest first; why one failed and what it found may name a record, so of a hidden source it is not told."""
        c = columns(SyncRunRow)
        statement = select(*c).order_by(c.id.desc()).limit(limit)
        if source is not None:
            statement = statement.where(c.source == source)
        return [self._run(row) for row in self._rows(statement)]

    def _run(self, row: Any) -> Run:
        run, ask = run_of(row), self.veil.ask_source(row.source)
        return msgspec.structs.replace(run, reason=ask if run.reason else "", hint="", findings=()) if ask else run

    def binding(self, source: str, binding: str) -> Binding:
        """Where the next read of a binding starts; all None before the first."""
        c = columns(BindingState)
        rows = self._rows(select(*c).where(c.source == source, c.binding == binding))
        if not rows or self.veil.ask(source, binding):
            return Binding()
        r = rows[0]
        return Binding(r.cursor, r.resume, r.fields, r.mapping_version, _at(r.census_at))

    def mapping(self, source: str, binding: str, at: datetime | None = None) -> tuple[str, str] | None:
        """(version, body) of the mapping in force now or at an instant."""
        if self.veil.ask(source, binding):
            return None
        c = columns(MappingVersionRow)
        statement = select(c.version, c.body).where(c.source == source, c.binding == binding)
        if at is not None:
            statement = statement.where(c.effective_from <= to_ms(at))
        rows = self._rows(statement.order_by(c.effective_from.desc()).limit(1))
        return (rows[0][0], rows[0][1]) if rows else None

    def vocabulary(self, source: str, *, at: datetime | None = None) -> list[StatusValueRow]:
        """The tracker's words, current or as of an instant."""
        if self.veil.ask_source(source):
            return []
        c = columns(StatusValueRow)
        statement = select(*c).where(c.source == source).order_by(c.field, c.id, c.valid_from)
        if at is None:
            statement = statement.where(c.valid_to.is_(None))
        else:
            ms = to_ms(at)
            statement = statement.where(c.valid_from <= ms, (c.valid_to.is_(None)) | (c.valid_to > ms))
        return [StatusValueRow(**r._mapping) for r in self._rows(statement)]

    def forgotten(self, source: str) -> list[StatusValueRow]:
        """Words that the tracker no longer has, latest last: history still needs their categories."""
        if self.veil.ask_source(source):
            return []
        c = columns(StatusValueRow)
        rows = self._rows(select(*c).where(c.source == source, c.valid_to.is_not(None)).order_by(c.valid_from))
        return [StatusValueRow(**r._mapping) for r in rows]

    def scopes(self, source: str | None = None) -> list[ScopeState]:
        """What each source showed of its projects, data sources, objects or tabs."""
        c = columns(ScopeStateRow)
        statement = select(*c).order_by(c.source, c.scope)
        if source is not None:
            statement = statement.where(c.source == source)
        return [
            ScopeState(r.source, r.scope, r.name, r.state, r.reason, from_ms(r.since))
            for r in self._rows(statement)
            if not self.veil.ask_source(r.source)
        ]

    def inbox(self) -> list[Inbox]:
        """Every word of a present item that has no translation, most frequent first."""
        u, i = columns(ItemUnmappedRow), columns(ItemRow)
        statement = (
            select(
                i.source, i.binding, u.field, u.raw, func.max(u.raw_id), func.count(), func.min(u.first_seen_at),
                func.min(i.id), func.max(i.id),
            )
            .join_from(ItemUnmappedRow, ItemRow, u.item_id == i.id)
            .where(i.presence == str(Presence.PRESENT), *self._shown())
            .group_by(i.source, i.binding, u.field, u.raw)
            .order_by(func.count().desc(), u.raw)
        )  # fmt: skip
        rows = [r for r in self._rows(statement) if not self.veil.ask(r[0], r[1])]
        ids = sorted({ref for r in rows for ref in r[7:9]})
        shown: dict[str, tuple[str, str, str]] = {}
        for start in range(0, len(ids), 500):
            part = select(i.id, i.key, i.url).where(i.id.in_(ids[start : start + 500]))
            shown |= {r[0]: (r[0], r[1], r[2]) for r in self._rows(part)}
        return [
            Inbox(
                r[0],
                r[1],
                r[2],
                r[3],
                r[4],
                r[5],
                from_ms(r[6]),
                tuple(shown[ref] for ref in dict.fromkeys(r[7:9]) if ref in shown),
            )
            for r in rows
        ]

    def unmapped_words(self, *, at: datetime) -> dict[str, int]:
        """By source: how many words of its items have no translation, of those met by an instant. A count, whoever asks."""
        u, i = columns(ItemUnmappedRow), columns(ItemRow)
        present = func.coalesce(i.presence, "") == str(
            Presence.PRESENT
        )  # so that SQLite begins with the words, not the items
        words = (
            select(i.source, i.binding, u.field, u.raw)
            .join_from(ItemUnmappedRow, ItemRow, u.item_id == i.id)
            .where(present, u.first_seen_at <= to_ms(at))
            .distinct()
            .subquery()
        )
        return {r[0]: r[1] for r in self._rows(select(words.c.source, func.count()).group_by(words.c.source))}

    def scopes_of(self, source: str) -> dict[str, set[str]]:
        """By binding: the projects, data sources, objects or tabs that its present items lie in."""
        c = columns(ItemRow)
        found: dict[str, set[str]] = {}
        statement = select(c.binding, c.scope).where(c.source == source, c.presence == str(Presence.PRESENT)).distinct()
        for binding, scope in self._rows(statement.where(*self._shown())):
            found.setdefault(binding, set()).add(scope)
        return found

    def words(self, source: str) -> Iterator[tuple[str, str, Sequence[Word]]]:
        """(binding, id, how its fields were read) of every present item of a source."""
        c = columns(ItemRow)
        after: str | None = ""
        while after is not None:
            wanted = select(c.binding, c.id, c.body).where(
                c.source == source, c.presence == str(Presence.PRESENT), c.id > after
            )
            rows = self._rows(wanted.where(*self._shown()).order_by(c.id).limit(1000))
            for binding in {r[0] for r in rows}:
                self.veil.ask(source, binding)
            yield from ((r[0], r[1], _read_words(r[2]).words) for r in rows)
            after = rows[-1][1] if rows else None

    def raws(self, source: str) -> Iterator[tuple[Item, bytes]]:
        """Every present item of a source, with its record as said (RawRecord as JSON)."""
        c, raw = columns(ItemRow), columns(RawRecordRow)
        after: str | None = ""
        while after is not None:
            wanted = (
                select(c.id, c.body, raw.payload)
                .join_from(ItemRow, RawRecordRow, (c.id == raw.item_id) & (c.raw_hash == raw.hash))
                .where(c.source == source, c.presence == str(Presence.PRESENT), c.id > after)
            )
            rows = self._rows(wanted.where(*self._shown()).order_by(c.id).limit(1000))
            self._hidden(r[0] for r in rows)
            yield from ((_item(r[1]), r[2].encode()) for r in rows)
            after = rows[-1][0] if rows else None

    def mapping_versions(self, source: str, binding: str) -> list[MappingVersion]:
        """Every mapping that was in force, newest first, with who put it there and why."""
        if self.veil.ask(source, binding):
            return []
        c = columns(MappingVersionRow)
        wanted = select(c.effective_from, c.version, c.author, c.reason)
        rows = self._rows(wanted.where(c.source == source, c.binding == binding).order_by(c.effective_from.desc()))
        return [MappingVersion(from_ms(r[0]), *r[1:]) for r in rows]


def _c(table: type[SQLModel], name: str) -> Any:
    return col(getattr(table, name))


_KEPT = [
    _c(ItemRow, name)
    for name in (
        "body", "presence", "presence_reason", "missing_since", "first_seen_at", "changed_at", "revision",
        "mapping_version", "raw_hash",
    )
]  # fmt: skip


def _unnamed(link: ItemLink) -> ItemLink:
    return msgspec.structs.replace(link, target_key=None, target_item=None)


def _kept(row: Any) -> Kept:
    return Kept(
        _item(row[0]), Presence(row[1]), row[2], _at(row[3]), from_ms(row[4]), from_ms(row[5]), row[6], row[7], row[8]
    )


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def run_of(r: Any) -> Run:
    """A row of sync_run, all columns, as a Run."""
    return Run(
        r.id, r.source, r.mode, r.state, r.reason, r.hint, from_ms(r.started_at), _at(r.finished_at),
        r.seen, r.new, r.changed, r.gone, r.unreadable, r.requests, r.retries, r.good, r.whole, _findings(r.findings),
    )  # fmt: skip


def _where(statement: Any, f: Filter) -> Any:
    for name, wanted in (
        ("source", f.sources),
        ("lifecycle", f.lifecycle),
        ("reported_health", f.health),
        ("status", f.status),
        ("presence", f.presence),
    ):
        if wanted:
            statement = statement.where(_c(ItemRow, name).in_([str(w) for w in wanted]))
    if f.owner is not None:
        statement = statement.where(_c(ItemRow, "owner") == f.owner)
    if f.blocked is not None:
        statement = statement.where(_c(ItemRow, "blocked").is_(f.blocked))
    if f.key is not None:
        statement = statement.where(_c(ItemRow, "key") == f.key)
    if f.due_before is not None:
        statement = statement.where(_c(ItemRow, "due_on") < f.due_before)
    if f.unfinished:
        statement = statement.where(_c(ItemRow, "lifecycle").not_in([str(Lifecycle.DONE), str(Lifecycle.CANCELLED)]))
    if f.since_revision is not None:
        statement = statement.where(_c(ItemRow, "revision") > f.since_revision)
    return statement
