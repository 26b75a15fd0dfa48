"""The HTTP API. Endpoints are three lines: ask, shape, return; the schema is the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from importlib.metadata import version
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi_problem.error import NotFoundProblem, ServerProblem
from fastapi_problem.handler import add_exception_handler, new_exception_handler
from pydantic import BaseModel, ConfigDict, Field

from api.asking import explain, overview, sources
from ledger.engine import LedgerError
from ledger.model import Health, Lifecycle, Presence
from ledger.read import Filter, Kept
from ledger.store import Ledger
from sync.configuration import Configuration
from sync.run import Options
from sync.schedule import scheduled


class NoSuchItem(NotFoundProblem):
    """No item has this id."""

    title = "No such item"


class NotReady(ServerProblem):
    """The database does not answer."""

    title = "Not ready"
    status = 503


class Asked(BaseModel):
    """Which items. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")
    source: list[str] = Field([], description="Source keys.")
    lifecycle: list[Lifecycle] = []
    health: list[Health] = Field([], description="Reported health.")
    status: list[str] = Field([], description="The one word for people: on_track, at_risk, done ...")
    presence: list[Presence] = [Presence.PRESENT]
    owner: str | None = Field(None, description="Key of a person in people.yaml.")
    blocked: bool | None = None
    cursor: str = Field("", description="`next_cursor` of the page before.")
    limit: int = Field(100, ge=1, le=500)


class ItemOut(BaseModel):
    """An item on the one format, with where it came from."""

    id: str
    source: str
    binding: str
    key: str
    title: str
    url: str
    type: str | None
    status: str
    lifecycle: Lifecycle
    reported_health: Health
    health_assumed: bool
    confidence: float | None
    progress: float | None
    progress_kind: str
    owner: str | None
    owner_name: str | None
    start_on: date | None
    due_on: date | None
    completed_at: datetime | None
    blocked: bool | None
    blocked_on: str | None
    decision_needed: str | None
    raw_status: str | None
    mapped_by: str | None
    presence: Presence
    presence_reason: str
    source_created_at: datetime | None
    source_updated_at: datetime | None
    synced_at: datetime
    mapping_version: str


class ItemsOut(BaseModel):
    """A page of items in the order of their ids."""

    items: list[ItemOut]
    next_cursor: str | None
    as_of: datetime


class WordOut(BaseModel):
    """How one field was read."""

    field: str
    raw: str | None
    raw_id: str | None = None
    canonical: str | None
    rule: str
    assumed: bool = False
    finding: str = ""


class LinkOut(BaseModel):
    target: str
    target_key: str | None = None
    target_item: str | None = None
    kind: Literal["blocks", "parent", "relates"]
    direction: Literal["out", "in"] = "out"
    original: str = ""


class ExplanationOut(BaseModel):
    """Raw value, rule with file and line, result, link."""

    id: str
    key: str
    title: str
    url: str
    source: str
    status: str
    lifecycle: Lifecycle
    reported_health: Health
    presence: Presence
    presence_reason: str
    mapping_version: str
    raw_hash: str
    last_good_at: datetime | None
    words: list[WordOut]
    links: list[LinkOut]
    raw: dict[str, Any] | None


class VersionOut(BaseModel):
    """A state that the item was in from `valid_from` on, known to us from `observed_from` on."""

    valid_from: datetime
    observed_from: datetime
    observed_to: datetime | None
    lifecycle: Lifecycle
    reported_health: Health
    status: str
    owner: str | None
    due_on: date | None
    title: str
    mapping_version: str


class EventOut(BaseModel):
    id: str
    at: datetime
    field: str
    before: str | None
    after: str | None
    actor_name: str | None
    actor_kind: Literal["human", "automation", "unknown"]


class HistoryOut(BaseModel):
    versions: list[VersionOut]
    events: list[EventOut]


class SourceOut(BaseModel):
    """How fresh a source is, and what could not be read."""

    key: str
    kind: str
    state: str
    reason: str
    last_good_at: datetime | None
    next_at: datetime | None
    unobserved: int
    access_lost: int
    unmapped: int
    scopes: list[dict[str, Any]]
    last_run: dict[str, Any] | None


