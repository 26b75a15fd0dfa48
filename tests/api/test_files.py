"""Tables as files: the same rows in every format and client as SQL says, ranges and tags of real files, cells that cannot harm."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.files import tables
from api.files.formats import FORMATS, disarmed
from api.kept import STEADY, Keeper
from ledger.model import Item, Recorded, Version, item_id
from ledger.pages import Page, sorted_by
from ledger.published import BY_NAME, TABLES, Table
from ledger.store import Ledger
from sync.configuration import Configuration
from tests.apart import told_apart
from tests.api.odata.conftest import NOW, fill, listening, record
from tests.asking import local
from tests.companies import Scripted
from tests.conftest import new_database

HOSTILE = (
    "=1+1", "+49 30 1234", "-5 degrees", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "  =cmd|' /C calc'!A0", "'=1+1", '"=1+1', "＝1+1", "＋1",
    "－1", "＠x", "\u00a0=1", "\u3000=1", "\u200b=1", "\ufeff=1", 'a "quoted", text', "two\nlines", "two\r\nlines", "‏שלום =1", "\u202eevil", "😀 =1",
    "x" * 32_000, "=" * 32_000, ",;|\t", "true", "007", "1e9", "'", '"', "ends in quote'", " padded ", "İıß", "a-b", "3-4", "NULL",
)  # fmt: skip
ITEMS = BY_NAME["Items"]


def hostile() -> list[Recorded]:
    return [Recorded((Version(NOW, _item(n, text), b"{}"),)) for n, text in enumerate(HOSTILE)]


def _item(n: int, text: str) -> Item:
    return Item(
        item_id("odd", str(n)), "odd", "i", str(n), "P", f"ODD-{n}", text, owner_name=text, progress=-0.25 if n % 2 else 1.0,
        confidence=0.1, due_on=date(2026, 11, n % 28 + 1),
    )  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('files') / 'l.db'}"
    else:
        url = new_database(request.getfixturevalue("postgres"))
    with Ledger.open(url, migrate=True, clock=lambda: NOW) as opened:
        fill(opened)
        record(opened, *hostile())
        yield opened


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configuration]:
    company = Scripted(tmp_path_factory.mktemp("company"), workstreams=3, items=0)
    company.close()
    return company.configuration


@pytest.fixture
def client(ledger: Ledger, configured: Configuration) -> Iterator[TestClient]:
    with local(create_app(ledger, configured)) as client:
        yield client


@pytest.fixture
def root(ledger: Ledger, configured: Configuration) -> Iterator[str]:
    """The address of the files of a service that listens."""
    with listening(create_app(ledger, configured)) as root:
        yield root.replace("/odata/", "/files/")


def rows(ledger: Ledger, table: Table) -> list[dict[str, Any]]:
    """What SQL says, in the order of the key."""
    found = ledger.served().page(table, Page(table.names, sorted_by(table)))
    return [dict(zip(table.names, row, strict=True)) for row in found]


def by_key(table: Table, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda row: tuple(str(row[k]).encode() for k in table.key))


def in_csv(value: Any) -> str:
    """A value as CSV has it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else disarmed(value) if isinstance(value, str) else str(value)


