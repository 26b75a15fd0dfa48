"""Keeps how everything in the plan stands now, in the ledger: after a sync only what changed is judged again.

A change of an item concerns the workstreams that it belongs to or belonged to, those that wait for it, and everything above those.
A new day, another plan, other thresholds or other people concern everything. What is kept is a view: it can be lost and is made anew.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from weakref import WeakKeyDictionary

import msgspec

from ledger.standing import NONE, Place, Stands, Stood
from ledger.store import Ledger
from signals.catalogue import CATALOGUE, Thresholds, Verdict
from signals.company import (
    Digest,
    Judged,
    between,
    judge_key_result,
    judge_sources,
    judge_workstreams,
    yesterday,
)
from signals.exceptions import NeedsDecision, exceptions, urgency
from signals.facts import Facts, Pace
from signals.headline import FORMULA
from signals.nodes import NodeStatus, objective, pillar, whole
from signals.plan import Plan, Workstream
from signals.results import evaluate_objective
from sync.bound_plan import plan_at
from sync.configuration import Configuration
from sync.dimensions import planned
from sync.facts import Gatherer, Placement, thresholds
from sync.sums import summed

SHAPE = 3
"""Grows when what is kept of a node has another shape: what was kept before is judged anew."""
BATCH = 20_000
"""Items placed in one transaction."""
TOO_MANY = 50_000
"""Changed items from which on judging everything anew is quicker."""
_seen: WeakKeyDictionary[Ledger, tuple[str, str, Stood]] = WeakKeyDictionary()
"""By ledger: the state of the database and the stamp at which there was nothing to judge. While they are the same there is nothing either."""
_encode = msgspec.json.Encoder().encode
_status = msgspec.json.Decoder(NodeStatus).decode
_digest = msgspec.json.Decoder(Digest).decode
_verdicts = msgspec.json.Decoder(tuple[Verdict, ...]).decode
_exceptions = msgspec.json.Decoder(tuple[NeedsDecision, ...]).decode


class Rest(msgspec.Struct, frozen=True):
    """What is kept of a judged workstream beside its status."""

    verdicts: tuple[Verdict, ...]
    pace: Pace
    pace_before: Pace


class Tally(msgspec.Struct):
    """A department's active items, and those of them that serve no key result."""

    unlinked: int = 0
    active: int = 0


_rest = msgspec.json.Decoder(Rest).decode
_tally = msgspec.json.Decoder(Tally).decode


# -- reading ---------------------------------------------------------------------------------------------------------------


def kept_nodes(ledger: Ledger, kind: str, keys: Collection[str] | None = None) -> dict[str, NodeStatus]:
    """Nodes of a kind as they stand, by key; those of some keys only where keys are given."""
    return {key: _status(row.status) for key, row in ledger.standing(kind, keys).items()}


def kept_verdicts(ledger: Ledger, kind: str, key: str) -> list[Verdict]:
    """Everything that was judged of a node."""
    row = ledger.standing(kind, [key]).get(key)
    if row is None:
        return []
    told = list(_rest(row.judged).verdicts if kind == "workstream" else _verdicts(row.judged))
    together = ledger.standing("between", ["company"]).get("company")
    return told + [v for v in (_verdicts(together.judged) if together else ()) if v.subject == key]


def kept_decisive(ledger: Ledger, plan: Plan, keys: Collection[str]) -> list[Verdict]:
    """Verdicts of some keys, which workstreams or key results stand as they do by."""
    subjects = {part for key in keys for part in _subjects(key)}
    rows = ledger.standing("workstream", subjects & plan.workstream_by_key.keys()).values()
    found = [v for row in rows for v in _rest(row.judged).verdicts]
    rows = ledger.standing("key_result", subjects & plan.key_result_by_key.keys()).values()
    found += [v for row in rows for v in _verdicts(row.judged)]
    return [v for v in found if v.key in keys]


def _subjects(key: str) -> list[str]:
    """What a verdict of a key may be about: a node's own key may have colons in it."""
    parts = key.split(":")[1:]
    return [":".join(parts[:n]) for n in range(1, len(parts))]


def kept_exceptions(ledger: Ledger) -> list[NeedsDecision]:
    """What needs a decision of the plan's nodes, in no order; trackers are judged when they are asked for."""
    return [e for _, rows in ledger.open_rows() for e in _exceptions(rows)]


