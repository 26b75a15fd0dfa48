"""One policy for every tracker's traffic, whatever library asks: the libraries bring authentication, addressing and typing,
the loop is ours.

Timeouts, bounded retries with upward jitter, Retry-After in full, a token bucket and a request budget per source, caps on
size and time of one answer, redirects off, login pages recognised, hosts limited to the configured ones, nothing taken
from the environment, secrets never in an error. The libraries' own retries are off: measured, they cap Retry-After, crash
on its date form, or do not retry at all. The retry loop is hand-written because a wait must stop the whole source, not one
call, and because clock and sleep are injected; no retry library offers both.
"""

from __future__ import annotations

import gc
import json
import logging
import random
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from connectors.contract import AccessDenied, RateLimited, SourceError, SourceUnavailable
from connectors.network import Forbidden, guarded, literal

if TYPE_CHECKING:
    import httpx
    import requests

BARREN = 5
"""Pages in a row that may bring nothing new."""
READ_MARK = "X-Sightline-Read"
"""On a POST that only reads: it may be repeated. Never sent."""
RETRIED = frozenset({408, 429, 500, 502, 503, 504, 529})
LONGEST_WAIT = 365 * 86_400.0
"""Seconds: what is longer than a year is no instant that anybody meant."""
ENDS = (b"}", b"]", b'"')
BROKEN = (OSError, HTTPException, EOFError, zlib.error)
"""What an attempt may break off with, beside Broken: a library's own kinds become that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one source's traffic may do. Times in seconds, sizes in decoded bytes, rates in requests per second."""

    hosts: frozenset[str]
    timeout: float = 30.0
    deadline: float = 120.0
    max_bytes: int = 64 * 2**20
    attempts: int = 6
    max_wait: float = 60.0
    rate: float = 10.0
    burst: int = 20
    budget: int | None = None
    private_network: bool = False
    ca_file: str | None = None
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Broken(Exception):
    """One attempt failed in a way that another may not."""


