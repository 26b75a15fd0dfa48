"""From signals to a verdict: derived health, headline, the accountability test (docs/domain.md). Roll-up: rollup.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from ledger.model import Health
from signals.catalogue import CATALOGUE, RANK, Severity, Verdict
from signals.facts import Facts
from signals.plan import KeyResult
from signals.quiet import single_human
from signals.results import period_of, week_of
from signals.rollup import KNOWN, WORSE

FORMULA = "2"
"""Grows when a formula of this page changes."""
QUIET = frozenset({"owner_quiet", "workstream_silent", "record_quiet"})
"""Quiet alone never colours a node."""
ACTIVITY = ("owner_quiet", "record_quiet")
KEPT = ("dependency_overdue", "dependency_stalled", "dependency_date_conflict")
"""What shows that dependencies are kept, where it can be computed."""


class Answer(msgspec.Struct, frozen=True):
    """`answer` yes, no or unanswered, and why."""

    answer: str
    because: str
    decided_by: str = ""
    """Key of the verdict whose sentence it is; "" where it is none's."""


class Accountability(msgspec.Struct, frozen=True):
    """The three questions about one key result, and what they cap."""

    owner: Answer
    authority: Answer
    dependencies: Answer
    result: str
    """pass, fail or unanswered"""
    caps: bool


def derived(verdicts: Sequence[Verdict]) -> tuple[Health, str, str]:
    """Health as behaviour shows it, the sentence that decided, and the key of the verdict whose sentence it is, if it is one's."""
    opened = [v for v in verdicts if v.outcome == "open" and v.severity is not None]
    date_based = [v for v in opened if CATALOGUE[v.signal].kind == "date"]
    behaviour = [v for v in opened if CATALOGUE[v.signal].kind == "behaviour"]
    for v in date_based:
        if v.severity == "high":
            return Health.OFF_TRACK, v.because, v.key
    for v in date_based:
        if v.severity == "warn":
            return Health.AT_RISK, v.because, v.key
    warned = {v.signal for v in behaviour if RANK[str(v.severity)] >= RANK["warn"]}
    if warned - QUIET:
        for v in behaviour:
            if v.severity == "high" or len(warned) >= 2:
                return Health.AT_RISK, v.because, v.key
    by_signal: dict[str, list[Verdict]] = {}
    for v in verdicts:
        by_signal.setdefault(v.signal, []).append(v)
    if _clear(by_signal.get("behind_pace", [])) and (
        any(_clear(by_signal.get(s, [])) for s in ACTIVITY)
        or (_clear([v for v in verdicts if v.signal in KEPT]) and not _open(verdicts, "dependency_"))
    ):
        return Health.ON_TRACK, "on pace, and somebody works on it or keeps what it waits for", ""
    for v in by_signal.get("behind_pace", []):
        if v.reason:
            return Health.UNKNOWN, v.reason, v.key
    return Health.UNKNOWN, "too little is computable to say", ""


def _open(verdicts: Sequence[Verdict], prefix: str) -> bool:
    return any(v.outcome == "open" for v in verdicts if v.signal.startswith(prefix))


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


def severest(verdicts: Iterable[Verdict]) -> Severity | None:
    """The worst severity of what is open."""
    found = [v.severity for v in verdicts if v.outcome == "open" and v.severity is not None]
    return max(found, key=lambda s: RANK[s], default=None)


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
            return Answer("no", warning.because, warning.key)
    return Answer("yes", f"{len(named)} named, committed and without a warning")


def capped(health: Health, because: str, decided_by: str, test: Accountability) -> tuple[Health, str, str]:
    """A key result that fails the test is at risk whatever its progress says."""
    if not test.caps or health is not Health.ON_TRACK:
        return health, because, decided_by
    why = next(a for a in (test.owner, test.authority, test.dependencies) if a.answer != "yes")
    return Health.AT_RISK, f"accountability: {why.because}", why.decided_by
