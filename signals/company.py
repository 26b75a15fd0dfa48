"""Judges a whole company as of one instant: every signal, every node's status, and what needs a decision. Pure.

Workstreams are judged one by one, from their own records; what lies above them is assembled from that, so that a change is judged where
it happened and everything above it is only summed up anew. Behaviour signals count when they were open on the day before too, so that
one odd evening alarms nobody; the day before is judged from the same facts cut off at its end, so that every answer can be computed
anew at any time and is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import msgspec

from signals.between import Waits, collision, cycles, dependencies, overloaded, overpromised, waits_of
from signals.catalogue import CATALOGUE, RANK, Thresholds, Verdict
from signals.data import evaluate_source
from signals.exceptions import NeedsDecision, exceptions, urgency
from signals.facts import Facts, ItemFacts, Pace
from signals.headline import FORMULA, severest
from signals.nodes import NodeStatus, aged, is_hollow, key_result, objective, pillar, whole, workstream
from signals.plan import KeyResult, Workstream
from signals.results import evaluate_key_result, evaluate_objective, unlinked
from signals.telling import ended
from signals.workstream import evaluate

DAY = timedelta(days=1)


class Judged(msgspec.Struct, frozen=True):
    """One workstream judged: all that the roll-up above it needs, and none of its items."""

    status: NodeStatus
    verdicts: tuple[Verdict, ...]
    pace: Pace = Pace()
    pace_before: Pace = Pace()
    """A day earlier."""
    ended: bool = False
    waits: tuple[Waits, ...] = ()

    @property
    def digest(self) -> Digest:
        return Digest(self.status.items, self.ended, self.waits)


class Digest(msgspec.Struct, frozen=True):
    """What of a workstream is needed to see all of them together."""

    items: int
    ended: bool
    waits: tuple[Waits, ...] = ()


class Company(msgspec.Struct, frozen=True):
    """The whole answer."""

    as_of: datetime
    nodes: dict[str, NodeStatus]
    verdicts: tuple[Verdict, ...]
    exceptions: tuple[NeedsDecision, ...]
    formula: str = FORMULA

    def open(self, subject: str) -> list[Verdict]:
        """What is open on a node, the worst first."""
        mine = [v for v in self.verdicts if v.subject == subject and v.outcome == "open"]
        return sorted(mine, key=lambda v: -RANK[str(v.severity)])


def judge(facts: Facts, thresholds: Thresholds | None = None) -> Company:
    """Every signal and every status as of the facts' instant, from facts that hold everything."""
    thresholds = thresholds or Thresholds()
    judged = dict(judge_workstreams(facts, facts.plan.workstreams, thresholds))
    return assemble(replace(facts, items={}, of={}), judged, thresholds)


def judge_workstreams(
    facts: Facts, streams: Iterable[Workstream], thresholds: Thresholds
) -> Iterator[tuple[str, Judged]]:
    """Some workstreams by themselves. facts: at least their items, and those that they depend on."""
    days = _Days(facts)
    for w in streams:
        yield w.key, _judged(days, w, thresholds)


