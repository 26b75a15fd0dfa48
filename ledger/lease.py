"""The right to write one source: a lease with an epoch, checked by the database's clock in every writing transaction.

A lock alone is no mutual exclusion: a paused process wakes up and still believes it holds it. The epoch fences it out.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from ledger.engine import NOW_MS
from ledger.model import from_ms


class Lease(msgspec.Struct, frozen=True):
    source: str
    epoch: int
    ttl_ms: int


class LeaseHeld(Exception):
    """Another process is writing this source: `holder`, as it named itself."""

    def __init__(self, message: str, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class FencedOut(Exception):
    """This process lost its lease while it was away; it wrote nothing."""


def take(connection: Connection, source: str, holder: str, ttl_seconds: float, instead_of: str | None = None) -> Lease:
    """Takes the lease if it is free, run out, or still held by `instead_of`, who is known to be dead; raises LeaseHeld otherwise."""
    now, mark = NOW_MS[connection.dialect.name], _mark(connection)
    ttl = int(ttl_seconds * 1000)
    connection.exec_driver_sql(
        f"INSERT INTO lease (source, epoch, holder, until) VALUES ({mark}, 0, '', 0) ON CONFLICT DO NOTHING",
        (source,),
    )
    row = connection.exec_driver_sql(
        f"UPDATE lease SET epoch = epoch + 1, holder = {mark}, until = {now} + {mark} "
        f"WHERE source = {mark} AND (until < {now} OR holder = {mark}) RETURNING epoch",
        (holder, ttl, source, instead_of),
    ).fetchone()
    if row is not None:
        return Lease(source, row[0], ttl)
    held = connection.exec_driver_sql(f"SELECT holder, until FROM lease WHERE source = {mark}", (source,)).fetchone()
    who, until = (held[0], from_ms(held[1]).strftime("%H:%M:%S UTC")) if held else ("another process", "now")
    raise LeaseHeld(f"{source} is being synced by {who} (its lease ends at {until} unless renewed)", who)


def fence(connection: Connection, lease: Lease) -> None:
    """First statement of every writing transaction: renews the lease, or stops a holder that lost it."""
    now, mark = NOW_MS[connection.dialect.name], _mark(connection)
    done = connection.exec_driver_sql(
        f"UPDATE lease SET until = {now} + {mark} WHERE source = {mark} AND epoch = {mark} AND until > 0",
        (lease.ttl_ms, lease.source, lease.epoch),
    )
    if done.rowcount != 1:
        raise FencedOut(f"{lease.source}: another process took over while this one was away; nothing was written")


def release(connection: Connection, lease: Lease) -> None:
    """Ends the lease at once if it is still ours."""
    mark = _mark(connection)
    connection.exec_driver_sql(
        f"UPDATE lease SET until = 0 WHERE source = {mark} AND epoch = {mark}",
        (lease.source, lease.epoch),
    )


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"
