"""One veil before every interface: two keys of different departments over OData, files and feeds as over /v1, on both databases."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet
from sqlmodel import SQLModel
from typer.testing import CliRunner

from api.cli import app as command
from ledger.behind import NARROWED, reads
from ledger.published import BY_NAME, TABLES, Table
from ledger.read import Filter
from sync.closing import note_open
from tests.api.test_access import CONFIDENTIAL, House, built, confidential
from tests.api.test_files import by_key, in_csv
from tests.conftest import new_database

SCOPES = ("read", "odata")
OVERDUE = "dependency_overdue:product-adaptation:trackers"
"""Open in the demo company: an item of Engineering waits for one of Legal, as Jira tells."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def synced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    url = new_database(request.getfixturevalue("postgres")) if request.param == "postgresql" else ""
    with built(tmp_path_factory.mktemp("veil"), url) as house:
        note_open(house.ledger, house.loaded)
        house.ledger.note_signals({**opened(house), "zombie_work:legal-entities:": ("warn", "LEGAL-2 goes on and on")})
        note_open(house.ledger, house.loaded)
        yield house


def opened(house: House) -> dict[str, tuple[str, str]]:
    return {key: (severity, said) for key, _, cleared, severity, said in house.ledger.logged() if cleared is None}


@pytest.fixture
def house(synced: House, monkeypatch: pytest.MonkeyPatch) -> House:
    for name, value in synced.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(synced.config))
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", synced.url)
    synced.forget()
    return synced


def odata(client: TestClient, path: str, **options: str) -> list[dict[str, Any]]:
    """Every row, page by page."""
    found: list[dict[str, Any]] = []
    answer = client.get(f"/odata/{path}", params={f"${name}": value for name, value in options.items()})
    while True:
        assert answer.status_code == 200, (path, answer.text)
        found += answer.json()["value"]
        if (more := answer.json().get("@odata.nextLink")) is None:
            return found
        answer = client.get(more)


def jsonl(client: TestClient, table: Table) -> list[dict[str, Any]]:
    return [json.loads(line) for line in client.get(f"/files/{table.view}.jsonl").text.split("\n") if line]


def v1(client: TestClient, path: str) -> list[dict[str, Any]]:
    """Every row of a list."""
    answer = client.get(f"/v1/{path}").json()
    found: list[dict[str, Any]] = answer["items"]
    while cursor := answer.get("next_cursor"):
        answer = client.get(f"/v1/{path}", params={"cursor": cursor}).json()
        found += answer["items"]
    return found


# -- nothing of a hidden row -------------------------------------------------------------------------------------------


def answers(client: TestClient) -> Iterator[tuple[str, str]]:
    """Every answer of the interfaces that serve tables, as text; Parquet as the rows that it holds, calendars unfolded."""
    for table in TABLES:
        expanded = ",".join(r.name for r in table.relations)
        asked = {"count": "true", **({"expand": expanded} if expanded else {})}
        yield f"odata {table.name}", json.dumps(odata(client, table.name, **asked), ensure_ascii=False)
        for ending in ("csv", "jsonl"):
            yield f"{ending} {table.view}", client.get(f"/files/{table.view}.{ending}").text
        found = parquet.read_table(io.BytesIO(client.get(f"/files/{table.view}.parquet").content)).to_pylist()
        yield f"parquet {table.view}", json.dumps(found, ensure_ascii=False, default=str)
    yield "feed", client.get("/feeds/plan.ics").text.replace("\r\n ", "")


@pytest.mark.parametrize("department", ["engineering", "legal"])
def test_another_departments_confidential_rows_are_in_no_table_file_or_feed(house: House, department: str) -> None:
    """Byte by byte; its own rows are all there."""
    others = {d: confidential(house, d) for d in CONFIDENTIAL if d != department}
    with house.client(department, scopes=SCOPES) as client:
        told = dict(answers(client))
    for other, texts in others.items():
        for where, text in told.items():
            assert [t for t in texts if t in text] == [], f"{where} tells {department} of {other}"
    own = confidential(house, department) if department in CONFIDENTIAL else set()
    spoken = {t for t in own if t.startswith(("note of", "reply of"))}  # decisions and replies are in no table
    assert [t for t in own - spoken if t not in "".join(told.values())] == []
    assert "confidential: ask Legal" in told["odata PlanNodes"] or department == "legal"


