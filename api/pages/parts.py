"""What several pages show: a node as a line, what needs a decision, promises, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

import msgspec

from api.course import Close, weekly
from api.deps import NoSuchDepartment
from api.pages.shapes import ExceptionOut, LineOut, PromiseOut, WeekOut
from api.planning import Board
from signals.exceptions import NeedsDecision
from signals.nodes import NodeStatus
from signals.plan import EXTERNAL, Dependency, Plan
from sync.configuration import Configuration
from sync.configuration.models import DepartmentFile

KINDS = {"pillar": "pillars", "objective": "objectives", "key_result": "key-results", "workstream": "workstreams"}
SHOWN = 7
"""The worst so many stand on the page that answers."""
BESIDE = 4
"""The worst so many stand on a page that is about something else too."""


class Names:
    """Who and what is who, for one board."""

    def __init__(self, configuration: Configuration, plan: Plan) -> None:
        self.configuration, self.plan = configuration, plan
        self.departments = {d.department: d.name for d in configuration.departments}
        self.sources = {s.key: s.department for s in configuration.sources}

    def person(self, key: str | None) -> str | None:
        """The name of somebody in people.yaml, else what they are called."""
        known = self.configuration.owners.get(key or "")
        return known.name if known else key

    def address(self, key: str) -> str:
        """The page of a node or a tracker."""
        kind = self.plan.kind_of(key)
        if kind == "company":
            return "/"
        if kind is not None:
            return f"/{KINDS[kind]}/{quote(key, safe='')}"
        return f"/sources#{quote(key, safe='')}" if key in self.sources else "/exceptions"

    def department(self, key: str) -> str | None:
        """Whose a node or a tracker is; None where it is everybody's."""
        if (w := self.plan.workstream_by_key.get(key)) is not None:
            return w.department
        if (kr := self.plan.key_result_by_key.get(key)) is not None:
            key = kr.objective
        if (o := self.plan.objective_by_key.get(key)) is not None:
            return o.department
        return self.sources.get(key) or (key if key in self.departments else None)

    def streams_of(self, department: str) -> list[str]:
        """Keys of a department's workstreams."""
        return [w.key for w in self.plan.workstreams if w.department == department]


def known_department(configuration: Configuration, key: str) -> DepartmentFile:
    """A department of the configuration.

    Raises:
        NoSuchDepartment: there is none of this key.
    """
    for d in configuration.departments:
        if d.department == key:
            return d
    known = ", ".join(d.department for d in configuration.departments)
    raise NoSuchDepartment(f"no department has the key '{key}': known are {known}")


def line(names: Names, node: NodeStatus, closes: Sequence[Close] = ()) -> LineOut:
    """A node, its owner's name, its page and its weeks."""
    weeks = [WeekOut.model_validate(msgspec.to_builtins(w)) for w in weekly(closes, names.configuration, node.key)]
    told = LineOut.told(node)
    return told.model_copy(
        update={"owner_name": names.person(node.owner), "address": names.address(node.key), "weeks": weeks}
    )


def needed(names: Names, rows: Iterable[NeedsDecision], today: date) -> list[ExceptionOut]:
    """What needs a decision, with whose it is and by when."""
    calendar = names.configuration.calendar
    closes = calendar.day(calendar.close_of(calendar.week_at(calendar.start_of(today))))
    return [_needed(names, e, today, closes) for e in rows]


def _needed(names: Names, e: NeedsDecision, today: date, closes: date) -> ExceptionOut:
    calendar = names.configuration.calendar
    by = calendar.add(calendar.day(e.opened_at), e.sla_days) if e.opened_at and e.sla_days else None
    told: dict[str, Any] = {
        **msgspec.to_builtins(e),
        "department": names.department(e.subject),
        "address": names.address(e.subject),
        "decide_by": by,
        "late": by is not None and by < today,
        "this_cycle": by is not None and today <= by <= closes,
    }
    return ExceptionOut.model_validate(told)


def promise(names: Names, d: Dependency, opened: Sequence[str]) -> PromiseOut:
    """A commitment with names. opened: the sentences that are open on it."""
    streams, departments = names.plan.workstream_by_key, names.departments
    consumer, provider = streams.get(d.consumer), streams.get(d.provider)
    outside = "somebody outside" if d.provider == EXTERNAL else d.provider
    told: dict[str, Any] = {
        **msgspec.to_builtins(d),
        "open": list(opened),
        "consumer_name": consumer.name if consumer else d.consumer,
        "consumer_department": departments.get(consumer.department, consumer.department) if consumer else "",
        "provider_name": provider.name if provider else outside,
        "provider_department": departments.get(provider.department, provider.department) if provider else outside,
        "person": names.person(d.provider_person),
    }
    return PromiseOut.model_validate(told)


def open_on(board: Board, rows: Iterable[NeedsDecision]) -> dict[str, list[str]]:
    """By commitment: the sentences that are open on it."""
    known = {d.key for d in board.plan.dependencies}
    found: dict[str, list[str]] = {}
    for e in rows:
        if e.signal.startswith("dependency_") and e.variant in known:
            found.setdefault(e.variant, []).append(e.because)
    return found
