"""A mapping before and after it is active: what a change would turn, and putting it into force without a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from ledger.model import Item
from ledger.read import Reads
from ledger.store import Lease, Ledger
from normalizer.mapping import Mapping
from normalizer.people import People
from normalizer.translate import Translator
from sync.configuration import BoundSource
from sync.lease import take_lease

COMPARED = ("lifecycle", "reported_health", "confidence", "progress", "owner", "blocked")
SAMPLES = 3


class Turn(msgspec.Struct, frozen=True):
    """So many items whose field becomes something else."""

    field: str
    before: str
    after: str
    count: int
    samples: tuple[str, ...]
    """Keys of some of them."""


class Preview(msgspec.Struct, frozen=True):
    """What a mapping would do to one binding. `reads_anew`: scope or fields changed too, which only a sync can tell."""

    source: str
    binding: str
    items: int
    turns: tuple[Turn, ...]
    unmapped_before: int
    unmapped_after: int
    changed: bool
    """Whether the rules differ from those in force."""
    reads_anew: bool


def translator_for(ledger: Reads, bound: BoundSource, binding: str, people: People) -> Translator:
    """The binding's mapping with the tracker's categories, also of words that it has forgotten since."""
    words = ledger.vocabulary(bound.key) + ledger.forgotten(bound.key)
    return Translator(bound.mappings[binding], people, {w.id: w.category for w in reversed(words)})


def preview(ledger: Ledger, bound: BoundSource, people: People) -> list[Preview]:
    """What a source's mappings would turn, compared with what the ledger holds; writes nothing."""
    translators = {b.key: translator_for(ledger, bound, b.key, people) for b in bound.source.bindings}
    turns: dict[str, Counter[tuple[str, str, str]]] = {key: Counter() for key in translators}
    samples: dict[tuple[str, str, str, str], list[str]] = {}
    counts: dict[str, Counter[str]] = {key: Counter() for key in translators}
    for item, raw in ledger.raws(bound.key):
        if (translator := translators.get(item.binding)) is None:
            continue
        new = translator.raw(raw)
        counts[item.binding].update(items=1, before=len(item.unmapped), after=len(new.unmapped))
        for turn in _turns(item, new):
            turns[item.binding][turn] += 1
            shown = samples.setdefault((item.binding, *turn), [])
            if len(shown) < SAMPLES:
                shown.append(item.key)
    found = []
    for key, translator in translators.items():
        state = ledger.binding(bound.key, key)
        in_force = ledger.mapping(bound.key, key)
        made = tuple(Turn(*turn, count, tuple(samples[key, *turn])) for turn, count in turns[key].most_common())
        tally = counts[key]
        found.append(
            Preview(
                bound.key, key, tally["items"], made, tally["before"], tally["after"],
                changed=in_force is not None and in_force[0] != translator.mapping.version,
                reads_anew=state.fields is not None and state.fields != bound.fingerprints[key],
            )
        )  # fmt: skip
    return found


def _turns(old: Item, new: Item) -> Iterator[tuple[str, str, str]]:
    for name in COMPARED:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield name, _shown(before), _shown(after, other=before is not None)


def _shown(value: object, *, other: bool = False) -> str:
    """A word; numbers are not told one by one, for a scale turns every one of them."""
    if value is None:
        return "unknown"
    return ("another number" if other else "a number") if isinstance(value, float) else str(value)


def apply_mapping(ledger: Ledger, bound: BoundSource, people: People, *, author: str, reason: str) -> list[str]:
    """Puts a source's mappings into force and translates what is kept anew, history too; the bindings that changed.

    Raises:
        LeaseHeld: the source is being synced.
    """
    lease = take_lease(ledger, bound.key)
    try:
        return [
            b.key
            for b in bound.source.bindings
            if put_into_force(
                ledger, lease, bound, b.key, translator_for(ledger, bound, b.key, people), author=author, reason=reason
            )
        ]
    finally:
        ledger.release(lease)


def put_into_force(
    ledger: Ledger,
    lease: Lease,
    bound: BoundSource,
    binding: str,
    translator: Translator,
    *,
    author: str = "",
    reason: str = "",
) -> bool:
    """Translates what is kept of a binding by its mapping, where that is another than the one in force."""
    state, mapping = ledger.binding(bound.key, binding), translator.mapping
    if state.mapping_version == mapping.version:
        return False
    after: str | None = ""
    while state.mapping_version is not None and after is not None:
        with ledger.writing(lease) as w:
            after = w.remap(binding, translator.raw, mapping_version=mapping.version, after=after)
    before = ledger.mapping(bound.key, binding)
    with ledger.writing(lease) as w:
        why = reason or _why(None if before is None else Mapping.from_json(before[1]), mapping)
        w.mapping(binding, mapping.version, mapping.to_json(), author=author or bound.file, reason=why)
        w.save_binding(binding, mapping_version=mapping.version)
    return True


def _why(before: Mapping | None, now: Mapping) -> str:
    if before is None:
        return "first mapping"
    return "people.yaml changed" if before.rules == now.rules else "the department's file changed"
