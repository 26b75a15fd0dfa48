"""What every model of the files is made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def matching(pattern: str, sentence: str) -> Any:
    """A text of a form, with a sentence of our own for one that is not; the schema names the form."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"'{value}' must be {sentence}")
        return value

    return Annotated[str, AfterValidator(check), Field(json_schema_extra={"pattern": pattern})]


if TYPE_CHECKING:
    Key = str
    MonthDay = str
else:
    Key = matching(r"[a-z0-9][a-z0-9-]{0,62}", "a key of lower-case letters, digits and hyphens")
    MonthDay = matching(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "a month and day such as 04-01")


class Strict(BaseModel):
    """extra="forbid": a misspelt key is an error, never silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)
