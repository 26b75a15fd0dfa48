"""From signals to a verdict: derived health, headline, roll-up, watermelon and candid, the accountability test (docs/domain.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from ledger.model import Health, Lifecycle
from signals.catalogue import CATALOGUE, RANK, Severity, Verdict
from signals.facts import Facts
from signals.plan import KeyResult
from signals.results import period_of, week_of
from signals.workstream import single_human

FORMULA = "1"
"""Grows when a formula of this page changes."""
KNOWN = (Health.ON_TRACK, Health.AT_RISK, Health.OFF_TRACK)
WORSE = {Health.ON_TRACK: 0, Health.AT_RISK: 1, Health.OFF_TRACK: 2}
QUIET = frozenset({"owner_quiet", "workstream_silent", "record_quiet"})
"""Quiet alone never colours a node."""
ACTIVITY = ("owner_quiet", "record_quiet")
COVERAGE_FLOOR, THIRD, FEW = 0.8, 1 / 3, 5


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


class Answer(msgspec.Struct, frozen=True):
    """`answer` yes, no or unanswered, and why."""

    answer: str
    because: str


class Accountability(msgspec.Struct, frozen=True):
    """The three questions about one key result, and what they cap."""

    owner: Answer
    authority: Answer
    dependencies: Answer
    result: str
    """pass, fail or unanswered"""
    caps: bool


def derived(verdicts: Sequence[Verdict]) -> tuple[Health, str]:
    """Health as behaviour shows it, and the sentence that decided."""
    opened = [v for v in verdicts if v.outcome == "open" and v.severity is not None]
    date_based = [v for v in opened if CATALOGUE[v.signal].kind == "date"]
    behaviour = [v for v in opened if CATALOGUE[v.signal].kind == "behaviour"]
    for v in date_based:
        if v.severity == "high":
            return Health.OFF_TRACK, v.because
    for v in date_based:
        if v.severity == "warn":
            return Health.AT_RISK, v.because
    warned = {v.signal for v in behaviour if RANK[str(v.severity)] >= RANK["warn"]}
    if warned - QUIET:
        for v in behaviour:
            if v.severity == "high" or len(warned) >= 2:
                return Health.AT_RISK, v.because
    by_signal: dict[str, list[Verdict]] = {}
    for v in verdicts:
        by_signal.setdefault(v.signal, []).append(v)
    if _clear(by_signal.get("behind_pace", [])) and (
        any(_clear(by_signal.get(s, [])) for s in ACTIVITY)
        or _clear([v for v in verdicts if v.signal.startswith("dependency_")])
    ):
        return Health.ON_TRACK, "on pace, and somebody works on it or keeps what it waits for"
    missing = next((v.reason for v in by_signal.get("behind_pace", []) if v.reason), "")
    return Health.UNKNOWN, missing or "too little is computable to say"


def _clear(verdicts: Sequence[Verdict]) -> bool:
    """Computed at least once, and nothing open."""
    return any(v.outcome == "clear" for v in verdicts) and not any(v.outcome == "open" for v in verdicts)


def headline(reported: Health, shown: Health, because: str, *, said: str = "") -> tuple[Health, str, str]:
    """(headline, reason, tag): the worse of what was said and what shows. The tag tells where one of them is missing."""
    known_said, known_shown = reported in KNOWN, shown in KNOWN
    if not known_said and not known_shown:
        return Health.UNKNOWN, because or "nothing is known", ""
    if not known_said:
        return shown, because, "derived_only"
    if not known_shown:
        return reported, said or f"reported {str(reported).replace('_', ' ')}, unverified", "reported_only"
    if WORSE[shown] > WORSE[reported]:
        return shown, because, ""
    return reported, said or f"reported {str(reported).replace('_', ' ')}", ""


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
    part = {h: sum(c.weight for c in counted if c.health is h) / total for h in KNOWN}
    coverage = sum(part.values())
    ranked = sorted(
        (c for c in counted if c.health in (Health.AT_RISK, Health.OFF_TRACK)), key=lambda c: -WORSE[c.health]
    )
    worst = tuple(f"{c.name} ({str(c.health).replace('_', ' ')})" for c in ranked[:3])
    critical = [c for c in counted if c.critical and c.health in KNOWN]
    floor = max((c.health for c in critical), key=lambda h: WORSE[h], default=Health.UNKNOWN)
    health, because = _shares(part, coverage, distribution, len(counted))
    if floor in (Health.AT_RISK, Health.OFF_TRACK) and (health not in KNOWN or WORSE[floor] > WORSE[health]):
        names = ", ".join(c.name for c in critical if c.health is floor)
        health, because = (
            floor,
            f"critical: {names} {'is' if len(critical) == 1 else 'are'} {str(floor).replace('_', ' ')}",
        )
    return Rolled(health, because, distribution, round(coverage, 4), worst)


def _shares(part: Mapping[Health, float], coverage: float, counts: Mapping[str, int], of: int) -> tuple[Health, str]:
    off, risk = part[Health.OFF_TRACK], part[Health.AT_RISK]
    shown = ", ".join(f"{n} {w.replace('_', ' ')}" for w, n in counts.items() if n and w != "cancelled") + f" of {of}"
    if off >= THIRD - 1e-9:
        return Health.OFF_TRACK, shown
    if off > 0 or risk >= THIRD - 1e-9:
        return Health.AT_RISK, shown
    if coverage >= COVERAGE_FLOOR - 1e-9:
        return Health.ON_TRACK, shown
    return Health.UNKNOWN, f"insufficient evidence: {shown}"


def severest(verdicts: Iterable[Verdict]) -> Severity | None:
    """The worst severity of what is open."""
    found = [v.severity for v in verdicts if v.outcome == "open" and v.severity is not None]
    return max(found, key=lambda s: RANK[s], default=None)


def said_of(states: Sequence[tuple[Lifecycle, Health]]) -> Health:
    """What a team said of a workstream: the roll-up of its unfinished items' own words."""
    active = [
        h for life, h in states if life not in (Lifecycle.DONE, Lifecycle.CANCELLED) and h is not Health.NOT_APPLICABLE
    ]
    return roll_up(Child(str(n), "", h) for n, h in enumerate(active)).health if active else Health.UNKNOWN


