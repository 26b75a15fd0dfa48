"""Pure: a tab's cells and a binding to records: where the header is, which column a role has, what names a row."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from connectors.contract import (
    Binding,
    Change,
    FieldRef,
    RawRecord,
    Said,
    SourceChanged,
    StatusValue,
    UnreadableRecord,
    Words,
)
from connectors.google_sheets import DEFAULT_FIELDS, Scope
from connectors.google_sheets.grid import NOTHING, Cell, Grid, grids

HEADER_SEARCH = 20
COLOURED = ("health", "lifecycle", "confidence", "progress")
"""Roles whose colour says something; elsewhere a painted cell is decoration."""
REFERRING = ("depends_on", "blocked_on", "objective", "supports", "workstream")
"""Roles that name other records: a link in them is written out."""
LONG_KEY = 120


@dataclass(slots=True)
class Table:
    """What was read of one binding. `refs` names every row that is there, also those that cannot be read."""

    scope: str
    records: list[RawRecord] = field(default_factory=list)
    refs: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    """Hidden rows, where the binding skips them."""
    unreadable: list[UnreadableRecord] = field(default_factory=list)
    drift: list[SourceChanged] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Sentences about rows with a cell that shows an error."""
    loading: list[str] = field(default_factory=list)
    """Addresses of cells that are still being computed."""
    words: tuple[StatusValue, ...] = ()
    """What the mapped columns' lists and colour rules name."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things are in one tab: the header's row, and columns by role and for the key."""

    header: int
    roles: Mapping[str, int]
    key: Sequence[int]
    drift: tuple[SourceChanged, ...]


def read(grid: Grid, binding: Binding, source: str) -> Table:
    """The rows of a tab as records.

    Raises:
        SourceChanged: the header or a key column is not there: nothing is read, so that nothing known is lost.
    """
    columns = find_columns(grid, binding, source)
    scope = scope_of(binding.scope.spreadsheet, grid.tab_id)
    table = Table(scope, drift=list(columns.drift), words=tuple(_vocabulary(grid, columns, binding)))
    rows = [n for n in grid.numbers() if n > columns.header and _says_something(grid.row(n))]
    keys = {n: _name(grid, n, columns) for n in rows}
    if binding.scope.hidden_rows == "skip":
        table.skipped = {ref_of(scope, keys.pop(n)) for n in rows if n in grid.hidden}
        rows = list(keys)
    named: dict[str, list[int]] = {}
    for n, key in keys.items():
        named.setdefault(_folded(key), []).append(n)
    for n in rows:
        _row(grid, n, keys[n], named[_folded(keys[n])], columns, binding, source, table)
    return table


def _vocabulary(grid: Grid, columns: Columns, binding: Binding) -> Iterator[StatusValue]:
    for role, column in columns.roles.items():
        for word, colour in grid.words.get(column, {}).items():
            yield StatusValue(role, f"{binding.key}:{_folded(word)}"[:200], word, None, binding.key, colour)


def _row(
    grid: Grid, n: int, name: str, same: list[int], columns: Columns, binding: Binding, source: str, table: Table
) -> None:
    ref, key = ref_of(table.scope, name), _key(grid, n, columns)
    if _broken(grid, n, columns.key, source, table):
        return  # which row this is, is not known: no row may be missed for it
    if not key:
        sentence = f"{grid.address(n)} has no key: fill {_names(grid, columns)}, or leave the row empty"
        table.unreadable.append(UnreadableRecord(sentence, source=source))
        return
    table.refs.add(ref)
    if len(same) > 1:
        if n == same[0]:
            rows = " and ".join(str(s + 1) for s in same[:5])
            sentence = f"rows {rows} of '{grid.tab}' have the same key '{key[:60]}': give each its own; until then none is read"
            table.unreadable.append(UnreadableRecord(sentence, source=source))
        return
    used = {role: (_at(grid, n, c), c) for role, c in columns.roles.items()}
    if _broken(grid, n, [c for _, c in used.values()], source, table):
        return
    table.records.append(_record(grid, n, key, ref, used, table.scope, binding.scope.spreadsheet))