def tallies(ledger: Ledger) -> dict[str, tuple[int, int]]:
    """By department: (active items that serve no key result, active items)."""
    rows = {key: _tally(row.judged) for key, row in ledger.standing("department").items()}
    return {key: (t.unlinked, t.active) for key, t in rows.items()}


# -- keeping ---------------------------------------------------------------------------------------------------------------


def refresh(ledger: Ledger, configuration: Configuration, plan: Plan | None = None) -> Stood:
    """Brings what is kept up to date with the ledger, the plan (as of now, where it is at hand) and the day; what it is known by then."""
    now = ledger.clock()
    plan = plan or plan_at(ledger, configuration, now)
    stamp = stamp_of(
        configuration, plan, configuration.calendar.day(now).isoformat() + configuration.calendar.week_at(now)
    )
    state = ledger.state()
    known = _seen.get(ledger)
    if known is not None and known[:2] == (state, stamp):
        return known[2]
    before = ledger.stood()
    if before.stamp == stamp:
        changed, revision = ledger.changed_since(before.revision, _sources(configuration), limit=TOO_MANY)
        after = Stood(stamp, revision)
        if after == before and not _read_again(ledger, configuration, plan):
            _seen[ledger] = (state, stamp, before)
            return before
        if len(changed) < TOO_MANY:
            decided = ledger.decisions.subjects_since(before.revision)
            return _Keeper(ledger, configuration, before, after).judge_changed(changed, decided)
    ledger.forget_standing()
    return _Keeper(ledger, configuration, ledger.stood(), Stood(stamp, ledger.revision())).judge_all()


def stamp_of(configuration: Configuration, plan: Plan, day: str) -> str:
    """What tells apart two plans, or thresholds, or people, or days, under which things may stand differently.

    A decision that is recorded concerns its subject only, and is told by the ledger's revision.
    """
    if plan.decisions != configuration.plan.decisions:
        plan = msgspec.structs.replace(plan, decisions=configuration.plan.decisions)
    rules = (SHAPE, FORMULA, list(CATALOGUE.values()), day)
    return blake2b(_encode((rules, configuration.judging, plan.digest)), digest_size=16).hexdigest()


def good_days(ledger: Ledger, configuration: Configuration) -> dict[str, str]:
    """By source, the day on which it was last read well."""
    day, known = configuration.calendar.day, set(_sources(configuration))
    return {key: day(at).isoformat() for key, at in ledger.last_good().items() if key in known}


def _read_again(ledger: Ledger, configuration: Configuration, plan: Plan) -> set[str]:
    """Key results whose metric's tracker was read well for the first time today: their last reading is of today then."""
    measured = {k.key: k.metric.source for k in plan.key_results if k.metric and k.metric.source}
    if not measured:
        return set()
    kept = {key: row.judged for key, row in ledger.standing("read").items()}
    fresh = {key for key, day in good_days(ledger, configuration).items() if kept.get(key) != day}
    return {key for key, source in measured.items() if source in fresh}


def _sources(configuration: Configuration) -> list[str]:
    return [s.key for s in configuration.sources]


