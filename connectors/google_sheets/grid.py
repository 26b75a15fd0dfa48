"""Pure: a spreadsheets.get answer to a rectangle of cells, as people see them: merged cells filled, colours resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.plain import clean, mapping, sequence

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  # serial dates count local days, whatever the zone
WHITE = "#ffffff"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its typed value (dates as ISO text), its shown text, its colour "#rrggbb" where it is not the default."""

    value: str | float | bool | None = None
    text: str = ""
    colour: str | None = None
    error: str | None = None
    """LOADING, REF, N_A ... where the cell shows an error."""
    emails: tuple[str, ...] = ()
    """Of people chips."""
    links: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return self.value is None and self.error is None


NOTHING = Cell()


@dataclass(slots=True)
class Grid:
    """One tab, or a range of it. Row and column numbers are the sheet's own, from 0."""

    tab: str
    tab_id: int
    zone: str
    first_row: int = 0
    first_column: int = 0
    rows: list[list[Cell]] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
    """Numbers of rows that somebody hid or filtered away."""
    frozen: int = 0
    row_count: int = 0
    words: dict[int, dict[str, str | None]] = field(default_factory=dict)
    """Column number to the words that its drop-down list, its typed column or its colour rules name, each with its colour."""
    listed: dict[int, str] = field(default_factory=dict)
    """Column number to the range of another place that its drop-down list takes its words from."""
    types: dict[int, str] = field(default_factory=dict)
    """Column number to its type in a typed table: DROPDOWN, DATE, PEOPLE_CHIP ..."""
    merges: list[Any] = field(default_factory=list)
    """Merged blocks as answered."""

    def add(self, more: Grid) -> None:
        """Takes over the rows of another window of the same tab, each in its place."""
        for n in more.numbers():
            at = n - self.first_row
            self.rows += [[] for _ in range(at - len(self.rows))]
            if at == len(self.rows):
                self.rows.append(more.row(n))
        self.hidden |= more.hidden

    def merge(self) -> None:
        """Every cell of a merged block shows what its first cell holds."""
        for merge in map(mapping, self.merges):
            top, left = _int(merge.get("startRowIndex")), _int(merge.get("startColumnIndex"))
            bottom, right = _int(merge.get("endRowIndex")), _int(merge.get("endColumnIndex"))
            source = self.row(top)
            at = left - self.first_column
            if not 0 <= at < len(source):
                continue
            for number in range(max(top, self.first_row), min(bottom, self.first_row + len(self.rows))):
                row = self.row(number)
                for column in range(left - self.first_column, right - self.first_column):
                    row.extend([NOTHING] * (column + 1 - len(row)))
                    row[column] = source[at]

    def row(self, number: int) -> list[Cell]:
        at = number - self.first_row
        return self.rows[at] if 0 <= at < len(self.rows) else []

    def numbers(self) -> range:
        return range(self.first_row, self.first_row + len(self.rows))

    def address(self, row: int, column: int | None = None) -> str:
        """Campaigns!C17, or Campaigns!17:17 for the row."""
        tab = self.tab if self.tab.isalnum() else "'" + self.tab.replace("'", "''") + "'"
        return f"{tab}!{row + 1}:{row + 1}" if column is None else f"{tab}!{letters(column)}{row + 1}"


def letters(column: int) -> str:
    """0 -> A, 27 -> AB"""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def grids(answer: Any) -> Iterator[Grid]:
    """Every block of cells of an answer, tab by tab, in the order of the ranges asked for; a tab without cells is one too.
    What is not of its type is nothing."""
    book = mapping(answer)
    properties = mapping(book.get("properties"))
    theme = _theme(properties)
    default = _rgb(mapping(mapping(properties.get("defaultFormat")).get("backgroundColorStyle")), theme) or WHITE
    for sheet in map(mapping, sequence(book.get("sheets"))):
        for block in sequence(sheet.get("data")) or [{}]:
            grid = _empty(mapping(sheet.get("properties")), properties)
            _fill(grid, mapping(block), theme, default)
            _typed_tables(grid, sheet)
            _unband(grid, sheet, theme)
            _colour_rules(grid, sheet, theme)
            grid.merges = sequence(sheet.get("merges"))
            grid.merge()
            yield grid


