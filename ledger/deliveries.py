"""What became of each week's digest at each channel: claimed before it is sent, so that no two processes send it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Engine, and_, select, text, update

from ledger.engine import transaction
from ledger.model import from_ms, to_ms
from ledger.tables import DeliveryRow, columns

State = Literal["sending", "sent", "failed", "unsure"]
FIRST_WAIT = timedelta(minutes=5)
"""After a failure; twice as long after each further one."""
MOST_ATTEMPTS = 8
ABANDONED = timedelta(minutes=15)
"""Whoever is sending for longer than this is gone, and nobody knows how far it came."""


FIRST = text(
    "INSERT INTO delivery (week, channel, state, attempts, tried_at, reason) VALUES (:week, :channel, 'sending', 1, :at, '') "
    "ON CONFLICT DO NOTHING"
)


class Delivery(msgspec.Struct, frozen=True):
    """A week's digest at one channel. unsure: it may or may not have arrived, and is not sent again by itself."""

    week: str
    channel: str
    state: State
    attempts: int
    tried_at: datetime
    reason: str


class Deliveries:
    """Each call is a transaction of its own."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self.engine, self.clock = engine, clock

    def claim(self, week: str, channel: str, *, again: bool = False) -> bool:
        """Whether the caller is to send now: nobody has, nobody is, and a failure has waited long enough.

        again: a person wants it sent whatever became of it before.
        """
        now, c = self.clock(), columns(DeliveryRow)
        with transaction(self.engine, writing=True) as connection:
            if connection.execute(FIRST, {"week": week, "channel": channel, "at": to_ms(now)}).rowcount == 1:
                return True
            here = and_(c.week == week, c.channel == channel)
            kept = connection.execute(select(*c).where(here)).one()
            if not again and not self.may_retry(_delivery(kept)):
                return False
            # The row as it was read: of two who read it at once, one changes it and the other finds it changed.
            same = and_(here, c.state == kept.state, c.attempts == kept.attempts, c.tried_at == kept.tried_at)
            taking = {"state": "sending", "attempts": kept.attempts + 1, "tried_at": to_ms(now), "reason": ""}
            return connection.execute(update(DeliveryRow).where(same).values(**taking)).rowcount == 1

    def may_retry(self, kept: Delivery) -> bool:
        """Whether it surely failed, has waited long enough, and not too often."""
        waited = self.clock() - kept.tried_at
        return (
            kept.state == "failed" and kept.attempts < MOST_ATTEMPTS and waited >= FIRST_WAIT * 2 ** (kept.attempts - 1)
        )

    def end(self, week: str, channel: str, state: State, reason: str = "") -> None:
        """Notes what became of a claim."""
        c = columns(DeliveryRow)
        with transaction(self.engine, writing=True) as connection:
            connection.execute(
                update(DeliveryRow).where(c.week == week, c.channel == channel).values(state=state, reason=reason)
            )

    def of(self, week: str) -> list[Delivery]:
        """What became of a week's digest, by channel."""
        c = columns(DeliveryRow)
        self._give_up(week)
        with transaction(self.engine, writing=False) as connection:
            return [_delivery(row) for row in connection.execute(select(*c).where(c.week == week).order_by(c.channel))]

    def _give_up(self, week: str) -> None:
        """Of whoever is sending no more, nobody knows whether it arrived."""
        c = columns(DeliveryRow)
        since = to_ms(self.clock() - ABANDONED)
        with transaction(self.engine, writing=True) as connection:
            connection.execute(
                update(DeliveryRow)
                .where(c.week == week, c.state == "sending", c.tried_at < since)
                .values(state="unsure", reason="it was being sent when the process ended")
            )


def _delivery(row: Any) -> Delivery:
    return Delivery(row.week, row.channel, row.state, row.attempts, from_ms(row.tried_at), row.reason)
