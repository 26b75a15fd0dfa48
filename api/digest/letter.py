"""What the digest says, in the words of the page and the terminal; as text, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from api.planning import Board, standing
from api.words import CONTROL, SEVERITIES, SHAPES, plain
from signals.exceptions import NeedsDecision
from signals.nodes import NodeStatus

MOST = 7
"""Lines; the rest stands on the page."""
Form = Literal["text", "markdown", "html"]
ENDINGS: dict[Form, str] = {"text": "txt", "markdown": "md", "html": "html"}
UNSAYABLE = dict.fromkeys(CONTROL, " ")
ADDRESS = "%:/?#[]@!$&'*+,;=~-._"
"""What a link may have as it is; all else, brackets above all, is percent-encoded."""
MARKED = str.maketrans({"[": "(", "]": ")", "<": "‹", ">": "›", "*": "∗", "`": "'", "~": "∼", "|": "¦"})
"""What Markdown and Slack would read as links, mentions and emphasis. Slack shows backslashes, so that nothing can be escaped there."""


class Pillar(msgspec.Struct, frozen=True):
    """One sentence: how a pillar stands."""

    shape: str
    name: str
    status: str
    because: str
    link: str


class Line(msgspec.Struct, frozen=True):
    """One thing that needs a decision."""

    shape: str
    because: str
    asks: str
    link: str


class Letter(msgspec.Struct, frozen=True):
    """A week's digest as one reader may have it."""

    week: str
    as_of: datetime
    subject: str
    verdict: str
    pillars: tuple[Pillar, ...]
    lines: tuple[Line, ...]
    more: int
    pages: str

    @property
    def clear(self) -> bool:
        return not self.lines


def letter(board: Board, organisation: str, week: str, pages: str = "") -> Letter:
    """The digest of a week from how everything stands on a board.

    pages: where people open Sightline, without a slash at the end; no links where it is empty.
    """
    answer = standing(board, "company", limit=MOST)
    pillars = tuple(board.nodes("pillar").values())
    total = answer.exceptions_total
    what = f"{total} {'needs' if total == 1 else 'need'} a decision" if total else _quiet(pillars)
    return Letter(
        week, answer.as_of, f"{organisation}, {week}: {what}", what, tuple(_pillar(n, pages) for n in pillars),
        tuple(_line(board, e, pages) for e in answer.exceptions), total - len(answer.exceptions), pages,
    )  # fmt: skip


def _doubt(pillars: Iterable[NodeStatus]) -> list[NodeStatus]:
    return [n for n in pillars if n.headline != "on_track"]


def _quiet(pillars: tuple[NodeStatus, ...]) -> str:
    """The one line of a week in which nothing needs a decision: clear only where everything is known to be."""
    if doubt := _doubt(pillars):
        told = "; ".join(f"{_said(n.name)} is {plain(n.headline)}" for n in doubt)
        return f"nothing needs a decision, but {told}"
    return f"all clear: {len(pillars)} of {len(pillars)} pillars on track" if pillars else "nothing is planned yet"


def _pillar(node: NodeStatus, pages: str) -> Pillar:
    link = f"{pages}/pillars/{node.key}" if pages else ""
    return Pillar(SHAPES[node.headline][0], _said(node.name), plain(node.headline), _said(node.because), link)


def _line(board: Board, row: NeedsDecision, pages: str) -> Line:
    record = next((e.url for e in row.evidence if e.url.startswith(("https://", "http://"))), "")
    about = {"node": row.subject} if board.plan.kind_of(row.subject) else {}
    here = f"{pages}/exceptions?{urlencode({'signal': row.signal, **about})}"
    return Line(SEVERITIES[row.severity], _said(row.because), _said(asks(row)), here if pages else record)


def asks(row: NeedsDecision) -> str:
    """What is needed of whom: "Needed: a recovery plan. Mia Wong decides within 5 days. Owner: Tom Kay (Onboarding)"."""
    within = f" within {row.sla_days} days" if row.sla_days else ""
    who = row.decision_owner or "Nobody named"
    return f"Needed: {row.decision_needed}. {who} decides{within}. Owner: {row.result_owner or 'nobody'} ({row.node})"


def _said(text: str) -> str:
    """A tracker's text on one line, without characters that steer a terminal or turn a line around."""
    return " ".join(text.translate(UNSAYABLE).split())


def written(found: Letter, form: Form) -> str:
    """The letter as text, Markdown or HTML; what comes from trackers cannot break any of them."""
    return _environment().get_template(f"letter.{ENDINGS[form]}").render(letter=found).strip() + "\n"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("api.digest"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=select_autoescape(["html"]),
    )  # fmt: skip
    made.filters["md"] = lambda text: text.translate(MARKED)
    made.filters["address"] = lambda url: quote(url, safe=ADDRESS)
    return made
