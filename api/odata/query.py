"""The options of an OData question, read and checked: nothing that is not understood is left out silently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from api.odata.protocol import wrong
from ledger.pages import Sort, sorted_by
from ledger.predicate import predicate
from ledger.published import BY_NAME, Relation, Table, WrongQuestion

ALONE = ("$filter", "$select", "$orderby", "$top", "$skip", "$count", "$expand", "$skiptoken", "$format")
WITHIN = ("$filter", "$select", "$orderby", "$top", "$skip", "$expand")
LARGEST = 2**31 - 1


class Asked(msgspec.Struct, frozen=True):
    """What is asked of one table. `selected` is None where all columns are wanted without being named."""

    table: Table
    selected: tuple[str, ...] | None = None
    where: tuple[Any, ...] = ()
    order: tuple[Sort, ...] = ()
    top: int | None = None
    skip: int = 0
    counted: bool = False
    expanded: tuple[tuple[Relation, Asked], ...] = ()
    token: str | None = None
    text: Mapping[str, str] = {}
    """The options as they were written."""

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.names if self.selected is None else self.selected


def pairs(query: bytes) -> dict[str, str]:
    """The options of an address, each once.

    Raises:
        Refusal: one comes twice, or is no UTF-8.
    """
    found: dict[str, str] = {}
    for part in filter(None, query.decode("latin-1").split("&")):
        name, _, value = part.partition("=")
        try:
            name, value = (unquote_plus(t.encode("latin-1").decode(), errors="strict") for t in (name, value))
        except UnicodeDecodeError as error:
            raise wrong(f"the address is not UTF-8: {part[:60]!r}") from error
        if name in found:
            raise wrong(f"{name} comes twice")
        found[name] = value
    return found


def asked(options: Mapping[str, str], table: Table, now: datetime, allowed: Iterable[str] = ALONE) -> Asked:
    """The question that some options ask of a table.

    Raises:
        Refusal: an option is unknown or cannot be used here.
        WrongQuestion: an option names what there is not.
    """
    known = tuple(allowed)
    for name in options:
        if name not in known:
            raise wrong(_unknown(name, known))
    get = options.get
    return Asked(
        table,
        _selected(get("$select"), table),
        (_where(options["$filter"], table, now),) if "$filter" in options else (),
        sorted_by(table, tuple(_order(get("$orderby"), table))),
        _number("$top", options["$top"]) if "$top" in options else None,
        _number("$skip", get("$skip", "0")),
        _claim("$count", get("$count", "false")),
        tuple(_expanded(get("$expand"), table, now)),
        get("$skiptoken"),
        dict(options),
    )


def split(text: str, mark: str) -> list[str]:
    """The text in parts, cut where the mark stands outside of quotes and parentheses.

    Raises:
        Refusal: a quote or parenthesis is left open.
    """
    parts, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == "'"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(character, 0)
        if character == mark and not quoted and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if quoted or depth:
        raise wrong(f"a quote or parenthesis is left open in {text[:80]!r}")
    return [part.strip() for part in parts]


def _unknown(name: str, known: tuple[str, ...]) -> str:
    if f"${name.lower().lstrip('$')}" in known:
        return f"'{name}' is no option: write ${name.lower().lstrip('$')}"
    return f"'{name[:80]}' is no option here: there are {', '.join(known)}"


def _where(text: str, table: Table, now: datetime) -> Any:
    try:
        return predicate(text, table, now=now)
    except WrongQuestion as error:
        raise wrong(f"$filter: {error}") from error


def _selected(text: str | None, table: Table) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = dict.fromkeys(split(text, ","))
    for name in names:
        if name != "*" and table.column(name) is None and table.relation(name) is None:
            raise wrong(f"$select: {table.name} has no column '{name[:80]}'")
    return None if "*" in names else tuple(n for n in names if table.column(n))


def _order(text: str | None, table: Table) -> Iterator[Sort]:
    seen = set()
    for part in split(text, ",") if text is not None else ():
        found = re.fullmatch(r"(\w+)(?:\s+(asc|desc))?", part)
        if found is None or table.column(found[1]) is None:
            raise wrong(f"$orderby: {part[:80]!r} is no column of {table.name}, with asc or desc behind it or neither")
        if found[1] not in seen:
            seen.add(found[1])
            yield Sort(found[1], found[2] == "desc")


def _number(name: str, text: str) -> int:
    if re.fullmatch(r"[0-9]{1,10}", text) is None or int(text) > LARGEST:
        raise wrong(f"{name} is {text[:40]!r}: write a whole number from 0 on")
    return int(text)


def _claim(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise wrong(f"{name} is {text[:40]!r}: write true or false")
    return text == "true"


def _expanded(text: str | None, table: Table, now: datetime) -> Iterator[tuple[Relation, Asked]]:
    seen = set()
    for part in split(text, ",") if text is not None else ():
        name, _, inside = part.partition("(")
        relation = table.relation(name.strip())
        if relation is None:
            known = ", ".join(r.name for r in table.relations) or "nothing"
            raise wrong(f"$expand: {table.name} leads to {known}, not to {part[:80]!r}")
        if relation.name in seen:
            raise wrong(f"$expand: {relation.name} comes twice")
        seen.add(relation.name)
        if inside and not inside.endswith(")"):
            raise wrong(f"$expand: {part[:80]!r} cannot be read")
        yield relation, _within(inside.removesuffix(")"), relation, now)


def _within(text: str, relation: Relation, now: datetime) -> Asked:
    options: dict[str, str] = {}
    for part in filter(None, split(text, ";")):
        name, _, value = part.partition("=")
        if name in options:
            raise wrong(f"$expand: {name} comes twice")
        options[name] = value
    if "$expand" in options:
        raise wrong(f"$expand: {relation.name} is one level; a second is not served: ask {relation.target} itself")
    if not relation.many and set(options) - {"$select"}:
        raise wrong(f"$expand: {relation.name} is one row: $select is all it takes")
    return asked(options, BY_NAME[relation.target], now, WITHIN)
