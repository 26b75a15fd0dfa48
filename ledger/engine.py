"""Opens SQLite and PostgreSQL so that both behave alike: real transactions, no lost update, errors in sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import create_engine

from ledger.dialects import taught

BUSY_MS = 15_000


class LedgerError(Exception):
    """The database cannot be used; the sentence says what to do."""


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://...`.

    Raises:
        LedgerError: the URL is not one of these.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise LedgerError(
            "the database URL cannot be read: write sqlite:///path/to/sightline.db or postgresql://user@host/name"
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(url, parsed.database)
    if backend == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    raise LedgerError(f"'{backend}' is no database Sightline knows: use sqlite:///... or postgresql://...")


def _sqlite(url: str, path: str | None) -> Engine:
    if path and path != ":memory:" and not path.startswith("file:"):
        _own_file(Path(path))
    engine = create_engine(url, connect_args={"timeout": BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        # pysqlite sends no BEGIN before a SELECT: without this, read-modify-write loses updates silently.
        connection.isolation_level = None
        taught(connection)
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")  # synced data can be fetched again, together with its cursor
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        cursor.execute("PRAGMA cache_size=-16384")
        cursor.execute("PRAGMA wal_autocheckpoint=4000")  # pages; the default copies a hot page many times over
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _own_file(path: Path) -> None:
    """Makes sure that a new database file is readable by its owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerError(f"the database file {path} cannot be made: {error.strerror}") from error


def own_connection(engine: Engine) -> Any:
    """A connection of the driver's that is its asker's alone: the pool knows nothing of it any more."""
    lent = engine.raw_connection()
    own = lent.driver_connection
    lent.detach()
    return own


@contextmanager
def said_plainly(engine: Engine) -> Iterator[None]:
    """Turns the driver's errors into LedgerError sentences; never shows the URL's password."""
    try:
        yield
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        text = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
        if "no such table" in text:
            raise LedgerError(f"the database {where} has no Sightline tables yet: run 'sightline sync' once") from error
        if "locked" in text:
            raise LedgerError(f"the database {where} is held by another process for too long: {text}") from error
        if "full" in text:
            raise LedgerError(f"the disk of {where} is full: nothing was written; make space and run again") from error
        raise LedgerError(f"the database {where} does not answer: {text}") from error
    except PoolTimeout as error:
        raise LedgerError("too many ask the database at once: ask again in a moment") from error
    except DBAPIError as error:
        where = engine.url.render_as_string(hide_password=True)
        text = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
        raise LedgerError(f"the database {where} refused: {text}") from error


@contextmanager
def transaction(engine: Engine, *, writing: bool) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back by any exception. A writing one starts with the write lock."""
    with said_plainly(engine), engine.connect().execution_options(writing=writing) as connection, connection.begin():
        yield connection


NOW_MS = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch from clock_timestamp()) * 1000 AS BIGINT)",
}
"""The database's own clock: leases must not depend on which machine's clock is wrong."""
