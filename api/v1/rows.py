"""Rows of lists as they are served: plain values by name, from what the ledger has. The shapes are told in api/v1/shapes_lists.py."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from api.v1.shapes import ItemOut
from connectors.contract import record_of
from ledger.model import Item, Presence, decisive, from_ms, status_word
from ledger.read import Kept

DELETED = frozenset({Presence.DELETED, Presence.MOVED_OUT, Presence.ACCESS_LOST})
"""No longer there for whoever reads."""


class _Edited(msgspec.Struct):
    """Of an item, when it was last edited in its tracker."""

    remote_updated_at: datetime | None = None


class _Said(msgspec.Struct, gc=False):
    """How one of an item's fields was read."""

    field: str
    raw: str | None
    canonical: str | None
    rule: str


_AS_SAID = (("words", tuple[_Said, ...]), ("remote_created_at", str), ("remote_updated_at", str))
"""What an item's body has beside what is served of it: left out once it is read."""
_PLAIN = (bool, bool | None, float | None)
"""Of what is not a text in JSON."""
_DEFAULTS = {f.name: f.default for f in msgspec.structs.fields(Item) if f.default is not msgspec.NODEFAULT} | {
    "deleted": False
}
Row: Any = msgspec.defstruct(
    "Row",
    [
        *(
            (name, of.annotation if of.annotation in _PLAIN else str | None, _DEFAULTS.get(name))
            for name, of in ItemOut.model_fields.items()
        ),
        *((name, kind | msgspec.UnsetType, msgspec.UNSET) for name, kind in _AS_SAID),
    ],
    gc=False,
)
"""An item as served, in the order of ItemOut: made of the item's own JSON in one pass, and written as JSON in another."""
_row = msgspec.json.Decoder(Row).decode
_item = msgspec.json.Decoder(Item).decode
_edited = msgspec.json.Decoder(_Edited).decode
_at = lru_cache(4096)(from_ms)
"""What one sync wrote has one instant."""


def row_of(body: str | bytes, presence: str, presence_reason: str, synced_at: datetime, mapping_version: str) -> Any:
    """An item as served. body: the item as JSON."""
    row = _row(body)
    row.status = status_word(row.lifecycle, row.reported_health)
    if words := row.words:
        if word := decisive(words, row.lifecycle):
            row.raw_status, row.mapped_by = word.raw, word.rule or None
        row.words = msgspec.UNSET
    if created := row.remote_created_at:
        row.source_created_at, row.remote_created_at = created, msgspec.UNSET
    if updated := row.remote_updated_at:
        row.source_updated_at, row.remote_updated_at = updated, msgspec.UNSET
    if presence in DELETED:
        row.deleted = True
    row.presence, row.presence_reason, row.synced_at, row.mapping_version = (
        presence, presence_reason, synced_at, mapping_version,
    )  # fmt: skip
    return row


def as_dict(row: Any) -> dict[str, Any]:
    """A row by its names."""
    return {name: getattr(row, name) for name in ItemOut.model_fields}


def kept_row(kept: Kept) -> Any:
    """An item that the ledger holds, as served."""
    body = msgspec.json.encode(kept.item)
    return row_of(body, kept.presence, kept.presence_reason, kept.changed_at, kept.mapping_version)


def item_row(r: Any) -> Any:
    """A row of ITEMS."""
    return row_of(r.body, r.presence, r.presence_reason, _at(r.synced_at), r.mapping_version)


_OF_STATE = (
    "title", "owner", "owner_name", "start_on", "due_on", "progress", "confidence", "blocked",
)  # fmt: skip


def version_row(r: Any) -> dict[str, Any]:
    """A row of VERSIONS."""
    item = _item(r.body)
    told = {name: getattr(item, name) for name in _OF_STATE}
    return {
        **_plain(r, ("valid_from", "valid_to", "observed_from", "observed_to", "synced_at")),
        **told,
        "source_updated_at": item.remote_updated_at,
    }


def event_row(r: Any) -> dict[str, Any]:
    """A row of EVENTS."""
    return {**_plain(r, ("at", "synced_at")), "source_updated_at": _edited(r.body).remote_updated_at}


def link_row(r: Any) -> dict[str, Any]:
    """A row of LINKS."""
    return {**_plain(r, ("synced_at",)), "source_updated_at": _edited(r.body).remote_updated_at}


def run_row(r: Any) -> dict[str, Any]:
    """A row of RUNS."""
    return _plain(r, ("started_at", "finished_at"))


def raw_of(r: Any) -> Any:
    """A row of RECORDS: the record as said."""
    return msgspec.to_builtins(record_of(r.payload))


def _plain(r: Any, instants: tuple[str, ...]) -> dict[str, Any]:
    """A row of the ledger without what it has for itself only."""
    row = {name: value for name, value in r._asdict().items() if name not in ("body", "binding")}
    for name in instants:
        row[name] = None if row[name] is None else from_ms(row[name])
    return row
