"""Lists of rows for readers: what each is made of, in which order it comes, and one statement for a page of any of them.

Rows come in the order of a key that no two of them share, sought from the last row of the page before: whatever is written meanwhile, none
comes twice and none that stays is left out. Instants are in milliseconds, as they are stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Integer, Select, Text, func, literal, literal_column, select
from sqlmodel import SQLModel

from ledger.keyset import By, behind, in_order
from ledger.pages import Sort
from ledger.published import BY_NAME, WrongQuestion, expressed
from ledger.tables import (
    ItemEventRow,
    ItemLinkRow,
    ItemRow,
    ItemVersionRow,
    RawRecordRow,
    SyncRunRow,
    columns,
)
from ledger.text import storable

LARGEST = 2**63 - 1


class Condition(msgspec.Struct, frozen=True):
    """What a column must be: one of some values, this one, at least or less than this one."""

    column: str
    is_: Literal["one of", "is", "from", "before"]
    value: Any


class Wanted(msgspec.Struct, frozen=True):
    """Which rows of a list. `order` is completed by the list's key; `after`: the values that the last row seen has in that order."""

    where: Sequence[Condition] = ()
    order: Sequence[Sort] = ()
    after: Sequence[Any] | None = None
    limit: int | None = None


ALL = Wanted()


class Listed(msgspec.Struct, frozen=True, eq=False):
    """Rows of one kind, as `origin` has them after FROM.

    columns: everything that can be filtered and sorted by; a text names a column of a published table that lies in JSON.
    unread: those that rows have only where they are sorted by. nullable: those that may be without a value.
    home: the columns of source and binding, by which a veil hides rows. says: what a source says of itself, veiled with its source.
    names: of a column that names another item, what is not told where that item is hidden.
    """

    origin: Any
    columns: Mapping[str, Any]
    key: tuple[str, ...]
    nullable: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    home: tuple[str, str] | None = None
    says: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] = {}

    def order(self, wanted: Sequence[Sort]) -> tuple[Sort, ...]:
        """An order asked for, completed by the key, so that no two rows tie."""
        named = {s.column for s in wanted}
        return (*wanted, *(Sort(name) for name in self.key if name not in named))

    def statement(self, wanted: Wanted, shown: Sequence[Any], dialect: str) -> Select[Any]:
        """The rows of one page; `shown`: conditions of a veil."""
        order = self.order(wanted.order)
        c, found = _everything(self, frozenset(s.column for s in order), dialect)
        by = self._by(order, c)
        found = found.where(*shown, *(_condition(c[w.column], w) for w in wanted.where))
        if wanted.after is not None:
            found = found.where(*behind(by, wanted.after))
        most = None if wanted.limit is None else literal(wanted.limit, Integer())
        return found.order_by(*map(in_order, by)).limit(most)

    def check(self, wanted: Wanted, dialect: str) -> None:
        """A place comes from outside: what the database would choke on is refused here.

        Raises:
            WrongQuestion: `after` is no place in this order.
        """
        if wanted.after is None:
            return
        order = self.order(wanted.order)
        by = self._by(order, _everything(self, frozenset(s.column for s in order), dialect)[0])
        if len(by) != len(wanted.after) or not all(map(_fits, by, wanted.after)):
            raise WrongQuestion("this is no place in this list")

    def _by(self, order: Sequence[Sort], c: Mapping[str, ColumnElement[Any]]) -> list[By]:
        return [By(c[s.column], s.descending, s.column in self.nullable) for s in order]


@lru_cache
def _everything(
    of: Listed, sorted_by: frozenset[str], dialect: str
) -> tuple[Mapping[str, ColumnElement[Any]], Select[Any]]:
    """The columns of a list by name, and the statement that asks for those that its rows have; made once."""
    c = {n: _told(sql, dialect) if isinstance(sql, str) else sql for n, sql in of.columns.items()}
    # What is not needed costs, most of all what lies in JSON: it is asked for only where it decides on the order.
    spared = {n for n, sql in of.columns.items() if isinstance(sql, str)} | of.unread
    return c, select(*(sql.label(n) for n, sql in c.items() if n not in spared - sorted_by)).select_from(of.origin)


def _told(name: str, dialect: str) -> ColumnElement[Any]:
    """A column that lies in JSON, asked for as a published table says it."""
    table, _, column = name.partition(".")
    said = BY_NAME[table].column(column)
    assert said is not None  # a name of ours
    return literal_column(expressed(said, dialect), Text())


def _condition(sql: Any, w: Condition) -> Any:
    if w.is_ == "one of":
        return sql.in_(w.value)
    if w.is_ == "is":
        return sql.is_(w.value)
    return sql >= w.value if w.is_ == "from" else sql < w.value


