"""A small company of awkward rows, served over OData from SQLite and from PostgreSQL."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from starlette.middleware.base import RequestResponseEndpoint

from api.odata.routes import odata
from ledger.model import Counts, Event, Health, Item, ItemLink, Lifecycle, Recorded, Unmapped, Version, item_id
from ledger.store import Ledger
from ledger.veil import Veil
from tests.conftest import new_database
from tests.kept import keep

NOW = datetime(2026, 11, 20, 17, 0, 0, 123000, UTC)
TITLES = (
    "O'Hara & 100%", "100%", "a_b", "axb", "ÄRGER", "ärger", "Straße", "ΣΑΣ", "İstanbul", "emoji 😀 x", "tab\there", " padded ",
    "\u00a0wide\u2003", "quote \" and \\ back", "comma, (paren); semi", "", "null", "true", "Zebra", "apple", "Äpfel", "line\nbreak",
    "a/b", "plus+and&", "日本語の題", "ǅ digraph", "x" * 300, "café", "cafe\u0301", "'",
)  # fmt: skip
OWNERS = (None, "mia-wong", "lea-vogel", "Ärzte", "")
DATES = (None, date(2026, 2, 28), date(2026, 11, 20), date(2026, 12, 31), date(2024, 2, 29), date(1999, 1, 1))
SHARES = (None, 0.0, 0.5, 0.7, 0.25, 1.0, 0.35)


def rows() -> list[Recorded]:
    """Items in every mixture of what they may say, leave out or say oddly; each with a history."""
    pick = zip(
        itertools.cycle(OWNERS), itertools.cycle(DATES), itertools.cycle(SHARES), itertools.cycle((None, True, False)),
        itertools.cycle(Lifecycle), itertools.cycle(Health), strict=False,
    )  # fmt: skip
    return [_recorded(n, *values) for n, values in zip(range(90), pick, strict=False)]


def _recorded(n: int, owner: Any, due: Any, share: Any, blocked: Any, lifecycle: Any, health: Any) -> Recorded:
    ref = f"odd'{n}/%" if n % 10 == 3 else f"{n:03}"
    done = datetime(
        2026, 1 + n % 12, 1 + n % 28, n % 24, n % 60, n % 60, n * 7919 % 1000 * 1000, timezone(timedelta(hours=n % 3))
    )
    item = Item(
        item_id("eng", ref), "eng", "items", ref, "P", f"ENG-{n}", TITLES[n % len(TITLES)], f"https://t.example/{n}",
        type=("Story", None)[n % 2], lifecycle=lifecycle, reported_health=health, health_assumed=n % 4 == 0, confidence=share,
        progress=SHARES[n * 3 % 7], progress_kind=("none", "milestone")[n % 2], owner=owner, owner_name=TITLES[n * 7 % 30],
        start_on=DATES[n * 5 % 6], due_on=due, completed_at=done if n % 3 else None, blocked=blocked,
        remote_updated_at=NOW - timedelta(hours=n), unmapped=(Unmapped("health", f"word {n % 4}"),) if n % 5 == 0 else (),
    )  # fmt: skip
    past = [
        Version(NOW - timedelta(days=9 - d, seconds=n), item, b'{"n":%d,"d":%d}' % (n, d)) for d in range(1 + n % 4)
    ]
    events = tuple(
        Event(f"e{d}", NOW - timedelta(days=d), "status", None, f"{d}", actor_name="Mia") for d in range(n % 3)
    )
    links = (ItemLink(f"ENG-{n + 1}", "blocks", "out"), ItemLink("nowhere", "relates", "in", "refers to"))
    return Recorded(tuple(past), events, links[: n % 3])


def record(ledger: Ledger, *batch: Recorded) -> Counts:
    lease = ledger.lease("eng", "test")
    try:
        with ledger.writing(lease) as w:
            counts = w.record(batch, run=1, mapping_version="m1")
            w.resolve_links()
            return counts
    finally:
        ledger.release(lease)


def fill(ledger: Ledger) -> None:
    """The rows, three runs, a mapping and some signals."""
    record(ledger, *rows())
    lease = ledger.lease("eng", "test")
    for number in range(3):
        with ledger.writing(lease) as w:
            run = w.run_started("full")
            w.run_finished(
                run, state=("complete", "failed")[number % 2], reason="" if number % 2 == 0 else "the tracker was down", hint="",
                counts=Counts(seen=number), unreadable=0, requests=5, retries=0, good=number % 2 == 0, not_before=None,
            )  # fmt: skip
            w.mapping("items", f"m{number}", "{}", author="priya", reason="as agreed")
    ledger.release(lease)
    ledger.note_signals(
        {"behind_pace:kr-1:": ("warn", "kr-1 is behind"), "due:ws-2:a:b": ("act", "ws-2 waits for a:b")}
    )
    ledger.note_signals({"behind_pace:kr-1:": ("warn", "kr-1 is behind")})
    keep(ledger)


def service(ledger: Ledger) -> FastAPI:
    """The OData service alone, over one ledger."""
    app = FastAPI()
    app.state.ledger = ledger
    app.state.live, app.state.keeper = SimpleNamespace(current=SimpleNamespace(planned=False)), None
    app.router.routes.extend(odata)

    @app.middleware("http")
    async def everything(request: Request, then: RequestResponseEndpoint) -> Response:
        """What the door leaves for a reader who may see everything."""
        request.state.veil = Veil()
        return await then(request)

    return app


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('odata') / 'l.db'}"
    else:
        url = new_database(request.getfixturevalue("postgres"))
    now = itertools.count()
    with Ledger.open(url, migrate=True, clock=lambda: NOW + timedelta(milliseconds=next(now))) as opened:
        fill(opened)
        opened.clock = lambda: NOW
        yield opened


@pytest.fixture(scope="package")
def client(ledger: Ledger) -> Iterator[TestClient]:
    with TestClient(service(ledger)) as client:
        yield client


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The service on a port of loopback, for clients that open sockets; the address of its root."""
    held = socket.create_server(("127.0.0.1", 0))
    port = held.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([held],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/odata/"
    finally:
        server.should_exit = True
        thread.join()
        held.close()


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that listens, over SQLite."""
    folder = tmp_path_factory.mktemp("listening")
    with Ledger.open(f"sqlite:///{folder / 'l.db'}", migrate=True, clock=lambda: NOW) as ledger:
        fill(ledger)
        with listening(service(ledger)) as root:
            yield root
