"""Who signed in: what they see, and when their session ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn

from api.cli import app as command
from api.doctor import examine
from api.server import run
from sync.configuration import load
from tests.signing_in import CLI, HTML, JONAS, LOCAL, MIA, Browser, Company

# -- who they are, and what they see ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "claims", "sees"),
    [
        (JONAS, {}, True),
        (JONAS.upper(), {}, True),
        (MIA, {}, False),
        (MIA, {"department": "legal"}, True),
        (MIA, {"department": "LEGAL"}, True),
        (MIA, {"groups": ["staff", "the-coo"]}, True),
        (MIA, {"groups": "board"}, True),
        (MIA, {"groups": ["operators"]}, False),
        ("priya.shah@northwind.example", {"department": "Nowhere"}, False),
    ],
)
def test_confidential_rows_are_the_own_departments_and_the_coos(
    company: Company, email: str, claims: dict[str, Any], sees: bool
) -> None:
    """Department and role are the provider's word where it has one, else people.yaml's."""
    browser = company.browser()
    assert browser.sign_in(email, **claims).status_code == 303
    assert bool(browser.items()) is sees
    assert [a.split(" (")[0] for a in company.acts("read")] == [email] * sees


def test_reading_changing_and_everything_as_tables_need_their_role(company: Company) -> None:
    for claims, odata, admin in (
        ({}, 403, False),
        ({"groups": ["the-coo"]}, 200, False),
        ({"groups": ["operators"]}, 403, True),
    ):
        browser = company.browser()
        browser.sign_in(MIA, **claims)
        assert browser.client.get("/v1/departments").status_code == 200
        assert browser.client.get("/odata/").status_code == odata
        answer = browser.client.post("/v1/sync", headers={"X-CSRF-Token": browser.csrf()})
        assert (answer.status_code == 403) is not admin


def test_who_is_not_in_people_yaml_is_refused_by_name_and_noted(company: Company) -> None:
    browser = company.browser()
    answer = browser.sign_in("eve@evil.example")
    assert answer.status_code == 403
    assert (
        "people.yaml has nobody with the address eve@evil.example: whoever keeps that file can add it"
        in answer.text.replace("&#x27;", "'")
    )
    assert company.acts("sign in") == []
    assert company.acts("sign in refused")[0].startswith("eve@evil.example: ")
    assert browser.client.get("/v1/items").status_code == 401


def test_who_is_not_in_people_yaml_may_read_where_the_organisation_says_so(company: Company) -> None:
    browser = company.browser(more="  unknown_people: read\n")
    assert browser.sign_in("eve@northwind.example").status_code == 303
    assert browser.client.get("/v1/departments").status_code == 200
    assert browser.items() == []
    assert browser.client.get("/odata/").status_code == 403


@pytest.mark.parametrize("verified", [False, None, "false", 1])
def test_an_address_that_the_provider_does_not_vouch_for_is_nobodys(company: Company, verified: Any) -> None:
    """Anybody may write the COO's address into their own account at many providers."""
    browser = company.browser()
    answer = browser.sign_in(JONAS, email_verified=verified)
    assert (answer.status_code, "email_verified" in answer.text) == (400, True)
    assert browser.client.get("/v1/items").status_code == 401


def test_an_organisations_own_issuer_vouches_by_itself_where_that_is_said(company: Company) -> None:
    browser = company.browser(more="  email_verified_by: issuer\n")
    company.provider.person = {"email": JONAS}
    assert browser.client.get(browser.leave()).status_code == 303
    assert browser.sign_in(JONAS, email_verified=False).status_code == 400


def test_who_leaves_the_company_is_out_at_once(company: Company) -> None:
    """People.yaml counts at each request, not only when somebody signs in."""
    browser = company.browser()
    browser.sign_in(JONAS)
    assert browser.items()
    people = company.house.config / "people.yaml"
    before = people.read_text()
    try:
        people.write_text(before.replace("name: Jonas Keller,", "name: Jonas Keller, active: false,"))
        browser.app.state.live._looked = 0.0
        answer = browser.client.get("/v1/items")
        assert (answer.status_code, answer.json()["type"]) == (403, "sign-in-refused")
    finally:
        people.write_text(before)


