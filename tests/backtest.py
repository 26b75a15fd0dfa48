"""Simulates companies with known truth and tells how well the signals foresaw it: python -m tests.backtest [--seeds 20]

Truth first: each workstream has a speed, an owner, a habit of reporting; from these come what its team does and says, week by week, as
records of a tracker, which go through the real normalizer (words to states) and the real signals. The simulator knows no threshold. A
workstream "missed" when not all of its milestones were done by the end of the period.

Beside it, in the same companies, two baselines: the teams' own colours, and "expected = elapsed %" (late when the share of milestones done is
less than the share of time gone).
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from connectors.contract import RawRecord, Said
from ledger.model import Health
from normalizer.mapping import ScaleText, compile_mapping
from normalizer.people import People
from normalizer.people import Person as Known
from normalizer.translate import Translator
from signals.calendar import Calendar, Person
from signals.company import cut_off, judge
from signals.facts import Act, Facts, ItemFacts, SourceFacts, State
from signals.plan import Dependency, KeyResult, Milestone, Objective, Period, Pillar, Plan, Workstream

START, WEEKS, STREAMS, DEPARTMENTS = date(2026, 7, 6), 13, 75, 6
PERIOD = Period("Q", START, START + timedelta(weeks=WEEKS) - timedelta(days=1))
CALENDAR = Calendar("UTC")
WORDS = {"green": "Green", "amber": "Amber", "red": "Red"}


@dataclass
class Stream:
    """One workstream's truth."""

    key: str
    department: str
    owner: str
    due: list[date]
    done: list[date | None] = field(default_factory=list)
    honest: bool = True
    leaves_on: date | None = None
    waits_for: str | None = None
    reports: list[tuple[date, str]] = field(default_factory=list)
    acts: list[tuple[date, str]] = field(default_factory=list)

    @property
    def missed(self) -> bool:
        return any(d is None or d > PERIOD.end_on for d in self.done)


def company(seed: int) -> list[Stream]:
    """75 workstreams of 6 departments: most go about as planned, some drift, some lose their owner, some wait, some tell stories."""
    chance = random.Random(seed)
    made: list[Stream] = []
    for n in range(STREAMS):
        count = chance.randint(3, 6)
        gap = WEEKS * 7 / (count + 1)
        due = [START + timedelta(days=round(gap * (i + 1) + chance.uniform(-4, 4))) for i in range(count)]
        stream = Stream(f"w{n}", f"d{n % DEPARTMENTS}", f"p{n % 40}", due, honest=chance.random() < 0.65)
        # Time between milestones is stretched by a speed that people do not know; log-normal, as projects are.
        stretch = chance.lognormvariate(0.02, 0.16) if chance.random() < 0.7 else chance.lognormvariate(0.35, 0.2)
        if chance.random() < 0.08:
            stream.leaves_on = START + timedelta(days=chance.randint(14, 70))
        if made and chance.random() < 0.15:
            stream.waits_for = chance.choice(made).key
        _deliver(stream, stretch, {s.key: s for s in made}, chance)
        _live(stream, chance)
        made.append(stream)
    return made


def _deliver(stream: Stream, stretch: float, others: dict[str, Stream], chance: random.Random) -> None:
    """When each milestone is really done; None: never. Work stops for four weeks when its owner leaves."""
    at, before = float(START.toordinal()), START.toordinal()
    for n, due in enumerate(stream.due):
        at += (due.toordinal() - before) * stretch * chance.uniform(0.85, 1.15)
        before = due.toordinal()
        if stream.leaves_on and at > stream.leaves_on.toordinal() and (n == 0 or stream.due[n - 1] <= stream.leaves_on):
            at += 28
        if stream.waits_for and n == len(stream.due) // 2:
            provider = others[stream.waits_for]
            last = provider.done[-1] or PERIOD.end_on + timedelta(days=30)
            at = max(at, last.toordinal() + 3.0)
        done = date.fromordinal(round(at))
        stream.done.append(done if done <= PERIOD.end_on + timedelta(days=60) else None)


