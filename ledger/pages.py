"""Pages of a published table, as SQL: sought by the last row of the page before, never by counting rows away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, false, func, literal, or_, select, true

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
    in_order = tuple(s.column for s in wanted.order) == table.key and not any(s.descending for s in wanted.order)
    if not wanted.order or (in_order and not wanted.skip):
        return _cut(table, wanted, wanted.columns)
    # Rows that are sorted or skipped are known by their keys first: the rest of them costs, JSON above all.
    keys = _cut(table, wanted, tuple(dict.fromkeys([*table.key, *(s.column for s in wanted.order)]))).subquery()
    rows = select(*(c[name] for name in wanted.columns)).join_from(
        VIEWS[table.name], keys, and_(true(), *(c[name] == keys.c[name] for name in table.key))
    )
    return rows.order_by(*(_sort(table, s, keys.c) for s in wanted.order))


def _cut(table: Table, wanted: Page, columns: Sequence[str]) -> Select[Any]:
    c = VIEWS[table.name].c
    statement = select(*(c[name] for name in columns)).where(*wanted.where)
    if wanted.after is not None:
        statement = statement.where(*_seek(table, wanted.order, wanted.after))
    statement = statement.order_by(*(_sort(table, s, c) for s in wanted.order))
    return statement.offset(wanted.skip or None).limit(wanted.limit)


def count(table: Table, where: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """How many rows there are."""
    return select(func.count()).select_from(VIEWS[table.name]).where(*where)


def page_of_each(table: Table, column: str, values: Sequence[Any], wanted: Page) -> Select[Any]:
    """A page for each of some values of a column, all at once: the rows sorted within each, the value as first column."""
    c = VIEWS[table.name].c
    place = func.row_number().over(partition_by=c[column], order_by=[_sort(table, s, c) for s in wanted.order])
    of = [c[column].label("of_value"), place.label("place")]
    rows = select(*of, *(c[name] for name in wanted.columns)).where(c[column].in_(values), *wanted.where).subquery()
    found = select(rows.c.of_value, *(rows.c[name] for name in wanted.columns)).where(rows.c.place > wanted.skip)
    if wanted.limit is not None:
        found = found.where(rows.c.place <= wanted.skip + wanted.limit)
    return found.order_by(rows.c.of_value, rows.c.place)


def _sort(table: Table, sort: Sort, columns: Any) -> Any:
    """PostgreSQL sorts what has no value last, SQLite first: where it can happen, it is said."""
    c, nullable = columns[sort.column], _nullable(table, sort)
    if sort.descending:
        return c.desc().nulls_last() if nullable else c.desc()
    return c.asc().nulls_first() if nullable else c.asc()


def _nullable(table: Table, sort: Sort) -> bool:
    found = table.column(sort.column)
    return found is not None and found.nullable


def _seek(table: Table, order: Sequence[Sort], after: Sequence[Any]) -> list[ColumnElement[bool]]:
    """The rows behind one: beyond it in the first column, or level with it there and beyond in the next.

    The bound on the first column alone says nothing new, and lets an index begin there.
    """
    c = VIEWS[table.name].c
    behind: ColumnElement[bool] = false()
    for sort, value in reversed(list(zip(order, after, strict=True))):
        level = c[sort.column].is_(None) if value is None else c[sort.column] == _bound(c, sort, value)
        behind = or_(_beyond(table, sort, value), and_(level, behind))
    first = c[order[0].column]
    if _nullable(table, order[0]) or after[0] is None:
        return [behind]
    bound = _bound(c, order[0], after[0])
    return [first <= bound if order[0].descending else first >= bound, behind]


def _bound(c: Any, sort: Sort, value: Any) -> ColumnElement[Any]:
    """The value with its column's type: true is no keyword here, but sorts behind false."""
    return literal(value, c[sort.column].type)


def _beyond(table: Table, sort: Sort, value: Any) -> ColumnElement[bool]:
    columns = VIEWS[table.name].c
    c: ColumnElement[Any] = columns[sort.column]
    if value is None:
        return false() if sort.descending else c.is_not(None)
    bound = _bound(columns, sort, value)
    if not sort.descending:
        return c > bound
    return or_(c < bound, c.is_(None)) if _nullable(table, sort) else c < bound