def _empty(about: Mapping[str, Any], book: Mapping[str, Any]) -> Grid:
    shape = mapping(about.get("gridProperties"))
    return Grid(
        tab=clean(str(about.get("title") or "")),
        tab_id=_int(about.get("sheetId")),
        zone=_zone(book.get("timeZone")),
        frozen=_int(shape.get("frozenRowCount")),
        row_count=_int(shape.get("rowCount")),
    )


def _fill(grid: Grid, block: Mapping[str, Any], theme: Mapping[str, str], default: str) -> None:
    first, left = _int(block.get("startRow")), _int(block.get("startColumn"))
    grid.first_row, grid.first_column = first, left
    for row in sequence(block.get("rowData")):
        raws = sequence(mapping(row).get("values"))
        grid.rows.append([_cell(c, grid, theme, default) for c in raws])
        for c, raw in enumerate(raws):
            if words := _allowed(mapping(mapping(raw).get("dataValidation"))):
                grid.words.setdefault(left + c, dict.fromkeys(words))
            elif place := _range_of(mapping(mapping(raw).get("dataValidation"))):
                grid.listed.setdefault(left + c, place)
    for n, about in enumerate(sequence(block.get("rowMetadata"))):
        if mapping(about).get("hiddenByFilter") is True or mapping(about).get("hiddenByUser") is True:
            grid.hidden.add(first + n)


def _typed_tables(grid: Grid, sheet: Mapping[str, Any]) -> None:
    """What a table says of its columns."""
    for table in map(mapping, sequence(sheet.get("tables"))):
        left = _int(mapping(table.get("range")).get("startColumnIndex"))
        for column in map(mapping, sequence(table.get("columnProperties"))):
            at = left + _int(column.get("columnIndex"))
            grid.types[at] = clean(str(column.get("columnType") or ""))
            words = _allowed(mapping(column.get("dataValidationRule")))
            grid.words.setdefault(at, {}).update(dict.fromkeys(words))


def _unband(grid: Grid, sheet: Mapping[str, Any], theme: Mapping[str, str]) -> None:
    """Alternating colours are decoration: a cell in its band's own colour says nothing by it."""
    for band in map(mapping, sequence(sheet.get("bandedRanges"))):
        area = mapping(band.get("range"))
        looks = [mapping(band.get("rowProperties")), mapping(band.get("columnProperties"))]
        names = ("headerColor", "firstBandColor", "secondBandColor", "footerColor")
        colours = {
            _rgb(mapping(look.get(n + "Style")), theme) or _plain_rgb(look.get(n)) for look in looks for n in names
        }
        top, left = _int(area.get("startRowIndex")), _int(area.get("startColumnIndex"))
        bottom, right = _int(area.get("endRowIndex")) or 10**8, _int(area.get("endColumnIndex")) or 10**8
        for number in range(max(top, grid.first_row), min(bottom, grid.first_row + len(grid.rows))):
            row = grid.row(number)
            for at in range(max(left - grid.first_column, 0), min(right - grid.first_column, len(row))):
                if row[at].colour is not None and row[at].colour in colours:
                    row[at] = replace(row[at], colour=None)


def _colour_rules(grid: Grid, sheet: Mapping[str, Any], theme: Mapping[str, str]) -> None:
    """Words that are painted by a rule: the sheet itself says which colour a word has."""
    for rule in map(mapping, sequence(sheet.get("conditionalFormats"))):
        told = mapping(rule.get("booleanRule"))
        condition, look = mapping(told.get("condition")), mapping(told.get("format"))
        colour = _rgb(mapping(look.get("backgroundColorStyle")), theme) or _plain_rgb(look.get("backgroundColor"))
        if condition.get("type") not in ("TEXT_EQ", "TEXT_CONTAINS", "TEXT_STARTS_WITH") or colour is None:
            continue
        words = [clean(str(mapping(v).get("userEnteredValue") or "")) for v in sequence(condition.get("values"))]
        for area in map(mapping, sequence(rule.get("ranges"))):
            left = _int(area.get("startColumnIndex"))
            for column in range(left, min(_int(area.get("endColumnIndex")), left + 100)):
                grid.words.setdefault(column, {}).update({w: colour for w in words if w and not w.startswith("=")})


