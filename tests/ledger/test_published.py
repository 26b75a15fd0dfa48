"""The published tables: the same columns and types on both databases, made anew with every upgrade, read page by page by an index."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from ledger import migrations, published
from ledger.engine import open_engine, transaction
from ledger.model import Item, Recorded, Version, from_ms, item_id
from ledger.pages import Page, Sort, page, sorted_by
from ledger.predicate import FUNCTIONS
from ledger.published import BY_NAME, TABLES, fingerprint
from ledger.store import Ledger


def test_changed_views_come_with_a_migration() -> None:
    """A database that is current must pass through a migration, or it keeps the old views: copy the newest one that has `views`."""
    assert migrations.views() == fingerprint()


def test_the_database_has_the_columns_that_are_published(ledger_url: str) -> None:
    with Ledger.open(ledger_url, migrate=True) as ledger:
        found = inspect(ledger.engine)
        for table in TABLES:
            assert tuple(c["name"] for c in found.get_columns(table.view)) == table.names
            assert ledger.served().page(table, Page(table.names, sorted_by(table))) == []


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_a_table_keeps_its_own_promises(table: published.Table) -> None:
    """Keys and relations name columns; a key has no row without value; names are those of OData, SQL and Python alike."""
    assert len(set(table.names) | {r.name for r in table.relations}) == len(table.names) + len(table.relations)
    for name in table.key:
        column = table.column(name)
        assert column is not None
        assert not column.nullable
    for relation in table.relations:
        target = BY_NAME[relation.target]
        assert table.column(relation.column) is not None
        assert target.column(relation.target_column) is not None
        assert relation.many or target.key == (relation.target_column,)
    assert all(c.description and c.name.islower() and c.name.isidentifier() for c in table.columns)


def test_a_database_of_the_version_before_gets_the_views(ledger_url: str) -> None:
    """It was in use before there were any."""
    scripts = ScriptDirectory.from_config(migrations._config()).walk_revisions()
    before = [str(s.down_revision) for s in scripts if hasattr(s.module, "views")][-1]
    with Ledger(open_engine(ledger_url)) as ledger:
        with transaction(ledger.engine, writing=True) as connection:
            config = migrations._config()
            config.attributes["connection"] = connection
            command.upgrade(config, before)
        assert not ledger.is_current()
        ledger.migrate()
        assert ledger.drift() == []
        assert ledger.served().count(BY_NAME["Items"]) == 0


def test_views_can_be_dropped_and_made_again(ledger_url: str) -> None:
    with Ledger.open(ledger_url, migrate=True) as ledger:
        with transaction(ledger.engine, writing=True) as connection:
            published.drop(connection)
            published.drop(connection)
            published.create(connection)
        assert ledger.served().count(BY_NAME["Items"]) == 0


@pytest.mark.parametrize("ms", [0, 1, 999, 1_790_000_000_123, 1_790_000_000_999, 4_102_444_799_999])
def test_an_instant_is_the_same_text_on_both_databases(ledger_url: str, ms: int) -> None:
    with Ledger.open(ledger_url, migrate=True, clock=lambda: from_ms(ms)) as ledger:
        store(ledger, 1)
        told = ledger.served().page(BY_NAME["Items"], Page(("first_seen_at",), ()))[0][0]
        assert told == from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize("name", ["Items", "ItemVersions", "ItemEvents", "Links"])
def test_a_page_in_the_order_of_the_key_is_sought_by_an_index(ledger_url: str, name: str) -> None:
    """The thousandth page must cost what the first does."""
    table = BY_NAME[name]
    with Ledger.open(ledger_url, migrate=True) as ledger, transaction(ledger.engine, writing=False) as connection:
        after = ["x"] * len(table.key)
        statement = page(table, Page(table.names, sorted_by(table), after=after, limit=1000))
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the table is empty: say what is possible
            connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        compiled = statement.compile(ledger.engine, compile_kwargs={"literal_binds": True})
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {compiled}".replace("%%", "%")))
    assert "Index Cond" in plan or "USING INDEX" in plan, plan
    assert "Seq Scan on" not in plan.replace("Seq Scan on sync_run", ""), plan


def test_the_order_is_completed_by_the_key() -> None:
    table = BY_NAME["ItemEvents"]
    assert sorted_by(table) == (Sort("item_id"), Sort("id"))
    assert sorted_by(table, [Sort("at", True)]) == (Sort("at", True), Sort("item_id"), Sort("id"))
    assert sorted_by(table, [Sort("id", True)]) == (Sort("id", True), Sort("item_id"))


def store(ledger: Ledger, count: int) -> None:
    lease = ledger.lease("eng", "test")
    with ledger.writing(lease) as w:
        items = [
            Item(item_id("eng", f"{n:07}"), "eng", "items", f"{n}", "P", f"ENG-{n}", f"Item {n}") for n in range(count)
        ]
        w.record([Recorded((Version(from_ms(0), i, b"{}"),)) for i in items], run=1, mapping_version="m1")
    ledger.release(lease)


def test_the_documented_columns_are_the_published_ones() -> None:
    """docs/odata.md is what people build on."""
    written = (Path(__file__).resolve().parents[2] / "docs" / "odata.md").read_text(encoding="utf-8")
    assert " ".join(FUNCTIONS) in written
    for table in TABLES:
        assert documented(table) in written, f"docs/odata.md should say:\n\n{documented(table)}"


def documented(table: published.Table) -> str:
    """A table as docs/odata.md has it."""
    lines = [
        f"### {table.name} (`{table.view}`)",
        "",
        f"{table.description}. Key: {', '.join(f'`{k}`' for k in table.key)}.",
    ]
    if table.relations:
        ways = ", ".join(f"`{r.name}` ({'many ' if r.many else 'one of '}{r.target})" for r in table.relations)
        lines += ["", f"Leads to: {ways}."]
    lines += ["", "| column | type | what it is |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {c.kind}{' or null' if c.nullable else ''} | {c.description} |" for c in table.columns]
    return "\n".join(lines)
