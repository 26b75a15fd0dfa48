"""Everything that needs a decision, by department, severity, signal, decision owner or node: each choice is an address to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from api.pages.asked import Asking, Filtered
from api.pages.parts import Names, known_department, needed
from api.pages.render import Page
from api.pages.shapes import ExceptionsPageOut
from api.pages.tables import table
from api.planning import node_of
from signals.catalogue import RANK
from signals.exceptions import NeedsDecision

PAGE = 10
"""So many are shown at once: a page stays small however much is wrong."""
FILTERS: dict[str, Callable[[Names, NeedsDecision], str | None]] = {
    "department": lambda names, e: names.department(e.subject),
    "severity": lambda _, e: e.severity,
    "signal": lambda _, e: e.signal,
    "decision_owner": lambda _, e: e.decision_owner,
}
COLUMNS = "key severity title subject node department because result_owner decision_owner decision_needed sla_days opened_at decide_by affects"


def exceptions(asking: Asking, asked: Filtered) -> Page:
    """The list, filtered. Its CSV and Markdown have all of what was asked for, its HTML and JSON one page of it.

    Raises:
        NoSuchNode: it is asked for below a node that there is not.
        NoSuchDepartment: it is asked for those of a department that there is not.
    """
    board, configuration = asking.board(asked), asking.configuration
    names, rows = Names(configuration, board.plan), board.exceptions()
    choices = _choices(names, rows)
    if asked.department is not None:
        known_department(configuration, asked.department)
    filters = {k: v for k in (*FILTERS, "node") if (v := getattr(asked, k))}
    if asked.node is not None:
        node = node_of(board, asked.node)
        inside = board.plan.below(asked.node)
        rows = [e for e in rows if e.subject in inside or node.kind == "company"]
        choices["node"] = {asked.node: node.name}
    rows = [e for e in rows if all(getattr(asked, k) in (None, of(names, e)) for k, of in FILTERS.items())]
    pages = max(-(-len(rows) // PAGE), 1)
    number = min(asked.page, pages)
    shown = rows if asking.form in ("csv", "md") else rows[PAGE * (number - 1) : PAGE * number]
    items = needed(names, shown, configuration.calendar.day(board.as_of))
    told = ExceptionsPageOut(
        as_of=board.as_of, items=items, total=len(rows), page=number, pages=pages, filters=filters, choices=choices
    )
    none = f"Nothing needs a decision {'that is like this' if filters else 'now'}."
    lead = f"{len(rows)} {'needs' if len(rows) == 1 else 'need'} a decision." if rows else none
    return Page(
        "exceptions.html", "Exceptions", board.as_of, told, (table("Needs a decision", COLUMNS, items),), (lead,)
    )


def _choices(names: Names, rows: Sequence[NeedsDecision]) -> dict[str, dict[str, str]]:
    """What there is to choose from, of what is open: by filter, value to the words for it."""
    found = {k: {value for e in rows if (value := of(names, e))} for k, of in FILTERS.items()}
    titles = {e.signal: e.title for e in rows}
    return {
        "department": {k: names.departments.get(k, k) for k in sorted(found["department"])},
        "severity": {k: k for k in sorted(found["severity"], key=lambda s: -RANK[s])},
        "signal": dict(sorted(titles.items(), key=lambda pair: pair[1])),
        "decision_owner": {k: k for k in sorted(found["decision_owner"])},
    }
