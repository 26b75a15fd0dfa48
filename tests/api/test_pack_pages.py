"""The pages about what was published: the packs' own sentences, behind the veil, small, and the same for as long as they stand."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from demo.company import DemoCompany
from ledger.model import Decision
from normalizer.people import People
from sync.closing import close_week, note_open
from sync.packs import close, close_due
from sync.run import sync_source
from tests.api.test_pages import BROWSER, MARKUP, House, Seen, opened, words
from tests.asking import local
from tests.companies import Scripted
from tests.odd import Odd
from tests.published import publish_all

QUARTER = datetime(2027, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, dict[str, str]]]:
    """The demo company with its week, month and period published; by kind their names."""
    with DemoCompany() as company, pytest.MonkeyPatch.context() as patch:
        for name, value in company.environment().items():
            patch.setenv(name, value)
        house = House(tmp_path_factory.mktemp("packs"), company.environment())
        with house.ledger:
            for bound in house.loaded.sources:
                assert sync_source(bound, house.ledger, People(house.loaded.persons())).state == "complete"
            note_open(house.ledger, house.loaded)
            yield house, publish_all(house.ledger, house.loaded, house.clock)


@pytest.fixture
def house(published: tuple[House, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> House:
    found = published[0]
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    found.forget()
    return found


@pytest.fixture
def names(published: tuple[House, dict[str, str]]) -> dict[str, str]:
    return published[1]


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with local(create_app(house.ledger, house.loaded)) as client:
        yield client


def pages(names: dict[str, str]) -> list[str]:
    return ["/packs", "/diagnosis", "/calibration", *(f"/packs/{name}" for name in names.values())]


def of_scripted(company: Scripted) -> list[str]:
    """Publishes all that has closed by January; every page there is of it."""
    company.now = QUARTER
    company.change(20)
    packs = close_due(company.ledger, company.configuration)
    assert len(packs) >= 3
    return ["/packs", "/diagnosis", "/calibration", *(f"/packs/{p.name}" for p in packs)]


# -- what they say -------------------------------------------------------------------------------------------------------


def test_the_list_is_what_v1_lists_newest_first(client: TestClient, names: dict[str, str]) -> None:
    listed = client.get("/v1/packs").json()["items"]
    seen = opened(client, "/packs")
    assert [x.removeprefix("/packs/") for x in seen.links if x.startswith("/packs/")] == [r["name"] for r in listed]
    assert set(names.values()) <= {r["name"] for r in listed}
    rows = list(csv.DictReader(io.StringIO(client.get("/packs.csv").text)))
    assert [(r["name"], r["kind"], r["version"]) for r in rows] == [
        (r["name"], r["kind"], str(r["version"])) for r in listed
    ]
    assert words(seen.text).count("provisional") == sum(r["provisional"] for r in listed)


def test_the_week_names_who_decides_what_about_everything_that_is_blocked(
    client: TestClient, names: dict[str, str]
) -> None:
    """In the meeting the page is read out: each sentence with its owner, the decision, and whose it is."""
    told = client.get(f"/v1/packs/{names['week']}").json()
    page = words(opened(client, f"/packs/{names['week']}").text)
    assert told["page"]["blocked"]
    assert told["page"]["derisk"]
    for e in [*told["page"]["blocked"], *told["page"]["derisk"], *told["page"]["to_stop"]]:
        assert words(e["because"]) in page
        assert e["decision_needed"] in page
        assert f"{e['decision_owner']} decides" in page
        assert f"owner {e['result_owner']}" in page
    assert all(m["says"] in page for m in told["page"]["changed"])
    assert words(next(n["because"] for n in told["nodes"] if n["kind"] == "company")) in page
    assert told["diagnosis"]["says"] in page


def test_the_month_and_the_quarter_tell_what_their_packs_tell(client: TestClient, names: dict[str, str]) -> None:
    month = client.get(f"/v1/packs/{names['month']}").json()["page"]
    page = words(opened(client, f"/packs/{names['month']}").text)
    assert all(t["name"] in page for t in month["trends"])
    assert all(f"{d['working_days']} of {d['of_days']}" in page for d in month["load"])
    assert all(e["because"] in page for e in month["reallocate"])
    quarter = client.get(f"/v1/packs/{names['period']}").json()["page"]
    page = words(opened(client, f"/packs/{names['period']}").text)
    assert quarter["traces"]
    for t in quarter["traces"]:
        assert words(t["trace"]["because"]) in page
        assert f"scored {t['trace']['score']:g}" in page
    for says in (quarter["late_says"], quarter["latency_says"], *(q["says"] for q in quarter["infrastructure"])):
        assert says in page
    assert all(row["says"] in page for row in quarter["latency"])


def test_the_diagnosis_and_the_calibration_are_those_of_v1(client: TestClient, names: dict[str, str]) -> None:
    for asked in ("", f"?pack={names['period']}"):
        told = client.get(f"/v1/diagnosis{asked}").json()
        page = words(opened(client, f"/diagnosis{asked}").text)
        assert told["diagnosis"]["says"] in page
        assert all(f"{s['present']}: {s['because']}" in page for s in told["diagnosis"]["signs"])
        assert told["pack"] in page
    told = client.get("/v1/calibration").json()
    page = words(opened(client, "/calibration").text)
    assert told["departments"]
    for d in told["departments"]:
        assert all(
            f"{d[c]['reached']} of {d[c]['said']} reached" in page for c in ("on_track", "at_risk") if d[c]["said"]
        )


def test_every_page_comes_as_json_csv_and_markdown(client: TestClient, names: dict[str, str]) -> None:
    for address in pages(names):
        assert client.get(f"{address}.json").json()["as_of"]
        assert list(csv.DictReader(io.StringIO(client.get(f"{address}.csv").text))), address
        assert client.get(f"{address}.md").text.startswith("# ")
    for name in names.values():
        assert client.get(f"/packs/{name}.md").text == client.get(f"/v1/packs/{name}.md").text
        assert client.get(f"/packs/{name}.json").json()["pack"] == client.get(f"/v1/packs/{name}").json()


def test_every_link_leads_somewhere_from_pages_of_a_day_too(
    client: TestClient, names: dict[str, str], house: House
) -> None:
    """The head of a page of last week leads to pages that are of no day."""
    on = house.loaded.calendar.day(house.clock() - timedelta(days=7))
    tried: set[str] = set()
    for address in (*pages(names), f"/?as_of={on}", f"/workstreams/legal-entities?as_of={on}"):
        links = opened(client, address).links
        tried |= {x.partition("#")[0] or address for x in links if not x.startswith("http")}
    assert {address: client.get(address, headers=BROWSER).status_code for address in tried} == dict.fromkeys(tried, 200)


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ("/packs/2020-W01", 404, "nothing was published as '2020-W01'"),
        ("/packs/{week}?version=7", 404, "has no version 7: it has 1"),
        ("/packs/{week}?version=0", 422, "greater than or equal to 1"),
        ("/packs/{week}?as_of=2026-01-01", 422, "there is no such parameter here"),
        ("/packs.xlsx", 404, "a page comes as html, json, csv, md"),
        ("/diagnosis?pack={month}", 404, "published without a diagnosis"),
    ],
)
def test_what_was_not_published_says_what_was(
    client: TestClient, names: dict[str, str], asked: str, status: int, says: str
) -> None:
    answer = client.get(asked.format(**names), headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert says in words(Seen(answer.text).text)


def test_before_anything_is_published_the_pages_say_so(tmp_path: Path) -> None:
    company = Scripted(tmp_path, workstreams=3, items=30)
    company.fill()
    with local(create_app(company.ledger, company.configuration)) as client:
        assert "No week is published yet" in opened(client, "/packs").text
        assert "No period of the plan was scored yet" in opened(client, "/calibration").text
        answer = client.get("/diagnosis", headers=BROWSER)
        assert (answer.status_code, "no week is published yet" in answer.text) == (404, True)
    company.close()


def test_a_restated_pack_says_what_it_restates_and_its_earlier_version_that_it_is_one(tmp_path: Path) -> None:
    company = Scripted(tmp_path, workstreams=6, items=120)
    company.fill()
    company.now = datetime(2026, 12, 3, 12, tzinfo=UTC)
    company.change(20)
    close(company.ledger, company.configuration, "2026-11")
    plan = msgspec.structs.replace(
        company.configuration.plan, decisions=(Decision("tradeoff", "w1", "p1", date(2026, 11, 10)),)
    )
    company.configuration = replace(company.configuration, plan=plan)
    assert close(company.ledger, company.configuration, "2026-11").version == 2
    with local(create_app(company.ledger, company.configuration)) as client:
        last, first = opened(client, "/packs/2026-11"), opened(client, "/packs/2026-11?version=1")
        assert "It says differently than the version before it: w1" in words(last.text)
        assert "This is an earlier version" not in last.text
        assert "This is an earlier version" in first.text
        assert "restates 1: w1" in words(opened(client, "/packs").text)
        assert {f"/packs/2026-11?version={n}" for n in (1, 2)} <= set(last.links)
    company.close()


# -- who sees what, and how much -----------------------------------------------------------------------------------------


def test_two_readers_of_a_week_see_the_same_colours_and_not_the_same_words(house: House, names: dict[str, str]) -> None:
    with house.client("legal") as own, house.client("engineering") as other:
        for name in names.values():
            a, b = (Seen(c.get(f"/packs/{name}", headers=BROWSER).text).text for c in (own, other))
            assert "Handelsregister" not in b
        assert "Handelsregister" in Seen(own.get(f"/packs/{names['week']}", headers=BROWSER).text).text
        for form in ("", ".json", ".csv", ".md"):
            told = other.get(f"/packs/{names['week']}{form}", headers=BROWSER).text
            assert "confidential: ask Legal" in told, form
            assert "Handelsregister" not in told, form
        a, b = (c.get(f"/packs/{names['week']}.json").json()["pack"]["nodes"] for c in (own, other))
        assert [(n["key"], n["headline"]) for n in a] == [(n["key"], n["headline"]) for n in b]
        assert "Handelsregister" not in other.get("/diagnosis").text


def test_markup_in_every_field_of_a_pack_stays_text(tmp_path: Path) -> None:
    company = Odd(tmp_path, f"=1+1|{MARKUP}", url="javascript:alert(3)")
    company.fill()
    addresses = of_scripted(company)
    with local(create_app(company.ledger, company.configuration)) as client:
        for address in addresses:
            seen = opened(client, address)
            assert address in ("/packs", "/calibration") or "<script>alert(1)" in seen.text, address
            assert "<script" not in client.get(f"{address}.md").text
            rows = list(csv.reader(io.StringIO(client.get(f"{address}.csv").text)))
            assert not [cell for row in rows for cell in row if cell.startswith("=")], address
    company.close()


def test_packs_of_many_workstreams_with_titles_of_300_characters_are_small(tmp_path: Path) -> None:
    """75 workstreams: `opened` holds each page to its size, and what is not on it stands in its Markdown."""
    text = "تمكين المبيعات في المملكة – Geschäftsführerbestellungsbestätigung " + "ä" * 234
    company = Odd(tmp_path, text[:300], workstreams=75, items=1500)
    company.fill()
    addresses = of_scripted(company)
    with local(create_app(company.ledger, company.configuration)) as client:
        for address in addresses:
            assert "bdi" in opened(client, address).elements, address
        quarter = client.get("/v1/packs/Q4").json()["page"]
        assert len(quarter["scores"]) > 12
        page = opened(client, "/packs/Q4")
        assert f"12 of {len(quarter['scores'])}" in words(page.text)
        assert "/packs/Q4.md" in page.links
    company.close()


def test_a_week_from_before_weeks_had_a_page_shows_what_it_has(tmp_path: Path) -> None:
    """What was published then is told as it was; nothing is made up for it now."""
    company = Scripted(tmp_path, workstreams=3, items=30)
    company.fill()
    company.now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    company.change(20)
    old = msgspec.structs.replace(
        close_week(company.ledger, company.configuration, "2026-W47"), page=None, diagnosis=None
    )
    company.ledger.publish("2026-W47", msgspec.json.encode(old).decode())
    with local(create_app(company.ledger, company.configuration)) as client:
        page = words(opened(client, "/packs/2026-W47").text)
        assert "This week was published before weeks had a page." in page
        assert words(next(n.because for n in old.nodes if n.kind == "company")) in page
        assert "What is blocked" not in page
    company.close()
