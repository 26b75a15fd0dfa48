"""The HTTP API. Endpoints are three lines: ask, shape, return."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import APIKeyQuery
from fastapi.security.http import HTTPBase
from fastapi_problem.handler import add_exception_handler
from starlette.concurrency import run_in_threadpool

from api.connect.routes import connect
from api.contract import CONTACT, DESCRIPTION, LICENCE, OPEN, SERVERS, SUMMARY, TAGS, UNCHANGED, WRONG_PARAMETERS
from api.deps import (
    NOT_READY,
    REFUSED,
    DatabaseDep,
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
from api.odata.routes import odata
from api.pages.routes import add_pages
from api.v1.bodies import Bodies
from api.v1.decisions import deciding, decisions
from api.v1.lists import lists
from api.v1.manners import Manners
from api.v1.packs import packs
from api.v1.plan import plan
from api.v1.plan_lists import plan_lists
from api.v1.single import single
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


def create_app(ledger: Ledger, configuration: Configuration, *, schedule: bool = False) -> FastAPI:
    """The service over one ledger; `schedule` also syncs each source when it is due."""
    live = Live(configuration)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if ledger.at_once is not None:
            await run_in_threadpool(ledger.at_once.begin)
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
    app.router.routes.extend(odata)
    app.include_router(health)
    app.include_router(signing)
    app.include_router(docs)
    for router in (single, lists, source_lists, plan_lists, plan, packs, decisions):
        app.include_router(
            router,
            dependencies=KEYS,
            responses={**UNCHANGED, **WRONG_PARAMETERS, **REFUSED, **NOT_READY},
        )
    app.include_router(
        deciding, dependencies=[*KEYS, Depends(nothing_else)], responses={**WRONG_PARAMETERS, **REFUSED, **NOT_READY}
    )
    for router in (files, feeds, connect):
        app.include_router(router, dependencies=KEYS, responses=REFUSED)
    add_pages(app)
    return app


def _is_request_id(given: str) -> bool:
    """Whoever calls may name the request as they like, as long as it can be printed on one line."""
    return len(given) <= 128 and given.isascii() and given.isprintable()
