"""The demo Jira against Atlassian's own contract, recorded answers and the documented traps: a twin that is too kind proves
nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from demo.company import DemoCompany
from demo.jira_http import CLOUD_ID, JiraServer
from tests import recorded
from tests.tracked import site


@pytest.fixture(scope="module")
def company() -> Iterator[DemoCompany]:
    with DemoCompany(date(2026, 11, 20)) as company:
        yield company


class Asker:
    def __init__(self, server: JiraServer) -> None:
        self.server = server
        self.session = requests.Session()
        if server.site.deployment == "cloud":
            self.session.auth = (server.email, server.token)
        else:
            self.session.headers["Authorization"] = f"Bearer {server.token}"

    def get(self, path: str, **params: Any) -> Any:
        answer = self.session.get(f"{self.server.url}/rest/api/{path}", params=params)
        return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["errorMessages"][0])

    def post(self, path: str, body: Any) -> Any:
        answer = self.session.post(f"{self.server.url}/rest/api/{path}", json=body)
        return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["errorMessages"][0])


@pytest.fixture
def cloud(company: DemoCompany) -> Iterator[Asker]:
    asker = Asker(company.engineering_server)
    with asker.session:
        yield asker


@pytest.fixture
def center(company: DemoCompany) -> Iterator[Asker]:
    asker = Asker(company.legal_server)
    with asker.session:
        yield asker


# -- Atlassian's contract -------------------------------------------------------------------------------------------------


def violations(path: str, method: str, answer: Any) -> list[str]:
    contract = recorded.load("jira/contract/swagger-v3.v3.json")
    schema = contract["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    registry: Any = Registry().with_resource("urn:jira", Resource.from_contents(contract, DRAFT4))
    text = json.dumps(schema).replace('"#/', '"urn:jira#/')
    validator = Draft4Validator(json.loads(text), registry=registry, format_checker=Draft4Validator.FORMAT_CHECKER)
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:120]}" for e in validator.iter_errors(answer)]


@recorded.needed
def test_the_contract_can_be_broken() -> None:
    """A check that cannot fail is none."""
    assert violations("/rest/api/3/search/jql", "get", {"issues": [{"id": 7}], "isLast": "yes"})


@recorded.needed
@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/rest/api/3/search/jql", {"jql": "project = ENG", "fields": "summary,status,assignee,issuelinks,created"}),
        ("/rest/api/3/status", {}),
        ("/rest/api/3/field", {}),
        ("/rest/api/3/field/search", {}),
        ("/rest/api/3/project/search", {"expand": "insight"}),
        ("/rest/api/3/issueLinkType", {}),
        ("/rest/api/3/myself", {}),
        ("/rest/api/3/serverInfo", {}),
        ("/rest/api/3/resolution", {}),
    ],
)
def test_what_the_twin_answers_keeps_atlassians_contract(cloud: Asker, path: str, params: dict[str, str]) -> None:
    assert violations(path, "get", cloud.get(path.removeprefix("/rest/api/"), **params)) == []


@recorded.needed
def test_what_the_twin_answers_in_bulk_keeps_atlassians_contract(cloud: Asker) -> None:
    """Except for null sides of a change, which real sites send against their own contract (36 of 100 recorded)."""
    ids = [i["id"] for i in cloud.get("3/search/jql", jql="project = ENG", maxResults="50")["issues"]]
    assert (
        violations("/rest/api/3/issue/bulkfetch", "post", cloud.post("3/issue/bulkfetch", {"issueIdsOrKeys": ids}))
        == []
    )
    logs = cloud.post("3/changelog/bulkfetch", {"issueIdsOrKeys": ids})
    found = violations("/rest/api/3/changelog/bulkfetch", "post", logs)
    assert [v for v in found if "None is not of type 'string'" not in v and "created" not in v] == []


@recorded.needed
def test_the_twin_looks_like_a_recorded_site(cloud: Asker) -> None:
    """Same keys of status, user and change; what the twin leaves out, no reader of ours may need."""
    real = recorded.load("jira/open/devlake/api_status.json")[0]["data"]
    ours = cloud.get("3/status")[0]
    assert set(ours) <= set(real)
    assert set(ours["statusCategory"]) == set(real["statusCategory"])
    real_change = recorded.load("jira/open/devlake/api_issue_changelogs.json")[0]["data"]
    ids = [cloud.get("3/search/jql", jql="project = ENG", maxResults="1")["issues"][0]["id"]]
    change = cloud.post("3/changelog/bulkfetch", {"issueIdsOrKeys": ids})["issueChangeLogs"][0]["changeHistories"][0]
    assert set(change) == set(real_change)
    assert set(change["items"][0]) <= set(real_change["items"][0]) | {"fieldId"}


# -- documented traps -----------------------------------------------------------------------------------------------------


def test_search_tells_ids_only_unless_asked(cloud: Asker) -> None:
    assert set(cloud.get("3/search/jql", jql="project = ENG")["issues"][0]) == {"expand", "id", "self", "key"}


def test_a_search_without_a_bound_is_refused(cloud: Asker) -> None:
    code, message = cloud.get("3/search/jql", jql="ORDER BY created")
    assert code == 400
    assert message.startswith("Unbounded JQL")


def test_the_old_search_is_gone(cloud: Asker) -> None:
    assert cloud.get("3/search", jql="project = ENG")[0] == 410


def test_a_bodys_null_is_refused(cloud: Asker) -> None:
    """What the vendor library sends with use_post."""
    assert cloud.post("3/search/jql", {"jql": "project = ENG", "expand": None})[0] == 400


def test_pages_are_shorter_than_asked_and_carry_no_total(cloud: Asker) -> None:
    page = cloud.get("3/search/jql", jql="project = ENG", fields="summary", maxResults="5")
    assert len(page["issues"]) == 5
    assert "total" not in page
    assert page["isLast"] is False
    last = cloud.get("3/search/jql", jql="project = ENG", fields="summary", maxResults="500")
    assert "nextPageToken" not in last


def test_a_made_up_token_is_refused(cloud: Asker) -> None:
    assert cloud.get("3/search/jql", jql="project = ENG", nextPageToken="x!")[0] == 400


def test_one_unknown_key_fails_a_data_centers_search(center: Asker) -> None:
    code, message = center.get("2/search", jql="key in (LEGAL-1, LEGAL-999)")
    assert code == 400
    assert "LEGAL-999" in message


def test_a_hidden_and_a_deleted_issue_answer_alike(center: Asker) -> None:
    assert center.get("2/issue/424242")[0] == 404


def test_text_instants_are_read_in_the_accounts_zone_by_the_minute() -> None:
    made, _, issues = site("cloud", 1)
    issues[0].updated = datetime(2026, 7, 1, 12, 0, 30, tzinfo=UTC)
    with JiraServer(made) as server:
        asker = Asker(server)
        for zone, text, found in (
            ("Asia/Shanghai", "2026-07-01 20:00", 1),
            ("Asia/Shanghai", "2026-07-01 20:01", 0),
            ("America/New_York", "2026-07-01 08:00", 1),
            ("UTC", "2026-07-01 20:00", 0),
        ):
            made.zone = zone
            assert len(asker.get("3/search/jql", jql=f'project = ENG AND updated >= "{text}"')["issues"]) == found
        asker.session.close()


def test_an_edit_is_searchable_only_after_the_index_has_it() -> None:
    made, _, issues = site("cloud", 1)
    made.index_lag_seconds = 3600
    made.edit(issues[0], None, title="New")
    with JiraServer(made) as server:
        asker = Asker(server)
        assert asker.get("3/search/jql", jql="project = ENG")["issues"] == []
        assert asker.get(f"3/issue/{issues[0].id}")["fields"]["summary"] == "New"
        asker.session.close()


def test_an_expanded_changelog_is_cut_at_forty_and_says_so() -> None:
    made, _, issues = site("cloud", 1)
    for n in range(50):
        made.edit(issues[0], None, at=issues[0].created + timedelta(minutes=n), title=f"T{n}")
    with JiraServer(made) as server:
        asker = Asker(server)
        log = asker.get("3/search/jql", jql="project = ENG", expand="changelog")["issues"][0]["changelog"]
        assert (len(log["histories"]), log["total"]) == (40, 50)
        asker.session.close()


def test_a_scoped_token_is_good_only_at_the_gateway() -> None:
    made, _, _ = site("cloud", 1)
    with JiraServer(made, scoped=True) as server:
        asker = Asker(server)
        assert asker.get("3/myself")[0] == 401
        assert asker.session.get(f"{server.url}/ex/jira/{CLOUD_ID}/rest/api/3/myself").status_code == 200
        asker.session.close()


def test_the_story_follows_its_day() -> None:
    """The same day tells the same story; a week later it has gone on."""

    def told(day: date) -> list[Any]:
        with DemoCompany(day) as company:
            return [(i.key, i.title, i.status.name, i.due) for i in company.engineering.issues.values()]

    one, again, later = told(date(2026, 11, 20)), told(date(2026, 11, 20)), told(date(2026, 11, 27))
    assert one == again
    assert [t[0] for t in one] == [t[0] for t in later]
    assert one != later
