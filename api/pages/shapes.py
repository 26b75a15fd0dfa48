"""What each page tells, as its `.json` answers it: the objects of /v1, with what a page shows beside them."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, Field

from api.v1.shapes import DepartmentEntryOut, DepartmentMappingOut, DepartmentOut, ExplanationOut, SourceOut
from api.v1.shapes_decisions import AnnotationOut, DecisionOut
from api.v1.shapes_plan import DependencyOut, NeedsDecisionOut, NodeChangeOut, NodeStatusOut, PortfolioOut, SignalOut
from ledger.model import Health


class WeekOut(BaseModel):
    """How a node stood when a week closed."""

    week: str
    closed_on: date
    headline: Health
    reported: Health
    derived: Health
    published: bool = Field(description="As published then; else told now, from the trackers' histories.")
    restated: bool = Field(description="An earlier version of the week said something else of it.")


class LineOut(NodeStatusOut):
    """A node with its owner's name, its page, and its weeks."""

    owner_name: str | None = None
    address: str = ""
    weeks: list[WeekOut] = Field(default_factory=list)


class ExceptionOut(NeedsDecisionOut):
    """What needs a decision, with whose department it is and by when it is to be decided."""

    department: str | None = None
    address: str = Field("", description="The page of what it is about.")
    decide_by: date | None = Field(
        None, description="Since it was noted as open, the working days of its decision right."
    )
    late: bool = Field(False, description="`decide_by` has passed.")
    this_cycle: bool = Field(False, description="`decide_by` comes before the running week closes.")


class ClearedOut(BaseModel):
    """What needed a decision at a close, and does not any more."""

    signal: str
    title: str
    subject: str
    name: str
    address: str


class MovedOut(NodeChangeOut):
    address: str = ""


class SinceOut(BaseModel):
    """What is different since a close."""

    week: str
    closed_at: datetime
    published: bool
    nodes: list[MovedOut]
    opened: list[ExceptionOut]
    cleared: list[ClearedOut]


class HomeOut(BaseModel):
    """The answer: how the company stands, what needs a decision, and what changed."""

    organisation: str
    as_of: datetime
    company: LineOut | None
    pillars: list[LineOut]
    portfolio: PortfolioOut | None
    exceptions: list[ExceptionOut]
    exceptions_total: int
    since: SinceOut | None
    departments: list[DepartmentOut] = Field(description="What their trackers say now; empty as of another day.")
    notes: list[str] = []


class ExceptionsPageOut(BaseModel):
    """What needs a decision, of those that were asked for."""

    as_of: datetime
    items: list[ExceptionOut]
    total: int
    page: int
    pages: int
    filters: dict[str, str]
    choices: dict[str, dict[str, str]] = Field(description="By filter: value to the words for it.")


class StepOut(BaseModel):
    """A milestone against its baseline; late_days are working days."""

    title: str
    url: str
    item: str
    baseline_on: date | None
    due_on: date | None
    done_on: date | None
    late_days: int
    state: str


class PaceOut(BaseModel):
    on: date
    planned: float
    done: float | None


class RecordOut(BaseModel):
    id: str
    key: str
    title: str
    url: str
    status: str
    due_on: date | None


class WorkOut(BaseModel):
    """What a workstream consists of."""

    steps: list[StepOut]
    pace: list[PaceOut]
    records: list[RecordOut]
    hidden: int


class PromiseOut(DependencyOut):
    """A commitment with the names of both sides and of their departments."""

    consumer_name: str
    consumer_department: str
    provider_name: str
    provider_department: str
    person: str | None = Field(description="Who promised, by name.")


class PlaceOut(BaseModel):
    """A node above, or whatever else a page leads to."""

    kind: str
    name: str
    address: str


class MeasureOut(BaseModel):
    """A key result's metric, and how it went beside its plan curve."""

    baseline: float
    target: float
    unit: str
    direction: str
    curve: str
    value: float | None
    read_on: date | None
    pace: list[PaceOut]


class NodePageOut(BaseModel):
    """Everything about one node of the plan."""

    as_of: datetime
    node: LineOut
    above: list[PlaceOut]
    department: str | None
    origin: str
    children: list[LineOut]
    portfolio: PortfolioOut
    exceptions: list[ExceptionOut]
    exceptions_total: int
    signals: list[SignalOut]
    needs: list[PromiseOut]
    awaited_by: list[PromiseOut]
    decisions: list[DecisionOut] = Field(description="About the node or its signals, superseded ones too.")
    annotations: list[AnnotationOut] = Field(description="What the team says beside the node as a whole.")
    work: WorkOut | None
    measure: MeasureOut | None


class AdherenceOut(BaseModel):
    """How a team kept its rhythm: fresh check-ins in six weeks, of how many there could have been."""

    week: str
    fresh: int
    due: int


class DepartmentPageOut(BaseModel):
    """How we read one department, and what is said about it."""

    as_of: datetime
    department: DepartmentEntryOut
    head_name: str | None
    owner_names: list[str]
    answer: DepartmentOut
    mapping: DepartmentMappingOut
    adherence: AdherenceOut | None
    sources: list[SourceOut]
    workstreams: list[LineOut]
    exceptions: list[ExceptionOut]


class DepartmentRowOut(DepartmentEntryOut):
    headline: Health
    because: str
    coverage: float | None
    data_age_seconds: float | None
    decisions: int = Field(description="Exceptions that need a decision about this team.")
    address: str


class DepartmentsPageOut(BaseModel):
    as_of: datetime
    items: list[DepartmentRowOut]


class PairOut(BaseModel):
    """One department waiting for another."""

    consumer: str
    provider: str
    promises: int
    open: int = Field(description="Of them, how many have something open on them.")


class DependenciesPageOut(BaseModel):
    as_of: datetime
    departments: list[str] = Field(description="Names of those that wait or are waited for.")
    pairs: list[PairOut]
    promises: list[PromiseOut]
    overdue: list[ExceptionOut]
    other: list[ExceptionOut]
    collisions: list[ExceptionOut]


class SourcesPageOut(BaseModel):
    as_of: datetime
    items: list[SourceOut]
    departments: dict[str, str] = Field(description="Source to the name of its department.")
    exceptions: list[ExceptionOut]


class MeaningOut(BaseModel):
    """A signal as it is judged here: its rule, the thresholds in force, and who is asked for what."""

    key: str
    kind: str
    title: str
    asks: str
    decides: str | None
    sla_days: int | None
    thresholds: dict[str, float]
    own: dict[str, dict[str, float]] = Field(description="By department: its own thresholds.")


class DefinitionsPageOut(BaseModel):
    as_of: datetime
    formula: str
    items: list[MeaningOut]


class ItemPageOut(BaseModel):
    """How one record was read."""

    as_of: datetime
    explanation: ExplanationOut


class SayPageOut(BaseModel):
    """Where a decision or a reply is given: what it is about, who may be named, and why the last one was refused."""

    as_of: datetime
    about: str = Field(description="The key of an open exception, or of a node of the plan.")
    name: str
    address: str
    item: ExceptionOut | None = Field(description="The open exception; null where it is about a node.")
    kinds: dict[str, str] = Field(description="Kinds of decisions, in words; those of this situation first.")
    people: dict[str, str]
    speaker: str = Field(description="Who speaks, by people.yaml; empty where the form asks.")
    refused: str
    given: dict[str, str] = Field(description="What was given when it was refused.")
    once: str
