"""Packs as Markdown: the same sentences as the structs, to be read, mailed or printed.

Text of trackers and people is escaped, so that it can neither break a table nor bring a heading, a link or HTML of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol
from urllib.parse import quote, urlsplit

from api.words import CONTROL
from ledger.model import Health
from signals.catalogue import Evidence
from signals.exceptions import NeedsDecision
from signals.nodes import NodeStatus
from signals.packs.diagnosis import Diagnosis
from signals.packs.monthly import Monthly, delay
from signals.packs.quarterly import Quarterly, Score
from signals.packs.weekly import Weekly
from signals.rollup import FEW, KNOWN
from sync.closing import Pack
from sync.longer import MonthPack, QuarterPack
from sync.packs import AnyPack, kind_of

SPECIAL = re.compile(r"([\\`*_\[\]<>&|~#$!])")
BEGINS = re.compile(r"^(\d+)([.)])|^([-+=])")
UNSEEN = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")
"""Control characters and ends of lines."""
AUTOMATIC = re.compile(r"(?i)(https?|ftp|www|mailto)([:.])")
"""What some readers of Markdown make a link by themselves."""
MARKS = {Health.ON_TRACK: "●", Health.AT_RISK: "▲", Health.OFF_TRACK: "■"}


def text(said: str) -> str:
    """Text of anybody, on one line, as text only."""
    flat = " ".join(said.translate(UNSEEN).translate(CONTROL).split())
    escaped = SPECIAL.sub(r"\\\1", flat).replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;")
    begun = BEGINS.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else f"\\{m[3]}", escaped)
    return AUTOMATIC.sub("\\1\u200b\\2", begun).replace("@", "@\u200b")


def link(said: str, url: str) -> str:
    """A link where the address is one of the web; else the text alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return text(said)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return text(said)
    return f"[{text(said)}](<{quote(url, safe=':/?#@!$&*+,;=%~.-_')}>)"


def as_markdown(pack: AnyPack) -> str:
    """One pack, whole."""
    titles = {"week": "Week", "month": "Month", "period": "Period"}
    lines = [f"# {titles[kind_of(pack.name)]} {text(pack.name)}", "", _state(pack)]
    match pack:
        case Pack():
            lines += _week(pack)
        case MonthPack():
            lines += _month(pack.page)
        case QuarterPack():
            lines += [*_quarter(pack.page), *_diagnosis(pack.diagnosis)]
    return "\n".join(lines) + "\n"


def _state(pack: AnyPack) -> str:
    state = f"provisional until {pack.settles_at:%Y-%m-%d %H:%M} UTC" if pack.provisional else "settled"
    restated = f" It restates {', '.join(map(text, pack.restated))}." if pack.restated else ""
    return f"Closed {pack.closes_at:%Y-%m-%d %H:%M} UTC, version {pack.version}, {state}.{restated}"


# -- parts -----------------------------------------------------------------------------------------------------------------


def _section(title: str, lines: Iterable[str], nothing: str, more: str = "") -> list[str]:
    told = [f"- {line}" for line in lines]
    return ["", f"## {title}", "", *(told or [nothing]), *(["", more] if more else [])]


def _more(shown: int, total: int) -> str:
    return f"{shown} of {total}." if shown < total else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(cell or ' ' for cell in row)} |" for row in rows),
    ]


def _word(health: Health) -> str:
    return f"{MARKS.get(health, '○')} {str(health).replace('_', ' ')}"


def _need(e: NeedsDecision) -> str:
    within = f" within {e.sla_days} days" if e.sla_days else ""
    who = f"{text(e.decision_owner or 'nobody named')} decides{within}"
    about = f"{text(e.node)}, owner {text(e.result_owner or 'nobody')}"
    return f"**{text(e.because)}** ({about}). Needed: {text(e.decision_needed)}; {who}.{_evidence(e.evidence)}"


def _evidence(rows: Sequence[Evidence]) -> str:
    told = "; ".join(link(e.says, e.url) for e in rows[:3])
    return f" Evidence: {told}." if told else ""


def _known(n: NodeStatus) -> str:
    """How much of a node is known: of few a count, which a share would make look like more."""
    known = sum(n.distribution.get(str(h), 0) for h in KNOWN)
    of = known + n.distribution.get("unknown", 0)
    return "nothing below" if n.coverage is None else f"{known} of {of}" if of < FEW else f"{n.coverage:.0%} of {of}"


def _diagnosis(d: Diagnosis | None) -> list[str]:
    if d is None:
        return []
    rows = [[text(s.key.replace("_", " ")), s.present, text(s.because)] for s in d.signs]
    return ["", "## Diagnosis", "", text(d.says), "", *_table(("sign", "present", "because"), rows)]


