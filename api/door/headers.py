"""What every answer tells a browser to hold to: that nothing runs but what this service itself serves, and that no other site looks in.

A route that needs another policy names it itself: what stands in an answer already is kept.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync.configuration.live import Live
from sync.configuration.sign_in import SignIn

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For what is no page: should a browser show it all the same, it does nothing."""
PAGE = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; font-src 'self'; "
    "form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Forms of ours say that they are ours, which they would not under no-referrer; other sites are told nothing.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ALWAYS = [(name.lower().encode(), value.encode()) for name, value in ALWAYS.items()]
HSTS = "max-age=31536000"


def protect(headers: MutableHeaders, policy: str) -> None:
    """Sets what is not set yet."""
    there = {name for name, _ in headers.raw}
    wanted = ((b"content-security-policy", policy.encode()), *_ALWAYS)
    headers.raw.extend((name, value) for name, value in wanted if name not in there)


class SecurityHeaders:
    """ASGI middleware, before the door: refusals have them too."""

    def __init__(self, app: ASGIApp, live: Live) -> None:
        self.app, self.live = app, live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                page = headers.get("content-type", "").startswith("text/html")
                settings = await run_in_threadpool(self._sign_in) if page else None
                protect(headers, _policy(settings) if page else NOTHING)
                if message["status"] == 304:  # a browser would put it on the page that it has: that keeps its own
                    del headers["Content-Security-Policy"]
                if scope["scheme"] == "https" or (settings and settings.url.startswith("https:")):
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        await self.app(scope, receive, protected if scope["type"] == "http" else send)

    def _sign_in(self) -> SignIn | None:
        return self.live.current.organisation.sign_in


def _policy(settings: SignIn | None) -> str:
    """A page's forms lead here; signing out leads on to the identity provider."""
    if settings is None:
        return PAGE.format(forms="'self'")
    issuer = urlsplit(settings.issuer)
    return PAGE.format(forms=f"'self' {issuer.scheme}://{issuer.netloc}")
