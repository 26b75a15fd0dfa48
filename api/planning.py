"""Questions about the plan: how a node stands, why, what needs a decision, what changed; as of any instant.

How things stand now is kept by every sync and only read here (sync/standing.py); any other instant is judged anew.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Protocol

import msgspec

from api.curtain import Curtain, curtain_for, decided_by
from ledger.model import Annotation
from ledger.read import Reads
from ledger.store import Ledger
from signals.cadence import CheckIn
from signals.catalogue import CATALOGUE, Verdict
from signals.company import Company
from signals.deciding import Followed, Spoken
from signals.exceptions import NeedsDecision, Portfolio, portfolio, spoken_of, urgency
from signals.headline import FORMULA
from signals.nodes import NodeStatus, aged
from signals.plan import Plan
from signals.trace import Trace, trace
from sync.anew import Basis, Under
from sync.bound_plan import plan_at
from sync.closing import Pack, published
from sync.configuration import Configuration
from sync.deciding import spoken_at
from sync.facts import facts_of, judged_at, thresholds
from sync.standing import (
    above_now,
    every_now,
    kept_decisive,
    kept_nodes,
    kept_verdicts,
    open_now,
    open_of_trackers,
    refresh,
)
from sync.sums import FIRST, kept_sum

Opened = dict[str, tuple[datetime, datetime]]
"""By key, of open signals: since when, and when it was open for the first time."""


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


class Below(msgspec.Struct, frozen=True):
    """What is below a node, itself included: what its colours are worth, and what needs a decision, the most urgent first."""

    portfolio: Portfolio
    total: int
    shown: tuple[NeedsDecision, ...]


class Reasons(msgspec.Struct, frozen=True):
    """Why a node stands as it does: its status, every signal with its inputs and thresholds, and the records it stands on."""

    as_of: datetime
    node: NodeStatus
    signals: tuple[Verdict, ...]
    children: tuple[NodeStatus, ...]
    items: tuple[str, ...]
    """Ids of the items below a workstream: 'sightline explain ITEM' goes on from there to the raw record."""
    origin: str
    """Where people planned it: file and line, or the record."""
    formula: str
    decisions: tuple[Followed, ...] = ()
    """About the node or its signals, superseded ones too."""
    annotations: tuple[Annotation, ...] = ()
    """Beside the node or its signals, that have not expired."""


class NodeChange(msgspec.Struct, frozen=True):
    """What is different about a node between two instants."""

    key: str
    kind: str
    name: str
    before: str
    after: str
    because: str


class Changes(msgspec.Struct, frozen=True):
    """What is different between two instants."""

    since: datetime
    until: datetime
    nodes: tuple[NodeChange, ...]
    opened: tuple[NeedsDecision, ...]
    cleared: tuple[NeedsDecision, ...]


class NoSuchNode(Exception):
    """No node of the plan has this key; the message names those that are near."""


# -- boards: everything as of an instant ---------------------------------------------------------------------------------


class Board(Protocol):
    """How everything stands as of one instant."""

    as_of: datetime
    plan: Plan

    def nodes(self, kind: str, keys: Collection[str] | None = None) -> dict[str, NodeStatus]:
        """Nodes of a kind, by key: all of them in the plan's order, or those of some keys."""
        ...

    def verdicts(self, key: str) -> list[Verdict]:
        """Everything that was judged of a node or a tracker."""
        ...

    def every(self) -> list[Verdict]:
        """Everything that was judged, of every node and tracker."""
        ...

    def decisive(self, keys: Collection[str]) -> list[Verdict]:
        """Verdicts of some keys, by which nodes stand as they do (`decided_by`)."""
        ...

    def exceptions(self) -> list[NeedsDecision]:
        """Everything that needs a decision, the most urgent first, with what was decided and is said beside it."""
        ...

    def spoken(self) -> Spoken:
        """What people decided and said."""
        ...

    def below(self, key: str, limit: int) -> Below:
        """What is below a node; of what needs a decision so many are shown, 0 for all."""
        ...


