"""Every signal against cases computed by hand. October 2026 begins on a Thursday; no holidays are declared."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.model import Decision, Health, Lifecycle
from signals.catalogue import Thresholds
from signals.company import judge
from signals.facts import SourceFacts
from signals.plan import Dependency, KeyResult, Metric, Milestone, Objective, Reading
from tests.planned import QUARTER, at, facts, item, judged, outcome, severity, stream

D = date
DONE: dict[str, Any] = {"lifecycle": Lifecycle.DONE, "health": Health.NOT_APPLICABLE}
FIVE = timedelta(days=5)


def milestone(title: str, baseline: date, done: date | None = None, **more: Any) -> Milestone:
    return Milestone(title, baseline_due_on=baseline, due_on=more.pop("due", baseline), done_on=done, **more)


# -- 1. pace ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (D(2026, 11, 6), None),  # the baseline day itself
        (D(2026, 11, 7), None),  # a Saturday
        (D(2026, 11, 9), "watch"),
        (D(2026, 11, 10), "watch"),
        (D(2026, 11, 11), "warn"),
        (D(2026, 11, 19), "warn"),
        (D(2026, 11, 20), "high"),
    ],
)
def test_a_late_milestone_grows_by_working_days(today: date, expected: str | None) -> None:
    """Due Friday, 6 November: 1, 3 and 10 working days."""
    assert severity(judged(today, stream("w", milestone("A", D(2026, 11, 6)))), "behind_pace") == expected


def test_a_third_of_the_plan_missing_is_high_at_once_with_three_milestones() -> None:
    three = [milestone(str(n), D(2026, 11, 6) + timedelta(days=30 * n)) for n in range(3)]
    assert severity(judged(D(2026, 11, 9), stream("w", *three)), "behind_pace") == "high"
    assert severity(judged(D(2026, 11, 9), stream("w", *three[:2])), "behind_pace") == "watch"


def test_a_plan_on_its_own_dates_is_never_behind(subtests: pytest.Subtests) -> None:
    """A7: milestones on days 22, 45, 68 and 91, each on time: on none of 91 days."""
    days = [QUARTER.start_on + timedelta(days=n) for n in (21, 44, 67, 90)]
    for n in range(91):
        today = QUARTER.start_on + timedelta(days=n)
        points = [milestone(str(d), d, d) for d in days]
        with subtests.test(today=today):
            assert severity(judged(today, stream("w", *points)), "behind_pace") is None


def test_sixty_percent_of_the_pace_warns_by_day_27() -> None:
    """A7, the other half: the milestone of day 22 comes on day 37."""
    points = [milestone("A", QUARTER.start_on + timedelta(days=21), QUARTER.start_on + timedelta(days=36))]
    points += [milestone(str(n), QUARTER.start_on + timedelta(days=n)) for n in (44, 67, 90)]
    warned = [
        n
        for n in range(27)
        if severity(judged(QUARTER.start_on + timedelta(days=n), stream("w", *points)), "behind_pace") == "warn"
    ]
    assert warned


def test_a_cancelled_milestone_leaves_both_sums_and_is_said() -> None:
    gone = item("A", (D(2026, 10, 1), {"due_on": D(2026, 11, 2)}), (D(2026, 11, 3), {"lifecycle": Lifecycle.CANCELLED}))
    kept = milestone("B", D(2026, 12, 1))
    w = stream("w", Milestone("A", item="A"), kept)
    company = judged(D(2026, 11, 20), w, items=[gone])
    assert severity(company, "behind_pace") is None
    assert severity(company, "scope_change") == "watch"


def test_without_dates_pace_is_not_computable_and_nothing_is_green() -> None:
    fresh = item("A", (D(2026, 11, 18), {}), acts=[(D(2026, 11, 19), "ann")])
    company = judged(D(2026, 11, 20), stream("w"), items=[fresh])
    assert outcome(company, "behind_pace") == "not_computable"
    assert severity(company, "no_plan") == "watch"
    assert company.nodes["w"].derived is Health.UNKNOWN
    assert (company.nodes["w"].headline, company.nodes["w"].tag) == (Health.ON_TRACK, "reported_only")


# -- 2, 3. plan and slips ----------------------------------------------------------------------------------------------------


def test_twenty_working_days_without_a_milestone_are_the_limit() -> None:
    """From the start on 1 October: 29 October is 20 working days away, 30 October 21."""
    close = [milestone(str(d), d) for d in (D(2026, 10, 29), D(2026, 11, 26), D(2026, 12, 24))]
    assert severity(judged(D(2026, 10, 5), stream("w", *close)), "plan_too_coarse") is None
    wide = [milestone("A", D(2026, 10, 30)), *close[1:]]
    assert severity(judged(D(2026, 10, 5), stream("w", *wide)), "plan_too_coarse") == "watch"


@pytest.mark.parametrize(
    ("dues", "expected"),
    [
        ([D(2026, 12, 1)], None),
        ([D(2026, 12, 1), D(2026, 12, 8)], None),  # once, by 5 working days
        ([D(2026, 12, 1), D(2026, 12, 9)], "watch"),
        ([D(2026, 12, 1), D(2026, 12, 2), D(2026, 12, 3)], "warn"),
        ([D(2026, 12, 1), D(2026, 12, 2), D(2026, 12, 3), D(2026, 12, 4)], "high"),
        ([D(2026, 12, 1), D(2026, 12, 30)], "high"),  # once, by 21 working days
        ([D(2026, 12, 8), D(2026, 12, 1)], None),  # earlier is no slip
    ],
)
def test_due_dates_that_move_later_are_counted_against_the_first(dues: list[date], expected: str | None) -> None:
    states = [(D(2026, 10, 1) + timedelta(days=n), {"due_on": due}) for n, due in enumerate(dues)]
    company = judged(D(2026, 10, 20), stream("w", Milestone("A", item="A")), items=[item("A", *states)])
    assert severity(company, "slipping") == expected


# -- 4. quiet ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "owner", "silent"),
    [
        (D(2026, 11, 10), None, None),  # 6 working days
        (D(2026, 11, 11), None, None),  # 7, on its first day
        (D(2026, 11, 12), "warn", "warn"),  # 8: counted from the second day on
        (D(2026, 11, 17), "high", "high"),  # 11: the day before had 10
    ],
)
def test_a_quiet_owner_and_a_silent_workstream(today: date, owner: str | None, silent: str | None) -> None:
    """Weekly cadence: 7.5 working days warn (so the 8th), 10 are high; a behaviour signal counts on its second day."""
    work = [item("A", acts=[(D(2026, 11, 2), "ann")])]
    company = judged(today, stream("w", milestone("M", D(2026, 12, 1))), items=work)
    told = {None: (None, None)}.get(owner, (owner, silent))
    if today == D(2026, 11, 12):
        told = (None, None)  # 8 today, 7 yesterday: open since today
    assert (severity(company, "owner_quiet"), severity(company, "workstream_silent")) == told


def test_quiet_alone_colours_nothing() -> None:
    said = item(
        "A", (D(2026, 10, 1), {"health": Health.AT_RISK}), (D(2026, 11, 30), {}), acts=[(D(2026, 10, 2), "ann")]
    )
    company = judged(D(2026, 12, 1), stream("w", milestone("M", D(2026, 12, 20))), items=[said])
    assert severity(company, "owner_quiet") == "high"
    assert company.nodes["w"].derived is Health.UNKNOWN


def test_an_owner_whose_team_goes_on_is_a_warning_at_most() -> None:
    work = [item("A", acts=[(D(2026, 10, 2), "ann"), (D(2026, 11, 30), "bob"), (D(2026, 12, 1), "bob")])]
    company = judged(D(2026, 12, 1), stream("w", milestone("M", D(2026, 12, 20))), items=work)
    assert severity(company, "owner_quiet") == "warn"
    assert severity(company, "workstream_silent") is None


def test_declared_leave_is_not_quiet() -> None:
    """A8: ten working days of leave between two working ones."""
    work = [item("A", acts=[(D(2026, 10, 30), "away")])]
    points = [milestone("M", D(2026, 12, 1))]
    assert severity(judged(D(2026, 11, 17), stream("w", *points, owner="away"), items=work), "owner_quiet") is None
    same = [item("A", acts=[(D(2026, 10, 30), "ann")])]
    assert severity(judged(D(2026, 11, 17), stream("w", *points, owner="ann"), items=same), "owner_quiet") == "high"


def test_a_nightly_integration_user_is_nobody() -> None:
    """A8: edits by automation keep nobody awake."""
    nightly = [(D(2026, 11, 1) + timedelta(days=n), "robot") for n in range(18)]
    work = [item("A", acts=[(D(2026, 10, 30), "ann")]), item("B", acts=nightly, human=False)]
    company = judged(D(2026, 11, 18), stream("w", milestone("M", D(2026, 12, 1))), items=work)
    assert severity(company, "owner_quiet") == "high"


def test_a_bulk_edit_is_nobodys_attention() -> None:
    """21 edits by one actor within a minute do not count; 20 do."""
    for count, expected in ((21, "high"), (20, None)):
        work = [item(str(n), acts=[(D(2026, 10, 5), "ann"), (D(2026, 11, 30), "ann")][n == 0 :]) for n in range(count)]
        company = judged(D(2026, 12, 1), stream("w", milestone("M", D(2026, 12, 20))), items=work)
        assert severity(company, "owner_quiet") == expected, count


def test_a_tracker_without_actors_is_judged_by_its_records() -> None:
    source = {"jira": SourceFacts("jira", "eng", good=(at(D(2026, 12, 1)),), actors=False)}
    company = judged(D(2026, 12, 1), stream("w", milestone("M", D(2026, 12, 20))), items=[item("A")], sources=source)
    assert outcome(company, "owner_quiet") == "not_computable"
    assert severity(company, "record_quiet") == "high"


def test_a_monthly_team_may_be_quiet_for_a_month() -> None:
    """21 working days a month: 31.5 warn."""
    work = [item("A", acts=[(D(2026, 10, 2), "ann")])]
    points = [milestone("M", D(2026, 12, 20))]
    for today, expected in ((D(2026, 11, 13), None), (D(2026, 11, 19), "warn")):
        assert (
            severity(judged(today, stream("w", *points), items=work, cadence={"eng": "monthly"}), "owner_quiet")
            == expected
        )


def test_work_without_a_milestone_for_15_days_is_activity_without_progress() -> None:
    acts = [(D(2026, 11, 2) + timedelta(days=n), "ann") for n in range(0, 28, 2)]
    points = [milestone("A", D(2026, 11, 2), D(2026, 11, 2)), milestone("B", D(2026, 12, 20))]
    work = [item("A", acts=acts)]
    assert severity(judged(D(2026, 11, 23), stream("w", *points), items=work), "activity_without_progress") is None
    assert severity(judged(D(2026, 11, 25), stream("w", *points), items=work), "activity_without_progress") == "warn"


# -- 5. dependencies -----------------------------------------------------------------------------------------------------------


def commitment(**more: Any) -> Dependency:
    values: dict[str, Any] = {
        "deliverable": "an API", "needed_by": D(2026, 11, 20), "committed_by": D(2026, 11, 13), "provider_person": "bob",
        "state": "committed",
    }  # fmt: skip
    return Dependency("d", "w", "x", **{**values, **more})


def waiting(today: date, dependency: Dependency, **more: Any) -> Any:
    far = milestone("far", D(2026, 12, 31))
    streams = (stream("w", far), stream("x", far, supports=()))
    return judged(today, *streams, items=more.pop("items", [item("X1", acts=[(today, "bob")])]), of={"x": ["jira:X1"], "w": []},
                  plan={"dependencies": (dependency,)}, **more)  # fmt: skip


@pytest.mark.parametrize("missing", ["deliverable", "committed_by", "provider_person"])
def test_a_promise_without_what_when_or_who_is_none_after_week_two(missing: str) -> None:
    d = commitment(**{missing: "" if missing == "deliverable" else None})
    assert severity(waiting(D(2026, 10, 14), d), "dependency_uncommitted") is None
    assert severity(waiting(D(2026, 10, 15), d), "dependency_uncommitted") == "warn"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"committed_by": D(2026, 11, 23)}, "warn"),
        ({"needed_by": None, "committed_by": D(2026, 12, 2)}, None),  # week 9
        ({"needed_by": None, "committed_by": D(2026, 12, 3)}, "warn"),  # week 10
    ],
)
def test_a_promise_that_comes_too_late(change: dict[str, Any], expected: str | None) -> None:
    assert severity(waiting(D(2026, 10, 20), commitment(**change)), "dependency_date_conflict") == expected


@pytest.mark.parametrize(
    ("today", "expected"),
    [(D(2026, 11, 13), None), (D(2026, 11, 16), "warn"), (D(2026, 11, 19), "warn"), (D(2026, 11, 20), "high")],
)
def test_an_overdue_promise(today: date, expected: str | None) -> None:
    assert severity(waiting(today, commitment()), "dependency_overdue") == expected


def test_an_overdue_promise_is_high_when_a_milestone_is_near() -> None:
    """Ten working days before the consumer's own milestone."""
    near = (stream("w", milestone("N", D(2026, 11, 30))), stream("x", supports=()))
    company = judged(D(2026, 11, 16), *near, items=[item("X1", acts=[(D(2026, 11, 16), "bob")])], of={"x": ["jira:X1"], "w": []},
                     plan={"dependencies": (commitment(),)})  # fmt: skip
    assert severity(company, "dependency_overdue") == "high"


