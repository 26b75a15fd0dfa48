"""What the lists of the plan take and answer: nodes, exceptions, signals, dependencies, check-ins, definitions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.v1.listing import FIELDS, SORT, Paged, PageOut, Row, Several, SomeOf, fields_of, sort_by
from api.v1.shapes_lists import Healths, Keys, Lifecycles
from api.v1.shapes_plan import (
    CheckInOut,
    DefinitionOut,
    DependencyOut,
    NeedsDecisionOut,
    NodeStatusOut,
    SignalOut,
    Standing,
)
from signals.catalogue import CATALOGUE
from signals.plan import State

Severities = Annotated[list[Literal["watch", "warn", "high"]], Several]
Signals = Annotated[list[str], SomeOf(tuple(CATALOGUE), "signal")]


class NodeRow(NodeStatusOut, Row):
    """One node of the plan and how it stands."""


class NodesOut(PageOut):
    basis: str
    items: list[NodeRow]


class NodesAsked(Paged, Standing):
    """Which nodes of a kind, as of when."""

    node: Keys = Field([], description="Keys of nodes.")
    headline: Healths = Field([])
    lifecycle: Lifecycles = Field([])
    owner: Keys = Field([], description="Keys of persons in people.yaml.")
    watermelon: bool | None = Field(None, description="Said to be on track, and shows otherwise.")
    fields: Annotated[list[str], fields_of(NodeRow)] = FIELDS
    sort: Annotated[list[str], sort_by("key", "name", "owner", "headline", "coverage", "progress", "items")] = SORT


class ExceptionRow(NeedsDecisionOut, Row):
    """One open signal that needs a decision."""


class ExceptionsOut(PageOut):
    items: list[ExceptionRow] = Field(description="The most urgent first.")


class ExceptionsAsked(Paged, Standing):
    """Which of what needs a decision, as of when."""

    signal: Signals = Field([])
    severity: Severities = Field([])
    subject: Keys = Field([], description="Keys of nodes or sources.")
    fields: Annotated[list[str], fields_of(ExceptionRow)] = FIELDS
    sort: Annotated[list[str], sort_by("signal", "subject", "severity", "opened_at", "decision_owner")] = SORT


class SignalRow(SignalOut, Row):
    """What one signal says of one node or tracker."""

    key: str = Field(description="What makes it the same signal tomorrow.")
    title: str
    opened_at: datetime | None = Field(description="Of what needs a decision: since when it was noted as open.")


class SignalsOut(PageOut):
    items: list[SignalRow]


class SignalsAsked(Paged, Standing):
    """Which verdicts, as of when."""

    node: Keys = Field([], description="Keys of nodes or sources.")
    signal: Signals = Field([])
    severity: Severities = Field([])
    outcome: Annotated[list[Literal["clear", "open", "not_computable"]], Several] = Field([])
    fields: Annotated[list[str], fields_of(SignalRow)] = FIELDS
    sort: Annotated[list[str], sort_by("key", "signal", "subject", "outcome", "severity", "opened_at")] = SORT


class DependencyRow(DependencyOut, Row):
    """A commitment between workstreams."""


class DependenciesOut(PageOut):
    items: list[DependencyRow]


class DependenciesAsked(Paged, Standing):
    """Which commitments, as of when."""

    consumer: Keys = Field([], description="Keys of workstreams.")
    provider: Keys = Field([], description="Keys of workstreams, or external.")
    state: Annotated[list[State], Several] = Field([])
    fields: Annotated[list[str], fields_of(DependencyRow)] = FIELDS
    sort: Annotated[list[str], sort_by("key", "consumer", "provider", "needed_by", "committed_by", "state")] = SORT


class CheckInRow(CheckInOut, Row):
    """What one workstream said in one week."""


class CheckInsOut(PageOut):
    items: list[CheckInRow]


class CheckInsAsked(Paged):
    """Which check-ins; all when left out."""

    week: Keys = Field([], description="Weeks such as 2026-W47.")
    node: Keys = Field([], description="Keys of workstreams.")
    reported: Healths = Field([])
    freshness: Annotated[list[Literal["fresh", "carried", "stale", "missing", "source_down"]], Several] = Field([])
    fields: Annotated[list[str], fields_of(CheckInRow)] = FIELDS
    sort: Annotated[list[str], sort_by("week", "node", "reported", "freshness", "cadences", "said_at")] = SORT


class DefinitionRow(DefinitionOut, Row):
    """A signal, its rule in words, and its thresholds."""


class DefinitionsOut(PageOut):
    items: list[DefinitionRow]


class DefinitionsAsked(Paged):
    signal: Signals = Field([])
    kind: Annotated[list[Literal["date", "behaviour", "structure", "data", "hint"]], Several] = Field([])
    fields: Annotated[list[str], fields_of(DefinitionRow)] = FIELDS
    sort: Annotated[list[str], sort_by("key", "kind", "title")] = SORT
