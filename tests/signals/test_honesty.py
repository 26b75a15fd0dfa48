"""Where a wrong green, or blame for nothing, would be easy: each case computed by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from ledger.model import Health, Lifecycle
from signals.cadence import check_in
from signals.company import judge
from signals.exceptions import portfolio
from signals.facts import SourceFacts
from signals.plan import Dependency, KeyResult, Metric, Milestone, Reading, Selection
from signals.rollup import Child, roll_up
from tests.planned import QUARTER, at, facts, item, judged, outcome, severity, stream

D = date
TODAY = D(2026, 11, 10)
ON, RISK, OFF, UNKNOWN = Health.ON_TRACK, Health.AT_RISK, Health.OFF_TRACK, Health.UNKNOWN
AHEAD = Milestone("ahead", baseline_due_on=D(2026, 12, 15))


def measured(**more: Any) -> dict[str, Any]:
    metric = Metric(**{"target": 100.0, "curve": "linear", **more})
    return {"key_results": (KeyResult("kr", "o", "Result", "ann", metric=metric),)}


def reading(*values: float) -> dict[str, list[Reading]]:
    return {"kr": [Reading(D(2026, 11, 1) + timedelta(days=4 * n), v) for n, v in enumerate(values)]}


# -- no green without evidence ---------------------------------------------------------------------------------------------


def test_a_metric_on_its_plan_is_no_green_while_nothing_is_known_of_the_work() -> None:
    company = judged(TODAY, stream("w"), items=[], plan=measured(), readings=reading(50, 60))
    assert outcome(company, "metric_behind", "kr") == "clear"
    assert (company.nodes["kr"].headline, company.nodes["company"].headline) == (UNKNOWN, UNKNOWN)
    assert "too little is known of its work" in company.nodes["kr"].because


@pytest.mark.parametrize(("value", "expected"), [(99.9, None), (99.0, "warn"), (60.0, "high")])
def test_what_is_to_be_maintained_is_not_on_its_plan_once_it_is_broken(value: float, expected: str | None) -> None:
    company = judged(
        TODAY, stream("w"), plan=measured(direction="maintain_above", target=99.9), readings=reading(99.95, value)
    )
    assert severity(company, "metric_behind", "kr") == expected


def test_a_promise_of_which_nothing_is_said_is_no_evidence() -> None:
    """Before week 3 nobody asks for it yet; it shows nothing either."""
    empty = Dependency("d", "w", "external")
    early = D(2026, 10, 6)
    company = judged(early, stream("w", AHEAD, owner=None), items=[item("A", (D(2026, 10, 1), {"health": UNKNOWN}))],
                     plan={"dependencies": (empty,)})  # fmt: skip
    assert company.nodes["w"].derived is UNKNOWN


@pytest.mark.parametrize("how", ["cancelled", "gone"])
def test_what_is_waited_for_and_will_not_come_is_said(how: str) -> None:
    promise = Dependency("d", "w", "x", "It", D(2026, 11, 25), D(2026, 11, 20), "bob", provider_item="X")
    given = item(
        "X", (D(2026, 10, 20), {"lifecycle": Lifecycle.CANCELLED if how == "cancelled" else Lifecycle.IN_PROGRESS})
    )
    given = given if how == "cancelled" else msgspec.structs.replace(given, present=False)
    company = judged(TODAY, stream("w", AHEAD), stream("x", supports=()), items=[given], of={"w": [], "x": []},
                     plan={"dependencies": (promise,)})  # fmt: skip
    signal = "dependency_date_conflict" if how == "cancelled" else "dependency_broken_link"
    assert severity(company, signal) == "warn"
    assert company.nodes["w"].derived is not ON


def test_a_milestone_without_its_record_leaves_the_pace_unknown_and_is_named() -> None:
    lost = Milestone("lost", item="NOPE-9")
    company = judged(TODAY, stream("w", lost, AHEAD), items=[item("A", acts=[(TODAY, "ann")])])
    assert outcome(company, "behind_pace") == "not_computable"
    assert severity(company, "milestone_lost") == "warn"
    overdue = Milestone("lost", item="NOPE-9", baseline_due_on=D(2026, 10, 5))
    assert severity(judged(TODAY, stream("w", overdue, AHEAD)), "behind_pace") == "high"


def test_a_deleted_milestone_is_neither_done_nor_dropped_silently() -> None:
    due = item("A", (D(2026, 10, 1), {"due_on": D(2026, 10, 12)}), acts=[(TODAY, "ann")])
    streams = stream("w", from_due_dates=True)
    assert severity(judged(TODAY, streams, items=[due]), "behind_pace") == "high"
    gone = judged(TODAY, streams, items=[msgspec.structs.replace(due, present=False)], of={"w": [due.id]})
    assert severity(gone, "scope_change") == "watch"


def test_a_critical_child_of_which_nothing_is_known_forbids_green() -> None:
    rest = [Child(str(n), f"C{n}", ON) for n in range(4)]
    told = roll_up([Child("k", "Key", UNKNOWN, critical=True), *rest])
    assert (told.health, told.because) == (UNKNOWN, "critical: of Key nothing is known")
    assert roll_up([Child("k", "Key", ON, critical=True), *rest]).health is ON


def test_shares_are_those_of_the_rest() -> None:
    """Of two that are not critical one is off: half, whatever a critical child weighs."""
    heavy = Child("k", "Key", ON, 10, critical=True)
    assert roll_up([heavy, Child("a", "A", OFF), Child("b", "B", ON)]).health is OFF


def test_done_items_do_not_hide_an_open_milestone() -> None:
    done = item("A", (D(2026, 10, 5), {"lifecycle": Lifecycle.DONE, "health": Health.NOT_APPLICABLE}))
    late = Milestone("M", baseline_due_on=D(2026, 11, 9))
    assert judged(TODAY, stream("w", late), items=[done]).nodes["w"].derived is UNKNOWN


def test_a_metric_that_nobody_read_was_not_achieved() -> None:
    done = item("A", (D(2026, 10, 5), {"lifecycle": Lifecycle.DONE, "health": Health.NOT_APPLICABLE}))
    assert judged(TODAY, stream("w"), items=[done], plan=measured()).nodes["kr"].outcome is None
    after = QUARTER.end_on + timedelta(days=2)
    assert judged(after, stream("w"), items=[done], plan=measured()).nodes["kr"].outcome == "unknown"
    kept = measured(direction="maintain_above", target=99.0)
    assert judged(TODAY, stream("w"), items=[done], plan=kept, readings=reading(99.5)).nodes["kr"].outcome is None


def test_a_due_date_that_was_taken_away_had_slipped() -> None:
    moved = item("A", (D(2026, 10, 1), {"due_on": D(2026, 11, 12)}), (D(2026, 10, 20), {"due_on": D(2026, 12, 30)}),
                 (D(2026, 11, 5), {"due_on": None}))  # fmt: skip
    assert severity(judged(TODAY, stream("w", Milestone("A", item="A")), items=[moved]), "slipping") == "high"


# -- no blame for nothing --------------------------------------------------------------------------------------------------


def test_a_tracker_that_was_not_read_is_nobodys_silence() -> None:
    """Last read on 15 October, when everybody had just been at it."""
    fresh = item("A", (D(2026, 10, 14), {}), acts=[(D(2026, 10, 14), "ann")])
    down = {"jira": SourceFacts("jira", "eng", good=(at(D(2026, 10, 15)),))}
    company = judged(TODAY, stream("w", AHEAD), items=[fresh], sources=down)
    for signal in ("owner_quiet", "workstream_silent", "orphaned", "stale_green"):
        assert severity(company, signal) is None
    assert company.nodes["w"].reported is ON


def test_a_source_that_was_never_read_is_down_and_not_missing() -> None:
    w = stream("w", selections=(Selection("jira"),))
    made = facts(TODAY, w, sources={"jira": SourceFacts("jira", "eng")})
    assert check_in(made, w, made.calendar.week_at(at(D(2026, 11, 6)))).freshness == "source_down"


def test_a_provider_whose_tracker_tells_nobody_is_judged_by_its_records() -> None:
    promise = Dependency("d", "w", "x", "It", D(2026, 11, 25), D(2026, 11, 20), "bob")
    moving = item("X", *[(D(2026, 11, n), {"due_on": D(2026, 11, 20 + n)}) for n in (2, 5, 9)], source="sheet")
    sources = {"sheet": SourceFacts("sheet", "eng", good=(at(TODAY),), actors=False)}
    company = judged(TODAY, stream("w", AHEAD), stream("x", supports=()), items=[moving], of={"w": [], "x": [moving.id]},
                     plan={"dependencies": (promise,)}, sources=sources)  # fmt: skip
    assert severity(company, "dependency_stalled") is None


def test_what_is_finished_waits_for_nothing_and_slips_no_more() -> None:
    promise = Dependency("d", "w", "external", "It", D(2026, 10, 20), D(2026, 10, 20), "bob")
    slipped = item("A", (D(2026, 10, 1), {"due_on": D(2026, 10, 2)}), (D(2026, 10, 3), {"due_on": D(2026, 11, 6)}),
                   (D(2026, 11, 6), {"lifecycle": Lifecycle.DONE, "health": Health.NOT_APPLICABLE}))  # fmt: skip
    company = judged(TODAY, stream("w", Milestone("A", item="A")), items=[slipped], plan={"dependencies": (promise,)})
    assert severity(company, "dependency_overdue", variant="d") is None
    assert severity(company, "slipping") is None


def test_missing_a_milestone_too_makes_an_overdue_promise_no_better() -> None:
    promise = Dependency("d", "w", "external", "It", D(2026, 11, 3), D(2026, 11, 3), "bob")
    w = stream("w", Milestone("M", baseline_due_on=D(2026, 11, 4)))
    for today in (D(2026, 11, 4), D(2026, 11, 5)):
        assert (
            severity(judged(today, w, plan={"dependencies": (promise,)}), "dependency_overdue", variant="d") == "high"
        )


def test_a_metric_that_moves_is_progress() -> None:
    busy = item("A", acts=[(TODAY, "ann"), (D(2026, 11, 9), "ann")])
    moving, still = reading(10, 40, 60), {"kr": [Reading(D(2026, 10, 5), 10), Reading(TODAY, 10)]}
    for readings, expected in ((moving, None), (still, "warn")):
        company = judged(TODAY, stream("w", AHEAD), items=[busy], plan=measured(), readings=readings)
        assert severity(company, "activity_without_progress") == expected


def test_what_has_not_begun_is_not_quiet() -> None:
    planned = item("A", (D(2026, 10, 1), {"lifecycle": Lifecycle.NOT_STARTED, "health": Health.NOT_APPLICABLE}))
    company = judged(TODAY, stream("w", start_on=D(2026, 11, 30)), items=[planned])
    assert {outcome(company, s) for s in ("owner_quiet", "workstream_silent")} == {"not_computable"}
    assert company.nodes["w"].coverage is None


def test_leave_is_not_escalation_avoided() -> None:
    """Blocked on the eve of ten days of leave."""
    stuck = item("A", (D(2026, 10, 30), {"blocked": True}), acts=[(D(2026, 10, 30), "away")])
    company = judged(D(2026, 11, 16), stream("w", AHEAD, owner="away"), items=[stuck])
    assert severity(company, "escalation_avoided") is None


# -- whose turn it is ------------------------------------------------------------------------------------------------------


def test_only_those_who_still_wait_stand_behind() -> None:
    late = Dependency("a", "w", "external", "It", D(2026, 11, 1), D(2026, 11, 2), "bob")
    rest = (Dependency("b", "u", "w", "B", D(2026, 12, 10)), Dependency("c", "v", "w", "C", state="accepted"),
            Dependency("e", "u", "x", "E", D(2026, 10, 20)))  # fmt: skip
    streams = [stream(k, AHEAD) for k in "wuvx"]
    company = judged(TODAY, *streams, plan={"dependencies": (late, *rest)})
    (told,) = [e for e in company.exceptions if e.key == "dependency_overdue:w:a"]
    assert told.affects == ("U",)
    assert told.because.endswith("behind it wait U (needed by 2026-12-10)")


def test_green_outside_counts_from_the_second_day_on() -> None:
    """Behind pace since yesterday: a watermelon; since today: not yet."""
    green = item("A", acts=[(D(2026, 11, 6), "ann"), (TODAY, "ann")])
    for due, expected in ((D(2026, 11, 4), True), (D(2026, 11, 5), False)):
        company = judged(TODAY, stream("w", Milestone("M", baseline_due_on=due)), items=[green])
        assert (company.nodes["w"].derived, company.nodes["w"].watermelon) == (RISK, expected)


def test_a_company_is_not_green_because_one_of_ten_says_so() -> None:
    silent = [stream(f"w{n}", AHEAD) for n in range(9)]
    plan = measured(curve="table", table=(Reading(D(2026, 10, 1), 90), Reading(D(2026, 12, 31), 100)))
    company = judged(TODAY, stream("w", AHEAD), *silent, items=[item("A", acts=[(TODAY, "ann")])], of={"w": ["jira:A"]}, plan=plan,
                     readings=reading(1, 2))  # fmt: skip
    told = portfolio(company.nodes.values())
    assert (told.reported_green, told.outcomes_behind, told.watermelon) == (1, 1, False)


def test_what_has_no_milestones_is_not_done() -> None:
    done = Milestone("M", baseline_due_on=D(2026, 10, 20), done_on=D(2026, 10, 20))
    company = judged(
        TODAY, stream("w", done), *[stream(f"w{n}") for n in range(3)], plan=measured(), readings=reading(0, 1)
    )
    assert severity(company, "delivered_not_moved", "kr") is None


def test_the_same_facts_judge_the_same() -> None:
    made = facts(TODAY, stream("w", AHEAD), items=[item("A", acts=[(TODAY, "ann")])])
    assert judge(made) == judge(replace(made))
