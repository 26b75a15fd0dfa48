"""The COO's questions about the demo company's plan: through the trackers, the ledger, the signals, the terminal and HTTP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from api.planning import check_ins
from demo.company import DemoCompany, configuration
from ledger.store import Ledger
from normalizer.people import People
from signals.cadence import check_in
from sync.closing import close_week, note_open, pack_of
from sync.configuration import ConfigErrors, Configuration, load
from sync.facts import Gatherer, judged_at
from sync.run import sync_source
from tests.asking import local
from tests.planned import QUARTER, at, facts, item, stream

CLI = CliRunner()


class Board:
    """The demo company, synced once, with its plan."""

    def __init__(self, folder: Path, company: DemoCompany) -> None:
        self.folder, self.company = folder, company
        shutil.copytree(configuration(), folder / "config")
        self.url = f"sqlite:///{folder / 'l.db'}"
        self.loaded: Configuration = load(folder / "config")

    def sync(self, ledger: Ledger) -> None:
        for bound in self.loaded.sources:
            assert sync_source(bound, ledger, People(self.loaded.persons())).state == "complete"

    def run(self, *words: str, code: int = 0) -> str:
        done = CLI.invoke(app, words)
        assert done.exit_code == code, done.output
        return " ".join(done.output.split())

    def json(self, *words: str) -> Any:
        done = CLI.invoke(app, [*words, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with DemoCompany() as company, pytest.MonkeyPatch.context() as patch:
        for name, value in company.environment().items():
            patch.setenv(name, value)
        made = Board(tmp_path_factory.mktemp("board"), company)
        with Ledger.open(made.url, migrate=True) as ledger:
            made.sync(ledger)
        yield made


@pytest.fixture
def board(synced: Board, monkeypatch: pytest.MonkeyPatch) -> Board:
    for name, value in synced.company.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(synced.folder / "config"))
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", synced.url)
    return synced


def test_the_coos_question_is_answered_with_the_decision(board: Board) -> None:
    """A1 on the demo company: Legal is late, whoever waits for it is named, and who decides."""
    told = board.run("status", "pillar-2")
    for part in (
        "Strategic Pillar 2",
        "Expand into three new enterprise verticals",
        "Needs a decision",
        "decides within",
    ):
        assert part in told
    answer = board.json("status", "pillar-2", "--all")
    legal = next(e for e in answer["exceptions"] if e["subject"] == "legal-entities" and e["signal"] == "behind_pace")
    assert legal["decision_owner"] == "Jonas Keller"
    assert set(legal["affects"]) == {"Sales enablement", "Product adaptation"}
    assert answer["node"]["headline"] in ("at_risk", "off_track")
    assert answer["node"]["coverage"] is not None


def test_an_exception_tells_since_when_it_is_open(board: Board) -> None:
    with Ledger.open(board.url) as ledger:
        note_open(ledger, board.loaded)
    told = board.json("exceptions")
    assert all(e["opened_at"] and e["first_visible_at"] for e in told)
    assert "open since" in board.run("exceptions")


def test_every_sentence_leads_to_its_record(board: Board) -> None:
    """From the pillar to the workstream to the item to the raw record and the line that translated it."""
    told = board.json("explain", "legal-entities")
    pace = next(s for s in told["signals"] if s["signal"] == "behind_pace")
    file, _, line = told["origin"].rpartition(":")
    assert "legal-entities" in Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    evidence = pace["evidence"][0]
    item_told = board.json("explain", evidence["ref"])
    assert item_told["url"] == evidence["url"]
    assert item_told["raw"]["title"] in evidence["says"]


@pytest.mark.parametrize("days", [0, 21, 42])
def test_the_question_may_be_asked_as_of_any_day(board: Board, days: int) -> None:
    on = datetime.now(UTC).date() - timedelta(days=days)
    answer = board.json("status", "company", "--as-of", on.isoformat())
    assert answer["as_of"][:10] <= (on + timedelta(days=1)).isoformat()
    for e in answer["exceptions"]:
        for proof in e["evidence"]:
            if proof["ref"].startswith(("eng-jira:", "legal-jira:")):
                assert board.json("explain", proof["ref"])["url"] == proof["url"]


def test_before_anything_was_known_nothing_is_known(board: Board) -> None:
    """basis=known: what the ledger knew then, which was nothing."""
    answer = board.json(
        "status", "company", "--as-of", (datetime.now(UTC).date() - timedelta(days=30)).isoformat(), "--basis", "known"
    )
    assert answer["node"]["reported"] == "unknown"
    assert answer["node"]["items"] == 0


def test_what_changed_is_told_with_its_sentences(board: Board) -> None:
    told = board.json("changes", "--since", (datetime.now(UTC).date() - timedelta(days=21)).isoformat())
    assert told["opened"]
    assert all(e["because"] for e in told["opened"])


def test_an_unknown_node_is_said(board: Board) -> None:
    assert "did you mean 'pillar-2'?" in board.run("status", "pilar-2", code=2)
    assert "--basis is happened or known" in board.run("status", "pillar-2", "--basis", "x", code=2)


def test_the_plan_over_http(board: Board) -> None:
    with Ledger.open(board.url) as ledger, local(create_app(ledger, board.loaded)) as client:
        for path, count in (("pillars", 2), ("objectives", 2), ("key-results", 4), ("workstreams", 5)):
            assert len(client.get(f"/v1/{path}").json()["items"]) == count, path
        status = client.get("/v1/pillars/pillar-2/status").json()
        assert status["node"]["key"] == "pillar-2"
        assert status["exceptions"][0]["decision_needed"]
        assert client.get("/v1/nodes/first-accounts/explain").json()["node"]["accountability"]["result"] == "fail"
        assert {d["provider"] for d in client.get("/v1/dependencies").json()["items"]} == {"legal-entities"}
        assert "behind_pace" in {d["key"] for d in client.get("/v1/definitions").json()["items"]}
        assert client.get("/v1/exceptions").json()["items"]
        then = (datetime.now(UTC) - timedelta(days=21)).isoformat()
        assert client.get("/v1/changes", params={"since": then}).status_code == 200
        assert client.get("/v1/pillars/nope/status").status_code == 404
        period = board.loaded.plan.periods[0].key
        assert client.get("/v1/pillars/pillar-2/status", params={"period": period}).status_code == 200
        wrong = client.get("/v1/pillars/pillar-2/status", params={"period": "1999-Q1"})
        assert (wrong.status_code, f"known are {period}" in wrong.json()["detail"]) == (400, True)
        for path in ("changes", "nodes/first-accounts/explain", "key-results/first-accounts/trace"):
            unknown = client.get(
                f"/v1/{path}",
                params={"since": then, "period": "1999-Q1"} if path == "changes" else {"period": "1999-Q1"},
            )
            assert unknown.status_code == 400, path
        assert client.get("/v1/pillars", params={"as_of": "2026-11-20T10:00:00"}).status_code == 400
        assert client.get("/v1/pillars", params={"as_of": "2099-01-01T00:00:00+00:00"}).status_code == 400
        assert client.get("/v1/pillars", params={"asof": "x"}).status_code == 422


def test_a_published_week_is_the_same_whenever_it_is_computed(board: Board, tmp_path: Path) -> None:
    """A11: byte for byte, after the mapping changed: it tells what was known when it settled, under the mapping of then.

    What is known better later is another version, which names what it says differently; both stay."""
    shutil.copytree(board.folder / "config", tmp_path / "c")
    clock = [datetime.now(UTC)]
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True, clock=lambda: clock[0]) as ledger:
        for bound in board.loaded.sources:
            sync_source(bound, ledger, People(board.loaded.persons()))
        week = board.loaded.calendar.week_at(clock[0])
        clock[0] = board.loaded.calendar.close_of(week) + timedelta(hours=1)
        assert close_week(ledger, board.loaded, week).provisional
        clock[0] += timedelta(days=3)
        settled = close_week(ledger, board.loaded, week)
        assert (settled.version, settled.provisional) == (2, False)
        said = {c.node: c for c in settled.check_ins}["legal-entities"]
        assert "Gelb" in said.reported_raw
        assert said.url
        path = tmp_path / "c" / "departments" / "legal.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("Gelb: at_risk", "Gelb: off_track"), encoding="utf-8")
        changed = load(tmp_path / "c")
        clock[0] += timedelta(days=2)
        sync_source(changed.source("legal-jira"), ledger, People(changed.persons()))
        again = pack_of(ledger, changed, week, settled.settles_at)
        assert (
            msgspec.json.encode(msgspec.structs.replace(again, restated=settled.restated)).decode()
            == ledger.closes()[-1][3]
        )
        assert close_week(ledger, changed, week, restate=False).version == 2
        restated = close_week(ledger, changed, week)
        assert (restated.version, "legal-entities" in restated.restated) == (3, True)
        assert [c[1] for c in ledger.closes()] == [1, 2, 3]
        told = {c.node: marked for c, marked, _ in check_ins(ledger, board.loaded, week)}
        assert told["legal-entities"]


def test_an_open_week_is_not_closed(board: Board) -> None:
    with Ledger.open(board.url) as ledger:
        coming = board.loaded.calendar.week_at(ledger.clock() + timedelta(days=7))
    assert "closes at" in board.run("close", coming, code=2)
    assert "is no week" in board.run("close", "2026-99", code=2)


def test_the_same_instant_under_the_mapping_of_then_and_of_now(board: Board, tmp_path: Path) -> None:
    """A corrected scale changes what is said of the past under the mapping of now, and not what was said then."""
    url = f"sqlite:///{tmp_path / 'l.db'}"
    shutil.copytree(board.folder / "config", tmp_path / "c")
    with Ledger.open(url, migrate=True) as ledger:
        for bound in board.loaded.sources:
            sync_source(bound, ledger, People(board.loaded.persons()))
        then = ledger.clock()
        path = tmp_path / "c" / "departments" / "legal.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("Gelb: at_risk", "Gelb: off_track"), encoding="utf-8")
        changed = load(tmp_path / "c")
        sync_source(changed.source("legal-jira"), ledger, People(changed.persons()))

        def off(basis: Any, mapping: Any) -> int:
            judged, _ = judged_at(ledger, changed, then, basis, mapping)
            return judged.nodes["legal-entities"].distribution["off_track"]

        assert (off("known", "then"), off("known", "now")) == (1, 3)
        assert (off("happened", "then"), off("happened", "now")) == (1, 3)
        with local(create_app(ledger, changed)) as client:

            def explained(mapping: str) -> dict[str, Any]:
                asked = {"as_of": then.isoformat(), "mapping": mapping}
                told: dict[str, Any] = client.get("/v1/nodes/legal-entities/explain", params=asked).json()
                return told

            assert explained("then")["node"]["distribution"]["off_track"] == 1
            assert explained("now")["node"]["distribution"]["off_track"] == 3


# -- cadence ------------------------------------------------------------------------------------------------------------------


def test_a_monthly_team_is_carried_between_its_months_and_stale_after_two() -> None:
    """A9: said in week 40 (1 October): weeks 1 to 4 after it carried, week 10 stale twice and unknown."""
    told = []
    for n in range(12):
        today = QUARTER.start_on + timedelta(days=1 + 7 * n)  # Fridays
        made = facts(today, stream("w"), items=[item("A")], cadence={"eng": "monthly"})
        week = made.calendar.week_at(at(today))
        told.append(check_in(made, made.plan.workstreams[0], week))
    assert [c.freshness for c in told] == ["fresh", *["carried"] * 4, *["stale"] * 7]
    assert [c.cadences for c in told] == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2]
    assert [str(c.reported) for c in told[9:]] == ["on_track", "unknown", "unknown"]
    assert str(told[10].last_reported) == "on_track"
    assert all(c.slower_than_weekly for c in told)


def test_a_source_that_was_down_is_not_the_owners_silence() -> None:
    """A13: no good read since the last close."""
    from signals.facts import SourceFacts

    today = date(2026, 11, 20)
    down = {"jira": SourceFacts("jira", "eng", good=(at(date(2026, 11, 10)),))}
    made = facts(today, stream("w"), items=[item("A", (date(2026, 11, 9), {}))], sources=down)
    assert check_in(made, made.plan.workstreams[0], made.calendar.week_at(at(today))).freshness == "source_down"


def test_a_late_sunday_update_lands_in_the_organisations_week() -> None:
    """23:30 on Sunday in New York is Monday in Berlin; after Friday's close both count to the next week."""
    calendar = facts(date(2026, 11, 20), stream("w")).calendar
    assert calendar.week_at(datetime(2026, 11, 20, 15, 59, tzinfo=UTC)) == "2026-W47"
    assert calendar.week_at(datetime(2026, 11, 20, 16, 1, tzinfo=UTC)) == "2026-W48"
    assert calendar.week_at(datetime(2026, 11, 23, 4, 30, tzinfo=UTC)) == "2026-W48"


