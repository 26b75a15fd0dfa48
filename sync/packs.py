"""Everything that is published, by name: weeks ("2026-W47"), months ("2026-11") and the plan's periods ("2026-Q4", "2026-Q4-mid")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Literal

from ledger.store import Ledger
from sync.closing import Pack, close_week, is_week, published
from sync.configuration import Configuration
from sync.longer import MonthPack, QuarterPack, close_month, close_period, closings, month_pack, quarter_pack
from sync.versions import NotClosedYet, versions

AnyPack = Pack | MonthPack | QuarterPack
Kind = Literal["week", "month", "period"]
YEAR = 12
"""Months that are looked back at."""
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def kind_of(name: str) -> Kind:
    """What a pack's name is a name of; what reads as a week or a month is one, everything else a period's."""
    return "week" if is_week(name) else "month" if MONTH.fullmatch(name) else "period"


def close(ledger: Ledger, configuration: Configuration, name: str | None = None, *, restate: bool = True) -> AnyPack:
    """Publishes a week, month or period; the last week that closed where none is named.

    Raises:
        NotClosedYet: it is not over, or nothing was known of it, or there is no such thing.
    """
    if name is None or is_week(name):
        return close_week(ledger, configuration, name, restate=restate)
    if kind_of(name) == "month":
        return close_month(ledger, configuration, name, restate=restate)
    return close_period(ledger, configuration, name, restate=restate)


def close_due(ledger: Ledger, configuration: Configuration) -> list[AnyPack]:
    """Publishes the week that closed last, and every month and period that has closed and not settled yet; what stands now of them."""
    found: list[AnyPack] = []
    closed = [name for name, (_, at) in closings(configuration).items() if at <= ledger.clock()]
    periods = [name for name in closed if not _settled(ledger, name)]
    for name in (None, *_months(ledger, configuration), *periods):
        with suppress(NotClosedYet):  # from before anything was read
            found.append(close(ledger, configuration, name, restate=False))
    return found


def _months(ledger: Ledger, configuration: Configuration) -> list[str]:
    """Months that have closed since the last one that has settled; oldest first, a year at most."""
    names: list[str] = []
    day = configuration.calendar.day(ledger.clock())
    while len(names) < YEAR:
        day = day.replace(day=1) - timedelta(days=1)
        if _settled(ledger, f"{day:%Y-%m}"):
            break
        names.insert(0, f"{day:%Y-%m}")
    return names


def _settled(ledger: Ledger, name: str) -> bool:
    return any(not p.provisional for p in packs(ledger, name))


def packs(ledger: Ledger, name: str) -> Sequence[AnyPack]:
    """Every version of one pack, oldest first; none where it was never published."""
    kind = kind_of(name)
    if kind == "week":
        return published(ledger, name)
    return versions(ledger, name, month_pack) if kind == "month" else versions(ledger, name, quarter_pack)
