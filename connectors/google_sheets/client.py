"""The only I/O of the Google Sheets connector: one question to Drive whether anything changed, one for all that is read.

gspread addresses and authenticates; its typed records (numbers guessed out of texts, no colours) are not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import google.auth.exceptions
import requests
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import credentials as oauth2
from google.oauth2 import service_account
from gspread.exceptions import APIError
from gspread.http_client import HTTPClient
from gspread.urls import DRIVE_FILES_API_V3_URL, SPREADSHEET_URL
from msgspec.structs import replace

from connectors.contract import (
    AccessDenied,
    Binding,
    Change,
    Discovery,
    Finding,
    Found,
    Metadata,
    Mode,
    Page,
    Seen,
    Source,
    SourceChanged,
    SourceUnavailable,
    Verdict,
)
from connectors.google_sheets import Connection, OAuth, ServiceAccount
from connectors.google_sheets.check import examine
from connectors.google_sheets.errors import GoogleWire, NotShared
from connectors.google_sheets.grid import Grid, grids
from connectors.google_sheets.reader import Table, read
from connectors.plain import mapping
from connectors.wire import Policy, Wire, parsed

SCOPES = (
    "https://www.googleapis.com/auth/spreadsheets.readonly",
    "https://www.googleapis.com/auth/drive.metadata.readonly",
)
FILE = "id,name,version,modifiedTime,trashed,lastModifyingUser(displayName)"
MASK = (
    "spreadsheetId,properties(title,locale,timeZone,defaultFormat(backgroundColorStyle),spreadsheetTheme),"
    "sheets(properties(sheetId,title,gridProperties),merges,conditionalFormats(ranges,booleanRule),"
    "tables(range,columnProperties),bandedRanges(range,rowProperties,columnProperties),data(startRow,startColumn,"
    "rowMetadata(hiddenByFilter,hiddenByUser),rowData(values(effectiveValue,formattedValue,"
    "effectiveFormat(backgroundColorStyle,numberFormat),hyperlink,chipRuns,dataValidation))))"
)
WINDOW = 5000
"""Rows asked for at once: a larger sheet is read in windows, so that an answer fits into memory."""
PAGE = 1000
FULL_EVERY = timedelta(hours=24)
"""Volatile formulas and imports change values without an edit of the file."""


class SheetsConnector:
    """The spreadsheets of one source."""

    def __init__(self, source: Source, *, wire: Wire | None = None) -> None:
        self.source = source
        self.connection: Connection = source.connection
        self.wire = wire or _wire(source.key, self.connection)
        self.account = ""
        """The service account's address: whom a sheet must be shared with."""
        self._session: _Session | None = None
        self._files: dict[str, dict[str, Any]] = {}
        self._books: dict[str, dict[str, Grid]] = {}
        self._tables: dict[str, Table] = {}

    @property
    def requests(self) -> int:
        return self.wire.requests

    @property
    def retries(self) -> int:
        return self.wire.retries

    def _library(self) -> HTTPClient:
        """The vendor's client, signed in when it is first needed."""
        if self._session is None:
            self._session = _Session(self._credentials(), self.connection, self.wire)
        return HTTPClient(None, session=self._session)  # type: ignore[arg-type]  # the session brings its own

    def _credentials(self) -> Any:
        auth, token_url = self.connection.auth, self.connection.token_url
        if isinstance(auth, ServiceAccount):
            try:
                info = json.loads(auth.key.get_secret_value())
                made = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # google-auth has no types
                    {**info, "token_uri": token_url}, scopes=SCOPES
                )
            except (ValueError, TypeError, KeyError, google.auth.exceptions.GoogleAuthError) as error:
                sentence = (
                    f"{self.source.key}: the service account's key is no key file of Google ({type(error).__name__})"
                )
                hint = "download a JSON key and name it as ${file:/path/to/key.json}"
                raise AccessDenied(sentence, source=self.source.key, hint=hint) from None
            self.account = str(info.get("client_email") or "")
            return made
        if isinstance(auth, OAuth):
            return oauth2.Credentials(  # type: ignore[no-untyped-call]  # google-auth has no types
                None, refresh_token=auth.refresh_token.get_secret_value(), token_uri=token_url, client_id=auth.client_id,
                client_secret=auth.client_secret.get_secret_value(), scopes=SCOPES,
            )  # fmt: skip
        return oauth2.Credentials(auth.token.get_secret_value())  # type: ignore[no-untyped-call]  # google-auth has no types

    # -- asking ------------------------------------------------------------------------------------------------------

    def ask(self, url: str, params: Mapping[str, Any], what: str) -> Any:
        """One question to Google. Parsed JSON.

        Raises:
            AccessDenied: not signed in, not granted, not shared, not there.
            SourceChanged: a tab or range is not there.
            SourceError: see Wire.ask.
        """
        key = self.source.key
        try:
            answer = self._library().request("get", url, params=dict(params))
        except NotShared as denied:
            raise NotShared(f"{denied}: {what}", source=key, hint=self._sharing()) from denied
        except APIError as error:
            message = self.wire.redact(str(error.error.get("message") or ""))[:200]
            if error.code == 404:
                sentence = f"{key}: {what} is not there: deleted, or not shared with {self.account or 'this account'}"
                raise NotShared(sentence, source=key, hint=self._sharing()) from None
            raise SourceChanged(f"{key}: Google answers {error.code} for {what}: {message}", source=key) from None
        except google.auth.exceptions.GoogleAuthError as error:
            sentence = f"{key}: Google does not accept the credential: {self.wire.redact(str(error))[:120]}"
            raise AccessDenied(sentence, source=key, hint="make a new key or consent again") from None
        return parsed(answer.content, source=key, what="answer of Google")

    def _sharing(self) -> str:
        return f"share the spreadsheet with {self.account or 'the account of the credential'} as a viewer"

    def file(self, spreadsheet: str) -> dict[str, Any]:
        """What Drive says of a spreadsheet; asked once in a run. Its `version` grows with every change; a gateway may tell only when
        somebody last edited it."""
        if spreadsheet not in self._files:
            url = f"{DRIVE_FILES_API_V3_URL}/{spreadsheet}"
            answer = self.ask(url, {"fields": FILE, "supportsAllDrives": "true"}, f"the spreadsheet {spreadsheet}")
            version = mapping(answer).get("version") or mapping(answer).get("modifiedTime")
            if not isinstance(version, str | int):
                sentence = f"{self.source.key}: Drive told no version of the spreadsheet {spreadsheet}"
                raise SourceUnavailable(sentence, source=self.source.key)
            self._files[spreadsheet] = {**answer, "version": version}
        return self._files[spreadsheet]

    def grid(self, binding: Binding) -> Grid:
        """The tab of a binding; all tabs that this source reads of a spreadsheet come with one question."""
        scope = binding.scope
        if scope.spreadsheet not in self._books:
            self._books[scope.spreadsheet] = self._book(scope.spreadsheet)
        return self._books[scope.spreadsheet][_ranges([binding])[0]]

    def _bindings(self, spreadsheet: str) -> list[Binding]:
        return [b for b in self.source.bindings if b.scope.spreadsheet == spreadsheet]

    def _book(self, spreadsheet: str) -> dict[str, Grid]:
        """Every range that is read of a spreadsheet; a tab's ranges come in the order in which they are asked for."""
        ranges = _ranges(self._bindings(spreadsheet))
        by_tab: dict[str, list[Grid]] = {}
        for grid in grids(self._values(spreadsheet, [_window(r, 0) for r in ranges])):
            by_tab.setdefault(grid.tab.casefold(), []).append(grid)
        found = {}
        for range_ in ranges:
            blocks = by_tab.get(_tab(range_).casefold())
            if not blocks:
                self._no_such_tab(spreadsheet, _tab(range_))
                raise SourceUnavailable(f"{self.source.key}: Google left out {range_}", source=self.source.key)
            found[range_] = blocks.pop(0)
            if "!" not in range_:
                self._rest(spreadsheet, range_, found[range_])
        return found

    def _rest(self, spreadsheet: str, range_: str, grid: Grid) -> None:
        """The windows after the first, of a large sheet; read twice if it was edited meanwhile."""
        if (
            grid.row_count <= WINDOW or len(grid.rows) > WINDOW
        ):  # the latter: a gateway that knows no windows sent it whole
            return
        for start in range(WINDOW, grid.row_count, WINDOW):
            for more in grids(self._values(spreadsheet, [_window(range_, start)])):
                grid.add(more)
        grid.merge()
        before = self._files.pop(spreadsheet, {}).get("version")
        if self.file(spreadsheet)["version"] != before:
            sentence = f"{self.source.key}: '{grid.tab}' was edited while it was being read"
            raise SourceUnavailable(sentence, source=self.source.key, hint="the next run reads it again")

    def _values(self, spreadsheet: str, ranges: Sequence[str]) -> Any:
        try:
            return self.ask(
                SPREADSHEET_URL % spreadsheet,
                {"ranges": list(ranges), "fields": MASK},
                f"the spreadsheet {spreadsheet}",
            )
        except SourceChanged as changed:
            if "parse range" in str(changed):
                for range_ in ranges:
                    self._no_such_tab(spreadsheet, _tab(range_))
            raise

    def _no_such_tab(self, spreadsheet: str, tab: str) -> None:
        """Raises SourceChanged with the tabs that there are, unless this one is among them."""
        fields = {"fields": "sheets(properties(sheetId,title))"}
        tabs = [g.tab for g in grids(self.ask(SPREADSHEET_URL % spreadsheet, fields, f"the spreadsheet {spreadsheet}"))]
        if tab.casefold() not in (t.casefold() for t in tabs):
            sentence = f"{self.source.key}: there is no tab '{tab}' any more; there are {', '.join(tabs[:12])}"
            raise SourceChanged(sentence, source=self.source.key, hint="correct scope.tab in the department's file")

    # -- the contract ------------------------------------------------------------------------------------------------

    def metadata(self) -> Metadata:
        """A sheet shows its columns and words only with its rows: they come with the pages."""
        return Metadata(statuses=None, scopes=None)

    def pull(
        self, binding: Binding, *, mode: Mode, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        """The whole table, or nothing where Drive says that nothing was edited since."""
        try:
            yield from self._pull(binding, mode, cursor)
        except NotShared as dark:
            if len({b.scope.spreadsheet for b in self.source.bindings}) == 1:
                raise
            # One spreadsheet that went dark must not keep the others of this source from being read.
            yield Verdict(complete=False, reason=" - ".join(filter(None, (str(dark), dark.hint))))

    def _pull(self, binding: Binding, mode: Mode, cursor: Mapping[str, Any] | None) -> Iterator[Page | Verdict]:
        file = self.file(binding.scope.spreadsheet)
        if file.get("trashed") is True:
            who = (file.get("lastModifyingUser") or {}).get("displayName") or "somebody"
            sentence = (
                f"{self.source.key}: the spreadsheet '{file.get('name')}' lies in the trash; {who} edited it last"
            )
            raise SourceChanged(
                sentence, source=self.source.key, hint="take it out of the trash, or remove the binding"
            )
        now = datetime.now(UTC)
        same = mode == "incremental" and cursor is not None and cursor.get("version") == file["version"]
        if same and cursor and now - datetime.fromtimestamp(cursor["read_at"], UTC) < FULL_EVERY:
            yield Verdict(complete=True, cursor=cursor)
            return
        table = self.table(binding)
        for start in range(0, max(len(table.records), 1), PAGE):
            last = start + PAGE >= len(table.records)
            yield Page(
                tuple(table.records[start : start + PAGE]),
                changes={},
                unreadable=tuple(table.unreadable) if last else (),
                drift=tuple(table.drift) if last else (),
                words=table.words if last else None,
            )
        yield _verdict(table, {"version": file["version"], "read_at": int(now.timestamp())})

    def table(self, binding: Binding) -> Table:
        """The rows of a binding; read once in a run."""
        if binding.key not in self._tables:
            self._tables[binding.key] = read(self.grid(binding), binding, self.source.key)
        return self._tables[binding.key]

    def history(self, binding: Binding, refs: Sequence[str]) -> Mapping[str, tuple[Change, ...]]:
        """A sheet remembers no cell's past: what we saw is its history."""
        return {}

    def census(self, binding: Binding) -> Iterator[Sequence[Seen] | Verdict]:
        table = self.table(binding)
        yield [Seen(ref, table.scope) for ref in sorted(table.refs)]
        yield Verdict(complete=not table.errors, reason="; ".join(table.errors[:1]))

    def find(self, binding: Binding, refs: Sequence[str]) -> Sequence[Found]:
        """A row that is not in a whole table with its header in place was deleted, or has another key now."""
        table = self.table(binding)
        records = {r.ref: r for r in table.records}
        gone = Found("", "deleted", None, f"no row of '{binding.scope.tab}' has this key any more")
        hidden = Found("", "moved_out", None, "its row is hidden, and the binding skips hidden rows")
        return [
            Found(r, "present", records.get(r))
            if r in table.refs
            else replace(hidden if r in table.skipped else gone, ref=r)
            for r in refs
        ]

    def discover(self) -> Discovery:
        from connectors.google_sheets.discover import discover

        return discover(self, MASK)

    def check(self) -> Sequence[Finding]:
        return examine(self)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()


class _Session(AuthorizedSession):
    """A signed-in session on the wire. gspread writes Google's addresses into its code; they become the configured ones."""

    def __init__(self, credentials: Any, connection: Connection, wire: Wire) -> None:
        self._tokens = wire.prepare(requests.Session())
        super().__init__(credentials, auth_request=Request(self._tokens), max_refresh_attempts=0)  # type: ignore[no-untyped-call]  # google-auth has no types
        self._addresses = {
            "https://sheets.googleapis.com": connection.url,
            "https://www.googleapis.com": connection.drive_url,
        }
        wire.prepare(self)

    def request(self, method: str, url: str, **more: Any) -> requests.Response:  # type: ignore[override]  # gspread's use
        for theirs, ours in self._addresses.items():
            if url.startswith(theirs):
                url = ours + url.removeprefix(theirs)
        return super().request(method, url, **more)  # type: ignore[no-any-return, no-untyped-call]  # google-auth has no types

    def close(self) -> None:
        self._tokens.close()
        super().close()  # type: ignore[no-untyped-call]  # google-auth has no types


def _verdict(table: Table, cursor: dict[str, Any]) -> Verdict:
    if table.loading:
        where = ", ".join(table.loading[:5])
        return Verdict(complete=False, reason=f"{where} is still being computed by Google: the next run reads it again")
    if table.errors:
        more = f", and {len(table.errors) - 1} more rows" if table.errors[1:] else ""
        return Verdict(complete=False, reason=table.errors[0] + more)
    return Verdict(complete=True, cursor=cursor, whole=True)


def _ranges(bindings: Sequence[Binding]) -> list[str]:
    quoted = ["'" + b.scope.tab.replace("'", "''") + "'" for b in bindings]
    return list(
        dict.fromkeys(f"{q}!{b.scope.range}" if b.scope.range else q for q, b in zip(quoted, bindings, strict=True))
    )


def _tab(range_: str) -> str:
    return (
        range_.rpartition("!")[0].strip("'").replace("''", "'")
        if "!" in range_
        else range_.strip("'").replace("''", "'")
    )


def _window(range_: str, start: int) -> str:
    """Some rows of a whole tab; a range that a department chose is read as it is."""
    return range_ if "!" in range_ else f"{range_}!{start + 1}:{start + WINDOW}"


def _wire(source: str, connection: Connection) -> GoogleWire:
    auth = connection.auth
    named = [getattr(auth, name) for name in ("key", "client_secret", "refresh_token", "token") if hasattr(auth, name)]
    policy = Policy(
        hosts=frozenset(urlsplit(u).netloc for u in (connection.url, connection.drive_url, connection.token_url)),
        timeout=connection.timeout,
        deadline=connection.timeout,
        max_bytes=256 * 2**20,
        rate=connection.requests_per_second,
        budget=connection.request_budget,
        private_network=connection.private_network,
        ca_file=connection.ca_file,
        proxy=connection.proxy,
    )
    return GoogleWire(source, policy, secrets=[s.get_secret_value() for s in named])
