"""Questions about the plan: how a node stands, why, what needs a decision, what changed; as of any instant."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ledger.read import Reads
from signals.catalogue import CATALOGUE, Verdict
from signals.company import Company, NeedsDecision, NodeStatus, judge, watermelon_index
from signals.facts import Facts
from signals.trace import Trace, trace
from sync.configuration import Configuration
from sync.facts import Basis, Under, facts_at, thresholds


class Portfolio(msgspec.Struct, frozen=True):
    """What is hollow, what is only said, what is candid: counts of workstreams."""

    watermelons: int
    green_verified: int
    green_unverified: int
    candid: int


class PlanAnswer(msgspec.Struct, frozen=True):
    """A node, what it consists of, and what needs a decision below it."""

    as_of: datetime
    basis: str
    node: NodeStatus
    children: tuple[NodeStatus, ...]
    exceptions: tuple[NeedsDecision, ...]
    exceptions_total: int
    portfolio: Portfolio
    formula: str


class Reasons(msgspec.Struct, frozen=True):
    """Why a node stands as it does: its status, every signal with its inputs and thresholds, and the records it stands on."""

    as_of: datetime
    node: NodeStatus
    signals: tuple[Verdict, ...]
    children: tuple[NodeStatus, ...]
    items: tuple[str, ...]
    """Ids of the items below a workstream: 'sightline explain ITEM' goes on from there to the raw record."""
    origin: str
    """File and line where people planned it."""
    formula: str


class NodeChange(msgspec.Struct, frozen=True):
    """What is different about a node between two instants."""

    key: str
    kind: str
    name: str
    before: str
    after: str
    because: str


class Changes(msgspec.Struct, frozen=True):
    since: datetime
    until: datetime
    nodes: tuple[NodeChange, ...]
    opened: tuple[NeedsDecision, ...]
    cleared: tuple[NeedsDecision, ...]


def traced(ledger: Reads, configuration: Configuration, key: str, at: datetime) -> Trace:
    """Which workstream of a missed key result signalled first, or that it came as a surprise.

    Raises:
        NoSuchNode: the plan has no such key result.
    """
    facts = facts_at(ledger, configuration, at)
    kr = facts.plan.key_result_by_key.get(key)
    if kr is None:
        raise NoSuchNode(
            f"there is no key result '{key}': known are {', '.join(facts.plan.key_result_by_key) or 'none'}"
        )
    return trace(facts, kr, thresholds(configuration))


class NoSuchNode(Exception):
    """No node of the plan has this key; the message names those that are near."""


def company(
    ledger: Reads, configuration: Configuration, at: datetime, basis: Basis = "happened", mapping: Under | None = None
) -> tuple[Company, Facts]:
    """Everything judged as of an instant, and what it was judged from."""
    facts = facts_at(ledger, configuration, at, basis, mapping)
    judged, noted = judge(facts, thresholds(configuration)), ledger.opened(at=at)
    dated = tuple(
        msgspec.structs.replace(e, opened_at=noted[e.key][0], first_visible_at=noted[e.key][1]) if e.key in noted else e
        for e in judged.exceptions
    )
    return msgspec.structs.replace(judged, exceptions=dated), facts


def standing(
    ledger: Reads,
    configuration: Configuration,
    key: str,
    at: datetime,
    *,
    basis: Basis = "happened",
    mapping: Under | None = None,
    limit: int = 7,
) -> PlanAnswer:
    """How a pillar, objective, key result, workstream or the company ("company") stands.

    Raises:
        NoSuchNode: the plan has no such node.
    """
    judged, facts = company(ledger, configuration, at, basis, mapping)
    node = node_of(judged, key)
    below = _below(facts, key)
    rows = [e for e in judged.exceptions if key == "company" or e.subject in below]
    children = tuple(judged.nodes[k] for k in _children(facts, key))
    shown = tuple(rows[:limit] if limit else rows)
    index = Portfolio(*watermelon_index(n for k, n in judged.nodes.items() if key == "company" or k in below))
    return PlanAnswer(at, basis, node, children, shown, len(rows), index, judged.formula)


def reasons(
    ledger: Reads, configuration: Configuration, key: str, at: datetime, *, basis: Basis = "happened"
) -> Reasons:
    """Why a node stands as it does.

    Raises:
        NoSuchNode: the plan has no such node.
    """
    judged, facts = company(ledger, configuration, at, basis)
    node = node_of(judged, key)
    told = tuple(
        sorted((v for v in judged.verdicts if v.subject == key), key=lambda v: (v.outcome != "open", v.signal))
    )
    work = facts.plan.workstream_by_key.get(key)
    planned = work or facts.plan.key_result_by_key.get(key) or facts.plan.objective_by_key.get(key)
    return Reasons(
        at, node, told, tuple(judged.nodes[k] for k in _children(facts, key)),
        tuple(i.id for i in facts.work(work) if i.id not in facts.hidden) if work else (), planned.origin if planned else "", judged.formula,
    )  # fmt: skip


def changes(ledger: Reads, configuration: Configuration, since: datetime, until: datetime) -> Changes:
    """What is different between two instants, both as known now."""
    before, _ = company(ledger, configuration, since)
    after, _ = company(ledger, configuration, until)
    moved = [
        NodeChange(key, n.kind, n.name, str(before.nodes[key].headline), str(n.headline), n.because)
        for key, n in after.nodes.items()
        if key in before.nodes and before.nodes[key].headline is not n.headline
    ]
    had = {(e.signal, e.subject): e for e in before.exceptions}
    has = {(e.signal, e.subject): e for e in after.exceptions}
    opened = tuple(e for k, e in has.items() if k not in had)
    return Changes(since, until, tuple(moved), opened, tuple(e for k, e in had.items() if k not in has))


def node_of(judged: Company, key: str) -> NodeStatus:
    """One node by its key.

    Raises:
        NoSuchNode: there is none.
    """
    import difflib

    if key in judged.nodes:
        return judged.nodes[key]
    near = difflib.get_close_matches(key, list(judged.nodes), 1)
    hint = f" - did you mean '{near[0]}'?" if near else f": known are {', '.join(judged.nodes)}"
    raise NoSuchNode(f"the plan has no node '{key}'{hint}")


def definitions() -> list[dict[str, object]]:
    """Every signal: its thresholds, its kind, what it asks."""
    return [msgspec.to_builtins(row) for row in CATALOGUE.values()]


def _children(facts: Facts, key: str) -> list[str]:
    plan = facts.plan
    if key == "company":
        return [p.key for p in plan.pillars]
    if any(p.key == key for p in plan.pillars):
        return [o.key for o in plan.objectives if o.pillar == key]
    if key in plan.objective_by_key:
        return [k.key for k in plan.key_results_of.get(key, ())]
    return [w.key for w in plan.workstreams_of.get(key, ())]


def _below(facts: Facts, key: str) -> set[str]:
    """A node and everything that it consists of."""
    found, ring = {key}, [key]
    while ring:
        ring = [c for k in ring for c in _children(facts, k) if c not in found]
        found |= set(ring)
    return found
