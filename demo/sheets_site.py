"""The state behind a demo Google Drive: spreadsheets with tabs of typed, painted cells. No HTTP here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

EPOCH = date(1899, 12, 30)
THEME = {
    "TEXT": "#000000", "BACKGROUND": "#ffffff", "ACCENT1": "#4285f4", "ACCENT2": "#ea4335", "ACCENT3": "#fbbc04",
    "ACCENT4": "#34a853", "ACCENT5": "#ff6d01", "ACCENT6": "#46bdc6", "LINK": "#1155cc",
}  # fmt: skip


@dataclass(slots=True)
class SheetCell:
    """One cell. `colour` is "#rrggbb" or a theme colour's name; `error` an error's type such as LOADING or REF."""

    value: str | float | bool | date | None = None
    colour: str | None = None
    percent: bool = False
    error: str | None = None
    emails: tuple[str, ...] = ()
    link: str | None = None
    options: tuple[str, ...] = ()
    """Words of a drop-down list, or the one range that it takes them from: "=Lists!$A$1:$A$5"."""


@dataclass(slots=True)
class Tab:
    id: int
    title: str
    rows: list[list[SheetCell]] = field(default_factory=list)
    frozen: int = 0
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(first row, end row, first column, end column), ends excluded."""
    hidden: set[int] = field(default_factory=set)
    rules: list[tuple[int, str, str]] = field(default_factory=list)
    """(column, word, colour "#rrggbb") of conditional formats."""
    bands: list[tuple[int, int, str, str]] = field(default_factory=list)
    """(first row, end row, first colour, second colour) of alternating colours across all columns."""
    tables: list[dict[str, Any]] = field(default_factory=list)
    """Typed tables as the API answers them."""


@dataclass(slots=True)
class Spreadsheet:
    id: str
    title: str
    zone: str = "Europe/Berlin"
    tabs: list[Tab] = field(default_factory=list)
    version: int = 1
    trashed: bool = False
    shared: bool = True
    modified: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    editor: str = "Priya Shah"

    def tab(self, title: str) -> Tab | None:
        return next((t for t in self.tabs if t.title.casefold() == title.casefold()), None)


class SheetsSite:
    """One Drive with everything in memory."""

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.books: dict[str, Spreadsheet] = {}

    def spreadsheet(self, id: str, title: str, **more: Any) -> Spreadsheet:
        book = Spreadsheet(id, title, modified=self.clock(), **more)
        self.books[id] = book
        return book

    def add_tab(self, book: Spreadsheet, title: str, rows: list[list[Any]], *, frozen: int = 1) -> Tab:
        """A tab of plain values or SheetCells."""
        tab = Tab(len(book.tabs) * 1000, title, [[as_cell(v) for v in row] for row in rows], frozen)
        book.tabs.append(tab)
        self.touch(book)
        return tab

    def touch(self, book: Spreadsheet) -> None:
        """An edit: the version grows with every change, even those that nobody sees."""
        book.version += 1
        book.modified = self.clock()

    def put(self, book: Spreadsheet, tab: Tab, row: int, column: int, value: Any) -> None:
        """Sets one cell, rows and columns from 0."""
        with self.lock:
            cells = tab.rows[row]
            cells.extend(SheetCell() for _ in range(column + 1 - len(cells)))
            cells[column] = as_cell(value)
            self.touch(book)


def as_cell(value: Any) -> SheetCell:
    return value if isinstance(value, SheetCell) else SheetCell(value)


def rendered(cell: SheetCell) -> dict[str, Any]:
    """A cell as Google answers it: nothing for the default, zero channels left out."""
    shown: dict[str, Any] = {}
    value, kind, text = _typed(cell)
    if value is not None:
        shown |= {"effectiveValue": value, "formattedValue": text}
    style: dict[str, Any] = {}
    if cell.colour:
        style["backgroundColorStyle"] = (
            {"themeColor": cell.colour} if cell.colour in THEME else {"rgbColor": channels(cell.colour)}
        )
    if kind:
        style["numberFormat"] = {"type": kind, "pattern": ""}
    if style:
        shown["effectiveFormat"] = style
    if cell.link:
        shown["hyperlink"] = cell.link
    if cell.emails:
        shown["chipRuns"] = [
            {"startIndex": n, "chip": {"personProperties": {"email": e}}} for n, e in enumerate(cell.emails)
        ]
    if cell.options:
        words = [{"userEnteredValue": o} for o in cell.options]
        kind = "ONE_OF_RANGE" if cell.options[0].startswith("=") else "ONE_OF_LIST"
        shown["dataValidation"] = {"condition": {"type": kind, "values": words}, "showCustomUi": True}
    return shown


def _typed(cell: SheetCell) -> tuple[dict[str, Any] | None, str | None, str]:
    """effectiveValue, number format, formattedValue"""
    value = cell.value
    if cell.error:
        return (
            {"errorValue": {"type": cell.error, "message": "Fehler"}},
            None,
            "Loading..." if cell.error == "LOADING" else f"#{cell.error}!",
        )
    if value is None:
        return None, None, ""
    if isinstance(value, bool):
        return {"boolValue": value}, None, str(value).upper()
    if isinstance(value, datetime):
        at = value.replace(tzinfo=None)
        serial = (at - datetime.combine(EPOCH, at.min.time())).total_seconds() / 86_400
        return {"numberValue": serial}, "DATE_TIME", f"{at:%d.%m.%Y %H:%M:%S}"
    if isinstance(value, date):
        return {"numberValue": (value - EPOCH).days}, "DATE", f"{value:%d.%m.%Y}"
    if isinstance(value, int | float):
        text = f"{value:.0%}" if cell.percent else f"{value:g}".replace(".", ",")
        return {"numberValue": value}, "PERCENT" if cell.percent else None, text
    return {"stringValue": value}, None, value


def channels(colour: str) -> dict[str, float]:
    """Channels that are zero are left out."""
    parts = {n: int(colour[i : i + 2], 16) / 255 for n, i in (("red", 1), ("green", 3), ("blue", 5))}
    return {name: round(share, 8) for name, share in parts.items() if share}
