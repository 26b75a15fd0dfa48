"""The stored tables as one reader may see them: what is narrowed, on both databases, whatever tables are made of them."""

from __future__ import annotations

import pytest

from ledger.behind import Behind
from ledger.pages import Page, sorted_by
from ledger.published import BY_NAME
from ledger.served import Served
from ledger.store import Ledger
from ledger.veil import NOBODY, Bound, Veil
from tests.api.odata.conftest import NOW, fill

ASK = "confidential: ask Engineering"
OF_ITEMS = ("Items", "ItemVersions", "ItemEvents", "Links", "UnmappedValues", "MappingVersions")


class Retold:
    """What the plan's tables tell here."""

    standing = '[["day", "2026-11-20", "{\\"week\\": \\"2026-W47\\"}", "", ""]]'
    weekly_close = "[]"
    signal_log = '[["quiet:w:", 0, null, "warn", "It\'s \\"ärger\\" \\\\ 100%"]]'


def shown(ledger: Ledger, *bounds: Bound, **asks: str) -> Served:
    """What a reader of some bindings is served; asks: by hidden binding of the source 'eng'."""
    return ledger.served(Behind(Veil(frozenset(bounds), {("eng", b): ask for b, ask in asks.items()}), Retold()))


def every(tables: Served, name: str, *columns: str) -> list[tuple[object, ...]]:
    """Every row, and the same in batches, as a file has it."""
    table = BY_NAME[name]
    rows = tables.page(table, Page(columns or table.names, sorted_by(table)))
    whole = tables.page(table, Page(table.names, sorted_by(table)))
    batched = [row for part in tables.batches(table) for row in zip(*part, strict=True)]
    assert sorted(map(repr, batched)) == sorted(map(repr, whole))
    assert tables.count(table) == len(rows)
    return rows


@pytest.mark.parametrize(("asks", "said"), [({"items": ASK}, ASK), ({}, NOBODY)])
def test_of_a_hidden_source_everybody_knows_that_it_was_read_and_no_more(
    ledger_url: str, asks: dict[str, str], said: str
) -> None:
    """Also where no file describes it any more. Why a run failed may name a record."""
    with Ledger.open(ledger_url, migrate=True, clock=lambda: NOW) as ledger:
        fill(ledger)
        tables = shown(ledger, ("other", "items"), **asks)
        for name in OF_ITEMS:
            assert every(ledger.served(), name)
            assert every(tables, name) == []
        runs = every(tables, "SyncRuns", "state", "reason", "seen")
        assert runs == [("complete", "", 0), ("failed", said, 1), ("complete", "", 2)]
        assert every(tables, "Sources") == [(*every(ledger.served(), "Sources")[0][:-1], "")]


def test_a_visible_source_is_told_whole(ledger_url: str) -> None:
    with Ledger.open(ledger_url, migrate=True, clock=lambda: NOW) as ledger:
        fill(ledger)
        tables = shown(ledger, ("eng", "items"))
        for name in (*OF_ITEMS, "SyncRuns", "Sources"):
            assert every(tables, name) == every(ledger.served(), name), name


def test_what_is_retold_is_read_as_it_was_told(ledger_url: str) -> None:
    """Instead of what is stored, with quotes, backslashes and letters as they are."""
    with Ledger.open(ledger_url, migrate=True, clock=lambda: NOW) as ledger:
        fill(ledger)
        tables = shown(ledger)
        assert every(tables, "Calendar", "day", "week") == [("2026-11-20", "2026-W47")]
        assert every(tables, "Signals", "subject", "opened_at", "cleared_at", "because") == [
            ("w", "1970-01-01T00:00:00.000Z", None, 'It\'s "ärger" \\ 100%')
        ]
        for name in ("PlanNodes", "Supports", "Dependencies", "Exceptions", "StatusWeekly", "CheckIns"):
            assert every(ledger.served(), name) or name == "Supports"
            assert every(tables, name) == []
