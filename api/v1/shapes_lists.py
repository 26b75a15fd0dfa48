"""What the lists of what was read take and answer: items, versions, events, links, runs, people."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from api.v1.listing import FIELDS, SORT, Paged, PageOut, Row, Several, SomeOf, fields_of, sort_by
from api.v1.shapes import EventOut, ItemOut, LinkOut, VersionOut
from api.v1.shapes_decisions import Day
from api.v1.shapes_plan import AsOf, Instant
from ledger.model import Health, Lifecycle, Presence

STATUSES = (
    "on_track",
    "at_risk",
    "off_track",
    "unknown",
    "not_applicable",
    "not_started",
    "paused",
    "done",
    "cancelled",
)
INCLUDES = ("raw", "links", "versions", "events")
Keys = Annotated[list[str], Several]
Lifecycles = Annotated[list[Lifecycle], Several]
Healths = Annotated[list[Health], Several]
LinkKinds = Annotated[list[Literal["blocks", "parent", "relates"]], Several]


class ItemRow(ItemOut, Row):
    """An item, and with `include` what belongs to it."""

    parts: ClassVar[tuple[str, ...]] = INCLUDES

    raw: dict[str, Any] | None = Field(None, description="The record as said; with include=raw.")
    links: list[LinkOut] = Field([], description="With include=links.")
    versions: list[VersionOut] = Field([], description="With include=versions.")
    events: list[EventOut] = Field([], description="With include=events.")


class ItemsOut(PageOut):
    items: list[ItemRow]


class ItemsAsked(Paged, AsOf):
    """Which items, as of when."""

    source: Keys = Field([], description="Source keys.")
    department: Keys = Field([], description="Departments' keys.")
    binding: Keys = Field([], description="Bindings' keys.")
    item_key: Keys = Field([], description="Keys as people say them, such as ENG-26.")
    lifecycle: Lifecycles = Field([])
    health: Healths = Field([], description="Reported health.")
    status: Annotated[list[str], SomeOf(STATUSES, "status")] = Field(
        [], description="The one word for people: at_risk, done ..."
    )
    presence: Annotated[list[Presence], Several] = Field(
        [Presence.PRESENT], description="Whatever became of them, where modified_since is given and this is not."
    )
    owner: Keys = Field([], description="Keys of persons in people.yaml.")
    blocked: bool | None = None
    due_before: Day | None = Field(None, description="Due before this day.")
    due_from: Day | None = Field(None, description="Due on this day or later.")
    modified_since: Instant | None = Field(
        None,
        description="Changed at this instant or later, those that are gone too; `as_of` of an answer is the next one to ask from.",
    )
    mapping: Literal["then", "now"] | None = Field(None, description="With as_of: under the mapping of then or of now.")
    fields: Annotated[list[str], fields_of(ItemRow, INCLUDES)] = FIELDS
    sort: Annotated[
        list[str], sort_by("id", "key", "source", "status", "owner", "due_on", "source_updated_at", "synced_at")
    ] = SORT
    include: Annotated[list[str], SomeOf(INCLUDES, "part")] = Field(
        [], description="What else of each item: raw, links, versions, events."
    )


class VersionRow(VersionOut, Row):
    """A state that an item was in, and the item."""

    item: str
    item_key: str
    source: str
    url: str
    valid_to: datetime | None = Field(description="Until when it was so; null: it still is.")
    owner_name: str | None
    start_on: date | None
    progress: float | None
    confidence: float | None
    blocked: bool | None
    raw_status: str | None = Field(description="The word that status was read from, as said.")
    mapped_by: str | None = Field(
        description="The rule that read it; null with the word where the record, or the mapping of then, is not kept."
    )
    raw_hash: str = Field(description="Of the record that it was read from.")
    source_updated_at: datetime | None = Field(
        description="When the item was last edited in its tracker, as its record of then says; null where only its history tells of this state."
    )
    synced_at: datetime = Field(description="When the item was last noted to have changed.")


class VersionsOut(PageOut):
    items: list[VersionRow]


class VersionsAsked(Paged):
    item: Keys = Field([], description="Ids of items.")
    source: Keys = Field([], description="Source keys.")
    lifecycle: Lifecycles = Field([])
    health: Healths = Field([], description="Reported health.")
    status: Annotated[list[str], SomeOf(STATUSES, "status")] = Field([])
    valid_since: Instant | None = Field(None, description="Begun at this instant or later.")
    superseded: bool = Field(False, description="Also what is not believed any more, under an earlier mapping.")
    fields: Annotated[list[str], fields_of(VersionRow)] = FIELDS
    sort: Annotated[list[str], sort_by("item", "source", "valid_from", "observed_from", "status")] = SORT


class EventRow(EventOut, Row):
    """Something that was done to an item."""

    item: str
    item_key: str
    source: str
    url: str
    source_updated_at: datetime | None = Field(description="When the item was last edited in its tracker.")
    synced_at: datetime = Field(description="When the item was last noted to have changed.")


class EventsOut(PageOut):
    items: list[EventRow]


class EventsAsked(Paged):
    item: Keys = Field([], description="Ids of items.")
    source: Keys = Field([], description="Source keys.")
    field: Keys = Field([], description="What was changed.")
    actor_kind: Annotated[list[Literal["human", "automation", "unknown"]], Several] = Field([])
    since: Instant | None = Field(None, description="Done at this instant or later.")
    until: Instant | None = Field(None, description="Done before this instant.")
    fields: Annotated[list[str], fields_of(EventRow)] = FIELDS
    sort: Annotated[list[str], sort_by("item", "source", "at", "field")] = SORT


class LinkRow(LinkOut, Row):
    """What an item's record names."""

    item: str
    item_key: str
    source: str
    url: str
    source_updated_at: datetime | None = Field(description="When the item was last edited in its tracker.")
    synced_at: datetime = Field(description="When the item was last noted to have changed.")


