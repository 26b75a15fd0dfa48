"""Google Sheets, read-only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.contract import Change, Connector, FieldRef, RawRecord, Source

DEFAULT_FIELDS = {
    "lifecycle": FieldRef(name="Status"),
    "health": FieldRef(name="RAG"),
    "owner": FieldRef(name="Owner"),
    "due_on": FieldRef(name="Due"),
}
"""Role to column; a sheet that lacks one of these is no drift."""
SPREADSHEET = re.compile(r"/spreadsheets/d/([A-Za-z0-9_-]{20,})")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceAccount(Strict):
    """A service account's key file as JSON text: `${file:/run/secrets/sightline.json}`."""

    kind: Literal["service_account"]
    key: SecretStr

    @field_validator("key")
    @classmethod
    def _key_file(cls, value: SecretStr) -> SecretStr:
        try:
            whole = {"client_email", "private_key"} <= set(json.loads(value.get_secret_value()))
        except (ValueError, TypeError):
            whole = False
        if not whole:
            raise ValueError("must be the text of a service account's JSON key file: write ${file:/path/to/key.json}")
        return value


class OAuth(Strict):
    """A person's consent: refresh token of an OAuth client."""

    kind: Literal["oauth"]
    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr


class AccessToken(Strict):
    """An access token that something else renews."""

    kind: Literal["token"]
    token: SecretStr


class Connection(Strict):
    """How to reach Google; the addresses change only for a gateway or a test server."""

    url: str = "https://sheets.googleapis.com"
    drive_url: str = "https://www.googleapis.com"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
    auth: Annotated[ServiceAccount | OAuth | AccessToken, Field(discriminator="kind")]
    timeout: float = Field(180, gt=0)
    requests_per_second: float = Field(0.9, gt=0)
    request_budget: int | None = Field(None, gt=0)
    private_network: bool = False
    ca_file: str | None = None
    proxy: str | None = None

    @field_validator("url", "drive_url", "token_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("must be an address such as https://sheets.googleapis.com, without user or password")
        return value.rstrip("/")


class Scope(Strict):
    """One table: a tab of a spreadsheet, or a range of it."""

    spreadsheet: str
    """Its id or its address."""
    tab: str = Field(min_length=1)
    """The tab's name."""
    range: str | None = Field(None, pattern=r"^[A-Za-z]{1,3}[0-9]*:[A-Za-z]{1,3}[0-9]*$")
    """Columns or cells of the tab, such as A:H or B3:H200."""
    header_row: int | None = Field(None, ge=1)
    """The row with the column names, if it is not to be found by them."""
    hidden_rows: Literal["read", "skip"] = "read"

    @field_validator("spreadsheet")
    @classmethod
    def _id(cls, value: str) -> str:
        found = SPREADSHEET.search(value)
        if found:
            return found[1]
        if not re.fullmatch(r"[A-Za-z0-9_-]{20,}", value):
            raise ValueError("must be a spreadsheet's id or its address (https://docs.google.com/spreadsheets/d/...)")
        return value


def connect(source: Source) -> Connector:
    """A connected Google; nothing is sent before it is asked something."""
    from connectors.google_sheets.client import SheetsConnector

    return SheetsConnector(source)


def replay(answer: Any) -> tuple[Sequence[RawRecord], Mapping[str, Sequence[Change]]]:
    """An example's answer.json to its records, without Google."""
    from connectors.google_sheets.reader import replayed

    return replayed(answer)
