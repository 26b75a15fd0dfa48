"""What the packs' endpoints take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from api.v1.listing import FIELDS, SORT, Paged, PageOut, Row, Several, fields_of, sort_by
from api.v1.shapes_plan import CheckInOut, EvidenceOut, NeedsDecisionOut, NodeStatusOut, TraceOut
from ledger.model import Health
from sync.closing import Pack
from sync.longer import MonthPack
from sync.packs import AnyPack


class OneVersion(BaseModel):
    """Which version of a pack. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")
    version: int | None = Field(None, ge=1, le=2**31, description="The last one when left out.")


class OnePack(BaseModel):
    """Which pack. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")
    pack: str | None = Field(
        None, description="A week such as 2026-W47, or a period's key; the last week when left out."
    )


class ListedOut(BaseModel):
    """Something published, by name."""

    name: str
    kind: Literal["week", "month", "period"]
    closes_at: datetime
    settles_at: datetime = Field(description="Until then another version may tell what was known better.")
    provisional: bool
    restated: list[str] = Field(description="What an earlier version said something else of.")
    version: int
    published_at: datetime


class PackRow(ListedOut, Row):
    """Something published, by name."""


class PacksOut(PageOut):
    items: list[PackRow] = Field(description="What closed last first.")


class PacksAsked(Paged):
    """Which of what is published; all when left out."""

    kind: Annotated[list[Literal["week", "month", "period"]], Several] = Field([])
    fields: Annotated[list[str], fields_of(PackRow)] = FIELDS
    sort: Annotated[list[str], sort_by("name", "kind", "closes_at", "published_at")] = SORT


# -- diagnosis and calibration ---------------------------------------------------------------------------------------------


class SignOut(BaseModel):
    key: str
    present: Literal["yes", "no", "unknown"]
    because: str
    evidence: list[EvidenceOut]


class DiagnosisOut(BaseModel):
    """The four signs, and the sentence: two or more present are a diagnosis."""

    on: date
    period: str | None
    signs: list[SignOut]
    says: str


class DiagnosedOut(BaseModel):
    """The diagnosis as it was published."""

    pack: str
    version: int
    provisional: bool
    diagnosis: DiagnosisOut


class KeptOut(BaseModel):
    said: int
    reached: int = Field(description="How often what it was said of was reached in the end.")


class CalibrationOut(BaseModel):
    """One department: weeks of its workstreams, once for each key result that was scored. Counts."""

    department: str
    on_track: KeptOut
    at_risk: KeptOut
    off_track: KeptOut
    unknown: int
    says: str


class CalibratedOut(BaseModel):
    periods: list[str]
    departments: list[CalibrationOut]


# -- the week --------------------------------------------------------------------------------------------------------------


class MovedOut(BaseModel):
    """A key result whose metric moved between two closes."""

    node: str
    name: str
    before: float | None
    after: float | None
    health_before: Health
    health_after: Health
    says: str


class StoppedOut(BaseModel):
    node: str
    name: str
    how: Literal["decided", "cancelled"]
    says: str


class WeeklyOut(BaseModel):
    """What changed, what is blocked, what to de-risk now, what we stop: at most seven of each, with how many there are."""

    since: datetime
    changed: list[MovedOut]
    changed_total: int
    measured: int
    key_results: int
    blocked: list[NeedsDecisionOut]
    derisk: list[NeedsDecisionOut]
    needs_total: int
    stopped: list[StoppedOut]
    stopped_total: int
    to_stop: list[NeedsDecisionOut]
    to_stop_total: int


# -- the month -------------------------------------------------------------------------------------------------------------


class PointOut(BaseModel):
    week: str
    headline: Health
    reported: Health
    coverage: float | None
    score: float | None


class TrendOut(BaseModel):
    node: str
    kind: str
    name: str
    points: list[PointOut]
    drift: Literal["better", "worse", "same", "unknown"]
    says: str


class LoadOut(BaseModel):
    """What a department carries, and what it has to carry it with."""

    department: str
    workstreams: int
    owners: int
    unowned: int
    open: int
    came: int
    done: int
    undated: int = Field(description="Came or finished, and nobody knows when.")
    blocked: int
    promised: int
    working_days: int
    of_days: int
    says: str


class PairOut(BaseModel):
    """Hand-offs from one department to another."""

    consumer: str
    provider: str
    handoffs: int
    kept: int
    late: int
    overdue: int
    coming: int
    undated: int
    longest_delay: int = Field(description="Working days.")


class DecidedOut(BaseModel):
    kind: str
    subject: str
    name: str
    decided_on: date
    act_by: date | None
    says: str


class WeekRead(BaseModel):
    week: str
    version: int


class MonthlyOut(BaseModel):
    """Trends, load and capacity, hand-offs by pair of departments, and where to move people."""

    first_on: date
    last_on: date
    weeks: list[WeekRead] = Field(description="The publications that the trends stand on.")
    missing: list[str]
    trends: list[TrendOut]
    load: list[LoadOut]
    pairs: list[PairOut]
    decisions: list[DecidedOut]
    reallocate: list[NeedsDecisionOut]
    reallocate_total: int


# -- the quarter -----------------------------------------------------------------------------------------------------------


class ScoreOut(BaseModel):
    """A key result's score beside what its metric and its work show."""

    node: str
    name: str
    objective: str
    score: float | None
    verdict: Literal["reached", "traced", "surprise", "not_scored", "dropped"]
    headline: Health
    reported: Health
    derived: Health
    coverage: float | None
    evidence: list[EvidenceOut]
    says: str


