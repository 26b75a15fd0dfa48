"""Pure: one page of Notion (and the department's field map) to one RawRecord."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from connectors.contract import RawRecord, Said, UnreadableRecord, Words
from connectors.notion.values import Categories, Unfit, plain, plain_text, said, unique
from connectors.plain import clean, iso_instant, objects, text_or_none

FEW = 25
"""Notion shows this many references of a property within a page, and no more."""
PAGED = frozenset({"relation", "people", "title", "rich_text"})


Option = tuple[str, str, str | None]
"""(id, name, colour) of a status or select option."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a data source's schema."""

    id: str
    name: str
    type: str
    options: tuple[Option, ...] = ()
    categories: Categories = field(default_factory=dict)
    """Option id to category, where the groups tell one."""
    over: str | None = None
    """A rollup's relation: the id of the property it runs over."""
    percent: bool = False
    """A number that is shown as a percentage: 0.45 is 45 %."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What to look for in the pages of one data source."""

    source: str
    scope: str
    """The data source's id."""
    roles: Mapping[str, Property]
    number: str | None = None
    """The id of its unique_id property, where that has a prefix: PROD-12 is a name that people use."""

    @property
    def wanted(self) -> list[str]:
        """The property ids to ask for: the title, what the mapping reads, and what decides whether that is whole."""
        over = [p.over for p in self.roles.values() if p.over]
        number = [self.number] if self.number else []
        return list(dict.fromkeys(["title", *(p.id for p in self.roles.values()), *over, *number]))


def read(page: Any, shape: Shape) -> RawRecord:
    """One page as answered (parsed JSON) to one record.

    Raises:
        UnreadableRecord: it lacks its id or its properties, or they are not of their type.
    """
    ref, properties = _identity(page, shape.source)
    by_id = {same(p["id"]): p for p in properties.values() if isinstance(p, dict) and isinstance(p.get("id"), str)}
    problems: list[str] = []
    fields: dict[str, Words] = {}
    for role, wanted in shape.roles.items():
        try:
            if (value := by_id.get(same(wanted.id))) is not None:
                words = said(value, role, wanted.categories)
                fields[role] = tuple(map(_as_shown, words)) if wanted.percent else words
        except Unfit as error:
            problems.append(clean(f"property '{wanted.name}' {error}: {role} was not read"))
    title = _title(by_id) or ref
    counted = by_id.get(same(shape.number)) if shape.number else None
    return RawRecord(
        ref=ref,
        scope=scope_of(page) or shape.scope,
        key=(unique(counted.get("unique_id")) if counted else None) or title,
        title=title,
        url=text_or_none(page.get("url")) or f"https://www.notion.so/{ref}",
        created_at=iso_instant(page.get("created_time")),
        updated_at=iso_instant(page.get("last_edited_time")),
        fields=fields,
        problems=tuple(problems),
    )


def _as_shown(word: Said) -> Said:
    """A percentage as people see it."""
    shown = isinstance(word.value, int | float) and not isinstance(word.value, bool)
    return Said(round(float(word.value) * 100, 10)) if shown else word  # type: ignore[arg-type]  # a number, as just asked


def _identity(page: Any, source: str) -> tuple[str, dict[str, Any]]:
    ref = ref_of(page)
    properties = page.get("properties") if isinstance(page, dict) else None
    if ref is None or not isinstance(properties, dict):
        sentence = f"page {ref or '?'} came without its id or its properties: it is left out"
        raise UnreadableRecord(sentence[:200], source=source)
    return ref, properties


def ref_of(page: Any) -> str | None:
    """A page's id, which stays when it moves or is renamed."""
    ref = page.get("id") if isinstance(page, dict) else None
    return plain(ref) or None if isinstance(ref, str) else None


def scope_of(page: Any) -> str | None:
    """The data source that a page is a row of; None for a page that is no row."""
    parent = page.get("parent") if isinstance(page, dict) else None
    return text_or_none(parent.get("data_source_id")) if isinstance(parent, dict) else None


def trashed(thing: Any) -> bool:
    """Whether a page, database or data source lies in the trash: the older word is `archived`, the newer `in_trash`."""
    return isinstance(thing, dict) and (thing.get("in_trash") is True or thing.get("archived") is True)


def same(property_id: str) -> str:
    """A property's id in the one form in which two of them compare: answers write it encoded, schemas sometimes not."""
    return unquote(property_id)


def _title(by_id: Mapping[str, Mapping[str, Any]]) -> str:
    titled = by_id.get("title") or next((p for p in by_id.values() if p.get("type") == "title"), {})
    return " ".join(plain_text(titled.get("title")).split())


def read_all(pages: Sequence[Any], shape: Shape) -> tuple[list[RawRecord], list[UnreadableRecord]]:
    """Every page of an answer, the unreadable ones beside."""
    records, unreadable = [], []
    for page in pages:
        try:
            records.append(read(page, shape))
        except UnreadableRecord as error:
            unreadable.append(error)
    return records, unreadable


# -- properties that came cut off -------------------------------------------------------------------------------------


def cut_off(page: Any, shape: Shape) -> list[str]:
    """The ids, as answered, of mapped properties of which the page may hold only the beginning."""
    properties = page.get("properties") if isinstance(page, dict) else None
    held = [p for p in properties.values() if isinstance(p, dict)] if isinstance(properties, dict) else []
    by_id = {same(p["id"]): p for p in held if isinstance(p.get("id"), str)}
    found = []
    for wanted in shape.roles.values():
        value = by_id.get(same(wanted.id))
        over = by_id.get(same(wanted.over)) if wanted.over else None
        if value is not None and _is_cut(value, over) and value["id"] not in found:
            found.append(value["id"])
    return found


def _is_cut(value: Mapping[str, Any], over: Mapping[str, Any] | None) -> bool:
    kind = value.get("type")
    inner = value.get(kind) if isinstance(kind, str) else None
    if kind == "rollup":
        entries = inner.get("array") if isinstance(inner, dict) else None
        many = isinstance(entries, list) and len(entries) >= FEW
        return (
            many
            or (over or {}).get("has_more") is True
            or (isinstance(inner, dict) and inner.get("type") == "incomplete")
        )
    if value.get("has_more") is True:
        return True
    return kind in PAGED - {"relation"} and isinstance(inner, list) and len(inner) >= FEW


def completed(page: dict[str, Any], property_id: str, items: Sequence[Any], told: Any) -> dict[str, Any]:
    """The page with one property whole.

    items: every property item of its list. told: the list's own `property_item`, which holds a rollup's result.
    """
    properties = page.get("properties")
    whole = {}
    for name, value in properties.items() if isinstance(properties, dict) else ():
        mine = isinstance(value, dict) and value.get("id") == property_id
        whole[name] = _whole(value, items, told) if mine else value
    return {**page, "properties": whole}


def _whole(value: dict[str, Any], items: Sequence[Any], told: Any) -> dict[str, Any]:
    kind = value.get("type")
    if kind == "rollup":
        result = told.get("rollup") if isinstance(told, dict) else None
        if isinstance(result, dict) and result.get("type") == "array":
            result = {**result, "array": list(items)}
        return {**value, "rollup": result if isinstance(result, dict) else value.get("rollup")}
    if not isinstance(kind, str):
        return value
    return {**value, kind: [i[kind] for i in objects(list(items)) if kind in i], "has_more": False}
