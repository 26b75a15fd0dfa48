"""Parts of the plan that are records of trackers: a sheet of key results, a Notion page per objective, over real HTTP."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.asking import overview
from api.cli import app
from api.doctor import examine
from api.planning import reasons
from demo.jira_http import JiraServer
from demo.notion_http import NotionServer
from demo.notion_site import NotionSite
from demo.sheets_http import SheetsServer
from demo.sheets_site import SheetsSite, Tab
from ledger.store import Ledger
from signals.company import Company
from signals.facts import Facts
from signals.plan import Metric
from sync.bound_plan import meet_plan, plan_at
from sync.configuration import ConfigErrors, Configuration, load
from sync.configuration.models import PARTS
from sync.facts import Gatherer, judged_at
from tests.tracked import TODAY, Department, Tracked, site, write

BOOK = "1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"


def facts_at(ledger: Ledger, configuration: Configuration, at: datetime) -> Facts:
    """Everything at once, as small companies allow."""
    gatherer = Gatherer(ledger, configuration, at)
    members = gatherer.members()
    found = gatherer.facts(gatherer.plan.workstreams, members)
    return replace(found, unlinked=members.unlinked, readings=gatherer.above().readings)


def company(ledger: Ledger, configuration: Configuration, at: datetime) -> tuple[Company, Facts]:
    return judged_at(ledger, configuration, at)[0], facts_at(ledger, configuration, at)


PLAN = f"""\
periods: [{{key: now, start_on: {TODAY - timedelta(days=45)}, end_on: {TODAY + timedelta(days=45)}}}]
pillars: [{{key: growth, name: Growth, sponsor: ann}}]
objectives:
  - key: verticals
    pillar: growth
    period: now
    title: Three new verticals
    key_results: [{{key: by-hand, title: Six talks}}]
workstreams:
  - {{key: enablement, name: Enablement, department: mkt, owner: ann, supports: [by-hand], items: [{{source: mkt}}]}}
"""
MARKETING = """\
department: mkt
name: Marketing
sources:
  - key: mkt
    kind: google_sheets
    connection: {{url: {url}, drive_url: {url}, token_url: {url}/token, auth: {{kind: token, token: "${{TEST_TOKEN}}"}}, requests_per_second: 1000}}
    bindings:
      - key: work
        scope: {{spreadsheet: {book}, tab: Work}}
        row_key: [Key]
        scales: {{lifecycle: {{Doing: in_progress, Done: done}}, health: rag}}
      - key: results
        role: key_result
        scope: {{spreadsheet: {book}, tab: Results}}
        row_key: [Key]
        fields:
          title: Result
          objective: Objective
          rank: Rank
          critical: Critical
          baseline: From
          target: To
          current_value: Now
          unit: Unit
          direction: Direction
          curve: Curve
          weight: Weight
      - key: streams
        role: workstream
        scope: {{spreadsheet: {book}, tab: Streams}}
        row_key: [Key]
        fields: {{name: Name, sponsor: Sponsor, start_on: Start, supports: Supports, depends_on: Needs, items: Items}}
      - key: milestones
        role: milestone
        scope: {{spreadsheet: {book}, tab: Milestones}}
        row_key: [Key]
        fields: {{workstream: Stream, weight: Weight}}
        scales: {{lifecycle: {{Doing: in_progress, Done: done}}}}
