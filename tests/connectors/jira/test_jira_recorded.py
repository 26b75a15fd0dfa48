"""Answers of real Jira sites, 2020 to 2025: nothing is lost and nothing is guessed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from connectors.contract import RawRecord
from connectors.jira import DEFAULT_FIELDS
from connectors.jira.reader import Shape, changes, read
from connectors.jira.shape import categories
from tests.recorded import load, needed

pytestmark = needed
ROLES = {role: ref.id for role, ref in DEFAULT_FIELDS.items() if ref.id}
SHAPE = Shape("eng", "https://acme.atlassian.net", ROLES)


def devlake(name: str) -> list[Any]:
    return [row["data"] for row in load(f"jira/open/devlake/{name}.json")]


def as_read(issues: list[Any]) -> list[RawRecord]:
    return [read(issue, SHAPE) for issue in issues]


def test_every_recorded_issue_is_read() -> None:
    issues = [*devlake("api_issues"), *devlake("external_epics"), *devlake("api_issue_relationships")]
    issues += (
        load("jira/open/go-jira/issues_in_sprint.json")["issues"] + load("jira/open/jira-cli/search.json")["issues"]
    )
    for issue, record in zip(issues, as_read(issues), strict=True):
        assert record.key == issue["key"]
        assert record.title == issue["fields"].get("summary", issue["key"]).replace(
            "\0", ""
        )  # one real title ends in NUL
        status = issue["fields"].get("status") or {}
        said = record.fields.get("lifecycle") or ()
        assert [s.value for s in said] == ([status["name"]] if status else [])


def test_the_status_keeps_name_id_and_category_of_the_tracker() -> None:
    """Localised names ("已完成") are words like others; the id and the category come along."""
    for issue, record in zip(devlake("api_issues"), as_read(devlake("api_issues")), strict=True):
        status = issue["fields"]["status"]
        said = record.fields["lifecycle"][0]
        assert (said.value, said.id, said.category) == (status["name"], status["id"], status["statusCategory"]["key"])


def test_links_show_which_side_blocks() -> None:
    """Exactly one of inwardIssue and outwardIssue is there; the direction follows from which."""
    issues = devlake("api_issue_relationships")
    found = Counter((x.kind, x.direction) for r in as_read(issues) for x in r.links)
    edges = [e for i in issues for e in i["fields"].get("issuelinks") or []]
    blocks = [e for e in edges if e["type"]["name"] == "Blocks"]
    assert found["blocks", "out"] == sum("outwardIssue" in e for e in blocks)
    assert found["blocks", "in"] == sum("inwardIssue" in e for e in blocks)
    assert sum(n for (kind, _), n in found.items() if kind != "parent") == len(edges)


def test_every_recorded_change_is_read() -> None:
    """36 of 100 recorded entries have null on one side, though the contract types it as text."""
    histories = devlake("api_issue_changelogs")
    made = changes(histories, SHAPE)
    assert len(made) == sum(len(h["items"]) for h in histories)
    assert list(made) == sorted(made, key=lambda c: c.at)
    statuses = [c for c in made if c.field == "lifecycle"]
    moves = [i for h in histories for i in h["items"] if i.get("fieldId", i["field"]) == "status"]
    assert sorted((c.before[0].id, c.after[0].id) for c in statuses) == sorted((i["from"], i["to"]) for i in moves)


def test_the_actors_kind_is_the_accounts() -> None:
    histories = devlake("api_issue_changelogs")
    apps = {h["author"]["accountId"] for h in histories if h.get("author", {}).get("accountType") == "app"}
    for change in changes(histories, SHAPE):
        assert change.actor is not None
        assert change.actor_kind == ("automation" if change.actor.id in apps else "human")


def test_no_status_category_is_made_up() -> None:
    """8 of 37 statuses of one real site have no category at all."""
    statuses = load("jira/open/go-jira/all_statuses.json")
    found = categories(statuses)
    assert len(found) == 37
    assert Counter(found.values())["undefined"] == 8


def test_instants_of_every_recorded_form_are_utc() -> None:
    for issue, record in zip(devlake("api_issues"), as_read(devlake("api_issues")), strict=True):
        assert record.created_at is not None
        assert record.created_at.utcoffset() is not None
        assert record.problems == ()
        assert issue["fields"]["created"][:4] == str(record.created_at.year)
