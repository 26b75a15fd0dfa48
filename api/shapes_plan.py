"""What the plan's endpoints take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.model import Health


class AsOf(BaseModel):
    """Which instant, and on what was known when. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")
    as_of: datetime | None = Field(None, description="An instant with its offset; now when left out.")
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


class Since(AsOf):
    since: datetime = Field(description="The earlier instant, with its offset.")


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
    reported: Health
    derived: Health
    headline: Health
    because: str
    root: str = Field("", description="The sentence of the worst workstream or metric below, however deep.")
    tag: str = Field("", description="derived_only, reported_only (unverified), or empty.")
    coverage: float | None = None
    unknown_share: float | None = None
    distribution: dict[str, int] = {}
    worst: list[str] = []
    outcome: Health | None = None
    execution: Health | None = None
    accountability: AccountabilityOut | None = None
    watermelon: bool = False
    candid: bool = False
    items: int = 0
    data_age_seconds: float | None = None
    cancelled: bool = False
    formula: str = ""


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


class NodesOut(BaseModel):
    as_of: datetime
    basis: str
    items: list[NodeStatusOut]


class PortfolioOut(BaseModel):
    watermelons: int
    green_verified: int
    green_unverified: int
    candid: int


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


class ExceptionsOut(BaseModel):
    as_of: datetime
    items: list[NeedsDecisionOut]


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


class DependenciesOut(BaseModel):
    items: list[DependencyOut]


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


class DefinitionOut(BaseModel):
    key: str
    kind: str
    title: str
    situation: str
    asks: str
    thresholds: dict[str, float]
    version: str


class DefinitionsOut(BaseModel):
    items: list[DefinitionOut]