def _broken(grid: Grid, n: int, columns: Sequence[int], source: str, table: Table) -> bool:
    """Whether a cell of these shows an error; notes which, for such a read is not whole."""
    wrong = [(error, grid.address(n, c)) for c in columns if (error := _at(grid, n, c).error)]
    if wrong:
        table.loading += [where for kind, where in wrong if kind == "LOADING"]
        shown = ", ".join(f"{where} shows {kind}" for kind, where in wrong)
        table.errors.append(f"{shown}: the row keeps what it said before")
        table.unreadable.append(UnreadableRecord(table.errors[-1], source=source))
    return bool(wrong)


def _record(
    grid: Grid, n: int, key: str, ref: str, used: Mapping[str, tuple[Cell, int]], scope: str, spreadsheet: str
) -> RawRecord:
    title = used["title"][0].text if "title" in used else ""
    return RawRecord(
        ref=ref,
        scope=scope,
        key=key[:LONG_KEY],
        title=title or key,
        url=f"https://docs.google.com/spreadsheets/d/{spreadsheet}/edit#gid={grid.tab_id}",
        fields={role: said(cell, role) for role, (cell, _) in used.items()},
        cells={"": grid.address(n), **{role: grid.address(n, c) for role, (_, c) in used.items()}},
    )


def said(cell: Cell, role: str) -> Words:
    """A cell's words for a role: people by their chips, a painted cell by its colour, a reference with its link."""
    colour = cell.colour if role in COLOURED else None
    if cell.emails and role not in REFERRING:
        names = [name.strip(" @") for name in cell.text.split(",")] if len(cell.emails) > 1 else [cell.text.strip(" @")]
        names += [""] * (len(cell.emails) - len(names))
        return tuple(Said(name or email, email=email) for name, email in zip(names, cell.emails, strict=False))
    if cell.value is None and colour is None and not (cell.links and role in REFERRING):
        return ()
    value: Any = cell.value
    if role in REFERRING:
        value = " ".join([*([cell.text or str(value)] if value is not None else []), *cell.links])
    return (Said(value, colour=colour),)


# -- columns -----------------------------------------------------------------------------------------------------------


def find_columns(grid: Grid, binding: Binding, source: str) -> Columns:
    """Finds the header by the names that the binding asks for, then every role's column in it.

    Raises:
        SourceChanged: no row holds any of the names, or a key column is gone or there twice.
    """
    wanted = [_folded(r.name or r.id or "") for r in binding.fields.values()] + [_folded(k) for k in binding.row_key]
    header = _header(grid, binding.scope, wanted)
    if header is None:
        asked = ", ".join(binding.row_key) or ", ".join(str(r.name) for r in binding.fields.values())
        sentence = f"{source}: no row at the top of '{grid.tab}' holds the column names ({asked}) of {binding.key}"
        hint = f"set header_row, or correct the names at {binding.origin}"
        raise SourceChanged(sentence, source=source, hint=hint)
    names: dict[str, list[int]] = {}
    for c, cell in enumerate(grid.row(header)):
        if text := _folded(cell.text or str(cell.value or "")):
            names.setdefault(text, []).append(c + grid.first_column)
    roles, drift = {}, []
    for role, ref in binding.fields.items():
        column, problem = _column(ref, role, names, grid, header, source)
        if column is not None:
            roles[role] = column
        elif problem and ref != DEFAULT_FIELDS.get(role):
            drift.append(problem)
    key = []
    for name in binding.row_key or [_first_name(grid, header)]:
        column, problem = _column(FieldRef(name=name, origin=binding.origin), "row_key", names, grid, header, source)
        if column is None:
            raise problem or SourceChanged(f"{source}: '{name}' names no column of '{grid.tab}'", source=source)
        key.append(column)
    return Columns(header, roles, key, tuple(drift))


def _header(grid: Grid, scope: Scope, wanted: Sequence[str]) -> int | None:
    """The configured row; else the row among the first (frozen ones, where there are any) that holds most of the names."""
    if scope.header_row is not None:
        return scope.header_row - 1
    top = range(grid.first_row, grid.first_row + max(grid.frozen - grid.first_row, HEADER_SEARCH))
    scores = {n: len({_folded(c.text or str(c.value or "")) for c in grid.row(n)} & set(wanted)) for n in top}
    best = max(scores, key=lambda n: (scores[n], n < grid.frozen, -n), default=None)
    return best if best is not None and scores[best] else None


