"""What every model of the files is made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def matching(pattern: str, sentence: str) -> Any:
    """A text of a form, with a sentence of our own for one that is not; the schema names the form."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"'{value}' must be {sentence}")
        return value

    return Annotated[str, AfterValidator(check), Field(json_schema_extra={"pattern": pattern})]


def _duration(value: Any) -> Any:
    """15m, 2h, 1d, 90s -> seconds."""
    match = re.fullmatch(r"\s*(\d{1,6})\s*([smhd])\s*", str(value))
    if match is None:
        raise ValueError(f"'{value}' is no duration: write 15m, 2h or 1d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


if TYPE_CHECKING:
    Key = str
    MonthDay = str
else:
    Key = matching(r"[a-z0-9][a-z0-9-]{0,62}", "a key of lower-case letters, digits and hyphens")
    MonthDay = matching(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "a month and day such as 04-01")

Seconds = Annotated[int, BeforeValidator(_duration, json_schema_input_type=str), Field(ge=30)]


class Strict(BaseModel):
    """extra="forbid": a misspelt key is an error, never silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)
