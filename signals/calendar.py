"""The organisation's time: working days, weeks and their close. Time is passed in, never read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SPANS = 50_000
"""Spans of days whose working days are remembered."""
CADENCE_DAYS = {"weekly": 5, "biweekly": 10, "monthly": 21}
"""Working days of one cadence."""
CADENCE_WEEKS = {"weekly": 1, "biweekly": 2, "monthly": 5}
"""Weeks within which a team of that cadence has said something."""


@dataclass(frozen=True)
class Calendar:
    """Working days and weeks of one organisation."""

    zone: str = "UTC"
    close_day: int = 4
    close_time: time = time(17)
    country: str | None = None
    own_holidays: frozenset[date] = frozenset()
    _years: dict[int, frozenset[date]] = field(default_factory=dict, repr=False, compare=False)
    _spans: dict[tuple[date, date], int] = field(default_factory=dict, repr=False, compare=False)

    def day(self, at: datetime) -> date:
        """The organisation's day of an instant."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def end_of(self, on: date) -> datetime:
        """The last second of a day, in UTC."""
        return datetime.combine(on, time(23, 59, 59), ZoneInfo(self.zone)).astimezone(UTC)

    def start_of(self, on: date) -> datetime:
        """The first instant of a day, in UTC."""
        return datetime.combine(on, time(0), ZoneInfo(self.zone)).astimezone(UTC)

    def back(self, on: date, days: float) -> date:
        """The earliest day from which to `on` lie no more than so many working days."""
        first, passed = on, 0
        while (passed := passed + self.works(first)) <= days:
            first -= timedelta(days=1)
        return first

    def works(self, on: date, absent: Collection[date] = ()) -> bool:
        """Whether people work on a day: no weekend, no holiday, not absent."""
        return on.weekday() < 5 and on not in self._holidays(on.year) and on not in absent

    def working_days(self, after: date, until: date, absent: Collection[date] = ()) -> int:
        """Working days in (after, until]; negative where `until` comes first."""
        if until < after:
            return -self.working_days(until, after, absent)
        if not absent:
            if (after, until) not in self._spans:
                if len(self._spans) > SPANS:
                    self._spans.clear()
                self._spans[after, until] = self._counted(after, until)
            return self._spans[after, until]
        return sum(self.works(after + timedelta(days=n), absent) for n in range(1, (until - after).days + 1))

    def _counted(self, after: date, until: date) -> int:
        if (until - after).days < 10:
            return sum(self.works(after + timedelta(days=n)) for n in range(1, (until - after).days + 1))
        weeks, rest = divmod((until - after).days, 7)
        count = weeks * 5 + sum((after + timedelta(days=n)).weekday() < 5 for n in range(1, rest + 1))
        years = range(after.year, until.year + 1)
        free = [d for y in years for d in self._holidays(y) if after < d <= until and d.weekday() < 5]
        return count - len(free)

    def add(self, on: date, days: int) -> date:
        """The day that many working days later."""
        while days > 0:
            on += timedelta(days=1)
            days -= self.works(on)
        return on

    def _holidays(self, year: int) -> frozenset[date]:
        if year not in self._years:
            public = holidays.country_holidays(self.country, years=year) if self.country else {}
            self._years[year] = frozenset(public) | {d for d in self.own_holidays if d.year == year}
        return self._years[year]

    # -- weeks -------------------------------------------------------------------------------------------------------

    def close_of(self, week: str) -> datetime:
        """When a week ("2026-W47") closes, in UTC."""
        return self._closing(self._monday(week) + timedelta(days=self.close_day))

    def week_at(self, at: datetime) -> str:
        """The week that an instant counts to: what comes after its close belongs to the next one."""
        return f"{self._counts_to(at):%G-W%V}"

    def _counts_to(self, at: datetime) -> date:
        """The Monday of the week that an instant counts to."""
        on = self.day(at)
        monday = on - timedelta(days=on.weekday())
        return monday + timedelta(days=7) if at > self._closing(monday + timedelta(days=self.close_day)) else monday

    def weeks(self, start: date, until: datetime) -> list[str]:
        """Every week of a period that has closed by an instant, oldest first."""
        monday = start - timedelta(days=start.weekday())
        found = []
        while self._closing(monday + timedelta(days=self.close_day)) <= until:
            found.append(f"{monday:%G-W%V}")
            monday += timedelta(days=7)
        return found

    def previous_close(self, week: str) -> datetime:
        """When the week before closed: from then on it is this week."""
        return self._closing(self._monday(week) + timedelta(days=self.close_day - 7))

    def weeks_since(self, at: datetime, until: datetime) -> int:
        """Whole weeks that closed by `until` after the week that `at` counts to."""
        first, last = self._counts_to(at), self._counts_to(until)
        if self._closing(last + timedelta(days=self.close_day)) > until:
            last -= timedelta(days=7)
        return max((last - first).days // 7, 0)

    @staticmethod
    def _monday(week: str) -> date:
        return datetime.strptime(f"{week}-1", "%G-W%V-%u").date()  # noqa: DTZ007  # a day, not an instant

    def _closing(self, on: date) -> datetime:
        return datetime.combine(on, self.close_time, ZoneInfo(self.zone)).astimezone(UTC)


def days(count: int) -> str:
    """A count of working days, in words."""
    return "1 working day" if count == 1 else f"{count} working days"


def absences(spans: Iterable[tuple[date, date]]) -> frozenset[date]:
    """Every day of some spans, both ends included."""
    return frozenset(a + timedelta(days=n) for a, b in spans for n in range((b - a).days + 1))


@dataclass(frozen=True)
class Person:
    """Who owns something, as far as judging it needs to know."""

    key: str
    name: str
    kind: str = "human"
    active: bool = True
    department: str | None = None
    absent: frozenset[date] = frozenset()
    identities: Mapping[str, str] = field(default_factory=dict)
