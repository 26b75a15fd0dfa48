"""What every answer of /v1 has in common: HEAD, a tag, and that nothing has changed. One place, so that no route can forget it.

The tag is weak: it names what an answer says, not its bytes. It is made of the reader's rows, the address and the answer without the instant
it was asked at (`as_of`, `until`) and without ages that only grow (`data_age_seconds`); it is the same on every machine and after a restart.
Where nothing was written and no minute has begun since an answer was made, its tag is remembered, and who names it is told so without making
the answer anew. Minutes matter because how things stand depends on the day and on how long ago something was heard.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.conditional import names
from ledger.engine import LedgerError
from ledger.store import Ledger
from ledger.veil import Bound, Veil
from sync.configuration import Configuration
from sync.configuration.live import Live

UNDER = "/v1/"
ALSO_HEAD = ("/healthz", "/readyz")
AGES = ("data_age_seconds", "age_seconds")
INSTANTS = ("as_of", "until")
"""Of an answer about now: the instant it was asked at. Who names an instant has it in the address."""
SAID_BY_OTHERS = ("raw", "cells")
"""What a tracker says is compared word for word, whatever it calls its fields."""
MOST = 2048
"""Tags that are remembered."""


class Told(msgspec.Struct, frozen=True):
    """An answer that was made: under what, its tag, and the confidential bindings that it tells of."""

    at: tuple[str, str, str]
    configuration: Configuration
    tag: str
    met: frozenset[Bound]


class Manners:
    """ASGI middleware behind the door, which has left the veil in the request's state."""

    def __init__(self, app: ASGIApp, ledger: Ledger, live: Live) -> None:
        self.app, self.ledger, self.live = app, ledger, live
        self._told: OrderedDict[bytes, Told] = OrderedDict()
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        if scope["path"] in ALSO_HEAD:
            return await self.app(*_as_get(scope, receive, send))
        if scope["path"].startswith(UNDER):
            return await self._v1(*_as_get(scope, receive, send))
        return await self.app(scope, receive, send)

    async def _v1(self, scope: Scope, receive: Receive, send: Send) -> None:
        veil: Veil = scope["state"]["veil"]
        asked = Headers(scope=scope).get("if-none-match", "")
        address, configuration = _address(scope, veil), self.live.current
        at = await run_in_threadpool(self._now)
        with self._lock:
            told = self._told.get(address)
        if asked and told and at and told.at == at and told.configuration is configuration and names(asked, told.tag):
            veil.met.update(told.met)  # who hears that nothing has changed has read it again
            return await _unchanged(send, told.tag)

        start, body = await self._answer(scope, receive)
        headers = MutableHeaders(scope=start)
        _common(headers)
        if start["status"] == 200:
            tag = headers["ETag"] = await run_in_threadpool(_tag, address, body)
            if at:
                self._remember(address, Told(at, configuration, tag, frozenset(veil.met)))
            if asked and names(asked, tag):
                return await _unchanged(send, tag)
        await send(start)
        return await send({"type": "http.response.body", "body": body})

    def _now(self) -> tuple[str, str, str] | None:
        """What an answer depends on besides the configuration; None where the database does not answer, which the route tells."""
        try:
            return self.ledger.state(), self.ledger.clock().strftime("%Y-%m-%dT%H:%M"), self.live.problem
        except LedgerError:
            return None

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, keep)
        return sent[0], b"".join(m.get("body", b"") for m in sent[1:])

    def _remember(self, address: bytes, told: Told) -> None:
        with self._lock:
            self._told[address] = told
            self._told.move_to_end(address)
            if len(self._told) > MOST:
                self._told.popitem(last=False)


def _as_get(scope: Scope, receive: Receive, send: Send) -> tuple[Scope, Receive, Send]:
    """HEAD is GET of which only the head is sent."""
    if scope["method"] == "GET":
        return scope, receive, send

    async def without_body(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return {**scope, "method": "GET"}, receive, without_body


def _address(scope: Scope, veil: Veil) -> bytes:
    """What is asked, and which rows whoever asks may see: two readers who see different rows never have a tag in common."""
    sees = (sorted(veil.shown) if veil.shown is not None else None, sorted(veil.asks.items()), sorted(veil.watched))
    told = repr((scope["path"], scope.get("query_string", b""), sees))
    return blake2b(told.encode("utf-8", "backslashreplace"), digest_size=16).digest()


def _tag(address: bytes, body: bytes) -> str:
    answer: Any = msgspec.json.decode(body)
    kept = _lasting({k: v for k, v in answer.items() if k not in INSTANTS} if isinstance(answer, dict) else answer)
    return f'W/"{blake2b(address + msgspec.json.encode(kept), digest_size=16).hexdigest()}"'


def _lasting(answer: Any) -> Any:
    """An answer without what only time changes."""
    if isinstance(answer, list):
        return [_lasting(part) for part in answer]
    if isinstance(answer, dict):
        return {k: v if k in SAID_BY_OTHERS else _lasting(v) for k, v in answer.items() if k not in AGES}
    return answer


def _common(headers: MutableHeaders) -> None:
    headers["Cache-Control"] = "private, max-age=0"
    headers.add_vary_header("Authorization")
    headers.add_vary_header("Cookie")


async def _unchanged(send: Send, tag: str) -> None:
    start: Message = {"type": "http.response.start", "status": 304, "headers": []}
    headers = MutableHeaders(scope=start)
    headers["ETag"] = tag
    _common(headers)
    await send(start)
    await send({"type": "http.response.body", "body": b""})
