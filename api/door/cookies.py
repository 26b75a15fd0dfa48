"""Cookies of people who sign in: for this host alone, out of any script's reach, and where the service has TLS never without it."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from sync.configuration.sign_in import SignIn

SESSION = "session"


def name_of(what: str, settings: SignIn) -> str:
    """With the prefix for which a browser itself holds a cookie to TLS and to this very host."""
    return f"__Host-sightline-{what}" if _secure(settings) else f"sightline-{what}"


def of(scope: Scope, what: str, settings: SignIn) -> str:
    """The value of a cookie of ours; "" where there is none."""
    told = "; ".join(Headers(scope=scope).getlist("cookie"))
    return cookie_parser(told).get(name_of(what, settings), "")


def put(response: Response, what: str, value: str, settings: SignIn, *, seconds: int) -> None:
    """Lax: it comes along when somebody follows a link from elsewhere to here, and with nothing else from elsewhere."""
    response.set_cookie(
        name_of(what, settings),
        value,
        max_age=seconds,
        path="/",
        secure=_secure(settings),
        httponly=True,
        samesite="lax",
    )


def drop(response: Response, what: str, settings: SignIn) -> None:
    """The browser keeps it no longer."""
    put(response, what, "", settings, seconds=0)


def csrf_token(secret: str) -> str:
    """What a page of ours says in a form or as X-CSRF-Token, and no page of others can know; bound to the session's secret."""
    return hmac.digest(secret.encode(), b"csrf", "sha256").hex() if secret else ""


def _secure(settings: SignIn) -> bool:
    return settings.url.startswith("https:")
