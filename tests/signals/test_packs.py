"""Packs are counted from what was known at the close: by hand here, and for any company by properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from api.markdown import link, text
from ledger.model import Decision, Health, Lifecycle
from signals.calendar import Person
from signals.catalogue import Thresholds
from signals.company import Company, cut_off, judge
from signals.facts import Facts, SourceFacts
from signals.nodes import NodeStatus
from signals.packs.calibration import Calibration, Kept, Seen, calibrate, together
from signals.packs.diagnosis import Diagnosis, diagnose
from signals.packs.handoffs import HandOff, State, handoffs, pairs
from signals.packs.monthly import Point, Tally, Week, load, monthly, trend_of, trends
from signals.packs.quarterly import History, Quarterly, quarterly
from signals.packs.veil import veiled_diagnosis, veiled_quarter
from signals.packs.weekly import TOP, Weekly, then_of, weekly
from signals.plan import Dependency, KeyResult, Metric, Milestone, Objective, Reading
from signals.trace import Trace, Warned, watched
from tests.planned import CALENDAR, PEOPLE, QUARTER, at, facts, item, stream

FRIDAY = date(2026, 11, 20)
WEEK_BEFORE = CALENDAR.previous_close("2026-W47")
LIMITS = Thresholds()
NINE = KeyResult("kr", "o", "Nine accounts", "ann", metric=Metric(target=9, curve="linear"))


def page(made: Facts) -> Weekly:
    before = cut_off(made, WEEK_BEFORE)
    then = {w.key: then_of(before, w) for w in made.plan.workstreams}
    return weekly(judge(made), made, before, then, LIMITS)


def read(*values: tuple[date, float]) -> dict[str, list[Reading]]:
    return {"kr": [Reading(on, value) for on, value in values]}


# -- the week --------------------------------------------------------------------------------------------------------------


def test_only_movement_of_outcomes_is_a_change() -> None:
    """Three of nine accounts a week ago, four and a half now; that items moved beside it is no news."""
    readings = read((date(2026, 11, 10), 3), (FRIDAY, 4.5))
    work = item("A", (QUARTER.start_on, {}), (date(2026, 11, 18), {"lifecycle": Lifecycle.DONE}))
    told = page(facts(FRIDAY, stream(), items=[work], plan={"key_results": (NINE,)}, readings=readings))
    (moved,) = told.changed
    assert (moved.node, moved.before, moved.after) == ("kr", 0.3333, 0.5)
    assert moved.says == "'Nine accounts' went from 33% to 50% of its way; its metric was unknown and is on track"
    assert (told.measured, told.key_results, told.changed_total) == (1, 1, 1)


def test_what_has_no_reading_is_counted_and_not_called_unchanged() -> None:
    told = page(facts(FRIDAY, stream(), plan={"key_results": (NINE,)}))
    assert (told.changed, told.measured, told.key_results) == ((), 0, 1)


def test_a_blocker_has_its_owner_and_the_decision_that_it_needs() -> None:
    stuck = item("A", (QUARTER.start_on, {}), (date(2026, 11, 16), {"blocked": True, "decision_needed": "who pays"}))
    told = page(facts(FRIDAY, stream(), items=[stuck]))
    (row,) = told.blocked
    assert (row.signal, row.severity, row.result_owner, row.decision_owner) == (
        "blocked_age",
        "watch",
        "Ann Lee",
        "Bob Ray",
    )
    assert row.because == "A 'Item A' is blocked for 4 working days"
    assert row.decision_needed
    assert row.evidence[0].url == "https://t.example/A"


def test_what_is_blocked_is_not_told_twice() -> None:
    """Blocked for long and nobody asked: the warning stands for the mild signal of the same work."""
    stuck = item("A", (QUARTER.start_on, {"blocked": True}))
    told = page(facts(FRIDAY, stream(), items=[stuck]))
    assert [e.signal for e in told.blocked if e.subject == "w"] == ["escalation_avoided"]


def test_a_decision_belongs_to_one_week_only() -> None:
    """Friday's decisions are this week's, last Friday's are not."""
    days = (date(2026, 11, 13), date(2026, 11, 14), FRIDAY, date(2026, 11, 21))
    decisions = tuple(Decision("not_now", f"idea-{on.day}", "bob", on) for on in days)
    told = page(facts(FRIDAY, stream(), plan={"decisions": decisions}))
    assert [s.node for s in told.stopped] == ["idea-14", "idea-20"]
    assert told.stopped[1].says == "'idea-20': not now, decided by Bob Ray on 2026-11-20"


