"""What changes something is taken from this service's own pages and from programs, never from a page of another site.

A browser adds cookies and Basic credentials by itself, whoever's page it is on. It also says whose page that is (Sec-Fetch-Site, Origin), and
programs that are no browsers say neither. Somebody who signed in must send the session's token besides.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from api.deps import CrossSite

FORM = "application/x-www-form-urlencoded"
LONGEST = 64 << 10
"""Bytes of a form."""


def refuse_other_sites(scope: Scope, url: str) -> None:
    """Refuses what a browser sends from elsewhere; `url` is the service's public address, "" where none is configured.

    Raises:
        CrossSite
    """
    headers = Headers(scope=scope)
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    if headers.get("authorization", "")[:7].casefold() == "bearer ":
        return  # no browser adds this by itself
    if site:
        own = site in ("same-origin", "none")
    else:
        own = not origin or _host(origin) in (headers.get("host", ""), _host(url) if url else None)
    if not own:
        raise CrossSite("this was sent by a page of another site: open it here and try again")


async def with_token(scope: Scope, receive: Receive, expected: str) -> Receive:
    """Reads the session's token from X-CSRF-Token, or from the field csrf_token of a form; what is left to read is the request as it was.

    Raises:
        CrossSite: there is none, or not this session's.
    """
    headers = Headers(scope=scope)
    given, body = headers.get("x-csrf-token", ""), None
    if not given and headers.get("content-type", "").partition(";")[0].strip().casefold() == FORM:
        body = await _body(scope, receive)
        given = parse_qs(body.decode("utf-8", "replace")).get("csrf_token", [""])[0]
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise CrossSite(
            "this needs the session's token, as X-CSRF-Token or as the form's field csrf_token: load the page anew and try again"
        )
    return receive if body is None else _again(body, receive)


async def _body(scope: Scope, receive: Receive) -> bytes:
    read = bytearray()
    async for part in Request(scope, receive).stream():
        read += part
        if len(read) > LONGEST:
            raise CrossSite(f"a form has at most {LONGEST >> 10} KiB")
    return bytes(read)


def _again(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _host(address: str) -> str:
    return urlsplit(address).netloc
