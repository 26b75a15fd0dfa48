"""Finds a department's fields on one site: by id, by name, or by the custom type that no translation renames."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contract import Binding, Change, FieldRef, RawRecord, SourceChanged
from connectors.jira import DEFAULT_FIELDS, Connection
from connectors.jira.reader import EPIC_LINK, Shape, changes, read
from connectors.plain import clean


def find_fields(
    source: str,
    binding: Binding,
    fields: Sequence[Mapping[str, Any]],
    connection: Connection,
    categories: Mapping[str, str],
) -> tuple[Shape, list[SourceChanged]]:
    """The shape of a binding's issues on this site, and a sentence for every mapped field that is not there."""
    roles: dict[str, str] = {}
    drift: list[SourceChanged] = []
    for role, ref in binding.fields.items():
        found = _matches(ref, fields)
        if len(found) == 1:
            roles[role] = found[0]
        elif ref != DEFAULT_FIELDS.get(role) or ref.id is not None:
            drift.append(_gone(source, role, ref, found, fields))
    epic = next((str(f["id"]) for f in fields if _custom(f) == EPIC_LINK), None)
    shape = Shape(
        source=source,
        site=connection.url,
        roles=roles,
        names={str(f.get("id")): str(f.get("name")) for f in fields},
        numbers=frozenset(str(f.get("id")) for f in fields if (f.get("schema") or {}).get("type") == "number"),
        blocking=frozenset(connection.blocking_links),
        epic_field=epic,
        categories=categories,
    )
    return shape, drift


def replayed(answer: Any) -> tuple[Sequence[RawRecord], Mapping[str, Sequence[Change]]]:
    """Reads an example: {site, fields, statuses, roles, issues, changelogs}, each as Jira answers it."""
    roles = {role: FieldRef(**ref) for role, ref in answer.get("roles", {}).items()}
    binding = Binding("example", None, {**DEFAULT_FIELDS, **roles})
    connection = Connection.model_validate(
        {
            "url": answer["site"],
            "auth": {"kind": "pat", "token": "none"},
            "blocking_links": answer.get("blocking", ["Blocks"]),
        }
    )
    shape, _ = find_fields("example", binding, answer["fields"], connection, categories(answer["statuses"]))
    logs = answer.get("changelogs") or {}
    return [read(issue, shape) for issue in answer["issues"]], {ref: changes(log, shape) for ref, log in logs.items()}


def categories(statuses: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Status id to category key, of Jira's status list."""
    return {str(s["id"]): clean(str((s.get("statusCategory") or {}).get("key"))) for s in statuses}


def _custom(entry: Mapping[str, Any]) -> str | None:
    schema = entry.get("schema")
    return schema.get("custom") if isinstance(schema, Mapping) else None


def _matches(ref: FieldRef, fields: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ids of the fields meant. A plain word may be an id or a name."""
    if ref.schema is not None:
        same = [f for f in fields if _custom(f) == ref.schema and ref.name in (None, f.get("name"))]
    elif ref.id is not None:
        same = [f for f in fields if ref.id in (f.get("id"), f.get("key"))]
    else:
        wanted = str(ref.name).casefold()
        same = [f for f in fields if str(f.get("id")).casefold() == wanted]
        same = same or [f for f in fields if str(f.get("name")).casefold() == wanted]
    return [str(f["id"]) for f in same if "id" in f]


def _gone(
    source: str, role: str, ref: FieldRef, found: Sequence[str], fields: Sequence[Mapping[str, Any]]
) -> SourceChanged:
    wanted = ref.id or ref.name or ref.schema or ""
    where = f" ({ref.origin})" if ref.origin else ""
    if found:
        return SourceChanged(
            f"{source}: {len(found)} fields answer to '{wanted}', read as {role}{where}: name one by id, of {', '.join(found)}",
            source=source,
        )
    names = [str(f.get("name")) for f in fields] + [str(f.get("id")) for f in fields]
    near = difflib.get_close_matches(wanted, names, 1)
    hint = f" - did you mean '{near[0]}'?" if near else ""
    return SourceChanged(f"{source}: the field '{wanted}', read as {role}{where}, is not there{hint}", source=source)
