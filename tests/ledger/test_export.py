"""Whole tables, read fast: the same rows and values as the views on both databases, and a word that tells of any write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select

from ledger.export import BATCH
from ledger.model import Item, Recorded, Version, item_id
from ledger.pages import Page, sorted_by
from ledger.published import BY_NAME, TABLES, VIEWS, Table
from ledger.store import Ledger
from tests.api.odata.conftest import NOW, fill, record


def whole(ledger: Ledger, table: Table) -> list[tuple[Any, ...]]:
    return [row for columns in ledger.served().batches(table) for row in zip(*columns, strict=True)]


def view(ledger: Ledger, table: Table) -> list[tuple[Any, ...]]:
    """What the database itself says of it."""
    with ledger.engine.connect() as connection:
        told = connection.execute(select(VIEWS[table.name]).order_by(*table.key))
        return [tuple(row) for row in told]


@pytest.fixture
def ledger(ledger_url: str) -> Any:
    with Ledger.open(ledger_url, migrate=True, clock=lambda: NOW) as opened:
        fill(opened)
        yield opened


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_every_row_is_the_views_row(ledger: Ledger, table: Table) -> None:
    """Two ways to read one thing must never say two things."""
    found = whole(ledger, table)
    assert sorted(found, key=str) == sorted(view(ledger, table), key=str)
    paged = ledger.served().page(table, Page(table.names, sorted_by(table)))
    assert sorted(paged, key=str) == sorted(found, key=str)
    wanted: dict[str, type | tuple[type, ...]] = {"int": int, "float": float, "bool": bool}
    for row in found:
        for column, value in zip(table.columns, row, strict=True):
            assert value is None or type(value) is wanted.get(column.kind, str), column.name


@pytest.mark.parametrize("micro", [0, 1, 499, 500, 501, 999_499, 999_500, 999_700, 999_999, 123_000, 123_456])
@pytest.mark.parametrize("hours", [0, 2, -11])
def test_an_instant_in_a_body_is_rounded_as_the_view_rounds_it(ledger_url: str, micro: int, hours: int) -> None:
    """Else a table shows an instant that its filter does not find, and a page does not end."""
    zone = timezone(timedelta(hours=hours))
    items = [
        Item(
            item_id("eng", str(second)), "eng", "items", str(second), "P", f"E-{second}", "x",
            completed_at=datetime(2026, 12, 31, 23, 59, second, micro, zone),
        )
        for second in range(60)
    ]  # fmt: skip
    with Ledger.open(ledger_url, migrate=True, clock=lambda: NOW) as ledger:
        record(ledger, *(Recorded((Version(NOW, item, b"{}"),)) for item in items))
        table = BY_NAME["Items"]
        assert sorted(ledger.served().page(table, Page(table.names, sorted_by(table)))) == sorted(view(ledger, table))
        assert sorted(whole(ledger, table)) == sorted(view(ledger, table))


def test_an_instant_that_cannot_be_rounded_is_the_last_one(ledger_url: str) -> None:
    """Trackers say it for "never": no table may fail by it."""
    never = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)
    item = Item(item_id("eng", "1"), "eng", "items", "1", "P", "E-1", "x", completed_at=never)
    with Ledger.open(ledger_url, migrate=True, clock=lambda: NOW) as ledger:
        record(ledger, Recorded((Version(NOW, item, b"{}"),)))
        table = BY_NAME["Items"]
        for rows in (whole(ledger, table), ledger.served().page(table, Page(table.names, sorted_by(table)))):
            assert rows[0][table.names.index("completed_at")] == "9999-12-31T23:59:59.999Z"


def test_more_rows_than_a_batch_come_once_each(ledger_url: str) -> None:
    with Ledger.open(ledger_url, migrate=True, clock=lambda: NOW) as ledger:
        items = [Item(item_id("eng", f"{n}"), "eng", "i", f"{n}", "P", f"E-{n}", "x") for n in range(2 * BATCH + 1)]
        record(ledger, *(Recorded((Version(datetime(2026, 1, 1, tzinfo=UTC), i, b"{}"),)) for i in items))
        assert {row[0] for row in whole(ledger, BY_NAME["Items"])} == {i.id for i in items}
        assert len(whole(ledger, BY_NAME["Items"])) == len(items)


def test_any_write_of_any_process_is_told_and_reading_is_none(ledger_url: str) -> None:
    """What is kept of a table must not outlive it, and must not be made again for nothing."""
    with Ledger.open(ledger_url, migrate=True) as ledger, Ledger.open(ledger_url) as other:
        assert any(_nothing_told(ledger, other) for _ in range(5))  # PostgreSQL cleans up by itself now and then
        for writer in (ledger, other):
            before = ledger.state()
            writer.note_signals({f"a:b:{before}": ("warn", "x")})
            assert ledger.state() != before


def _nothing_told(ledger: Ledger, other: Ledger) -> bool:
    before = ledger.state()
    view(ledger, BY_NAME["Items"])
    whole(other, BY_NAME["Items"])
    return ledger.state() == before
