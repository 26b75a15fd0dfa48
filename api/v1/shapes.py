"""What the HTTP API takes and answers: the schema is the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from ledger.model import Health, Lifecycle, Presence
from sync.configuration import Configuration
from sync.configuration.models import DepartmentFile


class ItemOut(BaseModel):
    """An item on the one format, with where it came from."""

    id: str
    source: str
    binding: str
    key: str
    title: str
    url: str
    type: str | None
    status: str
    lifecycle: Lifecycle
    reported_health: Health
    health_assumed: bool
    confidence: float | None
    progress: float | None
    progress_kind: str
    owner: str | None
    owner_name: str | None
    start_on: date | None
    due_on: date | None
    completed_at: datetime | None
    blocked: bool | None
    blocked_on: str | None
    decision_needed: str | None
    raw_status: str | None
    mapped_by: str | None
    presence: Presence
    presence_reason: str
    deleted: bool = Field(
        description="Gone for whoever reads: deleted, moved out, or access lost; presence says which."
    )
    source_created_at: datetime | None
    source_updated_at: datetime | None
    synced_at: datetime
    mapping_version: str


class WordOut(BaseModel):
    """How one field was read."""

    field: str
    raw: str | None
    raw_id: str | None = None
    canonical: str | None
    rule: str
    assumed: bool = False
    finding: str = ""


class LinkOut(BaseModel):
    target: str
    target_key: str | None = None
    target_item: str | None = None
    kind: Literal["blocks", "parent", "relates"]
    direction: Literal["out", "in"] = "out"
    original: str = ""


class ExplanationOut(BaseModel):
    """Raw value, rule with file and line, result, link."""

    id: str
    key: str
    title: str
    url: str
    source: str
    status: str
    lifecycle: Lifecycle
    reported_health: Health
    presence: Presence
    presence_reason: str
    mapping_version: str
    raw_hash: str
    last_good_at: datetime | None
    words: list[WordOut]
    links: list[LinkOut]
    raw: dict[str, Any] | None
    cells: dict[str, str] = Field({}, description="Role to the cell it was read from, in a sheet.")


class VersionOut(BaseModel):
    """A state that the item was in from `valid_from` on, known to us from `observed_from` on."""

    valid_from: datetime
    observed_from: datetime
    observed_to: datetime | None
    lifecycle: Lifecycle
    reported_health: Health
    status: str
    owner: str | None
    due_on: date | None
    title: str
    mapping_version: str


class EventOut(BaseModel):
    id: str
    at: datetime
    field: str
    before: str | None
    after: str | None
    actor_name: str | None
    actor_kind: Literal["human", "automation", "unknown"]


class HistoryOut(BaseModel):
    versions: list[VersionOut]
    events: list[EventOut]


class SourceOut(BaseModel):
    """How fresh a source is, and what could not be read."""

    key: str
    kind: str
    state: str
    reason: str
    last_good_at: datetime | None
    next_at: datetime | None
    unobserved: int
    access_lost: int
    unmapped: int
    scopes: list[dict[str, Any]]
    last_run: dict[str, Any] | None


class SourceAgeOut(BaseModel):
    """How fresh one source is."""

    key: str
    state: str
    reason: str
    last_good_at: datetime | None
    unobserved: int
    access_lost: int
    unmapped: int


class DepartmentOut(BaseModel):
    """What one department's trackers say now."""

    department: str
    name: str
    headline: Health
    because: str
    items: int
    active: int
    lifecycle: dict[str, int]
    health: dict[str, int]
    coverage: float | None = Field(description="Share of active items whose health is known, 0-1.")
    unknown_share: float | None
    data_age_seconds: float | None = Field(description="Age of the oldest source's last good read.")
    sources: list[SourceAgeOut]


class NeedsSomebodyOut(BaseModel):
    """One line that needs somebody: what, whose, and the sentence for people."""

    kind: Literal["waits_for_overdue", "past_due", "blocked"]
    item: str
    key: str
    url: str
    source: str
    owner: str | None
    because: str
    days: int


class StatusOut(BaseModel):
    """The answer."""

    organisation: str
    as_of: datetime
    departments: list[DepartmentOut]
    exceptions: list[NeedsSomebodyOut] = Field(description="The worst first.")
    exceptions_total: int
    coverage: float | None = Field(description="Share of active items whose health is known, 0-1.")
    unknown_share: float | None
    data_age_seconds: float | None = Field(description="Age of the oldest source's last good read.")
    notes: list[str] = Field([], description="What is wrong with the service itself, such as its configuration.")


class DepartmentEntryOut(BaseModel):
    """One department, and how many of its words wait for a translation."""

    department: str
    name: str
    head: str | None
    cadence: str
    sources: list[str]
    mapping_owners: list[str]
    unmapped: int


class SuggestionOut(BaseModel):
    """What a word may mean; nothing is applied by itself."""

    becomes: dict[str, str] = Field(description="By axis: lifecycle, health.")
    confidence: float = Field(description="0-1")
    because: list[str]
    conflict: str = Field(description="Which signs contradict each other; empty where none do.")


class SampleOut(BaseModel):
    id: str
    key: str
    url: str


class UnmappedOut(BaseModel):
    """A word without a translation."""

    department: str
    source: str
    binding: str
    field: str
    raw: str
    raw_id: str | None
    count: int
    first_seen_at: datetime | None
    samples: list[SampleOut]
    file: str
    suggestion: SuggestionOut | None


class SeenWordOut(BaseModel):
    """A word really seen, how often, and what it became by which rule."""

    field: str
    raw: str
    raw_id: str | None
    count: int
    becomes: str | None
    rule: str = Field(description="File and line, or the built-in rule; empty where none has it.")
    finding: str


class BindingMappingOut(BaseModel):
    """One binding's mapping: since when, by whom, why, and every word."""

    source: str
    binding: str
    file: str
    version: str | None
    since: datetime | None
    author: str
    reason: str
    words: list[SeenWordOut]
    unused: list[str]
    ceiling: Health | None = Field(
        None, description="The worst that these words can say, where that is not off track: they cannot say red."
    )


class DepartmentMappingOut(BaseModel):
    department: str
    name: str
    mapping_owners: list[str]
    bindings: list[BindingMappingOut]
    unmapped: list[UnmappedOut]


class UnresolvedLinkOut(BaseModel):
    """Something that an item names and that no tracker has, as far as we see."""

    item: str
    key: str
    url: str
    source: str
    target: str
    kind: Literal["blocks", "parent", "relates"]
    direction: Literal["out", "in"]
    original: str
    source_updated_at: datetime | None
    synced_at: datetime


def department_shape(
    department: DepartmentFile, configuration: Configuration, waiting: Mapping[str, int]
) -> DepartmentEntryOut:
    """A department as served."""
    sources = [s for s in configuration.sources if s.department == department.department]
    owners = dict.fromkeys(o for s in sources if (o := s.entry.mapping_owner or department.head))
    return DepartmentEntryOut(
        department=department.department,
        name=department.name,
        head=department.head,
        cadence=department.cadence,
        sources=[s.key for s in sources],
        mapping_owners=list(owners),
        unmapped=waiting.get(department.department, 0),
    )
