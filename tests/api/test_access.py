"""Who is let in, and what they see: one door before every route, one veil before every row."""

from __future__ import annotations

import base64
import json
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app as command
from api.door.access import OPEN_TO_ALL, veil_for
from api.planning import board_at
from api.server import log_config, run
from demo.company import DemoCompany, configuration
from ledger.engine import LedgerError
from ledger.keys import PREFIX, KeyRefused, Keys
from ledger.lists import EVENTS, ITEMS, LINKS, RECORDS, VERSIONS
from ledger.model import Annotation, Decision
from ledger.read import EVERYTHING, Filter
from ledger.store import Ledger
from ledger.veil import Veil
from normalizer.people import People
from sync.closing import published
from sync.configuration import Configuration, load
from sync.longer import days_of
from sync.packs import close, kind_of
from sync.run import sync_source
from tests.asking import local
from tests.tracked import Clock

CLI = CliRunner()
CONFIDENTIAL = {
    "legal": ("legal-entities",),
    "marketing": ("localization",),
    "sales": ("first-enterprise-accounts", "won"),
}
"""Departments of the demo company whose bindings are confidential here."""


MANY = "access: {requests_per_minute: 100000}"


class House:
    """The demo company with confidential bindings, synced once; a clock and keys of its own for each test."""

    def __init__(self, folder: Path, environment: dict[str, str], url: str = "") -> None:
        self.environment = environment
        self.config = folder / "config"
        shutil.copytree(configuration(), self.config)
        for department, bindings in CONFIDENTIAL.items():
            path = self.config / "departments" / f"{department}.yaml"
            text = path.read_text(encoding="utf-8")
            for key in bindings:
                text = text.replace(f"      - key: {key}\n", f"      - key: {key}\n        confidential: true\n")
            path.write_text(text, encoding="utf-8")
        with (self.config / "organisation.yaml").open("a", encoding="utf-8") as file:
            file.write(f"\n{MANY}\n")
        self.url, self.clock = url or f"sqlite:///{folder / 'l.db'}", Clock()
        self.ledger = Ledger.open(self.url, migrate=True, clock=self.clock)
        self.loaded: Configuration = load(self.config)

    def app(self) -> FastAPI:
        return create_app(self.ledger, self.loaded)

    def key(self, name: str, *departments: str, scopes: tuple[str, ...] = ("read",), **more: Any) -> str:
        """The secret of a new key."""
        return self.ledger.keys.create(name, scopes=scopes, departments=departments or None, by="test", **more)[1]

    def client(self, *departments: str, **more: Any) -> TestClient:
        """A client that brings a key of some departments, or of all."""
        secret = self.key("-".join(departments) or "everybody", *departments, **more)
        return TestClient(self.app(), headers={"Authorization": f"Bearer {secret}"})

    def publish(self) -> None:
        """Publishes the week, the month and the period that run, as of just after they end; the last week once more with words in every
        check-in."""
        calendar, now = self.loaded.calendar, datetime.now(UTC)
        month, week = f"{calendar.day(now):%Y-%m}", calendar.week_at(now)
        period = next(p for p in self.loaded.plan.periods if p.start_on <= calendar.day(now) <= p.end_on)
        ends = {
            week: calendar.close_of(week),
            month: calendar.end_of(days_of(month)[1]),
            period.key: calendar.end_of(period.end_on),
        }
        for name, end in ends.items():
            self.clock.ahead = end + timedelta(days=1) - now
            close(self.ledger, self.loaded, name)
        self.clock.ahead = timedelta()
        said = ("reported_raw", "biggest_risk", "need_from_others")
        pack = published(self.ledger)[-1]
        checks = tuple(
            msgspec.structs.replace(c, **{part: f"{part} of {c.node}" for part in said}) for c in pack.check_ins
        )
        self.ledger.publish(pack.week, msgspec.json.encode(msgspec.structs.replace(pack, check_ins=checks)).decode())

    def speak(self) -> None:
        """Records a decision and a reply about every workstream, and about one of its signals."""
        opened = {e.subject: e.key for e in board_at(self.ledger, self.loaded).exceptions()}
        today = self.loaded.calendar.day(self.clock())
        for w in self.loaded.plan.workstreams:
            for signal in ("", opened.get(w.key, "")):
                made = Decision("recovery", w.key, "mia-wong", today, "mia-wong", today, signal, f"note of {w.key}")
                self.ledger.decisions.record(made, by="test")
                self.ledger.decisions.annotate(
                    Annotation("reply", w.key, f"reply of {w.key}", "mia-wong", signal), by="test"
                )

    def forget(self) -> None:
        self.clock.ahead = timedelta()
        with self.ledger.engine.begin() as connection:
            for table in ("api_key", "session", "audit"):
                connection.exec_driver_sql(f"DELETE FROM {table}")


@contextmanager
def built(folder: Path, url: str = "") -> Iterator[House]:
    """The house on a database of its own."""
    with DemoCompany() as company, pytest.MonkeyPatch.context() as patch:
        for name, value in company.environment().items():
            patch.setenv(name, value)
        house = House(folder, company.environment(), url)
        with house.ledger:
            for bound in house.loaded.sources:
                assert sync_source(bound, house.ledger, People(house.loaded.persons())).state == "complete"
            house.publish()
            house.speak()
            yield house


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with built(tmp_path_factory.mktemp("access")) as house:
        yield house


