"""Gathers what judging needs out of the ledger and the configuration, as of an instant, on what was known then or is known now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Literal

import msgspec

from connectors.contract import RawRecord, Said
from ledger.model import Item, Presence, from_ms, to_ms
from ledger.read import Reads
from ledger.store import Ledger
from ledger.veil import Veil
from normalizer.mapping import Mapping as Translation
from normalizer.people import People
from normalizer.translate import Translator
from signals.catalogue import Thresholds
from signals.facts import FINISHED, Act, Facts, ItemFacts, SourceFacts, State
from signals.plan import KeyResult, Plan, Reading, Selection
from signals.veil import masked
from sync.configuration import BoundSource, Configuration
from sync.mapping import translator_for

Basis = Literal["known", "happened"]
"""known: what the ledger knew at the instant. happened: what it knows now of that instant."""
Under = Literal["then", "now"]
"""The mapping that was in force at the instant, or the one in force now."""
WITHOUT_ACTORS = frozenset({"google_sheets", "notion"})
"""Kinds whose tracker tells nobody's name beside a change."""
GONE = (Presence.DELETED, Presence.MOVED_OUT)
_raw = msgspec.json.Decoder(RawRecord).decode


def thresholds(configuration: Configuration) -> Thresholds:
    """The thresholds in force."""
    return Thresholds(configuration.organisation.signals, {d.department: d.signals for d in configuration.departments})


def facts_at(
    ledger: Reads, configuration: Configuration, at: datetime, basis: Basis = "happened", mapping: Under | None = None
) -> Facts:
    """Everything as of an instant; nothing later is in it. What the ledger's reader may not see counts, and has no words.

    mapping: None is the basis's own: what was known then under the mapping of then, what is known now under that of now.
    """
    plan, keys = configuration.plan, [s.key for s in configuration.sources]
    veil, ledger = ledger.veil, ledger.whole
    presences = ledger.presences(keys)
    people = People(configuration.persons())
    own = "then" if basis == "known" else "now"
    anew = _translators(ledger, configuration, at, mapping, people) if mapping not in (None, own) else {}
    items = _items(ledger, keys, at, basis, presences, people, anew)
    by_key: dict[str, list[str]] = {}
    for item in items.values():
        by_key.setdefault(item.key, []).append(item.id)
    unique = {key: ids[0] for key, ids in by_key.items() if len(ids) == 1}
    of, hidden = _members(plan, items, presences), _hidden(veil, keys, presences)
    return Facts(
        now=at,
        plan=plan,
        calendar=configuration.calendar,
        people=configuration.owners,
        items={i: masked(item, hidden[i]) if i in hidden else item for i, item in items.items()} if hidden else items,
        of=of,
        sources={s.key: _source(ledger, s, at, items, basis) for s in configuration.sources},
        cadence={d.department: d.cadence for d in configuration.departments},
        readings={
            kr.key: found
            for kr in plan.key_results
            if (found := _readings(ledger, configuration, kr, items, unique, at))
        },
        waits=[(a, b) for a, b in ledger.blocking() if a in items and b in items],
        first_seen=_first_seen(ledger, configuration, at),
        unlinked=_unlinked(configuration, items, of),
        by_key=unique,
        hidden=hidden,
    )


def _hidden(veil: Veil, sources: list[str], presences: Mapping[str, tuple[str, str, Presence]]) -> dict[str, str]:
    """Items and sources whose details the reader may not see; what is confidential and judged for a reader is noted."""
    asks = {home: veil.ask(*home) for home in {(source, binding) for source, binding, _ in presences.values()}}
    told = (
        {item: asks[source, binding] for item, (source, binding, _) in presences.items()} if any(asks.values()) else {}
    )
    return {key: ask for key, ask in (*told.items(), *((s, veil.ask_source(s)) for s in sources)) if ask}


# -- items -----------------------------------------------------------------------------------------------------------------


def _items(
    ledger: Reads,
    sources: list[str],
    at: datetime,
    basis: Basis,
    presences: Mapping[str, tuple[str, str, Presence]],
    people: People,
    anew: Mapping[tuple[str, str], Translator],
) -> dict[str, ItemFacts]:
    """anew: by source and binding, what translates every record anew; what has none stays as it was translated."""
    acts: dict[str, list[Act]] = {}
    who: dict[tuple[str, str | None, str | None], tuple[str | None, str | None]] = {}
    for item, ms, field, ref, name, kind in ledger.acts(sources, at=at):
        source = presences[item][0]
        if (source, ref, name) not in who:
            found = people.find(source, Said(name, id=ref))
            who[source, ref, name] = (found[0].key if found else ref, found[0].kind if found else None)
        actor, person = who[source, ref, name]
        acts.setdefault(item, []).append(Act(from_ms(ms), field, actor, _human(kind, actor, person)))
    states: dict[str, list[State]] = {}
    last: dict[str, Item] = {}
    for item, ms, kept, raw in ledger.histories(sources, at=at, known=basis == "known", raws=bool(anew)):
        translator = anew.get(presences[item][:2])
        body = translator.raw(raw) if translator else kept
        states.setdefault(item, []).append(
            State(
                from_ms(ms), body.lifecycle, body.reported_health, body.due_on, body.owner, body.blocked, body.decision_needed,
                body.health_assumed,
            )
        )  # fmt: skip
        last[item] = body
    return {
        ref: ItemFacts(
            ref, body.key, body.title, body.url, body.source, tuple(states[ref]), tuple(acts.get(ref, ())),
            present=presences[ref][2] not in GONE, blocked_on=body.blocked_on,
        )
        for ref, body in last.items()
    }  # fmt: skip


