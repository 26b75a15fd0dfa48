"""The HTTP API of the plan: how one node stands, why, what came before it and what changed; as of any instant."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from api.deps import NO_SUCH_NODE, WRONG_INSTANT, ConfigurationDep, LedgerDep, NoSuchPlanNode, WrongInstant
from api.planning import (
    Board,
    NoSuchNode,
    board_at,
    changes,
    reasons,
    standing,
    traced,
)
from api.v1.instants import instant
from api.v1.question import Question
from api.v1.sent import sent
from api.v1.shapes_plan import (
    ChangesOut,
    ReasonsOut,
    Since,
    Standing,
    StandingOut,
    TraceOut,
)
from ledger.read import Reads
from sync.configuration import Configuration

plan = APIRouter(prefix="/v1", tags=["plan"], route_class=Question)
Asked = Annotated[Standing, Query()]
REFUSALS: dict[int | str, dict[str, Any]] = {**NO_SUCH_NODE, **WRONG_INSTANT}


def _in_period(asked: Standing, ledger: Reads, configuration: Configuration) -> datetime | None:
    """The instant asked for; a period alone means its end, or now while it runs."""
    at = instant(asked.as_of, ledger)
    if asked.period is None:
        return at
    period = configuration.plan.period_by_key.get(asked.period)
    if period is None:
        known = ", ".join(configuration.plan.period_by_key) or "none"
        raise WrongInstant(f"there is no period '{asked.period}': known are {known}")
    day = configuration.calendar.day(at or ledger.clock())
    if asked.as_of is not None and not period.start_on <= day <= period.end_on:
        raise WrongInstant(
            f"as_of {asked.as_of.isoformat()} lies outside of {period.key} ({period.start_on} to {period.end_on})"
        )
    if day < period.start_on:
        raise WrongInstant(f"{period.key} begins on {period.start_on}")
    end = configuration.calendar.end_of(period.end_on)
    return end if at is None and ledger.clock() > end else at


def board_asked(asked: Standing, ledger: Reads, configuration: Configuration) -> Board:
    """How everything stands as of what was asked for.

    Raises:
        WrongInstant: there is no such instant or period.
    """
    return board_at(ledger, configuration, _in_period(asked, ledger, configuration), asked.basis, asked.mapping)


@plan.get(
    "/pillars/{key}/status",
    summary="How are we tracking on this pillar?",
    response_model=StandingOut,
    responses=REFUSALS,
)
def get_pillar(
    key: str, asked: Annotated[Standing, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """The pillar with everything below it, and what needs a decision."""
    return get_node(key, asked, ledger, configuration)


@plan.get(
    "/nodes/{key}/status",
    summary="How does this node of the plan stand?",
    response_model=StandingOut,
    responses=REFUSALS,
)
def get_node(
    key: str, asked: Annotated[Standing, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """A pillar, objective, key result or workstream with everything below it, and what needs a decision."""
    try:
        found = standing(board_asked(asked, ledger, configuration), key, basis=asked.basis)
    except NoSuchNode as error:
        raise NoSuchPlanNode(str(error)) from error
    return sent(found, StandingOut)


@plan.get("/nodes/{key}/explain", summary="Why does it stand so?", responses=REFUSALS)
def get_reasons(key: str, asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> ReasonsOut:
    """Every signal that speaks for or against the node, with its evidence."""
    try:
        at = _in_period(asked, ledger, configuration)
        found = reasons(ledger, configuration, key, at, basis=asked.basis, mapping=asked.mapping)
    except NoSuchNode as error:
        raise NoSuchPlanNode(str(error)) from error
    return ReasonsOut.told(found)


@plan.get(
    "/key-results/{key}/trace", summary="Which workstream signalled first, or was it a surprise?", responses=REFUSALS
)
def get_trace(key: str, asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> TraceOut:
    """From a key result down to the workstream that first told of its trouble, if any did."""
    try:
        at = _in_period(asked, ledger, configuration) or ledger.clock()
        found = traced(ledger, configuration, key, at, basis=asked.basis, mapping=asked.mapping)
    except NoSuchNode as error:
        raise NoSuchPlanNode(str(error)) from error
    return TraceOut.model_validate(msgspec.to_builtins(found))


@plan.get("/changes", summary="What is different since an instant?", responses=WRONG_INSTANT)
def get_changes(asked: Annotated[Since, Query()], ledger: LedgerDep, configuration: ConfigurationDep) -> ChangesOut:
    """Headlines that changed, and exceptions opened and cleared, between two instants."""
    before = board_at(ledger, configuration, instant(asked.since, ledger, "since"), asked.basis, asked.mapping)
    found = changes(before, board_asked(asked, ledger, configuration))
    return ChangesOut.model_validate(msgspec.to_builtins(found))
