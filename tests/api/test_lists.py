"""The lists of /v1: what each takes and tells, page by page, while others write."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from demo.company import DemoCompany, configuration
from ledger.model import Item, ItemLink, Presence, PresenceChange, Recorded, Version, item_id
from ledger.store import Ledger
from normalizer.people import People
from sync.configuration import Configuration, load
from sync.run import sync_source
from tests.api.odata.conftest import record
from tests.asking import local
from tests.companies import NOW, Scripted
from tests.contract import KEPT

FEED = ("items", "versions", "events", "links", "sync-runs", "people", "departments", "sources", "signals", "workstreams",
        "key-results", "objectives", "pillars", "exceptions", "dependencies", "definitions")  # fmt: skip
"""Lists that have rows here."""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    company = Scripted(tmp_path_factory.mktemp("lists"), workstreams=30, items=60)
    company.fill()
    company.change(9, vanish=8)
    yield company
    company.close()


@pytest.fixture(scope="module")
def client(company: Scripted) -> Iterator[TestClient]:
    with local(create_app(company.ledger, company.configuration)) as client:
        yield client


def get(client: TestClient, path: str, code: int = 200, **params: Any) -> Any:
    answer = client.get(f"/v1/{path}", params=params)
    assert answer.status_code == code, answer.text[:500]
    return answer.json()


def every(client: TestClient, path: str, **params: Any) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = get(client, path, cursor=cursor, **params)
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def columns(path: str, name: str) -> list[str]:
    """The names that a parameter of a list takes, as the contract tells them."""
    told = json.loads(KEPT.read_text(encoding="utf-8"))["paths"][f"/v1/{path}"]["get"]["parameters"]
    schema: Any = next(p["schema"] for p in told if p["name"] == name)
    return list(schema["items"]["enum"])


@pytest.mark.parametrize("path", FEED)
def test_pages_of_a_list_have_every_row_once_in_every_order(client: TestClient, path: str) -> None:
    whole = every(client, path, limit=500)
    assert len(whole) > 1
    text = sorted(json.dumps(row, sort_keys=True) for row in whole)
    for sort in ("", *columns(path, "sort")):
        found = every(client, path, limit=max(2, len(whole) // 3), **({"sort": sort} if sort else {}))
        assert sorted(json.dumps(row, sort_keys=True) for row in found) == text, sort
        values = [row[sort.removeprefix("-")] for row in found] if sort else []
        told = [_comparable(v) for v in values if v is not None]
        assert told == sorted(told, reverse=sort.startswith("-")), sort


def _comparable(value: Any) -> Any:
    """Instants with and without a fraction sort as instants, not as texts."""
    return datetime.fromisoformat(value) if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value) else value


@pytest.mark.parametrize("path", FEED)
def test_a_row_has_every_field_that_is_promised_and_with_fields_only_those(client: TestClient, path: str) -> None:
    names = columns(path, "fields")
    for row in get(client, path, limit=3)["items"]:
        assert set(names) == set(row)
    some = names[:2]
    assert [list(row) for row in get(client, path, limit=1, fields=",".join(some))["items"]] == [some]


@pytest.mark.parametrize(
    ("path", "params", "said"),
    [
        ("items", {"fields": "id,statsu"}, "there is no field 'statsu' - did you mean 'status'?"),
        ("items", {"sort": "-due"}, "there is no column to sort by '-due' - did you mean '-due_on'?"),
        ("items", {"include": "links,rw"}, "there is no part 'rw'"),
        ("items", {"status": "at_risk,at_rsk"}, "there is no status 'at_rsk' - did you mean 'at_risk'?"),
        ("signals", {"signal": "behind_pce"}, "there is no signal 'behind_pce' - did you mean 'behind_pace'?"),
        ("items", {"source": "alpha,bta"}, "there is no source 'bta' - did you mean 'beta'?"),
        ("events", {"source": "gamma"}, "there is no source 'gamma'"),
        ("items", {"department": "d9"}, "there is no department 'd9': there are d0, d1"),
        ("items", {"due_before": "0"}, "a day is written like 2026-11-20"),
        ("items", {"due_from": "2026-11-20T00:00:00Z"}, "a day is written like 2026-11-20"),
        ("people", {"department": "d9"}, "there is no department 'd9': there are d0, d1"),
        ("departments", {"department": "d9"}, "there is no department 'd9': there are d0, d1"),
        ("unmapped", {"department": "d9"}, "there is no department 'd9': there are d0, d1"),
        ("unmapped", {"source": "alfa"}, "there is no source 'alfa' - did you mean 'alpha'?"),
        ("sources", {"source": "alfa"}, "there is no source 'alfa' - did you mean 'alpha'?"),
        ("sources", {"kind": "jra"}, "there is no kind of tracker 'jra' - did you mean 'jira'?"),
        ("sources", {"state": "complet"}, "'complete'"),
        ("links/unresolved", {"source": "alfa"}, "there is no source 'alfa' - did you mean 'alpha'?"),
        ("links/unresolved", {"kind": "block"}, "'blocks'"),
        ("dependencies", {"state": "commited"}, "'committed'"),
        ("items", {"cursor": "x"}, "this is no cursor"),
        ("workstreams", {"headline": "red"}, "headline"),
        ("items", {"as_of": "2026-11-18T10:00:00Z", "sort": "id"}, "leave this out"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(
    client: TestClient, path: str, params: dict[str, Any], said: str
) -> None:
    problem = get(client, path, 422, **params)
    assert said in json.dumps(problem, ensure_ascii=False)


def test_several_values_come_by_comma_or_one_by_one(client: TestClient) -> None:
    comma = every(client, "items", status="at_risk,off_track")
    assert {i["status"] for i in comma} == {"at_risk", "off_track"}
    assert comma == every(client, "items", status=["at_risk", "off_track"])


def test_filters_of_items_are_those_of_the_ledger(client: TestClient, company: Scripted) -> None:
    whole = every(client, "items")
    for params, wanted in (
        ({"source": "beta"}, lambda i: i["source"] == "beta"),
        ({"department": "d0"}, lambda i: i["source"] == "alpha"),
        ({"department": "d0", "source": "beta"}, lambda i: False),
        ({"item_key": "alpha-0,beta-3"}, lambda i: i["key"] in ("alpha-0", "beta-3")),
        ({"binding": "other"}, lambda i: False),
        ({"health": "off_track", "lifecycle": "in_progress"}, lambda i: (i["reported_health"], i["lifecycle"]) == ("off_track", "in_progress")),
        ({"blocked": "true"}, lambda i: i["blocked"]),
        ({"due_from": "2026-11-01", "due_before": "2026-12-01"}, lambda i: i["due_on"][:7] == "2026-11"),
        ({"owner": "p1,p2"}, lambda i: i["owner"] in ("p1", "p2")),
    ):  # fmt: skip
        found = every(client, "items", limit=3, **params)
        assert found == [i for i in whole if wanted(i)], params
    then = every(client, "items", source="beta", as_of=company.now.isoformat(), limit=7)
    assert {i["source"] for i in then} == {"beta"}
    assert {i["source"] for i in every(client, "items", department="d0", as_of=company.now.isoformat())} == {"alpha"}


def test_a_cursor_belongs_to_its_question(client: TestClient) -> None:
    """With another filter it would answer neither question."""
    for path, other in (("items", {"status": "done"}), ("items", {"sort": "id"}), ("signals", {"outcome": "open"})):
        cursor = get(client, path, limit=1)["next_cursor"]
        assert "another question" in json.dumps(get(client, path, 422, cursor=cursor, **other))
        assert get(client, path, cursor=cursor, limit=3, fields=columns(path, "fields")[0])["items"]
    assert "another question" in json.dumps(
        get(client, "events", 422, cursor=get(client, "links", limit=1)["next_cursor"])
    )


@pytest.mark.parametrize("after", [[], [1], [None], [{}], ["a\0"], ["a", "b"], "a", [[1]], [1e400], ["x"] * 40])
@pytest.mark.parametrize("path", ["items", "workstreams", "exceptions", "people", "sync-runs"])
def test_a_cursor_that_somebody_made_up_breaks_nothing(client: TestClient, path: str, after: Any) -> None:
    real = get(client, path, limit=1)["next_cursor"]
    question = json.loads(base64.urlsafe_b64decode(real + "=="))[0]
    for until in (None, 2**70, -1, "x"):
        made = base64.urlsafe_b64encode(json.dumps([question, after, until]).encode()).decode()
        assert client.get(f"/v1/{path}", params={"cursor": made}).status_code in (200, 422)


def test_a_made_up_cursor_breaks_nothing_of_then_either(client: TestClient) -> None:
    then = {"as_of": "2026-11-10T00:00:00Z"}
    question = json.loads(base64.urlsafe_b64decode(get(client, "items", limit=1, **then)["next_cursor"] + "=="))[0]
    for after in ([], [1], ["a\0"], [None], ["a", "b"]):
        made = base64.urlsafe_b64encode(json.dumps([question, after]).encode()).decode()
        assert "cursor" in json.dumps(get(client, "items", 422, cursor=made, **then))


def test_instants_sort_as_instants() -> None:
    """As texts, a whole second would come behind its own half."""
    from api.v1.listing import page_at_hand
    from api.v1.shapes_lists import RunsAsked

    at = ["2026-11-20T12:00:00.500000Z", "2026-11-20T12:00:00Z", "2026-11-20T11:59:59.900000Z"]
    rows = [((n,), {"started_at": text}) for n, text in enumerate(at)]
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        shown, cursor = page_at_hand("runs", rows, RunsAsked(sort=["started_at"], limit=1, cursor=cursor))
        found += [row["started_at"] for row in shown]
    assert found == at[::-1]


# -- items ---------------------------------------------------------------------------------------------------------------


def test_an_item_brings_what_belongs_to_it(client: TestClient, company: Scripted) -> None:
    rows = get(client, "items", include="raw,links,versions,events", limit=500)["items"]
    for row in rows:
        told = get(client, f"items/{row['id']}/history")
        assert [v["valid_from"] for v in row["versions"]] == [v["valid_from"] for v in told["versions"]]
        assert [e["id"] for e in row["events"]] == [e["id"] for e in told["events"]]
        assert row["raw"] == get(client, f"items/{row['id']}/explain")["raw"]
        assert {link["target"] for link in row["links"]} == {link.target for link in company.ledger.links(row["id"])}
    assert any(row["links"] for row in rows)
    assert set(get(client, "items", include="links", fields="id", limit=1)["items"][0]) == {"id", "links"}


@pytest.mark.parametrize("path", ["events", "links", "versions"])
def test_a_row_about_an_item_says_where_it_comes_from_and_how_old_that_is(client: TestClient, path: str) -> None:
    """A figure in a report is followed to its tracker from any row, without a second question."""
    items = {row["id"]: row for row in get(client, "items", limit=500, presence="present,deleted,moved_out")["items"]}
    rows = every(client, path, limit=500)
    assert rows
    last = {row["item"]: row for row in rows} if path == "versions" else {}
    for row in rows:
        item = items[row["item"]]
        names = ("source", "url", "synced_at")
        assert {n: row[n] for n in names} == {n: item[n] for n in names}
        if not last or last[row["item"]] is row:
            assert row["source_updated_at"] == item["source_updated_at"]


def test_what_leads_nowhere_both_ways_is_told_twice(tmp_path: Path, company: Scripted) -> None:
    """Two links that differ in their direction alone are two rows: neither is lost between pages."""
    item = Item(item_id("eng", "1"), "eng", "team", "1", "P", "ENG-1", "One", url="https://jira.example/1")
    links = tuple(ItemLink("ENG-9", "blocks", direction) for direction in ("in", "out"))
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True) as ledger:
        record(ledger, Recorded((Version(NOW, item, b"{}"),), links=links))
        with local(create_app(ledger, company.configuration)) as client:
            found = every(client, "links/unresolved", limit=1)
    assert [(row["target"], row["direction"]) for row in found] == [("ENG-9", "in"), ("ENG-9", "out")]
    assert all(row["synced_at"] and row["source_updated_at"] is None for row in found)


def test_no_words_of_a_source_that_was_never_read_is_not_all_is_well(tmp_path: Path, company: Scripted) -> None:
    """Without a word of it, "nothing waits for a translation" would be a wrong green."""
    with (
        Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True) as ledger,
        local(create_app(ledger, company.configuration)) as client,
    ):
        told = get(client, "unmapped")
        assert (told["items"], told["never_read"]) == ([], ["alpha", "beta"])
        assert get(client, "unmapped", source="beta")["never_read"] == ["beta"]
        assert get(client, "unmapped", department="d0", source="beta")["never_read"] == []
    with local(create_app(company.ledger, company.configuration)) as client:
        assert get(client, "unmapped")["never_read"] == []


def test_what_is_gone_is_told_to_who_follows(client: TestClient) -> None:
    gone = every(client, "items", presence="deleted")
    assert gone
    assert all(i["deleted"] for i in gone)
    assert not any(i["deleted"] for i in every(client, "items"))
    since = (NOW + timedelta(minutes=10)).isoformat()
    heard = every(client, "items", modified_since=since)
    assert {i["id"] for i in gone} <= {i["id"] for i in heard}
    assert 9 <= len(heard) <= 17
    assert every(client, "items", modified_since=since, presence="present") == [i for i in heard if not i["deleted"]]
    at = [_comparable(i["synced_at"]) for i in heard]
    assert at == sorted(at)


def test_items_are_told_as_they_were(client: TestClient, company: Scripted) -> None:
    """By the states that the ledger has of each: as of then, those that had begun."""
    at = datetime(2026, 10, 20, tzinfo=NOW.tzinfo)
    told = every(client, "items", as_of=at.isoformat(), limit=7, presence="present,deleted")
    begun = {
        i.item.id for i in company.ledger.items(limit=100) if company.ledger.history(i.item.id)[0].valid_from <= at
    }
    assert begun
    assert begun <= {i["id"] for i in told}
    assert every(client, "items", as_of=at.isoformat(), basis="known") == []
    assert get(client, "items", as_of=at.isoformat())["as_of"] == "2026-10-20T00:00:00Z"


# -- while others write --------------------------------------------------------------------------------------------------


def test_who_follows_while_others_write_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """From the beginning of time on, page by page, with a write between any two requests: each change is heard of once."""
    company = Scripted(tmp_path, workstreams=3, items=50)
    company.fill()
    heard: dict[tuple[str, str], int] = {}
    copy: dict[str, Any] = {}
    since = "1970-01-01T00:00:00Z"
    with local(create_app(company.ledger, company.configuration)) as client:
        for turn in range(4):
            cursor: str | None = ""
            while cursor is not None:
                page = get(client, "items", modified_since=since, limit=9, cursor=cursor)
                for row in page["items"]:
                    change = (row["id"], row["synced_at"])
                    heard[change] = heard.get(change, 0) + 1
                    copy[row["id"]] = row
                cursor = page["next_cursor"]
                if turn < 3:
                    company.change(5, vanish=1)
            since = page["as_of"]
        assert set(heard.values()) == {1}
        everything = every(client, "items", presence="present,deleted,moved_out,access_lost,unobserved")
    company.close()
    assert {i["id"]: i for i in everything} == copy
    assert any(i["deleted"] for i in everything)


def test_a_list_is_stable_while_others_write(tmp_path: Path) -> None:
    company = Scripted(tmp_path, workstreams=3, items=50)
    company.fill()
    with local(create_app(company.ledger, company.configuration)) as client:
        for path in ("items", "versions", "events"):
            before, cursor, found = every(client, path, limit=500), "", []
            while cursor is not None:
                page = get(client, path, limit=20, cursor=cursor)
                found += [json.dumps([r.get("item"), r.get("id"), r.get("valid_from")]) for r in page["items"]]
                cursor = page["next_cursor"]
                company.change(5)
            assert len(found) == len(set(found)), path
            assert {json.dumps([r.get("item"), r.get("id"), r.get("valid_from")]) for r in before} <= set(found), path
    company.close()


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Ledger, Configuration]]:
    with DemoCompany() as company, Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True) as ledger:
        for name, value in company.environment().items():
            monkeypatch.setenv(name, value)
        yield ledger, load(configuration())


def test_who_follows_real_syncs_has_what_the_ledger_has(demo: tuple[Ledger, Configuration]) -> None:
    """Every tracker of the demo company is synced between two pages, and one record of each vanishes at the end."""
    ledger, loaded = demo
    people, copy, since, doubled = People(loaded.persons()), dict[str, Any](), "1970-01-01T00:00:00Z", 0
    sources = iter(loaded.sources)
    with local(create_app(ledger, loaded)) as client:
        for _ in range(6):
            cursor: str | None = ""
            while cursor is not None:
                page = get(client, "items", modified_since=since, limit=10, cursor=cursor)
                doubled += sum(copy.get(row["id"]) == row for row in page["items"])
                copy |= {row["id"]: row for row in page["items"]}
                cursor = page["next_cursor"]
                if bound := next(sources, None):
                    assert sync_source(bound, ledger, people).state == "complete"
            since = page["as_of"]
        vanish(ledger, loaded)
        for row in every(client, "items", modified_since=since):
            copy[row["id"]] = row
        everything = every(client, "items", presence="present,deleted,moved_out,access_lost,unobserved")
    assert {i["id"]: i for i in everything} == copy
    assert len(copy) >= 106
    assert doubled == 0
    assert {i["presence"] for i in copy.values()} >= {"present", "deleted", "moved_out", "access_lost"}


def vanish(ledger: Ledger, loaded: Configuration) -> None:
    gone = (Presence.DELETED, Presence.MOVED_OUT, Presence.ACCESS_LOST)
    for presence, bound in zip(gone, loaded.sources, strict=False):
        lease = ledger.lease(bound.key, "test")
        one = next(k.item.id for k in ledger.items(limit=500) if k.item.source == bound.key)
        with ledger.writing(lease) as w:
            w.presence([PresenceChange(one, presence, "gone", ledger.clock())])
        ledger.release(lease)


# -- signals -------------------------------------------------------------------------------------------------------------


def test_every_signal_is_told_and_the_open_ones_are_those_that_need_a_decision(client: TestClient) -> None:
    told = every(client, "signals", limit=500)
    assert {s["outcome"] for s in told} == {"clear", "open", "not_computable"}
    urgent = {s["key"] for s in every(client, "signals", outcome="open", severity="warn,high")}
    assert urgent == {e["key"] for e in every(client, "exceptions")}
    node = next(s["subject"] for s in told if s["signal"] == "behind_pace")
    mine = every(client, "signals", node=node)
    assert sorted(s["signal"] for s in mine) == sorted(
        s["signal"] for s in get(client, f"nodes/{node}/explain")["signals"]
    )
    then = every(client, "signals", as_of="2026-11-17T12:00:00Z")
    assert {s["signal"] for s in then} >= {"behind_pace", "owner_quiet"}
