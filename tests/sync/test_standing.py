"""What every sync keeps of how things stand is what judging everything anew says, whatever changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.planning import Now, Past, board_at
from sync.standing import refresh
from tests.companies import Scripted, differences


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


def test_who_comes_second_keeps_what_stands(company: Scripted) -> None:
    """Two processes refresh at once: the one that began from what is no more throws its work away."""
    before = refresh(company.ledger, company.configuration)
    company.change(3)
    after = refresh(company.ledger, company.configuration)
    assert not company.ledger.stand([], before=before, after=before)
    assert company.ledger.stood() == after
    same(company)
