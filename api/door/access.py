"""The one door of the HTTP service: who asks, may they, how often, and which rows they may see.

It stands before every route, mounted applications too, so that a new one cannot forget it. A key comes as Bearer, as Basic password, or as
?key= in the address; the last is taken out of the request here, so that no log, link, redirect or error behind the door can name it. Whoever
brings no key may have signed in, which their session's cookie says.
"""

from __future__ import annotations

import base64
import binascii
import logging
import math
import re
import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
from fastapi_problem.error import StatusProblem
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import MissingScope, NoAccess, SignInFailed, TooManyRequests, Unprotected, problems
from api.door import cookies
from api.door.known_keys import KnownKeys
from api.door.oidc import Providers
from api.door.rights import rights_of
from api.door.same_origin import refuse_other_sites, with_token
from api.door.sign_in import OPEN as GATE
from api.door.ways_in import with_ways_in
from ledger.engine import LedgerError
from ledger.keys import PREFIX, Key, digest
from ledger.sessions import Session
from ledger.store import Ledger
from ledger.veil import Bound, Veil
from sync.configuration import Configuration
from sync.configuration.live import Live
from sync.configuration.sign_in import SignIn

log = logging.getLogger("sightline.access")
SCOPES = ("read", "odata", "sync", "decide", "admin")
"""Of keys. Whoever signed in and is in people.yaml has "decide" too: a decision is a person's."""
IN_ADDRESSES = ("read", "odata")
"""Scopes that a key in an address may have: addresses are kept in histories, proxies and spreadsheets."""
OPEN_TO_ALL = ("/healthz", "/readyz")
MAY_BE_KEY = re.compile(rb"%|key|" + PREFIX.encode(), re.I)
"""What an address has that has a key in it, however it is written; in any other there is nothing to look for."""
LOOKS = "/static/"
"""What pages look like is nobody's secret, and a refusal is a page too."""
UNDER = (("/odata", "odata"), ("/v1/sync", "sync"), ("/sign-out", "read"))
"""Scopes by where a path begins. Elsewhere reading needs read, and changing anything admin."""
DECIDED = ("/v1/decisions", "/v1/annotations", "/decide", "/reply")
"""Where what people say is recorded; reading it needs read."""
READING = ("GET", "HEAD", "OPTIONS")
BY_PROXIES = ("forwarded", "via", "x-real-ip")
"""What proxies add to a request, and nobody else."""
U = TypeVar("U", Key, Session)
MAKE_ONE = "'sightline keys create NAME' makes one"


class Reader(msgspec.Struct, frozen=True):
    """Who asks. `departments` None: all of them, confidential rows too. `person` is a key of people.yaml, "" where it is nobody of it."""

    id: str
    name: str
    scopes: tuple[str, ...]
    departments: tuple[str, ...] | None = None
    person: str = ""
    """Whose key it is, or who signed in: their key in people.yaml."""

    @property
    def who(self) -> str:
        return f"{self.name} ({self.id})"

    @property
    def speaks(self) -> bool:
        """Whether a person asks, who may decide and reply: somebody known, or whoever is at this machine before there are keys."""
        return bool(self.person) or not self.id

    def may_see(self, department: str) -> bool:
        """Whether a department's confidential rows are this reader's."""
        return self.departments is None or department in self.departments


ANYBODY = Reader("", "anybody on this machine", (*SCOPES, "decide"))
"""Who asks before there are keys: the demo, on loopback."""


def veil_for(reader: Reader, configuration: Configuration) -> Veil:
    """What a reader may see: every binding that is not confidential, and those of its own departments."""
    bound = [(d, s.key, b) for d in configuration.departments for s in d.sources for b in s.bindings]
    asks = {
        (source, b.key): f"confidential: ask {d.name}"
        for d, source, b in bound
        if b.confidential and not reader.may_see(d.department)
    }
    everything = frozenset((source, b.key) for _, source, b in bound)
    secret = frozenset((source, b.key) for _, source, b in bound if b.confidential)
    shown = None if reader.departments is None else everything.difference(asks)
    return Veil(shown, asks, secret.difference(asks) if reader is not ANYBODY else frozenset())


@lru_cache(64)
def on_loopback(name: str) -> bool:
    """Whether a host name or address is this machine's own loopback."""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


