"""Questions about what was published: packs by name, the diagnosis, the calibration; as their reader may have them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import msgspec

from api.curtain import WITHHELD, Curtain, curtain_for
from ledger.read import Reads
from ledger.remembered import Closed
from signals.catalogue import Evidence
from signals.exceptions import NeedsDecision
from signals.packs.calibration import Calibration, together
from signals.packs.diagnosis import Diagnosis
from signals.packs.veil import veiled_diagnosis, veiled_month, veiled_quarter, veiled_week
from signals.plan import Plan
from signals.veil import veiled_exception, veiled_node
from sync.bound_plan import plan_at
from sync.closing import Pack
from sync.configuration import Configuration
from sync.longer import REVIEW, Bound, MonthPack, QuarterPack
from sync.packs import AnyPack, kind_of, packs
from sync.standing import refresh


class NoSuchPack(Exception):
    """Nothing was published under this name; the message says what was."""


class Diagnosed(msgspec.Struct, frozen=True):
    """A published diagnosis, and the pack that it stands in."""

    pack: str
    version: int
    provisional: bool
    diagnosis: Diagnosis


class Calibrated(msgspec.Struct, frozen=True):
    """Each department's colours against outcomes, over every period that was scored."""

    periods: tuple[str, ...]
    departments: tuple[Calibration, ...]


class Listed(msgspec.Struct, frozen=True):
    """What is published under a name, and of what kind it is: week, month or period."""

    kind: str
    last: Closed


def published_packs(ledger: Reads) -> list[Listed]:
    """Everything that is published, what closed last first: names and dates only."""
    return [Listed(kind_of(last.name), last) for last in ledger.whole.closed()]


def planned(ledger: Reads, configuration: Configuration) -> Plan:
    """What is planned now: everybody's."""
    return plan_at(ledger.whole, configuration, ledger.clock())


def pack_named(
    ledger: Reads, configuration: Configuration, name: str | None = None, version: int | None = None
) -> AnyPack:
    """One pack in its last version, or in another one; the last week's where none is named.

    Raises:
        NoSuchPack: it was not published, or has no such version.
    """
    name = name if name is not None else next((p.last.name for p in published_packs(ledger) if p.kind == "week"), None)
    found = packs(ledger.whole, name) if name else ()
    if not found:
        raise NoSuchPack(_unpublished([p.last.name for p in published_packs(ledger)], name))
    asked = [p for p in found if version in (None, p.version)]
    if not asked:
        raise NoSuchPack(f"{name} has no version {version}: it has {', '.join(str(p.version) for p in found)}")
    return _shown(ledger, configuration, asked[-1])


def _unpublished(names: Sequence[str], name: str | None) -> str:
    if not names or name is None:
        return "no week is published yet: 'sightline close' publishes the last one that closed, and so does the service every hour"
    near = difflib.get_close_matches(name, names, 1)
    hint = f" - did you mean {near[0]!r}?" if near else f": there are {', '.join(names[:20])}"
    return f"nothing was published as '{name[:80]}'{hint}"


def diagnosed(ledger: Reads, configuration: Configuration, name: str | None = None) -> Diagnosed:
    """The diagnosis of a pack; of the last week's where none is named.

    Raises:
        NoSuchPack: it was not published, or without a diagnosis.
    """
    pack = pack_named(ledger, configuration, name)
    if isinstance(pack, MonthPack) or pack.diagnosis is None:
        raise NoSuchPack(f"{pack.name} was published without a diagnosis: weeks and periods have one")
    return Diagnosed(pack.name, pack.version, pack.provisional, pack.diagnosis)


def calibrated(ledger: Reads) -> Calibrated:
    """Each department's colours against outcomes: counts, which are everybody's."""
    periods = (p.last.name for p in published_packs(ledger) if p.kind == "period")
    names = sorted(name for name in periods if not name.endswith(REVIEW))
    last = [p for name in names for p in packs(ledger.whole, name)[-1:] if isinstance(p, QuarterPack)]
    return Calibrated(tuple(names), together(p.page.calibration for p in last))


# -- as its reader may have it ---------------------------------------------------------------------------------------------


def _shown(ledger: Reads, configuration: Configuration, pack: AnyPack) -> AnyPack:
    whole = ledger.whole
    if ledger.veil.shown is not None:
        refresh(whole, configuration)
    curtain = curtain_for(ledger, configuration, planned(ledger, configuration))
    return _Cover(ledger, curtain, pack).pack() if curtain else pack


class _Cover:
    """What hangs before one pack: what is hidden now, and what stood on hidden records when it was published."""

    def __init__(self, ledger: Reads, curtain: Curtain, pack: AnyPack) -> None:
        self._ledger, self._curtain, self._pack = ledger, curtain, pack
        stood: Mapping[str, tuple[Bound, ...]] = (
            {c.node: c.stands_on for c in pack.check_ins} if isinstance(pack, Pack) else pack.stands_on
        )
        asks = {key: next(filter(None, (ledger.veil.ask(*b) for b in bounds)), "") for key, bounds in stood.items()}
        self._then = {key: ask for key, ask in asks.items() if ask}
        self._hidden = {**curtain.asks, **self._then}

    def pack(self) -> AnyPack:
        """The pack as its reader may have it."""
        match self._pack:
            case Pack() as week:
                return self._week(week)
            case MonthPack() as month:
                page = veiled_month(month.page, self._curtain.measured, self._exception)
                return msgspec.structs.replace(month, page=page, stands_on={})
            case QuarterPack() as quarter:
                told = veiled_quarter(quarter.page, self._hidden, self._curtain.measured, self._exception)
                diagnosis = veiled_diagnosis(quarter.diagnosis, self._hidden)
                return msgspec.structs.replace(quarter, page=told, diagnosis=diagnosis, stands_on={})

    def _week(self, week: Pack) -> Pack:
        asks = {v.key: self._ask(v.signal, v.subject, v.variant, v.evidence) for v in week.decisive}

        def ask_of(key: str) -> str:
            return asks.get(key, WITHHELD) if key else ""

        measured = self._curtain.measured
        return msgspec.structs.replace(
            week,
            check_ins=tuple(map(self._curtain.check_in, week.check_ins)),
            nodes=tuple(veiled_node(n, ask_of, measured=n.key in measured) for n in week.nodes),
            page=week.page and veiled_week(week.page, self._hidden, self._exception),
            diagnosis=week.diagnosis and veiled_diagnosis(week.diagnosis, self._hidden),
            decisive=(),
        )

    def _exception(self, e: NeedsDecision) -> NeedsDecision:
        ask = self._ask(e.signal, e.subject, e.variant, e.evidence)
        return veiled_exception(e, ask) if ask else self._curtain.exception(e)

    def _ask(self, signal: str, subject: str, variant: str, evidence: Sequence[Evidence]) -> str:
        """Whom to ask about what a sentence of the pack stood on: as of now, and as of then; "" where all of it may be seen."""
        if ask := self._then.get(subject) or self._curtain.of(signal, subject, variant, evidence):
            return ask
        if not signal.startswith("dependency_") or evidence:
            return ""
        promise = self._curtain.promised.get(variant)
        if promise is None:  # it is planned no more, and so it is not known whose work it told of
            return WITHHELD if self._ledger.hides() else ""
        return self._then.get(promise.provider, "")
