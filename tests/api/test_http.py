"""The HTTP API over the demo company: the schema is the contract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from demo.company import DemoCompany, configuration
from ledger.store import Ledger
from normalizer.people import People
from sync.configuration import load
from sync.run import sync_source
from tests.asking import local


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("api")
    with (
        DemoCompany() as company,
        pytest.MonkeyPatch.context() as patch,
        Ledger.open(f"sqlite:///{folder / 'l.db'}", migrate=True) as ledger,
    ):
        for name, value in company.environment().items():
            patch.setenv(name, value)
        loaded = load(configuration())
        for bound in loaded.sources:
            sync_source(bound, ledger, People(loaded.persons()))
        with local(create_app(ledger, loaded)) as client:
            yield client


def get(client: TestClient, path: str, code: int = 200, **params: Any) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == code, answer.text
    return answer.json()


def test_items_come_page_by_page_and_each_once(client: TestClient) -> None:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = get(client, "/v1/items", limit=7, cursor=cursor)
        found += [i["id"] for i in page["items"]]
        cursor = page["next_cursor"]
    assert len(found) == len(set(found)) == 106
    assert found == sorted(found)


def test_items_are_filtered(client: TestClient) -> None:
    red = get(client, "/v1/items", health="off_track")["items"]
    assert {i["reported_health"] for i in red} == {"off_track"}
    mine = get(client, "/v1/items", source="legal-jira", owner="lea-vogel")["items"]
    assert mine
    assert {(i["source"], i["owner"]) for i in mine} == {("legal-jira", "lea-vogel")}
    assert all(i["blocked"] for i in get(client, "/v1/items", blocked="true")["items"])


@pytest.mark.parametrize(
    "params", [{"helth": "red"}, {"health": "purple"}, {"limit": 0}, {"limit": 501}, {"blocked": "maybe"}]
)
def test_a_wrong_parameter_is_refused_and_named(client: TestClient, params: dict[str, Any]) -> None:
    """A misspelt filter that is ignored answers the wrong question."""
    problem = get(client, "/v1/items", 422, **params)
    assert next(iter(params)) in str(problem)


@pytest.mark.parametrize("odd", ["\x00", "x" * 5000, "' OR 1=1 --", "\ud7ff", "😀", "../../etc/passwd", "%00"])
def test_an_odd_id_is_not_found_and_breaks_nothing(client: TestClient, odd: str) -> None:
    from urllib.parse import quote

    for path in ("", "/explain", "/history"):
        assert client.get(f"/v1/items/{quote(odd, safe='')}{path}").status_code == 404
    assert client.get("/v1/items", params={"cursor": odd, "source": odd, "owner": odd}).status_code in (200, 422)


def test_an_item_says_where_it_came_from(client: TestClient) -> None:
    item = get(client, "/v1/items/LEGAL-2")
    assert item["raw_status"] == "Rot"
    assert re.search(r"legal\.yaml:\d+$", item["mapped_by"])
    assert item["url"].endswith("/browse/LEGAL-2")
    assert item == get(client, f"/v1/items/{item['id']}")


def test_an_explanation_leads_from_the_raw_value_to_the_line(client: TestClient) -> None:
    told = get(client, "/v1/items/LEGAL-2/explain")
    words = {w["field"]: w for w in told["words"]}
    assert words["health"]["raw"] == "Rot"
    file, _, line = words["health"]["rule"].rpartition(":")
    assert "Rot" in Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    assert told["raw"]["fields"]["health"][0]["value"] == "Rot"
    assert {(x["kind"], x["direction"], x["target_key"]) for x in told["links"]} >= {("blocks", "out", "LEGAL-3")}


def test_history_exists_from_the_first_sync(client: TestClient) -> None:
    told = get(client, "/v1/items/LEGAL-2/history")
    assert [v["lifecycle"] for v in told["versions"]][:3] == ["not_started", "in_progress", "in_progress"]
    assert [v["valid_from"] for v in told["versions"]] == sorted(v["valid_from"] for v in told["versions"])
    assert {e["actor_name"] for e in told["events"]} == {"Jonas Keller", "Vogel, Lea"}


def test_sources_tell_their_age(client: TestClient) -> None:
    told = {s["key"]: s for s in get(client, "/v1/sources")["items"]}
    assert told["eng-jira"]["state"] == "complete"
    assert told["eng-jira"]["last_good_at"]
    assert told["eng-jira"]["last_run"]["requests"] > 0


def test_the_answer_names_its_age_and_its_coverage(client: TestClient) -> None:
    told = get(client, "/v1/status")
    engineering = told["departments"][0]
    assert engineering["headline"] == "at_risk"
    assert 0 < engineering["coverage"] <= 1
    assert engineering["data_age_seconds"] >= 0
    known = [d for d in told["departments"] if d["coverage"] is not None]
    assert min(d["coverage"] for d in known) <= told["coverage"] <= max(d["coverage"] for d in known)
    assert told["coverage"] + told["unknown_share"] == pytest.approx(1)
    assert told["data_age_seconds"] == pytest.approx(max(d["data_age_seconds"] for d in known))


def test_health_and_readiness(client: TestClient, tmp_path: Path) -> None:
    assert get(client, "/healthz") == {"status": "ok"}
    assert get(client, "/readyz") == {"status": "ready"}
    configured: Any = client.app
    with (
        Ledger.open(f"sqlite:///{tmp_path / 'new.db'}", migrate=True) as ledger,
        local(create_app(ledger, configured.state.live.current)) as other,
    ):
        with ledger.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'old'")
        problem = other.get("/readyz")
    assert problem.status_code == 503
    assert problem.headers["content-type"] == "application/problem+json"
    assert "run 'sightline sync'" in problem.json()["detail"]


def test_what_is_not_there_is_a_problem_with_a_sentence(client: TestClient) -> None:
    answer = client.get("/v1/items/NOPE-1")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["detail"] == "no single item has the id or key 'NOPE-1'"


def test_the_contract_documents_every_answer(client: TestClient) -> None:
    schema = get(client, "/openapi.json")
    for path in (
        "/v1/items",
        "/v1/items/{item_id}",
        "/v1/items/{item_id}/explain",
        "/v1/items/{item_id}/history",
        "/v1/sources",
        "/v1/status",
        "/healthz",
        "/readyz",
    ):
        operation = schema["paths"][path]["get"]
        assert operation["summary"]
        assert operation["responses"]["200"]["content"]["application/json"]["schema"], path
        if "{" in path:
            assert "404" in operation["responses"], path


def test_every_answer_keeps_its_schema(client: TestClient) -> None:
    """Independent validation of what is served against what is promised."""
    from jsonschema import Draft202012Validator

    schema = get(client, "/openapi.json")
    for path in ("/v1/items", "/v1/sources", "/v1/status"):
        promised = schema["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        validator = Draft202012Validator({**promised, "components": schema["components"]})
        assert [e.message for e in validator.iter_errors(get(client, path))] == []