"""
RESULT = (
    "Key",
    "Result",
    "Objective",
    "Owner",
    "Rank",
    "Critical",
    "From",
    "To",
    "Now",
    "Unit",
    "Direction",
    "Curve",
    "Weight",
)
STREAM = ("Key", "Name", "Owner", "Sponsor", "Start", "Supports", "Needs", "Items")
MILESTONE = ("Key", "Stream", "Due", "Status", "Weight")


class Marketing(Department):
    """A spreadsheet with a tab of work and three of the plan, and a server in front of it."""

    def __init__(self, folder: Path, plan: str = PLAN) -> None:
        self.site = SheetsSite()
        self.book = self.site.spreadsheet(BOOK, "Marketing")
        headers = {"Work": ("Key", "Status", "RAG"), "Results": RESULT, "Streams": STREAM, "Milestones": MILESTONE}
        self.tabs: dict[str, Tab] = {n: self.site.add_tab(self.book, n, [list(h)]) for n, h in headers.items()}
        self.headers = headers
        self.server = SheetsServer(self.site).__enter__()
        super().__init__(folder, MARKETING.format(url=self.server.url, book=BOOK))
        (self.folder / "plan.yaml").write_text(plan, encoding="utf-8")

    def add(self, tab: str, key: str, **cells: Any) -> int:
        """A row of a tab; its number from 0."""
        row = [key if name == "Key" else cells.get(name) for name in self.headers[tab]]
        self.site.add_tab(self.book, "Scratch", [row])
        self.tabs[tab].rows.append(self.book.tabs.pop().rows[0])
        return len(self.tabs[tab].rows) - 1

    def result(self, key: str, **cells: Any) -> int:
        return self.add("Results", key, **{"Objective": "verticals", **cells})

    def put(self, tab: str, row: int, column: str, value: Any) -> None:
        self.site.put(self.book, self.tabs[tab], row, self.headers[tab].index(column), value)

    def on(self, days_ago: int) -> None:
        """Syncs as it was so many days ago."""
        self.clock.ahead = -timedelta(days=days_ago)
        assert self.sync().state == "complete"
        self.clock.ahead = timedelta()

    def plan(self, days_ago: int = 0, basis: Any = "happened") -> Any:
        return plan_at(self.ledger, self.configuration(), self.at(days_ago), basis)

    def at(self, days_ago: int = 0) -> datetime:
        return datetime.now(UTC) - timedelta(days=days_ago)

    def id(self, key: str) -> str:
        """The item that a row is."""
        return next(k.item.id for k in self.all().values() if k.item.key == key)

    def says(self) -> list[str]:
        """What is said of records that cannot be understood."""
        return [u.says for u in self.plan().unread]

    def close(self) -> None:
        super().close()
        self.server.__exit__()


@pytest.fixture
def mkt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Marketing]:
    monkeypatch.setenv("TEST_TOKEN", "demo-google-token")
    made = Marketing(tmp_path)
    yield made
    made.close()


# -- a sheet of key results ------------------------------------------------------------------------------------------------------


def test_a_row_is_a_key_result_and_its_cell_the_metric(mkt: Marketing) -> None:
    """The readings are what the cell held, day by day; the status is judged from them."""
    row = mkt.result(
        "partners", Result="Nine partners signed", Owner="ann@acme.example", Rank=1, Critical=True, From=0, To=9, Now=1,
        Unit="partners", Curve="Linear",
    )  # fmt: skip
    mkt.on(20)
    mkt.put("Results", row, "Now", 2)
    mkt.on(10)
    judged, facts = company(mkt.ledger, mkt.configuration(), mkt.at())
    kr = facts.plan.key_result_by_key["partners"]
    assert (kr.objective, kr.title, kr.owner, kr.rank, kr.critical) == (
        "verticals",
        "Nine partners signed",
        "ann",
        1,
        True,
    )
    assert kr.metric == Metric(
        "number", "increase", 0, 9, "partners", "linear", (), "mkt", mkt.id("partners").removeprefix("mkt:")
    )
    assert [(TODAY - r.on, r.value) for r in facts.readings["partners"][:2]] == [
        (timedelta(days=20), 1.0), (timedelta(days=10), 2.0),
    ]  # fmt: skip
    assert "stands at 2 partners of 9" in judged.nodes["partners"].because
    assert judged.nodes["verticals"].worst == ("Nine partners signed (at risk)",)
    assert mkt.says() == []


def test_a_node_tells_the_row_that_it_is(mkt: Marketing) -> None:
    mkt.result("partners")
    mkt.on(0)
    told = reasons(mkt.ledger, mkt.configuration(), "partners", mkt.at()).origin
    assert told == f"https://docs.google.com/spreadsheets/d/{BOOK}/edit#gid=1000 (Results!2:2)"


def test_the_plan_is_as_it_was_at_the_instant(mkt: Marketing) -> None:
    """A target that was lowered is lowered from then on; before anything was read the sheet plans nothing."""
    row = mkt.result("partners", To=9)
    mkt.on(20)
    mkt.put("Results", row, "To", 5)
    mkt.on(10)
    assert [mkt.plan(n).key_result_by_key["partners"].metric.target for n in (15, 5)] == [9, 5]
    assert mkt.plan(15, "known").key_result_by_key["partners"].metric.target == 9
    assert set(mkt.plan(30).key_result_by_key) == {"by-hand"}


def test_a_deleted_row_was_part_of_the_plan_until_then(mkt: Marketing) -> None:
    for key in ("a", "b", "c"):
        mkt.result(key)
    mkt.on(20)
    mkt.tabs["Results"].rows.pop(2)
    mkt.site.touch(mkt.book)
    mkt.on(10)
    assert set(mkt.plan().key_result_by_key) == {"by-hand", "a", "c"}
    assert set(mkt.plan(15).key_result_by_key) == {"by-hand", "a", "b", "c"}


def test_a_sheet_that_cannot_be_read_loses_no_part_of_the_plan(mkt: Marketing) -> None:
    mkt.result("partners", To=9)
    mkt.on(1)
    mkt.book.shared = False
    assert mkt.sync().state == "failed"
    assert mkt.plan().key_result_by_key["partners"].metric.target == 9


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"To": "lots"}, "to", "target 'lots' is no number: write a number; until then it has no metric"),
    ({"To": "1,5"}, "to", "target '1,5' is no number"),
    ({"To": True}, "to", "target 'true' is no number"),
    ({"From": "few", "To": 9}, "from", "baseline 'few' is no number"),
    ({"From": 9, "To": 9}, "to", "target and baseline are both 9, and nothing would have to change: correct one"),
    ({"To": 9, "Direction": "up-ish"}, "direction", "direction 'up-ish' is none of increase, decrease, maintain_above, maintain_below"),
    ({"To": 9, "Curve": "table"}, "curve", "curve 'table' is none of none, linear, step, milestones: write one of them; until then it has no curve"),
    ({"Rank": 0}, "rank", "rank 0 is no rank: write 1 for the first"),
    ({"Rank": 1.5}, "rank", "rank 1.5 is no rank"),
    ({"Weight": -1}, "weight", "weight -1 is not above 0"),
    ({"Critical": "perhaps"}, "critical", "critical 'perhaps' is neither yes nor no"),
    ({"Owner": "Bob Nobody"}, "owner", "owner 'Bob Nobody' is nobody in people.yaml: add the e-mail, alias or identity there; until then it has no owner"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "part", "says"), WRONG, ids=[w[2][:30] for w in WRONG])
def test_a_word_that_nobody_can_understand_is_named_and_left_out(
    mkt: Marketing, cells: dict[str, Any], part: str, says: str
) -> None:
    """The rest of the key result stays; the sentence names the record, the cell and what to do."""
    mkt.result("partners", Result="Partners", **cells)
    mkt.result("fine", To=3)
    mkt.on(0)
    (told,) = mkt.says()
    assert told.startswith(f"partners 'Partners' of mkt: {says}"), told
    assert told.endswith(f"(Results!{'ABCDEFGHIJKLM'[[h.casefold() for h in RESULT].index(part)]}2)"), told
    found = mkt.plan().key_result_by_key
    assert (found["partners"].title, found["fine"].metric.target) == ("Partners", 3)
    assert found["partners"].metric is None or found["partners"].metric.target == 9


HOMELESS: list[tuple[dict[str, Any], str]] = [
    ({"Objective": "vertcals"}, "objective 'vertcals' is not in the plan: did you mean 'verticals'?; until then it is not in the plan"),
    ({"Objective": None}, "objective is empty: name it by its key"),
    ({"Objective": "growth"}, "objective 'growth' is not in the plan"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "says"), HOMELESS, ids=["misspelt", "empty", "a pillar"])
def test_a_key_result_of_no_objective_is_not_in_the_plan(mkt: Marketing, cells: dict[str, Any], says: str) -> None:
    mkt.result("partners", **cells)
    mkt.on(0)
    (told,) = mkt.says()
    assert says in told
    assert "partners" not in mkt.plan().key_result_by_key


def test_a_column_that_is_gone_is_not_an_empty_one(mkt: Marketing) -> None:
    """Without its direction a metric would be judged the wrong way round. What it said before stays known."""
    mkt.result("partners", To=9, Direction="decrease", From=20)
    mkt.on(10)
    mkt.put("Results", 0, "Direction", "Which way")
    mkt.on(5)
    (told,) = mkt.says()
    assert "direction was not read: see that its field is there, and sync again; until then it has no metric" in told
    assert mkt.plan().key_result_by_key["partners"].metric is None
    assert mkt.plan(7).key_result_by_key["partners"].metric.direction == "decrease"


def test_what_a_file_says_is_not_overruled(mkt: Marketing) -> None:
    mkt.result("By-Hand ", Result="Another")
    mkt.result("growth")
    mkt.on(0)
    assert mkt.plan().key_result_by_key["by-hand"].title == "Six talks"
    assert len(mkt.plan().key_results) == 1
    assert ["stands at" in s and "plan.yaml" in s and "give each its own" in s for s in mkt.says()] == [True, True]


def test_what_cannot_be_understood_needs_somebody(mkt: Marketing, monkeypatch: pytest.MonkeyPatch) -> None:
    mkt.result("partners", To="lots")
    mkt.result("talks", To="many")
    mkt.on(0)
    judged, _ = company(mkt.ledger, mkt.configuration(), mkt.at())
    (needs,) = [e for e in judged.exceptions if e.signal == "plan_unreadable"]
    assert (needs.subject, needs.severity, needs.decision_needed) == ("mkt", "warn", "a correction in the record")
    assert needs.because.endswith("(and 1 more)")
    assert [e.ref for e in needs.evidence] == [mkt.id("partners"), mkt.id("talks")]
    database = f"sqlite:///{mkt.folder.parent}/l.db"
    told = [f.says for f in examine(mkt.configuration(), database) if f.check == "plan"]
    assert [t.split(":")[0] for t in told] == ["partners of mkt", "talks of mkt"]
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(mkt.folder))
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", database)
    shown = " ".join(CliRunner().invoke(app, ["exceptions"]).output.split())
    assert "partners of mkt: target 'lots' is no number" in shown
    for asked, says in (("partners", "key_result partners"), (mkt.id("partners"), "lifecycle unknown")):
        assert says in " ".join(CliRunner().invoke(app, ["explain", asked]).output.split())


# -- records of the plan are no work ----------------------------------------------------------------------------------------------


def test_records_of_the_plan_are_no_work_items(mkt: Marketing) -> None:
    """A workstream of everything in the source has its work only; nor do they count where coverage is told."""
    mkt.add("Work", "w1", Status="Doing", RAG="Green")
    mkt.result("partners", To=9, Now=1)
    mkt.add("Streams", "events", Name="Events", Supports="partners")
    mkt.add("Milestones", "m1", Stream="events", Due=TODAY, Status="Doing")
    mkt.on(0)
    facts = facts_at(mkt.ledger, mkt.configuration(), mkt.at())
    assert facts.of["enablement"] == [mkt.id("w1")]
    assert facts.unlinked == {"mkt": (0, 1)}
    (answer,) = overview(mkt.ledger, mkt.configuration()).departments
    assert (answer.items, answer.coverage) == (1, 1.0)
    assert len(mkt.present()) == 4


# -- workstreams and milestones ----------------------------------------------------------------------------------------------------


def test_workstreams_and_milestones_of_a_sheet_are_judged(mkt: Marketing) -> None:
    """The first due date that was known is the milestone's frozen baseline."""
    mkt.result("partners")
    mkt.add("Work", "w1", Status="Doing", RAG="Green")
    mkt.add("Streams", "events", Name="Events", Owner="Ann Lee", Sponsor="Ann Lee", Start=TODAY - timedelta(days=40),
            Supports="partners, by-hand", Items="mkt/work")  # fmt: skip
    row = mkt.add(
        "Milestones", "Hall booked", Stream="Events ", Due=TODAY - timedelta(days=20), Status="Doing", Weight=2
    )
    mkt.add("Milestones", "Kits sent", Stream="enablement", Due=TODAY + timedelta(days=20), Status="Doing")
    mkt.on(30)
    mkt.put("Milestones", row, "Due", TODAY + timedelta(days=9))
    mkt.on(5)
    judged, facts = company(mkt.ledger, mkt.configuration(), mkt.at())
    events = facts.plan.workstream_by_key["events"]
    assert (events.name, events.department, events.owner, events.sponsor) == ("Events", "mkt", "ann", "ann")
    assert (events.supports, events.start_on) == (("partners", "by-hand"), TODAY - timedelta(days=40))
    assert facts.of["events"] == [mkt.id("w1")]
    (point,) = facts.checkpoints(events)
    assert (point.title, point.baseline_on, point.due_on) == (
        "Hall booked", TODAY - timedelta(days=20), TODAY + timedelta(days=9),
    )  # fmt: skip
    assert "'Hall booked' of Events is" in judged.nodes["events"].because
    assert [p.title for p in facts.checkpoints(facts.plan.workstream_by_key["enablement"])] == ["Kits sent"]
    assert mkt.says() == []


