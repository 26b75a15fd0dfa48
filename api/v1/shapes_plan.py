"""What the plan's endpoints take and answer."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.planning import Reasons
from api.v1.shapes_decisions import AnnotationOut, DecisionOut
from ledger.model import Health, Lifecycle
from signals.nodes import NodeStatus

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s*(Z|[+-]\d\d(:?\d\d)?)?", re.I | re.A)


def _written(given: Any) -> Any:
    """Instants are written out: a number of seconds, milliseconds or days since 1970 is as good as a guess."""
    if isinstance(given, str) and not INSTANT.fullmatch(given):
        raise ValueError(f"an instant is written like {EXAMPLE} (with + as %2B in an address)")
    return given


EXAMPLE = "2026-11-20T17:00:00+01:00"
Instant = Annotated[datetime, BeforeValidator(_written)]


class AsOf(BaseModel):
    """Which instant, and on what was known when. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")
    as_of: Instant | None = Field(None, description="An instant with its offset; now when left out.")
    basis: Literal["happened", "known"] = Field(
        "happened",
        description="happened: as known now, under the mapping of now; known: as it was known then, under the mapping of then.",
    )


class Standing(AsOf):
    period: str | None = Field(None, description="A period's key: as of its end, or of now while it runs.")
    mapping: Literal["then", "now"] | None = Field(
        None,
        description="Under the mapping of then or of now; left out: of then for what was known, of now for what happened.",
    )


class Since(Standing):
    since: Instant = Field(description="The earlier instant, with its offset.")


class AnswerOut(BaseModel):
    answer: Literal["yes", "no", "unanswered"]
    because: str


class AccountabilityOut(BaseModel):
    """One owner, an authority record, the top two dependencies committed."""

    owner: AnswerOut
    authority: AnswerOut
    dependencies: AnswerOut
    result: Literal["pass", "fail", "unanswered"]
    caps: bool = Field(description="Whether it keeps the headline from being on track.")


class NodeStatusOut(BaseModel):
    """One node: what was said, what shows, the headline, and everything that stands beside it."""

    key: str
    kind: str
    name: str
    owner: str | None
    lifecycle: Lifecycle
    status: str = Field(description="One word: done, cancelled, paused or not_started by lifecycle, else the headline.")
    reported: Health
    derived: Health
    headline: Health
    because: str
    root: str = Field("", description="The sentence of the worst workstream or metric below, however deep.")
    tag: str = Field("", description="derived_only, reported_only (unverified), or empty.")
    assumed: bool = Field(
        False, description="What is reported stands on a word that counts as on track by declaration."
    )
    ceiling: Health | None = Field(
        None, description="The worst that the team's words can say, where that is not off track: it cannot say red."
    )
    coverage: float | None = None
    unknown_share: float | None = None
    distribution: dict[str, int] = {}
    worst: list[str] = []
    progress: float | None = Field(None, description="0-1.")
    progress_kind: Literal["outcome", "milestone", "item_count", "none"] = "none"
    outcome_health: Health | None = Field(None, description="Of a key result: its metric.")
    execution_health: Health | None = Field(None, description="Of a key result: its workstreams.")
    score: float | None = Field(None, description="Of a key result: how far its metric has come, 0-1.")
    outcome: Literal["achieved", "partial", "missed", "dropped", "unknown"] | None = Field(
        None, description="Of what is closed."
    )
    accountability: AccountabilityOut | None = None
    watermelon: bool = False
    candid: bool = False
    items: int = 0
    sources: list[str] = []
    data_age_seconds: float | None = None
    cancelled: bool = False
    formula: str = ""

    @classmethod
    def told(cls, node: NodeStatus) -> Self:
        """A node as it is answered."""
        return cls.model_validate({**msgspec.to_builtins(node), "status": node.status})


class EvidenceOut(BaseModel):
    ref: str
    says: str
    url: str


