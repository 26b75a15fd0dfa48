"""A record and its change history -> every state it was in, and what was done to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from connectors.contract import Change, RawRecord, Words
from ledger.model import Event, ItemLink, LinkKind, Recorded, Version
from normalizer.references import references
from normalizer.translate import Translator, as_text

LONG = 500
EDGES: dict[str, tuple[LinkKind, Literal["out", "in"]]] = {
    "depends_on": ("blocks", "in"), "blocked_on": ("blocks", "in"), "blocks": ("blocks", "out"), "parent": ("parent", "out"),
}  # fmt: skip
"""Roles whose words name other records, and the edge that each is."""
_encode = msgspec.json.Encoder().encode


def encoded(record: RawRecord) -> bytes:
    """The record as the ledger keeps it: what it says, not where it lies."""
    return _encode(msgspec.structs.replace(record, cells={}) if record.cells else record)


def rewind(record: RawRecord, changes: Sequence[Change]) -> list[tuple[datetime, RawRecord]]:
    """Every state the record was in, oldest first, each with the instant from which it held; the last is `record`.

    Changes of fields that the mapping does not read make no state. Changes of one instant make one.
    """
    states: list[tuple[datetime, RawRecord]] = []
    state = record
    relevant = sorted((c for c in changes if c.field in record.fields), key=lambda c: c.at, reverse=True)
    index = 0
    while index < len(relevant):
        at = relevant[index].at
        before: dict[str, Words] = {}
        while index < len(relevant) and relevant[index].at == at:
            before[relevant[index].field] = relevant[index].before
            index += 1
        states.append((at, state))
        state = _earlier(state, before)
    if record.created_at is not None and (not states or record.created_at < states[-1][0]):
        states.append((record.created_at, state))
    states.reverse()
    return states


def _earlier(record: RawRecord, before: dict[str, Words]) -> RawRecord:
    """The record before these changes: without what only the present is known of (edges, last edit)."""
    return msgspec.structs.replace(record, fields={**record.fields, **before}, links=(), problems=(), updated_at=None)


def recorded(
    record: RawRecord, changes: Sequence[Change] | None, translator: Translator, *, observed_at: datetime
) -> Recorded:
    """Everything one read of one record tells: its states translated, its events, its edges.

    Without a history the only state holds from the last edit the tracker tells of, else from when we saw it.
    """
    states = rewind(record, changes) if changes is not None else []
    if not states or changes is None:
        states = [(record.updated_at or record.created_at or observed_at, record)]
    versions = tuple(Version(at, translator.translate(state), encoded(state)) for at, state in states)
    return Recorded(versions, tuple(_event(c) for c in changes or ()), links(record))


def links(record: RawRecord) -> tuple[ItemLink, ...]:
    """The edges that the record names: the tracker's own, and those found in the fields that speak of other records."""
    edges = [ItemLink(x.target, x.kind, x.direction, x.original, x.target_key) for x in record.links]
    for role, (kind, direction) in EDGES.items():
        for said in record.fields.get(role, ()):
            named = references(as_text(said), apart_from=record.key)
            edges += [ItemLink(target, kind, direction, role, alias) for target, alias in named]
    return tuple(dict.fromkeys(edges))


def _event(change: Change) -> Event:
    actor = change.actor
    return Event(
        change.id,
        change.at,
        change.field,
        _said(change.before),
        _said(change.after),
        actor.id if actor else None,
        as_text(actor) if actor else None,
        change.actor_kind,
    )


def _said(words: Words) -> str | None:
    return ", ".join(as_text(w) for w in words)[:LONG] if words else None
