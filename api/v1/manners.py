"""What every answer of /v1 has in common: HEAD, a tag, and that nothing has changed. One place, so that no route can forget it.

The tag is weak: it names what an answer says, not its bytes. It is made of the reader's rows, the address and the answer without the instant
it was asked at (`as_of`, `until`) and without ages that only grow (`data_age_seconds`); it is the same on every machine and after a restart.
Where nothing was written and no minute has begun since an answer was made, it is not made anew: the same reader is given it as it lies ready,
or told that nothing has changed. Its `as_of` says when it was made. Minutes matter because how things stand depends on the day and on how
long ago something was heard.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.conditional import names
from api.door.access import Reader
from api.v1.shelf import LARGEST, Shelf, Told
from ledger.engine import LedgerError
from ledger.model import to_ms
from ledger.store import Ledger
from ledger.veil import Veil
from sync.configuration.live import Live

UNDER = "/v1/"
ALSO_HEAD = re.compile(r"/(healthz|readyz|docs|connect([./].*)?)")
"""What else is asked by HEAD, and does not answer it by itself."""
AGES = ("data_age_seconds", "age_seconds")
INSTANTS = ("as_of", "until")
"""Of an answer about now: the instant it was asked at. Who names an instant has it in the address."""
LAST_INSTANT = re.compile(rb',"as_of":"[^"\\\\]*"}\Z')
"""How a page ends: nothing else in it can, for within a text a quote has a backslash before it."""
SAID_BY_OTHERS = ("raw", "cells")
"""What a tracker says is compared word for word, whatever it calls its fields."""
START = "http.response.start"
AT_ONCE = 1 << 18
"""Bytes of an answer whose tag is made at once: that of a larger one would keep others waiting."""


class Manners:
    """ASGI middleware behind the door, which has left the reader and the veil in the request's state."""

    def __init__(self, app: ASGIApp, ledger: Ledger, live: Live) -> None:
        self.app, self.ledger, self.live = app, ledger, live
        self.shelf = Shelf()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        if ALSO_HEAD.fullmatch(scope["path"]):
            return await self.app(*_as_get(scope, receive, send))
        if scope["path"].startswith(UNDER):
            return await self._v1(*_as_get(scope, receive, send))
        return await self.app(scope, receive, send)

    async def _v1(self, scope: Scope, receive: Receive, send: Send) -> None:
        reader: Reader = scope["state"]["reader"]
        veil: Veil = scope["state"]["veil"]
        named = Headers(scope=scope)
        asked, anew = named.get("if-none-match", ""), "no-cache" in named.get("cache-control", "")
        address, under = _address(scope, veil), await self._under()
        told = self.shelf.get((reader.id, address), under) if under and not anew else None
        if told is not None:
            veil.met.update(told.met)  # who is told it again has read it again
            scope["route"] = told.route  # as if it had been asked: other formats are written by what it promises
            if asked and names(asked, told.tag):
                return await _unchanged(send, told.tag)
            if told.body is not None:
                return await _sent(send, {"type": START, "status": 200, "headers": list(told.headers)}, told.body)

        start, body = await self._answer(scope, receive)
        headers = MutableHeaders(scope=start)
        own = "vary" in headers or "set-cookie" in headers
        _common(headers)
        if start["status"] == 200:
            tag = headers["ETag"] = await _tagged(address, headers, body)
            if under and not own:
                kept = body if len(body) <= LARGEST else None
                told = Told(tag, tuple(start["headers"]), kept, frozenset(veil.met), scope.get("route"))
                self.shelf.put((reader.id, address), under, told)
            if asked and names(asked, tag):
                return await _unchanged(send, tag)
        return await _sent(send, start, body)

    async def _under(self) -> tuple[object, ...] | None:
        """What an answer depends on besides who asks what; None where the database does not answer, which the route tells."""
        minute, live = to_ms(self.ledger.clock()) // 60_000, self.live
        try:
            state = self.ledger.state() if self.ledger.watch.near else await run_in_threadpool(self.ledger.state)
        except LedgerError:
            return None
        return state, minute, live.current, live.problem

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, keep)
        return sent[0], b"".join(m.get("body", b"") for m in sent[1:])


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


async def _tagged(address: bytes, headers: Headers, body: bytes) -> str:
    """The tag of an answer."""
    if not headers.get("content-type", "").startswith("application/json"):
        return _named(address, body)
    return _tag(address, body) if len(body) <= AT_ONCE else await run_in_threadpool(_tag, address, body)


def _tag(address: bytes, body: bytes) -> str:
    """The tag of an answer in JSON. Only what has ages in it, or an instant elsewhere than a page has it, is looked through."""
    aged = b'age_seconds"' in body
    if not aged and (end := LAST_INSTANT.search(body, max(len(body) - 64, 0))):
        return _named(address, body[: end.start()])
    if aged:
        answer: Any = msgspec.json.decode(body)
        kept = _lasting({k: v for k, v in answer.items() if k not in INSTANTS} if isinstance(answer, dict) else answer)
    else:
        parts: Any = _raw(body)
        kept = {k: v for k, v in parts.items() if k not in INSTANTS} if isinstance(parts, dict) else parts
    return _named(address, msgspec.json.encode(kept))


_raw = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw]).decode


def _named(address: bytes, said: bytes) -> str:
    digest = blake2b(address, digest_size=16)
    digest.update(said)
    return f'W/"{digest.hexdigest()}"'


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
    start: Message = {"type": START, "status": 304, "headers": []}
    headers = MutableHeaders(scope=start)
    headers["ETag"] = tag
    _common(headers)
    await _sent(send, start, b"")


async def _sent(send: Send, start: Message, body: bytes) -> None:
    await send(start)
    await send({"type": "http.response.body", "body": body})
