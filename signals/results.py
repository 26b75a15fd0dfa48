"""Signals about key results and objectives: metric against its plan, delivered and nothing moved, mid-cycle, decomposition, wording."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from signals.added import added
from signals.calendar import days
from signals.catalogue import Evidence, Severity, Thresholds, Verdict, clear, unable
from signals.facts import Facts
from signals.plan import KeyResult, Metric, Objective, Period, Reading
from signals.rollup import FEW

ACTIVITIES = (
    "launch", "ship", "run", "implement", "deliver", "roll out", "build", "migrate", "create", "hold", "complete", "publish",
)  # fmt: skip


def period_of(facts: Facts, kr: KeyResult) -> Period | None:
    objective = facts.plan.objective_by_key.get(kr.objective)
    return facts.plan.period_by_key.get(objective.period) if objective else None


def _department(facts: Facts, kr: KeyResult) -> str | None:
    objective = facts.plan.objective_by_key.get(kr.objective)
    return objective.department if objective else None


def share(metric: Metric, value: float) -> float:
    """How much of the way from baseline to target a value has gone; 1 is the target."""
    if metric.direction in ("increase", "decrease"):
        return (value - metric.baseline) / (metric.target - metric.baseline)
    scale = abs(metric.target - metric.baseline) or abs(metric.target) or 1.0
    return 1.0 if kept(metric, value) else 1.0 - abs(value - metric.target) / scale


def kept(metric: Metric, value: float) -> bool:
    """Whether a value that is to be maintained is on its right side."""
    return value >= metric.target if metric.direction == "maintain_above" else value <= metric.target


def _gone(period: Period, on: date) -> float:
    """How much of a period is gone, 0-1."""
    return (on - period.start_on).days / max((period.end_on - period.start_on).days, 1)


def expected(facts: Facts, kr: KeyResult, on: date) -> float | None:
    """The share that its explicit plan says for a day; None where it has none."""
    metric, period = kr.metric, period_of(facts, kr)
    if metric is None or period is None or metric.curve == "none":
        return None
    if metric.direction.startswith("maintain"):
        return 1.0
    if metric.curve == "linear":
        return min(max(_gone(period, on), 0.0), 1.0)
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
    paces = [facts.pace(w, facts.today) for w in facts.plan.workstreams_of.get(kr.key, ())]
    dated = sum(p.dated for p in paces)
    return sum(p.planned for p in paces) / dated if dated else None


def latest(facts: Facts, kr: KeyResult) -> Reading | None:
    found = facts.readings.get(kr.key, ())
    return found[-1] if found else None


def score_of(facts: Facts, kr: KeyResult, digits: int = 4) -> float | None:
    """How much of the way from baseline to target its last reading has gone, 0-1; None without a reading."""
    reading = latest(facts, kr)
    if kr.metric is None or reading is None:
        return None
    return round(min(max(share(kr.metric, reading.value), 0.0), 1.0), digits)


def metric_behind(facts: Facts, kr: KeyResult, thresholds: Thresholds) -> Verdict:
    """A metric against its explicit plan curve only; never against elapsed time."""
    t = thresholds.of("metric_behind", _department(facts, kr))
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
    gone = _gone(period, facts.today)
    if gone < t["period_gone"]:
        return unable("metric_behind", kr.key, f"only {gone:.0%} of the period is gone")
    value = readings[-1].value
    shortfall = plan - share(metric, value)
    inputs: dict[str, float | int | str | None] = {
        "value": value, "share": round(share(metric, value), 4), "planned": round(plan, 4), "shortfall": round(shortfall, 4),
    }  # fmt: skip
    broken = metric.direction.startswith("maintain") and not kept(metric, value)
    if shortfall < t["warn"] - 1e-9 and not broken:
        return clear("metric_behind", kr.key, **inputs)
    severity: Severity = "high" if shortfall >= t["high"] - 1e-9 else "warn"
    because = f"'{kr.title}' stands at {value:g}{' ' + metric.unit if metric.unit else ''} of {metric.target:g}, {shortfall:.0%} behind its plan"
    evidence = (Evidence(metric.item or kr.key, f"{value:g} on {readings[-1].on}"),)
    return Verdict("metric_behind", kr.key, "open", severity, because, evidence=evidence, inputs=inputs)


def delivered_not_moved(facts: Facts, kr: KeyResult, thresholds: Thresholds) -> Verdict:
    """The work is done and the metric stays where it was."""
    t = thresholds.of("delivered_not_moved", _department(facts, kr))
    reading, period = latest(facts, kr), period_of(facts, kr)
    if kr.metric is None or reading is None or period is None:
        return unable("delivered_not_moved", kr.key, f"'{kr.title}' has no metric with a reading")
    total = done = 0.0
    streams = [w for w in facts.plan.workstreams_of.get(kr.key, ()) if not w.bau]
    for w in streams:
        pace = facts.pace(w, facts.today)
        total += w.weight  # what has no milestones is not known to be done
        done += w.weight * pace.done / pace.total if pace.total else 0.0
    if not any(facts.pace(w, facts.today).total for w in streams):
        return unable("delivered_not_moved", kr.key, f"nothing that delivers '{kr.title}' has milestones")
    moved, plan = share(kr.metric, reading.value), expected(facts, kr, facts.today)
    left = 1 - _gone(period, facts.today)
    late = moved < t["target"] and left <= t["period_left"]
    short = plan is not None and moved < t["expected"] * plan
    if done / total < t["delivered"] - 1e-9 or not (late or short):
        return clear("delivered_not_moved", kr.key, delivered=round(done / total, 4), moved=round(moved, 4))
    work = f"{done:.3g} of {total:g} workstreams" if len(streams) < FEW else f"{done / total:.0%} of the work"
    because = f"{work} for '{kr.title}' {'are' if len(streams) < FEW else 'is'} done, and the metric has gone {moved:.0%} of its way"
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
    if not kr.needs_delivery or any(not w.bau for w in facts.plan.workstreams_of.get(kr.key, ())):
        return clear("unmapped_kr", kr.key)
    return Verdict("unmapped_kr", kr.key, "open", "warn", f"no workstream delivers '{kr.title}'")


def evaluate_key_result(facts: Facts, kr: KeyResult, thresholds: Thresholds) -> Iterator[Verdict]:
    """Every signal of one key result."""
    for evaluator in (metric_behind, delivered_not_moved, wording, unmapped):
        yield evaluator(facts, kr, thresholds)
    yield added(facts, kr.key, f"'{kr.title}'", period_of(facts, kr), thresholds, _department(facts, kr))


def evaluate_objective(facts: Facts, o: Objective, thresholds: Thresholds) -> Iterator[Verdict]:
    """Every signal of one objective."""
    yield added(facts, o.key, f"'{o.title}'", facts.plan.period_by_key.get(o.period), thresholds, o.department)
    yield _decomposed(facts, o, thresholds)


# -- additions, decomposition, work without a purpose -----------------------------------------------------------------------


def unlinked(department: str, count: int, active: int, thresholds: Thresholds) -> Verdict:
    """The share of a department's active items that serve no key result."""
    limit = thresholds.of("unlinked_work", department)["share"]
    if active < FEW or count / active <= limit:
        return clear("unlinked_work", department, unlinked=count, active=active)
    because = f"{count} of {active} active items of {department} serve no key result"
    inputs: dict[str, float | int | str | None] = {"unlinked": count, "active": active}
    return Verdict("unlinked_work", department, "open", "watch", because, inputs=inputs)


def _decomposed(facts: Facts, o: Objective, thresholds: Thresholds) -> Verdict:
    seen = facts.first_seen.get(o.key)
    if facts.plan.key_results_of.get(o.key):
        return clear("no_decomposition", o.key)
    period = facts.plan.period_by_key.get(o.period)
    if seen is None and period is not None:
        seen = period.start_on  # it was there from the first plan on
    if seen is None:
        return unable("no_decomposition", o.key, "when it came into the plan is not known")
    age = facts.calendar.working_days(seen, facts.today)
    if age < thresholds.of("no_decomposition", o.department)["days"]:
        return clear("no_decomposition", o.key, days=age)
    return Verdict("no_decomposition", o.key, "open", "warn", f"'{o.title}' has no key result after {days(age)}")


def week_of(period: Period, on: date) -> int:
    """The week of a period that a day lies in, from 1."""
    return (on - period.start_on) // timedelta(weeks=1) + 1