class Past:
    """As of an instant, judged anew."""

    def __init__(self, judged: Company, plan: Plan, opened: Opened, spoken: Spoken) -> None:
        self.judged, self.plan, self.as_of, self.opened, self._spoken = judged, plan, judged.as_of, opened, spoken

    def nodes(self, kind: str, keys: Collection[str] | None = None) -> dict[str, NodeStatus]:
        nodes = self.judged.nodes.items()
        return {k: n for k, n in nodes if n.kind == kind and (keys is None or k in keys)}

    def verdicts(self, key: str) -> list[Verdict]:
        return [v for v in self.judged.verdicts if v.subject == key]

    def every(self) -> list[Verdict]:
        return list(self.judged.verdicts)

    def decisive(self, keys: Collection[str]) -> list[Verdict]:
        return [v for v in self.judged.verdicts if v.key in keys]

    def exceptions(self) -> list[NeedsDecision]:
        return spoken_of(_dated(self.judged.exceptions, self.opened), self._spoken)

    def spoken(self) -> Spoken:
        return self._spoken

    def below(self, key: str, limit: int) -> Below:
        return _below(self, key, limit)


class Now:
    """As things stand, from what every sync keeps."""

    def __init__(self, ledger: Ledger, configuration: Configuration) -> None:
        self.ledger, self.configuration = ledger, configuration
        self.as_of = ledger.clock()
        self.plan = plan_at(ledger, configuration, self.as_of)
        refresh(ledger, configuration, self.plan)

    @cached_property
    def _read(self) -> Mapping[str, datetime]:
        return self.ledger.last_good()

    def nodes(self, kind: str, keys: Collection[str] | None = None) -> dict[str, NodeStatus]:
        kept = kept_nodes(self.ledger, kind, keys)
        wanted = self.plan.keys if keys is None else keys
        return {k: aged(kept[k], self._read, self.as_of) for k in wanted if k in kept}

    def verdicts(self, key: str) -> list[Verdict]:
        return kept_verdicts(self.ledger, self.plan.kind_of(key) or "", key)

    def every(self) -> list[Verdict]:
        return every_now(self.ledger, self.configuration)

    def decisive(self, keys: Collection[str]) -> list[Verdict]:
        return kept_decisive(self.ledger, self.plan, keys)

    def exceptions(self) -> list[NeedsDecision]:
        rows = open_now(self.ledger, self.configuration, above_now(self.ledger, self.configuration))
        return spoken_of(_dated(rows, self.ledger.opened(at=self.as_of)), self.spoken())

    def spoken(self) -> Spoken:
        return spoken_at(self.ledger, self.configuration, self.as_of)

    def below(self, key: str, limit: int) -> Below:
        kept = kept_sum(self.ledger, key)
        if kept.total > FIRST and not 0 < limit <= FIRST:
            return _below(self, key, limit)
        trackers = open_of_trackers(self.ledger, self.configuration) if key == "company" else []
        rows = sorted([*kept.first, *trackers], key=urgency)[: limit or None]
        shown = _dated(rows, self.ledger.opened(at=self.as_of, keys=[e.key for e in rows]))
        return Below(kept.portfolio, kept.total + len(trackers), tuple(spoken_of(shown, self.spoken())))


