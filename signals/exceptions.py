"""What needs a decision: open signals as people meet them, and what the whole company's colours are worth. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from ledger.model import FINISHED, Annotation, Health
from signals.between import consumers
from signals.catalogue import CATALOGUE, RANK, Evidence, Verdict
from signals.deciding import Followed, Spoken, answer, decision_owners
from signals.facts import Facts
from signals.nodes import NodeStatus
from signals.rollup import KNOWN
from signals.telling import name


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
    decision: Followed | None = None
    """What was decided about it, and what became of that."""
    annotations: tuple[Annotation, ...] = ()
    """What the team says beside it."""

    @property
    def variant(self) -> str:
        """What tells it apart from others of its kind on its node, such as the dependency meant."""
        return self.key.removeprefix(f"{self.signal}:{self.subject}:")


class Portfolio(msgspec.Struct, frozen=True):
    """What is hollow, what is only said, what is candid: counts of workstreams; and whether the whole is green outside only."""

    watermelons: int
    green_verified: int
    """Reported on track, with what shows known: the denominator of the watermelon index."""
    green_unverified: int
    candid: int
    reported_green: int
    reported: int
    """Workstreams of whom anything is reported."""
    outcomes_behind: int
    outcomes: int
    """Key results whose metric can be computed."""
    watermelon: bool
    """At least 80 % reported on track, and at least half of the computable outcomes at risk or off track."""


def exceptions(facts: Facts, verdicts: Iterable[Verdict], nodes: Mapping[str, NodeStatus]) -> Iterator[NeedsDecision]:
    """Open signals of at least warn; each says who decides what. nodes: at least their subjects."""
    for v in verdicts:
        if v.outcome == "open" and v.severity in ("warn", "high"):
            yield needs(facts, v, nodes)


def spoken_of(rows: Iterable[NeedsDecision], spoken: Spoken) -> list[NeedsDecision]:
    """The same with what people decided and say beside it; of a decision that did not help, the sentence too."""
    said = [a for a in spoken.annotations if spoken.counts(a)]
    return [_with(e, answer(spoken.decisions, e), said) for e in rows]


def _with(e: NeedsDecision, decided: Followed | None, said: Iterable[Annotation]) -> NeedsDecision:
    beside = tuple(a for a in said if a.subject == e.subject and a.signal in ("", e.key))
    because = f"{e.because} ({decided.says})" if decided is not None and decided.loop == "reopened" else e.because
    return msgspec.structs.replace(e, because=because, decision=decided, annotations=beside)


def urgency(row: NeedsDecision) -> tuple[object, ...]:
    """The worst and furthest reaching first."""
    return (-RANK[row.severity], -len(row.affects), row.node, row.signal, row.key)


def needs(facts: Facts, v: Verdict, nodes: Mapping[str, NodeStatus]) -> NeedsDecision:
    """One open signal of any severity, with who decides what about it."""
    row = CATALOGUE[v.signal]
    node = nodes.get(v.subject)
    right = next((r for r in facts.plan.decision_rights if r.situation == row.situation), None)
    decides = next(iter(decision_owners(facts.plan, row.situation, v.subject)), None)
    streams = facts.plan.workstream_by_key
    waiting = [streams[k].name for k in consumers(facts, v.subject) if k in streams] if v.subject in streams else []
    return NeedsDecision(
        v.signal, row.title, str(v.severity), v.subject, node.name if node else v.subject, v.because,
        name(facts, node.owner) if node and node.owner else None, name(facts, decides) if decides else None,
        right.response if right else row.asks, right.sla_days if right else None, v.evidence, tuple(waiting), v.key,
    )  # fmt: skip


class Colours(msgspec.Struct, frozen=True, array_like=True):
    """What one node adds to what the colours of several are worth: counts, so that those of many are their sum."""

    watermelons: int = 0
    verified: int = 0
    green: int = 0
    candid: int = 0
    said: int = 0
    left: int = 0
    """Workstreams that are unfinished."""
    behind: int = 0
    measured: int = 0


def colours(n: NodeStatus) -> Colours:
    """What one node adds; nothing, unless it is a workstream or a key result."""
    if n.kind == "key_result" and n.outcome_health in KNOWN:
        return Colours(behind=int(n.outcome_health is not Health.ON_TRACK), measured=1)
    if n.kind != "workstream" or n.bau:
        return Colours()
    green = n.reported is Health.ON_TRACK
    return Colours(
        int(green and n.watermelon), int(green and n.derived in KNOWN), int(green), int(n.candid), int(n.reported in KNOWN),
        int(n.lifecycle not in FINISHED),
    )  # fmt: skip


def worth(of: Iterable[Colours]) -> Portfolio:
    """What the colours of several are worth, from what each of them adds."""
    c = Colours(*map(sum, zip(*map(msgspec.structs.astuple, (Colours(), *of)), strict=True)))
    hollow = bool(c.left and c.measured) and c.green >= 0.8 * c.left and 2 * c.behind >= c.measured
    return Portfolio(
        c.watermelons, c.verified, c.green - c.verified, c.candid, c.green, c.said, c.behind, c.measured, hollow
    )


def portfolio(nodes: Iterable[NodeStatus]) -> Portfolio:
    """What the colours of some nodes are worth."""
    return worth(map(colours, nodes))