@pytest.mark.parametrize("state", ["delivered", "accepted"])
def test_a_kept_promise_is_clear(state: str) -> None:
    company = waiting(D(2026, 12, 20), commitment(state=state))
    assert [v for v in company.verdicts if v.signal.startswith("dependency_") and v.outcome == "open"] == []


def test_a_provider_that_nobody_touches_stalls_when_it_is_needed_soon() -> None:
    quiet = [item("X1", acts=[(D(2026, 10, 12), "bob")])]
    d = commitment(committed_by=D(2026, 11, 20))
    assert (
        severity(waiting(D(2026, 10, 26), d, items=quiet), "dependency_stalled") is None
    )  # 10 working days, on the first day
    assert severity(waiting(D(2026, 10, 28), d, items=quiet), "dependency_stalled") == "warn"
    late = commitment(needed_by=D(2026, 12, 30), committed_by=D(2026, 11, 30))
    assert severity(waiting(D(2026, 10, 28), late, items=quiet), "dependency_stalled") is None


def test_a_record_that_is_meant_and_missing_is_a_broken_link() -> None:
    assert severity(waiting(D(2026, 10, 20), commitment(provider_item="X9")), "dependency_broken_link") == "warn"
    done = [item("X1", (D(2026, 10, 2), DONE))]
    company = waiting(D(2026, 12, 20), commitment(provider_item="X1"), items=done)
    assert severity(company, "dependency_overdue") is None


