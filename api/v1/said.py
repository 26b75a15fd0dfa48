"""How the states of items were read: the word of each state's own record, and the rule that read it under the mapping of then."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from ledger.lists import RECORDS, Condition, Wanted
from ledger.read import Reads
from normalizer.people import People
from normalizer.translate import Translator
from sync.anew import translator_at
from sync.configuration import Configuration


def said(ledger: Reads, configuration: Configuration, versions: Sequence[Any]) -> list[tuple[str | None, str | None]]:
    """Of rows of VERSIONS, word and rule; (None, None) where nothing is kept of how one was read."""
    ids, hashes = (sorted({getattr(v, name) for v in versions}) for name in ("item", "raw_hash"))
    asked = Wanted([Condition("item", "one of", ids), Condition("raw_hash", "one of", hashes)])
    records = {(r.item, r.raw_hash): r.payload.encode() for r in ledger.listed(RECORDS, asked)}
    people = People(configuration.persons())
    bound = {(s.key, b.key): s for s in configuration.sources for b in s.source.bindings}

    @cache
    def translator(source: str, binding: str, version: str) -> Translator | None:
        since = {m.version: m.effective_from for m in ledger.whole.mapping_versions(source, binding)}.get(version)
        there = bound.get((source, binding))
        return translator_at(ledger.whole, there, binding, people, since) if there and since else None

    def word(v: Any) -> tuple[str | None, str | None]:
        record, by = records.get((v.item, v.raw_hash)), translator(v.source, v.binding, v.mapping_version)
        found = by.raw(record).said if by and record else None
        return (found.raw, found.rule or None) if found else (None, None)

    return list(map(word, versions))
