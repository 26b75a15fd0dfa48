"""What the answers stand on: the trackers and how fresh they are, what the words mean here, and how one record was read."""

from __future__ import annotations

import msgspec

from api.asking import explain, sources
from api.connect.routes import ToolsOut, ways
from api.deps import NoSuchItem
from api.pages.asked import Asking
from api.pages.parts import Names, needed
from api.pages.render import Page
from api.pages.shapes import DefinitionsPageOut, ItemPageOut, MeaningOut, SourcesPageOut
from api.pages.tables import table
from api.planning import board_at
from api.v1.shapes import ExplanationOut, SourceOut
from signals.catalogue import CATALOGUE, Definition
from signals.headline import FORMULA
from sync.facts import thresholds


def all_sources(asking: Asking) -> Page:
    """How well each tracker is read."""
    board = board_at(asking.ledger, asking.configuration)
    names = Names(asking.configuration, board.plan)
    found = [SourceOut.model_validate(s) for s in sources(asking.ledger, asking.configuration)]
    rows = [e for e in board.exceptions() if e.subject in names.sources]
    told = SourcesPageOut(
        as_of=board.as_of,
        items=found,
        departments={s.key: names.departments[names.sources[s.key]] for s in found},
        exceptions=needed(names, rows, asking.configuration.calendar.day(board.as_of)),
    )
    columns = "key kind state reason last_good_at next_at unmapped unobserved access_lost"
    whole = sum(s.state == "complete" for s in found)
    overdue = sum(e.signal == "source_stale" for e in rows)
    late = f", and {overdue} should have been read since" if overdue else ""
    lead = f"{whole} of {len(found)} trackers were read whole at their last run{late}."
    return Page("sources.html", "Sources", board.as_of, told, (table("Sources", columns, found),), (lead,), dated=False)


def definitions(asking: Asking) -> Page:
    """What "on track" means here."""
    board = board_at(asking.ledger, asking.configuration)
    names = Names(asking.configuration, board.plan)
    told = DefinitionsPageOut(
        as_of=board.as_of, formula=FORMULA, items=[_meaning(names, row) for row in CATALOGUE.values()]
    )
    columns = "key kind title asks decides sla_days thresholds own"
    return Page(
        "definitions.html", "Definitions", board.as_of, told, (table("Signals", columns, told.items),), dated=False
    )


def _meaning(names: Names, row: Definition) -> MeaningOut:
    """A signal with the thresholds that are in force, and whom the plan asks."""
    limits, rights = thresholds(names.configuration), names.plan.decision_rights
    right = next((r for r in rights if r.situation == row.situation), None)
    everywhere = limits.of(row.key)
    own = {
        name: mine
        for key, name in names.departments.items()
        if (mine := {k: v for k, v in limits.of(row.key, key).items() if everywhere.get(k) != v})
    }
    return MeaningOut(
        key=row.key,
        kind=row.kind,
        title=row.title,
        asks=right.response if right else row.asks,
        decides=names.person(right.decision_owner) if right else None,
        sla_days=right.sla_days if right else None,
        thresholds=dict(everywhere),
        own=own,
    )


def connecting(asking: Asking) -> Page:
    """How other tools read what stands here."""
    told = ToolsOut.model_validate({"items": msgspec.to_builtins(ways(asking.request))})
    return Page("connect.html", "Connect", asking.ledger.clock(), told, dated=False, forms=("json", "md"))


def item(asking: Asking) -> Page:
    """How one record was read: every word, its rule, what it became.

    Raises:
        NoSuchItem: there is none of this id or key that its reader may see.
    """
    found = explain(asking.ledger, asking.key)
    if found is None:
        raise NoSuchItem(f"no single item has the id or key '{asking.key}'")
    told = ItemPageOut(
        as_of=asking.ledger.clock(), explanation=ExplanationOut.model_validate(msgspec.to_builtins(found))
    )
    words = table("Words", "field raw raw_id canonical rule finding", told.explanation.words)
    return Page("item.html", f"{found.key} {found.title}", told.as_of, told, (words,), dated=False)
