"""One node of the plan: how it stands and stood, what it consists of, what it waits for, and what everything stands on."""

from __future__ import annotations

import msgspec

from api.course import measure_of, work_of
from api.deps import NoSuchPlanNode
from api.pages.asked import Asking, OnDay
from api.pages.parts import BESIDE, Names, line, needed, open_on, promise
from api.pages.render import Page
from api.pages.shapes import MeasureOut, NodePageOut, PlaceOut, PromiseOut, WorkOut
from api.pages.tables import Table, table
from api.planning import Board, standing
from api.v1.shapes_decisions import AnnotationOut, DecisionOut
from api.v1.shapes_plan import PortfolioOut, SignalOut
from api.words import SHAPES
from signals.plan import Dependency


def node(asking: Asking, asked: OnDay, kind: str) -> Page:
    """The page of a pillar, objective, key result or workstream.

    Raises:
        NoSuchNode, NoSuchPlanNode: the plan has none of this key, or it is of another kind.
    """
    board, configuration, key = asking.board(asked), asking.configuration, asking.key
    found = standing(board, key, limit=BESIDE)
    if found.node.kind != kind:
        raise NoSuchPlanNode(f"'{key}' is no {kind.replace('_', ' ')}: it is a {found.node.kind.replace('_', ' ')}")
    names, closes = Names(configuration, board.plan), asking.closes(board.as_of)
    rows = board.exceptions()
    opened = open_on(board, rows)

    def told(promises: list[Dependency]) -> list[PromiseOut]:
        return [promise(names, d, opened.get(d.key, ())) for d in promises]

    spoken, stream = board.spoken().of(key), board.plan.workstream_by_key.get(key)
    work = work_of(asking.ledger, configuration, board, stream, now=asking.at(asked) is None) if stream else None
    metric = measure_of(asking.ledger, configuration, board, found.node) if kind == "key_result" else None
    planned = board.plan.node(key)
    page = NodePageOut(
        as_of=board.as_of,
        node=line(names, found.node, closes),
        above=_above(names, board, key),
        department=names.departments.get(names.department(key) or ""),
        origin=planned.origin if planned else "",
        children=[line(names, n, closes) for n in found.children],
        portfolio=PortfolioOut.model_validate(msgspec.to_builtins(found.portfolio)),
        exceptions=needed(names, found.exceptions, configuration.calendar.day(board.as_of)),
        exceptions_total=found.exceptions_total,
        signals=[SignalOut.model_validate(msgspec.to_builtins(v)) for v in board.verdicts(key)],
        needs=told([d for d in board.plan.dependencies if d.consumer == key]),
        awaited_by=told([d for d in board.plan.dependencies if d.provider == key]),
        decisions=[DecisionOut.told(d) for d in spoken.decisions],
        annotations=[AnnotationOut.told(a) for a in spoken.annotations if spoken.counts(a) and not a.signal],
        work=WorkOut.model_validate(msgspec.to_builtins(work)) if work else None,
        measure=MeasureOut.model_validate(msgspec.to_builtins(metric)) if metric else None,
    )
    lead = f"{' '.join(SHAPES[page.node.headline])}: {page.node.name}. {page.node.because}"
    return Page("node.html", page.node.name, board.as_of, page, _tables(page), (lead,))


def _tables(page: NodePageOut) -> tuple[Table, ...]:
    """Of a workstream its milestones first, of all others what they consist of."""
    status = "key kind name owner_name headline reported derived because coverage progress progress_kind"
    steps = table(
        "Milestones", "title baseline_on due_on done_on late_days state url", page.work.steps if page.work else ()
    )
    below = table("Consists of", status, page.children)
    opened = "severity because decision_owner decision_needed decide_by"
    return (
        *((steps,) if page.work else (below,)),
        table("Needs a decision", opened, page.exceptions),
        table("Signals", "signal outcome severity because reason", page.signals),
        table("Waits for", "deliverable provider_name needed_by committed_by person state open", page.needs),
        table("Is waited for by", "deliverable consumer_name needed_by committed_by state open", page.awaited_by),
        table("Decisions", "decided_on kind decided_by act_owner act_by loop says note", page.decisions),
        table("Weeks", "week headline reported derived published restated", page.node.weeks),
        *((table("Records", "id title status due_on url", page.work.records),) if page.work else ()),
    )


def _above(names: Names, board: Board, key: str) -> list[PlaceOut]:
    """What a node serves, the pillar first; of a workstream every key result, each behind its objective and pillar."""
    plan = board.plan
    stream, result = plan.workstream_by_key.get(key), plan.key_result_by_key.get(key)
    results = [plan.key_result_by_key[k] for k in stream.supports if k in plan.key_result_by_key] if stream else []
    parents = {r.objective for r in results} | ({result.objective} if result else set())
    objectives = [plan.objective_by_key[o] for o in sorted(parents) if o in plan.objective_by_key]
    own = plan.objective_by_key.get(key)
    pillars = {o.pillar for o in objectives} | ({own.pillar} if own else set())
    found = [("pillar", p.key, p.name) for p in plan.pillars if p.key in pillars]
    found += [("objective", o.key, o.title) for o in objectives] + [("key_result", r.key, r.title) for r in results]
    return [PlaceOut(kind=kind, name=name, address=names.address(k)) for kind, k, name in found]