def test_whoever_belongs_to_every_department_sees_every_row(house: House) -> None:
    """The way behind the veil changes nothing but what it hides."""
    departments = [d.department for d in house.loaded.departments]
    with house.client(*departments, scopes=SCOPES) as client, house.client(scopes=SCOPES) as whole:
        for table in TABLES:
            assert odata(client, table.name) == (wanted := odata(whole, table.name)), table.name
            assert by_key(table, jsonl(client, table)) == by_key(table, wanted), table.name
        assert client.get("/feeds/plan.ics").content == whole.get("/feeds/plan.ics").content


def test_a_hidden_row_is_answered_as_one_that_is_not_there(house: House) -> None:
    item = next(k.item for k in house.ledger.items(Filter(sources=["legal-jira"])) if k.item.key == "LEGAL-2")
    with house.client("engineering", scopes=SCOPES) as client, house.client("legal", scopes=SCOPES) as own:
        for below in ("", "/title", "/title/$value", "/Versions", "/Versions/$count", "/Source"):
            hidden = client.get(f"/odata/Items('{item.id}'){below}")
            absent = client.get(f"/odata/Items('legal-jira:none'){below}")
            assert (hidden.status_code, absent.status_code) == (404, 404), below
            assert hidden.text.replace(item.id, "") == absent.text.replace("legal-jira:none", ""), below
            assert own.get(f"/odata/Items('{item.id}'){below}").status_code == 200
        (link,) = [x for x in odata(client, "Links", expand="Target") if x["target"] == "LEGAL-2"]
        assert (link["target_key"], link["target_item_id"], link["Target"]) == (None, None, None)


def test_no_question_finds_what_its_answer_would_not_show(house: House) -> None:
    """A filter, an order, a count, a forged page or an error must not be an oracle."""
    title = next(k.item.title for k in house.ledger.items(Filter(sources=["legal-jira"])) if k.item.key == "LEGAL-2")
    guesses = {
        "Items": f"title eq '{title}'", "ItemVersions": "startswith(item_id,'legal-jira')", "ItemEvents": "startswith(item_id,'legal-jira')",
        "Links": "startswith(target_item_id,'legal-jira') or target_key eq 'LEGAL-2'", "MappingVersions": "source eq 'legal-jira'",
        "PlanNodes": "contains(because,'LEGAL-')", "Exceptions": "contains(because,'LEGAL-')", "StatusWeekly": "contains(because,'LEGAL-')",
        "Signals": "contains(because,'LEGAL-')", "Dependencies": "startswith(provider_item,'LEGAL-')",
        "CheckIns": "node eq 'legal-entities' and (url ne '' or said_by ne null or contains(reported_raw,'of legal'))",
    }  # fmt: skip
    with house.client("engineering", scopes=SCOPES) as client, house.client(*CONFIDENTIAL, scopes=SCOPES) as own:
        for name, guess in guesses.items():
            asked = {"$filter": guess}
            assert client.get(f"/odata/{name}/$count", params=asked).text == "0", name
            assert int(own.get(f"/odata/{name}/$count", params=asked).text) > 0, name
            assert client.get(f"/odata/{name}", params={**asked, "$count": "true"}).json()["@odata.count"] == 0
        ordered = [i["id"] for i in odata(client, "Items", orderby="title desc", select="id")]
        assert sorted(ordered) == [i["id"] for i in odata(client, "Items")]
        assert (
            odata(client, "Sources", expand="Items($filter=source eq 'legal-jira')", filter="source eq 'legal-jira'")[
                0
            ]["Items"]
            == []
        )
        forged = base64.urlsafe_b64encode(json.dumps([["id"], ["legal-jira:"]]).encode()).rstrip(b"=").decode()
        assert not [i for i in odata(client, "Items", skiptoken=forged) if i["source"] == "legal-jira"]


def test_no_error_tells_of_a_hidden_row(house: House) -> None:
    """PostgreSQL may calculate with rows before it leaves them out: here it is made to, and a number that grows too large for a hidden
    title only must not fail."""
    title = next(k.item.title for k in house.ledger.items(Filter(sources=["legal-jira"])) if k.item.key == "LEGAL-2")
    grown = {"$filter": f"(indexof(title,'{title}') add 1) mul 9223372036854775807 mul 2 eq 0"}
    engine = house.ledger.engine
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            for plan in ("nestloop", "indexscan", "indexonlyscan", "bitmapscan"):
                connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET enable_{plan} = off")
        engine.dispose()
    with house.client("engineering", scopes=SCOPES) as client, house.client(scopes=SCOPES) as whole:
        for name in ("Items", "ItemVersions"):
            answer = client.get(f"/odata/{name}/$count", params=grown)
            assert (answer.status_code, answer.text) == (200, client.get(f"/odata/{name}/$count").text), name
            wanted = 400 if engine.dialect.name == "postgresql" else 200
            assert whole.get(f"/odata/{name}/$count", params=grown).status_code == wanted