class Says(Protocol):
    """A row with its sentence."""

    @property
    def says(self) -> str: ...


def _says(rows: Iterable[Says]) -> list[str]:
    return [text(row.says) for row in rows]


# -- pages -----------------------------------------------------------------------------------------------------------------


def _week(pack: Pack) -> list[str]:
    above = [n for n in pack.nodes if n.kind in ("company", "pillar", "objective")]
    rows = [
        [text(n.name), _word(n.headline), _word(n.reported), _word(n.derived), _known(n), text(n.because)]
        for n in sorted(above, key=lambda n: ("company", "pillar", "objective").index(n.kind))
    ]
    stands = _table(("", "headline", "reported", "shows", "known", "because"), rows)
    spoken = _section(
        "Who spoke", (f"{text(d)}: {fresh} of {due} check-ins of six weeks were fresh" for d, (fresh, due) in pack.adherence.items()), "Nobody was to speak.",
    )  # fmt: skip
    page = ["", "This week was published before weeks had a page."] if pack.page is None else _weekly(pack.page)
    return ["", "## How it stands", "", *stands, *page, *_diagnosis(pack.diagnosis), *spoken]


def _weekly(page: Weekly) -> list[str]:
    changed = _more(len(page.changed), page.changed_total)
    rest = "; of the others no movement is known" if page.measured < page.key_results else ""
    measured = f"{page.measured} of {page.key_results} key results have a reading{rest}."
    needs = _more(len(page.blocked) + len(page.derisk), page.needs_total)
    return [
        *_section("What changed", _says(page.changed), "No metric moved.", f"{changed} {measured}".strip()),
        *_section("What is blocked", map(_need, page.blocked), "Nothing among the most urgent."),
        *_section("What to de-risk now", map(_need, page.derisk), "Nothing among the most urgent.", needs),
        *_section("What we stop", [*_says(page.stopped), *map(_need, page.to_stop)], "Nothing was stopped."),
    ]


def _month(page: Monthly) -> list[str]:
    weeks = ", ".join(f"{text(week)} (version {version})" for week, version in page.weeks) or "none"
    missing = f" Never published: {', '.join(map(text, page.missing))}." if page.missing else ""
    head = ("department", "workstreams", "owners", "came", "done", "undated", "open", "blocked", "promised next", "working days next")  # fmt: skip
    load = [
        [text(r.department), *map(str, (r.workstreams, r.owners, r.came, r.done, r.undated, r.open, r.blocked, r.promised)), f"{r.working_days} of {r.of_days}"]
        for r in page.load
    ]  # fmt: skip
    return [
        *_section("Trends", _says(page.trends), "No week of it was published.", f"Weeks: {weeks}.{missing}"),
        *["", "## Load and capacity", "", *_table(head, load)],
        *_section("Who waits for whom", (text(delay(p)) for p in page.pairs), "No department waits for another."),
        *_section("Decisions that moved people, scope or dates", _says(page.decisions), "None."),
        *_section(
            "Where to decide on people", map(_need, page.reallocate), "Nowhere.", _more(len(page.reallocate), page.reallocate_total)
        ),
    ]  # fmt: skip


def _quarter(page: Quarterly) -> list[str]:
    head = ("key result", "score", "outcome", "headline", "reported", "shows", "evidence")
    averages = (
        f"{text(o.name)}: {'no score' if o.score is None else f'{o.score:g}'}, from {o.scored} of {o.key_results} key results"
        for o in page.objectives
    )
    return [
        *["", "## Scores against evidence", "", *_table(head, map(_score, page.scores))],
        *_section("Objectives", averages, "None."),
        *_section("What was missed, traced back", (text(_traced(t.trace.week, t.trace.because)) for t in page.traces), "Nothing that was scored."),
        *["", text(page.late_says)],
        *_section("How long bad news took", _says(page.latency), "There was none.", text(page.latency_says)),
        *_section("The way of working", (f"{text(q.asks)} {text(q.says)}" for q in page.infrastructure), "Unknown."),
        *_section("What became of what was said", _says(page.calibration), "Nothing was scored."),
        *_section("Dropped", _says(page.dropped), "Nothing."),
        *_section("What may be dropped", map(_need, page.to_drop), "Nothing."),
    ]  # fmt: skip


def _score(s: Score) -> list[str]:
    score = "unknown" if s.score is None else f"{s.score:g}"
    evidence = "; ".join(link(e.says, e.url) for e in s.evidence)
    colours = [_word(h) for h in (s.headline, s.reported, s.derived)]
    return [text(s.name), score, s.verdict.replace("_", " "), *colours, evidence]


def _traced(week: int | None, because: str) -> str:
    return f"Week {week}: {because}" if week else because
