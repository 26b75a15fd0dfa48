"""Which file an address names, and where its rows come from."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO

from api.deps import NoSuchFile, NotInstalled, WrongParameter
from api.files.formats import FOR_EXCEL, FORMATS, Format, parquet_is_there
from api.kept import Make
from ledger.published import TABLES, Table
from ledger.reading import Columns
from ledger.served import Served

BY_VIEW: Mapping[str, Table] = {t.view: t for t in TABLES}


def open_table(tables: Served, table: Table) -> Iterator[Columns]:
    """Every row of a published table, in batches of columns."""
    return tables.batches(table)


def making(tables: Served, table: Table, format: Format) -> Make:
    """What writes a table as a file."""

    def make(out: BinaryIO) -> None:
        format.write(table, open_table(tables, table), out)

    return make


def named(file: str) -> tuple[Table, Format]:
    """The table and the format of a file's name, such as bi_items.csv.

    Raises:
        NoSuchFile: there is none; the sentence names what is near.
        NotInstalled: it is Parquet, and what writes it is not installed.
    """
    view, _, ending = file.rpartition(".")
    table, format = BY_VIEW.get(view), FORMATS.get(ending)
    if table is None or format is None:
        raise NoSuchFile(f"there is no file '{file[:80]}'{near(file, every_file())}: /files lists what there is")
    if ending == "parquet" and not parquet_is_there():
        raise NotInstalled("Parquet needs a library that is not installed: pip install 'sightline[parquet]'")
    return table, format


def in_dialect(format: Format, asked: Mapping[str, str]) -> Format:
    """The format with what the address says about it: ?bom=1 puts a byte order mark before CSV.

    Raises:
        WrongParameter: it says something else.
    """
    only(asked, ["bom"] if format.ending == "csv" else [])
    bom = asked.get("bom", "0")
    if bom not in ("0", "1"):
        raise WrongParameter(f"bom is '{bom[:40]}': write 1 for a byte order mark, as Excel wants it, or leave it out")
    return FOR_EXCEL if bom == "1" else format


def only(asked: Collection[str], known: Collection[str]) -> None:
    """Refuses parameters that nothing here reads.

    Raises:
        WrongParameter: there is one.
    """
    for name in asked:
        if name not in known:
            there = f"there is {', '.join(known)}" if known else "it takes none"
            raise WrongParameter(f"'{name[:40]}' is no parameter of this address{near(name, known)}: {there}")


def every_file() -> list[str]:
    return [f"{view}.{ending}" for view in BY_VIEW for ending in FORMATS]


def near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f" - did you mean '{near[0]}'?" if near else ""
