"""What an OData address names: a set, a row by its key, a column of it, or the rows that it leads to."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import msgspec

from api.odata.protocol import missing, wrong
from api.odata.query import split
from ledger.predicate import constant
from ledger.published import BY_NAME, Column, Relation, Table, WrongQuestion


class Address(msgspec.Struct, frozen=True):
    """`key` is None for a whole set; `tail` is "$count", "$value" or ""."""

    table: Table
    key: dict[str, Any] | None = None
    relation: Relation | None = None
    column: Column | None = None
    tail: str = ""


def address(path: str) -> Address:
    """Reads a path below the service's root, still percent-encoded.

    Raises:
        Refusal: it names nothing that there is, or cannot be read.
    """
    first, *rest = _segments(path)
    found = re.fullmatch(r"(\w+)(?:\((.*)\))?", first, re.S)
    table = BY_NAME.get(found[1]) if found else None
    if found is None or table is None:
        raise missing(f"there is no '{first[:80]}' here: there are {', '.join(BY_NAME)}")
    if found[2] is None:
        if rest not in ([], ["$count"]):
            raise missing(f"'{rest[0][:80]}' is nothing below a whole set: there is $count")
        return Address(table, tail="".join(rest))
    return _below(table, _key(found[2], table), rest)


def _below(table: Table, key: dict[str, Any], rest: list[str]) -> Address:
    if not rest:
        return Address(table, key)
    name, *tail = rest
    column, relation = table.column(name), table.relation(name)
    allowed = "$value" if column else "$count" if relation and relation.many else None
    if (column is None and relation is None) or tail not in ([], [allowed]):
        raise missing(f"'{'/'.join(rest)[:80]}' is nothing below a row of {table.name}")
    return Address(table, key, relation, column, "".join(tail))


def _segments(path: str) -> list[str]:
    """The parts between slashes, decoded. A slash within quotes belongs to a key, even where it is not encoded."""
    parts: list[str] = []
    try:
        for raw in path.split("/"):
            part = unquote(raw, errors="strict")
            if parts and parts[-1].count("'") % 2:
                parts[-1] += "/" + part
            else:
                parts.append(part)
    except UnicodeDecodeError as error:
        raise wrong("the address is not UTF-8") from error
    return parts


def _key(text: str, table: Table) -> dict[str, Any]:
    """The values of a key: ('x') where it is one column, (a='x',b=1) otherwise."""
    parts = split(text, ",")
    if len(table.key) == 1 and len(parts) == 1 and not re.match(r"\w+\s*=", parts[0]):
        parts = [f"{table.key[0]}={parts[0]}"]
    values = {name.strip(): value for name, _, value in (part.partition("=") for part in parts)}
    if set(values) != set(table.key) or len(parts) != len(table.key):
        raise wrong(f"the key of {table.name} is ({','.join(f'{name}=...' for name in table.key)})")
    return {name: _value(table, name, values[name]) for name in table.key}


def _value(table: Table, name: str, text: str) -> Any:
    column = table.column(name)
    try:
        kind, value = constant(text)
    except WrongQuestion as error:
        raise wrong(f"the key of {table.name}: {error}") from error
    if column is None or kind != column.kind or (kind == "int" and abs(value) >= 2**31):
        raise wrong(f"the key of {table.name}: {name} is no {kind} like {text[:40]}")
    return value
