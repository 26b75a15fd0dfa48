"""What records said, read anew under the mapping of then or of now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from ledger.model import Item
from ledger.remembered import Told
from ledger.store import Ledger
from normalizer.mapping import Mapping as Translation
from normalizer.people import People
from normalizer.translate import Translator
from sync.configuration import BoundSource, Configuration
from sync.mapping import translator_for

Basis = Literal["known", "happened"]
"""known: what the ledger knew at the instant. happened: what it knows now of that instant."""
Under = Literal["then", "now"]
"""Which mapping: the one of the instant, or the one in force now."""


def translators(
    ledger: Ledger, configuration: Configuration, people: People, mapping: Under, at: datetime
) -> dict[tuple[str, str], Translator]:
    """By source and binding, what translates every record anew; what had no mapping then has none and stays as it was translated."""
    found = {}
    for bound in configuration.sources:
        for binding in bound.source.bindings:
            if mapping == "now":
                found[bound.key, binding.key] = translator_for(ledger, bound, binding.key, people)
            elif then := translator_at(ledger, bound, binding.key, people, at):
                found[bound.key, binding.key] = then
    return found


def translator_at(ledger: Ledger, bound: BoundSource, binding: str, people: People, at: datetime) -> Translator | None:
    """What translates a binding's records as its mapping at an instant did; None where it had none."""
    kept = ledger.mapping(bound.key, binding, at)
    if kept is None:
        return None
    categories = translator_for(ledger, bound, binding, people).categories
    return Translator(Translation.from_json(kept[1]), people, categories)


def told_anew(
    ledger: Ledger, ids: Sequence[str], at: datetime, basis: Basis, by: Mapping[tuple[str, str], Translator]
) -> Iterator[tuple[Told, Item]]:
    """The last state of some items up to an instant, by item, with every word of it."""
    last = {t.item_id: t for t in ledger.states(ids, at=at, known=basis == "known", raws=True)}
    for state in last.values():
        translator = by.get((state.body.source, state.body.binding))
        yield state, translator.raw(state.raw) if translator else state.body
