"""How packs count and call things."""

from __future__ import annotations

from ledger.model import Health


def many(count: int, one: str) -> str:
    """A count of things, in words."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def word(health: Health) -> str:
    """A health, in words."""
    return str(health).replace("_", " ")