def test_a_circle_is_not_closed(mkt: Marketing) -> None:
    """What waits for something outside of the circle still does."""
    for key, needs in (("a", "b"), ("b", "a"), ("c", "a, c, nothing"), ("d", "enablement")):
        mkt.add("Streams", key, Needs=needs)
    mkt.on(0)
    assert {(d.consumer, d.provider) for d in mkt.plan().dependencies} == {("c", "a"), ("d", "enablement")}
    told = [s.split(";")[0] for s in mkt.says()]
    assert "c of mkt: depends_on 'nothing' is not in the plan: name one of a, b, c, d, enablement" in told
    assert "a of mkt: depends_on goes in a circle, a waits for b waits for a: name who begins" in told
    assert "c of mkt: depends_on goes in a circle, c waits for c: name who begins" in told
    assert len(told) == 4


def test_a_milestone_of_no_workstream_and_a_date_that_is_none_are_named(mkt: Marketing) -> None:
    mkt.add("Milestones", "m1", Stream="nowhere", Due=TODAY)
    mkt.add("Milestones", "m2", Stream="enablement", Due="soon")
    mkt.on(0)
    first, second = mkt.says()
    assert "m1 of mkt: workstream 'nowhere' is not in the plan: name one of enablement; until then it is not" in first
    assert "m2 of mkt: due_on 'soon' is no date: write one such as 2026-11-30; until then it has no due" in second
    assert [m.item for m in mkt.plan().workstream_by_key["enablement"].milestones] == [mkt.id("m2")]


