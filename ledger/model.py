"""The vocabulary: what every word means in code. The reference for names is docs/domain.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Literal, Protocol, TypeVar

import msgspec


class Lifecycle(StrEnum):
    """Where the work is."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


FINISHED = frozenset({Lifecycle.DONE, Lifecycle.CANCELLED})
"""Nothing is left to do."""


class Health(StrEnum):
    """Will it reach what was promised by the date promised?"""

    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    OFF_TRACK = "off_track"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Presence(StrEnum):
    """Whether the record is still where we read it. Vanished is not deleted."""

    PRESENT = "present"
    DELETED = "deleted"
    ACCESS_LOST = "access_lost"
    MOVED_OUT = "moved_out"
    UNOBSERVED = "unobserved"


ProgressKind = Literal["outcome", "milestone", "item_count", "percent_reported", "none"]
ActorKind = Literal["human", "automation", "unknown"]
LinkKind = Literal["blocks", "parent", "relates"]
RunMode = Literal["incremental", "full", "census", "remap"]

STATUS_FROM_LIFECYCLE = {Lifecycle.DONE, Lifecycle.CANCELLED, Lifecycle.PAUSED, Lifecycle.NOT_STARTED}


def status_word(lifecycle: Lifecycle, health: Health) -> str:
    """One word for people and BI tools: done / cancelled / paused / not_started, else the health."""
    return str(lifecycle if lifecycle in STATUS_FROM_LIFECYCLE else health)


