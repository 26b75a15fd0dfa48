"""What a reader may not see is replaced wherever a sentence of it was copied to; everything else stays."""

from __future__ import annotations

from datetime import date

import msgspec

from ledger.model import Health
from signals.headline import accountability, capped
from signals.nodes import NodeStatus
from signals.plan import Authority, Dependency, KeyResult, Milestone
from signals.veil import veiled_node
from tests.planned import facts, item, judged, stream

TODAY = date(2026, 11, 16)
KR = KeyResult("kr", "o", "Result", owner="ann", authority=Authority("board"))
NEED = Dependency("d", "w", "w2", "Secret", date(2026, 11, 20), date(2026, 11, 30), "bob", None, "committed")
STREAMS = (stream("w", Milestone("M", baseline_due_on=date(2026, 12, 1))), stream("w2", supports=()))


def words(node: NodeStatus) -> str:
    return msgspec.json.encode(node).decode()


def test_a_sentence_copied_upward_is_replaced_wherever_it_stands() -> None:
    """In the workstream, the key result and its accountability, the objective, the pillar and the company."""
    fresh = item("A", (TODAY, {"health": Health.ON_TRACK}), acts=[(TODAY, "ann")])
    company = judged(
        TODAY, *STREAMS, items=[fresh], of={"w": ["A"]}, plan={"key_results": (KR,), "dependencies": (NEED,)}
    )
    (warning,) = [v for v in company.verdicts if v.signal == "dependency_date_conflict" and v.outcome == "open"]
    test = company.nodes["kr"].accountability
    assert test is not None
    assert (test.dependencies.because, test.dependencies.decided_by) == (warning.because, warning.key)
    for key in ("w", "kr", "o", "p", "company"):
        node = company.nodes[key]
        assert node.decided_by == warning.key
        assert warning.because in words(node)
        veiled = veiled_node(node, lambda k: "ask Ann" if k == warning.key else "", measured=False)
        assert "Secret" not in words(veiled)
        assert veiled.because == node.because.replace(warning.because, "ask Ann")
        assert (veiled.headline, veiled.distribution, veiled.worst) == (node.headline, node.distribution, node.worst)
        assert veiled_node(node, lambda _: "", measured=False) == node


def test_a_cap_that_quotes_a_hidden_warning_is_replaced_too() -> None:
    """Where the key result's own sentence is another's, and where there is no other."""
    company = judged(TODAY, *STREAMS, plan={"key_results": (KR,), "dependencies": (NEED,)})
    (warning,) = [v for v in company.verdicts if v.signal == "dependency_date_conflict" and v.outcome == "open"]
    test = accountability(facts(TODAY, *STREAMS, plan={"dependencies": (NEED,)}), KR, [warning])
    health, because, decided_by = capped(Health.ON_TRACK, "fine", "", test)
    assert (health, because, decided_by) == (Health.AT_RISK, f"accountability: {warning.because}", warning.key)
    for root, by in (("reported on track", ""), (because, decided_by)):
        node = msgspec.structs.replace(
            company.nodes["kr"], because=because, root=root, decided_by=by, accountability=test
        )
        assert "Secret" not in words(veiled_node(node, lambda k: "ask" if k else "", measured=False))


def test_figures_of_a_hidden_metric_are_not_told() -> None:
    node = judged(TODAY, *STREAMS, plan={"key_results": (KR,)}).nodes["kr"]
    told = msgspec.structs.replace(node, score=0.4, progress=0.4, progress_kind="outcome")
    veiled = veiled_node(told, lambda _: "", measured=True)
    assert (veiled.score, veiled.progress, veiled.progress_kind) == (None, None, "none")
    assert veiled_node(told, lambda _: "", measured=False) == told
