"""The ledger: the only door to the database. A context manager, because an engine left open is a leak.

with Ledger.open(url, migrate=True) as ledger:
    lease = ledger.lease("eng-jira", holder)
    with ledger.writing(lease) as w:      # one transaction, fenced
        w.record(...)
        w.save_cursor(...)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection

from ledger.decisions import Decisions
from ledger.deliveries import Deliveries
from ledger.engine import LedgerError, open_engine, transaction
from ledger.keys import Audit, Keys
from ledger.lease import Lease, LeaseHeld, fence, release, take
from ledger.lists import ALL, Listed, Wanted
from ledger.migrations import HEAD
from ledger.model import to_ms
from ledger.prompt import Prompt, TooLong
from ledger.read import Reads
from ledger.sessions import Sessions
from ledger.standing import Standing
from ledger.veil import Veil
from ledger.write import Writer
from ledger.written import FEW

__all__ = ["Lease", "LeaseHeld", "Ledger", "LedgerError"]


class Ledger(Standing):
    """Remembers what was said and when. Safe to share between threads; each call is a transaction of its own."""

    @classmethod
    def open(
        cls, url: str, *, migrate: bool = False, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> Self:
        """Opens a ledger; `migrate` brings its tables up to date first.

        Raises:
            LedgerError: wrong URL, no answer, or tables of another version and migrate not asked for.
        """
        ledger = cls(open_engine(url), clock=clock)
        try:
            if migrate:
                ledger.migrate()
            elif not ledger.is_current():
                raise LedgerError(
                    "the database has no tables of this version: run 'sightline sync', which brings them up to date"
                )
        except BaseException:
            ledger.close()
            raise
        return ledger

    @property
    def deliveries(self) -> Deliveries:
        """What became of each week's digest."""
        return Deliveries(self.engine, self.clock)

    def seen_by(self, veil: Veil) -> Reads:
        """The same ledger as one reader may see it."""
        return _Seen(self, veil)

    @property
    def whole(self) -> Ledger:
        return self

    @cached_property
    def at_once(self) -> Prompt | None:
        """Who answers at once; None where the database is another machine's."""
        return Prompt(self.engine) if self.watch.near else None

    @property
    def keys(self) -> Keys:
        """The access keys."""
        return Keys(self.engine, self.clock)

    @property
    def sessions(self) -> Sessions:
        """Who has signed in."""
        return Sessions(self.engine, self.clock)

    @property
    def audit(self) -> Audit:
        """Who did and read what."""
        return Audit(self.engine, self.clock, self.watch)

    @property
    def decisions(self) -> Decisions:
        """Decisions, what became of them, and annotations."""
        return Decisions(self.engine, self.clock)

    def migrate(self) -> None:
        """Brings the tables up to date; safe when several processes do it at once."""
        if self.is_current():
            return
        from ledger.migrations import upgrade

        with transaction(self.engine, writing=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(727411)")
            upgrade(connection)
            connection.exec_driver_sql("INSERT INTO meta (id, revision) VALUES (1, 0) ON CONFLICT DO NOTHING")

    def is_current(self) -> bool:
        """Whether the tables are those of this version."""
        with transaction(self.engine, writing=False) as connection:
            return _version(connection) == HEAD

    def drift(self) -> list[object]:
        """Differences between the tables in the database and those in the code; empty when migrations are complete."""
        from ledger.migrations import differences

        with transaction(self.engine, writing=False) as connection:
            return differences(connection)

    def lease(self, source: str, holder: str, ttl_seconds: float = 120, *, instead_of: str | None = None) -> Lease:
        """Takes the right to write one source; from `instead_of` at once, who is known to be dead.

        Raises:
            LeaseHeld: somebody else has it; the message says who and until when.
        """
        with transaction(self.engine, writing=True) as connection:
            return take(connection, source, holder, ttl_seconds, instead_of)

    def release(self, lease: Lease) -> None:
        """Gives the right back at once; harmless when it was lost meanwhile."""
        with transaction(self.engine, writing=True) as connection:
            release(connection, lease)

    @contextmanager
    def writing(self, lease: Lease) -> Iterator[Writer]:
        """One fenced transaction. Commits at the end; any exception leaves nothing behind.

        Raises:
            FencedOut: the lease was taken by another meanwhile; nothing was written.
        """
        with transaction(self.engine, writing=True) as connection:
            fence(connection, lease)
            yield Writer(connection, lease.source, self.clock())

    def meet(self, nodes: Iterable[str]) -> None:
        """Notes nodes of the plan that were not met before, as of now."""
        now = to_ms(self.clock())
        mark = "?" if self.engine.dialect.name == "sqlite" else "%s"
        rows = [(key, now) for key in nodes]
        if rows:
            with transaction(self.engine, writing=True) as connection:
                connection.exec_driver_sql(
                    f"INSERT INTO plan_node (key, first_seen_at) VALUES ({mark}, {mark}) ON CONFLICT DO NOTHING", rows
                )

    def note_signals(self, opened: Mapping[str, tuple[str, str]]) -> tuple[int, int]:
        """Notes which signals are open now, by key (severity, sentence); how many opened and how many cleared since last time."""
        now = to_ms(self.clock())
        mark = "?" if self.engine.dialect.name == "sqlite" else "%s"
        with transaction(self.engine, writing=True) as connection:
            rows = connection.exec_driver_sql("SELECT key FROM signal_log WHERE cleared_at IS NULL").fetchall()
            had = {str(r[0]) for r in rows}
            fresh = [(key, now, None, *opened[key]) for key in sorted(opened.keys() - had)]
            gone = [(now, key) for key in sorted(had - opened.keys())]
            if fresh:
                connection.exec_driver_sql(
                    "INSERT INTO signal_log (key, opened_at, cleared_at, severity, because) "
                    f"VALUES ({mark}, {mark}, {mark}, {mark}, {mark}) ON CONFLICT DO NOTHING",
                    fresh,
                )
            if gone:
                connection.exec_driver_sql(
                    f"UPDATE signal_log SET cleared_at = {mark} WHERE key = {mark} AND cleared_at IS NULL", gone
                )
            connection.exec_driver_sql(f"UPDATE meta SET noted_at = {mark} WHERE id = 1", (now,))
        return len(fresh), len(gone)

    def publish(self, name: str, body: str) -> int:
        """Keeps a week's, month's or period's pack as its next version, unless the last one says the same; the version in force."""
        mark = "?" if self.engine.dialect.name == "sqlite" else "%s"
        with transaction(self.engine, writing=True) as connection:
            last = connection.exec_driver_sql(
                f"SELECT version, body FROM weekly_close WHERE week = {mark} ORDER BY version DESC LIMIT 1", (name,)
            ).fetchone()
            if last is not None and last[1] == body:
                return int(last[0])
            version = 1 if last is None else int(last[0]) + 1
            connection.exec_driver_sql(
                f"INSERT INTO weekly_close (week, version, closed_at, body) VALUES ({mark}, {mark}, {mark}, {mark})",
                (name, version, to_ms(self.clock()), body),
            )
        return version

    def close(self) -> None:
        self.watch.close()
        if self.at_once is not None:
            self.at_once.close()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Seen(Reads):
    """The ledger behind a veil: it answers the questions of `Reads`, and no others."""

    def __init__(self, ledger: Ledger, veil: Veil) -> None:
        super().__init__(ledger.engine, clock=ledger.clock, veil=veil)
        self._ledger = ledger

    @property
    def whole(self) -> Ledger:
        return self._ledger

    @property
    def prompt(self) -> Reads | None:
        near = self._ledger.at_once
        return None if near is None else _Prompt(self._ledger, self.veil, near)


class _Prompt(_Seen):
    """The same, answered at once: what was written before, and nothing else."""

    def __init__(self, ledger: Ledger, veil: Veil, near: Prompt) -> None:
        super().__init__(ledger, veil)
        self._near = near

    def listed(self, of: Listed, wanted: Wanted = ALL) -> Sequence[Any]:
        if sum(len(w.value) for w in wanted.where if w.is_ == "one of") > FEW:
            raise TooLong  # to write it takes longer than a moment
        return super().listed(of, wanted)

    def _answered(self, text: str, values: Any) -> Sequence[Any]:
        return self._near.answered(text, values)

    def _rows(self, statement: Any) -> Sequence[Any]:
        raise TooLong


def _version(connection: Connection) -> str | None:
    """The version of the tables, asked without alembic, which costs more to import than a whole run."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])
