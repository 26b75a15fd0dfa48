"""A demo tracker's HTTP: one thread on a loopback port, its faults and its latency. What is answered stands in each `*_http.py`."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from demo.faults import Faults


@dataclass(frozen=True, slots=True)
class Request:
    """One question, as it came."""

    method: str
    target: str
    """The address below the host."""
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        return urlsplit(self.target).query


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Loopback(ABC):
    """A server that runs as long as its `with` block."""

    content_type: str
    """As the real service writes it."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @abstractmethod
    def reply(self, request: Request) -> Reply:
        """What the service says to a question, faults aside."""

    def now(self) -> datetime:
        """What the Date header says."""
        return datetime.now(UTC)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    served: Loopback

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _serve(self, body: bytes) -> None:
        request = Request(self.command, self.path, self.headers, body)
        harm = self.served.faults.next(request.path)
        if self.served.faults.latency:
            time.sleep(self.served.faults.latency)
        reply = self.served.reply(request)
        if harm is not None:
            harm(self, reply.body)
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", self.served.content_type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.served.now().strftime("%a, %d %b %Y %H:%M:%S GMT")

    def log_message(self, format: str, *args: object) -> None:  # the base class's word
        """Silent: a demo's terminal belongs to its answer."""
