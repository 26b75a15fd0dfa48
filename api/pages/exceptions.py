"""Everything that needs a decision, by department, severity, signal, decision owner or node: each choice is an address to keep."""

from __future__ import annotations

from collections.abc import Sequence

from api.pages.asked import Asking, Filtered
from api.pages.parts import Names, needed
from api.pages.render import Page
from api.pages.shapes import ExceptionOut, ExceptionsPageOut
from api.pages.tables import table
from api.planning import node_of
from signals.catalogue import RANK

PAGE = 20
"""So many are shown at once: a page stays small however much is wrong."""
COLUMNS = "key severity title subject node department because result_owner decision_owner decision_needed sla_days opened_at decide_by affects"


def exceptions(asking: Asking, asked: Filtered) -> Page:
    """The list, filtered. Its CSV and Markdown have all of what was asked for, its HTML and JSON one page of it."""
    board, configuration = asking.board(asked), asking.configuration
    names = Names(configuration, board.plan)
    rows = needed(names, board.exceptions(), configuration.calendar.day(board.as_of))
    choices = _choices(names, rows)
    if asked.node is not None:
        inside, node = board.plan.below(asked.node), node_of(board, asked.node)
        rows = [e for e in rows if e.subject in inside or node.kind == "company"]
        choices["node"] = {asked.node: node.name}
    filters = {k: v for k in ("department", "severity", "signal", "decision_owner") if (v := getattr(asked, k))}
    rows = [e for e in rows if all(getattr(e, k) == v for k, v in filters.items())]
    if asked.node is not None:
        filters["node"] = asked.node
    pages = max(-(-len(rows) // PAGE), 1)
    number = min(asked.page, pages)
    told = ExceptionsPageOut(
        as_of=board.as_of, items=rows[PAGE * (number - 1) : PAGE * number], total=len(rows), page=number, pages=pages,
        filters=filters, choices=choices,
    )  # fmt: skip
    lead = f"{len(rows)} need a decision." if rows else "Nothing needs a decision now."
    return Page(
        "exceptions.html", "Exceptions", board.as_of, told, (table("Needs a decision", COLUMNS, rows),), (lead,)
    )


def _choices(names: Names, rows: Sequence[ExceptionOut]) -> dict[str, dict[str, str]]:
    """What there is to choose from, of what is open."""
    return {
        "department": {k: names.departments.get(k, k) for k in sorted({e.department for e in rows if e.department})},
        "severity": {k: k for k in sorted({e.severity for e in rows}, key=lambda s: -RANK[s])},
        "signal": dict(sorted({e.signal: e.title for e in rows}.items(), key=lambda pair: pair[1])),
        "decision_owner": {k: k for k in sorted({e.decision_owner for e in rows if e.decision_owner})},
    }
