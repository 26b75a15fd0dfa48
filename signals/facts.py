"""What judging needs to know, as of one instant: items with their states and acts, sources, people, readings. Pure data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from ledger.model import FINISHED, Finding, Health, Lifecycle
from signals.calendar import Calendar, Person
from signals.plan import Milestone, Plan, Reading, Workstream

BULK = 20
"""More edits than this by one actor within BULK_SECONDS are a bulk edit: nobody's attention."""
BULK_SECONDS = 60
IDLE_FIELDS = frozenset({"[rank]", "[Rank]", "[labels]", "[Labels]", "[Sprint]", "[sprint]"})
"""Fields whose change alone is no work."""
SAYING = frozenset(
    {
        "lifecycle", "health", "confidence", "progress", "due_on", "blocked", "blocked_on", "decision_needed", "biggest_risk",
        "need_from_others",
    }
)  # fmt: skip
"""Fields by which a team says how it is going."""

T = TypeVar("T")


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
    confidence: float | None = None
    progress: float | None = None
    risk: str | None = None
    need: str | None = None

    def says_as(self, other: State) -> bool:
        """Whether both say the same of how it is going: what is not said, such as a title, may differ."""
        return _spoken(self) == _spoken(other)


def _spoken(s: State) -> tuple[object, ...]:
    return (
        s.lifecycle, s.health, s.due_on, s.blocked, s.decision_needed, s.confidence, s.progress, s.risk, s.need,
    )  # fmt: skip


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
    word: str = ""
    """How the team says its health now, word for word; "" where nobody asked for it."""
    binding: str = ""

    @property
    def now(self) -> State:
        return self.states[-1]

    @property
    def open(self) -> bool:
        return self.now.lifecycle not in FINISHED

    @cached_property
    def dues(self) -> tuple[date, ...]:
        """Every due date that it had, one after another."""
        dues = [s.due_on for s in self.states if s.due_on is not None]
        return tuple(d for n, d in enumerate(dues) if n == 0 or d != dues[n - 1])

    @cached_property
    def first_due(self) -> date | None:
        """The first due date that it ever had: its frozen baseline."""
        return self.dues[0] if self.dues else None

    @cached_property
    def said_at(self) -> datetime:
        """When a reported field, its due date or a blocker last changed or was said again."""
        at = self.states[0].at
        for earlier, later in pairwise(self.states):
            if not later.says_as(earlier):
                at = later.at
        return max([at, *(a.at for a in self.acts if a.field in SAYING)])

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
    findings: tuple[Finding, ...] = ()
    """What its last run found out: drift, truncation, what vanished."""
    unmapped: int = 0
    seen: tuple[int, ...] = ()
    """How many items whole reads found, oldest first."""
    ceiling: Health | None = None
    """The worst that its words can say, where that is not off track: this team cannot say red."""


