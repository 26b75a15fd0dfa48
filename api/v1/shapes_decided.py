"""What the lists of decisions and annotations take and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.v1.listing import FIELDS, SORT, Paged, PageOut, Row, Several, fields_of, sort_by
from api.v1.shapes_decisions import AnnotationOut, DecisionOut
from api.v1.shapes_lists import Keys
from api.v1.shapes_plan import AsOf
from ledger.model import AnnotationKind, DecisionKind
from signals.deciding import Loop

ABOUT: Keys = Field([], description="Keys of nodes of the plan, or of trackers.")


class DecisionRow(DecisionOut, Row):
    """A decision and what became of it."""


class DecisionsOut(PageOut):
    items: list[DecisionRow]


class DecisionsAsked(Paged, AsOf):
    """Which decisions, as of when."""

    subject: Keys = ABOUT
    kind: Annotated[list[DecisionKind], Several] = Field([])
    loop: Annotated[list[Loop], Several] = Field([])
    act_owner: Keys = Field([], description="Whose turn it is, by people.yaml.")
    fields: Annotated[list[str], fields_of(DecisionRow)] = FIELDS
    sort: Annotated[
        list[str], sort_by("id", "subject", "kind", "decided_by", "decided_on", "act_owner", "act_by", "loop")
    ] = SORT


class AnnotationRow(AnnotationOut, Row):
    """What a team says beside a signal or a node."""


class AnnotationsOut(PageOut):
    items: list[AnnotationRow]


class AnnotationsAsked(Paged, AsOf):
    """Which annotations, as of when."""

    subject: Keys = ABOUT
    kind: Annotated[list[AnnotationKind], Several] = Field([])
    expired: Literal["include", "leave_out"] = Field("leave_out", description="Whether those count that have expired.")
    fields: Annotated[list[str], fields_of(AnnotationRow)] = FIELDS
    sort: Annotated[list[str], sort_by("id", "subject", "kind", "said_by", "expires_on", "recorded_at")] = SORT
