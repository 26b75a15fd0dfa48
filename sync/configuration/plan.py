"""plan.yaml, and the objectives and workstreams of departments' own files: read, checked as a whole, and made the plan."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import date
from hashlib import blake2b
from typing import Literal

from pydantic import Field, model_validator

from ledger.model import Decision, DecisionKind
from signals import plan as made
from signals.catalogue import CATALOGUE
from sync.configuration.base import Key, Strict
from sync.configuration.yaml_file import PathTo, YamlFile

NODES = ("pillar", "objective", "key result", "workstream")


class PeriodEntry(Strict):
    key: str = Field(min_length=1)
    start_on: date
    end_on: date
    mid_review_on: date | None = None
    scoring_on: date | None = None

    @model_validator(mode="after")
    def _order(self) -> PeriodEntry:
        if self.end_on <= self.start_on:
            raise ValueError(f"ends on {self.end_on}, which is not after its start on {self.start_on}")
        return self


class PillarEntry(Strict):
    key: Key
    name: str = Field(min_length=1)
    sponsor: str | None = None


class ReadingEntry(Strict):
    on: date
    value: float


class CurrentEntry(Strict):
    """Where a metric's value is read: an item of a source whose field `current_value` (or progress) holds it."""

    source: str
    item: str


class MetricEntry(Strict):
    type: Literal["number", "percent", "currency", "boolean", "milestone"] = "number"
    direction: made.Direction = "increase"
    baseline: float = 0
    target: float
    unit: str = ""
    curve: made.Curve = "none"
    table: list[ReadingEntry] = []
    current: CurrentEntry | None = None
    readings: list[ReadingEntry] = []

    @model_validator(mode="after")
    def _sense(self) -> MetricEntry:
        if self.direction in ("increase", "decrease") and self.baseline == self.target:
            raise ValueError(f"baseline and target are both {self.target:g}: nothing would have to change")
        if (self.curve == "table") != bool(self.table):
            raise ValueError("the curve 'table' needs a table of planned values, and no other curve has one")
        return self


class AuthorityEntry(Strict):
    granted_by: str
    until: date | None = None
    url: str = ""


class KeyResultEntry(Strict):
    key: Key
    title: str = Field(min_length=1)
    owner: str | None = None
    rank: int | None = Field(None, ge=1)
    critical: bool = False
    weight: float = Field(1, gt=0)
    metric: MetricEntry | None = None
    needs_delivery: bool = True
    owner_accepted_on: date | None = None
    authority: AuthorityEntry | None = None
    dependencies: Literal["none"] | None = None
    """"none": its owner says that it depends on nobody."""


class ObjectiveEntry(Strict):
    key: Key
    pillar: str
    period: str
    title: str = Field(min_length=1)
    department: str | None = None
    owner: str | None = None
    sponsor: str | None = None
    weight: float = Field(1, gt=0)
    critical: bool = False
    kind: Literal["okr", "v2mom", "hoshin", "other"] = "okr"
    key_results: list[KeyResultEntry] = []


class SelectionEntry(Strict):
    source: str
    binding: str | None = None
    keys: list[str] = []
    title: str | None = None


class MilestoneEntry(Strict):
    title: str
    item: str | None = None
    baseline_due_on: date | None = None
    due_on: date | None = None
    done_on: date | None = None
    weight: float = Field(1, gt=0)

    @model_validator(mode="after")
    def _bound(self) -> MilestoneEntry:
        if self.item is None and self.due_on is None and self.baseline_due_on is None:
            raise ValueError("is bound to no item and has no date: write item, or due_on")
        return self


class WorkstreamEntry(Strict):
    key: Key
    name: str = Field(min_length=1)
    department: str | None = None
    owner: str | None = None
    sponsor: str | None = None
    start_on: date | None = None
    end_on: date | None = None
    supports: list[str] = []
    items: list[SelectionEntry] = []
    milestones: list[MilestoneEntry] | Literal["from_due_dates"] = []
    weight: float = Field(1, gt=0)
    bau: bool = False
    rebaselined_on: date | None = None


class DependencyEntry(Strict):
    consumer: str
    provider: str
    deliverable: str = ""
    needed_by: date | None = None
    committed_by: date | None = None
    provider_person: str | None = None
    rank: int | None = Field(None, ge=1)
    state: made.State = "proposed"
    provider_item: str | None = None


class DecisionRightEntry(Strict):
    situation: str
    decision_owner: str
    response: str
    sla_days: int = Field(5, ge=1)


class DecisionEntry(Strict):
    kind: DecisionKind
    subject: str
    decided_by: str
    decided_on: date
    act_owner: str | None = None
    act_by: date | None = None


class PlanFile(Strict):
    """plan.yaml"""

    periods: list[PeriodEntry] = []
    pillars: list[PillarEntry] = []
    objectives: list[ObjectiveEntry] = []
    workstreams: list[WorkstreamEntry] = []
    dependencies: list[DependencyEntry] = []
    decision_rights: list[DecisionRightEntry] = []
    decisions: list[DecisionEntry] = []


