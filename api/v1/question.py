"""How a question to /v1 is taken: its parameters as one model has them, what it stands on, and whether it is answered at once or in a thread.

FastAPI knows each of these routes and tells the contract of them. What it does per request, solving dependencies one by one and looking every
parameter up in the model anew, takes longer than most of the answers, so a route does here what its signature says: one model for the
parameters, functions of the request for the rest.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, get_args, get_origin

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from api.deps import only, takes_several
from ledger.prompt import TooLong
from ledger.read import Reads

JSON = "application/json"
Part = Callable[[Request], Awaitable[Any]]
"""What an endpoint's parameter is, by the request."""


class Question(APIRoute):
    """A route that only asks. Its endpoint takes names out of the path, at most one model of parameters, and async functions of the
    request (`Depends`); it answers a Response, or a model, which is sent as it is. A plain function is run in a thread."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        parameters = inspect.signature(self.endpoint, eval_str=True).parameters
        parts = {name: _part(name, p.annotation) for name, p in parameters.items()}
        known = next((p.model.model_fields for p in parts.values() if isinstance(p, _Asked)), {})
        endpoint, waits = self.endpoint, inspect.iscoroutinefunction(self.endpoint)

        async def answered(request: Request) -> Response:
            only(request, known)
            values = {name: await part(request) for name, part in parts.items()}
            told = await endpoint(**values) if waits else await run_in_threadpool(endpoint, **values)
            return told if isinstance(told, Response) else Response(told.model_dump_json(), media_type=JSON)

        return answered


async def promptly(ledger: Reads, ask: Callable[[Reads], Response]) -> Response:
    """Asks at once where that is a matter of a moment, and else in a thread."""
    if (prompt := ledger.prompt) is not None:
        try:
            return ask(prompt)
        except TooLong:
            pass
    return await run_in_threadpool(ask, ledger)


# -- what a signature says -------------------------------------------------------------------------------------------------


def _part(name: str, annotation: Any) -> Part:
    if annotation is str:
        return _Named(name)
    if get_origin(annotation) is Annotated:
        kind, said = get_args(annotation)
        if isinstance(said, Query):
            return _Asked(kind)
        if isinstance(said, Depends) and inspect.iscoroutinefunction(said.dependency):
            return said.dependency
    raise TypeError(f"a question takes no '{name}: {annotation}'")


class _Named:
    """A name out of the path."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, request: Request) -> str:
        return str(request.path_params[self.name])


class _Asked:
    """The parameters as a model has them. Wrong values are refused by a RequestValidationError, as FastAPI refuses them."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model
        self._several = {name for name, field in model.model_fields.items() if takes_several(field)}

    async def __call__(self, request: Request) -> BaseModel:
        asked = request.query_params
        told = {name: asked.getlist(name) if name in self._several else asked[name] for name in asked}
        try:
            return self.model.model_validate(told)
        except ValidationError as error:
            errors = error.errors(include_url=False)
            raise RequestValidationError([{**e, "loc": ("query", *e["loc"])} for e in errors]) from None