@pytest.fixture
def house(synced: House, monkeypatch: pytest.MonkeyPatch) -> House:
    for name, value in synced.environment.items():
        monkeypatch.setenv(name, value)
    synced.forget()
    return synced


def paths(app: Starlette) -> list[str]:
    """Every path that the application answers, mounted applications too."""
    found: list[str] = []
    ring = list(app.routes)
    while ring:
        route = ring.pop()
        inner = getattr(route, "original_router", None)
        if inner is not None:
            ring += inner.routes
        else:
            found.append(str(getattr(route, "path", "")) or "/")
    return sorted(found)


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{secret}".encode()).decode()}


# -- who is let in ---------------------------------------------------------------------------------------------------------


def test_without_a_key_every_route_but_health_is_closed(house: House) -> None:
    """Enumerated from the application: a new route cannot be forgotten, and one that is not there tells nothing."""
    house.key("somebody")
    with local(house.app()) as client:
        every = [p for p in paths(house.app()) if p not in OPEN_TO_ALL]
        assert len(every) > 25
        for path in [*every, "/nowhere", "/v1/items/x/../y"]:
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
                answer = client.request(method, path)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
        for path in OPEN_TO_ALL:
            assert client.get(path).status_code == 200


def test_a_key_comes_as_bearer_as_basic_password_or_in_the_address(house: House) -> None:
    secret = house.key("sheet", in_url=True, expires_at=datetime.now(UTC) + timedelta(days=1))
    with TestClient(house.app()) as client:
        assert client.get("/v1/items", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        assert client.get("/v1/items", headers={"authorization": f"bearer  {secret}"}).status_code == 200
        assert client.get("/v1/items", headers=basic(secret)).status_code == 200
        answer = client.get(f"/v1/items?limit=3&key={secret}&source=eng-jira")
        assert {i["source"] for i in answer.json()["items"]} == {"eng-jira"}
        assert len(answer.json()["items"]) == 3
        assert answer.headers["cache-control"] == "private, max-age=0"
        assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Bearer sl_live_wrong", "Basic", "Basic !", "Basic OnNsX2xpdmU=", "Digest x"]
)
def test_a_wrong_key_is_refused_and_both_ways_are_offered(house: House, given: str) -> None:
    house.key("somebody")
    with local(house.app()) as client:
        answer = client.get("/v1/items", headers={"Authorization": given} if given else {})
        assert answer.status_code == 401
        assert [h.split()[0] for h in answer.headers.get_list("www-authenticate")] == ["Bearer", "Basic"]
        assert answer.json()["type"] == "no-access"


def test_a_key_that_was_not_made_for_it_does_not_open_by_an_address(house: House) -> None:
    secret = house.key("service")
    with TestClient(house.app()) as client:
        answer = client.get(f"/v1/items?key={secret}")
    assert (answer.status_code, "--in-url" in answer.json()["detail"]) == (401, True)
    assert answer.headers["cache-control"] == "private"


def test_a_key_that_asked_before_is_known_until_anything_is_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look a key up costs more than most answers; one that was revoked must not open anything even once more."""
    asked: list[str] = []
    real = Keys.find
    monkeypatch.setattr(Keys, "find", lambda keys, secret: asked.append(secret) or real(keys, secret))
    key, secret = house.ledger.keys.create("bi", scopes=("read",), departments=("marketing",), by="test")
    with TestClient(house.app(), headers={"Authorization": f"Bearer {secret}"}) as client:
        client.get("/v1/sources")  # its first use is noted
        asked.clear()
        assert [client.get("/v1/sources").status_code for _ in range(4)] == [200] * 4
        assert len(asked) == 1
        house.ledger.keys.revoke(key.id, by="test")
        assert client.get("/v1/sources").status_code == 401


def test_an_expired_or_revoked_key_opens_nothing_and_the_service_stays_closed(house: House) -> None:
    """A last key that ends must not open the service to whoever comes next."""
    short = house.key("short", expires_at=datetime.now(UTC) + timedelta(hours=1))
    with local(house.app()) as client:
        bearer = {"Authorization": f"Bearer {short}"}
        assert client.get("/v1/items", headers=bearer).status_code == 200
        house.clock.ahead = timedelta(hours=2)
        assert "expired" in client.get("/v1/items", headers=bearer).json()["detail"]
        house.ledger.keys.revoke(house.ledger.keys.all()[0].id, by="test")
        assert "revoked" in client.get("/v1/items", headers=bearer).json()["detail"]
        assert client.get("/v1/items").status_code == 401


def test_a_missing_scope_is_named(house: House) -> None:
    secret = house.key("sheets", scopes=("odata",))
    with TestClient(house.app(), headers={"Authorization": f"Bearer {secret}"}) as client:
        answer = client.get("/v1/items")
        assert (answer.status_code, answer.json()["type"]) == (403, "missing-scope")
        assert "'read'" in answer.json()["detail"]
        assert client.get("/odata/").status_code != 403
    reading = house.key("reader")
    with TestClient(house.app(), headers={"Authorization": f"Bearer {reading}"}) as client:
        assert "'admin'" in client.post("/v1/items").json()["detail"]
        assert "'sync'" in client.post("/v1/sync").json()["detail"]
        assert "'odata'" in client.get("/odata/").json()["detail"]


def test_odata_is_refused_at_the_door_as_a_client_of_it_reads_errors(house: House) -> None:
    """Excel and its like show `error.message` to whoever sits there, and nothing of a problem that has none."""
    wrong = {"Authorization": "Bearer sl_live_wrong"}
    read_only = {"Authorization": f"Bearer {house.key('no odata')}"}
    with TestClient(house.app()) as client:
        for headers, status, code, says in (
            ({}, 401, "no-access", "an access key is needed"),
            (wrong, 401, "no-access", "not known"),
            (read_only, 403, "missing-scope", "'odata'"),
        ):
            answer = client.get("/odata/Items", headers=headers)
            told = answer.json()
            assert (answer.status_code, told["type"], told["error"]["code"]) == (status, code, code)
            assert says in told["error"]["message"] == told["detail"]
            assert answer.headers["odata-version"] == "4.0"
        assert "error" not in client.get("/v1/items").json()


def test_two_keys_of_one_name_are_active_at_most(house: House) -> None:
    """The one in use and the one that takes its place; an expired one is in nobody's way."""
    house.key("power-bi", expires_at=datetime.now(UTC) + timedelta(hours=1))
    house.key("power-bi")
    with pytest.raises(KeyRefused, match="two active keys"):
        house.key("power-bi")
    house.clock.ahead = timedelta(hours=2)
    house.key("power-bi")


