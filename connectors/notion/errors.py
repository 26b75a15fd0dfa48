"""What Notion says to a question it does not take, and what a read may run into."""

from __future__ import annotations

from connectors.contract import SourceError


class Refused(SourceError):
    """Notion answered 4xx other than a matter of rights. Carries Notion's own code and message."""

    def __init__(self, status: int, code: str, path: str, message: str, *, source: str) -> None:
        told = message or code or "without a reason"
        super().__init__(f"{source}: Notion answers {status} to {path}: {told}", source=source)
        self.status, self.code, self.message = status, code, message

    @property
    def unseen(self) -> bool:
        """Whether it says that there is no such thing, or none that this connection may see."""
        return self.status == 404 and self.code == "object_not_found"


class TooSlow(Exception):
    """504: Notion did not finish the page in time; a smaller one may."""


class CursorRefused(Exception):
    """A page cursor ran out or was dropped: the query starts anew from the last row's creation."""


class Incomplete(Exception):
    """Notion gave an answer that is not whole."""