class AverageOut(BaseModel):
    node: str
    name: str
    score: float | None
    scored: int
    key_results: int


class TracedBackOut(BaseModel):
    """A missed key result, and the first warning that there was."""

    trace: TraceOut
    warning: NeedsDecisionOut | None
    first_seen_week: int | None


class LatencyOut(BaseModel):
    """How long bad news took from the evidence to the team's own word."""

    node: str
    name: str
    department: str
    evidence_week: int | None
    said_week: int | None
    weeks: int | None
    says: str


class QuestionOut(BaseModel):
    key: str
    asks: str
    says: str


class QuarterlyOut(BaseModel):
    """Scores against evidence, what was missed and when it was seen, how long bad news took, what to drop."""

    period: str
    start_on: date
    end_on: date
    scores: list[ScoreOut]
    objectives: list[AverageOut]
    traces: list[TracedBackOut]
    late: int
    misses: int
    late_says: str
    latency: list[LatencyOut]
    latency_says: str
    infrastructure: list[QuestionOut]
    calibration: list[CalibrationOut]
    dropped: list[StoppedOut]
    to_drop: list[NeedsDecisionOut]


# -- packs -----------------------------------------------------------------------------------------------------------------


class PackOut(BaseModel):
    name: str
    version: int
    closes_at: datetime
    settles_at: datetime
    provisional: bool
    restated: list[str]


class RhythmOut(BaseModel):
    """Fresh check-ins, of how many that could have been."""

    fresh: int
    due: int


class WeekPackOut(PackOut):
    """A published week: its page, its diagnosis, every node and every check-in."""

    kind: Literal["week"]
    page: WeeklyOut | None = Field(description="Null in weeks that were published before there were pages.")
    diagnosis: DiagnosisOut | None
    nodes: list[NodeStatusOut]
    check_ins: list[CheckInOut]
    adherence: dict[str, RhythmOut] = Field(description="By department, over the last six weeks.")


class MonthPackOut(PackOut):
    """A published month."""

    kind: Literal["month"]
    page: MonthlyOut


class PeriodPackOut(PackOut):
    """A published period of the plan."""

    kind: Literal["period"]
    page: QuarterlyOut
    diagnosis: DiagnosisOut


AnyPackOut = WeekPackOut | MonthPackOut | PeriodPackOut


def pack_out(pack: AnyPack) -> AnyPackOut:
    """A pack as it is answered."""
    parts: dict[str, Any] = {**msgspec.to_builtins(pack), "name": pack.name}
    if isinstance(pack, Pack):
        nodes = [NodeStatusOut.told(n) for n in pack.nodes]
        checked = [{**c, "version": pack.version, "restated": c["node"] in pack.restated} for c in parts["check_ins"]]
        kept = {d: RhythmOut(fresh=fresh, due=due) for d, (fresh, due) in pack.adherence.items()}
        told = {"kind": "week", "nodes": nodes, "check_ins": checked, "adherence": kept}
        return WeekPackOut.model_validate({**parts, **told})
    if isinstance(pack, MonthPack):
        weeks = [{"week": week, "version": version} for week, version in pack.page.weeks]
        return MonthPackOut.model_validate({**parts, "kind": "month", "page": {**parts["page"], "weeks": weeks}})
    return PeriodPackOut.model_validate({**parts, "kind": "period"})
