"""Hand-offs: what one workstream had to deliver to another, by when, and when it came. Counted by pair of departments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Literal

import msgspec

from ledger.model import Lifecycle
from signals.between import KEPT
from signals.facts import Facts, ItemFacts
from signals.plan import EXTERNAL, Dependency, Workstream

State = Literal["kept", "late", "overdue", "coming", "undated"]
DUE: tuple[State, ...] = ("kept", "late", "overdue")
"""States of what had to be there by now."""
SLOW: tuple[State, ...] = ("late", "overdue")


class HandOff(msgspec.Struct, frozen=True):
    """One delivery that a workstream waits for. Departments are keys; `external` outside of the company."""

    consumer: str
    provider: str
    consumer_department: str
    provider_department: str
    state: State
    """kept in time, late, overdue, coming, or undated: nobody said by when, or nobody knows when it came."""
    promised_on: date | None = None
    late_days: int = 0
    """Working days after the promised day on which it came, or on which it is still missing."""

    @property
    def crosses(self) -> bool:
        """Whether it passes from one department to another."""
        return EXTERNAL != self.provider_department != self.consumer_department


class Pair(msgspec.Struct, frozen=True):
    """The hand-offs from one department to another: counts, and the longest delay in working days."""

    consumer: str
    provider: str
    handoffs: int
    kept: int
    late: int
    overdue: int
    coming: int
    undated: int
    longest_delay: int

    @property
    def key(self) -> str:
        return f"{self.consumer}<-{self.provider}"


def handoffs(facts: Facts, w: Workstream) -> Iterator[HandOff]:
    """Everything that a workstream waits or waited for: commitments of the plan, and edges that the trackers tell."""
    for d in facts.plan.needs_of.get(w.key, ()):
        if d.state != "withdrawn":
            yield _committed(facts, w, d)
    yield from _told(facts, w)


def _committed(facts: Facts, w: Workstream, d: Dependency) -> HandOff:
    provider, item = facts.plan.workstream_by_key.get(d.provider), facts.item_of(d.provider_item)
    promised = d.committed_by or (item.now.due_on if item else None) or d.needed_by
    came = _came(facts, item)
    if came is None and d.state in KEPT:
        promised = None  # it is there, and no record tells since when
    department = provider.department if provider else EXTERNAL
    return _made(facts, w, d.provider, department, promised, came)


def _told(facts: Facts, w: Workstream) -> Iterator[HandOff]:
    """Items of other workstreams that a workstream's items wait for, each once for each that it comes from."""
    mine = {i.id for i in facts.work(w)}
    committed = {i.id for d in facts.plan.needs_of.get(w.key, ()) if (i := facts.item_of(d.provider_item)) is not None}
    awaited = {p for i in sorted(mine) for p in facts.waits_by.get(i, ())} - mine - committed
    for ref in sorted(awaited & facts.items.keys()):
        item = facts.items[ref]
        if not item.present or item.now.lifecycle is Lifecycle.CANCELLED:
            continue
        for key in facts.homes.get(ref, ()):
            department = facts.plan.workstream_by_key[key].department
            yield _made(facts, w, key, department, item.first_due, _came(facts, item))


def _came(facts: Facts, item: ItemFacts | None) -> date | None:
    return facts.calendar.day(item.done_at) if item is not None and item.done_at is not None else None


def _made(
    facts: Facts, w: Workstream, provider: str, department: str, promised: date | None, came: date | None
) -> HandOff:
    if promised is None:
        return HandOff(w.key, provider, w.department, department, "undated")
    late = max(facts.calendar.working_days(promised, came or facts.today), 0)
    state: State = ("late" if late else "kept") if came else "overdue" if late else "coming"
    return HandOff(w.key, provider, w.department, department, state, promised, late)


def pairs(found: Iterable[HandOff]) -> tuple[Pair, ...]:
    """Counts by pair of departments, the most delayed first; hand-offs within a department are none of these."""
    of: dict[tuple[str, str], list[HandOff]] = {}
    for h in found:
        if h.consumer_department != h.provider_department:
            of.setdefault((h.consumer_department, h.provider_department), []).append(h)
    rows = [_pair(*key, group) for key, group in of.items()]
    return tuple(sorted(rows, key=lambda p: (-p.overdue, -p.late, -p.handoffs, p.key)))


def _pair(consumer: str, provider: str, group: Sequence[HandOff]) -> Pair:
    def count(state: State) -> int:
        return sum(h.state == state for h in group)

    longest = max(h.late_days for h in group)
    return Pair(
        consumer, provider, len(group), count("kept"), count("late"), count("overdue"), count("coming"), count("undated"), longest
    )  # fmt: skip
