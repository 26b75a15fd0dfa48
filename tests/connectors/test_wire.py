"""The one policy of all traffic, on real sockets, through both libraries that the connectors use."""

from __future__ import annotations

import gzip
import logging
import resource
import ssl
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from connectors.contract import AccessDenied, RateLimited, SourceUnavailable
from connectors.wire import PageGuard, RedactSecrets, Wire, parsed
from demo.faults import answered, bomb, cut, drip, empty, login_page, redirect, status, unannounced_cut
from tests.scripted import GOOD, Asker, policy, scripted

pytestmark = pytest.mark.parametrize("library", ["requests", "httpx"])


def test_a_wait_in_seconds_is_waited_in_full(library: str) -> None:
    """Row 1: half the libraries shorten it, and are throttled again."""
    with scripted(status(429, retry_after="7")) as script:
        asker = Asker(library, script.url)
        assert asker.get() == GOOD
        assert sum(asker.clock.slept) >= 7
        assert len(script.seen) == 2


def test_a_wait_until_a_date_is_waited_in_full(library: str) -> None:
    """Row 1: the jira library crashes on this form."""
    with scripted(status(429, retry_after="Sat, 21 Nov 2026 12:00:30 GMT")) as script:
        asker = Asker(library, script.url)
        assert asker.get() == GOOD
        assert sum(asker.clock.slept) >= 30


def test_a_wait_until_a_date_is_told_by_the_servers_own_clock(library: str) -> None:
    """Ours may be minutes off: half a minute must not become nothing, nor an hour."""
    with scripted(status(429, retry_after="Sat, 21 Nov 2026 10:30:30 GMT")) as script:
        script.date = "Sat, 21 Nov 2026 10:30:00 GMT"
        asker = Asker(library, script.url)
        assert asker.get() == GOOD
        assert 30 <= sum(asker.clock.slept) < 31


@pytest.mark.parametrize(
    ("wait", "said"), [("1e300", "until 2027-11-21 12:00:00 UTC"), ("99999999999", "until 2027-11-21")]
)
def test_a_wait_that_no_calendar_has_is_a_long_one(library: str, wait: str, said: str) -> None:
    with scripted(status(429, retry_after=wait)) as script, pytest.raises(RateLimited, match=said):
        Asker(library, script.url).get()


@pytest.mark.parametrize("wait", ["nan", "soon", "Sat, 99 Nov 2026"])
def test_a_wait_that_is_none_backs_off(library: str, wait: str) -> None:
    with scripted(status(429, retry_after=wait)) as script:
        asker = Asker(library, script.url)
        assert asker.get() == GOOD
        assert 1 <= sum(asker.clock.slept) <= 1.5


@pytest.mark.parametrize("date", ["Sat, 21 Nov 2026 12:00:00 -0000", "yesterday"])
def test_a_clock_without_a_zone_is_read_or_left(library: str, date: str) -> None:
    with scripted() as script:
        script.date = date
        asker = Asker(library, script.url)
        asker.get()
        told = asker.wire.server_time
        assert told is None or told == datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", ["GZIP", "x-gzip", " gzip"])
def test_a_squeezed_answer_is_read_however_its_form_is_written(library: str, name: str) -> None:
    def squeezed(handler: BaseHTTPRequestHandler, answer: bytes) -> None:
        body = gzip.compress(answer)
        handler.send_response(200)
        handler.send_header("Content-Encoding", name)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with scripted(squeezed) as script:
        assert Asker(library, script.url).get() == GOOD


def test_a_wait_of_an_hour_ends_the_run_and_names_the_hour(library: str) -> None:
    """Row 1: no thread is held, nobody asks early."""
    with scripted(status(429, retry_after="3600")) as script:
        asker = Asker(library, script.url)
        with pytest.raises(RateLimited, match="left alone until 13:00:00 UTC") as caught:
            asker.get()
        assert caught.value.retry_at.hour == 13
        assert len(script.seen) == 1
        assert asker.clock.slept == []


