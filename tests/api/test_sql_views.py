"""What docs/sql.md and docs/files.md tell people to build on is what there is, and the reader's role can read it and nothing else."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from api.files.formats import FORMATS
from ledger.published import TABLES, Table
from ledger.store import Ledger
from tests.api.odata.conftest import NOW, fill
from tests.conftest import new_database

DOCS = Path(__file__).resolve().parents[2] / "docs"


def documented(table: Table) -> str:
    """A view as docs/sql.md has it."""
    rows = [f"| `{c.name}` | {c.kind}{' or null' if c.nullable else ''} | {c.description} |" for c in table.columns]
    key = ", ".join(f"`{k}`" for k in table.key)
    head = [
        f"### {table.view}",
        "",
        f"{table.description}. Key: {key}.",
        "",
        "| column | type | what it is |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *rows])


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.view)
def test_every_view_and_file_is_documented_with_its_columns(table: Table) -> None:
    assert documented(table) in (DOCS / "sql.md").read_text(encoding="utf-8"), documented(table)
    row = f"| `{table.view}` | {table.description} |"
    assert row in (DOCS / "files.md").read_text(encoding="utf-8"), row


def test_every_format_is_documented() -> None:
    written = (DOCS / "files.md").read_text(encoding="utf-8")
    assert all(f"/files/bi_items.{ending}" in written for ending in FORMATS)


def blocks() -> list[str]:
    return re.findall(r"```sql\n(.*?)```", (DOCS / "sql.md").read_text(encoding="utf-8"), re.S)


def test_the_documented_questions_and_role_work_on_postgresql(request: pytest.FixtureRequest) -> None:
    url = new_database(request.getfixturevalue("postgres"))
    with Ledger.open(url, migrate=True, clock=lambda: NOW) as ledger:
        fill(ledger)
        questions, role, headlines = blocks()
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(role)
            connection.exec_driver_sql(headlines)
        admin.dispose()
        reader = create_engine(url.replace("sightline@", "sightline_reader@"))
        with reader.connect() as connection:
            for question in filter(str.strip, questions.split(";")):
                connection.exec_driver_sql(question).fetchall()
            for table in TABLES:
                connection.exec_driver_sql(f"SELECT * FROM {table.view}").fetchall()
        for forbidden in ("SELECT * FROM raw_record", "DELETE FROM bi_signals", "CREATE TABLE mine (a int)"):
            with reader.connect() as connection, pytest.raises(DBAPIError, match="denied|read-only"):
                connection.exec_driver_sql(forbidden)
        reader.dispose()
        judging = create_engine(url.replace("sightline@", "sightline_headlines@"))
        with judging.connect() as connection:
            assert connection.exec_driver_sql("SELECT key, headline, coverage FROM bi_plan_nodes").fetchall()
            assert connection.exec_driver_sql("SELECT week, node, headline FROM bi_status_weekly").fetchall()
        for view, column in (
            ("bi_items", "title"),
            ("bi_plan_nodes", "because"),
            ("bi_check_ins", "reported_raw"),
            ("bi_plan_nodes", "score"),
        ):
            with judging.connect() as connection, pytest.raises(DBAPIError, match="denied"):
                connection.exec_driver_sql(f"SELECT {column} FROM {view}")
        judging.dispose()


def test_the_documented_questions_work_on_a_file_that_is_only_read(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'sightline.db'}", migrate=True, clock=lambda: NOW) as ledger:
        fill(ledger)
        connection = sqlite3.connect(f"file:{tmp_path / 'sightline.db'}?mode=ro", uri=True)
        for question in filter(str.strip, blocks()[0].split(";")):
            connection.execute(question).fetchall()
        for table in TABLES:
            found = connection.execute(f"SELECT * FROM {table.view}")
            assert tuple(c[0] for c in found.description) == table.names
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM signal_log")
        connection.close()
