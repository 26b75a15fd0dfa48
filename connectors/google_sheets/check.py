"""What `sightline doctor` asks Google: credential, sharing, tabs and columns, clock, rate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connectors.contract import AccessDenied, Finding, SourceChanged, SourceError, SourceUnavailable

if TYPE_CHECKING:
    from connectors.google_sheets.client import SheetsConnector


def examine(sheets: SheetsConnector) -> Sequence[Finding]:
    """Each check in one sentence; stops at the first that leaves nothing to ask. Never raises."""
    found: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            found.append(Finding(name, True, check(sheets)))
        except SourceError as error:
            found.append(Finding(name, False, " - ".join(filter(None, [str(error), error.hint]))))
            if isinstance(error, AccessDenied | SourceUnavailable):
                break
    return found


def _sharing(sheets: SheetsConnector) -> str:
    names = [sheets.file(b.scope.spreadsheet).get("name") for b in sheets.source.bindings]
    shown = ", ".join(f"'{n}'" for n in dict.fromkeys(names))
    return f"{sheets.account or 'the credential'} sees {shown}"


def _columns(sheets: SheetsConnector) -> str:
    drift = [d for b in sheets.source.bindings for d in sheets.table(b).drift]
    if drift:
        raise SourceChanged("; ".join(map(str, drift)))
    return "every mapped column is there"


def _rows(sheets: SheetsConnector) -> str:
    unreadable = [u for b in sheets.source.bindings for u in sheets.table(b).unreadable]
    if unreadable:
        raise SourceChanged("; ".join(map(str, unreadable[:5])))
    return f"{sum(len(sheets.table(b).records) for b in sheets.source.bindings)} rows have a key of their own"


def _clock(sheets: SheetsConnector) -> str:
    server = sheets.wire.server_time
    if server is None:
        return "the server tells no time"
    skew = abs((datetime.now(UTC) - server).total_seconds())
    if skew > 60:
        raise SourceError(f"this machine's clock and Google's differ by {skew:.0f} s", hint="set the clock by NTP")
    return f"within {skew:.0f} s of Google's"


def _rate(sheets: SheetsConnector) -> str:
    return f"ours: {sheets.wire.policy.rate:g} requests/s; Google allows 60 a minute for one account"


CHECKS = {"sharing": _sharing, "columns": _columns, "rows": _rows, "clock": _clock, "rate budget": _rate}
