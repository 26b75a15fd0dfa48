"""What every address of /v1 does alike: HEAD, tags, and saying that nothing has changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api import manners
from api.app import create_app
from demo.company import DemoCompany, configuration
from ledger.store import Ledger
from normalizer.people import People
from sync.configuration import Configuration, load
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
        house = House(ledger, load(folder / "config"), clock)
        for number in range(len(house.config.sources)):
            house.sync(number)
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
    for kind in ("pillars", "key-results", "workstreams"):
        real[kind] = client.get(f"/v1/{kind}").json()["items"][0]["key"]
    found = []
    for path in (p for p in said if p.startswith("/v1/")):
        kind = path.split("/")[2]
        path = path.replace("{item_id}", real["item_id"]).replace("{key}", real.get(kind, real["workstreams"]))
        found.append(f"{path}?since={(NOON - timedelta(days=7)):%Y-%m-%dT%H:%M:%SZ}" if path == "/v1/changes" else path)
    assert len(found) > 20
    return found


def test_head_is_get_without_its_body_everywhere(house: House) -> None:
    """Polars, Superset and load balancers ask HEAD first."""
    with local(house.app()) as client:
        for path in [*addresses(client), "/healthz", "/readyz", "/v1/items/nothing", "/v1/items?helth=1"]:
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


def test_within_a_minute_it_is_not_even_made_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with local(house.app()) as client:
        tag = client.get("/v1/status").headers["etag"]
        made: list[bytes] = []
        real = manners._tag
        monkeypatch.setattr(manners, "_tag", lambda *said: made.append(b"") or real(*said))
        assert client.get("/v1/status", headers={"If-None-Match": tag}).status_code == 304
        assert made == []
        assert client.get("/v1/status", headers={"If-None-Match": '"other"'}).status_code == 200
        assert len(made) == 1


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
