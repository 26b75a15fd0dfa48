"""Signals between workstreams: commitments, what the trackers say waits for what, collisions, and who promised too much."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

import msgspec

from ledger.model import Lifecycle
from signals.calendar import days
from signals.catalogue import Evidence, Severity, Thresholds, Verdict, clear, unable
from signals.facts import Facts, ItemFacts
from signals.plan import EXTERNAL, Dependency, Plan, Workstream
from signals.telling import ended, name

KEPT = ("delivered", "accepted")


def dependencies(facts: Facts, w: Workstream, thresholds: Thresholds) -> Iterator[Verdict]:
    """Everything that a workstream waits for: commitments of the plan, and edges that the trackers tell."""
    over = ended(w, facts)  # what is finished waits for nothing
    for d in facts.plan.needs_of.get(w.key, ()):
        if d.state != "withdrawn":
            yield from _commitment(facts, d, over, thresholds)
    yield from _edges(facts, w, thresholds)


# -- commitments -------------------------------------------------------------------------------------------------------


def _commitment(facts: Facts, d: Dependency, over: bool, thresholds: Thresholds) -> Iterator[Verdict]:
    consumer, provider = facts.plan.workstream_by_key[d.consumer], facts.plan.workstream_by_key.get(d.provider)
    item = facts.item_of(d.provider_item)
    kept = over or d.state in KEPT or (item is not None and item.done_at is not None)
    yield _link(d, consumer, item, over or d.state in KEPT)
    if kept:
        yield from (_named(clear(s, d.consumer), d) for s in OF_COMMITMENTS)
        return
    yield _uncommitted(facts, d, consumer, provider, thresholds)
    yield _conflict(facts, d, consumer, provider, item, thresholds)
    yield _overdue(facts, d, consumer, provider, item, thresholds)
    yield _stalled(facts, d, consumer, provider, item, thresholds)


def _link(d: Dependency, consumer: Workstream, item: ItemFacts | None, kept: bool) -> Verdict:
    """Whether the record that is meant is there."""
    if d.provider_item is None:
        return _named(unable("dependency_broken_link", d.consumer, "no record is named"), d)
    if kept or (item is not None and item.present):
        return _named(clear("dependency_broken_link", d.consumer), d)
    where = "is in no tracker that is read" if item is None else "is not there any more"
    because = f"what {consumer.name} waits for, '{item.title if item else d.provider_item}', {where}"
    return Verdict("dependency_broken_link", d.consumer, "open", "warn", because, variant=d.key, evidence=_of(item))


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
    if not missing or facts.today < period.start_on + timedelta(weeks=weeks):
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
    if not (d.needed_by or d.committed_by or item):
        return _named(unable("dependency_date_conflict", d.consumer, "no date is promised, due or needed"), d)
    if item is not None and item.now.lifecycle is Lifecycle.CANCELLED:
        why = "was cancelled"
    elif d.needed_by and d.committed_by and d.committed_by > d.needed_by:
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
    near = any(n <= t["milestone_days"] for n in coming)  # one that has passed is nearer still
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
    q = facts.quiet_days(facts.touched(work), work)
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
        ring = [d.consumer for k in ring for d in waiting_on(facts, k) if d.consumer not in (*found, key)]
        found += [k for n, k in enumerate(ring) if k not in ring[:n]]
    return found


def waiting_on(facts: Facts, provider: str) -> list[Dependency]:
    """Commitments of a provider that are still to be kept."""
    return [d for d in facts.plan.consumers_of.get(provider, ()) if d.state not in (*KEPT, "withdrawn")]


def _impact(facts: Facts, consumer: Workstream) -> str:
    """Who waits behind a workstream, with the date that each was promised or needs."""
    waiting = []
    for key in consumers(facts, consumer.key):
        if (w := facts.plan.workstream_by_key.get(key)) is None:
            continue
        before = {consumer.key, *consumers(facts, consumer.key)}
        needs = [
            d for d in facts.plan.needs_of.get(key, ()) if d.provider in before and d.state not in (*KEPT, "withdrawn")
        ]
        first = min((on for d in needs if (on := d.needed_by or d.committed_by)), default=None)
        waiting.append(f"{w.name} (needed by {first})" if first else w.name)
    return f"; behind it wait {', '.join(waiting)}" if waiting else ""


# -- edges that the trackers tell ----------------------------------------------------------------------------------------


def _edges(facts: Facts, w: Workstream, thresholds: Thresholds) -> Iterator[Verdict]:
    """Items of a workstream that wait for overdue items of others."""
    work = facts.work(w)
    mine = {i.id for i in work}
    committed = {i.id for d in facts.plan.needs_of.get(w.key, ()) if (i := facts.item_of(d.provider_item)) is not None}
    pairs = []
    for a, provider in ((i, p) for i in work if i.open for p in facts.waits_by.get(i.id, ())):
        if provider in mine or provider in committed:
            continue  # within itself, or the commitment itself speaks of it
        b = facts.items.get(provider)
        if b is None or not b.open or not b.present or b.now.due_on is None:
            continue
        if (late := facts.calendar.working_days(b.now.due_on, facts.today)) > 0:
            pairs.append((late, a, b))
    pairs.sort(key=lambda p: (-p[0], p[1].id, p[2].id))
    severity = _late(facts, w, pairs[0][0], thresholds) if pairs else None
    if severity is None:
        return
    late, a, b = pairs[0]
    homes = [facts.plan.workstream_by_key[k].name for k in sorted(facts.homes.get(b.id, ()))]
    where = f" ({' and '.join(homes) or b.source})"
    because = f"{a.key} of {w.name} waits for {b.key} '{b.title}'{where}, {days(late)} overdue{_impact(facts, w)}"
    providers = {p.id: p for _, _, p in pairs}.values()
    evidence = tuple(Evidence(p.id, f"{p.key} '{p.title}' due {p.now.due_on}", p.url) for p in list(providers)[:7])
    inputs: dict[str, float | int | str | None] = {"late_days": late}
    yield Verdict(
        "dependency_overdue", w.key, "open", severity, because, variant="trackers", evidence=evidence, inputs=inputs
    )


class Waits(msgspec.Struct, frozen=True):
    """A workstream waits for another, as a tracker tells: for one pair of items, by way of example."""

    provider: str
    ref: str
    says: str
    url: str
    awaited: str
    """Id of the item that is waited for."""


def waits_of(facts: Facts, w: Workstream) -> tuple[Waits, ...]:
    """The workstreams whose unfinished items a workstream's unfinished items wait for."""
    work = facts.work(w)
    mine = {i.id for i in work}
    found: dict[str, Waits] = {}
    for a, provider in ((i, p) for i in work if i.open for p in facts.waits_by.get(i.id, ())):
        b = facts.items.get(provider)
        if provider in mine or b is None or not b.open:
            continue
        says = f"{a.key} '{a.title}' waits for {b.key} '{b.title}'"
        for key in facts.homes.get(b.id, ()):
            found.setdefault(key, Waits(key, a.id, says, a.url, b.id))
    return tuple(found[k] for k in sorted(found))


