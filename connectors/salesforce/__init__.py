"""Salesforce, read-only: any object, a saved report, or one figure over an object."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.contract import Change, Connector, FieldRef, RawRecord, Source

DEFAULT_FIELDS = {
    "lifecycle": FieldRef(id="StageName"),
    "owner": FieldRef(id="OwnerId"),
    "due_on": FieldRef(id="CloseDate"),
}
"""Role to field, for Opportunity; on other objects and in reports those that are not there are no drift."""

NEWEST = "67.0"
"""The newest API version that this connector was written against: "auto" goes no further."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientCredentials(Strict):
    """An External Client App with a run-as user: the plainest way."""

    kind: Literal["client_credentials"]
    client_id: str
    client_secret: SecretStr


class Jwt(Strict):
    """A certificate instead of a secret."""

    kind: Literal["jwt"]
    client_id: str
    username: str
    private_key: SecretStr
    """PEM, for example "${file:/run/secrets/salesforce.pem}"."""
    audience: str | None = None
    """Default: https://login.salesforce.com, for a sandbox https://test.salesforce.com."""


class RefreshToken(Strict):
    """A refresh token that a person granted once."""

    kind: Literal["refresh_token"]
    client_id: str
    client_secret: SecretStr | None = None
    refresh_token: SecretStr


class GivenSession(Strict):
    """A session id or access token made elsewhere; it cannot be renewed here."""

    kind: Literal["session"]
    session_id: SecretStr


Auth = Annotated[ClientCredentials | Jwt | RefreshToken | GivenSession, Field(discriminator="kind")]


class Connection(Strict):
    """How to reach one Salesforce org."""

    url: str
    """The org's My Domain: https://acme.my.salesforce.com. Links lead there."""
    token_url: str | None = None
    """Where tokens are made, if not at `url`/services/oauth2/token."""
    auth: Auth
    api_version: str = Field("auto", pattern=r"^(auto|\d{2,3}\.0)$")
    """ "auto": the newest that the org offers and this connector knows."""
    timeout: float = Field(30, gt=0)
    requests_per_second: float = Field(10, gt=0)
    request_budget: int | None = Field(None, gt=0)
    max_org_percent: float = Field(80, gt=0, le=100)
    """Nothing is asked while more of the org's daily API requests is used than this."""
    private_network: bool = False
    ca_file: str | None = None
    proxy: str | None = None

    @field_validator("url", "token_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("must be an address such as https://acme.my.salesforce.com, without user or password")
        return value.rstrip("/")

    @property
    def tokens(self) -> str:
        """Where tokens are made."""
        return self.token_url or f"{self.url}/services/oauth2/token"


def _condition(value: str | None) -> str | None:
    if value is None or not value.strip():
        return None
    bare = re.sub(r"'(?:[^'\\]|\\.)*'", "''", value)
    if re.search(r"(?i)\b(order\s+by|limit|offset|group\s+by|select|from)\b", bare):
        raise ValueError("write only the condition, as after WHERE: no SELECT, ORDER BY or LIMIT")
    if bare.count("(") != bare.count(")") or "'" in bare.replace("''", ""):
        raise ValueError("has a bracket or a quote that is not closed")
    return value.strip()


Condition = Annotated[str | None, Field(max_length=2000), AfterValidator(_condition)]


class Aggregate(Strict):
    """One figure: how many records, or the sum of a field."""

    function: Literal["count", "sum"]
    field: str | None = Field(None, pattern=r"^[A-Za-z]\w*$")
    where: Condition = None

    @model_validator(mode="after")
    def _summed(self) -> Aggregate:
        if (self.function == "sum") != (self.field is not None):
            raise ValueError("sum needs the field to add up, and count takes none")
        return self


class Scope(Strict):
    """What to read: an object's records, a saved report's rows, or one figure over an object."""

    object: str | None = Field(None, pattern=r"^[A-Za-z]\w*$")
    where: Condition = None
    """A SOQL condition, for example: Type = 'Expansion' AND CloseDate = THIS_YEAR."""
    report: str | None = Field(None, pattern=r"^00O[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$")
    aggregate: Aggregate | None = None

    @model_validator(mode="after")
    def _one(self) -> Scope:
        if (self.object is None) == (self.report is None):
            raise ValueError("name either an object, for example {object: Opportunity}, or a report by its id")
        if self.report is not None and (self.where or self.aggregate):
            raise ValueError("a report filters by itself: where and aggregate go with an object")
        return self


def connect(source: Source) -> Connector:
    """A connected Salesforce; nothing is sent before it is asked something."""
    from connectors.salesforce.client import SalesforceConnector

    return SalesforceConnector(source)


def replay(answer: Any) -> tuple[Sequence[RawRecord], Mapping[str, Sequence[Change]]]:
    """An example's answer.json to its records and changes, without an org."""
    from connectors.salesforce.shape import replayed

    return replayed(answer)
