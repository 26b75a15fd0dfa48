"""The HTTP API of decisions and annotations: what people decided and replied, and recording it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from api.deps import (
    NO_SUCH_DECISION,
    NOT_RECORDED,
    WRONG_INSTANT,
    AlreadyRecorded,
    CannotRecord,
    ConfigurationDep,
    LedgerDep,
    NoDecisionRight,
    NoSuchDecision,
)
from api.door.access import ANYBODY, Reader
from api.planning import spoken
from api.v1.bodies import LONGEST
from api.v1.instants import instant
from api.v1.listing import Ranked, answer_at_hand, matching, row_as
from api.v1.question import Question
from api.v1.shapes_decided import (
    AnnotationRow,
    AnnotationsAsked,
    AnnotationsOut,
    DecisionRow,
    DecisionsAsked,
    DecisionsOut,
)
from api.v1.shapes_decisions import AnnotationOut, DecisionOut, RemarkIn, RulingIn
from api.v1.shapes_plan import AsOf
from ledger.decisions import NotRecorded
from ledger.read import Reads
from signals.deciding import Spoken
from sync.configuration import Configuration
from sync.recording import NoRight, NotRecordable, annotate, decide

decisions = APIRouter(prefix="/v1", tags=["decisions"], route_class=Question)
deciding = APIRouter(prefix="/v1", tags=["decisions"], max_body_size=LONGEST)
Once = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=200, description="The same request of the same name is recorded once."),
]


@decisions.get(
    "/decisions",
    summary="What was decided, and what became of it",
    response_model=DecisionsOut,
    responses=WRONG_INSTANT,
)
def list_decisions(
    asked: Annotated[DecisionsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Decisions in the order of their ids, those of plan.yaml last; superseded ones too, as of now or of any instant."""
    rows: list[Ranked] = [((d.id,), row_as(DecisionRow, d)) for d in _spoken(asked, ledger, configuration).decisions]
    found = matching(rows, asked, "subject", "kind", "loop", "act_owner")
    return answer_at_hand("decisions", found, asked, as_of=asked.as_of or ledger.clock())


@decisions.get("/decisions/{decision_id}", summary="One decision", responses=NO_SUCH_DECISION)
def get_decision(decision_id: str, ledger: LedgerDep, configuration: ConfigurationDep) -> DecisionOut:
    """One decision, with what it supersedes, what supersedes it, and whether it helped."""
    told = spoken(ledger, configuration, ledger.clock())
    found = next((d for d in told.decisions if d.id == decision_id), None)
    if found is None:
        raise NoSuchDecision(f"there is no decision '{decision_id}'")
    return DecisionOut.told(found)


@decisions.get(
    "/annotations", summary="What teams say beside signals", response_model=AnnotationsOut, responses=WRONG_INSTANT
)
def list_annotations(
    asked: Annotated[AnnotationsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Replies and overrides in the order of their ids, as of now or of any instant."""
    told = _spoken(asked, ledger, configuration)
    rows: list[Ranked] = [
        ((a.id,), row_as(AnnotationRow, a)) for a in told.annotations if asked.expired == "include" or told.counts(a)
    ]
    found = matching(rows, asked, "subject", "kind")
    return answer_at_hand("annotations", found, asked, as_of=asked.as_of or ledger.clock())


@deciding.post("/decisions", status_code=201, summary="Record a decision", responses=NOT_RECORDED)
def post_decision(
    given: RulingIn,
    request: Request,
    response: Response,
    ledger: LedgerDep,
    configuration: ConfigurationDep,
    once: Once = None,
) -> DecisionOut:
    """Records what was decided about an open exception or a node; needs the scope `decide` and the right to decide it."""
    reader: Reader = request.state.reader
    with refusing():
        ruling = given.ruling(speaker(reader, given.decided_by, "decided_by"))
        made = decide(ledger.whole, configuration, ruling, by=reader.who, once=request_name(ruling.decided_by, once))
    response.headers["Location"] = f"/v1/decisions/{made.id}"
    return get_decision(made.id, ledger, configuration)


@deciding.post("/annotations", status_code=201, summary="Reply beside a signal", responses=NOT_RECORDED)
def post_annotation(
    given: RemarkIn, request: Request, ledger: LedgerDep, configuration: ConfigurationDep, once: Once = None
) -> AnnotationOut:
    """Records a team's reply or override; needs the scope `decide`, and is for the node's department and owner."""
    reader: Reader = request.state.reader
    with refusing():
        remark = given.remark(speaker(reader, given.said_by, "said_by"))
        made = annotate(ledger.whole, configuration, remark, by=reader.who, once=request_name(remark.said_by, once))
    told = spoken(ledger, configuration, ledger.clock())
    return AnnotationOut.told(next(a for a in told.annotations if a.id == made.id))


def _spoken(asked: AsOf, ledger: Reads, configuration: Configuration) -> Spoken:
    return spoken(ledger, configuration, instant(asked.as_of, ledger) or ledger.clock(), asked.basis)


def speaker(reader: Reader, given: str | None, part: str) -> str:
    """Who says it: whoever the key is, and before there are keys whom the request names.

    Raises:
        NoRight, NotRecordable
    """
    if reader is ANYBODY and given is None:
        raise NotRecordable(f"{part} is missing: without access keys the request says who it is, by people.yaml")
    if not reader.person and reader is not ANYBODY:
        raise NoRight(
            f"{reader.who} is nobody's key: 'sightline keys create NAME --person KEY --scope decide' makes one"
        )
    if reader.person and given not in (None, reader.person):
        raise NoRight(f"{part}: {reader.who} is the key of {reader.person}, and speaks for nobody else")
    return reader.person or given or ""


def request_name(person: str, once: str | None) -> str | None:
    """The name of a request, which is its sender's own."""
    return f"{person} {once}" if once else None


@contextmanager
def refusing() -> Iterator[None]:
    try:
        yield
    except NoRight as error:
        raise NoDecisionRight(str(error)) from error
    except NotRecordable as error:
        raise CannotRecord(str(error)) from error
    except NotRecorded as error:
        raise AlreadyRecorded(str(error)) from error