# -- the plan's file --------------------------------------------------------------------------------------------------------------


def test_thresholds_that_there_are_not_are_named(board: Board, tmp_path: Path) -> None:
    shutil.copytree(board.folder / "config", tmp_path / "c")
    for name, text in (
        ("organisation.yaml", "signals: {behindpace: {warn: 3}}"),
        ("departments/legal.yaml", "signals: {slipping: {warn: 3}}"),
    ):
        path = tmp_path / "c" / name
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path / "c")
    told = " ".join(p.sentence for p in caught.value.problems)
    assert "there is no signal 'behindpace' - did you mean 'behind_pace'?" in told
    assert "slipping has no threshold 'warn': it has watch_days, warn_moves" in told


def test_a_key_result_that_is_behind_is_traced_on_the_demo_company(board: Board) -> None:
    told = board.json("trace", "first-accounts")
    assert told["verdict"] in ("traced", "not_scored")
    assert "known are first-accounts" in board.run("trace", "x", code=2)


BROKEN = {
    "metric: {target: 9, unit: accounts, curve: linear,": (
        "metric: {baseline: 9, target: 9, unit: accounts, curve: linear,", "baseline and target are both 9",
    ),
    "supports: [entities-ready, first-accounts]": ("supports: [entities-redy]", "there is no key result 'entities-redy' - did you mean"),
    "owner: jonas-keller\n    sponsor": ("owner: jonas-keller / omar-reyes\n    sponsor", "names two"),
    "pillar: pillar-1": ("pillar: pillar-9", "there is no pillar 'pillar-9'"),
    "- consumer: product-adaptation\n    provider: legal-entities": (
        "- consumer: legal-entities\n    provider: sales-enablement", "a circle that nobody can begin",
    ),
    "items: [{source: legal-jira}]": ("items: [{source: legal-jria}]", "there is no source 'legal-jria' - did you mean 'legal-jira'"),
    "key: discovery": ("key: localization", "exists already"),
    "milestones: from_due_dates": ("milestones: from_dates", "from_due_dates"),
}  # fmt: skip


