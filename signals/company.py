"""Judges a whole company as of one instant: every signal, every node's status, and what needs a decision. Pure.

Behaviour signals count when they were open on the day before too, so that one odd evening alarms nobody; the day before is judged from
the same facts cut off at its end, so that every answer can be computed anew at any time and is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from ledger.model import Health, Lifecycle
from signals.between import collisions, consumers, dependencies
from signals.catalogue import CATALOGUE, RANK, Evidence, Thresholds, Verdict
from signals.data import evaluate_source
from signals.facts import Facts, ItemFacts, SourceFacts
from signals.headline import (
    FORMULA,
    KNOWN,
    WORSE,
    Accountability,
    Child,
    Rolled,
    accountability,
    capped,
    derived,
    headline,
    roll_up,
    said_of,
    severest,
    worse,
)
from signals.plan import KeyResult, Objective, Workstream
from signals.results import evaluate_key_result, structure
from signals.veil import veiled
from signals.workstream import cadences_unsaid, evaluate, name

DAY = timedelta(days=1)
OUTCOME = {"high": Health.OFF_TRACK, "warn": Health.AT_RISK, "watch": Health.ON_TRACK, None: Health.ON_TRACK}


class NodeStatus(msgspec.Struct, frozen=True):
    """One node as of an instant: what was said, what shows, the headline and everything that stands beside it."""

    key: str
    kind: str
    name: str
    owner: str | None
    reported: Health
    derived: Health
    headline: Health
    because: str
    root: str = ""
    """The sentence of the worst workstream or metric below, however deep."""
    tag: str = ""
    """derived_only, reported_only ("unverified"), or empty."""
    coverage: float | None = None
    unknown_share: float | None = None
    distribution: dict[str, int] = {}
    worst: tuple[str, ...] = ()
    outcome: Health | None = None
    """Of a key result: its metric."""
    execution: Health | None = None
    """Of a key result: its workstreams."""
    accountability: Accountability | None = None
    watermelon: bool = False
    candid: bool = False
    items: int = 0
    data_age_seconds: float | None = None
    cancelled: bool = False
    formula: str = FORMULA


class NeedsDecision(msgspec.Struct, frozen=True):
    """One open signal as people meet it: the sentence, who decides what, and how soon."""

    signal: str
    title: str
    severity: str
    subject: str
    node: str
    because: str
    result_owner: str | None
    decision_owner: str | None
    decision_needed: str
    sla_days: int | None
    evidence: tuple[Evidence, ...]
    affects: tuple[str, ...]
    """Names of workstreams that wait behind it."""
    key: str = ""
    """What makes it the same signal tomorrow."""
    opened_at: datetime | None = None
    """Since when it was noted as open; None where nobody looked yet."""
    first_visible_at: datetime | None = None
    """When it was open for the first time."""


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
    """Every signal and every status as of the facts' instant."""
    thresholds = thresholds or Thresholds()
    today = _raw(facts, thresholds)
    yesterday = {v.key: v for v in _raw(cut_off(facts, facts.calendar.end_of(facts.today - DAY)), thresholds)}
    verdicts = [veiled(facts, _settled(v, yesterday.get(v.key))) for v in today]
    by_subject: dict[str, list[Verdict]] = {}
    for v in verdicts:
        by_subject.setdefault(v.subject, []).append(v)
    before = {v.subject: [] for v in yesterday.values()}  # type: dict[str, list[Verdict]]
    for v in yesterday.values():
        before[v.subject].append(v)
    nodes: dict[str, NodeStatus] = {}
    for w in facts.plan.workstreams:
        nodes[w.key] = _workstream(facts, w, by_subject.get(w.key, []), before.get(w.key, []))
    for kr in facts.plan.key_results:
        nodes[kr.key] = _key_result(facts, kr, by_subject, nodes)
    for o in facts.plan.objectives:
        nodes[o.key] = _objective(facts, o, nodes)
    for p in facts.plan.pillars:
        mine = [o for o in facts.plan.objectives if o.pillar == p.key and _current(facts, o)]
        nodes[p.key] = _parent(
            facts, p.key, "pillar", p.name, p.sponsor, [(nodes[o.key], o.weight, o.critical) for o in mine]
        )
    everything = [(nodes[p.key], 1.0, False) for p in facts.plan.pillars]
    nodes["company"] = _parent(facts, "company", "company", "Company", None, everything)
    return Company(facts.now, nodes, tuple(verdicts), tuple(_exceptions(facts, verdicts, nodes)))


def _raw(facts: Facts, thresholds: Thresholds) -> list[Verdict]:
    """Every signal by itself, without the day before."""
    found = [v for w in facts.plan.workstreams for v in evaluate(facts, w, thresholds)]
    found += dependencies(facts, thresholds)
    own: dict[str, list[Verdict]] = {}
    for v in found:
        own.setdefault(v.subject, []).append(v)
    found += collisions(facts, thresholds, {key: severest(vs) for key, vs in own.items()})
    found += [v for kr in facts.plan.key_results for v in evaluate_key_result(facts, kr, thresholds)]
    found += structure(facts, thresholds)
    found += [v for s in facts.sources.values() for v in evaluate_source(facts, s, thresholds)]
    return found