def _column(
    ref: FieldRef, role: str, names: Mapping[str, list[int]], grid: Grid, header: int, source: str
) -> tuple[int | None, SourceChanged | None]:
    wanted = ref.name or ref.id or ""
    found = names.get(_folded(wanted), [])
    if len(found) == 1:
        return found[0], None
    where = f" ({ref.origin})" if ref.origin else ""
    if found:
        twice = " and ".join(grid.address(header, c) for c in found)
        return None, SourceChanged(
            f"{source}: the column '{wanted}', read as {role}{where}, is there twice: {twice}", source=source
        )
    shown = [c.text or str(c.value) for c in grid.row(header) if not c.empty]
    near = _nearest(wanted, shown)
    hint = f" - did you mean '{near}'?" if near else f": the header holds {', '.join(shown[:12])}"
    sentence = f"{source}: the column '{wanted}', read as {role}{where}, is not in '{grid.tab}'{hint}"
    return None, SourceChanged(sentence, source=source)


def _nearest(wanted: str, shown: Sequence[str]) -> str | None:
    """The name that a renamed column has now, as far as the words tell."""
    folded = {_folded(s): s for s in shown}
    part = [s for f, s in folded.items() if _folded(wanted) in f or f in _folded(wanted)]
    near = difflib.get_close_matches(_folded(wanted), list(folded), 1)
    return folded[near[0]] if near else part[0] if part else None


def _first_name(grid: Grid, header: int) -> str:
    return next((c.text or str(c.value) for c in grid.row(header) if not c.empty), "")


# -- small things ------------------------------------------------------------------------------------------------------


def scope_of(spreadsheet: str, tab_id: int) -> str:
    """A tab keeps its number when it is renamed."""
    return f"{spreadsheet}:{tab_id}"


def ref_of(scope: str, key: str) -> str:
    """A row's id: its tab, for another tab may have a row of the same key, and its key, folded, so that a changed case or space
    makes no other row; long ones by their hash."""
    tab, folded = _digest(scope, 4), _folded(key)
    return f"{tab}:{folded}" if len(folded) <= LONG_KEY else f"{tab}:{folded[:80]}~{_digest(folded, 8)}"


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()


def _at(grid: Grid, row: int, column: int) -> Cell:
    cells = grid.row(row)
    at = column - grid.first_column
    return cells[at] if 0 <= at < len(cells) else NOTHING


def _key(grid: Grid, row: int, columns: Columns) -> str:
    """A row's key as people see it."""
    return _joined((p.text or _typed(p)) for p in (_at(grid, row, c) for c in columns.key))


def _name(grid: Grid, row: int, columns: Columns) -> str:
    """A row's key as it is held: another number format or locale makes no other row."""
    return _joined(_typed(_at(grid, row, c)) or _at(grid, row, c).text for c in columns.key)


def _typed(cell: Cell) -> str:
    value = cell.value
    return "" if value is None else str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _joined(parts: Iterable[str]) -> str:
    texts = [p.strip() for p in parts]
    return " / ".join(texts) if any(texts) else ""


def _names(grid: Grid, columns: Columns) -> str:
    return " and ".join(f"'{_at(grid, columns.header, c).text}'" for c in columns.key)


def _says_something(row: Sequence[Cell]) -> bool:
    """A row that is only painted is decoration: it has no key."""
    return any(not c.empty for c in row)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def replayed(answer: Any) -> tuple[Sequence[RawRecord], Mapping[str, Sequence[Change]]]:
    """Reads an example: {spreadsheet, tab, roles, row_key, answer}, the answer as Google gives it."""
    scope = Scope.model_validate({"spreadsheet": answer["spreadsheet"], "tab": answer["tab"]})
    roles = {role: FieldRef(**ref) for role, ref in answer.get("roles", {}).items()}
    binding = Binding("example", scope, {**DEFAULT_FIELDS, **roles}, tuple(answer.get("row_key", ())))
    records: list[RawRecord] = []
    for grid in grids(answer["answer"]):
        try:
            table = read(grid, binding, "example")
        except SourceChanged as changed:
            raise UnreadableRecord(str(changed), source="example") from changed
        records += table.records
    return records, {}