def _live(stream: Stream, chance: random.Random) -> None:
    """What the team does on working days, and what it says every week; people know their lateness with a week's delay."""
    for n in range(WEEKS * 7):
        day = START + timedelta(days=n)
        gone = stream.leaves_on is not None and stream.leaves_on <= day < stream.leaves_on + timedelta(days=28)
        if day.weekday() < 5 and not gone and chance.random() < 0.45:
            stream.acts.append((day, stream.owner if chance.random() < 0.6 else f"{stream.department}-team"))
        if day.weekday() == 3 and not gone and chance.random() < 0.9:
            seen = day - timedelta(days=7)
            late = max((seen - due).days for due, done in zip(stream.due, stream.done, strict=True) if done is None or done > seen) if any(
                done is None or done > seen for done in stream.done
            ) else -99  # fmt: skip
            word = "green" if late < 3 else "amber" if late < 12 else "red"
            if not stream.honest:
                word = "green" if n < (WEEKS - 2) * 7 else word
            stream.reports.append((day, WORDS[word]))


# -- through the real rooms --------------------------------------------------------------------------------------------------


def facts_of(streams: list[Stream]) -> Facts:
    """The whole quarter as facts; cut off at a day by the signals' own `cut_off`."""
    mapping = compile_mapping(
        source="t", binding="b", source_scales={}, binding_scales={"health": ScaleText(scale="rag")}, unmapped={"*": "unknown"},
        file="sim.yaml",
    )  # fmt: skip
    people = [Known(f"p{n}", f"P {n}") for n in range(40)]
    translator = Translator(mapping, People(people))
    items: dict[str, ItemFacts] = {}
    of: dict[str, list[str]] = {}
    for s in streams:
        made = [*_items(s, translator)]
        items |= {i.id: i for i in made}
        of[s.key] = [i.id for i in made]
    workstreams = tuple(
        Workstream(
            s.key, s.key, s.department, s.owner, "sponsor", supports=(f"kr-{s.department}",),
            milestones=tuple(Milestone(f"m{n}", item=f"{s.key}-{n}", baseline_due_on=d) for n, d in enumerate(s.due)),
        )
        for s in streams
    )  # fmt: skip
    departments = sorted({s.department for s in streams})
    waits = [s for s in streams if s.waits_for]
    by_key = {s.key: s for s in streams}
    plan = Plan(
        (PERIOD,), (Pillar("p", "P", "sponsor"),), (Objective("o", "p", "Q", "O"),),
        tuple(KeyResult(f"kr-{d}", "o", d, "p0") for d in departments), workstreams,
        tuple(
            Dependency(
                f"d-{s.key}", s.key, str(s.waits_for), "a delivery", by_key[str(s.waits_for)].due[-1], by_key[str(s.waits_for)].due[-1],
                "p1", 1, "committed", f"{s.waits_for}-{len(by_key[str(s.waits_for)].due) - 1}",
            )
            for s in waits
        ),
    )  # fmt: skip
    good = tuple(datetime.combine(START + timedelta(days=n), time(6), UTC) for n in range(WEEKS * 7 + 1))
    return Facts(
        good[-1], plan, CALENDAR, {p.key: Person(p.key, p.name) for p in people}, items, of,
        {"t": SourceFacts("t", "d0", 86_400, good)}, by_key={i.key: i.id for i in items.values()},
    )  # fmt: skip