class _Days:
    """The same facts on the days before, made only where something depends on them."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._back: dict[int, Facts] = {0: facts}

    def back(self, days: int) -> Facts:
        """As of the end of so many days before; 0 is now."""
        if days not in self._back:
            self._back[days] = yesterday(self.back(days - 1))
        return self._back[days]


def yesterday(facts: Facts) -> Facts:
    """The same facts as of the end of the day before."""
    return cut_off(facts, facts.calendar.end_of(facts.today - DAY))


def _judged(days: _Days, w: Workstream, thresholds: Thresholds) -> Judged:
    @cache
    def raised(back: int) -> dict[str, Verdict]:
        """What shows on a day by itself."""
        facts = days.back(back)
        return {v.key: v for v in (*evaluate(facts, w, thresholds), *dependencies(facts, w, thresholds))}

    def settled(back: int) -> list[Verdict]:
        """What counts on a day, given the day before it."""
        return [_settled(v, raised(back + 1).get(v.key)) if _must_last(v) else v for v in raised(back).values()]

    facts, told = days.facts, settled(0)
    told += [collision(facts, w, severest(told)), overpromised(facts, w, thresholds)]
    status = workstream(facts, w, told, lambda: is_hollow(days.back(1), w, settled(1)))
    day_before = facts.pace(w, facts.today - DAY)
    return Judged(status, tuple(told), facts.pace(w, facts.today), day_before, ended(w, facts), waits_of(facts, w))


def _must_last(v: Verdict) -> bool:
    """A behaviour signal counts from its second day on; so does what only quiet makes an orphan; the others at once."""
    return v.outcome == "open" and (CATALOGUE[v.signal].kind == "behaviour" or "quiet" in v.inputs)


def assemble(facts: Facts, judged: Mapping[str, Judged], thresholds: Thresholds) -> Company:
    """The whole answer from judged workstreams. facts: the plan, readings, sources; no items are asked for."""
    told: dict[str, list[Verdict]] = {key: list(j.verdicts) for key, j in judged.items()}
    for v in between(facts, {key: j.digest for key, j in judged.items()}, thresholds):
        told[v.subject].append(v)
    nodes = {key: j.status for key, j in judged.items()}
    sizes = {key: node.items for key, node in nodes.items()}
    before = yesterday(facts)
    for kr in facts.plan.key_results:
        nodes[kr.key], told[kr.key] = judge_key_result(facts, before, kr, judged, thresholds)
    for o in facts.plan.objectives:
        nodes[o.key] = objective(facts, o, nodes, sizes)
        told[o.key] = list(evaluate_objective(facts, o, thresholds))
    for p in facts.plan.pillars:
        nodes[p.key] = pillar(facts, p, nodes, sizes)
    nodes["company"] = whole(facts, nodes, sizes)
    verdicts = [v for vs in told.values() for v in vs] + list(judge_sources(facts, thresholds))
    rows = sorted(exceptions(facts, verdicts, nodes), key=urgency)
    read = {key: s.good[-1] for key, s in facts.sources.items() if s.good}
    dated = {key: aged(node, read, facts.now) for key, node in nodes.items()}
    return Company(facts.now, dated, tuple(verdicts), tuple(rows))


def judge_key_result(
    facts: Facts, before: Facts, kr: KeyResult, judged: Mapping[str, Judged], thresholds: Thresholds
) -> tuple[NodeStatus, list[Verdict]]:
    """A key result and its signals. judged: at least its workstreams. before: the facts as of the day before."""
    mine = {w.key: judged[w.key] for w in facts.plan.workstreams_of.get(kr.key, ())}
    now = replace(facts, paces={key: j.pace for key, j in mine.items()})
    then = replace(before, paces={key: j.pace_before for key, j in mine.items()})
    was = list(evaluate_key_result(then, kr, thresholds))
    raised = {v.key: v for v in was}
    told = [_settled(v, raised.get(v.key)) if _must_last(v) else v for v in evaluate_key_result(now, kr, thresholds)]
    streams = {key: j.status for key, j in mine.items()}
    below = [v for j in mine.values() for v in j.verdicts]
    return key_result(now, kr, streams, below, told, was), told


def between(facts: Facts, digests: Mapping[str, Digest], thresholds: Thresholds) -> Iterator[Verdict]:
    """What shows only when all workstreams are seen together: waiting in a circle, owners of too much."""
    yield from overloaded(facts, {key for key, d in digests.items() if d.ended}, thresholds)
    yield from cycles(facts.plan, {key: d.waits for key, d in digests.items() if d.waits})


def judge_sources(facts: Facts, thresholds: Thresholds) -> Iterator[Verdict]:
    """What is to be said of the trackers themselves, and of work that serves nothing."""
    for s in facts.sources.values():
        yield from evaluate_source(facts, s, thresholds)
    for department, (count, active) in sorted(facts.unlinked.items()):
        yield unlinked(department, count, active, thresholds)


def _settled(v: Verdict, before: Verdict | None) -> Verdict:
    """An open behaviour signal, given what it said the day before: as severe as on the weaker of the two days."""
    if before is not None and before.outcome == "open":
        weaker = min((str(v.severity), str(before.severity)), key=lambda s: RANK[s])
        return msgspec.structs.replace(v, severity=weaker) if weaker != v.severity else v
    return msgspec.structs.replace(
        v, outcome="clear", severity=None, reason="open since today: it counts from the second day on"
    )


def cut_off(facts: Facts, at: datetime) -> Facts:
    """The same facts as of an earlier instant."""
    items = {i.id: cut for i in facts.items.values() if (cut := _earlier(i, at)) is not None}
    sources = {
        s.key: msgspec.structs.replace(s, good=tuple(g for g in s.good if g <= at)) for s in facts.sources.values()
    }
    day = facts.calendar.day(at)
    readings = {kr: [r for r in rs if r.on <= day] for kr, rs in facts.readings.items()}
    seen = {key: on for key, on in facts.first_seen.items() if on <= day}
    return replace(facts, now=at, items=items, sources=sources, readings=readings, first_seen=seen)


def _earlier(item: ItemFacts, at: datetime) -> ItemFacts | None:
    if item.states[-1].at <= at and (not item.acts or item.acts[-1].at <= at):
        return item
    states = tuple(s for s in item.states if s.at <= at)
    if not states:
        return None
    return msgspec.structs.replace(item, states=states, acts=tuple(a for a in item.acts if a.at <= at))
