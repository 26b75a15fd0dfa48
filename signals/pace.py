"""Signals about one workstream's plan: pace, lost and cancelled milestones, no plan, slips. Each is one pure function of Facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import pairwise

from signals.calendar import days
from signals.catalogue import Severity, Thresholds, Verdict, clear, unable
from signals.facts import Checkpoint, Facts
from signals.plan import Workstream
from signals.telling import checkpoint, ended

# -- 1. behind pace ----------------------------------------------------------------------------------------------------


def behind_pace(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """Milestones done against their frozen baseline dates; never elapsed time."""
    t = thresholds.of("behind_pace", w.department)
    dated = [p for p in facts.checkpoints(w) if p.baseline_on is not None]
    lost = [p for p in facts.checkpoints(w) if p.broken]
    points = [p for p in dated if not p.cancelled]
    if not points:
        reason = f"{w.name} has no dated milestone" if not dated else f"every milestone of {w.name} was cancelled"
        return [unable("behind_pace", w.key, reason)]
    total = sum(p.weight for p in points)
    planned = sum(p.weight for p in points if p.baseline_on and p.baseline_on <= facts.today) / total
    actual = sum(p.weight for p in points if p.done_on is not None) / total
    late = [
        (facts.working_days(p.baseline_on, facts.today, w.owner), p)
        for p in points
        if p.baseline_on and p.done_on is None
    ]
    overdue = sorted(((n, p) for n, p in late if n > 0), key=lambda x: -x[0])
    worst = overdue[0][0] if overdue else 0
    wide = len(points) >= t["high_gap_milestones"] and planned - actual >= t["high_gap"] - 1e-9
    inputs: dict[str, float | int | str | None] = {
        "planned": round(planned, 4), "actual": round(actual, 4), "late_days": worst, "milestones": len(points),
    }  # fmt: skip
    severity: Severity | None = None
    if worst >= t["high_days"] or wide:
        severity = "high"
    elif worst >= t["warn_days"]:
        severity = "warn"
    elif worst >= t["watch_days"]:
        severity = "watch"
    if severity is None and lost:
        return [unable("behind_pace", w.key, f"'{lost[0].title}' of {w.name} is bound to a record that is not there")]
    if severity is None:
        return [clear("behind_pace", w.key, **inputs)]
    if overdue:
        p = overdue[0][1]
        because = f"'{p.title}' of {w.name} is {days(worst)} late against its baseline of {p.baseline_on}"
    else:
        due = [p for p in points if p.baseline_on and p.baseline_on <= facts.today]
        done = sum(p.done_on is not None for p in points)
        because = f"{w.name} has {done} of {len(points)} milestones done where {len(due)} {'was' if len(due) == 1 else 'were'} planned"
    evidence = tuple(checkpoint(p, f"baseline {p.baseline_on}, {days(n)} late") for n, p in overdue[:7])
    return [Verdict("behind_pace", w.key, "open", severity, because, evidence=evidence, inputs=inputs)]


def milestone_lost(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """A milestone is bound to a record that no tracker has."""
    lost = [p for p in facts.checkpoints(w) if p.broken]
    if not lost:
        return [clear("milestone_lost", w.key)]
    because = f"'{lost[0].title}' of {w.name} is bound to '{lost[0].item}', which is in no tracker that is read"
    evidence = tuple(checkpoint(p, f"bound to '{p.item}'") for p in lost[:7])
    return [Verdict("milestone_lost", w.key, "open", "warn", because, evidence=evidence, inputs={"lost": len(lost)})]


def scope_change(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """A cancelled milestone is neither done nor dropped silently."""
    gone = [p for p in facts.checkpoints(w) if p.cancelled]
    if not gone:
        return [clear("scope_change", w.key)]
    because = f"{len(gone)} of {w.name}'s milestones were cancelled: {', '.join(p.title for p in gone[:3])}"
    evidence = tuple(checkpoint(p, "cancelled") for p in gone[:7])
    return [
        Verdict("scope_change", w.key, "open", "watch", because, evidence=evidence, inputs={"cancelled": len(gone)})
    ]


# -- 2. the plan itself ------------------------------------------------------------------------------------------------


def no_plan(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """Where delivery is needed there must be dated milestones, and no long stretch without one."""
    if not _needs_delivery(facts, w):
        return [clear("no_plan", w.key), clear("plan_too_coarse", w.key)]
    dates = sorted(p.baseline_on for p in facts.checkpoints(w) if p.baseline_on is not None and not p.cancelled)
    if not dates:
        because = f"{w.name} has no dated milestone: nobody can say whether it is on time"
        return [
            Verdict("no_plan", w.key, "open", "watch", because),
            unable("plan_too_coarse", w.key, f"{w.name} has no dated milestone"),
        ]
    return [clear("no_plan", w.key, milestones=len(dates)), _too_coarse(facts, w, dates, thresholds)]


def _too_coarse(facts: Facts, w: Workstream, dates: list[date], thresholds: Thresholds) -> Verdict:
    limit = thresholds.of("plan_too_coarse", w.department)["days"]
    period = facts.plan.period_of(w, facts.today)
    start = w.start_on or (period.start_on if period else None)
    end = w.end_on or (period.end_on if period else None)
    marks = sorted({*([start] if start else []), *dates, *([end] if end else [])})
    gaps = [(facts.calendar.working_days(a, b), a, b) for a, b in pairwise(marks)]
    widest = max(gaps, default=(0, None, None))
    if widest[0] <= limit:
        return clear("plan_too_coarse", w.key, widest_gap=widest[0])
    because = f"{w.name} has no milestone for {days(widest[0])}, from {widest[1]} to {widest[2]}"
    return Verdict("plan_too_coarse", w.key, "open", "watch", because, inputs={"widest_gap": widest[0]})


def _needs_delivery(facts: Facts, w: Workstream) -> bool:
    results = [facts.plan.key_result_by_key[k] for k in w.supports if k in facts.plan.key_result_by_key]
    return not w.bau and (not results or any(k.needs_delivery for k in results))


# -- 3. slipping -------------------------------------------------------------------------------------------------------


def slipping(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """Due dates moved later than their frozen baseline."""
    t = thresholds.of("slipping", w.department)
    points = [p for p in facts.checkpoints(w) if p.baseline_on is not None and not p.cancelled and not p.broken]
    points = [p for p in points if p.done_on is None]  # what is done slips no more
    if not points and facts.checkpoints(w) and ended(w, facts):
        return [clear("slipping", w.key)]
    if not points:
        return [unable("slipping", w.key, f"{w.name} has no dated milestone")]
    slips = [s for p in points if (s := _slip(facts, p)) is not None]
    graded = sorted(
        ((_grade(moves, slip, t), slip, moves, p) for moves, slip, p in slips), key=lambda x: (-x[0], -x[1])
    )
    graded = [g for g in graded if g[0] > 0]
    if not graded:
        return [clear("slipping", w.key, moves=sum(m for m, _, _ in slips))]
    grade, slip, moves, worst = graded[0]
    severity: Severity = ("watch", "warn", "high")[grade - 1]
    times = "once" if moves == 1 else "twice" if moves == 2 else f"{moves} times"
    because = f"'{worst.title}' of {w.name} moved {times}, by {days(slip)}: from {worst.baseline_on} to {worst.due_on or 'no date at all'}"
    evidence = tuple(checkpoint(p, f"moved {m}x by {days(s)}, now {p.due_on}") for _, s, m, p in graded[:7])
    return [
        Verdict(
            "slipping", w.key, "open", severity, because, evidence=evidence, inputs={"moves": moves, "slip_days": slip}
        )
    ]


def _slip(facts: Facts, p: Checkpoint) -> tuple[int, int, Checkpoint] | None:
    """(moves later than the baseline, working days in all, the milestone)."""
    if p.baseline_on is None:
        return None
    later, before = 0, p.baseline_on
    for due in p.moves:
        later += due > before and due > p.baseline_on
        before = due
    last = p.due_on or (p.moves[-1] if p.moves else None)  # a date that was taken away had slipped all the same
    slip = facts.calendar.working_days(p.baseline_on, last) if last else 0
    return (later, slip, p) if later and slip > 0 else None


def _grade(moves: int, slip: int, t: Mapping[str, float]) -> int:
    if moves >= t["high_moves"] or slip > t["high_days"]:
        return 3
    if moves >= t["warn_moves"]:
        return 2
    return 1 if slip > t["watch_days"] else 0
