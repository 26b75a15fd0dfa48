"""Takes out of a pack what its reader may not see: outcomes, colours and counts stay; words, evidence and figures of hidden metrics go.

`hidden` tells whom to ask about a node, `shown` gives an exception as its reader may have it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from signals.catalogue import Evidence
from signals.exceptions import NeedsDecision
from signals.packs.diagnosis import Diagnosis
from signals.packs.monthly import Monthly, Trend, trend_of
from signals.packs.quarterly import Average, Quarterly, Score, TracedBack
from signals.packs.weekly import Moved, Weekly

Shown = Callable[[NeedsDecision], NeedsDecision]


def veiled_week(page: Weekly, hidden: Mapping[str, str], shown: Shown) -> Weekly:
    """A week's page."""
    return msgspec.structs.replace(
        page,
        changed=tuple(_moved(m, hidden) for m in page.changed),
        blocked=_each(page.blocked, shown),
        derisk=_each(page.derisk, shown),
        to_stop=_each(page.to_stop, shown),
    )


def veiled_month(page: Monthly, measured: Collection[str], shown: Shown) -> Monthly:
    """A month's page. measured: nodes that are measured by hidden metrics, and what is above them."""
    trends = tuple(_trend(t) if t.node in measured else t for t in page.trends)
    return msgspec.structs.replace(page, trends=trends, reallocate=_each(page.reallocate, shown))


def veiled_quarter(page: Quarterly, hidden: Mapping[str, str], measured: Collection[str], shown: Shown) -> Quarterly:
    """A period's page."""
    return msgspec.structs.replace(
        page,
        scores=tuple(_score(s, hidden) for s in page.scores),
        objectives=tuple(_average(o) if o.node in measured else o for o in page.objectives),
        traces=tuple(_traced(t, hidden, shown) for t in page.traces),
        to_drop=_each(page.to_drop, shown),
    )


def veiled_diagnosis(told: Diagnosis, hidden: Mapping[str, str]) -> Diagnosis:
    """A diagnosis: evidence about hidden nodes says whom to ask."""
    signs = tuple(msgspec.structs.replace(s, evidence=_evidence(s.evidence, hidden)) for s in told.signs)
    return msgspec.structs.replace(told, signs=signs)


def _each(rows: Iterable[NeedsDecision], shown: Shown) -> tuple[NeedsDecision, ...]:
    return tuple(shown(e) for e in rows)


def _evidence(rows: Iterable[Evidence], hidden: Mapping[str, str]) -> tuple[Evidence, ...]:
    asks = ((e, next((hidden[ref] for ref in (e.ref, *e.names) if ref in hidden), "")) for e in rows)
    return tuple(Evidence("", ask) if ask else e for e, ask in asks)


def _moved(m: Moved, hidden: Mapping[str, str]) -> Moved:
    ask = hidden.get(m.node)
    return msgspec.structs.replace(m, before=None, after=None, says=ask) if ask else m


def _trend(t: Trend) -> Trend:
    points = [msgspec.structs.replace(p, score=None) for p in t.points]
    return trend_of(t.node, t.kind, t.name, points)


def _score(s: Score, hidden: Mapping[str, str]) -> Score:
    ask = hidden.get(s.node)
    return msgspec.structs.replace(s, score=None, evidence=(Evidence("", ask),), says=ask) if ask else s


def _average(o: Average) -> Average:
    return msgspec.structs.replace(o, score=None)


def _traced(t: TracedBack, hidden: Mapping[str, str], shown: Shown) -> TracedBack:
    """A trace: its warning as its reader may have it, and neither score nor sentence of a hidden metric."""
    warning, trace = t.warning and shown(t.warning), t.trace
    if t.warning and warning and trace.because == t.warning.because:
        trace = msgspec.structs.replace(trace, because=warning.because)
    if ask := hidden.get(trace.key_result):
        trace = msgspec.structs.replace(trace, score=None, because=ask)
    return msgspec.structs.replace(t, trace=trace, warning=warning)