def test_work_that_was_all_cancelled_in_the_week_was_stopped() -> None:
    ended = item("A", (QUARTER.start_on, {}), (date(2026, 11, 18), {"lifecycle": Lifecycle.CANCELLED}))
    earlier = item("B", (QUARTER.start_on, {}), (date(2026, 11, 3), {"lifecycle": Lifecycle.CANCELLED}))
    made = facts(FRIDAY, stream("w"), stream("x"), items=[ended, earlier], of={"w": [ended.id], "x": [earlier.id]})
    assert [(s.node, s.how) for s in page(made).stopped] == [("w", "cancelled")]


def test_work_on_what_was_turned_down_is_to_be_stopped() -> None:
    busy = item("A", acts=[(FRIDAY, "ann")] * 3)
    no = Decision("reject", "w", "bob", date(2026, 11, 2))
    told = page(facts(FRIDAY, stream(), items=[busy], plan={"decisions": (no,)}))
    assert told.stopped == ()
    assert told.to_stop_total == sum(e.signal == "zombie_work" for e in told.to_stop)


def test_the_week_is_short_and_says_how_much_there_is() -> None:
    """Ten workstreams late: seven are told, the most urgent first, and that there are more."""
    late = [stream(f"w{n}", Milestone("A", baseline_due_on=date(2026, 11, 9) - timedelta(days=n))) for n in range(10)]
    told = page(facts(FRIDAY, *late))
    assert len(told.blocked) + len(told.derisk) == TOP
    assert told.needs_total > TOP
    ranks = [{"high": 0, "warn": 1, "watch": 2}[e.severity] for e in told.derisk]
    assert ranks == sorted(ranks)


# -- hand-offs ----------------------------------------------------------------------------------------------------------------


def test_a_hand_off_is_kept_late_overdue_coming_or_undated() -> None:
    """Promised for Monday the 9th: there on the 6th, there on the 11th, missing, promised for later, promised for no day."""
    on = date(2026, 11, 9)
    done = {
        n: item(n, (QUARTER.start_on, {}), (day, {"lifecycle": Lifecycle.DONE}))
        for n, day in (("K", date(2026, 11, 6)), ("L", date(2026, 11, 11)))
    }
    promises = (
        Dependency("1", "w", "v", committed_by=on, provider_item="K", state="committed"),
        Dependency("2", "w", "v", committed_by=on, provider_item="L", state="committed"),
        Dependency("3", "w", "v", committed_by=on, state="committed"),
        Dependency("4", "w", "v", committed_by=date(2026, 12, 1), state="committed"),
        Dependency("5", "w", "v"),
        Dependency("6", "w", "v", committed_by=on, state="delivered"),
        Dependency("7", "w", "v", committed_by=on, state="withdrawn"),
        Dependency("8", "w", "external", committed_by=on, state="committed"),
    )  # fmt: skip
    streams = (stream("w"), stream("v", department="law"))
    made = facts(FRIDAY, *streams, items=list(done.values()), of={"w": [], "v": [i.id for i in done.values()]}, plan={"dependencies": promises})  # fmt: skip
    found = list(handoffs(made, made.plan.workstreams[0]))
    assert [(h.state, h.late_days) for h in found] == [
        ("kept", 0), ("late", 2), ("overdue", 9), ("coming", 0), ("undated", 0), ("undated", 0), ("overdue", 9),
    ]  # fmt: skip
    law, outside = sorted(pairs(found), key=lambda p: p.provider, reverse=True)
    assert (law.provider, law.handoffs, law.kept, law.late, law.overdue, law.coming, law.undated) == (
        "law",
        6,
        1,
        1,
        1,
        1,
        2,
    )
    assert (law.longest_delay, outside.provider, outside.handoffs) == (9, "external", 1)


