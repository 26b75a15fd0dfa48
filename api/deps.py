"""What the endpoints stand on: the ledger, the configuration, and the errors with their status and schema."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi_problem.error import BadRequestProblem, NotFoundProblem, ServerProblem
from fastapi_problem.handler import new_exception_handler

from api.kept import Keeper
from ledger.store import Ledger
from sync.configuration import Configuration
from sync.configuration.live import Live


class NoSuchItem(NotFoundProblem):
    """No item has this id."""

    title = "No such item"


class NoSuchDepartment(NotFoundProblem):
    """No department has this key."""

    title = "No such department"


class NoSuchPlanNode(NotFoundProblem):
    """The plan has no node of this key."""

    title = "No such node"


class WrongInstant(BadRequestProblem):
    """No instant that can be asked for."""

    title = "Wrong instant"


class NoSuchFile(NotFoundProblem):
    """No file has this name."""

    title = "No such file"


class WrongParameter(BadRequestProblem):
    """A parameter that is not known here, or whose value is not."""

    title = "Wrong parameter"


class NotInstalled(ServerProblem):
    """It needs a library that is not installed."""

    title = "Not installed"
    status = 501


class NotReady(ServerProblem):
    """The database does not answer."""

    title = "Not ready"
    status = 503


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


def _configuration(live: LiveDep) -> Configuration:
    return live.current


def _keeper(request: Request) -> Keeper:
    keeper: Keeper = request.app.state.keeper
    return keeper


LiveDep = Annotated[Live, Depends(_live)]
LedgerDep = Annotated[Ledger, Depends(_ledger)]
KeeperDep = Annotated[Keeper, Depends(_keeper)]
ConfigurationDep = Annotated[Configuration, Depends(_configuration)]

problems = new_exception_handler()
NO_SUCH_ITEM: dict[int | str, dict[str, Any]] = {404: problems.generate_swagger_response(NoSuchItem)}
NO_SUCH_DEPARTMENT: dict[int | str, dict[str, Any]] = {404: problems.generate_swagger_response(NoSuchDepartment)}
NO_SUCH_NODE: dict[int | str, dict[str, Any]] = {404: problems.generate_swagger_response(NoSuchPlanNode)}
WRONG_INSTANT: dict[int | str, dict[str, Any]] = {400: problems.generate_swagger_response(WrongInstant)}
NOT_READY: dict[int | str, dict[str, Any]] = {503: problems.generate_swagger_response(NotReady)}
FILE_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: problems.generate_swagger_response(WrongParameter),
    404: problems.generate_swagger_response(NoSuchFile),
    501: problems.generate_swagger_response(NotInstalled),
    **NOT_READY,
}
