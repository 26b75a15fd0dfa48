"""Traces a missed key result back: which of its workstreams signalled first, in which week of the period, or that it came as a surprise."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from signals.catalogue import Thresholds
from signals.company import cut_off, judge
from signals.facts import Facts
from signals.plan import KeyResult, Metric, Period, Reading
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


def trace(facts: Facts, kr: KeyResult, thresholds: Thresholds | None = None) -> Trace:
    """Goes through the weeks of the key result's period, oldest first, until one of its workstreams warned."""
    period, reading = period_of(facts, kr), latest(facts, kr)
    if period is None or kr.metric is None or reading is None:
        return Trace(kr.key, None, "not_scored", because=f"'{kr.title}' has no metric with a reading in a period")
    told = _traced(facts, kr, period, kr.metric, reading, thresholds)
    ask = facts.asks.get(kr.key)
    return msgspec.structs.replace(told, score=None, because=ask) if ask else told


def _traced(
    facts: Facts, kr: KeyResult, period: Period, metric: Metric, reading: Reading, thresholds: Thresholds | None
) -> Trace:
    score = round(min(max(share(metric, reading.value), 0.0), 1.0), 2)
    if score >= MISSED_BELOW:
        return Trace(kr.key, score, "reached", because=f"'{kr.title}' scored {score:g}")
    mine = {w.key for w in facts.plan.workstreams_of.get(kr.key, ())}
    for week in facts.calendar.weeks(period.start_on, min(facts.now, facts.calendar.end_of(period.end_on))):
        closes = facts.calendar.close_of(week)
        if closes < facts.calendar.end_of(period.start_on - timedelta(days=1)):
            continue
        judged = judge(cut_off(facts, closes), thresholds)
        warned = [e for e in judged.exceptions if e.subject in mine]
        if warned:
            first, on = warned[0], facts.calendar.day(closes)
            return Trace(kr.key, score, "traced", week_of(period, on), on, first.subject, first.signal, first.because)
    return Trace(kr.key, score, "surprise", because=f"no workstream of '{kr.title}' warned in any week")
