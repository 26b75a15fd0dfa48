"""Marketing's sheet: localization for three verticals. Colours are painted, not written; nobody fills in more than they must."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from demo.sheets_site import SheetCell, SheetsSite, Spreadsheet

BOOK = "1NorthwindMarketingLocalizationPlan0000000000"
GREEN, AMBER, RED = "#93c47d", "#ffd966", "#e06666"
VERTICALS = ("Healthcare", "Public sector", "Energy")
WORK = ("Messaging house", "Website pages", "Case study", "Sales deck", "Trade fair stand")
OWNERS = ("priya.shah@northwind.example", "luis.ortega@northwind.example")
MARKS = ("Ready", "Running", "Running", "Planned", "Running")


def marketing(site: SheetsSite, today: date) -> Spreadsheet:
    """Fills a spreadsheet as of a day: fifteen rows below a banner, painted colours, one row that waits for Legal."""
    book = site.spreadsheet(BOOK, "Localization plan")
    header = ["Work item", "Vertical", "State", "RAG", "Owner", "Due", "Progress", "Needs"]
    rows: list[list[Any]] = [["Localization: three new verticals"], [SheetCell(h) for h in header]]
    for number, (title, vertical) in enumerate((t, v) for v in VERTICALS for t in WORK):
        due = today + timedelta(days=(number % 5) * 9 - 12)
        colour = RED if number == 7 else AMBER if number % 4 == 2 else None if number % 7 == 3 else GREEN
        rows.append([
            f"{title} {vertical}", vertical, SheetCell(MARKS[number % 5], options=("Planned", "Running", "Ready", "Dropped")),
            SheetCell(colour=colour), SheetCell(OWNERS[number % 2].partition("@")[0], emails=(OWNERS[number % 2],)), due,
            SheetCell((number % 5) / 4, percent=True), "LEGAL-7" if number == 9 else "needs ENG-31" if number == 12 else None,
        ])  # fmt: skip
    tab = site.add_tab(book, "Plan", rows, frozen=2)
    tab.merges = [(0, 1, 0, 8)]
    return book
