"""One run over one source: what it promises whatever the tracker does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from demo import faults
from demo.company import DemoCompany, configuration
from demo.jira_http import JiraServer
from ledger.model import Health, Lifecycle, Presence
from ledger.store import Ledger
from normalizer.people import People
from sync.configuration import Configuration, load
from sync.run import Options, Outcome, sync_source
from tests.tracked import Tracked, site

BINDING = """
fields: {health: {name: RAG}}
scales: {health: rag}
"""


@pytest.fixture
def tracked(tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracked]:
    made, _, issues = site("cloud", 8)
    made.custom_field("customfield_31", "RAG", "option", "x:select")
    for n, issue in enumerate(issues):
        made.edit(issue, None, at=issue.created, customfield_31=("Green", "Amber", "Teal")[n % 3])
    with JiraServer(made) as server:
        found = Tracked(tmp_path / "config", server, ledger_url, monkeypatch, binding=BINDING)
        yield found
        found.close()


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[DemoCompany, Configuration, Ledger]]:
    with DemoCompany() as company, Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True) as ledger:
        for name, value in company.environment().items():
            monkeypatch.setenv(name, value)
        yield company, load(configuration()), ledger


def run(loaded: Configuration, ledger: Ledger, source: str, **options: bool) -> Outcome:
    return sync_source(loaded.source(source), ledger, People(loaded.persons()), Options(**options))


def healths(tracked: Tracked) -> list[Health]:
    return [k.item.reported_health for _, k in sorted(tracked.present().items())]


def test_one_sources_failure_hides_no_other_and_keeps_its_last_answer(
    company: tuple[DemoCompany, Configuration, Ledger],
) -> None:
    demo, loaded, ledger = company
    assert run(loaded, ledger, "eng-jira").state == "complete"
    demo.engineering_server.revoked = True
    failed, other = run(loaded, ledger, "eng-jira"), run(loaded, ledger, "legal-jira")
    assert (failed.state, other.state) == ("failed", "complete")
    assert failed.reason == "eng-jira (127.0.0.1) does not accept the credential"
    assert failed.hint.startswith("renew the token")
    assert len(ledger.items()) == 36 + 15
    assert ledger.last_good()["eng-jira"] < ledger.last_good()["legal-jira"]


def test_references_across_trackers_resolve(company: tuple[DemoCompany, Configuration, Ledger]) -> None:
    """ENG-31 says 'LEGAL-4 and ENG-20' in a text field: two trackers, two edges."""
    _, loaded, ledger = company
    run(loaded, ledger, "eng-jira")
    run(loaded, ledger, "legal-jira")
    item = ledger.item("ENG-31")
    assert item is not None
    legal, eng = ledger.item("LEGAL-4"), ledger.item("ENG-20")
    assert legal is not None
    assert eng is not None
    targets = {x.target_item for x in ledger.links(item.item.id) if x.kind == "blocks"}
    assert targets == {legal.item.id, eng.item.id}


def test_a_sheets_row_a_notion_page_and_a_deal_wait_for_the_same_issue(
    company: tuple[DemoCompany, Configuration, Ledger],
) -> None:
    """A cell that says "needs ENG-31", a Notion text, a deal's next step, and addresses of each in a Jira field."""
    demo, loaded, ledger = company
    for source in loaded.sources:
        run(loaded, ledger, source.key)
    legal = ledger.item("LEGAL-7")
    assert legal is not None
    waiting = {consumer.item.source for consumer, provider in ledger.waiting() if provider.item.id == legal.item.id}
    assert waiting == {"eng-jira", "marketing-sheet", "sales-salesforce"}
    page = next(k for k in ledger.items(limit=1000) if k.item.key == "PROD-21").item
    deal = next(k for k in ledger.items(limit=1000) if k.item.source == "sales-salesforce").item
    issue = next(i for i in demo.engineering.issues.values() if i.number == 3)
    texts = f"https://www.notion.so/acme/Renamed-{page.ref} and {deal.ref[:15]} and https://www.notion.so/{'0' * 32}"
    demo.engineering.edit(issue, None, customfield_10040=texts)
    run(loaded, ledger, "eng-jira")
    found = {x.target: x.target_item for x in ledger.links(f"eng-jira:{issue.id}") if x.original == "depends_on"}
    assert set(found.values()) == {page.id, deal.id, None}
    assert [u.target for u in ledger.unresolved() if u.item == f"eng-jira:{issue.id}"] == [
        f"https://www.notion.so/{'0' * 32}"
    ]


