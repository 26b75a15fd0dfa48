"""The lists of /v1 that are read out of the ledger row by row. Endpoints ask, page and return; how is in api/v1/listing.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool

from api.deps import WRONG_INSTANT, ConfigurationDep, LedgerDep
from api.v1.instants import instant
from api.v1.listing import AS_IT_IS, answer, answer_at_hand, cursor_at, known, matching, order_of, place_of, wrong
from api.v1.past import Past
from api.v1.question import Question, promptly
from api.v1.rows import as_dict, event_row, item_row, link_row, raw_of, run_row, version_row
from api.v1.said import said
from api.v1.shapes_lists import (
    EventsAsked,
    EventsOut,
    ItemsAsked,
    ItemsOut,
    LinksAsked,
    LinksOut,
    PeopleAsked,
    PeopleOut,
    PersonRow,
    RunsAsked,
    RunsOut,
    VersionsAsked,
    VersionsOut,
)
from ledger.lists import EVENTS, ITEMS, LINKS, RECORDS, RUNS, VERSIONS, Condition, Listed, Wanted
from ledger.model import from_ms, to_ms
from ledger.pages import Sort
from ledger.published import WrongQuestion
from ledger.read import Reads
from sync.configuration import Configuration

lists = APIRouter(prefix="/v1", route_class=Question)
Rows = list[dict[str, Any]]


# -- pages out of the ledger ---------------------------------------------------------------------------------------------


def _one_of(**values: Sequence[Any]) -> list[Condition]:
    """Columns that must have one of some values, where any are given."""
    return [Condition(column, "one of", [str(v) for v in of]) for column, of in values.items() if of]


def _of_sources(
    sources: Sequence[str], configuration: Configuration, departments: Sequence[str] = ()
) -> list[Condition]:
    """Rows of some sources, and of those of some departments; one that there is not is refused, for its rows would be none."""
    known("source", sources, [s.key for s in configuration.sources])
    known("department", departments, [d.department for d in configuration.departments])
    found = _one_of(source=sources)
    if departments:
        found.append(
            Condition("source", "one of", [s.key for s in configuration.sources if s.department in departments])
        )
    return found


def _between(column: str, since: datetime | date | None, until: datetime | date | None = None) -> list[Condition]:
    begin = [] if since is None else [Condition(column, "from", _stored(since))]
    return begin if until is None else [*begin, Condition(column, "before", _stored(until))]


def _stored(at: datetime | date) -> int | str:
    return to_ms(at) if isinstance(at, datetime) else at.isoformat()


def _page(
    ledger: Reads,
    of: Listed,
    name: str,
    asked: Any,
    where: Sequence[Condition],
    order: Sequence[Sort],
    until: int | None = None,
) -> tuple[Sequence[Any], str | None]:
    """The rows of a page as the ledger has them, and the cursor of the next one."""
    place = place_of(name, asked)
    try:
        rows = ledger.listed(of, Wanted(where, order, place.after if place else None, asked.limit + 1))
    except WrongQuestion as error:
        wrong("cursor", f"{error}: {AS_IT_IS}", asked.cursor[:200])
    shown = rows[: asked.limit]
    if len(rows) <= asked.limit:
        return shown, None
    return shown, cursor_at(name, asked, [getattr(shown[-1], s.column) for s in of.order(order)], until)


# -- items ---------------------------------------------------------------------------------------------------------------


@lists.get("/items", summary="Items, page by page", tags=["items"], response_model=ItemsOut, responses=WRONG_INSTANT)
async def list_items(
    asked: Annotated[ItemsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Items as they are now, as they were at an instant, or those that changed since one, filtered and sorted."""
    at = instant(asked.as_of, ledger)
    if at is not None or asked.basis == "known" or asked.mapping is not None:
        return await run_in_threadpool(_items_then, asked, ledger, configuration, at or ledger.clock())
    if asked.include:  # records and histories may be long: to read them is no matter of a moment
        return await run_in_threadpool(_items_now, asked, ledger, configuration)
    return await promptly(ledger, lambda ledger: _items_now(asked, ledger, configuration))


