"""Writing SOQL: literals, conditions, and a SELECT that fits into an address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote_plus

LONGEST = 14_000
"""Characters of one encoded query: Salesforce's servers refuse an address of about 16 KB."""
AT_ONCE = 200
"""Ids in one list: a fifth of the longest query."""
FIELDS = 6_000
"""Encoded characters of field names in one query, beside a list of ids and a condition."""
ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def moment(at: datetime) -> str:
    """An instant as SOQL takes it: in UTC, unquoted, with milliseconds only where there are some."""
    at = at.astimezone(UTC)
    part = f".{at.microsecond // 1000:03d}" if at.microsecond >= 1000 else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{part}Z"


def quoted(text: str) -> str:
    """A text literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def both(*conditions: str | None) -> str:
    """All of these conditions, each in brackets: SOQL refuses AND beside OR without them."""
    return " AND ".join(f"({c})" for c in conditions if c)


def select(fields: Sequence[str], table: str, where: str = "", order: str = "") -> str:
    """One query."""
    text = f"SELECT {', '.join(fields)} FROM {table}"  # noqa: S608  # SOQL; names are checked against describe
    text += f" WHERE {where}" if where else ""
    return text + (f" ORDER BY {order}" if order else "")


def is_id(ref: str) -> bool:
    """Whether this may stand in a list of ids."""
    return ID.fullmatch(ref) is not None


def lists(refs: Sequence[str], field: str = "Id") -> Iterator[str]:
    """Conditions that name these ids, a few hundred each; what is no id is left out."""
    fit = list(dict.fromkeys(r for r in refs if is_id(r)))
    for start in range(0, len(fit), AT_ONCE):
        yield f"{field} IN ({', '.join(quoted(r) for r in fit[start : start + AT_ONCE])})"


def parts(fields: Sequence[str], standing: Sequence[str], room: int = LONGEST) -> list[list[str]]:
    """The fields in as few SELECTs as fit, each beginning with the standing ones."""
    if len(quote_plus(", ".join([*standing, *fields]))) <= room:
        return [[*standing, *(f for f in fields if f not in standing)]]
    found = [list(standing)]
    for name in (f for f in fields if f not in standing):
        if len(quote_plus(", ".join([*found[-1], name]))) > min(room, FIELDS):
            found.append(list(standing))
        found[-1].append(name)
    return found
