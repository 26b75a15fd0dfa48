"""Measures judging a company out of its ledger: python -m tests.judging [--sizes 75x10000,5000x1000000] [--changed 100]

Prints, per size (workstreams x items), each in a process of its own so that the memory is that of judging alone: everything from
scratch; again after a sync that changed some items; again after one that changed none; reading one pillar's status; and, beside them,
the floor: reading every present item's row once.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.companies import Scripted

STEPS = ("scratch", "changed", "unchanged", "status", "floor")


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def step(name: str, company: Scripted) -> float:
    """Seconds of one step on a company that is filled."""
    from api.planning import board_at, standing
    from sync.standing import refresh

    ledger, configuration = company.ledger, company.configuration
    if name == "floor":
        return timed(lambda: sum(1 for _ in ledger.places(["alpha", "beta"])))
    if name == "status":
        return timed(lambda: standing(board_at(ledger, configuration), "pillar0"))
    return timed(lambda: refresh(ledger, configuration))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="75x10000,5000x1000000")
    parser.add_argument("--changed", type=int, default=100)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        workstreams, items = map(int, asked.sizes.split("x"))
        company = Scripted(Path(asked.folder), workstreams=workstreams, items=items)
        company.now += timedelta(hours=1)
        spent = step(asked.step, company)
        print(json.dumps([spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    print(f"{'workstreams x items':22}" + "".join(f"{name + ' s':>13}{'MB':>7}" for name in STEPS))
    for size in asked.sizes.split(","):
        print(
            f"{size:22}" + "".join(f"{spent:13.3f}{peak:7.0f}" for spent, peak in measured(size, asked.changed)),
            flush=True,
        )


def measured(size: str, changed: int) -> list[tuple[float, float]]:
    """(seconds, peak MB) of each step."""
    workstreams, items = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        company = Scripted(Path(folder), workstreams=workstreams, items=items)
        company.fill()
        found = []
        for name in STEPS:
            if name == "changed":
                company.change(changed)
            told = subprocess.run(
                [sys.executable, "-m", "tests.judging", "--sizes", size, "--step", name, "--folder", folder],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            found.append(tuple(json.loads(told.stdout)))
        company.close()
    return found


if __name__ == "__main__":
    main()
