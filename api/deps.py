"""What the endpoints stand on: the ledger, the configuration, and the errors with their status and schema."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi_problem.error import NotFoundProblem, ServerProblem
from fastapi_problem.handler import new_exception_handler

from ledger.store import Ledger
from sync.configuration import Configuration


class NoSuchItem(NotFoundProblem):
    """No item has this id."""

    title = "No such item"


class NotReady(ServerProblem):
    """The database does not answer."""

    title = "Not ready"
    status = 503


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


def _configuration(request: Request) -> Configuration:
    configuration: Configuration = request.app.state.configuration
    return configuration


LedgerDep = Annotated[Ledger, Depends(_ledger)]
ConfigurationDep = Annotated[Configuration, Depends(_configuration)]

problems = new_exception_handler()
NO_SUCH_ITEM: dict[int | str, dict[str, Any]] = {404: problems.generate_swagger_response(NoSuchItem)}
NOT_READY: dict[int | str, dict[str, Any]] = {503: problems.generate_swagger_response(NotReady)}
