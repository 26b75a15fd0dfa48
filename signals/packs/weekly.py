"""The week (docs/packs.md): what moved against outcomes, what is blocked, what to de-risk now, what we stop. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Literal

import msgspec

from ledger.model import Decision, Health, Lifecycle
from signals.catalogue import CATALOGUE, Thresholds
from signals.company import Company
from signals.exceptions import NeedsDecision, needs, urgency
from signals.facts import Facts, Pace
from signals.nodes import life_of, outcome_of
from signals.packs.diagnosis import TURNED_AWAY
from signals.packs.words import word
from signals.plan import KeyResult, Workstream
from signals.results import metric_behind, period_of, score_of
from signals.telling import name

TOP = 7
BLOCKED = ("escalation_avoided", "blocked_age", "dependency_overdue", "dependency_stalled", "dependency_cycle")
"""Signals of what cannot go on before somebody does something."""
RISKY = ("date", "behaviour", "structure")
"""Kinds of signals that speak of the work, and not of its records."""
TO_STOP = ("zombie_work",)


class Moved(msgspec.Struct, frozen=True):
    """A key result whose metric moved between two closes. Scores 0-1 of the way; health is the metric's against its plan."""

    node: str
    name: str
    before: float | None
    after: float | None
    health_before: Health
    health_after: Health
    says: str


class Stopped(msgspec.Struct, frozen=True):
    """What is not done, or not done any more."""

    node: str
    name: str
    how: Literal["decided", "cancelled"]
    says: str


class Then(msgspec.Struct, frozen=True):
    """A workstream at the close before."""

    pace: Pace
    lifecycle: Lifecycle


def then_of(before: Facts, w: Workstream) -> Then:
    """A workstream as of the facts of the close before."""
    return Then(before.pace(w, before.today), life_of(i.now.lifecycle for i in before.work(w)))


class Weekly(msgspec.Struct, frozen=True):
    """The week's page: at most seven of everything, with how many there are."""

    since: datetime
    """The close before."""
    changed: tuple[Moved, ...]
    changed_total: int
    measured: int
    """Key results with a reading; the movement of the others is not known."""
    key_results: int
    blocked: tuple[NeedsDecision, ...]
    derisk: tuple[NeedsDecision, ...]
    needs_total: int
    """Everything blocked or to be de-risked; the most urgent seven of all are told."""
    stopped: tuple[Stopped, ...]
    stopped_total: int
    to_stop: tuple[NeedsDecision, ...]
    """Work that goes on though it was turned down."""
    to_stop_total: int


def weekly(company: Company, facts: Facts, before: Facts, then: Mapping[str, Then], thresholds: Thresholds) -> Weekly:
    """The week of a company as of its close. facts: what is above the items now, and before: at the close before."""
    running = [k for k in facts.plan.key_results if _runs(facts, k)]
    moved = list(_moved(facts, before, company, then, running, thresholds))
    open_now = _open(company, facts)
    told = open_now[:TOP]
    going = [e for e in company.exceptions if e.signal in TO_STOP]
    since, on = facts.calendar.day(before.now), facts.today
    ended = [*decided_against(facts, since, on), *cancelled(company, {k: t.lifecycle for k, t in then.items()})]
    return Weekly(
        before.now, tuple(moved[:TOP]), len(moved), sum(score_of(facts, k) is not None for k in running), len(running),
        tuple(e for e in told if e.signal in BLOCKED), tuple(e for e in told if e.signal not in BLOCKED), len(open_now),
        tuple(ended[:TOP]), len(ended), tuple(going[:TOP]), len(going),
    )  # fmt: skip


def _runs(facts: Facts, kr: KeyResult) -> bool:
    period = period_of(facts, kr)
    return period is None or period.start_on <= facts.today <= period.end_on


# -- what changed --------------------------------------------------------------------------------------------------------


