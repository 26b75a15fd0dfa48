"""Signals about who is at work on a workstream: quiet, silent, busy without progress, orphaned, owned in name. Pure functions of Facts."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from itertools import pairwise

from ledger.model import Health, Lifecycle
from signals.calendar import CADENCE_DAYS, days
from signals.catalogue import Severity, Thresholds, Verdict, clear, unable
from signals.facts import Act, Checkpoint, Facts, ItemFacts
from signals.plan import Workstream
from signals.telling import checkpoint, ended, name, touch, when

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
    since, touched = max(mine, default=_first(work), key=when)
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
        evidence = (touch(facts, touched, "last act" if mine else "there", since),)
        because = f"{name(facts, w.owner)} {last} in {w.name}{more}"
        verdict = Verdict("owner_quiet", w.key, "open", severity, because, evidence=evidence, inputs=inputs)
    return [verdict, silent, _idle(facts, w, acts, q < warn, thresholds)]


def _silent(
    facts: Facts, w: Workstream, work: list[ItemFacts], acts: list[tuple[ItemFacts, Act]], thresholds: Thresholds
) -> Verdict:
    warn, high = limits(facts, w, "workstream_silent", thresholds)
    last, touched = max(((a.at, i) for i, a in acts), default=_first(work), key=when)
    q = facts.quiet_days(last, work, w.owner)
    if q < warn:
        return clear("workstream_silent", w.key, quiet_days=q)
    because = f"nobody moved anything in {w.name} for {days(q)}"
    severity: Severity = "high" if q >= high else "warn"
    evidence = (touch(facts, touched, "last act" if acts else "there", last),)
    return Verdict("workstream_silent", w.key, "open", severity, because, evidence=evidence, inputs={"quiet_days": q})


def _identities(facts: Facts, w: Workstream) -> set[str]:
    """What a workstream's owner is called, by us and by the trackers."""
    owner = facts.people.get(w.owner or "")
    return {w.owner or "", *(owner.identities.values() if owner else ())}


def _first(work: list[ItemFacts]) -> tuple[datetime, ItemFacts]:
    """Since when there is anything to work on."""
    return min(((i.states[0].at, i) for i in work), key=when)


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
    at, touched = max(((a.at, i) for i, a in acts), key=when)
    evidence = (
        touch(facts, touched, "last act", at),
        *(checkpoint(p, f"due {p.due_on}") for p in _ahead(points)[:1]),
    )
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
    last, touched = max(((i.states[-1].at, i) for i in work), key=when)
    q = facts.quiet_days(last, work, w.owner)
    if q < warn:
        return clear("record_quiet", w.key, quiet_days=q)
    because = f"no record of {w.name} changed for {days(q)}"
    severity: Severity = "high" if q >= high else "warn"
    evidence = (touch(facts, touched, "last change", last),)
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