class NeedsDecisionOut(BaseModel):
    """One open signal: the sentence, who owns the result, what decision is needed, and from whom."""

    signal: str
    title: str
    severity: Literal["watch", "warn", "high"]
    subject: str
    node: str
    because: str
    result_owner: str | None
    decision_owner: str | None
    decision_needed: str
    sla_days: int | None
    evidence: list[EvidenceOut]
    affects: list[str]
    key: str = Field("", description="What makes it the same signal tomorrow.")
    opened_at: datetime | None = Field(
        None, description="Since when it was noted as open; null where nobody looked yet."
    )
    first_visible_at: datetime | None = None
    decision: DecisionOut | None = Field(
        None, description="What was decided about it; null where nothing is, or no more."
    )
    annotations: list[AnnotationOut] = Field([], description="What the team says beside it.")


class PortfolioOut(BaseModel):
    watermelons: int
    green_verified: int
    green_unverified: int
    candid: int
    reported_green: int
    reported: int = Field(description="Workstreams of whom anything is reported.")
    outcomes_behind: int
    outcomes: int = Field(description="Key results whose metric can be computed.")
    watermelon: bool = Field(
        description="At least 80 % reported on track, and at least half of the computable outcomes at risk or off track."
    )


class StandingOut(BaseModel):
    """A node, what it consists of, and what needs a decision below it."""

    as_of: datetime
    basis: str
    node: NodeStatusOut
    children: list[NodeStatusOut]
    exceptions: list[NeedsDecisionOut]
    exceptions_total: int
    portfolio: PortfolioOut
    formula: str


class SignalOut(BaseModel):
    """What one signal says of the node: clear, open or not computable, with its inputs."""

    signal: str
    subject: str
    outcome: Literal["clear", "open", "not_computable"]
    severity: Literal["watch", "warn", "high"] | None
    because: str
    reason: str
    evidence: list[EvidenceOut]
    inputs: dict[str, Any]
    variant: str


class ReasonsOut(BaseModel):
    as_of: datetime
    node: NodeStatusOut
    signals: list[SignalOut]
    children: list[NodeStatusOut]
    items: list[str]
    origin: str
    formula: str
    decisions: list[DecisionOut] = Field([], description="About the node or its signals, superseded ones too.")
    annotations: list[AnnotationOut] = Field([], description="What the team says beside it and its signals.")

    @classmethod
    def told(cls, found: Reasons) -> Self:
        """Reasons as they are answered."""
        children = [NodeStatusOut.told(n) for n in found.children]
        parts = msgspec.to_builtins(found)
        return cls.model_validate({**parts, "node": NodeStatusOut.told(found.node), "children": children})


class TraceOut(BaseModel):
    """A key result below 0.7: traced to the first workstream that warned, or a surprise."""

    key_result: str
    score: float | None
    verdict: Literal["traced", "surprise", "reached", "not_scored"]
    week: int | None = Field(description="Of the period, from 1.")
    on: date | None
    workstream: str | None
    signal: str | None
    because: str


class DependencyOut(BaseModel):
    """A commitment: what, by when, who; and the sentences that are open on it."""

    key: str
    consumer: str
    provider: str
    deliverable: str
    needed_by: date | None
    committed_by: date | None
    provider_person: str | None
    rank: int | None
    state: str
    provider_item: str | None
    open: list[str]


class NodeChangeOut(BaseModel):
    key: str
    kind: str
    name: str
    before: Health
    after: Health
    because: str


class ChangesOut(BaseModel):
    since: datetime
    until: datetime
    nodes: list[NodeChangeOut]
    opened: list[NeedsDecisionOut]
    cleared: list[NeedsDecisionOut]


class CheckInOut(BaseModel):
    """What one workstream said in one week, as it was published."""

    node: str
    week: str
    version: int
    reported_raw: str = Field(description="The words as said, the worst first.")
    reported: Health = Field(description="Unknown from two full cadences without a word on.")
    last_reported: Health
    confidence: float | None
    progress: float | None
    biggest_risk: str | None
    need_from_others: str | None
    freshness: Literal["fresh", "carried", "stale", "missing", "source_down"]
    cadences: int = Field(description="Full cadences of the team without a change.")
    said_at: datetime | None
    said_by: str | None
    url: str
    provisional: bool
    restated: bool = Field(description="An earlier version of this week said something else of it.")
    slower_than_weekly: bool


class DefinitionOut(BaseModel):
    key: str
    kind: str
    title: str
    situation: str
    asks: str
    thresholds: dict[str, float]
    version: str
