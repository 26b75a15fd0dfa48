"""What 'sightline serve' does by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from demo.jira_http import JiraServer
from sync.configuration.live import Live
from sync.schedule import scheduled
from tests.tracked import TODAY, Tracked, site

PLAN = f"""\
periods: [{{key: now, start_on: {TODAY - timedelta(days=45)}, end_on: {TODAY + timedelta(days=45)}}}]
pillars: [{{key: growth, name: Growth}}]
objectives: [{{key: o, pillar: growth, period: now, title: O, key_results: [{{key: kr, title: Result}}]}}]
workstreams: [{{key: w, name: W, department: eng, supports: [kr], items: [{{source: eng}}]}}]
"""


def test_a_sync_that_brought_something_notes_what_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that brought nothing asks nobody again."""
    made, _, _ = site("cloud", 3)
    with JiraServer(made) as server:
        tracked = Tracked(tmp_path, server, f"sqlite:///{tmp_path / 'l.db'}", monkeypatch)
        (tracked.folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
        job = scheduled(tracked.ledger, Live(tracked.configuration())).get_job("eng").func
        assert tracked.ledger.last_noted() is None
        job()
        noted = tracked.ledger.last_noted()
        assert noted is not None
        assert len(tracked.present()) == 3
        job()
        assert tracked.ledger.last_noted() == noted
        tracked.close()
