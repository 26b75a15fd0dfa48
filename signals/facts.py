"""What judging needs to know, as of one instant: items with their states and acts, sources, people, readings. Pure data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec

from ledger.model import Health, Lifecycle
from signals.calendar import Calendar, Person
from signals.plan import Milestone, Plan, Reading, Workstream

FINISHED = (Lifecycle.DONE, Lifecycle.CANCELLED)
BULK = 20
"""More edits than this by one actor within BULK_SECONDS are a bulk edit: nobody's attention."""
BULK_SECONDS = 60
IDLE_FIELDS = frozenset({"[rank]", "[Rank]", "[labels]", "[Labels]", "[Sprint]", "[sprint]"})
"""Fields whose change alone is no work."""
SAYING = frozenset({"lifecycle", "health", "confidence", "progress", "blocked", "blocked_on", "decision_needed"})
"""Fields by which a team says how it is going."""


class State(msgspec.Struct, frozen=True, gc=False):
    """What an item was from an instant on."""

    at: datetime
    lifecycle: Lifecycle = Lifecycle.UNKNOWN
    health: Health = Health.UNKNOWN
    due_on: date | None = None
    owner: str | None = None
    blocked: bool | None = None
    decision_needed: str | None = None
    assumed: bool = False


class Act(msgspec.Struct, frozen=True, gc=False):
    """Somebody changed something. `actor` is a person's key, else the tracker's own id; None where the tracker does not tell."""

    at: datetime
    field: str
    actor: str | None = None
    human: bool | None = None
    """None: the tracker does not tell."""


class ItemFacts(msgspec.Struct, frozen=True, dict=True):
    """One item up to the instant that is judged: states and acts oldest first, none of them later."""

    id: str
    key: str
    title: str
    url: str
    source: str
    states: tuple[State, ...]
    acts: tuple[Act, ...] = ()
    present: bool = True
    blocked_on: str | None = None

    @property
    def now(self) -> State:
        return self.states[-1]

    @property
    def open(self) -> bool:
        return self.now.lifecycle not in FINISHED

    @cached_property
    def first_due(self) -> date | None:
        """The first due date that it ever had: its frozen baseline."""
        return next((s.due_on for s in self.states if s.due_on is not None), None)

    @cached_property
    def done_at(self) -> datetime | None:
        """Since when it is done, if it is."""
        if self.now.lifecycle is not Lifecycle.DONE:
            return None
        at = self.states[-1].at
        for state in reversed(self.states):
            if state.lifecycle is not Lifecycle.DONE:
                break
            at = state.at
        return at

    @cached_property
    def blocked_since(self) -> datetime | None:
        """Since when it is flagged as blocked, if it is."""
        if not self.now.blocked:
            return None
        at = self.states[-1].at
        for state in reversed(self.states):
            if not state.blocked:
                break
            at = state.at
        return at


class SourceFacts(msgspec.Struct, frozen=True):
    """How well a source is read. `good` are the ends of its good runs, oldest first, up to the instant that is judged."""

    key: str
    department: str
    every: int = 900
    good: tuple[datetime, ...] = ()
    actors: bool = True
    """Whether its tracker tells who did something."""
    notes: tuple[str, ...] = ()
    """What the last run said: drift, truncation, unreadable records."""
    unmapped: int = 0
    seen: tuple[int, ...] = ()
    """How many items whole reads found, oldest first."""


class Checkpoint(msgspec.Struct, frozen=True):
    """A milestone as it stands: frozen baseline, due date now, done or cancelled. `moves` are its due dates, oldest first."""

    title: str
    baseline_on: date | None
    due_on: date | None
    done_on: date | None
    weight: float = 1.0
    cancelled: bool = False
    moves: tuple[date, ...] = ()
    item: str | None = None
    url: str = ""
    broken: bool = False
    """It is bound to an item that is not there."""


