"""Sessions of people who signed in. The secret is the browser's alone; only its SHA-256 is kept, so that nobody who reads the database gets in."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from ledger.engine import transaction
from ledger.keys import USED_EVERY, digest, note
from ledger.model import from_ms, to_ms
from ledger.tables import SessionRow, columns


class SessionRefused(Exception):
    """There is no such session; the message says why."""


class Identity(msgspec.Struct, frozen=True):
    """Who somebody is, as their identity provider said when they signed in."""

    issuer: str
    email: str
    department: str | None = None
    """None: the provider tells no department."""
    roles: tuple[str, ...] | None = None
    """In the provider's words; None: it tells no roles."""


class Session(msgspec.Struct, frozen=True):
    """One browser of somebody who signed in, without its secret."""

    id: str
    identity: Identity
    created_at: datetime
    seen_at: datetime
    ended_at: datetime | None

    @property
    def who(self) -> str:
        return f"{self.identity.email} ({self.id})"

    def open(self, at: datetime, *, ends_after: float, idle_after: float) -> bool:
        """Whether it still lets somebody in: not ended, and neither its life nor its idle time, in seconds, has passed."""
        ends = min(self.created_at + timedelta(seconds=ends_after), self.seen_at + timedelta(seconds=idle_after))
        return self.ended_at is None and at < ends


class Sessions:
    """Each call is a transaction of its own; what begins or ends a session leaves its line in the audit log with it."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self.engine, self.clock = engine, clock

    def begin(self, identity: Identity, *, instead_of: str = "") -> tuple[Session, str]:
        """A new session and its secret; the one of the secret `instead_of` ends with it."""
        secret, now = secrets.token_urlsafe(32), to_ms(self.clock())
        roles = None if identity.roles is None else msgspec.json.encode(identity.roles).decode()
        row = {
            "id": f"session-{secrets.token_hex(4)}", "hash": digest(secret), "issuer": identity.issuer,
            "email": identity.email, "department": identity.department, "roles": roles, "created_at": now,
            "seen_at": now, "ended_at": None,
        }  # fmt: skip
        c = columns(SessionRow)
        with transaction(self.engine, writing=True) as connection:
            replaced = (c.hash == digest(instead_of), c.ended_at.is_(None))
            connection.execute(update(SessionRow).where(*replaced).values(ended_at=now))
            connection.execute(insert(SessionRow).values(**row))
            made = _sessions(connection, c.id == row["id"])[0]
            note(connection, self.clock(), made.who, "sign in", f"at {identity.issuer}")
        return made, secret

    def find(self, secret: str) -> Session | None:
        """The session of a secret, ended ones too; None where there is none."""
        with transaction(self.engine, writing=False) as connection:
            found = _sessions(connection, columns(SessionRow).hash == digest(secret))
        return found[0] if found else None

    def used(self, session: Session) -> None:
        """Notes that a session is in use, unless that was noted a moment ago: a read must not become a write."""
        now = self.clock()
        if now - session.seen_at >= USED_EVERY:
            with transaction(self.engine, writing=True) as connection:
                c = columns(SessionRow)
                connection.execute(update(SessionRow).where(c.id == session.id).values(seen_at=to_ms(now)))

    def end(self, id: str, *, by: str, what: str) -> Session:  # the domain's word
        """Lets a session in no more, from now on.

        Raises:
            SessionRefused: no session that has not ended has this id.
        """
        now, c = self.clock(), columns(SessionRow)
        with transaction(self.engine, writing=True) as connection:
            found = _sessions(connection, c.id == id)
            if not found or found[0].ended_at is not None:
                raise SessionRefused(f"no session has the id '{id}'" if not found else f"'{id}' has ended already")
            connection.execute(update(SessionRow).where(c.id == id).values(ended_at=to_ms(now)))
            note(connection, now, by, what, found[0].who)
            return _sessions(connection, c.id == id)[0]

    def all(self) -> list[Session]:
        """Every session that has not been ended, the newest first; some may have lapsed since."""
        c = columns(SessionRow)
        with transaction(self.engine, writing=False) as connection:
            return _sessions(connection, c.ended_at.is_(None))


def _sessions(connection: Connection, *conditions: Any) -> list[Session]:
    c = columns(SessionRow)
    rows = connection.execute(select(*c).where(*conditions).order_by(c.created_at.desc(), c.id)).fetchall()
    return [_session(row) for row in rows]


def _session(row: Any) -> Session:
    roles = None if row.roles is None else msgspec.json.decode(row.roles, type=tuple[str, ...])
    return Session(
        row.id, Identity(row.issuer, row.email, row.department, roles), from_ms(row.created_at), from_ms(row.seen_at),
        None if row.ended_at is None else from_ms(row.ended_at),
    )  # fmt: skip
