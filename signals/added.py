"""The signal of a node of any kind that came into the plan in mid-cycle."""

from __future__ import annotations

from signals.calendar import days
from signals.catalogue import Thresholds, Verdict, clear, unable
from signals.facts import Facts
from signals.plan import Period

INTAKES = ("intake",)


def added(
    facts: Facts, key: str, title: str, period: Period | None, thresholds: Thresholds, department: str | None
) -> Verdict:
    """A node that came in mid-cycle, and nobody decided that it should."""
    seen = facts.first_seen.get(key)
    if seen is None or period is None:
        return unable("mid_cycle_addition", key, "when it came into the plan is not known")
    after = facts.calendar.working_days(period.start_on, seen)
    taken_in = any(d.subject == key and d.kind in INTAKES and d.decided_on <= facts.today for d in facts.plan.decisions)
    late = after > thresholds.of("mid_cycle_addition", department)["days"]
    if not late or taken_in or not period.start_on <= seen <= period.end_on:
        return clear("mid_cycle_addition", key, days=after)
    because = f"{title} came in {days(after)} after the period began, without an intake decision"
    return Verdict("mid_cycle_addition", key, "open", "warn", because, inputs={"days": after})
