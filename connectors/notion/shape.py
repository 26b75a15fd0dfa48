"""Finds a department's properties in one data source: by id, by name, or by their type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from connectors.contract import Binding, Change, FieldRef, RawRecord, SourceChanged, StatusValue
from connectors.notion import DEFAULT_FIELDS
from connectors.notion.reader import Option, Property, Shape, completed, read, same
from connectors.notion.values import plain_text
from connectors.plain import clean, objects, text_or_none

GROUPS = {"to-do": "new", "to do": "new", "todo": "new", "in progress": "indeterminate", "complete": "done"}
PAINTED = (("gray", "new"), ("blue", "indeterminate"), ("green", "done"))
"""The three groups of every status property, in their order, in a workspace that calls them otherwise."""
WORDED = frozenset({"status", "select", "multi_select"})


def find_properties(source: str, binding: Binding, schema: Any) -> tuple[Shape, list[SourceChanged]]:
    """The shape of one data source's pages, and a sentence for every mapped property that is not there.

    schema: the data source as answered.
    """
    known = properties(schema)
    roles: dict[str, Property] = {}
    drift: list[SourceChanged] = []
    for role, ref in binding.fields.items():
        found = _matches(ref, known)
        if len(found) == 1:
            roles[role] = found[0]
        elif ref != DEFAULT_FIELDS.get(role):
            drift.append(_gone(source, role, ref, found, known, name_of(schema)))
    return Shape(source, text_or_none(_of(schema, "id")) or "", roles, _numbered(schema)), drift


def properties(schema: Any) -> list[Property]:
    """A data source's properties; whatever is none is left out."""
    entries = _of(schema, "properties")
    found = []
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        ref, kind = _of(entry, "id"), _of(entry, "type")
        if isinstance(ref, str) and isinstance(kind, str):
            config = _of(entry, kind)
            options = tuple(_option(o) for o in objects(_of(config, "options")) if isinstance(o.get("id"), str))
            over = text_or_none(_of(config, "relation_property_id")) if kind == "rollup" else None
            percent = kind == "number" and _of(config, "format") == "percent"
            found.append(Property(ref, clean(name), kind, options, _categories(config, options), over, percent))
    ids = {same(p.id): p.id for p in found}  # a rollup names its relation by an id that is not encoded
    return [replace(p, over=ids.get(same(p.over))) if p.over else p for p in found]


def _option(option: Mapping[str, Any]) -> Option:
    return clean(option["id"]), clean(str(option.get("name") or "")), text_or_none(option.get("color"))


def _categories(config: Any, options: Sequence[Option]) -> dict[str, str]:
    """Option id to category by its group.

    Options made through the API all land in To-do, Done among them: groups that put everything there tell nothing.
    """
    groups = objects(_of(config, "groups"))
    names = [_group(n, group, len(groups)) for n, group in enumerate(groups)]
    found: dict[str, str] = {}
    for group, category in zip(groups, names, strict=True):
        members = group.get("option_ids")
        for ref in members if isinstance(members, list) else ():
            if isinstance(ref, str) and category:
                found[clean(ref)] = category
    return {} if untold(found, options) else found


def untold(categories: Mapping[str, str | None], options: Sequence[Option]) -> bool:
    """Whether a status property's groups say nothing: more than one option, and all in To-do."""
    return len(options) > 1 and set(categories.values()) == {"new"}


def _group(place: int, group: Mapping[str, Any], count: int) -> str | None:
    known = GROUPS.get(" ".join(str(group.get("name")).casefold().split()))
    if known is None and count == len(PAINTED) and group.get("color") == PAINTED[place][0]:
        return PAINTED[place][1]
    return known


def _numbered(schema: Any) -> str | None:
    """The property that numbers the pages, where its prefix makes the number a name."""
    entries = _of(schema, "properties")
    for entry in objects(list(entries.values())) if isinstance(entries, dict) else ():
        prefix = _of(entry.get("unique_id"), "prefix")
        if entry.get("type") == "unique_id" and isinstance(prefix, str) and prefix and isinstance(entry.get("id"), str):
            return str(entry["id"])
    return None


