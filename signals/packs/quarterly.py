"""The quarter (docs/packs.md): scores against evidence, the trace-back of what was missed, bad-news latency, what to drop. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Literal

import msgspec

from ledger.model import Health, Lifecycle
from signals.catalogue import Evidence, Thresholds
from signals.company import Company
from signals.exceptions import NeedsDecision, needs, urgency
from signals.facts import Facts
from signals.nodes import BEHIND, NodeStatus
from signals.packs.calibration import Calibration, Seen, calibrate
from signals.packs.diagnosis import added_in
from signals.packs.weekly import Stopped, cancelled, decided_against
from signals.packs.words import many, word
from signals.plan import KeyResult, Objective, Period, Workstream
from signals.results import latest, score_of, week_of
from signals.rollup import FEW
from signals.trace import Trace, Warned, traced_back

LAST_WEEKS = 2
"""What is seen for the first time in so many last weeks of a period was seen too late."""
TO_DROP = ("zombie_work", "delivered_not_moved", "workstream_silent", "orphaned", "unmapped_kr")
"""Signals by which something may be dropped."""


class Score(msgspec.Struct, frozen=True):
    """A key result's score beside what its metric and its work show."""

    node: str
    name: str
    objective: str
    score: float | None
    """0-1 of its way; None without a reading."""
    verdict: Literal["reached", "traced", "surprise", "not_scored", "dropped"]
    headline: Health
    reported: Health
    derived: Health
    coverage: float | None
    evidence: tuple[Evidence, ...]
    says: str


class Average(msgspec.Struct, frozen=True):
    """An objective's score: of its key results that were scored, by weight."""

    node: str
    name: str
    score: float | None
    scored: int
    key_results: int


class TracedBack(msgspec.Struct, frozen=True):
    """A missed key result, and the first warning that there was."""

    trace: Trace
    warning: NeedsDecision | None
    first_seen_week: int | None
    """Of the period, from 1: when a workstream warned, or its team said so itself; None: never."""


class Latency(msgspec.Struct, frozen=True):
    """How long bad news of a workstream took from the evidence to the team's own word."""

    node: str
    name: str
    department: str
    evidence_week: int | None
    said_week: int | None
    weeks: int | None
    """From the evidence to the word; 0 where the team said it first; None where it never did."""
    says: str


class Question(msgspec.Struct, frozen=True):
    """A question about the way of working, answered by counting."""

    key: str
    asks: str
    says: str


class Quarterly(msgspec.Struct, frozen=True):
    """The quarter's page."""

    period: str
    start_on: date
    end_on: date
    scores: tuple[Score, ...]
    objectives: tuple[Average, ...]
    traces: tuple[TracedBack, ...]
    late: int
    """Misses first seen in the last two weeks, or never."""
    misses: int
    late_says: str
    latency: tuple[Latency, ...]
    latency_says: str
    infrastructure: tuple[Question, ...]
    calibration: tuple[Calibration, ...]
    dropped: tuple[Stopped, ...]
    to_drop: tuple[NeedsDecision, ...]


class History(msgspec.Struct, frozen=True):
    """What was seen of the workstreams, week by week of the period, as far as it has gone."""

    seen: Mapping[str, Sequence[Seen]]
    warned: Mapping[str, Warned]
    """The first warning of each, where there was one."""
    lives: Mapping[str, Lifecycle]
    """Where each was at the close of its first week."""


def quarterly(company: Company, facts: Facts, period: Period, history: History, thresholds: Thresholds) -> Quarterly:
    """The quarter of a company as of its close. facts: what is above the items."""
    objectives = [o for o in facts.plan.objectives if o.period == period.key]
    results = [k for o in objectives for k in facts.plan.key_results_of.get(o.key, ())]
    dropped = {k.key for k in results if company.nodes[k.key].outcome == "dropped"}
    traces = {k.key: traced_back(facts, k, _first(facts, k, history)) for k in results}
    missed = [_traced(facts, k, traces[k.key], history) for k in results if _is_miss(traces[k.key], k.key in dropped)]
    late = [t for t in missed if t.first_seen_week is None or t.first_seen_week > _weeks(period) - LAST_WEEKS]
    latency = _latencies(facts, results, history)
    ended = decided_against(facts, period.start_on - timedelta(days=1), facts.today)
    return Quarterly(
        period.key, period.start_on, period.end_on,
        tuple(_score(facts, k, company.nodes[k.key], traces[k.key], k.key in dropped) for k in results),
        tuple(_average(facts, o) for o in objectives),
        tuple(missed), len(late), len(missed), _late_says(late, missed), latency, _latency_says(latency),
        _infrastructure(facts, company, period, missed, history, thresholds),
        calibrate(facts, history.seen, {k: t for k, t in traces.items() if k not in dropped}),
        (*ended, *cancelled(company, history.lives)), tuple(_to_drop(company, facts, results)),
    )  # fmt: skip


