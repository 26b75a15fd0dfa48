"""Where the pages stand. Each answers HTML and, by its ending, JSON, CSV or Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Response
from fastapi.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from api.course import Closes
from api.deps import nothing_else
from api.pages import departments, dependencies, exceptions, home, nodes, packs, reference, saying
from api.pages.asked import Ask, Asking, Day, Filters
from api.pages.render import STATIC, html
from api.v1.shapes_packs import OnePack, OneVersion

pages = APIRouter(dependencies=[Depends(nothing_else)], include_in_schema=False)
Route = Callable[..., Response]


def at(path: str, *more: str) -> Callable[[Route], Route]:
    """A page at some paths, for GET and HEAD."""

    def register(route: Route) -> Route:
        for address in (path, *more):
            pages.add_api_route(address, route, methods=["GET", "HEAD"])
        return route

    return register


@at("/", "/index.{form}")
def get_home(ask: Ask, asked: Day) -> Response:
    return ask.answer(lambda: home.home(ask, asked))


@at("/exceptions", "/exceptions.{form}")
def get_exceptions(ask: Ask, asked: Filters) -> Response:
    return ask.answer(lambda: exceptions.exceptions(ask, asked))


@at("/packs", "/packs.{form}")
def get_packs(ask: Ask) -> Response:
    return ask.answer(lambda: packs.published(ask))


@at("/packs/{key}")
def get_pack(ask: Ask, asked: Annotated[OneVersion, Query()]) -> Response:
    return ask.answer(lambda: packs.pack(ask, asked))


@at("/diagnosis", "/diagnosis.{form}")
def get_diagnosis(ask: Ask, asked: Annotated[OnePack, Query()]) -> Response:
    return ask.answer(lambda: packs.diagnosis(ask, asked))


@at("/calibration", "/calibration.{form}")
def get_calibration(ask: Ask) -> Response:
    return ask.answer(lambda: packs.calibration(ask))


@at("/pillars/{key}")
def get_pillar(ask: Ask, asked: Day) -> Response:
    return ask.answer(lambda: nodes.node(ask, asked, "pillar"))


@at("/objectives/{key}")
def get_objective(ask: Ask, asked: Day) -> Response:
    return ask.answer(lambda: nodes.node(ask, asked, "objective"))


@at("/key-results/{key}")
def get_key_result(ask: Ask, asked: Day) -> Response:
    return ask.answer(lambda: nodes.node(ask, asked, "key_result"))


@at("/workstreams/{key}")
def get_workstream(ask: Ask, asked: Day) -> Response:
    return ask.answer(lambda: nodes.node(ask, asked, "workstream"))


@at("/departments", "/departments.{form}")
def get_departments(ask: Ask) -> Response:
    return ask.answer(lambda: departments.departments(ask))


@at("/departments/{key}")
def get_department(ask: Ask) -> Response:
    return ask.answer(lambda: departments.department(ask))


@at("/dependencies", "/dependencies.{form}")
def get_dependencies(ask: Ask, asked: Day) -> Response:
    return ask.answer(lambda: dependencies.dependencies(ask, asked))


@at("/sources", "/sources.{form}")
def get_sources(ask: Ask) -> Response:
    return ask.answer(lambda: reference.all_sources(ask))


@at("/definitions", "/definitions.{form}")
def get_definitions(ask: Ask) -> Response:
    return ask.answer(lambda: reference.definitions(ask))


@at("/connect")
def get_connect(ask: Ask) -> Response:
    return ask.answer(lambda: reference.connecting(ask))


@at("/items/{key}")
def get_item(ask: Ask) -> Response:
    return ask.answer(lambda: reference.item(ask))


@at("/decide")
def get_say(ask: Ask, asked: Annotated[saying.About, Query()]) -> Response:
    return ask.answer(lambda: saying.say(ask, asked.about))


@pages.post("/decide")
def post_decision(ask: Ask, given: saying.DecidedForm) -> Response:
    return said(ask, given)


@pages.post("/reply")
def post_reply(ask: Ask, given: saying.RepliedForm) -> Response:
    return said(ask, given)


def said(ask: Asking, given: saying.Decided | saying.Replied) -> Response:
    """On to the page of what it is about; the form with what was given, where it was refused."""
    try:
        return RedirectResponse(saying.record(ask, given), 303)
    except saying.REFUSALS as refused:
        told = given.model_dump(exclude={"once", "csrf_token"})
        page = saying.say(ask, given.about, refused=str(refused.detail), given=told)
        return Response(
            html(ask.request, ask.configuration, page), refused.status, media_type="text/html; charset=utf-8"
        )


class Lasting(StaticFiles):
    """Files whose address tells their content: whoever has one need not ask again."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        found = super().file_response(*args, **more)
        found.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        return found


def add_pages(app: FastAPI) -> None:
    """The pages and their files, on a service that has a ledger."""
    app.state.closes = Closes()
    app.include_router(pages)
    app.mount("/static", Lasting(directory=STATIC), name="static")