def _cell(raw: Any, grid: Grid, theme: Mapping[str, str], default: str) -> Cell:
    cell = mapping(raw)
    if not cell:
        return NOTHING
    value = mapping(cell.get("effectiveValue"))
    look = mapping(cell.get("effectiveFormat"))
    error = mapping(value.get("errorValue")).get("type") if "errorValue" in value else None
    colour = _rgb(mapping(look.get("backgroundColorStyle")), theme) or _plain_rgb(look.get("backgroundColor"))
    chips = [mapping(mapping(run).get("chip")) for run in sequence(cell.get("chipRuns"))]
    emails = [mapping(c.get("personProperties")).get("email") for c in chips]
    links = [cell.get("hyperlink"), *(mapping(c.get("richLinkProperties")).get("uri") for c in chips)]
    return Cell(
        value=_value(value, mapping(look.get("numberFormat")).get("type"), grid.zone),
        text=clean(str(cell.get("formattedValue") or "")),
        colour=None if colour in (None, default, WHITE) else colour,
        error=str(error) if error else None,
        emails=tuple(clean(e) for e in emails if isinstance(e, str)),
        links=tuple(clean(x) for x in links if isinstance(x, str)),
    )


def _value(value: Mapping[str, Any], kind: Any, zone: str) -> str | float | bool | None:
    """The typed value; a number is a date only by its format, and a text is never made a number."""
    if isinstance(text := value.get("stringValue"), str):
        return clean(text) or None
    if isinstance(flag := value.get("boolValue"), bool):
        return flag
    number = value.get("numberValue")
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or number != number
        or abs(number) == float("inf")
    ):
        return None
    if kind in ("DATE", "DATE_TIME"):
        return _dated(float(number), kind, zone) or float(number)
    if kind == "PERCENT":
        return round(float(number) * 100, 10)  # as it is shown: 45 %
    return float(number) if abs(number) < 1e300 else None


def _dated(serial: float, kind: str, zone: str) -> str | None:
    """A serial number of days since 1899-12-30 as ISO text: an instant with the sheet's own offset, so that its day stays the
    day that people see. None for a day that no calendar has."""
    try:
        at = EPOCH + timedelta(seconds=round(serial * 86_400))
    except OverflowError:
        return None
    if kind == "DATE" or at.time() == at.min.time():
        return at.date().isoformat()
    return at.replace(tzinfo=ZoneInfo(zone)).isoformat()


# -- colours -----------------------------------------------------------------------------------------------------------


def _theme(properties: Mapping[str, Any]) -> dict[str, str]:
    pairs = sequence(mapping(properties.get("spreadsheetTheme")).get("themeColors"))
    return {str(mapping(p).get("colorType")): _rgb(mapping(mapping(p).get("color")), {}) or WHITE for p in pairs}


def _rgb(style: Mapping[str, Any], theme: Mapping[str, str]) -> str | None:
    """A colour style as "#rrggbb": channels that are zero are left out; a theme colour is the theme's."""
    if "themeColor" in style:
        return theme.get(str(style["themeColor"]))
    return _plain_rgb(style["rgbColor"]) if "rgbColor" in style else None


def _plain_rgb(colour: Any) -> str | None:
    if not isinstance(colour, dict):
        return None
    channels = [colour.get(c, 0) for c in ("red", "green", "blue")]
    if any(isinstance(c, bool) or not isinstance(c, int | float) or not 0 <= c <= 1 for c in channels):
        return None
    return "#" + "".join(f"{round(c * 255):02x}" for c in channels)


# -- small things ------------------------------------------------------------------------------------------------------


def _allowed(validation: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of a drop-down list, in their order."""
    rule = mapping(validation.get("condition"))
    if rule.get("type") != "ONE_OF_LIST":
        return ()
    return tuple(clean(str(mapping(v).get("userEnteredValue") or "")) for v in sequence(rule.get("values")))


def _range_of(validation: Mapping[str, Any]) -> str | None:
    """Where a drop-down list takes its words from: =Lists!$A$1:$A$5 is Lists!A1:A5."""
    rule = mapping(validation.get("condition"))
    first = mapping(next(iter(sequence(rule.get("values"))), None)).get("userEnteredValue")
    told = rule.get("type") == "ONE_OF_RANGE" and isinstance(first, str) and first.startswith("=")
    return clean(str(first)).lstrip("=").replace("$", "") if told else None


def _zone(name: Any) -> str:
    try:
        return str(ZoneInfo(str(name)).key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


def _int(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**8 else 0
