"""The demo Google against Google's own discovery documents: every answer, with nothing that Google does not have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import requests
from jsonschema import Draft4Validator

from connectors.google_sheets.client import FILE, MASK
from demo.company import DemoCompany
from demo.sheets_http import SheetsServer
from demo.sheets_story import BOOK
from tests import recorded


@pytest.fixture(scope="module")
def server() -> Iterator[SheetsServer]:
    with DemoCompany(date(2026, 11, 20)) as company:
        (book,) = company.marketing.books.values()
        book.tabs[0].rules = [(3, "Late", "#ea4335")]
        book.tabs[0].bands = [(2, 9, "#ffffff", "#f3f3f3")]
        yield company.marketing_server


def asked(server: SheetsServer, path: str, token: str = "", **params: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token or server.token}"}
    return requests.get(f"{server.url}{path}", params=params, headers=headers, timeout=10)


def contract(document: str, name: str) -> dict[str, Any]:
    """A schema of a discovery document as JSON Schema that allows nothing else."""
    schemas = recorded.load(f"google_sheets/contract/{document}")["schemas"]

    def closed(part: Any) -> Any:
        if isinstance(part, list):
            return [closed(p) for p in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return {"$ref": f"#/definitions/{part['$ref']}"}
        kept = {k: part[k] for k in ("type", "enum", "items") if k in part and k != "items"}
        if part.get("format") in ("int64", "uint64"):
            kept = {"type": "string"}
        if "items" in part:
            kept["items"] = closed(part["items"])
        if "properties" in part:
            kept["properties"] = {k: closed(v) for k, v in part["properties"].items()}
            kept["additionalProperties"] = False
        if kept.get("type") == "any":
            del kept["type"]
        return kept

    return {"$ref": f"#/definitions/{name}", "definitions": {n: closed(s) for n, s in schemas.items()}}


@recorded.needed
def test_a_spreadsheet_is_one_of_googles(server: SheetsServer) -> None:
    answer = asked(server, f"/v4/spreadsheets/{BOOK}", ranges=["'Plan'!1:5000"], fields=MASK).json()
    assert answer["sheets"][0]["data"]
    assert answer["sheets"][0]["conditionalFormats"]
    errors = list(Draft4Validator(contract("sheets.v4.json", "Spreadsheet")).iter_errors(answer))
    assert not errors, [e.message for e in errors[:3]]


@recorded.needed
def test_a_recorded_grid_passes_the_same_contract() -> None:
    """Else the contract, or how it is read here, would prove nothing."""
    answer = recorded.load("google_sheets/open/includeGridData_vi_VN.json")
    assert not list(Draft4Validator(contract("sheets.v4.json", "Spreadsheet")).iter_errors(answer))


@recorded.needed
def test_a_file_is_one_of_drives(server: SheetsServer) -> None:
    validator = Draft4Validator(contract("drive.v3.json", "File"))
    assert not list(validator.iter_errors(asked(server, f"/drive/v3/files/{BOOK}", fields=FILE).json()))
    listed = Draft4Validator(contract("drive.v3.json", "FileList"))
    assert not list(listed.iter_errors(asked(server, "/drive/v3/files", fields="files(id,name)").json()))


def test_without_ranges_or_mask_there_are_no_cells(server: SheetsServer) -> None:
    assert "data" not in asked(server, f"/v4/spreadsheets/{BOOK}").json()["sheets"][0]


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [("/v4/spreadsheets/nope", "", 404), (f"/v4/spreadsheets/{BOOK}", "another", 401), (f"/v4/spreadsheets/{BOOK}?ranges=Nope!A1", "", 400)],
)  # fmt: skip
def test_what_google_refuses_is_refused(server: SheetsServer, path: str, token: str, status: int) -> None:
    answer = asked(server, path, token)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == status


def test_zero_channels_and_empty_cells_are_left_out(server: SheetsServer) -> None:
    sheet = asked(server, f"/v4/spreadsheets/{BOOK}", ranges=["'Plan'!1:5000"], fields=MASK).json()["sheets"][0]
    assert sheet["conditionalFormats"][0]["booleanRule"]["format"]["backgroundColorStyle"]["rgbColor"].keys() <= {
        "red",
        "green",
        "blue",
    }
    assert {} in [cell for row in sheet["data"][0]["rowData"] for cell in row.get("values", [])]
