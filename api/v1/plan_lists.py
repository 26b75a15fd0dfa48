"""The lists of the plan: its nodes and how they stand, what needs a decision, every signal, commitments, check-ins, definitions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response

from api.deps import WRONG_INSTANT, ConfigurationDep, LedgerDep
from api.planning import check_ins, definitions
from api.v1.listing import Ranked, answer_at_hand, matching, row_as
from api.v1.plan import board_asked
from api.v1.question import Question
from api.v1.shapes_plan_lists import (
    CheckInRow,
    CheckInsAsked,
    CheckInsOut,
    DefinitionRow,
    DefinitionsAsked,
    DefinitionsOut,
    DependenciesAsked,
    DependenciesOut,
    DependencyRow,
    ExceptionRow,
    ExceptionsAsked,
    ExceptionsOut,
    NodeRow,
    NodesAsked,
    NodesOut,
    SignalRow,
    SignalsAsked,
    SignalsOut,
)
from ledger.read import Reads
from signals.catalogue import CATALOGUE
from signals.exceptions import urgency
from sync.configuration import Configuration

plan_lists = APIRouter(prefix="/v1", tags=["plan"], route_class=Question)
Nodes = Annotated[NodesAsked, Query()]
NODES: dict[str, Any] = {"response_model": NodesOut, "responses": WRONG_INSTANT}


def _nodes(kind: str, asked: NodesAsked, ledger: Reads, configuration: Configuration) -> Response:
    board = board_asked(asked, ledger, configuration)
    rows: list[Ranked] = [
        ((n,), row_as(NodeRow, node, status=node.status)) for n, node in enumerate(board.nodes(kind).values())
    ]
    found = matching(rows, asked, "headline", "lifecycle", "owner", "watermelon", key="node")
    return answer_at_hand(kind, found, asked, as_of=board.as_of, basis=asked.basis)


@plan_lists.get("/pillars", summary="Every pillar and how it stands", **NODES)
def list_pillars(asked: Nodes, ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Pillars with headline, reasons, coverage and age, as of now or of any instant."""
    return _nodes("pillar", asked, ledger, configuration)


@plan_lists.get("/objectives", summary="Every objective and how it stands", **NODES)
def list_objectives(asked: Nodes, ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Objectives with headline, reasons, coverage and age, as of now or of any instant."""
    return _nodes("objective", asked, ledger, configuration)


@plan_lists.get("/key-results", summary="Every key result and how it stands", **NODES)
def list_key_results(asked: Nodes, ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Key results with headline, reasons, progress and age, as of now or of any instant."""
    return _nodes("key_result", asked, ledger, configuration)


@plan_lists.get("/workstreams", summary="Every workstream and how it stands", **NODES)
def list_workstreams(asked: Nodes, ledger: LedgerDep, configuration: ConfigurationDep) -> Response:
    """Workstreams with what was reported, what the evidence says, and age, as of now or of any instant."""
    return _nodes("workstream", asked, ledger, configuration)


@plan_lists.get(
    "/exceptions", summary="Everything that needs a decision", response_model=ExceptionsOut, responses=WRONG_INSTANT
)
def list_exceptions(
    asked: Annotated[ExceptionsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """What needs a decision, the worst first, with whose it is and since when."""
    board = board_asked(asked, ledger, configuration)
    rows: list[Ranked] = [(urgency(e), row_as(ExceptionRow, e)) for e in board.exceptions()]
    return answer_at_hand(
        "exceptions", matching(rows, asked, "signal", "severity", "subject"), asked, as_of=board.as_of
    )


@plan_lists.get("/signals", summary="Every signal of every node", response_model=SignalsOut, responses=WRONG_INSTANT)
def list_signals(
    asked: Annotated[SignalsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """What every signal says of every node and tracker, what is clear and what cannot be computed too, with its evidence and inputs."""
    board = board_asked(asked, ledger, configuration)
    opened = {e.key: msgspec.to_builtins(e.opened_at) for e in board.exceptions()}
    rows: list[Ranked] = [
        (
            (v.subject, v.signal, v.variant),
            row_as(SignalRow, v, key=v.key, title=CATALOGUE[v.signal].title, opened_at=opened.get(v.key)),
        )
        for v in board.every()
        if not asked.node or v.subject in asked.node
    ]
    return answer_at_hand("signals", matching(rows, asked, "signal", "severity", "outcome"), asked, as_of=board.as_of)


@plan_lists.get(
    "/dependencies", summary="Commitments between workstreams, and what is open on them", response_model=DependenciesOut,
    responses=WRONG_INSTANT,
)  # fmt: skip
def list_dependencies(
    asked: Annotated[DependenciesAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Who waits for whom, what was promised until when, and what is open on it."""
    board = board_asked(asked, ledger, configuration)
    opened: dict[str, list[str]] = {}
    for e in board.exceptions():
        if e.signal.startswith("dependency_"):
            opened.setdefault(e.variant, []).append(e.because)
    rows: list[Ranked] = [
        ((n,), row_as(DependencyRow, d, open=opened.get(d.key, []))) for n, d in enumerate(board.plan.dependencies)
    ]
    return answer_at_hand(
        "dependencies", matching(rows, asked, "consumer", "provider", "state"), asked, as_of=board.as_of
    )


@plan_lists.get("/check-ins", summary="What each workstream said in each closed week", response_model=CheckInsOut)
def list_check_ins(
    asked: Annotated[CheckInsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Check-ins as they were published with their week, and whether an earlier version said otherwise."""
    rows: list[Ranked] = [
        ((c.week, c.node), row_as(CheckInRow, c, restated=restated, version=version))
        for c, restated, version in check_ins(ledger, configuration)
    ]
    found = matching(rows, asked, "week", "node", "reported", "freshness")
    return answer_at_hand("check-ins", found, asked, as_of=ledger.clock())


@plan_lists.get("/definitions", summary="Every signal, its thresholds and what it asks", response_model=DefinitionsOut)
def list_definitions(asked: Annotated[DefinitionsAsked, Query()], ledger: LedgerDep) -> Response:
    """Every signal with its rule in words, its thresholds and whom it asks for what."""
    rows: list[Ranked] = [((n,), row_as(DefinitionRow, d)) for n, d in enumerate(definitions())]
    return answer_at_hand("definitions", matching(rows, asked, "kind", key="signal"), asked, as_of=ledger.clock())
