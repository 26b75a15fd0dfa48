"""Signals about what we read: a tracker not read, fewer records than before, truncation, drift, words without translation."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from signals.catalogue import Evidence, Thresholds, Verdict, clear, unable
from signals.facts import Facts, SourceFacts


def evaluate_source(facts: Facts, s: SourceFacts, thresholds: Thresholds) -> Iterator[Verdict]:
    """Every signal of one source."""
    yield _stale(facts, s, thresholds)
    yield _coverage(s, thresholds)
    yield _found(s, "truncated", "did not show all of it")
    yield _found(s, "schema_drift", "changed its fields")
    if s.unmapped:
        words = "1 word" if s.unmapped == 1 else f"{s.unmapped} words"
        yield Verdict(
            "unmapped_value",
            s.key,
            "open",
            "watch",
            f"{s.key} says {words} without a translation",
            inputs={"words": s.unmapped},
        )
    else:
        yield clear("unmapped_value", s.key)
    yield _unread(facts, s)


def _stale(facts: Facts, s: SourceFacts, thresholds: Thresholds) -> Verdict:
    if not s.good:
        return Verdict("source_stale", s.key, "open", "warn", f"{s.key} has never been read completely")
    age = (facts.now - s.good[-1]).total_seconds()
    if age <= thresholds.of("source_stale", s.department)["schedules"] * s.every:
        return clear("source_stale", s.key, age_seconds=round(age))
    because = f"{s.key} was last read completely {_ago(age)} ago"
    return Verdict("source_stale", s.key, "open", "warn", because, inputs={"age_seconds": round(age)})


def _coverage(s: SourceFacts, thresholds: Thresholds) -> Verdict:
    """Rows of the last whole read against the median of those before it."""
    if len(s.seen) < 2:
        return unable("coverage_drop", s.key, f"{s.key} has been read whole {len(s.seen)} times: two are needed")
    usual, now = median(s.seen[:-1][-7:]), s.seen[-1]
    if now >= thresholds.of("coverage_drop", s.department)["share"] * usual:
        return clear("coverage_drop", s.key, rows=now, usual=usual)
    because = f"{s.key} shows {now} records where {usual:g} are usual: what is missing is held as unobserved"
    return Verdict("coverage_drop", s.key, "open", "warn", because, inputs={"rows": now, "usual": usual})


def _unread(facts: Facts, s: SourceFacts) -> Verdict:
    """What records of the plan say and nobody can understand: each of them is evidence."""
    told = [u for u in facts.plan.unread if u.source == s.key]
    if not told:
        return clear("plan_unreadable", s.key)
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    evidence = tuple(Evidence(u.item, u.says, u.url) for u in told)
    because, records = told[0].says + more, len({u.item for u in told})
    return Verdict("plan_unreadable", s.key, "open", "warn", because, evidence=evidence, inputs={"records": records})


def _ago(seconds: float) -> str:
    for size, word in ((86_400, "d"), (3_600, "h")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds / 60:.0f} minutes"


def _found(s: SourceFacts, signal: str, says: str) -> Verdict:
    told = [f.says for f in s.findings if f.kind == signal]
    if not told:
        return clear(signal, s.key)
    evidence = tuple(Evidence(s.key, sentence) for sentence in told[:7])
    return Verdict(signal, s.key, "open", "warn", f"{s.key} {says}: {told[0]}", evidence=evidence)
