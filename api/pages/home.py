"""The answer: one sentence per pillar, what needs a decision, and what changed since the last close."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import msgspec

from api.asking import answers
from api.course import Close
from api.pages.asked import Asking, OnDay
from api.pages.parts import SHOWN, Names, line, needed
from api.pages.render import Page
from api.pages.shapes import ClearedOut, HomeOut, MovedOut, SinceOut
from api.pages.tables import table
from api.planning import Board
from api.v1.shapes import DepartmentOut
from api.v1.shapes_plan import PortfolioOut
from api.words import SHAPES
from signals.catalogue import CATALOGUE
from signals.exceptions import NeedsDecision, portfolio
from signals.nodes import NodeStatus


def home(asking: Asking, asked: OnDay) -> Page:
    """The page that answers."""
    board, configuration = asking.board(asked), asking.configuration
    names, closes = Names(configuration, board.plan), asking.closes(board.as_of)
    kinds = ("company", "pillar", "objective", "key_result", "workstream")
    nodes = {kind: board.nodes(kind) for kind in kinds}
    pillars = [line(names, n, closes) for n in nodes["pillar"].values()]
    company = next((line(names, n, closes) for n in nodes["company"].values()), None) if pillars else None
    rows, today = board.exceptions(), configuration.calendar.day(board.as_of)
    standing = {key: n for of in nodes.values() for key, n in of.items()}
    told = HomeOut(
        organisation=configuration.organisation.name,
        as_of=board.as_of,
        company=company,
        pillars=pillars,
        portfolio=_worth(nodes["workstream"], nodes["key_result"]),
        exceptions=needed(names, rows[:SHOWN], today),
        exceptions_total=len(rows),
        since=_since(names, closes[-1], standing, rows, today) if closes else None,
        departments=[] if asking.at(asked) else _departments(asking, board),
        notes=[note for note in (asking.live.problem, _unread(rows)) if note],
    )
    columns = "key name owner_name headline reported derived because distribution coverage data_age_seconds"
    exceptions = "severity because node result_owner decision_owner decision_needed decide_by"
    return Page(
        "home.html",
        configuration.organisation.name,
        board.as_of,
        told,
        (table("Pillars", columns, pillars), table("Needs a decision", exceptions, told.exceptions)),
        (*told.notes, *(f"{' '.join(SHAPES[n.headline])}: {n.name}. {n.because}" for n in pillars)),
    )


def _unread(rows: Sequence[NeedsDecision]) -> str:
    """Which trackers were not read as they should: a colour made of what was so then is no colour of today. "" where all were."""
    found = [e.because for e in rows if e.signal == "source_stale"]
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return f"{'; '.join(found[:3])}{more}: what stands on that is as old." if found else ""


def _worth(streams: dict[str, NodeStatus], results: dict[str, NodeStatus]) -> PortfolioOut | None:
    """What the colours are worth; None without a plan."""
    found = [*streams.values(), *results.values()]
    return PortfolioOut.model_validate(msgspec.to_builtins(portfolio(found))) if found else None


def _departments(asking: Asking, board: Board) -> list[DepartmentOut]:
    told = answers(asking.ledger, asking.configuration, board.as_of)
    return [DepartmentOut.model_validate(msgspec.to_builtins(a)) for a in told]


def _since(
    names: Names, close: Close, nodes: dict[str, NodeStatus], rows: Sequence[NeedsDecision], today: date
) -> SinceOut:
    """What is different since a week closed."""
    moved = [
        _moved(names, n, then.headline)
        for key, n in nodes.items()
        if (then := close.nodes.get(key)) is not None and then.headline is not n.headline
    ]
    opened = needed(names, (e for e in rows if e.key not in close.open), today)
    return SinceOut(
        week=close.week,
        closed_at=close.closed_at,
        published=close.published,
        nodes=moved,
        opened=opened,
        cleared=_cleared(names, close.open - {e.key for e in rows}, nodes),
    )


def _moved(names: Names, n: NodeStatus, before: str) -> MovedOut:
    told = {"key": n.key, "kind": n.kind, "name": n.name, "before": before, "after": n.headline, "because": n.because}
    return MovedOut.model_validate({**told, "address": names.address(n.key)})


def _cleared(names: Names, keys: Collection[str], nodes: dict[str, NodeStatus]) -> list[ClearedOut]:
    """What does not need a decision any more, by what it is called: its sentence of then is not kept for every reader."""
    found = []
    for key in sorted(keys):
        signal, *parts = key.split(":")
        tries = [":".join(parts[:n]) for n in range(1, len(parts) + 1)]  # a node's own key may have colons in it
        subject = next((t for t in tries if t in nodes or t in names.sources), "")
        if subject and signal in CATALOGUE:
            name, title = nodes[subject].name if subject in nodes else subject, CATALOGUE[signal].title
            address = names.address(subject)
            found.append(ClearedOut(signal=signal, title=title, subject=subject, name=name, address=address))
    return found
