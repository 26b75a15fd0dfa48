"""What the endpoints stand on: the ledger, the configuration, and the errors with their status and schema."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from asgi_correlation_id import correlation_id
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_problem.error import (
    BadRequestProblem,
    ForbiddenProblem,
    NotFoundProblem,
    ServerProblem,
    StatusProblem,
    UnauthorisedProblem,
)
from fastapi_problem.handler import new_exception_handler

from api.contract import UNCHANGED
from api.door.headers import NOTHING, protect
from api.kept import Keeper
from api.pages.errors import as_page
from api.retold import behind
from ledger.engine import LedgerError
from ledger.read import Reads
from ledger.served import Served
from ledger.store import Ledger
from ledger.text import storable
from sync.configuration import Configuration
from sync.configuration.live import Live
from sync.standing import refresh

log = logging.getLogger("sightline.http")
WHOLE = re.compile(r"-?[0-9]{1,18}")


class NoSuchItem(NotFoundProblem):
    """No item has this id."""

    title = "No such item"


class NoSuchDepartment(NotFoundProblem):
    """No department has this key."""

    title = "No such department"


class NoSuchPlanNode(NotFoundProblem):
    """The plan has no node of this key."""

    title = "No such node"


class NoSuchPublished(NotFoundProblem):
    """Nothing was published under this name."""

    title = "No such pack"


class NoSuchAddress(NotFoundProblem):
    """Nothing can be here."""

    title = "No such address"


class NoSuchDecision(NotFoundProblem):
    """No decision has this id."""

    title = "No such decision"


class NoDecisionRight(ForbiddenProblem):
    """Somebody else decides this, or replies to it."""

    title = "No decision right"


class CannotRecord(BadRequestProblem):
    """What is to be recorded is wrong."""

    title = "Cannot record"


class AlreadyRecorded(StatusProblem):
    """Another one is recorded in its place."""

    title = "Already recorded"
    status = 409


class WrongInstant(BadRequestProblem):
    """No instant that can be asked for."""

    title = "Wrong instant"


class NoSuchFile(NotFoundProblem):
    """No file has this name."""

    title = "No such file"


class WrongParameter(BadRequestProblem):
    """A parameter that is not known here, or whose value is not."""

    title = "Wrong parameter"


class TooLong(StatusProblem):
    """A body that is longer than anything that is taken."""

    title = "Too long"
    status = 413


class NotTheSame(StatusProblem):
    """It was to be sent only as long as it has a tag that it has no more."""

    title = "Not the same"
    status = 412


class NoSuchRange(StatusProblem):
    """A part of a file that lies behind its end."""

    title = "No such range"
    status = 416


class NotInstalled(ServerProblem):
    """It needs a library that is not installed."""

    title = "Not installed"
    status = 501


class NotReady(ServerProblem):
    """The database does not answer."""

    title = "Not ready"
    status = 503


class WrongRequest(StatusProblem):
    """A parameter or a body that is not as the contract has it."""

    type_ = "request-validation-failed"
    title = "Request validation error."
    status = 422


class NoAccess(UnauthorisedProblem):
    """No key, a wrong one, or one that is no longer valid."""

    title = "No access"


class MissingScope(ForbiddenProblem):
    """The key is good for something else."""

    title = "Missing scope"


class Unprotected(ForbiddenProblem):
    """There are no keys yet, and the request does not come from this machine itself."""

    title = "Unprotected"


class SignInFailed(BadRequestProblem):
    """What the identity provider sent back is not what was asked for, or comes too late."""

    title = "Sign-in failed"


class SignInRefused(ForbiddenProblem):
    """It is known who this is, and nobody has let them in."""

    title = "Sign-in refused"


class CrossSite(ForbiddenProblem):
    """Another site's page tried to change something in the name of whoever looked at it."""

    title = "Cross site"


class TooManyRequests(StatusProblem):
    """The key has asked more often than it may."""

    title = "Too many requests"
    status = 429


class Unexpected(ServerProblem):
    """An error of ours. What it says is for the log: it may name what the reader may not see."""

    title = "Unexpected error"

    def __init__(self, _said: str = "", **more: Any) -> None:
        super().__init__("the service met an error of its own; its log has more, under this request's id", **more)


