"""Whole published tables, read in batches: as fast as the database hands out rows, with memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, text

from ledger.behind import Behind
from ledger.engine import transaction
from ledger.published import Table, from_where
from ledger.reading import Columns, Reading

BATCH = 1_000
"""Rows that are held at once."""


def batches(engine: Engine, table: Table, behind: Behind | None = None) -> Iterator[Columns]:
    """Every row as of one instant, or every one that a reader may see.

    They come in the order in which the database keeps them: to sort a million costs as much as to read them.

    Raises:
        LedgerError: the database does not answer.
    """
    dialect = engine.dialect.name
    reading = Reading(table.columns, dialect)
    statement: Any = text(f"SELECT {', '.join(reading.sql)} FROM {from_where(table, dialect)}").columns()
    if behind is not None:
        statement = statement.add_cte(*behind.stored(table, dialect))
    with transaction(engine, writing=False) as connection:
        if dialect == "postgresql":  # else it may begin in the middle, where another reader is just then
            connection.exec_driver_sql("SET LOCAL synchronize_seqscans = off")
        yield from map(reading.columns, _parts(connection, statement))


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
