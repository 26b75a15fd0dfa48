"""An answer as a table: which of it are its rows, and what kind each column has, as the contract tells it."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel

from ledger.published import Column, Kind, Table
from ledger.reading import Columns

ROWS = ("items", "departments", "node")
"""Which part of an answer are its rows; a node's are it and its children."""
KINDS: tuple[tuple[type, Kind], ...] = (
    (bool, "bool"), (int, "int"), (float, "float"), (datetime, "instant"), (date, "date"), (str, "string"), (Enum, "string"),
)  # fmt: skip


class Shape:
    """The columns of an answer's rows, for a file of some ending: values with parts stay as they are in JSON Lines, are left out of Markdown,
    and are JSON text elsewhere. part: which of the answer are its rows."""

    def __init__(self, part: str, row: type[BaseModel], names: Sequence[str], ending: str) -> None:
        self.part, self.nested = part, ending == "jsonl"
        told = [(name, row.model_fields[name], kind_of(row.model_fields[name].annotation)) for name in names]
        columns = [
            Column(name, kind or "string", field.description or "", nullable=True)
            for name, field, kind in told
            if kind is not None or ending != "md"
        ]
        self.table = Table(part, "Row", part, (row.__doc__ or "").strip(), "", (), tuple(columns))

    def batches(self, answers: Iterable[Any]) -> Iterator[Columns]:
        """Rows of answers, column by column."""
        for answer in answers:
            if rows := _rows(self.part, answer):
                yield [self._values(c.kind, [row[c.name] for row in rows]) for c in self.table.columns]

    def _values(self, kind: Kind, values: list[Any]) -> list[Any]:
        if kind == "instant":
            return [None if v is None else _instant(v) for v in values]
        if kind == "string" and not self.nested:
            return [msgspec.json.encode(v).decode() if isinstance(v, (list, dict)) else v for v in values]
        return values


def shape_of(model: Any, answer: Any, fields: Sequence[str], include: Sequence[str], ending: str) -> Shape | None:
    """The shape of an answer's rows, the same whether there are any or not; None where it has none. fields, include: as they were asked for."""
    part = next((name for name in ROWS if name in answer), None)
    if part is None or model is None:
        return None
    annotation = model.model_fields[part].annotation
    row = get_args(annotation)[0] if get_origin(annotation) is list else annotation
    rows = _rows(part, answer)
    there = rows[0] if rows else dict.fromkeys([*(fields or without(row)), *include])
    return Shape(part, row, list(there) if fields else [n for n in row.model_fields if n in there], ending)


def without(row: Any) -> list[str]:
    """The fields of a row for which nothing is included."""
    return [n for n in row.model_fields if n not in getattr(row, "parts", ())]


def _rows(part: str, answer: Any) -> list[dict[str, Any]]:
    return [answer["node"], *answer["children"]] if part == "node" else answer[part]


def kind_of(annotation: Any) -> Kind | None:
    """What kind of values a field has; None where they have parts."""
    if get_origin(annotation) in (Union, types.UnionType):
        left = [a for a in get_args(annotation) if a is not type(None)]
        return kind_of(left[0]) if len(left) == 1 else None
    if get_origin(annotation) is Literal:
        return "string"
    if not isinstance(annotation, type):
        return None
    return next((kind for of, kind in KINDS if issubclass(annotation, of)), None)


def _instant(text: str) -> str:
    """In UTC with milliseconds, as published tables have it."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
