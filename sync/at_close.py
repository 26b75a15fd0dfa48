"""What was known at an instant of what had happened by a close, judged slice by slice and then as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import cached_property

from ledger.model import from_ms, to_ms
from ledger.store import Ledger
from signals.company import Company, Judged, assemble, cut_off, judge_workstreams
from signals.facts import Facts
from signals.plan import Workstream
from sync.configuration import Configuration
from sync.facts import Gatherer, thresholds


class AtClose:
    """Everything as of one close. Not reused: go through `slices` once, then ask for the company."""

    def __init__(
        self,
        ledger: Ledger,
        configuration: Configuration,
        closes: datetime,
        known_at: datetime,
        *,
        since: datetime,
        words: bool = False,
    ) -> None:
        """since: from when on good reads are told one by one. words: items tell how they are said."""
        self.closes, self.limits = closes, thresholds(configuration)
        self._gatherer = Gatherer(ledger, configuration, known_at, "known", good_since=since, words=words)
        self._judged: dict[str, Judged] = {}

    def slices(self) -> Iterator[tuple[Sequence[Workstream], Facts]]:
        """Some workstreams at a time, with their facts up to the close."""
        members = self._gatherer.members()
        for part in self._gatherer.slices(members.sizes):
            facts = cut_off(self._gatherer.facts(part, members), self.closes)
            self._judged |= judge_workstreams(facts, part, self.limits)
            yield part, facts

    @cached_property
    def above(self) -> Facts:
        """What is above the items at the close: the plan, people, sources and readings."""
        return cut_off(self._gatherer.above(), self.closes)

    def company(self) -> Company:
        """How everything stood."""
        return assemble(self.above, self._judged, self.limits)


def planned_since(ledger: Ledger, configuration: Configuration, at: datetime) -> date | None:
    """Since when it is known what is planned; None where it was not known by an instant."""
    first = min(ledger.first_seen().values(), default=None)
    return None if first is None or first > to_ms(at) else configuration.calendar.day(from_ms(first))