def test_what_trackers_tell_is_a_hand_off_with_its_frozen_due_date() -> None:
    """Moving the due date of what others wait for does not make it punctual."""
    need = item("N")
    gives = item(
        "G", (QUARTER.start_on, {"due_on": date(2026, 11, 9)}), (date(2026, 11, 10), {"due_on": date(2026, 12, 1)})
    )
    streams = (stream("w"), stream("v", department="law"))
    of = {"w": [need.id], "v": [gives.id]}
    made = facts(FRIDAY, *streams, items=[need, gives], of=of, waits=[(need.id, gives.id)])
    (found,) = handoffs(made, made.plan.workstreams[0])
    assert (found.provider, found.state, found.promised_on, found.late_days) == ("v", "overdue", date(2026, 11, 9), 9)


STATES = st.sampled_from(["kept", "late", "overdue", "coming", "undated"])
OFFS = st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "c", "external"]), STATES, st.integers(0, 99)).map(
    lambda t: HandOff("w", "v", t[0], t[1], t[2], None, t[3])
)


@settings(max_examples=100, deadline=None)
@given(st.lists(OFFS))
def test_pairs_count_every_hand_off_between_departments_once(found: list[HandOff]) -> None:
    rows = pairs(found)
    between = [h for h in found if h.consumer_department != h.provider_department]
    assert sum(p.handoffs for p in rows) == len(between)
    for p in rows:
        assert p.handoffs == p.kept + p.late + p.overdue + p.coming + p.undated
        assert p.consumer != p.provider
    assert max((p.longest_delay for p in rows), default=0) == max((h.late_days for h in between), default=0)


# -- the diagnosis ---------------------------------------------------------------------------------------------------------


def off(state: State, late: int = 0) -> HandOff:
    return HandOff("w", "v", "eng", "law", state, date(2026, 11, 9), late)


def diagnosed(found: Sequence[HandOff] = (), known: date | None = QUARTER.start_on, **more: Any) -> Diagnosis:
    made = facts(FRIDAY, stream("w"), stream("v", department="law"), **more)
    return diagnose(made, judge(made).nodes, found, LIMITS, QUARTER, known)


def present(told: Diagnosis) -> dict[str, str]:
    return {s.key: s.present for s in told.signs}


def test_of_fewer_than_eight_hand_offs_nothing_is_concluded() -> None:
    assert present(diagnosed([off("overdue", 5)] * 7))["cross_functional_slow"] == "unknown"
    assert present(diagnosed([off("overdue", 5)] * 4 + [off("kept")] * 4))["cross_functional_slow"] == "yes"
    assert present(diagnosed([off("overdue", 5)] * 3 + [off("kept")] * 5))["cross_functional_slow"] == "no"
    assert present(diagnosed([off("coming")] * 20))["cross_functional_slow"] == "unknown"


def test_two_additions_in_mid_cycle_are_a_habit() -> None:
    """Decided or not: a decision makes one addition right, not the habit."""
    late = date(2026, 11, 2)
    assert present(diagnosed(first_seen={"w": late}))["added_mid_quarter"] == "no"
    told = diagnosed(first_seen={"w": late, "v": late})
    assert present(told)["added_mid_quarter"] == "yes"
    assert told.signs[0].because == "initiatives keep being added: 2 initiatives came in after 2026-Q4 had begun"
    assert [e.ref for e in told.signs[0].evidence] == ["w", "v"]


def test_a_plan_that_is_known_since_yesterday_tells_nothing_of_additions() -> None:
    assert present(diagnosed(known=date(2026, 11, 19)))["added_mid_quarter"] == "unknown"
    assert present(diagnosed(known=None))["added_mid_quarter"] == "unknown"


def test_a_not_now_list_is_there_or_not() -> None:
    no = Decision("defer", "idea", "bob", date(2026, 10, 20))
    last_quarter = Decision("defer", "idea", "bob", date(2026, 9, 20))
    assert present(diagnosed(plan={"decisions": (no,)}))["no_not_now_list"] == "no"
    assert present(diagnosed(plan={"decisions": (last_quarter,)}))["no_not_now_list"] == "yes"


