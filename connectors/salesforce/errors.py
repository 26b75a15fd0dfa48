"""What Salesforce says to a question it does not take, and who acts next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.contract import AccessDenied, RateLimited, SourceError
from connectors.wire import Answer

PAUSE = timedelta(hours=1)
"""The daily limit is a rolling one: in an hour some of it is free again."""
USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")
RENEW = "renew the credential in the External Client App, or ask the org's administrator"


class Refused(SourceError):
    """Salesforce answered 4xx other than a matter of rights. Carries its own code and message."""

    def __init__(self, status: int, code: str, message: str, *, source: str) -> None:
        super().__init__(
            f"{source}: Salesforce answers {code or status}: {message or 'without a reason'}", source=source
        )
        self.status, self.code = status, code


class Incomplete(Exception):
    """Salesforce gave an answer of which it says itself, or its count says, that it is not whole."""


class SessionExpired(AccessDenied):
    """The access token ran out or was revoked: one new one is worth a try."""


def complaint(body: bytes) -> tuple[str, str]:
    """(code, message) of an error body: a list of objects, one object, or an OAuth error."""
    try:
        told: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "", ""
    told = told[0] if isinstance(told, list) and told else told
    if not isinstance(told, dict):
        return "", ""
    code, message = told.get("errorCode") or told.get("error"), told.get("message") or told.get("error_description")
    return str(code or "")[:80], " ".join(str(message or "").split())[:300]


def usage(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """(used, allowed) of the org's daily API requests, as the last answer told."""
    match = USAGE.search(headers.get("sforce-limit-info", ""))
    return (int(match[1]), int(match[2])) if match else None


def judged(answer: Answer, *, source: str, max_org_percent: float) -> SourceError | None:
    """What an answer means where Salesforce differs from others: a quota is no missing right, a session may be renewed."""
    told = usage(answer.headers)
    retry_at = datetime.now(UTC) + PAUSE
    if answer.status in (401, 403):
        return _refusal(answer, source, retry_at)
    if told and told[0] * 100 > told[1] * max_org_percent:
        sentence = (
            f"{source}: {told[0]} of the org's {told[1]} daily API requests are used, more than the {max_org_percent:g} % "
            f"up to which Sightline may ask: paused until {retry_at:%H:%M} UTC"
        )
        hint = "raise connection.max_org_percent, or find what else uses the org's API"
        return RateLimited(sentence, retry_at=retry_at, source=source, hint=hint)
    return None


def _refusal(answer: Answer, source: str, retry_at: datetime) -> SourceError | None:
    code, message = complaint(answer.body)
    if code.endswith("LIMIT_EXCEEDED"):
        sentence = (
            f"{source}: the org's API requests are used up ({message or code}): paused until {retry_at:%H:%M} UTC"
        )
        return RateLimited(sentence, retry_at=retry_at, source=source, hint="nothing is wrong with the rights; wait")
    if answer.status == 401:
        return SessionExpired(
            f"{source}: Salesforce does not accept the credential ({code or 'no reason'})", source=source, hint=RENEW
        )
    if code:
        sentence = f"{source}: Salesforce refuses: {message} ({code})"
        hint = "ask the org's administrator for API access and for the right to read what is bound"
        return AccessDenied(sentence, source=source, hint=hint)
    return None
