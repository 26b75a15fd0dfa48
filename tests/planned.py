"""Small companies for signals: a workstream with milestones, people, acts; every date written out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from ledger.model import Health, Lifecycle
from signals.calendar import Calendar, Person, absences
from signals.company import Company, judge
from signals.facts import Act, Facts, ItemFacts, SourceFacts, State
from signals.plan import KeyResult, Milestone, Objective, Period, Pillar, Plan, Workstream

QUARTER = Period("2026-Q4", date(2026, 10, 1), date(2026, 12, 31))
CALENDAR = Calendar("Europe/Berlin")
PEOPLE = {
    "ann": Person("ann", "Ann Lee"),
    "bob": Person("bob", "Bob Ray"),
    "away": Person("away", "Ada Way", absent=absences([(date(2026, 11, 2), date(2026, 11, 13))])),
    "crew": Person("crew", "The crew", kind="team"),
    "gone": Person("gone", "Gus One", active=False),
}


def at(on: date, hour: int = 12) -> datetime:
    """Noon of a day, in UTC."""
    return datetime.combine(on, time(hour), UTC)


def item(
    ref: str,
    *states: tuple[date, dict[str, Any]],
    acts: Sequence[tuple[date, str]] = (),
    human: bool = True,
    source: str = "jira",
) -> ItemFacts:
    """An item with its states as (day, what differs then) and its acts as (day, who)."""
    told: dict[str, Any] = {"lifecycle": Lifecycle.IN_PROGRESS, "health": Health.ON_TRACK}
    made = []
    for on, changes in states or ((QUARTER.start_on, {}),):
        told = {**told, **changes}
        made.append(State(at(on), **told))
    done = tuple(Act(at(on), "lifecycle", who, human) for on, who in acts)
    return ItemFacts(f"{source}:{ref}", ref, f"Item {ref}", f"https://t.example/{ref}", source, tuple(made), done)


def stream(key: str = "w", *milestones: Milestone, **more: Any) -> Workstream:
    values: dict[str, Any] = {
        "name": key.title(),
        "department": "eng",
        "owner": "ann",
        "sponsor": "bob",
        "supports": ("kr",),
    }
    return Workstream(key, milestones=tuple(milestones), **{**values, **more})


def facts(
    today: date,
    *workstreams: Workstream,
    items: Sequence[ItemFacts] = (),
    of: dict[str, list[str]] | None = None,
    plan: dict[str, Any] | None = None,
    **more: Any,
) -> Facts:
    """A company with one pillar, one objective and one key result above its workstreams, at noon of a day."""
    parts: dict[str, Any] = {
        "periods": (QUARTER,),
        "pillars": (Pillar("p", "Pillar", "bob"),),
        "objectives": (Objective("o", "p", "2026-Q4", "Objective", owner="ann"),),
        "key_results": (KeyResult("kr", "o", "Result", "ann"),),
        "workstreams": workstreams,
    }
    keys = {i.key: i.id for i in items}
    home = of if of is not None else {w.key: [i.id for i in items] for w in workstreams}
    defaults: dict[str, Any] = {
        "people": PEOPLE,
        "items": {i.id: i for i in items},
        "of": home,
        "by_key": keys,
        "sources": {"jira": SourceFacts("jira", "eng", good=tuple(at(today - timedelta(days=n)) for n in (2, 1, 0)))},
    }
    return Facts(at(today), Plan(**{**parts, **(plan or {})}), CALENDAR, **{**defaults, **more})


def judged(*args: Any, **more: Any) -> Company:
    return judge(facts(*args, **more))


def severity(company: Company, signal: str, subject: str = "w", variant: str | None = None) -> str | None:
    """How severe a signal is open; None where it is not."""
    found = [
        v
        for v in company.verdicts
        if v.signal == signal and v.subject == subject and v.outcome == "open" and variant in (None, v.variant)
    ]
    return str(found[0].severity) if found else None


def outcome(company: Company, signal: str, subject: str = "w") -> str:
    return next(v.outcome for v in company.verdicts if v.signal == signal and v.subject == subject)
