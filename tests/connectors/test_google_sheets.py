"""Google Sheets over real HTTP, reached by a department file: typed, painted, merged, moved about, and never guessed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.mapping import proposals
from connectors.contract import Binding, FieldRef, SourceChanged, tracker
from connectors.google_sheets import Scope
from connectors.google_sheets.grid import Grid, grids, letters
from connectors.google_sheets.reader import read
from demo import faults
from demo.sheets_http import SheetsServer
from demo.sheets_site import SheetCell, SheetsSite, Spreadsheet, Tab
from ledger.model import Health, Lifecycle, Presence
from ledger.read import Kept
from tests import recorded
from tests.tracked import Department

BOOK = "1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
HEADER = ["Campaign", "RAG", "Owner", "Due", "Status", "Needs", "Score"]
DEPARTMENT = """\
department: mkt
name: Marketing
sources:
  - key: mkt
    kind: google_sheets
    connection:
      url: {url}
      drive_url: {url}
      token_url: {url}/token
      auth: {{kind: token, token: "${{TEST_TOKEN}}"}}
      requests_per_second: 1000
    bindings:
      - key: plan
        scope: {{spreadsheet: "https://docs.google.com/spreadsheets/d/{book}/edit#gid=0", tab: Plan{scope}}}
        row_key: [Campaign]
        fields: {{health: {{name: RAG}}, depends_on: {{name: Needs}}, confidence: {{name: Score}}, lifecycle: {{name: Status}}}}
        scales:
          health: {{scale: rag, palette: {{"#00ff00": green, "#ff9900": amber, "#ff0000": red, "#ea4335": red}}}}
          lifecycle: {{Doing: in_progress, Done: done}}
          confidence: confidence_1_10
