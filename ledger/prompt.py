"""Questions that are answered at once, on the thread that serves everybody, or not at all.

A file on this machine gives a page sooner than a thread begins. What takes longer than a moment is broken off, so that nobody waits for it,
and is asked again in a thread of its own.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ledger.engine import own_connection, said_plainly

MOMENT = 0.004
"""Seconds: about as long as Python itself lets one thread keep others waiting."""
STEPS = 500
"""Of the database's own machine between two looks at the clock: some microseconds."""


class TooLong(Exception):
    """It is no question of a moment."""


class Prompt:
    """A connection for such questions. Safe to share between threads; whoever finds it busy asks elsewhere."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._own: Any = None
        self._until = 0.0

    def answered(self, text: str, values: Any) -> Sequence[Any]:
        """What the database says, as of one instant.

        Raises:
            TooLong: not within a moment, or not at all: whoever asks it elsewhere is told why.
        """
        if not self._lock.acquire(blocking=False):
            raise TooLong
        try:
            cursor = self._connection().cursor()
            self._until = time.monotonic() + MOMENT
            try:
                found: Sequence[Any] = cursor.execute(text, values).fetchall()
                return found
            finally:
                cursor.close()
        except (sqlite3.Error, SQLAlchemyError) as error:
            raise TooLong from error
        finally:
            self._lock.release()

    def begin(self) -> None:
        """Connects, so that nobody waits for that either.

        Raises:
            LedgerError: the database does not answer.
        """
        with self._lock, said_plainly(self.engine):
            self._connection()

    def _connection(self) -> Any:
        if self._own is None:
            self._own = own_connection(self.engine)
            self._own.execute("PRAGMA busy_timeout=0")
            self._own.set_progress_handler(lambda: time.monotonic() > self._until, STEPS)
        return self._own

    def close(self) -> None:
        with self._lock:
            if self._own is not None:
                self._own.close()
                self._own = None
