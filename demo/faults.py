"""Faults that a demo tracker can be told to have: planned by request, so that a test says exactly what goes wrong when."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

Action = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Answers a request itself; the bytes are the answer that would have been given."""


@dataclass(slots=True)
class Plan:
    path: str
    """Part of the path that it concerns."""
    action: Action
    after: int
    """How many matching requests pass unharmed first."""
    times: int
    """How many are harmed then."""
    met: int = 0


@dataclass(slots=True)
class Faults:
    """The plans of one server, and its request log."""

    plans: list[Plan] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    latency: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: str, action: Action, *, after: int = 0, times: int = 1) -> None:
        """Harms the next `times` requests to `path` once `after` of them have passed."""
        self.plans.append(Plan(path, action, after, times))

    def next(self, path: str) -> Action | None:
        """Notes a request; the action that harms it, if one does."""
        with self.lock:
            self.log.append(path)
            for plan in self.plans:
                if plan.path in path:
                    plan.met += 1
                    if plan.after < plan.met <= plan.after + plan.times:
                        return plan.action
        return None

    def count(self, path: str = "") -> int:
        """How many requests went to `path`."""
        return sum(path in entry for entry in self.log)


def status(code: int, body: bytes = b'{"errorMessages":["no"]}', **headers: str) -> Action:
    """An error status with headers, for example status(429, retry_after="7")."""

    def act(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        _body(handler, body, "application/json")

    return act


def login_page(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
    """200 with a page where data was asked for."""
    handler.send_response(200)
    _body(handler, b"<!doctype html><title>Log in</title>", "text/html; charset=utf-8")


def redirect(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
    """302 to a login."""
    handler.send_response(302)
    handler.send_header("Location", "/login")
    _body(handler, b"", "text/html")


def empty(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
    """200 with nothing in it."""
    handler.send_response(200)
    _body(handler, b"", "application/json")


def answered(body: bytes) -> Action:
    """200 with another body."""

    def act(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
        handler.send_response(200)
        _body(handler, body, "application/json")

    return act


def meanwhile(work: Callable[[], None]) -> Action:
    """The right answer, and something changes in the tracker right after it was made."""

    def act(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
        work()
        handler.send_response(200)
        _body(handler, answer, "application/json")

    return act


def cut(part: float) -> Action:
    """The connection ends after a part of the body that was announced whole."""

    def act(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer[: int(len(answer) * part)])
        handler.close_connection = True

    return act


def unannounced_cut(part: float) -> Action:
    """The same without a length: only the JSON shows that something is missing."""

    def act(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(answer[: int(len(answer) * part)])
        handler.close_connection = True

    return act


def bomb(megabytes: int) -> Action:
    """A small gzip that unpacks to a huge text."""

    def act(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
        parts = [squeeze.compress(b'{"a":"'), *(squeeze.compress(b"0" * 2**20) for _ in range(megabytes))]
        _body(handler, b"".join([*parts, squeeze.compress(b'"}'), squeeze.flush()]), "application/json")

    return act


def drip(pause: float, count: int) -> Action:
    """One byte at a time."""

    def act(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        try:
            for n in range(min(count, len(answer))):
                handler.wfile.write(answer[n : n + 1])
                handler.wfile.flush()
                time.sleep(pause)
        except OSError:
            pass  # the reader had enough, as it should
        handler.close_connection = True

    return act


def _body(handler: BaseHTTPRequestHandler, body: bytes, kind: str) -> None:
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
