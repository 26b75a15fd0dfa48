"""The weekly digest: when it is sent, and to whom."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from sync.configuration.base import Key, Strict

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Channel(Strict):
    """Somewhere the digest is sent: one address, as apprise writes them (mailtos://, slack://, workflows:// ...)."""

    name: Key
    url: SecretStr
    departments: tuple[Key, ...] = ()
    """Whose confidential rows may be told there; nobody's where none is named."""

    @field_validator("url")
    @classmethod
    def _address(cls, value: SecretStr) -> SecretStr:
        written = value.get_secret_value()
        scheme, found, rest = written.partition("://")
        if not (found and scheme and rest) and not written.startswith("${"):  # as it stands where no secrets are read
            raise ValueError("is no address such as mailtos://user:password@host?to=board@example.com or slack://...")
        return value


class Digest(Strict):
    """When and to whom: after a week has closed, the first such day and time in the organisation's zone."""

    day: Day = "monday"
    time: dt.time = dt.time(8, 0)
    pages: str = Field("", pattern=r"^(https?://[^\s]+)?$")
    """Where people open Sightline, such as https://sightline.example.com: sentences lead there."""
    to: list[Channel] = Field(min_length=1)

    @field_validator("to")
    @classmethod
    def _different(cls, value: list[Channel]) -> list[Channel]:
        names = [c.name for c in value]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"two channels are called '{twice[0]}': what was sent is noted by name")
        return value