# -- when nodes came in --------------------------------------------------------------------------------------------------------------


def test_what_the_first_read_brings_did_not_come_in_late(mkt: Marketing) -> None:
    mkt.add("Streams", "events")
    meet_plan(mkt.ledger, mkt.configuration())
    assert mkt.ledger.first_seen() == {}
    mkt.on(0)
    meet_plan(mkt.ledger, mkt.configuration())
    assert set(mkt.ledger.first_seen()) == {"verticals", "by-hand", "enablement", "events"}
    assert facts_at(mkt.ledger, mkt.configuration(), mkt.at()).first_seen == {}


# -- a Notion page per objective ------------------------------------------------------------------------------------------------------

PRODUCT = """\
department: prod
name: Product
sources:
  - key: prod
    kind: notion
    connection: {{url: "{url}", token: "${{NOTION_TOKEN}}", version: "2025-09-03", requests_per_second: 1000}}
    bindings:
      - key: objectives
        role: objective
        scope: {{database: "{objectives}"}}
        fields: {{pillar: Pillar, period: Period, sponsor: Sponsor, kind: Kind}}
      - key: results
        role: key_result
        scope: {{database: "{results}"}}
        fields: {{objective: Objective, target: Target, baseline: Baseline, current_value: Now, direction: Direction}}
"""


