"""What was planned, as the published tables tell it: where each node belongs, who delivers what, who waits for whom, and the days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from ledger.standing import Stands
from signals.facts import Facts

_encode = msgspec.json.Encoder().encode


def planned(facts: Facts) -> Iterator[Stands]:
    """One row of each; kept beside how the nodes stand."""
    plan, calendar = facts.plan, facts.calendar
    for p in plan.pillars:
        yield _told("plan", p.key, parent="company", pillar=p.key, sponsor=p.sponsor)
    for o in plan.objectives:
        place = {
            "parent": o.pillar,
            "pillar": o.pillar,
            "objective": o.key,
            "period": o.period,
            "department": o.department,
        }
        yield _told("plan", o.key, **place, sponsor=o.sponsor, weight=o.weight, critical=o.critical)
    for k in plan.key_results:
        o = plan.objective_by_key[k.objective]
        place = {
            "parent": o.key,
            "pillar": o.pillar,
            "objective": o.key,
            "period": o.period,
            "department": o.department,
        }
        m = k.metric
        measured = {"baseline": m.baseline, "target": m.target, "unit": m.unit, "direction": m.direction} if m else {}
        yield _told("plan", k.key, **place, weight=k.weight, critical=k.critical, rank=k.rank, **measured)
    for w in plan.workstreams:
        period = plan.period_of(w, facts.today)
        yield _told(
            "plan", w.key, department=w.department, period=period.key if period else None, sponsor=w.sponsor, weight=w.weight,
            bau=w.bau, start_on=w.start_on, end_on=w.end_on,
        )  # fmt: skip
        for key in w.supports:
            yield _told("supports", f"{w.key} {key}", workstream=w.key, key_result=key)
    for d in plan.dependencies:
        yield Stands("dependency", d.key, status=_encode(d).decode())
    spans = [(p.start_on, p.end_on) for p in plan.periods]
    for on in sorted({a + timedelta(days=n) for a, b in spans for n in range((b - a).days + 1)}):
        within = plan.period_at(on)
        week = calendar.week_at(calendar.start_of(on))
        yield _told(
            "day", on.isoformat(), week=week, week_closes_at=calendar.close_of(week), period=within.key if within else None,
            working_day=calendar.works(on), weekday=on.isoweekday(),
        )  # fmt: skip


def _told(kind: str, key: str, **parts: object) -> Stands:
    return Stands(kind, key, status=_encode({k: v for k, v in parts.items() if v is not None}).decode())
