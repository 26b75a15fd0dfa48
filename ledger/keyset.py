"""Rows behind a row, in any order: sought by its values, never by counting rows away. What is no value sorts before every value, and last
when descending: PostgreSQL sorts it last, SQLite first, so where it can happen it is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, false, literal, or_


class By(NamedTuple):
    """One expression to sort by."""

    sql: ColumnElement[Any]
    descending: bool = False
    nullable: bool = False


def in_order(by: By) -> ColumnElement[Any]:
    """What stands in ORDER BY."""
    if by.descending:
        return by.sql.desc().nulls_last() if by.nullable else by.sql.desc()
    return by.sql.asc().nulls_first() if by.nullable else by.sql.asc()


def behind(order: Sequence[By], after: Sequence[Any]) -> list[ColumnElement[bool]]:
    """The rows behind one: beyond it in the first expression, or level with it there and beyond in the next.

    The bound on the first alone says nothing new, and lets an index begin there.
    """
    found: ColumnElement[bool] = false()
    for by, value in reversed(list(zip(order, after, strict=True))):
        level = by.sql.is_(None) if value is None else by.sql == _bound(by, value)
        found = or_(_beyond(by, value), and_(level, found))
    first, value = order[0], after[0]
    if first.nullable or value is None:
        return [found]
    bound = _bound(first, value)
    return [first.sql <= bound if first.descending else first.sql >= bound, found]


def _bound(by: By, value: Any) -> ColumnElement[Any]:
    """The value with its column's type: true is no keyword here, but sorts behind false."""
    return literal(value, by.sql.type)


def _beyond(by: By, value: Any) -> ColumnElement[bool]:
    if value is None:
        return false() if by.descending else by.sql.is_not(None)
    bound = _bound(by, value)
    if not by.descending:
        return by.sql > bound
    return or_(by.sql < bound, by.sql.is_(None)) if by.nullable else by.sql < bound