class Product(Department):
    """A workspace with a database of objectives and one of key results that are related to them."""

    def __init__(self, folder: Path) -> None:
        self.site = NotionSite()
        self.ann = self.site.user("Ann Lee", "ann@acme.example")
        objectives, results = self.site.database("Objectives"), self.site.database("Key results")
        self.objectives, self.results = self.site.data_source(objectives), self.site.data_source(results)
        for name in ("Pillar", "Period", "Kind"):
            self.site.property(self.objectives, name, "select", ("growth", "now", "later", "okr", "wish"))
        for name in ("Owner", "Sponsor"):
            self.site.property(self.objectives, name, "people")
        self.site.property(self.results, "Objective", "relation")
        self.site.property(self.results, "Direction", "select", ("Maintain above", "Decrease"))
        for name in ("Target", "Baseline", "Now"):
            self.site.property(self.results, name, "number")
        self.server = NotionServer(self.site, token="ntn_test").__enter__()
        super().__init__(folder, PRODUCT.format(url=self.server.url, objectives=objectives.id, results=results.id))
        (self.folder / "plan.yaml").write_text("\n".join(PLAN.splitlines()[:2]), encoding="utf-8")

    def objective(self, title: str, **more: Any) -> Any:
        return self.site.create(self.objectives, title, self.ann, **{"Pillar": "growth", "Period": "now", **more})

    def plan(self) -> Any:
        return plan_at(self.ledger, self.configuration(), datetime.now(UTC))

    def close(self) -> None:
        super().close()
        self.server.__exit__()


