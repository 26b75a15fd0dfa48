"""A server on loopback that answers as a script says, and a wire whose clock is the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import requests

from connectors.wire import READ_MARK, Policy, Wire

GOOD = json.dumps({"answer": "x" * 400}).encode()
Action = Callable[[BaseHTTPRequestHandler, bytes], None]


@dataclass(slots=True)
class Script:
    """What the next requests meet; afterwards every answer is good."""

    actions: list[Action] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    date: str = "Sat, 21 Nov 2026 12:00:00 GMT"
    """What the server's clock says."""


@contextmanager
def scripted(*actions: Action) -> Iterator[Script]:
    script = Script(list(actions))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            if script.actions:
                script.actions.pop(0)(self, GOOD)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(GOOD)))
            self.end_headers()
            self.wfile.write(GOOD)

        do_GET = do_POST = _answer

        def date_time_string(self, timestamp: float | None = None) -> str:
            return script.date

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return datetime(2026, 11, 21, 12, tzinfo=UTC) + timedelta(seconds=self.now - 1000)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def policy(url: str, **more: Any) -> Policy:
    return Policy(hosts=frozenset({url.removeprefix("http://").removeprefix("https://")}), **more)


class Asker:
    """One wire, asked through requests or through httpx: the policy must be the same."""

    def __init__(self, library: str, url: str, *, real_time: bool = False, **more: Any) -> None:
        self.library, self.url, self.clock = library, url, Clock()
        secrets = more.pop("secrets", ())
        times: dict[str, Any] = {"now": self.clock.wall}
        if not real_time:
            times |= {"clock": self.clock.monotonic, "sleep": self.clock.sleep}
        self.wire = Wire("source", policy(url, **more), secrets=secrets, **times)

    def get(self, path: str = "/thing", **headers: str) -> bytes:
        return self._send("GET", path, headers)

    def post(self, path: str = "/thing", *, reads: bool) -> bytes:
        return self._send("POST", path, {READ_MARK: "1"} if reads else {})

    def _send(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        if self.library == "requests":
            with self.wire.prepare(requests.Session()) as session:
                return bytes(session.request(method, self.url + path, headers=headers).content)
        with httpx.Client(transport=self.wire.transport(), trust_env=False) as client:
            return client.request(method, self.url + path, headers=headers).content
