"""A company of any size in a ledger, without trackers: a configuration on disk, and items written as a sync writes them.

Every figure is drawn from a seed, so that a company can be made again and changed step by step.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from ledger.model import Event, Health, Item, ItemLink, Lifecycle, Presence, PresenceChange, Recorded, Version
from ledger.store import Lease, Ledger
from signals.plan import (
    DecisionRight,
    Dependency,
    KeyResult,
    Metric,
    Milestone,
    Objective,
    Period,
    Pillar,
    Plan,
    Reading,
    Selection,
    Workstream,
)
from sync.configuration import Configuration, load

START = date(2026, 10, 1)
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
LIVES = (Lifecycle.NOT_STARTED, Lifecycle.IN_PROGRESS, Lifecycle.IN_PROGRESS, Lifecycle.DONE, Lifecycle.CANCELLED)
HEALTHS = (Health.ON_TRACK, Health.ON_TRACK, Health.AT_RISK, Health.OFF_TRACK, Health.UNKNOWN)
SOURCES = ("alpha", "beta")


class Scripted:
    """A company with its ledger. `items` are spread evenly over its workstreams; one in ten belongs to none."""

    def __init__(self, folder: Path, *, workstreams: int, items: int, seed: int = 1, url: str | None = None) -> None:
        self.random = random.Random(seed)
        self.workstreams, self.count = workstreams, items
        self.now = NOW
        self.folder = folder
        self.configuration = self._configured(folder)
        self.url = url or f"sqlite:///{folder / 'l.db'}"
        self.ledger = Ledger.open(self.url, migrate=True, clock=lambda: self.now)
        self.events = 0

    @cached_property
    def leases(self) -> dict[str, Lease]:
        return {s: self.ledger.lease(s, "test", 3600, instead_of="test") for s in SOURCES}

    def close(self) -> None:
        self.ledger.close()

    # -- configuration ---------------------------------------------------------------------------------------------

    def _configured(self, folder: Path) -> Configuration:
        files: dict[str, Any] = {
            "organisation.yaml": {"name": "Many", "timezone": "Europe/Berlin", "holidays": {"country": "DE"}},
            "people.yaml": {"people": [{"key": f"p{n}", "name": f"Person {n}"} for n in range(20)]},
            **{f"departments/d{n}.yaml": self._department(n) for n in range(len(SOURCES))},
        }
        for name, body in files.items():
            path = folder / "config" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(body), encoding="utf-8")
        return replace(load(folder / "config", credentials=False), plan=self._plan())

    def _department(self, n: int) -> dict[str, Any]:
        connection = {"url": "https://jira.example", "auth": {"kind": "pat", "token": "${NONE}"}}
        bindings = [{"key": "work", "scope": {"jql": "x = 1"}}]
        source = {"key": SOURCES[n], "kind": "jira", "connection": connection, "bindings": bindings}
        return {"department": f"d{n}", "name": f"D {n}", "sources": [source]}

    def _plan(self) -> Plan:
        """A third as many key results as workstreams, a third as many objectives as those; three pillars."""
        results = max(self.workstreams // 3, 2)
        objectives = max(results // 3, 1)
        return Plan(
            (Period("Q4", START, date(2026, 12, 31)),),
            tuple(Pillar(f"pillar{n}", f"Pillar {n}", "p0") for n in range(3)),
            tuple(Objective(f"o{n}", f"pillar{n % 3}", "Q4", f"Objective {n}", "d0", "p0") for n in range(objectives)),
            tuple(KeyResult(f"kr{n}", f"o{n % objectives}", f"Result {n}", f"p{n % 20}", metric=_metric(n)) for n in range(results)),
            tuple(self._workstream(n, results) for n in range(self.workstreams)),
            tuple(self._need(n) for n in range(0, self.workstreams - 1, 7)),
            (DecisionRight("missed_key_result", "owner", "Recover"),),
        )  # fmt: skip

    def _day(self) -> date:
        return START + timedelta(days=self.random.randrange(92))

    def _workstream(self, n: int, results: int) -> Workstream:
        pick = self.random
        points = tuple(
            Milestone(f"M{k}", due_on=self._day(), done_on=self._day() if pick.random() < 0.5 else None, weight=k + 1)
            for k in range(4)
        )
        return Workstream(
            f"w{n}", f"Workstream {n}", f"d{n % 2}", f"p{pick.randrange(20)}", "p0",
            supports=(f"kr{n % results}", *([f"kr{(n + 1) % results}"] if n % 5 == 0 else [])),
            selections=(Selection(SOURCES[n % 2], keys=(), title=f"[{n}]"),),
            milestones=() if n % 3 else points, from_due_dates=bool(n % 3),
        )  # fmt: skip

    def _need(self, n: int) -> Dependency:
        item = f"{SOURCES[n % 2]}-{n}" if n % 2 else None
        return Dependency(
            f"w{n}-w{n + 1}", f"w{n}", f"w{n + 1}", "It", self._day(), self._day(), "p1", None, "committed", item
        )

    # -- items -----------------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """The first read of everything."""
        for start in range(0, self.count, 5000):
            self._record(range(start, min(start + 5000, self.count)), first=True)
        self._good()

    def change(self, count: int, *, vanish: int = 0) -> None:
        """A sync that brings changes of some items, and misses some."""
        self.now += timedelta(minutes=15)
        numbers = self.random.sample(range(self.count), min(count, self.count))
        self._record(numbers, first=False)
        for source, lease in self.leases.items():
            gone = [n for n in self.random.sample(range(self.count), vanish) if SOURCES[n % 2] == source]
            with self.ledger.writing(lease) as w:
                w.presence([PresenceChange(f"{source}:{n}", Presence.DELETED, "gone", self.now) for n in gone])
        self._good()

    def wait(self, waiting: int, other: int) -> None:
        """Two unfinished items of their workstreams, of which one waits for the other."""
        for n in (waiting, other):
            target = f"{SOURCES[other % 2]}-{other}"
            links = (ItemLink(target, "blocks", "in", "is blocked by"),) if n == waiting else ()
            made = next(r for r in iter(lambda n=n: self._recorded(n, first=False), None) if _is_open(r, f"[{n}]"))
            with self.ledger.writing(self.leases[SOURCES[n % 2]]) as w:
                w.record([Recorded(made.versions, made.events, links)], run=1, mapping_version="m")
        self._good()

    def _good(self) -> None:
        from ledger.model import Counts

        for lease in self.leases.values():
            with self.ledger.writing(lease) as w:
                run = w.run_started("incremental")
                w.run_finished(
                    run, state="complete", reason="", hint="", counts=Counts(), unreadable=0, requests=1, retries=0, good=True,
                    not_before=None,
                )  # fmt: skip
                w.resolve_links()

    def _record(self, numbers: Any, *, first: bool) -> None:
        by_source: dict[str, list[Recorded]] = {s: [] for s in SOURCES}
        for n in numbers:
            by_source[SOURCES[n % 2]].append(self._recorded(n, first=first))
        for source, batch in by_source.items():
            with self.ledger.writing(self.leases[source]) as w:
                w.record(batch, run=1, mapping_version="m", known={} if first else None)

    def _recorded(self, n: int, *, first: bool) -> Recorded:
        pick, source = self.random, SOURCES[n % 2]
        began = datetime.combine(START, datetime.min.time(), UTC) + timedelta(seconds=pick.randrange(200 * 3600))
        when = (
            [began, *(began + timedelta(days=d) for d in sorted(pick.sample(range(5, 38), 2)))]
            if first
            else [self.now - timedelta(minutes=pick.randrange(1, 14))]
        )
        home = n % self.workstreams if pick.random() < 0.95 or first else pick.randrange(self.workstreams)
        title = f"Item {n}" if n % 10 == 9 else f"Item {n} [{home}]"
        versions, events = [], []
        for k, at in enumerate(when):
            life = LIVES[min(k, 1)] if first and k < 2 else pick.choice(LIVES)
            item = Item(
                f"{source}:{n}", source, "work", str(n), "s", f"{source}-{n}", title, f"https://x.example/{n}", lifecycle=life,
                reported_health=Health.NOT_APPLICABLE if life in (Lifecycle.DONE, Lifecycle.CANCELLED) else pick.choice(HEALTHS),
                due_on=START + timedelta(days=pick.randrange(20, 92)), blocked=pick.random() < 0.1, owner=f"p{n % 20}",
            )  # fmt: skip
            raw = json.dumps(
                {
                    "ref": str(n),
                    "scope": "s",
                    "key": item.key,
                    "title": title,
                    "fields": {"progress": [{"value": pick.randrange(100)}]},
                    "at": str(at),
                }
            )
            versions.append(Version(at, item, raw.encode()))
            self.events += 1
            who = pick.randrange(20)
            events.append(
                Event(
                    f"e{self.events}",
                    at,
                    "lifecycle",
                    None,
                    str(life),
                    f"p{who}",
                    f"Person {who}",
                    "human",
                )
            )
        links = ()
        if n % 20 == 3:
            other = pick.randrange(self.count)
            links = (
                ItemLink(
                    str(other) if SOURCES[other % 2] == source else f"{SOURCES[other % 2]}-{other}",
                    "blocks",
                    "in",
                    "is blocked by",
                ),
            )
        return Recorded(tuple(versions), tuple(events), links)


def _is_open(made: Recorded, home: str) -> bool:
    item = made.versions[-1].item
    return item.lifecycle is Lifecycle.IN_PROGRESS and item.title.endswith(home)


def _metric(n: int) -> Metric | None:
    """One in four is told by a tracker's item, one in four by hand."""
    if n % 4 == 0:
        return Metric(target=100.0, curve="linear", source=SOURCES[0], item=f"{SOURCES[0]}-{2 * n}")
    readings = (Reading(date(2026, 10, 5), 1), Reading(date(2026, 11, 10), 4))
    return Metric(target=10.0, curve="milestones", readings=readings) if n % 4 == 1 else None


def differences(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """Where two mappings differ, in words."""
    for key in sorted(one.keys() | other.keys()):
        if one.get(key) != other.get(key):
            yield f"{key}: {one.get(key)} / {other.get(key)}"
