"""Measures judging a company: python -m tests.judging [--sizes 75x10000,5000x100000]. Facts are made in memory; loading them is timed apart.

Prints, per size (workstreams x items): gathering facts out of SQLite, judging everything, and judging again after one workstream changed.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ledger.model import Health, Item, Lifecycle, Recorded, Version
from ledger.store import Ledger
from signals.calendar import Calendar, Person
from signals.company import judge
from signals.facts import Act, Facts, ItemFacts, SourceFacts, State
from signals.plan import KeyResult, Milestone, Objective, Period, Pillar, Plan, Workstream

START = date(2026, 10, 1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def company(workstreams: int, items: int) -> Facts:
    """A company whose items have three states and three acts each."""
    period = Period("Q", START, date(2026, 12, 31))
    made: dict[str, ItemFacts] = {}
    of: dict[str, list[str]] = {f"w{n}": [] for n in range(workstreams)}
    for n in range(items):
        ref = f"t:{n}"
        created = datetime(2026, 10, 1, 9, tzinfo=UTC) + timedelta(hours=n % 300)
        states = tuple(
            State(created + timedelta(days=7 * k), life, Health.ON_TRACK, START + timedelta(days=40 + n % 40), "p1")
            for k, life in enumerate((Lifecycle.NOT_STARTED, Lifecycle.IN_PROGRESS, Lifecycle.IN_PROGRESS))
        )
        acts = tuple(Act(s.at, "lifecycle", f"p{n % 50}", True) for s in states)
        made[ref] = ItemFacts(ref, f"T-{n}", f"Item {n}", "", "t", states, acts)
        of[f"w{n % workstreams}"].append(ref)
    streams = tuple(
        Workstream(
            f"w{n}", f"W {n}", f"d{n % 6}", f"p{n % 50}", "p0", supports=(f"kr{n % max(workstreams // 3, 1)}",),
            milestones=tuple(Milestone(f"m{k}", baseline_due_on=START + timedelta(days=20 * k), due_on=START + timedelta(days=20 * k)) for k in range(1, 5)),
        )
        for n in range(workstreams)
    )  # fmt: skip
    results = tuple(
        KeyResult(f"kr{n}", f"o{n % max(workstreams // 9, 1)}", f"KR {n}", "p0")
        for n in range(max(workstreams // 3, 1))
    )
    objectives = tuple(Objective(f"o{n}", "pillar", "Q", f"O {n}", owner="p0") for n in range(max(workstreams // 9, 1)))
    people = {f"p{n}": Person(f"p{n}", f"P {n}") for n in range(50)}
    plan = Plan((period,), (Pillar("pillar", "P"),), objectives, results, streams)
    return Facts(NOW, plan, Calendar("UTC"), people, made, of, {"t": SourceFacts("t", "d0", good=(NOW,))})


def gathered(items: int) -> float:
    """Seconds to read that many items with three states each out of SQLite, as the gathering does."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Ledger.open(f"sqlite:///{Path(folder) / 'l.db'}", migrate=True) as ledger,
    ):
        lease = ledger.lease("t", "bench")
        for start in range(0, items, 5000):
            batch = []
            for n in range(start, min(start + 5000, items)):
                states = tuple(
                    Version(
                        datetime(2026, 10, 1 + k, tzinfo=UTC),
                        Item(f"t:{n}", "t", "b", str(n), "s", f"T-{n}", f"Item {n}", lifecycle=Lifecycle.IN_PROGRESS),
                        f'{{"ref":"{n}","scope":"s","key":"T-{n}","title":"{k}"}}'.encode(),
                    )
                    for k in range(3)
                )
                batch.append(Recorded(states))
            with ledger.writing(lease) as w:
                w.record(batch, run=1, mapping_version="m", known={})
        began = time.perf_counter()
        count = sum(1 for _ in ledger.histories(["t"], at=NOW, known=False))
        assert count == items * 3
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="75x10000,5000x100000")
    print(f"{'workstreams x items':22}{'gather s':>10}{'judge s':>10}{'ms/workstream':>15}{'peak MB':>9}")
    for size in parser.parse_args().sizes.split(","):
        workstreams, items = map(int, size.split("x"))
        facts = company(workstreams, items)
        began = time.perf_counter()
        judge(facts)
        spent = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{size:22}{gathered(items):10.2f}{spent:10.2f}{spent / workstreams * 1000:15.2f}{peak:9.0f}")


if __name__ == "__main__":
    main()
