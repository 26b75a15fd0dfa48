"""What every sync keeps of how things stand is what judging everything anew says, whatever changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.planning import Now, Past, Veiled, board_at, standing
from ledger.pages import Page, sorted_by
from ledger.published import BY_NAME
from ledger.store import Ledger
from ledger.veil import Veil
from sync.closing import close_week
from sync.standing import refresh
from tests.companies import SOURCES, Scripted, differences


@pytest.fixture
def company(ledger_url: str, tmp_path: Path) -> Iterator[Scripted]:
    made = Scripted(tmp_path, workstreams=21, items=300, url=ledger_url)
    made.fill()
    yield made
    made.close()


def told(board: Any) -> dict[str, Any]:
    """Everything that a board says, by what it is about."""
    kinds = ("company", "pillar", "objective", "key_result", "workstream")
    nodes = {k: n for kind in kinds for k, n in board.nodes(kind).items()}
    found: dict[str, Any] = {f"node {k}": msgspec.to_builtins(n) for k, n in nodes.items()}
    for key in nodes:
        for v in board.verdicts(key):
            found[f"verdict {v.key}"] = msgspec.to_builtins(v)
    for e in board.exceptions():
        found[f"exception {e.key}"] = msgspec.to_builtins(e)
    for key in nodes:
        for limit in (2, 7, 0):
            found[f"below {key} {limit}"] = msgspec.to_builtins(board.below(key, limit))
    return found


def same(company: Scripted) -> None:
    now = board_at(company.ledger, company.configuration)
    anew = board_at(company.ledger, company.configuration, company.now)
    assert isinstance(now, Now)
    assert isinstance(anew, Past)
    found = told(now)
    assert {"node w0", "node company", "verdict behind_pace:w1:"} <= found.keys()
    assert sum(key.startswith("exception ") for key in found) > 10
    assert list(differences(found, told(anew))) == []


def test_what_is_kept_is_what_judging_anew_says(company: Scripted) -> None:
    """From scratch, and after syncs that change, move, link and lose items."""
    same(company)
    for n in range(6):
        company.change(5, vanish=2 if n % 2 else 0)
        same(company)


@pytest.mark.parametrize("hidden", SOURCES)
def test_behind_a_veil_only_words_are_missing(company: Scripted, hidden: str) -> None:
    """After every change: as it stands for everybody, without a word of a hidden row, kept and judged anew alike."""
    shown = next(s for s in SOURCES if s != hidden)
    seen = company.ledger.seen_by(Veil(frozenset({(shown, "work")}), {(hidden, "work"): "confidential: ask D"}))
    stays = (
        "headline",
        "reported",
        "derived",
        "distribution",
        "items",
        "coverage",
        "watermelon",
        "candid",
        "outcome",
        "worst",
    )
    counted = ("outcome", "severity", "signal", "subject", "title", "affects", "opened_at")
    for n in range(4):
        now, anew = board_at(seen, company.configuration), board_at(seen, company.configuration, company.now)
        assert isinstance(now, Veiled)
        found, whole = told(now), told(board_at(company.ledger, company.configuration))
        assert list(differences(found, told(anew))) == []
        assert list(found) == list(whole)
        for key, part in whole.items():
            fields = stays if key.startswith("node ") else counted
            assert {f: part.get(f) for f in fields} == {f: found[key].get(f) for f in fields}, key
        text = json.dumps([found, msgspec.to_builtins(now.plan.dependencies)], default=str)
        numbers = {int(m) for m in re.findall(r"(?:Item |example/)(\d+)", text)}
        assert {SOURCES[m % 2] for m in numbers} == {shown}
        assert not re.search(rf"{hidden}[-:]\d", text)
        assert "confidential: ask D" in text
        changed = {key for key in whole if found[key] != whole[key]}
        assert 0.1 * len(whole) < len(changed) < 0.8 * len(whole)
        company.change(5, vanish=2 if n % 2 else 0)


def test_a_circle_that_goes_through_hidden_rows_names_none(company: Scripted) -> None:
    """The evidence is a visible record, and its sentence names the hidden one that it waits for."""
    company.wait(1, 0)  # w0 needs w1, by the plan
    seen = company.ledger.seen_by(Veil(frozenset({("beta", "work")}), {("alpha", "work"): "ask"}))
    (whole,) = [
        v for v in board_at(company.ledger, company.configuration).verdicts("w1") if v.signal == "dependency_cycle"
    ]
    assert "waits for alpha-0" in whole.evidence[0].says
    assert whole.evidence[0].ref == "beta:1"
    (veiled,) = [v for v in board_at(seen, company.configuration).verdicts("w1") if v.signal == "dependency_cycle"]
    assert (veiled.because, veiled.evidence[0].says, veiled.evidence[0].names) == ("ask", "ask", ())


def test_what_names_a_hidden_metric_has_no_figure_of_it(company: Scripted) -> None:
    seen = company.ledger.seen_by(Veil(frozenset({("beta", "work")}), {("alpha", "work"): "ask"}))
    whole, board = board_at(company.ledger, company.configuration), board_at(seen, company.configuration)
    measured = {k.key for k in board.plan.key_results if k.metric and k.metric.source}
    scored = {k for k, n in whole.nodes("key_result").items() if n.score is not None}
    shown = {k: n for k, n in board.nodes("key_result").items() if n.score is not None}
    assert scored & measured
    assert shown.keys() == scored - measured


def test_another_day_is_another_judgement(company: Scripted) -> None:
    refresh(company.ledger, company.configuration)
    company.now += timedelta(days=1)
    same(company)


def test_a_sync_that_changed_little_judges_little(company: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cost follows what changed, not what there is."""
    refresh(company.ledger, company.configuration)
    judged: list[str] = []
    from sync import standing

    real = standing.judge_workstreams

    def counted(facts: Any, part: Any, limits: Any) -> Any:
        judged.extend(w.key for w in part)
        return real(facts, part, limits)

    monkeypatch.setattr(standing, "judge_workstreams", counted)
    refresh(company.ledger, company.configuration)
    assert judged == []
    company.change(3)
    refresh(company.ledger, company.configuration)
    assert 0 < len(judged) < 12


