"""The spreadsheets that are shared with an account, their tabs, columns and lists: for `sightline discover`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gspread.urls import DRIVE_FILES_API_V3_URL, SPREADSHEET_URL

from connectors.contract import Discovery, Place, SeenField, SourceChanged, SourceError, StatusValue
from connectors.google_sheets.grid import Grid, grids

if TYPE_CHECKING:
    from connectors.google_sheets.client import SheetsConnector

AT_MOST = 30
"""Spreadsheets that are looked into: two requests each."""
TOP = 60
"""Rows of a tab that tell its header."""


def discover(sheets: SheetsConnector, mask: str) -> Discovery:
    """What is shared with the account, most recently edited first."""
    query = {
        "q": "mimeType='application/vnd.google-apps.spreadsheet' and trashed=false",
        "orderBy": "modifiedTime desc",
        "pageSize": 100,
        "fields": "nextPageToken,files(id,name)",
        "supportsAllDrives": "true",
        "includeItemsFromAllDrives": "true",
    }
    answer = sheets.ask(DRIVE_FILES_API_V3_URL, query, "the list of spreadsheets")
    files = [f for f in answer.get("files", []) if isinstance(f, dict)] if isinstance(answer, dict) else []
    notes = [] if files else [f"no spreadsheet is shared with {sheets.account or 'this account'} yet"]
    if len(files) > AT_MOST:
        notes.append(f"{len(files)} spreadsheets are shared; the {AT_MOST} edited last are shown")
    places: list[Place] = []
    for file in files[:AT_MOST]:
        try:
            places += _tabs(sheets, str(file.get("id")), str(file.get("name")), mask)
        except SourceError as error:
            notes.append(str(error))
    return Discovery(tuple(places), (), tuple(notes))


def _tabs(sheets: SheetsConnector, ref: str, name: str, mask: str) -> Iterator[Place]:
    """Every tab of a spreadsheet with the columns of its header."""
    url, what = SPREADSHEET_URL % ref, f"the spreadsheet '{name}'"
    tabs = [g.tab for g in grids(sheets.ask(url, {"fields": "sheets(properties(sheetId,title))"}, what))]
    ranges = ["'" + t.replace("'", "''") + f"'!1:{TOP}" for t in tabs]
    for grid in grids(sheets.ask(url, {"ranges": ranges, "fields": mask}, what)) if ranges else ():
        scope: dict[str, Any] = {"spreadsheet": ref, "tab": grid.tab}
        header = _header(grid)
        _fill_lists(sheets, url, what, grid)
        fields = tuple(_columns(grid, header)) if header is not None else ()
        note = f"of '{name}'" if fields else f"of '{name}'; no row looks like a header"
        yield Place("tab", grid.tab, scope, fields, tuple(f.name for f in fields[:1]), note)


def _fill_lists(sheets: SheetsConnector, url: str, what: str, grid: Grid) -> None:
    """Words of drop-down lists that stand in another place: one question each. A place that is gone has none."""
    for column, place in sorted(grid.listed.items()):
        mask = "sheets(properties(sheetId,title),data(startRow,startColumn,rowData(values(effectiveValue,formattedValue))))"
        try:
            cells = [
                c for g in grids(sheets.ask(url, {"ranges": [place], "fields": mask}, what)) for r in g.rows for c in r
            ]
        except SourceChanged:
            continue
        grid.words.setdefault(column, dict.fromkeys(c.text for c in cells if c.text))


def _header(grid: Grid) -> int | None:
    """The last frozen row, else the first with more than one distinct text."""
    rows = (
        n
        for n in (grid.frozen - 1, *grid.numbers())
        if len({c.text for c in grid.row(n) if isinstance(c.value, str)}) > 1
    )
    return next(rows, None)


def _columns(grid: Grid, header: int) -> Iterator[SeenField]:
    for at, cell in enumerate(grid.row(header), grid.first_column):
        if cell.text:
            words = grid.words.get(at, {})
            options = tuple(StatusValue("", w, w, colour=colour) for w, colour in words.items())
            yield SeenField(cell.text, None, grid.types.get(at, ""), options)
