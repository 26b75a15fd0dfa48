"""Instants as they are asked for: with an offset, of the time of which anything is known."""

from __future__ import annotations

from datetime import datetime, timedelta

from api.deps import WrongInstant
from api.v1.shapes_plan import EXAMPLE
from ledger.read import Reads


def instant(given: datetime | None, ledger: Reads, name: str = "as_of") -> datetime | None:
    """The instant that a parameter names; None where it is left out.

    Raises:
        WrongInstant: it has no offset, or lies before 1970 or in the future.
    """
    if given is None:
        return None
    if given.tzinfo is None:
        raise WrongInstant(f"{name} needs an offset, for example {EXAMPLE} (write + as %2B in an address)")
    if given.year < 1970:
        raise WrongInstant(f"{name} {given.isoformat()} lies before 1970, and so before anything that is known")
    if given > ledger.clock() + timedelta(minutes=5):
        raise WrongInstant(f"{name} {given.isoformat()} lies in the future")
    return given
