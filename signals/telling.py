"""How signals name people and show what they stand on."""

from __future__ import annotations

from datetime import datetime

from signals.catalogue import Evidence
from signals.facts import Checkpoint, Facts, ItemFacts
from signals.plan import Workstream


def name(facts: Facts, person: str | None) -> str:
    known = facts.people.get(person or "")
    return known.name if known else person or "nobody"


def ended(w: Workstream, facts: Facts) -> bool:
    """Whether nothing of it is left to do: every item finished, every checkpoint done or cancelled."""
    points = facts.checkpoints(w)
    work = facts.work(w)
    return bool(points or work) and all(p.done_on or p.cancelled for p in points) and not any(i.open for i in work)


def checkpoint(p: Checkpoint, says: str) -> Evidence:
    """A milestone, and what is to be said of it."""
    return Evidence(p.item or p.title, f"'{p.title}': {says}", p.url)


def when(found: tuple[datetime, ItemFacts]) -> datetime:
    """For sorting by when something was touched."""
    return found[0]


def touch(facts: Facts, item: ItemFacts, what: str, at: datetime) -> Evidence:
    """A record, and what happened to it when."""
    said = f"{what} on" if what != "there" else "there since"
    return Evidence(item.id, f"{item.key} '{item.title}': {said} {facts.calendar.day(at)}", item.url)
