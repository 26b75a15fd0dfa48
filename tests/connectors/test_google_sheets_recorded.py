"""Google's own recorded answers: every one is read or told, none is a surprise."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.google_sheets.grid import grids
from tests import recorded

CASSETTES = sorted((recorded.HOME / "google_sheets" / "open" / "gspread").glob("*.json"))
METADATA = "includeGridData=false"
pytestmark = recorded.needed


def asked(file: str) -> list[tuple[str, int, Any]]:
    """(address, status, body) of every GET of a cassette."""
    told = recorded.load(f"google_sheets/open/gspread/{file}")
    pairs = [(t["request"], t["response"]) for t in told]
    return [(q["uri"], a["status"], a["body"]) for q, a in pairs if q["method"] == "GET"]


@pytest.mark.parametrize("file", [c.name for c in CASSETTES])
def test_a_recorded_spreadsheet_shows_its_tabs_its_zone_and_its_size(file: str) -> None:
    books = [body for uri, status, body in asked(file) if METADATA in uri and status == 200]
    assert books or file.startswith("ClientTest.test_list")
    for book in books:
        for sheet, grid in zip(book["sheets"], grids(book), strict=True):
            about = sheet["properties"]
            assert (grid.tab, grid.tab_id) == (about["title"], about["sheetId"])
            assert grid.row_count == about["gridProperties"]["rowCount"]
            assert grid.zone == book["properties"]["timeZone"]


def test_recorded_merges_fill_recorded_values() -> None:
    """A block shows its first cell everywhere, whether merged whole, by columns or by rows."""
    told = asked("WorksheetTest.test_get_merge_cells_and_unmerge_cells.json")
    values = next(body["values"] for uri, _, body in told if "/values/" in uri)
    book = next(body for uri, _, body in told if METADATA in uri and "merges" in body["sheets"][0])
    cells = [[{"effectiveValue": {"stringValue": v}, "formattedValue": v} if v else {} for v in row] for row in values]
    book["sheets"][0]["data"] = [{"rowData": [{"values": row} if row else {} for row in cells]}]
    (grid,) = grids(book)
    shown = [[cell.text for cell in grid.row(n)] for n in grid.numbers()]
    assert [row + [""] * (4 - len(row)) for row in shown] == [
        ["1", "1", "2", "3"], ["1", "1", "2", "3"], ["", "4", "4", ""], ["", "5", "5", ""],
    ]  # fmt: skip