@pytest.fixture
def prod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    monkeypatch.setenv("NOTION_TOKEN", "ntn_test")
    made = Product(tmp_path)
    yield made
    made.close()


def test_a_page_is_an_objective_and_what_is_related_to_it_its_key_results(prod: Product) -> None:
    """A plan of which the files hold nothing but periods and pillars."""
    page = prod.objective("Loved by admins", Owner=[prod.ann], Sponsor=[prod.ann], Kind="okr")
    prod.site.create(
        prod.results, "Answers in an hour", Objective=[page.id], Target=1, Baseline=8, Now=4, Direction="Decrease"
    )
    assert prod.sync().state == "complete"
    judged, facts = company(prod.ledger, prod.configuration(), datetime.now(UTC))
    objective, (kr,) = facts.plan.objective_by_key["Loved by admins"], facts.plan.key_results
    assert (objective.owner, objective.sponsor, objective.department, objective.period) == ("ann", "ann", "prod", "now")
    assert objective.origin.endswith(page.id.replace("-", ""))
    assert (kr.objective, kr.metric) == (
        "Loved by admins",
        Metric("number", "decrease", 8, 1, source="prod", item=kr.metric.item),
    )
    assert [r.value for r in facts.readings[kr.key]] == [4]
    assert judged.nodes["growth"].because
    assert facts.plan.unread == ()


def test_a_page_is_named_by_its_address_too(prod: Product) -> None:
    """A text with a link to the page leads to the objective as a relation does."""
    page = prod.objective("Loved by admins")
    prod.site.property(prod.results, "Serves", "rich_text")
    prod.write(prod.text.replace("objective: Objective", "objective: Serves"))
    prod.site.create(prod.results, "Fast", Serves=f"https://www.notion.so/Loved-by-admins-{page.id.replace('-', '')}")
    prod.sync()
    assert [k.objective for k in prod.plan().key_results] == ["Loved by admins"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"Pillar": None}, "Wish of prod: pillar is empty: name it by its key; until then it is not in the plan"),
        ({"Period": "later"}, "Wish of prod: period 'later' is not in the plan: name one of now"),
        ({"Kind": "wish"}, "Wish of prod: kind 'wish' is none of okr, v2mom, hoshin, other"),
    ],
    ids=["pillar", "period", "kind"],
)
def test_an_objective_that_cannot_be_placed_is_named_and_so_is_what_leads_to_it(
    prod: Product, more: dict[str, Any], says: str
) -> None:
    page = prod.objective("Wish", **more)
    prod.site.create(prod.results, "Fast", Objective=[page.id])
    prod.sync()
    told = [u.says for u in prod.plan().unread]
    assert says in told[0]
    kept = "Kind" in more
    assert len(told) == (1 if kept else 2)
    assert [o.key for o in prod.plan().objectives] == (["Wish"] if kept else [])


def test_of_two_nodes_with_one_key_neither_is_guessed(prod: Product) -> None:
    for _ in range(2):
        prod.objective("Same")
    prod.site.create(prod.results, "same ")
    prod.sync()
    assert (prod.plan().objectives, prod.plan().key_results) == ((), ())
    told = [u.says for u in prod.plan().unread]
    assert len(told) == 3
    assert all("too: give each its own; until then it is not in the plan" in s for s in told)


def test_two_relations_are_not_guessed_between(prod: Product) -> None:
    pages = [prod.objective(title) for title in ("One", "Two")]
    prod.site.create(prod.results, "Fast", Objective=[p.id for p in pages])
    prod.sync()
    (told,) = prod.plan().unread
    assert "Fast of prod: objective names 2" in told.says


# -- Jira tells its history --------------------------------------------------------------------------------------------------------------


