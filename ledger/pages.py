"""Pages of a published table, as SQL: sought by the last row of the page before, never by counting rows away."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, TableClause, TextClause, and_, column, func, select, text, true
from sqlalchemy import table as sql_table

from ledger.keyset import By, behind, in_order
from ledger.published import BY_NAME, VIEWS, Table
from ledger.reading import Reading


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
    keys = _cut(table, wanted, _deciding(table, wanted)).subquery()
    rows = select(*(c[name] for name in wanted.columns)).join_from(
        VIEWS[table.name], keys, and_(true(), *(c[name] == keys.c[name] for name in table.key))
    )
    return rows.order_by(*_sorted(table, wanted.order, keys.c))


def _cut(table: Table, wanted: Page, columns: Sequence[str], before: str = "") -> Select[Any]:
    """before: what stands before the columns' names, so that no other column is meant by them."""
    c = VIEWS[table.name].c
    shown = [c[name].label(f"{before}{name}") if before else c[name] for name in columns]
    statement = select(*shown).where(*wanted.where)
    if wanted.after is not None:
        statement = statement.where(*behind(_by(table, wanted.order, c), wanted.after))
    statement = statement.order_by(*_sorted(table, wanted.order, c))
    return statement.offset(wanted.skip or None).limit(wanted.limit)


def stored_page(table: Table, wanted: Page, dialect: str) -> tuple[Select[Any], Reading]:
    """The same rows as they are stored, and what makes them the wanted values; of a table that `lies_plainly`."""
    there, shown, reading = _stored(table.name, tuple(wanted.columns), dialect)
    found = _cut(table, wanted, _deciding(table, wanted), "at_").subquery()
    at = {name: found.c[f"at_{name}"] for name in _deciding(table, wanted)}
    rows = select(shown).join_from(there, found, and_(true(), *(there.c[name] == at[name] for name in table.key)))
    return rows.order_by(*_sorted(table, wanted.order, at)), reading


@lru_cache
def _stored(name: str, columns: tuple[str, ...], dialect: str) -> tuple[TableClause, TextClause, Reading]:
    """Where it lies, and what to ask for, as one piece of SQL: to put it together from many costs more than to ask it."""
    table = BY_NAME[name]  # by its name, for to look up a table by all that it has takes longer
    named = {c.name: c for c in table.columns}
    reading = Reading([named[name] for name in columns], dialect)
    shown = text(", ".join(f"{sql} AS came_{n}" for n, sql in enumerate(reading.sql)))
    return sql_table(table.source, *map(column, table.key)), shown, reading


def lies_plainly(table: Table) -> bool:
    """Whether the rows of a table are those of one that is stored, under the same keys, beside JSON."""
    plain = all(c.sql == "" and c.kind != "instant" for c in table.columns if c.name in table.key)
    return plain and table.source.isidentifier() and any(c.also for c in table.columns)


def _deciding(table: Table, wanted: Page) -> tuple[str, ...]:
    """What must be known of a row to find and sort it."""
    return tuple(dict.fromkeys([*table.key, *(s.column for s in wanted.order)]))


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
