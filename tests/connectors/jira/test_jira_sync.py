"""Jira Cloud and Data Center over real HTTP, reached by a department file: lossless, economical, honest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.jira import ranges
from demo import faults
from demo.jira_http import CLOUD_ID, Api, JiraServer
from ledger.model import Health, Lifecycle, Presence
from tests.tracked import Tracked, site

Make = Callable[..., Tracked]
BOTH = pytest.mark.parametrize("deployment", ["cloud", "datacenter"])


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    opened: list[Any] = []

    def build(
        deployment: str = "cloud", count: int = 5, *, server: dict[str, Any] | None = None, **more: Any
    ) -> Tracked:
        every = more.pop("every", timedelta(hours=1))
        made, _, _ = site(deployment, count, every=every)
        http = JiraServer(made, **(server or {})).__enter__()
        tracked = Tracked(tmp_path / "config", http, f"sqlite:///{tmp_path / 'ledger.db'}", monkeypatch, **more)
        opened.extend((tracked, http))
        return tracked

    yield build
    for thing in opened:
        thing.close() if isinstance(thing, Tracked) else thing.__exit__()


def issue(tracked: Tracked, n: int) -> Any:
    return list(tracked.site.issues.values())[n]


def status(tracked: Tracked, name: str) -> Any:
    return next(s for s in tracked.site.statuses.values() if s.name == name)


@BOTH
def test_everything_is_read_and_a_second_run_reads_nothing(make: Make, deployment: str) -> None:
    tracked = make(deployment, 30, server={"page_cap": 7})
    outcome = tracked.sync()
    assert (outcome.state, outcome.counts.new) == ("complete", 30)
    assert tracked.held() == tracked.truth()
    again = tracked.sync()
    assert (again.state, again.counts.new, again.counts.changed) == ("complete", 0, 0)


def test_a_run_without_change_costs_the_protocols_minimum(make: Make) -> None:
    """Cloud: vocabulary, fields, projects with their last update, the shelf; nothing was updated, so no search."""
    tracked = make("cloud", 30)
    tracked.sync()
    assert tracked.sync().requests == 4


@BOTH
def test_an_update_is_read_by_the_next_run(make: Make, deployment: str) -> None:
    tracked = make(deployment)
    tracked.sync()
    tracked.site.edit(issue(tracked, 2), None, status=status(tracked, "Done"), title="Renamed")
    outcome = tracked.sync()
    assert outcome.counts.changed == 1
    assert tracked.held() == tracked.truth()
    assert tracked.present()[issue(tracked, 2).id].item.lifecycle is Lifecycle.DONE


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "Asia/Kolkata", "Pacific/Auckland"])
@BOTH
def test_the_zone_of_the_account_loses_nothing(make: Make, deployment: str, zone: str) -> None:
    """Text instants in JQL are read in the searching account's zone: a cursor off by hours reads nothing, for ever."""
    tracked = make(deployment)
    tracked.site.zone = zone
    tracked.sync()
    tracked.site.edit(issue(tracked, 1), None, title="Edited now")
    tracked.sync()
    assert tracked.held() == tracked.truth()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "Europe/Berlin"])
@BOTH
def test_a_site_that_takes_no_milliseconds_is_asked_in_the_accounts_words(
    make: Make, deployment: str, zone: str
) -> None:
    """The fallback: minute literals in the account's own zone, never later than meant."""
    tracked = make(deployment)
    tracked.site.zone = zone
    tracked.server.refuses_milliseconds = True
    tracked.sync()
    assert tracked.held() == tracked.truth()
    tracked.site.edit(issue(tracked, 1), None, title="Edited now")
    tracked.site.create(next(iter(tracked.site.projects.values())), "Made now", status(tracked, "To Do"))
    assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()


