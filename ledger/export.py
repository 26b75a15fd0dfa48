"""Whole published tables, read in batches: as fast as the database hands out rows, with memory that does not grow.

The views say what a column is, and a view asks the database for each value that lies in JSON by itself. Here each row's JSON is read
once, in Python: the same values (`tests/ledger/test_export.py` holds them to the views), several times as fast.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, text

from ledger.behind import Behind
from ledger.engine import said_plainly, transaction
from ledger.published import Column, Kind, Table, Told, expressed, from_where

Columns = Sequence[Sequence[Any]]
"""Some rows of a table, column by column, in the table's order of columns."""
BATCH = 1_000
"""Rows that are held at once."""
_TYPES: dict[Kind, Any] = {"float": float, "bool": bool, "int": int}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # UTC by what is counted from it; without a zone it is written faster
_HALF = timedelta(microseconds=500)


def batches(engine: Engine, table: Table, behind: Behind | None = None) -> Iterator[Columns]:
    """Every row as of one instant, or every one that a reader may see: texts, ints, floats, bools and None; dates and instants as ISO text.

    They come in the order in which the database keeps them: to sort a million costs as much as to read them.

    Raises:
        LedgerError: the database does not answer.
    """
    dialect = engine.dialect.name
    read = _Reading(table, dialect)
    statement = text(read.statement).columns()
    if behind is not None:
        statement = statement.add_cte(*behind.stored(table, dialect))
    with transaction(engine, writing=False) as connection:
        if dialect == "postgresql":  # else it may begin in the middle, where another reader is just then
            connection.exec_driver_sql("SET LOCAL synchronize_seqscans = off")
        yield from map(read.columns, _parts(connection, statement))


def _parts(connection: Connection, statement: Any) -> Iterator[Sequence[Any]]:
    """Rows, some at a time. SQLite's come as the driver has them: to wrap each costs more than to read it."""
    if connection.dialect.name != "sqlite":
        yield from connection.execution_options(yield_per=BATCH).execute(statement).partitions(BATCH)
        return
    cached = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    connection.exec_driver_sql("PRAGMA cache_size = -1024")  # kB: whoever reads everything once meets no page again
    try:
        cursor: Any = connection.execute(statement).cursor
        while part := cursor.fetchmany(BATCH):
            yield part
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {cached}")


class _Reading:
    """How a table's rows are asked for, and how what comes is made its columns."""

    def __init__(self, table: Table, dialect: str) -> None:
        self.asked = [c for c in table.columns if _told(c) is None]
        self.told = [(c, told) for c in table.columns if (told := _told(c))]
        self.table = table
        self.instants = _Instants()
        bodies = list(dict.fromkeys(told.column for _, told in self.told))
        self.decoders = [(name, self._decoder(name)) for name in bodies]
        shown = [f'{_sql(c, dialect)} AS "{c.name}"' for c in self.asked]
        # As text, whatever type the database gives JSON; what a join found nothing for says nothing.
        texts = [f"COALESCE(CAST({body} AS TEXT), '{{}}')" for body in bodies]
        self.statement = f"SELECT {', '.join([*shown, *texts])} FROM {from_where(table, dialect)}"

    def columns(self, rows: Sequence[Any]) -> Columns:
        """Some rows as they came, as the table's columns."""
        came = list(zip(*rows, strict=True))
        found = {c.name: self._asked(c, values) for c, values in zip(self.asked, came, strict=False)}
        for (body, decode), texts in zip(self.decoders, came[len(self.asked) :], strict=True):
            mine = [c for c, told in self.told if told.column == body]
            parts = zip(*map(msgspec.structs.astuple, map(decode, texts)), strict=True)
            found |= {c.name: _instants(v) if c.kind == "instant" else v for c, v in zip(mine, parts, strict=True)}
        return [found[name] for name in self.table.names]

    def _asked(self, column: Column, values: Sequence[Any]) -> Sequence[Any]:
        if column.kind == "bool":  # SQLite knows no booleans: it says 0 and 1
            return [None if v is None else bool(v) for v in values]
        return list(map(self.instants.__getitem__, values)) if column.kind == "instant" else values

    def _decoder(self, body: str) -> Callable[[str], Any]:
        """Reads what columns say out of one JSON text, in their order."""
        fields = [
            (c.name, _TYPES.get(c.kind, str) | None, msgspec.field(name=told.name, default=_default(told)))
            for c, told in self.told
            if told.column == body
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


def _instants(texts: Sequence[str | None]) -> list[str | None]:
    return [None if text is None else _instant(text) for text in texts]


def _instant(text: str) -> str:
    """In UTC with milliseconds, rounded."""
    if len(text) == 20 and text[-1] == "Z":
        return f"{text[:-1]}.000Z"
    at = datetime.fromisoformat(text).astimezone(UTC) + _HALF
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


class Watch:
    """Tells whether anything was written to a database since last asked, by whatever process."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.near = engine.dialect.name == "sqlite"
        """Whether asking takes microseconds, and nobody has to wait for another machine."""
        self._lock = threading.Lock()
        self._own: Any = None

    def state(self) -> str:
        """A word that is another one after any write. What is read after asking is at least as new as the word.

        Raises:
            LedgerError: the database does not answer.
        """
        if not self.near:
            # Which transactions a reader sees: nothing can be written without this being different.
            with transaction(self.engine, writing=False) as connection:
                return str(connection.exec_driver_sql("SELECT pg_current_snapshot()").scalar_one())
        with self._lock, said_plainly(self.engine):
            if (
                self._own is None
            ):  # SQLite counts the commits of all other connections, so this one belongs to nobody else
                self._own = self.engine.raw_connection()
                self._own.detach()
            return str(self._own.cursor().execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        with self._lock:
            if self._own is not None:
                self._own.close()
                self._own = None
