"""What `sightline doctor` asks Google: credential, sharing, tabs and columns, clock, rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.contract import Finding, SourceChanged
from connectors.findings import asked, clock

if TYPE_CHECKING:
    from connectors.google_sheets.client import SheetsConnector


def examine(sheets: SheetsConnector) -> Sequence[Finding]:
    """Each check in one sentence. Never raises."""
    return asked(sheets, CHECKS)


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
    return clock(sheets.wire)


def _rate(sheets: SheetsConnector) -> str:
    return f"ours: {sheets.wire.policy.rate:g} requests/s; Google allows 60 a minute for one account"


CHECKS = {"sharing": _sharing, "columns": _columns, "rows": _rows, "clock": _clock, "rate budget": _rate}
