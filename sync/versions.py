"""How packs are published: as known when they settle, never overwritten; what is known better later is another version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from ledger.store import Ledger
from sync.configuration import Configuration


class NotClosedYet(Exception):
    """It is not over, or there is no such week, month or period; the message says what to do."""


class Version(Protocol):
    """What every pack says of itself."""

    @property
    def settles_at(self) -> datetime: ...
    @property
    def provisional(self) -> bool: ...
    @property
    def restated(self) -> tuple[str, ...]: ...


V = TypeVar("V", bound=Version)


def settling(configuration: Configuration) -> timedelta:
    """How long after a close the sources may still tell of what was before it."""
    return timedelta(days=max((s.entry.settle_days for s in configuration.sources), default=2))


def over(ledger: Ledger, configuration: Configuration, name: str, closes: datetime) -> datetime:
    """When something settles that is over.

    Raises:
        NotClosedYet: it is not, or nothing was read by the time when it settled.
    """
    settles = closes + settling(configuration)
    if closes > ledger.clock():
        raise NotClosedYet(f"{name} closes at {closes:%Y-%m-%d %H:%M} UTC")
    if configuration.sources and not any(ledger.good_runs(s.key, at=settles) for s in configuration.sources):
        raise NotClosedYet(
            f"nothing was read by {settles:%Y-%m-%d %H:%M} UTC, when {name} settled: it would say nothing"
        )
    return settles


def publish(
    ledger: Ledger,
    name: str,
    settles: datetime,
    earlier: Sequence[V],
    make: Callable[[datetime], V],
    said: Callable[[V], set[tuple[str, str]]],
    *,
    restate: bool,
) -> V:
    """Publishes what `make` tells of an instant of knowing, unless what is published stands; the version in force.

    said: (node or section, what a version says of it). restate: what has settled is held against what is known now.
    """
    now = ledger.clock()
    settled = any(not p.provisional for p in earlier)
    if earlier and not restate and (settled or now < earlier[-1].settles_at):
        return earlier[-1]
    made = make(now if settled else min(settles, now))
    if earlier:
        differ = {key for key, _ in said(earlier[-1]) ^ said(made)} | set(earlier[-1].restated)
        made = _with(made, restated=tuple(sorted(differ)))
    return _with(made, version=ledger.publish(name, msgspec.json.encode(made).decode()))


def versions(ledger: Ledger, name: str, decode: Callable[[str], V]) -> list[V]:
    """Every version of what was published under a name, oldest first."""
    return [_with(decode(body), version=version) for _, version, _, body in ledger.closes(name)]


def _with(pack: V, **changes: Any) -> V:
    changed: V = msgspec.structs.replace(pack, **changes)  # type: ignore[type-var]  # every pack is a struct
    return changed


def rows_of(page: msgspec.Struct) -> Iterator[tuple[str, str]]:
    """(what a row or sentence of a page is about, what it says): its node or department, else its section."""
    sections = {name: told for name, told in msgspec.to_builtins(page).items() if isinstance(told, list | tuple | str)}
    for section, told in sections.items():
        for row in [told] if isinstance(told, str) else told:
            yield _about(row) or section, f"{section} {msgspec.json.encode(row).decode()}"


ABOUT = ("node", "subject", "key_result", "department")
"""Names of what rows are about."""


def _about(row: Any) -> str:
    parts: Iterable[Any] = (row, row.get("trace")) if isinstance(row, dict) else ()
    return next((str(p[name]) for p in parts if isinstance(p, dict) for name in ABOUT if p.get(name)), "")
