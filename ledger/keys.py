"""Access keys, and the log of who did and read what. A key is shown once, when it is made; only its SHA-256 is kept."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from ledger.engine import transaction
from ledger.model import from_ms, to_ms
from ledger.tables import ApiKeyRow, AuditRow, columns
from ledger.watch import Watch

PREFIX = "sl_live_"
AT_ONCE = 2
"""Active keys of one name: the one in use, and the one that takes its place."""
USED_EVERY = timedelta(minutes=1)
"""Last use is noted at most this often: a read must not become a write."""


class KeyRefused(Exception):
    """There can be no such key, or there is none; the message says why."""


class Key(msgspec.Struct, frozen=True):
    """An access key without its secret. `departments` None: every department's confidential rows."""

    id: str
    name: str
    starts: str
    """What every key starts with."""
    last4: str
    scopes: tuple[str, ...]
    departments: tuple[str, ...] | None
    person: str
    """Whose key it is, by people.yaml: who decides with it. "" where it is a program's."""
    in_url: bool
    """Whether it may stand in an address as ?key=..."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def active(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def state(self, at: datetime) -> str:
        """active, expired or revoked"""
        return "active" if self.active(at) else "expired" if self.revoked_at is None else "revoked"


class Act(msgspec.Struct, frozen=True):
    """Who did or read what, and when."""

    at: datetime
    who: str
    what: str
    subject: str


class Keys:
    """The access keys. Each call is a transaction of its own; making and revoking one leave their line in the audit log with it."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self.engine, self.clock = engine, clock

    def create(
        self,
        name: str,
        *,
        scopes: Sequence[str],
        departments: Sequence[str] | None = None,
        person: str = "",
        expires_at: datetime | None = None,
        in_url: bool = False,
        by: str,
    ) -> tuple[Key, str]:
        """A new key, and its secret, which nobody can ever ask for again.

        Raises:
            KeyRefused: the name has two active keys.
        """
        secret, now = PREFIX + secrets.token_urlsafe(32), self.clock()
        with transaction(self.engine, writing=True) as connection:
            rivals = [k for k in _keys(connection, columns(ApiKeyRow).name == name) if k.active(now)]
            if len(rivals) >= AT_ONCE:
                raise KeyRefused(
                    f"'{name}' has two active keys, {' and '.join(k.id for k in rivals)}: revoke the one that is not used any more"
                )
            row = {
                "id": f"key-{secrets.token_hex(4)}", "hash": digest(secret), "last4": secret[-4:], "name": name,
                "scopes": " ".join(scopes), "departments": None if departments is None else " ".join(departments),
                "person": person, "in_url": in_url, "created_at": to_ms(now), "expires_at": to_ms(expires_at) if expires_at else None,
                "revoked_at": None, "last_used_at": None,
            }  # fmt: skip
            connection.execute(insert(ApiKeyRow).values(**row))
            made = _keys(connection, columns(ApiKeyRow).id == row["id"])[0]
            note(connection, now, by, "keys create", f"{made.id} {name}: {_extent(made)}")
        return made, secret

    def all(self) -> list[Key]:
        """Every key that was ever made, oldest first."""
        with transaction(self.engine, writing=False) as connection:
            return _keys(connection)

    def exist(self) -> bool:
        """Whether a key was ever made: from then on nobody is let in without one, also when all have expired."""
        with transaction(self.engine, writing=False) as connection:
            return connection.execute(select(columns(ApiKeyRow).id).limit(1)).first() is not None

    def active(self) -> list[Key]:
        """The keys that let somebody in now."""
        now = self.clock()
        return [k for k in self.all() if k.active(now)]

    def find(self, secret: str) -> Key | None:
        """The key of a secret, in whatever state it is; None where there is none."""
        # 256 random bits need no slow hash: there is nothing to guess.
        hashed, c = digest(secret), columns(ApiKeyRow)
        with transaction(self.engine, writing=False) as connection:
            row = connection.execute(select(*c).where(c.hash == hashed)).first()
        return _key(row) if row is not None and hmac.compare_digest(str(row.hash), hashed) else None

    def revoke(self, id: str, *, by: str) -> Key:  # the domain's word
        """Lets a key in no more, from now on.

        Raises:
            KeyRefused: no active key has this id.
        """
        now, c = self.clock(), columns(ApiKeyRow)
        with transaction(self.engine, writing=True) as connection:
            found = _keys(connection, c.id == id)
            if not found or found[0].revoked_at is not None:
                raise KeyRefused(f"no key has the id '{id}'" if not found else f"'{id}' is revoked already")
            connection.execute(update(ApiKeyRow).where(c.id == id).values(revoked_at=to_ms(now)))
            note(connection, now, by, "keys revoke", f"{id} {found[0].name}")
            return _keys(connection, c.id == id)[0]

    def used(self, key: Key) -> None:
        """Notes that a key was used, unless that was noted a moment ago."""
        if self.unnoted(key):
            now, c = self.clock(), columns(ApiKeyRow)
            with transaction(self.engine, writing=True) as connection:
                connection.execute(update(ApiKeyRow).where(c.id == key.id).values(last_used_at=to_ms(now)))

    def unnoted(self, key: Key) -> bool:
        """Whether it was not noted a moment ago that a key was used."""
        return key.last_used_at is None or self.clock() - key.last_used_at >= USED_EVERY


