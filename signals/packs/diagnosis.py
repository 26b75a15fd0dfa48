"""The diagnosis (docs/packs.md): four signs that the way of working, and not the work, is what is slow. Pure.

A sign is present, absent or unknown; two or more present make one plain sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import msgspec

from signals.calendar import days
from signals.catalogue import Evidence, Thresholds
from signals.exceptions import portfolio
from signals.facts import Facts
from signals.nodes import NodeStatus
from signals.packs.handoffs import DUE, SLOW, HandOff
from signals.packs.words import many, word
from signals.plan import Objective, Period, Workstream
from signals.rollup import FEW, KNOWN

TURNED_AWAY = ("not_now", "reject", "defer")
"""Kinds of decisions that say what is not done."""
ADDITIONS, HANDOFFS, HALF, ENOUGH = 2, 8, 0.5, 2
"""Additions that are a habit; hand-offs from which a share is told; the share that is slow; signs that are a diagnosis."""
SETTLED_IN = 10
"""Working days of a period before its not-now list can be missed."""


class Sign(msgspec.Struct, frozen=True):
    """One of the four signs, with the sentence and what it stands on."""

    key: str
    present: Literal["yes", "no", "unknown"]
    because: str
    evidence: tuple[Evidence, ...] = ()


class Diagnosis(msgspec.Struct, frozen=True):
    """The four signs of one period as of a day, and the sentence."""

    on: date
    period: str | None
    signs: tuple[Sign, ...]
    says: str

    @property
    def present(self) -> int:
        return sum(s.present == "yes" for s in self.signs)


def diagnose(
    facts: Facts,
    nodes: Mapping[str, NodeStatus],
    found: Sequence[HandOff],
    thresholds: Thresholds,
    period: Period | None,
    planned_since: date | None,
) -> Diagnosis:
    """The diagnosis of a period as of the facts' day. planned_since: since when it is known what is planned; None: not known."""
    signs = (
        _added(facts, period, thresholds, planned_since),
        _hollow(nodes),
        _slow(facts, found),
        _no_list(facts, period),
    )
    return Diagnosis(facts.today, period.key if period else None, signs, _sentence(signs))


def _sentence(signs: Sequence[Sign]) -> str:
    told = [s.because for s in signs if s.present == "yes"]
    unknown = sum(s.present == "unknown" for s in signs)
    if len(told) >= ENOUGH:
        return f"The way of working is the problem, not the work: {'; '.join(told)}."
    rest = f", {unknown} cannot be told" if unknown else ""
    return f"No diagnosis: {len(told)} of 4 signs {'is' if len(told) == 1 else 'are'} present{rest}; it takes {ENOUGH}."


# -- the signs -----------------------------------------------------------------------------------------------------------


def added_in(facts: Facts, period: Period, thresholds: Thresholds) -> list[Objective | Workstream]:
    """Objectives and workstreams that came into the plan in mid-cycle, decided or not."""
    nodes: tuple[Objective | Workstream, ...] = (*facts.plan.objectives, *facts.plan.workstreams)
    return [n for n in nodes if (on := facts.first_seen.get(n.key)) and _late(facts, period, on, n, thresholds)]


def _late(facts: Facts, period: Period, on: date, n: Objective | Workstream, thresholds: Thresholds) -> bool:
    limit = thresholds.of("mid_cycle_addition", n.department)["days"]
    return period.start_on <= on <= period.end_on and facts.calendar.working_days(period.start_on, on) > limit


def _added(facts: Facts, period: Period | None, thresholds: Thresholds, planned_since: date | None) -> Sign:
    key = "added_mid_quarter"
    if period is None:
        return Sign(key, "unknown", "no period is planned for today")
    late = added_in(facts, period, thresholds)
    told = tuple(Evidence(n.key, f"'{title_of(n)}' came in on {facts.first_seen[n.key]}") for n in late)
    count = f"{many(len(late), 'initiative')} came in after {period.key} had begun"
    if len(late) >= ADDITIONS:
        return Sign(key, "yes", f"initiatives keep being added: {count}", told)
    limit = thresholds.of("mid_cycle_addition")["days"]
    if planned_since is None or facts.calendar.working_days(period.start_on, planned_since) > limit:
        since = f" before {planned_since}" if planned_since else ""
        return Sign(key, "unknown", f"what was planned{since} is not known", told)
    return Sign(key, "no", count, told)


def _hollow(nodes: Mapping[str, NodeStatus]) -> Sign:
    key, index = "green_while_outcomes_lag", portfolio(nodes.values())
    streams = [n for n in nodes.values() if n.kind == "workstream" and not n.bau]
    if not index.outcomes or not index.reported:
        missing = "no key result's metric can be computed" if not index.outcomes else "nobody reported anything"
        return Sign(key, "unknown", missing)
    told = (
        f"{index.reported_green} of {len(streams)} workstreams report on track, and "
        f"{index.outcomes_behind} of {index.outcomes} measured key results are behind"
    )
    behind = [n for n in nodes.values() if n.kind == "key_result" and n.outcome_health in KNOWN[1:]]
    evidence = tuple(Evidence(n.key, f"'{n.name}' is {word(n.outcome_health)}") for n in behind)
    return Sign(key, "yes" if index.watermelon else "no", f"functions are green while outcomes lag: {told}" if index.watermelon else told, evidence)  # fmt: skip


def _slow(facts: Facts, found: Sequence[HandOff]) -> Sign:
    key = "cross_functional_slow"
    due = [h for h in found if h.crosses and h.state in DUE]
    slow = sorted((h for h in due if h.state in SLOW), key=lambda h: (-h.late_days, h.consumer, h.provider))
    told = f"{len(slow)} of {len(due)} hand-offs between departments came late or are overdue"
    evidence = tuple(Evidence(h.consumer, _waited(facts, h), names=(h.provider,)) for h in slow[:FEW])
    if len(due) < HANDOFFS:
        return Sign(key, "unknown", f"{told}: of fewer than {HANDOFFS} nothing is concluded", evidence)
    if len(slow) >= HALF * len(due):
        return Sign(key, "yes", f"work across departments is slow: {told}", evidence)
    return Sign(key, "no", told, evidence)


def _waited(facts: Facts, h: HandOff) -> str:
    names = [facts.plan.workstream_by_key[k].name for k in (h.consumer, h.provider)]
    verb = "waited" if h.state == "late" else "waits"
    return f"{names[0]} {verb} for {names[1]}, {days(h.late_days)} beyond {h.promised_on}"


def _no_list(facts: Facts, period: Period | None) -> Sign:
    key = "no_not_now_list"
    if period is None:
        return Sign(key, "unknown", "no period is planned for today")
    refused = [
        d
        for d in facts.plan.decisions
        if d.kind in TURNED_AWAY and period.start_on <= d.decided_on <= min(period.end_on, facts.today)
    ]
    if refused:
        told = tuple(Evidence(d.subject, f"'{d.kind}' on {d.decided_on}") for d in refused)
        return Sign(key, "no", f"{many(len(refused), 'thing')} turned away in {period.key}", told)
    age = facts.calendar.working_days(period.start_on, facts.today)
    if age < SETTLED_IN:
        return Sign(key, "unknown", f"{period.key} is {days(age)} old")
    return Sign(key, "yes", f"there is no not-now list: nothing was deferred or rejected in {period.key}")


def title_of(n: Objective | Workstream) -> str:
    """What people call it."""
    return n.title if isinstance(n, Objective) else n.name