class LinksOut(PageOut):
    items: list[LinkRow]


class LinksAsked(Paged):
    item: Keys = Field([], description="Ids of items.")
    source: Keys = Field([], description="Source keys.")
    kind: LinkKinds = Field([])
    direction: Annotated[list[Literal["out", "in"]], Several] = Field([])
    fields: Annotated[list[str], fields_of(LinkRow)] = FIELDS
    sort: Annotated[list[str], sort_by("item", "source", "kind", "target")] = SORT


RunState = Literal["running", "complete", "incomplete", "failed", "paused"]
RunMode = Literal["incremental", "full", "census", "remap"]


class RunRow(Row):
    """One read of a source, and what it came to."""

    id: int
    source: str
    mode: str
    state: str
    reason: str = Field(description="Why it did not complete.")
    hint: str = Field(description="What a person can do about it.")
    started_at: datetime
    finished_at: datetime | None
    seen: int
    new: int
    changed: int
    gone: int
    unreadable: int
    requests: int
    retries: int
    good: bool = Field(description="Whether it counts as a complete read.")


class RunsOut(PageOut):
    items: list[RunRow] = Field(description="The newest first.")


class RunsAsked(Paged):
    source: Keys = Field([], description="Source keys.")
    state: Annotated[list[RunState], Several] = Field([])
    mode: Annotated[list[RunMode], Several] = Field([])
    good: bool | None = None
    since: Instant | None = Field(None, description="Begun at this instant or later.")
    fields: Annotated[list[str], fields_of(RunRow)] = FIELDS
    sort: Annotated[list[str], sort_by("id", "source", "started_at")] = SORT


class PersonRow(Row):
    """Somebody who owns something. Addresses and users' ids are for translating, and not told."""

    key: str
    name: str
    kind: Literal["human", "team", "service"]
    department: str | None
    manager: str | None
    active: bool


class PeopleOut(PageOut):
    items: list[PersonRow]


class PeopleAsked(Paged):
    department: Keys = Field([], description="Departments' keys.")
    kind: Annotated[list[Literal["human", "team", "service"]], Several] = Field([])
    active: bool | None = None
    fields: Annotated[list[str], fields_of(PersonRow)] = FIELDS
    sort: Annotated[list[str], sort_by("key", "name", "department", "kind")] = SORT
