"""How each node of the plan stands: a workstream from its signals, everything above from what is below it (docs/domain.md). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from ledger.model import Health, Lifecycle, status_word
from signals.cadence import UNSAID, last_said
from signals.catalogue import Verdict
from signals.facts import Facts, ItemFacts, Pace
from signals.headline import FORMULA, Accountability, accountability, capped, derived, headline
from signals.plan import KeyResult, Objective, Pillar, Workstream
from signals.results import period_of, score_of
from signals.rollup import COVERAGE_FLOOR, KNOWN, WORSE, Child, Rolled, roll_up, worse
from signals.telling import ended

OUTCOME = {"high": Health.OFF_TRACK, "warn": Health.AT_RISK, "watch": Health.ON_TRACK, None: Health.ON_TRACK}
BEHIND = (Health.AT_RISK, Health.OFF_TRACK)
ACHIEVED, PARTIAL = 1.0, 0.7
"""Scores from which a closed key result counts as achieved, or as reached in part; below it is missed."""


class NodeStatus(msgspec.Struct, frozen=True):
    """One node as of an instant: what was said, what shows, the headline and everything that stands beside it."""

    key: str
    kind: str
    name: str
    owner: str | None
    lifecycle: Lifecycle
    reported: Health
    derived: Health
    headline: Health
    because: str
    root: str = ""
    """The sentence of the worst workstream or metric below, however deep."""
    decided_by: str = ""
    """Key of the verdict whose sentence `root` is; "" where it is none's, such as one that only counts."""
    tag: str = ""
    """derived_only, reported_only ("unverified"), or empty."""
    assumed: bool = False
    """What is reported stands on a word that the department lets count as on track."""
    ceiling: Health | None = None
    """The worst that its team's words can say, where that is not off track: it cannot say red."""
    coverage: float | None = None
    unknown_share: float | None = None
    distribution: dict[str, int] = {}
    worst: tuple[str, ...] = ()
    progress: float | None = None
    progress_kind: Literal["outcome", "milestone", "item_count", "none"] = "none"
    """Kinds are never averaged together: a node above children of several kinds has none."""
    outcome_health: Health | None = None
    """Of a key result: its metric."""
    execution_health: Health | None = None
    """Of a key result: its workstreams."""
    score: float | None = None
    """Of a key result: how far its metric has come, 0-1."""
    outcome: Literal["achieved", "partial", "missed", "dropped", "unknown"] | None = None
    """Of what is closed; None while it runs."""
    accountability: Accountability | None = None
    watermelon: bool = False
    candid: bool = False
    items: int = 0
    sources: tuple[str, ...] = ()
    """The trackers below it."""
    data_age_seconds: float | None = None
    """Age of the oldest of their last good reads; None where one was never read."""
    cancelled: bool = False
    bau: bool = False
    """Business as usual, which no roll-up counts."""
    formula: str = FORMULA

    @property
    def status(self) -> str:
        """One word for people and BI tools."""
        return status_word(self.lifecycle, self.headline)


def aged(node: NodeStatus, read: Mapping[str, datetime], now: datetime) -> NodeStatus:
    """A node with the age of what it stands on, as of an instant. read: when each tracker was last read well; not, where it never was."""
    known = [read[k] for k in node.sources if k in read]
    age = (now - min(known)).total_seconds() if known and len(known) == len(node.sources) else None
    return msgspec.structs.replace(node, data_age_seconds=age)


# -- workstreams -----------------------------------------------------------------------------------------------------------


