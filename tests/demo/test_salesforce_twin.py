"""The demo Salesforce against documented traps: what the real one refuses, it refuses; what changes silently, changes silently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from demo.company import DemoCompany
from demo.salesforce_http import SalesforceServer


@pytest.fixture(scope="module")
def server() -> Iterator[SalesforceServer]:
    with DemoCompany(date(2026, 11, 20)) as company:
        company.sales_server.tokens.add("a-session")
        company.sales_server.batch = 5
        yield company.sales_server


def asked(server: SalesforceServer, path: str, token: str = "a-session", **params: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.url}{path}", params=params, headers=headers)


def query(server: SalesforceServer, soql: str, door: str = "query") -> Any:
    answer = asked(server, f"/services/data/v67.0/{door}", q=soql)
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()[0]["errorCode"])


@pytest.mark.parametrize(
    ("soql", "refusal"),
    [
        ("SELECT Nope__c FROM Opportunity", (400, "INVALID_FIELD")),
        ("SELECT Id FROM Nope__c", (400, "INVALID_TYPE")),
        ("SELECT Id FROM Opportunity WHERE Name = 'a' AND IsWon = TRUE OR IsClosed = TRUE", (400, "MALFORMED_QUERY")),
        ("SELECT Id FROM Opportunity WHERE SystemModstamp >= '2026-11-20T00:00:00Z'", (400, "INVALID_FIELD")),
        ("SELECT Id FROM Opportunity WHERE SystemModstamp >= 2026-11-20T00:00:00", (400, "MALFORMED_QUERY")),
        ("SELECT Id, Id FROM Opportunity", (400, "INVALID_FIELD")),
    ],
)
def test_a_wrong_query_is_refused_as_a_whole(server: SalesforceServer, soql: str, refusal: tuple[int, str]) -> None:
    assert query(server, soql) == refusal


def test_pages_are_told_by_a_locator_that_says_query_even_for_query_all(server: SalesforceServer) -> None:
    page = query(server, "SELECT Id FROM Opportunity", "queryAll")
    assert (page["done"], len(page["records"])) == (False, 5)
    assert page["nextRecordsUrl"].startswith("/services/data/v67.0/query/")
    following = asked(server, page["nextRecordsUrl"]).json()
    assert not {r["Id"] for r in page["records"]} & {r["Id"] for r in following["records"]}
    assert asked(server, "/services/data/v67.0/query/01gNope-5").json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_every_answer_tells_the_quota(server: SalesforceServer) -> None:
    answer = asked(server, "/services/data/v67.0/limits")
    assert answer.headers["sforce-limit-info"].startswith("api-usage=")


def test_a_used_up_quota_is_a_403(server: SalesforceServer) -> None:
    used, server.used = server.used, server.allowed
    answer = asked(server, "/services/data/v67.0/limits")
    server.used = used
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_an_old_version_is_gone_and_a_wrong_session_refused(server: SalesforceServer) -> None:
    assert asked(server, "/services/data/v30.0/limits").status_code == 410
    answer = asked(server, "/services/data/v67.0/limits", token="another")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_stamps_are_whole_seconds_in_their_own_form(server: SalesforceServer) -> None:
    row = query(server, "SELECT SystemModstamp, CloseDate FROM Opportunity LIMIT 1")["records"][0]
    assert datetime.fromisoformat(row["SystemModstamp"]).utcoffset() == timedelta(0)
    assert row["SystemModstamp"].endswith(".000+0000")
    assert len(row["CloseDate"]) == 10


def test_ids_check_themselves(server: SalesforceServer) -> None:
    """The last three of 18 letters tell the case of the first fifteen."""
    ref = query(server, "SELECT Id FROM Opportunity LIMIT 1")["records"][0]["Id"]
    assert len(ref) == 18
    upper = sum(1 << n for n, c in enumerate(ref[:5]) if c.isupper())
    assert ref[15] == "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[upper]


def test_a_long_address_is_refused(server: SalesforceServer) -> None:
    fields = ", ".join(f"Field_with_a_long_name_{n}__c" for n in range(900))
    assert asked(server, "/services/data/v67.0/query", q=f"SELECT {fields} FROM Opportunity").status_code == 414