@contextmanager
def without_collecting() -> Iterator[None]:
    """A slice's facts are many small objects without a circle among them: looking for circles costs a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Kept:
    """Members as the ledger keeps them, less those whose place changes with this very refresh."""

    def __init__(self, ledger: Ledger, moved: Mapping[str, Sequence[str]]) -> None:
        """moved: item to its workstreams from now on."""
        self.ledger, self.moved = ledger, moved

    def of(self, workstreams: Collection[str]) -> Mapping[str, Sequence[str]]:
        kept = self.ledger.members(workstreams)
        found = {key: [i for i in ids if i not in self.moved] for key, ids in kept.items()}
        for ref, streams in self.moved.items():
            for key in streams:
                if key in found:
                    found[key].append(ref)
        return found

    def homes(self, items: Sequence[str]) -> Mapping[str, Sequence[str]]:
        kept = {ref: [h[0] for h in homes if h[0] != NONE] for ref, homes in self.ledger.homes(items).items()}
        return kept | {ref: self.moved[ref] for ref in items if ref in self.moved}


class _Keeper:
    """One refresh. Not reused."""

    def __init__(self, ledger: Ledger, configuration: Configuration, before: Stood, after: Stood) -> None:
        self.ledger, self.configuration, self.before, self.after = ledger, configuration, before, after
        self.gatherer = Gatherer(ledger, configuration, ledger.clock())
        self.plan = self.gatherer.plan
        self.limits: Thresholds = thresholds(configuration)
        self.placement = Placement(configuration, self.plan)
        self.rows: list[Stands] = []
        self.tally: dict[str, Tally] = {}

    # -- everything ------------------------------------------------------------------------------------------------

    def judge_all(self) -> Stood:
        """Places and judges every item; memory holds one slice of them at a time."""
        sizes = self._place_all()
        self._judge(self.gatherer.slices(sizes), _Kept(self.ledger, {}))
        self._above(
            {k.key for k in self.plan.key_results},
            {o.key for o in self.plan.objectives},
            {p.key for p in self.plan.pillars},
        )
        self._tallies()
        self.rows += planned(self.gatherer.about)
        return self._keep(whole=True)

    def _place_all(self) -> dict[str, int]:
        """Places every item; items by workstream."""
        sizes: dict[str, int] = {}
        batch: list[tuple[str, str, str, bool]] = []
        for place in self.ledger.places(_sources(self.configuration)):
            rows = self.placement.rows(place)
            for row in rows:
                sizes[row[1]] = sizes.get(row[1], 0) + 1
            self._count(self.placement.is_work(place), [row[1] for row in rows], rows[0][2], 1)
            batch += rows
            if len(batch) >= BATCH:
                self.ledger.place(batch)
                batch = []
        self.ledger.place(batch)
        return sizes

    def _count(self, active: bool, streams: Iterable[str], department: str, by: int) -> None:
        if active and self.plan.workstreams:
            tally = self.tally.setdefault(department, Tally())
            tally.active += by
            tally.unlinked += by * self.placement.serves.isdisjoint(streams)

    # -- what changed ----------------------------------------------------------------------------------------------

    def judge_changed(self, changed: Sequence[str], decided: Collection[str] = ()) -> Stood:
        """Judges the workstreams that changed items and decisions concern, and what lies above them."""
        results = _read_again(self.ledger, self.configuration, self.plan)
        below = {key for subject in decided for key in self.plan.below(subject)}
        if not changed and not results and not below:
            return self.after if self.before.revision != self.after.revision and self._keep() else self.before
        places = list(self.ledger.places(_sources(self.configuration), changed))
        homes = self.ledger.homes(changed)
        rows = [row for place in places for row in self.placement.rows(place)]
        self._recount(homes, places)
        moved: dict[str, list[str]] = {ref: [] for ref in changed}
        for ref, key, _, _ in rows:
            if key != NONE:
                moved[ref].append(key)
        dirty = self._concerned(places, homes, moved) | (below & self.plan.workstream_by_key.keys())
        members = _Kept(self.ledger, moved)
        self._judge(self.gatherer.slices({}, dirty), members)
        names = {p.id for p in places} | {p.key for p in places}
        results |= {
            k.key
            for k in self.plan.key_results
            if k.metric and k.metric.item and self._metric(k.metric.source, k.metric.item) & names
        }
        results |= {
            kr for key in dirty for kr in self.plan.workstream_by_key[key].supports if kr in self.plan.key_result_by_key
        }
        results |= below & self.plan.key_result_by_key.keys()
        objectives = {self.plan.key_result_by_key[k].objective for k in results}
        objectives |= below & self.plan.objective_by_key.keys()
        self._above(
            results,
            objectives,
            {self.plan.objective_by_key[o].pillar for o in objectives if o in self.plan.objective_by_key},
        )
        self._tallies()
        return self._keep(places=rows, moved=list(changed))

    @staticmethod
    def _metric(source: str | None, item: str) -> set[str]:
        return {item, f"{source}:{item}"}

    def _recount(self, homes: Mapping[str, Sequence[tuple[str, str, bool]]], places: Iterable[Place]) -> None:
        self.tally = {key: _tally(row.judged) for key, row in self.ledger.standing("department").items()}
        for kept in homes.values():
            self._count(kept[0][2], [h[0] for h in kept], kept[0][1], -1)
        for place in places:
            rows = self.placement.rows(place)
            self._count(self.placement.is_work(place), [r[1] for r in rows], rows[0][2], 1)

    def _concerned(
        self,
        places: Sequence[Place],
        homes: Mapping[str, Sequence[tuple[str, str, bool]]],
        moved: Mapping[str, Sequence[str]],
    ) -> set[str]:
        """Workstreams of changed items, then and now; those whose items or promises wait for them; those that name them."""
        dirty = {key for streams in moved.values() for key in streams} | {h[0] for kept in homes.values() for h in kept}
        waiting = sorted({a for a, _ in self.ledger.waits(on=[p.id for p in places])})
        dirty |= {h[0] for kept in self.ledger.homes(waiting).values() for h in kept}
        names = {p.id for p in places} | {p.key for p in places}
        for d in self.plan.dependencies:
            if d.provider_item in names or (d.provider_item is None and d.provider in dirty):
                dirty.add(d.consumer)
        dirty |= {w.key for w in self.plan.workstreams if any(m.item in names for m in w.milestones)}
        return dirty & self.plan.workstream_by_key.keys()

    # -- judging ---------------------------------------------------------------------------------------------------

    def _judge(self, slices: Iterator[list[Workstream]], members: _Kept) -> None:
        """Judges workstreams slice by slice; what the nodes above need of them stays in `judged`, without what is clear."""
        self.judged: dict[str, Judged] = {}
        for part in slices:
            with without_collecting():
                facts = self.gatherer.facts(part, members)
                found = list(judge_workstreams(facts, part, self.limits))
            for key, judged in found:
                rest = Rest(judged.verdicts, judged.pace, judged.pace_before)
                rows = sorted(exceptions(facts, judged.verdicts, {key: judged.status}), key=urgency)
                self._row("workstream", key, judged.status, rest, rows)
                self.rows.append(Stands("digest", key, judged=_encode(judged.digest).decode()))
                opened = tuple(v for v in judged.verdicts if v.outcome == "open")
                self.judged[key] = msgspec.structs.replace(judged, verdicts=opened)

    def _above(self, results: Collection[str], objectives: Collection[str], pillars: Collection[str]) -> None:
        """Judges key results, objectives and pillars, and the company; what is below them and did not change is read."""
        facts = self.gatherer.above([self.plan.key_result_by_key[k] for k in results])
        before = yesterday(facts)
        digests = (
            {key: _digest(row.judged) for key, row in self.ledger.standing("digest").items()} if self._partly else {}
        )
        digests |= {key: j.digest for key, j in self.judged.items()}
        self._between(facts, digests)
        sizes = {key: d.items for key, d in digests.items()}
        nodes = {key: j.status for key, j in self.judged.items()}
        self._read_below(nodes, results, objectives, pillars)
        for key in results:
            node, told = judge_key_result(facts, before, self.plan.key_result_by_key[key], self.judged, self.limits)
            nodes[key] = node
            self._row("key_result", key, node, told, sorted(exceptions(facts, told, nodes), key=urgency))
        for key in objectives:
            if (o := self.plan.objective_by_key.get(key)) is not None:
                nodes[key] = objective(facts, o, nodes, sizes)
                told = list(evaluate_objective(facts, o, self.limits))
                self._row("objective", key, nodes[key], told, sorted(exceptions(facts, told, nodes), key=urgency))
        for p in self.plan.pillars:
            if p.key in pillars:
                nodes[p.key] = pillar(facts, p, nodes, sizes)
                self._row("pillar", p.key, nodes[p.key], (), ())
        self._row("company", "company", whole(facts, nodes, sizes), (), ())
        self.rows += [
            Stands("read", key, judged=day) for key, day in good_days(self.ledger, self.configuration).items()
        ]
        self.rows += summed(self.ledger, self.plan, self.rows, partly=self._partly)

    @property
    def _partly(self) -> bool:
        """Whether something is kept that holds on."""
        return self.before.stamp == self.after.stamp

    def _read_below(
        self,
        nodes: dict[str, NodeStatus],
        results: Collection[str],
        objectives: Collection[str],
        pillars: Collection[str],
    ) -> None:
        """Reads what is kept of everything directly below the nodes that are judged anew."""
        if not self._partly:
            return
        streams = {w.key for k in results for w in self.plan.workstreams_of.get(k, ())} - self.judged.keys()
        digests = {key: _digest(row.judged) for key, row in self.ledger.standing("digest", streams).items()}
        for key, row in self.ledger.standing("workstream", streams).items():
            rest, digest = _rest(row.judged), digests[key]
            status = nodes[key] = _status(row.status)
            self.judged[key] = Judged(status, rest.verdicts, rest.pace, rest.pace_before, digest.ended, digest.waits)
        nodes |= kept_nodes(
            self.ledger, "key_result", {k.key for o in objectives for k in self.plan.key_results_of.get(o, ())}
        )
        nodes |= kept_nodes(
            self.ledger, "objective", {o.key for p in pillars for o in self.plan.objectives_of.get(p, ())}
        )
        nodes |= kept_nodes(self.ledger, "pillar")

    def _between(self, facts: Facts, digests: Mapping[str, Digest]) -> None:
        """What shows only when all workstreams are seen together."""
        told = list(between(facts, digests, self.limits))
        nodes = {v.subject: j.status for v in told if (j := self.judged.get(v.subject))}
        nodes |= kept_nodes(self.ledger, "workstream", {v.subject for v in told} - nodes.keys())
        rows = sorted(exceptions(facts, told, nodes), key=urgency)
        self.rows.append(
            Stands(
                "between", "company", judged=_encode(told).decode(), exceptions=_encode(rows).decode() if rows else ""
            )
        )

    # -- rows ------------------------------------------------------------------------------------------------------

    def _row(self, kind: str, key: str, status: NodeStatus, judged: object, rows: Sequence[NeedsDecision]) -> None:
        self.rows.append(row_of(kind, key, status, judged, rows))

    def _tallies(self) -> None:
        self.rows += [Stands("department", key, judged=_encode(t).decode()) for key, t in self.tally.items()]

    def _keep(
        self, *, places: Sequence[tuple[str, str, str, bool]] = (), moved: Sequence[str] = (), whole: bool = False
    ) -> Stood:
        """Keeps it all, unless somebody else was quicker: then theirs stands, which is as good."""
        kept = self.ledger.stand(
            self.rows, before=self.before, after=self.after, places=places, moved=moved, whole=whole
        )
        return self.after if kept else self.ledger.stood()


def row_of(kind: str, key: str, status: NodeStatus, judged: object, rows: Sequence[NeedsDecision]) -> Stands:
    """A node as it is kept; with its one word, which the published tables show."""
    told = {**msgspec.to_builtins(status), "status": status.status}
    return Stands(kind, key, _encode(told).decode(), _encode(judged).decode(), _encode(rows).decode() if rows else "")


def open_now(ledger: Ledger, configuration: Configuration, above: Facts) -> list[NeedsDecision]:
    """Everything that needs a decision, the most urgent first: what is kept of the plan's nodes, and what shows of the trackers now."""
    told = judge_sources(above, thresholds(configuration))
    return sorted([*kept_exceptions(ledger), *exceptions(above, told, {})], key=urgency)


