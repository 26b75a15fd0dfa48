"""The plan as of an instant: what the files say, what people decided, and what records of trackers say that are bound as parts of it.

A record is read as strictly as a file. A word that cannot be understood leaves its part out, or the whole node where it cannot be without
that part, and is told in a sentence (`Plan.unread`). Nothing is guessed, and a record never overrules a file.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeVar, get_args

import msgspec

from connectors.contract import RawRecord, Said, Words, record_of
from ledger.model import to_ms
from ledger.remembered import GONE, Stated
from ledger.store import Ledger
from normalizer.people import People
from normalizer.references import URL, references
from normalizer.scales import folded
from normalizer.translate import as_text
from signals.deciding import in_force
from signals.plan import (
    Dependency,
    Direction,
    KeyResult,
    Metric,
    Milestone,
    Objective,
    Plan,
    Selection,
    Unread,
    Workstream,
)
from sync.configuration import Configuration
from sync.deciding import decisions_at

DIRECTIONS, CURVES = get_args(Direction), ("none", "linear", "step", "milestones")
KINDS = ("okr", "v2mom", "hoshin", "other")
FLAGS = {"true": True, "yes": True, "false": False, "no": False}
NODES = ("objective", "key_result", "workstream")
Node = Objective | KeyResult | Workstream
Names = Mapping[str, set[str]]
"""What a node may be called, folded (its key, its record's key, id or address), to the keys of the nodes that are called so."""
T = TypeVar("T")


def plan_at(
    ledger: Ledger, configuration: Configuration, at: datetime, basis: Literal["known", "happened"] = "happened"
) -> Plan:
    """The plan as of an instant: the files' and, where departments bound any, the records' as they were then.

    basis: known, what the ledger knew at the instant; happened, what it knows now of that instant.
    """
    told = [
        Told(binding.role, source.key, source.department, s.id, record_of(s.raw), frozenset(binding.fields), s.cells)
        for source in configuration.sources
        for binding in source.entry.bindings
        if binding.role != "item" and not binding.figures
        for s in ledger.stated(source.key, binding.key, at=at, known=basis == "known")
        if _was_there(s, at)
    ]
    plan, bindings = configuration.plan, {s.key: {b.key for b in s.entry.bindings} for s in configuration.sources}
    decisions = in_force(decisions_at(ledger, configuration, at, basis))
    if decisions != plan.decisions:
        plan = msgspec.structs.replace(plan, decisions=decisions)
    return with_records(plan, told, People(configuration.persons()), bindings) if told else plan


def meet_plan(ledger: Ledger, configuration: Configuration) -> None:
    """Notes nodes of the plan that the ledger has not met: from then on it is known since when they are planned.

    Not before every tracker that holds a part of the plan was read once: what one read brings late did not come in late.
    """
    if {source for source, _ in configuration.plan_bindings} - ledger.last_good().keys():
        return
    plan, known = plan_at(ledger, configuration, ledger.clock()), ledger.first_seen()
    ledger.meet(n.key for n in _nodes(plan) if n.key not in known)


def _was_there(stated: Stated, at: datetime) -> bool:
    """A record that is gone was part of the plan until it was missed; one that is only not seen still is."""
    return stated.presence not in GONE or (stated.missing_since is not None and to_ms(at) < to_ms(stated.missing_since))


# -- pure ------------------------------------------------------------------------------------------------------------------


class NotUnderstood(Exception):
    """A part of a record says what nobody can understand; the message goes on after the part's name."""

    def __init__(self, part: str, sentence: str) -> None:
        super().__init__(f"{part} {sentence}")
        self.part = part


class Told(msgspec.Struct, frozen=True):
    """One record that is bound as a part of the plan, as it stood."""

    role: str
    source: str
    department: str
    item: str
    """Its id in the ledger."""
    record: RawRecord
    mapped: frozenset[str] = frozenset()
    """Parts for which its department named a field: one that the record lacks was not read, which is not the same as empty."""
    cells: Mapping[str, str] = {}
    """Where its parts lie, in a sheet."""

    @property
    def key(self) -> str:
        """The node's key: as mapped, else the record's own."""
        return ", ".join(as_text(v) for v in self.record.fields.get("key", ())).strip() or self.record.key

    @property
    def origin(self) -> str:
        """Where it lies, for people: its address and, in a sheet, its row."""
        cell = self.cells.get("")
        return f"{self.record.url} ({cell})" if cell else self.record.url


def with_records(
    plan: Plan, told: Sequence[Told], people: People, bindings: Mapping[str, Collection[str]] | None = None
) -> Plan:
    """The files' plan with the nodes that records are, and with what could not be understood of them.

    bindings: every source's, for a workstream that names where its items are.
    """
    return _Making(plan, told, people, bindings or {}).plan()


class _Making:
    """From objectives down, so that what a record names is known before it is asked for."""

    def __init__(
        self, plan: Plan, told: Sequence[Told], people: People, bindings: Mapping[str, Collection[str]]
    ) -> None:
        self.files, self.people, self.bindings = plan, people, bindings
        self.unread: list[Unread] = []
        self.told = self._of_one_key_each(told)
        self.pillars = names((p.key for p in plan.pillars), ())
        self.periods = names((p.key for p in plan.periods), ())

    def plan(self) -> Plan:
        plan = self.files
        objectives = self._all("objective", self._objective)
        self.objectives = names((o.key for o in plan.objectives), self._keyed("objective", objectives))
        key_results = self._all("key_result", self._key_result)
        self.key_results = names((k.key for k in plan.key_results), self._keyed("key_result", key_results))
        workstreams = self._all("workstream", self._workstream)
        self.workstreams = names((w.key for w in plan.workstreams), self._keyed("workstream", workstreams))
        milestones: dict[str, list[Milestone]] = {}
        for key, milestone in self._all("milestone", self._milestone):
            milestones.setdefault(key, []).append(milestone)
        return msgspec.structs.replace(
            plan,
            objectives=(*plan.objectives, *objectives),
            key_results=(*plan.key_results, *key_results),
            workstreams=tuple(_with(w, milestones.get(w.key)) for w in (*plan.workstreams, *workstreams)),
            dependencies=(*plan.dependencies, *self._dependencies(workstreams)),
            unread=tuple(self.unread),
        )

    def _of_one_key_each(self, told: Sequence[Told]) -> list[Told]:
        """Records whose key no other node has; of two that say the same key neither is guessed to be meant."""
        origins = {folded(n.key): n.origin for n in _nodes(self.files)}
        origins |= {folded(key): "plan.yaml" for key in ("company", *(p.key for p in self.files.pillars))}
        counts = Counter(folded(t.key) for t in told if t.role in NODES)
        kept = []
        for t in told:
            key, where = folded(t.key), ""
            if t.role in NODES and key in origins:
                where = origins[key]
            elif t.role in NODES and counts[key] > 1:
                where = next(o.origin for o in told if o is not t and folded(o.key) == key)
            if not where:
                kept.append(t)
                continue
            again = NotUnderstood("key", f"'{t.key}' stands at {where} too: give each its own")
            self._record(t).note(again, "it is not in the plan")
        return kept

    def _record(self, told: Told) -> _Record:
        return _Record(told, self.people, self.unread)

    def _all(self, role: str, make: Callable[[_Record], T]) -> list[T]:
        made = []
        for record in (self._record(t) for t in self.told if t.role == role):
            try:
                made.append(make(record))
            except NotUnderstood as problem:
                record.note(problem, "it is not in the plan")
        return made

    def _keyed(self, role: str, nodes: Iterable[Node]) -> list[Told]:
        made = {n.key for n in nodes}
        return [t for t in self.told if t.role == role and t.key in made]

    # -- nodes ---------------------------------------------------------------------------------------------------------------

    def _objective(self, r: _Record) -> Objective:
        return Objective(
            r.told.key, r.named("pillar", self.pillars), r.named("period", self.periods), r.title("title"), r.told.department,
            r.maybe(r.person, "owner"), r.maybe(r.person, "sponsor"), r.maybe(r.weight, "weight") or 1.0,
            r.maybe(r.flag, "critical") or False, r.maybe(r.one_of(KINDS), "kind") or "okr", r.told.origin,  # type: ignore[arg-type]  # one of KINDS
        )  # fmt: skip

    def _key_result(self, r: _Record) -> KeyResult:
        return KeyResult(
            r.told.key, r.named("objective", self.objectives), r.title("title"), r.maybe(r.person, "owner"), r.maybe(r.rank, "rank"),
            r.maybe(r.flag, "critical") or False, r.maybe(r.weight, "weight") or 1.0, r.maybe(r.metric, "metric"),
            origin=r.told.origin,
        )  # fmt: skip

    def _workstream(self, r: _Record) -> Workstream:
        return Workstream(
            r.told.key, r.title("name"), r.told.department, r.maybe(r.person, "owner"), r.maybe(r.person, "sponsor"),
            r.maybe(r.day, "start_on"), r.maybe(r.day, "end_on"), tuple(r.every("supports", self.key_results)), self._selections(r),
            weight=r.maybe(r.weight, "weight") or 1.0, origin=r.told.origin,
        )  # fmt: skip

    def _selections(self, r: _Record) -> tuple[Selection, ...]:
        """Where a workstream's items are: a source, or a source/binding."""
        places = [*self.bindings, *(f"{s}/{b}" for s, bindings in self.bindings.items() for b in bindings)]
        found = (key.partition("/") for key in r.every("items", names(places, ())))
        return tuple(Selection(source, binding or None) for source, _, binding in found)

    def _milestone(self, r: _Record) -> tuple[str, Milestone]:
        """(workstream, milestone). Its dates are its item's, whose first due date is its frozen baseline."""
        workstream = r.named("workstream", self.workstreams)
        r.maybe(r.day, "due_on")
        return workstream, Milestone(r.title("title"), r.told.item, weight=r.maybe(r.weight, "weight") or 1.0)

    def _dependencies(self, workstreams: Sequence[Workstream]) -> list[Dependency]:
        """What workstreams say that they wait for; the files' commitments come first, and no circle is closed."""
        filed = {(d.consumer, d.provider) for d in self.files.dependencies}
        records = {t.key: self._record(t) for t in self._keyed("workstream", workstreams)}
        pairs = [(key, p) for key, r in records.items() for p in r.every("depends_on", self.workstreams)]
        graph: dict[str, list[str]] = {}
        for consumer, provider in (*filed, *pairs):
            graph.setdefault(consumer, []).append(provider)
        made = []
        for consumer, provider in pairs:
            if (consumer, provider) in filed:
                continue
            if way := _way(graph, provider, consumer):
                circle = NotUnderstood(
                    "depends_on", f"goes in a circle, {' waits for '.join([consumer, *way])}: name who begins"
                )
                records[consumer].note(circle, f"it does not wait for '{provider}'")
                continue
            origin = records[consumer].told.origin
            made.append(Dependency(f"{consumer}<-{provider}", consumer, provider, origin=origin))
        return made


@dataclass(frozen=True, slots=True)
class _Record:
    """Reads the parts of one record. Every reader raises NotUnderstood, and tells None of a part that is empty."""

    told: Told
    people: People
    unread: list[Unread] = field(repr=False)

    def note(self, problem: NotUnderstood, until_then: str) -> None:
        """Tells what is wrong, where, and what is left out for it."""
        record = self.told.record
        called = self.told.key if record.title in ("", self.told.key) else f"{self.told.key} '{record.title}'"
        cell = self.told.cells.get(problem.part) or self.told.cells.get("")
        where = f"{record.url} ({cell})" if cell else record.url
        says = f"{called} of {self.told.source}: {problem}; until then {until_then}: {where}"
        self.unread.append(Unread(self.told.source, self.told.item, says, record.url))

    def maybe(self, read: Callable[[str], T | None], part: str) -> T | None:
        """A part that the node can be without; what is wrong with it is noted."""
        try:
            return read(part)
        except NotUnderstood as problem:
            self.note(problem, f"it has no {part.removesuffix('_on').replace('_', ' ')}")
            return None

    # -- words -----------------------------------------------------------------------------------------------------------------

    def words(self, part: str) -> Words:
        if part in self.told.mapped and part not in self.told.record.fields:
            raise NotUnderstood(part, "was not read: see that its field is there, and sync again")
        return tuple(v for v in self.told.record.fields.get(part, ()) if as_text(v).strip())

    def one(self, part: str) -> Said | None:
        values = self.words(part)
        if len(values) > 1:
            raise NotUnderstood(part, f"names {len(values)} ({', '.join(map(as_text, values))}): name one")
        return values[0] if values else None

    def text(self, part: str) -> str | None:
        return ", ".join(as_text(v).strip() for v in self.words(part)) or None

    def title(self, part: str) -> str:
        """What people call it: as mapped, else the record's own title."""
        return self.maybe(self.text, part) or self.told.record.title

    def number(self, part: str) -> float | None:
        """A number that the tracker typed; of texts only plain digits are one, such as an option called 9."""
        said = self.one(part)
        if said is None:
            return None
        value = said.value
        if isinstance(value, str) and value.isascii() and value.isdigit() and str(int(value[:15])) == value:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise NotUnderstood(part, f"'{as_text(said)}' is no number: write a number")
        return float(value)

    def weight(self, part: str) -> float | None:
        value = self.number(part)
        if value is not None and value <= 0:
            raise NotUnderstood(part, f"{value:g} is not above 0: write how much it counts")
        return value

    def rank(self, part: str) -> int | None:
        value = self.number(part)
        if value is not None and (value < 1 or not value.is_integer()):
            raise NotUnderstood(part, f"{value:g} is no rank: write 1 for the first")
        return None if value is None else int(value)

    def flag(self, part: str) -> bool | None:
        said = self.one(part)
        if said is None or isinstance(said.value, bool):
            return None if said is None else bool(said.value)
        if (text := folded(as_text(said))) not in FLAGS:
            raise NotUnderstood(part, f"'{as_text(said)}' is neither yes nor no: write one of them")
        return FLAGS[text]

    def day(self, part: str) -> date | None:
        said = self.one(part)
        if said is None:
            return None
        try:
            return date.fromisoformat(as_text(said)[:10])
        except ValueError:
            raise NotUnderstood(part, f"'{as_text(said)}' is no date: write one such as 2026-11-30") from None

    def one_of(self, options: Sequence[str]) -> Callable[[str], str | None]:
        """A reader of one of some words, however it is spaced."""

        def read(part: str) -> str | None:
            said = self.one(part)
            text = None if said is None else folded(as_text(said)).replace(" ", "_").replace("-", "_")
            if said is not None and text not in options:
                raise NotUnderstood(part, f"'{as_text(said)}' is none of {', '.join(options)}: write one of them")
            return text

        return read

    def person(self, part: str) -> str | None:
        """Key of the person in people.yaml, told as an item's owner is."""
        said = self.one(part)
        if said is None:
            return None
        found = self.people.find(self.told.source, said)
        if found is None:
            raise NotUnderstood(
                part, f"'{as_text(said)}' is nobody in people.yaml: add the e-mail, alias or identity there"
            )
        return found[0].key

    def metric(self, _: str) -> Metric | None:
        """What it is measured by, its readings being its own record's; none without a target."""
        target, baseline = self.number("target"), self.number("baseline") or 0.0
        direction = self.one_of(DIRECTIONS)("direction") or "increase"
        if target is None:
            return None
        if direction in ("increase", "decrease") and baseline == target:
            raise NotUnderstood(
                "target", f"and baseline are both {target:g}, and nothing would have to change: correct one"
            )
        curve = self.maybe(self.one_of(CURVES), "curve") or "none"
        read = "current_value" in self.told.record.fields
        source, item = (self.told.source, self.told.record.ref) if read else (None, None)
        unit = self.maybe(self.text, "unit") or ""
        return Metric("number", direction, baseline, target, unit, curve, (), source, item)  # type: ignore[arg-type]  # one of their words

    # -- what it names -----------------------------------------------------------------------------------------------------------

    def named(self, part: str, known: Names) -> str:
        """The key of the one node that a part names: by key, address or id, or by a relation."""
        said = self.one(part)
        if said is None:
            raise NotUnderstood(part, "is empty: name it by its key")
        return _found(part, as_text(said).strip(), known)

    def every(self, part: str, known: Names) -> list[str]:
        """The keys of all nodes that a part names, in several values or with commas between; what names none is noted."""
        found: dict[str, None] = {}
        for text in (t.strip() for v in self.maybe(self.words, part) or () for t in _listed(as_text(v), known)):
            try:
                found[_found(part, text, known)] = None
            except NotUnderstood as problem:
                self.note(problem, "that is left out")
        return list(found)


def names(filed: Iterable[str], told: Iterable[Told]) -> Names:
    """What nodes may be called: those of the files by their keys, those of records also as their tracker names them."""
    found: dict[str, set[str]] = {}
    for key in filed:
        found.setdefault(folded(key), set()).add(key)
    for t in told:
        for name in {t.key, t.record.ref, t.record.key, t.record.url} - {""}:
            found.setdefault(folded(name), set()).add(t.key)
    return found


def _found(part: str, text: str, known: Names) -> str:
    tries = [text, URL.sub(" ", text), *(name for pair in references(text) for name in pair if name)]
    found = {key for name in tries for key in known.get(folded(name), ())}
    if len(found) == 1:
        return found.pop()
    keys = sorted({key for keys in known.values() for key in keys})
    if found:
        raise NotUnderstood(part, f"'{text}' may be any of {', '.join(sorted(found)[:8])}: name one by its key")
    near = difflib.get_close_matches(text, keys, 1)
    hint = (
        f"did you mean '{near[0]}'?" if near else f"name one of {', '.join(keys[:8])}" if keys else "the plan has none"
    )
    raise NotUnderstood(part, f"'{text}' is not in the plan: {hint}")


def _listed(text: str, known: Names) -> list[str]:
    """The names in a text: one with a comma of its own, or several with commas between."""
    return [text] if folded(text) in known else [t for t in text.replace("\n", ",").split(",") if t.strip()]


def _nodes(plan: Plan) -> list[Node]:
    return [*plan.objectives, *plan.key_results, *plan.workstreams]


def _with(workstream: Workstream, milestones: Sequence[Milestone] | None) -> Workstream:
    if not milestones:
        return workstream
    return msgspec.structs.replace(workstream, milestones=(*workstream.milestones, *milestones))


def _way(graph: Mapping[str, Sequence[str]], start: str, end: str) -> list[str]:
    """The shortest way from one to another; empty where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == end:
            return way
        ways += [[*way, after] for after in graph.get(way[-1], ()) if after not in seen]
        seen.update(graph.get(way[-1], ()))
    return []
