"""The stored tables as one reader may see them: what every question about a published table is asked of.

A statement begins with WITH item AS (SELECT ... FROM item WHERE ...): narrowed tables under the names of the stored ones. What a
published table is made of is said once (`ledger.published`), and no filter, order, count or relation meets what is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from sqlalchemy import (
    CTE,
    JSON,
    BindParameter,
    ColumnElement,
    Exists,
    Integer,
    Select,
    TableClause,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    table,
    text,
)
from sqlmodel import SQLModel

from ledger.published import VIEWS, Table, selected
from ledger.veil import NOBODY, Veil


class Retold(Protocol):
    """Stored rows whose sentences stand on other rows, as a reader may have them: whoever knows the plan retells them.

    Each is JSON: a list of rows, a row a list of its values.
    """

    @property
    def standing(self) -> str:
        """Rows of `standing`: kind, key, status, judged, exceptions."""
        ...

    @property
    def weekly_close(self) -> str:
        """Rows of `weekly_close`, of each week the newest: week, version, closed_at, body."""
        ...

    @property
    def signal_log(self) -> str:
        """Rows of `signal_log`: key, opened_at, cleared_at, severity, because."""
        ...


def allowed(veil: Veil, source: Any, binding: Any) -> ColumnElement[bool]:
    """The condition that a row's binding is one that a reader may see, behind a veil that hides something."""
    by_source: dict[str, list[str]] = {}
    for key, name in sorted(veil.shown or ()):
        by_source.setdefault(key, []).append(name)
    return or_(false(), *(and_(source == key, binding.in_(names)) for key, names in by_source.items()))


class Behind:
    """The stored tables behind one reader's veil. What is retold is asked for when a question needs it."""

    def __init__(self, veil: Veil, retold: Retold) -> None:
        self.veil, self.retold = veil, retold

    def narrowed(self, of: Table, dialect: str, *, fenced: bool = False) -> Iterator[CTE]:
        """The stored tables that a published table is made of, and the published one made of them, to stand before a statement.

        fenced: nothing else of the statement is calculated before they are narrowed, however slow that is.
        """
        yield from self.stored(of, dialect, fenced=fenced)
        yield text(selected(of, dialect)).columns(*VIEWS[of.name].c).cte(of.view).prefix_with(_fence(fenced))

    def stored(self, of: Table, dialect: str, *, fenced: bool = False) -> Iterator[CTE]:
        """The stored tables that a published table is made of, alone."""
        for name in reads(of, dialect):
            if narrow := NARROWED[name]:
                yield narrow(self, _stored(name, dialect)).cte(name).prefix_with(_fence(fenced or name in RETOLD))

    # -- rows that are their department's own ----------------------------------------------------------------------

    def of_binding(self, t: TableClause) -> Select[Any]:
        """Rows that name their binding."""
        return select(t).where(allowed(self.veil, t.c.source, t.c.binding))

    def of_item(self, t: TableClause) -> Select[Any]:
        """Rows that name their item."""
        return select(t).where(self._seen(t, t.c.item_id))

    def links(self, t: TableClause) -> Select[Any]:
        """What lies at a hidden end is not told, only what the record itself says."""
        told = or_(t.c.target_item.is_(None), self._seen(t, t.c.target_item))
        ends = {c.name: case((told, c)) for c in (t.c.target_key, t.c.target_item)}
        return _with(t, ends).where(self._seen(t, t.c.item_id))

    def _seen(self, t: TableClause, id: Any) -> Exists:
        """The condition that an item is one that the reader may see."""
        i = table("item", column("id"), column("source"), column("binding"), schema=t.schema).alias("i")
        return exists().where(i.c.id == id, allowed(self.veil, i.c.source, i.c.binding)).correlate(t)

    # -- rows that are everybody's, and whose words are not ---------------------------------------------------------

    def runs(self, t: TableClause) -> Select[Any]:
        """Why a run of a hidden source failed may name a record."""
        sources = sorted({key for key, _ in (*(self.veil.shown or ()), *self.veil.asks)})
        asks = {key: self.veil.ask_source(key) for key in sources}
        ask = case(asks, value=t.c.source, else_=NOBODY) if asks else literal(NOBODY)
        words = {
            "reason": case((or_(ask == "", t.c.reason == ""), t.c.reason), else_=ask),
            "hint": case((ask == "", t.c.hint), else_=""),
            "findings": case((ask == "", t.c.findings), else_="[]"),
        }
        return _with(t, words)


NARROWED: Mapping[str, Callable[[Behind, TableClause], Select[Any]] | None] = {
    "item": Behind.of_binding,
    "item_version": Behind.of_item,
    "item_event": Behind.of_item,
    "item_link": Behind.links,
    "item_unmapped": Behind.of_item,
    "mapping_version": Behind.of_binding,
    "source_state": None,
    "sync_run": Behind.runs,
    "standing": lambda behind, t: _given(t, behind.retold.standing),
    "weekly_close": lambda behind, t: _given(t, behind.retold.weekly_close),
    "signal_log": lambda behind, t: _given(t, behind.retold.signal_log),
}
"""By stored table, how it is narrowed; None where all of it is everybody's. A published table can be made of no other."""

RETOLD = ("standing", "weekly_close", "signal_log")
"""Made of JSON: made once, however often they are read."""


def reads(of: Table, dialect: str) -> list[str]:
    """The stored tables that a published table is made of."""
    words = set(re.findall(r"\w+", re.sub(r"\"\w+\"|'[^']*'", "", selected(of, dialect))))
    return [name for name in SQLModel.metadata.tables if name in words]


def _fence(fenced: bool) -> str:
    return "MATERIALIZED" if fenced else "NOT MATERIALIZED"


def _stored(name: str, dialect: str) -> TableClause:
    """A stored table, under the one name that means it where a narrowed one has the other."""
    columns = (column(c.name, c.type) for c in SQLModel.metadata.tables[name].c)
    return table(name, *columns, schema="main" if dialect == "sqlite" else None)


def _with(t: TableClause, changed: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    return select(*(changed.get(c.name, c).label(c.name) for c in t.c))


def _given(t: TableClause, rows: str) -> Select[Any]:
    """Rows that are brought along, as one value: a statement may have so many values and no more."""
    told: BindParameter[str] = bindparam(f"rows_of_{t.name}", rows)
    if t.schema == "main":
        row = func.json_each(told).table_valued("value")
        parts: list[ColumnElement[Any]] = [func.json_extract(row.c.value, f"$[{n}]") for n in range(len(t.c))]
    else:
        row = func.json_array_elements(cast(told, JSON)).table_valued("value")
        parts = [row.c.value.op("->>")(literal(n, Integer)) for n in range(len(t.c))]
    return select(*(cast(part, c.type).label(c.name) for part, c in zip(parts, t.c, strict=True)))
