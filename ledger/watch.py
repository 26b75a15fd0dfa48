"""Tells whether anything was written, in microseconds where the database is a file on this machine: what was made before is as good until then."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

from sqlalchemy import Engine

from ledger.engine import BUSY_MS, own_connection, said_plainly, transaction


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
            return str(self._connection().execute("PRAGMA data_version").fetchone()[0])

    def quietly(self, sql: str, values: tuple[Any, ...]) -> bool:
        """Writes what no answer tells of, so that the word stays the same. False: not here, or not at once, and nothing is written."""
        if not self.near:
            return False
        with self._lock, said_plainly(self.engine):
            own = self._connection()
            own.execute("PRAGMA busy_timeout = 0")  # whoever asks for the word meanwhile waits for this
            try:
                own.execute(sql, values)
            except sqlite3.Error:
                return False
            finally:
                own.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        return True

    def _connection(self) -> Any:
        """SQLite tells a connection of the commits of all others, so this one is nobody else's."""
        if self._own is None:
            self._own = own_connection(self.engine)
            self._own.execute("PRAGMA wal_autocheckpoint = 0")
        return self._own

    def close(self) -> None:
        with self._lock:
            if self._own is not None:
                self._own.close()
                self._own = None