class Veiled:
    """Another board as a reader may have it who may not see every row."""

    def __init__(self, board: Board, curtain: Curtain) -> None:
        self.board, self.curtain = board, curtain
        self.as_of, self.plan = board.as_of, curtain.plan

    def nodes(self, kind: str, keys: Collection[str] | None = None) -> dict[str, NodeStatus]:
        found = self.board.nodes(kind, keys)
        return self.curtain.nodes(found, self.board.decisive(decided_by(found.values())))

    def verdicts(self, key: str) -> list[Verdict]:
        return self.curtain.verdicts(self.board.verdicts(key))

    def every(self) -> list[Verdict]:
        return self.curtain.verdicts(self.board.every())

    def decisive(self, keys: Collection[str]) -> list[Verdict]:
        return self.curtain.verdicts(self.board.decisive(keys))

    def exceptions(self) -> list[NeedsDecision]:
        return self.curtain.exceptions(self.board.exceptions())

    def spoken(self) -> Spoken:
        return self.curtain.spoken(self.board.spoken())

    def below(self, key: str, limit: int) -> Below:
        found = self.board.below(key, limit)
        return msgspec.structs.replace(found, shown=tuple(self.curtain.exceptions(found.shown)))


def _below(board: Board, key: str, limit: int) -> Below:
    """What is below a node, from everything that there is."""
    below = None if key == "company" else board.plan.below(key)
    rows = [e for e in board.exceptions() if below is None or e.subject in below]
    nodes = [n for kind in ("workstream", "key_result") for n in board.nodes(kind, below).values()]
    return Below(portfolio(nodes), len(rows), tuple(rows[: limit or None]))


def _dated(rows: Iterable[NeedsDecision], opened: Opened) -> list[NeedsDecision]:
    """Exceptions with since when they are noted as open."""
    return [
        msgspec.structs.replace(e, opened_at=opened[e.key][0], first_visible_at=opened[e.key][1])
        if e.key in opened
        else e
        for e in rows
    ]


def board_at(
    ledger: Reads,
    configuration: Configuration,
    at: datetime | None = None,
    basis: Basis = "happened",
    mapping: Under | None = None,
) -> Board:
    """Everything as of an instant; now where none is given. Judged from the whole ledger, answered as its reader may have it."""
    whole = ledger.whole
    if at is None and basis == "happened" and mapping in (None, "now"):
        now = Now(whole, configuration)
        curtain = curtain_for(ledger, configuration, now.plan)
        return Veiled(now, curtain) if curtain else now
    at = at or ledger.clock()
    judged, facts = judged_at(whole, configuration, at, basis, mapping)
    past = Past(judged, facts.plan, whole.opened(at=at), spoken_at(whole, configuration, at, basis))
    curtain = curtain_for(ledger, configuration, facts.plan, facts.of)
    return Veiled(past, curtain) if curtain else past


def node_of(board: Board, key: str) -> NodeStatus:
    """One node by its key.

    Raises:
        NoSuchNode: there is none.
    """
    kind = board.plan.kind_of(key)
    if kind is not None and (found := board.nodes(kind, [key]).get(key)) is not None:
        return found
    known = board.plan.keys
    near = difflib.get_close_matches(key, known, 1)
    listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    raise NoSuchNode(
        f"the plan has no node '{key}'{f' - did you mean {near[0]!r}?' if near else f': known are {listed}'}"
    )


def _children(board: Board, key: str) -> tuple[NodeStatus, ...]:
    keys = board.plan.children_of(key)
    kinds = {board.plan.kind_of(k) for k in keys}
    found = {k: n for kind in kinds if kind for k, n in board.nodes(kind, keys).items()}
    return tuple(found[k] for k in keys if k in found)


# -- questions -----------------------------------------------------------------------------------------------------------


def standing(board: Board, key: str, *, basis: Basis = "happened", limit: int = 7) -> PlanAnswer:
    """How a pillar, objective, key result, workstream or the company ("company") stands.

    Raises:
        NoSuchNode: the plan has no such node.
    """
    node, below = node_of(board, key), board.below(key, limit)
    return PlanAnswer(
        board.as_of, basis, node, _children(board, key), below.shown, below.total, below.portfolio, FORMULA
    )