"""


class Sheet(Department):
    """A plan in a spreadsheet, and a server in front of it."""

    def __init__(self, folder: Path, rows: list[list[Any]], *, scope: str = "", frozen: int = 1) -> None:
        self.site = SheetsSite()
        self.book: Spreadsheet = self.site.spreadsheet(BOOK, "The plan")
        self.tab: Tab = self.site.add_tab(self.book, "Plan", rows, frozen=frozen)
        self.server = SheetsServer(self.site).__enter__()
        super().__init__(folder, DEPARTMENT.format(url=self.server.url, book=BOOK, scope=scope))

    def all(self) -> dict[str, Kept]:
        """Every row that the ledger knows, by the words of its key."""
        return {k.item.key.casefold(): k for k in super().all().values()}

    def id(self, key: str) -> str:
        return self.all()[key].item.id

    def close(self) -> None:
        super().close()
        self.server.__exit__()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sheet]]:
    monkeypatch.setenv("TEST_TOKEN", "demo-google-token")
    made: list[Sheet] = []

    def build(*rows: list[Any], header: list[Any] | None = None, **more: Any) -> Sheet:
        made.append(Sheet(tmp_path, [header or HEADER, *rows], **more))
        return made[-1]

    yield build
    for sheet in made:
        sheet.close()


def row(name: str, colour: str | None = None, **more: Any) -> list[Any]:
    cells = [name, SheetCell(colour=colour), None, None, "Doing", None, None]
    for column, value in more.items():
        cells[HEADER.index(column)] = value
    return cells


def test_a_sheet_costs_two_requests_and_an_unchanged_one_costs_one(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A", "#00ff00"), row("B"))
    assert sheet.sync().requests == 2
    again = sheet.sync()
    assert (again.state, again.requests, again.counts.seen) == ("complete", 1, 0)


def test_without_a_version_the_last_edit_tells_whether_anything_changed(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A"))
    real = sheet.server.file
    sheet.server.file = lambda book, fields: {k: v for k, v in real(book, fields).items() if k != "version"}  # type: ignore[method-assign]
    assert [sheet.sync().requests for _ in range(2)] == [2, 1]


def test_painted_colours_are_read_and_the_default_is_nothing(make: Callable[..., Sheet]) -> None:
    """A RAG cell often holds no value at all; zero channels are left out, theme colours named."""
    sheet = make(
        row("A", "#00ff00"),
        row("B", "#ff9900"),
        row("C", "ACCENT2"),
        row("D"),
        row("E", "#cccccc"),
        row("F", "#08f108"),
    )
    sheet.sync()
    told = {ref: k.item.reported_health for ref, k in sheet.all().items()}
    assert told == {
        "a": Health.ON_TRACK,
        "b": Health.AT_RISK,
        "c": Health.OFF_TRACK,
        "d": Health.UNKNOWN,
        "e": Health.UNKNOWN,
        "f": Health.ON_TRACK,
    }
    assert [e.raw for e in sheet.ledger.inbox() if e.field == "health"] == ["#cccccc"]


def test_alternating_colours_say_nothing(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A", "#f3f3f3"), row("B", "#00ff00"), row("C", "#ff0000"))
    sheet.tab.bands = [(1, 4, "#f3f3f3", "#00ff00")]
    sheet.sync()
    told = {ref: k.item.reported_health for ref, k in sheet.all().items()}
    assert told == {"a": Health.UNKNOWN, "b": Health.UNKNOWN, "c": Health.OFF_TRACK}
    assert sheet.ledger.inbox() == []


def test_a_written_word_wins_over_the_paint(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A", RAG=SheetCell("Red", colour="#00ff00")))
    sheet.sync()
    assert sheet.all()["a"].item.reported_health is Health.OFF_TRACK


@pytest.mark.parametrize("text", ["7", "1,5", "007", "nan", "٣", "3/10", "8085807e40000000"])
def test_a_text_is_never_made_a_number(make: Callable[..., Sheet], text: str) -> None:
    """The library makes 15 of "1,5", 7 of "007" and infinity of an id."""
    sheet = make(row("A", Score=text))
    sheet.sync()
    item = sheet.all()["a"].item
    word = item.word("confidence")
    assert word is not None
    assert word.raw == text
    assert item.confidence == (pytest.approx(6 / 9) if text == "7" else None)


def test_numbers_percents_dates_and_flags_keep_their_type(make: Callable[..., Sheet]) -> None:
    sheet = make(
        row("A", Score=7, Due=date(2026, 11, 30)),
        row("B", Score=SheetCell(0.45, percent=True), Due=46_000),
        row("C", Due="30/11"),
    )
    sheet.sync()
    told = sheet.all()
    assert told["a"].item.due_on == date(2026, 11, 30)
    assert told["a"].item.confidence == pytest.approx(6 / 9)
    assert told["b"].item.due_on is None  # a number is a date only by its format
    assert told["c"].item.due_on is None
    word = told["b"].item.word("confidence")
    assert word is not None
    assert word.raw == "45"


def test_an_instant_is_read_in_the_sheets_own_zone(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A", Due=datetime(2026, 7, 1, 0, 30)))  # noqa: DTZ001  # a sheet has no offset
    sheet.sync()
    word = sheet.all()["a"].item.word("due_on")
    assert word is not None
    assert word.raw == "2026-07-01T00:30:00+02:00"
    assert sheet.all()["a"].item.due_on == date(2026, 7, 1)  # the day that people see, not that of Greenwich


def test_a_row_keeps_its_identity_wherever_it_goes(make: Callable[..., Sheet]) -> None:
    """A6: inserted, sorted, columns moved: nothing has changed but where it lies."""
    sheet = make(row("A", "#00ff00"), row("B", "#ff0000"))
    sheet.sync()
    sheet.tab.rows[1:1] = [[SheetCell(v) if not isinstance(v, SheetCell) else v for v in row("New", "#ff9900")]]
    sheet.tab.rows[2], sheet.tab.rows[3] = sheet.tab.rows[3], sheet.tab.rows[2]
    for cells in sheet.tab.rows:
        cells.insert(0, cells.pop(1))
    sheet.site.touch(sheet.book)
    outcome = sheet.sync()
    assert (outcome.counts.new, outcome.counts.changed) == (1, 0)
    assert sheet.ledger.cells(sheet.id("a")) == {
        "": "Plan!4:4", "health": "Plan!A4", "owner": "Plan!C4", "due_on": "Plan!D4", "lifecycle": "Plan!E4", "depends_on": "Plan!F4", "confidence": "Plan!G4",
    }  # fmt: skip
    assert sheet.all()["a"].item.reported_health is Health.ON_TRACK


def test_a_renamed_column_is_told_and_nothing_stays_green(make: Callable[..., Sheet]) -> None:
    """A6, row 17."""
    sheet = make(row("A", "#00ff00"))
    sheet.sync()
    sheet.site.put(sheet.book, sheet.tab, 0, 1, "RAG status")
    outcome = sheet.sync()
    assert any(
        "the column 'RAG', read as health" in n and "d0.yaml:" in n and "did you mean 'RAG status'?" in n
        for n in outcome.notes
    )
    assert sheet.all()["a"].item.reported_health is Health.UNKNOWN


def test_a_key_column_that_is_gone_loses_nothing(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A", "#00ff00"), row("B", "#ff0000"))
    sheet.sync()
    sheet.site.put(sheet.book, sheet.tab, 0, 0, "Name of it")
    outcome = sheet.sync()
    assert outcome.state == "failed"
    assert "the column 'Campaign', read as row_key" in outcome.reason
    assert {k.presence for k in sheet.all().values()} == {Presence.PRESENT}
    assert sheet.all()["a"].item.reported_health is Health.ON_TRACK


def test_a_banner_above_the_header_changes_nothing(make: Callable[..., Sheet]) -> None:
    """Row 18: the header is found by its names."""
    sheet = make(row("A", "#00ff00"), row("B", "#ff0000"))
    sheet.sync()
    sheet.tab.rows[0:0] = [[SheetCell("Our great plan")], []]
    sheet.site.touch(sheet.book)
    outcome = sheet.sync()
    assert (outcome.state, outcome.counts.changed) == ("complete", 0)


def test_two_tabs_may_have_rows_of_the_same_key(make: Callable[..., Sheet]) -> None:
    """Each quarter's tab numbers its rows from 1: none of them is another's, and a renamed tab keeps its own."""
    sheet = make(row("1", "#00ff00"), row("2", "#ff0000"))
    later = sheet.site.add_tab(sheet.book, "Q4", [HEADER, row("1", "#ff0000"), row("3")])
    book, key = f'spreadsheet: "{BOOK}"', "row_key: [Campaign]"
    more = f"      - key: q4\n        scope: {{{book}, tab: Q4}}\n        {key}\n        fields: {{health: {{name: RAG}}}}\n"
    sheet.write(sheet.text + more + '        scales: {health: {scale: rag, palette: {"#ff0000": red}}}\n')
    assert sheet.sync().counts.new == 4
    told = {(k.item.binding, k.item.key): k.item.reported_health for k in sheet.present().values()}
    assert (told["plan", "1"], told["q4", "1"]) == (Health.ON_TRACK, Health.OFF_TRACK)
    ids = set(sheet.present())
    later.title = "Q1"
    sheet.site.touch(sheet.book)
    sheet.write((sheet.text + more).replace("tab: Q4", "tab: Q1"))
    sheet.sync()
    assert set(sheet.present()) == ids


def test_a_tab_that_changed_keeps_no_other_from_being_read(make: Callable[..., Sheet]) -> None:
    """The first of two tables lost its header: the second is read, and the sentence says what to mend."""
    sheet = make(row("1", "#00ff00"))
    sheet.site.add_tab(sheet.book, "Q4", [["Row", "RAG"], ["2", "Red"]])
    more = f'      - key: q4\n        scope: {{spreadsheet: "{BOOK}", tab: Q4}}\n        row_key: [Row]\n        scales: {{health: rag}}\n'
    sheet.write(sheet.text + more)
    sheet.site.put(sheet.book, sheet.tab, 0, 0, "Name of it")
    outcome = sheet.sync()
    assert outcome.state == "incomplete"
    assert "the column 'Campaign', read as row_key" in outcome.reason
    assert [f.kind for f in outcome.findings] == ["schema_drift"]
    assert sheet.all()["2"].item.reported_health is Health.OFF_TRACK


def test_two_rows_with_one_key_are_an_error_naming_both(make: Callable[..., Sheet]) -> None:
    """A6: neither is guessed to be the right one, and what was known stays."""
    sheet = make(row("A", "#00ff00"), row("B", "#ff0000"))
    sheet.sync()
    sheet.tab.rows.append([SheetCell(" a"), SheetCell(colour="#ff0000")])
    sheet.site.touch(sheet.book)
    outcome = sheet.sync()
    assert any("rows 2 and 4 of 'Plan' have the same key 'A'" in n for n in outcome.notes)
    assert sheet.all()["a"].item.reported_health is Health.ON_TRACK
    assert sheet.all()["a"].presence is Presence.PRESENT


def test_a_row_without_a_key_is_named(make: Callable[..., Sheet]) -> None:
    outcome = make(row("A"), row("", "#ff0000")).sync()
    assert any("Plan!3:3 has no key: fill 'Campaign'" in n for n in outcome.notes)


def test_a_column_that_is_there_twice_is_not_guessed(make: Callable[..., Sheet]) -> None:
    outcome = make(row("A", "#00ff00"), header=["Campaign", "RAG", "Owner", "Due", "RAG", "Needs", "Score"]).sync()
    assert any("is there twice: Plan!B1 and Plan!E1" in n for n in outcome.notes)


def test_a_deleted_row_is_deleted_at_once_and_a_mass_deletion_is_not(make: Callable[..., Sheet]) -> None:
    """A whole table with its header in place is proof; half of it gone is a fault until proven otherwise."""
    sheet = make(*[row(f"C{n}") for n in range(20)])
    sheet.sync()
    sheet.tab.rows.pop(3)
    sheet.site.touch(sheet.book)
    sheet.sync()
    assert sheet.all()["c2"].presence is Presence.DELETED
    del sheet.tab.rows[5:]
    sheet.site.touch(sheet.book)
    outcome = sheet.sync()
    assert any("vanished at once" in n for n in outcome.notes)
    assert sum(k.presence is Presence.DELETED for k in sheet.all().values()) == 1


def test_merged_cells_show_what_people_see(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A", Status="Done"), row("B", Status=None), row("C"))
    sheet.tab.merges = [(1, 3, 4, 5)]
    sheet.sync()
    assert [k.item.lifecycle for _, k in sorted(sheet.all().items())] == [
        Lifecycle.DONE,
        Lifecycle.DONE,
        Lifecycle.IN_PROGRESS,
    ]


def test_hidden_rows_are_read_or_skipped_as_the_file_says(make: Callable[..., Sheet], tmp_path: Path) -> None:
    sheet = make(row("A"), row("B"), scope=", hidden_rows: skip")
    sheet.tab.hidden = {2}
    sheet.sync()
    assert set(sheet.all()) == {"a"}
    sheet.tab.hidden = {1}
    sheet.site.touch(sheet.book)
    sheet.sync()
    assert sheet.all()["a"].presence is Presence.MOVED_OUT  # hidden is not deleted
    assert sheet.all()["b"].presence is Presence.PRESENT


@pytest.mark.parametrize("kind", ["LOADING", "REF"])
def test_a_cell_in_error_makes_the_sheet_incomplete_and_loses_nothing(make: Callable[..., Sheet], kind: str) -> None:
    """IMPORTRANGE still computing looks like an empty cell to whoever does not look."""
    sheet = make(row("A", "#00ff00", Score=9), row("B", "#ff0000"))
    sheet.sync()
    sheet.site.put(sheet.book, sheet.tab, 1, 6, SheetCell(error=kind))
    outcome = sheet.sync()
    assert outcome.state == "incomplete"
    assert "Plan!G2" in outcome.reason
    assert sheet.all()["a"].item.confidence == pytest.approx(8 / 9)
    assert {k.presence for k in sheet.all().values()} == {Presence.PRESENT}


def test_a_key_in_error_is_no_deleted_row(make: Callable[..., Sheet]) -> None:
    """A key that a formula makes may be loading: which row this is, nobody can say, so none is missed."""
    sheet = make(row("A", "#00ff00"), row("B", "#ff0000"))
    sheet.sync()
    sheet.site.put(sheet.book, sheet.tab, 1, 0, SheetCell(error="LOADING"))
    outcome = sheet.sync(census=True)
    assert outcome.state == "incomplete"
    assert "Plan!A2 is still being computed" in outcome.reason
    assert {k.presence for k in sheet.all().values()} == {Presence.PRESENT}


def test_another_number_format_makes_no_other_row(make: Callable[..., Sheet]) -> None:
    """A key that is a number is the number, however the sheet shows it; people see it as it is shown."""
    sheet = make(row("7"), row("8"))
    for n, cells in enumerate(sheet.tab.rows[1:], 7):
        cells[0] = SheetCell(n)
    assert sheet.sync().counts.new == 2
    real = sheet.server.values

    def shown(book: Spreadsheet, params: dict[str, list[str]]) -> Any:
        answer = real(book, params)
        for cells in answer["sheets"][0]["data"][0]["rowData"][1:]:
            cells["values"][0]["formattedValue"] += ",00"
        return answer

    sheet.server.values = shown  # type: ignore[method-assign]  # somebody adds two decimals
    sheet.site.touch(sheet.book)
    outcome = sheet.sync()
    assert (outcome.counts.new, outcome.counts.gone) == (0, 0)
    assert set(sheet.all()) == {"7,00", "8,00"}


def test_people_chips_and_links_are_read(make: Callable[..., Sheet]) -> None:
    chip = SheetCell("@Ann Lee", emails=("ann@acme.example",))
    link = SheetCell("the contract", link="https://acme.atlassian.net/browse/LEGAL-7")
    sheet = make(row("A", Owner=chip, Needs=link), row("B", Owner="somebody", Needs="needs ENG-12"))
    sheet.sync()
    told = sheet.all()
    assert (told["a"].item.owner, told["b"].item.owner) == ("ann", None)
    (link_found,) = sheet.ledger.links(sheet.id("a"))
    assert (link_found.target, link_found.target_key) == ("https://acme.atlassian.net/browse/LEGAL-7", "LEGAL-7")
    assert [x.target for x in sheet.ledger.links(sheet.id("b"))] == ["ENG-12"]


def test_lists_typed_columns_and_colour_rules_are_the_sheets_own_vocabulary(make: Callable[..., Sheet]) -> None:
    """Words that nobody has chosen yet are known too, and a rule tells which colour a word has."""
    sheet = make(row("A", Status=SheetCell("Doing", options=("Doing", "Fertig", "Geparkt"))))
    sheet.tab.rules = [(HEADER.index("RAG"), "Late", "#ea4335"), (HEADER.index("RAG"), "Fine", "#00ff00")]
    sheet.tab.tables = [{
        "tableId": "1", "range": {"sheetId": 0, "startColumnIndex": 0, "endColumnIndex": 7},
        "columnProperties": [{"columnIndex": 4, "columnName": "Status", "columnType": "DROPDOWN",
            "dataValidationRule": {"condition": {"type": "ONE_OF_LIST", "values": [{"userEnteredValue": "Neu"}]}}}],
    }]  # fmt: skip
    sheet.sync()
    told = {(w.field, w.name): w.colour for w in sheet.ledger.vocabulary("mkt")}
    assert told == {
        ("lifecycle", "Doing"): None, ("lifecycle", "Fertig"): None, ("lifecycle", "Geparkt"): None, ("lifecycle", "Neu"): None,
        ("health", "Late"): "#ea4335", ("health", "Fine"): "#00ff00",
    }  # fmt: skip
    loaded = sheet.configuration()
    words = {u.raw: u.suggestion for p in proposals(sheet.ledger, loaded, loaded.sources[0]) for u in p.words}
    assert set(words) == {
        "Fertig",
        "Geparkt",
        "Neu",
    }  # nobody has said a health word, so its column may be painted only
    assert words["Fertig"] is not None
    assert words["Fertig"].becomes == {"lifecycle": "done"}
    sheet.sync()  # unchanged: nothing is asked, and no word is forgotten
    assert len(sheet.ledger.vocabulary("mkt")) == 6


def test_discover_tells_tabs_columns_and_lists_wherever_they_stand(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A", Status=SheetCell("Doing", options=("=Lists!$A$1:$A$3",))))
    sheet.site.add_tab(sheet.book, "Lists", [["Doing"], ["Fertig"], ["Neu"]], frozen=0)
    sheet.site.spreadsheet("2" * 30, "Not shared").shared = False
    loaded = sheet.configuration()
    with closing(tracker("google_sheets").connect(loaded.sources[0].source)) as connector:
        found = connector.discover()
    plan = found.places[0]
    assert (plan.name, plan.row_key, dict(plan.scope)) == ("Plan", ("Campaign",), {"spreadsheet": BOOK, "tab": "Plan"})
    assert [f.name for f in plan.fields] == HEADER
    status = plan.fields[HEADER.index("Status")]
    assert [o.name for o in status.options] == ["Doing", "Fertig", "Neu"]
    assert {p.name for p in found.places} == {"Plan", "Lists"}


def test_a_sheet_that_is_not_shared_says_with_whom_and_loses_nothing(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A", "#00ff00"))
    sheet.sync()
    sheet.book.shared = False
    outcome = sheet.sync()
    assert outcome.state == "failed"
    assert "share the spreadsheet with" in outcome.hint
    assert sheet.all()["a"].presence is Presence.PRESENT


@pytest.mark.parametrize(
    ("error", "says", "then"),
    [
        ({"errors": [{"reason": "insufficientPermissions"}]}, "was granted too little", "drive.metadata.readonly"),
        ({"details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}, "was granted too little", "consent again"),
        ({"errors": [{"reason": "accessNotConfigured"}]}, "an API is switched off", "enable the Google Sheets API"),
        ({"message": "The caller does not have permission"}, "refuses to show it", "share the spreadsheet with"),
    ],
)
def test_a_refusal_says_whose_turn_it_is(make: Callable[..., Sheet], error: Any, says: str, then: str) -> None:
    sheet = make(row("A"))
    sheet.server.faults.add("/drive/v3/files", faults.status(403, json.dumps({"error": error}).encode()), times=9)
    outcome = sheet.sync()
    assert says in outcome.reason
    assert then in outcome.hint


def test_too_many_questions_are_no_missing_right(make: Callable[..., Sheet]) -> None:
    """Drive says so with 403, not 429."""
    sheet = make(row("A"))
    body = b'{"error": {"code": 403, "errors": [{"domain": "usageLimits", "reason": "userRateLimitExceeded"}]}}'
    sheet.server.faults.add("/drive/v3/files", faults.status(403, body, retry_after="0"))
    outcome = sheet.sync()
    assert (outcome.state, outcome.counts.new, outcome.requests) == ("complete", 1, 3)


def test_a_sheet_that_went_dark_keeps_no_other_from_being_read(make: Callable[..., Sheet]) -> None:
    sheet = make(row("1", "#00ff00"))
    other = sheet.site.spreadsheet("2" * 30, "Another")
    sheet.site.add_tab(other, "Q4", [["Row", "RAG"], ["2", "Red"]])
    scope = f'{{spreadsheet: "{other.id}", tab: Q4}}'
    sheet.write(
        sheet.text
        + f"      - key: q4\n        scope: {scope}\n        row_key: [Row]\n        scales: {{health: rag}}\n"
    )
    assert sheet.sync().state == "complete"
    sheet.book.shared = False
    sheet.site.put(other, other.tabs[0], 1, 1, "Amber")
    outcome = sheet.sync()
    assert outcome.state == "incomplete"
    assert "share the spreadsheet with" in outcome.reason
    assert (sheet.all()["1"].presence, sheet.all()["2"].item.reported_health) == (Presence.PRESENT, Health.AT_RISK)


def test_a_sheet_in_the_trash_and_one_that_is_gone_are_told_apart(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A"))
    sheet.book.trashed = True
    assert "lies in the trash; Priya Shah edited it last" in sheet.sync().reason
    del sheet.site.books[BOOK]
    assert "is not there: deleted, or not shared" in sheet.sync().reason


def test_a_tab_that_is_gone_names_the_tabs_that_are_there(make: Callable[..., Sheet]) -> None:
    sheet = make(row("A"))
    sheet.sync()
    sheet.tab.title = "Plan 2027"
    sheet.site.touch(sheet.book)
    outcome = sheet.sync()
    assert outcome.state == "failed"
    assert "there is no tab 'Plan' any more; there are Plan 2027" in outcome.reason
    assert sheet.all()["a"].presence is Presence.PRESENT


@pytest.mark.parametrize(
    "fault", [faults.answered(b"{}"), faults.answered(b'{"sheets": []}'), faults.login_page, faults.status(401)]
)
def test_an_answer_without_its_rows_loses_nothing(make: Callable[..., Sheet], fault: Any) -> None:
    sheet = make(row("A", "#00ff00"))
    sheet.sync()
    sheet.site.touch(sheet.book)
    sheet.server.faults.add("/v4/spreadsheets", fault, times=9)
    assert sheet.sync(census=True).state == "failed"
    assert sheet.all()["a"].presence is Presence.PRESENT


def test_a_large_sheet_is_read_in_windows(make: Callable[..., Sheet]) -> None:
    """12,000 rows: an answer of everything would not fit into memory ten times over."""
    sheet = make(*[row(f"Row {n}", "#00ff00") for n in range(12_000)])
    outcome = sheet.sync()
    assert (outcome.state, outcome.counts.new) == ("complete", 12_000)
    assert outcome.requests == 5  # Drive, three windows, Drive again


def test_a_gateway_that_knows_no_windows_is_read_once(make: Callable[..., Sheet]) -> None:
    """It sends the whole sheet whatever range is asked for: no row is there twice."""
    sheet = make(*[row(f"Row {n}") for n in range(6000)])
    real = sheet.server.values
    sheet.server.values = lambda book, params: real(book, {**params, "ranges": ["'Plan'"]})  # type: ignore[method-assign]
    outcome = sheet.sync()
    assert (outcome.state, outcome.counts.new, outcome.requests) == ("complete", 6000, 2)


def test_a_block_merged_across_two_windows_shows_its_value_in_both(make: Callable[..., Sheet]) -> None:
    sheet = make(*[row(f"Row {n}", Status="Done" if n == 4000 else None) for n in range(5002)])
    sheet.tab.merges = [(4001, 5003, HEADER.index("Status"), HEADER.index("Status") + 1)]
    sheet.sync()
    assert {sheet.all()[f"row {n}"].item.lifecycle for n in (4000, 4998, 4999, 5001)} == {Lifecycle.DONE}


def test_a_day_that_no_calendar_has_is_told(make: Callable[..., Sheet]) -> None:
    """A year of five digits, mistyped: not an empty cell."""
    sheet = make(row("A"))
    real = sheet.server.values

    def mistyped(book: Spreadsheet, params: dict[str, list[str]]) -> Any:
        answer = real(book, params)
        answer["sheets"][0]["data"][0]["rowData"][1]["values"][3] = {
            "effectiveValue": {"numberValue": 6_611_432}, "effectiveFormat": {"numberFormat": {"type": "DATE"}},
        }  # fmt: skip
        return answer

    sheet.server.values = mistyped  # type: ignore[method-assign]  # somebody types 20001-09-23
    sheet.sync()
    word = sheet.all()["a"].item.word("due_on")
    assert word is not None
    assert "is no date in the form" in word.finding


def test_a_sheet_edited_while_it_is_read_in_windows_is_read_again(make: Callable[..., Sheet]) -> None:
    sheet = make(*[row(f"Row {n}") for n in range(6000)])
    real = sheet.server.values

    def editing(book: Spreadsheet, params: dict[str, list[str]]) -> dict[str, Any]:
        sheet.site.touch(book)
        return real(book, params)

    sheet.server.values = editing  # type: ignore[method-assign]  # somebody types while we read
    assert "was edited while it was being read" in sheet.sync().reason


def test_odd_texts_survive(make: Callable[..., Sheet]) -> None:
    """Rows 26 to 28."""
    odd = ["👩‍👩‍👧 plan", "\u202eevil", "x" * 50_000, "NUL\x00in", "=HYPERLINK(1)", "Ünïcode  spaced"]
    sheet = make(*[row(o, "#00ff00") for o in odd])
    assert sheet.sync().counts.new == len(odd)
    titles = {k.item.title for k in sheet.all().values()}
    assert {"👩‍👩‍👧 plan", "\u202eevil", "NULin", "=HYPERLINK(1)"} <= titles


def test_values_are_read_again_once_a_day_though_nobody_edits(
    make: Callable[..., Sheet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imports and volatile formulas change values without an edit of the file."""
    sheet = make(row("A"))
    sheet.sync()
    monkeypatch.setattr("connectors.google_sheets.client.FULL_EVERY", timedelta())
    assert sheet.sync().counts.seen == 1


