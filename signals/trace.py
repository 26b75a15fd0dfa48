"""Traces a missed key result back: which of its workstreams signalled first, in which week of the period, or that it came as a surprise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta

import msgspec

from signals.catalogue import Thresholds
from signals.company import Judged, cut_off, judge_workstreams
from signals.exceptions import NeedsDecision, exceptions, urgency
from signals.facts import Facts
from signals.plan import KeyResult, Period, Workstream
from signals.results import period_of, score_of, week_of

MISSED_BELOW = 0.7


class Trace(msgspec.Struct, frozen=True):
    """`verdict` traced, surprise, reached or not_scored."""

    key_result: str
    score: float | None
    """0-1 of the way from baseline to target; None without a reading."""
    verdict: str
    week: int | None = None
    """Of the period, from 1."""
    on: date | None = None
    workstream: str | None = None
    signal: str | None = None
    because: str = ""


class Watched(msgspec.Struct, frozen=True):
    """How some workstreams stood at the close of a week of a period, and what needed a decision of them, the most urgent first."""

    week: int
    """Of the period, from 1."""
    on: date
    judged: dict[str, Judged]
    warned: tuple[NeedsDecision, ...]


class Warned(msgspec.Struct, frozen=True):
    """The first warning of some workstreams in a period."""

    week: int
    on: date
    first: NeedsDecision


def watched(facts: Facts, streams: Sequence[Workstream], period: Period, thresholds: Thresholds) -> Iterator[Watched]:
    """Some workstreams at the close of each week of a period that has closed by now, oldest first."""
    for week in facts.calendar.weeks(period.start_on, min(facts.now, facts.calendar.end_of(period.end_on))):
        closes = facts.calendar.close_of(week)
        if closes < facts.calendar.end_of(period.start_on - timedelta(days=1)):
            continue
        cut, on = cut_off(facts, closes), facts.calendar.day(closes)
        judged = dict(judge_workstreams(cut, streams, thresholds))
        told = (v for j in judged.values() for v in j.verdicts)
        warned = sorted(exceptions(cut, told, {key: j.status for key, j in judged.items()}), key=urgency)
        yield Watched(week_of(period, on), on, judged, tuple(warned))


def trace(
    facts: Facts,
    kr: KeyResult,
    thresholds: Thresholds | None = None,
    shown: Callable[[NeedsDecision], NeedsDecision] = lambda e: e,
) -> Trace:
    """Goes through the weeks of the key result's period, oldest first, until one of its workstreams warned.

    shown: the warning as its reader may have it.
    """
    period = period_of(facts, kr)
    if period is None or not _missed(facts, kr):
        return traced_back(facts, kr, None)
    mine = facts.plan.workstreams_of.get(kr.key, ())
    weeks = watched(facts, mine, period, thresholds or Thresholds())
    first = next((Warned(w.week, w.on, shown(w.warned[0])) for w in weeks if w.warned), None)
    return traced_back(facts, kr, first)


def traced_back(facts: Facts, kr: KeyResult, warned: Warned | None) -> Trace:
    """What is to be said of a key result, given the first warning of its workstreams."""
    score = score_of(facts, kr, 2)
    if period_of(facts, kr) is None or score is None:
        return Trace(kr.key, None, "not_scored", because=f"'{kr.title}' has no metric with a reading in a period")
    if not _missed(facts, kr):
        return Trace(kr.key, score, "reached", because=f"'{kr.title}' scored {score:g}")
    if warned is None:
        return Trace(kr.key, score, "surprise", because=f"no workstream of '{kr.title}' warned in any week")
    first = warned.first
    return Trace(kr.key, score, "traced", warned.week, warned.on, first.subject, first.signal, first.because)


def _missed(facts: Facts, kr: KeyResult) -> bool:
    score = score_of(facts, kr, 2)
    return score is not None and score < MISSED_BELOW
