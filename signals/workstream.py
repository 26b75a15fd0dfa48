"""Signals about one workstream, all of them: pace.py, quiet.py, and here what is left. Each is one pure function of Facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ledger.model import Decision, Health
from signals.added import added
from signals.cadence import last_said
from signals.calendar import days
from signals.catalogue import Evidence, Severity, Thresholds, Verdict, clear
from signals.deciding import answers
from signals.facts import Facts, ItemFacts
from signals.pace import behind_pace, milestone_lost, no_plan, scope_change, slipping
from signals.plan import Workstream
from signals.quiet import nominal_owner, orphaned, quiet, single_human
from signals.telling import ended, touch, when

TURNED_DOWN = ("not_now", "reject")
Evaluator = Callable[[Facts, Workstream, Thresholds], list[Verdict]]


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
    evidence = (touch(facts, said.item, "last word", said.at),)
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
    silent = [(n, i) for n, i in stuck if n >= limit and not i.now.decision_needed and not _taken_up(facts, w, i)]
    if not silent:
        return [*found, clear("escalation_avoided", w.key)]
    because = (
        f"{silent[0][1].key} '{silent[0][1].title}' is blocked for {days(silent[0][0])}, and nobody is asked to decide"
    )
    return [
        *found,
        Verdict("escalation_avoided", w.key, "open", "warn", because, evidence=evidence, inputs={"days": silent[0][0]}),
    ]


def _taken_up(facts: Facts, w: Workstream, item: ItemFacts) -> bool:
    """Whether it was decided since the block began who acts on it, and that day has not come: when it comes, a block is a block again."""
    since = facts.calendar.day(item.blocked_since) if item.blocked_since else facts.today
    raised = Verdict("escalation_avoided", w.key, "open")
    return any(
        d.act_owner and d.act_by and since <= d.decided_on <= facts.today < d.act_by
        for d in facts.plan.decisions
        if answers(d, raised)
    )


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
    evidence = tuple(touch(facts, i, "act", at) for at, i in sorted(acts, key=when, reverse=True)[:7])
    return [Verdict("zombie_work", w.key, "open", "warn", because, evidence=evidence, inputs={"acts": len(acts)})]


def _turned_down(facts: Facts, w: Workstream) -> Decision | None:
    """The decision by which a workstream, or every key result or objective that it serves, is not to be done."""

    def last(subject: str) -> Decision | None:
        about = [d for d in facts.plan.decisions if d.subject == subject and d.decided_on <= facts.today]
        latest = max(reversed(about), key=lambda d: d.decided_on, default=None)  # of one day's, the one recorded last
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