async def _database(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


async def _ledger(request: Request) -> Reads:
    """The ledger as this reader may see it; without a veil nothing is answered."""
    database: Ledger = request.app.state.ledger
    return database.seen_by(request.state.veil)


def served_to(request: Request) -> Served:
    """The published tables as whoever asks may see them, the plan's as it stands today: as /v1 tells it.

    Raises:
        LedgerError: the database does not answer.
    """
    state = request.app.state
    ledger: Reads = state.ledger.seen_by(request.state.veil)
    configuration: Configuration = state.live.current
    if configuration.planned:
        refresh(ledger.whole, configuration)
    if ledger.veil.shown is None:
        return ledger.whole.served()
    return behind(ledger, configuration, state.keeper)


def _unanswered(_handler: Any, _request: Request, error: LedgerError) -> NotReady:
    """Where the database lies is nobody's business who asks; without it nobody's key can be known."""
    log.warning("%s", error)
    return NotReady("the database does not answer: the service's log says why, under this request's id")


def _wrong_request(_handler: Any, _request: Request, error: RequestValidationError) -> StatusProblem:
    """What is wrong with a request. What a body said is not repeated: it may be long, private, or nothing that can be written."""
    parts = ("type", "loc", "msg")
    told = [{p: e[p] for p in parts} if e["loc"][:1] == ("body",) else e for e in error.errors()]
    errors = json.loads(storable(json.dumps(told, default=str, ensure_ascii=False)))
    return WrongRequest(errors=errors)


def _with_request_id(content: dict[str, Any], request: Request, response: Response) -> tuple[dict[str, Any], Response]:
    told = {**content, "request_id": correlation_id.get()}
    if request.url.path.startswith("/odata"):  # refused at the door: clients of OData look for this member
        told["error"] = {"code": content["type"], "message": content.get("detail", content["title"])}
        response.headers["OData-Version"] = "4.0"
    response.body = json.dumps(told, separators=(",", ":")).encode()
    if content["type"] == "unexpected":  # answered outside of what sets these headers elsewhere
        protect(response.headers, NOTHING)
        if told["request_id"]:
            response.headers["X-Request-ID"] = told["request_id"]
    return told, response


async def nothing_else(request: Request) -> None:
    """Refuses what `only` refuses, where FastAPI reads the parameters.

    Raises:
        RequestValidationError, NoSuchAddress
    """
    models = [field.field_info.annotation for field in request.scope["route"].dependant.query_params]
    only(request, {name: part for model in models for name, part in getattr(model, "model_fields", {}).items()})


def only(request: Request, known: Mapping[str, Any]) -> None:
    """Refuses parameters that an address does not have, one value's parameter given twice, and characters that no database keeps.

    Raises:
        RequestValidationError, NoSuchAddress
    """
    if any("\0" in str(part) for part in request.path_params.values()):
        raise NoSuchAddress("nothing has a NUL character in its name")
    asked = request.query_params.multi_items()
    times = Counter(name for name, _ in asked)
    wrong = [
        {"type": "value_error", "loc": ("query", name[:200]), "msg": said, "input": value[:200]}
        for name, value in asked
        if (said := _wrong(name, value, known, times[name]))
    ]
    if wrong:
        raise RequestValidationError(wrong)


def _wrong(name: str, value: str, known: Mapping[str, Any], times: int) -> str:
    """What is wrong with a parameter before its value is looked at; "" where nothing is."""
    if name not in known:
        return "there is no such parameter here"
    if times > 1 and not takes_several(known[name]):
        return "this parameter takes one value"
    if "\0" in value:
        return "a NUL character is in no word that is kept"
    return _misspelt(value, known[name].annotation)


def _misspelt(value: str, kind: Any) -> str:
    """What would be read as another value than the contract's: yes for true, 1.0 for 1; "" where nothing is."""
    kinds = get_args(kind) or (kind,)
    if bool in kinds and value not in ("true", "false"):
        return "write true or false"
    if int in kinds and not WHOLE.fullmatch(value):
        return "write a whole number, in digits"
    return ""


def takes_several(parameter: Any) -> bool:
    """Whether a model's field is a list."""
    return get_origin(parameter.annotation) is list


async def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


async def _configuration(request: Request) -> Configuration:
    live: Live = request.app.state.live
    return live.current


async def _keeper(request: Request) -> Keeper:
    keeper: Keeper = request.app.state.keeper
    return keeper


LiveDep = Annotated[Live, Depends(_live)]
KeeperDep = Annotated[Keeper, Depends(_keeper)]
DatabaseDep = Annotated[Ledger, Depends(_database)]
"""The whole ledger: for health only."""
LedgerDep = Annotated[Reads, Depends(_ledger)]
ConfigurationDep = Annotated[Configuration, Depends(_configuration)]

problems = new_exception_handler(
    handlers={LedgerError: _unanswered},
    request_validation_handler=_wrong_request,
    unhandled_wrappers={"default": Unexpected},
    post_hooks=[_with_request_id, as_page],
)
NO_SUCH_ITEM: dict[int | str, dict[str, Any]] = {404: problems.generate_swagger_response(NoSuchItem)}
NO_SUCH_DEPARTMENT: dict[int | str, dict[str, Any]] = {404: problems.generate_swagger_response(NoSuchDepartment)}
NO_SUCH_NODE: dict[int | str, dict[str, Any]] = {404: problems.generate_swagger_response(NoSuchPlanNode)}
NO_SUCH_PACK: dict[int | str, dict[str, Any]] = {404: problems.generate_swagger_response(NoSuchPublished)}
NO_SUCH_DECISION: dict[int | str, dict[str, Any]] = {404: problems.generate_swagger_response(NoSuchDecision)}
NOT_RECORDED: dict[int | str, dict[str, Any]] = {
    400: problems.generate_swagger_response(CannotRecord),
    403: problems.generate_swagger_response(MissingScope, Unprotected, NoDecisionRight),
    409: problems.generate_swagger_response(AlreadyRecorded),
    413: problems.generate_swagger_response(TooLong),
}
WRONG_INSTANT: dict[int | str, dict[str, Any]] = {400: problems.generate_swagger_response(WrongInstant)}
NOT_READY: dict[int | str, dict[str, Any]] = {503: problems.generate_swagger_response(NotReady)}
PARTS: dict[int | str, dict[str, Any]] = {
    206: {"description": "The part that Range asks for."},
    **UNCHANGED,
    412: problems.generate_swagger_response(NotTheSame),
    416: problems.generate_swagger_response(NoSuchRange),
}
"""What else is answered by what lies ready as bytes."""
FILE_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: problems.generate_swagger_response(WrongParameter),
    404: problems.generate_swagger_response(NoSuchFile),
    501: problems.generate_swagger_response(NotInstalled),
    **NOT_READY,
}
REFUSED: dict[int | str, dict[str, Any]] = {
    401: problems.generate_swagger_response(NoAccess),
    403: problems.generate_swagger_response(MissingScope, Unprotected),
    429: problems.generate_swagger_response(TooManyRequests),
}