def _settled(v: Verdict, before: Verdict | None) -> Verdict:
    """A behaviour signal counts from its second day on; the others at once."""
    if v.outcome != "open" or CATALOGUE[v.signal].kind != "behaviour":
        return v
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


# -- nodes ---------------------------------------------------------------------------------------------------------------


def _workstream(facts: Facts, w: Workstream, verdicts: Sequence[Verdict], before: Sequence[Verdict]) -> NodeStatus:
    work = facts.work(w)
    said = [(i.now.lifecycle, i.now.health) for i in work]
    # Two full cadences without a word: what was said then is not said now.
    reported = said_of(said) if cadences_unsaid(facts, w) < 2 else Health.UNKNOWN
    shown, why = derived(verdicts)
    cancelled = bool(work) and all(i.now.lifecycle is Lifecycle.CANCELLED for i in work)
    finished = bool(work) and not any(i.open for i in work) and not cancelled
    if finished and shown is Health.UNKNOWN:
        shown, why = Health.ON_TRACK, "everything is done"
    health, because, tag = headline(reported, shown, why, said=_said(reported, said))
    was = derived(before)[0] if before else Health.UNKNOWN
    hollow = reported is Health.ON_TRACK and shown in (Health.AT_RISK, Health.OFF_TRACK)
    active = [i for i in work if i.open]
    known = [i for i in active if i.now.health in KNOWN]
    coverage = len(known) / len(active) if active else None
    ages = [(facts.now - s.good[-1]).total_seconds() for s in _sources(facts, work) if s.good]
    return NodeStatus(
        w.key, "workstream", w.name, w.owner, reported, shown, health, because, because, tag,
        coverage=None if coverage is None else round(coverage, 4),
        unknown_share=None if coverage is None else round(1 - coverage, 4),
        distribution=_distribution(said),
        watermelon=hollow and was in (Health.AT_RISK, Health.OFF_TRACK),
        candid=reported in KNOWN and shown in KNOWN and WORSE[reported] > WORSE[shown],
        items=len(work), data_age_seconds=max(ages, default=None), cancelled=cancelled,
    )  # fmt: skip


def _said(reported: Health, said: Sequence[tuple[Lifecycle, Health]]) -> str:
    counts = _distribution(said)
    shown = ", ".join(f"{n} {w.replace('_', ' ')}" for w, n in counts.items() if n)
    return f"reported {str(reported).replace('_', ' ')} ({shown})" if shown else ""


def _distribution(said: Sequence[tuple[Lifecycle, Health]]) -> dict[str, int]:
    counts = dict.fromkeys(("on_track", "at_risk", "off_track", "unknown", "done", "cancelled"), 0)
    for life, health in said:
        word = (
            str(life)
            if life in (Lifecycle.DONE, Lifecycle.CANCELLED)
            else str(health)
            if health in KNOWN
            else "unknown"
        )
        counts[word] += 1
    return counts


def _sources(facts: Facts, work: Iterable[ItemFacts]) -> list[SourceFacts]:
    return [facts.sources[k] for k in sorted({i.source for i in work}) if k in facts.sources]


def _key_result(
    facts: Facts, kr: KeyResult, verdicts: Mapping[str, Sequence[Verdict]], nodes: Mapping[str, NodeStatus]
) -> NodeStatus:
    streams = [w for w in facts.plan.workstreams_of.get(kr.key, ()) if not w.bau]
    rolled = roll_up(_child(nodes[w.key], w.weight, critical=False) for w in streams)
    mine = verdicts.get(kr.key, ())
    metric = next((v for v in mine if v.signal == "metric_behind"), None)
    measured = metric is not None and metric.outcome != "not_computable"
    outcome = OUTCOME[metric.severity] if measured and metric is not None else Health.UNKNOWN
    needs = [
        v
        for w in streams
        for v in verdicts.get(w.key, ())
        if v.signal.startswith("dependency_") and v.outcome == "open"
    ]
    test = accountability(facts, kr, needs)
    health = worse(outcome, rolled.health)
    root = nodes[_worst(streams, nodes)].root if rolled.worst else ""
    because = f"{rolled.because}: {root}" if root else rolled.because
    if measured and metric is not None and outcome is health and (metric.because or rolled.health is not health):
        because = root = metric.because or "its metric is on its plan"
    health, because = capped(health, because, test)
    reported = roll_up(_child(nodes[w.key], w.weight, critical=False, said=True) for w in streams).health
    return NodeStatus(
        kr.key, "key_result", kr.title, kr.owner, reported, worse(outcome, _derived(streams, nodes)), health, because, root or because,
        coverage=rolled.coverage, unknown_share=_rest(rolled), distribution=rolled.distribution, worst=rolled.worst,
        outcome=outcome, execution=rolled.health, accountability=test, items=sum(nodes[w.key].items for w in streams),
        data_age_seconds=_oldest(nodes[w.key] for w in streams),
        watermelon=reported is Health.ON_TRACK and outcome in (Health.AT_RISK, Health.OFF_TRACK),
    )  # fmt: skip