def test_what_waits_behind_is_named() -> None:
    streams = (stream("w", milestone("N", D(2026, 12, 31))), stream("x", supports=()), stream("y", supports=()))
    plan = {"dependencies": (commitment(), Dependency("e", "y", "w", "a demo"))}
    company = judged(D(2026, 11, 20), *streams, plan=plan)
    told = next(e for e in company.exceptions if e.signal == "dependency_overdue")
    assert told.affects == ("Y",)
    assert "behind it wait Y" in told.because


# -- 6 to 13 -------------------------------------------------------------------------------------------------------------------


def test_two_objectives_on_one_workstream_collide_from_planning_on() -> None:
    """A12."""
    plan = {
        "objectives": (Objective("o", "p", "2026-Q4", "One"), Objective("o2", "p", "2026-Q4", "Two")),
        "key_results": (KeyResult("kr", "o", "A", "ann"), KeyResult("kr2", "o2", "B", "ann")),
    }
    w = stream("w", milestone("M", D(2026, 12, 1)), supports=("kr", "kr2"))
    company = judged(D(2026, 10, 1), w, items=[item("A")], plan=plan)
    assert severity(company, "collision") == "watch"
    assert company.nodes["company"].items == 1
    late = judged(D(2026, 12, 10), w, items=[item("A", acts=[(D(2026, 12, 9), "ann")])], plan=plan)
    assert severity(late, "collision") == "warn"


