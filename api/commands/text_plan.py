"""What the plan's commands print."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from api.commands.text import MARKS, nearer, safe
from api.planning import Changes, PlanAnswer, Reasons
from api.words import SEVERITIES, TAGS, age, counts, known, notes, plain
from ledger.model import Annotation
from signals.deciding import Followed
from signals.exceptions import NeedsDecision
from signals.nodes import NodeStatus

COLOURS = {"high": "red", "warn": "yellow", "watch": "dim"}
LOUD = {severity: f"[{COLOURS[severity]}]{shape}[/]" for severity, shape in SEVERITIES.items()}


def show_standing(console: Console, answer: PlanAnswer) -> None:
    """The node, what it consists of, and the worst of what needs a decision."""
    console.print(f"[dim]as of {answer.as_of:%Y-%m-%d %H:%M} UTC, as {answer.basis}; formula {answer.formula}[/]")
    _node(console, answer.node, "")
    for child in answer.children:
        _node(console, child, "    ")
    p = answer.portfolio
    if p.watermelons or p.green_unverified or p.candid:
        console.print(
            f"  [dim]workstreams said to be green: {p.green_verified} with evidence, {p.watermelons} of them hollow, "
            f"{p.green_unverified} unverified; {p.candid} say worse than shows[/]"
        )
    show_exceptions(console, answer.exceptions, answer.exceptions_total)


def _node(console: Console, n: NodeStatus, indent: str) -> None:
    tag = f" [dim]({TAGS[n.tag]})[/]" if n.tag else ""
    console.print(f"{indent}{MARKS[n.headline]}  [bold]{safe(n.name)}[/]{tag}: {safe(n.because)}", soft_wrap=True)
    coverage = f"; {share} known" if (share := known(n)) else ""
    test = f"; accountability {n.accountability.result}" if n.accountability else ""
    said = ", ".join([f"said {plain(n.reported)}", f"shows {plain(n.derived)}", *notes(n)])
    below = counts(n.distribution) or "nothing below"
    console.print(
        f"{indent}    [dim]{n.kind} {n.key}: {said}; {below}{coverage}; data {age(n.data_age_seconds)}{test}[/]",
        soft_wrap=True,
    )


def show_exceptions(console: Console, rows: Sequence[NeedsDecision], total: int) -> None:
    """What needs a decision, whose, and from whom."""
    if not rows:
        console.print("\nNothing needs a decision now.")
        return
    more = f"{len(rows)} of {total}; --all shows every one" if len(rows) < total else str(total)
    console.print(f"\n[bold]Needs a decision[/] ({more})")
    for r in rows:
        console.print(f"  {LOUD[r.severity]} {safe(r.because)}", soft_wrap=True)
        since = f" · open since {r.opened_at:%Y-%m-%d}" if r.opened_at else ""
        within = f" within {r.sla_days} days" if r.sla_days else ""
        who = safe(r.decision_owner) if r.decision_owner else "nobody named"
        console.print(
            f"      [dim]{safe(r.title)} · {safe(r.node)} (owner {safe(r.result_owner or 'nobody')}) · {who} decides{within}: "
            f"{safe(r.decision_needed)}{since}[/]",
            soft_wrap=True,
        )
        for e in r.evidence[:3]:
            console.print(f"      [dim]{safe(e.says)} {safe(e.url)}[/]", soft_wrap=True)
        show_spoken(console, [r.decision] if r.decision else [], r.annotations)


def show_spoken(console: Console, decisions: Sequence[Followed], annotations: Sequence[Annotation]) -> None:
    """What was decided, and what the team says beside it."""
    for d in decisions:
        note = f": {safe(d.note)}" if d.note else ""
        state = "superseded, " if d.superseded_by else ""
        console.print(f"      ↳ [dim]{safe(d.id)}[/] {state}{safe(d.says)}{note}", soft_wrap=True)
    for a in annotations:
        says = f"says {str(a.health).replace('_', ' ')}" if a.health else "replies"
        until = f" (until {a.expires_on})" if a.expires_on else ""
        console.print(f"      ↳ {safe(a.said_by)} {says}{until}: {safe(a.text)}", soft_wrap=True)


def show_reasons(console: Console, r: Reasons) -> None:
    """The status, every signal with its inputs, and where people planned it."""
    _node(console, r.node, "")
    if r.origin:
        console.print(f"  [dim]planned at {safe(nearer(r.origin))}; formula {r.formula}[/]")
    if (test := r.node.accountability) is not None:
        for question, a in (
            ("one owner", test.owner),
            ("authority", test.authority),
            ("dependencies", test.dependencies),
        ):
            console.print(f"  {question}: [bold]{a.answer}[/] {safe(a.because)}", soft_wrap=True)
    for v in r.signals:
        state = f"{LOUD[str(v.severity)]} {v.severity}" if v.outcome == "open" else v.outcome.replace("_", " ")
        inputs = ", ".join(f"{k} {x}" for k, x in v.inputs.items())
        console.print(f"  {v.signal}: {state} {safe(v.because or v.reason)} [dim]{safe(inputs)}[/]", soft_wrap=True)
        for e in v.evidence:
            console.print(f"      [dim]{safe(e.says)} ({safe(e.ref)}) {safe(e.url)}[/]", soft_wrap=True)
    show_spoken(console, r.decisions, r.annotations)
    for child in r.children:
        _node(console, child, "    ")
    if r.items:
        console.print(
            f"  [dim]{len(r.items)} items; 'sightline explain {safe(r.items[0])}' goes on to the raw record[/]"
        )


def show_changes(console: Console, c: Changes) -> None:
    """Headlines that moved, signals that opened and cleared."""
    console.print(f"[dim]{c.since:%Y-%m-%d %H:%M} to {c.until:%Y-%m-%d %H:%M} UTC[/]")
    for n in c.nodes:
        console.print(
            f"  {safe(n.name)} [dim]{n.kind}[/]: {MARKS[n.before]} → {MARKS[n.after]} {safe(n.because)}", soft_wrap=True
        )
    for word, rows in (("opened", c.opened), ("cleared", c.cleared)):
        for r in rows:
            console.print(f"  {word}: {LOUD[r.severity]} {safe(r.because)}", soft_wrap=True)
    if not (c.nodes or c.opened or c.cleared):
        console.print("Nothing changed.")
