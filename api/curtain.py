"""What hangs before an answer about the plan for a reader who may not see every row: everything is judged from the whole ledger and
stands as it stands; sentences and evidence that come from hidden rows say whom to ask instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from ledger.model import Annotation
from ledger.read import Reads
from signals.cadence import CheckIn
from signals.catalogue import Evidence, Verdict
from signals.deciding import Followed, Spoken
from signals.exceptions import NeedsDecision
from signals.nodes import NodeStatus
from signals.plan import Dependency, Plan
from signals.trace import Trace
from signals.veil import (
    veiled_annotation,
    veiled_check_in,
    veiled_decision,
    veiled_exception,
    veiled_node,
    veiled_verdict,
)
from sync.configuration import Configuration

WITHHELD = "confidential"
"""Stands for a sentence of which it cannot be told any more what it stood on."""


class Curtain:
    """One reader's, for one plan. `of`: members of workstreams as of another instant than now."""

    def __init__(
        self,
        ledger: Reads,
        configuration: Configuration,
        plan: Plan,
        of: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.ledger, self._plan, self._of = ledger, plan, of
        self._sources = [s.key for s in configuration.sources]
        self._known: dict[str, str] = {}
        """Of ids that were asked for: whom to ask, "" where they may be seen or are no items."""
        named = self._named()
        self.asks = self._nodes(named)
        self.plan = msgspec.structs.replace(plan, dependencies=tuple(_unnamed(d, named) for d in plan.dependencies))
        """The plan without names of hidden items."""
        self.promised = {d.key: d for d in plan.dependencies}
        self._named_asks = named

    # -- what is hidden ----------------------------------------------------------------------------------------------

    def _named(self) -> dict[str, str]:
        """Whom to ask about hidden items, by the names that workstreams and commitments have for them."""
        milestones = {m.item for w in self._plan.workstreams for m in w.milestones if m.item}
        names = milestones | {d.provider_item for d in self._plan.dependencies if d.provider_item}
        return self._by_name(names, self._sources)

    def _by_name(self, names: set[str], sources: Sequence[str]) -> dict[str, str]:
        ids = self.ledger.whole.by_keys(names, sources)
        asks = self.ledger.asks({*ids.values(), *names})
        return {name: ask for name in names if (ask := asks.get(name) or asks.get(ids.get(name, "")))}

    def _nodes(self, named: Mapping[str, str]) -> dict[str, str]:
        """Whom to ask about workstreams, key results and trackers that stand on hidden rows."""
        veil, streams = self.ledger.veil, self._streams()
        found = {s: ask for s in self._sources if (ask := veil.ask_source(s))}
        for w in self._plan.workstreams:
            asks = (streams.get(w.key), *(named.get(m.item) for m in w.milestones if m.item))
            if told := next(filter(None, asks), None):
                found[w.key] = told
        return found | self._measures()

    def _streams(self) -> Mapping[str, str]:
        if self._of is None:
            return self.ledger.workstream_asks()
        asks = self.ledger.asks(i for ids in self._of.values() for i in ids)
        return {key: ask for key, ids in self._of.items() if (ask := next((asks[i] for i in ids if i in asks), ""))}

    def _measures(self) -> dict[str, str]:
        by_source: dict[str, set[str]] = {}
        told = [(k.key, k.metric.source, k.metric.item) for k in self._plan.key_results if k.metric]
        for _, source, item in told:
            if source and item:
                by_source.setdefault(source, set()).update((item, f"{source}:{item}"))
        asks = {source: self._by_name(names, [source]) for source, names in by_source.items()}
        found = {}
        for key, source, item in told:
            named = asks.get(source or "", {})
            if ask := named.get(f"{source}:{item}") or named.get(item or ""):
                found[key] = ask
        return found

    def look_up(self, ids: Iterable[str]) -> None:
        """Asks of several ids at once which of them are hidden."""
        if missing := set(ids) - self._known.keys():
            asks = self.ledger.asks(missing)
            self._known |= {i: asks.get(i, "") for i in missing}

    def of(self, signal: str, subject: str, variant: str, evidence: Sequence[Evidence] = ()) -> str:
        """Whom to ask about what a verdict stands on: its subject, the records it names, a provider's work; "" where all may be seen."""
        stands_on = [subject, *_refs(evidence)]
        promise = self.promised.get(variant) if signal.startswith("dependency_") else None
        if promise is not None and promise.provider_item:
            if ask := self._named_asks.get(promise.provider_item):
                return ask
        elif promise is not None and signal == "dependency_stalled":
            stands_on.append(promise.provider)
        self.look_up(stands_on)
        return next((ask for ref in stands_on if (ask := self.asks.get(ref) or self._known[ref])), "")

    # -- answers -----------------------------------------------------------------------------------------------------

    def verdicts(self, rows: Sequence[Verdict]) -> list[Verdict]:
        """Verdicts as the reader may have them."""
        self.look_up(ref for v in rows for ref in (v.subject, *_refs(v.evidence)))
        return [veiled_verdict(v, ask) if (ask := self.of_verdict(v)) else v for v in rows]

    def of_verdict(self, v: Verdict) -> str:
        """Whom to ask about a verdict; "" where all of it may be seen."""
        return self.of(v.signal, v.subject, v.variant, v.evidence)

    def exceptions(self, rows: Sequence[NeedsDecision]) -> list[NeedsDecision]:
        """What needs a decision, as the reader may have it."""
        self.look_up(ref for e in rows for ref in (e.subject, *_refs(e.evidence)))
        return [self.exception(e) for e in rows]

    def exception(self, e: NeedsDecision) -> NeedsDecision:
        """The same of one."""
        if ask := self.of_exception(e):
            return veiled_exception(e, ask)
        decision = self._decision(e.decision) if e.decision else None
        return msgspec.structs.replace(e, decision=decision, annotations=tuple(map(self._annotation, e.annotations)))

    def of_exception(self, e: NeedsDecision) -> str:
        """Whom to ask about what needs a decision; "" where all of it may be seen."""
        return self.of(e.signal, e.subject, e.variant, e.evidence)

    def spoken(self, told: Spoken) -> Spoken:
        """What people decided and said: their own words go where what they are about is hidden."""
        decisions, annotations = map(self._decision, told.decisions), map(self._annotation, told.annotations)
        return msgspec.structs.replace(told, decisions=tuple(decisions), annotations=tuple(annotations))

    def _decision(self, d: Followed) -> Followed:
        return veiled_decision(d, ask) if (ask := self._about(d)) else d

    def _annotation(self, a: Annotation) -> Annotation:
        return veiled_annotation(a, ask) if (ask := self._about(a)) else a

    def _about(self, said: Followed | Annotation) -> str:
        """Whom to ask about people's own words: they may tell of anything that their node stands on."""
        name = said.signal.partition(":")[0]
        around = self._plan.below(said.subject)
        if name.startswith("dependency_"):
            around |= {d.provider for d in self._plan.needs_of.get(said.subject, ())}
        return next((self.asks[key] for key in sorted(around) if key in self.asks), "")

    def nodes(self, nodes: Mapping[str, NodeStatus], decisive: Sequence[Verdict]) -> dict[str, NodeStatus]:
        """Nodes as the reader may have them. decisive: the verdicts whose sentences they say (`decided_by`)."""
        self.look_up(ref for v in decisive for ref in (v.subject, *_refs(v.evidence)))
        asks = {v.key: self.of_verdict(v) for v in decisive}

        def ask_of(key: str) -> str:
            return asks.get(key, WITHHELD) if key else ""

        return {k: veiled_node(n, ask_of, measured=k in self.measured) for k, n in nodes.items()}

    @cached_property
    def measured(self) -> set[str]:
        """Key results of hidden metrics, and everything above them."""
        results = [k for k in self._plan.key_results if k.key in self.asks]
        objectives = [o for k in results if (o := self._plan.objective_by_key.get(k.objective))]
        found = {k.key for k in results} | {o.key for o in objectives} | {o.pillar for o in objectives}
        return {*found, "company"} if results else set()

    def trace(self, told: Trace) -> Trace:
        """A key result traced back; of a hidden metric neither value nor sentence."""
        ask = self.asks.get(told.key_result) if told.verdict != "not_scored" else None
        return msgspec.structs.replace(told, score=None, because=ask) if ask else told

    def check_in(self, c: CheckIn) -> CheckIn:
        """What a workstream said in a week: hidden where it stood on hidden rows then, or stands on some now."""
        veil = self.ledger.veil
        asks = (*(veil.ask(*bound) for bound in c.stands_on), self.asks.get(c.node))
        ask = next(filter(None, asks), None)
        return veiled_check_in(c, ask) if ask else c


def curtain_for(
    ledger: Reads, configuration: Configuration, plan: Plan, of: Mapping[str, Sequence[str]] | None = None
) -> Curtain | None:
    """The curtain for a ledger's reader; None where nothing is hidden. What is confidential and judged for a reader is noted."""
    ledger.veil.note_all()
    return None if ledger.veil.shown is None else Curtain(ledger, configuration, plan, of)


def decided_by(nodes: Iterable[NodeStatus]) -> set[str]:
    """Keys of the verdicts whose sentences some nodes say."""
    tests = {n.accountability.dependencies.decided_by for n in nodes if n.accountability is not None}
    return ({n.decided_by for n in nodes} | tests) - {""}


def _refs(evidence: Iterable[Evidence]) -> list[str]:
    return [ref for e in evidence for ref in (e.ref, *e.names)]


def _unnamed(d: Dependency, named: Mapping[str, str]) -> Dependency:
    ask = named.get(d.provider_item or "")
    return msgspec.structs.replace(d, provider_item=ask) if ask else d