def workstream(
    facts: Facts, w: Workstream, verdicts: Sequence[Verdict], hollow_before: Callable[[], bool]
) -> NodeStatus:
    """A workstream from its signals. hollow_before: whether it was said to be on track the day before, and showed otherwise."""
    work = facts.work(w)
    states = [(i.now.lifecycle, i.now.health) for i in work]
    reported = _reported(facts, w)
    shown, why, decided_by = derived(verdicts)
    life = life_of(i.now.lifecycle for i in work)
    if life is Lifecycle.DONE and shown is Health.UNKNOWN and ended(w, facts):
        shown, why, decided_by = Health.ON_TRACK, "everything is done", ""
    health, because, tag = headline(reported, shown, why, said=_said(reported, states))
    active = [i for i in work if i.open and i.now.health is not Health.NOT_APPLICABLE]
    coverage = len([i for i in active if i.now.health in KNOWN]) / len(active) if active else None
    progress, kind = _progress(facts.pace(w, facts.today), work)
    return NodeStatus(
        w.key, "workstream", w.name, w.owner, life, reported, shown, health, because, because,
        decided_by if because == why else "", tag,
        assumed=reported in KNOWN and any(i.now.assumed for i in active), ceiling=_ceiling(facts, work),
        coverage=None if coverage is None else round(coverage, 4),
        unknown_share=None if coverage is None else round(1 - coverage, 4),
        distribution=_distribution(states), progress=progress, progress_kind=kind,
        outcome="dropped" if life is Lifecycle.CANCELLED else "achieved" if life is Lifecycle.DONE else None,
        watermelon=is_hollow(facts, w, verdicts) and hollow_before(),
        candid=reported in KNOWN and shown in KNOWN and WORSE[reported] > WORSE[shown],
        items=len(work), sources=tuple(sorted({i.source for i in work} | {s.source for s in w.selections})), bau=w.bau, cancelled=life is Lifecycle.CANCELLED,
    )  # fmt: skip


def _ceiling(facts: Facts, work: Sequence[ItemFacts]) -> Health | None:
    """The worst that the trackers of some items can say, where none of them can say off track."""
    limits = {facts.sources[k].ceiling for k in {i.source for i in work} if k in facts.sources}
    if Health.OFF_TRACK in limits or None in limits or not limits:
        return None
    return Health.AT_RISK if Health.AT_RISK in limits else Health.ON_TRACK


def _reported(facts: Facts, w: Workstream) -> Health:
    """What the team says now: after two full cadences without a word, what was said then is not said any more."""
    said = last_said(facts, w)
    return said.health if said is not None and said.cadences < UNSAID else Health.UNKNOWN


def is_hollow(facts: Facts, w: Workstream, verdicts: Sequence[Verdict]) -> bool:
    """Whether a workstream is said to be on track, and shows otherwise."""
    return _reported(facts, w) is Health.ON_TRACK and derived(verdicts)[0] in BEHIND


def life_of(states: Iterable[Lifecycle]) -> Lifecycle:
    """Where the work of several is: finished once nothing is left, begun once anything was."""
    found = set(states)
    if not found:
        return Lifecycle.UNKNOWN
    if found <= {Lifecycle.CANCELLED}:
        return Lifecycle.CANCELLED
    left = found - {Lifecycle.CANCELLED}
    if len(left) == 1:
        return left.pop()
    begun = left & {Lifecycle.IN_PROGRESS, Lifecycle.DONE}
    if begun:
        return Lifecycle.IN_PROGRESS
    return Lifecycle.UNKNOWN if Lifecycle.UNKNOWN in left else Lifecycle.PAUSED


def _progress(pace: Pace, work: Sequence[ItemFacts]) -> tuple[float | None, Literal["milestone", "item_count", "none"]]:
    if pace.total:
        return round(pace.done / pace.total, 4), "milestone"
    counted = [i for i in work if i.now.lifecycle is not Lifecycle.CANCELLED]
    if not counted:
        return None, "none"
    return round(sum(i.now.lifecycle is Lifecycle.DONE for i in counted) / len(counted), 4), "item_count"


def _said(reported: Health, said: Sequence[tuple[Lifecycle, Health]]) -> str:
    counts = _distribution(said)
    shown = ", ".join(f"{n} {w.replace('_', ' ')}" for w, n in counts.items() if n)
    return f"reported {str(reported).replace('_', ' ')} ({shown})" if shown else ""


def _distribution(said: Sequence[tuple[Lifecycle, Health]]) -> dict[str, int]:
    counts = dict.fromkeys(("on_track", "at_risk", "off_track", "unknown", "not_applicable", "done", "cancelled"), 0)
    for life, health in said:
        finished = life in (Lifecycle.DONE, Lifecycle.CANCELLED)
        word = str(life) if finished else str(health)
        counts[word] += 1
    return counts


# -- above them ------------------------------------------------------------------------------------------------------------


