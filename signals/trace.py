"""Traces a missed key result back: which of its workstreams signalled first, in which week of the period, or that it came as a surprise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import msgspec

from signals.catalogue import Thresholds
from signals.company import cut_off, judge_workstreams
from signals.exceptions import NeedsDecision, exceptions, urgency
from signals.facts import Facts
from signals.plan import KeyResult
from signals.results import latest, period_of, share, week_of

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


def trace(
    facts: Facts,
    kr: KeyResult,
    thresholds: Thresholds | None = None,
    shown: Callable[[NeedsDecision], NeedsDecision] = lambda e: e,
) -> Trace:
    """Goes through the weeks of the key result's period, oldest first, until one of its workstreams warned.

    shown: the warning as its reader may have it.
    """
    period, reading = period_of(facts, kr), latest(facts, kr)
    if period is None or kr.metric is None or reading is None:
        return Trace(kr.key, None, "not_scored", because=f"'{kr.title}' has no metric with a reading in a period")
    score = round(min(max(share(kr.metric, reading.value), 0.0), 1.0), 2)
    if score >= MISSED_BELOW:
        return Trace(kr.key, score, "reached", because=f"'{kr.title}' scored {score:g}")
    mine = facts.plan.workstreams_of.get(kr.key, ())
    limits = thresholds or Thresholds()
    for week in facts.calendar.weeks(period.start_on, min(facts.now, facts.calendar.end_of(period.end_on))):
        closes = facts.calendar.close_of(week)
        if closes < facts.calendar.end_of(period.start_on - timedelta(days=1)):
            continue
        cut = cut_off(facts, closes)
        judged = dict(judge_workstreams(cut, mine, limits))
        told = (v for j in judged.values() for v in j.verdicts)
        warned = sorted(exceptions(cut, told, {key: j.status for key, j in judged.items()}), key=urgency)
        if warned:
            first, on = shown(warned[0]), facts.calendar.day(closes)
            return Trace(kr.key, score, "traced", week_of(period, on), on, first.subject, first.signal, first.because)
    return Trace(kr.key, score, "surprise", because=f"no workstream of '{kr.title}' warned in any week")
