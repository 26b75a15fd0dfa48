"""Where people decide and reply: one page about an open exception or a node, and what its two forms send."""

from __future__ import annotations

import secrets
from hashlib import blake2b
from typing import Annotated, Any, Literal

from fastapi import Form
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.deps import AlreadyRecorded, CannotRecord, NoDecisionRight, NoSuchPlanNode
from api.door.access import Reader
from api.pages.asked import Asking
from api.pages.parts import Names, needed
from api.pages.render import Page
from api.pages.shapes import SayPageOut
from api.planning import Board, board_at
from api.v1.decisions import refusing, request_name, speaker
from api.v1.shapes_decisions import Day, Key, RemarkIn, RulingIn, Said
from ledger.model import Annotation, AnnotationKind, Decision, DecisionKind
from signals.catalogue import CATALOGUE
from signals.deciding import SITUATION, WORDS
from signals.exceptions import NeedsDecision
from sync.recording import annotate, decide

REFUSALS = (NoDecisionRight, CannotRecord, AlreadyRecorded)


def _typed(given: Any) -> Any:
    """What stands in a field: a browser sends each end of a line as two characters, of which its own limit counts one."""
    return given.replace("\r\n", "\n").strip() if isinstance(given, str) else given


Typed = Annotated[Said, BeforeValidator(_typed)]


class About(BaseModel):
    """What something is said about."""

    model_config = ConfigDict(extra="forbid")
    about: Key


class Given(About):
    """What both forms send. `once` is the page's own, so that a form that is sent twice records one thing."""

    person: Key | None = None
    once: Annotated[str, Field(max_length=100)] = ""
    csrf_token: str = ""

    def named(self) -> str:
        """The name of this request: of the same page and the same words."""
        said = repr(sorted(self.model_dump(exclude={"csrf_token"}).items(), key=str))
        return blake2b(said.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()

    def at(self) -> dict[str, str]:
        """An exception's key has its signal before a colon; a node's has none."""
        return {"signal" if ":" in self.about else "subject": self.about}


class Decided(Given):
    kind: DecisionKind
    act_owner: Key | None = None
    act_by: Day | None = None
    note: Typed = ""

    def record(self, asking: Asking, person: str, by: str, once: str | None) -> Decision:
        told = self.model_dump(include={"kind", "act_owner", "act_by", "note"}, mode="json")
        ruling = RulingIn.model_validate({**told, **self.at()}).ruling(person)
        return decide(asking.ledger.whole, asking.configuration, ruling, by=by, once=once)


class Replied(Given):
    kind: AnnotationKind = "reply"
    text: Annotated[Typed, Field(min_length=1)]
    health: Literal["on_track", "at_risk", "off_track"] | None = None
    expires_on: Day | None = None

    def record(self, asking: Asking, person: str, by: str, once: str | None) -> Annotation:
        told = self.model_dump(include={"kind", "text", "health", "expires_on"}, mode="json")
        remark = RemarkIn.model_validate({**told, **self.at()}).remark(person)
        return annotate(asking.ledger.whole, asking.configuration, remark, by=by, once=once)


DecidedForm = Annotated[Decided, Form()]
RepliedForm = Annotated[Replied, Form()]


def record(asking: Asking, given: Decided | Replied) -> str:
    """Records what a form sent; the page to go on to.

    Raises:
        NoDecisionRight, CannotRecord, AlreadyRecorded
    """
    reader: Reader = asking.request.state.reader
    with refusing():
        person = speaker(reader, given.person, "person")
        made = given.record(asking, person, reader.who, request_name(person, given.named()))
    board = board_at(asking.ledger, asking.configuration)
    return Names(asking.configuration, board.plan).address(made.subject)


def say(asking: Asking, about: str, *, refused: str = "", given: dict[str, Any] | None = None) -> Page:
    """The page of the two forms. given: what was refused, to be mended.

    Raises:
        NoSuchPlanNode: neither an exception nor a node has this key.
        NoDecisionRight: a program's key speaks for nobody.
    """
    reader: Reader = asking.request.state.reader
    if not reader.speaks:
        raise NoDecisionRight(f"{reader.who} is nobody's key: people decide and reply when they have signed in")
    board = board_at(asking.ledger, asking.configuration)
    names = Names(asking.configuration, board.plan)
    row = next((e for e in board.exceptions() if e.key == about), None)
    subject = row.subject if row else about
    told = SayPageOut(
        as_of=board.as_of,
        about=about,
        name=row.node if row else _name(board, about),
        address=names.address(subject),
        item=needed(names, [row], asking.configuration.calendar.day(board.as_of))[0] if row else None,
        kinds=_kinds(row),
        people={k: p.name for k, p in asking.configuration.owners.items() if p.kind == "human" and p.active},
        speaker=reader.person,
        refused=refused,
        given={k: "" if v is None else str(v) for k, v in (given or {}).items()},
        once=secrets.token_urlsafe(12),
    )
    return Page("say.html", f"Decide or reply: {told.name}", board.as_of, told, dated=False, forms=())


def _name(board: Board, key: str) -> str:
    kind = board.plan.kind_of(key)
    found = board.nodes(kind, [key]).get(key) if kind else None
    if found is None:
        raise NoSuchPlanNode(f"no exception '{key}' is open, and the plan has no node of this key")
    return found.name


def _kinds(row: NeedsDecision | None) -> dict[str, str]:
    """The kinds of decisions in words, those that the signal's situation asks for first."""
    situation = CATALOGUE[row.signal].situation if row else None
    kinds = sorted(WORDS, key=lambda kind: SITUATION[kind] != situation)
    return {str(kind): WORDS[kind] for kind in kinds}
