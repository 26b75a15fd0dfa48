"""Signals between workstreams: commitments, what the trackers say waits for what, collisions, and who promised too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from signals.catalogue import Evidence, Severity, Thresholds, Verdict, clear, unable
from signals.facts import Facts, ItemFacts
from signals.plan import EXTERNAL, Dependency, Workstream
from signals.workstream import days, ended, name

KEPT = ("delivered", "accepted")


def dependencies(facts: Facts, thresholds: Thresholds) -> Iterator[Verdict]:
    """Every commitment of the plan, and every edge between workstreams that the trackers tell."""
    for d in facts.plan.dependencies:
        if d.state != "withdrawn" and d.consumer in facts.plan.workstream_by_key:
            yield from _commitment(facts, d, thresholds)
    yield from _edges(facts, thresholds)


# -- commitments -------------------------------------------------------------------------------------------------------


def _commitment(facts: Facts, d: Dependency, thresholds: Thresholds) -> Iterator[Verdict]:
    consumer, provider = facts.plan.workstream_by_key[d.consumer], facts.plan.workstream_by_key.get(d.provider)
    item = facts.item_of(d.provider_item)
    kept = d.state in KEPT or (item is not None and item.done_at is not None)
    if d.provider_item is not None and item is None:
        because = f"what {consumer.name} waits for, '{d.provider_item}', is in no tracker that is read"
        yield Verdict("dependency_broken_link", d.consumer, "open", "warn", because, variant=d.key)
    else:
        yield _named(clear("dependency_broken_link", d.consumer), d)
    if kept:
        yield from (_named(clear(s, d.consumer), d) for s in OF_COMMITMENTS)
        return
    yield _uncommitted(facts, d, consumer, provider, thresholds)
    yield _conflict(facts, d, consumer, provider, item, thresholds)
    yield _overdue(facts, d, consumer, provider, item, thresholds)
    yield _stalled(facts, d, consumer, provider, item, thresholds)


OF_COMMITMENTS = ("dependency_uncommitted", "dependency_date_conflict", "dependency_overdue", "dependency_stalled")


def _named(verdict: Verdict, d: Dependency) -> Verdict:
    return Verdict(
        verdict.signal, verdict.subject, verdict.outcome, reason=verdict.reason, inputs=verdict.inputs, variant=d.key
    )


def _from(d: Dependency, provider: Workstream | None) -> str:
    return provider.name if provider else "somebody outside" if d.provider == EXTERNAL else d.provider


def _uncommitted(
    facts: Facts, d: Dependency, consumer: Workstream, provider: Workstream | None, thresholds: Thresholds
) -> Verdict:
    weeks = thresholds.of("dependency_uncommitted", consumer.department)["weeks"]
    period = facts.plan.period_of(consumer, facts.today)
    parts = (("what", d.deliverable), ("by when", d.committed_by), ("who", d.provider_person))
    missing = [label for label, value in parts if not value]
    if period is None:
        return _named(unable("dependency_uncommitted", d.consumer, "no period is planned for today"), d)
    if not missing or facts.today <= period.start_on + timedelta(weeks=weeks):
        return _named(clear("dependency_uncommitted", d.consumer), d)
    because = f"{consumer.name} needs {d.deliverable or 'something'} from {_from(d, provider)}; nobody said {' or '.join(missing)}"
    return Verdict(
        "dependency_uncommitted", d.consumer, "open", "warn", because, variant=d.key, inputs={"missing": len(missing)}
    )


def _conflict(
    facts: Facts,
    d: Dependency,
    consumer: Workstream,
    provider: Workstream | None,
    item: ItemFacts | None,
    thresholds: Thresholds,
) -> Verdict:
    late_week = thresholds.of("dependency_date_conflict", consumer.department)["late_week"]
    period = facts.plan.period_of(consumer, facts.today)
    due = item.now.due_on if item else None
    why = ""
    if d.needed_by and d.committed_by and d.committed_by > d.needed_by:
        why = f"is promised for {d.committed_by} and needed by {d.needed_by}"
    elif d.needed_by and due and due > d.needed_by:
        why = f"is due on {due} and needed by {d.needed_by}"
    elif period and d.committed_by and d.committed_by >= period.start_on + timedelta(weeks=late_week - 1):
        week = (d.committed_by - period.start_on).days // 7 + 1
        why = f"is promised for week {week} of the period"
    if not why:
        return _named(clear("dependency_date_conflict", d.consumer), d)
    because = f"{d.deliverable or 'what is needed'} from {_from(d, provider)} for {consumer.name} {why}"
    return Verdict("dependency_date_conflict", d.consumer, "open", "warn", because, variant=d.key, evidence=_of(item))


def _overdue(
    facts: Facts,
    d: Dependency,
    consumer: Workstream,
    provider: Workstream | None,
    item: ItemFacts | None,
    thresholds: Thresholds,
) -> Verdict:
    promised = d.committed_by or (item.now.due_on if item else None) or d.needed_by
    if promised is None:
        return _named(unable("dependency_overdue", d.consumer, "no date is promised, due or needed"), d)
    late = facts.calendar.working_days(promised, facts.today)
    severity = _late(facts, consumer, late, thresholds)
    if severity is None:
        return _named(clear("dependency_overdue", d.consumer, late_days=late), d)
    because = (
        f"{consumer.name} waits for {d.deliverable or 'what is needed'} from {_from(d, provider)}, {days(late)} overdue since "
        f"{promised}{_impact(facts, consumer)}"
    )
    return Verdict(
        "dependency_overdue",
        d.consumer,
        "open",
        severity,
        because,
        variant=d.key,
        evidence=_of(item),
        inputs={"late_days": late},
    )


def _late(facts: Facts, consumer: Workstream, late: int, thresholds: Thresholds) -> Severity | None:
    t = thresholds.of("dependency_overdue", consumer.department)
    if late < t["warn_days"]:
        return None
    ahead = [p.baseline_on or p.due_on for p in facts.checkpoints(consumer) if p.done_on is None and not p.cancelled]
    coming = [facts.calendar.working_days(facts.today, on) for on in ahead if on is not None]
    near = any(0 <= n <= t["milestone_days"] for n in coming)
    return "high" if late >= t["high_days"] or near else "warn"


def _stalled(
    facts: Facts,
    d: Dependency,
    consumer: Workstream,
    provider: Workstream | None,
    item: ItemFacts | None,
    thresholds: Thresholds,
) -> Verdict:
    t = thresholds.of("dependency_stalled", consumer.department)
    work = [item] if item else facts.work(provider) if provider else []
    work = [i for i in work if i.open]
    if not work:
        return _named(unable("dependency_stalled", d.consumer, "the provider's work is not known"), d)
    stuck = [facts.days_since(i.blocked_since) for i in work if i.blocked_since is not None]
    acts = [a.at for i in work for a in i.acts if a.human]
    q = facts.days_since(max(acts)) if acts else facts.days_since(min(i.states[0].at for i in work))
    soon = d.needed_by is not None and facts.calendar.working_days(facts.today, d.needed_by) <= t["needed_days"]
    why = ""
    if max(stuck, default=0) >= t["blocked_days"]:
        why = f"is blocked for {days(max(stuck))}"
    elif q >= t["quiet_days"] and soon:
        why = f"was not touched for {days(q)} and is needed by {d.needed_by}"
    if not why:
        return _named(clear("dependency_stalled", d.consumer, quiet_days=q), d)
    because = f"{d.deliverable or 'what is needed'} from {_from(d, provider)} for {consumer.name} {why}"
    return Verdict("dependency_stalled", d.consumer, "open", "warn", because, variant=d.key, evidence=_of(item))


def _of(item: ItemFacts | None) -> tuple[Evidence, ...]:
    return (Evidence(item.id, f"{item.key} '{item.title}'", item.url),) if item else ()


def consumers(facts: Facts, key: str) -> list[str]:
    """Whoever waits for a workstream, and whoever waits for those, nearest first."""
    found: list[str] = []
    ring = [key]
    while ring:
        ring = [d.consumer for k in ring for d in facts.plan.consumers_of.get(k, ()) if d.consumer not in (*found, key)]
        found += [k for n, k in enumerate(ring) if k not in ring[:n]]
    return found


def _impact(facts: Facts, consumer: Workstream) -> str:
    waiting = [
        facts.plan.workstream_by_key[k].name
        for k in consumers(facts, consumer.key)
        if k in facts.plan.workstream_by_key
    ]
    return f"; behind it wait {', '.join(waiting)}" if waiting else ""


# -- edges that the trackers tell ----------------------------------------------------------------------------------------


def _edges(facts: Facts, thresholds: Thresholds) -> Iterator[Verdict]:
    """An item of one workstream that waits for an overdue item of another."""
    home = {i: w for w, ids in facts.of.items() for i in ids}
    committed = {
        (d.consumer, i.id) for d in facts.plan.dependencies if (i := facts.item_of(d.provider_item)) is not None
    }
    told: dict[str, list[tuple[int, ItemFacts, ItemFacts]]] = {}
    for waiting, provider in facts.waits:
        a, b = facts.items.get(waiting), facts.items.get(provider)
        mine = home.get(waiting)
        if a is None or b is None or mine is None or mine == home.get(provider) or not a.open or not b.open:
            continue
        if (mine, b.id) in committed:
            continue  # the commitment itself speaks of it
        if b.now.due_on is not None and (late := facts.calendar.working_days(b.now.due_on, facts.today)) > 0:
            told.setdefault(mine, []).append((late, a, b))
    for key, pairs in told.items():
        consumer = facts.plan.workstream_by_key[key]
        pairs.sort(key=lambda p: -p[0])
        late, a, b = pairs[0]
        severity = _late(facts, consumer, late, thresholds)
        if severity is None:
            continue
        owner = facts.plan.workstream_by_key.get(home.get(b.id, ""))
        where = f" ({owner.name})" if owner else f" ({b.source})"
        because = f"{a.key} of {consumer.name} waits for {b.key} '{b.title}'{where}, {days(late)} overdue{_impact(facts, consumer)}"
        providers = {p.id: p for _, _, p in pairs}.values()
        evidence = tuple(Evidence(p.id, f"{p.key} '{p.title}' due {p.now.due_on}", p.url) for p in list(providers)[:7])
        yield Verdict(
            "dependency_overdue",
            key,
            "open",
            severity,
            because,
            variant="trackers",
            evidence=evidence,
            inputs={"late_days": late},
        )


# -- 6. collisions -------------------------------------------------------------------------------------------------------


def collisions(facts: Facts, thresholds: Thresholds, severity: Mapping[str, Severity | None]) -> Iterator[Verdict]:
    """One workstream under key results of different objectives; owners and providers with too much.

    severity: each workstream's own worst, which its collision takes on.
    """
    plan = facts.plan
    for w in plan.workstreams:
        results = [plan.key_result_by_key[k] for k in w.supports if k in plan.key_result_by_key]
        objectives = sorted({r.objective for r in results})
        if len(results) < 2 or len(objectives) < 2 or ended(w, facts):
            yield clear("collision", w.key)
            continue
        titles = " and ".join(f"'{plan.objective_by_key[o].title}'" for o in objectives if o in plan.objective_by_key)
        because = f"{len(results)} key results of {titles} lean on {w.name}"
        own = severity.get(w.key)
        yield Verdict("collision", w.key, "open", own or "watch", because, inputs={"key_results": len(results)})
    yield from _overloaded(facts, thresholds)
    yield from _overpromised(facts, thresholds)


def _overloaded(facts: Facts, thresholds: Thresholds) -> Iterator[Verdict]:
    owned: dict[str, list[Workstream]] = {}
    for w in facts.plan.workstreams:
        if w.owner and not w.bau and not ended(w, facts):
            owned.setdefault(w.owner, []).append(w)
    for owner, mine in sorted(owned.items()):
        if len(mine) > thresholds.of("overloaded_owner", mine[0].department)["workstreams"]:
            because = f"{name(facts, owner)} owns {len(mine)} active workstreams: {', '.join(w.name for w in mine)}"
            for w in mine:
                yield Verdict("overloaded_owner", w.key, "open", "watch", because, inputs={"workstreams": len(mine)})


def _overpromised(facts: Facts, thresholds: Thresholds) -> Iterator[Verdict]:
    promised: dict[str, list[date]] = {}
    for d in facts.plan.dependencies:
        if d.committed_by and d.state not in (*KEPT, "withdrawn") and d.provider != EXTERNAL:
            promised.setdefault(d.provider, []).append(d.committed_by)
    for provider, dates in sorted(promised.items()):
        w = facts.plan.workstream_by_key[provider]
        t = thresholds.of("overpromised_provider", w.department)
        dates.sort()
        for n, first in enumerate(dates):
            together = [d for d in dates[n:] if d <= first + timedelta(weeks=t["weeks"])]
            if len(together) > t["commitments"]:
                because = f"{w.name} promised {len(together)} deliveries between {first} and {together[-1]}"
                yield Verdict(
                    "overpromised_provider", provider, "open", "watch", because, inputs={"commitments": len(together)}
                )
                break
