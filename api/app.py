"""The HTTP API. Endpoints are three lines: ask, shape, return."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import msgspec
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import APIKeyQuery
from fastapi.security.http import HTTPBase
from fastapi_problem.handler import add_exception_handler

from api.asking import explain, overview
from api.connect.routes import connect
from api.contract import CONTACT, DESCRIPTION, LICENCE, OPEN, SERVERS, SUMMARY, TAGS, UNCHANGED, WRONG_PARAMETERS
from api.deps import (
    NO_SUCH_DEPARTMENT,
    NO_SUCH_ITEM,
    NOT_READY,
    REFUSED,
    ConfigurationDep,
    DatabaseDep,
    LedgerDep,
    LiveDep,
    NoSuchDepartment,
    NoSuchItem,
    NotReady,
    nothing_else,
    problems,
)
from api.digest.schedule import LOOK_EVERY, sender
from api.docs import docs
from api.door.access import Door
from api.door.headers import SecurityHeaders
from api.door.oidc import Providers
from api.door.sign_in import signing
from api.feeds.routes import feeds
from api.files.routes import files
from api.kept import Keeper
from api.mapping import mapping_of
from api.odata.routes import odata
from api.pages.routes import add_pages
from api.v1.bodies import Bodies
from api.v1.decisions import deciding, decisions
from api.v1.lists import lists
from api.v1.manners import Manners
from api.v1.packs import packs
from api.v1.plan import plan
from api.v1.plan_lists import plan_lists
from api.v1.rows import shape
from api.v1.shapes import (
    DepartmentMappingOut,
    EventOut,
    ExplanationOut,
    HistoryOut,
    ItemOut,
    StatusOut,
    VersionOut,
)
from api.v1.source_lists import source_lists
from api.v1.suffix import Suffixes
from ledger.engine import LedgerError
from ledger.store import Ledger
from sync.configuration import Configuration
from sync.configuration.live import Live
from sync.schedule import scheduled

KEYS = [
    Depends(HTTPBase(scheme="bearer", scheme_name="Bearer", auto_error=False)),
    Depends(HTTPBase(scheme="basic", scheme_name="Basic", description="The key is the password.", auto_error=False)),
    Depends(APIKeyQuery(name="key", scheme_name="Address", description="Keys made with --in-url.", auto_error=False)),
]
"""How a key may come, for the contract; api/door/access.py is where it is asked for."""
health = APIRouter(tags=["health"])
v1 = APIRouter(prefix="/v1")


@health.get("/healthz", summary="Is the process alive?", openapi_extra=OPEN)
def healthz() -> dict[str, str]:
    """Answers as long as the process does; asks nothing of the database."""
    return {"status": "ok"}


@health.get("/readyz", responses=NOT_READY, summary="Can it answer?", openapi_extra=OPEN)
def readyz(ledger: DatabaseDep) -> dict[str, str]:
    """Answers 200 when the database does and has the tables of this version."""
    if not ledger.is_current():
        raise NotReady("the database has tables of another version: run 'sightline sync'")
    return {"status": "ready"}


@v1.get("/status", summary="How are we tracking?", tags=["status"])
def get_status(ledger: LedgerDep, live: LiveDep) -> StatusOut:
    """Every department's headline with its reason, coverage and age, and the worst of what needs somebody."""
    told = msgspec.to_builtins(overview(ledger, live.current))
    return StatusOut.model_validate({**told, "notes": [live.problem] if live.problem else []})


@v1.get("/items/{item_id}", responses=NO_SUCH_ITEM, summary="One item", tags=["items"])
def get_item(item_id: str, ledger: LedgerDep) -> ItemOut:
    """One item by its id, or by its key in the tracker where only one item has that key."""
    kept = ledger.item(item_id)
    if kept is None:
        raise NoSuchItem(f"no single item has the id or key '{item_id}'")
    return shape(kept)


@v1.get("/items/{item_id}/explain", responses=NO_SUCH_ITEM, summary="Why does it read as it does?", tags=["items"])
def get_explanation(item_id: str, ledger: LedgerDep) -> ExplanationOut:
    """Each field's raw value, the rule with its file and line, what it became, and the record itself."""
    found = explain(ledger, item_id)
    if found is None:
        raise NoSuchItem(f"no single item has the id or key '{item_id}'")
    return ExplanationOut.model_validate(msgspec.to_builtins(found))


