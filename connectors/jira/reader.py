"""Pure: one answer of Jira (and the department's field map) to one RawRecord. Cloud and Data Center alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from connectors.contract import Change, Link, RawRecord, Said, UnreadableRecord, Words
from connectors.plain import clean, iso_instant, number

ActorKind = Literal["human", "automation", "unknown"]
TEXT_CUT = 200
EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
STANDING = ("summary", "project", "issuetype", "created", "updated", "status", "issuelinks", "parent")
"""Asked for always: identity, times, visibility scope, edges."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What to look for in this site's answers."""

    source: str
    site: str
    roles: Mapping[str, str]
    """Role to field id."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Field id to its name: Data Center's changelog knows only names."""
    numbers: frozenset[str] = frozenset()
    """Field ids whose type is number."""
    blocking: frozenset[str] = frozenset({"Blocks"})
    epic_field: str | None = None
    categories: Mapping[str, str] = field(default_factory=dict)
    """Status id to category, for the changelog, which tells none."""

    by_id: Mapping[str, str] = field(init=False)
    """Field id to role."""
    by_name: Mapping[str, str] = field(init=False)
    """Folded field name to role."""
    actors: dict[Any, tuple[Said, ActorKind]] = field(init=False, compare=False, default_factory=dict)
    """Who was met before: a changelog names few people very often."""

    def __post_init__(self) -> None:
        by_id = {field_id: role for role, field_id in self.roles.items()}
        object.__setattr__(self, "by_id", by_id)
        object.__setattr__(self, "by_name", {self.names.get(i, i).casefold(): role for i, role in by_id.items()})

    @property
    def wanted(self) -> list[str]:
        """The field ids to ask for."""
        extra = [self.epic_field] if self.epic_field else []
        return list(dict.fromkeys([*STANDING, *self.roles.values(), *extra]))


def read(issue: Any, shape: Shape) -> RawRecord:
    """One issue as answered (parsed JSON) to one record.

    Raises:
        UnreadableRecord: it lacks id, key or fields, or they are not of their type.
    """
    ref, key, fields = _identity(issue, shape.source)
    problems: list[str] = []
    project = fields.get("project")
    scope = clean(str(project["id"])) if isinstance(project, dict) and "id" in project else key.rpartition("-")[0]
    said: dict[str, Words] = {}
    for role, field_id in shape.roles.items():
        if field_id in fields:
            said[role] = _status(fields[field_id]) if field_id == "status" else words(fields[field_id])
    kind = fields.get("issuetype")
    return RawRecord(
        ref=ref,
        scope=scope,
        key=key,
        title=clean(fields["summary"]) if isinstance(fields.get("summary"), str) else key,
        url=f"{shape.site}/browse/{key}",
        type=clean(kind["name"]) if isinstance(kind, dict) and isinstance(kind.get("name"), str) else None,
        created_at=instant(fields.get("created"), "created", problems),
        updated_at=instant(fields.get("updated"), "updated", problems),
        fields=said,
        links=tuple(_links(fields, shape)),
        problems=tuple(problems),
    )


def _identity(issue: Any, source: str) -> tuple[str, str, dict[str, Any]]:
    if not isinstance(issue, dict):
        raise UnreadableRecord("an issue is no object", source=source)
    ref, key, fields = ref_of(issue), issue.get("key"), issue.get("fields")
    if ref is None or not isinstance(key, str) or not isinstance(fields, dict):
        sentence = f"issue {ref or key} came without its id, its key or its fields: it is left out"
        raise UnreadableRecord(sentence[:200], source=source)
    return clean(ref), clean(key), fields


def ref_of(issue: Mapping[str, Any]) -> str | None:
    """An issue's id, which stays when it moves; its key where an answer leaves the id out."""
    for part in (issue.get("id"), issue.get("key")):
        if isinstance(part, str | int) and not isinstance(part, bool) and str(part):
            return str(part)
    return None


def words(value: Any) -> Words:
    """Any field's value as said: options, people, numbers, rich text and lists of them alike."""
    if value is None or value == "" or value == []:
        return ()
    if isinstance(value, list):
        return tuple(w for entry in value for w in words(entry))
    if isinstance(value, dict):
        return (_object(value),)
    return (Said(clean(value) if isinstance(value, str) else number(value)),)


def _object(value: dict[str, Any]) -> Said:
    if value.get("type") == "doc" and isinstance(value.get("content"), list):
        return Said(clean(" ".join(_document(value)).strip()))
    user = value.get("accountId") or (value.get("key") or value.get("name") if "displayName" in value else None)
    if user is not None:
        email = value.get("emailAddress")
        name = value.get("displayName")
        return Said(
            clean(str(name if name else user)),
            id=clean(str(user)),
            email=clean(email) if isinstance(email, str) and email else None,
        )
    ref = value.get("id")
    text = value.get("value", value.get("name"))
    child = value.get("child")
    if isinstance(child, dict) and text is not None:
        text, ref = f"{text} / {child.get('value')}", child.get("id", ref)
    if text is None:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)[:TEXT_CUT]
    return Said(clean(str(text)), id=clean(str(ref)) if ref is not None else None)


def _status(value: Any) -> Words:
    said = words(value)
    category = value.get("statusCategory") if isinstance(value, dict) else None
    key = category.get("key") if isinstance(category, dict) else None
    return tuple(msgspec.structs.replace(s, category=clean(key) if isinstance(key, str) else None) for s in said)


