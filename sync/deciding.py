"""Decisions and annotations as of an instant: those of the plan's file and those recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ledger.model import Decision
from ledger.store import Ledger
from signals.deciding import Spoken, followed
from sync.configuration import Configuration


def decisions_at(
    ledger: Ledger, configuration: Configuration, at: datetime, basis: Literal["known", "happened"] = "happened"
) -> list[Decision]:
    """Every decision made by an instant, superseded ones too, those of the file first.

    basis: known, as recorded by then; happened, as recorded by now.
    """
    recorded = ledger.decisions.recorded(until=at if basis == "known" else None)
    today = configuration.calendar.day(at)
    return [d for d in (*configuration.plan.decisions, *recorded) if d.decided_on <= today]


def spoken_at(
    ledger: Ledger, configuration: Configuration, at: datetime, basis: Literal["known", "happened"] = "happened"
) -> Spoken:
    """What people decided and said by an instant."""
    today = configuration.calendar.day(at)
    decisions = decisions_at(ledger, configuration, at, basis)
    told = followed(decisions, ledger.decisions.outcomes(until=at), today)
    return Spoken(told, tuple(ledger.decisions.annotations(until=at)), today)
