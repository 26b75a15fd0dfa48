"""Where the feeds stand."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any, BinaryIO

from fastapi import APIRouter, Request, Response

from api.conditional import answer
from api.deps import FILE_REFUSALS, PARTS, ConfigurationDep, KeeperDep, LedgerDep, NotReady, WrongParameter
from api.files.tables import near, only
from ledger.engine import LedgerError
from signals.plan import Plan
from sync.bound_plan import plan_at
from sync.configuration import Configuration
from sync.standing import stamp_of

log = logging.getLogger("sightline.http")
feeds = APIRouter(prefix="/feeds", tags=["feeds"])
REFUSALS: dict[int | str, dict[str, Any]] = {s: FILE_REFUSALS[s] for s in (400, 503)}


@feeds.head("/plan.ics", include_in_schema=False)
@feeds.get(
    "/plan.ics",
    summary="Milestones and commitments as a calendar; ?workstream= and ?department= narrow it",
    response_class=Response,
    responses={**REFUSALS, **PARTS, 200: {"content": {"text/calendar": {}}}},
)
def get_calendar(request: Request, ledger: LedgerDep, configuration: ConfigurationDep, keeper: KeeperDep) -> Response:
    """An event per milestone and commitment, to subscribe to; an event that moves keeps its id."""
    only([*request.query_params], ["workstream", "department"])
    try:
        ledger.veil.note_all()
        plan = plan_at(ledger.whole, configuration, ledger.clock())
        chosen = _chosen(request, plan, configuration)

        def make(out: BinaryIO) -> None:
            # What it stands on takes 4 MB, and is not needed by whoever reads none.
            from api.feeds.calendar import calendar

            out.write(calendar(ledger, configuration, plan, chosen))

        day = configuration.calendar.day(ledger.clock()).isoformat()
        kept = keeper.get(
            ("plan.ics", chosen, ledger.veil.sight),
            lambda: f"{ledger.whole.state()} {stamp_of(configuration, plan, day)}",
            make,
            part="range" in request.headers,
        )
    except LedgerError as error:
        log.warning("%s", error)
        raise NotReady("the database does not answer: the service's log says why") from error
    return answer(request, kept, "text/calendar; charset=utf-8", {"Content-Disposition": 'inline; filename="plan.ics"'})


def _chosen(request: Request, plan: Plan, configuration: Configuration) -> frozenset[str]:
    """Keys of the workstreams that are asked for: all of them where none is named."""
    streams = {w.key for w in plan.workstreams}
    departments = {d.department for d in configuration.departments} | {w.department for w in plan.workstreams}
    named = _known("workstream", request, streams)
    within = _known("department", request, departments)
    return frozenset(
        w.key for w in plan.workstreams if (not named or w.key in named) and (not within or w.department in within)
    )


def _known(parameter: str, request: Request, known: Collection[str]) -> list[str]:
    asked = request.query_params.getlist(parameter)
    for key in asked:
        if key not in known:
            raise WrongParameter(f"there is no {parameter} '{key[:80]}'{near(key, known)}")
    return asked