def _items_now(asked: ItemsAsked, ledger: Reads, configuration: Configuration) -> Response:
    since = instant(asked.modified_since, ledger, "modified_since")
    place, order = place_of("items", asked), order_of(asked)
    until = place.until if place and place.until is not None else to_ms(ledger.horizon())
    where = _where(asked, configuration)
    if since is not None:
        where += [Condition("synced_at", "from", to_ms(since)), Condition("synced_at", "before", until)]
        order = order or [Sort("synced_at")]
    shown, more = _page(ledger, ITEMS, "items", asked, where, order, until)
    rows = list(map(item_row, shown))
    if asked.include and rows:
        rows = list(map(as_dict, rows))
        for part in asked.include:
            PARTS[part](ledger, shown, rows)
    return answer(rows, asked, next_cursor=more, as_of=from_ms(until))


def _items_then(asked: ItemsAsked, ledger: Reads, configuration: Configuration, at: datetime) -> Response:
    """As of an instant; what may have been another then is compared row by row."""
    for name in ("modified_since", "sort", "include"):
        if name in asked.model_fields_set:
            wrong(name, "items as of an instant come in the order of their ids, as they were: leave this out")
    place = place_of("items", asked)
    past = Past(ledger, configuration, at, asked.basis, asked.mapping)
    fixed = [*_of_sources(asked.source, configuration, asked.department), *_one_of(binding=asked.binding)]
    rows = past.rows(fixed, place.after if place else None)
    try:
        found = list(islice((row for row in rows if _is_wanted(row, asked)), asked.limit + 1))
    except WrongQuestion as error:
        wrong("cursor", f"{error}: {AS_IT_IS}", asked.cursor[:200])
    more = cursor_at("items", asked, [found[asked.limit - 1].id]) if len(found) > asked.limit else None
    return answer(found[: asked.limit], asked, next_cursor=more, as_of=at)


def _is_wanted(row: Any, asked: ItemsAsked) -> bool:
    one_of: dict[str, Sequence[str]] = {
        "key": asked.item_key, "lifecycle": asked.lifecycle, "reported_health": asked.health, "status": asked.status,
        "owner": asked.owner, "presence": asked.presence,
    }  # fmt: skip
    due = row.due_on
    return (
        all(getattr(row, name) in wanted for name, wanted in one_of.items() if wanted)
        and asked.blocked in (None, row.blocked)
        and (asked.due_from is None or (due is not None and due >= asked.due_from.isoformat()))
        and (asked.due_before is None or (due is not None and due < asked.due_before.isoformat()))
    )


def _where(asked: ItemsAsked, configuration: Configuration) -> list[Condition]:
    gone_too = asked.modified_since is not None and "presence" not in asked.model_fields_set
    where = _of_sources(asked.source, configuration, asked.department) + _one_of(
        binding=asked.binding, key=asked.item_key, lifecycle=asked.lifecycle, reported_health=asked.health,
        status=asked.status, owner=asked.owner, presence=[] if gone_too else asked.presence,
    )  # fmt: skip
    if asked.blocked is not None:
        where.append(Condition("blocked", "is", asked.blocked))
    return where + _between("due_on", asked.due_from, asked.due_before)


def _with_raw(ledger: Reads, shown: Sequence[Any], rows: Rows) -> None:
    said = {(r.id, r.raw_hash) for r in shown}
    records = ledger.listed(RECORDS, Wanted(_one_of(item=[r.id for r in shown], raw_hash=[h for _, h in said])))
    found = {r.item: raw_of(r) for r in records if (r.item, r.raw_hash) in said}
    for row in rows:
        row["raw"] = found.get(row["id"])


def _with(name: str, of: Listed, row_of: Callable[[Any], dict[str, Any]], order: str, *more: Condition) -> Any:
    def add(ledger: Reads, shown: Sequence[Any], rows: Rows) -> None:
        where = [*_one_of(item=[r.id for r in shown]), *more]
        found: dict[str, Rows] = {}
        for r in ledger.listed(of, Wanted(where, [Sort("item"), Sort(order)])):
            found.setdefault(r.item, []).append({k: v for k, v in row_of(r).items() if k not in AT_HOME})
        for row in rows:
            row[name] = found.get(row["id"], [])

    return add