# -- rows ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_every_table_is_served_in_every_format_with_the_rows_of_sql(
    client: TestClient, ledger: Ledger, table: Table
) -> None:
    from pyarrow import parquet

    lines = client.get(f"/files/{table.view}.jsonl").text.split(
        "\n"
    )  # whoever asks first brings the plan's rows up to today
    wanted = by_key(table, rows(ledger, table))
    assert by_key(table, [json.loads(line) for line in lines if line]) == wanted
    text = client.get(f"/files/{table.view}.csv").content.decode()
    header, *cells = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == table.names
    assert sorted(cells) == sorted([in_csv(v) for v in row.values()] for row in wanted)
    found = parquet.read_table(io.BytesIO(client.get(f"/files/{table.view}.parquet").content))
    assert tuple(found.column_names) == table.names
    assert by_key(table, [_plain(row) for row in found.to_pylist()]) == wanted


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A Parquet row with dates and instants as texts."""

    def told(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return value.isoformat() if isinstance(value, date) else value

    return {name: told(value) for name, value in row.items()}


def test_parquet_is_typed_and_described(client: TestClient) -> None:
    from pyarrow import parquet

    schema = parquet.read_schema(io.BytesIO(client.get("/files/bi_items.parquet").content))
    kinds = {
        "string": "string", "int": "int64", "float": "double", "bool": "bool", "date": "date32[day]", "instant": "timestamp[ms, tz=UTC]",
    }  # fmt: skip
    for column in ITEMS.columns:
        field = schema.field(column.name)
        assert (str(field.type), field.nullable) == (kinds[column.kind], column.nullable), column.name
        assert field.metadata[b"description"].decode() == column.description


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: repr(t)[:20])
def test_no_cell_begins_as_a_spreadsheets_formula(text: str) -> None:
    """As Excel, LibreOffice and Google Sheets see it: behind blanks and quotes too, and in full width."""
    shown = disarmed(text)
    seen = shown.lstrip(' "\t\r\n\v\f\u00a0\u3000\u200b\ufeff')
    assert not seen or seen[0] not in "=+-@＝＋－＠"
    assert shown in (text, f"'{text}")


@pytest.mark.parametrize("text", ["plain", "a=b", "3-4", "x@y.example", "'", " padded ", "", "'quoted'", "😀=1"])
def test_a_harmless_cell_is_not_touched(text: str) -> None:
    assert disarmed(text) == text


def test_numbers_dates_and_no_value_are_not_touched_in_csv(client: TestClient) -> None:
    found = list(csv.DictReader(io.StringIO(client.get("/files/bi_items.csv").content.decode(), newline="")))
    odd = next(r for r in found if r["id"] == "odd:1")
    assert (odd["progress"], odd["due_on"], odd["blocked"]) == ("-0.25", "2026-11-02", "")
    assert (odd["health_assumed"], odd["first_seen_at"][-5:]) == ("false", ".123Z")


def test_csv_has_a_byte_order_mark_only_when_asked(client: TestClient) -> None:
    plain, marked = (client.get(f"/files/bi_sources.csv{q}").content for q in ("", "?bom=1"))
    assert marked == b"\xef\xbb\xbf" + plain
    assert plain.startswith(b"source,last_good_at")
    assert plain.endswith(b"\r\n")


def test_a_table_without_rows_is_a_file_with_its_columns(tmp_path: Path, configured: Configuration) -> None:
    from pyarrow import parquet

    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True) as ledger:
        client = local(create_app(ledger, configured))
        assert client.get("/files/bi_items.csv").text == ",".join(ITEMS.names) + "\r\n"
        assert client.get("/files/bi_items.jsonl").content == b""
        assert client.head("/files/bi_items.jsonl").headers["content-length"] == "0"
        found = parquet.read_table(io.BytesIO(client.get("/files/bi_items.parquet").content))
        assert (found.num_rows, tuple(found.column_names)) == (0, ITEMS.names)


def test_the_index_names_every_table_with_its_columns_and_addresses_that_answer(client: TestClient) -> None:
    told = client.get("/files").json()["items"]
    assert [t["name"] for t in told] == [t.view for t in TABLES]
    for entry, table in zip(told, TABLES, strict=True):
        assert [c["name"] for c in entry["columns"]] == list(table.names)
        for url in entry["urls"].values():
            assert client.head(url).status_code == 200


# -- files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", FORMATS)
def test_head_tells_what_get_tells(client: TestClient, ending: str) -> None:
    client.headers["X-Request-ID"] = "the-same"
    got, told = client.get(f"/files/bi_items.{ending}"), client.head(f"/files/bi_items.{ending}")
    assert dict(told.headers) == dict(got.headers)
    assert int(told.headers["content-length"]) == len(got.content)
    assert told.headers["accept-ranges"] == "bytes"
    assert told.content == b""


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1), ("bytes=0-99", 0, 100), ("bytes=10-", 10, None), ("bytes=-1", -1, None), ("bytes=-262144", -262144, None),
        ("bytes=5-99999999999", 5, None), ("BYTES = 3-4", 3, 5),
    ],
)  # fmt: skip
def test_a_range_is_that_part_of_the_file(client: TestClient, asked: str, start: int, stop: int | None) -> None:
    whole = client.get("/files/bi_items.csv").content
    part = client.get("/files/bi_items.csv", headers={"Range": asked})
    wanted = whole[max(start, -len(whole)) : stop]
    first = whole.index(wanted) if start else 0
    assert (part.status_code, part.content) == (206, wanted)
    assert part.headers["content-length"] == str(len(wanted))
    at = start if start >= 0 else max(len(whole) + start, 0)
    assert part.headers["content-range"] == f"bytes {at}-{at + len(wanted) - 1}/{len(whole)}"
    assert first <= at


@pytest.mark.parametrize("asked", ["bytes=99999999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_416_with_the_size(client: TestClient, asked: str) -> None:
    size = client.head("/files/bi_items.csv").headers["content-length"]
    answer = client.get("/files/bi_items.csv", headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
    assert (answer.headers["content-type"], answer.json()["type"]) == ("application/problem+json", "no-such-range")


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "bytes=5-3", "lines=1-2", "bytes=0-1,4-5", "bytes=a-b", "0-5"])
def test_a_range_that_cannot_be_served_is_the_whole_file(client: TestClient, asked: str) -> None:
    answer = client.get("/files/bi_items.csv", headers={"Range": asked})
    assert (answer.status_code, "content-range" in answer.headers) == (200, False)


def test_what_has_not_changed_is_304_and_what_has_is_not(client: TestClient, ledger: Ledger) -> None:
    first = client.get("/files/bi_signals.csv")
    tag, at = first.headers["etag"], first.headers["last-modified"]
    for headers in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", W/{tag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": at},
    ):
        for ask in (client.get, client.head):
            answer = ask("/files/bi_signals.csv", headers=headers)
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert client.get("/files/bi_signals.csv", headers={"If-None-Match": '"x"'}).status_code == 200
    other = client.get("/files/bi_signals.csv", headers={"If-Match": '"x"'})
    assert (other.status_code, other.json()["type"], other.headers["etag"]) == (412, "not-the-same", tag)
    ledger.note_signals({f"new:thing:{time.monotonic()}": ("warn", "new")})
    assert client.get("/files/bi_signals.csv", headers={"If-None-Match": tag}).status_code == 200
    assert client.get("/files/bi_items.csv").status_code == 200


@pytest.mark.parametrize("path", ["/files/bi_items.csv", "/feeds/plan.ics"])
@pytest.mark.parametrize(
    ("since", "code"),
    [
        ("Sun Nov  6 08:49:37 2094", 304), ("Sunday, 06-Nov-67 08:49:37 GMT", 304), ("Sat, 06 Nov 2094 08:49:37", 304),
        ("Sat, 06 Nov 2094 08:49:37 -0000", 304), ("Sun Nov  6 08:49:37 1994", 200), ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", 200),
        ("Sun, 06 Nov 0000 08:49:37 GMT", 200), ("yesterday", 200),
    ],
)  # fmt: skip
def test_an_instant_in_any_form_of_http_is_understood_and_no_other_breaks_anything(
    client: TestClient, path: str, since: str, code: int
) -> None:
    """RFC 9110 has three forms, one of them without a zone; what is none of them is left out of account."""
    assert client.get(path, headers={"If-Modified-Since": since}).status_code == code
    part = client.get(path, headers={"Range": "bytes=0-1", "If-Range": since})
    assert (part.status_code, len(part.content) > 2) == (200, True)


def test_a_write_elsewhere_leaves_a_files_tag_alone(client: TestClient, ledger: Ledger) -> None:
    """A tag is that of the bytes: who has them need not fetch them again."""
    tag = client.head("/files/bi_items.parquet").headers["etag"]
    ledger.note_signals({f"other:thing:{time.monotonic()}": ("warn", "new")})
    assert client.get("/files/bi_items.parquet", headers={"If-None-Match": tag}).status_code == 304


def test_if_range_sends_the_part_of_the_same_file_and_the_whole_of_another(client: TestClient) -> None:
    tag = client.head("/files/bi_items.csv").headers["etag"]
    part = {"Range": "bytes=0-9"}
    assert client.get("/files/bi_items.csv", headers={**part, "If-Range": tag}).status_code == 206
    assert client.get("/files/bi_items.csv", headers={**part, "If-Range": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("bi_itmes.csv", 404, "bi_items.csv"), ("bi_items.xlsx", 404, "bi_items.csv"), ("bi_items", 404, "bi_items."), ("item.csv", 404, ""),
        ("bi_items.csv?bim=1", 400, "bom"), ("bi_items.csv?bom=yes", 400, "bom"), ("bi_items.jsonl?bom=1", 400, "bom"),
        ("bi_items.parquet?limit=1", 400, "limit"), ("?x=1", 400, "x"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_with_the_near_name(client: TestClient, path: str, code: int, says: str) -> None:
    answer = client.get(f"/files{path if path.startswith('?') else '/' + path}")
    assert (answer.status_code, answer.headers["content-type"]) == (code, "application/problem+json")
    assert says in answer.json()["detail"]


def test_parquet_without_its_library_says_how_to_install_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "parquet_is_there", lambda: False)
    answer = client.get("/files/bi_items.parquet")
    assert (answer.status_code, answer.headers["content-type"]) == (501, "application/problem+json")
    assert "pip install 'sightline[parquet]'" in answer.json()["detail"]
    assert client.get("/files/bi_items.csv").status_code == 200


# -- while others write ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", FORMATS)
def test_bytes_fit_their_tag_and_rows_fit_each_other_while_others_write(
    ledger_url: str, configured: Configuration, ending: str
) -> None:
    """Each transaction gives every item the same title: a file with two titles is of two instants."""
    from pyarrow import parquet

    def generation(n: int) -> list[Recorded]:
        items = [Item(item_id("eng", f"{i}"), "eng", "i", f"{i}", "P", f"E-{i}", f"title {n}") for i in range(300)]
        return [Recorded((Version(NOW.replace(year=2000 + n), item, b'{"n":%d}' % n),)) for item in items]

    def titles(body: bytes) -> set[str]:
        if ending == "parquet":
            return set(parquet.read_table(io.BytesIO(body))["title"].to_pylist())
        if ending == "csv":
            return {r["title"] for r in csv.DictReader(io.StringIO(body.decode(), newline=""))}
        return {json.loads(line)["title"] for line in body.splitlines()}

    with Ledger.open(ledger_url, migrate=True) as ledger, local(create_app(ledger, configured)) as client:
        record(ledger, *generation(0))
        stop, seen = threading.Event(), set[str]()

        def ask() -> None:
            while not stop.is_set():
                answer = client.get(f"/files/bi_items.{ending}")
                assert answer.headers["etag"] == f'"{blake2b(answer.content, digest_size=16).hexdigest()}"'
                (title,) = titles(answer.content)
                seen.add(title)

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            try:
                for n in range(1, 8):
                    record(ledger, *generation(n))
                    time.sleep(0.1)
            finally:
                stop.set()
            for one in asking:
                one.result()
        assert len(seen) > 1
        assert titles(client.get(f"/files/bi_items.{ending}").content) == {"title 7"}


class Made:
    """Counts how often something is made."""

    def __init__(self, text: bytes = b"one") -> None:
        self.text, self.count = text, 0

    def __call__(self, out: Any) -> None:
        self.count += 1
        time.sleep(0.02)
        out.write(self.text)


def test_two_who_ask_at_once_wait_for_one_that_is_made() -> None:
    keeper, made = Keeper(), Made()
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(keeper.get, "k", lambda: "s", made) for _ in range(8)]
        assert {f.result().etag for f in found} == {keeper.get("k", lambda: "s", made).etag}
    assert made.count == 1


def test_a_file_stays_readable_while_a_newer_one_is_made() -> None:
    keeper = Keeper()
    old = keeper.get("k", lambda: "1", Made(b"old"))
    new = keeper.get("k", lambda: "2", Made(b"newer"))
    assert (old.read(0, 10), new.read(0, 10)) == (b"old", b"newer")


def test_parts_are_taken_of_one_file_for_a_while() -> None:
    """Readers of Parquet ask for a file's end and then for its columns, and name no tag."""
    now = [0.0]
    keeper = Keeper(clock=lambda: now[0])
    old = keeper.get("k", lambda: "1", Made(b"old"))
    now[0] = STEADY - 1
    assert keeper.get("k", lambda: "2", Made(b"new"), part=True) is old
    now[0] = STEADY + 1
    assert keeper.get("k", lambda: "2", Made(b"new"), part=True).read(0, 3) == b"new"