class Gathered:
    """The plan while its files are being read: what each part is and where it stands."""

    def __init__(self) -> None:
        self.periods: list[made.Period] = []
        self.pillars: list[made.Pillar] = []
        self.objectives: list[made.Objective] = []
        self.key_results: list[made.KeyResult] = []
        self.workstreams: list[made.Workstream] = []
        self.dependencies: list[made.Dependency] = []
        self.rights: list[made.DecisionRight] = []
        self.decisions: list[Decision] = []
        self.named: list[tuple[YamlFile, PathTo, str, str]] = []
        """(file, path, what kind of thing, its key) of every reference, checked when all is read."""
        self.seen: dict[tuple[str, str], tuple[str, str]] = {}

    def take_file(self, entry: PlanFile, file: YamlFile) -> None:
        """Everything of plan.yaml."""
        for n, p in enumerate(entry.periods):
            self._once("period", p.key, file, ("periods", n, "key"))
            self.periods.append(made.Period(p.key, p.start_on, p.end_on, p.mid_review_on, p.scoring_on))
        for n, q in enumerate(entry.pillars):
            self._once("pillar", q.key, file, ("pillars", n, "key"))
            self._person(q.sponsor, file, ("pillars", n, "sponsor"))
            self.pillars.append(made.Pillar(q.key, q.name, q.sponsor))
        self.take(entry.objectives, entry.workstreams, file, None)
        for n, d in enumerate(entry.dependencies):
            self._dependency(d, file, ("dependencies", n))
        for n, r in enumerate(entry.decision_rights):
            self.named.append((file, ("decision_rights", n, "situation"), "situation", r.situation))
            if (
                r.decision_owner not in ("owner", "sponsor") and " " not in r.decision_owner
            ):  # a forum has a name of words
                self.named.append((file, ("decision_rights", n, "decision_owner"), "person", r.decision_owner))
            self.rights.append(made.DecisionRight(r.situation, r.decision_owner, r.response, r.sla_days))
        for n, x in enumerate(entry.decisions):
            self.named.append((file, ("decisions", n, "subject"), "node", x.subject))
            self.decisions.append(_decision(x, file.origin(("decisions", n))))

    def take(
        self,
        objectives: Sequence[ObjectiveEntry],
        workstreams: Sequence[WorkstreamEntry],
        file: YamlFile,
        department: str | None,
    ) -> None:
        """Objectives and workstreams, of plan.yaml or of a department's own file."""
        for n, o in enumerate(objectives):
            self._objective(o, file, ("objectives", n), department)
        for n, w in enumerate(workstreams):
            self._workstream(w, file, ("workstreams", n), department)

    def _objective(self, o: ObjectiveEntry, file: YamlFile, path: PathTo, department: str | None) -> None:
        self._once("objective", o.key, file, (*path, "key"))
        self.named += [(file, (*path, "pillar"), "pillar", o.pillar), (file, (*path, "period"), "period", o.period)]
        self._person(o.owner, file, (*path, "owner"))
        self._person(o.sponsor, file, (*path, "sponsor"))
        self.objectives.append(
            made.Objective(
                o.key, o.pillar, o.period, o.title, o.department or department, o.owner, o.sponsor, o.weight, o.critical, o.kind,
                file.origin(path),
            )
        )  # fmt: skip
        for n, k in enumerate(o.key_results):
            here: PathTo = (*path, "key_results", n)
            self._once("key result", k.key, file, (*here, "key"))
            self._person(k.owner, file, (*here, "owner"))
            if k.metric and k.metric.current:
                self.named.append((file, (*here, "metric", "current", "source"), "source", k.metric.current.source))
            self.key_results.append(
                made.KeyResult(
                    k.key, o.key, k.title, k.owner, k.rank, k.critical, k.weight, _metric(k.metric), k.needs_delivery,
                    k.owner_accepted_on,
                    made.Authority(k.authority.granted_by, k.authority.until, k.authority.url) if k.authority else None,
                    k.dependencies == "none", file.origin(here),
                )
            )  # fmt: skip

    def _workstream(self, w: WorkstreamEntry, file: YamlFile, path: PathTo, department: str | None) -> None:
        self._once("workstream", w.key, file, (*path, "key"))
        self._person(w.owner, file, (*path, "owner"))
        self._person(w.sponsor, file, (*path, "sponsor"))
        self.named += [(file, (*path, "supports", n), "key result", k) for n, k in enumerate(w.supports)]
        for n, key in enumerate(w.supports):
            if key in w.supports[:n]:
                file.problem((*path, "supports", n), f"the key result '{key}' is named twice")
        self.named += [(file, (*path, "items", n, "source"), "source", s.source) for n, s in enumerate(w.items)]
        if w.department is None and department is None:
            file.problem(path, f"the workstream '{w.key}' belongs to no department: write department")
        hand = w.milestones if isinstance(w.milestones, list) else []
        self.workstreams.append(
            made.Workstream(
                w.key, w.name, w.department or department or "", w.owner, w.sponsor, w.start_on, w.end_on, tuple(w.supports),
                tuple(made.Selection(s.source, s.binding, tuple(s.keys), s.title) for s in w.items),
                tuple(made.Milestone(m.title, m.item, m.baseline_due_on, m.due_on, m.done_on, m.weight) for m in hand),
                w.milestones == "from_due_dates", w.weight, w.bau, w.rebaselined_on, file.origin(path),
            )
        )  # fmt: skip

    def _dependency(self, d: DependencyEntry, file: YamlFile, path: PathTo) -> None:
        self.named.append((file, (*path, "consumer"), "workstream", d.consumer))
        if d.provider != made.EXTERNAL:
            self.named.append((file, (*path, "provider"), "workstream", d.provider))
        if d.consumer == d.provider:
            file.problem(path, f"'{d.consumer}' depends on itself")
        key = f"{d.consumer}<-{d.provider}#{path[-1]}"
        self.dependencies.append(
            made.Dependency(
                key, d.consumer, d.provider, d.deliverable, d.needed_by, d.committed_by, d.provider_person, d.rank, d.state,
                d.provider_item, file.origin(path),
            )
        )  # fmt: skip

    def _once(self, what: str, key: str, file: YamlFile, path: PathTo) -> None:
        """Nodes share one set of keys, whatever kind they are: a key is how people and programs ask for one."""
        kind = "node" if what in NODES else what
        if kind == "node" and key == "company":
            file.problem(path, "'company' is the key of the whole company: give this one another")
        before, first = self.seen.setdefault((kind, key), (what, file.origin(path)))
        if first != file.origin(path):
            file.problem(path, f"the {before} '{key}' exists already: {first}")

    def _person(self, name: str | None, file: YamlFile, path: PathTo) -> None:
        if name is None:
            return
        if any(mark in name for mark in (",", "/", "&", " and ")):
            file.problem(path, f"'{name}' names two: a result has one owner, a person with a name")
        else:
            self.named.append((file, path, "person", name))

    def plan(self, people: Sequence[str], sources: Sequence[str]) -> made.Plan:
        """The plan as a whole; every reference that leads nowhere, and every circle, is noted in its file."""
        known = {
            "period": {p.key for p in self.periods}, "pillar": {p.key for p in self.pillars},
            "key result": {k.key for k in self.key_results}, "workstream": {w.key for w in self.workstreams},
            "person": set(people), "source": set(sources), "situation": {row.situation for row in CATALOGUE.values()},
        }  # fmt: skip
        known["node"] = known["workstream"] | known["key result"] | {o.key for o in self.objectives}
        for file, path, what, key in self.named:
            if key not in known[what]:
                near = difflib.get_close_matches(key, sorted(known[what]), 1)
                hint = (
                    f" - did you mean '{near[0]}'?"
                    if near
                    else f": known are {', '.join(sorted(known[what])[:8]) or 'none'}"
                )
                file.problem(path, f"there is no {what} '{key}'{hint}")
        return made.Plan(
            tuple(self.periods), tuple(self.pillars), tuple(self.objectives), tuple(self.key_results), tuple(self.workstreams),
            tuple(self.dependencies), tuple(self.rights), tuple(self.decisions),
        )  # fmt: skip

    def circles(self) -> Iterator[tuple[str, str]]:
        """(origin, sentence) of every circle of workstreams that wait for each other."""
        graph: dict[str, list[str]] = {}
        origin = {d.consumer: d.origin for d in self.dependencies}
        for d in self.dependencies:
            graph.setdefault(d.consumer, []).append(d.provider)
        told: set[frozenset[str]] = set()
        for start in graph:
            for circle in _circles(graph, start):
                if frozenset(circle) not in told:
                    told.add(frozenset(circle))
                    yield origin[start], f"{' waits for '.join([*circle, start])}: a circle that nobody can begin"


