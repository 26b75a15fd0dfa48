"""Measures reading beside the raw floor and beside others on the same database: python -m tests.reading [--items 10000,100000,1000000]

Every server is a process of its own on loopback, and they are asked in turn, round after round, by wrk with eight connections (apt-get install
wrk) or, where that is missing, by eight loops of httpx, which are slower than most of what they ask. "ready": the same question again and
again, as dashboards ask. "made": with `Cache-Control: no-cache`, so that every answer is made anew. The floor is SQL and serialisation in
process, without HTTP.

Printed are answers (or rows of a whole table) per second, and beside each of the others how many times as many there are here: by the clock, and
per second of CPU that the server itself took, which says the same on a busy machine. Only ratios within a run count; they are medians of the
rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import IO, Any

import msgspec

from ledger.published import BY_NAME
from tests.companies import NOW, Scripted
from tests.exporting import NoPandas
from tests.peers import PEERS, PORT, Peer, installed

ITEM = "alpha:4"
FILE = "/files/bi_items."
ENDINGS = ("csv", "jsonl", "parquet")
LONGEST = 20.0
"""Seconds after which a whole table of others is not waited for any longer: its rate is known by then."""
ASKED: Mapping[str, tuple[str, str, str]] = {
    f"{what}, {how}": (kind, there, how)
    for what, kind, there in (
        ("one item", "item", f"/v1/items/{ITEM}"),
        ("page of 100", "page", "/v1/items?limit=100&health=at_risk"),
        ("pillar's status", "status", "/v1/pillars/pillar0/status"),
    )
    for how in ("made", "ready", "304")
} | {"OData page of 100": ("page", "/odata/Items?$top=100&$filter=reported_health%20eq%20'at_risk'", "made")}
"""By question: what others have of it, where it is asked here, and how."""


# -- asking ----------------------------------------------------------------------------------------------------------------


def rate(url: str, seconds: int, headers: Mapping[str, str], post: str = "") -> float:
    """Requests that are answered per second."""
    ask = _wrk if shutil.which("wrk") else _httpx
    return ask(url, seconds, headers, post) or _once(url, headers, post)


def _once(url: str, headers: Mapping[str, str], post: str) -> float:
    """Of what takes longer than it was asked for: one answer, to its end."""
    began = time.monotonic()
    urllib.request.urlopen(urllib.request.Request(url, data=post.encode() or None, headers=dict(headers))).read()
    return 1 / (time.monotonic() - began)


def _wrk(url: str, seconds: int, headers: Mapping[str, str], post: str) -> float:
    script = f'wrk.method = "POST"\nwrk.body = [[{post}]]\n' if post else ""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as told:
        told.write(script)
        told.flush()
        command = ["wrk", "-t1", "-c8", f"-d{seconds}s", "--timeout", "30s", "-s", told.name]
        named = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
        said = subprocess.run([*command, *named, url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(f"{url} was not answered: {said}")
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])


def _httpx(url: str, seconds: int, headers: Mapping[str, str], post: str) -> float:
    import httpx

    async def loop(client: httpx.AsyncClient, until: float) -> int:
        asked = 0
        while time.monotonic() < until:
            answer = await (client.post(url, content=post) if post else client.get(url, headers=headers))
            if answer.status_code not in (200, 304):
                raise SystemExit(f"{url} was not answered: {answer.status_code}")
            asked += 1
        return asked

    async def all_of_them() -> int:
        async with httpx.AsyncClient(timeout=60) as client:
            until = time.monotonic() + seconds
            return sum(await asyncio.gather(*(loop(client, until) for _ in range(8))))

    return asyncio.run(all_of_them()) / seconds


def whole(url: str, total: int, longest: float = float("inf")) -> float:
    """Rows per second of a whole table, from asking to its end; of lines that take too long, of those that came."""
    began, lines = time.monotonic(), 0
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "text/csv, */*"})) as answer:
        while part := answer.read(1 << 20):
            lines += part.count(b"\n")
            if time.monotonic() - began > longest:
                return lines / (time.monotonic() - began)
    return total / (time.monotonic() - began)


# -- servers ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """Where one listens, and what the kernel says of its process."""

    root: str
    process: int

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        told = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> float:
        """Megabytes at its peak."""
        told = Path(f"/proc/{self.process}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", told)[0]) / 1024


@dataclass(frozen=True)
class Rate:
    """Answers or rows by the clock, and by the CPU that they took."""

    clock: float
    cpu: float


def measured(server: Server, ask: Callable[[], float]) -> Rate:
    """ask: tells how many a second."""
    cpu, began = server.cpu(), time.monotonic()
    clock = ask()
    spent = time.monotonic() - began
    return Rate(clock, clock * spent / max(server.cpu() - cpu, 0.01))


@contextmanager
def serving(command: list[str], path: str) -> Iterator[Server]:
    """A server in a process of its own, once it answers at a path."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [part.replace(PORT, port) for part in command]
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            _until_it_answers(f"http://127.0.0.1:{port}{path}", process, said)
            yield Server(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.kill()


def _until_it_answers(url: str, process: subprocess.Popen[bytes], said: IO[str]) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            said.seek(0)
            raise SystemExit(f"{process.args!r} ended: {said.read()[-2000:]}")
        try:
            urllib.request.urlopen(url).read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def serve(company: Scripted, port: int) -> None:
    """The whole service as it is installed, with a clock that goes on."""
    sys.meta_path.insert(0, NoPandas())  # type: ignore[arg-type]
    from api.server import run

    began = time.monotonic()
    company.ledger.clock = lambda: NOW + timedelta(seconds=time.monotonic() - began)
    run(company.ledger, company.configuration, host="127.0.0.1", port=port, schedule=False)


# -- the floor -------------------------------------------------------------------------------------------------------------


def floor(database: Path) -> dict[str, Rate]:
    """SQL and serialisation in process: answers, or rows of a whole table, per second."""
    import sqlite3

    connection = sqlite3.connect(database)
    names = [r[1] for r in connection.execute("PRAGMA table_info(item)")]
    row = msgspec.defstruct("Row", [(name, Any) for name in names], gc=False)
    encode, lines = msgspec.json.Encoder().encode, msgspec.json.Encoder().encode_lines

    def asked(sql: str) -> int:
        encode([row(*r) for r in connection.execute(sql)])
        return 1

    def every() -> int:
        found, count = connection.execute("SELECT * FROM item"), 0
        while rows := found.fetchmany(2000):
            lines([row(*r) for r in rows])
            count += len(rows)
        return count

    status = "SELECT status FROM standing WHERE kind = 'pillar' AND key = 'pillar0'"
    return {
        "item": _per_second(lambda: asked(f"SELECT * FROM item WHERE id = '{ITEM}'")),
        "page": _per_second(
            lambda: asked("SELECT * FROM item WHERE reported_health = 'at_risk' ORDER BY id LIMIT 100")
        ),
        "status": _per_second(lambda: len(connection.execute(status).fetchall())),
        "export": _per_second(every),
    }


def _per_second(ask: Callable[[], int]) -> Rate:
    began, cpu, count = time.monotonic(), time.process_time(), 0
    while time.monotonic() - began < 1:
        count += ask()
    return Rate(count / (time.monotonic() - began), count / (time.process_time() - cpu))


def work(company: Scripted) -> Rate:
    """How often a pillar's status can be made in process, where nobody asked before."""
    from api.planning import board_at, standing
    from api.v1.sent import sent
    from api.v1.shapes_plan import StandingOut

    def ask() -> int:
        sent(standing(board_at(company.ledger, company.configuration), "pillar0"), StandingOut)
        return 1

    return _per_second(ask)


# -- a run -----------------------------------------------------------------------------------------------------------------


def measure(folder: Path, items: int, workstreams: int, seconds: int, rounds: int, peers: Mapping[str, Peer]) -> None:
    from sync.standing import refresh

    company = Scripted(folder, workstreams=workstreams, items=items)
    if not company.ledger.revision():
        company.fill()
    refresh(company.ledger, company.configuration)
    made = work(company)
    company.close()
    database, file = folder / "l.db", folder / "bi_items.parquet"
    command = [sys.executable, "-m", "tests.reading", "--serve", PORT, "--folder", str(folder)]
    command += ["--items", str(items), "--workstreams", str(workstreams)]
    with ExitStack() as stack:
        server = stack.enter_context(serving(command, "/healthz"))
        here = {f"{e}, rows {how}": [_whole(server, f"{FILE}{e}", items)] for e in ENDINGS for how in ("made", "ready")}
        exporting = server.peak()
        file.write_bytes(urllib.request.urlopen(f"{server.root}{FILE}parquet").read())
        others = {
            name: stack.enter_context(serving(peer.command(database, file), peer.at["item"].format(id=ITEM)))
            for name, peer in peers.items()
        }
        there: dict[str, list[dict[str, Rate]]] = {name: [] for name in ("floor", *others)}
        for _ in range(rounds):
            there["floor"].append(floor(database))
            for name, other in others.items():
                there[name].append(_of_peer(peers[name], other, items, seconds))
            for name, (_, address, how) in ASKED.items():
                here.setdefault(name, []).append(_asked(server, address, how, seconds))
        show(items, here, there)
        print(f"a pillar's status, made in process: {1000 / made.cpu:.2f} ms of CPU")
        print(f"peak MB: {exporting:.0f} after all files were made; {peaks(others)}", flush=True)


def peaks(others: Mapping[str, Server]) -> str:
    return ", ".join(f"{name} {other.peak():.0f}" for name, other in others.items())


def _whole(server: Server, there: str, items: int, longest: float = float("inf")) -> Rate:
    return measured(server, lambda: whole(server.root + there, items, longest))


def _asked(server: Server, there: str, how: str, seconds: int) -> Rate:
    headers = {"Cache-Control": "no-cache"} if how == "made" else {}
    if how == "304":
        headers = {"If-None-Match": urllib.request.urlopen(f"{server.root}{there}").headers["ETag"]}
    return measured(server, lambda: rate(server.root + there, seconds, headers))


def _of_peer(peer: Peer, server: Server, items: int, seconds: int) -> dict[str, Rate]:
    found = {"export": _whole(server, peer.at["export"], items, LONGEST)}
    for kind in ("item", "page", "status"):
        there, post = peer.posts.get(kind) or (peer.at[kind].format(id=ITEM), "")
        found[kind] = measured(server, lambda there=there, post=post: rate(server.root + there, seconds, {}, post))
    return found


def show(items: int, here: Mapping[str, list[Rate]], there: Mapping[str, list[dict[str, Rate]]]) -> None:
    """A table: answers per second, and of each of the others how many, and how many times as many there are here by the clock and by CPU."""
    asked = "wrk" if shutil.which("wrk") else "httpx"
    heads = "".join(f"{name + ' x cpu':>26}" for name in there)
    print(
        f"\n{items} items, {len(BY_NAME['Items'].columns)} columns, asked by {asked}\n{'per second':26}{'here':>10}{heads}"
    )
    for name, rates in here.items():
        kind = ASKED[name][0] if name in ASKED else "export"
        cells = "".join(_beside(rates, [found[kind] for found in rounds]) for rounds in there.values())
        print(f"{name:26}{median(r.clock for r in rates):10.0f}{cells}", flush=True)


def _beside(here: list[Rate], there: list[Rate]) -> str:
    here = here * (len(there) // len(here))  # a file is made once
    pairs = list(zip(here, there, strict=True))
    clock, cpu = median(a.clock / b.clock for a, b in pairs), median(a.cpu / b.cpu for a, b in pairs)
    return f"{median(b.clock for b in there):10.0f}{clock:8.1f}{cpu:8.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="10000,100000,1000000")
    parser.add_argument("--workstreams", type=int, default=75)
    parser.add_argument("--seconds", type=int, default=2, help="for which each question is asked in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS), help="whom to stand beside it; empty for nobody")
    parser.add_argument("--folder", help="where a company of one size stays, to be measured again")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        return serve(Scripted(Path(asked.folder), workstreams=asked.workstreams, items=int(asked.items)), asked.serve)
    peers = installed([name for name in asked.peers.split(",") if name])
    for items in map(int, asked.items.split(",")):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(asked.folder or made)
            measure(folder, items, asked.workstreams, asked.seconds, asked.rounds, peers)
    return None


if __name__ == "__main__":
    main()
