"""What is too long to be read is refused as everything else is: as a problem."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import TooLong, problems

LONGEST = 64 * 1024
"""Bytes of a body."""


class Bodies:
    """ASGI middleware around the routes. The framework ends the reading of a body that is too long, and says so in plain text."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def told(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == 413:
                refused = True
                said = TooLong(f"the body is longer than {LONGEST} bytes: say it shorter")
                await problems(Request(scope), said)(scope, receive, send)
            elif not refused:
                await send(message)

        await self.app(scope, receive, told if scope["type"] == "http" else send)