def test_one_nodes_status_reads_its_own_rows(company: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs the same in a company of any size: of what is below it only its parts and its sum are read."""
    refresh(company.ledger, company.configuration)
    read: list[str] = []
    real = Ledger.standing

    def noted(ledger: Ledger, kind: str, keys: Any = None) -> Any:
        found = real(ledger, kind, keys)
        read.extend(f"{kind} {key}" for key in found)
        return found

    monkeypatch.setattr(Ledger, "standing", noted)
    monkeypatch.setattr(Ledger, "open_rows", lambda _: pytest.fail("everything that needs a decision was read"))
    refresh(company.ledger, company.configuration)
    read.clear()
    found = standing(board_at(company.ledger, company.configuration), "pillar0")
    assert found.exceptions_total > len(found.exceptions) == 7
    parts = [f"objective {n.key}" for n in found.children]
    assert sorted(read) == sorted(["pillar pillar0", "sum pillar0", *parts])


def test_who_comes_second_keeps_what_stands(company: Scripted) -> None:
    """Two processes refresh at once: the one that began from what is no more throws its work away."""
    before = refresh(company.ledger, company.configuration)
    company.change(3)
    after = refresh(company.ledger, company.configuration)
    assert not company.ledger.stand([], before=before, after=before)
    assert company.ledger.stood() == after
    same(company)


def test_what_is_published_is_what_the_boards_say(company: Scripted) -> None:
    """BI tools read views of the database; people ask the boards: the same figures."""
    company.change(5)
    board = board_at(company.ledger, company.configuration)
    nodes = {
        k: n
        for kind in ("company", "pillar", "objective", "key_result", "workstream")
        for k, n in board.nodes(kind).items()
    }
    told = rows(company, "PlanNodes")
    assert {r["key"] for r in told} == nodes.keys()
    for r in told:
        n = nodes[r["key"]]
        assert (r["headline"], r["status"], r["because"], r["items"]) == (n.headline, n.status, n.because, n.items)
        assert (r["coverage"], r["progress"], r["watermelon"]) == (n.coverage, n.progress, n.watermelon)
    assert {r["parent"] for r in told if r["kind"] == "key_result"} <= board.plan.objective_by_key.keys()
    kept = {e.key: e.because for e in board.exceptions() if e.subject in nodes}
    assert {r["key"]: r["because"] for r in rows(company, "Exceptions")} == kept
    assert len(rows(company, "Dependencies")) == len(board.plan.dependencies)
    assert len(rows(company, "Supports")) == sum(len(w.supports) for w in board.plan.workstreams)
    days = rows(company, "Calendar")
    assert (len(days), days[0]["day"], days[2]["working_day"], days[0]["working_day"]) == (
        92,
        "2026-10-01",
        False,
        True,
    )


def test_published_weeks_are_the_packs(company: Scripted) -> None:
    """Of each week the version that was published last."""
    company.now += timedelta(days=3)
    pack = close_week(company.ledger, company.configuration, "2026-W47")
    told = {r["node"]: r for r in rows(company, "StatusWeekly")}
    assert {key: (r["headline"], r["version"]) for key, r in told.items()} == {
        n.key: (str(n.headline), 1) for n in pack.nodes
    }
    checked = {r["node"]: (r["freshness"], r["cadences"], r["provisional"]) for r in rows(company, "CheckIns")}
    assert checked == {c.node: (c.freshness, c.cadences, pack.provisional) for c in pack.check_ins}


def rows(company: Scripted, table: str) -> list[dict[str, Any]]:
    told = BY_NAME[table]
    found = company.ledger.served().page(told, Page(told.names, sorted_by(told), limit=10_000))
    return [dict(zip(told.names, r, strict=True)) for r in found]