def key_result(
    facts: Facts,
    kr: KeyResult,
    streams: Mapping[str, NodeStatus],
    below: Iterable[Verdict],
    own: Sequence[Verdict],
    before: Sequence[Verdict],
) -> NodeStatus:
    """A key result: the worse of its metric and its workstreams.

    streams: by key, at least its own. below: its workstreams' verdicts. own: of itself; before: those of the day before.
    """
    mine = [w for w in facts.plan.workstreams_of.get(kr.key, ()) if not w.bau]
    nodes = [streams[w.key] for w in mine]
    rolled = roll_up(_child(streams[w.key], w.weight) for w in mine)
    metric, outcome = outcome_of(own)
    test = accountability(facts, kr, [v for v in below if v.signal.startswith("dependency_") and v.outcome == "open"])
    health = worse(outcome, rolled.health)
    thin = bool(mine) and health is Health.ON_TRACK and (rolled.coverage or 0.0) < COVERAGE_FLOOR
    health = Health.UNKNOWN if thin else health  # a metric on its plan is no green while little is known of the work
    root, decided_by = _root(nodes, rolled)
    because = f"{rolled.because}: {root}" if root else rolled.because
    if thin:
        because = f"its metric is on its plan, and too little is known of its work: {rolled.because}"
    elif metric is not None and outcome is health and (metric.because or rolled.health is not health):
        because = root = metric.because or "its metric is on its plan"
        decided_by = metric.key if metric.because else ""
    health, because, capped_by = capped(health, because, decided_by, test)
    reported = roll_up(_child(streams[w.key], w.weight, health=streams[w.key].reported) for w in mine).health
    shown = roll_up(_child(streams[w.key], w.weight, health=streams[w.key].derived) for w in mine).health
    life, score = life_of(n.lifecycle for n in nodes), score_of(facts, kr)
    now = worse(outcome, shown)
    lasting = (outcome in BEHIND and outcome_of(before)[1] in BEHIND) or any(n.watermelon for n in nodes)
    period = period_of(facts, kr)
    over = period is not None and facts.today > period.end_on
    progress, kind = _together(nodes, [w.weight for w in mine]) if score is None else (score, "outcome")
    return NodeStatus(
        kr.key, "key_result", kr.title, kr.owner, life, reported, now, health, because, root or because,
        decided_by if root else capped_by,
        assumed=any(n.assumed for n in nodes),
        coverage=rolled.coverage, unknown_share=_rest(rolled), distribution=rolled.distribution, worst=rolled.worst,
        progress=progress, progress_kind=kind,
        outcome_health=outcome, execution_health=rolled.health, score=score, outcome=_closed(kr, life, score, over=over),
        accountability=test,
        watermelon=reported is Health.ON_TRACK and now in BEHIND and lasting,
        candid=reported in KNOWN and now in KNOWN and WORSE[reported] > WORSE[now],
        items=sum(n.items for n in nodes), sources=_trackers(nodes), cancelled=bool(nodes) and life is Lifecycle.CANCELLED,
    )  # fmt: skip


def outcome_of(verdicts: Iterable[Verdict]) -> tuple[Verdict | None, Health]:
    """What the metric's signal says, and the health it means; (None, unknown) where it cannot be computed."""
    metric = next((v for v in verdicts if v.signal == "metric_behind" and v.outcome != "not_computable"), None)
    return metric, Health.UNKNOWN if metric is None else OUTCOME[metric.severity]


def _closed(
    kr: KeyResult, life: Lifecycle, score: float | None, *, over: bool
) -> Literal["achieved", "partial", "missed", "dropped", "unknown"] | None:
    """What became of a key result that is closed: reached, dropped, or its period over; None while it runs."""
    if life is Lifecycle.CANCELLED:
        return "dropped"
    if kr.metric is None:
        return "achieved" if life is Lifecycle.DONE else "unknown" if over else None
    maintained = kr.metric.direction.startswith("maintain")
    if not over:
        return "achieved" if score is not None and score >= ACHIEVED and not maintained else None
    if score is None:
        return "unknown"
    return "achieved" if score >= ACHIEVED else "partial" if score >= PARTIAL else "missed"