class Wire:
    """All traffic of one connected source. Threads may share it: the bucket, the pauses and the budget are common."""

    def __init__(
        self,
        source: str,
        policy: Policy,
        *,
        secrets: Sequence[str] = (),
        judge: Callable[[Answer], SourceError | None] = lambda _answer: None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """judge: the tracker's own meaning of an answer, asked first, where it differs from what everybody means by it."""
        self.source, self.policy, self._judge = source, policy, judge
        self.requests = self.retries = 0
        self.server_time: datetime | None = None
        self.headers: Mapping[str, str] = {}
        self._secrets = tuple(s for s in secrets if len(s) > 3)
        self.clock, self._now, self._sleep = clock, now, sleep
        self._lock = threading.Lock()
        self._tokens, self._filled_at, self._paused_until = float(policy.burst), clock(), 0.0
        self._in_a_row = self._errors = 0
        self._last: deque[bool] = deque(maxlen=100)
        self._literals = frozenset(a for h in policy.hosts if (a := literal(urlsplit(f"//{h}").hostname or "")))

    # -- doors -----------------------------------------------------------------------------------------------------

    def prepare(self, session: requests.Session) -> requests.Session:
        """A requests session on this policy: for jira, simple-salesforce and gspread."""
        session.trust_env = False  # else REQUESTS_CA_BUNDLE overrides verify, and proxies come from the environment
        session.verify = self.policy.ca_file or True
        session.max_redirects = 0
        session.headers["Accept-Encoding"] = "gzip, deflate"
        from connectors.through_requests import Adapter

        for scheme in ("https://", "http://"):
            session.mount(scheme, Adapter(self))
        return session

    def transport(self) -> httpx.BaseTransport:
        """An httpx transport on this policy: for notion-client and our own calls."""
        from connectors.through_httpx import Transport

        return Transport(self)

    def hide(self, secret: str) -> None:
        """One more secret of this source: a token that was made meanwhile."""
        self._secrets = (*self._secrets, secret)

    def redact(self, text: str) -> str:
        """The text without any of this source's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    # -- the loop --------------------------------------------------------------------------------------------------

    def ask(self, url: str, *, repeatable: bool, attempt: Callable[[], Answer]) -> Answer:
        """Sends until there is an answer that the caller can use: 2xx, 400, 404, 410, 422 and the like.

        Raises:
            AccessDenied: 401, 403, a redirect or a login page, or an address that may not be reached.
            RateLimited: told to wait longer than `max_wait`.
            SourceUnavailable: everything else that does not go away within `attempts`.
        """
        self._check_host(url)
        where = f"{self.source} ({urlsplit(url).hostname})"
        for number in range(1, self.policy.attempts + 1):
            self._take_token()
            try:
                with guarded(self._literals, private_network=self.policy.private_network or bool(self.policy.proxy)):
                    answer = attempt()
                problem, wait = self._problem(answer, where)
            except Forbidden as error:
                raise AccessDenied(
                    f"{where} leads to the address {error}, which is not allowed: if it is in your own network, set "
                    "connection.private_network: true",
                    source=self.source,
                ) from None
            except (Broken, *BROKEN) as error:
                what = str(error) if isinstance(error, Broken) else type(error).__name__
                problem, wait = f"{where} broke off: {what}", None
            if problem is None:
                self._count(good=True)
                return answer
            self._count(good=False)
            if not repeatable or number == self.policy.attempts:
                break
            self.retries += 1
            self._pause(self._backoff(number) if wait is None else wait)
        raise SourceUnavailable(f"{problem}; gave up after {number} tries", source=self.source)

    def _problem(self, answer: Answer, where: str) -> tuple[str | None, float | None]:
        """None where the answer can be used; else what is wrong and how long the tracker wants us to wait."""
        self._note(answer)
        if (own := self._judge(answer)) is not None:
            raise own
        status, start = answer.status, answer.body[:64].lstrip()
        kind = answer.headers.get("content-type", "")
        if status in (401, 403):
            what = "does not accept the credential" if status == 401 else "refuses: the credential lacks a right"
            raise AccessDenied(
                f"{where} {what}", source=self.source, hint="renew the token or ask its owner for the right"
            )
        if 300 <= status < 400 or (status == 200 and (kind.startswith("text/html") or start.startswith(b"<"))):
            raise AccessDenied(
                f"{where} answered with a login or other web page instead of data: access is lost or the address is wrong",
                source=self.source,
                hint="open the address in a browser, sign in, and renew the token",
            )
        if status in RETRIED:
            return f"{where} answered {status}", self._retry_after(answer, where)
        if status < 300 and not start and status != 204:
            return f"{where} answered {status} with nothing in it", None
        if status < 300 and "json" in kind and answer.body.rstrip()[-1:] not in ENDS and answer.body != b"null":
            return f"{where} answered with a cut-off text", None
        return None, None

    def _retry_after(self, answer: Answer, where: str) -> float | None:
        text = answer.headers.get("retry-after", "").strip()
        if not text:
            return None
        try:
            wait = float(text)
        except ValueError:
            try:
                at = parsedate_to_datetime(text)
            except ValueError:
                return None
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            wait = (at - (self.server_time or self._now())).total_seconds()  # its own clock, whatever ours says
        if wait != wait:
            return None
        wait = min(max(wait, 0.0), LONGEST_WAIT)
        if wait > self.policy.max_wait:
            at = self._now() + timedelta(seconds=wait)
            day = "" if at.date() == self._now().date() else f"{at:%Y-%m-%d} "
            sentence = f"{where} asks to be left alone until {day}{at:%H:%M:%S} UTC"
            raise RateLimited(sentence, source=self.source, retry_at=at)
        return wait

    def _backoff(self, number: int) -> float:
        """1, 2, 4 ... 60 s, each up to half as long again: jitter only upward, never earlier than said."""
        return float(min(2 ** (number - 1), 60)) * (1 + random.random() / 2)  # noqa: S311  # spreads load, protects nothing

    # -- accounts --------------------------------------------------------------------------------------------------

    def _take_token(self) -> None:
        """Waits for the source's pause and for its rate; counts the request."""
        while True:
            with self._lock:
                now = self.clock()
                self._tokens = min(self.policy.burst, self._tokens + (now - self._filled_at) * self.policy.rate)
                self._filled_at = now
                wait = max(self._paused_until - now, 0 if self._tokens >= 1 else (1 - self._tokens) / self.policy.rate)
                if wait <= 0:
                    if self.policy.budget is not None and self.requests >= self.policy.budget:
                        raise SourceUnavailable(
                            f"{self.source} has used its budget of {self.policy.budget} requests for one run: what was read "
                            "is kept, the next run goes on",
                            source=self.source,
                        )
                    self._tokens -= 1
                    self.requests += 1
                    return
            self._sleep(wait)

    def rest(self, number: int) -> None:
        """Nobody asks before the pause of this try is over: for answers that only a connector can tell as a fault."""
        self.retries += 1
        self._pause(self._backoff(number))

    def _pause(self, seconds: float) -> None:
        """Nobody asks this source again before."""
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + seconds)

    def _count(self, *, good: bool) -> None:
        with self._lock:
            self._last.append(good)
            self._errors += not good
            self._in_a_row = 0 if good else self._in_a_row + 1
            storm = len(self._last) == 100 and self._last.count(False) > 15
            if self._errors > 1000 or self._in_a_row > 10 or storm:
                raise SourceUnavailable(
                    f"{self.source} fails too often ({self._errors} errors in {self.requests} requests): stopped asking",
                    source=self.source,
                )

    def _note(self, answer: Answer) -> None:
        self.headers = answer.headers
        if date := answer.headers.get("date"):
            try:
                at = parsedate_to_datetime(date)
                self.server_time = at if at.tzinfo else at.replace(tzinfo=UTC)  # "-0000" names no zone
            except ValueError:
                self.server_time = None

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not (
            {parts.netloc.rpartition("@")[2], parts.hostname} & self.policy.hosts
        ):
            raise AccessDenied(
                f"{self.source}: {parts.hostname} is not a host of this source's connection", source=self.source
            )