def test_a_tracker_with_a_history_tells_the_plan_of_before_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """happened: the target and the readings of then. known: nothing was known yet."""
    made, project, _ = site(count=0)
    for id, name, kind in (("1", "Objective", "string"), ("2", "Target", "number"), ("3", "Now", "number")):
        made.custom_field(f"customfield_{id}", name, kind, f"x:{kind}")
    ago = {n: datetime.now(UTC) - timedelta(days=n) for n in (5, 15, 20, 25, 30)}
    values = {"customfield_1": "verticals", "customfield_2": 9.0, "customfield_3": 1.0}
    issue = made.create(project, "Nine partners signed", made.statuses["3"], at=ago[30], fields=values)
    made.edit(issue, None, at=ago[25], customfield_3=2.5)
    made.edit(issue, None, at=ago[15], customfield_2=6.0)
    with JiraServer(made) as server:
        binding = "role: key_result\nfields: {objective: Objective, target: Target, current_value: Now}"
        tracked = Tracked(tmp_path, server, f"sqlite:///{tmp_path / 'l.db'}", monkeypatch, binding=binding)
        plan = PLAN.replace("department: mkt", "department: eng").replace("source: mkt", "source: eng")
        (tracked.folder / "plan.yaml").write_text(plan, encoding="utf-8")
        assert tracked.sync().state == "complete"
        configuration = tracked.configuration()
        then = plan_at(tracked.ledger, configuration, ago[20])
        now = facts_at(tracked.ledger, configuration, datetime.now(UTC))
        assert [p.key_result_by_key["ENG-1"].metric.target for p in (then, now.plan)] == [9, 6]  # type: ignore[union-attr]  # it has one
        assert [r.value for r in now.readings["ENG-1"]][:2] == [1, 2.5]
        assert now.plan.key_result_by_key["ENG-1"].origin == f"{server.url}/browse/ENG-1"
        assert "ENG-1" not in plan_at(tracked.ledger, configuration, ago[5], "known").key_result_by_key
        tracked.close()


# -- what can be told when the files are read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("          objective: Objective\n", "", "16", "a binding of the role key_result needs fields.objective"),
        ("          objective: Objective\n", "          objectiv: Objective\n", "18", "'objectiv' is no role - did you mean 'objective'?"),
        ("{{workstream: Stream, weight: Weight}}", "{{weight: Weight}}", "37", "a binding of the role milestone needs fields.workstream"),
        ("role: workstream", "confidential: true\n        role: workstream", "29", "the plan is everybody's: a binding of the role workstream"),
        ("role: workstream", "role: workstraem", "29", "must be 'objective', 'key_result', 'workstream', 'milestone' or 'item'"),
    ],
    ids=["no objective", "misspelt part", "no workstream", "confidential plan", "misspelt role"],
)  # fmt: skip
def test_a_binding_that_can_hold_no_part_of_the_plan_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, line: str, says: str
) -> None:
    monkeypatch.setenv("TEST_TOKEN", "x")
    assert old in MARKETING
    folder = write(tmp_path, MARKETING.replace(old, new).format(url="https://sheets.googleapis.com", book=BOOK))
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(folder)
    (told,) = [p for p in caught.value.problems if says in p.sentence]
    assert (told.file, str(told.line)) == (str(folder / "departments" / "d0.yaml"), line)


def test_an_objective_needs_its_pillar_and_its_period(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTION_TOKEN", "x")
    text = PRODUCT.format(url="https://api.notion.com", objectives="a" * 32, results="b" * 32)
    folder = write(tmp_path, text.replace("{pillar: Pillar, period: Period, ", "{"))
    with pytest.raises(ConfigErrors) as caught:
        load(folder)
    assert [p.sentence.rpartition(" ")[2] for p in caught.value.problems] == ["fields.period", "fields.pillar"]


CONNECTIONS = {
    "google_sheets": '{auth: {kind: token, token: "${TEST_TOKEN}"}}',
    "notion": '{token: "${TEST_TOKEN}"}',
    "jira": '{url: https://acme.atlassian.net, auth: {kind: pat, token: "${TEST_TOKEN}"}}',
    "salesforce": '{url: https://acme.my.salesforce.com, auth: {kind: session, session_id: "${TEST_TOKEN}"}}',
}


def test_every_example_of_the_documents_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", "x")
    text = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(bindings:.*?)```", text.partition("## The plan from trackers")[2], re.DOTALL)
    assert len(examples) == len(CONNECTIONS)
    for (kind, connection), example in zip(CONNECTIONS.items(), examples, strict=True):
        source = f"  - key: {kind.replace('_', '-')}\n    kind: {kind}\n    connection: {connection}\n"
        bindings = textwrap.indent(example, "    ")
        folder = write(tmp_path / kind, f"department: one\nname: One\nsources:\n{source}{bindings}")
        assert {b.role for b in load(folder).plan_bindings.values()} <= set(PARTS)
