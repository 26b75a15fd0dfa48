"""How people sign in: at the organisation's own OpenID Connect provider."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from sync.configuration.base import Seconds, Strict

LOOPBACK = ("localhost", "127.0.0.1", "::1")
PersonRole = Literal["coo", "admin"]
"""coo: sees every department's confidential rows. admin: may sync and change what can be changed."""


def _protected(value: str) -> str:
    """An address that nobody can listen to or change on its way; a ${NAME} that was not expanded is nobody's address yet."""
    parts = urlsplit(value)
    if "${" in value or (parts.scheme == "https" and parts.hostname and not parts.query and not parts.fragment):
        return value
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return value
    raise ValueError(f"'{value}' must be an https:// address (http:// on this machine's own loopback only)")


def _whole_host(value: str) -> str:
    if "${" not in value and urlsplit(value).path.strip("/"):
        raise ValueError(f"'{value}' must end after its host: Sightline is served from the top of it")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_protected)]
Site = Annotated[Address, AfterValidator(_whole_host)]


class Claims(Strict):
    """What the provider calls what we want to know; `department` and `roles` stand in people.yaml where they are not named."""

    email: str = Field("email", min_length=1)
    department: str | None = None
    roles: str | None = None


class Tokens(Strict):
    """Access tokens of the provider, which people's own programs bring as Bearer; Power BI and Excel do with Entra ID."""

    audience: str = Field(min_length=1)
    """Who they must be made for: not the client, whose ID tokens are for signing in only."""
    issuer: Address | None = None
    """Where they are issued under another name than `sign_in.issuer`."""


class SignIn(Strict):
    """sign_in of organisation.yaml"""

    url: Site
    """Where people reach this service; the provider sends them back to <url>/sign-in/back."""
    issuer: Address
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    """None: a public client, protected by PKCE alone."""
    scopes: list[str] = ["openid", "email", "profile"]
    claims: Claims = Claims()
    roles: dict[PersonRole, list[str]] = {}
    """By role of ours: the values of `claims.roles` that stand for it."""
    email_verified_by: Literal["claim", "issuer"] = "claim"
    """claim: the token must say email_verified. issuer: every address that this issuer tells is its own organisation's."""
    unknown_people: Literal["refuse", "read"] = "refuse"
    """Whoever signs in and is not in people.yaml: refused, or a reader without confidential rows."""
    tokens: Tokens | None = None
    """None: programs bring keys, and nothing else."""
    ends_after: Seconds = 12 * 3600
    idle_after: Seconds = 2 * 3600

    @model_validator(mode="after")
    def _whole(self) -> SignIn:
        if "openid" not in self.scopes:
            raise ValueError("scopes must contain openid: without it the provider tells nobody's identity")
        if self.roles and self.claims.roles is None:
            raise ValueError("roles are given and claims.roles is not: name the claim that these values stand in")
        if self.tokens and self.tokens.audience == self.client_id:
            raise ValueError("tokens.audience is client_id: an ID token would open what only an access token may")
        return self
