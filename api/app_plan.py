"""The HTTP API of the plan: pillars down to workstreams, exceptions, dependencies, definitions; as of any instant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from api.deps import NO_SUCH_NODE, WRONG_INSTANT, ConfigurationDep, LedgerDep, NoSuchPlanNode, WrongInstant
from api.planning import (
    Board,
    Nodes,
    NoSuchNode,
    board_at,
    changes,
    check_ins,
    definitions,
    reasons,
    standing,
    traced,
)
from api.sent import sent
from api.shapes_plan import (
    EXAMPLE,
    AsOf,
    ChangesOut,
    Checked,
    CheckInOut,
    CheckInsOut,
    DefinitionsOut,
    DependenciesOut,
    DependencyOut,
    ExceptionsOut,
    NodesOut,
    ReasonsOut,
    Since,
    Standing,
    StandingOut,
    TraceOut,
)
from ledger.read import Reads
from sync.configuration import Configuration

plan = APIRouter(prefix="/v1", tags=["plan"])
Asked = Annotated[Standing, Query()]
REFUSALS: dict[int | str, dict[str, Any]] = {**NO_SUCH_NODE, **WRONG_INSTANT}


def instant_of(asked: AsOf, ledger: Reads) -> datetime | None:
    """The instant asked for; None, which is now, where none is."""
    now = ledger.clock()
    if asked.as_of is None:
        return None
    if asked.as_of.tzinfo is None:
        raise WrongInstant(f"as_of needs an offset, for example {EXAMPLE} (write + as %2B in an address)")
    if asked.as_of.year < 1970:
        raise WrongInstant(f"as_of {asked.as_of.isoformat()} lies before 1970, and so before anything that is known")
    if asked.as_of > now + timedelta(minutes=5):
        raise WrongInstant(f"as_of {asked.as_of.isoformat()} lies in the future")
    return asked.as_of


def _in_period(asked: Standing, ledger: Reads, configuration: Configuration) -> datetime | None:
    """The instant asked for; a period alone means its end, or now while it runs."""
    at = instant_of(asked, ledger)
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


def _nodes(kind: str, asked: Standing, ledger: Reads, configuration: Configuration) -> Response:
    board = _board(asked, ledger, configuration)
    return sent(Nodes(board.as_of, asked.basis, list(board.nodes(kind).values())), NodesOut)


def _board(asked: Standing, ledger: Reads, configuration: Configuration) -> Board:
    return board_at(ledger, configuration, _in_period(asked, ledger, configuration), asked.basis, asked.mapping)


@plan.get("/pillars", summary="Every pillar and how it stands", response_model=NodesOut, responses=WRONG_INSTANT)
def list_pillars(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Pillars with headline, reasons, coverage and age, as of now or of any instant."""
    return _nodes("pillar", asked, ledger, configuration)


@plan.get("/objectives", summary="Every objective and how it stands", response_model=NodesOut, responses=WRONG_INSTANT)
def list_objectives(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Objectives with headline, reasons, coverage and age, as of now or of any instant."""
    return _nodes("objective", asked, ledger, configuration)


@plan.get(
    "/key-results", summary="Every key result and how it stands", response_model=NodesOut, responses=WRONG_INSTANT
)
def list_key_results(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Key results with headline, reasons, progress and age, as of now or of any instant."""
    return _nodes("key_result", asked, ledger, configuration)


@plan.get(
    "/workstreams", summary="Every workstream and how it stands", response_model=NodesOut, responses=WRONG_INSTANT
)
def list_workstreams(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Workstreams with what was reported, what the evidence says, and age, as of now or of any instant."""
    return _nodes("workstream", asked, ledger, configuration)


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
        found = standing(_board(asked, ledger, configuration), key, basis=asked.basis)
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


@plan.get("/exceptions", summary="Everything that needs a decision", responses=WRONG_INSTANT)
def list_exceptions(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> ExceptionsOut:
    """What needs a decision, the worst first, with whose it is and since when."""
    board = _board(asked, ledger, configuration)
    return ExceptionsOut.model_validate({"as_of": board.as_of, "items": msgspec.to_builtins(board.exceptions())})


@plan.get("/dependencies", summary="Commitments between workstreams, and what is open on them", responses=WRONG_INSTANT)
def list_dependencies(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> DependenciesOut:
    """Who waits for whom, what was promised until when, and what is open on it."""
    board = _board(asked, ledger, configuration)
    opened: dict[str, list[str]] = {}
    for e in board.exceptions():
        if e.signal.startswith("dependency_"):
            opened.setdefault(e.variant, []).append(e.because)
    return DependenciesOut(
        items=[
            DependencyOut.model_validate({**msgspec.to_builtins(d), "open": opened.get(d.key, [])})
            for d in board.plan.dependencies
        ]
    )


@plan.get("/changes", summary="What is different since an instant?", responses=WRONG_INSTANT)
def get_changes(asked: Annotated[Since, Query()], ledger: LedgerDep, configuration: ConfigurationDep) -> ChangesOut:
    """Headlines that changed, and exceptions opened and cleared, between two instants."""
    before = board_at(ledger, configuration, instant_of(AsOf(as_of=asked.since), ledger), asked.basis, asked.mapping)
    found = changes(before, _board(asked, ledger, configuration))
    return ChangesOut.model_validate(msgspec.to_builtins(found))


@plan.get("/check-ins", summary="What each workstream said in each closed week", responses=WRONG_INSTANT)
def list_check_ins(
    asked: Annotated[Checked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> CheckInsOut:
    """Check-ins as they were published with their week, and whether an earlier version said otherwise."""
    rows = check_ins(ledger, configuration, asked.week, asked.node)
    return CheckInsOut(
        items=[
            CheckInOut.model_validate({**msgspec.to_builtins(c), "restated": restated, "version": version})
            for c, restated, version in rows
        ]
    )


@plan.get("/definitions", summary="Every signal, its thresholds and what it asks")
def list_definitions() -> DefinitionsOut:
    """Every signal with its rule in words, its thresholds and whom it asks for what."""
    return DefinitionsOut.model_validate({"items": definitions()})
