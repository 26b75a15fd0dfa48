"""The plan's milestones and commitments as a calendar (RFC 5545): all-day events whose ids stay when their dates move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import blake2b

import msgspec
from icalendar import Calendar, Event

from ledger.model import from_ms
from ledger.read import Reads
from signals.facts import Checkpoint, Facts, ItemFacts
from signals.plan import Dependency, Plan, Workstream
from sync.configuration import Configuration
from sync.standing import facts_now


class Entry(msgspec.Struct, frozen=True):
    """One day in the calendar."""

    uid: str
    on: date
    title: str
    says: Sequence[str]
    """Lines of its description."""
    changed_at: datetime
    status: str = "CONFIRMED"
    url: str = ""
    percent: int | None = None
    kind: str = "milestone"


def calendar(ledger: Reads, configuration: Configuration, plan: Plan, workstreams: Collection[str]) -> bytes:
    """What is due in some workstreams, and what they owe and are owed: lines end in CRLF, long ones are folded.

    workstreams: keys. Raises LedgerError.
    """
    made = Calendar()
    made.add("prodid", "-//Sightline//Plan//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", "Plan")
    made.add("x-wr-caldesc", "Milestones and commitments of the plan")
    made.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT1H")
    for entry in sorted(_entries(ledger, configuration, plan, workstreams), key=lambda e: (e.on, e.uid)):
        made.add_component(_event(entry))
    text: bytes = made.to_ical()
    return text


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", entry.changed_at.replace(microsecond=0))
    event.add("last-modified", entry.changed_at.replace(microsecond=0))
    event.add("dtstart", entry.on)
    event.add("dtend", entry.on + timedelta(days=1))
    event.add("summary", entry.title)
    event.add("description", "\n".join(entry.says))
    event.add("status", entry.status)
    event.add("transp", "TRANSPARENT")  # a milestone takes nobody's day
    event.add("categories", [entry.kind])
    if entry.url:
        event.add("url", entry.url)
    if entry.percent is not None:  # PERCENT-COMPLETE belongs to tasks, which most calendars do not show
        event.add("x-sightline-percent-complete", str(entry.percent))
    return event


# -- entries -------------------------------------------------------------------------------------------------------------


def _entries(ledger: Reads, configuration: Configuration, plan: Plan, workstreams: Collection[str]) -> Iterator[Entry]:
    met = ledger.whole.first_seen()
    owed = [d for d in plan.dependencies if d.consumer in workstreams or d.provider in workstreams]
    wanted = {*workstreams, *(d.consumer for d in owed)}
    uids = _Uids()
    for part, whole in facts_now(ledger.whole, configuration, wanted):
        facts, asks = _seen(ledger, whole)
        for w in part:
            since = from_ms(met[w.key]) if w.key in met else facts.calendar.start_of(w.start_on or facts.today)
            if w.key in workstreams:
                yield from _milestones(facts, asks, w, since, uids)
            for d in (d for d in owed if d.consumer == w.key):
                yield from _commitment(facts, asks, d, since, uids)


def _seen(ledger: Reads, facts: Facts) -> tuple[Facts, Mapping[str, str]]:
    """Facts without the items that the reader may not see, and whom to ask about those, by id and by key: what the plan itself says of
    them stays."""
    hidden = ledger.asks(facts.items) if ledger.veil.shown is not None else {}
    names = {name: hidden[id] for name, id in facts.by_key.items() if id in hidden}
    return replace(facts, items={k: i for k, i in facts.items.items() if k not in hidden}), {**hidden, **names}


class _Uids:
    """Ids made of what a thing is, not of when it is or where it stands; the second of two alike gets another."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def of(self, kind: str, *parts: str) -> str:
        text = "\n".join(parts)
        self.seen[kind + text] += 1
        digest = blake2b(f"{text}\n{self.seen[kind + text]}".encode(), digest_size=10).hexdigest()
        return f"{kind}-{digest}@sightline"


def _milestones(facts: Facts, asks: Mapping[str, str], w: Workstream, since: datetime, uids: _Uids) -> Iterator[Entry]:
    for point in facts.checkpoints(w):
        item = facts.item_of(point.item)
        ask = asks.get(point.item or "", "")
        uid = uids.of("milestone", w.key, point.title if ask else point.item or point.title)
        on = point.due_on or point.baseline_on or point.done_on
        if on is None:
            continue
        done = "✓ " if point.done_on else ""
        yield Entry(
            uid, on, f"{done}{point.title} ({w.name})", _said(point, w, item, ask), item.states[-1].at if item else since,
            "CANCELLED" if point.cancelled else "CONFIRMED", point.url, _percent(point, item),
        )  # fmt: skip


def _said(point: Checkpoint, w: Workstream, item: ItemFacts | None, ask: str) -> list[str]:
    lines = [f"Milestone of {w.name} ({w.key}), {w.department}"]
    if point.done_on:
        lines.append(f"Done on {point.done_on}")
    if point.cancelled:
        lines.append("Cancelled")
    if point.baseline_on and point.due_on and point.baseline_on != point.due_on:
        lines.append(f"First due on {point.baseline_on}")
    if point.broken:
        lines.append(ask or "It is bound to an item that is not there")
    if item is not None:
        lines.append(f"{item.key}: {item.now.lifecycle}, reported {item.now.health}".replace("_", " "))
    return lines


def _percent(point: Checkpoint, item: ItemFacts | None) -> int | None:
    if point.done_on:
        return 100
    progress = item.now.progress if item else None
    return None if progress is None else round(progress * 100)


STATUS = {"proposed": "TENTATIVE", "withdrawn": "CANCELLED"}


def _commitment(facts: Facts, asks: Mapping[str, str], d: Dependency, since: datetime, uids: _Uids) -> Iterator[Entry]:
    """The day by which it is promised, and the day by which it is needed."""
    item, plan = facts.item_of(d.provider_item), facts.plan
    provider, consumer = _name(plan, d.provider), _name(plan, d.consumer)
    what = d.deliverable or "what was agreed"
    lines = [f"{consumer} waits for {what} from {provider}", f"State: {d.state}"]
    if d.committed_by and d.needed_by and d.committed_by > d.needed_by:
        lines.append(f"Promised for {d.committed_by}, which is later than it is needed, {d.needed_by}")
    if item is not None:
        lines.append(f"{item.key}: {item.now.lifecycle}, reported {item.now.health}".replace("_", " "))
    elif ask := asks.get(d.provider_item or ""):
        lines.append(ask)
    done = "✓ " if d.state in ("delivered", "accepted") else ""
    titles = (
        ("committed", d.committed_by, f"{done}{provider} promised {consumer}: {what}"),
        ("needed", d.needed_by, f"{done}{consumer} needs from {provider}: {what}"),
    )
    url, at = (item.url, item.states[-1].at) if item else ("", since)
    for kind, on, title in titles:
        uid = uids.of(kind, d.consumer, d.provider, d.deliverable)
        if on is not None:
            yield Entry(uid, on, title, lines, at, STATUS.get(d.state, "CONFIRMED"), url, kind="commitment")


def _name(plan: Plan, key: str) -> str:
    w = plan.workstream_by_key.get(key)
    return w.name if w else key