def test_a_source_that_asked_to_be_left_alone_is(tracked: Tracked) -> None:
    """Row 1: not asked before its hour, unless a person insists."""
    tracked.server.faults.add("search/jql", faults.status(429, retry_after="600"))
    outcome = tracked.sync()
    assert outcome.state == "paused"
    assert outcome.retry_at is not None
    asked = len(tracked.server.faults.log)
    assert tracked.sync().state == "paused"
    assert len(tracked.server.faults.log) == asked
    assert tracked.sync(even_if_paused=True).state == "complete"
    assert tracked.ledger.not_before("eng") is None


def test_a_changed_mapping_translates_anew_without_a_request_for_records(tracked: Tracked) -> None:
    """The raw record is kept: a corrected scale needs no tracker."""
    tracked.sync()
    assert healths(tracked)[:3] == [Health.ON_TRACK, Health.AT_RISK, Health.UNKNOWN]
    assert [(e.raw, e.count) for e in tracked.ledger.inbox()] == [("Teal", 2)]
    tracked.write(
        tracked.text.replace("scales: {health: rag}", "scales: {health: {scale: rag, words: {Teal: on_track}}}")
    )
    tracked.server.faults.log.clear()
    outcome = tracked.sync()
    assert outcome.state == "complete"
    assert not tracked.server.faults.count("search/jql") + tracked.server.faults.count("bulkfetch")
    assert healths(tracked)[:3] == [Health.ON_TRACK, Health.AT_RISK, Health.ON_TRACK]
    assert tracked.ledger.inbox() == []


def test_a_changed_mapping_leaves_what_was_known_then(tracked: Tracked) -> None:
    tracked.sync()
    teal, then = sorted(tracked.present())[2], tracked.clock()
    tracked.write(
        tracked.text.replace("scales: {health: rag}", "scales: {health: {scale: rag, words: {Teal: off_track}}}")
    )
    tracked.sync()
    now = [v.item.reported_health for v in tracked.ledger.history(f"eng:{teal}")]
    known_then = [v.item.reported_health for v in tracked.ledger.history(f"eng:{teal}", known_at=then)]
    assert now[-1] is Health.OFF_TRACK
    assert known_then[-1] is Health.UNKNOWN


def test_a_changed_field_map_reads_everything_anew(tracked: Tracked) -> None:
    tracked.sync()
    tracked.site.custom_field("customfield_32", "Other RAG", "option", "x:select")
    tracked.write(tracked.text.replace("{name: RAG}", "{name: Other RAG}"))
    outcome = tracked.sync()
    assert any("read anew" in note for note in outcome.notes)
    assert set(healths(tracked)) == {Health.UNKNOWN}


def test_a_dry_run_writes_nothing(tracked: Tracked) -> None:
    outcome = tracked.sync(dry_run=True)
    assert (outcome.counts.seen, outcome.counts.new) == (8, 8)
    assert tracked.all() == {}
    assert tracked.ledger.runs("eng", 5) == []


def test_every_run_is_on_record_with_its_costs(tracked: Tracked) -> None:
    tracked.sync()
    done = tracked.ledger.runs("eng", 1)[0]
    assert (done.state, done.good, done.new, done.seen) == ("complete", True, 8, 8)
    assert done.requests == len(tracked.server.faults.log)


def test_a_new_status_costs_coverage_and_is_listed_once(tracked: Tracked) -> None:
    """A3, through everything."""
    strange = tracked.site.status("10777", "Frobnicating", "undefined")
    for issue in list(tracked.site.issues.values())[:3]:
        tracked.site.edit(issue, None, status=strange)
    tracked.sync()
    entries = [e for e in tracked.ledger.inbox() if e.field == "lifecycle"]
    assert [(e.raw, e.raw_id, e.count) for e in entries] == [("Frobnicating", "10777", 3)]
    assert [k.item.lifecycle for _, k in sorted(tracked.present().items())][:3] == [Lifecycle.UNKNOWN] * 3


