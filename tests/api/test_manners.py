"""What every address of /v1 does alike: HEAD, tags, and saying that nothing has changed."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import ledger.prompt
from api.app import create_app
from api.v1 import manners
from api.v1.manners import Manners
from api.v1.shelf import ENTRY, Shelf, Told
from demo.company import DemoCompany, configuration
from ledger.model import Decision
from ledger.store import Ledger
from normalizer.people import People
from sync.closing import close_week
from sync.configuration import Configuration, load
from sync.mapping import apply_mapping
from sync.run import sync_source
from tests.asking import local

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=5, microsecond=0)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class House:
    ledger: Ledger
    config: Configuration
    clock: Clock
    environment: dict[str, str]

    def sync(self, number: int = 0) -> None:
        assert sync_source(self.config.sources[number], self.ledger, People(self.config.persons())).state == "complete"

    def app(self) -> FastAPI:
        return create_app(self.ledger, self.config)

    def key(self, *departments: str) -> dict[str, str]:
        name = "-".join(departments) or "everybody"
        secret = self.ledger.keys.create(name, scopes=("read",), departments=departments or None, by="test")[1]
        return {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, clock = tmp_path_factory.mktemp("manners"), Clock()
    shutil.copytree(configuration(), folder / "config")
    legal = folder / "config" / "departments" / "legal.yaml"
    secret = legal.read_text(encoding="utf-8").replace(
        "      - key: legal-entities\n", "      - key: legal-entities\n        confidential: true\n"
    )
    legal.write_text(secret, encoding="utf-8")
    with (
        DemoCompany() as company,
        pytest.MonkeyPatch.context() as patch,
        Ledger.open(f"sqlite:///{folder / 'l.db'}", migrate=True, clock=clock) as ledger,
    ):
        for name, value in company.environment().items():
            patch.setenv(name, value)
        house = House(ledger, load(folder / "config"), clock, company.environment())
        for number in range(len(house.config.sources)):
            house.sync(number)
        workstream = house.config.plan.workstreams[0].key
        ledger.decisions.record(Decision("defer", workstream, "priya", NOON.date()), by="test")
        week = house.config.calendar.week_at(NOON)
        clock.now = house.config.calendar.close_of(week) + timedelta(hours=1)
        close_week(ledger, house.config, week)
        yield house


@pytest.fixture
def house(synced: House) -> Iterator[House]:
    synced.clock.now = NOON
    yield synced
    with synced.ledger.engine.begin() as connection:
        for table in ("api_key", "audit"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


def addresses(client: TestClient) -> list[str]:
    """Every GET of /v1 as the contract lists them, with something real in the place of each parameter."""
    said = client.get("/openapi.json").json()["paths"]
    real = {"item_id": "LEGAL-2", "pillars": "", "departments": "legal"}
    real["name"] = client.get("/v1/packs").json()["items"][0]["name"]
    for kind in ("pillars", "key-results", "workstreams"):
        real[kind] = client.get(f"/v1/{kind}").json()["items"][0]["key"]
    decision = client.get("/v1/decisions").json()["items"][0]["id"]
    found = []
    for path in (p for p in said if p.startswith("/v1/")):
        kind = path.split("/")[2]
        path = path.replace("{item_id}", real["item_id"]).replace("{decision_id}", decision)
        path = path.replace("{name}", real["name"]).replace("{key}", real.get(kind, real["workstreams"]))
        found.append(f"{path}?since={(NOON - timedelta(days=7)):%Y-%m-%dT%H:%M:%SZ}" if path == "/v1/changes" else path)
    assert len(found) > 20
    return found


def test_head_is_get_without_its_body_everywhere(house: House) -> None:
    """Polars, Superset and load balancers ask HEAD first."""
    with local(house.app()) as client:
        for path in [
            *addresses(client),
            "/healthz",
            "/readyz",
            "/docs",
            "/connect.md",
            "/v1/items/nothing",
            "/v1/items?helth=1",
        ]:
            told, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (told.status_code, b""), path
            differ = {"x-request-id"} | ({"content-length"} if told.status_code >= 400 else set())
            assert {k: v for k, v in head.headers.items() if k not in differ} == {
                k: v for k, v in told.headers.items() if k not in differ
            }, path


def test_what_has_not_changed_is_not_sent_again(house: House) -> None:
    with local(house.app()) as client:
        for path in addresses(client):
            first = client.get(path)
            assert first.status_code == 200, path
            assert first.headers["etag"].startswith('W/"'), path
            assert first.headers["cache-control"] == "private, max-age=0"
            assert first.headers["vary"] == "Authorization, Cookie"
            house.clock.now += timedelta(seconds=61)
            for method in ("GET", "HEAD"):
                again = client.request(method, path, headers={"If-None-Match": f'"x", {first.headers["etag"]}'})
                assert (again.status_code, again.content) == (304, b""), path
                assert again.headers["etag"] == first.headers["etag"]
                assert "content-type" not in again.headers
                assert again.headers["cache-control"] == "private, max-age=0"
            house.clock.now = NOON


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses whose answers were made, one by one."""
    found: list[str] = []
    real = Manners._answer

    async def noted(self: Manners, scope: Any, receive: Any) -> Any:
        found.append(scope["path"])
        return await real(self, scope, receive)

    monkeypatch.setattr(Manners, "_answer", noted)
    return found


