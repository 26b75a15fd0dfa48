"""Notion over real HTTP, reached by a department file: every row, every version, nothing concluded from what did not come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.doctor import examine
from demo import faults
from demo.notion_http import NotionServer, error, rate_limited
from demo.notion_site import DataSource, NotionSite, Page
from ledger.model import Lifecycle, Presence
from tests.tracked import Department

DEPARTMENT = """\
department: prod
name: Product
sources:
  - key: prod
    kind: notion
    connection: {{url: "{url}", token: "${{TEST_TOKEN}}", version: "{version}", requests_per_second: 1000}}
    bindings:
      - key: work
        scope: {scope}
        fields: {fields}
        scales: {scales}
"""
OPTIONS = ("To-do: Later", "In progress: Doing", "Complete: Shipped")
START = datetime(2026, 11, 2, 9, 0, 30, tzinfo=UTC)


class Roadmap(Department):
    """A database with one data source, a server in front of it, and a ledger."""

    def __init__(
        self,
        folder: Path,
        *,
        version: str = "2025-09-03",
        scope: str = "",
        fields: str = "{}",
        scales: str = "{}",
        page_cap: int = 100,
    ) -> None:
        self.now = START
        self.site = NotionSite(clock=lambda: self.now)
        self.ann = self.site.user("Ann Lee", "ann@acme.example")
        self.database = self.site.database("Roadmap")
        self.home: DataSource = self.site.data_source(self.database)
        self.site.property(self.home, "Status", "status", OPTIONS)
        self.site.property(self.home, "Owner", "people")
        self.site.property(self.home, "Due", "date")
        self.site.property(self.home, "State", "select", ("in flight", "shipped", "at risk"))
        self.site.property(self.home, "Tags", "multi_select", ("one", "two"))
        self.site.property(self.home, "Ready", "checkbox")
        self.site.property(self.home, "Needs", "rich_text")
        self.site.property(self.home, "Parent", "relation")
        self.server = NotionServer(self.site, token="ntn_test", page_cap=page_cap).__enter__()
        self.shape = {"version": version, "fields": fields, "scales": scales}
        super().__init__(folder, self.written(scope or f'{{database: "{self.database.id}"}}'))

    def written(self, scope: str) -> str:
        return DEPARTMENT.format(url=self.server.url, scope=scope, **self.shape)

    def add(self, count: int, *, every: timedelta = timedelta(minutes=1)) -> list[Page]:
        """Pages made one after another; the clock goes along."""
        made = []
        for n in range(count):
            self.now += every
            made.append(self.site.create(self.home, f"Page {n}", self.ann, Status="Doing"))
        return made

    def titles(self) -> set[str]:
        return {k.item.title for k in self.present().values()}

    def close(self) -> None:
        super().close()
        self.server.__exit__()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Roadmap]]:
    monkeypatch.setenv("TEST_TOKEN", "ntn_test")
    made: list[Roadmap] = []

    def build(**more: Any) -> Roadmap:
        made.append(Roadmap(tmp_path, **more))
        return made[-1]

    yield build
    for roadmap in made:
        roadmap.close()


def plain(page: Page) -> str:
    return page.id.replace("-", "")


# -- reading ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2025-09-03", "2026-03-11"])
def test_both_versions_are_read_whole(make: Callable[..., Roadmap], version: str) -> None:
    roadmap = make(version=version)
    page = roadmap.site.create(
        roadmap.home, "Pricing", roadmap.ann, Status="Shipped", Owner=[roadmap.ann], Due=date(2026, 11, 30)
    )
    outcome = roadmap.sync()
    assert (outcome.state, outcome.counts.new, outcome.requests) == ("complete", 1, 3)
    item = roadmap.present()[plain(page)].item
    assert (item.title, item.lifecycle, item.owner, item.due_on) == (
        "Pricing",
        Lifecycle.DONE,
        "ann",
        date(2026, 11, 30),
    )
    assert item.url.endswith(plain(page))
    roadmap.site.trash(page)
    roadmap.sync(census=True)
    assert roadmap.all()[plain(page)].presence is Presence.DELETED


def test_status_groups_tell_what_is_done_whatever_the_words(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    pages = [roadmap.site.create(roadmap.home, o, Status=o) for o in ("Later", "Doing", "Shipped")]
    roadmap.sync()
    told = roadmap.present()
    assert [told[plain(p)].item.lifecycle for p in pages] == [
        Lifecycle.NOT_STARTED, Lifecycle.IN_PROGRESS, Lifecycle.DONE,
    ]  # fmt: skip


def test_groups_that_hold_everything_in_to_do_tell_nothing(make: Callable[..., Roadmap]) -> None:
    """Options made through the API all land in To-do, Done among them: a wrong "not started" is worse than no answer."""
    roadmap = make(fields="{lifecycle: Stage}")
    roadmap.site.property(roadmap.home, "Stage", "status", ("Backlog", "Blocked", "Done"))
    page = roadmap.site.create(roadmap.home, "A", Stage="Done")
    roadmap.sync()
    assert roadmap.present()[plain(page)].item.lifecycle is Lifecycle.UNKNOWN
    assert [e.raw for e in roadmap.ledger.inbox()] == ["Done"]
    assert any(
        "tell nothing" in f.says for f in examine(roadmap.configuration(), f"sqlite:///{roadmap.folder.parent}/l.db")
    )


def test_a_select_needs_every_word_translated(make: Callable[..., Roadmap]) -> None:
    roadmap = make(fields="{lifecycle: State}", scales='{lifecycle: {"in flight": in_progress, shipped: done}}')
    a, b = (roadmap.site.create(roadmap.home, s, State=s) for s in ("in flight", "at risk"))
    roadmap.sync()
    assert roadmap.present()[plain(a)].item.lifecycle is Lifecycle.IN_PROGRESS
    assert roadmap.present()[plain(b)].item.lifecycle is Lifecycle.UNKNOWN
    assert [e.raw for e in roadmap.ledger.inbox()] == ["at risk"]


def test_a_percentage_is_read_as_it_is_shown(make: Callable[..., Roadmap]) -> None:
    """Notion holds 0.45 and shows 45 %; a plain number stays what it is."""
    roadmap = make(fields="{progress: Share, confidence: Score}", scales="{confidence: confidence_1_10}")
    roadmap.site.property(roadmap.home, "Share", "number", format="percent")
    roadmap.site.property(roadmap.home, "Score", "number")
    roadmap.site.create(roadmap.home, "Pricing", roadmap.ann, Share=0.45, Score=7)
    roadmap.sync()
    (kept,) = roadmap.present().values()
    assert (kept.item.progress, kept.item.confidence) == (pytest.approx(0.45), pytest.approx(6 / 9))


def test_checkbox_formula_rollup_and_multi_select_are_status_sources(make: Callable[..., Roadmap]) -> None:
    roadmap = make(
        fields="{lifecycle: Computed, blocked: Ready, progress: Share, health: Tags}",
        scales='{lifecycle: {late: in_progress}, blocked: {"true": false, "false": true}, health: {one: on_track}}',
    )
    roadmap.site.property(roadmap.home, "Computed", "formula", compute=lambda _: {"type": "string", "string": "late"})
    roadmap.site.property(
        roadmap.home, "Share", "rollup", over="Parent",
        compute=lambda _: {"type": "number", "number": 40, "function": "percent_checked"},
    )  # fmt: skip
    page = roadmap.site.create(roadmap.home, "A", Ready=True, Tags=["one"])
    both = roadmap.site.create(roadmap.home, "B", Tags=["one", "two"])
    roadmap.sync()
    item = roadmap.present()[plain(page)].item
    assert (item.lifecycle, item.blocked, item.progress) == (Lifecycle.IN_PROGRESS, False, pytest.approx(0.4))
    assert item.reported_health == "on_track"
    word = roadmap.present()[plain(both)].item.word("health")
    assert word is not None
    assert "2 values" in word.finding


def test_a_word_keeps_its_rule_by_its_id_when_it_is_renamed(make: Callable[..., Roadmap]) -> None:
    roadmap = make(fields="{lifecycle: State}")
    option = roadmap.home.properties["State"].options[0]
    roadmap.shape["scales"] = f'{{lifecycle: {{"{option.id}": in_progress}}}}'
    roadmap.write(roadmap.written(f'{{database: "{roadmap.database.id}"}}'))
    page = roadmap.site.create(roadmap.home, "A", State="in flight")
    roadmap.sync()
    roadmap.now += timedelta(hours=1)
    roadmap.site.rename_option(roadmap.home.properties["State"], "in flight", "under way")
    outcome = roadmap.sync()
    item = roadmap.present()[plain(page)].item
    assert outcome.counts.changed == 1  # no page was edited by it: the schema told
    word = item.word("lifecycle")
    assert word is not None
    assert (word.raw, item.lifecycle) == ("under way", Lifecycle.IN_PROGRESS)


def test_sixty_relations_are_sixty_edges(make: Callable[..., Roadmap]) -> None:
    roadmap = make(fields="{blocks: Parent}")
    others = roadmap.add(60)
    page = roadmap.site.create(roadmap.home, "Hub", Parent=[p.id for p in others])
    outcome = roadmap.sync()
    links = roadmap.ledger.links(f"prod:{plain(page)}")
    assert {link.target_item for link in links} == {f"prod:{plain(p)}" for p in others}
    assert outcome.requests == 4  # the property once more, whole


def test_people_are_known_with_and_without_an_address(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    guest = roadmap.site.user("Zoe")
    a = roadmap.site.create(roadmap.home, "A", Owner=[roadmap.ann])
    b = roadmap.site.create(roadmap.home, "B", Owner=[guest])
    roadmap.sync()
    told = roadmap.present()
    assert told[plain(a)].item.owner == "ann"
    assert (told[plain(b)].item.owner, told[plain(b)].item.owner_name, told[plain(b)].item.owner_ref) == (
        None, "Zoe", guest.id,
    )  # fmt: skip


@pytest.mark.parametrize(
    "title", ["nul \0 in it", "🟢 שלום ‮ abc", "x" * 50_000, "<script>alert(1)</script>", "[bold]"], ids=range(5)
)
def test_any_text_is_read_and_stored(make: Callable[..., Roadmap], title: str) -> None:
    roadmap = make()
    page = roadmap.site.create(roadmap.home, title, Status="Doing")
    assert roadmap.sync().state == "complete"
    held = roadmap.present()[plain(page)].item.title
    assert len(held) >= len(title.replace("\0", "").strip()) - 1
    assert "\0" not in held


# -- ten thousand rows and more ---------------------------------------------------------------------------------------------


def test_more_rows_than_one_query_gives_are_all_read(make: Callable[..., Roadmap]) -> None:
    """The cap is told only by request_status; has_more is false."""
    roadmap = make()
    roadmap.site.query_cap = 90
    pages = roadmap.add(400)
    outcome = roadmap.sync()
    assert (outcome.state, outcome.counts.new) == ("complete", 400)
    assert set(roadmap.present()) == {plain(p) for p in pages}


def test_too_many_rows_of_one_minute_are_incomplete_not_missing(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.site.query_cap = 50
    roadmap.add(80, every=timedelta())
    outcome = roadmap.sync(census=True)
    assert outcome.state == "incomplete"
    assert "give the binding a filter" in outcome.reason
    assert Presence.DELETED not in {k.presence for k in roadmap.all().values()}


def test_a_failed_read_goes_on_where_it_was(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.add(1500)
    roadmap.server.faults.add("query", faults.status(503), after=12, times=99)
    assert roadmap.sync().state == "failed"
    roadmap.server.faults.plans.clear()
    outcome = roadmap.sync()
    assert (outcome.state, len(roadmap.present())) == ("complete", 1500)
    assert outcome.counts.seen < 600  # not from the first row on


# -- time ------------------------------------------------------------------------------------------------------------------


def test_an_edit_in_a_minute_already_read_is_not_lost(make: Callable[..., Roadmap]) -> None:
    """last_edited_time is rounded down to the minute: a second edit moves nothing that could be seen."""
    roadmap = make()
    roadmap.now = datetime.now(UTC).replace(second=10)
    page = roadmap.site.create(roadmap.home, "A", Status="Doing")
    roadmap.sync()
    roadmap.now += timedelta(seconds=20)
    roadmap.site.edit(page, Status="Shipped")
    roadmap.sync()
    assert roadmap.present()[plain(page)].item.lifecycle is Lifecycle.DONE


def test_an_unchanged_roadmap_costs_three_requests(make: Callable[..., Roadmap]) -> None:
    """The database, its data source, and one query."""
    roadmap = make()
    roadmap.add(250)
    assert roadmap.sync().requests == 5
    again = roadmap.sync()
    assert (again.requests, again.counts.seen) == (3, 0)


def test_a_formula_is_read_anew_every_day(make: Callable[..., Roadmap]) -> None:
    """What it computes from may change without an edit of its own page."""
    result = {"value": "early"}
    roadmap = make(fields="{health: Computed}", scales="{health: {early: on_track, late: off_track}}")
    roadmap.site.property(
        roadmap.home, "Computed", "formula", compute=lambda _: {"type": "string", "string": result["value"]}
    )
    page = roadmap.site.create(roadmap.home, "A", Status="Doing")
    roadmap.sync()
    result["value"] = "late"
    roadmap.sync()
    assert roadmap.present()[plain(page)].item.reported_health == "on_track"
    with roadmap.ledger.engine.begin() as c:  # a day later
        c.exec_driver_sql("update binding_state set cursor = replace(cursor, '2026-', '2025-')")
    roadmap.sync()
    assert roadmap.present()[plain(page)].item.reported_health == "off_track"


# -- vanished --------------------------------------------------------------------------------------------------------------


def test_trash_move_and_lost_access_are_told_apart(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    pages = roadmap.add(12)
    trashed, moved, hidden, purged = pages[:4]
    roadmap.sync()
    roadmap.site.trash(trashed)
    elsewhere = roadmap.site.data_source(roadmap.site.database("Other"))
    roadmap.site.move(moved, elsewhere)
    hidden.shared = False
    roadmap.site.delete(purged)
    roadmap.sync(census=True, at_least=9)
    told = roadmap.all()
    assert told[plain(trashed)].presence is Presence.DELETED
    assert told[plain(moved)].presence is Presence.MOVED_OUT
    assert told[plain(hidden)].presence is Presence.UNOBSERVED  # deleted for good and hidden look alike
    assert told[plain(purged)].presence is Presence.UNOBSERVED
    hidden.shared = True
    roadmap.site.trash(trashed, restore=True)
    roadmap.clock.ahead = timedelta(hours=25)
    roadmap.sync(census=True, at_least=9)
    told = roadmap.all()
    assert told[plain(hidden)].presence is Presence.PRESENT
    assert told[plain(trashed)].presence is Presence.PRESENT
    assert told[plain(purged)].presence is Presence.DELETED


@pytest.mark.parametrize("body", [b"{}", b'{"object":"data_source","properties":null}', b'{"properties":{}}'])
def test_a_schema_without_its_properties_loses_nothing(make: Callable[..., Roadmap], body: bytes) -> None:
    """It is an answer that is not whole, not a data source from which every property was deleted."""
    roadmap = make()
    roadmap.add(2)
    roadmap.sync()
    roadmap.server.faults.add("/v1/data_sources/", faults.answered(body))
    outcome = roadmap.sync()
    assert outcome.state == "failed"
    assert "was answered without its properties" in outcome.reason
    assert {k.item.lifecycle for k in roadmap.present().values()} == {Lifecycle.IN_PROGRESS}


def test_an_unshared_database_has_not_dropped_its_words(make: Callable[..., Roadmap]) -> None:
    """What cannot be seen is not gone: no rule is called outdated for it."""
    roadmap = make(scales="{lifecycle: {Later: not_started, Doing: in_progress, Shipped: done}}")
    roadmap.add(1)
    roadmap.sync()
    roadmap.database.shared = False
    assert roadmap.sync().state == "failed"
    assert {w.name for w in roadmap.ledger.vocabulary("prod") if w.field == "lifecycle"} == {
        "Later",
        "Doing",
        "Shipped",
    }


def test_an_unshared_database_is_lost_access_never_deletion(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.add(3)
    roadmap.sync()
    roadmap.database.shared = False
    outcome = roadmap.sync(census=True)
    assert outcome.state == "failed"
    assert "not shared with the connection" in outcome.reason
    assert "add the connection under" in outcome.hint
    assert {k.presence for k in roadmap.all().values()} == {Presence.ACCESS_LOST}
    roadmap.database.shared = True
    roadmap.sync()
    assert {k.presence for k in roadmap.all().values()} == {Presence.PRESENT}


def test_a_second_data_source_is_read_and_reported(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.add(2)
    roadmap.sync()
    second = roadmap.site.data_source(roadmap.database, "New region")
    roadmap.site.property(second, "Status", "status", OPTIONS)
    roadmap.site.create(second, "Extra", Status="Later")
    outcome = roadmap.sync()
    assert "Extra" in roadmap.titles()
    assert len(roadmap.titles()) == 3
    assert any("has 2 data sources" in n and "New region" in n for n in outcome.notes)


def test_a_mapped_property_that_is_gone_is_named_with_what_is_near(make: Callable[..., Roadmap]) -> None:
    roadmap = make(fields="{health: State}")
    page = roadmap.site.create(roadmap.home, "A", State="shipped", Status="Doing")
    roadmap.sync()
    roadmap.site.rename_property(roadmap.home, "State", "State of play")
    outcome = roadmap.sync()
    assert any("'State', read as health" in n and "did you mean" in n for n in outcome.notes)
    assert "d0.yaml" in " ".join(outcome.notes)
    assert [v.item.title for v in roadmap.ledger.history(f"prod:{plain(page)}")] != []


# -- faults ----------------------------------------------------------------------------------------------------------------


def test_a_504_halves_the_page(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.add(120)
    roadmap.server.slow_above = 25
    outcome = roadmap.sync()
    assert (outcome.state, len(roadmap.present())) == ("complete", 120)


@pytest.mark.parametrize("code", [500, 502, 503, 529, 409])
def test_reads_by_post_are_repeated(make: Callable[..., Roadmap], code: int) -> None:
    """The library repeats no query: neither 500 nor 529."""
    roadmap = make()
    roadmap.add(3)
    roadmap.server.faults.add("query", faults.status(code, error(code, "internal_server_error", "no")), times=2)
    outcome = roadmap.sync()
    assert (outcome.state, outcome.retries, len(roadmap.present())) == ("complete", 2, 3)


@pytest.mark.parametrize("reason", ["public_api_request_rate_limit", "public_api_space_request_rate_limit"])
def test_a_long_rate_limit_is_a_pause(make: Callable[..., Roadmap], reason: str) -> None:
    roadmap = make()
    roadmap.add(3)
    roadmap.server.faults.add("query", rate_limited(1800, reason))
    outcome = roadmap.sync()
    assert outcome.state == "paused"
    assert outcome.retry_at is not None
    assert timedelta(minutes=29) < outcome.retry_at - datetime.now(UTC) < timedelta(minutes=31)
    before = roadmap.server.faults.count()
    assert roadmap.sync().state == "paused"
    assert roadmap.server.faults.count() == before


def test_a_dropped_cursor_starts_anew_from_the_last_row(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.add(350)
    refusal = error(400, "validation_error", "The start_cursor provided is invalid: x")
    roadmap.server.faults.add("query", faults.status(400, refusal), after=2)
    outcome = roadmap.sync()
    assert (outcome.state, len(roadmap.present())) == ("complete", 350)


def test_a_cursor_that_repeats_ends_the_read(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.add(250)
    roadmap.server.repeats_cursor = True
    outcome = roadmap.sync()
    assert outcome.state in ("failed", "incomplete")
    assert outcome.requests < 20


def test_a_wrong_token_says_who_does_what(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.server.token = "another"
    outcome = roadmap.sync()
    assert outcome.state == "failed"
    assert "does not accept the credential" in outcome.reason
    assert "ntn_test" not in outcome.reason + outcome.hint


def test_a_page_of_a_database_that_is_no_database_is_said(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.write(roadmap.written('{database: "00000000-0000-0000-0000-000000000001"}'))
    outcome = roadmap.sync()
    assert outcome.state == "failed"
    assert "is not shared with the connection, or is gone" in outcome.reason


def test_a_filter_of_the_department_goes_along(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    a = roadmap.site.create(roadmap.home, "A", State="shipped")
    roadmap.site.create(roadmap.home, "B", State="at risk")
    c = roadmap.site.create(roadmap.home, "C", State="in flight")
    scope = '{database: "%s", filter: {or: [{property: State, select: {equals: shipped}}, {property: State, select: {equals: in flight}}]}}'
    roadmap.write(roadmap.written(scope % roadmap.database.id))
    roadmap.sync()
    assert set(roadmap.present()) == {plain(a), plain(c)}
    roadmap.now = datetime.now(UTC)
    roadmap.site.edit(a, State="at risk")
    roadmap.sync()
    roadmap.sync(census=True)
    assert roadmap.all()[plain(a)].presence is Presence.MOVED_OUT


def test_a_filter_that_notion_refuses_is_told_with_its_line(make: Callable[..., Roadmap]) -> None:
    roadmap = make()
    roadmap.write(
        roadmap.written(f'{{database: "{roadmap.database.id}", filter: {{property: Nope, select: {{equals: x}}}}}}')
    )
    outcome = roadmap.sync()
    assert outcome.state == "failed"
    assert "Could not find property" in outcome.reason
    assert "d0.yaml" in outcome.hint
