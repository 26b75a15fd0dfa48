"""Items as they were at an instant: each record of then is read anew, so that a row says its words and the rules that read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from api.v1.rows import row_of
from ledger.lists import ITEMS, Condition, Wanted
from ledger.model import Presence, from_ms
from ledger.read import Reads
from normalizer.people import People
from sync.anew import Basis, Under, told_anew, translators
from sync.configuration import Configuration

CHUNK = 500


class Past:
    """What items were at an instant. basis: as is known now of it, or as was known then; mapping: which words meant what."""

    def __init__(
        self,
        ledger: Reads,
        configuration: Configuration,
        at: datetime,
        basis: Basis,
        mapping: Under | None,
    ) -> None:
        self.ledger, self.at = ledger, at
        self._basis = basis
        self._under: Under = mapping or ("then" if basis == "known" else "now")
        people = People(configuration.persons())
        self._by = translators(ledger.whole, configuration, people, self._under, at)
        self._version = cache(self._mapping_version)

    def rows(self, where: Sequence[Condition], after: Sequence[Any] | None) -> Iterator[Any]:
        """Every item that there was as served, in the order of ids from one on. where: what never changes of an item, such as its source.

        Raises:
            WrongQuestion: `after` is no place among items.
        """
        while True:
            wanted = Wanted(where, (), after, CHUNK)
            found = {r.id: r for r in self.ledger.listed(ITEMS, wanted)}
            yield from self._told(found)
            if len(found) < CHUNK:
                return
            after = [list(found)[-1]]

    def _told(self, found: dict[str, Any]) -> Iterator[Any]:
        for state, item in told_anew(self.ledger.whole, list(found), self.at, self._basis, self._by):
            now = found[state.item_id]
            yield row_of(
                msgspec.json.encode(item),
                str(Presence.PRESENT) if state.present else now.presence,
                "" if state.present else now.presence_reason,
                from_ms(state.observed),
                self._version(now.source, now.binding),
            )

    def _mapping_version(self, source: str, binding: str) -> str:
        found = self.ledger.mapping(source, binding, self.at if self._under == "then" else None)
        return found[0] if found else ""