def test_within_a_minute_it_is_not_even_made_again(house: House, made: list[str]) -> None:
    """A page that many look at is made once: who asks again gets the very bytes, whose `as_of` says when that was."""
    with local(house.app()) as client:
        for path in addresses(client):
            made.clear()
            first = client.get(path)
            house.clock.now += timedelta(seconds=20)
            again = client.get(path, headers={"If-None-Match": '"other"'})
            assert (again.status_code, again.content) == (200, first.content), path
            assert {k: v for k, v in again.headers.items() if k != "x-request-id"} == {
                k: v for k, v in first.headers.items() if k != "x-request-id"
            }
            assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
            assert made == [path.partition("?")[0]] or not made  # made before, to find out what there is
            made.clear()
            assert client.get(path, headers={"Cache-Control": "no-cache"}).headers["etag"] == first.headers["etag"]
            assert len(made) == 1, "who does not want what lies ready does not get it"
            house.clock.now = NOON


@pytest.mark.parametrize("what", ["minute", "write", "configuration", "reader"])
def test_nothing_lies_ready_under_anything_else(house: House, made: list[str], what: str) -> None:
    """One answer too many kept is a wrong green."""
    app, key, other = house.app(), house.key("marketing"), house.key("legal")
    with TestClient(app, headers=key) as client:
        client.get("/v1/status")
        made.clear()
        assert client.get("/v1/status").status_code == 200
        assert made == []
        if what == "minute":
            house.clock.now += timedelta(seconds=61)
        elif what == "write":
            house.ledger.meet([f"new-{what}"])
        elif what == "configuration":
            app.state.live._configuration = replace(house.config, people=())
        asked = client.get("/v1/status", headers=other if what == "reader" else {})
        assert asked.status_code == 200
        assert made == ["/v1/status"]


def test_two_keys_that_see_the_same_do_not_share_what_lies_ready(house: House, made: list[str]) -> None:
    """Whatever a route says of who asks stays between the two of them."""
    one, other = house.key("marketing"), house.key("marketing", "marketing")
    with TestClient(house.app()) as client:
        for key in (one, other):
            client.get("/v1/departments", headers=key)
        house.clock.now += timedelta(seconds=56)  # another minute, and not yet time to note that a key was used
        made.clear()
        tags = {client.get("/v1/departments", headers=key).headers["etag"] for key in (one, other, one, other)}
    assert len(tags) == 1, "they see the same"
    assert len(made) == 2


