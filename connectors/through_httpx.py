"""The wire for libraries that stand on httpx: notion-client and our own calls."""

from __future__ import annotations

import ssl

import certifi
import httpx

from connectors.wire import READ_MARK, Answer, Broken, Policy, Wire, whole


class Transport(httpx.BaseTransport):
    """Sends what an httpx client asks for through the wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        policy = wire.policy
        self._inner = httpx.HTTPTransport(verify=_tls(policy), proxy=policy.proxy, trust_env=False, retries=0)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        wire, policy = self._wire, self._wire.policy
        repeatable = request.method in ("GET", "HEAD") or READ_MARK in request.headers
        request.headers.pop(READ_MARK, None)
        request.headers["Accept-Encoding"] = "gzip, deflate"
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), policy.timeout)

        def attempt() -> Answer:
            try:
                return read(self._inner.handle_request(request))
            except httpx.TransportError as error:
                raise Broken(type(error).__name__) from error

        def read(response: httpx.Response) -> Answer:
            try:
                headers = {k.lower(): v for k, v in response.headers.items()}
                assert isinstance(response.stream, httpx.SyncByteStream)  # a sync transport answers with one
                return Answer(response.status_code, headers, whole(response.stream, headers, policy, wire.clock))
            finally:
                response.close()

        answer = wire.ask(str(request.url), repeatable=repeatable, attempt=attempt)
        passed = {
            k: v
            for k, v in answer.headers.items()
            if k not in ("content-encoding", "content-length", "transfer-encoding")
        }
        return httpx.Response(answer.status, headers=passed, content=answer.body, request=request)

    def close(self) -> None:
        self._inner.close()


def _tls(policy: Policy) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=policy.ca_file or certifi.where())