def test_a_key_is_kept_as_its_hash_only(house: House) -> None:
    secret = house.key("somebody")
    assert secret.startswith(PREFIX)
    with house.ledger.engine.connect() as connection:
        rows = str(connection.exec_driver_sql("SELECT * FROM api_key").fetchall())
    assert secret not in rows
    assert secret[len(PREFIX) : -4] not in rows
    assert house.ledger.keys.all()[0].last4 == secret[-4:]


def test_last_use_is_noted_once_a_minute(house: House) -> None:
    """Reading must not become writing."""
    with house.client() as client:
        client.get("/v1/items")
        first = house.ledger.keys.all()[0].last_used_at
        client.get("/v1/items")
        assert house.ledger.keys.all()[0].last_used_at == first is not None
        house.clock.ahead = timedelta(seconds=61)
        client.get("/v1/items")
        assert house.ledger.keys.all()[0].last_used_at != first


def test_a_key_that_asks_too_often_is_told_when_to_come_back(house: House, tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(house.config, config)
    path = config / "organisation.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace(MANY, "access: {requests_per_minute: 3}"), encoding="utf-8"
    )
    one, other = house.key("one"), house.key("other")
    with TestClient(create_app(house.ledger, load(config))) as client:
        codes = [client.get("/v1/definitions", headers=basic(one)).status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        answer = client.get("/v1/definitions", headers=basic(one))
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.json()["type"] == "too-many-requests"
        assert client.get("/v1/definitions", headers=basic(other)).status_code == 200


# -- before there are keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "peer", "headers", "code"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", {}, 200),
        ("http://localhost", "::1", {}, 200),
        ("http://[::1]:8000", "127.0.0.1", {}, 200),
        ("http://sightline.example", "127.0.0.1", {}, 403),
        ("http://127.0.0.1.evil.example", "127.0.0.1", {}, 403),
        ("http://127.0.0.1:8000", "10.0.0.7", {}, 403),
        ("http://127.0.0.1:8000", "127.0.0.1", {"X-Forwarded-For": "10.0.0.7"}, 403),
        ("http://127.0.0.1:8000", "127.0.0.1", {"Forwarded": "for=10.0.0.7"}, 403),
        ("http://127.0.0.1:8000", "127.0.0.1", {"X-Real-IP": "10.0.0.7"}, 403),
        ("http://127.0.0.1:8000", "127.0.0.1", {"Via": "1.1 proxy"}, 403),
    ],
)
def test_an_unprotected_service_answers_its_own_machine_only(
    house: House, base: str, peer: str, headers: dict[str, str], code: int
) -> None:
    """A proxy on the same machine, or a page that had its own name lead to loopback, would open it to others."""
    with TestClient(house.app(), base_url=base, client=(peer, 1), headers=headers) as client:
        answer = client.get("/v1/items")
        assert answer.status_code == code
        assert code == 200 or "sightline keys create" in answer.json()["detail"]
        assert client.get("/healthz").status_code == 200


