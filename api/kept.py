"""Answers that are made once and lie ready as files, until what they were made of changes.

A file here has no name: it is removed from its folder when it is opened, so that it stays readable for whoever reads it while a newer
one is made, and its room is free again when nobody does, however this process ends.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from hashlib import blake2b
from io import RawIOBase
from typing import Any, BinaryIO, cast

MOST = 4 << 30
"""Bytes that are kept at most; the newest is kept even if it alone has more."""
STEADY = 60.0
"""Seconds for which parts are taken of the same file: who asks for it part by part must not get parts of two."""
Make = Callable[[BinaryIO], None]


class Kept:
    """Some bytes with their strong ETag; the same bytes always have the same one."""

    def __init__(self, fd: int, size: int, digest: str) -> None:
        self.fd, self.size, self.etag = fd, size, f'"{digest}"'
        self.changed_at = datetime.now(UTC).replace(microsecond=0)
        weakref.finalize(self, os.close, fd)

    def read(self, start: int, count: int) -> bytes:
        return os.pread(self.fd, count, start)


class _Place:
    """Where one answer is kept: made by one at a time, while others wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: Kept | None = None
        self.state = ""
        self.checked = self.asked = 0.0


class Keeper:
    """Keeps what was made last of each answer. Safe to share between threads."""

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.clock = most, clock
        self._lock = threading.Lock()
        self._places: dict[Hashable, _Place] = {}

    def get(self, key: Hashable, state: Callable[[], str], make: Make, *, part: bool = False) -> Kept:
        """The answer as it is now, made anew where `state` is no longer what it was made at.

        part: only a part is wanted, which is taken of what was last told, if that was less than a minute ago.
        make: writes the answer; it must read nothing older than what `state` told before.

        Raises:
            OSError: there is no room for it.
        """
        with self._lock:
            place = self._places.setdefault(key, _Place())
            place.asked = self.clock()
        with place.lock:
            if place.kept is None or not (part and self.clock() - place.checked < STEADY):
                self._bring_up_to_date(place, state(), make)
            kept = cast(Kept, place.kept)
        self._make_room(key)
        return kept

    def _bring_up_to_date(self, place: _Place, state: str, make: Make) -> None:
        if place.kept is None or place.state != state:
            made = _made(make)
            if place.kept is None or place.kept.etag != made.etag:
                place.kept = made
        place.state, place.checked = state, self.clock()

    def _make_room(self, newest: Hashable) -> None:
        """Lets go of what was not asked for the longest."""
        with self._lock:
            places = sorted(self._places.items(), key=lambda p: p[1].asked, reverse=True)
            room = self.most
            for key, place in places:
                room -= place.kept.size if place.kept else 0
                if room < 0 and key != newest and not place.lock.locked():
                    del self._places[key]


class _Digesting(RawIOBase):
    """Writes to a file and knows the digest of what was written."""

    def __init__(self, fd: int) -> None:
        self.fd, self.size, self.digest = fd, 0, blake2b(digest_size=16)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = memoryview(data).cast("B")
        self.digest.update(part)
        self.size += len(part)
        left = part
        while left:
            left = left[os.write(self.fd, left) :]
        return len(part)

    def tell(self) -> int:
        return self.size


def _made(make: Make) -> Kept:
    fd, path = tempfile.mkstemp(prefix="sightline-")
    os.unlink(path)
    try:
        out = _Digesting(fd)
        make(cast(BinaryIO, out))
        return Kept(fd, out.size, out.digest.hexdigest())
    except BaseException:  # whatever ends it, an interrupt too: the file is nobody's then; it is raised again
        os.close(fd)
        raise