def test_throttling_without_a_wait_backs_off_upward_and_gives_up(library: str) -> None:
    """Row 2: 1, 2, 4, 8, 16 s, each up to half as long again; six tries."""
    with scripted(*[status(429)] * 9) as script:
        asker = Asker(library, script.url)
        with pytest.raises(SourceUnavailable, match="answered 429; gave up after 6 tries"):
            asker.get()
        assert len(script.seen) == 6
        for least, slept in zip((1, 2, 4, 8, 16), asker.clock.slept, strict=True):
            assert least <= slept <= 1.5 * least


@pytest.mark.parametrize("code", [500, 502, 503, 504, 529])
def test_a_server_error_is_asked_again(library: str, code: int) -> None:
    """Row 3; 529 is unknown to every library."""
    with scripted(status(code), status(code)) as script:
        assert Asker(library, script.url).get() == GOOD
        assert len(script.seen) == 3


def test_a_storm_of_errors_stops_the_asking(library: str) -> None:
    """Row 3: more than ten in a row, over all requests of a source."""
    with scripted(*[status(503)] * 40) as script:
        asker = Asker(library, script.url, rate=1000)
        for _ in range(2):
            with pytest.raises(SourceUnavailable):
                asker.get()
        with pytest.raises(SourceUnavailable, match="fails too often"):
            asker.get()
        assert len(script.seen) <= 12 + 1


def test_a_write_is_never_repeated(library: str) -> None:
    """A POST that does not say that it only reads may have had its effect."""
    with scripted(status(503)) as script:
        asker = Asker(library, script.url)
        with pytest.raises(SourceUnavailable, match="after 1 tries"):
            asker.post(reads=False)
        assert len(script.seen) == 1


def test_a_reading_post_is_repeated_and_its_mark_is_not_sent(library: str) -> None:
    with scripted(status(503)) as script:
        assert Asker(library, script.url).post(reads=True) == GOOD
        assert len(script.seen) == 2
        assert not any("x-sightline-read" in headers for _, _, headers in script.seen)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_an_answer_cut_off_is_asked_again(library: str, part: float) -> None:
    """Row 4: at the first byte, in the middle, at the last."""
    with scripted(cut(part)) as script:
        assert Asker(library, script.url).get() == GOOD
        assert len(script.seen) == 2


def test_an_answer_cut_off_without_announced_length_is_asked_again(library: str) -> None:
    """Row 5: no library notices; the JSON has no end."""
    with scripted(unannounced_cut(0.5)) as script:
        assert Asker(library, script.url).get() == GOOD


def _reset(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
    import socket
    import struct

    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def test_a_reset_connection_is_asked_again(library: str) -> None:
    with scripted(_reset) as script:
        assert Asker(library, script.url).get() == GOOD


def test_nobody_there_says_so(library: str) -> None:
    with scripted() as script:
        url = script.url
    with pytest.raises(SourceUnavailable, match="gave up after 6 tries"):
        Asker(library, url).get()


def test_a_login_page_is_lost_access(library: str) -> None:
    """Row 6: 200 with HTML is no data and no parse error."""
    with scripted(login_page) as script, pytest.raises(AccessDenied, match="login or other web page"):
        Asker(library, script.url).get()


def test_a_redirect_is_lost_access_and_is_not_followed(library: str) -> None:
    """Row 6, row 31: credentials must not follow where an answer points."""
    with scripted(redirect) as script:
        with pytest.raises(AccessDenied, match="login or other web page"):
            Asker(library, script.url).get()
        assert len(script.seen) == 1


def test_an_empty_answer_is_asked_again_and_never_taken_as_nothing(library: str) -> None:
    """Row 7: the jira library makes {} of it."""
    with scripted(empty) as script:
        assert Asker(library, script.url).get() == GOOD
    with (
        scripted(*[empty] * 6) as script,
        pytest.raises(SourceUnavailable, match="with nothing in it"),
    ):
        Asker(library, script.url).get()


@pytest.mark.parametrize(("code", "sentence"), [(401, "does not accept the credential"), (403, "lacks a right")])
def test_a_refused_credential_is_not_tried_again(library: str, code: int, sentence: str) -> None:
    """Row 8."""
    with scripted(status(code)) as script:
        with pytest.raises(AccessDenied, match=sentence):
            Asker(library, script.url).get()
        assert len(script.seen) == 1


def test_a_wrong_question_is_the_callers_business(library: str) -> None:
    with scripted(status(400)) as script:
        assert b"no" in Asker(library, script.url).get()
        assert len(script.seen) == 1


def test_a_gzip_bomb_is_stopped_within_bounded_memory(library: str) -> None:
    """Row 38: one megabyte that unpacks to a gigabyte cost 2 GiB in both libraries."""
    with scripted(bomb(256)) as script:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(SourceUnavailable, match="larger than 1048576 bytes"):
            Asker(library, script.url, max_bytes=2**20).get()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024


def test_a_dripping_answer_is_stopped_at_the_deadline(library: str) -> None:
    """Row 38: byte by byte, each in time, for ever."""
    with scripted(drip(0.02, 400)) as script:
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="took longer than 0.3 s"):
            Asker(library, script.url, deadline=0.3, real_time=True).get()
        assert time.monotonic() - began < 2