def reasons(
    ledger: Reads,
    configuration: Configuration,
    key: str,
    at: datetime | None = None,
    *,
    basis: Basis = "happened",
    mapping: Under | None = None,
) -> Reasons:
    """Why a node stands as it does.

    Raises:
        NoSuchNode: the plan has no such node.
    """
    board = board_at(ledger, configuration, at, basis, mapping)
    node = node_of(board, key)
    told = tuple(sorted(board.verdicts(key), key=lambda v: (v.outcome != "open", v.signal, v.key)))
    plan = board.plan
    work = plan.workstream_by_key.get(key)
    planned = plan.node(key)
    items: tuple[str, ...] = ()
    if work is not None:
        found = [i.id for i in facts_of(ledger.whole, configuration, [work], board.as_of, basis, mapping).work(work)]
        hidden = ledger.asks(found)
        items = tuple(i for i in found if i not in hidden)
    words, origin = board.spoken().of(key), planned.origin if planned else ""
    said = tuple(a for a in words.annotations if words.counts(a))
    below = _children(board, key)
    return Reasons(board.as_of, node, told, below, items, origin, FORMULA, words.decisions, said)


def changes(before: Board, after: Board) -> Changes:
    """What is different between two instants."""
    moved = []
    for kind in ("company", "pillar", "objective", "key_result", "workstream"):
        had = before.nodes(kind)
        moved += [
            NodeChange(key, n.kind, n.name, str(had[key].headline), str(n.headline), n.because)
            for key, n in after.nodes(kind).items()
            if key in had and had[key].headline is not n.headline
        ]
    was = {e.key: e for e in before.exceptions()}
    now = {e.key: e for e in after.exceptions()}
    opened = tuple(e for k, e in now.items() if k not in was)
    return Changes(before.as_of, after.as_of, tuple(moved), opened, tuple(e for k, e in was.items() if k not in now))


def traced(
    ledger: Reads,
    configuration: Configuration,
    key: str,
    at: datetime,
    *,
    basis: Basis = "happened",
    mapping: Under | None = None,
) -> Trace:
    """Which workstream of a missed key result signalled first, or that it came as a surprise.

    Raises:
        NoSuchNode: the plan has no such key result.
    """
    plan = plan_at(ledger.whole, configuration, at, basis)
    kr = plan.key_result_by_key.get(key)
    if kr is None:
        raise NoSuchNode(f"there is no key result '{key}': known are {', '.join(plan.key_result_by_key) or 'none'}")
    facts = facts_of(ledger.whole, configuration, plan.workstreams_of.get(key, ()), at, basis, mapping)
    curtain = curtain_for(ledger, configuration, plan, facts.of)
    if curtain is None:
        return trace(facts, kr, thresholds(configuration))
    return curtain.trace(trace(facts, kr, thresholds(configuration), curtain.exception))


def spoken(ledger: Reads, configuration: Configuration, at: datetime, basis: Basis = "happened") -> Spoken:
    """What people decided and said by an instant, as the ledger's reader may have it."""
    whole = ledger.whole
    if ledger.veil.shown is not None:
        refresh(whole, configuration)
    curtain = curtain_for(ledger, configuration, plan_at(whole, configuration, at, basis))
    told = spoken_at(whole, configuration, at, basis)
    return curtain.spoken(told) if curtain else told


def check_ins(
    ledger: Reads, configuration: Configuration, week: str | None = None, node: str | None = None
) -> list[tuple[CheckIn, bool, int]]:
    """(check-in as published last, whether an earlier version said something else, version), by week and node."""
    whole = ledger.whole
    last: dict[str, Pack] = {p.week: p for p in published(whole, week)}
    if ledger.veil.shown is not None:
        refresh(whole, configuration)
    curtain = curtain_for(ledger, configuration, plan_at(whole, configuration, ledger.clock()))
    return [
        (curtain.check_in(c) if curtain else c, c.node in pack.restated, pack.version)
        for pack in last.values()
        for c in pack.check_ins
        if node in (None, c.node)
    ]


def definitions() -> list[dict[str, object]]:
    """Every signal: its thresholds, its kind, what it asks."""
    return [msgspec.to_builtins(row) for row in CATALOGUE.values()]
