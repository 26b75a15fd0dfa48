"""What others serve of the same database, for tests.reading: datasette, FastAPI with SQLModel, and roapi, each in a process of its own.

They stand in an environment of their own, .venv/peers, which is made when it is missing; where one cannot be installed, why is printed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venv" / "peers"
PORT = "{port}"


@dataclass(frozen=True)
class Peer:
    """How one is installed and started, and where it has what is asked: an address, or SQL that is posted to one."""

    needs: tuple[str, ...]
    command: Callable[[Path, Path], list[str]]
    """From the database and the file bi_items.parquet; `PORT` stands for the port."""
    at: Mapping[str, str]
    posts: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def _program(name: str) -> str:
    return str(HOME / "bin" / name)


HEALTH = "SELECT reported_health, count(*) AS n FROM {} GROUP BY reported_health"
PLAIN = "_nocount=1&_nofacet=1&_nosuggest=1&_shape=array"
PEERS = {
    "datasette": Peer(
        ("datasette==0.65.5",),
        lambda db, _: [
            _program("datasette"), str(db), "--port", PORT, "--setting", "sql_time_limit_ms", "60000",
            "--setting", "max_csv_mb", "0", "--setting", "facet_time_limit_ms", "1", "--setting", "default_cache_ttl", "0",
        ],
        {
            "item": "/l/item/{id}.json?_shape=array", "page": f"/l/item.json?_size=100&reported_health=at_risk&{PLAIN}",
            "status": "/l.json?_shape=array&sql=" + HEALTH.format("item").replace(" ", "+"),
            "export": "/l/bi_items.csv?_stream=on&_size=max",
        },
    ),
    "SQLModel": Peer(
        ("fastapi==0.165.0", "sqlmodel==0.0.50", "uvicorn[standard]==0.54.0"),
        lambda db, _: [_program("python"), str(Path(__file__).with_name("peer_sqlmodel.py")), str(db), PORT],
        {"item": "/items/{id}", "page": "/items?health=at_risk", "status": "/status", "export": "/export"},
    ),
    "roapi": Peer(
        ("roapi==0.12.7",),
        lambda _, file: [
            _program("roapi"), "-a", f"127.0.0.1:{PORT}", "-p", "127.0.0.1:0", "--addr-flight-sql", "127.0.0.1:0",
            "-t", f"items={file}",
        ],
        {
            "item": "/api/tables/items?filter[id]=%27{id}%27",
            "page": "/api/tables/items?limit=100&filter[reported_health]=%27at_risk%27", "export": "/api/tables/items",
        },
        {"status": ("/api/sql", HEALTH.format("items"))},
    ),
}  # fmt: skip


def installed(names: list[str]) -> dict[str, Peer]:
    """Those of some peers that are here, installed first where they are missing."""
    if names and not HOME.exists():
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True, capture_output=True)
    return {name: PEERS[name] for name in names if _install(name)}


def _install(name: str) -> bool:
    pip = [_program("pip"), "install", "--quiet", "--disable-pip-version-check", *PEERS[name].needs]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        print(f"{name} is not beside it: {done.stderr.strip().splitlines()[-1][:200]}", flush=True)
    return not done.returncode
