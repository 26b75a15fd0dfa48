"""Pure: one row of Salesforce (and the department's field map) to one RawRecord, whatever the object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from connectors.contract import Link, RawRecord, Said, UnreadableRecord, Words
from connectors.plain import clean, iso_instant, number

TEXT_CUT = 200
STAGE, PROBABILITY = "StageName", "Probability"


class Person(msgspec.Struct, frozen=True):
    """A user or a queue."""

    name: str
    email: str | None = None
    kind: Literal["human", "automation", "unknown"] = "unknown"


@dataclass(frozen=True, slots=True)
class Shape:
    """What to look for in one object's rows."""

    source: str
    site: str
    object: str
    roles: Mapping[str, str]
    """Role to field."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Field to its type in describe; only what this credential may see is here."""
    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(field, value of a list) to what people read there."""
    people: frozenset[str] = frozenset()
    """Fields that hold a user's or a queue's id."""
    edges: Mapping[str, tuple[Literal["parent", "relates"], str]] = field(default_factory=dict)
    """Fields that point to a record of a bound object: what kind of edge, and the field's label."""
    name: str = "Name"
    stages: Mapping[str, str | None] = field(default_factory=dict)
    """Stage to category."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    """Stage to the probability that comes with it."""
    users: dict[str, Person] = field(default_factory=dict, compare=False)
    """Who was met before, by 18-character id."""

    @property
    def standing(self) -> list[str]:
        """Asked for always: identity, times, whether a deal is closed or won."""
        wanted = ("Id", self.name, "CreatedDate", "LastModifiedDate", "SystemModstamp", "Subject")
        deals = ("IsClosed", "IsWon", STAGE) if self.object == "Opportunity" else ()
        return [n for n in (*wanted, *deals) if n in self.types]

    @property
    def wanted(self) -> list[str]:
        """The fields to ask for."""
        return list(dict.fromkeys([*self.standing, *self.roles.values(), *self.edges]))

    @property
    def by_field(self) -> dict[str, str]:
        """Field to role."""
        return {name: role for role, name in self.roles.items()}

    @property
    def stamp(self) -> str | None:
        """The field that tells when a row was last changed, by anybody or by the system."""
        return next((n for n in ("SystemModstamp", "LastModifiedDate", "CreatedDate") if n in self.types), None)


def read(row: Any, shape: Shape) -> RawRecord:
    """One row as answered (parsed JSON) to one record.

    Raises:
        UnreadableRecord: it is no object, or has no id.
    """
    ref = row.get("Id") if isinstance(row, dict) else None
    if not isinstance(ref, str) or not ref:
        raise UnreadableRecord(f"a row of {shape.object} came without its id: it is left out", source=shape.source)
    ref = clean(ref)
    problems: list[str] = []
    name = row.get(shape.name)
    key = clean(str(name)) if isinstance(name, str | int) and not isinstance(name, bool) and str(name) else ref
    subject = row.get("Subject")
    changed = "LastModifiedDate" if row.get("LastModifiedDate") is not None else "SystemModstamp"
    said = {role: spoken(row, name, shape) for role, name in shape.roles.items() if _has(row, name)}
    return RawRecord(
        ref=ref,
        scope=shape.object,
        key=key,
        title=clean(subject) if isinstance(subject, str) and subject else key,
        url=f"{shape.site}/{ref}",
        type=shape.object,
        created_at=instant(row.get("CreatedDate"), "CreatedDate", problems),
        updated_at=instant(row.get(changed), changed, problems),
        fields=said,
        links=tuple(_links(row, shape)),
        problems=tuple(problems),
    )


def spoken(row: Mapping[str, Any], name: str, shape: Shape) -> Words:
    """A field of a row as said; a stage's category is the row's own, for old rows have stages that are gone."""
    words = said(name, _at(row, name), shape)
    if name == STAGE and row.get("IsClosed") in (True, False):
        own = category(row.get("IsClosed"), row.get("IsWon"))
        return tuple(msgspec.structs.replace(w, category=own) for w in words)
    if name == PROBABILITY and words and words[0].value == shape.defaults.get(str(row.get(STAGE))):
        return tuple(msgspec.structs.replace(w, category="default") for w in words)
    return words


def said(name: str, value: Any, shape: Shape) -> Words:
    """A value of a field, as the field's type says: people by id, list values by label and API value, numbers as numbers."""
    if value is None or value == "" or value == []:
        return ()
    if isinstance(value, list):
        return tuple(w for entry in value for w in said(name, entry, shape))
    if isinstance(value, dict):
        shown = {k: v for k, v in value.items() if k != "attributes"}
        return (Said(clean(json.dumps(shown, ensure_ascii=False, sort_keys=True, default=str)[:TEXT_CUT])),)
    if not isinstance(value, str):
        return (Said(number(value)),)
    kind = shape.types.get(name)
    if name in shape.people:
        return (person(value, shape),)
    if kind == "multipicklist":
        return tuple(_option(name, part, shape) for part in value.split(";") if part)
    if kind in ("picklist", "combobox"):
        return (_option(name, value, shape),)
    return (Said(clean(value), id=clean(value) if kind == "reference" else None),)


def person(ref: str, shape: Shape) -> Said:
    """A user by id, with name and e-mail where they may be seen."""
    known = shape.users.get(ref)
    return Said(known.name if known else clean(ref), id=clean(ref), email=known.email if known else None)


def category(closed: Any, won: Any) -> str:
    """A deal's own flags as a category: never its stage's name."""
    if closed is not True:
        return "indeterminate"
    return "done" if won is True else "cancelled"


def _option(name: str, value: str, shape: Shape) -> Said:
    label = shape.labels.get((name, value), value)
    return Said(clean(label), id=clean(value), category=shape.stages.get(value) if name == STAGE else None)


def _has(row: Mapping[str, Any], name: str) -> bool:
    return name.partition(".")[0] in row


def _at(row: Mapping[str, Any], name: str) -> Any:
    """A field, or a field of a related record such as Account.Industry."""
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _links(row: Mapping[str, Any], shape: Shape) -> list[Link]:
    found = []
    for name, (kind, label) in shape.edges.items():
        target = row.get(name)
        if isinstance(target, str) and target:
            found.append(Link(clean(target), kind, "out", clean(label)))
    return found


def read_all(rows: Sequence[Any], shape: Shape) -> tuple[list[RawRecord], list[UnreadableRecord]]:
    """Every row of a page, the unreadable ones beside."""
    records, unreadable = [], []
    for row in rows:
        try:
            records.append(read(row, shape))
        except UnreadableRecord as error:
            unreadable.append(error)
    return records, unreadable


# -- small things -----------------------------------------------------------------------------------------------------


def instant(value: Any, name: str, problems: list[str]) -> datetime | None:
    """2026-11-20T09:00:00.000+0000 in UTC."""
    at = iso_instant(value)
    if at is None and value is not None:
        problems.append(clean(f"{name} '{str(value)[:40]}' is no instant"))
    return at