def test_the_hour_that_comes_twice_loses_nothing(make: Make) -> None:
    """On the night when clocks go back, "02:30" names two instants; an edit in the earlier one must be read."""
    from connectors.jira.pull import Puller

    tracked = make("cloud")
    bound = tracked.configuration().sources[0]
    from connectors.contract import tracker

    connector: Any = tracker("jira").connect(bound.source)
    puller = Puller(connector, bound.source.bindings[0])
    puller._zone = ZoneInfo("Europe/Berlin")
    for minute in range(0, 180, 7):
        at = datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + timedelta(minutes=minute)
        text = puller._in_words(f"updated >= {int(at.timestamp() * 1000)}")
        local = datetime.fromisoformat(text.partition('"')[2].rstrip('"'))
        readings = [local.replace(tzinfo=puller._zone, fold=f).astimezone(UTC) for f in (0, 1)]
        assert max(readings) <= at, f"{text} may be read as {max(readings)}, after {at}"
        assert min(readings) > at - timedelta(hours=3)
    connector.close()


def test_a_late_search_index_loses_nothing(make: Make) -> None:
    """An edit that search shows only after minutes or hours is behind every cursor by then; the lag pass reads it."""
    tracked = make("cloud")
    tracked.sync()
    late = issue(tracked, 0)
    now = datetime.now(UTC)
    tracked.site.edit(late, None, title="Indexed late", at=now)
    late.searchable_at = now + timedelta(hours=2)
    tracked.sync()
    assert tracked.held()[late.id][1] == "Issue 0"
    late.searchable_at = None
    late.updated = now - timedelta(hours=13)  # the same as thirteen hours later
    with tracked.ledger.writing(tracked.ledger.lease("eng", "test")) as w:
        before = tracked.ledger.binding("eng", "work").cursor or ""
        import json

        cursor = {
            k: v - int(timedelta(hours=13, minutes=5).total_seconds() * 1000) for k, v in json.loads(before).items()
        }
        w.save_binding("work", cursor=json.dumps({"since": cursor["since"] + 13 * 3_600_000, "lag": cursor["lag"]}))
        w._connection.exec_driver_sql("UPDATE lease SET until = 0")
    tracked.sync()
    assert tracked.held()[late.id][1] == "Indexed late"


@BOTH
def test_a_short_page_is_not_the_end(make: Make, deployment: str) -> None:
    """The jira library stops at a page shorter than asked: 151 of 250 issues were lost without an error."""
    tracked = make(deployment, 25, server={"page_cap": 3})
    tracked.sync()
    assert len(tracked.present()) == 25


@BOTH
def test_many_issues_of_one_instant_are_all_read(make: Make, deployment: str) -> None:
    """An import gives thousands the same `created`: a keyset page never gets past them by the key alone."""
    tracked = make(deployment, 40, server={"page_cap": 6}, every=timedelta())
    tracked.sync()
    assert tracked.held() == tracked.truth()


def test_a_search_that_ignores_when_issues_were_created_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some gateways and mock servers do: the read would be divided for ever, at the tracker's cost."""
    tracked = make("cloud", 60, server={"page_cap": 5}, every=timedelta(days=3))
    search = Api.search
    monkeypatch.setattr(Api, "search", lambda api, jql: search(api, re.sub(r" AND created (>=|<) \d+", "", jql)))
    outcome = tracked.sync()
    assert outcome.state == "failed"
    assert "answers with older ones: paging was stopped" in outcome.reason
    assert outcome.requests < 60


def test_a_token_that_repeats_ends_the_read_as_failed(make: Make) -> None:
    """Row 12: the library asks for the same page until the server has enough."""
    tracked = make("cloud", 10, server={"page_cap": 5})
    tracked.server.repeats_token = True
    outcome = tracked.sync()
    assert outcome.state == "failed"
    assert "again and again" in outcome.reason
    assert tracked.server.faults.count("search/jql") <= 4
    assert tracked.ledger.binding("eng", "work").cursor is None


