"""Closes the loops: of decisions that are due, whether what they are about cleared."""

from __future__ import annotations

from ledger.store import Ledger
from signals.company import judge_sources
from signals.deciding import Followed, checked
from signals.facts import Facts
from sync.configuration import Configuration
from sync.deciding import spoken_at
from sync.facts import thresholds
from sync.standing import kept_nodes, kept_verdicts


def close_loops(ledger: Ledger, configuration: Configuration, above: Facts) -> int:
    """Notes of decisions that are due whether what they are about cleared; how many were closed or reopened.

    A decision is looked at only when every tracker of its node was read well after its day: until then it stays due. What is kept of how
    things stand is brought up to date before. above: the plan and the sources now.
    """
    waiting = [d for d in spoken_at(ledger, configuration, above.now).decisions if d.loop in ("due", "reopened")]
    sources = [*judge_sources(above, thresholds(configuration))] if waiting else []
    noted = 0
    for d in waiting:
        kind = above.plan.kind_of(d.subject)
        told = kept_verdicts(ledger, kind, d.subject) if kind else [v for v in sources if v.subject == d.subject]
        outcome = checked(d, told, above.now) if _read_after(d, ledger, above, kind) else None
        noted += outcome is not None and ledger.decisions.found(d.id, outcome)
    return noted


def _read_after(d: Followed, ledger: Ledger, above: Facts, kind: str | None) -> bool:
    node = kept_nodes(ledger, kind, [d.subject]).get(d.subject) if kind else None
    due = above.calendar.end_of(d.act_by or above.today)
    read = [above.sources[key].good for key in (node.sources if node else ()) if key in above.sources]
    return all(good and good[-1] > due for good in read)