def _circles(graph: dict[str, list[str]], start: str) -> Iterator[list[str]]:
    """The shortest way from a node back to itself, if there is one."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        for after in graph.get(way[-1], ()):
            if after == start:
                yield way
                return
            if after not in seen:
                seen.add(after)
                ways.append([*way, after])


def _metric(m: MetricEntry | None) -> made.Metric | None:
    if m is None:
        return None
    table = tuple(sorted((made.Reading(r.on, r.value) for r in m.table), key=lambda r: r.on))
    readings = tuple(sorted((made.Reading(r.on, r.value) for r in m.readings), key=lambda r: r.on))
    source, item = (m.current.source, m.current.item) if m.current else (None, None)
    return made.Metric(m.type, m.direction, m.baseline, m.target, m.unit, m.curve, table, source, item, readings)


def _decision(x: DecisionEntry, origin: str) -> Decision:
    """A decision of the file; the same one has the same id wherever it stands in it."""
    told = "\0".join((x.kind, x.subject, x.decided_by, str(x.decided_on), x.act_owner or "", str(x.act_by or "")))
    return Decision(
        x.kind, x.subject, x.decided_by, x.decided_on, x.act_owner, x.act_by, id=f"f-{blake2b(told.encode(), digest_size=8).hexdigest()}",
        origin=origin,
    )  # fmt: skip
