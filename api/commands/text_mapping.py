"""What the mapping commands print."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console

from api.commands.text import nearer, safe
from api.mapping import NO_SCALE, BindingMapping, Identity, Proposal, Unmapped
from connectors.contract import Discovery
from ledger.text import brief
from normalizer.suggest import Suggestion
from sync.configuration.draft import as_key
from sync.mapping import Preview

LISTED = 25


def show_discovery(console: Console, found: Discovery) -> None:
    """Places with their fields and words, people, and what cannot be seen."""
    fields = None
    for place in found.places:
        console.print(f"[bold]{safe(place.kind)}[/] {safe(place.name)} [dim]{safe(place.note)}[/]", soft_wrap=True)
        console.print(f"  scope: {safe(str(dict(place.scope)))}", soft_wrap=True)
        if place.fields == fields:
            console.print("  [dim]the same fields as above[/]")
            continue
        fields = place.fields
        for seen in place.fields[:LISTED]:
            words = ", ".join(o.name for o in seen.options[:12])
            ref = f" [dim]{safe(seen.id)}[/]" if seen.id else ""
            console.print(
                f"    {safe(seen.name)}{ref} {safe(seen.type)}{': ' + safe(words) if words else ''}", soft_wrap=True
            )
        if len(place.fields) > LISTED:
            console.print(f"    [dim]and {len(place.fields) - LISTED} more: --json lists them[/]")
    if found.people:
        named = ", ".join(p.name for p in found.people[:LISTED])
        console.print(
            f"[bold]{len(found.people)} people[/]: {safe(named)}{' ...' if len(found.people) > LISTED else ''}",
            soft_wrap=True,
        )
    for note in found.notes:
        console.print(f"[yellow]{safe(note)}[/]", soft_wrap=True)


def show_bindings(console: Console, bindings: Sequence[BindingMapping]) -> None:
    """Every word with its count, rule and result."""
    for b in bindings:
        since = (
            f"since {b.since:%Y-%m-%d %H:%M} UTC by {b.author}: {b.reason}"
            if b.since
            else "not in force yet: sync first"
        )
        console.print(
            f"[bold]{safe(b.source)} / {safe(b.binding)}[/] [dim]{safe(nearer(b.file))} {safe(since)}[/]",
            soft_wrap=True,
        )
        for field, words in groupby(b.words, key=lambda w: w.field):
            console.print(f"  {field}")
            for w in words:
                became = f"→ [bold]{safe(w.becomes)}[/]" if w.becomes and w.rule else "→ [red]no translation[/]"
                became = "[dim]says nothing more[/]" if field == "resolution" and not w.rule else became
                why = nearer(w.rule) if w.rule else w.finding
                console.print(f"    {w.count:>6} × '{safe(brief(w.raw))}' {became} [dim]{safe(why)}[/]", soft_wrap=True)
        if b.ceiling is not None:
            worst = str(b.ceiling).replace("_", " ")
            console.print(f"    [dim]the worst that these words can say is {worst}: this team cannot say red[/]")
        for word in b.unused:
            console.print(f"    [dim]never met: {safe(word)}[/]", soft_wrap=True)


def show_inbox(console: Console, found: Sequence[Unmapped], unread: Sequence[str]) -> None:
    """Department by department, with samples and links."""
    if not found and not unread:
        console.print("Every word has a translation.")
    _show_unread(console, unread)
    for department, words in groupby(sorted(found, key=lambda u: (u.department, -u.count)), key=lambda u: u.department):
        console.print(f"[bold]{safe(department)}[/]")
        for u in words:
            _word(console, u)
            for sample in u.samples:
                console.print(f"        [dim]{safe(sample.key)} {safe(sample.url)}[/]", soft_wrap=True)


def show_proposals(console: Console, found: Sequence[Proposal], unread: Sequence[str]) -> None:
    """Rules that may be added, each with how sure it is and why."""
    if not found and not unread:
        console.print("Nothing to propose: every word has a translation and no sign contradicts it.")
    _show_unread(console, unread)
    for p in found:
        console.print(
            f"[bold]{safe(p.source)} / {safe(p.binding)} / {p.field}[/] [dim]{safe(nearer(p.file))}[/]", soft_wrap=True
        )
        if p.scale:
            console.print(f"    scale [bold]{p.scale}[/] has every one of them: {p.field}: {p.scale}")
        if p.numbers:
            console.print(f"    [yellow]{p.numbers}: {NO_SCALE}[/]", soft_wrap=True)
        for u in p.words:
            _word(console, u)
        for u in p.doubts:
            _word(console, u, "translated by the tracker's category, in doubt")


def _show_unread(console: Console, unread: Sequence[str]) -> None:
    """Sources whose words nobody can know yet: no list of theirs is whole."""
    for source in unread:
        console.print(
            f"[yellow]{safe(source)} has not been read completely yet, so not every word is known: 'sightline sync {safe(source)}'[/]",
            soft_wrap=True,
        )


def _word(console: Console, u: Unmapped, note: str = "") -> None:
    console.print(
        f"    {u.count:>6} × {u.field} '{safe(brief(u.raw))}' {_suggested(u.suggestion)}{f' [dim]{note}[/]' if note else ''}",
        soft_wrap=True,
    )


def _suggested(told: Suggestion | None) -> str:
    if told is None:
        return "→ [yellow]a person must say what it means[/]"
    becomes = safe(", ".join(f"{axis}: {value}" for axis, value in told.becomes.items()))
    if told.conflict:
        return f"→ [yellow]conflict: {safe(told.conflict)}[/]"
    return f"→ {becomes} [dim]({told.confidence:.0%}: {safe(', '.join(told.because))})[/]"


def show_previews(console: Console, found: Sequence[Preview]) -> None:
    """Turns 14 items from in_progress to unknown."""
    for p in found:
        console.print(f"[bold]{safe(p.source)} / {safe(p.binding)}[/] {p.items} items", soft_wrap=True)
        if p.reads_anew:
            console.print("    [yellow]scope or fields change too: the next sync reads everything anew[/]")
        for t in p.turns:
            what = "" if t.field == "lifecycle" else f" ({t.field.replace('_', ' ')})"
            items = "1 item" if t.count == 1 else f"{t.count} items"
            shown = safe(", ".join(t.samples))
            console.print(
                f"    turns {items} from {safe(t.before)} to {safe(t.after)}{what} [dim]such as {shown}[/]",
                soft_wrap=True,
            )
        if not p.items:
            console.print(f"    nothing of it is read yet: 'sightline sync {safe(p.source)}', then ask again")
        elif not p.turns:
            console.print("    turns nothing" + (" (the rules differ, no item does)" if p.changed else ""))
        if p.unmapped_before != p.unmapped_after:
            console.print(f"    words without translation: {p.unmapped_before} → {p.unmapped_after}")


def show_identities(console: Console, found: Sequence[Identity]) -> None:
    """Who may be whom, as lines for people.yaml."""
    if not found:
        console.print("Every owner is known.")
    for i in found:
        console.print(
            f"[bold]{safe(i.name)}[/] in {safe(i.source)} [dim]owns {i.items} items; {safe(i.because)}[/]",
            soft_wrap=True,
        )
        known = [(i.source, i.id), *i.also] if i.id else []
        identity = ", ".join(f"{source}: {_text(ref)}" for source, ref in known)
        identity = f"identities: {{{identity}}}" if known else f"aliases: [{_text(i.name)}]"
        if i.person:
            console.print(f"    if it is so, add to {safe(i.person)}: {safe(identity)}", soft_wrap=True)
        else:
            key = as_key(i.name) or as_key((i.email or "").partition("@")[0]) or "key"
            email = f", emails: [{_text(i.email)}]" if i.email else f", {identity}"
            console.print(
                f"    a new entry: - {{key: {key}, name: {safe(_text(i.name))}{safe(email)}}}", soft_wrap=True
            )


def _text(value: str) -> str:
    """A tracker's text as a value within braces of YAML."""
    return (
        value
        if re.fullmatch(r"[^\W\d][\w .@+-]*", value) and value == value.strip()
        else json.dumps(value, ensure_ascii=False)
    )
