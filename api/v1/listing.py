"""What every list of /v1 does alike: several values by comma, fields, sort, opaque cursors, and the bytes of a page.

A cursor names the last row seen by its values in the list's order, so that pages stay right while others write. It belongs to one
question: with other filters or another order it is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, NoReturn

import msgspec
from fastapi import Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from api.files.tables import near
from ledger.pages import Sort

_encode = msgspec.json.Encoder().encode
AS_IT_IS = "take next_cursor of the page before as it is"
SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
APART = {"cursor", "limit", "fields", "include"}
"""Parameters that may be others from page to page."""


# -- parameters ----------------------------------------------------------------------------------------------------------


def _split(given: Any) -> Any:
    return [part.strip() for text in given for part in str(text).split(",")] if isinstance(given, list) else given


Several = BeforeValidator(_split)
"""Of a parameter that takes several values: by comma, or given several times."""


@dataclass(frozen=True)
class SomeOf:
    """Of a parameter that takes some of these names; a wrong one is refused with the near one."""

    names: tuple[str, ...]
    what: str

    def _known(self, given: Any) -> Any:
        for name in (told := _split(given)):
            if name not in self.names:
                named = ", ".join(n for n in self.names if not n.startswith("-"))
                meant = near(name, self.names) or f": there are {named}"
                raise ValueError(f"there is no {self.what} '{name[:40]}'{meant}")
        return list(dict.fromkeys(told))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "enum": list(self.names)}}


def fields_of(row: type[BaseModel], but: Collection[str] = ()) -> SomeOf:
    """Of `fields`, for rows of a shape."""
    return SomeOf(tuple(name for name in row.model_fields if name not in but), "field")


def sort_by(*names: str) -> SomeOf:
    """Of `sort`, for columns of these names."""
    return SomeOf((*names, *(f"-{name}" for name in names)), "column to sort by")


class Paged(BaseModel):
    """What every list takes. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")
    cursor: str = Field("", description="`next_cursor` of the page before.")
    limit: int = Field(100, ge=1, le=500)


FIELDS: Any = Field([], description="Only these fields of each row, by comma.")
SORT: Any = Field([], description="Columns to sort by, by comma; `-` before one: descending.")


class Row(BaseModel):
    """A row of a list. Every field is there unless `fields` selects."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required", None))


class PageOut(BaseModel):
    """A page of a list: `next_cursor` leads to the next one, and is null on the last."""

    next_cursor: str | None
    as_of: datetime


def wrong(name: str, said: str, value: Any = None) -> NoReturn:
    """Refuses a parameter.

    Raises:
        RequestValidationError: always.
    """
    raise RequestValidationError([{"type": "value_error", "loc": ("query", name), "msg": said, "input": value}])


def known(name: str, given: Iterable[str], there: Collection[str]) -> None:
    """Refuses values of a parameter that nothing can have: its rows would be none, and look like an answer.

    Raises:
        RequestValidationError
    """
    for value in given:
        if value not in there:
            meant = near(value, there) or f": there are {', '.join(there)}"
            wrong(name, f"there is no {name} '{value[:80]}'{meant}", value[:200])


def order_of(asked: Any) -> list[Sort]:
    """The order asked for; empty where none is."""
    found: dict[str, Sort] = {}
    for name in asked.sort:
        column = name.removeprefix("-")
        found.setdefault(column, Sort(column, name.startswith("-")))
    return list(found.values())


# -- cursors -------------------------------------------------------------------------------------------------------------


class Place(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor says: of which question, the values of the last row seen, and the instant (ms) that the first page set."""

    question: str
    after: list[Any]
    until: Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)] | None = None


_place = msgspec.json.Decoder(Place).decode


def _question(of: str, asked: Paged) -> str:
    told = asked.model_dump(mode="json", exclude=APART, exclude_defaults=True)
    return blake2b(_encode([of, sorted(told.items())]), digest_size=6).hexdigest()


