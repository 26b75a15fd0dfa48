"""Access tokens of the provider, which people's own programs bring: Power BI and Excel with an organisational account."""

from __future__ import annotations

import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from ledger.store import Ledger
from sync.configuration import ConfigErrors, load
from tests.provider import CLIENT
from tests.signing_in import JONAS, LOCAL, MIA, SITE, Browser, Company
from tests.tracked import ORGANISATION, write

AUDIENCE = "https://sightline.example"
OWN = f"  tokens: {{audience: {AUDIENCE}}}\n"


def claims(company: Company, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    told = {"iss": company.provider.url, "aud": AUDIENCE, "exp": now + 300, "email": JONAS, "email_verified": True}
    return {name: value for name, value in {**told, **more}.items() if value is not None}


def ask(browser: Browser, told: dict[str, Any], path: str = "/v1/items?source=legal-jira") -> Any:
    token = browser.company.provider.sign(told)
    return browser.client.get(path, headers={"Authorization": f"Bearer {token}"})


def test_a_token_opens_what_its_person_may_see_and_that_is_noted(company: Company) -> None:
    browser = company.browser(more=OWN)
    assert ask(browser, claims(company)).json()["items"]
    assert ask(browser, claims(company, email=MIA)).json()["items"] == []
    assert ask(browser, claims(company, email=MIA, groups=["the-coo"]), "/odata/Items").json()["value"]
    assert [a.split(" (token-")[0] for a in company.acts("read")] == [MIA, JONAS]
    assert ask(browser, claims(company, email="eve@evil.example")).status_code == 403


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("aud", CLIENT), ("aud", "https://another.example"), ("aud", None), ("iss", "https://evil.example"), ("iss", None),
        ("exp", 1_700_000_000), ("exp", None), ("nbf", 4_000_000_000), ("email", None), ("email_verified", False),
    ],
)  # fmt: skip
def test_a_token_that_is_wrong_in_one_thing_opens_nothing(company: Company, claim: str, value: Any) -> None:
    """An ID token among them: whoever sees one pass by in a browser must not read with it."""
    answer = ask(company.browser(more=OWN), claims(company, **{claim: value}))
    assert (answer.status_code, answer.json()["type"]) == (401, "no-access")


def test_without_the_setting_or_in_an_address_a_token_opens_nothing(company: Company) -> None:
    assert "this key is not known" in ask(company.browser(), claims(company)).json()["detail"]
    browser = company.browser(more=OWN)
    assert browser.client.get(f"/v1/items?key={company.provider.sign(claims(company))}").status_code == 401


def test_a_token_may_be_issued_under_another_name(company: Company) -> None:
    """Entra ID's first version of tokens names sts.windows.net, and its second the issuer people sign in at."""
    browser = company.browser(more=f"  tokens: {{audience: {AUDIENCE}, issuer: https://sts.example/t/}}\n")
    assert ask(browser, claims(company, iss="https://sts.example/t/")).status_code == 200
    assert ask(browser, claims(company)).status_code == 401


def test_an_id_tokens_audience_is_refused_as_configuration(company: Company) -> None:
    with pytest.raises(ConfigErrors, match="an ID token would open"):
        company.write(more=f"  tokens: {{audience: {CLIENT}}}\n")


@pytest.mark.parametrize(
    ("issuer", "tokens", "told"),
    [
        ("https://login.microsoftonline.com/4f0c/v2.0", OWN, ', authorization_uri="https://login.microsoftonline.com/4f0c/oauth2/authorize"'),
        ("https://login.microsoftonline.com/4f0c/v2.0", "", ""),
        ("https://login.example/4f0c/v2.0", OWN, ""),
    ],
)  # fmt: skip
def test_power_query_is_told_where_to_ask_entra_only_where_its_token_is_taken(
    tmp_path: Any, issuer: str, tokens: str, told: str
) -> None:
    """It asks with an empty Bearer, and offers "organizational account" in vain where it is told and then refused."""
    text = f"{ORGANISATION}sign_in:\n  url: {SITE}\n  issuer: {issuer}\n  client_id: x\n{tokens}"
    folder = write(tmp_path, "department: eng\nname: Engineering\n", organisation=text)
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True) as ledger:
        client = TestClient(create_app(ledger, load(folder)), base_url=LOCAL)
        for headers in ({}, {"Authorization": "Bearer"}):
            answer = client.get("/odata/", headers=headers)
            assert answer.status_code == 401
            assert answer.headers.get_list("www-authenticate")[0] == f'Bearer realm="sightline"{told}'
