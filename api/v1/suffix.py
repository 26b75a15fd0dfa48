"""The same answers in other formats: /v1/items.csv, /v1/exceptions.md, /v1/pillars/growth/status.md.

What stands without the suffix is asked, behind the same veil and with the same parameters, and what it answers is written in the format. Of
a list that is every row, page after page as it is sent, so that however long it is little of it is held at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from io import BufferedWriter, RawIOBase
from typing import Any, BinaryIO, cast
from urllib.parse import urlencode

import msgspec
from anyio import CapacityLimiter, from_thread, to_thread
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import NoSuchAddress, NotInstalled, problems
from api.files.formats import FORMATS, Format, parquet_is_there
from api.v1.as_markdown import document, write_markdown
from api.v1.tabular import Shape, shape_of

MARKDOWN = Format("md", "text/markdown; charset=utf-8", "Markdown", write_markdown)
WRITTEN: Mapping[str, Format] = {**FORMATS, "md": MARKDOWN}
LIST_OR_STATUS = re.compile(rf"(/v1/(?:[\w-]+|links/unresolved|.+/status))\.({'|'.join(WRITTEN)})")
"""An item's id may end as a file does, so a suffix means something only behind a list or a status."""
BODY = "http.response.body"
AT_ONCE = 8
"""Answers that are written at the same time: each holds a thread, and asks for its pages in others."""


class CutOff(Exception):
    """A later page was not answered: what was sent is not the whole, and the connection is closed to say so."""


class Suffixes:
    """ASGI middleware before what answers /v1, behind the door."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = LIST_OR_STATUS.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return await self.app(scope, receive, send)
        if scope["method"] not in ("GET", "HEAD"):
            refused = HTTPException(405, headers={"Allow": "GET, HEAD"})
            return await problems(Request(scope), refused)(scope, receive, send)
        if found[2] == "parquet" and not parquet_is_there():
            said = "Parquet needs a library that is not installed: pip install 'sightline[parquet]'"
            return await problems(Request(scope), NotInstalled(said))(scope, receive, send)
        inner = {**scope, "method": "GET", "path": found[1], "raw_path": found[1].encode()}
        asking = _Asking(self.app, inner, receive)
        start, answer = await asking.first()
        if start["status"] != 200:
            await send(start)
            return await send({"type": BODY, "body": b"" if scope["method"] == "HEAD" else answer})
        shape = shape_of(asking.model, answer, asking.several("fields"), asking.several("include"), found[2])
        if shape is None and found[2] != "md":
            said = f"{found[1]} is no table: ask for {found[1]}.md, or for JSON without a suffix"
            return await problems(Request(scope), NoSuchAddress(said))(scope, receive, send)
        format = WRITTEN[found[2]]
        await send(_headed(start, scope["path"], format, whole=asking.cursor_in(answer) is None))
        if scope["method"] == "GET" and shape is not None and (format is not MARKDOWN or "items" in answer):
            await self._table(send, format, shape, asking.pages(answer))
        elif scope["method"] == "GET":
            told = document(found[1].rpartition("/")[2], answer).encode()
            await send({"type": BODY, "body": told, "more_body": True})
        return await send({"type": BODY, "body": b""})

    async def _table(self, send: Send, format: Format, shape: Shape, answers: Iterator[Any]) -> None:
        """Writes the rows of answers, and sends what is written on the way."""

        async def part(body: bytes) -> None:
            await send({"type": BODY, "body": body, "more_body": True})

        def write() -> None:
            sending = cast(RawIOBase, _Out(lambda body: from_thread.run(part, body)))
            with BufferedWriter(sending, 1 << 16) as out:
                format.write(shape.table, shape.batches(answers), cast(BinaryIO, out))

        self._limiter = self._limiter or CapacityLimiter(AT_ONCE)
        await to_thread.run_sync(write, limiter=self._limiter)


class _Asking:
    """Asks what stands without the suffix, page by page."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        self.app, self.scope, self.receive = app, scope, receive
        self.model: Any = None
        self._params = QueryParams(scope["query_string"])

    def several(self, parameter: str) -> list[str]:
        """The values of a parameter that takes several, by comma or one by one."""
        told = ",".join(self._params.getlist(parameter))
        return [name.strip() for name in told.split(",") if name.strip()]

    async def first(self) -> tuple[Message, Any]:
        """The head of the answer, and what it says; of anything but 200 the body."""
        start, body = await self._ask(self.scope)
        return start, msgspec.json.decode(body) if start["status"] == 200 else body

    async def _ask(self, scope: Scope) -> tuple[Message, bytes]:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        scope = dict(scope)  # what answers writes its route into it
        await self.app(scope, self.receive, keep)
        self.model = getattr(scope.get("route"), "response_model", None)
        return sent[0], b"".join(m.get("body", b"") for m in sent[1:])

    def cursor_in(self, answer: Any) -> str | None:
        """Where an answer goes on; a page of a size that was asked for is all that is wanted."""
        return None if "limit" in self._params else answer.get("next_cursor")

    def pages(self, answer: Any) -> Iterator[Any]:
        """An answer and those that it goes on in; called in a thread.

        Raises:
            CutOff: one is not answered.
        """
        yield answer
        while cursor := self.cursor_in(answer):
            asked = [(k, v) for k, v in self._params.multi_items() if k != "cursor"]
            query = urlencode([*asked, ("cursor", cursor), ("limit", "500")]).encode()
            headers = [h for h in self.scope["headers"] if h[0] != b"if-none-match"]
            start, body = from_thread.run(self._ask, {**self.scope, "query_string": query, "headers": headers})
            if start["status"] != 200:
                raise CutOff(f"{self.scope['path']}: a later page was answered with {start['status']}")
            answer = msgspec.json.decode(body)
            yield answer


class _Out(RawIOBase):
    """A file whose bytes are sent."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send, self._count = send, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._count

    def write(self, part: Any) -> int:
        sent = bytes(part)
        self._send(sent)
        self._count += len(sent)
        return len(sent)


def _headed(start: Message, path: str, format: Format, *, whole: bool) -> Message:
    """The head of an answer in another format. A tag tells of one page: where there are more it is left out."""
    told = Headers(raw=start["headers"])
    message: Message = {"type": "http.response.start", "status": 200, "headers": []}
    headers = MutableHeaders(scope=message)
    headers["Content-Type"] = format.media_type
    for name in ("cache-control", "vary", *(["etag"] if whole else [])):
        if name in told:
            headers[name] = told[name]
    if format is not MARKDOWN:
        file = "-".join(path.removeprefix("/v1/").split("/")).replace('"', "")
        headers["Content-Disposition"] = f'attachment; filename="{file}"' if file.isascii() else "attachment"
    return message
