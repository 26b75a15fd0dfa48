"""What the endpoints of decisions and annotations take and answer."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ledger.decisions import MOST
from ledger.model import Annotation, AnnotationKind, DecisionKind, Health, OutcomeState
from ledger.text import storable
from signals.deciding import Followed, Loop
from sync.recording import Remark, Ruling

DAY = re.compile(r"\d{4}-\d\d-\d\d", re.A)
LONGEST_KEY = 1000


def _day(given: Any) -> Any:
    """Days are written out: a number of seconds or an instant names no day of the organisation's calendar."""
    if given is not None and not (isinstance(given, str) and DAY.fullmatch(given)):
        raise ValueError("a day is written like 2026-11-20")
    return given


def _kept(given: str) -> str:
    if storable(given) != given:
        raise ValueError("a NUL or half a character stands in it: no database keeps it")
    return given


Day = Annotated[date, BeforeValidator(_day)]
Key = Annotated[str, Field(min_length=1, max_length=LONGEST_KEY), AfterValidator(_kept)]
Said = Annotated[str, Field(max_length=MOST), AfterValidator(_kept)]


class RulingIn(BaseModel):
    """A decision: about an open exception (`signal`), or about a node of the plan (`subject`)."""

    model_config = ConfigDict(extra="forbid")
    kind: DecisionKind
    signal: Key | None = Field(None, description="The key of an open exception.")
    subject: Key | None = Field(None, description="The key of an objective, key result or workstream.")
    decided_by: Key | None = Field(
        None,
        description="Who decided, by people.yaml; given only where there are no access keys: a key says whose it is.",
    )
    decided_on: Day | None = Field(None, description="The day of the decision; today when left out.")
    act_owner: Key | None = Field(None, description="Who acts on it; with rebaseline, tradeoff and recovery always.")
    act_by: Day | None = Field(None, description="The working day by which it should have helped.")
    note: Said = ""
    supersedes: Key | None = Field(None, description="Id of the decision that this one corrects or takes the place of.")

    def ruling(self, person: str) -> Ruling:
        """The decision as this person gives it."""
        told = self.model_dump(exclude={"decided_by"})
        return Ruling(**{**told, "signal": self.signal or "", "subject": self.subject or ""}, decided_by=person)


class RemarkIn(BaseModel):
    """What a team says beside a signal, or beside a node of the plan."""

    model_config = ConfigDict(extra="forbid")
    kind: AnnotationKind = "reply"
    signal: Key | None = Field(None, description="The key of an open exception.")
    subject: Key | None = Field(None, description="The key of a node of the plan.")
    text: Annotated[Said, Field(min_length=1)]
    said_by: Key | None = Field(
        None,
        description="Who says it, by people.yaml; given only where there are no access keys: a key says whose it is.",
    )
    health: Literal["on_track", "at_risk", "off_track"] | None = Field(
        None, description="Of an override: how the team says it is. It stands beside the headline, never instead."
    )
    expires_on: Day | None = Field(None, description="The last day on which it counts; an override has one.")

    def remark(self, person: str) -> Remark:
        """The annotation as this person gives it."""
        health = Health(self.health) if self.health else None
        return Remark(
            kind=self.kind, signal=self.signal or "", subject=self.subject or "", text=self.text, said_by=person, health=health,
            expires_on=self.expires_on,
        )  # fmt: skip


class OutcomeOut(BaseModel):
    at: datetime
    state: OutcomeState
    evidence: str


class DecisionOut(BaseModel):
    """A decision and what became of it."""

    id: str
    kind: DecisionKind
    subject: str = Field(description="The node or tracker that it is about.")
    signal: str = Field(description="The key of the exception that it answers; empty where it is about the whole node.")
    decided_by: str
    decided_on: date
    act_owner: str | None
    act_by: date | None
    note: str
    origin: str = Field(description="File and line of a decision in plan.yaml; empty where it was recorded.")
    recorded_at: datetime | None
    supersedes: str | None
    superseded_by: str | None
    loop: Loop | None = Field(
        description="open until act_by, due until it was checked, then closed or reopened; null where nothing is awaited."
    )
    says: str = Field(description="The decision and what became of it, in a sentence.")
    outcomes: list[OutcomeOut]

    @classmethod
    def told(cls, d: Followed) -> Self:
        """A decision as it is answered."""
        return cls.model_validate(msgspec.to_builtins(d))


class AnnotationOut(BaseModel):
    """What a team says beside a signal or a node; it takes nothing away."""

    id: str
    kind: AnnotationKind
    subject: str
    signal: str
    health: Health | None
    text: str
    said_by: str
    expires_on: date | None
    recorded_at: datetime

    @classmethod
    def told(cls, a: Annotation) -> Self:
        """An annotation as it is answered."""
        return cls.model_validate(msgspec.to_builtins(a))
