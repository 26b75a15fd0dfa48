"""Answers that lie ready in memory, the ones that were asked for last, within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import msgspec

from ledger.veil import Bound

MOST = 64 << 20
"""Bytes of bodies that are kept at most."""
LARGEST = 1 << 20
"""Bytes of a body that is kept at most: of a larger one only the tag is."""
ENTRY = 1 << 10
"""Bytes that an answer counts for beside its body."""


class Told(msgspec.Struct, frozen=True):
    """An answer that was made: its tag, how it is sent, and the confidential bindings that it tells of. body None: it was too large to keep."""

    tag: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None
    met: frozenset[Bound]
    route: object
    """What made it."""

    @property
    def weight(self) -> int:
        return ENTRY + len(self.body or b"")


class Shelf:
    """Safe to share between threads."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._told: OrderedDict[Hashable, tuple[Hashable, Told]] = OrderedDict()
        self._weight = 0

    def get(self, key: Hashable, under: Hashable) -> Told | None:
        """What was told to `key`, where it was made under just this; what was made under anything else is let go of."""
        with self._lock:
            made = self._told.get(key)
            if made is None:
                return None
            if made[0] != under:
                self._drop(key)
                return None
            self._told.move_to_end(key)
            return made[1]

    def put(self, key: Hashable, under: Hashable, told: Told) -> None:
        """Keeps an answer, and lets go of those that were not asked for the longest."""
        with self._lock:
            if key in self._told:
                self._drop(key)
            self._told[key] = (under, told)
            self._weight += told.weight
            while self._weight > self.most:
                self._drop(next(iter(self._told)))

    def _drop(self, key: Hashable) -> None:
        self._weight -= self._told.pop(key)[1].weight