def _worst(streams: Sequence[Workstream], nodes: Mapping[str, NodeStatus]) -> str:
    judged = [w.key for w in streams if nodes[w.key].headline in KNOWN]
    return max(judged, key=lambda k: WORSE[nodes[k].headline])


def _derived(streams: Sequence[Workstream], nodes: Mapping[str, NodeStatus]) -> Health:
    return roll_up(Child(w.key, w.name, nodes[w.key].derived, w.weight) for w in streams).health


def _child(node: NodeStatus, weight: float, *, critical: bool, said: bool = False) -> Child:
    return Child(node.key, node.name, node.reported if said else node.headline, weight, critical, node.cancelled)


def _current(facts: Facts, o: Objective) -> bool:
    period = facts.plan.period_by_key.get(o.period)
    return period is None or period.start_on <= facts.today <= period.end_on


def _objective(facts: Facts, o: Objective, nodes: Mapping[str, NodeStatus]) -> NodeStatus:
    results = facts.plan.key_results_of.get(o.key, ())
    return _parent(facts, o.key, "objective", o.title, o.owner, [(nodes[k.key], k.weight, k.critical) for k in results])


def _parent(
    facts: Facts, key: str, kind: str, title: str, owner: str | None, children: Sequence[tuple[NodeStatus, float, bool]]
) -> NodeStatus:
    rolled = roll_up(_child(n, weight, critical=critical) for n, weight, critical in children)
    reported = roll_up(_child(n, weight, critical=critical, said=True) for n, weight, critical in children).health
    shown = roll_up(Child(n.key, n.name, n.derived, w, c, n.cancelled) for n, w, c in children).health
    root = ""
    if rolled.worst:
        root = max((n for n, _, _ in children if n.headline in KNOWN), key=lambda n: WORSE[n.headline]).root
    because = f"{rolled.because}: {root}" if root else rolled.because
    return NodeStatus(
        key, kind, title, owner, reported, shown, rolled.health, because, root, coverage=rolled.coverage, unknown_share=_rest(rolled),
        distribution=rolled.distribution, worst=rolled.worst, items=_items(facts, key, kind),
        data_age_seconds=_oldest(n for n, _, _ in children),
    )  # fmt: skip


def _items(facts: Facts, key: str, kind: str) -> int:
    """Items below a node; a shared workstream's count once."""
    plan = facts.plan
    objectives = {o.key for o in plan.objectives if kind == "company" or key in (o.key, o.pillar)}
    results = {k.key for k in plan.key_results if k.objective in objectives}
    streams = [w for w in plan.workstreams if results & set(w.supports)]
    return len({i.id for w in streams for i in facts.work(w)})


def _rest(rolled: Rolled) -> float | None:
    return None if rolled.coverage is None else round(1 - rolled.coverage, 4)


def _oldest(nodes: Iterable[NodeStatus]) -> float | None:
    return max((n.data_age_seconds for n in nodes if n.data_age_seconds is not None), default=None)


# -- exceptions ----------------------------------------------------------------------------------------------------------


def _exceptions(facts: Facts, verdicts: Sequence[Verdict], nodes: Mapping[str, NodeStatus]) -> list[NeedsDecision]:
    """Open signals of at least warn, the worst and furthest reaching first; each says who decides what."""
    rows = [_needs(facts, v, nodes) for v in verdicts if v.outcome == "open" and v.severity in ("warn", "high")]
    return sorted(rows, key=lambda r: (-RANK[r.severity], -len(r.affects), r.node, r.signal))


def _needs(facts: Facts, v: Verdict, nodes: Mapping[str, NodeStatus]) -> NeedsDecision:
    row = CATALOGUE[v.signal]
    node = nodes.get(v.subject)
    right = next((r for r in facts.plan.decision_rights if r.situation == row.situation), None)
    w = facts.plan.workstream_by_key.get(v.subject)
    decides = right.decision_owner if right else (w.sponsor or w.owner) if w else node.owner if node else None
    if decides == "sponsor":
        decides = w.sponsor if w else None
    elif decides == "owner":
        decides = node.owner if node else None
    waiting = [nodes[k].name for k in consumers(facts, v.subject) if k in nodes] if w else []
    return NeedsDecision(
        v.signal, row.title, str(v.severity), v.subject, node.name if node else v.subject, v.because,
        name(facts, node.owner) if node and node.owner else None, name(facts, decides) if decides else None,
        right.response if right else row.asks, right.sla_days if right else None, v.evidence, tuple(waiting), v.key,
    )  # fmt: skip


def watermelon_index(nodes: Iterable[NodeStatus]) -> tuple[int, int, int, int]:
    """(watermelons, reported on track with derived known, reported on track unverified, candid) of workstreams."""
    streams = [n for n in nodes if n.kind == "workstream"]
    green = [n for n in streams if n.reported is Health.ON_TRACK]
    known = [n for n in green if n.derived in KNOWN]
    return (sum(n.watermelon for n in green), len(known), len(green) - len(known), sum(n.candid for n in streams))
