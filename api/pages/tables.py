"""A page's tables as CSV, and the whole page as Markdown."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from api.files.formats import disarmed


class Table(msgspec.Struct, frozen=True):
    """Rows of values; columns are called as in the page's JSON."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def table(caption: str, columns: str, objects: Iterable[Any]) -> Table:
    """Objects as rows: columns are their fields, with spaces between."""
    names = tuple(columns.split())
    return Table(caption, names, tuple(tuple(getattr(o, name) for name in names) for o in objects))


def as_csv(shown: Table) -> bytes:
    """RFC 4180 in UTF-8; texts that a spreadsheet would execute are disarmed."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(shown.columns)
    writer.writerows([disarmed(text) for text in map(_text, row)] for row in shown.rows)
    return out.getvalue().encode()


def as_markdown(title: str, lead: Sequence[str], tables: Sequence[Table]) -> bytes:
    """A heading, the answer in sentences, and every table that has rows."""
    return "\n".join(_markdown(title, lead, tables)).encode()


def _markdown(title: str, lead: Sequence[str], tables: Sequence[Table]) -> Iterator[str]:
    yield f"# {plain(title)}\n"
    for sentence in lead:
        yield f"{plain(sentence)}\n"
    for shown in (t for t in tables if t.rows):
        yield f"## {plain(shown.caption)}\n"
        yield f"| {' | '.join(plain(c.replace('_', ' ')) for c in shown.columns)} |"
        yield f"|{' --- |' * len(shown.columns)}"
        yield from (f"| {' | '.join(plain(_text(v)) for v in row)} |" for row in shown.rows)
        yield ""


def plain(text: str) -> str:
    """Text of whoever wrote it, without a meaning of its own in Markdown or HTML."""
    marked = re.sub(r"([\\`*_\[\]#|~])", r"\\\1", re.sub(r"\s+", " ", text))
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "; ".join(map(_text, value))
    if isinstance(value, dict):
        return "; ".join(f"{k} {_text(v)}" for k, v in value.items() if v)
    return str(value)
