"""Signals about one workstream: pace, plan, slips, quiet, ownership, blockers. Each is one pure function of Facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from itertools import pairwise

from ledger.model import Health, Lifecycle
from signals.added import added
from signals.cadence import last_said
from signals.calendar import CADENCE_DAYS, days
from signals.catalogue import Evidence, Severity, Thresholds, Verdict, clear, unable
from signals.facts import Act, Checkpoint, Facts, ItemFacts
from signals.plan import Decision, Workstream

TURNED_DOWN = ("not_now", "reject")
Evaluator = Callable[[Facts, Workstream, Thresholds], list[Verdict]]


def name(facts: Facts, person: str | None) -> str:
    known = facts.people.get(person or "")
    return known.name if known else person or "nobody"


def ended(w: Workstream, facts: Facts) -> bool:
    """Whether nothing of it is left to do: every item finished, every checkpoint done or cancelled."""
    points = facts.checkpoints(w)
    work = facts.work(w)
    return bool(points or work) and all(p.done_on or p.cancelled for p in points) and not any(i.open for i in work)


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
    evidence = tuple(_evidence(p, f"baseline {p.baseline_on}, {days(n)} late") for n, p in overdue[:7])
    return [Verdict("behind_pace", w.key, "open", severity, because, evidence=evidence, inputs=inputs)]


def milestone_lost(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """A milestone is bound to a record that no tracker has."""
    lost = [p for p in facts.checkpoints(w) if p.broken]
    if not lost:
        return [clear("milestone_lost", w.key)]
    because = f"'{lost[0].title}' of {w.name} is bound to '{lost[0].item}', which is in no tracker that is read"
    evidence = tuple(_evidence(p, f"bound to '{p.item}'") for p in lost[:7])
    return [Verdict("milestone_lost", w.key, "open", "warn", because, evidence=evidence, inputs={"lost": len(lost)})]


def scope_change(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """A cancelled milestone is neither done nor dropped silently."""
    gone = [p for p in facts.checkpoints(w) if p.cancelled]
    if not gone:
        return [clear("scope_change", w.key)]
    because = f"{len(gone)} of {w.name}'s milestones were cancelled: {', '.join(p.title for p in gone[:3])}"
    evidence = tuple(_evidence(p, "cancelled") for p in gone[:7])
    return [
        Verdict("scope_change", w.key, "open", "watch", because, evidence=evidence, inputs={"cancelled": len(gone)})
    ]


def _evidence(p: Checkpoint, says: str) -> Evidence:
    return Evidence(p.item or p.title, f"'{p.title}': {says}", p.url)


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
    evidence = tuple(_evidence(p, f"moved {m}x by {days(s)}, now {p.due_on}") for _, s, m, p in graded[:7])
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


# -- 4. quiet ----------------------------------------------------------------------------------------------------------


def quiet(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """Owner quiet, workstream silent, activity without progress; by record where the tracker tells no actor."""
    return facts.once("quiet", w.key, lambda: _quiet(facts, w, thresholds))


def _quiet(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    work = facts.work(w)
    names = ("owner_quiet", "workstream_silent", "record_quiet", "activity_without_progress")
    if ended(w, facts):
        return [clear(n, w.key) for n in names]
    if not work:
        return [unable(n, w.key, f"{w.name} is bound to no record") for n in names]
    if w.start_on is not None and w.start_on > facts.today and all(_ahead_of_start(i) for i in work):
        return [unable(n, w.key, f"{w.name} begins on {w.start_on}") for n in names]
    sources = [s for i in work if (s := facts.sources.get(i.source)) is not None]
    if sources and not any(s.actors for s in sources):
        told = f"{', '.join(sorted({s.key for s in sources}))} does not tell who did something"
        return [
            *(unable(n, w.key, told) for n in names if n != "record_quiet"),
            _record_quiet(facts, w, work, thresholds),
        ]
    return [*_owner_quiet(facts, w, work, thresholds), unable("record_quiet", w.key, "its tracker tells who did what")]


def _ahead_of_start(item: ItemFacts) -> bool:
    return item.now.lifecycle is Lifecycle.NOT_STARTED or item.now.health is Health.NOT_APPLICABLE


def limits(facts: Facts, w: Workstream, signal: str, thresholds: Thresholds) -> tuple[float, float]:
    """(warn, high) in working days: never less than the team's own cadence allows."""
    t = thresholds.of(signal, w.department)
    cadence = CADENCE_DAYS[facts.cadence_of(w)]
    return max(t["warn_days"], t["warn_cadences"] * cadence), max(t["high_days"], t["high_cadences"] * cadence)