def _matches(ref: FieldRef, known: Sequence[Property]) -> list[Property]:
    """The properties meant. A plain word may be a name or an id; `schema` is a type, such as status."""
    if ref.schema is not None:
        return [p for p in known if p.type == ref.schema and ref.name in (None, p.name)]
    if ref.id is not None:
        return [p for p in known if same(p.id) == same(ref.id)]
    exact = [p for p in known if p.name == ref.name]
    wanted = " ".join(str(ref.name).casefold().split())
    return exact or [p for p in known if " ".join(p.name.casefold().split()) == wanted]


def _gone(
    source: str, role: str, ref: FieldRef, found: Sequence[Property], known: Sequence[Property], place: str
) -> SourceChanged:
    wanted = ref.id or ref.name or ref.schema or ""
    where = f" ({ref.origin})" if ref.origin else ""
    if found:
        ids = ", ".join(f"'{p.name}' {p.id}" for p in found)
        return SourceChanged(
            f"{source}: {len(found)} properties of '{place}' answer to '{wanted}', read as {role}{where}: name one by id, of {ids}",
            source=source,
        )
    near = difflib.get_close_matches(wanted, [p.name for p in known], 1)
    hint = f" - did you mean '{near[0]}'?" if near else f": it has {', '.join(sorted(p.name for p in known)[:20])}"
    return SourceChanged(
        f"{source}: the property '{wanted}', read as {role}{where}, is not in '{place}'{hint}", source=source
    )


def name_of(thing: Any) -> str:
    """What a database or data source is called."""
    return plain_text(_of(thing, "title")) or text_or_none(_of(thing, "name")) or "untitled"


def vocabulary(shape: Shape) -> list[StatusValue]:
    """The words that the mapped properties of this data source can hold."""
    return [
        StatusValue(role, ref, name, found.categories.get(ref), shape.scope, None if colour == "default" else colour)
        for role, found in shape.roles.items()
        if found.type in WORDED
        for ref, name, colour in found.options
    ]


def digest(shape: Shape) -> dict[str, str]:
    """Role to a mark of what its property is: rows do not change when an option is renamed, but what they say does."""
    marks = {
        role: repr((p.id, p.type, [o[:2] for o in p.options], sorted(p.categories.items()), p.percent))
        for role, p in shape.roles.items()
    }
    return {role: blake2b(mark.encode("utf-8", "replace"), digest_size=6).hexdigest() for role, mark in marks.items()}


def elsewhere(page: Mapping[str, Any], binding: Binding, source: str) -> Shape:
    """The shape of a page that lies outside what is read: its own properties stand for a schema."""
    held = page.get("properties")
    entries = {n: p for n, p in held.items() if isinstance(p, dict)} if isinstance(held, dict) else {}
    shape, _ = find_properties(source, binding, {"properties": {n: _bare(p) for n, p in entries.items()}})
    return shape


def _bare(value: Mapping[str, Any]) -> dict[str, Any]:
    kind = value.get("type")
    return {"id": value.get("id"), "type": kind} | ({kind: value.get(kind)} if kind == "unique_id" else {})


def replayed(answer: Any) -> tuple[Sequence[RawRecord], Mapping[str, Sequence[Change]]]:
    """Reads an example: {data_source, roles, pages, items}; items: page id to property id to that property's lists."""
    roles = {role: FieldRef(**ref) for role, ref in answer.get("roles", {}).items()}
    binding = Binding("example", None, {**DEFAULT_FIELDS, **roles})
    shape, _ = find_properties("example", binding, answer.get("data_source"))
    return [read(_with_items(page, answer.get("items")), shape) for page in answer["pages"]], {}


def _with_items(page: Any, items: Any) -> Any:
    """The page with its cut-off properties as the recorded lists complete them."""
    mine = _of(items, page["id"]) if isinstance(page, dict) and isinstance(page.get("id"), str) else None
    for property_id, lists in mine.items() if isinstance(mine, dict) else ():
        pages = objects(lists)
        results = [item for entry in pages for item in objects(entry.get("results"))]
        page = completed(page, property_id, results, pages[-1].get("property_item") if pages else None)
    return page


def _of(thing: Any, key: str) -> Any:
    return thing.get(key) if isinstance(thing, dict) else None