def test_letters_name_columns() -> None:
    assert [letters(n) for n in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


@recorded.needed
def test_a_recorded_grid_is_read_with_its_theme_colours() -> None:
    answer = recorded.load("google_sheets/open/includeGridData_vi_VN.json")
    for grid in grids(answer):
        assert isinstance(grid, Grid)
        assert grid.zone == "Asia/Bangkok"
        assert all(c.colour is None or (len(c.colour) == 7 and c.colour[0] == "#") for r in grid.rows for c in r)
        shown = {c.text for r in grid.rows for c in r if c.text}
        held = {
            str(v.get("formattedValue"))
            for s in answer["sheets"]
            for d in s["data"]
            for r in d.get("rowData", [])
            for v in r.get("values", [])
            if v.get("formattedValue")
        }
        if len(answer["sheets"]) == 1:
            assert shown == held


@recorded.needed
def test_recorded_merged_cells_are_filled() -> None:
    """["1","","2","3"],[],["","4"]: a merged block holds its value once."""
    block = {"rowData": [{"values": [{"effectiveValue": {"stringValue": "1"}}, {}]}, {"values": []}]}
    merges = [{"startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2}]
    (grid,) = grids({"sheets": [{"properties": {"title": "T"}, "data": [block], "merges": merges}]})
    assert [[c.value for c in r] for r in grid.rows] == [["1", "1"], ["1", "1"]]


def test_a_sheet_without_any_of_the_names_is_refused() -> None:
    binding = Binding(
        "b", Scope(spreadsheet=BOOK, tab="T"), {"health": FieldRef(name="RAG")}, ("Campaign",), "f.yaml:3"
    )
    (grid,) = grids(
        {
            "sheets": [
                {
                    "properties": {"title": "T"},
                    "data": [
                        {"rowData": [{"values": [{"effectiveValue": {"stringValue": "x"}, "formattedValue": "x"}]}]}
                    ],
                }
            ]
        }
    )
    with pytest.raises(SourceChanged, match="no row at the top of 'T' holds the column names"):
        read(grid, binding, "s")
    assert datetime.now(UTC)