def _items(s: Stream, translator: Translator) -> Iterator[ItemFacts]:
    """One item per milestone; the team's weekly word stands on every open one."""
    for n, (due, done) in enumerate(zip(s.due, s.done, strict=True)):
        days = sorted({START, *(d for d, _ in s.reports), *([done] if done and done <= PERIOD.end_on else [])})
        states, word = [], ""
        for day in days:
            word = next((w for d, w in reversed(s.reports) if d <= day), "")
            finished = done is not None and done <= day
            raw = RawRecord(
                f"{s.key}-{n}", "scope", f"{s.key}-{n}", f"{s.key} m{n}",
                fields={
                    "lifecycle": (Said("Done" if finished else "Doing", category="done" if finished else "indeterminate"),),
                    "health": (Said(word),) if word else (), "due_on": (Said(due.isoformat()),),
                },
            )  # fmt: skip
            item = translator.translate(raw)
            states.append(
                State(datetime.combine(day, time(9), UTC), item.lifecycle, item.reported_health, item.due_on, s.owner)
            )
            if finished:
                break
        acts = [(d, a) for d, a in s.acts if (d.toordinal() + n) % len(s.due) == 0]
        told = tuple(Act(datetime.combine(d, time(10), UTC), "[work]", a, True) for d, a in acts)
        yield ItemFacts(f"t:{s.key}-{n}", f"{s.key}-{n}", f"{s.key} m{n}", "", "t", tuple(states), told)


# -- verdicts ----------------------------------------------------------------------------------------------------------------


@dataclass
class Score:
    """How one way of judging did: alarms by workstream and week."""

    true: int = 0
    false: int = 0
    missed: int = 0
    quiet: int = 0
    warning: list[float] = field(default_factory=list)
    alarms: int = 0
    weeks: int = 0

    def take(self, alarms: dict[str, list[int]], streams: list[Stream]) -> None:
        """alarms: workstream to the weeks at whose end it was called late."""
        self.weeks += WEEKS
        for s in streams:
            called = alarms.get(s.key, [])
            self.alarms += 0 if s.missed else bool(called)
            last = bool(called)
            if s.missed:
                self.true += last
                self.missed += not last
                if called:
                    self.warning.append(WEEKS - min(called))
            else:
                self.false += last
                self.quiet += not last

    def row(self, name: str) -> str:
        precision = self.true / (self.true + self.false) if self.true + self.false else float("nan")
        recall = self.true / (self.true + self.missed) if self.true + self.missed else float("nan")
        warned = sorted(self.warning)
        median = warned[len(warned) // 2] if warned else float("nan")
        return f"{name:34}{precision:10.2f}{recall:9.2f}{median:14.1f}{self.alarms / max(self.weeks, 1):22.2f}"


def run(seed: int, scores: dict[str, Score]) -> int:
    """One company, week by week; how many of its workstreams missed."""
    streams = company(seed)
    whole = facts_of(streams)
    ours: dict[str, list[int]] = {}
    firm: dict[str, list[int]] = {}
    said: dict[str, list[int]] = {}
    elapsed: dict[str, list[int]] = {}
    for week in range(1, WEEKS):
        at = datetime.combine(START + timedelta(days=7 * week - 3), time(18), UTC)
        judged = judge(cut_off(whole, at))
        gone = (7 * week - 3) / (WEEKS * 7)
        for s in streams:
            node = judged.nodes[s.key]
            if node.derived in (Health.AT_RISK, Health.OFF_TRACK):
                ours.setdefault(s.key, []).append(week)
            if node.derived is Health.OFF_TRACK:
                firm.setdefault(s.key, []).append(week)
            if node.reported in (Health.AT_RISK, Health.OFF_TRACK):
                said.setdefault(s.key, []).append(week)
            done = sum(d is not None and d <= at.date() for d in s.done) / len(s.done)
            if done < gone:
                elapsed.setdefault(s.key, []).append(week)
    for name, alarms in (
        ("signals: at risk or off track", ours),
        ("signals: off track", firm),
        ("teams' own colours", said),
        ("expected = elapsed %", elapsed),
    ):
        scores.setdefault(name, Score()).take(alarms, streams)
    return sum(s.missed for s in streams)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    scores: dict[str, Score] = {}
    missed = sum(run(seed, scores) for seed in range(asked.seeds))
    total = asked.seeds * STREAMS
    print(
        f"{asked.seeds} companies of {STREAMS} workstreams, {DEPARTMENTS} departments, {WEEKS} weeks; {missed} of {total} missed"
    )
    print(f"{'called late, ever':34}{'precision':>10}{'recall':>9}{'weeks before':>14}{'false per COO-week':>22}")
    for name, score in scores.items():
        print(score.row(name))


if __name__ == "__main__":
    main()