@pytest.mark.parametrize("old", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_plan_is_named_with_its_line(board: Board, tmp_path: Path, old: str) -> None:
    new, says = BROKEN[old]
    shutil.copytree(board.folder / "config", tmp_path / "c")
    path = tmp_path / "c" / "plan.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path / "c")
    told = [p for p in caught.value.problems if says in p.sentence]
    assert told, caught.value.problems
    assert told[0].file.endswith("plan.yaml")
    assert told[0].line > 1


def test_a_departments_own_objectives_join_the_plan(board: Board, tmp_path: Path) -> None:
    shutil.copytree(board.folder / "config", tmp_path / "c")
    path = tmp_path / "c" / "departments" / "legal.yaml"
    more = f"""
objectives:
  - {{key: contracts, pillar: pillar-1, period: "{board.loaded.plan.periods[0].key}", title: Contracts in a day, key_results: [{{key: in-a-day, title: 80 % in a day}}]}}
workstreams:
  - {{key: templates, name: Templates, owner: lea-vogel, supports: [in-a-day], items: [{{source: legal-jira, title: Steuernummer}}]}}
"""
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    made = load(tmp_path / "c")
    assert made.plan.workstream_by_key["templates"].department == "legal"
    with Ledger.open(board.url) as ledger:
        found = Gatherer(ledger, made, ledger.clock()).members()
    assert len(found.streams["templates"]) == 3