def _owner_quiet(facts: Facts, w: Workstream, work: list[ItemFacts], thresholds: Thresholds) -> list[Verdict]:
    warn, high = limits(facts, w, "owner_quiet", thresholds)
    acts = facts.human_acts(w)
    if w.owner is None:
        why = f"{w.name} has no owner"
        return [
            unable("owner_quiet", w.key, why),
            _silent(facts, w, work, acts, thresholds),
            _idle(facts, w, acts, True, thresholds),
        ]
    owners = _identities(facts, w)
    mine = [(a.at, i) for i, a in acts if a.actor in owners]
    since, touched = max(mine, default=_first(work), key=_when)
    q = facts.quiet_days(since, work, w.owner)
    others = [a.at for _, a in acts if a.actor not in owners]
    team = bool(others) and facts.days_since(max(others)) < warn
    inputs: dict[str, float | int | str | None] = {"quiet_days": q, "warn_days": warn, "high_days": high}
    silent = _silent(facts, w, work, acts, thresholds) if q >= warn and not team else clear("workstream_silent", w.key)
    if q < warn:
        verdict = clear("owner_quiet", w.key, **inputs)
    else:
        severity: Severity = "high" if q >= high and not team else "warn"
        last = "did nothing yet" if not mine else f"moved nothing for {days(q)}"
        more = ", while the team goes on" if team else ""
        evidence = (_touch(facts, touched, "last act" if mine else "there", since),)
        because = f"{name(facts, w.owner)} {last} in {w.name}{more}"
        verdict = Verdict("owner_quiet", w.key, "open", severity, because, evidence=evidence, inputs=inputs)
    return [verdict, silent, _idle(facts, w, acts, q < warn, thresholds)]


def _silent(
    facts: Facts, w: Workstream, work: list[ItemFacts], acts: list[tuple[ItemFacts, Act]], thresholds: Thresholds
) -> Verdict:
    warn, high = limits(facts, w, "workstream_silent", thresholds)
    last, touched = max(((a.at, i) for i, a in acts), default=_first(work), key=_when)
    q = facts.quiet_days(last, work, w.owner)
    if q < warn:
        return clear("workstream_silent", w.key, quiet_days=q)
    because = f"nobody moved anything in {w.name} for {days(q)}"
    severity: Severity = "high" if q >= high else "warn"
    evidence = (_touch(facts, touched, "last act" if acts else "there", last),)
    return Verdict("workstream_silent", w.key, "open", severity, because, evidence=evidence, inputs={"quiet_days": q})


def _identities(facts: Facts, w: Workstream) -> set[str]:
    """What a workstream's owner is called, by us and by the trackers."""
    owner = facts.people.get(w.owner or "")
    return {w.owner or "", *(owner.identities.values() if owner else ())}


def _when(touch: tuple[datetime, ItemFacts]) -> datetime:
    return touch[0]


def _first(work: list[ItemFacts]) -> tuple[datetime, ItemFacts]:
    """Since when there is anything to work on."""
    return min(((i.states[0].at, i) for i in work), key=_when)


def _touch(facts: Facts, item: ItemFacts, what: str, at: datetime) -> Evidence:
    said = f"{what} on" if what != "there" else "there since"
    return Evidence(item.id, f"{item.key} '{item.title}': {said} {facts.calendar.day(at)}", item.url)


def _idle(
    facts: Facts, w: Workstream, acts: list[tuple[ItemFacts, Act]], active: bool, thresholds: Thresholds
) -> Verdict:
    """Busy, and no milestone moved."""
    limit = thresholds.of("activity_without_progress", w.department)["days"]
    points = facts.checkpoints(w)
    if not points:
        return unable("activity_without_progress", w.key, f"{w.name} has no milestone that could move")
    done = [p.done_on for p in points if p.done_on is not None]
    start = w.start_on or min((facts.calendar.day(i.states[0].at) for i in facts.work(w)), default=facts.today)
    since = facts.working_days(max([*done, *_moved(facts, w), start]), facts.read_until(facts.work(w)), w.owner)
    if not active or not acts or since < limit:
        return clear("activity_without_progress", w.key, days=since)
    because = f"{w.name} is being worked on, and no milestone was reached for {days(since)}"
    at, touched = max(((a.at, i) for i, a in acts), key=_when)
    evidence = (_touch(facts, touched, "last act", at), *(_evidence(p, f"due {p.due_on}") for p in _ahead(points)[:1]))
    return Verdict(
        "activity_without_progress", w.key, "open", "warn", because, evidence=evidence, inputs={"days": since}
    )