def _moved(
    facts: Facts,
    before: Facts,
    company: Company,
    then: Mapping[str, Then],
    results: Iterable[KeyResult],
    thresholds: Thresholds,
) -> Iterator[Moved]:
    """Key results whose score or metric's health is another one, the greatest movement first."""
    earlier = replace(before, paces={key: t.pace for key, t in then.items()})
    rows = []
    for kr in results:
        was, now = score_of(before, kr), score_of(facts, kr)
        _, health_was = outcome_of([metric_behind(earlier, kr, thresholds)])
        health_now = company.nodes[kr.key].outcome_health or Health.UNKNOWN
        if (was, health_was) != (now, health_now):
            says = _movement(kr, was, now, health_was, health_now)
            rows.append(Moved(kr.key, kr.title, was, now, health_was, health_now, says))
    yield from sorted(rows, key=lambda m: (-abs((m.after or 0.0) - (m.before or 0.0)), m.node))


def _movement(kr: KeyResult, was: float | None, now: float | None, before: Health, after: Health) -> str:
    """'Nine accounts' went from 33% to 44% of its way; its metric was on track and is at risk."""
    if now is None:
        told = "has no reading any more"
    elif was is None:
        told = f"has its first reading: {now:.0%} of its way"
    else:
        told = f"went from {was:.0%} to {now:.0%} of its way" if was != now else f"stays at {now:.0%} of its way"
    health = f"; its metric was {word(before)} and is {word(after)}" if before is not after else ""
    return f"'{kr.title}' {told}{health}"


# -- what is blocked, what to de-risk ----------------------------------------------------------------------------------------


def _open(company: Company, facts: Facts) -> list[NeedsDecision]:
    """Everything blocked, however mild, and every warning of the work, the most urgent first."""
    asked = {v.subject for v in company.verdicts if v.signal == "escalation_avoided" and v.outcome == "open"}
    stuck = [
        needs(facts, v, company.nodes)
        for v in company.verdicts
        if v.signal in BLOCKED and v.outcome == "open" and not (v.signal == "blocked_age" and v.subject in asked)
    ]
    risks = [
        e for e in company.exceptions if e.signal not in (*BLOCKED, *TO_STOP) and CATALOGUE[e.signal].kind in RISKY
    ]
    return sorted([*stuck, *risks], key=urgency)


# -- what we stop ----------------------------------------------------------------------------------------------------------


def decided_against(facts: Facts, after: date, until: date) -> list[Stopped]:
    """What was decided not to be done in (after, until]."""
    decisions = [d for d in facts.plan.decisions if d.kind in TURNED_AWAY and after < d.decided_on <= until]
    return [_stopped(facts, d) for d in sorted(decisions, key=lambda d: (d.decided_on, d.subject))]


def _stopped(facts: Facts, d: Decision) -> Stopped:
    called, kind = named(facts, d.subject), d.kind.replace("_", " ")
    return Stopped(
        d.subject, called, "decided", f"'{called}': {kind}, decided by {name(facts, d.decided_by)} on {d.decided_on}"
    )


def named(facts: Facts, key: str) -> str:
    """A node of the plan as people call it; its key where it is no part of the plan, as what was turned away may be."""
    plan = facts.plan
    titles = {o.key: o.title for o in plan.objectives} | {k.key: k.title for k in plan.key_results}
    names = {p.key: p.name for p in plan.pillars} | {w.key: w.name for w in plan.workstreams}
    return (titles | names).get(key, key)


def cancelled(company: Company, lives: Mapping[str, Lifecycle]) -> Sequence[Stopped]:
    """Workstreams whose work is all cancelled now, and was not. lives: where they were before."""
    return [
        Stopped(n.key, n.name, "cancelled", f"'{n.name}': all of its work was cancelled")
        for n in company.nodes.values()
        if n.kind == "workstream"
        and n.lifecycle is Lifecycle.CANCELLED
        and lives.get(n.key, Lifecycle.CANCELLED) is not Lifecycle.CANCELLED
    ]