# -- one body ----------------------------------------------------------------------------------------------------------


def whole(chunks: Iterable[bytes], headers: Mapping[str, str], policy: Policy, clock: Callable[[], float]) -> bytes:
    """A body read to its end, decoded, within the caps.

    Raises:
        Broken: cut off before its declared length.
        SourceUnavailable: larger than `max_bytes` or slower than `deadline`.
    """
    ends_at = clock() + policy.deadline
    squeezed = headers.get("content-encoding", "").strip().casefold() in ("gzip", "x-gzip", "deflate")
    inflate = zlib.decompressobj(47) if squeezed else None
    parts: list[bytes] = []
    size = received = 0
    for chunk in chunks:
        received += len(chunk)
        while chunk:
            part = inflate.decompress(chunk, 2**20) if inflate else chunk
            chunk = inflate.unconsumed_tail if inflate else b""
            parts.append(part)
            size += len(part)
            if size > policy.max_bytes:
                raise SourceUnavailable(
                    f"an answer is larger than {policy.max_bytes} bytes: it was not read to its end"
                )
        if clock() > ends_at:
            raise SourceUnavailable(f"an answer took longer than {policy.deadline:g} s: it was not read to its end")
    declared = headers.get("content-length")
    if (declared and declared.isdigit() and received < int(declared)) or (inflate and received and not inflate.eof):
        raise Broken("cut off")
    return b"".join(parts)


# -- for the connectors ------------------------------------------------------------------------------------------------


def parsed(body: bytes, *, source: str, what: str) -> Any:
    """An answer's JSON. Numbers and escapes that strict JSON forbids are taken as nothing or as text, not as an end.

    Raises:
        SourceUnavailable: it is no JSON, or nests too deeply.
    """
    collecting = gc.isenabled()
    gc.disable()  # a page is a tree of thousands of dicts without a cycle: collecting amid it triples its time
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    finally:
        if collecting:
            gc.enable()
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), parse_constant=lambda _: None, parse_int=_whole_number)
    except (ValueError, RecursionError) as error:
        sentence = f"{source} answered something that is no {what}: {str(error)[:80]}"
        raise SourceUnavailable(sentence, source=source) from None


def _whole_number(digits: str) -> int | str:
    return int(digits) if len(digits) <= 19 else digits


class PageGuard:
    """Stops a paging that goes in circles: a token seen before, or page after page without a new record. A few empty pages are
    legal: what they held is hidden from this credential."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens: set[str] = set()
        self._barren = 0

    def next(self, token: str | None, *, fresh: int) -> None:
        """To be called after every page with its next token and how many records it brought for the first time.

        Raises:
            SourceUnavailable: the paging repeats itself.
        """
        self._barren = 0 if fresh else self._barren + 1
        if token is not None and (token in self._tokens or self._barren >= BARREN):
            raise SourceUnavailable(
                f"{self._source} gives the same page again and again: paging was stopped", source=self._source
            )
        if token is not None:
            self._tokens.add(token)


class RedactSecrets(logging.Filter):
    """Takes secrets out of whatever libraries log about a source."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._wire.redact(record.getMessage()), None
        return True


__all__ = ["READ_MARK", "Answer", "PageGuard", "Policy", "RedactSecrets", "SourceError", "Wire", "parsed", "whole"]