def place_of(of: str, asked: Paged) -> Place | None:
    """Where a page begins; None: at the list's beginning.

    Raises:
        RequestValidationError: it is no cursor of this question.
    """
    if not asked.cursor:
        return None
    try:
        found = _place(base64.urlsafe_b64decode(asked.cursor + "=" * (-len(asked.cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        wrong("cursor", f"this is no cursor: {AS_IT_IS}", asked.cursor[:200])
    if found.question != _question(of, asked):
        said = "this cursor belongs to another question: keep every parameter but limit, fields and include, or leave the cursor out"
        wrong("cursor", said, asked.cursor[:200])
    return found


def cursor_at(of: str, asked: Paged, after: Sequence[Any], until: int | None = None) -> str:
    """The cursor of the rows behind one."""
    return base64.urlsafe_b64encode(_encode(Place(_question(of, asked), list(after), until))).decode().rstrip("=")


# -- pages ---------------------------------------------------------------------------------------------------------------

Ranked = tuple[tuple[Any, ...], dict[str, Any]]
"""A row that is at hand, behind its rank in the list's own order: JSON values, none of which two rows share."""


def page_at_hand(of: str, rows: Iterable[Ranked], asked: Any) -> tuple[list[dict[str, Any]], str | None]:
    """A page of rows that are at hand, and the cursor of the next one.

    Raises:
        RequestValidationError: it is no cursor of this question.
    """
    order, place = order_of(asked), place_of(of, asked)
    placed = sorted(
        (([_whole(row[s.column]) for s in order], [*rank], row) for rank, row in rows), key=lambda p: _sortable(p[1])
    )
    for n, sort in reversed(list(enumerate(order))):
        placed.sort(key=lambda p, n=n: _sortable(p[0][n : n + 1]), reverse=sort.descending)  # type: ignore[misc]  # a default is how a lambda keeps its n
    if place is not None:
        placed = [p for p in placed if _behind([*p[0], *p[1]], place.after, order)]
    shown = placed[: asked.limit]
    more = cursor_at(of, asked, [*shown[-1][0], *shown[-1][1]]) if len(placed) > asked.limit else None
    return [row for *_, row in shown], more


def _whole(value: Any) -> Any:
    """An instant with all its digits: as texts 12:00:00Z would sort behind 12:00:00.500000Z."""
    return f"{value[:-1]}.000000Z" if isinstance(value, str) and SECOND.fullmatch(value) else value


def _sortable(values: Sequence[Any]) -> list[tuple[bool, Any]]:
    """No value sorts before every value."""
    return [(v is not None, v) for v in values]


def _behind(values: Sequence[Any], after: Sequence[Any], order: Sequence[Sort]) -> bool:
    descending = [s.descending for s in order]
    try:
        for n, (mine, other) in enumerate(zip(_sortable(values), _sortable(after), strict=True)):
            if mine != other:
                return mine < other if n < len(order) and descending[n] else mine > other
    except (TypeError, ValueError):  # of another type, or another number of them
        wrong("cursor", f"this is no cursor: {AS_IT_IS}")
    return False


def matching(rows: Iterable[Ranked], asked: Any, *names: str, key: str = "") -> list[Ranked]:
    """Rows that have one of the values asked for in each of these columns, where any are asked for.

    key: the parameter that asks for the column `key`; it has another name, for in an address `key` is an access key.
    """
    named = {**dict.fromkeys(names), **({"key": key} if key else {})}
    wanted = {name: of for name, other in named.items() if (of := getattr(asked, other or name)) not in (None, [])}
    return [
        ranked
        for ranked in rows
        if all(ranked[1][n] in of if isinstance(of, list) else ranked[1][n] == of for n, of in wanted.items())
    ]


def answer_at_hand(of: str, rows: Iterable[Ranked], asked: Any, **more: Any) -> Response:
    """A page of rows that are at hand, as bytes."""
    shown, cursor = page_at_hand(of, rows, asked)
    return answer(shown, asked, next_cursor=cursor, **more)


def row_as(shape: type[BaseModel], told: Any, **more: Any) -> dict[str, Any]:
    """What is told, as a row of a shape."""
    parts = {**msgspec.to_builtins(told), **more}
    return {name: parts[name] for name in shape.model_fields}


def answer(items: Sequence[Any], asked: Any, **more: Any) -> Response:
    """A page as bytes: rows are structs or dicts, never models, which cost more than everything else."""
    if fields := asked.fields:
        kept = [*fields, *getattr(asked, "include", ())]
        items = [{name: _of(row, name) for name in kept} for row in items]
    return Response(_encode({"items": items, **more}), media_type="application/json")


def _of(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, dict) else getattr(row, name)
