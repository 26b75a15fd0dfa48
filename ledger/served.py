"""Answers questions about the published tables: page by page, counted, or whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DataError

from ledger.behind import Behind
from ledger.engine import LedgerError, transaction
from ledger.export import batches
from ledger.pages import Page, count, lies_plainly, page, page_of_each, stored_page
from ledger.published import Table, WrongQuestion
from ledger.reading import Columns


class Served:
    """The published tables of one ledger, behind a reader's veil where one is given."""

    def __init__(self, engine: Engine, behind: Behind | None = None) -> None:
        self.engine, self.behind = engine, behind

    def page(self, table: Table, wanted: Page) -> list[tuple[Any, ...]]:
        """A page of a table: rows with the values of `wanted.columns`, instants and dates as ISO text.

        Raises:
            WrongQuestion: its numbers grow beyond what the database can hold.
        """
        if not lies_plainly(table):
            return self._asked(table, page(table, wanted))
        statement, reading = stored_page(table, wanted, self.engine.dialect.name)
        return reading.rows(self._asked(table, statement))

    def count(self, table: Table, where: Sequence[Any] = ()) -> int:
        """How many rows of a table meet the conditions.

        Raises:
            WrongQuestion: as above.
        """
        return int(self._asked(table, count(table, where))[0][0])

    def page_of_each(
        self, table: Table, column: str, values: Sequence[Any], wanted: Page
    ) -> dict[Any, list[tuple[Any, ...]]]:
        """By value of a column, a page of the rows that have it there.

        Raises:
            WrongQuestion: as above.
        """
        found: dict[Any, list[tuple[Any, ...]]] = {}
        for row in self._asked(table, page_of_each(table, column, values, wanted)):
            found.setdefault(row[0], []).append(row[1:])
        return found

    def batches(self, table: Table) -> Iterator[Columns]:
        """Every row of a table as of one instant, in batches of columns: see `ledger.export.batches`."""
        return batches(self.engine, table, self.behind)

    def _asked(self, table: Table, statement: Any) -> list[tuple[Any, ...]]:
        """PostgreSQL's arithmetic ends where SQLite's goes on in floats. It may calculate with rows before it leaves them out: what fails
        is asked once more behind a fence, so that no error tells of a hidden row."""
        try:
            return self._rows(table, statement)
        except LedgerError as error:
            if not isinstance(error.__cause__, DataError):
                raise
            if self.behind is None:
                raise _too_large() from error
        try:
            return self._rows(table, statement, fenced=True)
        except LedgerError as error:
            if isinstance(error.__cause__, DataError):
                raise _too_large() from error
            raise

    def _rows(self, table: Table, statement: Any, *, fenced: bool = False) -> list[tuple[Any, ...]]:
        if self.behind is not None:
            statement = statement.add_cte(*self.behind.narrowed(table, self.engine.dialect.name, fenced=fenced))
        with transaction(self.engine, writing=False) as connection:
            return [tuple(row) for row in connection.execute(statement)]


def _too_large() -> WrongQuestion:
    return WrongQuestion("the numbers in this question grow too large to calculate with")
