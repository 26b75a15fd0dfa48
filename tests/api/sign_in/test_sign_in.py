"""Signing in at a real provider over real HTTP, and what an attacker tries on the way."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from api.app import create_app
from api.door.attempt import local_path
from sync.configuration import load
from tests.provider import CLIENT, SECRET, IdentityProvider
from tests.signing_in import HTML, LOCAL, MIA, SITE, Company

# -- the way in ------------------------------------------------------------------------------------------------------------


def test_somebody_before_a_page_is_led_to_the_provider_and_back_to_it(company: Company) -> None:
    browser = company.browser()
    first = browser.client.get("/docs?deep=1&x=%2F", headers=HTML)
    assert (first.status_code, first.headers["location"]) == (
        303,
        f"/sign-in?next={quote('/docs?deep=1&x=%2F', safe='')}",
    )
    wanted = parse_qs(urlsplit(first.headers["location"]).query)["next"][0]
    back = browser.sign_in(MIA, wanted)
    assert (back.status_code, back.headers["location"]) == (303, "/docs?deep=1&x=%2F")
    assert browser.client.get(back.headers["location"], headers=HTML).status_code == 200
    assert company.acts("sign in")[0].startswith(f"{MIA} (session-")


def test_programs_are_told_what_they_need_and_led_nowhere(company: Company) -> None:
    """A program that is redirected to a sign-in page reads HTML as data."""
    browser = company.browser()
    for path, headers in (
        ("/docs", {}), ("/v1/items", HTML), ("/odata/", HTML), ("/files/bi_items.csv", HTML), ("/feeds/plan.ics", HTML),
    ):  # fmt: skip
        answer = browser.client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), path
    wrong = browser.client.get("/docs", headers={**HTML, "Authorization": "Bearer sl_live_wrong"})
    assert (wrong.status_code, "this key is not known" in wrong.text) == (401, True)
    assert browser.client.post("/docs", headers=HTML).status_code == 401
    for headers, offered in (({}, ["Bearer", "Basic"]), ({"Sec-Fetch-Mode": "cors"}, ["Bearer"])):
        answer = browser.client.get("/v1/items", headers=headers)  # a browser would ask for a password that nobody has
        assert [h.split()[0] for h in answer.headers.get_list("www-authenticate")] == offered


def test_the_provider_is_asked_with_pkce_state_and_nonce(company: Company) -> None:
    """Two attempts have nothing in common, and their secret never leaves the browser."""
    browser = company.browser()
    asked = [parse_qs(urlsplit(browser.client.get("/sign-in").headers["location"]).query) for _ in range(2)]
    for query in asked:
        assert query["response_type"] == ["code"]
        assert query["code_challenge_method"] == ["S256"]
        assert query["redirect_uri"] == [f"{LOCAL}/sign-in/back"]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
        assert len(asked[0][name][0]) == 43
    kept = "".join(browser.client.cookies.values())
    assert not any(query[name][0] in kept for query in asked for name in ("state", "nonce"))


def test_two_tabs_may_sign_in_at_once(company: Company) -> None:
    browser = company.browser()
    company.provider.person = {"email": MIA, "email_verified": True}
    one, other = browser.leave("/docs?1"), browser.leave("/docs?2")
    assert browser.client.get(one).headers["location"] == "/docs?1"
    assert browser.client.get(other).headers["location"] == "/docs?2"


def test_cookies_are_for_this_host_over_tls_and_out_of_scripts_reach(company: Company) -> None:
    back = company.browser(SITE).sign_in()
    (session,) = [c for c in back.headers.get_list("set-cookie") if "session=" in c]
    assert session.startswith("__Host-sightline-session=")
    attributes = {part.strip().casefold() for part in session.split(";")[1:]}
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
    assert not any(a.startswith("domain") for a in attributes)
    back = company.browser(LOCAL).sign_in()
    assert any(c.startswith("sightline-session=") and "Secure" not in c for c in back.headers.get_list("set-cookie"))


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "/%2Fevil.example",
        "/%5Cevil.example", "/\t/evil.example", "/%09/evil.example", "", "evil.example", "/sign-in?next=/docs", "/signed-out", "/" + "x" * 2000,
    ],
)  # fmt: skip
def test_nobody_is_led_elsewhere_after_signing_in(company: Company, wanted: str) -> None:
    """Else a link to our own address would end on a page of the attacker's."""
    assert local_path(wanted) == "/"
    assert company.browser().sign_in(MIA, wanted).headers["location"] == "/"


def test_a_cookie_that_was_changed_leads_nowhere_else(company: Company) -> None:
    browser = company.browser()
    company.provider.person = {"email": MIA, "email_verified": True}
    back = browser.leave("/docs")
    (name,) = [n for n in browser.client.cookies if "attempt" in n]
    secret = browser.client.cookies[name].partition(".")[0]
    for foreign in ("https://evil.example", "//evil.example"):
        browser.client.cookies.clear()
        browser.client.cookies.set(name, f"{secret}.{urlsafe_b64encode(foreign.encode()).decode()}")
        answer = browser.client.get(back)
        assert answer.headers.get("location", "/") == "/"


# -- who comes back --------------------------------------------------------------------------------------------------------


def foreign_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "other"}, claims, RSAKey.generate_key(2048), algorithms=["RS256"])


def unsigned(claims: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def by_our_secret(claims: dict[str, Any]) -> str:
    """Signed with what the provider and we share: anybody who knows it, a leaked log too, could make one."""
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET * 2), algorithms=["HS256"])


