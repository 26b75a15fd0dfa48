"""Calibration: what became of what a department said. Each week's colour of each workstream is held against the outcome of each key result
that it served. Counts of departments; never of a person. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ledger.model import Health
from signals.facts import Facts
from signals.rollup import FEW, KNOWN
from signals.trace import Trace, Watched


class Kept(msgspec.Struct, frozen=True):
    """How often a colour was said, and how often what it was said of was reached in the end."""

    said: int = 0
    reached: int = 0

    def __add__(self, other: Kept) -> Kept:
        return Kept(self.said + other.said, self.reached + other.reached)


class Calibration(msgspec.Struct, frozen=True):
    """One department. Counted are weeks of workstreams, once for each key result that was scored."""

    department: str
    on_track: Kept
    at_risk: Kept
    off_track: Kept
    unknown: int
    """Weeks in which nothing was said, or nothing that still holds."""
    says: str


class Seen(msgspec.Struct, frozen=True):
    """What a workstream said and showed at the close of a week of a period."""

    week: int
    reported: Health
    derived: Health


def seen_in(weeks: Iterable[Watched]) -> dict[str, list[Seen]]:
    """By workstream, week by week."""
    found: dict[str, list[Seen]] = {}
    for w in weeks:
        for key, j in w.judged.items():
            found.setdefault(key, []).append(Seen(w.week, j.status.reported, j.status.derived))
    return found


def calibrate(facts: Facts, seen: Mapping[str, Sequence[Seen]], traces: Mapping[str, Trace]) -> tuple[Calibration, ...]:
    """Each department's colours of one period against its outcomes. traces: of the period's key results."""
    counts: dict[str, dict[Health, Kept]] = {}
    for w in facts.plan.workstreams:
        scored = [t for kr in w.supports if (t := traces.get(kr)) and t.verdict != "not_scored" and not w.bau]
        for t in scored:
            mine = counts.setdefault(w.department, {})
            for s in seen.get(w.key, ()):
                said = s.reported if s.reported in KNOWN else Health.UNKNOWN
                mine[said] = mine.get(said, Kept()) + Kept(1, int(t.verdict == "reached"))
    return tuple(_row(department, told) for department, told in sorted(counts.items()))


def together(periods: Iterable[Sequence[Calibration]]) -> tuple[Calibration, ...]:
    """The same departments over several periods."""
    counts: dict[str, dict[Health, Kept]] = {}
    for rows in periods:
        for r in rows:
            mine = counts.setdefault(r.department, {})
            for health, kept in _colours(r):
                mine[health] = mine.get(health, Kept()) + kept
    return tuple(_row(department, told) for department, told in sorted(counts.items()))


def _colours(r: Calibration) -> Sequence[tuple[Health, Kept]]:
    told = (r.on_track, r.at_risk, r.off_track, Kept(r.unknown))
    return list(zip((*KNOWN, Health.UNKNOWN), told, strict=True))


def _row(department: str, told: Mapping[Health, Kept]) -> Calibration:
    on, risk, off, unknown = (told.get(h, Kept()) for h in (*KNOWN, Health.UNKNOWN))
    parts = [
        _share(word, kept) for word, kept in (("on track", on), ("at risk", risk), ("off track", off)) if kept.said
    ]
    silent = f"; in {unknown.said} it said nothing" if unknown.said else ""
    says = f"{department}: {'; '.join(parts) or 'said nothing'}{silent if parts else ''}"
    return Calibration(department, on, risk, off, unknown.said, says)


def _share(word: str, kept: Kept) -> str:
    """Of few a count, which a share would make look like more."""
    share = f" ({kept.reached / kept.said:.0%})" if kept.said >= FEW else ""
    return f"of {kept.said} times '{word}' {kept.reached} were reached{share}"