def open_of_trackers(ledger: Ledger, configuration: Configuration) -> list[NeedsDecision]:
    """What needs a decision of the trackers themselves, and of work that serves nothing."""
    above = above_now(ledger, configuration)
    return list(exceptions(above, judge_sources(above, thresholds(configuration)), {}))


def every_now(ledger: Ledger, configuration: Configuration) -> list[Verdict]:
    """Everything that is judged now: what is kept of the plan's nodes, and what shows of the trackers now."""
    streams = [v for row in ledger.standing("workstream").values() for v in _rest(row.judged).verdicts]
    kinds = ("key_result", "objective", "between")
    others = [
        v for kind in kinds for row in ledger.standing(kind).values() if row.judged for v in _verdicts(row.judged)
    ]
    return [*streams, *others, *judge_sources(above_now(ledger, configuration), thresholds(configuration))]


def above_now(ledger: Ledger, configuration: Configuration) -> Facts:
    """The plan, people and sources now; no items and no readings."""
    gatherer = Gatherer(ledger, configuration, ledger.clock())
    return replace(gatherer.about, unlinked=tallies(ledger))


def facts_now(
    ledger: Ledger, configuration: Configuration, only: Collection[str]
) -> Iterator[tuple[Sequence[Workstream], Facts]]:
    """Some of the plan's workstreams with their items as they are now, a slice at a time. What is kept is brought up to date before."""
    refresh(ledger, configuration)
    gatherer, members = Gatherer(ledger, configuration, ledger.clock()), _Kept(ledger, {})
    sizes = {key: len(ids) for key, ids in ledger.members(only).items()}
    for part in gatherer.slices(sizes, only):
        yield part, gatherer.facts(part, members)