class Audit:
    """Who did and read what. Only ever added to."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime], watch: Watch) -> None:
        self.engine, self.clock, self._watch = engine, clock, watch

    def read(self, who: str, what: str) -> None:
        """Notes that confidential rows were read. No answer tells of it, so what is kept of answers is as good after it as before."""
        values = (to_ms(self.clock()), who, "read", what)
        if not self._watch.quietly("INSERT INTO audit (at, who, what, subject) VALUES (?, ?, ?, ?)", values):
            self.note(who, "read", what)

    def note(self, who: str, what: str, subject: str) -> None:
        with transaction(self.engine, writing=True) as connection:
            note(connection, self.clock(), who, what, subject)

    def acts(self, limit: int = 100) -> list[Act]:
        """The latest acts, newest first."""
        c = columns(AuditRow)
        with transaction(self.engine, writing=False) as connection:
            rows = connection.execute(select(*c).order_by(c.id.desc()).limit(limit)).fetchall()
        return [Act(from_ms(r.at), r.who, r.what, r.subject) for r in rows]


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode()).hexdigest()


def note(connection: Connection, at: datetime, who: str, what: str, subject: str) -> None:
    """Writes a line of the audit log within a transaction."""
    connection.execute(insert(AuditRow).values(at=to_ms(at), who=who, what=what, subject=subject))


def _extent(key: Key) -> str:
    """What a key opens, in words."""
    whose = "all departments" if key.departments is None else ", ".join(key.departments) or "no department"
    until = f", until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else ""
    person = f" as {key.person}" if key.person else ""
    return f"{', '.join(key.scopes)}{person} for {whose}{until}{', in addresses' if key.in_url else ''}"


def _keys(connection: Connection, *conditions: Any) -> list[Key]:
    c = columns(ApiKeyRow)
    rows = connection.execute(select(*c).where(*conditions).order_by(c.created_at, c.id)).fetchall()
    return [_key(row) for row in rows]


def _key(row: Any) -> Key:
    def at(ms: int | None) -> datetime | None:
        return None if ms is None else from_ms(ms)

    return Key(
        row.id, row.name, PREFIX, row.last4, tuple(row.scopes.split()),
        None if row.departments is None else tuple(row.departments.split()), row.person, row.in_url,
        from_ms(row.created_at), at(row.expires_at), at(row.revoked_at), at(row.last_used_at),
    )  # fmt: skip
