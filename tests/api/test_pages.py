"""The pages over HTTP: the words of /v1, escaped, behind the veil, and small whatever a company is like."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from demo.company import DemoCompany, configuration
from ledger.store import Ledger
from normalizer.people import People
from signals.plan import Pillar, Plan
from sync.closing import close_week, note_open
from sync.configuration import Configuration, load
from sync.run import sync_source
from tests.asking import local
from tests.companies import Scripted
from tests.odd import Odd
from tests.tracked import Clock

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
SMALL = 30 * 1024
"""No page is larger, before anything is cached."""
FIXED = ("/", "/exceptions", "/departments", "/dependencies", "/sources", "/definitions")
KINDS = {"pillars": "pillars", "objectives": "objectives", "key_results": "key-results", "workstreams": "workstreams"}
VOID = {"meta", "link", "input", "circle", "path", "rect"}


class Seen(HTMLParser):
    """What a browser would make of a page, as far as trust goes: its text, its elements, and what their attributes say."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.open, self.elements, self.headings, self.links, self.ids = "", [], set(), [], [], []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]
        self.ids += [value for name, value in attrs if name == "id"]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def words(text: str) -> str:
    return " ".join(text.split())


def addresses(plan: Plan, config: Configuration) -> list[str]:
    """Every page that a company has."""
    found = [f"/{path}/{n.key}" for kind, path in KINDS.items() for n in getattr(plan, kind)]
    return [*FIXED, *found, *(f"/departments/{d.department}" for d in config.departments)]


def opened(client: TestClient, address: str) -> Seen:
    """A page as a browser has it, after whatever holds for every page."""
    answer = client.get(address, headers=BROWSER)
    assert answer.status_code == 200, (address, answer.text[:500])
    seen = Seen(answer.text)
    assert len(answer.content) < SMALL, (address, len(answer.content))
    assert not seen.elements & {"script", "style", "iframe", "object", "embed", "base", "img"}, address
    for tag, name, value in seen.attributes:
        assert not name.startswith("on"), (address, tag, name)
        assert name != "style", (address, tag)
        assert not re.match(r"\s*(javascript|data|vbscript):", value, re.I) or name not in ("href", "src", "action")
    assert len(seen.ids) == len(set(seen.ids)), address
    assert seen.headings[0] == 1
    assert seen.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(seen.headings, seen.headings[1:], strict=False)), (address, seen.headings)
    return seen


# -- the demo company ----------------------------------------------------------------------------------------------------


class House:
    """The demo company with Legal's records and Sales' figure confidential, synced once, and noted."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.environment, config = environment, folder / "config"
        shutil.copytree(configuration(), config)
        for department, binding in (("legal", "legal-entities"), ("sales", "won")):
            path = config / "departments" / f"{department}.yaml"
            entry = f"      - key: {binding}\n"
            text = path.read_text(encoding="utf-8").replace(entry, f"{entry}        confidential: true\n")
            path.write_text(text, encoding="utf-8")
        self.clock = Clock()
        self.ledger = Ledger.open(f"sqlite:///{folder / 'l.db'}", migrate=True, clock=self.clock)
        self.loaded = load(config)

    def client(self, *departments: str) -> TestClient:
        """Of a key that sees some departments' confidential rows."""
        name = "-".join(departments)
        secret = self.ledger.keys.create(name, scopes=("read",), departments=departments, by="test")[1]
        return TestClient(create_app(self.ledger, self.loaded), headers={"Authorization": f"Bearer {secret}"})

    def forget(self) -> None:
        with self.ledger.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM api_key")


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with DemoCompany() as company, pytest.MonkeyPatch.context() as patch:
        for name, value in company.environment().items():
            patch.setenv(name, value)
        house = House(tmp_path_factory.mktemp("pages"), company.environment())
        with house.ledger:
            for bound in house.loaded.sources:
                assert sync_source(bound, house.ledger, People(house.loaded.persons())).state == "complete"
            note_open(house.ledger, house.loaded)
            yield house


@pytest.fixture
def house(synced: House, monkeypatch: pytest.MonkeyPatch) -> House:
    for name, value in synced.environment.items():
        monkeypatch.setenv(name, value)
    synced.forget()
    return synced


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with local(create_app(house.ledger, house.loaded)) as client:
        yield client


