"""The plan as people made it: periods, pillars, objectives, key results, workstreams, milestones, commitments, decision rights.

Nothing here is computed. Names and meanings: docs/domain.md, the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from hashlib import blake2b
from typing import Literal, TypeVar

import msgspec

from ledger.model import Decision

Direction = Literal["increase", "decrease", "maintain_above", "maintain_below"]
Curve = Literal["linear", "step", "milestones", "table", "none"]
State = Literal["proposed", "committed", "delivered", "accepted", "withdrawn"]
EXTERNAL = "external"
T = TypeVar("T")


class Period(msgspec.Struct, frozen=True):
    """A quarter, or whatever span the organisation plans in; both ends belong to it."""

    key: str
    start_on: date
    end_on: date
    mid_review_on: date | None = None
    scoring_on: date | None = None


class Pillar(msgspec.Struct, frozen=True):
    key: str
    name: str
    sponsor: str | None = None


class Reading(msgspec.Struct, frozen=True):
    """A value of a metric on a day, given by hand."""

    on: date
    value: float


class Metric(msgspec.Struct, frozen=True):
    """What a key result is measured by; `current` names the source and item that tells its value now."""

    type: Literal["number", "percent", "currency", "boolean", "milestone"] = "number"
    direction: Direction = "increase"
    baseline: float = 0.0
    target: float = 1.0
    unit: str = ""
    curve: Curve = "none"
    table: tuple[Reading, ...] = ()
    """The planned values by day, for the curve "table"."""
    source: str | None = None
    item: str | None = None
    """Ref or key of the item of that source that holds the value."""
    readings: tuple[Reading, ...] = ()
    """Values given by hand."""


class Authority(msgspec.Struct, frozen=True):
    """Who gave an owner the resources and the say, until when, and where that is written."""

    granted_by: str
    until: date | None = None
    url: str = ""


class KeyResult(msgspec.Struct, frozen=True):
    key: str
    objective: str
    title: str
    owner: str | None = None
    rank: int | None = None
    critical: bool = False
    weight: float = 1.0
    metric: Metric | None = None
    needs_delivery: bool = True
    owner_accepted_on: date | None = None
    authority: Authority | None = None
    no_dependencies: bool = False
    """Its owner said that it depends on nobody."""
    origin: str = ""


class Objective(msgspec.Struct, frozen=True):
    key: str
    pillar: str
    period: str
    title: str
    department: str | None = None
    owner: str | None = None
    sponsor: str | None = None
    weight: float = 1.0
    critical: bool = False
    kind: Literal["okr", "v2mom", "hoshin", "other"] = "okr"
    origin: str = ""


class Selection(msgspec.Struct, frozen=True):
    """Items of one source that are a workstream's work: all of a binding's, those of some keys, or those whose title says so."""

    source: str
    binding: str | None = None
    keys: tuple[str, ...] = ()
    title: str | None = None
    """A part of the title, without case."""


class Milestone(msgspec.Struct, frozen=True):
    """A checkpoint: bound to an item, or dated by hand. `baseline_due_on` is frozen; None: the first due date that was known."""

    title: str
    item: str | None = None
    baseline_due_on: date | None = None
    due_on: date | None = None
    done_on: date | None = None
    weight: float = 1.0


class Workstream(msgspec.Struct, frozen=True):
    key: str
    name: str
    department: str
    owner: str | None = None
    sponsor: str | None = None
    start_on: date | None = None
    end_on: date | None = None
    supports: tuple[str, ...] = ()
    selections: tuple[Selection, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    from_due_dates: bool = False
    """Every item with a due date is a milestone."""
    weight: float = 1.0
    bau: bool = False
    rebaselined_on: date | None = None
    origin: str = ""


class Dependency(msgspec.Struct, frozen=True):
    """A commitment between two workstreams: what, by when, who."""

    key: str
    consumer: str
    provider: str
    deliverable: str = ""
    needed_by: date | None = None
    committed_by: date | None = None
    provider_person: str | None = None
    rank: int | None = None
    state: State = "proposed"
    provider_item: str | None = None
    origin: str = ""


class DecisionRight(msgspec.Struct, frozen=True):
    """Who decides in a situation, what, and how soon."""

    situation: str
    decision_owner: str
    response: str
    sla_days: int = 5


class Unread(msgspec.Struct, frozen=True):
    """What cannot be understood in a record that is bound as a part of the plan: that part, or the whole node, is left out of it."""

    source: str
    item: str
    """Id of the record."""
    says: str
    """What is wrong, in which record, what to do, and what is left out until then."""
    url: str = ""


class Plan(msgspec.Struct, frozen=True, dict=True):
    """Everything that was planned."""

    periods: tuple[Period, ...] = ()
    pillars: tuple[Pillar, ...] = ()
    objectives: tuple[Objective, ...] = ()
    key_results: tuple[KeyResult, ...] = ()
    workstreams: tuple[Workstream, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    decision_rights: tuple[DecisionRight, ...] = ()
    decisions: tuple[Decision, ...] = ()
    unread: tuple[Unread, ...] = ()
    """Of the records of trackers that are bound as parts of the plan."""

    @cached_property
    def digest(self) -> str:
        """What tells apart two plans."""
        return blake2b(msgspec.json.encode(self), digest_size=16).hexdigest()

    @cached_property
    def period_by_key(self) -> Mapping[str, Period]:
        return {p.key: p for p in self.periods}

    @cached_property
    def objective_by_key(self) -> Mapping[str, Objective]:
        return {o.key: o for o in self.objectives}

    @cached_property
    def key_result_by_key(self) -> Mapping[str, KeyResult]:
        return {k.key: k for k in self.key_results}

    @cached_property
    def workstream_by_key(self) -> Mapping[str, Workstream]:
        return {w.key: w for w in self.workstreams}

    def node(self, key: str) -> Objective | KeyResult | Workstream | None:
        """An objective, key result or workstream by its key."""
        return self.workstream_by_key.get(key) or self.key_result_by_key.get(key) or self.objective_by_key.get(key)

    @cached_property
    def key_results_of(self) -> Mapping[str, Sequence[KeyResult]]:
        """By objective."""
        return _grouped((k.objective, k) for k in self.key_results)

    @cached_property
    def objectives_of(self) -> Mapping[str, Sequence[Objective]]:
        """By pillar."""
        return _grouped((o.pillar, o) for o in self.objectives)

    @cached_property
    def workstreams_of(self) -> Mapping[str, Sequence[Workstream]]:
        """By key result."""
        return _grouped((kr, w) for w in self.workstreams for kr in w.supports)

    @cached_property
    def consumers_of(self) -> Mapping[str, Sequence[Dependency]]:
        """By provider."""
        return _grouped((d.provider, d) for d in self.dependencies)

    @cached_property
    def needs_of(self) -> Mapping[str, Sequence[Dependency]]:
        """By consumer."""
        return _grouped((d.consumer, d) for d in self.dependencies)

    def sponsor_of(self, key: str) -> str | None:
        """Who sponsors a node: its own sponsor, else that of what is above it."""
        if (w := self.workstream_by_key.get(key)) is not None:
            return w.sponsor
        if (kr := self.key_result_by_key.get(key)) is not None:
            key = kr.objective
        if (o := self.objective_by_key.get(key)) is not None and o.sponsor:
            return o.sponsor
        pillar = o.pillar if o is not None else key
        return next((p.sponsor for p in self.pillars if p.key == pillar), None)

    def kind_of(self, key: str) -> str | None:
        """company, pillar, objective, key_result or workstream; None where there is no such node."""
        if key == "company" or any(p.key == key for p in self.pillars):
            return "company" if key == "company" else "pillar"
        if key in self.objective_by_key:
            return "objective"
        if key in self.key_result_by_key:
            return "key_result"
        return "workstream" if key in self.workstream_by_key else None

    @property
    def keys(self) -> list[str]:
        """Of every node."""
        nodes = (self.pillars, self.objectives, self.key_results, self.workstreams)
        return ["company", *(n.key for kind in nodes for n in kind)]

    def children_of(self, key: str) -> list[str]:
        """Keys of what a node consists of."""
        if key == "company":
            return [p.key for p in self.pillars]
        if key in self.key_result_by_key:
            return [w.key for w in self.workstreams_of.get(key, ())]
        if key in self.objective_by_key:
            return [k.key for k in self.key_results_of.get(key, ())]
        return [o.key for o in self.objectives_of.get(key, ())]

    def below(self, key: str) -> set[str]:
        """A node and everything that it consists of."""
        found, ring = {key}, [key]
        while ring:
            ring = [c for k in ring for c in self.children_of(k) if c not in found]
            found |= set(ring)
        return found

    def streams_below(self, key: str) -> list[str]:
        """The workstreams that a node stands on, each once."""
        return [k for k in self.below(key) if k in self.workstream_by_key]

    def period_at(self, on: date) -> Period | None:
        """The period of a day; the latest begun one where several overlap."""
        inside = [p for p in self.periods if p.start_on <= on <= p.end_on]
        return max(inside, key=lambda p: p.start_on, default=None)

    def period_of(self, workstream: Workstream, on: date) -> Period | None:
        """The period that a workstream is judged in: its key results' one, else the day's."""
        for key in workstream.supports:
            kr = self.key_result_by_key.get(key)
            objective = self.objective_by_key.get(kr.objective) if kr else None
            if objective and (period := self.period_by_key.get(objective.period)):
                return period
        return self.period_at(on)


def _grouped(pairs: Iterator[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
