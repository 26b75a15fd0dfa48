"""A refusal as a page, where a browser asks for one; programs are answered with the problem itself."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from api.door.headers import PAGE, protect
from api.door.ways_in import FOR_PROGRAMS
from api.pages.render import refusal


def as_page(told: dict[str, Any], request: Request, response: Response) -> tuple[dict[str, Any], Response]:
    """The answer that says what is wrong, in the form that was asked for. told: the problem as JSON."""
    under = any(request.url.path == p or request.url.path.startswith(f"{p}/") for p in FOR_PROGRAMS)
    if under or "text/html" not in request.headers.get("accept", ""):
        return told, response
    own = ("content-type", "content-length", "content-security-policy")
    kept = {k: v for k, v in response.headers.items() if k not in own}
    page = HTMLResponse(refusal(request, told), response.status_code, kept)
    if "content-security-policy" in response.headers:  # answered outside of what sets these headers elsewhere
        protect(page.headers, PAGE.format(forms="'self'"))
    return told, page