def test_green_functions_and_lagging_outcomes_are_a_sign() -> None:
    behind = read((date(2026, 10, 5), 0), (FRIDAY, 1))
    items = [item(n, (date(2026, 11, 18), {})) for n in "AB"]
    told = diagnosed(
        plan={"key_results": (NINE,)}, readings=behind, items=items, of={"w": [items[0].id], "v": [items[1].id]}
    )
    sign = told.signs[1]
    assert sign.present == "yes"
    assert sign.because.endswith("2 of 2 workstreams report on track, and 1 of 1 measured key results are behind")


def test_two_signs_are_a_diagnosis_with_their_evidence_and_one_is_none() -> None:
    one = diagnosed()
    assert (one.present, one.says) == (1, "No diagnosis: 1 of 4 signs is present, 2 cannot be told; it takes 2.")
    two = diagnosed([off("late", 3)] * 8)
    assert two.present == 2
    assert two.says == (
        "The way of working is the problem, not the work: work across departments is slow: 8 of 8 hand-offs between departments "
        "came late or are overdue; there is no not-now list: nothing was deferred or rejected in 2026-Q4."
    )


# -- the month -------------------------------------------------------------------------------------------------------------

HEALTHS = st.sampled_from([Health.ON_TRACK, Health.AT_RISK, Health.OFF_TRACK, Health.UNKNOWN])
POINTS = st.lists(HEALTHS.map(lambda h: Point("2026-W45", h, h, None)), min_size=1, max_size=6)


def test_a_trend_counts_its_weeks_and_says_which_way_it_went() -> None:
    points = [
        Point("2026-W44", Health.AT_RISK, Health.ON_TRACK, 1.0, 0.2),
        Point("2026-W45", Health.UNKNOWN, Health.ON_TRACK, 0.5, 0.25),
        Point("2026-W46", Health.OFF_TRACK, Health.ON_TRACK, 1.0, 0.4),
    ]
    told = trend_of("o", "objective", "Objective", points)
    assert told.drift == "worse"
    assert told.says == (
        "'Objective': off track in 1 of 3 weeks, at risk in 1, unknown in 1; worse than in 2026-W44; from 20% to 40% of its way"
    )


@settings(max_examples=100, deadline=None)
@given(POINTS)
def test_a_trend_invents_no_direction(points: list[Point]) -> None:
    """Of one week, or where the first or last is unknown, nothing got better or worse."""
    told = trend_of("o", "objective", "O", points)
    ends = {points[0].headline, points[-1].headline}
    assert (told.drift == "unknown") == (len(points) < 2 or Health.UNKNOWN in ends)
    assert len(told.points) == len(points)
    assert sum(int(part.split(" in ")[1].split()[0]) for part in told.says.split(": ", 1)[1].split(";")[0].split(", ")) == len(points)  # fmt: skip


def test_trends_hold_a_node_over_the_weeks_in_which_it_was_there() -> None:
    company: dict[str, NodeStatus] = judge(facts(FRIDAY, stream())).nodes
    weeks = [Week("2026-W46", 2, {"o": company["o"]}), Week("2026-W47", 1, company)]
    told = {t.node: [p.week for p in t.points] for t in trends(weeks)}
    assert told == {"company": ["2026-W47"], "p": ["2026-W47"], "o": ["2026-W46", "2026-W47"], "kr": ["2026-W47"]}


def test_load_counts_each_item_once_and_capacity_less_known_absences() -> None:
    """October by hand: two came, one of them done, one older; in November Ada is away for ten of 21 working days."""
    end = date(2026, 10, 30)
    old, new = item("A", (date(2026, 9, 1), {})), item("B", (date(2026, 10, 5), {"blocked": True}))
    done = item("C", (date(2026, 10, 6), {}), (date(2026, 10, 20), {"lifecycle": Lifecycle.DONE}))
    ids = [i.id for i in (old, new, done)]
    streams = (stream("w", owner="away"), stream("v", owner="bob"), stream("x", owner=None))
    made = facts(end, *streams, items=[old, new, done], of={"w": ids, "v": ids, "x": []})
    tally = Tally(date(2026, 10, 1), date(2026, 10, 31))
    for w in streams:
        tally.count(made, w)
    (row,) = load(made, judge(made).nodes, tally)
    assert (row.open, row.came, row.done, row.undated, row.blocked) == (2, 2, 1, 0, 1)
    assert (row.workstreams, row.owners, row.unowned) == (3, 2, 1)
    assert (row.working_days, row.of_days) == (11 + 21, 42)