def test_a_published_table_is_made_of_tables_that_know_the_veil() -> None:
    """Whoever adds one says how what it is made of is narrowed."""
    for table in TABLES:
        for dialect in ("sqlite", "postgresql"):
            assert reads(table, dialect)
            assert set(reads(table, dialect)) <= NARROWED.keys()
    assert NARROWED.keys() <= SQLModel.metadata.tables.keys()
    assert [name for name, narrow in NARROWED.items() if narrow is None] == ["source_state"]


# -- the same words as over /v1 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("departments", [("engineering",), ("legal",), ("sales", "marketing"), ()])
def test_a_table_tells_a_reader_what_v1_tells_it_field_by_field(house: House, departments: tuple[str, ...]) -> None:
    """One veil: a sentence that is hidden here and told there would be two."""
    with house.client(*departments, scopes=SCOPES) as client:
        nodes = [client.get("/v1/nodes/company/status").json()["node"]]
        nodes += [n for kind in ("pillars", "objectives", "key-results", "workstreams") for n in v1(client, kind)]
        pairs = {
            "PlanNodes": ("key", nodes),
            "Exceptions": ("key", v1(client, "exceptions")),
            "CheckIns": ("node", v1(client, "check-ins")),
            "Dependencies": ("key", v1(client, "dependencies")),
            "Items": ("id", v1(client, "items")),
        }
        for name, (key, told) in pairs.items():
            rows, wanted = ({row[key]: row for row in found} for found in (odata(client, name), told))
            assert rows.keys() == wanted.keys(), name
            both = set(next(iter(wanted.values()))) & set(BY_NAME[name].names)
            assert len(both) >= 8, name
            for k, row in rows.items():
                assert {f: _plain(row[f]) for f in both} == {f: _plain(wanted[k][f]) for f in both}, (name, k)
        for table in TABLES:
            assert by_key(table, jsonl(client, table)) == by_key(table, odata(client, table.name)), table.name


def _plain(value: Any) -> Any:
    """Instants by millisecond in UTC, whichever digits they are written with."""
    if isinstance(value, str) and value[10:11] == "T" and value[4:5] == "-":
        from datetime import UTC, datetime

        at = datetime.fromisoformat(value).astimezone(UTC)
        return round(at.timestamp() * 1000)
    return value


def test_sentences_of_other_days_are_told_where_all_that_they_stood_on_may_be_seen(house: House) -> None:
    """No evidence of them is kept: a reader is told whom to ask, or that it is confidential where that is not known any more."""
    with house.client("engineering", scopes=SCOPES) as client, house.client(scopes=SCOPES) as whole:
        signals, every = ({r["key"]: r for r in odata(c, "Signals")} for c in (client, whole))
        weeks, published = ({r["node"]: r for r in odata(c, "StatusWeekly")} for c in (client, whole))
    assert every["zombie_work:legal-entities:"]["cleared_at"] is not None
    assert signals["zombie_work:legal-entities:"]["because"] == "confidential: ask Legal"
    assert signals[OVERDUE]["because"] == "confidential: ask Legal", "open today: what it stands on is known"
    assert weeks["product-adaptation"]["because"] == "confidential", (
        "another day's: only the trackers named what it waited for"
    )
    assert published["product-adaptation"]["because"] != "confidential"
    same = {k for k, r in signals.items() if r == every[k]}
    assert same, "what stands on nothing hidden is told"
    for key, row in signals.items():
        assert {**row, "because": ""} == {**every[key], "because": ""}
    figures = {c.name for c in BY_NAME["StatusWeekly"].columns} - {"because", "score", "progress", "progress_kind"}
    for node, row in weeks.items():
        assert {f: row[f] for f in figures} == {f: published[node][f] for f in figures}


# -- the same figures everywhere ------------------------------------------------------------------------------------------


