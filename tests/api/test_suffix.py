"""The same answers as CSV, JSON Lines, Parquet and Markdown: every row, nothing that a spreadsheet or a reader of Markdown would execute."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from api.app import create_app
from api.v1 import suffix
from api.v1.as_markdown import cell
from ledger.model import Item, Recorded, Version
from tests.apart import told_apart
from tests.asking import local
from tests.companies import NOW, Scripted
from tests.contract import KEPT

EVIL = '=HYPERLINK("http://x.example","é") | [a](javascript:b) <img src=x> *b*\n# c'


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    company = Scripted(tmp_path_factory.mktemp("suffix"), workstreams=30, items=1200)
    company.fill()
    item = Item("alpha:evil", "alpha", "work", "evil", "s", "EVIL-1", EVIL, lifecycle="in_progress")  # type: ignore[arg-type]
    with company.ledger.writing(company.leases["alpha"]) as w:
        w.record([Recorded((Version(NOW, item, b"{}"),))], run=1, mapping_version="m")
    yield company
    company.close()


@pytest.fixture(scope="module")
def client(company: Scripted) -> Iterator[TestClient]:
    with local(create_app(company.ledger, company.configuration)) as client:
        yield client


def every(client: TestClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"{path}{'&' if '?' in path else '?'}limit=500&cursor={cursor}").json()
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def lists() -> list[str]:
    """Every list of /v1, as the contract tells them."""
    told = json.loads(KEPT.read_text(encoding="utf-8"))["paths"]
    return [
        p for p, operations in told.items()
        if p.startswith("/v1/") and "{" not in p and any(q["name"] == "cursor" for q in operations["get"].get("parameters", []))
    ]  # fmt: skip


@pytest.mark.parametrize("path", lists())
def test_a_list_is_the_same_in_every_format(client: TestClient, path: str) -> None:
    rows = every(client, path)
    lines = [json.loads(line) for line in client.get(f"{path}.jsonl").text.splitlines()]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert {k: v for k, v in line.items() if not _is_instant(v)} == {
            k: row[k] for k in line if not _is_instant(line[k])
        }
    table = list(csv.DictReader(io.StringIO(client.get(f"{path}.csv").text, newline="")))
    assert len(table) == len(rows)
    arrow = parquet.read_table(io.BytesIO(client.get(f"{path}.parquet").content))
    assert arrow.num_rows == len(rows)
    names = arrow.column_names
    assert names == (list(table[0]) if table else client.get(f"{path}.csv").text.strip().split(","))
    for told, mine, row in zip(table, arrow.to_pylist(), rows, strict=True):
        for name in names:
            assert (told[name] == "") is (row[name] in (None, "")), (name, row[name])
            if isinstance(row[name], (int, float, bool)):
                assert mine[name] == row[name]
    shown = client.get(f"{path}.md").text.splitlines()
    assert len(shown) == len(rows) + 2
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in shown}) == 1


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value) is not None


@pytest.mark.parametrize("path", ["/v1/items.csv", "/v1/decisions.jsonl", "/v1/nodes/w1/status.md"])
def test_behind_a_suffix_there_is_nothing_but_reading(client: TestClient, path: str) -> None:
    """What is posted to a file is recorded nowhere, and is told what can be done."""
    for method in ("POST", "PUT", "DELETE"):
        answer = client.request(method, path, json={})
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.headers["content-type"] == "application/problem+json"


def test_parameters_mean_the_same_behind_a_suffix(client: TestClient) -> None:
    red = every(client, "/v1/items?status=at_risk,off_track&sort=-due_on")
    assert 100 < len(red) < 1000
    text = client.get("/v1/items.csv?status=at_risk,off_track&sort=-due_on&fields=id,due_on").text
    assert text.splitlines() == ["id,due_on", *(f"{i['id']},{i['due_on'] or ''}" for i in red)]
    assert len(client.get("/v1/items.csv?limit=7").text.splitlines()) == 8
    assert client.get("/v1/items.csv?status=done&owner=nobody&fields=id,title").text.splitlines() == ["id,title"]


@pytest.mark.parametrize(
    "asked",
    ["", "fields=due_on,key", "fields=key,key", "include=links,raw", "fields=key&include=links", "include=raw,raw"],
)
def test_a_table_without_rows_has_the_same_columns(client: TestClient, asked: str) -> None:
    """A report that is made every morning must not lose a column on the day when nothing is at risk."""
    some, none = (client.get(f"/v1/items.csv?limit=2&{more}&{asked}") for more in ("", "owner=nobody"))
    header, *rows = csv.reader(io.StringIO(none.text, newline=""))
    assert (rows, header) == ([], next(csv.reader(io.StringIO(some.text, newline=""))))
    assert len(set(header)) == len(header)
    table = parquet.read_table(io.BytesIO(client.get(f"/v1/items.parquet?owner=nobody&{asked}").content))
    assert table.column_names == header


OTHERS = """
import pandas, polars
schema = polars.read_parquet("items.parquet").schema
print(json.dumps([len(pandas.read_csv("items.csv")), str(schema["synced_at"]), str(schema["due_on"])]))
"""


def test_readers_of_others_read_it(client: TestClient, tmp_path: Path) -> None:
    for name in ("items.csv", "items.parquet"):
        (tmp_path / name).write_bytes(client.get(f"/v1/{name}").content)
    count, instant, day = told_apart(OTHERS, folder=tmp_path)
    assert count == len(every(client, "/v1/items"))
    assert (instant, day) == ("Datetime(time_unit='ms', time_zone='UTC')", "Date")


def test_what_a_tracker_says_is_no_formula_and_no_markup(client: TestClient) -> None:
    row = next(csv.DictReader(io.StringIO(client.get("/v1/items.csv?item_key=EVIL-1").text, newline="")))
    assert row["title"] == f"'{EVIL}"
    text = client.get("/v1/items.md?item_key=EVIL-1&fields=title").text
    assert (
        text.splitlines()[2]
        == r'| =HYPERLINK("http://x.example","é") \| \[a\](javascript:b) \<img src=x\> \*b\* \# c |'
    )
    assert cell("a\u202eb\x00c`") == r"a b c\`"


@pytest.mark.parametrize("path", ["/v1/pillars/pillar0/status", "/v1/nodes/w1/status", "/v1/nodes/company/status"])
def test_a_status_page_says_its_answer_first(client: TestClient, path: str) -> None:
    told = client.get(path).json()
    text = client.get(f"{path}.md").text
    lines = text.splitlines()
    assert lines[0] == f"# {told['node']['name']}"
    assert lines[2] == f"- headline: {told['node']['headline']}"
    assert lines[3].startswith("- because: ")
    assert "- as of: " in text
    assert ("## exceptions" in text) is bool(told["exceptions"])
    rows = list(csv.DictReader(io.StringIO(client.get(f"{path}.csv").text, newline="")))
    assert [r["key"] for r in rows] == [n["key"] for n in (told["node"], *told["children"])]
    assert [r["headline"] for r in rows] == [n["headline"] for n in (told["node"], *told["children"])]


def test_the_overview_is_told_too(client: TestClient) -> None:
    assert client.get("/v1/status.md").text.startswith("# Many\n")
    departments = client.get("/v1/status").json()["departments"]
    assert client.get("/v1/status.csv").text.count("\n") >= len(departments) + 1
    changes = "since=2026-11-17T12:00:00Z"
    assert client.get(f"/v1/changes.md?{changes}").text.startswith("# changes\n")
    refused = client.get(f"/v1/changes.csv?{changes}")
    assert (refused.status_code, refused.json()["type"]) == (404, "no-such-address")


def test_what_is_refused_is_refused_behind_a_suffix_too(client: TestClient) -> None:
    for path, code in (
        ("/v1/items.csv?statu=x", 422), ("/v1/nowhere.csv", 404), ("/v1/pillars/nope/status.md", 404), ("/v1/items.xlsx", 404),
        ("/v1/exceptions.md?as_of=2026-11-17T12:00:00", 400),
    ):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == code, path
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_suffix_is_a_part_of_an_items_id(client: TestClient, company: Scripted) -> None:
    item = Item("alpha:a.csv", "alpha", "work", "a.csv", "s", "A.csv", "A file", lifecycle="done")  # type: ignore[arg-type]
    with company.ledger.writing(company.leases["alpha"]) as w:
        w.record([Recorded((Version(NOW, item, b"{}"),))], run=1, mapping_version="m")
    assert client.get("/v1/items/alpha:a.csv").json()["title"] == "A file"


def test_one_page_has_a_tag_and_head_tells_the_same(client: TestClient) -> None:
    for path in ("/v1/exceptions.csv?limit=50", "/v1/pillars/pillar0/status.md", "/v1/people.parquet"):
        told = client.get(path)
        assert client.get(path, headers={"If-None-Match": told.headers["etag"]}).status_code == 304
        head = client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert {k: v for k, v in head.headers.items() if k != "x-request-id"} == {
            k: v for k, v in told.headers.items() if k != "x-request-id"
        }
    assert "etag" not in client.get("/v1/items.csv").headers
    assert client.get("/v1/items.csv", headers={"If-None-Match": "*"}).status_code == 304


def test_without_its_library_parquet_is_refused_with_what_to_install(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suffix, "parquet_is_there", lambda: False)
    answer = client.get("/v1/items.parquet")
    assert (answer.status_code, answer.json()["type"]) == (501, "not-installed")


def test_what_is_cut_off_does_not_look_whole(
    client: TestClient, company: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later page that is not answered closes the connection."""
    real, asked = suffix._Asking._ask, [0]

    async def failing(self: Any, scope: Any) -> Any:
        asked[0] += 1
        start, body = await real(self, scope)
        return ({**start, "status": 503}, b"") if asked[0] > 2 else (start, body)

    monkeypatch.setattr(suffix._Asking, "_ask", failing)
    with pytest.raises(suffix.CutOff, match="answered with 503"):
        client.get("/v1/items.csv")