def test_what_was_there_when_its_tracker_was_read_first_came_nobody_knows_when() -> None:
    """A sheet tells no history: its first read is not the day on which all of its rows were made."""
    end = date(2026, 10, 30)
    row, later = item("A", (date(2026, 10, 5), {}), source="sheet"), item("B", (date(2026, 10, 8), {}), source="sheet")
    sheet = {"sheet": SourceFacts("sheet", "eng", good=(at(date(2026, 10, 5)), at(end)), actors=False)}
    made = facts(end, stream(), items=[row, later], sources=sheet)
    tally = Tally(date(2026, 10, 1), date(2026, 10, 31))
    tally.count(made, made.plan.workstreams[0])
    (told,) = load(made, judge(made).nodes, tally)
    assert (told.came, told.undated) == (1, 1)


def test_a_month_without_published_weeks_says_so() -> None:
    made = facts(FRIDAY, stream())
    told = monthly(judge(made), made, date(2026, 11, 1), [], ["2026-W45"], Tally(date(2026, 11, 1), FRIDAY), [])
    assert (told.trends, told.weeks, told.missing) == ((), (), ("2026-W45",))


def test_a_decision_that_moves_people_is_told_with_who_acts_by_when() -> None:
    move = Decision("tradeoff", "w", "bob", date(2026, 11, 5), "ann", date(2026, 11, 12))
    made = facts(FRIDAY, stream(), plan={"decisions": (move, Decision("intake", "w", "bob", date(2026, 11, 5)))})
    told = monthly(judge(made), made, date(2026, 11, 1), [], [], Tally(date(2026, 11, 1), FRIDAY), [])
    assert [d.says for d in told.decisions] == [
        "'W': tradeoff, decided by Bob Ray on 2026-11-05, Ann Lee acts by 2026-11-12"
    ]


# -- the quarter -----------------------------------------------------------------------------------------------------------


def scored(made: Facts) -> tuple[Quarterly, Company]:
    """The quarter of a company, gone through week by week."""
    weeks = list(watched(made, made.plan.workstreams, QUARTER, LIMITS))
    seen: dict[str, list[Seen]] = {}
    warned: dict[str, Warned] = {}
    lives: dict[str, Lifecycle] = {}
    for week in weeks:
        for key, j in week.judged.items():
            seen.setdefault(key, []).append(Seen(week.week, j.status.reported, j.status.derived))
            lives.setdefault(key, j.status.lifecycle)
        for e in week.warned:
            warned.setdefault(e.subject, Warned(week.week, week.on, e))
    company = judge(made)
    return quarterly(company, made, QUARTER, History(seen, warned, lives), LIMITS), company


END = date(2026, 12, 31)
MISSED = read((date(2026, 10, 5), 0), (END, 5.58))


def test_a_missed_key_result_is_traced_to_its_week_and_its_score_stands_beside_its_evidence() -> None:
    """A10: 0.62; its milestone of 26 October was three working days late by the close of week 5."""
    often = [(QUARTER.start_on + timedelta(days=n), "ann") for n in range(0, 92, 3)]
    late = item("A", (QUARTER.start_on, {"due_on": date(2026, 10, 26)}), acts=often)
    begun = date(2026, 10, 14)
    points = (Milestone("A", item="A"), Milestone("B", baseline_due_on=begun, done_on=begun))
    told, _ = scored(facts(END, stream("w", *points), items=[late], plan={"key_results": (NINE,)}, readings=MISSED))
    (score,), (traced,) = told.scores, told.traces
    assert (score.score, score.verdict) == (0.62, "traced")
    assert score.evidence[0].says == "5.58 of 9 on 2026-12-31"
    assert (traced.trace.workstream, traced.trace.week, traced.first_seen_week) == ("w", 5, 5)
    assert traced.warning is not None
    assert traced.warning.because == traced.trace.because
    assert (told.late, told.misses) == (0, 1)