@dataclass(frozen=True)
class Facts:
    """Everything as of `now`."""

    now: datetime
    plan: Plan
    calendar: Calendar
    people: Mapping[str, Person] = field(default_factory=dict)
    items: Mapping[str, ItemFacts] = field(default_factory=dict)
    of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Workstream to the ids of its items."""
    sources: Mapping[str, SourceFacts] = field(default_factory=dict)
    cadence: Mapping[str, str] = field(default_factory=dict)
    """By department."""
    readings: Mapping[str, Sequence[Reading]] = field(default_factory=dict)
    """By key result, oldest first, none later than now."""
    waits: Sequence[tuple[str, str]] = ()
    """(waiting item, item it waits for), as the trackers say."""
    first_seen: Mapping[str, date] = field(default_factory=dict)
    """When a node of the plan was first met, by key."""
    unlinked: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By department: (active items of no workstream, active items)."""
    by_key: Mapping[str, str] = field(default_factory=dict)
    """Item key, where only one item has it, to its id."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """Ids of items and keys of sources whose details the reader may not see, with the sentence that stands in their place."""
    _told: dict[tuple[str, str], Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was asked of a workstream before: every signal asks for the same."""

    @property
    def today(self) -> date:
        return self.calendar.day(self.now)

    def work(self, workstream: Workstream) -> list[ItemFacts]:
        """A workstream's items that are still there."""
        if (told := self._told.get(("work", workstream.key))) is None:
            found = (self.items.get(i) for i in self.of.get(workstream.key, ()))
            told = self._told["work", workstream.key] = [i for i in found if i is not None and i.present]
        return list(told)

    @cached_property
    def asks(self) -> Mapping[str, str]:
        """What is hidden, and every workstream and key result that stands on it."""
        if not self.hidden:
            return {}
        found = dict(self.hidden)
        for w in self.plan.workstreams:
            ids = [*self.of.get(w.key, ()), *(p.item for p in self.checkpoints(w))]
            if ask := next((a for i in ids if i and (a := self.hidden.get(i))), None):
                found[w.key] = ask
        for kr in self.plan.key_results:
            if kr.metric is not None and kr.metric.item is not None:
                item = self.item_of(f"{kr.metric.source}:{kr.metric.item}") or self.item_of(kr.metric.item)
                if item is not None and item.id in self.hidden:
                    found[kr.key] = self.hidden[item.id]
        return found

    def absent(self, owner: str | None) -> frozenset[date]:
        """Days on which an owner is away."""
        person = self.people.get(owner or "")
        return person.absent if person else frozenset()

    def working_days(self, after: date, until: date, owner: str | None = None) -> int:
        """Working days in (after, until], less the owner's absences."""
        return self.calendar.working_days(after, until, self.absent(owner))

    def days_since(self, at: datetime, owner: str | None = None) -> int:
        """Working days since an instant."""
        return self.working_days(self.calendar.day(at), self.today, owner)

    def item_of(self, name: str | None) -> ItemFacts | None:
        """An item by id or by key."""
        if name is None:
            return None
        return self.items.get(name) or self.items.get(self.by_key.get(name, ""))

    def checkpoints(self, workstream: Workstream) -> list[Checkpoint]:
        """A workstream's milestones as they stand."""
        if (told := self._told.get(("checkpoints", workstream.key))) is None:
            told = [self._checkpoint(m) for m in workstream.milestones]
            if workstream.from_due_dates:
                told += [
                    _of_item(i, Milestone(i.title), self) for i in self.work(workstream) if i.first_due is not None
                ]
            self._told["checkpoints", workstream.key] = told
        return list(told)

    def _checkpoint(self, m: Milestone) -> Checkpoint:
        if m.item is not None:
            item = self.item_of(m.item)
            if item is None:
                return Checkpoint(m.title, m.baseline_due_on or m.due_on, m.due_on, None, m.weight, broken=True)
            return _of_item(item, m, self)
        done = m.done_on if m.done_on is not None and m.done_on <= self.today else None
        baseline = m.baseline_due_on or m.due_on
        moves = tuple(d for d in (baseline, m.due_on) if d is not None)
        return Checkpoint(m.title, baseline, m.due_on or baseline, done, m.weight, moves=moves)

    def human_acts(self, workstream: Workstream) -> Iterator[tuple[ItemFacts, Act]]:
        """What people did on a workstream's items: no automation, no rank or label alone, no bulk edit."""
        for item in self.work(workstream):
            for act in item.acts:
                if act.human and act.field not in IDLE_FIELDS and (act.actor, act.at) not in self._bulk:
                    yield item, act

    @cached_property
    def _bulk(self) -> set[tuple[str | None, datetime]]:
        """(actor, instant) of edits that are part of a bulk edit."""
        by_actor: dict[str | None, list[datetime]] = {}
        for item in self.items.values():
            for act in item.acts:
                by_actor.setdefault(act.actor, []).append(act.at)
        found: set[tuple[str | None, datetime]] = set()
        span = timedelta(seconds=BULK_SECONDS)
        for actor, times in by_actor.items():
            if len(times) <= BULK:
                continue
            times.sort()
            start = marked = 0
            for end, at in enumerate(times):
                while at - times[start] > span:
                    start += 1
                if end - start >= BULK:
                    found |= {(actor, t) for t in times[max(start, marked) : end + 1]}
                    marked = end + 1
        return found

    def cadence_of(self, workstream: Workstream) -> str:
        return self.cadence.get(workstream.department, "weekly")


def _of_item(item: ItemFacts, m: Milestone, facts: Facts) -> Checkpoint:
    dues = [s.due_on for s in item.states if s.due_on is not None]
    moves = [d for n, d in enumerate(dues) if n == 0 or d != dues[n - 1]]
    done = facts.calendar.day(item.done_at) if item.done_at else None
    return Checkpoint(
        m.title or item.title, m.baseline_due_on or item.first_due, item.now.due_on, done, m.weight,
        cancelled=item.now.lifecycle is Lifecycle.CANCELLED, moves=tuple(moves), item=item.id, url=item.url,
    )  # fmt: skip
