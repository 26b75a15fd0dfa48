"""Answers as text for a terminal: shape, word and colour, never colour alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.asking import Explanation, Overview
from api.words import CONTROL, SHAPES, age
from ledger.read import Kept, Unresolved
from ledger.text import brief
from signals.nodes import NodeStatus
from signals.overview import Answer
from sync.run import Outcome

COLOURS = {"on_track": "green", "at_risk": "yellow", "off_track": "red", "done": "blue"}
MARKS = {w: f"[{COLOURS.get(w, 'dim')}]{shape}[/] {word}" for w, (shape, word) in SHAPES.items()}
SHOWN = 400
"""Characters of one value that a terminal is shown."""


def safe(text: str) -> str:
    """Text of a tracker for a terminal: no markup of ours, no control or direction characters of theirs."""
    return escape(text.translate(CONTROL))


def nearer(rule: str) -> str:
    """A rule's file as seen from here, where that is shorter."""
    file, _, line = rule.rpartition(":")
    if not line.isdigit():
        return rule
    seen = os.path.relpath(file)
    return f"{seen if len(seen) < len(file) else file}:{line}"


def show_overview(console: Console, overview: Overview, pillars: Sequence[NodeStatus] = ()) -> None:
    """The answer first: the plan in one line per pillar, then the departments, then what needs somebody."""
    console.print(f"[bold]{safe(overview.organisation)}[/] as of {overview.as_of:%Y-%m-%d %H:%M} UTC\n")
    for n in pillars:
        console.print(
            f"  {MARKS[n.headline]}  [bold]{safe(n.name)}[/] [dim]({n.key})[/] {safe(n.because)}", soft_wrap=True
        )
    if pillars:
        console.print()
    for department in overview.departments:
        _department(console, department)
    if not overview.exceptions:
        console.print("\nNothing needs a decision now.")
        return
    shown, total = len(overview.exceptions), overview.exceptions_total
    more = f"{shown} of {total}; 'sightline status --all' shows every one" if shown < total else str(total)
    console.print(f"\n[bold]Needs somebody now[/] ({more})")
    for row in overview.exceptions:
        owner = safe(row.owner) if row.owner else "nobody"
        console.print(f"  • {safe(row.because)}", soft_wrap=True)
        console.print(f"    [dim]owner {owner} · {safe(row.url)}[/]", soft_wrap=True)


def _department(console: Console, d: Answer) -> None:
    coverage = (
        ""
        if d.coverage is None
        else f"; {d.coverage:.0%} of {sum(d.health.values())} active items say how they are going"
    )
    console.print(f"  {MARKS[d.headline]}  [bold]{safe(d.name)}[/]: {safe(d.because)}", soft_wrap=True)
    life = ", ".join(f"{n} {word.replace('_', ' ')}" for word, n in d.lifecycle.items())
    console.print(
        f"      [dim]{d.items} items: {life or 'none'}{coverage}; data {age(d.data_age_seconds)}[/]", soft_wrap=True
    )
    for s in d.sources:
        if s.state != "complete":
            console.print(f"      [yellow]{s.key}: {s.state}[/] {safe(s.reason)}", soft_wrap=True)
        gaps = [
            f"{n} {word}"
            for n, word in (
                (s.unobserved, "unobserved"),
                (s.access_lost, "not visible any more"),
                (s.unmapped, "words without translation"),
            )
            if n
        ]
        if gaps:
            console.print(f"      [yellow]{s.key}:[/] {', '.join(gaps)}")


def show_items(console: Console, items: Sequence[Kept]) -> None:
    table = Table("Key", "Title", "Status", "Said", "Owner", "Due", box=None)
    for kept in items:
        i = kept.item
        said = i.word("health") or i.word("lifecycle")
        mark = MARKS[i.status] + (" (assumed)" if i.health_assumed else "")
        table.add_row(
            safe(i.key),
            safe(i.title[:60]),
            mark,
            safe((said.raw if said else "") or ""),
            safe(i.owner or i.owner_name or "-"),
            str(i.due_on or "-"),
        )
    console.print(table)


def show_unresolved(console: Console, found: Sequence[Unresolved]) -> None:
    """Who names what, and where."""
    if not found:
        console.print("Everything that items name is found in a tracker.")
    for u in found:
        console.print(
            f"{safe(u.key)} names {safe(u.target)} ({safe(u.original)}) [dim]{safe(u.url)}[/]", soft_wrap=True
        )


def show_explanation(console: Console, e: Explanation) -> None:
    """raw value -> rule with file:line -> canonical -> link to the tracker"""
    console.print(f"[bold]{safe(e.key)}[/] {safe(e.title)}\n{safe(e.url)}")
    console.print(f"{MARKS[e.status]}   lifecycle {e.lifecycle}, reported health {e.reported_health}, {e.presence}")
    if e.presence_reason:
        console.print(safe(e.presence_reason))
    for w in e.words:
        said = f"'{safe(brief(w.raw, SHOWN))}'" if w.raw else "(empty)"
        ref = f" [dim]id {safe(w.raw_id)}[/]" if w.raw_id else ""
        cell = f" [dim]in {safe(e.cells[w.field])}[/]" if w.field in e.cells else ""
        became = f" → [bold]{safe(brief(w.canonical, SHOWN))}[/]" if w.canonical else ""
        reason = safe(nearer(w.rule) if w.rule else w.finding)
        console.print(f"  {w.field:<13} {said}{ref}{cell}{became}   [dim]{reason}[/]", soft_wrap=True)
    for link in e.links:
        where = link.target_item or f"{link.target} (not found in any tracker)"
        console.print(
            f"  {link.kind} {'→' if link.direction == 'out' else '←'} {safe(link.target_key or link.target)} [dim]{safe(where)}[/]",
            soft_wrap=True,
        )
    read = f"{e.last_good_at:%Y-%m-%d %H:%M:%S} UTC" if e.last_good_at else "never completely"
    console.print(
        f"[dim]source {e.source}, last good read {read}, mapping {e.mapping_version}, raw record {e.raw_hash}[/]",
        soft_wrap=True,
    )


@contextmanager
def progress(console: Console, source: str) -> Iterator[Callable[[str, int], None]]:
    """A moving bar with what is being read and how much came, on a terminal; nothing elsewhere."""
    if not console.is_terminal:
        yield lambda _what, _count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} read"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(source, total=None)
        yield lambda what, count: bar.update(task, description=f"{source} {what}", completed=count)


def show_outcome(console: Console, o: Outcome) -> None:
    colour = {"complete": "green", "incomplete": "yellow", "paused": "yellow", "busy": "yellow"}.get(o.state, "red")
    c = o.counts
    counts = f"{c.seen} read, {c.new} new, {c.changed} changed, {c.gone} gone; {o.requests} requests, {o.seconds:.1f} s"
    console.print(f"[{colour}]{o.state}[/] [bold]{o.source}[/]: {counts}", soft_wrap=True)
    for note in (o.reason, o.hint, *(n for n in o.notes if n not in o.reason)):
        if note:
            console.print(f"    {safe(note)}", soft_wrap=True)