def objective(facts: Facts, o: Objective, nodes: Mapping[str, NodeStatus], sizes: Mapping[str, int]) -> NodeStatus:
    """An objective from its key results. sizes: items by workstream; one that is shared counts once."""
    results = facts.plan.key_results_of.get(o.key, ())
    return _parent(
        facts, o.key, "objective", o.title, o.owner, [(nodes[k.key], k.weight, k.critical) for k in results], sizes
    )


def pillar(facts: Facts, p: Pillar, nodes: Mapping[str, NodeStatus], sizes: Mapping[str, int]) -> NodeStatus:
    """A pillar from its objectives of the period that runs."""
    mine = [o for o in facts.plan.objectives_of.get(p.key, ()) if _runs(facts, o)]
    return _parent(
        facts, p.key, "pillar", p.name, p.sponsor, [(nodes[o.key], o.weight, o.critical) for o in mine], sizes
    )


def whole(facts: Facts, nodes: Mapping[str, NodeStatus], sizes: Mapping[str, int]) -> NodeStatus:
    """The company from its pillars."""
    children = [(nodes[p.key], 1.0, False) for p in facts.plan.pillars]
    return _parent(facts, "company", "company", "Company", None, children, sizes)


def _runs(facts: Facts, o: Objective) -> bool:
    period = facts.plan.period_by_key.get(o.period)
    return period is None or period.start_on <= facts.today <= period.end_on


def _parent(
    facts: Facts,
    key: str,
    kind: str,
    title: str,
    owner: str | None,
    children: Sequence[tuple[NodeStatus, float, bool]],
    sizes: Mapping[str, int],
) -> NodeStatus:
    below = [n for n, _, _ in children]
    rolled = roll_up(_child(n, weight, critical=critical) for n, weight, critical in children)
    reported = roll_up(_child(n, w, critical=c, health=n.reported) for n, w, c in children).health
    shown = roll_up(_child(n, w, critical=c, health=n.derived) for n, w, c in children).health
    root, decided_by = _root(below, rolled)
    because = f"{rolled.because}: {root}" if root else rolled.because
    progress, kind_of = _together(below, [w for _, w, _ in children])
    life = life_of(n.lifecycle for n in below)
    return NodeStatus(
        key, kind, title, owner, life, reported, shown, rolled.health, because, root, decided_by,
        assumed=any(n.assumed for n in below),
        coverage=rolled.coverage, unknown_share=_rest(rolled), distribution=rolled.distribution, worst=rolled.worst,
        progress=progress, progress_kind=kind_of,
        items=sum(sizes.get(k, 0) for k in facts.plan.streams_below(key)), sources=_trackers(below),
        cancelled=bool(below) and life is Lifecycle.CANCELLED,
    )  # fmt: skip


def _child(node: NodeStatus, weight: float, *, critical: bool = False, health: Health | None = None) -> Child:
    return Child(node.key, node.name, node.headline if health is None else health, weight, critical, node.cancelled)


def _worst(nodes: Iterable[NodeStatus]) -> NodeStatus:
    return max((n for n in nodes if n.headline in KNOWN and not n.cancelled), key=lambda n: WORSE[n.headline])


def _root(nodes: Iterable[NodeStatus], rolled: Rolled) -> tuple[str, str]:
    """The sentence of the worst of some nodes, and the key of the verdict whose sentence it is."""
    if not rolled.worst:
        return "", ""
    worst = _worst(nodes)
    return worst.root, worst.decided_by


def _together(
    nodes: Sequence[NodeStatus], weights: Sequence[float]
) -> tuple[float | None, Literal["outcome", "milestone", "item_count", "none"]]:
    """The weighted progress of several, where all of them are measured one way."""
    told = [(n.progress, w, n.progress_kind) for n, w in zip(nodes, weights, strict=True) if not n.cancelled]
    kinds = {kind for _, _, kind in told}
    total = sum(w for _, w, _ in told)
    if len(kinds) != 1 or not total or any(p is None for p, _, _ in told):
        return None, "none"
    return round(sum((p or 0.0) * w for p, w, _ in told) / total, 4), kinds.pop()


def _trackers(nodes: Iterable[NodeStatus]) -> tuple[str, ...]:
    return tuple(sorted({s for n in nodes for s in n.sources}))


def _rest(rolled: Rolled) -> float | None:
    return None if rolled.coverage is None else round(1 - rolled.coverage, 4)
