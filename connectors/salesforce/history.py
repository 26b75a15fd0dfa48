"""Change histories: tracked fields (OpportunityFieldHistory and its like) and the snapshots that every deal has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from connectors.contract import Change, Words
from connectors.plain import clean
from connectors.salesforce.errors import Refused
from connectors.salesforce.reader import Shape, instant, person, said
from connectors.salesforce.soql import is_id, lists, select

if TYPE_CHECKING:
    from connectors.salesforce.client import SalesforceConnector

SNAPSHOTS = "OpportunityHistory"
SHOWN = ("StageName", "CloseDate", "Amount", "Probability")
"""What a snapshot keeps."""


def tables(table: str) -> tuple[str, str]:
    """Where an object's tracked changes stand, and the field there that names the record."""
    if table == "Opportunity":
        return "OpportunityFieldHistory", "OpportunityId"
    if table.endswith("__c"):
        return table.removesuffix("c") + "History", "ParentId"
    return table + "History", table + "Id"


def changelogs(client: SalesforceConnector, shape: Shape, refs: Sequence[str]) -> Mapping[str, tuple[Change, ...]]:
    """Every change of these records, for those whose history may be seen.

    Raises:
        SourceError: a history did not come whole.
    """
    name, parent = tables(shape.object)
    tracked = _rows(client, name, ["Id", parent, "CreatedDate", "CreatedById", "Field", "OldValue", "NewValue"], refs)
    snapshots = None
    if shape.object == "Opportunity":
        snapshots = _rows(client, SNAPSHOTS, ["Id", parent, "CreatedDate", "CreatedById", *SHOWN], refs)
    if tracked is None and snapshots is None:
        return {}
    met = [row.get("CreatedById") for row in [*(tracked or ()), *(snapshots or ())]]
    owners = [
        row.get(side) for row in tracked or () if row.get("Field") == "Owner" for side in ("OldValue", "NewValue")
    ]
    client.meet(str(ref) for ref in [*met, *owners])
    return merged(refs, tracked, snapshots, shape)


def _rows(
    client: SalesforceConnector, table: str, fields: list[str], refs: Sequence[str]
) -> list[dict[str, Any]] | None:
    """A history table's rows of these records; None where this credential does not see it."""
    if table in client.hidden:
        return None
    found: list[dict[str, Any]] = []
    try:
        for condition in lists(refs, fields[1]):
            order = "CreatedDate ASC, Id ASC"
            for rows in client.query(select(fields, table, condition, order)):
                found += rows
    except Refused as refused:
        if refused.code not in ("INVALID_TYPE", "INVALID_FIELD", "INSUFFICIENT_ACCESS", "NOT_FOUND"):
            raise
        client.hidden.add(table)
        return None
    return found


# -- pure --------------------------------------------------------------------------------------------------------------


def merged(refs: Sequence[str], tracked: Any, snapshots: Any, shape: Shape) -> dict[str, tuple[Change, ...]]:
    """Both histories as one, oldest first; a change that both tell counts once. What cannot be read is left out.

    A record without any change is told unchanged only where snapshots are seen: tracking may not have been on.
    """
    parent = tables(shape.object)[1]
    found: dict[str, list[Change]] = {ref: [] for ref in refs} if isinstance(snapshots, list) else {}
    for ref, change in _tracked(tracked, parent, shape):
        if ref in refs:
            found.setdefault(ref, []).append(change)
    for ref, change in _snapshots(snapshots, parent, shape):
        if ref in refs and not any(_same(change, other) for other in found.get(ref, ())):
            found.setdefault(ref, []).append(change)
    return {ref: tuple(sorted(made, key=lambda c: (c.at, c.id))) for ref, made in found.items()}


def _same(one: Change, other: Change) -> bool:
    """The two tables are stamped by the second, not always the same one."""
    return one.field == other.field and one.after == other.after and abs((one.at - other.at).total_seconds()) <= 2


def _tracked(rows: Any, parent: str, shape: Shape) -> list[tuple[str, Change]]:
    found = []
    paired = _lookups(rows, parent)
    for row in rows if isinstance(rows, list) else []:
        head = _head(row, parent)
        name = row.get("Field") if head else None
        if head is None or not isinstance(name, str):
            continue
        ref, at = head
        field = name if name in shape.types else f"{name}Id" if f"{name}Id" in shape.types else name
        sides = (row.get("OldValue"), row.get("NewValue"))
        if (ref, at, name) in paired and not any(isinstance(s, str) and is_id(s) for s in sides):
            continue  # a lookup's change comes twice: by ids and by names
        if name in ("created", "opportunityCreatedFromLead") or sides == (None, None):
            continue
        before, after = (said(field, side, shape) for side in sides)
        found.append((ref, _change(row, field, before, after, at, shape)))
    return found


def _lookups(rows: Any, parent: str) -> set[tuple[str, datetime, str]]:
    found = set()
    for row in rows if isinstance(rows, list) else []:
        head = _head(row, parent)
        if head and any(isinstance(v := row.get(side), str) and is_id(v) for side in ("OldValue", "NewValue")):
            found.add((*head, str(row.get("Field"))))
    return found


def _snapshots(rows: Any, parent: str, shape: Shape) -> list[tuple[str, Change]]:
    """What differs between one snapshot of a deal and its next; the first is how it was created."""
    by_ref: dict[str, list[tuple[datetime, str, Any]]] = {}
    for row in rows if isinstance(rows, list) else []:
        if head := _head(row, parent):
            by_ref.setdefault(head[0], []).append((head[1], str(row.get("Id")), row))
    found = []
    for ref, taken in by_ref.items():
        taken.sort(key=lambda t: t[:2])
        for (_, _, earlier), (at, _, later) in pairwise(taken):
            for name in SHOWN:
                before, after = (said(name, row.get(name), shape) for row in (earlier, later))
                if before != after and name in earlier and name in later:
                    found.append((ref, _change(later, name, before, after, at, shape)))
    return found


def _head(row: Any, parent: str) -> tuple[str, datetime] | None:
    ref = row.get(parent) if isinstance(row, dict) else None
    at = instant(row.get("CreatedDate"), "CreatedDate", []) if isinstance(ref, str) else None
    return (clean(str(ref)), at) if at is not None else None


def _change(row: Any, name: str, before: Words, after: Words, at: datetime, shape: Shape) -> Change:
    role = shape.by_field.get(name)
    actor = row.get("CreatedById")
    known = shape.users.get(actor) if isinstance(actor, str) else None
    return Change(
        id=clean(f"{row.get('Id')}:{name}"),
        at=at,
        field=role or f"[{clean(name)}]",
        before=before,
        after=after,
        actor=person(actor, shape) if isinstance(actor, str) and actor else None,
        actor_kind=known.kind if known else "unknown",
    )
