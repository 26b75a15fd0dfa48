"""OData's answers: collections page by page, single rows, columns and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import starmap
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import Response

from api.objects import object_with
from api.odata.address import Address
from api.odata.protocol import EXPANDED, OF_EACH, PAGE, json, missing, nothing, read_token, text, token
from api.odata.query import ALONE, Asked, asked
from ledger.pages import Page
from ledger.predicate import equal
from ledger.published import BY_NAME, TABLES, Relation, Table
from ledger.served import Served

Row = dict[str, Any]


class Service:
    """One question to the service: where its root is, and what the client prefers."""

    def __init__(self, tables: Served, now: datetime, root: str, preferred: int | None) -> None:
        self.tables, self.now = tables, now
        self.root = root
        self.preferred = preferred

    def document(self) -> Response:
        """The sets that there are."""
        sets = [{"name": t.name, "kind": "EntitySet", "url": t.name} for t in TABLES]
        return json({"@odata.context": f"{self.root}$metadata", "value": sets})

    def answer(self, at: Address, options: Mapping[str, str]) -> Response:
        """What stands at an address."""
        if at.key is None:
            return self._set(at, at.table, (), at.table.name, options)
        if at.relation is not None:
            return self._related(at, at.relation, at.key, options)
        if at.column is not None:
            return self._value(at, at.key, options)
        return self._one(at.table, equal(at.table, at.key), options) or _no_such_row(at)

    # -- collections ---------------------------------------------------------------------------------------------

    def _set(
        self, at: Address, table: Table, where: tuple[Any, ...], path: str, options: Mapping[str, str]
    ) -> Response:
        if at.tail == "$count":
            found = self._asked(options, table, ("$filter", "$format"))
            return text(str(self.tables.count(table, (*where, *found.where))))
        found = self._asked(options, table, ALONE)
        return self._collection(msgspec.structs.replace(found, where=(*where, *found.where)), path)

    def _collection(self, wanted: Asked, path: str) -> Response:
        usual = min(self.preferred or PAGE, EXPANDED) if wanted.expanded else self.preferred or PAGE
        limit = usual if wanted.top is None else min(wanted.top, usual)
        after = None if wanted.token is None else read_token(wanted.token, wanted.table, wanted.order)
        # One row more than shown tells whether there is another page.
        columns = self._columns(wanted)
        rows = self.tables.page(wanted.table, Page(columns, wanted.order, wanted.where, after, wanted.skip, limit + 1))
        more = len(rows) > limit and limit != wanted.top
        shown = rows[:limit]
        body: dict[str, Any] = {"@odata.context": f"{self.root}$metadata#{wanted.table.name}{_chosen(wanted)}"}
        if wanted.counted:
            body["@odata.count"] = self.tables.count(wanted.table, wanted.where)
        body["value"] = self._shaped(wanted, columns, shown)
        if more:
            left = {} if wanted.top is None else {"$top": str(wanted.top - limit)}
            body["@odata.nextLink"] = self._next(path, wanted, dict(zip(columns, shown[-1], strict=True)), left)
        applied = {} if self.preferred is None else {"Preference-Applied": f"odata.maxpagesize={self.preferred}"}
        return json(body, applied)

    def _next(self, path: str, wanted: Asked, last: Row, changed: Mapping[str, str]) -> str:
        """The address of the rows behind a row: the same question, without what the pages so far have used up."""
        kept = {n: v for n, v in wanted.text.items() if n not in ("$skip", "$top", "$skiptoken")}
        begin = token(wanted.order, [last[s.column] for s in wanted.order])
        options = {**kept, **changed, "$skiptoken": begin}
        return f"{self.root}{path}?" + "&".join(f"{n}={quote(v, safe='')}" for n, v in options.items())

    def _related(self, at: Address, relation: Relation, key: Mapping[str, Any], options: Mapping[str, str]) -> Response:
        """The rows, or the one row, that a row leads to."""
        found = self.tables.page(at.table, Page((relation.column,), (), (equal(at.table, key),)))
        if not found:
            return _no_such_row(at)
        target, value = BY_NAME[relation.target], found[0][0]
        where = equal(target, {relation.target_column: value})
        if relation.many:
            return self._set(at, target, (where,), f"{_path(at.table, key)}/{relation.name}", options)
        return (None if value is None else self._one(target, where, options)) or nothing()

    # -- single rows ---------------------------------------------------------------------------------------------

    def _one(self, table: Table, where: Any, options: Mapping[str, str]) -> Response | None:
        wanted = self._asked(options, table, ("$select", "$expand", "$format"))
        columns = self._columns(wanted)
        rows = self.tables.page(table, Page(columns, (), (where,)))
        if not rows:
            return None
        context = f"{self.root}$metadata#{table.name}{_chosen(wanted)}/$entity"
        return json({"@odata.context": context, **msgspec.to_builtins(self._shaped(wanted, columns, rows)[0])})

    def _value(self, at: Address, key: Mapping[str, Any], options: Mapping[str, str]) -> Response:
        self._asked(options, at.table, ("$format",))
        assert at.column is not None  # the address says so
        found = self.tables.page(at.table, Page((at.column.name,), (), (equal(at.table, key),)))
        if not found:
            return _no_such_row(at)
        value = found[0][0]
        if value is None:
            return nothing()
        if at.tail:
            return text(str(value).lower() if isinstance(value, bool) else str(value))
        return json({"@odata.context": f"{self.root}$metadata#{_path(at.table, key)}/{at.column.name}", "value": value})

    # -- rows ----------------------------------------------------------------------------------------------------

    def _asked(self, options: Mapping[str, str], table: Table, allowed: Sequence[str]) -> Asked:
        return asked(options, table, self.now, allowed)

    def _columns(self, wanted: Asked) -> tuple[str, ...]:
        """The columns to read: those shown, those sorted by, the key, and those that lead on."""
        on = [relation.column for relation, _ in wanted.expanded]
        return tuple(dict.fromkeys([*wanted.columns, *wanted.table.key, *(s.column for s in wanted.order), *on]))

    def _shaped(self, wanted: Asked, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        """Rows of the columns read, as shown, with what they bring along."""
        width = len(wanted.columns)  # those shown are read first
        if not wanted.expanded:
            return list(starmap(object_with(wanted.columns), (row[:width] for row in rows)))
        shaped = [dict(zip(wanted.columns, row, strict=False)) for row in rows]
        for relation, inner in wanted.expanded:
            self._expand(wanted.table, relation, inner, [dict(zip(columns, r, strict=True)) for r in rows], shaped)
        return shaped

    def _expand(
        self, table: Table, relation: Relation, inner: Asked, rows: Sequence[Row], shaped: Sequence[Row]
    ) -> None:
        """Adds what each row leads to: one query for all of them."""
        columns, limit = self._columns(inner), OF_EACH if inner.top is None else min(inner.top, OF_EACH)
        values = list({row[relation.column] for row in rows} - {None})
        page = Page(columns, inner.order, inner.where, skip=inner.skip, limit=limit + 1)
        found = self.tables.page_of_each(inner.table, relation.target_column, values, page) if values else {}
        for row, shown in zip(rows, shaped, strict=True):
            brought = [dict(zip(columns, r, strict=True)) for r in found.get(row[relation.column], ())]
            told = [{name: r[name] for name in inner.columns} for r in brought[:limit]]
            shown[relation.name] = told if relation.many else told[0] if told else None
            if relation.many and len(brought) > limit and limit != inner.top:
                path = f"{_path(table, row)}/{relation.name}"
                left = {} if inner.top is None else {"$top": str(inner.top - limit)}
                shown[f"{relation.name}@odata.nextLink"] = self._next(path, inner, brought[limit - 1], left)


def _chosen(wanted: Asked) -> str:
    """What a context says of the columns: (id,title,Versions(valid_from)); empty where all are shown."""
    brought = [f"{r.name}({','.join(inner.selected or ())})" for r, inner in wanted.expanded]
    parts = [*(wanted.selected if wanted.selected is not None else ()), *brought]
    return f"({','.join(parts)})" if parts else ""


def _path(table: Table, key: Mapping[str, Any]) -> str:
    """The address of a row."""
    parts = [f"{name}={_literal(table, name, key[name])}" for name in table.key]
    return f"{table.name}({','.join(parts) if len(parts) > 1 else parts[0].partition('=')[2]})"


def _literal(table: Table, name: str, value: Any) -> str:
    column = table.column(name)
    if column is not None and column.kind == "string":
        return "'" + quote(str(value).replace("'", "''"), safe="") + "'"
    return str(value)


def _no_such_row(at: Address) -> Response:
    said = ", ".join(f"{name} {value!r}"[:120] for name, value in (at.key or {}).items())
    raise missing(f"{at.table.name} has no row with {said}")