def test_what_was_not_asked_for_the_longest_makes_room() -> None:
    now = [0.0]
    keeper = Keeper(most=10, clock=lambda: now[0])
    made = {key: Made(key.encode() * 4) for key in "abc"}
    for key in "abab":
        now[0] += 1
        keeper.get(key, lambda: "s", made[key])
    now[0] += 1
    keeper.get("c", lambda: "s", made["c"])
    keeper.get("b", lambda: "s", made["b"])
    keeper.get("a", lambda: "s", made["a"])
    assert {key: m.count for key, m in made.items()} == {"a": 2, "b": 1, "c": 1}


def test_nothing_is_left_on_disk_not_even_of_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    keeper = Keeper()

    def fail(out: Any) -> None:
        out.write(b"half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        keeper.get("k", lambda: "s", fail)
    keeper.get("k", lambda: "s", Made())
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_a_file_is_a_503_that_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    answer = client.get("/files/bi_links.csv")
    assert (answer.status_code, "room" in answer.json()["detail"]) == (503, True)


# -- clients that know nothing of us ---------------------------------------------------------------------------------------


PANDAS = """
import pandas
typed = pandas.read_parquet(sys.argv[1] + "bi_items.parquet")
lines = pandas.read_json(sys.argv[1] + "bi_items.jsonl", lines=True, dtype=False)
table = pandas.read_csv(sys.argv[1] + "bi_items.csv", keep_default_na=False)
frames = [[list(row) for row in zip(f["id"], f["title"])] for f in (typed, lines, table)]
print(json.dumps([str(typed["first_seen_at"].dtype), *frames]))
"""
POLARS = """
import polars
found = polars.scan_parquet(sys.argv[1] + "bi_items.parquet").select("id", "status", "progress").collect()
table = polars.read_csv(sys.argv[1] + "bi_items.csv", infer_schema_length=None)
print(json.dumps([found.rows(), table["title"].fill_null("").to_list()]))
"""
DUCKDB = """
import duckdb
files = ["'bi_items.parquet'", "'bi_items.csv'", "read_json('bi_items.jsonl', format='newline_delimited')"]
with duckdb.connect() as db:
    print(json.dumps([db.sql(f"SELECT id, status FROM {file} ORDER BY id").fetchall() for file in files]))
"""
SHILLELAGH = """
from shillelagh.backends.apsw.db import connect
index, items = sys.argv[1:]
with connect(":memory:") as connection:
    cursor = connection.cursor()
    names = cursor.execute(f'SELECT name FROM "{index}"').fetchall()
    print(json.dumps([names, cursor.execute(f'SELECT status, COUNT(*) FROM "{items}" GROUP BY status').fetchall()]))
"""


def test_pandas_reads_what_sql_says(root: str, ledger: Ledger, tmp_path: Path) -> None:
    wanted = {r["id"]: r["title"] for r in rows(ledger, ITEMS)}
    kind, typed, lines, table = told_apart(PANDAS, root, folder=tmp_path)
    assert kind.endswith("UTC]")
    assert len(typed) == len(lines) == len(table) == len(wanted)
    assert dict(typed) == dict(lines) == wanted
    assert dict(table) == {id: disarmed(title) for id, title in wanted.items()}


def test_polars_reads_parts_over_http(root: str, ledger: Ledger, tmp_path: Path) -> None:
    wanted = rows(ledger, ITEMS)
    found, titles = told_apart(POLARS, root, folder=tmp_path)
    assert sorted(map(tuple, found)) == sorted((r["id"], r["status"], r["progress"]) for r in wanted)
    assert sorted(titles) == sorted(disarmed(r["title"]) for r in wanted)


def test_duckdb_reads_what_sql_says(client: TestClient, ledger: Ledger, tmp_path: Path) -> None:
    """From files that were fetched: its httpfs extension is downloaded, which is not possible everywhere."""
    for ending in FORMATS:
        (tmp_path / f"bi_items.{ending}").write_bytes(client.get(f"/files/bi_items.{ending}").content)
    wanted = sorted([r["id"], r["status"]] for r in rows(ledger, ITEMS))
    assert [sorted(found) for found in told_apart(DUCKDB, folder=tmp_path)] == [wanted] * 3


def test_shillelagh_asks_the_index_and_counts_what_sql_counts(root: str, ledger: Ledger, tmp_path: Path) -> None:
    """Superset's way to JSON: it asks HEAD first. Its reader of CSV takes no text without quotes, which RFC 4180 allows."""
    index, items = f"{root.rstrip('/')}#$.items[*]", f"{root.replace('/files/', '/odata/')}Items#$.value[*]"
    names, found = told_apart(SHILLELAGH, index, items, folder=tmp_path)  # it leaves its caches where it runs
    assert [n for (n,) in names] == [t.view for t in TABLES]
    assert dict(found) == Counter(row["status"] for row in rows(ledger, ITEMS))


def test_libreoffice_calculates_nothing_of_a_cell(client: TestClient, tmp_path: Path) -> None:
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("LibreOffice is not installed")
    (tmp_path / "bi_items.csv").write_bytes(client.get("/files/bi_items.csv").content)
    command = [office, "--headless", f"-env:UserInstallation=file://{tmp_path}/home", "--convert-to", "fods", "--outdir", tmp_path, tmp_path / "bi_items.csv"]  # fmt: skip
    subprocess.run([str(c) for c in command], check=True, capture_output=True, timeout=120)
    assert "table:formula" not in (tmp_path / "bi_items.fods").read_text(encoding="utf-8")