def test_a_token_that_ran_out_is_no_end(make: Make) -> None:
    """Row 13: the search starts anew from the last issue's creation."""
    tracked = make("cloud", 20, server={"page_cap": 5})
    tracked.server.faults.add(
        "search/jql",
        faults.status(400, b'{"errorMessages":["The provided next page token is invalid or expired."]}'),
        after=2,
    )
    assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()


@BOTH
def test_a_page_that_fails_for_good_keeps_what_was_read_and_moves_no_cursor(make: Make, deployment: str) -> None:
    tracked = make(deployment, 20, server={"page_cap": 5})
    tracked.server.faults.add("search", faults.status(401), after=2, times=1)
    outcome = tracked.sync()
    assert outcome.state == "failed"
    assert "does not accept the credential" in outcome.reason
    assert outcome.hint
    state = tracked.ledger.binding("eng", "work")
    assert state.cursor is None
    assert {k.presence for k in tracked.all().values()} <= {Presence.PRESENT}
    assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()


@BOTH
def test_an_unfinished_read_goes_on_where_it_was(make: Make, deployment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored is not read again: the resume point lies in the transaction of its pages."""
    monkeypatch.setattr("sync.run.BATCH", 10)
    tracked = make(deployment, 60, server={"page_cap": 10})
    tracked.server.faults.add("search", faults.status(401), after=4)
    tracked.sync()
    held = len(tracked.present())
    assert 20 <= held < 60
    tracked.server.faults.log.clear()
    assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()
    searches = tracked.server.faults.count("search") - tracked.server.faults.count("project/search")
    assert searches <= (9 if deployment == "cloud" else 13)  # half the pages, the catch-up and the census


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"issues": null}', b'"text"', b"null", b'{"issues": {}}'])
@BOTH
def test_an_answer_without_its_issues_is_never_an_end(make: Make, deployment: str, body: bytes) -> None:
    """Row 7: nothing of what is known may vanish by it."""
    tracked = make(deployment, 20, server={"page_cap": 5})
    tracked.sync()
    cursor = tracked.ledger.binding("eng", "work").cursor
    tracked.site.edit(issue(tracked, 0), None, title="New")
    path = "search/jql" if deployment == "cloud" else "api/2/search"
    tracked.server.faults.add(path, faults.answered(body), times=9)
    assert tracked.sync(census=True).state in ("failed", "incomplete")
    assert len(tracked.present()) == 20
    assert tracked.ledger.binding("eng", "work").cursor == cursor


def test_an_empty_page_in_the_middle_is_not_the_end(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 7: 'issues' is there and empty although the page was promised."""
    monkeypatch.setattr(ranges, "WORKERS", 1)  # one after another, so that the second request is a second page
    tracked = make("cloud", 20, server={"page_cap": 5})
    tracked.server.faults.add("search/jql", faults.answered(b'{"issues": []}'), after=1)
    outcome = tracked.sync()
    assert outcome.state == "incomplete"
    assert "promised" in outcome.reason
    assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()


@pytest.mark.parametrize("nth", range(6))
def test_an_empty_answer_that_is_not_said_to_be_the_last_loses_nothing(make: Make, nth: int) -> None:
    """Wherever it comes, as the first page of a range beside others too: asked again, or the read is incomplete."""
    tracked = make("cloud", 40, server={"page_cap": 5})
    tracked.server.faults.add("search/jql", faults.answered(b'{"issues": []}'), after=nth)
    if tracked.sync().state != "complete":
        assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()


def test_an_empty_page_in_the_middle_of_a_data_center_is_not_the_end(make: Make) -> None:
    tracked = make("datacenter", 20, server={"page_cap": 5})
    tracked.server.faults.add("api/2/search", faults.answered(b'{"issues": [], "total": 20, "startAt": 5}'), after=1)
    assert tracked.sync().state == "incomplete"
    assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()


def test_a_warning_of_jira_makes_the_read_incomplete(make: Make) -> None:
    """search/jql says of itself that it was truncated."""
    tracked = make("cloud")
    tracked.server.faults.add(
        "search/jql",
        faults.answered(b'{"issues": [], "isLast": true, "warnings": ["truncated due to an ingestion limit"]}'),
    )
    outcome = tracked.sync()
    assert outcome.state == "incomplete"
    assert "ingestion limit" in outcome.reason
    assert tracked.ledger.binding("eng", "work").cursor is None


@BOTH
@pytest.mark.parametrize("part", [0.0, 0.5, 0.98])
def test_a_page_cut_off_is_read_again(make: Make, deployment: str, part: float) -> None:
    """Rows 4 and 5, announced and unannounced."""
    tracked = make(deployment, 12, server={"page_cap": 5})
    tracked.server.faults.add("search", faults.cut(part), after=1)
    tracked.server.faults.add("search", faults.unannounced_cut(part), after=3)
    assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()


# -- what became of what vanished ----------------------------------------------------------------------------------------


@BOTH
def test_a_deleted_issue_is_deleted_after_two_looks(make: Make, deployment: str) -> None:
    """Deleted and hidden look alike; only time and a second complete read make a deletion."""
    tracked = make(deployment)
    tracked.sync()
    gone = issue(tracked, 3)
    tracked.site.delete(gone)
    tracked.sync(census=True)
    first = tracked.all()[gone.id]
    assert first.presence is Presence.UNOBSERVED
    assert "24 h after" in first.presence_reason
    tracked.clock.ahead = timedelta(hours=25)
    tracked.sync(census=True)
    assert tracked.all()[gone.id].presence is Presence.DELETED
    assert len(tracked.present()) == 4


@BOTH
def test_a_moved_issue_has_moved_and_its_new_key_is_known(make: Make, deployment: str) -> None:
    tracked = make(deployment)
    other = tracked.site.project("OPS", "Operations")
    tracked.sync()
    moved = issue(tracked, 1)
    tracked.site.move(moved, other)
    tracked.sync(census=True)
    kept = tracked.all()[moved.id]
    assert kept.presence is Presence.MOVED_OUT
    assert kept.item.key == "OPS-1"
    assert "OPS-1" in kept.presence_reason


@BOTH
def test_a_hidden_project_is_lost_access_and_comes_back(make: Make, deployment: str) -> None:
    """Row 9: never deleted, and present again as soon as the right is back."""
    tracked = make(deployment)
    tracked.site.project("OPS", "Operations")
    tracked.sync()
    project = next(iter(tracked.site.projects.values()))
    project.state = "hidden"
    outcome = tracked.sync(census=True)
    assert outcome.state == "failed"
    assert "does not exist for the field 'project'" in outcome.reason
    assert {k.presence for k in tracked.all().values()} == {Presence.ACCESS_LOST}
    tracked.clock.ahead = timedelta(days=3)
    tracked.sync(census=True)
    assert {k.presence for k in tracked.all().values()} == {Presence.ACCESS_LOST}
    project.state = "live"
    assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()


def test_an_archived_project_has_moved_out(make: Make) -> None:
    tracked = make("cloud", jql="project in (ENG, OPS)")
    other = tracked.site.project("OPS", "Operations")
    extra = tracked.site.create(other, "Of operations", status(tracked, "To Do"))
    tracked.sync()
    other.state = "archived"
    tracked.sync(census=True)
    assert tracked.all()[extra.id].presence is Presence.MOVED_OUT
    assert "archived" in tracked.all()[extra.id].presence_reason


@BOTH
def test_a_mass_disappearance_is_a_fault_until_proven_otherwise(make: Make, deployment: str) -> None:
    tracked = make(deployment, 30)
    tracked.sync()
    for n in range(10):
        tracked.site.delete(issue(tracked, 0))
        del n
    outcome = tracked.sync(census=True)
    assert any("vanished at once" in note for note in outcome.notes)
    tracked.clock.ahead = timedelta(days=2)
    tracked.sync(census=True)
    lost = [k for k in tracked.all().values() if k.presence is not Presence.PRESENT]
    assert {k.presence for k in lost} == {Presence.UNOBSERVED}
    assert len(lost) == 10


def test_an_issue_that_search_hid_is_found_by_its_id(make: Make) -> None:
    """The census misses it, the id lookup does not: it stays."""
    tracked = make("cloud")
    tracked.sync()
    issue(tracked, 2).searchable_at = datetime.now(UTC) + timedelta(hours=1)
    assert tracked.sync(census=True).state == "complete"
    assert len(tracked.present()) + sum(k.presence is Presence.MOVED_OUT for k in tracked.all().values()) == 5
    assert Presence.DELETED not in {k.presence for k in tracked.all().values()}


# -- what is read of an issue ---------------------------------------------------------------------------------------------


@BOTH
def test_history_exists_from_the_first_read(make: Make, deployment: str) -> None:
    """The changelog makes back-dated versions: what was it on that day?"""
    tracked = make(deployment)
    worked = issue(tracked, 0)
    begin = worked.created
    for n, name in enumerate(["In Progress", "To Do", "Done"]):
        tracked.site.edit(worked, None, at=begin + timedelta(hours=n + 1), status=status(tracked, name))
    tracked.sync()
    history = tracked.ledger.history(f"eng:{worked.id}")
    assert [(v.valid_from, v.item.lifecycle) for v in history if v.observed_to is None] == [
        (begin.replace(microsecond=begin.microsecond // 1000 * 1000), Lifecycle.NOT_STARTED),
        *(
            ((begin + timedelta(hours=n + 1)).replace(microsecond=begin.microsecond // 1000 * 1000), life)
            for n, life in enumerate([Lifecycle.IN_PROGRESS, Lifecycle.NOT_STARTED, Lifecycle.DONE])
        ),
    ]


@BOTH
def test_a_changelog_longer_than_an_expand_is_whole(make: Make, deployment: str) -> None:
    """Enhanced search cuts an expanded changelog at 40 entries."""
    tracked = make(deployment)
    busy = issue(tracked, 0)
    for n in range(95):
        tracked.site.edit(busy, None, at=busy.created + timedelta(minutes=n + 1), title=f"Title {n}")
    tracked.sync()
    assert len(tracked.ledger.events(f"eng:{busy.id}")) == 95


def test_a_site_without_bulk_changelogs_is_read_all_the_same(make: Make) -> None:
    tracked = make("cloud")
    busy = issue(tracked, 0)
    for n in range(120):
        tracked.site.edit(busy, None, at=busy.created + timedelta(minutes=n + 1), title=f"Title {n}")
    tracked.server.faults.add("changelog/bulkfetch", faults.status(404), times=99)
    tracked.server.faults.add("issue/bulkfetch", faults.status(404), times=99)
    assert tracked.sync().state == "complete"
    assert len(tracked.ledger.events(f"eng:{busy.id}")) == 120


def test_fields_are_found_by_type_and_by_name(make: Make) -> None:
    """Field ids differ from site to site and names are translated; the custom type does neither."""
    tracked = make(
        "cloud",
        binding="""
        fields: {health: {name: Ampel}, estimate: {schema: "com.pyxis.greenhopper.jira:jsw-story-points"}}
        scales: {health: {Grün: on_track}}
        """,
    )
    tracked.site.custom_field(
        "customfield_77", "Ampel", "option", "com.atlassian.jira.plugin.system.customfieldtypes:select"
    )
    tracked.site.custom_field("customfield_88", "Schätzung", "number", "com.pyxis.greenhopper.jira:jsw-story-points")
    one = issue(tracked, 0)
    tracked.site.edit(one, None, customfield_77="Grün", customfield_88=5.0)
    tracked.sync()
    kept = tracked.present()[one.id]
    assert kept.item.reported_health is Health.ON_TRACK
    word = kept.item.word("health")
    assert word is not None
    assert word.raw == "Grün"
    file, _, line = word.rule.rpartition(":")
    assert "Grün" in Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_a_field_that_is_gone_is_told_and_keeps_nothing_green(make: Make) -> None:
    """Row 20."""
    tracked = make("cloud", binding="fields: {health: {name: Healht}}")
    tracked.site.custom_field("customfield_77", "Health", "option", "x:select")
    outcome = tracked.sync()
    assert any(
        "'Healht'" in note and "did you mean 'Health'?" in note and "d0.yaml:15" in note for note in outcome.notes
    )
    assert {k.item.reported_health for k in tracked.present().values()} == {Health.UNKNOWN}


@BOTH
def test_links_parents_and_flags_are_read(make: Make, deployment: str) -> None:
    tracked = make(deployment)
    tracked.site.custom_field(
        "customfield_21", "Flagged", "array", "com.atlassian.jira.plugin.system.customfieldtypes:multicheckboxes"
    )
    first, second, child = (issue(tracked, n) for n in range(3))
    tracked.site.link(first, second)
    child.parent = first.id
    tracked.site.edit(second, None, customfield_21="Impediment")
    tracked.sync()
    assert tracked.present()[second.id].item.blocked is True
    edges = {(x.kind, x.direction, x.target_item, x.original) for x in tracked.ledger.links(f"eng:{first.id}")}
    assert ("blocks", "out", f"eng:{second.id}", "blocks") in edges
    assert ("parent", "out", f"eng:{first.id}") in {
        (x.kind, x.direction, x.target_item) for x in tracked.ledger.links(f"eng:{child.id}")
    }


def test_a_configured_link_type_blocks(make: Make) -> None:
    tracked = make("cloud", connection="blocking_links: [Hängt ab von]")
    tracked.site.link_types["Hängt ab von"] = ("10900", "wird gebraucht von", "hängt ab von")
    first, second = issue(tracked, 0), issue(tracked, 1)
    tracked.site.link(first, second, "Hängt ab von")
    tracked.site.link(first, second, "Blocks")
    tracked.sync()
    kinds = {(x.original, x.kind) for x in tracked.ledger.links(f"eng:{first.id}")}
    assert kinds == {("hängt ab von", "blocks"), ("blocks", "relates")}


def test_a_scoped_token_is_good_at_the_gateway_and_links_lead_to_the_site(make: Make) -> None:
    """Scoped and service-account tokens get 401 on the site itself; people do not read links of a gateway."""
    tracked = make("cloud", server={"scoped": True})
    assert tracked.sync().state == "failed"
    tracked.write(
        tracked.text.replace("      deployment:", f"      api_url: {tracked.server.gateway}\n      deployment:")
    )
    assert tracked.sync().state == "complete"
    assert {k.item.url.rpartition("/browse/")[0] for k in tracked.present().values()} == {tracked.server.url}


def test_a_cloud_id_means_the_gateway() -> None:
    from connectors.jira import Connection

    made = Connection.model_validate(
        {"url": "https://acme.atlassian.net/", "cloud_id": CLOUD_ID, "auth": {"kind": "oauth", "token": "x"}}
    )
    assert made.base == f"https://api.atlassian.com/ex/jira/{CLOUD_ID}"
    assert made.url == "https://acme.atlassian.net"


def test_the_deployment_is_told_by_the_site(make: Make) -> None:
    tracked = make("datacenter")
    tracked.write(tracked.text.replace("deployment: datacenter", "deployment: auto"))
    assert tracked.sync().state == "complete"
    assert tracked.held() == tracked.truth()


def test_a_filter_longer_than_a_url_is_sent_as_a_body(make: Make) -> None:
    """The library's own body carries nulls that Jira refuses."""
    many = ", ".join(f"ENG-{n}" for n in range(1, 400))
    tracked = make("cloud", jql=f"key in ({many})", count=8)
    assert tracked.sync().state == "complete"
    assert len(tracked.present()) == 8


def test_a_future_update_moves_no_cursor_beyond_now(make: Make) -> None:
    """Row 14: a clock ten minutes ahead on the tracker's side, once, would skip everything in between."""
    tracked = make("cloud")
    tracked.site.edit(issue(tracked, 0), None, at=datetime.now(UTC) + timedelta(days=400), title="From the future")
    tracked.sync()
    tracked.site.edit(issue(tracked, 1), None, title="Now")
    tracked.sync()
    assert tracked.held() == tracked.truth()


def test_an_unreadable_issue_costs_only_itself(make: Make) -> None:
    tracked = make("cloud", 4)
    real = tracked.server.answer

    def broken(*args: Any) -> bytes:
        return real(*args).replace(b'"key":"ENG-2"', b'"key":7')

    tracked.server.answer = broken  # type: ignore[method-assign]  # a site that answers one issue wrongly
    outcome = tracked.sync()
    assert outcome.unreadable >= 1
    assert len(tracked.present()) == 3


@BOTH
def test_a_changing_tracker_is_read_without_loss(make: Make, deployment: str) -> None:
    """Seven updates, a delete and a create after every page: one more run, and everything is as in the tracker."""
    tracked = make(deployment, 60, server={"page_cap": 5})
    real, turn = tracked.server.answer, [0]
    project = next(iter(tracked.site.projects.values()))

    def churning(method: str, path: str, *rest: Any) -> bytes:
        answer = real(method, path, *rest)
        if "search" in path and "project" not in path and turn[0] < 25:
            turn[0] += 1
            there = list(tracked.site.issues.values())
            for n in range(7):
                tracked.site.edit(there[(turn[0] * 13 + n * 5) % len(there)], None, title=f"Turn {turn[0]}.{n}")
            tracked.site.delete(there[(turn[0] * 17) % len(there)])
            tracked.site.create(project, f"Born in turn {turn[0]}", status(tracked, "To Do"))
        return answer

    tracked.server.answer = churning  # type: ignore[method-assign]  # the world goes on while we read
    tracked.sync()
    tracked.sync(census=True)
    tracked.clock.ahead = timedelta(days=2)
    tracked.sync(census=True)
    assert turn[0] == 25
    assert tracked.held() == tracked.truth()
    assert {k.presence for k in tracked.all().values()} <= {Presence.PRESENT, Presence.DELETED, Presence.UNOBSERVED}


def test_a_large_site_is_read_side_by_side_and_whole(make: Make) -> None:
    """One search's pages come one after another: at 30 ms a page, ranges read at once finish several times sooner."""
    tracked = make("cloud", 600, server={"page_cap": 5})
    for n, one in enumerate(tracked.site.issues.values()):
        if n > 100:  # a history that is dense at its end
            one.created = one.created.replace(minute=n % 60) + timedelta(days=1)
    tracked.server.faults.latency = 0.03
    outcome = tracked.sync()
    assert outcome.state == "complete"
    assert tracked.held() == tracked.truth()
    searches = tracked.server.faults.count("search/jql")
    assert searches <= 120 * 1.35 + 122  # the pages, what sharing costs, and the census in pages of five


@pytest.mark.parametrize("after", [3, 17, 40, 77])
def test_a_read_side_by_side_that_broke_off_goes_on(make: Make, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it breaks: what was handed on is not lost, what was not is read again."""
    monkeypatch.setattr("sync.run.BATCH", 10)
    tracked = make("cloud", 400, server={"page_cap": 5})
    tracked.server.faults.latency = 0.005
    tracked.server.faults.add("search/jql", faults.status(401), after=after, times=50)
    assert tracked.sync().state == "failed"
    held = len(tracked.present())
    assert held < 400
    tracked.server.faults.plans.clear()
    outcome = tracked.sync()
    assert outcome.state == "complete"
    assert outcome.counts.new == 400 - held
    assert outcome.counts.seen <= 400 - held + 60  # little is read twice
    assert tracked.held() == tracked.truth()
