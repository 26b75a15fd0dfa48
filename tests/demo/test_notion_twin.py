"""The demo Notion against recorded answers, Notion's own contract and the documented traps: a twin that is too kind proves
nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from demo.company import DemoCompany
from demo.notion_http import NotionServer
from tests import recorded

VERSIONS = ("2025-09-03", "2026-03-11")
every_version = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture(scope="module")
def server() -> Iterator[NotionServer]:
    with DemoCompany(date(2026, 11, 20)) as company:
        yield company.product_server


def asked(
    server: NotionServer, path: str, version: str = VERSIONS[0], body: Any = None, **params: Any
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {server.token}", "Notion-Version": version}
    method = "GET" if body is None else "POST"
    return httpx.request(method, f"{server.url}/v1/{path}", headers=headers, params=params, json=body)


def whole(server: NotionServer, version: str) -> dict[str, Any]:
    """One answer of each kind."""
    home = next(iter(server.site.databases.values()))
    rows = asked(server, f"data_sources/{home.data_sources[0].id}/query", version, {"page_size": 2}).json()
    return {
        "database": asked(server, f"databases/{home.id}", version).json(),
        "data_source": asked(server, f"data_sources/{home.data_sources[0].id}", version).json(),
        "list": rows,
        "page": rows["results"][0],
        "user": rows["results"][0]["properties"]["Owner"]["people"][0],
    }


def answers(kind: str, version: str) -> list[dict[str, Any]]:
    """Every recorded object of a kind under a version, as answered (not as a part of something else, for lists)."""
    found: list[dict[str, Any]] = []

    def within(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("object") == kind:
                found.append(value)
            for inner in value.values():
                within(inner)
        elif isinstance(value, list):
            for inner in value:
                within(inner)

    for path in sorted((recorded.HOME / "notion" / "open").rglob("*.json")):
        told = recorded.load(str(path.relative_to(recorded.HOME)))
        for entry in told if isinstance(told, list) else []:
            if isinstance(entry, dict) and entry.get("request", {}).get("notion_version") == version:
                within(entry["response"]["body"])
    return found


@recorded.needed
@every_version
@pytest.mark.parametrize("kind", ["page", "data_source", "database", "list"])
def test_its_answers_have_what_notions_have(server: NotionServer, version: str, kind: str) -> None:
    seen = answers(kind, version)
    if not seen:
        pytest.skip(f"no {kind} was recorded under {version}")
    ours = whole(server, version)[kind]
    always = set.intersection(*(set(s) for s in seen))
    ever = set.union(*(set(s) for s in seen))
    optional = {"archived"} if version == VERSIONS[0] else set()
    assert always <= set(ours) | {"developer_survey", "request_id"}, always - set(ours)
    assert set(ours) <= ever | optional | {"page_or_data_source"}, set(ours) - ever


@recorded.needed
def test_a_query_of_ours_is_one_that_notions_contract_allows() -> None:
    """All but its sorts: the contract leaves out those by time, which Notion's reference and its own library have."""
    contract = recorded.load("notion/contract/notion-openapi.json")
    path = next(p for p in contract["paths"] if p.endswith("/data_sources/{data_source_id}/query"))
    schema = contract["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    body = {
        "page_size": 100,
        "filter": {"timestamp": "last_edited_time", "last_edited_time": {"on_or_after": "2026-11-20T09:00:00.000Z"}},
    }
    Draft202012Validator({**schema, "components": contract["components"]}).validate(body)


@every_version
def test_the_versions_differ_as_notions_do(server: NotionServer, version: str) -> None:
    page = whole(server, version)["page"]
    assert page["in_trash"] is False
    assert ("archived" in page) is (version == "2025-09-03")


def test_times_of_pages_are_minutes(server: NotionServer) -> None:
    page = whole(server, VERSIONS[0])["page"]
    assert page["last_edited_time"].endswith(":00.000Z")


def test_a_wrong_version_and_token_are_refused(server: NotionServer) -> None:
    assert asked(server, "users/me", "2022-06-28").json()["code"] == "validation_error"
    nobody = httpx.get(f"{server.url}/v1/users/me", headers={"Notion-Version": VERSIONS[0]})
    assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthorized")


def test_what_is_not_shared_is_not_found(server: NotionServer) -> None:
    answer = asked(server, "pages/00000000-0000-0000-0000-000000000001")
    assert (answer.status_code, answer.json()["code"]) == (404, "object_not_found")


@pytest.mark.parametrize(
    "body", [{"page_size": 101}, {"pagesize": 5}, {"filter": {"property": "Nope", "select": {"equals": "x"}}}, {"start_cursor": "x"}]
)  # fmt: skip
def test_a_wrong_query_is_refused(server: NotionServer, body: Any) -> None:
    home = next(iter(server.site.databases.values()))
    answer = asked(server, f"data_sources/{home.data_sources[0].id}/query", body=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
