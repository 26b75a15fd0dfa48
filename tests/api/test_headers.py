"""What every answer tells a browser to hold to."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient

from api.app import create_app
from api.door.headers import ALWAYS, HSTS, NOTHING
from ledger.store import Ledger
from sync.configuration import load
from tests.api.test_access import paths
from tests.asking import local
from tests.tracked import ORGANISATION, write

SIGN_IN = """
sign_in:
  url: https://sightline.example
  issuer: https://login.example/tenant
  client_id: sightline
"""
DEPARTMENT = "department: eng\nname: Engineering\n"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Any]:
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True) as ledger:

        def app(organisation: str = ORGANISATION) -> FastAPI:
            return create_app(ledger, load(write(tmp_path, DEPARTMENT, organisation=organisation)))

        yield app


def test_every_route_every_refusal_and_every_error_has_them(made: Any) -> None:
    """Enumerated from the application: a new route cannot be forgotten."""
    app = made()

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    with local(app, raise_server_exceptions=False) as client:
        every = [re.sub(r"\{\w+(:path)?\}", "x", path) for path in paths(app)]
        assert len(every) > 25
        seen = set()
        for path in [*every, "/nowhere"]:
            for method in ("GET", "HEAD", "POST"):
                answer = client.request(method, path, follow_redirects=False)
                seen.add(answer.status_code)
                assert {n: answer.headers.get(n) for n in ALWAYS} == ALWAYS, (method, path)
                policy = answer.headers["content-security-policy"]
                assert "default-src 'none'" in policy, (method, path)
                assert "frame-ancestors 'none'" in policy, (method, path)
        assert {200, 404, 405, 422, 500} <= seen
    with TestClient(app) as stranger:
        answer = stranger.get("/v1/items")
        assert (answer.status_code, answer.headers["content-security-policy"]) == (403, NOTHING)


def test_what_is_still_as_it_was_keeps_the_policy_that_it_has(made: Any) -> None:
    """A browser puts the headers of a 304 on the page that it kept: one for what is no page would take its stylesheet away."""
    with local(made()) as client:
        page = [client.get("/connect", headers={"Accept": "text/html"}) for _ in range(2)][-1]
        same = client.get("/connect", headers={"Accept": "text/html", "If-None-Match": page.headers["etag"]})
    assert (page.status_code, same.status_code) == (200, 304)
    assert "content-security-policy" not in same.headers
    assert {n: same.headers.get(n) for n in ALWAYS} == ALWAYS


def test_a_page_may_load_from_this_service_only_and_its_forms_lead_here(made: Any) -> None:
    """No inline script or style: what a tracker says can at most be shown, never run."""
    app = made()

    @app.get("/page", response_class=HTMLResponse)
    def page() -> str:
        return "<h1>x</h1>"

    with local(app) as client:
        policy = client.get("/page").headers["content-security-policy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == directives["base-uri"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert directives["form-action"] == "'self'"
    assert "unsafe" not in policy


def test_where_people_sign_in_forms_may_lead_to_the_issuer_and_browsers_stay_on_tls(made: Any) -> None:
    with TestClient(made(ORGANISATION + SIGN_IN), base_url="https://sightline.example") as client:
        answer = client.get("/signed-out")
        assert "form-action 'self' https://login.example;" in answer.headers["content-security-policy"]
        assert answer.headers["strict-transport-security"] == HSTS
        assert client.get("/v1/items").headers["strict-transport-security"] == HSTS
    with local(made()) as client:
        assert "strict-transport-security" not in client.get("/v1/items").headers


def test_the_contracts_page_runs_its_own_words_and_the_pinned_bytes_only(made: Any) -> None:
    with local(made()) as client:
        answer = client.get("/docs")
    policy, text = answer.headers["content-security-policy"], answer.text
    (inline,) = re.findall(r"<script>(.+?)</script>", text)
    assert f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'" in policy
    assert "unsafe" not in re.findall(r"script-src[^;]+", policy)[0]
    loaded = re.findall(r"<(?:script|link rel=\"stylesheet\")[^>]+(?:src|href)=[^>]+>", text)
    assert len(loaded) == 2
    assert all('integrity="sha384-' in tag and 'crossorigin="anonymous"' in tag for tag in loaded)