def test_a_miss_that_nobody_saw_is_a_surprise_and_late() -> None:
    quiet = item("A", acts=[(date(2026, 10, 1) + timedelta(days=n), "ann") for n in range(0, 92, 3)])
    points = [
        Milestone(str(n), baseline_due_on=on, done_on=on)
        for n in range(1, 13)
        if (on := date(2026, 10, 2) + timedelta(days=7 * n))
    ]
    told, _ = scored(facts(END, stream("w", *points), items=[quiet], plan={"key_results": (NINE,)}, readings=MISSED))
    assert told.traces[0].trace.verdict == "surprise"
    assert told.traces[0].first_seen_week is None
    assert (
        told.late_says == "1 of 1 missed were first seen in the last 2 weeks, or never: the weekly rhythm is too weak."
    )


def test_what_cannot_be_scored_is_neither_reached_nor_missed() -> None:
    told, _ = scored(facts(END, stream(), plan={"key_results": (NINE,)}))
    assert [(s.score, s.verdict) for s in told.scores] == [(None, "not_scored")]
    assert (told.misses, told.objectives[0].score, told.objectives[0].scored) == (0, None, 0)
    assert told.late_says == "No scored key result was missed."


def test_an_objectives_score_is_of_what_was_scored_by_weight() -> None:
    results = (
        NINE,
        KeyResult("two", "o", "Two", "ann", weight=3, metric=Metric(target=10)),
        KeyResult("three", "o", "Three", "ann"),
    )
    readings = {**MISSED, "two": [Reading(END, 9.0)]}
    told, _ = scored(facts(END, stream(), plan={"key_results": results}, readings=readings))
    (average,) = told.objectives
    assert (average.score, average.scored, average.key_results) == (round((0.62 + 3 * 0.9) / 4, 2), 2, 3)


def test_bad_news_is_as_late_as_the_team_said_it_after_it_showed() -> None:
    """Late from 5 October on, which shows at the close of week 2; the team says so on 28 October, in week 5."""
    late = item(
        "A", (QUARTER.start_on, {"due_on": date(2026, 10, 5)}), (date(2026, 10, 28), {"health": Health.OFF_TRACK})
    )
    told, _ = scored(facts(END, stream("w", Milestone("A", item="A")), items=[late]))
    (row,) = told.latency
    assert (row.evidence_week, row.said_week, row.weeks) == (2, 5, 3)
    assert row.says == "'W': it showed in week 2, and was said 3 weeks later"


def test_a_team_that_says_it_first_is_not_late() -> None:
    candid = item("A", (QUARTER.start_on, {"due_on": date(2026, 11, 9), "health": Health.AT_RISK}))
    told, _ = scored(facts(END, stream("w", Milestone("A", item="A")), items=[candid]))
    (row,) = told.latency
    assert (row.said_week, row.weeks) == (1, 0)
    assert told.latency_says.startswith("Of 1 workstream with bad news 1 said it before anything showed")


def test_a_shared_workstream_is_known_at_planning_or_only_when_it_slips() -> None:
    objectives = (Objective("o", "p", "2026-Q4", "One"), Objective("o2", "p", "2026-Q4", "Two"))
    results = (KeyResult("kr", "o", "A", "ann"), KeyResult("kr2", "o2", "B", "ann"))
    shared = stream("w", Milestone("A", item="A"), supports=("kr", "kr2"))
    late = item("A", (QUARTER.start_on, {"due_on": date(2026, 10, 5)}))
    plan = {"objectives": objectives, "key_results": results}
    for first_seen, known in (({}, 1), ({"w": date(2026, 11, 16)}, 0)):
        told, _ = scored(facts(END, shared, items=[late], plan=plan, first_seen=first_seen))
        says = {q.key: q.says for q in told.infrastructure}["shared"]
        assert (
            says
            == f"1 workstream under key results of different objectives; 1 slipped, {known} of them known as shared before."
        )


# -- calibration -----------------------------------------------------------------------------------------------------------


