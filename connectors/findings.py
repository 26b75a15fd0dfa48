"""How `sightline doctor` asks any tracker: its checks in order, each answered in one sentence. What is asked stands in each `check.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from connectors.contract import AccessDenied, Finding, SourceError, SourceUnavailable

if TYPE_CHECKING:
    from connectors.wire import Wire

C = TypeVar("C")
SKEW_SECONDS = 60


def asked(connector: C, checks: Mapping[str, Callable[[C], str]]) -> Sequence[Finding]:
    """What each check found; stops at the first that leaves nothing to ask. A check tells what is wrong by a `SourceError`."""
    found: list[Finding] = []
    for name, check in checks.items():
        try:
            found.append(Finding(name, True, check(connector)))
        except SourceError as error:
            found.append(Finding(name, False, " - ".join(filter(None, [str(error), error.hint]))))
            if isinstance(error, AccessDenied | SourceUnavailable):
                break
    return found


def clock(wire: Wire) -> str:
    """How far this machine's clock lies from that of the last answer's server.

    Raises:
        SourceError: further than `SKEW_SECONDS`.
    """
    server = wire.server_time
    if server is None:
        return "the server tells no time"
    skew = abs((datetime.now(UTC) - server).total_seconds())
    if skew > SKEW_SECONDS:
        raise SourceError(f"this machine's clock and the server's differ by {skew:.0f} s", hint="set the clock by NTP")
    return f"within {skew:.0f} s of the server's"
