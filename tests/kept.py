"""A small company's standing in a ledger, without items: what every sync keeps, and one published week."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec

from ledger.standing import Stands
from ledger.store import Ledger
from signals.cadence import check_in
from signals.plan import Dependency, Milestone
from sync.closing import Pack
from sync.dimensions import planned
from sync.standing import row_of
from tests.planned import facts, item, judged, stream

TODAY = date(2026, 11, 20)
WEEK = "2026-W47"


def keep(ledger: Ledger) -> None:
    """Two workstreams, one late; one waits for the other."""
    late = Milestone("A", baseline_due_on=date(2026, 10, 20))
    streams = (stream("w", late), stream("v", Milestone("B", baseline_due_on=date(2026, 12, 1))))
    promise = Dependency("w<-v", "w", "v", "It", date(2026, 11, 30), date(2026, 11, 27), "bob", 1, "committed")
    parts = {"items": [item("A", acts=[(TODAY, "ann")])], "plan": {"dependencies": (promise,)}}
    made, company = facts(TODAY, *streams, **parts), judged(TODAY, *streams, **parts)  # type: ignore[arg-type]  # planned's own
    rows: list[Stands] = [
        row_of(n.kind, n.key, n, (), [e for e in company.exceptions if e.subject == n.key])
        for n in company.nodes.values()
    ]
    before = ledger.stood()
    assert ledger.stand([*rows, *planned(made)], before=before, after=before)
    checked = tuple(check_in(made, w, WEEK) for w in made.plan.workstreams)
    closes = made.calendar.close_of(WEEK)
    pack = Pack(WEEK, closes, datetime(2026, 11, 22, tzinfo=UTC), False, checked, tuple(company.nodes.values()), {})
    ledger.publish(WEEK, msgspec.json.encode(pack).decode())
