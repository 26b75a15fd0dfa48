"""The access keys as the database has them: who asked before is known without asking it again, until anything is written to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar, cast

from ledger.keys import Key
from ledger.store import Ledger

MOST = 4096
"""Secrets that are remembered, wrong ones among them."""
T = TypeVar("T")


class KnownKeys:
    """Safe to share between threads. Of secrets only digests are kept."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._lock = threading.Lock()
        self._state = ""
        self._known: dict[bytes, object] = {}

    def find(self, secret: str) -> Key | None:
        """The key of a secret, in whatever state it is; None where there is none.

        Raises:
            LedgerError: the database does not answer.
        """
        return self._asked(_digest(secret), lambda: self.ledger.keys.find(secret))

    def exist(self) -> bool:
        """Whether a key was ever made.

        Raises:
            LedgerError: as above.
        """
        return self._asked(b"", self.ledger.keys.exist)

    def used(self, key: Key) -> None:
        """Notes that a key was used, unless that was noted a moment ago."""
        self.ledger.keys.used(key)

    def at_once(self, secret: str | None) -> bool:
        """Whether all of this is known of a secret, or of nobody's, without waiting for the database."""
        if not self.ledger.watch.near:
            return False
        state = self.ledger.state()
        with self._lock:
            known = self._known if state == self._state else {}
            key = known.get(_digest(secret)) if secret else None
        return not self.ledger.keys.unnoted(key) if isinstance(key, Key) else not secret and b"" in known

    def _asked(self, name: bytes, ask: Callable[[], T]) -> T:
        state = self.ledger.state()
        with self._lock:
            if state != self._state or len(self._known) > MOST:
                self._state, self._known = state, {}
            if name in self._known:
                return cast(T, self._known[name])
        answer = ask()
        with self._lock:
            if state == self._state:
                self._known[name] = answer
        return answer


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
