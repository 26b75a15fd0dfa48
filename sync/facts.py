"""Gathers what judging needs out of the ledger and the configuration, as of an instant, on what was known then or is known now.

Never everything at once: the facts of some workstreams hold their items and those that they depend on, so that memory stays flat however
many items there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property
from typing import Protocol

import msgspec

from connectors.contract import Said, record_of
from ledger.model import FINISHED, Health, Item, from_ms, to_ms
from ledger.standing import NONE, Place
from ledger.store import Ledger
from normalizer.people import People
from normalizer.translate import as_text
from signals.catalogue import Thresholds
from signals.company import Company, Judged, assemble, judge_workstreams
from signals.facts import BULK, BULK_SECONDS, Act, Facts, ItemFacts, SourceFacts, State, bulk_edits
from signals.plan import KeyResult, Plan, Reading, Selection, Workstream
from signals.rollup import WORSE
from sync.anew import Basis, Under, translators
from sync.bound_plan import plan_at
from sync.configuration import BoundSource, Configuration

WITHOUT_ACTORS = frozenset({"google_sheets", "notion"})
"""Kinds whose tracker tells nobody's name beside a change."""
SLICE = 5_000
"""Items that are held at once, unless one workstream has more."""


def thresholds(configuration: Configuration) -> Thresholds:
    """The thresholds in force."""
    return Thresholds(configuration.organisation.signals, {d.department: d.signals for d in configuration.departments})


def judged_at(
    ledger: Ledger, configuration: Configuration, at: datetime, basis: Basis = "happened", mapping: Under | None = None
) -> tuple[Company, Facts]:
    """Everything judged as of an instant, and what is known above the items, with who belonged where.

    mapping: None is the basis's own: what was known then under the mapping of then, what is known now under that of now.
    """
    gatherer = Gatherer(ledger, configuration, at, basis, mapping)
    members = gatherer.members()
    limits = thresholds(configuration)
    judged: dict[str, Judged] = {}
    for part in gatherer.slices(members.sizes):
        judged |= judge_workstreams(gatherer.facts(part, members), part, limits)
    above = replace(gatherer.above(), unlinked=members.unlinked)
    return assemble(above, judged, limits), replace(above, of=members.streams)


def facts_of(
    ledger: Ledger,
    configuration: Configuration,
    streams: Sequence[Workstream],
    at: datetime,
    basis: Basis = "happened",
    mapping: Under | None = None,
) -> Facts:
    """Some workstreams with their items, and what they depend on, as of an instant."""
    gatherer = Gatherer(ledger, configuration, at, basis, mapping)
    return gatherer.facts(streams, gatherer.members())