def _translators(
    ledger: Reads, configuration: Configuration, at: datetime, mapping: Under | None, people: People
) -> dict[tuple[str, str], Translator]:
    found = {}
    for bound in configuration.sources:
        for binding in bound.source.bindings:
            translator = translator_for(ledger, bound, binding.key, people)
            if mapping == "then":
                kept = ledger.mapping(bound.key, binding.key, at)
                if kept is None:
                    continue
                translator = Translator(Translation.from_json(kept[1]), people, translator.categories)
            found[bound.key, binding.key] = translator
    return found


def _human(kind: str, actor: str | None, person: str | None) -> bool | None:
    """Whether a person did it: what people.yaml says of the actor first, then the tracker; a name that neither knows as an
    automation is a person's."""
    if person is not None:
        return person == "human"
    if kind == "unknown":
        return None if actor is None else True
    return kind == "human"


def _members(
    plan: Plan, items: Mapping[str, ItemFacts], presences: Mapping[str, tuple[str, str, Presence]]
) -> dict[str, list[str]]:
    """Workstream to the ids of its items: every item is looked at once."""
    by_source: dict[str, list[tuple[str, Selection, frozenset[str], str]]] = {}
    for w in plan.workstreams:
        for s in w.selections:
            by_source.setdefault(s.source, []).append((w.key, s, frozenset(s.keys), (s.title or "").casefold()))
    found: dict[str, list[str]] = {w.key: [] for w in plan.workstreams}
    for item in items.values():
        title, binding = item.title.casefold(), presences[item.id][1]
        chosen = {
            key
            for key, s, keys, part in by_source.get(item.source, ())
            if part in title and (not keys or item.key in keys) and s.binding in (None, binding)
        }
        for key in chosen:
            found[key].append(item.id)
    return found


def _unlinked(
    configuration: Configuration, items: Mapping[str, ItemFacts], of: Mapping[str, Iterable[str]]
) -> dict[str, tuple[int, int]]:
    """By department: active items that no workstream of a key result has; business as usual is left out."""
    linked = {i for w in configuration.plan.workstreams if w.supports or w.bau for i in of[w.key]}
    home = {s.key: s.department for s in configuration.sources}
    counts: dict[str, list[int]] = {}
    for item in items.values():
        if item.present and item.open and item.now.lifecycle not in FINISHED:
            tally = counts.setdefault(home[item.source], [0, 0])
            tally[0] += item.id not in linked
            tally[1] += 1
    return {d: (a, b) for d, (a, b) in counts.items()} if configuration.plan.workstreams else {}


# -- sources, readings, first seen ---------------------------------------------------------------------------------------------


def _source(ledger: Reads, s: BoundSource, at: datetime, items: Mapping[str, ItemFacts], basis: Basis) -> SourceFacts:
    good = ledger.good_runs(s.key, at=at)
    if not good and basis == "happened" and ledger.last_good().get(s.key):
        good = [at]  # read only later, and the tracker's own history told of that instant
    runs = ledger.runs(s.key, 1)
    notes = tuple(n for n in (runs[0].reason.split("; ") if runs else ()) if n)
    unmapped = sum(e.source == s.key for e in ledger.inbox())
    acting = s.kind not in WITHOUT_ACTORS or any(i.acts for i in items.values() if i.source == s.key)
    return SourceFacts(s.key, s.department, s.entry.every, tuple(good), acting, notes, unmapped)


def _readings(
    ledger: Reads,
    configuration: Configuration,
    kr: KeyResult,
    items: Mapping[str, ItemFacts],
    by_key: Mapping[str, str],
    at: datetime,
) -> list[Reading]:
    """A metric's values by day: those given by hand, and those that a tracker's item told; the last one as of its last good read."""
    metric = kr.metric
    if metric is None:
        return []
    day = configuration.calendar.day(at)
    found = [r for r in metric.readings if r.on <= day]
    if metric.source and metric.item:
        ref = f"{metric.source}:{metric.item}"
        item = items.get(ref) or items.get(by_key.get(metric.item, ""))
        if item is not None:
            for version in ledger.history(item.id):
                if version.valid_from <= at and (value := _value(ledger, item.id, version.raw_hash)) is not None:
                    found.append(Reading(configuration.calendar.day(version.valid_from), value))
            good = ledger.good_runs(item.source, at=at)
            if found and good and configuration.calendar.day(good[-1]) > found[-1].on:
                found.append(Reading(configuration.calendar.day(good[-1]), found[-1].value))
    return sorted(found, key=lambda r: r.on)


def _value(ledger: Reads, item: str, digest: str) -> float | None:
    """The number that a record tells as its current value, else as its progress."""
    raw = ledger.raw(item, digest)
    fields = _raw(raw).fields if raw else {}
    for role in ("current_value", "progress"):
        for said in fields.get(role, ()):
            if isinstance(said.value, int | float) and not isinstance(said.value, bool):
                return float(said.value)
    return None


def _first_seen(ledger: Reads, configuration: Configuration, at: datetime) -> dict[str, date]:
    """When nodes came in that were not in the first plan of all: nobody knows since when those of the first plan are planned."""
    calendar, seen = configuration.calendar, ledger.first_seen()
    first = min(seen.values(), default=0)
    return {key: calendar.day(from_ms(ms)) for key, ms in seen.items() if first < ms <= to_ms(at)}


def meet_plan(ledger: Ledger, plan: Plan) -> None:
    """Notes nodes of the plan that the ledger has not met: once the plan is in force they are known from then on."""
    known = ledger.first_seen()
    nodes = [o.key for o in plan.objectives] + [k.key for k in plan.key_results] + [w.key for w in plan.workstreams]
    ledger.meet(key for key in nodes if key not in known)
