"""A company whose people sign in, and a browser that does as it is told."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import Request
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from sync.configuration import Configuration, load
from tests.api.test_access import House
from tests.provider import CLIENT, IdentityProvider

CLI = CliRunner()
LOCAL, SITE = "http://127.0.0.1:8000", "https://sightline.example"
HTML = {"Accept": "text/html,application/xhtml+xml"}
JONAS, MIA = "jonas.keller@northwind.example", "mia.wong@northwind.example"


class Company:
    """The demo company whose people sign in, and their provider."""

    def __init__(self, house: House, provider: IdentityProvider) -> None:
        self.house, self.provider, self.plain = house, provider, (house.config / "organisation.yaml").read_text()

    def write(self, url: str = LOCAL, more: str = "") -> Configuration:
        """Puts sign_in into organisation.yaml."""
        text = (
            f"{self.plain}\nsign_in:\n  url: {url}\n  issuer: {self.provider.url}\n  client_id: {CLIENT}\n"
            f"  client_secret: ${{OIDC_CLIENT_SECRET}}\n  claims: {{department: department, roles: groups}}\n"
            f"  roles: {{coo: [the-coo, board], admin: [operators]}}\n{more}"
        )
        (self.house.config / "organisation.yaml").write_text(text)
        return load(self.house.config)

    def browser(self, url: str = LOCAL, more: str = "") -> Browser:
        return Browser(self, url, more)

    def acts(self, what: str) -> list[str]:
        return [f"{a.who}: {a.subject}" for a in self.house.ledger.audit.acts() if a.what == what]


class Browser:
    """A browser before the service, which keeps its cookies and does as it is told."""

    def __init__(self, company: Company, url: str, more: str) -> None:
        self.company, self.url = company, url
        self.app = create_app(company.house.ledger, company.write(url, more))
        self.client = TestClient(self.app, base_url=url, follow_redirects=False, client=("127.0.0.1", 50_000))

    def leave(self, wanted: str = "/docs") -> str:
        """Asks to sign in and follows to the provider; where that sends the browser back to."""
        gone = self.client.get("/sign-in", params={"next": wanted})
        assert gone.status_code == 303, gone.text
        sent = httpx.get(gone.headers["location"])
        assert sent.status_code == 302, sent.text
        return str(sent.headers["location"])

    def sign_in(self, email: str = MIA, wanted: str = "/docs", **claims: Any) -> Any:
        """All the way; the service's last answer."""
        self.company.provider.person = {"email": email, "email_verified": True, **claims}
        return self.client.get(self.leave(wanted))

    def items(self) -> list[Any]:
        answer = self.client.get("/v1/items?source=legal-jira&limit=500")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    def session_cookie(self) -> tuple[str, str]:
        """Its name and value."""
        ((name, value),) = [(n, v) for n, v in self.client.cookies.items() if "session" in n]
        return name, value

    def csrf(self) -> str:
        """The session's token, as a page of ours would have it."""
        found: list[str] = []

        @self.app.get("/token-of-a-page", include_in_schema=False)
        def token(request: Request) -> str:
            found.append(request.state.csrf)
            return ""

        assert self.client.get("/token-of-a-page").status_code == 200
        return found[0]
