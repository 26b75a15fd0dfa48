"""What Jira says to a question it does not take."""

from __future__ import annotations

from connectors.contract import SourceError


class Refused(SourceError):
    """Jira answered 4xx other than a matter of rights: the question was wrong for this site. Carries Jira's own messages."""

    def __init__(self, status: int, path: str, messages: str, *, source: str) -> None:
        super().__init__(f"{source}: Jira answers {status} to {path}: {messages or 'without a reason'}", source=source)
        self.status = status