def test_colours_are_held_against_what_became_of_them() -> None:
    """Four weeks green and two amber for a key result that was missed, one of them of a reached one; silence apart."""
    made = facts(
        END,
        stream("w"),
        stream("v", supports=("two",)),
        plan={"key_results": (NINE, KeyResult("two", "o", "T", "ann"))},
    )
    green, amber, silent = (
        [Seen(n, h, h) for n in range(k)] for h, k in ((Health.ON_TRACK, 4), (Health.AT_RISK, 2), (Health.UNKNOWN, 3))
    )
    traces = {"kr": Trace("kr", 0.2, "traced"), "two": Trace("two", 0.9, "reached")}
    (row,) = calibrate(made, {"w": [*green, *amber, *silent], "v": green[:1]}, traces)
    assert (row.on_track, row.at_risk, row.off_track, row.unknown) == (Kept(5, 1), Kept(2, 0), Kept(), 3)
    assert (
        row.says
        == "eng: of 5 times 'on track' 1 were reached (20%); of 2 times 'at risk' 0 were reached; in 3 it said nothing"
    )


COUNTS = st.tuples(*[st.integers(0, 40)] * 6)


def calibration(counts: Sequence[int]) -> Calibration:
    on, risk, off = (Kept(max(pair), min(pair)) for pair in (counts[0:2], counts[2:4], counts[4:6]))
    return Calibration("a", on, risk, off, counts[0], "")


@settings(max_examples=100, deadline=None)
@given(st.lists(COUNTS.map(calibration), max_size=4))
def test_several_periods_are_their_sum_and_few_are_no_share(rows: list[Calibration]) -> None:
    told = together([[row, msgspec.structs.replace(row, department="b")] for row in rows])
    assert [r.department for r in told] == (["a", "b"] if rows else [])
    for r in told:
        assert r.on_track.said == sum(m.on_track.said for m in rows)
        assert r.off_track.reached == sum(m.off_track.reached for m in rows)
        assert r.unknown == sum(m.unknown for m in rows)
        assert r.says.count("%") == sum(k.said >= 5 for k in (r.on_track, r.at_risk, r.off_track))


def test_nobody_is_ranked() -> None:
    """Calibration, load, latency and the diagnosis are of departments and workstreams: no person's name or key is in them."""
    people = {**PEOPLE, "zed": Person("zed", "Zedekiah")}
    late = item("A", (QUARTER.start_on, {"due_on": date(2026, 10, 5)}), acts=[(date(2026, 10, 6), "zed")])
    made = facts(END, stream("w", Milestone("A", item="A"), owner="zed"), items=[late], plan={"key_results": (NINE,)}, readings=MISSED, people=people)  # fmt: skip
    told, company = scored(made)
    tally = Tally(date(2026, 12, 1), END)
    tally.count(made, made.plan.workstreams[0])
    told_of = (told.calibration, told.latency, load(made, company.nodes, tally), diagnose(made, company.nodes, [], LIMITS, QUARTER, None))  # fmt: skip
    shown = msgspec.json.encode(told_of).decode().casefold()
    assert told.calibration
    assert told.latency
    assert "zed" not in shown


def test_packs_do_not_depend_on_the_order_of_what_was_found() -> None:
    """Byte for byte the same: the order in which a database answers is no news."""
    items = [item(n, (QUARTER.start_on, {"due_on": date(2026, 11, 2), "blocked": n in "AC"})) for n in "ABCD"]
    streams = (stream("w"), stream("v", department="law"))
    waits = [(items[0].id, items[2].id), (items[1].id, items[3].id)]
    of = {"w": [i.id for i in items[:2]], "v": [i.id for i in items[2:]]}
    made = facts(FRIDAY, *streams, items=items, of=of, waits=waits)
    other = replace(
        made, items=dict(reversed(made.items.items())), waits=waits[::-1], of={k: v[::-1] for k, v in of.items()}
    )
    assert msgspec.json.encode(page(made)) == msgspec.json.encode(page(other))
    assert [*handoffs(made, streams[0])] == [*handoffs(other, streams[0])]


# -- what is hidden --------------------------------------------------------------------------------------------------------


