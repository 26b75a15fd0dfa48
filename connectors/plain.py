"""Plain values out of any JSON, for every tracker's reader: storable, bounded, never raising."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ledger.text import storable

LONGEST = 50_000
"""Characters of one text that are kept."""


def clean(text: str) -> str:
    """Text as both databases store it, cut at 50,000 characters."""
    if text.isascii() and len(text) <= LONGEST and "\0" not in text:
        return text
    return storable(text[:LONGEST])


def text_or_none(value: Any) -> str | None:
    """A text that is not empty; None for whatever else it is."""
    return clean(value) if isinstance(value, str) and value else None


def number(value: Any) -> bool | int | float | str | None:
    """A number that both databases and JSON can hold; larger ones as text, no-numbers as nothing."""
    if isinstance(value, float) and value - value != 0:  # NaN and infinities
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return str(value) if value.bit_length() < 10_000 else "a number too long to show"
    return value if isinstance(value, bool | int | float) else clean(str(value))


LAST = datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)
"""The last instant that has milliseconds: trackers say it for "never", down to its last microsecond, which nothing behind us can round."""


def iso_instant(value: Any) -> datetime | None:
    """ISO text as an instant in UTC, as such where it names no offset; None for whatever is none."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return None if at is None else min((at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC), LAST)
    except (ValueError, OverflowError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """An object; an empty one for whatever is none."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """A list; an empty one for whatever is none."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> Sequence[dict[str, Any]]:
    """The objects of a list; nothing where it is none."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