def test_the_answer_has_the_sentences_of_v1(client: TestClient) -> None:
    """Page, terminal and API say one thing in the same words."""
    page = words(opened(client, "/").text)
    for pillar in client.get("/v1/pillars").json()["items"]:
        assert words(pillar["because"]) in page
        assert pillar["name"] in page
    company = client.get("/v1/nodes/company/status").json()
    assert words(company["node"]["because"]) in page
    assert len(company["exceptions"]) == 7
    for e in company["exceptions"]:
        assert words(e["because"]) in page
        assert e["decision_needed"] in page
        assert f"{e['decision_owner']} decides" in page
    assert f"All {company['exceptions_total']} that need a decision" in page


def test_a_nodes_page_tells_what_v1_tells_of_it(house: House, client: TestClient) -> None:
    plan = house.loaded.plan
    for key in ("pillar-2", *(n.key for n in (*plan.objectives, *plan.key_results, *plan.workstreams))):
        status = client.get(f"/v1/nodes/{key}/status").json()
        reasons = client.get(f"/v1/nodes/{key}/explain").json()
        kind = KINDS[f"{status['node']['kind']}s"]
        told = client.get(f"/{kind}/{key}.json").json()
        shown = {k: v for k, v in told["node"].items() if k in status["node"] and k != "data_age_seconds"}
        assert shown == {k: v for k, v in status["node"].items() if k != "data_age_seconds"}
        assert [c["key"] for c in told["children"]] == [c["key"] for c in status["children"]]
        assert {(s["signal"], s["because"]) for s in told["signals"]} == {
            (s["signal"], s["because"]) for s in reasons["signals"]
        }
        page = words(opened(client, f"/{kind}/{key}").text)
        assert words(status["node"]["because"]) in page
        for s in reasons["signals"]:
            assert words(s["because"]) in page


def test_every_page_holds_and_every_link_on_it_leads_somewhere(house: House, client: TestClient) -> None:
    """A figure that opens nothing is a figure to be believed."""
    told = {address: opened(client, address) for address in addresses(house.loaded.plan, house.loaded)}
    known = {a: set(s.ids) for a, s in told.items()}
    for address, seen in told.items():
        for link in {x for x in seen.links if not x.startswith("http")}:
            path, _, mark = link.partition("#")
            where = path or address
            if where not in known:
                answer = client.get(where, headers=BROWSER)
                assert answer.status_code == 200, (address, link)
                known[where] = set(Seen(answer.text).ids) if "html" in answer.headers["content-type"] else {mark}
            assert mark in ("", *known[where]), (address, link)


def test_a_workstreams_page_leads_from_the_milestone_to_the_raw_word(client: TestClient) -> None:
    told = client.get("/workstreams/legal-entities.json").json()
    late = told["work"]["steps"][0]
    assert (late["state"], late["late_days"] > 0) == ("late", True)
    page = opened(client, "/workstreams/legal-entities")
    assert late["url"] in page.links
    read = f"/items/{late['item'].replace(':', '%3A')}"
    assert any(x in (read, f"/items/{late['item']}") for x in page.links)
    item = words(opened(client, f"/items/{late['item']}").text)
    assert "Warten auf Behörde" in item
    assert "config/departments/legal.yaml:" in item
    assert "/tmp" not in item


def test_a_key_results_page_shows_its_metric_beside_its_plan(client: TestClient) -> None:
    told = client.get("/key-results/first-accounts.json").json()
    score, measure = client.get("/v1/nodes/first-accounts/status").json()["node"]["score"], told["measure"]
    assert measure["value"] / measure["target"] == pytest.approx(score, abs=1e-3)
    planned = [p["planned"] for p in measure["pace"]]
    assert (planned[0], planned[-1], planned) == (0, 1, sorted(planned))
    assert next(p["done"] for p in reversed(measure["pace"]) if p["done"] is not None) == pytest.approx(score, abs=1e-3)
    page = words(opened(client, "/key-results/first-accounts").text)
    assert f"{measure['value']:g} on {measure['read_on']}, on the way from 0 to 9 accounts." in page
    without = client.get("/key-results/known-in-verticals.json").json()
    assert without["measure"] is None


