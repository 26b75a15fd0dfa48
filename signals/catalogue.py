"""Every signal as one row: what it is called, what kind it is, its thresholds, and the situation whose decision right answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Severity = Literal["watch", "warn", "high"]
Outcome = Literal["clear", "open", "not_computable"]
Kind = Literal["date", "behaviour", "structure", "data", "hint"]
RANK = {"watch": 1, "warn": 2, "high": 3}


class Definition(msgspec.Struct, frozen=True):
    """One signal. A date signal opens at once; a behaviour signal after two daily evaluations in a row."""

    key: str
    kind: Kind
    title: str
    situation: str
    """Which row of the decision-rights table answers it."""
    asks: str
    """The decision that is needed, in words."""
    thresholds: dict[str, float] = {}
    version: str = "1"


class Evidence(msgspec.Struct, frozen=True):
    """What a signal stands on: a record, in words, with where it lies."""

    ref: str
    says: str
    url: str = ""
    names: tuple[str, ...] = ()
    """Ids of further records that `says` names."""


class Verdict(msgspec.Struct, frozen=True):
    """What one signal says of one node now. `because` is the sentence for people; `reason` why it cannot be computed."""

    signal: str
    subject: str
    outcome: Outcome
    severity: Severity | None = None
    because: str = ""
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    inputs: dict[str, float | int | str | None] = {}
    variant: str = ""
    """What tells two open signals of one kind on one node apart, such as the dependency meant."""

    @property
    def key(self) -> str:
        return f"{self.signal}:{self.subject}:{self.variant}"


MISSED, SLIPS, CONFLICT, INTAKE = (
    "missed_key_result",
    "shared_dependency_slips",
    "priority_conflict",
    "mid_cycle_initiative",
)
PLANNING, QUIET, DATA = "no_plan", "owner_quiet", "data_quality"
ROWS: tuple[Definition, ...] = (
    Definition("behind_pace", "date", "Behind pace", MISSED, "a recovery plan, or a re-plan with a rebaseline decision",
               {"watch_days": 1, "warn_days": 3, "high_days": 10, "high_gap": 1 / 3, "high_gap_milestones": 3}),
    Definition("metric_behind", "date", "Metric behind its plan", MISSED, "a recovery plan for the key result",
               {"warn": 0.15, "high": 0.33, "period_gone": 0.15, "readings": 2}),
    Definition("milestone_lost", "data", "Milestone leads nowhere", DATA, "the record that is meant"),
    Definition("scope_change", "structure", "Scope changed", CONFLICT, "confirm that the cancelled milestone is not needed"),
    Definition("no_plan", "structure", "No plan", PLANNING, "dated milestones from the owner"),
    Definition("plan_too_coarse", "structure", "Plan too coarse", PLANNING, "a milestone in between", {"days": 20}),
    Definition("slipping", "date", "Due dates slip", SLIPS, "whether the new date is accepted, by a rebaseline decision",
               {"watch_days": 5, "warn_moves": 2, "high_moves": 3, "high_days": 20}),
    Definition("owner_quiet", "behaviour", "Owner gone quiet", QUIET, "whether the owner still leads this, or who does",
               {"warn_days": 7, "high_days": 10, "warn_cadences": 1.5, "high_cadences": 2}),
    Definition("workstream_silent", "behaviour", "Workstream silent", QUIET, "whether this is still being worked on",
               {"warn_days": 7, "high_days": 10, "warn_cadences": 1.5, "high_cadences": 2}),
    Definition("record_quiet", "behaviour", "Record unchanged", QUIET, "whether this is still being worked on",
               {"warn_days": 7, "high_days": 10, "warn_cadences": 1.5, "high_cadences": 2}),
    Definition("activity_without_progress", "behaviour", "Activity without progress", MISSED,
               "what would move the next milestone", {"days": 15}),
    Definition("dependency_uncommitted", "structure", "Dependency without commitment", SLIPS,
               "what, by when and who, from the provider", {"weeks": 2}),
    Definition("dependency_date_conflict", "date", "Dependency comes too late", SLIPS,
               "which of the two dates moves", {"late_week": 10}),
    Definition("dependency_overdue", "date", "Dependency overdue", SLIPS, "a delivery date, or another way for those who wait",
               {"warn_days": 1, "high_days": 5, "milestone_days": 10}),
    Definition("dependency_stalled", "behaviour", "Dependency stalled", SLIPS, "whether the provider still delivers",
               {"quiet_days": 10, "needed_days": 20, "blocked_days": 5}),
    Definition("dependency_cycle", "structure", "Waiting in a circle", SLIPS, "which of them goes first"),
    Definition("dependency_broken_link", "data", "Dependency leads nowhere", DATA, "the record that is meant"),
    Definition("collision", "structure", "Two results lean on one workstream", CONFLICT,
               "which of them comes first when there is not enough for both"),
    Definition("overloaded_owner", "structure", "One owner, many workstreams", CONFLICT, "what the owner hands over",
               {"workstreams": 3}),
    Definition("overpromised_provider", "structure", "Many promises at once", CONFLICT, "which promise moves",
               {"commitments": 3, "weeks": 2}),
    Definition("orphaned", "structure", "Nobody owns it", CONFLICT, "one person who owns it", {"milestone_days": 20}),
    Definition("nominal_owner", "hint", "Owner in name", QUIET, "whether whoever does the work should own it",
               {"days": 20, "acts": 10, "share": 0.5}),
    Definition("stale_green", "behaviour", "Green, and long unsaid", QUIET, "a fresh word on how it is going"),
    Definition("delivered_not_moved", "behaviour", "Delivered, and nothing moved", MISSED,
               "whether the key result or the way to it was wrong",
               {"delivered": 0.8, "expected": 0.5, "target": 0.25, "period_left": 0.25}),
    Definition("mid_cycle_addition", "structure", "Added in mid-cycle", INTAKE, "approve, defer or reject", {"days": 10}),
    Definition("zombie_work", "behaviour", "Work on what was turned down", INTAKE, "stop it, or decide anew",
               {"acts": 3, "days": 10}),
    Definition("unmapped_kr", "structure", "Key result without work", PLANNING, "the workstreams that deliver it"),
    Definition("no_decomposition", "structure", "Objective without key results", PLANNING, "its key results", {"days": 10}),
    Definition("unlinked_work", "hint", "Work that serves no key result", CONFLICT, "whether it should be done", {"share": 0.3}),
    Definition("activity_kr", "hint", "A key result that names an activity", PLANNING, "the outcome that is meant"),
    Definition("escalation_avoided", "behaviour", "Blocked, and nobody asked", CONFLICT, "who decides what unblocks it",
               {"days": 5}),
    Definition("blocked_age", "hint", "Blocked", CONFLICT, "what unblocks it", {"days": 1}),
    Definition("source_stale", "data", "Tracker not read", DATA, "a credential, or patience", {"schedules": 2}),
    Definition("coverage_drop", "data", "Fewer records than before", DATA, "whether they are truly gone", {"share": 0.8}),
    Definition("truncated", "data", "Not all of it was shown", DATA, "a narrower report, or the object itself"),
    Definition("schema_drift", "data", "A column or option is gone", DATA, "the mapping owner's correction"),
    Definition("unmapped_value", "data", "Words without translation", DATA, "what they mean"),
    Definition("plan_unreadable", "data", "A part of the plan cannot be understood", DATA, "a correction in the record"),
    Definition("single_owner", "data", "Not one person", DATA, "one person with a name"),
)  # fmt: skip
CATALOGUE: Mapping[str, Definition] = {row.key: row for row in ROWS}


class Thresholds:
    """Thresholds in force: the product's own, an organisation's over them, a department's over those."""

    def __init__(
        self,
        organisation: Mapping[str, Mapping[str, float]] | None = None,
        departments: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
    ) -> None:
        self._organisation, self._departments = organisation or {}, departments or {}

    def of(self, signal: str, department: str | None = None) -> Mapping[str, float]:
        """One signal's thresholds for a department."""
        mine = self._departments.get(department or "", {}).get(signal, {})
        return {**CATALOGUE[signal].thresholds, **self._organisation.get(signal, {}), **mine}


def clear(signal: str, subject: str, **inputs: float | int | str | None) -> Verdict:
    """The signal was computed and says nothing."""
    return Verdict(signal, subject, "clear", inputs=inputs)


def unable(signal: str, subject: str, reason: str) -> Verdict:
    """The signal cannot be computed."""
    return Verdict(signal, subject, "not_computable", reason=reason)
