"""All demo trackers of one company on loopback, and where its configuration lies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

from demo import story
from demo.jira_http import JiraServer
from demo.jira_site import JiraSite


class DemoCompany:
    """A context manager: within it the trackers answer."""

    def __init__(self, today: date | None = None, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.today = today or clock().date()
        self.engineering = JiraSite("cloud", clock=clock)
        self.legal = JiraSite("datacenter", clock=clock)
        story.engineering(self.engineering, self.today)
        story.legal(self.legal, self.today)
        self.engineering_server = JiraServer(self.engineering, token="demo-engineering-token")
        self.legal_server = JiraServer(self.legal, token="demo-legal-token")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.engineering_server)
        self._stack.enter_context(self.legal_server)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def environment(self) -> dict[str, str]:
        """What the demo's configuration asks the environment for."""
        return {
            "SIGHTLINE_DEMO_ENG_URL": self.engineering_server.url,
            "SIGHTLINE_DEMO_ENG_EMAIL": self.engineering_server.email,
            "SIGHTLINE_DEMO_ENG_TOKEN": self.engineering_server.token,
            "SIGHTLINE_DEMO_LEGAL_URL": self.legal_server.url,
            "SIGHTLINE_DEMO_LEGAL_TOKEN": self.legal_server.token,
        }


def configuration() -> Path:
    """The demo company's configuration: the checkout's, or the one that the wheel brings along."""
    here = Path(__file__).parent
    shipped = here / "config"
    return shipped if shipped.is_dir() else here.parent / "config"