AT_HOME = ("item", "item_key", "source", "url", "synced_at", "source_updated_at")
"""What a part of an item has from the item that it stands in."""
BELIEVED = Condition("observed_to", "is", None)
PARTS: dict[str, Callable[[Reads, Sequence[Any], Rows], None]] = {
    "raw": _with_raw,
    "links": _with("links", LINKS, link_row, "kind"),
    "versions": _with("versions", VERSIONS, version_row, "valid_from", BELIEVED),
    "events": _with("events", EVENTS, event_row, "at"),
}
"""What `include` brings: one question for the whole page."""


# -- what belongs to items -----------------------------------------------------------------------------------------------


@lists.get("/versions", summary="What items were, from when until when", tags=["items"], response_model=VersionsOut,
           responses=WRONG_INSTANT)  # fmt: skip
def list_versions(
    asked: Annotated[VersionsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Every state that items were in, as is believed now; with `superseded` also as was believed before."""
    since = instant(asked.valid_since, ledger, "valid_since")
    where = _of_sources(asked.source, configuration) + _between("valid_from", since)
    where += _one_of(item=asked.item, lifecycle=asked.lifecycle, reported_health=asked.health, status=asked.status)
    believed = [] if asked.superseded else [BELIEVED]
    shown, more = _page(ledger, VERSIONS, "versions", asked, where + believed, order_of(asked))
    rows = [version_row(r) for r in shown]
    if rows and (not asked.fields or {"raw_status", "mapped_by"}.intersection(asked.fields)):
        for row, words in zip(rows, said(ledger, configuration, shown), strict=True):
            row["raw_status"], row["mapped_by"] = words
    return answer(rows, asked, next_cursor=more, as_of=ledger.clock())


@lists.get("/events", summary="What was done to items, by whom, when", tags=["items"], response_model=EventsOut,
           responses=WRONG_INSTANT)  # fmt: skip
def list_events(asked: Annotated[EventsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Every change that was made to an item in its tracker."""
    since, until = instant(asked.since, ledger, "since"), instant(asked.until, ledger, "until")
    where = _of_sources(asked.source, configuration) + _between("at", since, until)
    where += _one_of(item=asked.item, field=asked.field, actor_kind=asked.actor_kind)
    return _listed(ledger, EVENTS, "events", asked, where, event_row)


@lists.get("/links", summary="What items name: blockers, parents, relations", tags=["items"], response_model=LinksOut)
def list_links(asked: Annotated[LinksAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """What the items' records name, with the item meant where a tracker that is read has it."""
    where = _of_sources(asked.source, configuration)
    where += _one_of(item=asked.item, kind=asked.kind, direction=asked.direction)
    return _listed(ledger, LINKS, "links", asked, where, link_row)


@lists.get("/sync-runs", summary="Every read of a source, and what it came to", tags=["sources"], response_model=RunsOut,
           responses=WRONG_INSTANT)  # fmt: skip
def list_runs(asked: Annotated[RunsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Every sync run with what it read, what changed, and why it did not complete, the newest first."""
    where = _of_sources(asked.source, configuration) + _one_of(state=asked.state, mode=asked.mode)
    where += _between("started_at", instant(asked.since, ledger, "since"))
    if asked.good is not None:
        where.append(Condition("good", "is", asked.good))
    return _listed(ledger, RUNS, "sync-runs", asked, where, run_row, [Sort("id", descending=True)])


def _listed(
    ledger: Reads,
    of: Listed,
    name: str,
    asked: Any,
    where: Sequence[Condition],
    row_of: Callable[[Any], dict[str, Any]],
    usual: Sequence[Sort] = (),
) -> Response:
    shown, more = _page(ledger, of, name, asked, where, order_of(asked) or usual)
    return answer([row_of(r) for r in shown], asked, next_cursor=more, as_of=ledger.clock())


@lists.get("/people", summary="Who owns what", tags=["departments"], response_model=PeopleOut)
def list_people(asked: Annotated[PeopleAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Everybody in people.yaml: persons, teams and service accounts."""
    known("department", asked.department, [d.department for d in configuration.departments])
    rows = [((p.key,), {name: getattr(p, name) for name in PersonRow.model_fields}) for p in configuration.people]
    found = matching(rows, asked, "department", "kind", "active")
    return answer_at_hand("people", found, asked, as_of=ledger.clock())