@pytest.mark.parametrize(
    ("claim", "value", "says"),
    [
        ("nonce", "another", "nonce"),
        ("nonce", None, "nonce"),
        ("iss", "https://evil.example", "iss"),
        ("aud", "another-client", "aud"),
        ("aud", [CLIENT, "another"], "azp"),
        ("aud", None, "aud"),
        ("azp", "another-client", "azp"),
        ("exp", 1_700_000_000, "expired"),
        ("exp", None, "exp"),
        ("iat", 4_000_000_000, "future"),
        ("nbf", 4_000_000_000, "not yet valid"),
        ("at_hash", "wrong", "at_hash"),
    ],
)
def test_a_token_that_is_wrong_in_one_thing_lets_nobody_in(company: Company, claim: str, value: Any, says: str) -> None:
    def lie(claims: dict[str, Any]) -> None:
        claims.pop(claim, None)
        if value is not None:
            claims[claim] = value

    company.provider.lie = lie
    browser = company.browser()
    answer = browser.sign_in()
    assert (answer.status_code, says in answer.text) == (400, True), answer.text
    assert browser.client.get("/v1/items").status_code == 401
    assert company.acts("sign in") == []


@pytest.mark.parametrize("sign", [foreign_key, unsigned, by_our_secret])
def test_a_token_that_the_providers_own_key_did_not_sign_lets_nobody_in(company: Company, sign: Any) -> None:
    company.provider.sign = sign
    browser = company.browser()
    assert browser.sign_in().status_code == 400
    assert browser.client.get("/v1/items").status_code == 401


def test_a_key_that_was_changed_is_fetched_and_made_up_ones_do_not_make_us_ask_without_end(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.door.oidc.ASK_AGAIN_AFTER", 0.0)
    browser = company.browser()
    assert browser.sign_in().status_code == 303
    company.provider.rotate()
    assert browser.sign_in().status_code == 303
    monkeypatch.setattr("api.door.oidc.ASK_AGAIN_AFTER", 60.0)
    company.provider.sign = foreign_key
    before = company.provider.asked.count("/keys")
    assert [browser.sign_in().status_code for _ in range(3)] == [400, 400, 400]
    assert company.provider.asked.count("/keys") == before


def test_a_state_that_this_browser_did_not_ask_with_lets_nobody_in(company: Company) -> None:
    """Else a link from an attacker would sign somebody in as the attacker, who then reads what they write."""
    browser, attacker = company.browser(), company.browser()
    company.provider.person = {"email": MIA, "email_verified": True}
    stolen = attacker.leave()
    for back in (stolen, re.sub("state=[^&]+", "state=", stolen), re.sub("state=[^&]+&?", "", stolen)):
        answer = browser.client.get(back)
        assert (answer.status_code, "not begun in this browser" in answer.text) == (400, True)
    right = browser.leave()
    wrong = right.replace(f"state={parse_qs(urlsplit(right).query)['state'][0]}", "state=" + "a" * 43)
    assert browser.client.get(wrong).status_code == 400
    assert browser.client.get(right).status_code == 303


def test_a_code_opens_once_and_for_the_browser_that_asked(company: Company) -> None:
    """A code in a history or a log is worth nothing: the attempt is over, and without its verifier the provider refuses."""
    browser, thief = company.browser(), company.browser()
    company.provider.person = {"email": MIA, "email_verified": True}
    back = browser.leave()
    cookies = dict(browser.client.cookies)
    code = parse_qs(urlsplit(back).query)["code"][0]
    own = re.sub("code=[^&]+", f"code={code}", thief.leave())
    assert "invalid_grant" in thief.client.get(own).text
    assert browser.client.get(back).status_code == 400  # the provider takes a code once, whoever brings it
    back = browser.leave()
    cookies = dict(browser.client.cookies)
    assert browser.client.get(back).status_code == 303
    assert browser.client.get(back).status_code == 400
    for name, value in cookies.items():
        browser.client.cookies.set(name, value)
    assert "invalid_grant" in browser.client.get(back).text


def test_another_issuers_answer_and_a_refusal_are_told_and_escaped(company: Company) -> None:
    browser = company.browser()
    company.provider.person = {"email": MIA, "email_verified": True}
    mixed = re.sub("iss=[^&]+", "iss=https://evil.example", browser.leave())
    assert "another identity provider" in browser.client.get(mixed).text
    refused = re.sub("code=[^&]+", f"error={quote('<script>alert(1)</script>')}", browser.leave())
    answer = browser.client.get(refused)
    assert (answer.status_code, "<script" in answer.text, "&lt;script" in answer.text) == (400, False, True)


def test_a_provider_that_is_another_or_does_not_answer_is_named(company: Company) -> None:
    company.provider.metadata = {"issuer": "https://evil.example"}
    answer = company.browser().client.get("/sign-in")
    assert (answer.status_code, "https://evil.example" in answer.text) == (503, True)
    company.provider.metadata = {"token_endpoint": "http://evil.example/token"}
    assert "no protected token_endpoint" in company.browser().client.get("/sign-in").text
    with IdentityProvider() as gone:
        issuer = gone.url
    browser = company.browser(more="  # gone\n")
    organisation = company.house.config / "organisation.yaml"
    organisation.write_text(organisation.read_text().replace(company.provider.url, issuer))
    browser = TestClient(create_app(company.house.ledger, load(company.house.config)), base_url=LOCAL)
    answer = browser.get("/sign-in", follow_redirects=False)
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)
