"""What may stand in the files. extra="forbid" everywhere: a misspelt key is an error, never silence."""

from __future__ import annotations

import datetime as dt
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from sync.configuration.base import Key, MonthDay, Seconds, Strict
from sync.configuration.digest import Day, Digest
from sync.configuration.plan import ObjectiveEntry, WorkstreamEntry
from sync.configuration.sign_in import PersonRole, SignIn

ROLES = (
    "lifecycle", "health", "confidence", "progress", "owner", "start_on", "due_on", "completed_at", "blocked", "blocked_on",
    "decision_needed", "biggest_risk", "need_from_others", "resolution", "priority", "depends_on", "blocks", "parent", "estimate",
)  # fmt: skip

PARTS: dict[str, tuple[str, ...]] = {
    "objective": ("key", "title", "pillar", "period", "owner", "sponsor", "weight", "critical", "kind"),
    "key_result": (
        "key", "title", "objective", "owner", "rank", "weight", "critical", "baseline", "target", "unit", "direction", "curve",
        "current_value",
    ),
    "workstream": ("key", "name", "owner", "sponsor", "start_on", "end_on", "supports", "depends_on", "items", "weight"),
    "milestone": ("title", "workstream", "due_on", "lifecycle", "resolution", "weight"),
}  # fmt: skip
"""By role of a binding whose records are parts of the plan: what its fields may tell of them."""
NEEDED: dict[str, tuple[str, ...]] = {
    "objective": ("pillar", "period"),
    "key_result": ("objective",),
    "milestone": ("workstream",),
}
"""Without these no record of such a binding can become anything."""


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{value}' is no time zone: write one such as Europe/Berlin or America/New_York") from None
    return value


Zone = Annotated[str, AfterValidator(_zone)]


class WeekClose(Strict):
    day: Day = "friday"
    time: dt.time = dt.time(17, 0)


class Holidays(Strict):
    country: str | None = None
    """ISO code such as DE or US."""
    days: list[date] = []


class Thresholds(Strict):
    """When the service speaks up; each is a default of domain.md that an organisation may change."""

    confirm_deletion_after_hours: float = Field(24, ge=0)
    mass_missing_share: float = Field(0.2, gt=0, le=1)
    mass_missing_count: int = Field(50, ge=1)
    mass_missing_at_least: int = Field(5, ge=1)
    census_every_hours: float = Field(24, gt=0)


SignalThresholds = dict[str, dict[str, float]]
"""By signal: its thresholds that differ from the product's own (docs/signals.md)."""


class Access(Strict):
    """What every access key is held to."""

    requests_per_minute: int = Field(600, ge=1)


class Organisation(Strict):
    """organisation.yaml"""

    name: str = Field(min_length=1)
    timezone: Zone
    fiscal_year_start: MonthDay = "01-01"
    week_close: WeekClose = WeekClose()
    holidays: Holidays = Holidays()
    thresholds: Thresholds = Thresholds()
    signals: SignalThresholds = {}
    access: Access = Access()
    sign_in: SignIn | None = None
    digest: Digest | None = None


class Absence(Strict):
    from_: date = Field(alias="from")
    to: date
    reason: str = ""


class PersonEntry(Strict):
    """One person, team or service account of people.yaml"""

    key: Key
    name: str = Field(min_length=1)
    kind: Literal["human", "team", "service"] = "human"
    emails: list[str] = []
    aliases: list[str] = []
    department: Key | None = None
    manager: Key | None = None
    active: bool = True
    roles: list[PersonRole] = []
    """What this person may do here, where the identity provider does not tell: access.md."""
    identities: dict[str, str] = {}
    """Source key to the user's id in that tracker."""
    absences: list[Absence] = []


class PeopleFile(Strict):
    """people.yaml"""

    people: list[PersonEntry]


class FieldEntry(Strict):
    """A field of the tracker: exactly one of id, name, schema."""

    id: str | None = None
    name: str | None = None
    schema_: str | None = Field(None, alias="schema")

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> FieldEntry:
        if sum(part is not None for part in (self.id, self.name, self.schema_)) == 0:
            raise ValueError("name the field by id, name or schema")
        return self


ScaleEntry = str | dict[str, Any]


def _policy(value: Any) -> Any:
    if value in ("unknown", "reject") or isinstance(value, dict):
        return value
    raise ValueError(f"'{value}' is no policy: write unknown, reject or {{fixed: a word of ours}}")


Policy = Annotated[
    Any,
    AfterValidator(_policy),
    Field(json_schema_extra={"anyOf": [{"enum": ["unknown", "reject"]}, {"type": "object"}]}),
]


class BindingEntry(Strict):
    """What is read from a source and what it means."""

    key: Key
    scope: dict[str, Any]
    role: Literal["objective", "key_result", "workstream", "milestone", "item"] = "item"
    fields: dict[str, FieldEntry] = {}
    row_key: list[str] = []
    scales: dict[str, ScaleEntry] = {}
    unmapped: Policy = "unknown"
    bau: bool = False
    confidential: bool = False
    """Whether only this department's keys see its rows; everybody sees how it stands."""

    @property
    def figures(self) -> bool:
        """Whether its records are no key results themselves, but values that those of plan.yaml are measured by."""
        return self.role == "key_result" and "objective" not in self.fields


class SourceEntry(Strict):
    """One connected tracker."""

    key: Key
    kind: str
    mapping_owner: str | None = None
    expected_cadence: Literal["weekly", "biweekly", "monthly"] | None = None
    settle_days: int = Field(2, ge=0, le=14)
    every: Seconds = 900
    connection: dict[str, Any]
    scales: dict[str, ScaleEntry] = {}
    bindings: list[BindingEntry] = []
    """Empty only until 'sightline discover' has told what there is."""


class DepartmentFile(Strict):
    """departments/<name>.yaml: its owner's file"""

    department: Key
    name: str = Field(min_length=1)
    head: str | None = None
    cadence: Literal["weekly", "biweekly", "monthly"] = "weekly"
    sources: list[SourceEntry] = []
    objectives: list[ObjectiveEntry] = []
    workstreams: list[WorkstreamEntry] = []
    signals: SignalThresholds = {}
