"""Jira Cloud and Jira Data Center, read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.contract import Change, Connector, FieldRef, RawRecord, Source

DEFAULT_FIELDS = {
    "lifecycle": FieldRef(id="status"),
    "resolution": FieldRef(id="resolution"),
    "owner": FieldRef(id="assignee"),
    "due_on": FieldRef(id="duedate"),
    "completed_at": FieldRef(id="resolutiondate"),
    "priority": FieldRef(id="priority"),
    "blocked": FieldRef(name="Flagged"),
    "start_on": FieldRef(name="Start date"),
    "estimate": FieldRef(schema="com.pyxis.greenhopper.jira:jsw-story-points"),
}
"""Role to field. Those found by name or schema are optional: a site that lacks them is no drift."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiToken(Strict):
    """Cloud: an account's e-mail and its API token."""

    kind: Literal["api_token"]
    email: str
    token: SecretStr


class Bearer(Strict):
    """Data Center personal access token, or a Cloud OAuth 2.0 access token."""

    kind: Literal["pat", "oauth"]
    token: SecretStr


class Connection(Strict):
    """How to reach one Jira."""

    url: str
    """The site as people open it: https://acme.atlassian.net. Links lead there."""
    api_url: str | None = None
    """Where the API is asked, if not at `url`: a gateway, or https://api.atlassian.com/ex/jira/<cloud id>."""
    cloud_id: str | None = None
    """For scoped and service-account tokens: short for that api_url."""
    deployment: Literal["cloud", "datacenter", "auto"] = "auto"
    auth: Annotated[ApiToken | Bearer, Field(discriminator="kind")]
    blocking_links: list[str] = ["Blocks"]
    """Names or ids of the link types that mean "blocks"."""
    timeout: float = Field(30, gt=0)
    requests_per_second: float = Field(10, gt=0)
    request_budget: int | None = Field(None, gt=0)
    private_network: bool = False
    ca_file: str | None = None
    proxy: str | None = None

    @field_validator("url", "api_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("must be an address such as https://acme.atlassian.net, without user or password")
        return value.rstrip("/")

    @property
    def base(self) -> str:
        """Where the API is asked."""
        if self.api_url:
            return self.api_url
        return f"https://api.atlassian.com/ex/jira/{self.cloud_id}" if self.cloud_id else self.url


class Scope(Strict):
    """Which issues: JQL without ORDER BY."""

    jql: str = Field(min_length=1)

    @field_validator("jql")
    @classmethod
    def _no_order(cls, value: str) -> str:
        if "order by" in " ".join(value.casefold().split()):
            raise ValueError("leave ORDER BY out: the order of reading is decided by Sightline")
        if not value.strip():
            raise ValueError("must name what to read, for example: project = ENG")
        return value.strip()


def connect(source: Source) -> Connector:
    """A connected Jira; nothing is sent before it is asked something."""
    from connectors.jira.client import JiraConnector

    return JiraConnector(source)


def replay(answer: Any) -> tuple[Sequence[RawRecord], Mapping[str, Sequence[Change]]]:
    """An example's answer.json to its records and changes, without a site."""
    from connectors.jira.shape import replayed

    return replayed(answer)