def test_roles_of_people_yaml_count_where_the_provider_tells_none(company: Company) -> None:
    people = company.house.config / "people.yaml"
    before = people.read_text()
    try:
        people.write_text(before.replace("name: Mia Wong,", "name: Mia Wong, roles: [coo],"))
        browser = company.browser()
        browser.sign_in(MIA)
        assert browser.items()
        browser.sign_in(MIA, groups=["staff"])
        assert browser.items() == []
    finally:
        people.write_text(before)


# -- the session -----------------------------------------------------------------------------------------------------------


def session_cookie(browser: Browser) -> tuple[str, str]:
    ((name, value),) = [(n, v) for n, v in browser.client.cookies.items() if "session" in n]
    return name, value


def test_a_session_is_kept_as_its_hash_only(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    _, secret = browser.session_cookie()
    with company.house.ledger.engine.connect() as connection:
        rows = str(connection.exec_driver_sql("SELECT * FROM session").fetchall())
    assert MIA in rows
    assert secret not in rows
    assert len(secret) == 43


def test_signing_out_ends_the_session_at_once_also_for_who_stole_its_cookie(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    name, stolen = browser.session_cookie()
    answer = browser.client.post("/sign-out", headers={"X-CSRF-Token": browser.csrf()})
    place = urlsplit(answer.headers["location"])
    assert (answer.status_code, f"{place.scheme}://{place.netloc}{place.path}") == (303, f"{company.provider.url}/bye")
    assert parse_qs(place.query)["post_logout_redirect_uri"] == [f"{LOCAL}/signed-out"]
    assert [n for n in browser.client.cookies if "session" in n] == []
    assert browser.client.get("/signed-out").status_code == 200
    browser.client.cookies.set(name, stolen)
    assert "has ended" in browser.client.get("/v1/items").json()["detail"]
    assert browser.client.get("/docs", headers=HTML).status_code == 303
    assert company.acts("sign out")[0].startswith(MIA)


def test_signing_in_anew_ends_the_session_before(company: Company) -> None:
    """A cookie that an attacker had put into the browser is worth nothing afterwards."""
    browser = company.browser()
    browser.sign_in()
    name, before = browser.session_cookie()
    browser.sign_in()
    assert browser.session_cookie()[1] != before
    browser.client.cookies.clear()
    browser.client.cookies.set(name, before)
    assert browser.client.get("/v1/items").status_code == 401
    browser.client.cookies.set(name, "made-up")
    assert browser.client.get("/v1/items").status_code == 401


def test_a_session_ends_when_it_is_idle_and_when_its_day_is_over(company: Company) -> None:
    browser = company.browser(more="  ends_after: 4h\n  idle_after: 1h\n")
    browser.sign_in()
    for minutes in (50, 100, 150, 200):
        company.house.clock.ahead = timedelta(minutes=minutes)
        assert browser.client.get("/v1/departments").status_code == 200
    company.house.clock.ahead = timedelta(minutes=241)
    assert browser.client.get("/v1/departments").status_code == 401
    company.house.clock.ahead = timedelta()
    browser.sign_in()
    company.house.clock.ahead = timedelta(minutes=61)
    assert browser.client.get("/v1/departments").status_code == 401


def test_sessions_of_another_issuer_or_without_sign_in_open_nothing(company: Company) -> None:
    browser = company.browser()
    browser.sign_in()
    organisation = company.house.config / "organisation.yaml"
    organisation.write_text(organisation.read_text().replace(company.provider.url, "https://other.example"))
    browser.app.state.live._looked = 0.0
    assert browser.client.get("/v1/items").status_code == 401
    company.house.key("somebody")
    organisation.write_text(company.plain)
    browser.app.state.live._looked = 0.0
    assert browser.client.get("/v1/items").status_code == 401
    assert browser.client.get("/sign-in").status_code == 401


def test_keys_stay_as_they_are_beside_signing_in(company: Company) -> None:
    browser = company.browser()
    key = {"Authorization": f"Bearer {company.house.key('service', 'legal')}"}
    assert browser.client.get("/v1/items", headers=key).status_code == 200
    browser.sign_in(MIA)
    assert browser.items() == []
    assert browser.client.get("/v1/items?source=legal-jira", headers=key).json()["items"]
    assert browser.client.get("/v1/items", headers={"Authorization": "Bearer wrong"}).status_code == 401
    answer = browser.client.post("/sign-out", headers=key)
    assert answer.status_code == 404


def test_where_people_sign_in_nobody_is_let_in_for_being_on_the_machine(company: Company) -> None:
    assert company.browser().client.get("/v1/items").status_code == 401


# -- the terminal ----------------------------------------------------------------------------------------------------------


def terminal(company: Company, *words: str, code: int = 0) -> str:
    more = ["--database", company.house.url]
    if words[:2] != ("sessions", "revoke"):
        more += ["--config", str(company.house.config)]
    done = CLI.invoke(command, [*words, *more])
    assert done.exit_code == code, done.output
    return str(done.output)


def test_the_terminal_tells_who_is_signed_in_and_ends_a_session(company: Company) -> None:
    browser = company.browser()
    company.house.forget()
    assert "Nobody is signed in" in terminal(company, "sessions", "list")
    browser.sign_in(MIA)
    listed = terminal(company, "sessions", "list")
    assert MIA in listed
    assert browser.session_cookie()[1] not in listed + terminal(company, "sessions", "list", "--json")
    (id,) = re.findall(r"session-\w+", listed)
    assert "ended" in terminal(company, "sessions", "revoke", id)
    assert browser.client.get("/v1/items").status_code == 401
    assert "has ended already" in terminal(company, "sessions", "revoke", id, code=2)
    assert f"{MIA} ({id})" in company.acts("sessions revoke")[0]


def test_doctor_tells_whether_the_provider_is_the_one_that_was_meant(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.write()
    told = [f for f in examine(load(company.house.config), company.house.url) if f.subject == "sign-in"]
    assert [(f.check, f.ok) for f in told] == [("provider", True), ("clock", True)]
    monkeypatch.setattr(company.provider, "now", lambda: datetime.now(UTC) - timedelta(minutes=5))
    told = [
        f
        for f in examine(load(company.house.config), company.house.url)
        if f.check == "clock" and f.subject == "sign-in"
    ]
    assert (told[0].ok, "differ by 30" in told[0].says or "differ by 29" in told[0].says) == (False, True)
    company.provider.metadata = {"issuer": f"{company.provider.url}/"}
    told = [f for f in examine(load(company.house.config), company.house.url) if f.subject == "sign-in"]
    assert [(f.check, f.ok) for f in told] == [("provider", False)]
    assert "write it the same way" in told[0].says


def test_where_people_sign_in_the_service_listens_for_all_without_a_key(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[str] = []
    monkeypatch.setattr(uvicorn, "run", lambda _app, host, **_: served.append(host))
    run(company.house.ledger, company.write(), host="0.0.0.0", port=0, schedule=False)
    assert served == ["0.0.0.0"]


def test_a_page_says_who_is_signed_in_and_lets_them_out(company: Company) -> None:
    """The form on the page carries the session's token, and no other session's page is taken for this one's."""
    browser = company.browser()
    browser.sign_in(MIA, wanted="/")
    page = browser.client.get("/", headers=HTML)
    assert f"Signed in as <bdi>{MIA}</bdi>" in page.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]  # type: ignore[index]  # it is there
    other = company.browser()
    other.sign_in(MIA, wanted="/")
    answer = other.client.get("/", headers={**HTML, "If-None-Match": page.headers["etag"]})
    assert (answer.status_code, token in answer.text) == (200, False)
    assert browser.client.post("/sign-out", data={"csrf_token": token}).status_code == 303
    assert browser.client.get("/", headers=HTML).headers["location"] == "/sign-in?next=%2F"


def test_the_pages_of_the_gate_look_like_the_others_and_tell_nothing_of_the_organisation(company: Company) -> None:
    """Whoever is outside sees whose door it is, not what lies behind it; and the stylesheet opens without a key."""
    client = company.browser().client
    for address, status in (("/signed-out", 200), ("/sign-in/back?state=x", 400)):
        answer = client.get(address)
        (sheet,) = re.findall(r'rel="stylesheet" href="([^"]+)"', answer.text)
        assert (answer.status_code, client.get(sheet).status_code) == (status, 200)
        assert '<main id="main">' in answer.text
        assert 'href="/sign-in"' in answer.text
        assert company.house.loaded.organisation.name not in answer.text