def test_more_than_three_workstreams_are_too_many_for_one() -> None:
    for count, expected in ((3, None), (4, "watch")):
        streams = [stream(f"w{n}", milestone("M", D(2026, 12, 1))) for n in range(count)]
        assert severity(judged(D(2026, 10, 5), *streams), "overloaded_owner", "w0") == expected


@pytest.mark.parametrize(
    ("owner", "says"), [(None, "no owner"), ("crew", "a team"), ("gone", "not active"), ("who", "does not know")]
)
def test_one_person_with_a_name_owns_it(owner: str | None, says: str) -> None:
    company = judged(D(2026, 10, 20), stream("w", milestone("M", D(2026, 12, 1)), owner=owner), items=[item("A")])
    told = next(v for v in company.verdicts if v.signal == "single_owner" and v.subject == "w")
    assert says in told.because
    assert severity(company, "orphaned") == "warn"


def test_somebody_else_does_the_work() -> None:
    acts = [(D(2026, 11, 2) + timedelta(days=n), "bob") for n in range(10)]
    company = judged(D(2026, 11, 20), stream("w", milestone("M", D(2026, 12, 1))), items=[item("A", acts=acts)])
    assert severity(company, "nominal_owner") == "watch"
    fewer = judged(D(2026, 11, 20), stream("w", milestone("M", D(2026, 12, 1))), items=[item("A", acts=acts[:9])])
    assert severity(fewer, "nominal_owner") is None