def test_the_same_question_gives_the_same_figures_over_every_interface(house: House) -> None:
    """REST, OData, CSV, JSON Lines and the terminal: whoever compares two of them must not find two truths."""
    nodes, exceptions, items = (BY_NAME[name] for name in ("PlanNodes", "Exceptions", "Items"))
    figures = ("key", "headline", "reported", "derived", "coverage", "items", "watermelon")
    with house.client(scopes=SCOPES) as whole, house.client("engineering", scopes=SCOPES) as narrow:
        rest = [whole.get("/v1/nodes/company/status").json()["node"]]
        rest += [n for kind in ("pillars", "objectives", "key-results", "workstreams") for n in v1(whole, kind)]
        wanted = {n["key"]: tuple(n[f] for f in figures) for n in rest}
        texts = {key: tuple(in_csv(v) for v in row) for key, row in wanted.items()}
        for client in (whole, narrow):
            assert {n["key"]: tuple(n[f] for f in figures) for n in odata(client, "PlanNodes")} == wanted
            assert {n["key"]: tuple(n[f] for f in figures) for n in jsonl(client, nodes)} == wanted
            assert {n["key"]: tuple(n[f] for f in figures) for n in in_cells(client, nodes)} == texts
            count = len(v1(client, "exceptions"))
            for rows in (odata(client, "Exceptions"), jsonl(client, exceptions), in_cells(client, exceptions)):
                assert len(rows) == count
        for key, node in wanted.items():
            told = terminal("status", key)
            assert tuple(told["node"][f] for f in figures) == node
        assert terminal("status", "company")["exceptions_total"] == count == len(terminal("exceptions"))
        listed = v1(whole, "items")
        assert sorted(terminal("items", "--limit", "10000"), key=by_id) == sorted(listed, key=by_id)
        for rows in (odata(whole, "Items"), jsonl(whole, items), in_cells(whole, items)):
            assert Counter(i["status"] for i in listed) == Counter(
                i["status"] for i in rows if i["presence"] == "present"
            )


def test_on_a_new_day_tables_say_what_the_day_shows_before_anything_is_read(house: House) -> None:
    """The sentences count working days: a table asked first in the morning must not tell of yesterday."""
    with house.client(scopes=SCOPES) as client:
        before = {n["key"]: n["because"] for n in odata(client, "PlanNodes")}
        house.clock.ahead += timedelta(days=7)
        tables = [
            {n["key"]: n["because"] for n in rows}
            for rows in (odata(client, "PlanNodes"), jsonl(client, BY_NAME["PlanNodes"]))
        ]
        today = {n["key"]: n["because"] for kind in ("pillars", "workstreams") for n in v1(client, kind)}
    assert any(before[key] != because for key, because in today.items())
    for table in tables:
        assert {key: table[key] for key in today} == today


def by_id(row: dict[str, Any]) -> str:
    return str(row["id"])


def in_cells(client: TestClient, table: Table) -> list[dict[str, str]]:
    """A table as CSV."""
    return list(csv.DictReader(io.StringIO(client.get(f"/files/{table.view}.csv").text, newline="")))


def terminal(*words: str) -> Any:
    done = CliRunner().invoke(command, [*words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


# -- files that lie ready -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/files/bi_items.csv", "/files/bi_plan_nodes.jsonl", "/feeds/plan.ics"])
def test_what_lies_ready_for_one_reader_is_not_given_to_another(house: House, path: str) -> None:
    """Files and their tags belong to what may be seen; whoever may see the same shares them."""
    app = house.app()
    keys = [
        house.key(name, *of)
        for name, of in (("all", ()), ("e", ("engineering",)), ("l", ("legal",)), ("p", ("product",)))
    ]
    with TestClient(app) as client:

        def ask(key: str, **headers: str) -> Any:
            return client.get(path, headers={"Authorization": f"Bearer {key}", **headers})

        whole, engineering, legal, product = (ask(key) for key in keys)
        assert len({a.content for a in (whole, engineering, legal)}) == 3
        assert product.content == engineering.content
        for key, own, other in ((keys[1], engineering, whole), (keys[0], whole, legal), (keys[2], legal, engineering)):
            assert ask(key, **{"If-None-Match": own.headers["etag"]}).status_code == 304
            assert ask(key, **{"If-None-Match": other.headers["etag"]}).content == own.content
            assert ask(key, Range="bytes=0-9999999", **{"If-Range": other.headers["etag"]}).content == own.content
        for key, own in (*zip(keys[1:3], (engineering, legal), strict=True), (keys[1], engineering)):
            assert ask(key).content == own.content, "no write came between"
            assert ask(key, Range="bytes=-99").content == own.content[-99:]


def test_a_calendar_keeps_what_the_plan_says_of_a_hidden_record(house: House) -> None:
    """When something is promised and needed is the plan's to say; how the record stands is its department's."""
    with house.client("engineering") as client, house.client() as whole:
        told, every = (c.get("/feeds/plan.ics").text.replace("\r\n ", "") for c in (client, whole))
    assert "LEGAL-7" in every
    assert "confidential: ask Legal" in told
    promised = [line for line in every.split("\r\n") if line.startswith(("UID:committed-", "UID:needed-"))]
    assert promised
    assert [line for line in promised if line not in told] == []
