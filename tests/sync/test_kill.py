"""Killed at any instant, paused and woken up, raced by another: the ledger ends as the tracker is (reliability.md, 21-25)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.jira_http import JiraServer
from ledger.model import Presence
from ledger.store import Ledger
from tests.tracked import Tracked, site

KILLS = int(os.environ.get("SIGHTLINE_TEST_KILLS", "20"))
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def victim(tracked: Tracked, database: str, batch: int = 40) -> Iterator[subprocess.Popen[str]]:
    """A process that is ready to sync."""
    command = [sys.executable, "-m", "tests.victim", str(tracked.folder), database, str(batch)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.fixture
def tracked(tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracked]:
    made, _, _ = site("cloud", 200)
    with JiraServer(made, page_cap=20) as server:
        found = Tracked(tmp_path / "config", server, ledger_url, monkeypatch)
        yield found
        found.close()


def mutate(tracked: Tracked, chance: random.Random, turn: int) -> None:
    """The world goes on."""
    there = list(tracked.site.issues.values())
    statuses = list(tracked.site.statuses.values())
    for _ in range(4):
        tracked.site.edit(chance.choice(there), None, title=f"Turn {turn}", status=chance.choice(statuses))
    tracked.site.delete(chance.choice(there))
    tracked.site.create(there[0].project, f"Born in {turn}", statuses[0])


def history_is_single(ledger: Ledger) -> bool:
    """No state of an item stands twice, and each item has one open state per instant."""
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT item_id, valid_from FROM item_version WHERE observed_to IS NULL"
        ).fetchall()
        events = connection.exec_driver_sql("SELECT item_id, id FROM item_event").fetchall()
    return max(Counter(map(tuple, rows)).values()) == 1 and (
        not events or max(Counter(map(tuple, events)).values()) == 1
    )


@pytest.mark.timeout(3600)
def test_killed_at_any_instant_the_ledger_ends_as_the_tracker_is(tracked: Tracked, ledger_url: str) -> None:
    """No record lost, none held twice, none wrongly deleted, while the tracker changes; and no lease stays behind."""
    chance = random.Random(11)
    tracked.server.faults.latency = 0.004
    with victim(tracked, ledger_url) as warm:  # how long a whole run takes here
        began = time.monotonic()
        go(warm)
        assert warm.stdout is not None
        assert warm.stdout.readline().startswith("complete")
        whole = time.monotonic() - began
    for turn in range(KILLS):
        mutate(tracked, chance, turn)
        if turn % 5 == 4:
            with tracked.ledger.engine.begin() as connection:  # as if everything had to be read anew
                connection.exec_driver_sql("UPDATE binding_state SET cursor = NULL, fields = NULL")
        with victim(tracked, ledger_url) as process:
            go(process)
            time.sleep(chance.random() * whole)
            process.send_signal(signal.SIGKILL)
    tracked.server.faults.latency = 0
    outcome = tracked.sync(census=True, confirm=timedelta())
    assert outcome.state == "complete", outcome.reason
    tracked.sync(census=True, confirm=timedelta())
    assert tracked.held() == tracked.truth()
    assert {k.presence for k in tracked.all().values()} == {Presence.PRESENT, Presence.DELETED}
    assert history_is_single(tracked.ledger)


def test_a_process_that_was_paused_and_woke_up_writes_nothing(tracked: Tracked, ledger_url: str) -> None:
    """A lock alone is no mutual exclusion: the sleeper still believes that it holds it (0.2)."""
    tracked.server.faults.latency = 0.02
    with victim(tracked, ledger_url) as sleeper:
        go(sleeper)
        while tracked.server.faults.count("search/jql") < 4:
            time.sleep(0.005)
        sleeper.send_signal(signal.SIGSTOP)
        tracked.server.faults.latency = 0
        assert tracked.sync().state == "busy"  # alive, as far as anyone can tell
        with tracked.ledger.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE lease SET until = 1")  # its time is over
        assert tracked.sync().state == "complete"
        before = tracked.ledger.revision()
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.stdout is not None
        assert "another process took over" in sleeper.stdout.readline()
    assert tracked.ledger.revision() == before
    assert tracked.held() == tracked.truth()


def test_two_processes_never_write_one_source_at_once(tracked: Tracked, ledger_url: str) -> None:
    with victim(tracked, ledger_url) as one, victim(tracked, ledger_url) as two:
        tracked.server.faults.latency = 0.01
        go(one)
        go(two)
        states = sorted(p.stdout.readline().split()[0] for p in (one, two) if p.stdout)
    assert states == ["busy", "complete"]
    assert tracked.held() == tracked.truth()
    assert history_is_single(tracked.ledger)


def test_a_dead_holder_is_taken_over_at_once(tracked: Tracked, ledger_url: str) -> None:
    """Nobody waits two minutes for a process of this machine that is gone."""
    tracked.server.faults.latency = 0.02
    with victim(tracked, ledger_url) as process:
        go(process)
        while tracked.server.faults.count("search/jql") < 2:
            time.sleep(0.005)
    tracked.server.faults.latency = 0
    assert tracked.sync().state == "complete"


def test_a_holder_on_another_machine_is_waited_for(tracked: Tracked) -> None:
    """Whether it lives cannot be told from here."""
    tracked.ledger.lease("eng", "another-machine:4711:99")
    outcome: Any = tracked.sync()
    assert outcome.state == "busy"
    assert "another-machine:4711" in outcome.reason
