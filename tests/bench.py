"""Measures syncs of a large Jira beside the raw floor of the same run: python -m tests.bench [--issues 1000,10000,100000]

Floor: download, parse into typed structs, one bulk insert into SQLite, of the issues alone and of the issues with their changelogs.
Every contestant is a process of its own; CPU and peak memory are the kernel's account of it. Only ratios within a run count.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEPARTMENT = """\
department: eng
name: Engineering
sources:
  - key: eng
    kind: jira
    connection:
      url: ${BENCH_URL}
      deployment: cloud
      auth: {kind: api_token, email: sync@northwind.example, token: "${BENCH_TOKEN}"}
      requests_per_second: 10000
    bindings:
      - key: all
        scope: {jql: project = ENG}
        fields: {health: {name: RAG}}
        scales: {health: rag}
"""


@dataclass(frozen=True)
class Cost:
    """What one process took: seconds of wall and CPU, megabytes at its peak, requests."""

    wall: float
    cpu: float
    peak: float
    requests: int


@contextmanager
def tracker(issues: int, latency: float) -> Iterator[str]:
    """A tracker in a process of its own; its address."""
    command = [sys.executable, "-m", "demo.volume", "--issues", str(issues), "--latency", str(latency)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def run(command: list[str], url: str) -> Cost:
    """One contestant, to its end. The last line it prints is JSON with its requests."""
    environment = {**os.environ, "BENCH_URL": url, "BENCH_TOKEN": "volume-token", "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody runs a service without it
    import time

    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {printed}")
    told = json.loads(printed)
    requests = told["requests"] if isinstance(told, dict) else sum(o["requests"] for o in told)
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, requests)


def measure(issues: int, latency: float, database: str | None) -> dict[str, Cost]:
    """Every contestant on one tracker."""
    found: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as folder, tracker(issues, latency) as url:
        home = Path(folder)
        (home / "departments").mkdir()
        (home / "organisation.yaml").write_text("name: Bench\ntimezone: UTC\n")
        (home / "people.yaml").write_text("people: []\n")
        (home / "departments" / "eng.yaml").write_text(DEPARTMENT)
        floor = [sys.executable, "-m", "tests.floor", str(home / "floor.db")]
        sync = [sys.executable, "-m", "api.cli", "sync", "--json", "--config", folder]
        sync += ["--database", database or f"sqlite:///{home / 'l.db'}"]
        run([*floor, "issues"], url)  # the tracker remembers its answers from here on: nobody pays for making them
        run([*floor, "changelogs"], url)
        found["floor: issues"] = run([*floor, "issues"], url)
        found["floor: issues and changelogs"] = run([*floor, "changelogs"], url)
        found["full sync"] = run(sync, url)
        found["no change"] = run(sync, url)
        urllib.request.urlopen(f"{url}/_volume/change?count={max(issues // 100, 1)}").read()
        found["1 % changed"] = run(sync, url)
    return found


def show(issues: int, found: dict[str, Cost]) -> None:
    """A table with ratios."""
    base = found["floor: issues and changelogs"]
    print(f"\n{issues} issues            records/s   wall s    CPU s  CPU s/10k  peak MB  requests   CPU / floor")
    for name, cost in found.items():
        whole = name in ("full sync",) or name.startswith("floor")
        rate = f"{issues / cost.wall:9.0f}" if whole else " " * 9
        per = f"{cost.cpu / issues * 10_000:9.2f}" if whole else " " * 9
        ratio = f"{cost.cpu / base.cpu:8.2f}" if whole else ""
        print(f"{name:30}{rate}{cost.wall:9.2f}{cost.cpu:9.2f}{per}{cost.peak:9.0f}{cost.requests:10}{ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--issues", default="1000,10000,100000")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to every answer of the tracker")
    parser.add_argument("--database", help="an empty database other than SQLite, for one size")
    asked = parser.parse_args()
    results = {}
    for issues in map(int, asked.issues.split(",")):
        results[issues] = measure(issues, asked.latency, asked.database)
        show(issues, results[issues])
    sizes = sorted(results)
    if len(sizes) > 1:
        small, large = results[sizes[-2]]["full sync"].peak, results[sizes[-1]]["full sync"].peak
        print(f"\npeak memory, {sizes[-1]} against {sizes[-2]} issues: {large / small:.2f}x")


if __name__ == "__main__":
    main()