def metric(**more: Any) -> KeyResult:
    values = {"target": 100.0, "curve": "linear", **more}
    return KeyResult("kr", "o", "Accounts", "ann", metric=Metric(**values))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(50, None), (36, None), (35, "warn"), (18, "warn"), (16, "high")],
)
def test_a_metric_is_held_against_its_own_curve(value: float, expected: str | None) -> None:
    """Day 46 of 91: 50.5 % is planned; 15 and 33 points short."""
    today = QUARTER.start_on + timedelta(days=46)
    readings = {"kr": [Reading(D(2026, 10, 5), 0), Reading(today, value)]}
    company = judged(today, stream("w"), plan={"key_results": (metric(),)}, readings=readings)
    assert severity(company, "metric_behind", "kr") == expected


@pytest.mark.parametrize(
    ("change", "readings", "why"),
    [({"curve": "none"}, 2, "no plan curve"), ({}, 1, "1 readings")],
)
def test_a_metric_without_a_plan_or_readings_is_not_judged(change: dict[str, Any], readings: int, why: str) -> None:
    today = D(2026, 11, 20)
    told = {"kr": [Reading(D(2026, 10, 5) + timedelta(days=n), 0) for n in range(readings)]}
    company = judged(today, stream("w"), plan={"key_results": (metric(**change),)}, readings=told)
    verdict = next(v for v in company.verdicts if v.signal == "metric_behind")
    assert verdict.outcome == "not_computable"
    assert why in verdict.reason


def test_delivered_and_nothing_moved() -> None:
    points = [milestone(str(n), D(2026, 10, 20), D(2026, 10, 20)) for n in range(4)] + [
        milestone("last", D(2026, 12, 20))
    ]
    readings = {"kr": [Reading(D(2026, 10, 5), 0), Reading(D(2026, 11, 20), 10)]}
    company = judged(D(2026, 11, 20), stream("w", *points), plan={"key_results": (metric(),)}, readings=readings)
    assert severity(company, "delivered_not_moved", "kr") == "warn"


def test_what_came_in_mid_cycle_needs_a_decision() -> None:
    w = stream("w", milestone("M", D(2026, 12, 1)))
    seen = {"w": D(2026, 10, 16)}  # 11 working days after the start
    assert severity(judged(D(2026, 10, 20), w, first_seen=seen), "mid_cycle_addition") == "warn"
    assert severity(judged(D(2026, 10, 20), w, first_seen={"w": D(2026, 10, 15)}), "mid_cycle_addition") is None
    intake = (Decision("intake", "w", "bob", D(2026, 10, 16)),)
    assert (
        severity(judged(D(2026, 10, 20), w, first_seen=seen, plan={"decisions": intake}), "mid_cycle_addition") is None
    )


