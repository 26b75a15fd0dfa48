"""Where the OData service stands, and how a request becomes an answer or an OData error."""

from __future__ import annotations

import logging
from urllib.parse import unquote

from fastapi import Request, Response
from starlette.routing import Route

from api.deps import served_to
from api.odata.address import address
from api.odata.answers import Service
from api.odata.metadata import csdl
from api.odata.protocol import Refusal, preferred, text, wrong
from api.odata.query import pairs
from ledger.engine import LedgerError
from ledger.published import WrongQuestion

log = logging.getLogger("sightline.http")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
FORMATS = {"": "json", "json": "json", "application/json": "json", "xml": "xml", "application/xml": "xml"}


def serve(request: Request) -> Response:
    """Any OData request. Its address is read here: a key may have slashes, quotes and parentheses."""
    try:
        return _answer(request)
    except Refusal as refusal:
        return refusal.answer()
    except WrongQuestion as error:
        return wrong(str(error)).answer()
    except LedgerError as error:
        log.warning("%s", error)  # where the database lies is nobody's business who asks
        return Refusal(503, "NotReady", "the database does not answer: the service's log says why").answer()


odata = [Route(path, serve, methods=METHODS, include_in_schema=False) for path in ("/odata", "/odata/{path:path}")]
"""OData tells its own contract, so these are plain routes."""


def _answer(request: Request) -> Response:
    if request.method not in ("GET", "HEAD"):
        told = "this service is read-only and takes no batches: send each question by itself, with GET"
        raise Refusal(405, "MethodNotAllowed", told, Allow="GET, HEAD")
    options = pairs(request.scope["query_string"])
    path = _below_root(request)
    kind = _format(options)
    root, asked = f"{request.base_url}odata/", preferred(request.headers.get("prefer"))
    service = Service(served_to(request), request.app.state.ledger.clock(), root, asked)
    if unquote(path) == "$metadata":
        _without(options)
        if kind == "json" and options:
            raise Refusal(415, "UnsupportedMediaType", "$metadata is XML")
        return text(csdl(), "application/xml;charset=utf-8")
    if kind == "xml":
        raise Refusal(415, "UnsupportedMediaType", "answers are JSON; $metadata alone is XML")
    if path == "":
        _without(options)
        return service.document()
    request.state.veil.note_all()
    return service.answer(address(path), options)


def _below_root(request: Request) -> str:
    """The path below /odata/, percent-encoded as it was sent: an encoded slash is not one."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    path = raw.decode("latin-1").partition("?")[0].removeprefix(request.scope.get("root_path", ""))
    return path.removeprefix("/odata").removeprefix("/").removesuffix("/")


def _format(options: dict[str, str]) -> str:
    wanted = options.get("$format", "").split(";")[0].strip().lower()
    if wanted not in FORMATS:
        raise Refusal(415, "UnsupportedMediaType", f"$format {wanted[:40]!r} is not served: answers are JSON")
    return FORMATS[wanted]


def _without(options: dict[str, str]) -> None:
    for name in options:
        if name != "$format":
            raise wrong(f"'{name[:80]}' is no option here: there is $format")