class Members(Protocol):
    """Which items belong to which workstreams."""

    def of(self, workstreams: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Workstream to its items."""
        ...

    def homes(self, items: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Item to its workstreams, of items that others wait for."""
        ...


class PastMembers(msgspec.Struct):
    """Members as of an instant, all in memory."""

    streams: dict[str, list[str]]
    awaited: dict[str, list[str]]
    """Item to workstreams, of items that others wait for."""
    unlinked: dict[str, tuple[int, int]]
    """By department: (active items that serve no key result, active items)."""

    @property
    def sizes(self) -> dict[str, int]:
        return {key: len(ids) for key, ids in self.streams.items()}

    def of(self, workstreams: Collection[str]) -> Mapping[str, Sequence[str]]:
        return {key: self.streams.get(key, []) for key in workstreams}

    def homes(self, items: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return {ref: self.awaited[ref] for ref in items if ref in self.awaited}


class Placement:
    """Decides which workstreams an item belongs to."""

    def __init__(self, configuration: Configuration, plan: Plan) -> None:
        self.department = {s.key: s.department for s in configuration.sources}
        self.planned = frozenset(configuration.plan_bindings)
        """(source, binding) of records that are parts of the plan, and no work."""
        self.serves = {w.key for w in plan.workstreams if w.supports or w.bau}
        """Workstreams whose items serve a key result, or are business as usual."""
        self._selections: dict[str, list[tuple[str, Selection, frozenset[str], str]]] = {}
        for w in plan.workstreams:
            for s in w.selections:
                told = (w.key, s, frozenset(s.keys), (s.title or "").casefold())
                self._selections.setdefault(s.source, []).append(told)

    def is_work(self, place: Place) -> bool:
        """Whether an item is there, unfinished, and work."""
        return place.active and (place.source, place.binding) not in self.planned

    def streams(self, place: Place) -> list[str]:
        """Keys of the workstreams that select an item."""
        if (place.source, place.binding) in self.planned:
            return []
        title = place.title.casefold()
        chosen = [
            key
            for key, s, keys, part in self._selections.get(place.source, ())
            if part in title and (not keys or place.key in keys) and s.binding in (None, place.binding)
        ]
        return list(dict.fromkeys(chosen))

    def rows(self, place: Place) -> list[tuple[str, str, str, bool]]:
        """(item, workstream, department, active) as the ledger keeps it."""
        department = self.department[place.source]
        return [(place.id, key, department, self.is_work(place)) for key in self.streams(place) or [NONE]]


class Gatherer:
    """Gathers facts as of one instant."""

    def __init__(
        self,
        ledger: Ledger,
        configuration: Configuration,
        at: datetime,
        basis: Basis = "happened",
        mapping: Under | None = None,
        *,
        good_since: datetime | None = None,
        words: bool = False,
    ) -> None:
        """good_since: from when on good reads are told one by one; else only the last. words: items tell how they are said."""
        self.ledger, self.configuration, self.at, self.basis = ledger, configuration, at, basis
        self.good_since, self.words = good_since, words
        self.plan: Plan = plan_at(ledger, configuration, at, basis)
        self.sources = [s.key for s in configuration.sources]
        self.people = People(configuration.persons())
        own = "then" if basis == "known" else "now"
        other = mapping if mapping != own else None
        self._anew = translators(ledger, configuration, self.people, other, at) if other else {}
        self._who: dict[tuple[str, str | None, str | None], tuple[str | None, str | None]] = {}
        self._bulk: set[tuple[str, datetime]] = set()
        self._readings: dict[str, list[Reading]] = {}
        self._spans: dict[str, list[tuple[int, int]]] = {}

    # -- above the items -------------------------------------------------------------------------------------------

    def above(self, results: Iterable[KeyResult] | None = None) -> Facts:
        """The plan, people, sources, and the readings of some key results, or of all; no items."""
        measured = self.plan.key_results if results is None else results
        return replace(self.about, readings={kr.key: found for kr in measured if (found := self.readings(kr))})

    @cached_property
    def about(self) -> Facts:
        """The plan, people and sources."""
        return Facts(
            now=self.at,
            plan=self.plan,
            calendar=self.configuration.calendar,
            people=self.configuration.owners,
            sources={s.key: self._source(s) for s in self.configuration.sources},
            cadence={d.department: d.cadence for d in self.configuration.departments},
            first_seen=_first_seen(self.ledger, self.configuration, self.at),
        )

    @cached_property
    def _unmapped(self) -> Mapping[str, int]:
        return self.ledger.unmapped_words(at=self.at)

    def _source(self, s: BoundSource) -> SourceFacts:
        good = self.ledger.good_runs(s.key, at=self.at, since=self.good_since)
        if not good and self.basis == "happened" and self.ledger.last_good().get(s.key):
            good = [self.at]  # read only later, and the tracker's own history told of that instant
        run = self.ledger.last_run(s.key, at=self.at)
        return SourceFacts(
            s.key,
            s.department,
            s.entry.every,
            tuple(good),
            actors=s.kind not in WITHOUT_ACTORS or self.ledger.tells_actors(s.key),
            findings=run.findings if run else (),
            unmapped=self._unmapped.get(s.key, 0),
            seen=tuple(self.ledger.wholes(s.key, at=self.at)),
            ceiling=_ceiling(m.ceiling for m in s.mappings.values()),
        )

    def readings(self, kr: KeyResult) -> list[Reading]:
        """A metric's values by day: given by hand, and told by a tracker's item; the last one as of its last good read."""
        if kr.key not in self._readings:
            self._readings[kr.key] = self._gathered_readings(kr)
        return self._readings[kr.key]

    def _gathered_readings(self, kr: KeyResult) -> list[Reading]:
        metric, day = kr.metric, self.configuration.calendar.day
        if metric is None:
            return []
        found = [r for r in metric.readings if r.on <= day(self.at)]
        if (ref := self._metric_item(kr)) is not None:
            known_at = self.at if self.basis == "known" else None
            for version in self.ledger.history(ref, known_at=known_at):
                if version.valid_from <= self.at and (value := _value(self.ledger, ref, version.raw_hash)) is not None:
                    found.append(Reading(day(version.valid_from), value))
            good = self.ledger.good_runs(metric.source or "", at=self.at)
            if found and good and day(good[-1]) > found[-1].on:
                found.append(Reading(day(good[-1]), found[-1].value))
        return sorted(found, key=lambda r: r.on)

    def _metric_item(self, kr: KeyResult) -> str | None:
        """The id of the item that tells a metric's value, where there is one."""
        metric = kr.metric
        if metric is None or not metric.source or not metric.item:
            return None
        ref = f"{metric.source}:{metric.item}"
        if self.ledger.item(ref) is not None:
            return ref
        return self.ledger.by_keys([metric.item], [metric.source]).get(metric.item)

    # -- items -----------------------------------------------------------------------------------------------------

    def members(self) -> PastMembers:
        """Who belongs where as of the instant: every item is looked at once."""
        placement = Placement(self.configuration, self.plan)
        of: dict[str, list[str]] = {w.key: [] for w in self.plan.workstreams}
        counts: dict[str, list[int]] = {}
        awaited = {b for _, b in self.ledger.waits()}
        homes: dict[str, list[str]] = {}
        for told in self.ledger.latest(self.sources, at=self.at, known=self.basis == "known", raws=bool(self._anew)):
            body = self._translated(told.body, told.raw)
            left = told.present and body.lifecycle not in FINISHED
            place = Place(body.id, body.source, body.binding, body.key, body.title, left)
            streams = placement.streams(place)
            for key in streams:
                of[key].append(body.id)
            if body.id in awaited:
                homes[body.id] = streams
            if placement.is_work(place) and self.plan.workstreams:
                tally = counts.setdefault(placement.department[body.source], [0, 0])
                tally[0] += placement.serves.isdisjoint(streams)
                tally[1] += 1
        return PastMembers(of, homes, {d: (a, b) for d, (a, b) in counts.items()})

    def slices(self, sizes: Mapping[str, int], only: Collection[str] | None = None) -> Iterator[list[Workstream]]:
        """The plan's workstreams, or some of them, in parts of about SLICE items. sizes: items by workstream."""
        part: list[Workstream] = []
        size = 0
        for w in self.plan.workstreams:
            if only is not None and w.key not in only:
                continue
            if part and size + sizes.get(w.key, 0) > SLICE:
                yield part
                part, size = [], 0
            part.append(w)
            size += sizes.get(w.key, 0)
        if part:
            yield part

    def facts(self, streams: Sequence[Workstream], members: Members) -> Facts:
        """Some workstreams with their items, and the items that they depend on."""
        keys = {w.key for w in streams}
        needs = [d for w in streams for d in self.plan.needs_of.get(w.key, ()) if d.provider_item is None]
        providers = {d.provider for d in needs if d.provider in self.plan.workstream_by_key}
        of = {key: list(ids) for key, ids in members.of(keys | providers).items()}
        inside = {i for key in keys for i in of[key]}
        waits = sorted(self.ledger.waits(of=sorted(inside)))
        awaited = sorted({b for _, b in waits} - inside)
        for ref, homes in members.homes(awaited).items():
            for key in homes:
                if key not in keys and key not in providers:
                    of.setdefault(key, []).append(ref)
        named, by_key = self._named(streams)
        everything = sorted({*awaited, *named, *(i for ids in of.values() for i in ids)})
        items = self._items(everything)
        measured = {key for w in streams for key in w.supports} & self.plan.key_result_by_key.keys()
        return replace(
            self.above([self.plan.key_result_by_key[key] for key in sorted(measured)]),
            items=items,
            of=of,
            waits=[(a, b) for a, b in waits if a in items and b in items],
            by_key=by_key,
            bulk=self._bulk_of(everything),
        )

    def _named(self, streams: Sequence[Workstream]) -> tuple[list[str], dict[str, str]]:
        """Items that the plan names, by id or by key: (their ids, key to id)."""
        names = {m.item for w in streams for m in w.milestones if m.item}
        names |= {d.provider_item for w in streams for d in self.plan.needs_of.get(w.key, ()) if d.provider_item}
        if not names:
            return [], {}
        by_key = self.ledger.by_keys(names, self.sources)
        return [*by_key.values(), *(names - by_key.keys())], by_key

    def _items(self, ids: Sequence[str]) -> dict[str, ItemFacts]:
        acts: dict[str, list[Act]] = {}
        for item, ms, field, ref, name, kind in self.ledger.acts(ids, at=self.at):
            actor, person = self._actor(item.partition(":")[0], ref, name)
            acts.setdefault(item, []).append(Act(from_ms(ms), field, actor, _human(kind, actor, person)))
        states: dict[str, list[State]] = {}
        last: dict[str, tuple[Item, bool, bytes]] = {}
        raws = bool(self._anew) or self.words
        for told in self.ledger.states(ids, at=self.at, known=self.basis == "known", raws=raws):
            body = self._translated(told.body, told.raw)
            states.setdefault(told.item_id, []).append(_state(told.at, body))
            last[told.item_id] = (body, told.present, told.raw)
        return {
            ref: ItemFacts(
                ref, body.key, body.title, body.url, body.source, tuple(states[ref]), tuple(acts.get(ref, ())),
                present=present, blocked_on=body.blocked_on, binding=body.binding,
                word=_word(raw) if self.words else "",
            )
            for ref, (body, present, raw) in last.items()
        }  # fmt: skip

    def _actor(self, source: str, ref: str | None, name: str | None) -> tuple[str | None, str | None]:
        """(the person's key, else the tracker's own id; the person's kind)."""
        if (source, ref, name) not in self._who:
            found = self.people.find(source, Said(name, id=ref))
            self._who[source, ref, name] = (found[0].key if found else ref, found[0].kind if found else None)
        return self._who[source, ref, name]

    def _bulk_of(self, ids: Sequence[str]) -> frozenset[tuple[str, datetime]]:
        """(actor, instant) of acts on some items that are part of a bulk edit, wherever the rest of it went."""
        span = BULK_SECONDS * 1000
        for actor, at in self.ledger.crowded(ids, at=self.at, span=span, more_than=BULK):
            if any(begin <= at <= end for begin, end in self._spans.get(actor, ())):
                continue
            # As far as it is looked at, what lies within one span of its ends may belong to more than is seen.
            wide = 20 * span
            acts = self.ledger.acts_of(actor, at - wide, min(at + wide, to_ms(self.at)))
            found = bulk_edits((actor, from_ms(ms), item) for ms, item in acts)
            self._bulk |= found
            self._spans.setdefault(actor, []).append((at - wide + span, at + wide - span))
        return frozenset(self._keyed(self._bulk))

    def _keyed(self, found: Iterable[tuple[str, datetime]]) -> Iterator[tuple[str, datetime]]:
        """The trackers' ids of actors as judging knows them: people by their keys."""
        keys = {ref: actor for (_, ref, _), (actor, _) in self._who.items() if ref and actor}
        return ((keys.get(ref, ref), at) for ref, at in found)

    # -- under another mapping -------------------------------------------------------------------------------------

    def _translated(self, body: Item, raw: bytes) -> Item:
        translator = self._anew.get((body.source, body.binding))
        return translator.raw(raw) if translator else body


def _word(raw: bytes) -> str:
    """How a record says its health, else its confidence, word for word: what is kept of a state holds only what it became."""
    fields = record_of(raw).fields
    return ", ".join(as_text(v) for v in fields.get("health") or fields.get("confidence", ()))


def _ceiling(of: Iterable[Health | None]) -> Health | None:
    """The worst that any of several may say; None where one of them is not limited."""
    found = set(of)
    return None if None in found else max(found, key=lambda h: WORSE[h], default=None)  # type: ignore[index]  # none is None


def _state(ms: int, body: Item) -> State:
    return State(
        from_ms(ms), body.lifecycle, body.reported_health, body.due_on, body.owner, body.blocked, body.decision_needed,
        body.health_assumed, body.confidence, body.progress, body.biggest_risk,
        body.need_from_others or (body.blocked_on if body.blocked else None),
    )  # fmt: skip


def _human(kind: str, actor: str | None, person: str | None) -> bool | None:
    """Whether a person did it: what people.yaml says of the actor first, then the tracker; a name that neither knows as an
    automation is a person's."""
    if person is not None:
        return person == "human"
    if kind == "unknown":
        return None if actor is None else True
    return kind == "human"


# -- small parts --------------------------------------------------------------------------------------------------------------


def _value(ledger: Ledger, item: str, digest: str) -> float | None:
    """The number that a record tells as its current value or, where it has no field for one, as its progress."""
    raw = ledger.raw(item, digest)
    fields = record_of(raw).fields if raw else {}
    for said in fields.get("current_value", fields.get("progress", ())):
        if isinstance(said.value, int | float) and not isinstance(said.value, bool):
            return float(said.value)
    return None


def _first_seen(ledger: Ledger, configuration: Configuration, at: datetime) -> dict[str, date]:
    """When nodes came in that were not in the first plan of all: nobody knows since when those of the first plan are planned."""
    calendar, seen = configuration.calendar, ledger.first_seen()
    first = min(seen.values(), default=0)
    return {key: calendar.day(from_ms(ms)) for key, ms in seen.items() if first < ms <= to_ms(at)}