class SourcesOut(BaseModel):
    items: list[SourceOut]


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


def _configuration(request: Request) -> Configuration:
    configuration: Configuration = request.app.state.configuration
    return configuration


LedgerDep = Annotated[Ledger, Depends(_ledger)]
ConfigurationDep = Annotated[Configuration, Depends(_configuration)]

health = APIRouter(tags=["health"])
v1 = APIRouter(prefix="/v1", tags=["items"])


@health.get("/healthz", summary="Is the process alive?")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@health.get("/readyz", summary="Can it answer?")
def readyz(ledger: LedgerDep) -> dict[str, str]:
    try:
        current = ledger.is_current()
    except LedgerError as error:
        raise NotReady(str(error)) from error
    if not current:
        raise NotReady("the database has tables of another version: run 'sightline sync'")
    return {"status": "ready"}


@v1.get("/status", summary="How are we tracking?")
def get_status(ledger: LedgerDep, configuration: ConfigurationDep) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.to_builtins(overview(ledger, configuration))
    return answer


@v1.get("/items", summary="Items, page by page")
def list_items(ledger: LedgerDep, asked: Annotated[Asked, Query()]) -> ItemsOut:
    where = Filter(
        asked.source, asked.lifecycle, asked.health, asked.status, asked.presence, asked.owner, asked.blocked
    )
    page = ledger.items(where, after=asked.cursor, limit=asked.limit + 1)
    shown = page[: asked.limit]
    more = shown[-1].item.id if len(page) > asked.limit else None
    return ItemsOut(items=[shape(kept) for kept in shown], next_cursor=more, as_of=ledger.clock())


@v1.get("/items/{item_id}", summary="One item")
def get_item(item_id: str, ledger: LedgerDep) -> ItemOut:
    kept = ledger.item(item_id)
    if kept is None:
        raise NoSuchItem(f"no single item has the id or key '{item_id}'")
    return shape(kept)


@v1.get("/items/{item_id}/explain", summary="Why does it read as it does?")
def get_explanation(item_id: str, ledger: LedgerDep) -> ExplanationOut:
    found = explain(ledger, item_id)
    if found is None:
        raise NoSuchItem(f"no single item has the id or key '{item_id}'")
    return ExplanationOut.model_validate(msgspec.to_builtins(found))


@v1.get("/items/{item_id}/history", summary="What was it when?")
def get_history(item_id: str, ledger: LedgerDep) -> HistoryOut:
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


@v1.get("/sources", summary="How fresh is what we know?", tags=["sources"])
def list_sources(ledger: LedgerDep, configuration: ConfigurationDep) -> SourcesOut:
    return SourcesOut(items=[SourceOut.model_validate(row) for row in sources(ledger, configuration)])


def _whole(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in EventOut.model_fields}


def shape(kept: Kept) -> ItemOut:
    """An item as served."""
    i, said = kept.item, kept.item.word("health") or kept.item.word("lifecycle")
    plain = {name: getattr(i, name) for name in ItemOut.model_fields if hasattr(i, name)}
    return ItemOut(
        **plain,
        raw_status=said.raw if said else None,
        mapped_by=(said.rule or None) if said else None,
        presence=kept.presence,
        presence_reason=kept.presence_reason,
        source_created_at=i.remote_created_at,
        source_updated_at=i.remote_updated_at,
        synced_at=kept.changed_at,
        mapping_version=kept.mapping_version,
    )


def create_app(ledger: Ledger, configuration: Configuration, *, schedule: bool = False) -> FastAPI:
    """The service over one ledger; `schedule` also syncs each source when it is due."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        scheduler = (
            scheduled(ledger, configuration, Options.under(configuration.organisation.thresholds)) if schedule else None
        )
        if scheduler:
            scheduler.start()
        yield
        if scheduler:
            scheduler.shutdown(wait=False)

    app = FastAPI(
        title="Sightline",
        version=version("sightline"),
        summary="How the company is tracking, with the evidence and its age.",
        lifespan=lifespan,
    )
    add_exception_handler(app, new_exception_handler())
    app.state.ledger, app.state.configuration = ledger, configuration
    app.include_router(health)
    app.include_router(v1)
    return app