def test_a_silent_server_is_given_up_in_time(library: str) -> None:
    """The libraries have no default timeout."""

    def silent(handler: BaseHTTPRequestHandler, _answer: bytes) -> None:
        time.sleep(1)
        handler.close_connection = True

    with scripted(silent, silent) as script:
        asker = Asker(library, script.url, timeout=0.2, attempts=2)
        with pytest.raises(SourceUnavailable, match="gave up after 2 tries"):
            asker.get()


def test_the_rate_is_kept_over_the_whole_source(library: str) -> None:
    with scripted() as script:
        asker = Asker(library, script.url, rate=2, burst=2)
        for _ in range(6):
            asker.get()
        assert asker.clock.now - 1000 >= 2  # two at once, four more at two a second


def test_a_pause_stops_every_thread_of_the_source(library: str) -> None:
    """Row 1: the tracker speaks to the account, not to one call."""
    with scripted(status(429, retry_after="1")) as script:
        asker = Asker(library, script.url, real_time=True)
        times: list[float] = []

        def ask() -> None:
            asker.get()
            times.append(time.monotonic())

        began = time.monotonic()
        first = threading.Thread(target=ask)
        first.start()
        while not script.seen:
            time.sleep(0.005)
        time.sleep(0.1)
        others = [threading.Thread(target=ask) for _ in range(4)]
        for thread in others:
            thread.start()
        for thread in (first, *others):
            thread.join()
        assert min(times) - began >= 1


def test_a_used_up_budget_stops_the_run(library: str) -> None:
    with scripted() as script:
        asker = Asker(library, script.url, budget=2)
        asker.get()
        asker.get()
        with pytest.raises(SourceUnavailable, match="budget of 2 requests"):
            asker.get()
        assert len(script.seen) == 2


def test_another_host_is_never_asked(library: str) -> None:
    """Row 31: an address that an answer names gets no credential."""
    with scripted() as script, scripted() as other:
        asker = Asker(library, script.url)
        asker.url = other.url
        with pytest.raises(AccessDenied, match="is not a host of this source"):
            asker.get()
        assert other.seen == []