# -- accountability --------------------------------------------------------------------------------------------------------


def accountability(facts: Facts, kr: KeyResult, open_dependencies: Iterable[Verdict]) -> Accountability:
    """One owner, an authority record, and the top two dependencies committed. Three-valued."""
    owner = _owner(facts, kr)
    authority = _authority(kr, facts.today)
    needs = _dependencies(facts, kr, list(open_dependencies))
    answers = [a.answer for a in (owner, authority, needs)]
    result = "fail" if "no" in answers else "unanswered" if "unanswered" in answers else "pass"
    period = period_of(facts, kr)
    late = period is not None and week_of(period, facts.today) >= 3
    caps = result == "fail" or (result == "unanswered" and late and kr.rank is not None and kr.rank <= 3)
    return Accountability(owner, authority, needs, result, caps)


def _owner(facts: Facts, kr: KeyResult) -> Answer:
    why = single_human(facts, kr.owner)
    return Answer("no", f"'{kr.title}' {why}") if why else Answer("yes", f"{facts.people[kr.owner or ''].name} owns it")


def _authority(kr: KeyResult, today: date) -> Answer:
    given = kr.authority
    if given is None:
        return Answer("unanswered", "nobody recorded what its owner may decide")
    if given.until is not None and given.until < today:
        return Answer("no", f"the authority that {given.granted_by} gave ended on {given.until}")
    return Answer("yes", f"{given.granted_by} gave it{f' until {given.until}' if given.until else ''}")


def _dependencies(facts: Facts, kr: KeyResult, opened: Sequence[Verdict]) -> Answer:
    mine = {w.key for w in facts.plan.workstreams_of.get(kr.key, ())}
    named = sorted(
        (d for d in facts.plan.dependencies if d.consumer in mine and d.state != "withdrawn"),
        key=lambda d: (d.rank or 99, d.key),
    )[:2]
    if not named:
        said = "its owner says that it depends on nobody"
        return Answer("yes", said) if kr.no_dependencies else Answer("unanswered", "its top dependencies are not named")
    for d in named:
        missing = [
            what
            for what, v in (("what", d.deliverable), ("by when", d.committed_by), ("who", d.provider_person))
            if not v
        ]
        if missing:
            return Answer(
                "no",
                f"{d.consumer} needs {d.deliverable or 'something'} from {d.provider}: {', '.join(missing)} is missing",
            )
        warning = next((v for v in opened if v.variant == d.key and v.severity in ("warn", "high")), None)
        if warning is not None:
            return Answer("no", warning.because)
    return Answer("yes", f"{len(named)} named, committed and without a warning")


def capped(health: Health, because: str, test: Accountability) -> tuple[Health, str]:
    """A key result that fails the test is at risk whatever its progress says."""
    if not test.caps or health is not Health.ON_TRACK:
        return health, because
    why = next(a.because for a in (test.owner, test.authority, test.dependencies) if a.answer != "yes")
    return Health.AT_RISK, f"accountability: {why}"
