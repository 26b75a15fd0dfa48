"""What Google means by 403: too many questions at once, a right that the credential lacks, an API that is off, or a file that is not
shared. Each is somebody else's to mend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from connectors.contract import AccessDenied
from connectors.plain import mapping, objects
from connectors.wire import Answer, Wire

TOO_MANY = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})
LACKING = {
    **dict.fromkeys(
        ("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        (
            "the credential was granted too little",
            "grant it the scopes spreadsheets.readonly and drive.metadata.readonly, and consent again",
        ),
    ),
    **dict.fromkeys(
        ("accessNotConfigured", "SERVICE_DISABLED"),
        ("an API is switched off in the credential's project", "enable the Google Sheets API and the Google Drive API there"),
    ),
}  # fmt: skip
"""By reason: what is lacking, and who does what next."""


class NotShared(AccessDenied):
    """The credential is good and may ask, but this file is not shown to it."""


class GoogleWire(Wire):
    """The wire, except that a 403 of Google may be a rate limit."""

    def _problem(self, answer: Answer, where: str) -> tuple[str | None, float | None]:
        if answer.status != 403:
            return super()._problem(answer, where)
        self._note(answer)
        reasons = set(_reasons(answer.body))
        if reasons & TOO_MANY:
            return f"{where} answered 403, too many questions at once", self._retry_after(answer, where)
        for reason in reasons & LACKING.keys():
            what, next_step = LACKING[reason]
            raise AccessDenied(f"{where} refuses: {what} ({reason})", source=self.source, hint=next_step)
        raise NotShared(f"{where} refuses to show it to this credential", source=self.source)


def _reasons(body: bytes) -> Iterator[str]:
    """The words by which an error of Drive (`errors`) or Sheets (`details`) names its reason."""
    try:
        error: Any = mapping(mapping(msgspec.json.decode(body)).get("error"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return
    for told in (*objects(error.get("errors")), *objects(error.get("details"))):
        if isinstance(reason := told.get("reason"), str):
            yield reason