def _fits(by: By, value: Any) -> bool:
    kind = by.sql.type.python_type
    kind = kind if kind in (int, bool) else str  # of some texts only the database knows that they are
    if value is None:
        return by.nullable
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        return False
    return storable(value) == value if isinstance(value, str) else -LARGEST <= value <= LARGEST


_i, _v, _e, _link = columns(ItemRow), columns(ItemVersionRow), columns(ItemEventRow), columns(ItemLinkRow)
_run, _raw = columns(SyncRunRow), columns(RawRecordRow)
_BY = {"source": _i.source, "binding": _i.binding, "item_key": _i.key, "url": _i.url}
"""Of the item that a row speaks of: where it stands."""
_AT_HOME = ("source", "binding")


def _with_item(table: type[SQLModel]) -> Any:
    """Rows beside the item that they speak of."""
    there, item = (SQLModel.metadata.tables[str(t.__tablename__)] for t in (table, ItemRow))
    return there.join(item, there.c.item_id == item.c.id)


def _until() -> Any:
    """When the next state of the same item begins, of those that are believed now."""
    later = SQLModel.metadata.tables[str(ItemVersionRow.__tablename__)].alias("later").c
    begins = (later.item_id == _v.item_id, later.valid_from > _v.valid_from, later.observed_to.is_(None))
    return select(func.min(later.valid_from)).where(*begins).correlate(ItemVersionRow).scalar_subquery()


ITEMS = Listed(
    SQLModel.metadata.tables[str(ItemRow.__tablename__)],
    {
        "id": _i.id, "source": _i.source, "binding": _i.binding, "key": _i.key, "status": _i.status, "lifecycle": _i.lifecycle,
        "reported_health": _i.reported_health, "owner": _i.owner, "due_on": _i.due_on, "blocked": _i.blocked,
        "presence": _i.presence, "presence_reason": _i.presence_reason, "synced_at": _i.changed_at,
        "mapping_version": _i.mapping_version, "raw_hash": _i.raw_hash, "body": _i.body,
        "source_updated_at": "Items.source_updated_at",
    },
    ("id",),
    nullable=frozenset({"owner", "due_on", "blocked", "source_updated_at"}),
    unread=frozenset({"key", "status", "lifecycle", "reported_health", "owner", "due_on", "blocked"}),
    home=_AT_HOME,
)  # fmt: skip
VERSIONS = Listed(
    _with_item(ItemVersionRow),
    {
        "item": _v.item_id, **_BY, "valid_from": _v.valid_from, "valid_to": _until(), "observed_from": _v.observed_from,
        "observed_to": _v.observed_to, "status": _v.status, "lifecycle": _v.lifecycle, "reported_health": _v.reported_health,
        "mapping_version": _v.mapping_version, "raw_hash": _v.raw_hash, "body": _v.body, "synced_at": _i.changed_at,
    },
    ("item", "valid_from", "observed_from"),
    frozenset({"valid_to", "observed_to"}),
    home=_AT_HOME,
)  # fmt: skip
EVENTS = Listed(
    _with_item(ItemEventRow),
    {
        "item": _e.item_id, **_BY, "id": _e.id, "at": _e.at, "field": _e.field, "before": _e.before, "after": _e.after,
        "actor_name": _e.actor_name, "actor_kind": _e.actor_kind, "synced_at": _i.changed_at, "body": _i.body,
    },
    ("item", "id"),
    frozenset({"before", "after", "actor_name"}),
    home=_AT_HOME,
)  # fmt: skip
LINKS = Listed(
    _with_item(ItemLinkRow),
    {
        "item": _link.item_id, **_BY, "target": _link.target, "kind": _link.kind, "direction": _link.direction,
        "original": _link.original, "target_key": _link.target_key, "target_item": _link.target_item, "synced_at": _i.changed_at,
        "body": _i.body,
    },
    ("item", "target", "kind", "direction", "original"),
    frozenset({"target_key", "target_item"}),
    home=_AT_HOME,
    names={"target_item": ("target_key", "target_item")},
)  # fmt: skip
RECORDS = Listed(
    _with_item(RawRecordRow),
    {"item": _raw.item_id, **_BY, "raw_hash": _raw.hash, "payload": _raw.payload, "fetched_at": _raw.fetched_at},
    ("item", "raw_hash"),
    home=_AT_HOME,
)
RUNS = Listed(
    SQLModel.metadata.tables[str(SyncRunRow.__tablename__)],
    {c.name: c for c in _run if c.name not in ("findings", "whole")},
    ("id",),
    frozenset({"finished_at"}),
    says=("reason", "hint"),
)
