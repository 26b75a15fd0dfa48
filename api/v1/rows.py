"""Rows of lists as they are served: plain values by name, from what the ledger has. The shapes are told in api/v1/shapes_lists.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from api.v1.shapes import ItemOut
from connectors.contract import RawRecord
from ledger.model import Item, Presence, from_ms
from ledger.read import Kept

DELETED = (Presence.DELETED, Presence.MOVED_OUT, Presence.ACCESS_LOST)
"""No longer there for whoever reads."""


class _Edited(msgspec.Struct):
    """Of an item, when it was last edited in its tracker."""

    remote_updated_at: datetime | None = None


_item = msgspec.json.Decoder(Item).decode
_edited = msgspec.json.Decoder(_Edited).decode
_raw = msgspec.json.Decoder(RawRecord).decode
_SAME = tuple(name for name in ItemOut.model_fields if name in Item.__struct_fields__)
"""What a served item has as the item itself has it."""


def row_of(
    item: Item, *, presence: str, presence_reason: str, synced_at: datetime, mapping_version: str
) -> dict[str, Any]:
    """An item as served."""
    said = item.word("health") or item.word("lifecycle")
    row = {name: getattr(item, name) for name in _SAME}
    row["status"] = item.status
    row["raw_status"] = said.raw if said else None
    row["mapped_by"] = (said.rule or None) if said else None
    row["presence"], row["presence_reason"], row["deleted"] = presence, presence_reason, presence in DELETED
    row["source_created_at"], row["source_updated_at"] = item.remote_created_at, item.remote_updated_at
    row["synced_at"], row["mapping_version"] = synced_at, mapping_version
    return row


def kept_row(kept: Kept) -> dict[str, Any]:
    """An item that the ledger holds, as served."""
    return row_of(
        kept.item, presence=kept.presence, presence_reason=kept.presence_reason, synced_at=kept.changed_at,
        mapping_version=kept.mapping_version,
    )  # fmt: skip


def shape(kept: Kept) -> ItemOut:
    """One item as served."""
    return ItemOut.model_validate(kept_row(kept))


def item_row(r: Any) -> dict[str, Any]:
    """A row of ITEMS."""
    return row_of(
        _item(r.body), presence=r.presence, presence_reason=r.presence_reason, synced_at=from_ms(r.synced_at),
        mapping_version=r.mapping_version,
    )  # fmt: skip


_OF_STATE = (
    "title", "type", "owner", "owner_name", "start_on", "due_on", "progress", "confidence", "blocked",
)  # fmt: skip


def version_row(r: Any) -> dict[str, Any]:
    """A row of VERSIONS."""
    item = _item(r.body)
    told = {name: getattr(item, name) for name in _OF_STATE if name != "type"}
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
    return msgspec.to_builtins(_raw(r.payload))


def _plain(r: Any, instants: tuple[str, ...]) -> dict[str, Any]:
    """A row of the ledger without what it has for itself only."""
    told: Mapping[str, Any] = r._mapping if hasattr(r, "_mapping") else vars(r)
    row = {name: value for name, value in told.items() if name not in ("body", "binding")}
    for name in instants:
        row[name] = None if row[name] is None else from_ms(row[name])
    return row