def cycles(plan: Plan, told: Mapping[str, Sequence[Waits]]) -> Iterator[Verdict]:
    """Workstreams that wait, through others, for themselves. told: what the trackers say, by waiting workstream."""
    waits: dict[str, set[str]] = {}
    for d in plan.dependencies:
        if d.state not in (*KEPT, "withdrawn"):
            waits.setdefault(d.consumer, set()).add(d.provider)
    for key, others in told.items():
        waits.setdefault(key, set()).update(o.provider for o in others)
    awaited = {other for others in waits.values() for other in others}
    edges = {(key, o.provider): o for key, others in told.items() for o in others}
    for w in plan.workstreams:
        if w.key not in waits or w.key not in awaited or not (way := _way_back(waits, w.key)):
            continue
        names = " waits for ".join(plan.workstream_by_key[k].name for k in way)
        evidence = tuple(
            Evidence(e.ref, e.says, e.url, (e.awaited,)) for pair in pairwise(way) if (e := edges.get(pair))
        )
        inputs: dict[str, float | int | str | None] = {"length": len(way) - 1}
        yield Verdict("dependency_cycle", w.key, "open", "warn", names, evidence=evidence[:7], inputs=inputs)


def _way_back(waits: Mapping[str, set[str]], start: str) -> list[str]:
    """The shortest way from a node along its edges back to itself; empty where there is none."""
    came: dict[str, str] = {}
    ring = [start]
    while ring:
        following = []
        for node in ring:
            for other in sorted(waits.get(node, ())):
                if other == start:
                    way = [start, node]
                    while way[-1] != start:
                        way.append(came[way[-1]])
                    return way[::-1] if node != start else []
                if other not in came:
                    came[other] = node
                    following.append(other)
        ring = following
    return []


