"""What a refusal offers to whoever was not let in: signing in to people before a page, keys and tokens to programs."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from sync.configuration.sign_in import SignIn

FOR_PROGRAMS = ("/v1", "/odata", "/files", "/feeds")
"""Where nobody is led to signing in: a program is told what it needs."""
ENTRA = ("login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn")


def with_ways_in(response: Response, scope: Scope, settings: SignIn | None) -> Response:
    """A refusal with what would help: signing in for people before a page, keys for programs."""
    if settings and _before_a_page(scope):
        return RedirectResponse(f"/sign-in?next={quote(_asked(scope), safe='')}", status_code=303)
    where = f', authorization_uri="{place}"' if settings and (place := _of_entra(settings)) else ""
    response.headers.append("www-authenticate", f'Bearer realm="sightline"{where}')
    before_a_browser = "sec-fetch-mode" in Headers(scope=scope)
    if not (settings and before_a_browser):  # it would ask for a password, which nobody has who signs in
        response.headers.append("www-authenticate", 'Basic realm="sightline", charset="UTF-8"')
    return response


def _of_entra(settings: SignIn) -> str:
    """Where Power BI and Excel ask for a token of theirs, "" where they would ask in vain."""
    issuer = urlsplit(settings.issuer)
    if settings.tokens is None or issuer.hostname not in ENTRA:
        return ""
    return f"https://{issuer.hostname}/{issuer.path.split('/')[1]}/oauth2/authorize"


def _before_a_page(scope: Scope) -> bool:
    """Whether this is somebody before a page in a browser, and not a program or a wrong key."""
    headers, path = Headers(scope=scope), scope["path"]
    page = scope["method"] == "GET" and "text/html" in headers.get("accept", "") and "authorization" not in headers
    return page and not any(path == begin or path.startswith(f"{begin}/") for begin in FOR_PROGRAMS)


def _asked(scope: Scope) -> str:
    """The path and query that were asked for."""
    query = scope["query_string"].decode("latin-1")
    return quote(scope["path"]) + (f"?{query}" if query else "")