class Pace(msgspec.Struct, frozen=True):
    """Weights of a workstream's milestones that were not cancelled: planned by now, of those with a date; done, of all."""

    planned: float = 0.0
    dated: float = 0.0
    done: float = 0.0
    total: float = 0.0


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
    paces: Mapping[str, Pace] = field(default_factory=dict)
    """By workstream, where it was judged before and its items are not here."""
    bulk: frozenset[tuple[str, datetime]] | None = None
    """(actor, instant) of edits that are part of a bulk edit; None: to be told from these items, which are all there are."""
    _told: dict[tuple[str, str], Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was asked of a workstream before: every signal asks for the same."""

    @cached_property
    def waits_by(self) -> Mapping[str, Sequence[str]]:
        """Item to the items that it waits for."""
        found: dict[str, list[str]] = {}
        for waiting, provider in self.waits:
            found.setdefault(waiting, []).append(provider)
        return found

    @cached_property
    def homes(self) -> Mapping[str, Sequence[str]]:
        """Item to the workstreams that it belongs to, of items that are waited for."""
        awaited = {provider for _, provider in self.waits}
        found: dict[str, list[str]] = {}
        for key, ids in self.of.items():
            for ref in awaited.intersection(ids):
                found.setdefault(ref, []).append(key)
        return found

    @cached_property
    def today(self) -> date:
        return self.calendar.day(self.now)

    def work(self, workstream: Workstream) -> list[ItemFacts]:
        """A workstream's items that are still there, by id: an answer must not depend on the order in which they were found."""

        def found() -> list[ItemFacts]:
            items = (self.items.get(i) for i in sorted(self.of.get(workstream.key, ())))
            return [i for i in items if i is not None and i.present]

        return self.once("work", workstream.key, found)

    def once(self, what: str, key: str, make: Callable[[], T]) -> T:
        """What `make` tells of a workstream, told once: several signals ask for the same."""
        if (what, key) not in self._told:
            self._told[what, key] = make()
        told: T = self._told[what, key]
        return told

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

    def read_until(self, items: Iterable[ItemFacts]) -> date:
        """The day up to which something is known of items: a tracker that is not read is nobody's silence."""
        good = [s.good[-1] for k in {i.source for i in items} if (s := self.sources.get(k)) and s.good]
        return min([self.today, *map(self.calendar.day, good)])

    def quiet_days(self, at: datetime, items: Iterable[ItemFacts], owner: str | None = None) -> int:
        """Working days since an instant, as far as the items' trackers were read."""
        return max(self.working_days(self.calendar.day(at), self.read_until(items), owner), 0)

    def touched(self, items: Iterable[ItemFacts]) -> datetime:
        """When people last did something on items; where a tracker does not tell who, when a record last changed."""
        last = []
        for item in items:
            source = self.sources.get(item.source)
            acts = [a.at for a in item.acts if self._counts(a)]
            last.append(max(acts) if acts else item.states[-1 if source and not source.actors else 0].at)
        return max(last)

    def _counts(self, act: Act) -> bool:
        """Whether an act is somebody's attention: no automation, no rank or label alone, no bulk edit."""
        return bool(act.human) and act.field not in IDLE_FIELDS and (act.actor, act.at) not in self._bulk

    def within(self, days: float) -> datetime:
        """From when on something lies no more than so many working days back."""
        return self.once("within", str(days), lambda: self.calendar.start_of(self.calendar.back(self.today, days)))

    def item_of(self, name: str | None) -> ItemFacts | None:
        """An item by id or by key."""
        if name is None:
            return None
        return self.items.get(name) or self.items.get(self.by_key.get(name, ""))

    def checkpoints(self, workstream: Workstream) -> list[Checkpoint]:
        """A workstream's milestones as they stand."""

        def found() -> list[Checkpoint]:
            points = [self._checkpoint(m) for m in workstream.milestones]
            if workstream.from_due_dates:
                items = (self.items.get(i) for i in sorted(self.of.get(workstream.key, ())))
                dated = (i for i in items if i is not None and i.first_due is not None)
                points += [_of_item(i, Milestone(i.title), self) for i in dated]
            return points

        return self.once("checkpoints", workstream.key, found)

    def pace(self, workstream: Workstream, on: date) -> Pace:
        """How much of a workstream's milestones is planned and done by the end of a day."""
        if (told := self.paces.get(workstream.key)) is not None:
            return told
        points = [p for p in self.checkpoints(workstream) if not p.cancelled]
        return Pace(
            sum(p.weight for p in points if p.baseline_on and p.baseline_on <= on),
            sum(p.weight for p in points if p.baseline_on),
            sum(p.weight for p in points if p.done_on and p.done_on <= on),
            sum(p.weight for p in points),
        )

    def _checkpoint(self, m: Milestone) -> Checkpoint:
        if m.item is not None:
            item = self.item_of(m.item)
            if item is None:
                baseline = m.baseline_due_on or m.due_on
                return Checkpoint(m.title, baseline, m.due_on, None, m.weight, item=m.item, broken=True)
            return _of_item(item, m, self)
        done = m.done_on if m.done_on is not None and m.done_on <= self.today else None
        baseline = m.baseline_due_on or m.due_on
        moves = tuple(d for d in (baseline, m.due_on) if d is not None)
        return Checkpoint(m.title, baseline, m.due_on or baseline, done, m.weight, moves=moves)

    def human_acts(self, workstream: Workstream) -> list[tuple[ItemFacts, Act]]:
        """What people did on a workstream's items: no automation, no rank or label alone, no bulk edit."""

        def found() -> list[tuple[ItemFacts, Act]]:
            return [(item, act) for item in self.work(workstream) for act in item.acts if self._counts(act)]

        return self.once("acts", workstream.key, found)

    @cached_property
    def _bulk(self) -> frozenset[tuple[str, datetime]]:
        if self.bulk is not None:
            return self.bulk
        return bulk_edits((a.actor, a.at, i.id) for i in self.items.values() for a in i.acts if a.actor is not None)

    def cadence_of(self, workstream: Workstream) -> str:
        return self.cadence.get(workstream.department, "weekly")


def bulk_edits(acts: Iterable[tuple[str, datetime, str]]) -> frozenset[tuple[str, datetime]]:
    """(actor, instant) of edits by which one actor changed more than BULK items within BULK_SECONDS.

    acts: (actor, instant, item) in any order.
    """
    by_actor: dict[str, list[tuple[datetime, str]]] = {}
    for actor, at, item in acts:
        by_actor.setdefault(actor, []).append((at, item))
    span = timedelta(seconds=BULK_SECONDS)
    found: set[tuple[str, datetime]] = set()
    for actor, edits in by_actor.items():
        edits.sort()
        inside: Counter[str] = Counter()
        start = marked = 0
        for end, (at, item) in enumerate(edits):
            inside[item] += 1
            while at - edits[start][0] > span:
                inside[edits[start][1]] -= 1
                if not inside[edits[start][1]]:
                    del inside[edits[start][1]]
                start += 1
            if len(inside) > BULK:
                found |= {(actor, t) for t, _ in edits[max(start, marked) : end + 1]}
                marked = end + 1
    return frozenset(found)


def _of_item(item: ItemFacts, m: Milestone, facts: Facts) -> Checkpoint:
    done = facts.calendar.day(item.done_at) if item.done_at else None
    return Checkpoint(
        m.title or item.title, m.baseline_due_on or item.first_due, item.now.due_on, done, m.weight,
        cancelled=item.now.lifecycle is Lifecycle.CANCELLED or (not item.present and done is None), moves=item.dues, item=item.id, url=item.url,
    )  # fmt: skip
