"""Values of a published table, read out of what is stored in one pass.

The views say what a column is, and a view asks the database for each value that lies in JSON by itself. Here each row's JSON is read
once, in Python: the same values (`tests/ledger/test_export.py` holds them to the views), several times as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from ledger.published import Column, Kind, Told, expressed

Columns = Sequence[Sequence[Any]]
"""Some rows of a table, column by column, in the table's order of columns: texts, ints, floats, bools and None; dates and instants as ISO text."""
_TYPES: dict[Kind, Any] = {"float": float, "bool": bool, "int": int}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # UTC by what is counted from it; without a zone it is written faster
_HALF = timedelta(microseconds=500)
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)
"""What is later cannot be told in milliseconds."""


class Reading:
    """How some columns of a table are asked for, and how what comes is made their values."""

    def __init__(self, columns: Sequence[Column], dialect: str) -> None:
        self.names = [c.name for c in columns]
        self.asked = [c for c in columns if _told(c) is None]
        self.told = [(c, told) for c in columns if (told := _told(c))]
        self.instants = _Instants()
        self._rounded = _as_sqlite if dialect == "sqlite" else _rounded
        bodies = list(dict.fromkeys(told.column for _, told in self.told))
        self.decoders = [(name, self._decoder(name)) for name in bodies]
        # JSON as text, whatever type the database gives it; what a join found nothing for says nothing.
        texts = [f"COALESCE(CAST({body} AS TEXT), '{{}}')" for body in bodies]
        self.sql = [*(_sql(c, dialect) for c in self.asked), *texts]
        """What to ask for, in this order."""

    def rows(self, came: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Some rows as they came, as rows of the columns."""
        return list(zip(*self.columns(came), strict=True)) if came else []

    def columns(self, rows: Sequence[Any]) -> Columns:
        """Some rows as they came, column by column."""
        came = list(zip(*rows, strict=True))
        found = {c.name: self._asked(c, values) for c, values in zip(self.asked, came, strict=False)}
        for (body, decode), texts in zip(self.decoders, came[len(self.asked) :], strict=True):
            mine = [c for c, told in self.told if told.column == body]
            parts = zip(*map(msgspec.structs.astuple, map(decode, texts)), strict=True)
            found |= {c.name: self._instants(v) if c.kind == "instant" else v for c, v in zip(mine, parts, strict=True)}
        return [found[name] for name in self.names]

    def _asked(self, column: Column, values: Sequence[Any]) -> Sequence[Any]:
        if column.kind == "bool":  # SQLite knows no booleans: it says 0 and 1
            return [None if v is None else bool(v) for v in values]
        return list(map(self.instants.__getitem__, values)) if column.kind == "instant" else values

    def _instants(self, texts: Sequence[str | None]) -> list[str | None]:
        rounded = self._rounded
        return [None if text is None else rounded(text) for text in texts]

    def _decoder(self, body: str) -> Callable[[str], Any]:
        """Reads what columns say out of one JSON text, in their order."""
        return _decoder_of(
            tuple((c.name, c.kind, told.name, _default(told)) for c, told in self.told if told.column == body)
        )


@lru_cache
def _decoder_of(columns: tuple[tuple[str, Kind, str, Any], ...]) -> Callable[[str], Any]:
    """By column: its name, its kind, what the JSON calls it, and what is meant where that is left out."""
    fields = [
        (name, _TYPES.get(kind, str) | None, msgspec.field(name=called, default=default))
        for name, kind, called, default in columns
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Body", fields, gc=False)).decode


def _told(column: Column) -> Told | None:
    """Where a column lies in JSON."""
    return column.sql if isinstance(column.sql, Told) else column.also


def _default(told: Told) -> Any:
    """What is meant where the JSON leaves it out: SQL's FALSE, TRUE or a text."""
    return {"": None, "FALSE": False, "TRUE": True}.get(told.default, told.default.strip("'"))


def _sql(column: Column, dialect: str) -> str:
    """Instants come as they are stored, in milliseconds: to make texts of them is what costs a database most."""
    if column.kind == "instant":
        return str(column.sql) or f'"{column.name}"'
    return expressed(column, dialect)


class _Instants(dict[int | None, str | None]):
    """Milliseconds since 1970 to ISO text; what one sync wrote has the same few over and over."""

    def __missing__(self, ms: int | None) -> str | None:
        if len(self) > 50_000:
            self.clear()
        text = None if ms is None else f"{(_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec='milliseconds')}Z"
        self[ms] = text
        return text


def _as_sqlite(text: str) -> str:
    """In UTC with milliseconds as SQLite rounds them, by which it filters and sorts: in UTC never into the next minute, elsewhere as floats."""
    if text[-1] == "Z":
        last = text[17:19] == "59" and text[20:-1].ljust(6, "0") >= "999500"
        return f"{text[:19]}.999Z" if last else _rounded(text)
    since = timedelta(milliseconds=int(float(text[17:-6]) * 1000 + 0.5))
    at = datetime.fromisoformat(f"{text[:17]}00{text[-6:]}").astimezone(UTC) + since
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _rounded(text: str) -> str:
    """In UTC with milliseconds, rounded."""
    if len(text) == 20 and text[-1] == "Z":
        return f"{text[:-1]}.000Z"
    at = datetime.fromisoformat(text).astimezone(UTC)
    at = at + _HALF if at < _LAST else _LAST
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