def _is_miss(trace: Trace, dropped: bool) -> bool:
    return trace.verdict in ("traced", "surprise") and not dropped


def _weeks(period: Period) -> int:
    return week_of(period, period.end_on)


# -- scores ----------------------------------------------------------------------------------------------------------------


def _score(facts: Facts, kr: KeyResult, node: NodeStatus, trace: Trace, dropped: bool) -> Score:
    verdict = "dropped" if dropped else trace.verdict
    reading, metric = latest(facts, kr), kr.metric
    evidence: tuple[Evidence, ...] = ()
    if metric is not None and reading is not None:
        unit = f" {metric.unit}" if metric.unit else ""
        evidence = (Evidence(metric.item or kr.key, f"{reading.value:g} of {metric.target:g}{unit} on {reading.on}"),)
    told = "was dropped" if dropped else "has no score" if trace.score is None else f"scored {trace.score:g}"
    work = f"its teams say {word(node.reported)}, its work shows {word(node.derived)}"
    return Score(
        kr.key, kr.title, kr.objective, None if dropped else trace.score, verdict, node.headline, node.reported, node.derived,  # type: ignore[arg-type]  # a trace's verdicts are among these
        node.coverage, evidence, f"'{kr.title}' {told}; {work}",
    )  # fmt: skip


def _average(facts: Facts, o: Objective) -> Average:
    results = facts.plan.key_results_of.get(o.key, ())
    told = [(s, k.weight) for k in results if (s := score_of(facts, k, 2)) is not None]
    total = sum(w for _, w in told)
    score = round(sum(s * w for s, w in told) / total, 2) if total else None
    return Average(o.key, o.title, score, len(told), len(results))


# -- what was missed, and when it was seen ---------------------------------------------------------------------------------


def _streams(facts: Facts, kr: KeyResult) -> list[Workstream]:
    return [w for w in facts.plan.workstreams_of.get(kr.key, ()) if not w.bau]


def _first(facts: Facts, kr: KeyResult, history: History) -> Warned | None:
    """The first warning of a key result's workstreams; of several in one week the most urgent."""
    found = [history.warned[w.key] for w in facts.plan.workstreams_of.get(kr.key, ()) if w.key in history.warned]
    return min(found, key=lambda w: (w.week, urgency(w.first)), default=None)


def _traced(facts: Facts, kr: KeyResult, trace: Trace, history: History) -> TracedBack:
    warned = _first(facts, kr, history)
    said = [week for w in _streams(facts, kr) if (week := _first_said(history.seen.get(w.key, ())))]
    weeks = [*said, *([warned.week] if warned else [])]
    return TracedBack(trace, warned.first if warned else None, min(weeks, default=None))


def _first_said(seen: Sequence[Seen]) -> int | None:
    return next((s.week for s in seen if s.reported in BEHIND), None)


def _late_says(late: Sequence[TracedBack], missed: Sequence[TracedBack]) -> str:
    if not missed:
        return "No scored key result was missed."
    share = f" ({len(late) / len(missed):.0%})" if len(missed) >= FEW else ""
    weak = ": the weekly rhythm is too weak" if 2 * len(late) > len(missed) else ""
    return f"{len(late)} of {len(missed)} missed{share} were first seen in the last {LAST_WEEKS} weeks, or never{weak}."


# -- bad news --------------------------------------------------------------------------------------------------------------


def _latencies(facts: Facts, results: Iterable[KeyResult], history: History) -> tuple[Latency, ...]:
    """Every workstream of which there was bad news, the slowest first."""
    streams = {w.key: w for k in results for w in _streams(facts, k)}
    rows = [row for w in streams.values() if (row := _latency(w, history.seen.get(w.key, ())))]
    return tuple(sorted(rows, key=lambda r: (r.weeks is not None, -(r.weeks or 0), r.node)))


