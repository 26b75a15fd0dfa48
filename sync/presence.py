"""Decides what became of records that a complete census did not see. Vanished is not deleted.

scope no longer visible            -> access_lost   (never deleted, still counted)
scope archived                     -> moved_out     ("archived")
more than the breaker allows       -> unobserved    (a fault until proven otherwise)
found by id, outside the scope     -> moved_out     (same id, new key)
deleted, says the tracker          -> deleted       (in the trash, or not in a whole table; not while suspect)
not found by id, first time        -> unobserved    (deleted and hidden look alike in every tracker)
not found by id, `confirm` later   -> deleted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.contract import Found, Scope
from ledger.model import Presence


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a disappearance is a mass disappearance, and how long a deletion must last to be believed."""

    share: float = 0.2
    count: int = 50
    at_least: int = 5
    """A scope of three records losing one is no mass disappearance."""
    confirm: timedelta = timedelta(hours=24)

    def trips(self, missing: int, known: int) -> bool:
        return missing > self.count or (missing >= self.at_least and missing > self.share * known)


@dataclass(frozen=True, slots=True)
class Missing:
    """One record that the ledger holds and a complete census did not see."""

    item: str
    ref: str
    scope: str
    presence: Presence
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What one vanished record is now, in one sentence of reason."""

    item: str
    presence: Presence
    reason: str
    missing_since: datetime | None


@dataclass(frozen=True, slots=True)
class Triage:
    """Vanished records sorted by what their scope tells, before any is asked for by id."""

    decided: list[Decision] = field(default_factory=list)
    ask: list[Missing] = field(default_factory=list)
    """To be looked up by id."""
    suspect: dict[str, str] = field(default_factory=dict)
    """Scope to the sentence that says why nothing is concluded there."""


def triage(
    missing: Sequence[Missing],
    *,
    known: Mapping[str, int],
    scopes: Sequence[Scope] | None,
    breaker: Breaker,
    now: datetime,
) -> Triage:
    """Sorts vanished records by their scope. `known` is how many records each scope held before this census; `scopes` None:
    the tracker does not tell, and every record is asked for by id."""
    if scopes is None:
        scopes = [Scope(scope, "") for scope in {m.scope for m in missing}]
    visible = {scope.id: scope for scope in scopes}
    by_scope: dict[str, list[Missing]] = {}
    for record in missing:
        by_scope.setdefault(record.scope, []).append(record)
    result = Triage()
    for scope_id, records in by_scope.items():
        scope = visible.get(scope_id)
        if scope is None or scope.state == "no_access":
            name = scope.name if scope else scope_id
            reason = f"'{name}' is no longer visible to the credential"
            result.decided.extend(_all(records, Presence.ACCESS_LOST, reason, now))
        elif scope.state == "archived":
            result.decided.extend(_all(records, Presence.MOVED_OUT, f"'{scope.name}' was archived", now))
        else:
            result.ask.extend(records)
            where = f" of '{scope.name}'" if scope.name else ""
            if breaker.trips(len(records), known.get(scope_id, len(records))):
                result.suspect[scope_id] = (
                    f"{len(records)} of {known.get(scope_id, len(records))} records{where} vanished at once: "
                    "held as unobserved until somebody says that they are gone (sightline sync ... --accept-missing)"
                )
    return result


def judge(record: Missing, found: Found | None, *, suspect: str | None, breaker: Breaker, now: datetime) -> Decision:
    """What one vanished record of a visible scope is, given the answer to asking for it by id."""
    since = record.missing_since or now
    if found is None:
        return Decision(record.item, Presence.UNOBSERVED, suspect or "not seen, and its id could not be asked", since)
    if found.fate == "present":
        return Decision(record.item, Presence.PRESENT, "", None)
    if found.fate in ("moved_out", "archived"):
        return Decision(record.item, Presence.MOVED_OUT, found.reason or "no longer matches what is read", since)
    if found.fate == "access_lost":
        return Decision(record.item, Presence.ACCESS_LOST, found.reason or "no longer visible to the credential", since)
    if suspect:
        return Decision(record.item, Presence.UNOBSERVED, suspect, since)
    if found.fate == "deleted":
        return Decision(record.item, Presence.DELETED, found.reason or "deleted in the tracker", since)
    if now - since >= breaker.confirm:
        return Decision(record.item, Presence.DELETED, "not found by its id in two complete reads", since)
    hours = breaker.confirm.total_seconds() / 3600
    return Decision(
        record.item,
        Presence.UNOBSERVED,
        f"not found by its id: deleted or hidden; taken as deleted if a read {hours:g} h after the first still misses it",
        since,
    )


def _all(records: Sequence[Missing], presence: Presence, reason: str, now: datetime) -> list[Decision]:
    return [Decision(r.item, presence, reason, r.missing_since or now) for r in records]
