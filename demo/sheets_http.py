"""Google's Drive and Sheets APIs in front of a SheetsSite, and the token endpoint, with the documented traps."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from demo.loopback import Loopback, Reply, Request
from demo.sheets_site import THEME, SheetsSite, Spreadsheet, Tab, channels, rendered

_encode = msgspec.json.Encoder().encode
RANGE = re.compile(r"^(?:'((?:[^']|'')*)'|([^!']+))(?:!([A-Za-z]*)(\d*):([A-Za-z]*)(\d*))?$")
STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


class Answer(Exception):
    """A status other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SheetsServer(Loopback):
    """Drive, Sheets and tokens on one loopback port."""

    content_type = "application/json; charset=UTF-8"

    def __init__(self, site: SheetsSite, *, token: str = "demo-google-token") -> None:
        self.site, self.token = site, token
        super().__init__()
        self.revoked = False

    def reply(self, request: Request) -> Reply:
        bearer = request.headers.get("Authorization")
        try:
            return Reply(200, _encode(self.answer(request.method, request.path, parse_qs(request.query), bearer)))
        except Answer as refused:
            return Reply(refused.status, _encode(_error(refused, request.path)))

    def answer(self, method: str, path: str, params: dict[str, list[str]], authorization: str | None) -> Any:
        """The body of a 200; raises Answer for the rest."""
        if path == "/token" and method == "POST":
            if self.revoked:
                raise Answer(400, "invalid_grant")
            return {"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"}
        if self.revoked or authorization != f"Bearer {self.token}":
            raise Answer(401, "Request had invalid authentication credentials.")
        with self.site.lock:
            if path == "/drive/v3/files":
                return self.files(params)
            if match := re.fullmatch(r"/drive/v3/files/([^/]+)", path):
                return self.file(self.book(match[1]), params.get("fields", ["kind,id,name,mimeType"])[0])
            if match := re.fullmatch(r"/v4/spreadsheets/([^/:]+)", path):
                return self.values(self.book(match[1]), params)
        raise Answer(404, "Requested entity was not found.")

    def book(self, id: str) -> Spreadsheet:
        book = self.site.books.get(unquote(id))
        if book is None:
            raise Answer(404, "Requested entity was not found.")
        if not book.shared:
            raise Answer(403, "The caller does not have permission")
        return book

    def files(self, params: dict[str, list[str]]) -> dict[str, Any]:
        """The spreadsheets that are shared with the account."""
        shared = [b for b in self.site.books.values() if b.shared and not b.trashed]
        fields = params.get("fields", ["files(id,name)"])[0]
        wanted = fields.partition("files(")[2].rstrip(")")
        return {"files": [self.file(b, wanted) for b in shared]}

    def file(self, book: Spreadsheet, fields: str) -> dict[str, Any]:
        whole = {
            "kind": "drive#file", "id": book.id, "name": book.title, "mimeType": "application/vnd.google-apps.spreadsheet",
            "version": str(book.version), "modifiedTime": f"{book.modified:%Y-%m-%dT%H:%M:%S.000Z}", "trashed": book.trashed,
            "lastModifyingUser": {"kind": "drive#user", "displayName": book.editor},
        }  # fmt: skip
        asked = {f.partition("(")[0] for f in re.split(r",(?![^(]*\))", fields)}
        return {name: value for name, value in whole.items() if name in asked}

    def values(self, book: Spreadsheet, params: dict[str, list[str]]) -> dict[str, Any]:
        """spreadsheets.get: with a mask, includeGridData is ignored; ranges choose the blocks, tab by tab."""
        fields = params.get("fields", [""])[0]
        data = "data(" in fields or (not fields and params.get("includeGridData") == ["true"])
        blocks = [self.block(book, r) for r in params.get("ranges", [])] or [(t, 0, None, 0, None) for t in book.tabs]
        sheets = []
        for tab in book.tabs:
            mine = [b for b in blocks if b[0] is tab]
            if mine:
                sheets.append(self.sheet(tab, [self.data(*b) for b in mine] if data else []))
        theme = [{"colorType": name, "color": {"rgbColor": channels(colour)}} for name, colour in THEME.items()]
        white = {"rgbColor": channels("#ffffff")}
        return {
            "spreadsheetId": book.id,
            "properties": {
                "title": book.title, "locale": "de_DE", "autoRecalc": "ON_CHANGE", "timeZone": book.zone,
                "defaultFormat": {"backgroundColorStyle": white},
                "spreadsheetTheme": {"primaryFontFamily": "Arial", "themeColors": theme},
            },
            "sheets": sheets,
        }  # fmt: skip

    def sheet(self, tab: Tab, data: list[Any]) -> dict[str, Any]:
        grid = {"rowCount": max(len(tab.rows), 1), "columnCount": max(map(len, tab.rows), default=1)}
        grid |= {"frozenRowCount": tab.frozen} if tab.frozen else {}
        shown: dict[str, Any] = {
            "properties": {
                "sheetId": tab.id,
                "title": tab.title,
                "index": 0,
                "sheetType": "GRID",
                "gridProperties": grid,
            }
        }
        if tab.merges:
            names = ("startRowIndex", "endRowIndex", "startColumnIndex", "endColumnIndex")
            shown["merges"] = [{"sheetId": tab.id, **dict(zip(names, m, strict=True))} for m in tab.merges]
        if tab.rules:
            shown["conditionalFormats"] = [
                {
                    "ranges": [{"sheetId": tab.id, "startColumnIndex": c, "endColumnIndex": c + 1}],
                    "booleanRule": {
                        "condition": {"type": "TEXT_EQ", "values": [{"userEnteredValue": word}]},
                        "format": {"backgroundColorStyle": {"rgbColor": channels(colour)}},
                    },
                }
                for c, word, colour in tab.rules
            ]
        if tab.bands:
            shown["bandedRanges"] = [
                {
                    "bandedRangeId": n,
                    "range": {"sheetId": tab.id, "startRowIndex": top, "endRowIndex": bottom},
                    "rowProperties": {
                        "firstBandColorStyle": {"rgbColor": channels(one)},
                        "secondBandColorStyle": {"rgbColor": channels(other)},
                    },
                }
                for n, (top, bottom, one, other) in enumerate(tab.bands)
            ]
        if tab.tables:
            shown["tables"] = tab.tables
        return shown | ({"data": data} if data else {})

    def block(self, book: Spreadsheet, text: str) -> tuple[Tab, int, int | None, int, int | None]:
        match = RANGE.match(text)
        tab = book.tab((match[1] or match[2] or "").replace("''", "'")) if match else None
        if match is None or tab is None:
            raise Answer(400, f"Unable to parse range: {text}")
        top, bottom = int(match[4] or 1) - 1, int(match[6]) if match[6] else None
        if top >= max(len(tab.rows), 1) and any(match.groups()[2:]):
            raise Answer(400, f"Range ({text}) exceeds grid limits. Max rows: {len(tab.rows)}")
        return (
            tab,
            top,
            bottom,
            _column(match[3]) or 0,
            None if _column(match[5]) is None else (_column(match[5]) or 0) + 1,
        )

    def data(self, tab: Tab, top: int, bottom: int | None, left: int, right: int | None) -> dict[str, Any]:
        """Trailing empty cells and rows are left out; merged cells hold their value once."""
        rows = [[rendered(c) for c in row[left:right]] for row in tab.rows[top:bottom]]
        for row in rows:
            while row and not row[-1]:
                row.pop()
        while rows and not rows[-1]:
            rows.pop()
        shown: dict[str, Any] = {"rowData": [{"values": row} if row else {} for row in rows]}
        shown |= {"startRow": top} if top else {}
        shown |= {"startColumn": left} if left else {}
        shown["rowMetadata"] = [{"hiddenByUser": True} if n in tab.hidden else {} for n in range(top, top + len(rows))]
        return shown


def _column(letters: str | None) -> int | None:
    if not letters:
        return None
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def _error(refused: Answer, path: str) -> dict[str, Any]:
    if path == "/token":
        return {"error": str(refused), "error_description": "Token has been expired or revoked."}
    return {"error": {"code": refused.status, "message": str(refused), "status": STATUS.get(refused.status, "UNKNOWN")}}
