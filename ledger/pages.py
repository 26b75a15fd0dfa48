"""Pages of a published table, as SQL: sought by the last row of the page before, never by counting rows away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, select, true

from ledger.keyset import By, behind, in_order
from ledger.published import VIEWS, Table


class Sort(msgspec.Struct, frozen=True):
    """One column to sort by. No value sorts before all values, and last when descending."""

    column: str
    descending: bool = False


class Page(msgspec.Struct, frozen=True):
    """Which rows of a table, which of their columns, in which order. `order` must end in the table's key: see `sorted_by`."""

    columns: Sequence[str]
    order: Sequence[Sort]
    where: Sequence[ColumnElement[bool]] = ()
    after: Sequence[Any] | None = None
    """The values that the last row seen has in the columns of `order`."""
    skip: int = 0
    limit: int | None = None


def sorted_by(table: Table, order: Sequence[Sort] = ()) -> tuple[Sort, ...]:
    """The order asked for, completed by the key, so that no two rows tie and pages neither repeat nor lose one."""
    whole = {s.column: s for s in [*map(Sort, table.key), *reversed(order)]}
    return tuple(whole[name] for name in dict.fromkeys([*(s.column for s in order), *table.key]))


def page(table: Table, wanted: Page) -> Select[Any]:
    """The rows of one page."""
    c = VIEWS[table.name].c
    by_key = tuple(s.column for s in wanted.order) == table.key and not any(s.descending for s in wanted.order)
    if not wanted.order or (by_key and not wanted.skip):
        return _cut(table, wanted, wanted.columns)
    # Rows that are sorted or skipped are known by their keys first: the rest of them costs, JSON above all.
    keys = _cut(table, wanted, tuple(dict.fromkeys([*table.key, *(s.column for s in wanted.order)]))).subquery()
    rows = select(*(c[name] for name in wanted.columns)).join_from(
        VIEWS[table.name], keys, and_(true(), *(c[name] == keys.c[name] for name in table.key))
    )
    return rows.order_by(*_sorted(table, wanted.order, keys.c))


def _cut(table: Table, wanted: Page, columns: Sequence[str]) -> Select[Any]:
    c = VIEWS[table.name].c
    statement = select(*(c[name] for name in columns)).where(*wanted.where)
    if wanted.after is not None:
        statement = statement.where(*behind(_by(table, wanted.order, c), wanted.after))
    statement = statement.order_by(*_sorted(table, wanted.order, c))
    return statement.offset(wanted.skip or None).limit(wanted.limit)


def count(table: Table, where: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """How many rows there are."""
    return select(func.count()).select_from(VIEWS[table.name]).where(*where)


def page_of_each(table: Table, column: str, values: Sequence[Any], wanted: Page) -> Select[Any]:
    """A page for each of some values of a column, all at once: the rows sorted within each, the value as first column."""
    c = VIEWS[table.name].c
    place = func.row_number().over(partition_by=c[column], order_by=_sorted(table, wanted.order, c))
    of = [c[column].label("of_value"), place.label("place")]
    rows = select(*of, *(c[name] for name in wanted.columns)).where(c[column].in_(values), *wanted.where).subquery()
    found = select(rows.c.of_value, *(rows.c[name] for name in wanted.columns)).where(rows.c.place > wanted.skip)
    if wanted.limit is not None:
        found = found.where(rows.c.place <= wanted.skip + wanted.limit)
    return found.order_by(rows.c.of_value, rows.c.place)


def _by(table: Table, order: Sequence[Sort], columns: Any) -> list[By]:
    nullable = {c.name for c in table.columns if c.nullable}
    return [By(columns[s.column], s.descending, s.column in nullable) for s in order]


def _sorted(table: Table, order: Sequence[Sort], columns: Any) -> list[ColumnElement[Any]]:
    return [in_order(by) for by in _by(table, order, columns)]
