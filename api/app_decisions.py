"""The HTTP API of decisions and annotations: what people decided and replied, and recording it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from api.access import ANYBODY, Reader
from api.bodies import LONGEST
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
from api.instants import instant
from api.planning import spoken
from api.shapes_decisions import (
    AnnotationOut,
    AnnotationsOut,
    DecisionOut,
    DecisionsOut,
    RemarkIn,
    RulingIn,
)
from api.shapes_plan import AsOf
from ledger.decisions import NotRecorded
from ledger.model import Annotation, AnnotationKind, DecisionKind
from ledger.read import Reads
from signals.deciding import Followed, Loop, Spoken
from sync.configuration import Configuration
from sync.recording import NoRight, NotRecordable, annotate, decide

decisions = APIRouter(prefix="/v1", tags=["decisions"])
deciding = APIRouter(prefix="/v1", tags=["decisions"], max_body_size=LONGEST)
K = TypeVar("K", Followed, Annotation)
Once = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=200, description="The same request of the same name is recorded once."),
]


class Page(AsOf):
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(100, ge=1, le=500)
    subject: str | None = Field(None, description="The key of a node of the plan, or of a tracker.")


class Decided(Page):
    kind: DecisionKind | None = None
    loop: Loop | None = None
    act_owner: str | None = Field(None, description="Whose turn it is, by people.yaml.")


class Replied(Page):
    kind: AnnotationKind | None = None
    expired: Literal["include", "leave_out"] = Field("leave_out", description="Whether those count that have expired.")


@decisions.get("/decisions", summary="What was decided, and what became of it", responses=WRONG_INSTANT)
def list_decisions(
    asked: Annotated[Decided, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> DecisionsOut:
    """Decisions in the order of their ids, those of plan.yaml last; superseded ones too, as of now or of any instant."""
    told = _spoken(asked, ledger, configuration)
    wanted = {"subject": asked.subject, "kind": asked.kind, "loop": asked.loop, "act_owner": asked.act_owner}
    rows, more = _page(told.decisions, wanted, asked)
    return DecisionsOut(
        items=[DecisionOut.told(d) for d in rows], next_cursor=more, as_of=asked.as_of or ledger.clock()
    )


@decisions.get("/decisions/{decision_id}", summary="One decision", responses=NO_SUCH_DECISION)
def get_decision(decision_id: str, ledger: LedgerDep, configuration: ConfigurationDep) -> DecisionOut:
    """One decision, with what it supersedes, what supersedes it, and whether it helped."""
    told = spoken(ledger, configuration, ledger.clock())
    found = next((d for d in told.decisions if d.id == decision_id), None)
    if found is None:
        raise NoSuchDecision(f"there is no decision '{decision_id}'")
    return DecisionOut.told(found)


@decisions.get("/annotations", summary="What teams say beside signals", responses=WRONG_INSTANT)
def list_annotations(
    asked: Annotated[Replied, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> AnnotationsOut:
    """Replies and overrides in the order of their ids, as of now or of any instant."""
    told = _spoken(asked, ledger, configuration)
    shown = [a for a in told.annotations if asked.expired == "include" or told.counts(a)]
    rows, more = _page(shown, {"subject": asked.subject, "kind": asked.kind}, asked)
    return AnnotationsOut(
        items=[AnnotationOut.told(a) for a in rows], next_cursor=more, as_of=asked.as_of or ledger.clock()
    )


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
    with _refusing():
        ruling = given.ruling(_person(reader, given.decided_by, "decided_by"))
        made = decide(ledger.whole, configuration, ruling, by=reader.who, once=_named(ruling.decided_by, once))
    response.headers["Location"] = f"/v1/decisions/{made.id}"
    return get_decision(made.id, ledger, configuration)


@deciding.post("/annotations", status_code=201, summary="Reply beside a signal", responses=NOT_RECORDED)
def post_annotation(
    given: RemarkIn, request: Request, ledger: LedgerDep, configuration: ConfigurationDep, once: Once = None
) -> AnnotationOut:
    """Records a team's reply or override; needs the scope `decide`, and is for the node's department and owner."""
    reader: Reader = request.state.reader
    with _refusing():
        remark = given.remark(_person(reader, given.said_by, "said_by"))
        made = annotate(ledger.whole, configuration, remark, by=reader.who, once=_named(remark.said_by, once))
    told = spoken(ledger, configuration, ledger.clock())
    return AnnotationOut.told(next(a for a in told.annotations if a.id == made.id))


def _spoken(asked: Page, ledger: Reads, configuration: Configuration) -> Spoken:
    return spoken(ledger, configuration, instant(asked.as_of, ledger) or ledger.clock(), asked.basis)


def _page(rows: Iterable[K], wanted: dict[str, Any], asked: Page) -> tuple[list[K], str | None]:
    """(the rows of the page that is asked for, the cursor of the next one)"""
    given = {part: value for part, value in wanted.items() if value is not None}
    found = sorted((r for r in rows if all(getattr(r, p) == v for p, v in given.items())), key=lambda r: r.id)
    rest = [r for r in found if r.id > (asked.cursor or "")]
    shown = rest[: asked.limit]
    return shown, shown[-1].id if len(rest) > asked.limit else None


def _person(reader: Reader, given: str | None, part: str) -> str:
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


def _named(person: str, once: str | None) -> str | None:
    """The name of a request, which is its sender's own."""
    return f"{person} {once}" if once else None


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except NoRight as error:
        raise NoDecisionRight(str(error)) from error
    except NotRecordable as error:
        raise CannotRecord(str(error)) from error
    except NotRecorded as error:
        raise AlreadyRecorded(str(error)) from error