def test_what_lies_ready_stays_within_its_bound() -> None:
    """Answers to ever other questions must not fill the memory; those that were asked for last stay."""
    shelf, told = Shelf(most=10 * ENTRY), Told("tag", (), b"x" * ENTRY, frozenset(), None)
    for n in range(50):
        shelf.put(n, "now", told)
        assert shelf.get(n // 2 * 2, "now") is told
    assert [n for n in range(50) if shelf.get(n, "now")] == [44, 46, 47, 48, 49], "45 was not asked for since"
    shelf.put(49, "now", msgspec.structs.replace(told, body=b"x" * 20 * ENTRY))
    assert not any(shelf.get(n, "now") for n in range(50)), "what is larger than the bound is not kept"
    shelf.put(1, "now", told)
    assert shelf.get(1, "later") is None
    assert shelf.get(1, "now") is None, "what no longer holds takes no room"


def test_after_a_sync_the_answer_comes_anew(house: House) -> None:
    with local(house.app()) as client:
        tag = client.get("/v1/sources").headers["etag"]
        house.clock.now += timedelta(seconds=1)
        house.sync()
        again = client.get("/v1/sources", headers={"If-None-Match": tag})
        assert again.status_code == 200
        assert again.headers["etag"] != tag


def test_a_tag_is_the_same_after_a_restart_and_another_one_for_another_address(house: House) -> None:
    with local(house.app()) as client, local(house.app()) as other:
        first = client.get("/v1/items?limit=3").headers["etag"]
        assert other.get("/v1/items?limit=3").headers["etag"] == first
        assert other.get("/v1/items?limit=03").headers["etag"] != first
        assert other.get("/v1/items?limit=3", headers={"If-None-Match": first}).status_code == 304


def test_readers_of_different_rows_never_share_a_tag(house: House) -> None:
    """A 304 on somebody else's tag would say that what they see is the same."""
    legal, marketing, everybody = house.key("legal"), house.key("marketing"), house.key()
    with TestClient(house.app()) as client:
        for path in addresses_with(client, everybody):
            tags = {
                client.get(path, headers=k).headers.get("etag", f"none{n}")
                for n, k in enumerate((legal, marketing, everybody))
            }
            assert len(tags) == 3, path
        tag = client.get("/v1/items", headers=legal).headers["etag"]
        for other in (marketing, everybody):
            assert client.get("/v1/items", headers={**other, "If-None-Match": tag}).status_code == 200
        assert client.get("/v1/items", headers={"If-None-Match": tag}).status_code == 401


def addresses_with(client: TestClient, key: dict[str, str]) -> list[str]:
    client.headers.update(key)
    found = addresses(client)
    del client.headers["Authorization"]
    return found


def test_hearing_that_confidential_rows_are_unchanged_is_noted_as_reading_them(house: House) -> None:
    legal = house.key("legal")
    with TestClient(house.app(), headers=legal) as client:
        tag = client.get("/v1/items?source=legal-jira").headers["etag"]
        before = read(house)
        assert before > 0
        for _ in range(2):
            assert client.get("/v1/items?source=legal-jira", headers={"If-None-Match": tag}).status_code == 304
        assert read(house) == before + 2


def test_that_confidential_rows_were_read_leaves_what_lies_ready(house: House, made: list[str]) -> None:
    """Else one reader of them would have everybody's answers made anew, again and again."""
    with TestClient(house.app(), headers=house.key("legal")) as client:
        client.get("/v1/items?source=legal-jira")
        made.clear()
        before = read(house)
        for _ in range(3):
            assert client.get("/v1/items?source=legal-jira").status_code == 200
        assert made == []
        assert read(house) == before + 3


def test_every_state_of_an_item_says_the_word_it_was_read_from_and_the_rule(house: House) -> None:
    """Of what was, as of what is: a state that cannot be traced is a colour without a reason."""
    with local(house.app()) as client:
        items = {row["id"]: row for row in client.get("/v1/items?limit=500").json()["items"]}
        rows = client.get("/v1/versions?limit=500").json()["items"]
        brief = client.get("/v1/versions?limit=500&fields=item,mapped_by").json()["items"]
        assert [(r["item"], r["mapped_by"]) for r in rows] == [(r["item"], r["mapped_by"]) for r in brief]
    last = {row["item"]: row for row in rows if row["item"] in items}
    assert len(last) == len(items) > 5
    over = [row for row in items.values() if row["status"] in ("done", "cancelled")]
    assert over
    assert [row for row in over if not row["raw_status"] or "blank" in row["mapped_by"]] == []
    for id, row in last.items():
        assert (row["raw_status"], row["mapped_by"]) == (items[id]["raw_status"], items[id]["mapped_by"]), id
    earlier = [row for row in rows if row["valid_to"]]
    assert earlier
    assert all(row["mapped_by"] for row in earlier)
    assert len({row["raw_status"] for row in earlier}) > 1


def test_a_state_keeps_the_rule_of_the_mapping_that_it_was_translated_by(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a mapping has changed, what is believed now names the new rule, and what was believed before the old one."""
    config, kept = tmp_path / "config", tmp_path / "l.db"
    shutil.copytree(house.config.directory, config)
    with sqlite3.connect(str(house.ledger.engine.url.database)) as source, sqlite3.connect(kept) as target:
        source.backup(target)
    legal = config / "departments" / "legal.yaml"
    text = legal.read_text(encoding="utf-8")
    legal.write_text(text.replace("Grün: on_track, Gelb: at_risk", "Grün: at_risk, Gelb: off_track"), encoding="utf-8")
    legal.write_text("# one line more\n" + legal.read_text(encoding="utf-8"), encoding="utf-8")
    for name, value in house.environment.items():
        monkeypatch.setenv(name, value)
    changed = load(config)
    with Ledger.open(f"sqlite:///{kept}") as ledger:
        bound = changed.source("legal-jira")
        assert apply_mapping(ledger, bound, People(changed.persons()), author="lea", reason="agreed")
        with local(create_app(ledger, changed)) as client:
            items = {row["id"]: row for row in client.get("/v1/items?source=legal-jira").json()["items"]}
            asked = "/v1/versions?source=legal-jira&limit=500&superseded=true"
            rows = client.get(asked).json()["items"]
    last = {row["item"]: row for row in rows if row["observed_to"] is None}
    assert items
    for id, item in items.items():
        assert last[id]["raw_status"] == item["raw_status"], id
        same = last[id]["mapped_by"] == item["mapped_by"]
        assert same is (item["raw_status"] != "Rot"), "what it became did not change, and was not translated anew"
    before, after = (
        {row["mapped_by"] for row in rows if row["raw_status"] == "Grün" and (row["observed_to"] is None) is now}
        for now in (False, True)
    )
    assert before
    assert after
    assert not before & after, "the line of the rule is another one"


def read(house: House) -> int:
    with house.ledger.engine.connect() as connection:
        count: Any = connection.exec_driver_sql("SELECT count(*) FROM audit WHERE what = 'read'").scalar()
    return int(count)


def test_what_goes_wrong_has_no_tag(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with local(house.app()) as client:
        for path in ("/v1/items/nothing", "/v1/items?helth=1", "/v1/nowhere"):
            answer = client.get(path, headers={"If-None-Match": "*"})
            assert answer.status_code in (404, 422)
            assert "etag" not in answer.headers
            assert answer.headers["cache-control"] == "private, max-age=0"


def test_what_a_tracker_calls_its_fields_is_no_age() -> None:
    """A record with a field 'data_age_seconds' that changed has changed."""
    one, other = (f'{{"as_of":1,"raw":{{"data_age_seconds":{n}}}}}' for n in (1, 2))
    assert manners._tag(b"", one.encode()) != manners._tag(b"", other.encode())
    assert manners._tag(b"", b'{"as_of":1,"a":[{"data_age_seconds":1}]}') == manners._tag(
        b"", b'{"as_of":2,"a":[{"data_age_seconds":2}]}'
    )


@pytest.mark.parametrize(
    "path", ["/v1/items?limit=3", "/v1/items/ENG-1", "/v1/items?include=raw,links", "/v1/items?sort=-source_updated_at"]
)
def test_at_once_or_in_a_thread_the_answer_is_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    anew = {"Cache-Control": "no-cache"}
    monkeypatch.setattr(ledger.prompt, "MOMENT", 60.0)
    with local(house.app()) as client:
        first = client.get(path, headers=anew)
        monkeypatch.setattr(ledger.prompt, "MOMENT", -1.0)
        again = client.get(path, headers=anew)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["etag"] == first.headers["etag"]
    assert again.content == first.content


def test_what_takes_a_moment_takes_no_thread(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.prompt, "MOMENT", 60.0)
    asked: list[threading.Thread] = []
    real = ledger.prompt.Prompt.answered
    monkeypatch.setattr(
        ledger.prompt.Prompt,
        "answered",
        lambda *a: asked.append(threading.current_thread()) or real(*a),  # type: ignore[func-returns-value]
    )
    with local(house.app()) as client:
        client.get("/v1/items/ENG-1")
        client.get("/v1/items")
        client.get("/v1/items?as_of=2026-11-20T12:00:00Z")
    assert len(asked) == 4, "an item by id and by key, the horizon and a page"
    assert not any("worker" in t.name.casefold() for t in asked)
