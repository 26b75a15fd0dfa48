"""Answers as Markdown: tables of what can stand in a cell, and documents of an answer with everything in it that says something."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from ledger.published import Table
from ledger.reading import Columns

SPECIAL = re.compile(r"[\\`*{}\[\]<>|~#&]|(?<!\w)_|_(?!\w)")
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
"""Line breaks, control and direction characters: none of them stands in a cell."""
FIRST = ("headline", "because", "as_of", "data_age_seconds", "coverage", "unknown_share")
"""What stands at the top: the answer, and what it is worth."""
Row = dict[str, Any]


def cell(value: Any) -> str:
    """A value in a cell: text of a tracker is text and no markup."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(cell, value))
    return SPECIAL.sub(r"\\\g<0>", UNSEEN.sub(" ", str(value)))


def write_markdown(table: Table, rows: Iterable[Columns], out: BinaryIO) -> None:
    """A table with every column."""
    out.write(_head(table.names).encode())
    for columns in rows:
        out.write("".join(map(_line, zip(*columns, strict=True))).encode())


def document(title: str, answer: Row) -> str:
    """An answer that is no list: what it is about, then its parts as tables; what is empty is left out."""
    about: Row = {**answer, **(answer["node"] if isinstance(answer.get("node"), dict) else {})}
    title = str(about.get("name") or about.get("organisation") or title)
    first = {k: about[k] for k in FIRST if k in about}
    told = [f"- {_word(k)}: {cell(v)}" for k, v in (first | about).items() if _is_plain(v) and v not in (None, "", [])]
    parts = [_part(k, v) for k, v in answer.items() if isinstance(v, list) and v and not _is_plain(v)]
    return "\n".join([f"# {cell(title)}", "", *told, *parts, ""])


def _part(name: str, rows: Sequence[Row]) -> str:
    names = [n for n in rows[0] if any(_is_plain(r[n]) and r[n] not in (None, "", [], False) for r in rows)]
    return f"\n## {_word(name)}\n\n{_head(names)}{''.join(_line([r[n] for n in names]) for r in rows)}".rstrip()


def _is_plain(value: Any) -> bool:
    """Whether it can stand in a cell."""
    return not isinstance(value, dict) and not (isinstance(value, list) and any(isinstance(v, dict) for v in value))


def _word(name: str) -> str:
    return cell(name.replace("_", " "))


def _head(names: Sequence[str]) -> str:
    return f"{_line([_word(n) for n in names], as_is=True)}{_line(['---'] * len(names), as_is=True)}"


def _line(values: Iterable[Any], *, as_is: bool = False) -> str:
    return f"| {' | '.join(values if as_is else map(cell, values))} |\n"