def test_serve_refuses_to_listen_elsewhere_without_a_key(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[str] = []
    monkeypatch.setattr(uvicorn, "run", lambda _app, host, **_: served.append(host))
    for host in ("0.0.0.0", "::", "", "sightline.example"):
        with pytest.raises(SystemExit, match="sightline keys create"):
            run(house.ledger, house.loaded, host=host, port=0, schedule=False)
    house.key("short", expires_at=datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(SystemExit):
        run(house.ledger, house.loaded, host="0.0.0.0", port=0, schedule=False)
    house.key("somebody")
    run(house.ledger, house.loaded, host="0.0.0.0", port=0, schedule=False)
    assert served == ["0.0.0.0"]


# -- what is never told ------------------------------------------------------------------------------------------------------


def test_a_key_in_an_address_is_in_no_log_error_or_redirect(
    house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Through a real server with its access log on: addresses are logged, keys are not."""
    secret = house.key("sheet", in_url=True, expires_at=datetime.now(UTC) + timedelta(days=1))
    config = log_config()
    server = uvicorn.Server(
        uvicorn.Config(house.app(), port=0, log_level="info", log_config=config, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        logging.getLogger("uvicorn.access").addHandler(caplog.handler)
        port = server.servers[0].sockets[0].getsockname()[1]
        told = ""
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            for path in (
                "/v1/items?limit=2&",
                "/v1/items?wrong=1&",
                "/v1/items/?",
                "/v1/items/nope?",
                "/nowhere?",
                "/docs?",
            ):
                for name in ("key", "%6bey", "KEY", "token"):
                    answer = client.get(f"{path}{name}={secret}")
                    told += answer.text + str(answer.headers)
    finally:
        server.should_exit = True
        thread.join()
        logging.getLogger("uvicorn.access").removeHandler(caplog.handler)
    out, err = capfd.readouterr()
    assert "/v1/items?limit=2" in caplog.text
    assert "/v1/items?limit=2" in out
    for text in (told, caplog.text, out, err):
        assert secret not in text
        assert secret[len(PREFIX) :] not in text


@pytest.mark.parametrize(
    ("given", "kept"), [("abc", True), ("o-1 / 2", True), ("x" * 128, True), ("x" * 129, False), ("ä", False)]
)
def test_a_request_is_told_by_the_id_that_its_caller_gave_it(house: House, given: str, kept: bool) -> None:
    with local(house.app()) as client:
        answer = client.get("/v1/items/nope", headers={"X-Request-ID": given.encode()})  # type: ignore[dict-item]
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_an_error_of_ours_says_nothing_of_its_inside(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an exception says may name what the reader may not see."""

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret title")

    monkeypatch.setattr("api.v1.lists.item_row", broken)
    with local(house.app(), raise_server_exceptions=False) as client:
        answer = client.get("/v1/items", headers={"X-Request-ID": "r1"})
    assert (answer.status_code, answer.json()["type"]) == (500, "unexpected")
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "r1"


def test_every_problem_is_documented() -> None:
    from fastapi_problem.error import StatusProblem

    from api import deps

    documented = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
    made = [
        c
        for c in vars(deps).values()
        if isinstance(c, type) and issubclass(c, StatusProblem) and c.__module__ == deps.__name__
    ]
    assert len(made) >= 10
    for problem in made:
        assert f"`{problem('').type}`" in documented, problem


# -- what is seen ------------------------------------------------------------------------------------------------------------


def confidential(house: House, department: str) -> set[str]:
    """Every text of a department's confidential rows by which somebody could know one: titles of all times, ids, links."""
    bound = {(s.key, b) for s in house.loaded.sources if s.department == department for b in CONFIDENTIAL[department]}
    rows = [
        k.item
        for k in house.ledger.items(Filter(presence=()), limit=10_000)
        if (k.item.source, k.item.binding) in bound
    ]
    titles = {v.item.title for i in rows for v in house.ledger.history(i.id)}
    words = {
        f"{part} of {w.key}"
        for w in house.loaded.plan.workstreams
        for part in ("reported_raw", "biggest_risk", "need_from_others", "note", "reply")
        if any(
            (s.source, b) in bound for s in w.selections for b in ([s.binding] if s.binding else dict(bound).values())
        )
    }
    found = titles | {i.id for i in rows} | {i.url for i in rows if i.url} | words
    assert len(rows) > 0
    return {json.dumps(t, ensure_ascii=False)[1:-1] for t in found if len(t) > 3}


def addresses(house: House) -> Iterator[str]:
    """Every interface that answers rows or judges them, with everything that could be asked of it."""
    nodes = house.loaded.plan
    fill = {
        "item_id": [i.item.id for i in house.ledger.items(EVERYTHING, limit=10_000)],
        "decision_id": [d.id for d in house.ledger.decisions.recorded()],
        "departments/key": [d.department for d in house.loaded.departments],
        "key-results/key": [k.key for k in nodes.key_results],
        "pillars/key": [p.key for p in nodes.pillars],
        "objectives/key": [o.key for o in nodes.objectives],
        "workstreams/key": [w.key for w in nodes.workstreams],
        "items/key": [i.item.id for i in house.ledger.items(EVERYTHING, limit=10_000)][::7],
        "form": ["json", "csv", "md"],
        "packs/name": [p.name for p in house.ledger.closed()],
        "packs/key": [p.name for p in house.ledger.closed()],
        "nodes/key": ["company", *(n.key for n in (*nodes.pillars, *nodes.objectives, *nodes.key_results, *nodes.workstreams))],
    }  # fmt: skip
    since = (datetime.now(UTC) - timedelta(days=21)).isoformat().replace("+", "%2B")
    then = (datetime.now(UTC) - timedelta(days=1)).isoformat().replace("+", "%2B")
    yield from (
        f"/v1/{of}?as_of={then}" for of in ("workstreams", "key-results", "pillars", "exceptions", "dependencies")
    )
    yield from (f"/v1/nodes/{of}?as_of={then}" for of in ("company/status", "sales-enablement/explain"))
    yield from (
        f"/v1/items?limit=500&{of}"
        for of in (f"as_of={then}", "include=raw,links,versions,events", "modified_since=1970-01-01T00:00:00Z")
    )
    yield from (
        f"/v1/{of}"
        for of in (
            "items.csv",
            "versions.jsonl?superseded=true",
            "events.csv",
            "links.csv",
            "signals.jsonl",
            "signals.md",
        )
    )
    yield from (
        f"/v1/{of}"
        for of in (
            f"signals.csv?as_of={then}",
            "exceptions.md",
            "check-ins.csv",
            "nodes/company/status.md",
            "status.md",
        )
    )
    opened = [e.key for e in board_at(house.ledger, house.loaded).exceptions()]
    yield from (f"/decide?about={quote(key)}" for key in (*opened, *fill["workstreams/key"]))
    for path in (p for p in paths(house.app()) if not p.startswith(("/odata", "/files/", "/feeds", "/decide"))):
        name = re.search(r"\{(\w+)\}", path)
        if name is None:
            yield path + {"/v1/changes": f"?since={since}", "/v1/items": "?limit=500"}.get(path, "")
            continue
        kind = name[1] if name[1] in fill else f"{path.partition('{')[0].split('/')[-2]}/{name[1]}"
        assert kind in fill, f"say how to fill {path}"
        found = [path.replace(name[0], quote(value, safe="")) for value in fill[kind]]
        yield from found
        if name[1] == "key" and not path.startswith("/v1/"):
            yield from (f"{address}.{form}" for address in found for form in fill["form"])


@pytest.mark.parametrize("department", [*CONFIDENTIAL, "engineering"])
def test_another_departments_confidential_rows_are_in_no_answer(house: House, department: str) -> None:
    """Over every interface that there is, byte by byte."""
    others = {d: confidential(house, d) for d in CONFIDENTIAL if d != department}
    own = confidential(house, department) if department in CONFIDENTIAL else set()
    told: dict[str, str] = {}
    with house.client(department, person="mia-wong") as client:  # a person's, to whom the page of decisions opens
        for address in addresses(house):
            answer = client.get(address)
            assert answer.status_code in (200, 404, 405), (address, answer.text[:300])  # 405: it only changes something
            if answer.status_code == 200:  # a refusal repeats the id that was asked for, and nothing else
                told[address] = answer.text
    for other, texts in others.items():
        for address, text in told.items():
            leaked = [t for t in texts if t in text]
            assert not leaked, f"{address} tells {department} of {other}: {leaked[:3]}"
    everything = "".join(told.values())
    assert len(told) > 100
    assert [t for t in own if t not in everything] == []
    assert "confidential: ask Legal" in everything or department == "legal"


def test_reading_published_tables_is_noted(house: House) -> None:
    """Under what the reader may see of them: a table that holds confidential rows, not the list of tables."""

    def noted() -> list[str]:
        return [a.subject for a in house.ledger.audit.acts() if a.what == "read"]

    with (
        house.client("legal", scopes=("read", "odata")) as own,
        house.client("engineering", scopes=("odata",)) as other,
    ):
        own.get("/odata/")
        own.get("/odata/$metadata")
        own.get("/files")
        other.get("/odata/Items")
        assert noted() == []
        asked = ("/odata/Items?$top=1", "/files/bi_items.csv", "/files/bi_plan_nodes.jsonl", "/feeds/plan.ics")
        for count, path in enumerate(asked, 1):
            assert own.get(path).status_code == 200, path
            assert noted() == ["legal-jira/legal-entities"] * count


def test_headlines_and_counts_are_the_same_for_everybody(house: House) -> None:
    """What is hidden still counts: a veil must not paint the company green."""

    def bare(answer: Any) -> Any:
        nodes = answer["items"]
        told = ("key", "headline", "reported", "derived", "distribution", "items", "coverage", "watermelon")
        return [{k: n[k] for k in told} for n in nodes]

    with house.client() as whole, house.client("engineering") as narrow:
        for kind in ("pillars", "objectives", "key-results", "workstreams"):
            assert bare(narrow.get(f"/v1/{kind}").json()) == bare(whole.get(f"/v1/{kind}").json()), kind
        a, b = (c.get("/v1/exceptions").json()["items"] for c in (whole, narrow))
        assert sorted((e["signal"], e["severity"], e["subject"]) for e in a) == sorted(
            (e["signal"], e["severity"], e["subject"]) for e in b
        )
        legal = [e for e in b if e["subject"] == "legal-entities"]
        assert legal
        assert {e["because"] for e in legal} == {"confidential: ask Legal"}
        a, b = (c.get("/v1/status").json() for c in (whole, narrow))
        assert a["exceptions_total"] == b["exceptions_total"]
        for one, other in zip(a["departments"], b["departments"], strict=True):
            told = ("department", "headline", "because", "items", "lifecycle", "health", "coverage")
            assert {k: one[k] for k in told} == {k: other[k] for k in told}
        a, b = (c.get("/v1/departments").json()["items"] for c in (whole, narrow))
        assert a == b


def test_check_ins_of_hidden_rows_keep_their_figures_and_lose_their_words(house: House) -> None:
    """The others are told whole."""

    def asked(client: TestClient) -> dict[str, dict[str, Any]]:
        return {c["node"]: c for c in client.get("/v1/check-ins").json()["items"]}

    with house.client() as whole, house.client("engineering") as narrow, house.client("legal") as own:
        told, shown, legal = asked(whole), asked(narrow), asked(own)
    assert told["legal-entities"]["url"]
    assert told["legal-entities"]["said_by"]
    assert legal["legal-entities"] == told["legal-entities"]
    hidden = {key for key in told if shown[key] != told[key]}
    assert hidden == {"legal-entities", "localization", "sales-enablement"}
    words = {"reported_raw", "biggest_risk", "need_from_others", "said_by", "url"}
    for key, check in shown.items():
        assert {f: v for f, v in check.items() if f not in words} == {
            f: v for f, v in told[key].items() if f not in words
        }
        if key in hidden:
            (ask,) = {check[part] for part in ("reported_raw", "biggest_risk", "need_from_others")}
            assert ask in {f"confidential: ask {d.capitalize()}" for d in CONFIDENTIAL}
            assert (check["said_by"], check["url"]) == (None, "")


def test_packs_keep_their_colours_and_counts_and_lose_their_words(house: House) -> None:
    """A week, a month and a period: the same picture for everybody; what it stands on is its owner's."""

    def asked(client: TestClient, name: str) -> Any:
        return client.get(f"/v1/packs/{quote(name)}").json()

    def signals(page: Any, *sections: str) -> list[tuple[str, str, str]]:
        return [(e["signal"], e["severity"], e["subject"]) for section in sections for e in page[section]]

    with house.client() as whole, house.client("engineering") as narrow:
        last = {kind_of(p.name): p.name for p in reversed(house.ledger.closed())}
        told, shown = ({kind: asked(c, name) for kind, name in last.items()} for c in (whole, narrow))
        weeks = (told["week"], shown["week"])
        one, other = ([(n["key"], n["headline"], n["distribution"], n["coverage"]) for n in w["nodes"]] for w in weeks)
        assert one == other
        one, other = (signals(w["page"], "blocked", "derisk") for w in weeks)
        assert one == other
        months = (told["month"]["page"], shown["month"]["page"])
        one, other = (
            [[(t["node"], p["week"], p["headline"]) for p in t["points"]] for t in m["trends"]] for m in months
        )
        assert one == other
        assert (months[0]["load"], months[0]["pairs"]) == (months[1]["load"], months[1]["pairs"])
        assert {p["score"] for t in months[1]["trends"] if t["node"] == "first-accounts" for p in t["points"]} == {None}
        periods = (told["period"]["page"], shown["period"]["page"])
        for part in ("calibration", "latency", "infrastructure", "late", "misses"):
            assert periods[0][part] == periods[1][part], part
        scores = [{s["node"]: s for s in p["scores"]}["first-accounts"] for p in periods]
        assert [s["score"] is None for s in scores] == [False, True]
        assert (scores[1]["says"], scores[1]["verdict"]) == ("confidential: ask Sales", scores[0]["verdict"])
        for name in (last["week"], last["period"]):
            assert "confidential" not in whole.get(f"/v1/packs/{quote(name)}.md").text
            assert "confidential: ask" in narrow.get(f"/v1/packs/{quote(name)}.md").text


def test_a_check_in_remembers_what_it_stood_on(house: House, tmp_path: Path) -> None:
    """A plan that selects other records now does not open what was said from those of then."""
    config = tmp_path / "config"
    shutil.copytree(house.config, config)
    path = config / "plan.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count("source: legal-jira") >= 1
    path.write_text(text.replace("source: legal-jira", "source: eng-jira"), encoding="utf-8")
    app = create_app(house.ledger, load(config))
    with TestClient(app, headers=basic(house.key("engineering", "engineering"))) as client:
        told = {c["node"]: c for c in client.get("/v1/check-ins").json()["items"]}
    assert told["legal-entities"]["reported_raw"] == "confidential: ask Legal"


def test_a_hidden_item_is_answered_as_one_that_is_not_there(house: House) -> None:
    with house.client("engineering") as client:
        for path in ("", "/explain", "/history"):
            hidden, absent = client.get(f"/v1/items/LEGAL-2{path}"), client.get(f"/v1/items/LEGAL-9999{path}")
            assert hidden.status_code == absent.status_code == 404
            assert hidden.json()["detail"].replace("LEGAL-2", "") == absent.json()["detail"].replace("LEGAL-9999", "")
    with house.client("legal") as client:
        assert client.get("/v1/items/LEGAL-2").json()["title"]


def test_what_no_file_describes_any_more_is_nobodys_to_see_but_an_unlimited_key(house: House, tmp_path: Path) -> None:
    """A binding that leaves its file takes its mark with it: its rows must not become public by that."""
    config = tmp_path / "config"
    shutil.copytree(house.config, config)
    path = config / "departments" / "legal.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("- key: legal-entities", "- key: renamed").replace("confidential: true", "bau: false"), encoding="utf-8")  # fmt: skip
    app = create_app(house.ledger, load(config))
    for departments, seen in ((("engineering",), False), (("legal",), False), ((), True)):
        secret = house.key("-".join(departments) or "all", *departments)
        with TestClient(app, headers=basic(secret)) as client:
            assert (client.get("/v1/items/LEGAL-2").status_code == 200) is seen


QUESTIONS: dict[str, Callable[[Any, str], Any]] = {
    "items": lambda r, _: r.items(Filter(presence=()), limit=10_000),
    "item": lambda r, i: r.item(i),
    "one": lambda r, i: r.one(i),
    "history": lambda r, i: r.history(i),
    "events": lambda r, i: r.events(i),
    "links": lambda r, i: (
        [link for x in r.items(Filter(presence=()), limit=10_000) for link in r.links(x.item.id)] + r.links(i)
    ),
    "unresolved": lambda r, _: r.unresolved(),
    "waiting": lambda r, _: r.waiting(),
    "raw": lambda r, i: r.raw(i, r.whole.item(i).raw_hash),
    "cells": lambda r, i: r.cells(i),
    "held": lambda r, _: list(r.held("legal-jira", "legal-entities")),
    "known": lambda r, i: r.known([i]),
    "binding": lambda r, _: r.binding("legal-jira", "legal-entities"),
    "mapping": lambda r, _: r.mapping("legal-jira", "legal-entities"),
    "mapping_versions": lambda r, _: r.mapping_versions("legal-jira", "legal-entities"),
    "vocabulary": lambda r, _: [w.name for w in r.vocabulary("legal-jira")],
    "forgotten": lambda r, _: [w.name for w in r.forgotten("legal-jira")],
    "scopes": lambda r, _: r.scopes("legal-jira"),
    "scopes_of": lambda r, _: r.scopes_of("legal-jira"),
    "inbox": lambda r, _: r.inbox(),
    "words": lambda r, _: list(r.words("legal-jira")),
    "raws": lambda r, _: list(r.raws("legal-jira")),
    "listed": lambda r, _: [r.listed(of) for of in (ITEMS, VERSIONS, EVENTS, LINKS, RECORDS)],
}
"""Every question to the ledger whose answer tells of rows."""
COUNTED = {
    "revision", "horizon", "tallies", "absences", "unmapped_words", "last_good", "not_before", "runs", "asks", "workstream_asks", "hides",
    "whole", "prompt",
}  # fmt: skip
"""Questions whose answers are counts, instants, keys of the plan, or whom to ask."""
WHOLE = {
    "states", "latest", "stated", "acts", "crowded", "acts_of", "waits", "by_keys", "tells_actors", "good_runs", "last_run", "wholes",
    "first_seen", "opened", "last_noted", "closes", "closed", "logged",
    "stood", "standing", "open_rows", "places", "changed_since", "members", "homes", "forget_standing", "place", "stand",
    "served", "state", "watch",
}  # fmt: skip
"""Questions of judging and keeping: only the whole ledger answers them, and what is made of them is veiled (api/planning.py)."""
UNVEILED = {
    "api/v1/decisions.py", "api/pages/saying.py", "api/asking.py", "api/course.py", "api/curtain.py", "api/deps.py", "api/feeds/calendar.py", "api/feeds/routes.py", "api/v1/past.py", "api/v1/said.py",
    "api/packs.py", "api/planning.py",
    "api/retold.py",
}  # fmt: skip
"""Where an answer to a reader is made from the whole ledger."""


def test_every_question_to_the_ledger_is_known_to_tell_of_rows_or_not(house: House) -> None:
    """Whoever adds one says here which it is, and the next test holds it to that."""
    from ledger.read import Reads
    from ledger.remembered import Remembered
    from ledger.standing import Standing

    def public(*of: type) -> set[str]:
        return {name for kind in of for name in vars(kind) if not name.startswith("_")}

    seen = house.ledger.seen_by(Veil(frozenset()))
    assert public(Reads) == set(QUESTIONS) | COUNTED
    assert public(Remembered, Standing) == WHOLE
    assert {name for name in dir(seen) if not name.startswith("_")} == public(Reads) | {"engine", "clock", "veil"}


def test_the_whole_ledger_is_asked_in_few_places_only() -> None:
    root = Path(__file__).parents[2]
    used = {str(p.relative_to(root)) for p in (root / "api").rglob("*.py") if ".whole" in p.read_text(encoding="utf-8")}
    assert used == UNVEILED


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_no_question_to_the_ledger_tells_of_a_hidden_row(house: House, question: str) -> None:
    """The veil lies in the ledger, so that whatever is built above it has it."""
    from api.door.access import Reader

    item = next(k.item for k in house.ledger.items(Filter(sources=["legal-jira"])) if k.item.key == "LEGAL-2")
    veil = veil_for(Reader("k", "k", ("read",), ("engineering",)), house.loaded)
    told = repr(QUESTIONS[question](house.ledger.seen_by(veil), item.id))
    for text in confidential(house, "legal"):
        assert text not in told, text
    assert "Rot" not in told
    whole = QUESTIONS[question](house.ledger, item.id)
    assert whole or question in ("unresolved", "cells", "forgotten", "inbox")


def test_a_database_that_does_not_answer_is_said_without_saying_where_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: Any) -> Any:
        raise LedgerError("the database postgresql://sightline@db.internal/x does not answer")

    monkeypatch.setattr("ledger.keys.Keys.exist", gone)
    monkeypatch.setattr("ledger.store.Ledger.is_current", gone)
    with local(house.app(), raise_server_exceptions=False) as client:
        for path in ("/v1/items", "/readyz"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["type"]) == (503, "not-ready")
            assert "db.internal" not in answer.text
    assert "db.internal" in caplog.text


# -- what is noted -----------------------------------------------------------------------------------------------------------


def test_reading_confidential_rows_is_noted_once_per_request(house: House) -> None:
    with house.client("legal", "engineering") as client:
        client.get("/v1/items", params={"source": "legal-jira"})
        client.get("/v1/items", params={"source": "eng-jira"})
        client.get("/v1/items/LEGAL-2/explain")
        client.get("/v1/sources")
    read = [a for a in house.ledger.audit.acts() if a.what == "read"]
    assert [a.subject for a in read] == ["legal-jira/legal-entities"] * 2
    assert all(a.who.startswith("legal-engineering (key-") for a in read)
    with house.client() as client:
        client.get("/v1/exceptions")
    latest = house.ledger.audit.acts(1)[0]
    assert latest.subject.split(", ")[0] == "legal-jira/legal-entities"


def test_nothing_confidential_is_answered_that_cannot_be_noted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from ledger.keys import Audit
    from ledger.watch import Watch

    def full(*_: Any) -> None:
        raise LedgerError("the disk is full")

    title = house.ledger.item("LEGAL-2").item.title  # type: ignore[union-attr]
    with TestClient(house.app(), headers=basic(house.key("all")), raise_server_exceptions=False) as client:
        monkeypatch.setattr(Audit, "note", full)
        monkeypatch.setattr(Watch, "quietly", lambda *_: False)
        answer = client.get("/v1/items/LEGAL-2")
        assert (answer.status_code, title in answer.text) == (503, False)
        assert client.get("/v1/items/ENG-1").status_code == 200


def test_every_administrative_act_is_noted_with_who_did_it(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    shutil.copytree(house.config, config)
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(config))
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", house.url)
    changed = tmp_path / "new.yaml"
    changed.write_text(
        (config / "departments" / "product.yaml").read_text(encoding="utf-8") + "# more\n", encoding="utf-8"
    )
    made = json.loads(CLI.invoke(command, ["keys", "create", "bi", "--json"]).stdout)
    for words in (
        ["keys", "revoke", made["id"]],
        ["map", "apply", str(changed), "--by", "mia-wong", "--reason", "agreed"],
        ["close"],
        ["sync", "eng-jira", "--accept-missing"],
    ):
        done = CLI.invoke(command, words)
        assert done.exit_code == 0, done.output
    told = json.loads(CLI.invoke(command, ["audit", "--json"]).stdout)
    assert [a["what"] for a in reversed(told)] == [
        "keys create", "keys revoke", "config install", "map apply", "close", "sync --accept-missing",
    ]  # fmt: skip
    assert all(a["who"].endswith("(terminal)") for a in told)
    assert "agreed" in CLI.invoke(command, ["audit"]).output
    assert "key" not in {k for a in told for k in a}


# -- the terminal ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(house.config))
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", house.url)

    def call(*words: str, code: int = 0) -> Any:
        done = CLI.invoke(command, words)
        assert done.exit_code == code, done.output
        return done

    return call


def test_a_key_is_shown_once(house: House, terminal: Callable[..., Any]) -> None:
    made = terminal("keys", "create", "bi", "--department", "legal", "--expires", "90d", "--in-url")
    secret = made.stdout.strip()
    assert house.ledger.keys.find(secret)
    listed = terminal("keys", "list").output + terminal("keys", "list", "--json").output
    assert "bi" in listed
    assert secret[len(PREFIX) : -4] not in listed
    key = house.ledger.keys.all()[0]
    assert (key.departments, key.in_url) == (("legal",), True)
    assert key.expires_at is not None
    assert 89 < (key.expires_at - datetime.now(UTC)).days + 1 < 92
    assert "revoked" in terminal("keys", "revoke", key.id).output
    assert json.loads(terminal("keys", "list", "--json").stdout)[0]["state"] == "revoked"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bad name"], "is no name"),
        (["bi", "--scope", "write"], "is not one of read, odata, sync, decide, admin"),
        (["bi", "--department", "lagal"], "no department is called 'lagal'"),
        (["bi", "--expires", "soon"], "write 12h, 90d or 8w"),
        (["bi", "--expires", "0d"], "write 12h, 90d or 8w"),
        (["bi", "--in-url"], "give it --expires, or --department"),
        (["bi", "--in-url", "--scope", "admin", "--expires", "1d"], "may only read"),
        (["mia", "--scope", "decide"], "is somebody's: --person KEY"),
        (["mia", "--scope", "decide", "--person", "mia-wang"], "nobody active in people.yaml has the key 'mia-wang'"),
    ],
)
def test_a_key_that_there_cannot_be_is_refused(terminal: Callable[..., Any], words: list[str], says: str) -> None:
    assert says in terminal("keys", "create", *words, code=2).output


def test_a_third_key_of_one_name_is_refused_with_the_way_out(terminal: Callable[..., Any]) -> None:
    for _ in range(2):
        terminal("keys", "create", "bi")
    assert "sightline keys revoke" in terminal("keys", "create", "bi", code=1).output
    assert "no key has the id" in terminal("keys", "revoke", "key-0", code=2).output


def test_keys_are_the_same_on_both_databases(ledger_url: str) -> None:
    with Ledger.open(ledger_url, migrate=True) as ledger:
        key, secret = ledger.keys.create("bi", scopes=("read", "odata"), departments=("legal",), by="ann")
        assert ledger.keys.find(secret) == key
        assert ledger.keys.find(secret + "x") is None
        ledger.keys.used(key)
        assert ledger.keys.all()[0].last_used_at is not None
        assert not ledger.keys.revoke(key.id, by="ann").active(datetime.now(UTC))
        assert [(a.who, a.what) for a in ledger.audit.acts()] == [("ann", "keys revoke"), ("ann", "keys create")]
