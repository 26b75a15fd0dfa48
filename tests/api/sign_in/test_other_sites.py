"""What a page of another site can do: nothing."""

from __future__ import annotations

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from api.app import create_app
from sync.configuration import load
from tests.signing_in import LOCAL, MIA, Company


def test_a_change_needs_the_sessions_token_in_a_header_or_a_form(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    token = browser.csrf()
    assert len(token) == 64
    for given in (
        {}, {"headers": {"X-CSRF-Token": "wrong"}}, {"headers": {"X-CSRF-Token": "\xe9".encode("latin-1")}}, {"data": {"csrf_token": ""}},
        {"data": {"csrf_token": "wrong"}}, {"json": {"csrf_token": token}}, {"params": {"csrf_token": token}},
    ):  # fmt: skip
        answer = browser.client.post("/sign-out", **given)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["type"]) == (403, "cross-site"), given
    assert browser.client.post("/sign-out", data={"csrf_token": "x" * 70_000}).status_code == 403
    another = company.browser()
    another.sign_in()
    assert browser.client.post("/sign-out", data={"csrf_token": another.csrf()}).status_code == 403
    assert browser.client.post("/sign-out", data={"note": "ä", "csrf_token": token}).status_code == 303


def test_a_form_with_the_token_reaches_its_route_whole(company: Company) -> None:
    """The door reads the form for its token; the route must find it as it was sent."""
    browser = company.browser()
    browser.sign_in(MIA, groups=["operators"])
    read: list[bytes] = []

    @browser.app.post("/a-form", include_in_schema=False)
    async def form(request: Request) -> None:
        read.append(await request.body())

    browser.client.post("/a-form", data={"csrf_token": browser.csrf(), "note": "x y"}).raise_for_status()
    assert read[0].endswith(b"&note=x+y")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": LOCAL}, 303),
        ({"Sec-Fetch-Site": "cross-site", "Origin": LOCAL}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:8001"}, 403),
    ],
)
def test_a_page_of_another_site_changes_nothing_even_with_the_token(
    company: Company, headers: dict[str, str], code: int
) -> None:
    browser = company.browser()
    browser.sign_in()
    answer = browser.client.post("/sign-out", headers={"X-CSRF-Token": browser.csrf(), **headers})
    assert answer.status_code == code


def test_a_page_of_another_site_changes_nothing_on_an_unprotected_machine_or_with_basic_access(
    company: Company,
) -> None:
    """A browser adds Basic credentials by itself, and on loopback none are needed: whose page it is must decide."""
    (company.house.config / "organisation.yaml").write_text(company.plain)
    app = create_app(company.house.ledger, load(company.house.config))

    @app.post("/a-change", include_in_schema=False)
    def change() -> None: ...

    with TestClient(app, base_url=LOCAL, client=("127.0.0.1", 50_000)) as client:
        for headers, code in (
            ({}, 200),
            ({"Origin": LOCAL, "Sec-Fetch-Site": "same-origin"}, 200),
            ({"Origin": "https://evil.example"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
        ):
            assert client.post("/a-change", headers=headers).status_code == code, headers
        secret = company.house.key("admin", scopes=("read", "admin"))
        evil = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        assert client.post("/a-change", headers=evil, auth=("any", secret)).status_code == 403
        assert client.post("/a-change", auth=("any", secret)).status_code == 200
        assert client.post("/a-change", headers={**evil, "Authorization": f"Bearer {secret}"}).status_code == 200


def test_who_knocks_too_often_waits(company: Company) -> None:
    company.plain = company.plain.replace("requests_per_minute: 100000", "requests_per_minute: 2")
    try:
        browser = company.browser()
        assert [browser.client.get("/sign-in").status_code for _ in range(3)] == [303, 303, 429]
    finally:
        company.plain = company.plain.replace("requests_per_minute: 2", "requests_per_minute: 100000")