def _latency(w: Workstream, seen: Sequence[Seen]) -> Latency | None:
    shown, said = next((s.week for s in seen if s.derived in BEHIND), None), _first_said(seen)
    if shown is None and said is None:
        return None
    if said is None:
        weeks, told = None, f"it showed in week {shown}, and was never said"
    elif shown is None or said < shown:
        weeks, told = 0, f"it was said in week {said}, before anything showed"
    else:
        late = said - shown
        after = "in the same week" if not late else f"{many(late, 'week')} later"
        weeks, told = late, f"it showed in week {shown}, and was said {after}"
    return Latency(w.key, w.name, w.department, shown, said, weeks, f"'{w.name}': {told}")


def _latency_says(rows: Sequence[Latency]) -> str:
    if not rows:
        return "There was no bad news."
    first = sum(_said_first(r) for r in rows)
    same = sum(r.weeks == 0 for r in rows) - first
    later = [r.weeks for r in rows if r.weeks]
    middle = f" (half of them within {median(later):g} weeks)" if len(later) >= FEW else ""
    never = sum(r.weeks is None for r in rows)
    return (
        f"Of {many(len(rows), 'workstream')} with bad news {first} said it before anything showed, {same} in the week in which it showed, "
        f"{len(later)} later{middle}, {never} never."
    )


def _said_first(r: Latency) -> bool:
    return r.said_week is not None and (r.evidence_week is None or r.said_week < r.evidence_week)


# -- the way of working ----------------------------------------------------------------------------------------------------


def _infrastructure(
    facts: Facts,
    company: Company,
    period: Period,
    missed: Sequence[TracedBack],
    history: History,
    thresholds: Thresholds,
) -> tuple[Question, ...]:
    traced = sum(t.trace.verdict == "traced" for t in missed)
    return (
        Question(
            "traced", "Can what was missed be traced to a workstream that drifted early?",
            f"{traced} of {many(len(missed), 'missed key result')} can; {len(missed) - traced} came as a surprise.",
        ),
        Question("shared", "Was a shared workstream known at planning, or only when it slipped?", _shared(facts, period, history)),
        Question("decomposed", "Was what came in mid-cycle decided and decomposed?", _mid_cycle(facts, company, period, thresholds)),
    )  # fmt: skip


def _shared(facts: Facts, period: Period, history: History) -> str:
    """Of workstreams that serve key results of different objectives: when that could be seen, and when they slipped."""
    slipped = known = total = 0
    for w in facts.plan.workstreams:
        above = {k.objective for key in w.supports if (k := facts.plan.key_result_by_key.get(key))}
        if len(above) < 2:
            continue
        total += 1
        slip = next((s.week for s in history.seen.get(w.key, ()) if s.derived in BEHIND), None)
        seen_on = facts.first_seen.get(w.key)
        if slip is not None:
            slipped += 1
            known += seen_on is None or week_of(period, seen_on) < slip
    if not total:
        return "No workstream serves key results of different objectives."
    return f"{many(total, 'workstream')} under key results of different objectives; {slipped} slipped, {known} of them known as shared before."


def _mid_cycle(facts: Facts, company: Company, period: Period, thresholds: Thresholds) -> str:
    late = added_in(facts, period, thresholds)
    taken = {d.subject for d in facts.plan.decisions if d.kind == "intake"}
    bare = sum(v.signal == "no_decomposition" and v.outcome == "open" for v in company.verdicts)
    decided = sum(n.key in taken for n in late)
    return (
        f"{len(late)} came in mid-cycle, {decided} of them by decision; {many(bare, 'objective')} without key results."
    )


def _to_drop(company: Company, facts: Facts, results: Sequence[KeyResult]) -> Sequence[NeedsDecision]:
    """What is open by which something of the period may be dropped, the most urgent first."""
    mine = {k.key for k in results} | {w.key for k in results for w in _streams(facts, k)}
    found = [v for v in company.verdicts if v.signal in TO_DROP and v.outcome == "open" and v.subject in mine]
    return sorted((needs(facts, v, company.nodes) for v in found), key=urgency)
