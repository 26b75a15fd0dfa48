"""What every OData answer has: its headers, its errors, and the tokens of its pages."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import Response

from ledger.pages import Sort
from ledger.published import Table

PAGE, MOST, EXPANDED, OF_EACH = 1000, 5000, 100, 500
"""Rows of a page unless asked otherwise, at most, and with $expand; and how many of them each row can bring along."""
JSON = "application/json;odata.metadata=minimal"
VERSION = {"OData-Version": "4.0"}


class Refusal(Exception):
    """An OData error: its HTTP status, a code for programs and a sentence for people."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers

    def answer(self) -> Response:
        return json({"error": {"code": self.code, "message": str(self)}}, self.headers, self.status)


def wrong(message: str) -> Refusal:
    """The question is wrong."""
    return Refusal(400, "BadRequest", message)


def missing(message: str) -> Refusal:
    """There is nothing at this address."""
    return Refusal(404, "NotFound", message)


def json(body: Any, headers: Mapping[str, str] = {}, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, {**VERSION, **headers}, JSON)


def text(body: str, kind: str = "text/plain;charset=utf-8") -> Response:
    return Response(body, 200, VERSION, kind)


def nothing() -> Response:
    """There is such a thing, and it has no value."""
    return Response(None, 204, VERSION)


def preferred(prefer: str | None) -> int | None:
    """The page size that a client prefers, within bounds; None where it says nothing that can be understood."""
    found = re.search(r"(?:^|[,;\s])(?:odata\.)?maxpagesize\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", prefer or "", re.I)
    return min(max(int(found[1]), 1), MOST) if found else None


def token(order: Sequence[Sort], values: Sequence[Any]) -> str:
    """Where the next page begins: behind the row with these values. Opaque to clients."""
    said = msgspec.json.encode([[_said(s) for s in order], values])
    return base64.urlsafe_b64encode(said).rstrip(b"=").decode()


def read_token(token: str, table: Table, order: Sequence[Sort]) -> list[Any]:
    """The values of the row behind which the page begins.

    Raises:
        Refusal: it is none of ours, or of another order.
    """
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        said, values = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=tuple[list[str], list[Any]])
    except (ValueError, msgspec.MsgspecError) as error:
        raise wrong("this $skiptoken is none: follow @odata.nextLink as it is given") from error
    fits = len(values) == len(order) and all(_fits(table, s, v) for s, v in zip(order, values, strict=True))
    if said != [_said(s) for s in order] or not fits:
        raise wrong("this $skiptoken belongs to another question: follow @odata.nextLink as it is given")
    return values


def _said(sort: Sort) -> str:
    return f"{sort.column} desc" if sort.descending else sort.column


def _fits(table: Table, sort: Sort, value: Any) -> bool:
    column = table.column(sort.column)
    if column is None:
        return False
    if value is None:
        return column.nullable
    wanted: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool}
    small = not isinstance(value, int) or abs(value) < 2**31
    return (
        small
        and isinstance(value, wanted.get(column.kind, str))
        and (column.kind == "bool" or not isinstance(value, bool))
    )
