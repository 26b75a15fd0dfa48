"""Measures tables as files: python -m tests.exporting [--items 100000,1000000] [--table bi_items] [--database URL]

Prints, per size and format, each in a process of its own: rows per second from the database into a finished file, with the CPU and the peak
memory of that process. Over HTTP, and beside others: tests.reading.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ledger.published import TABLES
from ledger.store import Ledger
from tests.companies import Scripted

STEPS = ("jsonl", "csv", "parquet")


class NoPandas:
    """pyarrow imports pandas wherever it is, and an installation has none: its memory is not ours."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)


def made(url: str, view: str, ending: str) -> list[float]:
    """(rows, seconds, seconds of CPU, bytes, peak MB) of one file."""
    sys.meta_path.insert(0, NoPandas())  # type: ignore[arg-type]
    from api.files.formats import FORMATS
    from api.files.tables import making
    from api.kept import Keeper

    table = next(t for t in TABLES if t.view == view)
    with Ledger.open(url) as ledger:
        rows = ledger.served().count(table)
        began, cpu = time.perf_counter(), time.process_time()
        kept = Keeper().get("file", ledger.state, making(ledger.served(), table, FORMATS[ending]))
        spent = time.perf_counter() - began, time.process_time() - cpu
    return [rows, *spent, kept.size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]


def step(url: str, view: str, ending: str) -> list[float]:
    command = [sys.executable, "-m", "tests.exporting", "--step", "--database", url, "--table", view, ending]
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
        rows, wall, cpu, size, peak = step(url, view, ending)
        print(
            f"{view + '.' + ending:24}{rows:12.0f}{rows / wall:12.0f}{wall:9.2f}{rows / cpu:14.0f}{size / 1e6:9.1f}{peak:9.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="100000,1000000")
    parser.add_argument("--table", default="bi_items")
    parser.add_argument("--database", help="an empty database other than SQLite, for one size")
    parser.add_argument("--filled", action="store_true", help="the database has its rows already")
    parser.add_argument("--step", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("ending", nargs="?", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(made(asked.database, asked.table, asked.ending)))
        return
    print(f"{'file':24}{'rows':>12}{'rows/s':>12}{'wall s':>9}{'rows/CPU s':>14}{'MB':>9}{'peak MB':>9}")
    if asked.filled:
        show(asked.database, asked.table)
        return
    for items in map(int, asked.items.split(",")):
        measure(items, asked.table, asked.database)


if __name__ == "__main__":
    main()
