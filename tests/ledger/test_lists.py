"""Lists of rows: the same pages on both databases, whatever the order, and nothing lost while others write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ledger.lists import EVENTS, ITEMS, LINKS, RECORDS, RUNS, VERSIONS, Condition, Listed, Wanted
from ledger.model import Presence, from_ms, to_ms
from ledger.pages import Sort
from ledger.published import WrongQuestion
from tests.companies import Scripted

LISTS = {"items": ITEMS, "versions": VERSIONS, "events": EVENTS, "links": LINKS, "records": RECORDS, "runs": RUNS}


@pytest.fixture
def company(ledger_url: str, tmp_path: Path) -> Iterator[Scripted]:
    company = Scripted(tmp_path, workstreams=6, items=60, url=ledger_url)
    company.fill()
    yield company
    company.close()


def pages(company: Scripted, of: Listed, order: Sequence[Sort], size: int) -> list[Any]:
    """Every row, page by page."""
    found: list[Any] = []
    after: list[Any] | None = None
    while True:
        rows = company.ledger.listed(of, Wanted(order=order, after=after, limit=size))
        found += rows
        if len(rows) < size:
            return found
        after = [getattr(rows[-1], s.column) for s in of.order(order)]


def keys(of: Listed, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    return [tuple(getattr(r, name) for name in of.key) for r in rows]


@pytest.mark.parametrize("name", LISTS)
def test_pages_have_every_row_once_in_any_order(company: Scripted, name: str) -> None:
    of = LISTS[name]
    whole = sorted(keys(of, company.ledger.listed(of)))
    assert len(whole) > 1
    for column in of.columns:
        for descending in (False, True):
            order = [Sort(column, descending)]
            found = pages(company, of, order, 7)
            assert sorted(keys(of, found)) == whole, column
            values = [getattr(r, column) for r in found]
            told = [v for v in values if v is not None]
            assert told == sorted(told, reverse=descending) or isinstance(told[0], str), column
            # What has no value comes first, and last when descending.
            assert (values[: len(values) - len(told)] if not descending else values[len(told) :]) == [None] * (
                len(values) - len(told)
            ), column


def test_rows_are_filtered_by_value_and_by_instant(company: Scripted) -> None:
    def found(*where: Condition) -> list[Any]:
        return company.ledger.listed(ITEMS, Wanted(where=where, order=[Sort("status")]))

    assert {r.status for r in found(Condition("status", "one of", ["at_risk", "done"]))} == {"at_risk", "done"}
    blocked = found(Condition("blocked", "is", True))
    assert blocked
    assert len(blocked) + len(found(Condition("blocked", "is", False))) == 60
    at = to_ms(company.now)
    early, late = Condition("synced_at", "before", at + 1), Condition("synced_at", "from", at + 1)
    assert 0 < len(found(early)) < 60
    assert len(found(early)) + len(found(late)) == 60


def test_who_follows_the_horizon_hears_of_every_change_once(company: Scripted) -> None:
    """Between any two pages somebody writes, while the clock stands still: each change is told in exactly one window."""
    heard: dict[tuple[str, int], int] = {}
    since, size = datetime.fromtimestamp(0).astimezone(), 5
    for turn in range(4):
        until, after = company.ledger.horizon(), None
        while True:
            window = (Condition("synced_at", "from", to_ms(since)), Condition("synced_at", "before", to_ms(until)))
            order = [Sort("synced_at")]
            rows = company.ledger.listed(ITEMS, Wanted(window, order, after, size))
            for r in rows:
                heard[r.id, r.synced_at] = heard.get((r.id, r.synced_at), 0) + 1
            if turn < 3:
                now = company.now
                company.change(3, vanish=1)
                company.now = now
            if len(rows) < size:
                break
            after = [getattr(rows[-1], s.column) for s in ITEMS.order(order)]
        since = until
    final = {(r.id, r.synced_at) for r in company.ledger.listed(ITEMS)}
    assert final <= heard.keys(), "somebody who follows misses the last state of an item"
    assert set(heard.values()) == {1}
    assert any(r.presence == str(Presence.DELETED) for r in company.ledger.listed(ITEMS))


@pytest.mark.parametrize(
    "after",
    [[], ["a"], ["a", "b", "c"], [1, "a"], ["x", "a\0b"], ["x", None], ["\ud800", "x"], [True, "x"], [2**70, "x"], [{}, "x"]],
)  # fmt: skip
def test_a_place_that_there_cannot_be_is_refused(company: Scripted, after: list[Any]) -> None:
    """A place comes from outside, in a cursor: PostgreSQL chokes on a NUL, and on a text where a number is meant."""
    with pytest.raises(WrongQuestion, match="no place in this list"):
        company.ledger.listed(ITEMS, Wanted(order=[Sort("source")], after=after))


@pytest.mark.parametrize("column", ["due_on", "status", "presence", "mapping_version", "blocked", "synced_at"])
@pytest.mark.parametrize("value", [{}, [], 5.5, "\ud800"])
def test_a_place_has_the_columns_own_kind_of_value(company: Scripted, column: str, value: Any) -> None:
    """Whatever kind of text the database has it as."""
    with pytest.raises(WrongQuestion, match="no place in this list"):
        company.ledger.listed(ITEMS, Wanted(order=[Sort(column)], after=[value, "alpha:1"]))


def test_every_millisecond_comes_back_as_itself() -> None:
    """An instant that is told is asked for again: one millisecond off would tell a change twice, or never."""
    for ms in range(1_795_003_200_000, 1_795_003_203_000):
        assert to_ms(from_ms(ms)) == ms
