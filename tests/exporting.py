"""Measures tables as files: python -m tests.exporting [--items 100000,1000000] [--table bi_items] [--database URL]

Prints, per size and format, each in a process of its own: rows per second from the database into a finished file, with the peak memory of
that process; and, over HTTP, how long a client waits for the whole of it the first time, and again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from ledger.published import TABLES
from ledger.store import Ledger
from tests.companies import Scripted

STEPS = ("jsonl", "csv", "parquet")


class _NoPandas:
    """pyarrow imports pandas wherever it is, and an installation has none: its memory is not ours."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)


def made(url: str, view: str, ending: str) -> list[float]:
    """(rows, seconds, peak MB) of one file."""
    sys.meta_path.insert(0, _NoPandas())  # type: ignore[arg-type]
    from api.files.formats import FORMATS
    from api.files.tables import making
    from api.kept import Keeper

    table = next(t for t in TABLES if t.view == view)
    with Ledger.open(url) as ledger:
        rows = ledger.served().count(table)
        began = time.perf_counter()
        Keeper().get("file", ledger.state, making(ledger.served(), table, FORMATS[ending]))
        spent = time.perf_counter() - began
    return [rows, spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]


def fetched(url: str, view: str, ending: str) -> list[float]:
    """(seconds, seconds again, bytes) of fetching one file from a service on loopback."""
    from fastapi import FastAPI

    from api.files.routes import files
    from api.kept import Keeper
    from tests.api.odata.conftest import listening

    app = FastAPI()
    app.include_router(files)
    spent = []
    with Ledger.open(url) as ledger:
        app.state.ledger, app.state.keeper = ledger, Keeper()
        with listening(app) as root:
            for _ in range(2):
                began, size = time.perf_counter(), 0
                with urllib.request.urlopen(root.replace("/odata/", f"/files/{view}.{ending}")) as answer:
                    while part := answer.read(1 << 20):
                        size += len(part)
                spent.append(time.perf_counter() - began)
    return [*spent, size]


def step(name: str, url: str, view: str, ending: str) -> list[float]:
    command = [sys.executable, "-m", "tests.exporting", "--step", name, "--database", url, "--table", view, ending]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: list[float] = json.loads(told)
    return found


def measure(items: int, view: str, database: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        company = Scripted(Path(folder), workstreams=75, items=items, url=database)
        company.fill()
        company.close()
        show(company.url, view)


def show(url: str, view: str) -> None:
    for ending in STEPS:
        rows, spent, peak = step("made", url, view, ending)
        first, again, size = step("fetched", url, view, ending)
        print(
            f"{view + '.' + ending:24}{rows:12.0f}{rows / spent:12.0f}{spent:9.2f}{peak:9.0f}{size / 1e6:9.1f}{first:10.2f}{again:9.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="100000,1000000")
    parser.add_argument("--table", default="bi_items")
    parser.add_argument("--database", help="an empty database other than SQLite, for one size")
    parser.add_argument("--filled", action="store_true", help="the database has its rows already")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("ending", nargs="?", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps({"made": made, "fetched": fetched}[asked.step](asked.database, asked.table, asked.ending)))
        return
    print(f"{'file':24}{'rows':>12}{'rows/s':>12}{'wall s':>9}{'peak MB':>9}{'MB':>9}{'first s':>10}{'again s':>9}")
    if asked.filled:
        show(asked.database, asked.table)
        return
    for items in map(int, asked.items.split(",")):
        measure(items, asked.table, asked.database)


if __name__ == "__main__":
    main()
