"""The objects that a credential sees, their fields and lists, and people: for `sightline discover`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from connectors.contract import Discovery, Place, SeenField, SeenPerson, StatusValue
from connectors.plain import clean
from connectors.salesforce.errors import Incomplete, Refused
from connectors.salesforce.reader import STAGE
from connectors.salesforce.shape import categories

if TYPE_CHECKING:
    from connectors.salesforce.client import SalesforceConnector

USUAL = ("Opportunity", "Task", "Case", "Campaign", "Project__c")
AT_MOST = 20
"""Objects whose fields are asked for: one request each."""
PEOPLE = 2000
PLUMBING = ("Id", "IsDeleted", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp")


def discover(org: SalesforceConnector) -> Discovery:
    """What a department may bind: the usual objects and the org's own."""
    answer = org.ask("sobjects")
    listed = [o for o in answer.get("sobjects", []) if isinstance(o, dict)] if isinstance(answer, dict) else []
    names = [str(o["name"]) for o in listed if o.get("queryable") is not False and isinstance(o.get("name"), str)]
    own = [n for n in names if n.endswith("__c")]
    wanted = [n for n in dict.fromkeys((*USUAL, *own)) if n in names]
    notes = [f"{len(names)} objects are visible; {', '.join(wanted[:AT_MOST]) or 'none of them'} are looked into"]
    stages = org._stages()
    places = [p for n in wanted[:AT_MOST] if (p := _place(org, n, categories(stages), notes)) is not None]
    return Discovery(tuple(places), tuple(_people(org, notes)), tuple(notes))


def _place(org: SalesforceConnector, name: str, flags: Mapping[str, str | None], notes: list[str]) -> Place | None:
    try:
        fields = org.describe(name)
    except Refused as refused:
        notes.append(str(refused))
        return None
    shown = tuple(_field(f, flags) for f in fields if f["name"] not in PLUMBING)
    return Place("object", org._names[name], {"object": name}, shown)


def _field(entry: Mapping[str, Any], flags: Mapping[str, str | None]) -> SeenField:
    name, label = str(entry["name"]), clean(str(entry.get("label") or entry["name"]))
    options = entry.get("picklistValues")
    words = tuple(
        StatusValue(
            "",
            str(o["value"]),
            clean(str(o.get("label") or o["value"])),
            flags.get(str(o["value"])) if name == STAGE else None,
        )
        for o in (options if isinstance(options, list) else [])
        if isinstance(o, dict) and o.get("value") and o.get("active") is not False
    )
    return SeenField(label, name, str(entry.get("type") or ""), words)


def _people(org: SalesforceConnector, notes: list[str]) -> Iterator[SeenPerson]:
    soql = f"SELECT Id, Name, Email FROM User WHERE IsActive = TRUE LIMIT {PEOPLE}"  # noqa: S608  # our own number
    try:
        for rows in org.query(soql):
            for row in rows:
                email = row.get("Email")
                yield SeenPerson(
                    str(row.get("Id")), clean(str(row.get("Name"))), email if isinstance(email, str) else None
                )
    except (Refused, Incomplete):
        notes.append("people are not listed to this credential")
