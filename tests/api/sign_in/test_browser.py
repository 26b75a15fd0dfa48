"""Signing in and out in a real browser, which holds to cookies, redirects and policies as people's browsers do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html import escape
from typing import Any

import pytest
from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.applications import Starlette
from starlette.routing import Route

from api.app import create_app
from tests.listening import free_port, listening
from tests.signing_in import MIA, Company

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed: 'make odata-clients' installs it")
MARKUP = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
FORM = '<form method="post" action="{url}/sign-out"><input name="csrf_token" value="{token}"><button>Sign out</button></form>'


@pytest.fixture
def page() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_context().new_page()
        browser.close()


@pytest.fixture
def service(company: Company) -> Iterator[str]:
    """The service with a page of its own on it: a form to sign out, and markup that a tracker might have said."""
    port = free_port()
    app = create_app(company.house.ledger, company.write(f"http://127.0.0.1:{port}"))

    @app.get("/page", response_class=HTMLResponse, include_in_schema=False)
    def own_page(request: Request) -> str:
        return f"<title>ours</title>{FORM.format(url='', token=escape(request.state.csrf))}{MARKUP}"

    company.provider.person = {"email": MIA, "email_verified": True}
    with listening(app, port) as url:
        yield url


def test_somebody_signs_in_reads_signs_out_and_is_out(page: Any, service: str, company: Company) -> None:
    page.goto(f"{service}/page?week=47")
    assert page.url == f"{service}/page?week=47"
    assert page.evaluate("fetch('/v1/departments').then(r => r.status)") == 200
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button").click()
    page.wait_for_url(f"{company.provider.url}/bye?*")
    page.goto(f"{service}/v1/items")
    assert "an access key is needed" in page.content()
    assert len(company.acts("sign out")) == 1


def test_what_stands_in_a_page_by_accident_does_not_run(page: Any, service: str) -> None:
    """The content policy stands behind the escaping, should that ever fail."""
    page.goto(f"{service}/page")
    page.wait_for_timeout(200)
    assert page.title() == "ours"


def test_a_page_of_another_origin_signs_nobody_out(page: Any, service: str, company: Company) -> None:
    """Another port is the same site to a browser: it sends the cookie along, and whose page it is must decide."""
    page.goto(f"{service}/page")
    token = page.input_value("input")
    evil = Starlette(routes=[Route("/", lambda _request: HTMLResponse(FORM.format(url=service, token=token)))])
    with listening(evil, free_port()) as elsewhere:
        page.goto(elsewhere)
        page.get_by_role("button").click()
        page.wait_for_url(f"{service}/sign-out")
        assert "cross-site" in page.content()
    page.goto(f"{service}/page")
    assert company.acts("sign out") == []
    assert len(company.acts("sign in")) == 1
