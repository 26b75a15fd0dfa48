"""The HTTP API of the plan: pillars down to workstreams, exceptions, dependencies, definitions; as of any instant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query

from api.deps import NO_SUCH_NODE, WRONG_INSTANT, ConfigurationDep, LedgerDep, NoSuchPlanNode, WrongInstant
from api.planning import NoSuchNode, changes, company, definitions, reasons, standing, traced
from api.shapes_plan import (
    AsOf,
    ChangesOut,
    DefinitionsOut,
    DependenciesOut,
    DependencyOut,
    ExceptionsOut,
    NodesOut,
    NodeStatusOut,
    ReasonsOut,
    Since,
    Standing,
    StandingOut,
    TraceOut,
)
from ledger.read import Reads
from signals.facts import Facts
from sync.configuration import Configuration

plan = APIRouter(prefix="/v1", tags=["plan"])
Asked = Annotated[AsOf, Query()]
REFUSALS: dict[int | str, dict[str, Any]] = {**NO_SUCH_NODE, **WRONG_INSTANT}


def _at(asked: AsOf, ledger: Reads) -> datetime:
    """The instant asked for; now where none is."""
    now = ledger.clock()
    if asked.as_of is None:
        return now
    if asked.as_of.tzinfo is None:
        raise WrongInstant(
            "as_of needs an offset, for example 2026-11-20T17:00:00+01:00 (write + as %2B in an address)"
        )
    if asked.as_of > now + timedelta(minutes=5):
        raise WrongInstant(f"as_of {asked.as_of.isoformat()} lies in the future")
    return asked.as_of


def _in_period(asked: Standing, ledger: Reads, configuration: Configuration) -> datetime:
    """The instant asked for; a period alone means its end, or now while it runs."""
    at = _at(asked, ledger)
    if asked.period is None:
        return at
    period = configuration.plan.period_by_key.get(asked.period)
    if period is None:
        known = ", ".join(configuration.plan.period_by_key) or "none"
        raise WrongInstant(f"there is no period '{asked.period}': known are {known}")
    day = configuration.calendar.day(at)
    if asked.as_of is not None and not period.start_on <= day <= period.end_on:
        raise WrongInstant(
            f"as_of {asked.as_of.isoformat()} lies outside of {period.key} ({period.start_on} to {period.end_on})"
        )
    if day < period.start_on:
        raise WrongInstant(f"{period.key} begins on {period.start_on}")
    return min(at, configuration.calendar.end_of(period.end_on))


def _nodes(kind: str, asked: AsOf, ledger: Reads, configuration: Configuration) -> NodesOut:
    at = _at(asked, ledger)
    judged, _ = company(ledger, configuration, at, asked.basis)
    found = [n for n in judged.nodes.values() if n.kind == kind]
    return NodesOut(
        as_of=at, basis=asked.basis, items=[NodeStatusOut.model_validate(msgspec.to_builtins(n)) for n in found]
    )


@plan.get("/pillars", summary="Every pillar and how it stands", responses=WRONG_INSTANT)
def list_pillars(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> NodesOut:
    return _nodes("pillar", asked, ledger, configuration)


@plan.get("/objectives", summary="Every objective and how it stands", responses=WRONG_INSTANT)
def list_objectives(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> NodesOut:
    return _nodes("objective", asked, ledger, configuration)


@plan.get("/key-results", summary="Every key result and how it stands", responses=WRONG_INSTANT)
def list_key_results(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> NodesOut:
    return _nodes("key_result", asked, ledger, configuration)


@plan.get("/workstreams", summary="Every workstream and how it stands", responses=WRONG_INSTANT)
def list_workstreams(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> NodesOut:
    return _nodes("workstream", asked, ledger, configuration)


@plan.get("/pillars/{key}/status", summary="How are we tracking on this pillar?", responses=REFUSALS)
def get_pillar(
    key: str, asked: Annotated[Standing, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> StandingOut:
    return get_node(key, asked, ledger, configuration)


@plan.get("/nodes/{key}/status", summary="How does this node of the plan stand?", responses=REFUSALS)
def get_node(
    key: str, asked: Annotated[Standing, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> StandingOut:
    at = _in_period(asked, ledger, configuration)
    try:
        found = standing(ledger, configuration, key, at, basis=asked.basis, mapping=asked.mapping)
    except NoSuchNode as error:
        raise NoSuchPlanNode(str(error)) from error
    return StandingOut.model_validate(msgspec.to_builtins(found))


@plan.get("/nodes/{key}/explain", summary="Why does it stand so?", responses=REFUSALS)
def get_reasons(key: str, asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> ReasonsOut:
    try:
        found = reasons(ledger, configuration, key, _at(asked, ledger), basis=asked.basis)
    except NoSuchNode as error:
        raise NoSuchPlanNode(str(error)) from error
    return ReasonsOut.model_validate(msgspec.to_builtins(found))


@plan.get(
    "/key-results/{key}/trace", summary="Which workstream signalled first, or was it a surprise?", responses=REFUSALS
)
def get_trace(key: str, asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> TraceOut:
    try:
        return TraceOut.model_validate(msgspec.to_builtins(traced(ledger, configuration, key, _at(asked, ledger))))
    except NoSuchNode as error:
        raise NoSuchPlanNode(str(error)) from error


@plan.get("/exceptions", summary="Everything that needs a decision", responses=WRONG_INSTANT)
def list_exceptions(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> ExceptionsOut:
    at = _at(asked, ledger)
    judged, _ = company(ledger, configuration, at, asked.basis)
    return ExceptionsOut.model_validate({"as_of": at, "items": msgspec.to_builtins(judged.exceptions)})


@plan.get("/dependencies", summary="Commitments between workstreams, and what is open on them", responses=WRONG_INSTANT)
def list_dependencies(asked: Asked, ledger: LedgerDep, configuration: ConfigurationDep) -> DependenciesOut:
    judged, facts = company(ledger, configuration, _at(asked, ledger), asked.basis)
    opened: dict[str, list[str]] = {}
    for v in judged.verdicts:
        if v.signal.startswith("dependency_") and v.outcome == "open":
            opened.setdefault(v.variant, []).append(v.because)
    return DependenciesOut(
        items=[
            DependencyOut.model_validate(
                {
                    **msgspec.to_builtins(d),
                    "provider_item": _named(facts, d.provider_item),
                    "open": opened.get(d.key, []),
                }
            )
            for d in facts.plan.dependencies
        ]
    )


def _named(facts: Facts, provider_item: str | None) -> str | None:
    """What a commitment waits for, where the reader may see it."""
    item = facts.item_of(provider_item)
    return facts.hidden.get(item.id, provider_item) if item else provider_item


@plan.get("/changes", summary="What is different since an instant?", responses=WRONG_INSTANT)
def get_changes(asked: Annotated[Since, Query()], ledger: LedgerDep, configuration: ConfigurationDep) -> ChangesOut:
    until = _at(asked, ledger)
    begin = _at(AsOf(as_of=asked.since), ledger)
    return ChangesOut.model_validate(msgspec.to_builtins(changes(ledger, configuration, begin, until)))


@plan.get("/definitions", summary="Every signal, its thresholds and what it asks")
def list_definitions() -> DefinitionsOut:
    return DefinitionsOut.model_validate({"items": definitions()})
