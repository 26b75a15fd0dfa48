"""Decisions and the signals that listen to them: who decides, what silences what until when, and what closes a loop."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.model import Decision, Outcome
from signals.catalogue import Verdict
from signals.deciding import Spoken, answer, checked, decision_owners, followed, in_force, may_decide
from signals.exceptions import NeedsDecision, spoken_of
from signals.plan import DecisionRight, Milestone, Plan
from tests.planned import PEOPLE, facts, item, judged, severity, stream

TODAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
STUCK = date(2026, 11, 2)
LATER = Milestone("M", due_on=date(2026, 12, 1))
SIGNAL = "behind_pace:w:"


def recovery(**more: Any) -> Decision:
    """Decided on 3 November about the signal, to be acted on by the 17th."""
    told: dict[str, Any] = {"kind": "recovery", "subject": "w", "decided_by": "bob", "decided_on": date(2026, 11, 3)}
    acted = {"act_owner": "ann", "act_by": date(2026, 11, 17), "signal": SIGNAL, "id": "d-1"}
    return Decision(**{**told, **acted, **more})


def verdict(outcome: Any = "open", severity: Any = "warn", signal: str = "behind_pace", **more: Any) -> Verdict:
    return Verdict(signal, "w", outcome, severity if outcome == "open" else None, **more)


# -- signals that listen ---------------------------------------------------------------------------------------------------


def escalation(today: date, *decisions: Decision) -> str | None:
    stuck = item("A", (STUCK, {"blocked": True}), acts=[(date(2026, 11, 10), "ann")])
    company = judged(today, stream("w", LATER), items=[stuck], plan={"decisions": decisions})
    return severity(company, "escalation_avoided")


def test_a_block_that_somebody_acts_on_is_escalated() -> None:
    asked = recovery(signal="escalation_avoided:w:", act_by=date(2026, 11, 20))
    assert escalation(TODAY) == "warn"
    assert escalation(TODAY, asked) is None
    about_all_of_it = recovery(kind="tradeoff", signal="", act_by=date(2026, 11, 20))
    assert escalation(TODAY, about_all_of_it) is None


@pytest.mark.parametrize(
    "other",
    [
        {"signal": "slipping:w:"},
        {"signal": "", "act_owner": None, "act_by": None},
        {"signal": "", "act_by": date(2026, 11, 16)},
        {"signal": "", "subject": "v"},
        {"signal": "", "kind": "recovery"},
        {"signal": "", "decided_on": date(2026, 10, 30)},
        {"signal": "", "decided_on": date(2026, 11, 19)},
    ],
)
def test_what_does_not_answer_a_block_does_not_silence_it(other: dict[str, Any]) -> None:
    """Another signal's decision, nobody who acts, a day that has come, another node, another kind, before the block, not yet decided."""
    answered = recovery(kind="tradeoff", signal="", act_by=date(2026, 11, 20))
    assert escalation(TODAY, msgspec.structs.replace(answered, **other)) == "warn"


def test_a_block_that_outlasts_its_decision_is_open_when_the_loop_is_closed() -> None:
    """A decision silences its signal: were it so on the last day too, the look of the day after would call it cleared."""
    asked = recovery(signal="escalation_avoided:w:")
    assert asked.act_by == date(2026, 11, 17)
    assert [escalation(date(2026, 11, n), asked) for n in (16, 17, 18)] == [None, None, "warn"]


@given(
    st.lists(st.tuples(st.sampled_from(["intake", "not_now", "reject", "recovery"]), st.integers(0, 30)), max_size=5)
)
def test_work_is_a_zombie_exactly_under_a_last_word_that_turned_it_down(words: list[tuple[Any, int]]) -> None:
    """Whatever was decided before; of two words of one day the one recorded last counts."""
    acts = [(TODAY - timedelta(days=n), "ann") for n in (0, 1, 2)]
    told = tuple(Decision(kind, "w", "bob", date(2026, 10, 5) + timedelta(days=n)) for kind, n in words)
    company = judged(TODAY, stream("w", LATER), items=[item("A", acts=acts)], plan={"decisions": told})
    last = sorted(told, key=lambda d: d.decided_on)[-1:]
    turned_down = any(d.kind in ("not_now", "reject") for d in last)
    assert (severity(company, "zombie_work") == "warn") is turned_down


# -- who decides -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "owners", "may"),
    [
        ((), ["bob"], ["bob"]),
        (("owner",), ["ann"], ["ann"]),
        (("sponsor",), ["bob"], ["bob"]),
        (("away",), ["away"], ["away"]),
        (("senior leadership forum",), ["senior leadership forum"], ["bob"]),
        (("owner", "away", "owner"), ["ann", "away", "ann"], ["ann", "away"]),
    ],
)
def test_the_plan_says_who_decides(rights: tuple[str, ...], owners: list[str], may: list[str]) -> None:
    told = tuple(DecisionRight("missed_key_result", who, "recover") for who in rights)
    plan = facts(TODAY, stream("w"), plan={"decision_rights": told}).plan
    assert decision_owners(plan, "missed_key_result", "w") == owners
    assert may_decide(plan, "missed_key_result", "w", PEOPLE) == may