class Door:
    """ASGI middleware. Leaves the reader and the veil in the request's state."""

    def __init__(self, app: ASGIApp, ledger: Ledger, live: Live, providers: Providers) -> None:
        self.app, self.ledger, self.live, self.providers = app, ledger, live, providers
        self.keys = KnownKeys(ledger)
        self.limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            secret = _from_address(scope)
            await self._http(scope, receive, send if secret is None else _private(send), secret)

    async def _http(self, scope: Scope, receive: Receive, send: Send, in_address: str | None) -> None:
        if scope["path"] in OPEN_TO_ALL or scope["path"].startswith(LOOKS):
            return await self.app(scope, receive, send)
        try:
            if scope["path"] in GATE and await run_in_threadpool(self._at_the_gate, scope):
                return await self.app(scope, receive, send)
            reader, veil = await self._admitted(scope, in_address)
            receive = await self._meant(scope, receive)
        except (StatusProblem, LedgerError) as refused:
            return await self._refuse(refused, scope, receive, send)
        state = Request(scope).state
        state.reader, state.veil = reader, veil
        return await self.app(scope, receive, self._audited(send, reader, veil))

    def _at_the_gate(self, scope: Scope) -> bool:
        """Whether this is somebody on the way in: nobody yet, and no veil is left for them.

        Raises:
            TooManyRequests
        """
        organisation = self.live.current.organisation
        if organisation.sign_in is None:
            return False
        client = scope.get("client") or ("",)
        self._limit(Reader(f"at the gate {client[0]}", "whoever signs in", ()), organisation.access.requests_per_minute)
        return True

    async def _meant(self, scope: Scope, receive: Receive) -> Receive:
        """Lets through what changes something only where whoever asks meant it.

        Raises:
            CrossSite
        """
        if scope["method"] in READING:
            return receive
        settings, csrf = await run_in_threadpool(self._settings), Request(scope).state.csrf
        refuse_other_sites(scope, settings.url if settings else "")
        return await with_token(scope, receive, csrf) if csrf else receive

    def _settings(self) -> SignIn | None:
        return self.live.current.organisation.sign_in

    async def _refuse(self, refused: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        response = problems(Request(scope), refused)
        if isinstance(refused, NoAccess):
            response = with_ways_in(response, scope, await run_in_threadpool(self._settings))
        await response(scope, receive, send)

    async def _admitted(self, scope: Scope, in_address: str | None) -> tuple[Reader, Veil]:
        """As below; in a thread of its own where the database has to be waited for."""
        if self.keys.at_once(_from_header(scope) or in_address):
            return self._admit(scope, in_address)
        return await run_in_threadpool(self._admit, scope, in_address)

    def _admit(self, scope: Scope, in_address: str | None) -> tuple[Reader, Veil]:
        """Who asks and what they may see.

        Raises:
            NoAccess, Unprotected, TooManyRequests, MissingScope: why they may not.
        """
        configuration, needed = self.live.current, _needed(scope)
        reader = self._reader(scope, in_address, configuration)
        if reader is not ANYBODY:
            self._limit(reader, configuration.organisation.access.requests_per_minute)
        if needed not in reader.scopes:
            has = ", ".join(reader.scopes)
            raise MissingScope(f"this needs the scope '{needed}': {reader.who} has {has}")
        return reader, veil_for(reader, configuration)

    def _reader(self, scope: Scope, in_address: str | None, configuration: Configuration) -> Reader:
        state, header = Request(scope).state, _from_header(scope)
        state.session, state.csrf = None, ""
        if not (secret := header or in_address):
            return self._signed_in(scope, configuration) or self._nobody(scope, configuration)
        key = self.keys.find(secret)
        if key is None:
            return self._with_token(header, configuration) or self._nobody(
                scope, configuration, "this key is not known"
            )
        if not key.active(now := self.ledger.clock()):
            raise NoAccess(f"this key is {key.state(now)}: {MAKE_ONE}")
        if not header and not key.in_url:
            raise NoAccess(
                "this key may not stand in an address: send it as Bearer or as Basic password, or make one with --in-url"
            )
        self._used(self.keys.used, key)
        return Reader(key.id, key.name, key.scopes, key.departments, key.person)

    def _nobody(self, scope: Scope, configuration: Configuration, why: str = "") -> Reader:
        """Who brings nothing that opens: let in only on this machine, while nobody else could come.

        Raises:
            NoAccess, Unprotected
        """
        signing = configuration.organisation.sign_in is not None
        if not signing and not self.keys.exist():
            return _from_here(scope)
        raise NoAccess(
            why or f"an access key is needed: {MAKE_ONE}" + (", or a browser signs in at /sign-in" if signing else "")
        )

    def _signed_in(self, scope: Scope, configuration: Configuration) -> Reader | None:
        """Whoever signed in in this browser; leaves their session and its token in the request. None: nobody did.

        Raises:
            NoAccess: their session has ended.
            SignInRefused: nobody lets them in any more.
        """
        settings = configuration.organisation.sign_in
        if settings is None or not (secret := cookies.of(scope, cookies.SESSION, settings)):
            return None
        session = self.ledger.sessions.find(secret)
        if session is None or not session.open(
            self.ledger.clock(), ends_after=settings.ends_after, idle_after=settings.idle_after
        ):
            raise NoAccess("this session has ended: sign in again at /sign-in")
        rights = rights_of(session.identity, configuration)
        self._used(self.ledger.sessions.used, session)
        state = Request(scope).state
        state.session, state.csrf = session, cookies.csrf_token(secret)
        return Reader(session.id, session.identity.email, rights.scopes, rights.departments, rights.person)

    def _with_token(self, token: str, configuration: Configuration) -> Reader | None:
        """Whoever's program brings an access token of the identity provider, where it may. None: this is no such token.

        Raises:
            NoAccess: it is not good.
            SignInRefused: nobody lets them in.
        """
        settings = configuration.organisation.sign_in
        if settings is None or settings.tokens is None or token.count(".") != 2:
            return None
        try:
            identity = self.providers.under(settings).bearer(token, settings.tokens)
        except SignInFailed as failed:
            raise NoAccess(str(failed.detail)) from None
        rights = rights_of(identity, configuration)
        made = f"token-{digest(identity.email.casefold())[:8]}"
        return Reader(made, identity.email, rights.scopes, rights.departments, rights.person)

    def _used(self, note: Callable[[U], None], found: U) -> None:
        try:
            note(found)
        except LedgerError as error:  # a busy database: reading goes on, and the next use is noted
            log.warning("last use of %s was not noted: %s", found.id, error)

    def _limit(self, reader: Reader, per_minute: int) -> None:
        allowed = RateLimitItemPerMinute(per_minute)
        if not self.limiter.hit(allowed, reader.id):
            wait = max(1, math.ceil(self.limiter.get_window_stats(allowed, reader.id).reset_time - time.time()))
            raise TooManyRequests(
                f"{reader.who} may ask {per_minute} times a minute: ask again in {wait} s",
                headers={"Retry-After": str(wait)},
            )

    def _audited(self, send: Send, reader: Reader, veil: Veil) -> Send:
        """Notes the confidential rows that an answer tells of before they leave: one line per request, more only where a streamed
        answer comes to further bindings."""
        noted: set[Bound] = set()

        async def audited(message: Message) -> None:
            if fresh := veil.met - noted:
                noted.update(fresh)
                read = ", ".join("/".join(bound) for bound in sorted(fresh))
                await run_in_threadpool(self.ledger.audit.read, reader.who, read)
            await send(message)

        return audited


def _from_address(scope: Scope) -> str | None:
    """The key of ?key=..., None where there is none. It is taken out of the address, and so is one under any other name."""
    asked: bytes = scope.get("query_string", b"")
    if not MAY_BE_KEY.search(asked):
        return None
    kept, found = [], None
    for pair in asked.split(b"&"):
        name, value = next(iter(parse_qsl(pair.decode("latin-1"), keep_blank_values=True)), ("", ""))
        if name.casefold() == "key":
            found = value
        elif PREFIX not in value:
            kept.append(pair)
    scope["query_string"] = b"&".join(kept)  # in place: the server's access log reads this very scope
    return found


def _from_header(scope: Scope) -> str:
    """The key as Bearer or as Basic password; "" where there is none."""
    kind, _, value = Headers(scope=scope).get("authorization", "").strip().partition(" ")
    if kind.casefold() == "basic":
        return _password(value)
    return value.strip() if kind.casefold() == "bearer" else ""


def _password(value: str) -> str:
    """The password of Basic access; whatever name goes with it."""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _needed(scope: Scope) -> str:
    path: str = scope["path"]
    under = next((s for begin, s in UNDER if _under(path, begin)), None)
    if under or scope["method"] in READING:
        return under or "read"
    return "decide" if any(_under(path, begin) for begin in DECIDED) else "admin"


def _under(path: str, begin: str) -> bool:
    return path == begin or path.startswith(f"{begin}/")


def _from_here(scope: Scope) -> Reader:
    """Anybody, where the request comes from this machine and calls it by a loopback name: anything else is a proxy, or a page that
    had its own name lead here.

    Raises:
        Unprotected: it does not.
    """
    headers, client = Headers(scope=scope), scope.get("client")
    try:
        called = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        called = ""
    forwarded = any(name in BY_PROXIES or name.startswith("x-forwarded-") for name in headers)
    if client is None or not on_loopback(client[0]) or not on_loopback(called) or forwarded:
        raise Unprotected(f"without access keys this service answers its own machine only: {MAKE_ONE}")
    return ANYBODY


def _private(send: Send) -> Send:
    """An answer to an address with a key in it: no cache may share it, no link from it may tell its address."""

    async def private(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            told = headers.get("cache-control", "")
            if not told.startswith("private"):
                headers["Cache-Control"] = "private, no-store" if "no-store" in told else "private"
            headers["Referrer-Policy"] = "no-referrer"
        await send(message)

    return private