def _moved(facts: Facts, w: Workstream) -> list[date]:
    """When the metrics that a workstream serves last moved."""
    readings = [facts.readings.get(key, ()) for key in w.supports]
    return [b.on for told in readings for a, b in pairwise(told) if a.value != b.value]


def _ahead(points: list[Checkpoint]) -> list[Checkpoint]:
    """What is neither done nor cancelled, the next one first."""
    left = [p for p in points if p.done_on is None and not p.cancelled]
    return sorted(left, key=lambda p: p.baseline_on or p.due_on or date.max)


def _record_quiet(facts: Facts, w: Workstream, work: list[ItemFacts], thresholds: Thresholds) -> Verdict:
    warn, high = limits(facts, w, "record_quiet", thresholds)
    last, touched = max(((i.states[-1].at, i) for i in work), key=_when)
    q = facts.quiet_days(last, work, w.owner)
    if q < warn:
        return clear("record_quiet", w.key, quiet_days=q)
    because = f"no record of {w.name} changed for {days(q)}"
    severity: Severity = "high" if q >= high else "warn"
    evidence = (_touch(facts, touched, "last change", last),)
    return Verdict("record_quiet", w.key, "open", severity, because, evidence=evidence, inputs={"quiet_days": q})


# -- 7. ownership ------------------------------------------------------------------------------------------------------


def single_human(facts: Facts, owner: str | None) -> str:
    """Why an owner is not one active human; "" where it is."""
    if owner is None:
        return "has no owner"
    person = facts.people.get(owner)
    if person is None:
        return f"is owned by '{owner}', whom people.yaml does not know"
    if person.kind != "human":
        return f"is owned by {person.name}, which is a {person.kind}"
    return "" if person.active else f"is owned by {person.name}, who is not active any more"