def test_a_name_that_leads_into_the_own_network_is_refused(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 31: DNS that points at the metadata service, or at loopback."""
    import socket

    with scripted() as script:
        port = int(script.url.rpartition(":")[2])
        real = socket.getaddrinfo

        def rebound(host: Any, *rest: Any, **more: Any) -> Any:
            return real("127.0.0.1" if host in ("tracker.example", b"tracker.example") else host, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", rebound)
        with pytest.raises(AccessDenied, match="leads to the address 127.0.0.1, which is not allowed"):
            Asker(library, f"http://tracker.example:{port}").get()
        assert script.seen == []


def test_nothing_is_taken_from_the_environment(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 43: a proxy or a certificate bundle of the shell must not decide where credentials go."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with scripted() as script:
        assert Asker(library, script.url).get() == GOOD


@pytest.fixture
def tls() -> Any:
    authority = trustme.CA()
    return authority, authority.issue_cert("127.0.0.1")


def _tls_server(certificate: Any) -> Any:
    import http.server

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(GOOD)))
            self.end_headers()
            self.wfile.write(GOOD)

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.mark.usefixtures("whole_environment")
def test_the_configured_authority_decides_and_not_the_shells(
    library: str, tls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 43, measured: REQUESTS_CA_BUNDLE overrides Session.verify unless the environment is shut out."""
    authority, certificate = tls
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = _tls_server(certificate)
    url = f"https://127.0.0.1:{server.server_address[1]}"
    try:
        assert Asker(library, url, ca_file=str(tmp_path / "ca.pem")).get() == GOOD
        with pytest.raises(SourceUnavailable):
            Asker(library, url, attempts=1).get()
    finally:
        server.shutdown()
        server.server_close()


def test_a_secret_is_in_no_error_and_no_log(library: str, caplog: pytest.LogCaptureFixture) -> None:
    """Row 32: at DEBUG, in a fault."""
    secret = "canary-8f3e-secret"
    caplog.set_level(logging.DEBUG)
    with scripted(status(401), *[status(503)] * 6) as script:
        asker = Asker(library, script.url, secrets=(secret,))
        for kind in (AccessDenied, SourceUnavailable):
            with pytest.raises(kind) as caught:
                asker.get("/thing", authorization=f"Bearer {secret}")
            assert secret not in str(caught.value)
            assert secret not in repr(caught.value.__cause__)
    assert secret not in caplog.text


def test_a_logged_secret_is_taken_out(library: str) -> None:
    wire = Wire(library, policy("http://127.0.0.1:1"), secrets=("canary-secret",))
    record = logging.LogRecord("x", logging.INFO, "f", 1, "token %s", ("canary-secret",), None)
    assert RedactSecrets(wire).filter(record)
    assert record.getMessage() == "token ***"


def test_the_library_cannot_retry_behind_our_back(library: str) -> None:
    wire = Asker(library, "http://127.0.0.1:1").wire
    inner: Any = wire.transport()
    adapter: Any = wire.prepare(requests.Session()).get_adapter("https://x")
    retries = adapter.max_retries.total if library == "requests" else inner._inner._pool._retries
    assert retries == 0


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a":1,"a":2}',
    ],
)
def test_what_strict_json_forbids_is_still_read(library: str, body: bytes) -> None:
    """Row 27: one odd value must not cost the page."""
    assert set(parsed(body, source=library, what="page")) == {"a"}


def test_endless_depth_is_an_error_and_no_crash(library: str) -> None:
    """Row 39."""
    with pytest.raises(SourceUnavailable, match="no page"):
        parsed(b"[" * 200_000, source=library, what="page")


def test_a_repeated_token_ends_the_paging(library: str) -> None:
    """Row 12."""
    guard = PageGuard(library)
    guard.next("a", fresh=10)
    with pytest.raises(SourceUnavailable, match="again and again"):
        guard.next("a", fresh=10)


def test_pages_without_anything_new_end_the_paging(library: str) -> None:
    """Row 12: new tokens, old records."""
    guard = PageGuard(library)
    guard.next("a", fresh=1)
    for token in "bcde":
        guard.next(token, fresh=0)
    guard.next("f", fresh=1)  # empty pages in the middle are legal
    for token in "ghij":
        guard.next(token, fresh=0)
    with pytest.raises(SourceUnavailable, match="again and again"):
        guard.next("k", fresh=0)


def test_another_body_is_passed_on_as_it_is(library: str) -> None:
    with scripted(answered(b"{}")) as script:
        assert Asker(library, script.url).get() == b"{}"