def _document(node: Any) -> list[str]:
    """The text of an Atlassian document, walked without recursion: depth is the sender's choice."""
    texts, stack = [], [node]
    while stack:
        current = stack.pop()
        if not isinstance(current, dict):
            continue
        attributes = current.get("attrs")
        shown = current.get("text") or (
            attributes.get("text") or attributes.get("url") if isinstance(attributes, dict) else None
        )
        if isinstance(shown, str):
            texts.append(shown)
        content = current.get("content")
        stack.extend(reversed(content if isinstance(content, list) else []))
    return texts


def _links(fields: dict[str, Any], shape: Shape) -> list[Link]:
    found = []
    edges = fields.get("issuelinks")
    for link in edges if isinstance(edges, list) else []:
        kind = link.get("type") if isinstance(link, dict) else None
        kind = kind if isinstance(kind, dict) else {}
        blocks = bool({str(kind.get("name")), str(kind.get("id"))} & shape.blocking)
        sides: tuple[tuple[str, Literal["out", "in"]], ...] = (("outwardIssue", "out"), ("inwardIssue", "in"))
        for side, direction in sides:
            other = link.get(side) if isinstance(link, dict) else None
            if isinstance(other, dict) and (other.get("id") or other.get("key")):
                name = str(kind.get("outward" if direction == "out" else "inward") or kind.get("name") or "")
                found.append(_edge(other, "blocks" if blocks else "relates", direction, name))
    parent = fields.get("parent")
    if isinstance(parent, dict) and (parent.get("id") or parent.get("key")):
        found.append(_edge(parent, "parent", "out", "parent"))
    epic = fields.get(shape.epic_field) if shape.epic_field else None
    if isinstance(epic, str) and epic:
        found.append(Link(clean(epic), "parent", "out", "Epic Link"))
    return found


def _edge(
    other: dict[str, Any], kind: Literal["blocks", "parent", "relates"], direction: Literal["out", "in"], name: str
) -> Link:
    key = other.get("key")
    return Link(clean(str(other.get("id") or key)), kind, direction, clean(name), clean(str(key)) if key else None)


# -- history ----------------------------------------------------------------------------------------------------------


def changes(histories: Any, shape: Shape) -> tuple[Change, ...]:
    """A changelog's entries (any order) as changes, oldest first. What cannot be read is left out, never guessed."""
    found = []
    for entry in histories if isinstance(histories, list) else []:
        at = instant(entry.get("created"), "created", []) if isinstance(entry, dict) else None
        items = entry.get("items") if isinstance(entry, dict) else None
        if at is None or not isinstance(items, list):
            continue
        actor, kind = _actor(entry.get("author"), shape)
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                continue
            name = str(item.get("field") or item.get("fieldId") or "?")
            field_id = item.get("fieldId")
            role = shape.by_id.get(str(field_id)) if field_id else shape.by_name.get(name.casefold())
            found.append(
                Change(
                    id=clean(f"{entry.get('id')}:{index}"),
                    at=at,
                    field=role or f"[{clean(name)}]",
                    before=_side(item, "from", role, shape),
                    after=_side(item, "to", role, shape),
                    actor=actor,
                    actor_kind=kind,
                )
            )
    return tuple(sorted(found, key=lambda c: c.at))


def _side(item: dict[str, Any], side: str, role: str | None, shape: Shape) -> Words:
    """One side of a change. `from` is the id (or the ISO date), `fromString` the word; both may be null."""
    ref, text = item.get(side), item.get(f"{side}String")
    if role is None:
        shown = text if text is not None else ref
        return (Said(clean(str(shown))[:TEXT_CUT]),) if shown not in (None, "") else ()
    if ref in (None, "") and text in (None, ""):
        return ()
    field_id = shape.roles.get(role, "")
    if role.endswith("_on") and ref not in (None, ""):
        return (Said(clean(str(ref))),)
    if field_id in shape.numbers and text not in (None, ""):
        try:
            return (Said(float(str(text))),)
        except ValueError:
            return (Said(clean(str(text))),)
    ident = clean(str(ref)).strip("[]") if ref not in (None, "") else None
    category = shape.categories.get(ident or "") if field_id == "status" else None
    return (Said(clean(str(text if text not in (None, "") else ref)), id=ident, category=category),)


def _actor(author: Any, shape: Shape) -> tuple[Said | None, ActorKind]:
    if not isinstance(author, dict):
        return None, "unknown"
    known_by = tuple(
        str(author.get(part)) for part in ("accountId", "key", "displayName", "emailAddress", "accountType")
    )
    if known_by not in shape.actors:
        kind = author.get("accountType")
        acts: ActorKind = "automation" if kind == "app" else "human" if kind in ("atlassian", "customer") else "unknown"
        if len(shape.actors) > 10_000:
            shape.actors.clear()
        shape.actors[known_by] = (_object({"displayName": None, **author}), acts)
    return shape.actors[known_by]


# -- small things -----------------------------------------------------------------------------------------------------


def instant(value: Any, name: str, problems: list[str]) -> datetime | None:
    """ISO text with an offset, epoch milliseconds, or epoch seconds: all three are in Atlassian's own examples."""
    try:
        epoch = isinstance(value, int | float) and not isinstance(value, bool)
        at = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC) if epoch else iso_instant(value)
    except (ValueError, OverflowError, OSError):
        at = None
    if at is None and value is not None:
        problems.append(clean(f"{name} '{str(value)[:40]}' is no instant"))
    return at


def read_all(issues: Sequence[Any], shape: Shape) -> tuple[list[RawRecord], list[UnreadableRecord]]:
    """Every issue of a page, the unreadable ones beside."""
    records, unreadable = [], []
    for issue in issues:
        try:
            records.append(read(issue, shape))
        except UnreadableRecord as error:
            unreadable.append(error)
    return records, unreadable
