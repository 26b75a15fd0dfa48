"""Notion databases, read-only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.contract import Change, Connector, FieldRef, RawRecord, Source

DEFAULT_FIELDS = {
    "lifecycle": FieldRef(name="Status"),
    "owner": FieldRef(name="Owner"),
    "due_on": FieldRef(name="Due"),
}
"""Role to property. All are optional: a data source that lacks them is no drift."""
ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])", re.IGNORECASE)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Connection(Strict):
    """How to reach one Notion workspace."""

    url: str = "https://api.notion.com"
    """Where the API is asked: another address for a gateway or a test server."""
    token: SecretStr
    """The internal integration's secret."""
    version: Literal["2025-09-03", "2026-03-11"] = "2025-09-03"
    """The API version that every request asks for."""
    timeout: float = Field(60, gt=0)
    requests_per_second: float = Field(2.5, gt=0)
    request_budget: int | None = Field(None, gt=0)
    private_network: bool = False
    ca_file: str | None = None
    proxy: str | None = None

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("must be an address such as https://api.notion.com, without user or password")
        return value.rstrip("/").removesuffix("/v1")


class Scope(Strict):
    """Which pages: a database with all its data sources, or one data source; a filter narrows it."""

    database: str | None = None
    """A database's id, or its address as the browser shows it."""
    data_source: str | None = None
    filter: dict[str, Any] | None = None
    """A filter of Notion's query API, as its reference writes it."""

    @field_validator("database", "data_source")
    @classmethod
    def _names_one(cls, value: str | None) -> str | None:
        if value is None:
            return None
        found = notion_id(value)
        if found is None:
            raise ValueError(
                f"'{value[:80]}' holds no Notion id: open the database as a full page and copy its address"
            )
        return found

    @field_validator("filter")
    @classmethod
    def _types(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if value is None else typed(value)

    @model_validator(mode="after")
    def _one(self) -> Scope:
        if (self.database is None) == (self.data_source is None):
            raise ValueError("name what to read, either as database or as data_source")
        return self


def notion_id(text: str) -> str | None:
    """The id in a text, with its hyphens: an id as it is, or the one in an address's path, before those of its query."""
    text = text.strip()
    parts = urlsplit(text if "//" in text else f"//-/{text}")
    query = parse_qs(parts.query)
    named = [*query.get("p", ()), *query.get("database_id", ())]
    for place in (parts.path, *named):
        if found := ID.findall(place):
            plain = found[-1].replace("-", "").lower()
            return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))
    return None


def typed(value: Any, under: str = "") -> Any:
    """A filter with its numbers and booleans as such: a department's file holds texts only."""
    if isinstance(value, dict):
        return {
            k: typed(v, under if k not in TYPED and under in TYPED and not isinstance(v, dict) else k)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [typed(v, under) for v in value]
    if under in FLAGS and value in ("true", "false"):
        return value == "true"
    if under in NUMBERS and isinstance(value, str):
        try:
            return int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError:
            return value
    return value


FLAGS = frozenset({"checkbox", "boolean", "is_empty", "is_not_empty"})
NUMBERS = frozenset({"number", "unique_id"})
TYPED = FLAGS | NUMBERS


def connect(source: Source) -> Connector:
    """A connected Notion; nothing is sent before it is asked something."""
    from connectors.notion.client import NotionConnector

    return NotionConnector(source)


def replay(answer: Any) -> tuple[Sequence[RawRecord], Mapping[str, Sequence[Change]]]:
    """An example's answer.json to its records, without a workspace."""
    from connectors.notion.shape import replayed

    return replayed(answer)