# -- 6. collisions -------------------------------------------------------------------------------------------------------


def collision(facts: Facts, w: Workstream, own: Severity | None) -> Verdict:
    """One workstream under key results of different objectives; it takes on the workstream's own severity."""
    plan = facts.plan
    results = [plan.key_result_by_key[k] for k in w.supports if k in plan.key_result_by_key]
    objectives = sorted({r.objective for r in results})
    if len(results) < 2 or len(objectives) < 2 or ended(w, facts):
        return clear("collision", w.key)
    titles = " and ".join(f"'{plan.objective_by_key[o].title}'" for o in objectives if o in plan.objective_by_key)
    because = f"{len(results)} key results of {titles} lean on {w.name}"
    evidence = tuple(Evidence(r.key, f"'{r.title}'") for r in results[:7])
    inputs: dict[str, float | int | str | None] = {"key_results": len(results)}
    return Verdict("collision", w.key, "open", own or "watch", because, evidence=evidence, inputs=inputs)


def overloaded(facts: Facts, ended: Collection[str], thresholds: Thresholds) -> Iterator[Verdict]:
    """Owners of more active workstreams than one person can lead. ended: keys of workstreams with nothing left to do."""
    owned: dict[str, list[Workstream]] = {}
    for w in facts.plan.workstreams:
        if w.owner and not w.bau and w.key not in ended:
            owned.setdefault(w.owner, []).append(w)
    for owner, mine in sorted(owned.items()):
        if len(mine) <= thresholds.of("overloaded_owner", mine[0].department)["workstreams"]:
            continue
        because = f"{name(facts, owner)} owns {len(mine)} active workstreams: {_some([w.name for w in mine])}"
        evidence = tuple(Evidence(w.key, w.name) for w in mine[:7])
        inputs: dict[str, float | int | str | None] = {"workstreams": len(mine)}
        for w in mine:
            yield Verdict("overloaded_owner", w.key, "open", "watch", because, evidence=evidence, inputs=inputs)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:7]) + (f" and {len(names) - 7} more" if len(names) > 7 else "")


def overpromised(facts: Facts, w: Workstream, thresholds: Thresholds) -> Verdict:
    """A provider with many promises within two weeks."""
    t = thresholds.of("overpromised_provider", w.department)
    promises = [
        (d.committed_by, d)
        for d in facts.plan.consumers_of.get(w.key, ())
        if d.committed_by and d.state not in (*KEPT, "withdrawn")
    ]
    promises.sort(key=lambda p: (p[0], p[1].key))
    for n, (first, _) in enumerate(promises):
        together = [(on, d) for on, d in promises[n:] if on < first + timedelta(weeks=t["weeks"])]
        if len(together) > t["commitments"]:
            because = f"{w.name} promised {len(together)} deliveries between {first} and {together[-1][0]}"
            evidence = tuple(Evidence(d.key, f"{d.deliverable or d.key} by {on}") for on, d in together[:7])
            inputs: dict[str, float | int | str | None] = {"commitments": len(together)}
            return Verdict("overpromised_provider", w.key, "open", "watch", because, evidence=evidence, inputs=inputs)
    return clear("overpromised_provider", w.key)