def test_work_on_what_was_turned_down() -> None:
    acts = [(D(2026, 11, 16), "ann"), (D(2026, 11, 17), "bob"), (D(2026, 11, 18), "ann")]
    plan = {"decisions": (Decision("not_now", "w", "bob", D(2026, 11, 2)),)}
    company = judged(D(2026, 11, 20), stream("w"), items=[item("A", acts=acts)], plan=plan)
    assert severity(company, "zombie_work") == "warn"


def test_an_activity_is_no_result() -> None:
    for title, kind, expected in (
        ("Launch the portal", None, "watch"),
        ("Launch the portal", metric().metric, None),
        ("Launchpads sold", None, None),
    ):
        plan = {"key_results": (KeyResult("kr", "o", title, "ann", metric=kind),)}
        assert severity(judged(D(2026, 10, 20), stream("w"), plan=plan), "activity_kr", "kr") == expected


def test_blocked_and_nobody_asked() -> None:
    stuck = item("A", (D(2026, 11, 2), {"blocked": True}), acts=[(D(2026, 11, 10), "ann")])
    company = judged(D(2026, 11, 10), stream("w", milestone("M", D(2026, 12, 1))), items=[stuck])
    assert severity(company, "escalation_avoided") == "warn"
    asked = item("A", (D(2026, 11, 2), {"blocked": True, "decision_needed": "budget"}), acts=[(D(2026, 11, 10), "ann")])
    assert (
        severity(
            judged(D(2026, 11, 10), stream("w", milestone("M", D(2026, 12, 1))), items=[asked]), "escalation_avoided"
        )
        is None
    )


def test_thresholds_are_the_organisations_and_the_departments() -> None:
    today, w = D(2026, 11, 11), stream("w", milestone("A", D(2026, 11, 6)))
    strict = Thresholds({"behind_pace": {"high_days": 3}}, {"ops": {"behind_pace": {"high_days": 99}}})
    assert severity(judge(facts(today, w), strict), "behind_pace") == "high"
    assert severity(judge(facts(today, msgspec.structs.replace(w, department="ops")), strict), "behind_pace") == "warn"


# -- properties ------------------------------------------------------------------------------------------------------------------

days = st.integers(0, 91).map(lambda n: QUARTER.start_on + timedelta(days=n))


@settings(max_examples=150, deadline=None)
@given(st.lists(days, min_size=1, max_size=8), days)
def test_whatever_is_delivered_on_its_own_dates_is_never_behind(dates: list[date], today: date) -> None:
    points = [milestone(str(n), d, d) for n, d in enumerate(dates)]
    assert severity(judged(today, stream("w", *points)), "behind_pace") is None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(days, st.none() | days), min_size=1, max_size=6), st.lists(days, max_size=4), days)
def test_nothing_said_and_nothing_shown_is_never_green(
    points: list[tuple[date, date | None]], acts: list[date], today: date
) -> None:
    """Green needs a word or evidence: an item without a health, and pace that is clear, and somebody's work."""
    made = [milestone(str(n), b, d if d and d <= today else None) for n, (b, d) in enumerate(points)]
    work = [item("A", (QUARTER.start_on, {"health": Health.UNKNOWN}), acts=[(a, "ann") for a in sorted(acts)])]
    node = judged(today, stream("w", *made), items=work).nodes["w"]
    if node.headline is Health.ON_TRACK:
        company = judged(today, stream("w", *made), items=work)
        assert outcome(company, "behind_pace") == "clear"
        assert outcome(company, "owner_quiet") == "clear"
        assert node.tag == "derived_only"


def test_no_signal_reads_the_clock() -> None:
    """The same facts are judged the same at any time of ours."""
    made = facts(
        D(2026, 11, 20), stream("w", milestone("A", D(2026, 11, 6))), items=[item("A", acts=[(D(2026, 11, 2), "ann")])]
    )
    assert msgspec.json.encode(judge(made)) == msgspec.json.encode(judge(made))
    from pathlib import Path

    import signals

    for path in Path(signals.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert ".now(" not in text.replace("facts.now", ""), path
        assert "today()" not in text, path
