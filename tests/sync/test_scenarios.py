"""Acceptance scenarios about words, through the demo trackers and the whole pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.jira_http import JiraServer
from ledger.model import Health, Lifecycle
from tests.connectors.notion.test_notion_sync import Roadmap
from tests.connectors.salesforce.test_salesforce_sync import Org
from tests.connectors.test_google_sheets import HEADER, Sheet, row
from tests.tracked import Tracked, site


def test_a2_four_words_of_four_trackers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheet "Amber ", Salesforce 7, Notion "in flight", Jira's Cancelled: at risk, on track, unknown in progress, cancelled."""
    monkeypatch.setenv("TEST_TOKEN", "demo-google-token")
    (tmp_path / "sheet").mkdir()
    sheet = Sheet(tmp_path / "sheet", [HEADER, row("A", RAG="Amber ")])
    sheet.sync()
    assert sheet.all()["a"].item.reported_health is Health.AT_RISK
    sheet.close()

    monkeypatch.setenv("TEST_TOKEN", "demo-sales-secret")
    (tmp_path / "sales").mkdir()
    org = Org(tmp_path / "sales")
    deal = org.deal(Confidence__c=7.0)
    org.sync()
    assert org.present()[deal.id].item.reported_health is Health.ON_TRACK
    org.close()

    monkeypatch.setenv("TEST_TOKEN", "ntn_test")
    (tmp_path / "notion").mkdir()
    roadmap = Roadmap(tmp_path / "notion", fields="{lifecycle: State}", scales="{lifecycle: words}")
    page = roadmap.site.create(roadmap.home, "P", State="in flight")
    roadmap.sync()
    item = roadmap.present()[page.id.replace("-", "")].item
    assert (item.lifecycle, item.reported_health) == (Lifecycle.IN_PROGRESS, Health.UNKNOWN)
    roadmap.close()


def test_a2_a_done_issue_that_will_not_be_done_was_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, issues = site(count=1)
    cancelled = made.status("10500", "Cancelled", "done")
    made.edit(issues[0], None, status=cancelled, resolution="Won't Do")
    with JiraServer(made) as server:
        tracked = Tracked(tmp_path, server, f"sqlite:///{tmp_path / 'l.db'}", monkeypatch)
        tracked.sync()
        assert tracked.present()[issues[0].id].item.lifecycle is Lifecycle.CANCELLED
        tracked.close()


def test_a3_a_new_status_without_a_category_invents_no_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, issues = site(count=4)
    with JiraServer(made) as server:
        tracked = Tracked(tmp_path, server, f"sqlite:///{tmp_path / 'l.db'}", monkeypatch)
        tracked.sync()
        odd = made.status("10900", "Im Gespräch", "undefined")
        made.edit(issues[0], None, status=odd)
        tracked.sync()
        item = tracked.present()[issues[0].id].item
        assert (item.lifecycle, item.reported_health) == (Lifecycle.UNKNOWN, Health.UNKNOWN)
        assert [(e.raw, e.count) for e in tracked.ledger.inbox()] == [("Im Gespräch", 1)]
        tracked.close()