def test_nobody_decides_what_is_nobodys() -> None:
    assert may_decide(Plan(), "data_quality", "some-tracker", PEOPLE) == []


# -- the loop --------------------------------------------------------------------------------------------------------------


def loop(today: date, *told: Outcome, **more: Any) -> tuple[str | None, str]:
    (d,) = followed([recovery(**more)], {"d-1": told}, today)
    return d.loop, d.says


def test_a_loop_goes_from_open_to_due_to_what_was_found() -> None:
    decided = "decided 2026-11-03 to recover it, ann acts, due 2026-11-17"
    assert loop(date(2026, 11, 17)) == ("open", decided)
    assert loop(TODAY) == ("due", f"{decided}, not checked yet")
    again = Outcome(NOW, "reopened", "")
    assert loop(TODAY, again) == ("reopened", f"{decided}, not cleared")
    assert loop(TODAY, again, Outcome(NOW, "closed", "")) == ("closed", f"{decided}, cleared")
    assert loop(TODAY, act_by=None, act_owner=None) == (None, "decided 2026-11-03 to recover it")


def test_what_is_superseded_is_not_in_force_and_awaits_nothing() -> None:
    old, new = recovery(), recovery(id="d-2", supersedes="d-1", act_by=date(2026, 11, 30))
    assert in_force([old, new]) == (new,)
    first, second = followed([old, new], {}, TODAY)
    assert (first.loop, first.superseded_by, second.loop) == (None, "d-2", "open")


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ([verdict()], "reopened"),
        ([verdict(severity="watch")], "reopened"),
        ([verdict("clear")], "closed"),
        ([], None),
        ([verdict("not_computable", reason="the tracker says no dates")], None),
        ([verdict("clear", reason="open since today: it counts from the second day on")], None),
        ([verdict(signal="slipping")], "closed"),
        ([verdict(variant="another")], "closed"),
    ],
)
def test_what_cannot_be_told_is_neither_cleared_nor_open(told: list[Verdict], state: str | None) -> None:
    """A wrong closing is a wrong green."""
    (due,) = followed([recovery()], {}, TODAY)
    found = checked(due, told, NOW)
    assert (found.state if found else None) == state


def test_only_what_is_due_or_was_reopened_is_looked_at() -> None:
    (early,) = followed([recovery()], {}, date(2026, 11, 17))
    assert checked(early, [verdict()], NOW) is None
    (again,) = followed([recovery()], {"d-1": [Outcome(NOW, "reopened", "")]}, TODAY)
    assert checked(again, [verdict()], NOW) is None
    found = checked(again, [verdict("clear")], NOW)
    assert found is not None
    assert found.state == "closed"
    (done,) = followed([recovery()], {"d-1": [found]}, TODAY)
    assert checked(done, [verdict()], NOW) is None


def test_a_decision_about_a_node_is_about_what_its_kind_answers() -> None:
    (due,) = followed([recovery(signal="")], {}, TODAY)
    state = [getattr(checked(due, [v], NOW), "state", None) for v in (verdict(), verdict(severity="watch"))]
    assert state == ["reopened", "closed"]
    assert getattr(checked(due, [verdict(signal="slipping")], NOW), "state", None) == "closed"


# -- beside an exception ---------------------------------------------------------------------------------------------------


def exception(key: str = SIGNAL) -> NeedsDecision:
    signal = key.partition(":")[0]
    return NeedsDecision(signal, "", "warn", "w", "W", "it is late", "Ann", "Bob", "", 5, (), (), key)


def test_a_reopened_decision_says_so_in_the_exception() -> None:
    told = followed([recovery()], {"d-1": [Outcome(NOW, "reopened", "")]}, TODAY)
    (e,) = spoken_of([exception()], Spoken(told, (), TODAY))
    assert e.because == "it is late (decided 2026-11-03 to recover it, ann acts, due 2026-11-17, not cleared)"
    assert e.decision == told[0]


def test_a_closed_decision_answers_nothing_any_more() -> None:
    """The same signal open again is a new exception: it needs a new decision."""
    told = followed([recovery()], {"d-1": [Outcome(NOW, "closed", "")]}, TODAY)
    (e,) = spoken_of([exception()], Spoken(told, (), TODAY))
    assert (e.decision, e.because) == (None, "it is late")


def test_the_latest_decision_about_the_very_signal_answers_it() -> None:
    told = followed(
        [recovery(), recovery(id="d-2", note="again"), recovery(id="d-3", signal=""), recovery(id="d-4", signal="x:w:")],
        {}, TODAY,
    )  # fmt: skip
    found = answer(told, exception())
    assert found is not None
    assert found.id == "d-2"
    assert answer(told, exception("metric_behind:w:")) == told[2]
    assert answer(told, exception("slipping:w:")) is None