def test_evidence_about_a_hidden_provider_says_whom_to_ask() -> None:
    """How late something came tells of the record that it came from, whoever waited for it."""
    told = diagnosed([off("late", 3)] * 8)
    slow = {s.key: s for s in veiled_diagnosis(told, {"v": "confidential: ask Law"}).signs}["cross_functional_slow"]
    assert {e.says for e in slow.evidence} == {"confidential: ask Law"}
    assert (slow.present, slow.because) == ("yes", told.signs[2].because)


def test_a_hidden_metric_keeps_its_outcome_and_loses_its_figures() -> None:
    """Neither the score, nor the average above it, nor the warning's sentence is told; that it was missed, and in which week, is."""
    late = item("A", (QUARTER.start_on, {"due_on": date(2026, 10, 5)}))
    made = facts(
        END, stream("w", Milestone("A", item="A")), items=[late], plan={"key_results": (NINE,)}, readings=MISSED
    )
    told, _ = scored(made)
    shown = veiled_quarter(
        told, {"kr": "ask"}, {"kr", "o"}, lambda e: msgspec.structs.replace(e, because="hidden", evidence=())
    )
    (score,), (average,), (traced,) = shown.scores, shown.objectives, shown.traces
    assert (score.score, score.says, score.verdict, score.headline) == (None, "ask", "traced", told.scores[0].headline)
    assert (average.score, average.scored) == (None, 1)
    assert (traced.trace.score, traced.trace.because, traced.trace.week) == (None, "ask", told.traces[0].trace.week)
    assert traced.warning is not None
    assert traced.warning.because == "hidden"
    assert b"5.58" not in msgspec.json.encode(shown)
    assert (shown.latency, shown.calibration, shown.late_says) == (told.latency, told.calibration, told.late_says)


# -- Markdown --------------------------------------------------------------------------------------------------------------

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="|`*_[]()<>&\\#~!-+=.1: \n\t\"'$@abchtps/"),
    st.sampled_from(["<img src=x onerror=alert(1)>", "a | b", "](javascript:x)", "# H", "1. x", "- x", "```", "&lt;", "www.x.example", "https://x.example", "\u202eabc", "---"]),
)  # fmt: skip


def inside(document: str) -> list[str]:
    """Every kind of token that an independent parser finds."""
    return [t.type for block in PARSER.parse(document) for t in (block, *(block.children or ()))]


@settings(max_examples=100, deadline=None)
@given(HOSTILE)
def test_no_text_breaks_a_table_or_brings_markup(said: str) -> None:
    cell = f"| a | b |\n|---|---|\n| x{text(said)} | {text(said)} |\n\n- {text(said)}\n"
    plain = "| a | b |\n|---|---|\n| x | y |\n\n- z\n"
    markup = {"html_block", "html_inline", "link_open", "image", "code_inline", "em_open", "strong_open", "s_open", "heading_open", "hr", "fence"}  # fmt: skip
    found = inside(cell)
    assert not markup & set(found)
    skeleton = [t for t in found if t not in ("text", "text_special", "entity")]
    assert [t for t in skeleton if t != "paragraph_open" and t != "paragraph_close"] == [
        t for t in inside(plain) if t not in ("text", "paragraph_open", "paragraph_close")
    ] or not text(said)


@settings(max_examples=100, deadline=None)
@given(HOSTILE, HOSTILE)
def test_a_link_leads_to_the_web_or_is_text(said: str, url: str) -> None:
    for address in (url, f"https://t.example/{url}", f"javascript:{url}"):
        tokens = [t for block in PARSER.parse(f"- x {link(said, address)}") for t in (block.children or ())]
        targets = [str(t.attrs["href"]) for t in tokens if t.type == "link_open"]
        assert len(targets) <= 1
        assert all(target.startswith(("http://", "https://")) for target in targets)
        assert not [t for t in tokens if t.type.startswith(("html", "image"))]


@pytest.mark.parametrize(
    "said", ["plain words, 12 of 13 (92 %)", "Eintragung ins Handelsregister: Öffentliche", "موارد"]
)
def test_what_people_write_reads_as_they_wrote_it(said: str) -> None:
    (block,) = [b for b in PARSER.parse(text(said)) if b.type == "inline"]
    assert "".join(t.content for t in block.children or ()) == said