@v1.get("/items/{item_id}/history", responses=NO_SUCH_ITEM, summary="What was it when?", tags=["items"])
def get_history(item_id: str, ledger: LedgerDep) -> HistoryOut:
    """Every state that the item was in and every change that was made to it, oldest first."""
    kept = ledger.item(item_id)
    if kept is None:
        raise NoSuchItem(f"no single item has the id or key '{item_id}'")
    versions = [
        VersionOut(
            valid_from=v.valid_from, observed_from=v.observed_from, observed_to=v.observed_to, lifecycle=v.item.lifecycle,
            reported_health=v.item.reported_health, status=v.item.status, owner=v.item.owner, due_on=v.item.due_on,
            title=v.item.title, mapping_version=v.mapping_version,
        )
        for v in ledger.history(kept.item.id)
    ]  # fmt: skip
    events = [EventOut.model_validate(msgspec.to_builtins(e)) for e in map(_whole, ledger.events(kept.item.id))]
    return HistoryOut(versions=versions, events=events)


@v1.get(
    "/departments/{key}/mapping",
    responses=NO_SUCH_DEPARTMENT,
    summary="What its words became, by which rule, and which have none",
    tags=["departments"],
)
def get_mapping(key: str, ledger: LedgerDep, configuration: ConfigurationDep) -> DepartmentMappingOut:
    """Every word that was really seen, binding by binding, and the rule that read it."""
    department = next((d for d in configuration.departments if d.department == key), None)
    if department is None:
        known = ", ".join(d.department for d in configuration.departments)
        raise NoSuchDepartment(f"no department has the key '{key}': known are {known}")
    return DepartmentMappingOut.model_validate(msgspec.to_builtins(mapping_of(ledger, configuration, department)))


def _whole(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in EventOut.model_fields}


def create_app(ledger: Ledger, configuration: Configuration, *, schedule: bool = False) -> FastAPI:
    """The service over one ledger; `schedule` also syncs each source when it is due."""
    live = Live(configuration)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        scheduler = scheduled(ledger, live) if schedule else None
        if scheduler:
            scheduler.add_job(sender(ledger, live), "interval", seconds=LOOK_EVERY, id="digest")
            scheduler.start()
        yield
        if scheduler:
            scheduler.shutdown(wait=False)

    app = FastAPI(
        title="Sightline",
        version=version("sightline"),
        summary=SUMMARY,
        description=DESCRIPTION,
        contact=CONTACT,
        license_info=LICENCE,
        servers=SERVERS,
        openapi_tags=TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    add_exception_handler(app, problems)
    app.state.ledger, app.state.live, app.state.keeper = ledger, live, Keeper()
    providers = app.state.providers = Providers(ledger.clock)
    app.add_exception_handler(LedgerError, problems)
    app.add_middleware(Bodies)
    app.add_middleware(Manners, ledger=ledger, live=live)
    app.add_middleware(Suffixes)
    app.add_middleware(Door, ledger=ledger, live=live, providers=providers)
    app.add_middleware(SecurityHeaders, live=live)
    app.add_middleware(CorrelationIdMiddleware, header_name="X-Request-ID", validator=_is_request_id)
    app.include_router(health)
    app.include_router(signing)
    app.include_router(docs)
    for router in (v1, lists, source_lists, plan_lists, plan, packs, decisions):
        app.include_router(
            router,
            dependencies=[*KEYS, Depends(nothing_else)],
            responses={**UNCHANGED, **WRONG_PARAMETERS, **REFUSED, **NOT_READY},
        )
    app.include_router(
        deciding, dependencies=[*KEYS, Depends(nothing_else)], responses={**WRONG_PARAMETERS, **REFUSED, **NOT_READY}
    )
    for router in (files, feeds, connect):
        app.include_router(router, dependencies=KEYS, responses=REFUSED)
    app.include_router(odata)
    add_pages(app)
    return app


def _is_request_id(given: str) -> bool:
    """Whoever calls may name the request as they like, as long as it can be printed on one line."""
    return len(given) <= 128 and given.isascii() and given.isprintable()
