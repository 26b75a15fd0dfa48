"""Who waits for whom across departments, what is overdue, and what leans on the same work."""

from __future__ import annotations

from collections import Counter

from api.pages.asked import Asking, OnDay
from api.pages.parts import Names, needed, open_on, promise
from api.pages.render import Page
from api.pages.shapes import DependenciesPageOut, PairOut, PromiseOut
from api.pages.tables import table

COLLISIONS = ("collision", "overloaded_owner", "overpromised_provider", "dependency_cycle")


def dependencies(asking: Asking, asked: OnDay) -> Page:
    """The page about what lies between workstreams."""
    board, configuration = asking.board(asked), asking.configuration
    names = Names(configuration, board.plan)
    found = board.exceptions()
    rows = needed(names, found, configuration.calendar.day(board.as_of))
    opened = open_on(board, found)
    promises = [promise(names, d, opened.get(d.key, ())) for d in board.plan.dependencies if d.state != "withdrawn"]
    pairs = _pairs(promises)
    told = DependenciesPageOut(
        as_of=board.as_of,
        departments=sorted({p.consumer for p in pairs} | {p.provider for p in pairs}),
        pairs=pairs,
        promises=sorted(promises, key=lambda p: (not p.open, p.consumer_name, p.rank or 99)),
        overdue=[e for e in rows if e.signal == "dependency_overdue"],
        other=[
            e
            for e in rows
            if e.signal.startswith("dependency_") and e.signal not in ("dependency_overdue", *COLLISIONS)
        ],
        collisions=[e for e in rows if e.signal in COLLISIONS],
    )
    columns = "consumer_name consumer_department deliverable provider_name provider_department needed_by committed_by person state open"
    lead = f"{len(promises)} commitments, on {sum(bool(p.open) for p in promises)} of which something is open."
    sentences = "severity because node decision_owner decision_needed decide_by"
    tables = (
        table("Commitments", columns, told.promises),
        table("Who waits for whom", "consumer provider promises open", pairs),
        table("Overdue", sentences, told.overdue),
        table("Open", sentences, told.other),
        table("Collisions", sentences, told.collisions),
    )
    return Page("dependencies.html", "Dependencies", board.as_of, told, tables, (lead,))


def _pairs(promises: list[PromiseOut]) -> list[PairOut]:
    """Commitments by pair of departments."""
    count: Counter[tuple[str, str]] = Counter()
    opened: Counter[tuple[str, str]] = Counter()
    for p in promises:
        pair = (p.consumer_department, p.provider_department)
        count[pair] += 1
        opened[pair] += bool(p.open)
    return [PairOut(consumer=a, provider=b, promises=n, open=opened[a, b]) for (a, b), n in sorted(count.items())]
