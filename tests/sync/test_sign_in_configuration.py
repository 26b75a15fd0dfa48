"""sign_in of organisation.yaml: what is wrong is told with its line, and secrets come from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.configuration import ConfigErrors, load
from tests.tracked import ORGANISATION, write

DEPARTMENT = "department: eng\nname: Engineering\n"
GOOD = """\
sign_in:
  url: https://sightline.example
  issuer: https://login.example/tenant/v2.0
  client_id: sightline
  client_secret: ${OIDC_CLIENT_SECRET}
  scopes: [openid, email]
  claims: {email: upn, department: department, roles: groups}
  roles: {coo: [board], admin: [operators]}
  ends_after: 8h
  idle_after: 30m
"""


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_CLIENT_SECRET", "secret-canary-42")


def test_a_good_one_loads_and_keeps_its_secret_to_itself(tmp_path: Path) -> None:
    made = load(write(tmp_path, DEPARTMENT, organisation=ORGANISATION + GOOD))
    settings = made.organisation.sign_in
    assert settings is not None
    assert (settings.ends_after, settings.idle_after, settings.claims.email) == (8 * 3600, 1800, "upn")
    assert settings.client_secret is not None
    assert settings.client_secret.get_secret_value() == "secret-canary-42"
    assert "canary" not in repr(made)


def test_commands_that_need_no_credentials_need_no_secret_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sightline status` is asked by people who hold no secrets."""
    monkeypatch.delenv("OIDC_CLIENT_SECRET")
    text = (ORGANISATION + GOOD).replace("https://sightline.example", "${SIGHTLINE_AT}")
    folder = write(tmp_path, DEPARTMENT, organisation=text)
    assert load(folder, credentials=False).organisation.sign_in is not None
    with pytest.raises(ConfigErrors, match="OIDC_CLIENT_SECRET is not set"):
        load(folder)


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ("client_id:", "client-id:", "sign_in.client-id: is no setting here - did you mean 'client_id'?"),
        ("  issuer: https://login.example/tenant/v2.0\n", "", "organisation.yaml:3: sign_in.issuer: is missing"),
        ("https://login", "http://login", "organisation.yaml:5: sign_in.issuer: 'http://login.example/tenant/v2.0' must be an https:// address"),
        ("https://sightline.example", "http://sightline.example", "organisation.yaml:4: sign_in.url: 'http://sightline.example' must be an https://"),
        ("https://sightline.example", "https://acme.example/sightline", "sign_in.url: 'https://acme.example/sightline' must end after its host"),
        ("${OIDC_CLIENT_SECRET}", "abc", "organisation.yaml:7: sign_in.client_secret: is a secret written in the file"),
        ("[openid, email]", "[email]", "sign_in: scopes must contain openid"),
        (", roles: groups}", "}", "sign_in: roles are given and claims.roles is not"),
        ("{coo: [board]", "{ceo: [board]", "sign_in.roles.ceo"),
        ("ends_after: 8h", "ends_after: 8", "organisation.yaml:11: sign_in.ends_after: '8' is no duration"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, wrong: str, right: str, says: str) -> None:
    assert wrong in GOOD
    with pytest.raises(ConfigErrors) as caught:
        load(write(tmp_path, DEPARTMENT, organisation=ORGANISATION + GOOD.replace(wrong, right)))
    told = "\n".join(map(str, caught.value.problems))
    assert says in told, told
    assert "canary" not in told


def test_a_persons_roles_are_known_words(tmp_path: Path) -> None:
    people = "people:\n  - {key: ann, name: Ann, roles: [coo, boss]}\n"
    with pytest.raises(ConfigErrors, match="must be 'coo' or 'admin', not 'boss'"):
        load(write(tmp_path, DEPARTMENT, people=people))
