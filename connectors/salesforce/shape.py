"""Finds a department's fields on one object of one org, from what describe shows to this credential."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from connectors.contract import Binding, Change, FieldRef, RawRecord, SourceChanged
from connectors.plain import clean
from connectors.salesforce import DEFAULT_FIELDS
from connectors.salesforce.history import merged
from connectors.salesforce.reader import STAGE, Person, Shape, category, read

AUTOMATONS = frozenset({"AutomatedProcess", "CloudIntegrationUser", "CsnOnly"})


def find_fields(
    source: str,
    site: str,
    binding: Binding,
    table: str,
    fields: Sequence[Mapping[str, Any]],
    stages: Sequence[Mapping[str, Any]] = (),
    bound: Iterable[str] = (),
) -> tuple[Shape, list[SourceChanged]]:
    """The shape of a binding's rows, and a sentence for every mapped field that this credential does not see.

    bound: the objects that this source's bindings read; lookups to them are edges.
    """
    entries = [f for f in fields if isinstance(f.get("name"), str)]
    roles: dict[str, str] = {}
    drift: list[SourceChanged] = []
    for role, ref in binding.fields.items():
        found = matching(ref, entries)
        if len(found) == 1:
            roles[role] = found[0]
        elif ref != DEFAULT_FIELDS.get(role) or table == "Opportunity":
            drift.append(gone(source, table, role, ref, found, entries))
    named = next((str(f["name"]) for f in entries if f.get("nameField") is True), "Name")
    shape = Shape(
        source=source,
        site=site,
        object=table,
        roles=roles,
        types={str(f["name"]): str(f.get("type")) for f in entries} | _paths(roles),
        labels=option_labels(entries, stages),
        people=frozenset(str(f["name"]) for f in entries if _targets(f) & {"User", "Group"}),
        edges=_edges(entries, frozenset(bound), frozenset(roles.values())),
        name=named,
        stages=categories(stages),
        defaults=defaults(stages),
    )
    return shape, drift


def _paths(roles: Mapping[str, str]) -> dict[str, str]:
    return {name: "path" for name in roles.values() if "." in name}


def _targets(entry: Mapping[str, Any]) -> set[str]:
    targets = entry.get("referenceTo")
    return {str(t) for t in targets} if isinstance(targets, list) else set()


def option_labels(
    fields: Sequence[Mapping[str, Any]], stages: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], str]:
    """(field, value) to what people read: of lists, and of stages."""
    found = {}
    for entry in fields:
        options = entry.get("picklistValues")
        for option in options if isinstance(options, list) else []:
            if isinstance(option, dict) and option.get("label") and option.get("value"):
                found[str(entry["name"]), str(option["value"])] = str(option["label"])
    for stage in stages:
        if isinstance(stage.get("ApiName"), str) and isinstance(stage.get("MasterLabel"), str):
            found[STAGE, stage["ApiName"]] = stage["MasterLabel"]
    return found


def _edges(
    fields: Sequence[Mapping[str, Any]], bound: frozenset[str], mapped: frozenset[str]
) -> dict[str, tuple[Literal["parent", "relates"], str]]:
    """Lookups to records that this source reads: a master or a ParentId is a parent, the others relate."""
    found: dict[str, tuple[Literal["parent", "relates"], str]] = {}
    for entry in fields:
        name = str(entry["name"])
        if _targets(entry) & bound and name not in mapped and name != "MasterRecordId":
            master = name == "ParentId" or entry.get("relationshipOrder") is not None
            found[name] = ("parent" if master else "relates", clean(str(entry.get("label") or name)))
    return found


def categories(stages: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    """Stage to category, by the stage's own flags."""
    known = [s for s in stages if isinstance(s.get("ApiName"), str)]
    return {s["ApiName"]: category(s.get("IsClosed"), s.get("IsWon")) for s in known if "IsClosed" in s}


def defaults(stages: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Stage to the probability that Salesforce fills in with it: nobody's judgement."""
    told = [(s.get("ApiName"), s.get("DefaultProbability")) for s in stages]
    return {name: float(p) for name, p in told if isinstance(name, str) and isinstance(p, int | float)}


def persons(rows: Iterable[Any]) -> dict[str, Person]:
    """Users and queues, by id."""
    found = {}
    for row in rows:
        ref, name = (row.get("Id"), row.get("Name")) if isinstance(row, dict) else (None, None)
        if not isinstance(ref, str) or not isinstance(name, str) or not name:
            continue
        email, kind = row.get("Email"), row.get("UserType")
        acts: Literal["human", "automation", "unknown"] = "human" if isinstance(kind, str) else "unknown"
        acts = "automation" if isinstance(kind, str) and kind in AUTOMATONS else acts
        found[ref] = Person(clean(name), clean(email) if isinstance(email, str) and email else None, acts)
    return found


def matching(ref: FieldRef, fields: Sequence[Mapping[str, Any]]) -> list[str]:
    """API names of the fields meant. A plain word may be an API name or a label; a path starts at a relationship."""
    if ref.id is not None and "." in ref.id:
        first = ref.id.partition(".")[0].casefold()
        return [ref.id] if any(str(f.get("relationshipName")).casefold() == first for f in fields) else []
    wanted = str(ref.id or ref.name or ref.schema).casefold()
    same = [f for f in fields if str(f.get("name")).casefold() == wanted]
    if not same and ref.id is None:
        same = [f for f in fields if str(f.get("label")).casefold() == wanted]
    return [str(f["name"]) for f in same]


def gone(
    source: str, table: str, role: str, ref: FieldRef, found: Sequence[str], fields: Sequence[Mapping[str, Any]]
) -> SourceChanged:
    """The sentence for a mapped field that is not there, or not there once."""
    wanted = ref.id or ref.name or ref.schema or ""
    where = f" ({ref.origin})" if ref.origin else ""
    if found:
        return SourceChanged(
            f"{source}: {len(found)} fields of {table} answer to '{wanted}', read as {role}{where}: name one by id, of "
            f"{', '.join(found)}",
            source=source,
        )
    names = [str(f.get(part)) for part in ("name", "label") for f in fields]
    near = difflib.get_close_matches(wanted, names, 1)
    hint = f" - did you mean '{near[0]}'?" if near else ""
    return SourceChanged(
        f"{source}: {table} has no field '{wanted}', read as {role}{where}, or hides it from this credential{hint}",
        source=source,
        hint="correct the name, or give the run-as user the field in a permission set",
    )


def replayed(answer: Any) -> tuple[Sequence[RawRecord], Mapping[str, Sequence[Change]]]:
    """Reads an example: {site, roles, fields, statuses, users, records, tracked, snapshots}, each as Salesforce answers it.

    `roles` may name the object as "object"; `tracked` are rows of the field history, `snapshots` of OpportunityHistory.
    """
    told = dict(answer.get("roles", {}))
    table = told.pop("object", "Opportunity")
    roles = {role: FieldRef(**ref) for role, ref in told.items()}
    binding = Binding("example", None, {**DEFAULT_FIELDS, **roles})
    shape, _ = find_fields(
        "example", answer["site"], binding, table, answer["fields"], answer.get("statuses", ()), [table]
    )
    users = answer.get("users")
    shape.users.update(persons(users if isinstance(users, list) else []))
    rows, tracked, snapshots = (answer.get(part) for part in ("records", "tracked", "snapshots"))
    records = [read(row, shape) for row in (rows if isinstance(rows, list) else [])]
    return records, merged([r.ref for r in records], tracked, snapshots, shape)