def orphaned(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """In the plan, with a sponsor, and nobody who owns it."""
    if ended(w, facts) or w.sponsor is None:
        return [clear("orphaned", w.key)]
    told = {v.signal: v for v in quiet(facts, w, thresholds)}
    why = single_human(facts, w.owner)
    silent, owner = told["workstream_silent"], told["owner_quiet"]
    plain = bool(why)
    if not why and silent.outcome == "open":
        why = "is silent"
    recent = thresholds.of("orphaned", w.department)["milestone_days"]
    moved = any(p.done_on and facts.working_days(p.done_on, facts.today) <= recent for p in facts.checkpoints(w))
    # Beyond its limit an owner counts as gone even while the team goes on, which owner_quiet itself only warns of.
    beyond = owner.outcome == "open" and int(owner.inputs["quiet_days"] or 0) >= float(owner.inputs["high_days"] or 0)
    if not why and beyond and not moved:
        why = f"has an owner who is quiet, and no milestone was reached in {days(int(recent))}"
    if not why:
        return [clear("orphaned", w.key)]
    because = f"{w.name} {why}; its sponsor is {name(facts, w.sponsor)}"
    evidence = () if plain else silent.evidence or owner.evidence
    inputs: dict[str, float | int | str | None] = {} if plain else {"quiet": 1}
    return [Verdict("orphaned", w.key, "open", "warn", because, evidence=evidence, inputs=inputs)]


def nominal_owner(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """Somebody else does the work."""
    t = thresholds.of("nominal_owner", w.department)
    if w.owner is None or ended(w, facts):
        return [clear("nominal_owner", w.key)]
    owners = _identities(facts, w)
    recent = [a.actor for _, a in facts.human_acts(w) if a.actor and a.at >= facts.within(t["days"])]
    counts = Counter(recent)
    other, most = next(((a, n) for a, n in counts.most_common() if a not in owners), (None, 0))
    if len(recent) < t["acts"] or any(a in owners for a in recent) or most < t["share"] * len(recent):
        return [clear("nominal_owner", w.key, acts=len(recent))]
    because = (
        f"{name(facts, w.owner)} owns {w.name} and did nothing in {days(int(t['days']))}; {name(facts, other)} did {most} of "
        f"{len(recent)} acts"
    )
    return [Verdict("nominal_owner", w.key, "open", "watch", because, inputs={"acts": len(recent), "other": most})]


# -- 8. stale green, 12. blocked, 13. one owner ------------------------------------------------------------------------


def stale_green(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """Last said to be on track, and nothing was said since."""
    if ended(w, facts):
        return [clear("stale_green", w.key)]
    said = last_said(facts, w)
    if said is None or said.health is not Health.ON_TRACK:
        return [clear("stale_green", w.key)]
    k = said.cadences
    if k < 1:
        return [clear("stale_green", w.key, cadences=k)]
    ago = f"{k} {'cadence' if k == 1 else 'cadences'} ago, on {facts.calendar.day(said.at)}"
    because = f"{w.name} was last said to be on track {ago}"
    evidence = (_touch(facts, said.item, "last word", said.at),)
    severity: Severity = "watch" if k == 1 else "warn"
    return [Verdict("stale_green", w.key, "open", severity, because, evidence=evidence, inputs={"cadences": k})]


def blocked(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """Blocked work, and blocked work that nobody is asked about."""
    limit = thresholds.of("escalation_avoided", w.department)["days"]
    begin = thresholds.of("blocked_age", w.department)["days"]
    flagged = [(i.blocked_since, i) for i in facts.work(w) if i.open and i.blocked_since is not None]
    stuck = [(n, i) for at, i in flagged if (n := facts.days_since(at, w.owner)) >= begin]
    if not stuck:
        return [clear("blocked_age", w.key), clear("escalation_avoided", w.key)]
    stuck.sort(key=lambda x: -x[0])
    age, worst = stuck[0]
    evidence = tuple(Evidence(i.id, f"{i.key} blocked for {days(n)}", i.url) for n, i in stuck[:7])
    found = [Verdict("blocked_age", w.key, "open", "watch", f"{worst.key} '{worst.title}' is blocked for {days(age)}",
                     evidence=evidence, inputs={"days": age})]  # fmt: skip
    silent = [(n, i) for n, i in stuck if n >= limit and not i.now.decision_needed]
    if not silent:
        return [*found, clear("escalation_avoided", w.key)]
    because = (
        f"{silent[0][1].key} '{silent[0][1].title}' is blocked for {days(silent[0][0])}, and nobody is asked to decide"
    )
    return [
        *found,
        Verdict("escalation_avoided", w.key, "open", "warn", because, evidence=evidence, inputs={"days": silent[0][0]}),
    ]


def zombie_work(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """Work on what was turned down: itself, or everything that it serves."""
    t = thresholds.of("zombie_work", w.department)
    last = _turned_down(facts, w)
    if last is None:
        return [clear("zombie_work", w.key)]
    acts = [
        (a.at, i)
        for i, a in facts.human_acts(w)
        if a.at >= facts.within(t["days"] - 1) and facts.calendar.day(a.at) > last.decided_on
    ]
    if len(acts) < t["acts"]:
        return [clear("zombie_work", w.key, acts=len(acts))]
    about = w.name if last.subject == w.key else f"'{last.subject}', which {w.name} serves,"
    because = f"{about} was decided '{last.kind}' on {last.decided_on}, and {len(acts)} things were done on it in {days(int(t['days']))}"
    evidence = tuple(_touch(facts, i, "act", at) for at, i in sorted(acts, key=_when, reverse=True)[:7])
    return [Verdict("zombie_work", w.key, "open", "warn", because, evidence=evidence, inputs={"acts": len(acts)})]


def _turned_down(facts: Facts, w: Workstream) -> Decision | None:
    """The decision by which a workstream, or every key result or objective that it serves, is not to be done."""

    def last(subject: str) -> Decision | None:
        about = [d for d in facts.plan.decisions if d.subject == subject and d.decided_on <= facts.today]
        latest = max(about, key=lambda d: d.decided_on, default=None)
        return latest if latest is not None and latest.kind in TURNED_DOWN else None

    if (own := last(w.key)) is not None:
        return own
    results = [facts.plan.key_result_by_key[k] for k in w.supports if k in facts.plan.key_result_by_key]
    above = [last(kr.key) or last(kr.objective) for kr in results]
    return above[0] if above and None not in above else None


def mid_cycle(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """It came in mid-cycle, and nobody decided that it should."""
    period = facts.plan.period_of(w, facts.today)
    return [added(facts, w.key, w.name, period, thresholds, w.department)]


def single_owner(facts: Facts, w: Workstream, thresholds: Thresholds) -> list[Verdict]:
    """A team, a queue, nobody, or somebody who has left owns nothing."""
    why = single_human(facts, w.owner)
    return [Verdict("single_owner", w.key, "open", "watch", f"{w.name} {why}") if why else clear("single_owner", w.key)]


EVALUATORS: tuple[Evaluator, ...] = (
    behind_pace, milestone_lost, scope_change, no_plan, slipping, quiet, orphaned, nominal_owner, stale_green, blocked, single_owner,
    zombie_work, mid_cycle,
)  # fmt: skip


def evaluate(facts: Facts, w: Workstream, thresholds: Thresholds) -> Iterator[Verdict]:
    """Every signal of one workstream."""
    for evaluator in EVALUATORS:
        yield from evaluator(facts, w, thresholds)
