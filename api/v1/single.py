"""What /v1 tells of one thing: of the company, an item, or a department's words."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Response

from api.asking import explain, overview
from api.deps import (
    NO_SUCH_DEPARTMENT,
    NO_SUCH_ITEM,
    ConfigurationDep,
    LedgerDep,
    LiveDep,
    NoSuchDepartment,
    NoSuchItem,
)
from api.mapping import mapping_of
from api.v1.question import Question, promptly
from api.v1.rows import item_row
from api.v1.sent import sent
from api.v1.shapes import (
    DepartmentMappingOut,
    EventOut,
    ExplanationOut,
    HistoryOut,
    ItemOut,
    StatusOut,
    VersionOut,
)
from ledger.read import Reads

single = APIRouter(prefix="/v1", route_class=Question)


@single.get("/status", summary="How are we tracking?", tags=["status"])
def get_status(ledger: LedgerDep, live: LiveDep) -> StatusOut:
    """Every department's headline with its reason, coverage and age, and the worst of what needs somebody."""
    told = msgspec.to_builtins(overview(ledger, live.current))
    return StatusOut.model_validate({**told, "notes": [live.problem] if live.problem else []})


@single.get("/items/{item_id}", response_model=ItemOut, responses=NO_SUCH_ITEM, summary="One item", tags=["items"])
async def get_item(item_id: str, ledger: LedgerDep) -> Response:
    """One item by its id, or by its key in the tracker where only one item has that key."""
    return await promptly(ledger, lambda ledger: _item(item_id, ledger))


def _item(item_id: str, ledger: Reads) -> Response:
    found = ledger.one(item_id)
    if found is None:
        raise NoSuchItem(f"no single item has the id or key '{item_id}'")
    return sent(item_row(found))


@single.get("/items/{item_id}/explain", responses=NO_SUCH_ITEM, summary="Why does it read as it does?", tags=["items"])
def get_explanation(item_id: str, ledger: LedgerDep) -> ExplanationOut:
    """Each field's raw value, the rule with its file and line, what it became, and the record itself."""
    found = explain(ledger, item_id)
    if found is None:
        raise NoSuchItem(f"no single item has the id or key '{item_id}'")
    return ExplanationOut.model_validate(msgspec.to_builtins(found))


@single.get("/items/{item_id}/history", responses=NO_SUCH_ITEM, summary="What was it when?", tags=["items"])
def get_history(item_id: str, ledger: LedgerDep) -> HistoryOut:
    """Every state that the item was in and every change that was made to it, oldest first."""
    kept = ledger.item(item_id)
    if kept is None:
        raise NoSuchItem(f"no single item has the id or key '{item_id}'")
    versions = [
        VersionOut(
            valid_from=v.valid_from, observed_from=v.observed_from, observed_to=v.observed_to, lifecycle=v.item.lifecycle,
            reported_health=v.item.reported_health, status=v.item.status, owner=v.item.owner, due_on=v.item.due_on,
            title=v.item.title, mapping_version=v.mapping_version,
        )
        for v in ledger.history(kept.item.id)
    ]  # fmt: skip
    events = [EventOut.model_validate(msgspec.to_builtins(e)) for e in map(_whole, ledger.events(kept.item.id))]
    return HistoryOut(versions=versions, events=events)


@single.get(
    "/departments/{key}/mapping",
    responses=NO_SUCH_DEPARTMENT,
    summary="What its words became, by which rule, and which have none",
    tags=["departments"],
)
def get_mapping(key: str, ledger: LedgerDep, configuration: ConfigurationDep) -> DepartmentMappingOut:
    """Every word that was really seen, binding by binding, and the rule that read it."""
    department = next((d for d in configuration.departments if d.department == key), None)
    if department is None:
        known = ", ".join(d.department for d in configuration.departments)
        raise NoSuchDepartment(f"no department has the key '{key}': known are {known}")
    return DepartmentMappingOut.model_validate(msgspec.to_builtins(mapping_of(ledger, configuration, department)))


def _whole(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in EventOut.model_fields}