def item_id(source: str, ref: str) -> str:
    """The id of an item everywhere: "<source key>:<ref in the source>"."""
    return f"{source}:{ref}"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """An aware instant as milliseconds since 1970 UTC, the form in which the ledger keeps instants.

    In whole numbers: a float of seconds misses one millisecond in a hundred by one.
    """
    return (at - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The instant, aware in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


class Word(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How one field was read: what was said, the rule that translated it, what it became."""

    field: str
    raw: str | None
    """The word as said, as text."""
    canonical: str | None
    """What it became; None where it could not be translated."""
    rule: str
    """"config/departments/legal.yaml:31" or "built-in: the tracker's category 'done'"; "" where no rule matched."""
    raw_id: str | None = None
    assumed: bool = False
    finding: str = ""
    """Why it is unknown, in a sentence with the file to open."""


class Said(Protocol):
    """How a field was read, or as much of it as is needed here."""

    @property
    def field(self) -> str: ...
    @property
    def canonical(self) -> str | None: ...


W = TypeVar("W", bound=Said)


def decisive(words: Sequence[W], lifecycle: str) -> W | None:
    """Of how an item's fields were read, the one that its status (`status_word`) was read from; None where none of them was."""
    said = {w.field: w for w in reversed(words)}
    health, life = said.get("health"), said.get("lifecycle")
    if lifecycle in STATUS_FROM_LIFECYCLE and life is not None and life.canonical is not None:
        return life
    return health or life


class Unmapped(msgspec.Struct, frozen=True, gc=False):
    """One value without a translation, for the department's inbox."""

    field: str
    raw: str
    raw_id: str | None = None


class Item(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A record on the one format. Times aware UTC, dates calendar dates, confidence and progress 0-1."""

    id: str
    source: str
    binding: str
    ref: str
    scope: str
    key: str
    title: str
    url: str = ""
    type: str | None = None
    lifecycle: Lifecycle = Lifecycle.UNKNOWN
    reported_health: Health = Health.UNKNOWN
    health_assumed: bool = False
    confidence: float | None = None
    progress: float | None = None
    progress_kind: ProgressKind = "none"
    owner: str | None = None
    """Key of the person in people.yaml, where the identity is known."""
    owner_ref: str | None = None
    owner_name: str | None = None
    start_on: date | None = None
    due_on: date | None = None
    completed_at: datetime | None = None
    blocked: bool | None = None
    blocked_on: str | None = None
    decision_needed: str | None = None
    biggest_risk: str | None = None
    need_from_others: str | None = None
    remote_created_at: datetime | None = None
    remote_updated_at: datetime | None = None
    words: tuple[Word, ...] = ()
    unmapped: tuple[Unmapped, ...] = ()

    @property
    def status(self) -> str:
        return status_word(self.lifecycle, self.reported_health)

    def word(self, field: str) -> Word | None:
        """How that field was read, or None where it was not read."""
        return next((w for w in self.words if w.field == field), None)

    @property
    def said(self) -> Word | None:
        """The word that its status was read from."""
        return decisive(self.words, self.lifecycle)


class Version(msgspec.Struct, frozen=True, gc=False):
    """A state the item was in, from `valid_from` until the next one's. `raw` is the RawRecord as JSON bytes."""

    valid_from: datetime
    item: Item
    raw: bytes


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Somebody did something to an item."""

    id: str
    at: datetime
    field: str
    before: str | None = None
    after: str | None = None
    actor_ref: str | None = None
    actor_name: str | None = None
    actor_kind: ActorKind = "unknown"


class ItemLink(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An edge as said; `target_item` once it is resolved, in this tracker or another."""

    target: str
    kind: LinkKind
    direction: Literal["out", "in"] = "out"
    original: str = ""
    target_key: str | None = None
    target_item: str | None = None


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """Everything one read of one record tells the ledger. `versions` oldest first; the last one is the present."""

    versions: tuple[Version, ...]
    events: tuple[Event, ...] = ()
    links: tuple[ItemLink, ...] = ()

    @property
    def item(self) -> Item:
        return self.versions[-1].item


def raw_hash(raw: bytes) -> str:
    """What tells whether a record says the same as before: 16 hex characters over its JSON."""
    return blake2b(raw, digest_size=8).hexdigest()


class Counts(msgspec.Struct):
    """What recording a batch did. `seen` = new + changed + unchanged."""

    seen: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0

    def add(self, other: Counts) -> None:
        self.seen += other.seen
        self.new += other.new
        self.changed += other.changed
        self.gone += other.gone


class Known(msgspec.Struct, frozen=True, gc=False):
    """What the ledger holds of one item, as far as deciding whether to write needs it."""

    raw_hash: str
    mapping_version: str
    binding: str
    scope: str
    presence: Presence
    missing_since: datetime | None


class PresenceChange(msgspec.Struct, frozen=True):
    """An item's presence as decided; `missing_since` when it was first missed."""

    item: str
    presence: Presence
    reason: str = ""
    missing_since: datetime | None = None


FindingKind = Literal["schema_drift", "truncated", "vanished", "unreadable", "note"]


class Finding(msgspec.Struct, frozen=True, array_like=True):
    """Something that a run found out about its source, in a sentence."""

    kind: FindingKind
    says: str


class Run(msgspec.Struct, frozen=True):
    """One sync run, for `sources` and `doctor`. `state`: running, complete, incomplete, failed or paused."""

    id: int
    source: str
    mode: str
    state: str
    reason: str
    hint: str
    started_at: datetime
    finished_at: datetime | None
    seen: int
    new: int
    changed: int
    gone: int
    unreadable: int
    requests: int
    retries: int
    good: bool
    whole: int | None = None
    """How many records a read of every id found; None where this run did not look at all of them."""
    findings: tuple[Finding, ...] = ()


DecisionKind = Literal["intake", "defer", "not_now", "reject", "rebaseline", "tradeoff", "recovery"]
OutcomeState = Literal["closed", "reopened"]
AnnotationKind = Literal["reply", "override"]


class Decision(msgspec.Struct, frozen=True):
    """What was decided about a node or a signal, by whom, and who acts until when. People are keys of people.yaml."""

    kind: DecisionKind
    subject: str
    decided_by: str
    decided_on: date
    act_owner: str | None = None
    act_by: date | None = None
    signal: str = ""
    """Key of the signal that it answers; "" where it is about the node as a whole."""
    note: str = ""
    id: str = ""
    origin: str = ""
    """File and line; "" where it was recorded."""
    recorded_at: datetime | None = None
    """None: it stands in a file."""
    supersedes: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What was found of a decision when it was due, or later."""

    at: datetime
    state: OutcomeState
    evidence: str


class Annotation(msgspec.Struct, frozen=True):
    """What a team says beside a signal or a node; `health` only of an override, which has an expiry."""

    kind: AnnotationKind
    subject: str
    text: str
    said_by: str
    signal: str = ""
    """Key of the signal that it stands beside; "" where it is about the node as a whole."""
    health: Health | None = None
    expires_on: date | None = None
    """The last day on which it counts."""
    id: str = ""
    recorded_at: datetime | None = None
