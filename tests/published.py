"""A week, a month and a period of the plan that have closed."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from ledger.store import Ledger
from sync.configuration import Configuration
from sync.longer import closings
from sync.packs import close


class Ahead(Protocol):
    """A clock that can be set ahead."""

    ahead: timedelta


def publish_all(ledger: Ledger, configuration: Configuration, clock: Ahead) -> dict[str, str]:
    """Publishes the running week, month and period as they stand now, as if each had just closed; by kind their names."""
    calendar, now = configuration.calendar, ledger.clock()
    names = {
        "week": calendar.week_at(now),
        "month": f"{calendar.day(now):%Y-%m}",
        "period": configuration.plan.periods[0].key,
    }
    last = max(at for _, at in closings(configuration).values())
    clock.ahead = max(last - now, timedelta(days=32)) + timedelta(days=1)
    try:
        for name in names.values():
            close(ledger, configuration, name)
    finally:
        clock.ahead = timedelta()
    return names
