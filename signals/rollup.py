"""Roll-up: many healths to one, with how they are distributed and the worst by name (docs/domain.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ledger.model import FINISHED, Health, Lifecycle

KNOWN = (Health.ON_TRACK, Health.AT_RISK, Health.OFF_TRACK)
WORSE = {Health.ON_TRACK: 0, Health.AT_RISK: 1, Health.OFF_TRACK: 2}
COVERAGE_FLOOR, THIRD = 0.8, 1 / 3
FEW = 5
"""Of fewer than this, counts are told and no shares."""


class Child(msgspec.Struct, frozen=True):
    """What a roll-up needs of one child."""

    key: str
    name: str
    health: Health
    weight: float = 1.0
    critical: bool = False
    cancelled: bool = False


class Rolled(msgspec.Struct, frozen=True):
    """A roll-up: its health, why, how its children are distributed, and the worst of them by name."""

    health: Health
    because: str
    distribution: dict[str, int]
    coverage: float | None
    """Share of the children's weight whose health is known; None without children."""
    worst: tuple[str, ...] = ()


def worse(one: Health, other: Health) -> Health:
    """The worse of two; what is known where one is not."""
    known = [h for h in (one, other) if h in KNOWN]
    return max(known, key=lambda h: WORSE[h], default=Health.UNKNOWN)


def roll_up(children: Iterable[Child]) -> Rolled:
    """Worst wins over critical children; for the rest shares of weight decide; too little known is unknown."""
    unique = {c.key: c for c in children}.values()
    counted = [c for c in unique if not c.cancelled]
    distribution = {"on_track": 0, "at_risk": 0, "off_track": 0, "unknown": 0, "cancelled": len(unique) - len(counted)}
    for c in counted:
        distribution[str(c.health) if c.health in KNOWN else "unknown"] += 1
    total = sum(c.weight for c in counted)
    if not counted or not total:
        return Rolled(Health.UNKNOWN, "nothing to judge", distribution, None)
    coverage = sum(c.weight for c in counted if c.health in KNOWN) / total
    ranked = sorted(
        (c for c in counted if c.health in (Health.AT_RISK, Health.OFF_TRACK)), key=lambda c: -WORSE[c.health]
    )
    worst = tuple(f"{c.name} ({str(c.health).replace('_', ' ')})" for c in ranked[:3])
    health, because = _judged(counted, coverage, distribution)
    return Rolled(health, because, distribution, round(coverage, 4), worst)


def _judged(counted: Sequence[Child], coverage: float, counts: Mapping[str, int]) -> tuple[Health, str]:
    """The worst of the critical children, and what the shares of the rest say; green only where enough is known of all."""
    shown = ", ".join(f"{n} {w.replace('_', ' ')}" for w, n in counts.items() if n and w != "cancelled")
    shown = f"{shown} of {len(counted)}"
    critical = [c for c in counted if c.critical]
    floor = max((c.health for c in critical if c.health in KNOWN), key=lambda h: WORSE[h], default=Health.ON_TRACK)
    rest = _shares([c for c in counted if not c.critical])
    if floor is not Health.ON_TRACK and WORSE[floor] >= WORSE[rest]:
        names = [c.name for c in critical if c.health is floor]
        return (
            floor,
            f"critical: {', '.join(names)} {'is' if len(names) == 1 else 'are'} {str(floor).replace('_', ' ')}",
        )
    if rest is not Health.ON_TRACK:
        return rest, shown
    if unknown := [c.name for c in critical if c.health not in KNOWN]:
        return Health.UNKNOWN, f"critical: of {', '.join(unknown)} nothing is known"
    return (
        (Health.ON_TRACK, shown)
        if coverage >= COVERAGE_FLOOR - 1e-9
        else (Health.UNKNOWN, f"insufficient evidence: {shown}")
    )


def _shares(rest: Sequence[Child]) -> Health:
    """Of children that are not critical, by weight: a third off track is off track, any off or a third at risk is at risk."""
    total = sum(c.weight for c in rest)
    off = sum(c.weight for c in rest if c.health is Health.OFF_TRACK)
    risk = sum(c.weight for c in rest if c.health is Health.AT_RISK)
    if off and off >= THIRD * total - 1e-9:
        return Health.OFF_TRACK
    return Health.AT_RISK if off or (risk and risk >= THIRD * total - 1e-9) else Health.ON_TRACK


def said_of(states: Sequence[tuple[Lifecycle, Health]]) -> Health:
    """What a team said of a workstream: the roll-up of its unfinished items' own words."""
    active = [h for life, h in states if life not in FINISHED and h is not Health.NOT_APPLICABLE]
    if not active:
        return Health.UNKNOWN
    counts: Counter[Health] = Counter(h if h in KNOWN else Health.UNKNOWN for h in active)
    known = len(active) - counts[Health.UNKNOWN]
    shares = _shares([Child("", "", h, n) for h, n in counts.items()])
    return shares if shares is not Health.ON_TRACK or known >= COVERAGE_FLOOR * len(active) - 1e-9 else Health.UNKNOWN
