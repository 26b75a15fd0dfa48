"""The wire for libraries that stand on requests: jira, simple-salesforce, gspread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests
import requests.adapters
import urllib3.exceptions

from connectors.wire import READ_MARK, Answer, Broken, Wire, whole


class Adapter(requests.adapters.HTTPAdapter):
    """Sends what a requests session asks for through the wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__(max_retries=0, pool_maxsize=16)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        wire, policy = self._wire, self._wire.policy
        repeatable = request.method in ("GET", "HEAD") or request.headers.pop(READ_MARK, None) is not None
        request.headers["Accept-Encoding"] = "gzip, deflate"
        kwargs |= {"stream": True, "timeout": policy.timeout, "verify": policy.ca_file or True}
        kwargs["proxies"] = {"http": policy.proxy, "https": policy.proxy} if policy.proxy else {}
        kept: list[requests.Response] = []

        def attempt() -> Answer:
            try:
                response = super(Adapter, self).send(request, **kwargs)
                kept[:] = [response]
                headers = {k.lower(): v for k, v in response.headers.items()}
                body = whole(_drained(response.raw), headers, policy, wire.clock)
            except BaseException as error:
                for response in kept:
                    response.close()
                if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
                    raise Broken(type(error).__name__) from error
                raise
            response.raw.release_conn()
            return Answer(response.status_code, headers, body)

        answer = wire.ask(str(request.url), repeatable=repeatable, attempt=attempt)
        response = kept[0]
        response._content = answer.body
        response._content_consumed = True  # type: ignore[attr-defined]  # requests' own flag: the body is read already
        return response


def _drained(raw: Any) -> Iterator[bytes]:
    """What has arrived, as it arrives: a plain read() would wait for a whole block of a dripping body."""
    while chunk := raw.read1(65536, decode_content=False):
        yield chunk
