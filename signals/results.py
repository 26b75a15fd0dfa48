"""Signals about key results and objectives: metric against its plan, delivered and nothing moved, mid-cycle, decomposition, wording."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from signals.catalogue import Evidence, Severity, Thresholds, Verdict, clear, unable
from signals.facts import Facts
from signals.plan import KeyResult, Metric, Objective, Period, Reading
from signals.workstream import days

ACTIVITIES = (
    "launch", "ship", "run", "implement", "deliver", "roll out", "build", "migrate", "create", "hold", "complete", "publish",
)  # fmt: skip
INTAKES = ("intake",)
TURNED_DOWN = ("not_now", "reject", "defer")


def period_of(facts: Facts, kr: KeyResult) -> Period | None:
    objective = facts.plan.objective_by_key.get(kr.objective)
    return facts.plan.period_by_key.get(objective.period) if objective else None


def share(metric: Metric, value: float) -> float:
    """How much of the way from baseline to target a value has gone; 1 is the target."""
    if metric.direction in ("increase", "decrease"):
        return (value - metric.baseline) / (metric.target - metric.baseline)
    kept = value >= metric.target if metric.direction == "maintain_above" else value <= metric.target
    scale = abs(metric.target) or 1.0
    return 1.0 if kept else 1.0 - abs(value - metric.target) / scale


def expected(facts: Facts, kr: KeyResult, on: date) -> float | None:
    """The share that its explicit plan says for a day; None where it has none."""
    metric, period = kr.metric, period_of(facts, kr)
    if metric is None or period is None or metric.curve == "none":
        return None
    if metric.direction.startswith("maintain"):
        return 1.0
    if metric.curve == "linear":
        return min(max((on - period.start_on).days / (period.end_on - period.start_on).days, 0.0), 1.0)
    if metric.curve == "step":
        return 1.0 if on >= period.end_on else 0.0
    if metric.curve == "table":
        return _tabled(metric, on)
    return _planned_milestones(facts, kr)


def _tabled(metric: Metric, on: date) -> float:
    before = [r for r in metric.table if r.on <= on]
    after = [r for r in metric.table if r.on > on]
    if not before:
        return 0.0
    if not after:
        return share(metric, before[-1].value)
    a, b = before[-1], after[0]
    part = (on - a.on).days / (b.on - a.on).days
    return share(metric, a.value + (b.value - a.value) * part)


def _planned_milestones(facts: Facts, kr: KeyResult) -> float | None:
    points = [
        p
        for w in facts.plan.workstreams_of.get(kr.key, ())
        for p in facts.checkpoints(w)
        if p.baseline_on and not p.cancelled
    ]
    if not points:
        return None
    return sum(p.weight for p in points if p.baseline_on and p.baseline_on <= facts.today) / sum(
        p.weight for p in points
    )


def latest(facts: Facts, kr: KeyResult) -> Reading | None:
    found = facts.readings.get(kr.key, ())
    return found[-1] if found else None


def metric_behind(facts: Facts, kr: KeyResult, thresholds: Thresholds) -> Verdict:
    """A metric against its explicit plan curve only; never against elapsed time."""
    objective = facts.plan.objective_by_key.get(kr.objective)
    t = thresholds.of("metric_behind", objective.department if objective else None)
    metric, period, readings = kr.metric, period_of(facts, kr), facts.readings.get(kr.key, ())
    if metric is None:
        return unable("metric_behind", kr.key, f"'{kr.title}' has no metric")
    if period is None:
        return unable("metric_behind", kr.key, f"'{kr.title}' belongs to no period")
    plan = expected(facts, kr, facts.today)
    if plan is None:
        return unable("metric_behind", kr.key, f"'{kr.title}' has no plan curve")
    if len(readings) < t["readings"]:
        return unable(
            "metric_behind", kr.key, f"'{kr.title}' has {len(readings)} readings: {t['readings']:g} are needed"
        )
    gone = (facts.today - period.start_on).days / (period.end_on - period.start_on).days
    if gone < t["period_gone"]:
        return unable("metric_behind", kr.key, f"only {gone:.0%} of the period is gone")
    value = readings[-1].value
    shortfall = plan - share(metric, value)
    inputs: dict[str, float | int | str | None] = {
        "value": value, "share": round(share(metric, value), 4), "planned": round(plan, 4), "shortfall": round(shortfall, 4),
    }  # fmt: skip
    if shortfall < t["warn"] - 1e-9:
        return clear("metric_behind", kr.key, **inputs)
    severity: Severity = "high" if shortfall >= t["high"] - 1e-9 else "warn"
    because = f"'{kr.title}' stands at {value:g}{' ' + metric.unit if metric.unit else ''} of {metric.target:g}, {shortfall:.0%} behind its plan"
    evidence = (Evidence(metric.item or kr.key, f"{value:g} on {readings[-1].on}"),)
    return Verdict("metric_behind", kr.key, "open", severity, because, evidence=evidence, inputs=inputs)


def delivered_not_moved(facts: Facts, kr: KeyResult, thresholds: Thresholds) -> Verdict:
    """The work is done and the metric stays where it was."""
    t = thresholds.of("delivered_not_moved")
    reading, period = latest(facts, kr), period_of(facts, kr)
    if kr.metric is None or reading is None or period is None:
        return unable("delivered_not_moved", kr.key, f"'{kr.title}' has no metric with a reading")
    total = done = 0.0
    for w in facts.plan.workstreams_of.get(kr.key, ()):
        points = [p for p in facts.checkpoints(w) if not p.cancelled]
        weight = sum(p.weight for p in points)
        if weight:
            total += w.weight
            done += w.weight * sum(p.weight for p in points if p.done_on) / weight
    if not total:
        return unable("delivered_not_moved", kr.key, f"nothing that delivers '{kr.title}' has milestones")
    moved, plan = share(kr.metric, reading.value), expected(facts, kr, facts.today)
    left = (period.end_on - facts.today).days / (period.end_on - period.start_on).days
    late = moved < t["target"] and left <= t["period_left"]
    short = plan is not None and moved < t["expected"] * plan
    if done / total < t["delivered"] - 1e-9 or not (late or short):
        return clear("delivered_not_moved", kr.key, delivered=round(done / total, 4), moved=round(moved, 4))
    because = f"{done / total:.0%} of the work for '{kr.title}' is done, and the metric has gone {moved:.0%} of its way"
    inputs: dict[str, float | int | str | None] = {"delivered": round(done / total, 4), "moved": round(moved, 4)}
    return Verdict("delivered_not_moved", kr.key, "open", "warn", because, inputs=inputs)


def wording(facts: Facts, kr: KeyResult, thresholds: Thresholds) -> Verdict:
    """A title that begins with an activity, and no metric of an outcome."""
    outcome = kr.metric is not None and kr.metric.type not in ("boolean", "milestone")
    first = kr.title.casefold().strip()
    word = next((a for a in ACTIVITIES if first == a or first.startswith(a + " ")), None)
    if outcome or word is None:
        return clear("activity_kr", kr.key)
    return Verdict(
        "activity_kr", kr.key, "open", "watch", f"'{kr.title}' names an activity ({word}), and no outcome is measured"
    )


def unmapped(facts: Facts, kr: KeyResult, thresholds: Thresholds) -> Verdict:
    """Needs delivery, and nobody delivers."""
    if not kr.needs_delivery or facts.plan.workstreams_of.get(kr.key):
        return clear("unmapped_kr", kr.key)
    return Verdict("unmapped_kr", kr.key, "open", "warn", f"no workstream delivers '{kr.title}'")


def evaluate_key_result(facts: Facts, kr: KeyResult, thresholds: Thresholds) -> Iterator[Verdict]:
    """Every signal of one key result."""
    for evaluator in (metric_behind, delivered_not_moved, wording, unmapped):
        yield evaluator(facts, kr, thresholds)


# -- additions, decomposition, what was turned down -------------------------------------------------------------------------


def structure(facts: Facts, thresholds: Thresholds) -> Iterator[Verdict]:
    """Nodes that came in mid-cycle, objectives without key results, work on what was turned down, work without a purpose."""
    for w in facts.plan.workstreams:
        yield _added(facts, w.key, w.name, facts.plan.period_of(w, facts.today), thresholds)
        yield _zombie(facts, w.key, thresholds)
    for o in facts.plan.objectives:
        yield _added(facts, o.key, f"'{o.title}'", facts.plan.period_by_key.get(o.period), thresholds)
        yield _decomposed(facts, o, thresholds)
    for department, (unlinked, active) in sorted(facts.unlinked.items()):
        limit = thresholds.of("unlinked_work", department)["share"]
        if active >= 5 and unlinked / active > limit:
            because = f"{unlinked} of {active} active items of {department} serve no key result"
            yield Verdict(
                "unlinked_work", department, "open", "watch", because, inputs={"unlinked": unlinked, "active": active}
            )
        else:
            yield clear("unlinked_work", department, unlinked=unlinked, active=active)


def _added(facts: Facts, key: str, title: str, period: Period | None, thresholds: Thresholds) -> Verdict:
    seen = facts.first_seen.get(key)
    if seen is None or period is None:
        return unable("mid_cycle_addition", key, "when it came into the plan is not known")
    after = facts.calendar.working_days(period.start_on, seen)
    taken_in = any(d.subject == key and d.kind in INTAKES and d.decided_on <= facts.today for d in facts.plan.decisions)
    if after <= thresholds.of("mid_cycle_addition")["days"] or taken_in or not period.start_on <= seen <= period.end_on:
        return clear("mid_cycle_addition", key, days=after)
    because = f"{title} came in {days(after)} after the period began, without an intake decision"
    return Verdict("mid_cycle_addition", key, "open", "warn", because, inputs={"days": after})


def _zombie(facts: Facts, key: str, thresholds: Thresholds) -> Verdict:
    t = thresholds.of("zombie_work")
    about = [d for d in facts.plan.decisions if d.subject == key and d.decided_on <= facts.today]
    last = max(about, key=lambda d: d.decided_on, default=None)
    if last is None or last.kind not in TURNED_DOWN:
        return clear("zombie_work", key)
    w = facts.plan.workstream_by_key[key]
    acts = [
        a
        for _, a in facts.human_acts(w)
        if facts.days_since(a.at) < t["days"] and facts.calendar.day(a.at) > last.decided_on
    ]
    if len(acts) < t["acts"]:
        return clear("zombie_work", key, acts=len(acts))
    because = f"{w.name} was decided '{last.kind}' on {last.decided_on}, and {len(acts)} things were done on it in {days(int(t['days']))}"
    return Verdict("zombie_work", key, "open", "warn", because, inputs={"acts": len(acts)})


def _decomposed(facts: Facts, o: Objective, thresholds: Thresholds) -> Verdict:
    seen = facts.first_seen.get(o.key)
    if facts.plan.key_results_of.get(o.key):
        return clear("no_decomposition", o.key)
    if seen is None:
        return unable("no_decomposition", o.key, "when it came into the plan is not known")
    age = facts.calendar.working_days(seen, facts.today)
    if age < thresholds.of("no_decomposition", o.department)["days"]:
        return clear("no_decomposition", o.key, days=age)
    return Verdict("no_decomposition", o.key, "open", "warn", f"'{o.title}' has no key result after {days(age)}")


def week_of(period: Period, on: date) -> int:
    """The week of a period that a day lies in, from 1."""
    return (on - period.start_on) // timedelta(weeks=1) + 1