def test_weeks_that_nobody_published_say_so(house: House, client: TestClient) -> None:
    """The course of a quarter is there on the first day, and what was only told afterwards is not passed off as published."""
    weeks = client.get("/workstreams/legal-entities.json").json()["node"]["weeks"]
    assert len(weeks) >= 6
    assert not any(w["published"] for w in weeks)
    assert "were never published" in opened(client, "/workstreams/legal-entities").text
    since = client.get("/index.json").json()["since"]
    assert (since["week"], since["published"]) == (weeks[-1]["week"], False)


def test_the_day_can_be_moved_and_stays_moved_in_every_link(house: House, client: TestClient) -> None:
    on = house.loaded.calendar.day(house.clock() - timedelta(days=14))
    then = house.loaded.calendar.end_of(on).isoformat().replace("+", "%2B")
    page = opened(client, f"/?as_of={on}")
    pillars = client.get(f"/v1/pillars?as_of={then}").json()["items"]
    for pillar in pillars:
        assert words(pillar["because"]) in words(page.text)
    assert f"/pillars/pillar-2?as_of={on}" in page.links
    told = client.get(f"/workstreams/legal-entities.json?as_of={on}").json()
    assert all(w["closed_on"] <= str(on) for w in told["node"]["weeks"])
    assert client.get(f"/?as_of={on}").text != client.get("/").text


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ("/?as_of=2999-01-01", 400, "lies in the future"),
        ("/?as_of=1066-01-01", 400, "before 1970"),
        ("/?as_of=1700000000", 422, "a day is written like"),
        ("/?as_off=2026-01-01", 422, "there is no such parameter here"),
        ("/exceptions?severity=loud", 422, "Input should be"),
        ("/exceptions?node=legal-entitis", 404, "did you mean 'legal-entities'?"),
        ("/exceptions?department=leagl", 404, "no department has the key 'leagl': known are engineering, legal"),
        ("/exceptions?signal=behindpace", 422, "no signal is called 'behindpace': /definitions has their names"),
        ("/workstreams/legal-entitis", 404, "did you mean 'legal-entities'?"),
        ("/workstreams/pillar-2", 404, "'pillar-2' is no workstream: it is a pillar"),
        ("/departments/law", 404, "known are engineering, legal"),
        ("/items/nothing", 404, "no single item"),
        ("/sources.xlsx", 404, "a page comes as html, json, csv, md"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_what_cannot_be_answered_says_why_as_a_page_or_as_a_problem(
    client: TestClient, asked: str, status: int, says: str
) -> None:
    page, problem = client.get(asked, headers=BROWSER), client.get(asked)
    assert (page.status_code, problem.status_code) == (status, status)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert says in words(Seen(page.text).text)
    assert problem.headers["content-type"] == "application/problem+json"
    assert says in problem.text.replace('\\"', '"')


def test_a_browser_at_the_api_is_answered_as_a_program(client: TestClient) -> None:
    assert client.get("/v1/nowhere", headers=BROWSER).headers["content-type"] == "application/problem+json"


def test_an_error_of_ours_is_a_page_that_says_nothing_of_its_inside(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("api.pages.home.home", broken)
    with local(create_app(house.ledger, house.loaded), raise_server_exceptions=False) as client:
        answer = client.get("/", headers=BROWSER)
    assert answer.status_code == 500
    assert "its log has more" in words(Seen(answer.text).text)
    assert "secret" not in answer.text


def test_a_closed_door_is_a_page_too(house: House) -> None:
    house.client("legal")
    with local(create_app(house.ledger, house.loaded)) as client:
        answer = client.get("/", headers=BROWSER)
        assert (answer.status_code, "an access key is needed" in answer.text) == (401, True)
        assert "Basic" in answer.headers["www-authenticate"]
        looks = re.search(r'rel="stylesheet" href="([^"]+)"', answer.text)[1]  # type: ignore[index]  # it is there
        assert client.get(looks).status_code == 200
        for beside in ("/static/../v1/items", "/static/%2e%2e/v1/items", "/static", "/static/../routes.py"):
            assert client.get(beside).status_code in (401, 404), beside


def test_a_page_is_asked_for_by_head_and_only_when_it_is_another(house: House, client: TestClient) -> None:
    first = client.get("/")
    assert client.head("/").status_code == 200
    assert client.head("/").content == b""
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    again = client.get("/", headers={"If-None-Match": tag})
    assert again.status_code in (200, 304)  # 200 only where a minute began in between
    if again.headers["etag"] == tag:
        assert (again.status_code, again.content) == (304, b"")
    house.ledger.meet(["something-new"])
    changed = client.get("/", headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)


def test_the_stylesheet_lasts_and_is_small(client: TestClient) -> None:
    page = client.get("/", headers=BROWSER).text
    address = re.search(r'rel="stylesheet" href="([^"]+)"', page)[1]  # type: ignore[index]  # it is there
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert len(answer.content) < 10 * 1024
    assert client.get("/static/../routes.py").status_code == 404


# -- other forms ---------------------------------------------------------------------------------------------------------


def test_every_page_comes_as_json_csv_and_markdown(house: House, client: TestClient) -> None:
    for address in addresses(house.loaded.plan, house.loaded):
        stem = "/index" if address == "/" else address
        told = client.get(f"{stem}.json").json()
        assert told["as_of"]
        answer = client.get(f"{stem}.csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert rows, address
        assert answer.headers["content-disposition"].startswith("attachment")
        markdown = client.get(f"{stem}.md")
        assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
        assert markdown.text.startswith("# ")
        tables = [line.count(" | ") for line in markdown.text.splitlines() if line.startswith("|")]
        assert tables, address


def test_the_csv_of_the_answer_is_its_pillars(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/index.csv").text)))
    pillars = client.get("/v1/pillars").json()["items"]
    assert [(r["key"], r["headline"], r["because"]) for r in rows] == [
        (p["key"], p["headline"], p["because"]) for p in pillars
    ]


def test_a_day_that_is_none_is_refused_in_plain_words(client: TestClient) -> None:
    seen = Seen(client.get("/?as_of=yesterday", headers=BROWSER).text)
    assert "as_of: a day is written like 2026-11-20" in words(seen.text)


def test_an_address_where_nothing_stands_leads_on(client: TestClient) -> None:
    seen = Seen(client.get("/nowhere", headers=BROWSER).text)
    assert "Nothing stands at /nowhere: the links above lead to every page." in words(seen.text)
    assert {"/", "/exceptions", "/departments"} <= set(seen.links)


def test_a_filter_that_nothing_meets_is_not_the_all_clear(client: TestClient) -> None:
    """Also where no select shows what was asked for: in Markdown, which is mailed on."""
    assert "Nothing needs a decision that is like this." in client.get("/exceptions.md?decision_owner=Nobody").text
    assert "need a decision." in client.get("/exceptions.md?severity=high").text


def test_exceptions_are_filtered_and_each_filter_is_an_address(client: TestClient) -> None:
    """A link in a message opens what its sender saw."""
    everything = client.get("/v1/exceptions").json()["items"]
    department = {"product-adaptation": "engineering", "legal-entities": "legal"}
    for asked, holds in (
        ("severity=high", lambda e: e["severity"] == "high"),
        ("signal=dependency_overdue", lambda e: e["signal"] == "dependency_overdue"),
        ("department=legal", lambda e: department.get(e["subject"]) == "legal"),
        ("decision_owner=Nora+Lind&severity=high", lambda e: (e["decision_owner"], e["severity"]) == ("Nora Lind", "high")),
        ("node=entities-ready", lambda e: e["subject"] in ("legal-entities", "entities-ready")),
        ("department=&severity=&signal=&decision_owner=&as_of=", lambda _: True),
    ):  # fmt: skip
        wanted = [e["key"] for e in everything if holds(e)]
        told = client.get(f"/exceptions.json?{asked}").json()
        assert [e["key"] for e in told["items"]] == wanted[:10], asked
        assert told["total"] == len(wanted) > 0
        rows = list(csv.DictReader(io.StringIO(client.get(f"/exceptions.csv?{asked}").text)))
        assert [r["key"] for r in rows] == wanted
        opened(client, f"/exceptions?{asked}")


def test_what_is_to_be_decided_has_a_day(house: House, client: TestClient) -> None:
    """The working days of its decision right, from when it was noted as open."""
    calendar = house.loaded.calendar
    for e in client.get("/exceptions.json").json()["items"]:
        noted = calendar.day(house.clock())
        assert e["decide_by"] == str(calendar.add(noted, e["sla_days"]))
        assert not e["late"]
        closes = calendar.day(calendar.close_of(calendar.week_at(house.clock())))
        assert e["this_cycle"] == (e["decide_by"] <= str(closes))
    house.clock.ahead = timedelta(days=14)
    try:
        late = client.get("/exceptions.json").json()["items"]
        assert all(e["late"] for e in late if e["opened_at"])
        assert ", overdue" in opened(client, "/exceptions").text
    finally:
        house.clock.ahead = timedelta()


def test_the_mirror_shows_each_word_its_rule_and_what_it_became(client: TestClient) -> None:
    told = client.get("/v1/departments/legal/mapping").json()
    page = words(opened(client, "/departments/legal").text)
    seen = [w for b in told["bindings"] for w in b["words"]]
    assert len(seen) > 5
    for w in seen:
        assert w["raw"] in page
        assert w["rule"].rpartition("config/")[2] in page
    assert "Since" in page
    assert "What the COO sees about this team" in page
    inbox = words(opened(client, "/departments/product").text)
    for u in client.get("/v1/departments/product/mapping").json()["unmapped"]:
        assert u["raw"] in inbox


def test_departments_that_wait_for_each_other_meet_in_one_cell(client: TestClient) -> None:
    told = client.get("/dependencies.json").json()
    cell = next(p for p in told["pairs"] if (p["consumer"], p["provider"]) == ("Sales", "Legal"))
    assert (cell["promises"], cell["open"]) == (1, 1)
    open_now = {d["key"]: d["open"] for d in client.get("/v1/dependencies").json()["items"]}
    assert {p["key"]: p["open"] for p in told["promises"]} == open_now
    page = words(opened(client, "/dependencies").text)
    assert "1 of 1" in page
    assert all(sentence in page for said in open_now.values() for sentence in said)


def test_what_was_decided_and_replied_stands_beside_its_signal(tmp_path: Path) -> None:
    """Whoever reads the signal reads the answer to it."""
    company = Scripted(tmp_path, workstreams=6, items=120)
    company.fill()
    with local(create_app(company.ledger, company.configuration)) as client:
        signals = client.get("/v1/exceptions").json()["items"]
        late = next(e for e in signals if e["signal"] == "behind_pace")
        owner = company.configuration.plan.workstream_by_key[late["subject"]].owner
        decision = {
            "kind": "recovery",
            "signal": late["key"],
            "act_owner": owner,
            "act_by": "2026-11-25",
            "note": "<b>Two more</b>",
        }
        answer = client.post("/v1/decisions", json={**decision, "decided_by": owner})
        assert answer.status_code == 201, answer.text
        reply = {"signal": late["key"], "text": "We wait for the <i>vendor</i>", "said_by": owner}
        assert client.post("/v1/annotations", json=reply).status_code == 201
        (told,) = client.get("/v1/decisions").json()["items"]
        for address in (f"/workstreams/{late['subject']}", f"/exceptions?node={late['subject']}&signal=behind_pace"):
            page = words(opened(client, address).text)
            assert told["says"] in page
            assert "<b>Two more</b>" in page
            assert "replies: We wait for the <i>vendor</i>" in page
        decided = client.get(f"/workstreams/{late['subject']}.json").json()["decisions"]
        assert [d["id"] for d in decided] == [told["id"]]
    company.close()


def test_every_way_to_connect_is_shown(client: TestClient) -> None:
    page = words(opened(client, "/connect").text)
    for tool in client.get("/connect.json").json()["items"]:
        assert tool["name"] in page
        for snippet in tool["snippets"]:
            assert words(snippet["text"]) in page


# -- the veil ------------------------------------------------------------------------------------------------------------


def test_two_readers_see_the_same_colours_and_not_the_same_words(house: House) -> None:
    with house.client("legal") as own, house.client("engineering") as other:
        pages = {c: Seen(c.get("/workstreams/legal-entities", headers=BROWSER).text) for c in (own, other)}
        assert "Handelsregister" in pages[own].text
        assert "Handelsregister" not in pages[other].text
        assert "confidential: ask Legal" in pages[other].text
        a, b = (c.get("/workstreams/legal-entities.json").json() for c in (own, other))
        assert a["node"]["headline"] == b["node"]["headline"]
        assert a["node"]["weeks"] == b["node"]["weeks"]
        assert a["work"]["pace"][-1]["planned"] == b["work"]["pace"][-1]["planned"] == 1
        ends = [
            date.fromisoformat(p["on"])
            for p in b["work"]["pace"]
            if p["on"] != str(house.loaded.calendar.day(house.clock()))
        ]
        assert {d.weekday() for d in ends} == {6}, "no record's own day is told"
        assert [s["state"] for s in a["work"]["steps"]].count("late") == [s["state"] for s in b["work"]["steps"]].count(
            "late"
        )
        assert {s["url"] for s in b["work"]["steps"]} == {""}
        assert (b["work"]["records"], b["work"]["hidden"]) == ([], len(a["work"]["records"]))
        figure = own.get("/key-results/first-accounts.json").json()["measure"]
        assert (figure["value"], figure["read_on"], figure["pace"]) == (None, None, [])
        tags = {c.get("/workstreams/legal-entities").headers["etag"] for c in (own, other)}
        assert len(tags) == 2


def test_who_hears_that_nothing_has_changed_has_read_it_again(house: House) -> None:
    with house.client("legal") as own:
        tag = own.get("/").headers["etag"]
        before = len([a for a in house.ledger.audit.acts() if a.what == "read"])
        own.get("/", headers={"If-None-Match": tag})
        assert len([a for a in house.ledger.audit.acts() if a.what == "read"]) == before + 1


# -- odd companies -------------------------------------------------------------------------------------------------------

MARKUP = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>'&amp;{{7*7}}"


@pytest.mark.parametrize(
    "url", ["javascript:alert(3)", 'https://x.example/"onmouseover="alert(4)', "data:text/html,<script>"]
)
def test_markup_in_every_field_stays_text(tmp_path: Path, url: str) -> None:
    """Whoever can name a record must not be able to act as whoever reads its name."""
    company = Odd(tmp_path, MARKUP, url=url)
    company.fill()
    with local(create_app(company.ledger, company.configuration)) as client:
        found = [
            *addresses(company.configuration.plan, company.configuration),
            "/items/alpha:2",
            f"/?as_of={company.now:%Y-%m}-10",
        ]
        for address in found:
            seen = opened(client, address)
            assert "49" not in seen.text or address != "/", "no template of theirs is run"
            if address not in ("/sources", "/definitions"):
                assert MARKUP[:25] in seen.text, address
    company.close()


def test_markup_and_formulas_stay_text_in_other_forms(tmp_path: Path) -> None:
    company = Odd(tmp_path, f"=1+1|{MARKUP}")
    company.fill()
    with local(create_app(company.ledger, company.configuration)) as client:
        for address in addresses(company.configuration.plan, company.configuration):
            stem = "/index" if address == "/" else address
            markdown = client.get(f"{stem}.md").text
            assert "<img" not in markdown
            assert "<script" not in markdown
            widths = {
                line.replace("\\|", "").count("|")
                for line in markdown.split("\n## ")[-1].splitlines()
                if line[:1] == "|"
            }
            assert len(widths) <= 1, address
            rows = list(csv.reader(io.StringIO(client.get(f"{stem}.csv").text)))
            assert not [cell for row in rows for cell in row if cell.startswith("=")], address
    company.close()


@pytest.mark.parametrize(
    "text",
    [
        "تمكين المبيعات في المملكة – Geschäftsführerbestellungsbestätigung " + "ä" * 234,
        "تمكين المبيعات في المملكة العربية السعودية والإمارات " * 6,
        f"{MARKUP} تمكين المبيعات في المملكة " * 4,
    ],
    ids=["german", "arabic", "markup"],
)
def test_names_of_any_direction_and_titles_of_300_characters_fit(tmp_path: Path, text: str) -> None:
    """A page stays under its size, also when two weeks of silence have made it long, and text says its own direction."""
    company = Odd(tmp_path, text[:300])
    company.fill()
    company.now += timedelta(days=14)
    with local(create_app(company.ledger, company.configuration)) as client:
        for address in addresses(company.configuration.plan, company.configuration):
            seen = opened(client, address)
            assert "bdi" in seen.elements or address == "/sources", address
        assert "1 word without translation" in words(opened(client, "/sources").text)
    company.close()


def open_signals(client: TestClient) -> Iterator[str]:
    """Keys of everything that needs a decision, as /v1 lists it page by page."""
    more = ""
    while more is not None:
        told = client.get(f"/v1/exceptions?limit=500{more and f'&cursor={more}'}").json()
        yield from (e["key"] for e in told["items"])
        more = told["next_cursor"]


def test_five_hundred_exceptions_are_pages_of_ten(tmp_path: Path) -> None:
    company = Scripted(tmp_path, workstreams=170, items=2500)
    company.fill()
    with local(create_app(company.ledger, company.configuration)) as client:
        every = list(open_signals(client))
        total = len(every)
        assert total > 500
        assert f"All {total} that need a decision" in opened(client, "/").text
        for address in FIXED:
            opened(client, address)
        keys: list[str] = []
        address: str | None = "/exceptions.json?page=1"
        while address:
            told = client.get(address).json()
            keys += [e["key"] for e in told["items"]]
            address = f"/exceptions.json?page={told['page'] + 1}" if told["page"] < told["pages"] else None
        assert keys == every
    company.close()


def test_a_company_that_is_well_says_so_in_one_line(tmp_path: Path) -> None:
    company = Scripted(tmp_path, workstreams=1, items=0)
    company.configuration = replace(company.configuration, plan=Plan(pillars=(Pillar("p", "Pillar"),)))
    company._good()
    with local(create_app(company.ledger, company.configuration)) as client:
        page = words(opened(client, "/").text)
        assert "Nothing needs a decision now." in page
        assert "○ Unknown nothing to judge" in page
        assert words(opened(client, "/exceptions").text).count("Nothing needs a decision now") == 1
        assert "nothing below" in words(opened(client, "/").text)
        opened(client, "/pillars/p")
    company.close()


def test_without_a_plan_the_page_tells_what_the_trackers_say(tmp_path: Path) -> None:
    company = Scripted(tmp_path, workstreams=3, items=60)
    company.configuration = replace(company.configuration, plan=Plan())
    company.fill()
    with local(create_app(company.ledger, company.configuration)) as client:
        page = words(opened(client, "/").text)
        assert "There is no plan yet" in page
        for d in client.get("/v1/status").json()["departments"]:
            assert d["because"] in page
    company.close()


def test_a_tracker_that_is_down_for_two_weeks_is_nobodys_silence(tmp_path: Path) -> None:
    """The page says how old what it shows is, and asks for a credential, not for an answer from the team."""
    company = Scripted(tmp_path, workstreams=6, items=120)
    company.fill()
    company.now += timedelta(days=14)
    with local(create_app(company.ledger, company.configuration)) as client:
        page = words(opened(client, "/").text)
        assert "data 14 d old" in page
        stale = [e for e in client.get("/v1/exceptions").json()["items"] if e["signal"] == "source_stale"]
        assert len(stale) == 2
        sources = words(opened(client, "/sources").text)
        assert all(words(e["because"]) in sources for e in stale)
        assert "; ".join(e["because"] for e in stale) + ": what stands on that is as old." in page
        assert "14 d ago" in page
        assert "2 of 2 trackers were read whole at their last run, and 2 should have been read since." in sources
        for told in (sources, words(opened(client, "/departments/d0").text)):
            assert "▲ complete, overdue" in told
            assert "● complete" not in told
    company.close()


def test_a_published_week_is_shown_as_it_was_published(tmp_path: Path) -> None:
    """What was said then stays, and what was restated is named."""
    company = Scripted(tmp_path, workstreams=6, items=120)
    company.fill()
    calendar = company.configuration.calendar
    week = calendar.week_at(company.now)
    company.now = calendar.close_of(week) + timedelta(hours=1)
    pack = close_week(company.ledger, company.configuration, week)
    nodes = tuple(msgspec.structs.replace(n, headline="at_risk") if n.key == "w0" else n for n in pack.nodes)
    again = msgspec.structs.replace(pack, nodes=nodes, restated=("w0",))
    company.ledger.publish(week, msgspec.json.encode(again).decode())
    with local(create_app(company.ledger, company.configuration)) as client:
        last = client.get("/workstreams/w0.json").json()["node"]["weeks"][-1]
        assert (last["week"], last["headline"], last["published"], last["restated"]) == (week, "at_risk", True, True)
        assert f"Restated since they were published first: {week}" in words(opened(client, "/workstreams/w0").text)
        fresh, due = pack.adherence["d0"]
        assert f"{fresh} of {due} check-ins fresh in six weeks to {week}" in words(
            opened(client, "/departments/d0").text
        )
        assert client.get("/index.json").json()["since"]["published"]
    company.close()