def test_a_status_deleted_in_the_tracker_keeps_its_category_in_history(tracked: Tracked) -> None:
    """A4"""
    gone = tracked.site.status("10888", "Baking", "indeterminate")
    issue = next(iter(tracked.site.issues.values()))
    done = next(s for s in tracked.site.statuses.values() if s.category == "done")
    tracked.sync()
    tracked.site.edit(issue, None, at=issue.created + timedelta(hours=1), status=gone)
    tracked.site.edit(issue, None, status=done)
    tracked.site.delete_status(gone)
    tracked.sync()
    lives = [v.item.lifecycle for v in tracked.ledger.history(f"eng:{issue.id}") if v.observed_to is None]
    assert lives == [Lifecycle.NOT_STARTED, Lifecycle.IN_PROGRESS, Lifecycle.DONE]


def test_most_rows_gone_at_once_deletes_nothing(tracked: Tracked) -> None:
    """A5: 60 per cent."""
    tracked.sync()
    for issue in list(tracked.site.issues.values())[:5]:
        tracked.site.delete(issue)
    outcome = tracked.sync(census=True)
    tracked.clock.ahead = timedelta(days=9)
    tracked.sync(census=True)
    assert any("5 records of 'ENG' vanished at once" in n or "5 of 8" in n for n in outcome.notes)
    assert {k.presence for k in tracked.all().values()} == {Presence.PRESENT, Presence.UNOBSERVED}


def test_a_failure_after_the_fetch_leaves_the_last_good_read(tracked: Tracked) -> None:
    """A13"""
    tracked.sync()
    good = tracked.ledger.last_good()["eng"]
    tracked.site.edit(next(iter(tracked.site.issues.values())), None, title="New")
    tracked.server.faults.add("changelog/bulkfetch", faults.status(401))
    assert tracked.sync().state == "failed"
    assert tracked.ledger.last_good()["eng"] == good
    assert "New" not in {k.item.title for k in tracked.present().values()}
    assert tracked.sync().state == "complete"
    assert "New" in {k.item.title for k in tracked.present().values()}


def test_an_item_of_two_bindings_belongs_to_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are translated by one mapping, and it is counted once."""
    made, _, _ = site("cloud", 6)
    with JiraServer(made) as server:
        found = Tracked(
            tmp_path / "config", server, f"sqlite:///{tmp_path / 'l.db'}", monkeypatch, jql="key in (ENG-1, ENG-2)"
        )
        second = (
            "      - key: rest\n        scope: {jql: project = ENG}\n        scales: {lifecycle: {To Do: paused}}\n"
        )
        found.write(found.text + second)
        assert found.sync().state == "complete"
        owned = {k.item.key: (k.item.binding, k.item.lifecycle) for k in found.present().values()}
        assert owned["ENG-1"] == ("work", Lifecycle.NOT_STARTED)
        assert owned["ENG-3"] == ("rest", Lifecycle.PAUSED)
        assert len(owned) == 6
        assert found.sync().counts.changed == 0
        found.close()


def test_the_budget_of_requests_stops_a_run_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _, _ = site("cloud", 40)
    monkeypatch.setattr("sync.run.BATCH", 5)
    with JiraServer(made, page_cap=5) as server:
        found = Tracked(
            tmp_path / "config", server, f"sqlite:///{tmp_path / 'l.db'}", monkeypatch, connection="request_budget: 16"
        )
        states = [found.sync().state for _ in range(4)]
        assert states[0] == "failed"
        assert "complete" in states
        assert found.held() == found.truth()
        found.close()


def test_no_secret_reaches_a_log_the_database_or_an_outcome(tracked: Tracked, caplog: pytest.LogCaptureFixture) -> None:
    """Row 32, at DEBUG, through faults that libraries like to print in full."""
    import logging

    caplog.set_level(logging.DEBUG)
    for n, fault in enumerate(
        (faults.status(500), faults.status(403), faults.cut(0.5), faults.login_page, faults.answered(b"{"))
    ):
        tracked.server.faults.add("search/jql", fault, after=n)
        outcome = tracked.sync(census=True, full=True)
        assert tracked.server.token not in repr(outcome)
    assert tracked.server.token not in caplog.text
    with tracked.ledger.engine.connect() as connection:
        tables = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            if connection.dialect.name == "sqlite"
            else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        kept = "".join(str(connection.exec_driver_sql(f'SELECT * FROM "{name}"').fetchall()) for (name,) in tables)
    assert "Issue 0" in kept
    assert tracked.server.token not in kept
