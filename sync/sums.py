"""What needs a decision below each node of the plan, and what the colours below it are worth: summed up when something is judged, and kept.

So one node's answer costs as much in a company of ten workstreams as in one of ten thousand. What needs a decision first is found from below:
the first of a node are among the first of its parts. Counts are not: a workstream may serve several key results, and counts once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from ledger.standing import Stands
from ledger.store import Ledger
from signals.exceptions import Colours, NeedsDecision, Portfolio, colours, urgency, worth
from signals.nodes import NodeStatus
from signals.plan import Plan

FIRST = 7
"""How many of what needs a decision are kept of each node."""
KINDS = ("workstream", "key_result", "objective", "pillar")
"""From below; the company comes last."""


class Sum(msgspec.Struct, frozen=True):
    """What is kept of everything below a node, itself included."""

    total: int
    """How much needs a decision."""
    first: tuple[NeedsDecision, ...]
    """The most urgent of it, the worst first."""
    portfolio: Portfolio


class Share(msgspec.Struct, frozen=True, array_like=True):
    """What one node by itself adds to the sums above it."""

    total: int
    colours: Colours


class Shares(msgspec.Struct):
    """Every node's share; and, by node, how much needs a decision that shows only when all are seen together."""

    of: dict[str, Share] = {}
    together: dict[str, int] = {}


_encode = msgspec.json.Encoder().encode
_node = msgspec.json.Decoder(NodeStatus).decode
_needs = msgspec.json.Decoder(tuple[NeedsDecision, ...]).decode
_shares = msgspec.json.Decoder(Shares).decode
_sum = msgspec.json.Decoder(Sum).decode


def kept_sum(ledger: Ledger, key: str) -> Sum:
    """The sum of a node of the plan, or of the company without its trackers."""
    return _sum(ledger.standing("sum", [key])[key].judged)


def summed(ledger: Ledger, plan: Plan, rows: Sequence[Stands], *, partly: bool) -> list[Stands]:
    """The sums of nodes that were judged, and of what is above them. rows: of what was judged; partly: the rest is kept."""
    return _Summing(ledger, plan, rows, partly=partly).rows()


class _Summing:
    def __init__(self, ledger: Ledger, plan: Plan, rows: Sequence[Stands], *, partly: bool) -> None:
        self.ledger, self.plan = ledger, plan
        kept = ledger.standing("shares").values() if partly else ()
        self.shares = next((_shares(row.judged) for row in kept), Shares())
        self.nodes = {row.key: row for row in rows if row.kind in KINDS}
        self.together: dict[str, list[NeedsDecision]] = {}
        for e in (e for row in rows if row.kind == "between" for e in _read(row)):
            self.together.setdefault(e.subject, []).append(e)
        judged = self.nodes.keys() | self.together.keys() | self.shares.together.keys()
        self.keys = [key for key in self._upwards(judged) if plan.kind_of(key)]
        self.found: dict[str, Sum] = {}

    def rows(self) -> list[Stands]:
        """The sums, and every node's share."""
        for row in self.nodes.values():
            self.shares.of[row.key] = Share(len(_read(row)), colours(_node(row.status)))
        self.shares.together = {key: len(told) for key, told in self.together.items()}
        parts = {key: self.plan.children_of(key) for key in self.keys}
        parts["company"] = [*parts.get("company", ()), *self._apart()]
        self._read_own()
        below = self._kept({part for of in parts.values() for part in of} - set(self.keys))
        for key in self.keys:
            self.found[key] = self._of(key, [(self.found.get(p) or below[p]).first for p in parts[key]])
        told = [Stands("sum", key, judged=_encode(found).decode()) for key, found in self.found.items()]
        return [*told, Stands("shares", "company", judged=_encode(self.shares).decode())]

    def _of(self, key: str, firsts: Iterable[Sequence[NeedsDecision]]) -> Sum:
        of, together = self.shares.of, self.shares.together
        below = of.keys() | together.keys() if key == "company" else self.plan.below(key)
        mine = [of[k] for k in below if k in of]
        rows = {e.key: e for e in (*self.own.get(key, ()), *(e for first in firsts for e in first))}
        total = sum(share.total for share in mine) + sum(together.get(k, 0) for k in below)
        first = tuple(sorted(rows.values(), key=urgency)[:FIRST])
        return Sum(total, first, worth(share.colours for share in mine))

    def _upwards(self, judged: Collection[str]) -> list[str]:
        """Nodes and all that is above them, from below, the company last."""
        plan, wanted = self.plan, set(judged)
        for w in plan.workstreams:
            if w.key in wanted:
                wanted.update(w.supports)
        wanted |= {k.objective for k in plan.key_results if k.key in wanted}
        wanted |= {o.pillar for o in plan.objectives if o.key in wanted}
        ordered = (plan.workstreams, plan.key_results, plan.objectives, plan.pillars)
        return [*(n.key for nodes in ordered for n in nodes if n.key in wanted), "company"]

    def _apart(self) -> list[str]:
        """Nodes that are below no pillar."""
        below = {key for p in self.plan.pillars for key in self.plan.below(p.key)}
        return [key for key in self.plan.keys if key not in below and key != "company"]

    def _read_own(self) -> None:
        """What needs a decision of each node by itself; of those that were not judged anew, as it is kept."""
        self.own = {key: [*_read(row), *self.together.get(key, ())] for key, row in self.nodes.items()}
        for kind in KINDS:
            kept = [k for k in self.keys if k not in self.nodes and self.plan.kind_of(k) == kind]
            for key, row in self.ledger.standing(kind, kept).items():
                self.own[key] = [*_read(row), *self.together.get(key, ())]

    def _kept(self, keys: Collection[str]) -> Mapping[str, Sum]:
        return {key: _sum(row.judged) for key, row in self.ledger.standing("sum", keys).items()}


def _read(row: Stands) -> tuple[NeedsDecision, ...]:
    return _needs(row.exceptions) if row.exceptions else ()
