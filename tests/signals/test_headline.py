"""Headline, roll-up, watermelon, candid and the accountability test, each against cases computed by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from ledger.model import Health, Lifecycle
from signals.headline import headline
from signals.plan import Authority, Dependency, KeyResult, Metric, Milestone, Objective, Pillar, Reading
from signals.rollup import Child, roll_up
from signals.trace import trace
from tests.planned import QUARTER, facts, item, judged, stream

D = date
ON, RISK, OFF, UNKNOWN = Health.ON_TRACK, Health.AT_RISK, Health.OFF_TRACK, Health.UNKNOWN


def rolled(*healths: Health, critical: tuple[int, ...] = (), weights: tuple[float, ...] = ()) -> Health:
    return roll_up(
        Child(str(n), f"C{n}", h, weights[n] if weights else 1.0, n in critical) for n, h in enumerate(healths)
    ).health


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ((ON, ON, ON), ON),
        ((ON, ON, ON, ON, UNKNOWN), ON),  # 80 % known
        ((ON, ON, ON, UNKNOWN), UNKNOWN),  # 75 %
        ((ON, ON, ON, RISK), ON),  # a quarter at risk
        ((ON, ON, RISK), RISK),  # a third
        ((ON, ON, ON, OFF), RISK),  # any off
        ((ON, ON, OFF), OFF),  # a third
        ((UNKNOWN, UNKNOWN, UNKNOWN), UNKNOWN),
        ((UNKNOWN, UNKNOWN, RISK), RISK),
        ((), UNKNOWN),
    ],
)
def test_shares_decide(children: tuple[Health, ...], expected: Health) -> None:
    assert rolled(*children) is expected


def test_the_worst_critical_child_wins() -> None:
    assert rolled(ON, ON, ON, ON, OFF, critical=(4,)) is OFF
    assert rolled(ON, ON, ON, ON, RISK, critical=(4,)) is RISK
    assert rolled(ON, ON, ON, ON, OFF, critical=(0,)) is RISK


def test_weight_counts_and_cancelled_children_do_not() -> None:
    assert rolled(ON, OFF, weights=(5.0, 1.0)) is RISK
    assert rolled(ON, OFF, weights=(1.0, 1.0)) is OFF
    children = [Child("a", "A", ON), Child("b", "B", OFF, cancelled=True)]
    told = roll_up(children)
    assert (told.health, told.distribution["cancelled"], told.coverage) == (ON, 1, 1.0)


def test_a_shared_child_counts_once() -> None:
    assert (
        roll_up([Child("a", "A", OFF), Child("a", "A", OFF), *(Child(str(n), "X", ON) for n in range(3))]).health
        is RISK
    )


@pytest.mark.parametrize(
    ("said", "shows", "expected", "tag"),
    [
        (ON, ON, ON, ""), (ON, RISK, RISK, ""), (ON, OFF, OFF, ""), (RISK, ON, RISK, ""), (OFF, ON, OFF, ""),
        (UNKNOWN, RISK, RISK, "derived_only"), (ON, UNKNOWN, ON, "reported_only"), (UNKNOWN, UNKNOWN, UNKNOWN, ""),
    ],
)  # fmt: skip
def test_the_worse_of_what_is_said_and_what_shows(said: Health, shows: Health, expected: Health, tag: str) -> None:
    """A14 among them: red that behaves well stays red."""
    health, _, told = headline(said, shows, "because")
    assert (health, told) == (expected, tag)


def late(title: str = "M") -> Milestone:
    return Milestone(title, baseline_due_on=D(2026, 11, 6), due_on=D(2026, 11, 6))


def test_green_outside_and_red_inside() -> None:
    """Said on track this week; four working days late."""
    fresh = item("A", (D(2026, 11, 11), {"health": ON}), acts=[(D(2026, 11, 11), "ann")])
    node = judged(D(2026, 11, 12), stream("w", late()), items=[fresh]).nodes["w"]
    assert (node.reported, node.derived, node.headline, node.watermelon) == (ON, RISK, RISK, True)
    first = judged(D(2026, 11, 11), stream("w", late()), items=[fresh]).nodes["w"]
    assert not first.watermelon  # two evaluations are needed


def test_red_outside_and_well_inside_is_candid() -> None:
    """A14."""
    said = item("A", (D(2026, 11, 9), {"health": OFF}), acts=[(D(2026, 11, 10), "ann")])
    node = judged(D(2026, 11, 11), stream("w", Milestone("M", baseline_due_on=D(2026, 12, 1))), items=[said]).nodes["w"]
    assert (node.reported, node.derived, node.headline, node.candid) == (OFF, ON, OFF, True)


def test_two_cadences_without_a_word_are_no_word() -> None:
    old = item("A", (D(2026, 11, 3), {"health": RISK}), acts=[(D(2026, 11, 3), "ann")])
    assert judged(D(2026, 11, 12), stream("w"), items=[old]).nodes["w"].reported is RISK
    assert judged(D(2026, 11, 23), stream("w"), items=[old]).nodes["w"].reported is UNKNOWN


def test_one_late_department_puts_the_objective_at_risk_and_names_who_decides() -> None:
    """A1, in small: four workstreams, one of them six working days late."""
    names = ("sales", "product", "legal", "marketing")
    today = D(2026, 11, 16)
    ahead = Milestone("ahead", baseline_due_on=D(2026, 12, 1))
    streams = [stream(n, late() if n == "legal" else ahead, supports=(f"kr-{n}",), owner="bob") for n in names]
    streams.append(stream("rollout", ahead, supports=("kr-sales",), owner="ann"))
    work = [item(n, (today, {"health": ON}), acts=[(today, "bob"), (today, "ann")]) for n in (*names, "rollout")]
    plan: dict[str, Any] = {
        "key_results": tuple(
            KeyResult(f"kr-{n}", "o", n, "ann", authority=Authority("board"), no_dependencies=n != "sales")
            for n in names
        ),
        "dependencies": (Dependency("d", "rollout", "legal", "an entity", D(2026, 12, 20), D(2026, 12, 1), "bob", 1),),
    }
    of = {w.key: [f"jira:{w.key}"] for w in streams}
    company = judged(today, *streams, items=work, of=of, plan=plan)
    assert company.nodes["legal"].headline is RISK
    assert company.nodes["kr-legal"].headline is RISK
    told = next(e for e in company.exceptions if e.signal == "behind_pace")
    assert (told.node, told.affects, told.decision_owner) == ("Legal", ("Rollout",), "Bob Ray")
    assert company.nodes["o"].headline is ON  # one of four is a quarter
    three = judged(today, *streams, items=work, of=of, plan={**plan, "key_results": plan["key_results"][1:]})
    assert three.nodes["o"].headline is RISK


# -- accountability ----------------------------------------------------------------------------------------------------------

GOOD = {"owner": "ann", "authority": Authority("board"), "no_dependencies": True}


@pytest.mark.parametrize(
    ("change", "result", "caps"),
    [
        ({}, "pass", False),
        ({"owner": None}, "fail", True),
        ({"owner": "crew"}, "fail", True),
        ({"authority": Authority("board", until=D(2026, 10, 1))}, "fail", True),
        ({"authority": None, "rank": 1}, "unanswered", True),
        ({"authority": None, "rank": 4}, "unanswered", False),
        ({"no_dependencies": False, "rank": 2}, "unanswered", True),
    ],
)
def test_the_accountability_test(change: dict[str, Any], result: str, caps: bool) -> None:
    today = D(2026, 11, 16)
    kr = KeyResult("kr", "o", "Result", **{**GOOD, **change})
    fresh = item("A", (today, {"health": ON}), acts=[(today, "ann")])
    company = judged(
        today, stream("w", Milestone("M", baseline_due_on=D(2026, 12, 1))), items=[fresh], plan={"key_results": (kr,)}
    )
    node = company.nodes["kr"]
    assert node.accountability is not None
    assert (node.accountability.result, node.accountability.caps) == (result, caps)
    assert node.headline is (RISK if caps else ON)


def test_unanswered_caps_only_from_week_three() -> None:
    kr = KeyResult("kr", "o", "Result", **{**GOOD, "authority": None, "rank": 1})
    for today, expected in ((D(2026, 10, 14), ON), (D(2026, 10, 15), RISK)):
        fresh = item("A", (QUARTER.start_on, {"health": ON}), (today, {}), acts=[(today, "ann")])
        company = judged(
            today,
            stream("w", Milestone("M", baseline_due_on=D(2026, 12, 1))),
            items=[fresh],
            plan={"key_results": (kr,)},
        )
        assert company.nodes["kr"].headline is expected


def test_a_commitment_without_a_date_fails_it() -> None:
    kr = KeyResult("kr", "o", "Result", **{**GOOD, "no_dependencies": False})
    plan = {"key_results": (kr,), "dependencies": (Dependency("d", "w", "x", "an API", provider_person="bob", rank=1),)}
    company = judged(
        D(2026, 10, 5), stream("w", Milestone("M", baseline_due_on=D(2026, 12, 1))), stream("x", supports=()), plan=plan
    )
    test = company.nodes["kr"].accountability
    assert test is not None
    assert (test.dependencies.answer, test.result) == ("no", "fail")
    assert "by when is missing" in test.dependencies.because


def test_a_key_result_is_the_worse_of_its_metric_and_its_work() -> None:
    today = QUARTER.start_on + timedelta(days=46)
    kr = KeyResult(
        "kr",
        "o",
        "Accounts",
        "ann",
        metric=Metric(target=100.0, curve="linear"),
        authority=Authority("b"),
        no_dependencies=True,
    )
    fresh = item("A", (today, {"health": ON}), acts=[(today, "ann")])
    readings = {"kr": [Reading(D(2026, 10, 5), 0), Reading(today, 30)]}
    w = stream("w", Milestone("M", baseline_due_on=D(2026, 12, 1)))
    node = judged(today, w, items=[fresh], plan={"key_results": (kr,)}, readings=readings).nodes["kr"]
    assert (node.outcome_health, node.execution_health, node.headline) == (RISK, ON, RISK)


@pytest.mark.parametrize(("late", "verdict", "week"), [(True, "traced", 4), (False, "surprise", None)])
def test_a_missed_key_result_is_traced_or_a_surprise(late: bool, verdict: str, week: int | None) -> None:
    """A10: scored 0.62; the milestone of Monday, 19 October is three days late on Thursday the 22nd, week 4 of the period."""
    today = D(2026, 12, 31)
    done = D(2026, 11, 2) if late else D(2026, 10, 19)
    kr = KeyResult(
        "kr", "o", "Accounts", "ann", metric=Metric(target=100.0), authority=Authority("b"), no_dependencies=True
    )
    work = [
        item(
            "A",
            *((D(2026, 10, 1) + timedelta(days=7 * n), {}) for n in range(13)),
            acts=[(D(2026, 10, 2) + timedelta(days=3 * n), "ann") for n in range(30)],
        )
    ]
    points = [Milestone("M", baseline_due_on=D(2026, 10, 19), done_on=done)]
    points += [
        Milestone(
            str(n),
            baseline_due_on=D(2026, 11, 2) + timedelta(days=14 * n),
            done_on=D(2026, 11, 2) + timedelta(days=14 * n),
        )
        for n in range(5)
    ]
    readings = {"kr": [Reading(D(2026, 10, 5), 0), Reading(D(2026, 12, 30), 62)]}
    told = trace(facts(today, stream("w", *points), items=work, plan={"key_results": (kr,)}, readings=readings), kr)
    assert (told.score, told.verdict, told.week) == (0.62, verdict, week)


def test_company_totals_count_a_shared_workstream_once() -> None:
    """A12."""
    plan = {
        "pillars": (Pillar("p", "One"), Pillar("q", "Two")),
        "objectives": (Objective("o", "p", "2026-Q4", "A"), Objective("o2", "q", "2026-Q4", "B")),
        "key_results": (KeyResult("kr", "o", "A", "ann"), KeyResult("kr2", "o2", "B", "ann")),
    }
    company = judged(D(2026, 10, 5), stream("w", supports=("kr", "kr2")), items=[item("A"), item("B")], plan=plan)
    assert [company.nodes[k].items for k in ("p", "q", "company")] == [2, 2, 2]


def test_a_cancelled_workstream_is_neither_done_nor_bad() -> None:
    gone = item("A", (D(2026, 10, 5), {"lifecycle": Lifecycle.CANCELLED, "health": Health.NOT_APPLICABLE}))
    company = judged(D(2026, 10, 20), stream("w"), items=[gone])
    assert company.nodes["w"].cancelled
    assert company.nodes["kr"].distribution["cancelled"] == 1
