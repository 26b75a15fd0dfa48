"""Real recorded answers of Salesforce through the reader: real describes, real stage scales, real rows."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from connectors.contract import Binding, FieldRef
from connectors.salesforce import DEFAULT_FIELDS
from connectors.salesforce.reader import read as read_row
from connectors.salesforce.shape import categories, find_fields
from demo.salesforce_http import SalesforceServer
from demo.salesforce_site import SalesforceSite
from ledger.model import Lifecycle
from normalizer.mapping import Mapping
from normalizer.people import People
from normalizer.translate import Translator
from tests import recorded

pytestmark = recorded.needed
OPEN = "salesforce/open"


def described(name: str) -> Any:
    told = recorded.load(f"{OPEN}/cumulusci/GET_sobjects_{name}_describe.json")
    return told[0]["response"]["body"]


def scales() -> list[str]:
    folder = recorded.HOME / OPEN / "stage-scales"
    return sorted(p.name for p in folder.glob("*.json")) if folder.is_dir() else []


@pytest.mark.parametrize("name", ["Opportunity", "Case", "Custom__c"])
def test_a_real_describe_gives_the_fields_by_name_or_label(name: str) -> None:
    body = described(name)
    labels = [f["label"] for f in body["fields"]]
    wanted = next(f for f in body["fields"] if f["name"] != "Id" and labels.count(f["label"]) == 1)
    binding = Binding("b", None, {"extra": FieldRef(name=wanted["label"]), "gone": FieldRef(id="Nope__c")})
    shape, drift = find_fields("x", "https://x", binding, name, body["fields"])
    assert shape.roles["extra"] == wanted["name"]
    assert shape.stamp == ("SystemModstamp" if len(body["fields"]) > 3 else None)
    assert ("OwnerId" in shape.people) == ("OwnerId" in shape.types)
    assert any("no field 'Nope__c'" in str(d) for d in drift)


def test_the_twins_describe_has_what_a_real_one_has() -> None:
    """What the connector reads of a field is in both, with values of the same type."""
    real = {f["name"]: f for f in described("Opportunity")["fields"]}
    with SalesforceServer(SalesforceSite()) as server:
        server.tokens.add("t")
        ours = server.answer("GET", "/services/data/v67.0/sobjects/Opportunity/describe", {}, {}, "t")
    for field in ours["fields"]:
        assert field["name"] in real, field["name"]
        theirs = real[field["name"]]
        assert set(field) <= set(theirs) | {"relationshipOrder"}, set(field) - set(theirs)
        assert field["type"] == theirs["type"], field["name"]
        assert set(field["referenceTo"]) <= set(theirs["referenceTo"]), field["name"]
    assert set(ours) <= set(described("Opportunity"))


@pytest.mark.parametrize("file", scales())
def test_every_stage_of_a_real_org_is_read_by_its_flags(file: str) -> None:
    """57 stages of one, Portuguese ones of another: names mean nothing."""
    told = recorded.load(f"{OPEN}/stage-scales/{file}")["OpportunityStage"]
    stages = [
        {
            "ApiName": s["fullName"], "MasterLabel": s["label"], "IsClosed": s["closed"], "IsWon": s["won"],
            "DefaultProbability": s.get("probability"),
        }
        for s in told
    ]  # fmt: skip
    known = categories(stages)
    assert len(known) == len({s["fullName"] for s in told})
    fields = described("Opportunity")["fields"]
    shape, _ = find_fields("x", "https://x", Binding("b", None, dict(DEFAULT_FIELDS)), "Opportunity", fields, stages)
    translator = Translator(Mapping("x", "b", "f.yaml", {}, {}), People([]))
    for stage in told:
        row = {"Id": "006Hs0000000001IAA", "Name": "D", "StageName": stage["fullName"], "CloseDate": "2026-12-01"}
        row |= {"IsClosed": stage["closed"], "IsWon": stage["won"]}
        item = translator.translate(read_row(row, shape))
        expected = Lifecycle.IN_PROGRESS
        if stage["closed"]:
            expected = Lifecycle.DONE if stage["won"] else Lifecycle.CANCELLED
        assert item.lifecycle is expected, stage["fullName"]


def test_real_rows_are_read_field_by_field() -> None:
    """A warehouse's copy of an org, its columns put back into Salesforce's own names."""
    names = {
        "id": "Id", "name": "Name", "stage_name": "StageName", "is_closed": "IsClosed", "is_won": "IsWon", "close_date": "CloseDate",
        "created_date": "CreatedDate", "owner_id": "OwnerId",
    }  # fmt: skip
    shape, _ = find_fields(
        "x", "https://x", Binding("b", None, dict(DEFAULT_FIELDS)), "Opportunity", described("Opportunity")["fields"]
    )
    path = recorded.HOME / OPEN / "fivetran-warehouse" / "sf_opportunity_data.csv"
    translator = Translator(Mapping("x", "b", "f.yaml", {}, {}), People([]))
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{names[k]: v for k, v in line.items() if k in names} for line in csv.DictReader(file)]
    assert rows
    for row in rows:
        typed: dict[str, Any] = {**row, "IsClosed": row["IsClosed"] == "true", "IsWon": row["IsWon"] == "true"}
        typed["CloseDate"] = row["CloseDate"][:10] or None
        typed["CreatedDate"] = row["CreatedDate"].replace(" ", "T") + ".000+0000"
        item = translator.translate(read_row(typed, shape))
        assert item.ref == row["Id"]
        assert str(item.due_on or "") == row["CloseDate"][:10]
        assert item.owner_ref == (row["OwnerId"] or None)
        expected = Lifecycle.IN_PROGRESS
        if typed["IsClosed"]:
            expected = Lifecycle.DONE if typed["IsWon"] else Lifecycle.CANCELLED
        assert item.lifecycle is expected
