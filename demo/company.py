"""All demo trackers of one company on loopback, and where its configuration lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from demo import notion_story, salesforce_story, sheets_story, story
from demo.jira_http import JiraServer
from demo.jira_site import JiraSite
from demo.notion_http import NotionServer
from demo.notion_site import NotionSite
from demo.salesforce_http import SalesforceServer
from demo.salesforce_site import SalesforceSite
from demo.sheets_http import SheetsServer
from demo.sheets_site import SheetsSite
from sync.configuration.yaml_file import read_yaml


class DemoCompany:
    """A context manager: within it the trackers answer."""

    def __init__(self, today: date | None = None, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.today = today or clock().astimezone(home()).date()
        self.engineering = JiraSite("cloud", clock=clock)
        self.legal = JiraSite("datacenter", clock=clock)
        self.marketing = SheetsSite(clock=clock)
        self.product = NotionSite(clock=clock)
        self.sales = SalesforceSite(clock=clock)
        story.engineering(self.engineering, self.today)
        story.legal(self.legal, self.today)
        self.engineering_server = JiraServer(self.engineering, token="demo-engineering-token")
        self.legal_server = JiraServer(self.legal, token="demo-legal-token")
        sheets_story.marketing(self.marketing, self.today)
        self.marketing_server = SheetsServer(self.marketing)
        roadmap = notion_story.product(self.product, self.today)
        self.product_server = NotionServer(self.product, token="ntn_demo-product-token")
        self._roadmap = roadmap.database
        salesforce_story.sales(self.sales, self.today)
        self.sales_server = SalesforceServer(self.sales)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for server in (
            self.engineering_server,
            self.legal_server,
            self.marketing_server,
            self.product_server,
            self.sales_server,
        ):
            self._stack.enter_context(server)
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
            "SIGHTLINE_DEMO_MARKETING_URL": self.marketing_server.url,
            "SIGHTLINE_DEMO_MARKETING_KEY": service_account(),
            "SIGHTLINE_DEMO_PRODUCT_URL": self.product_server.url,
            "SIGHTLINE_DEMO_PRODUCT_TOKEN": self.product_server.token,
            "SIGHTLINE_DEMO_PRODUCT_DATABASE": f"https://www.notion.so/{self._roadmap.id.replace('-', '')}?v=1",
            **period(self.today),
            "SIGHTLINE_DEMO_SALES_URL": self.sales_server.url,
            "SIGHTLINE_DEMO_SALES_CLIENT_ID": self.sales_server.client_id,
            "SIGHTLINE_DEMO_SALES_CLIENT_SECRET": self.sales_server.client_secret,
        }


def period(today: date) -> dict[str, str]:
    """The calendar quarter of a day, and the dates of one commitment in it."""
    quarter = (today.month - 1) // 3
    start = date(today.year, quarter * 3 + 1, 1)
    end = (date(today.year + 1, 1, 1) if quarter == 3 else date(today.year, quarter * 3 + 4, 1)) - timedelta(days=1)
    return {
        "SIGHTLINE_DEMO_PERIOD": f"{today.year}-Q{quarter + 1}",
        "SIGHTLINE_DEMO_PERIOD_START": start.isoformat(),
        "SIGHTLINE_DEMO_PERIOD_END": end.isoformat(),
        "SIGHTLINE_DEMO_PROMISED": (today - timedelta(days=11)).isoformat(),
        "SIGHTLINE_DEMO_NEEDED": (today - timedelta(days=4)).isoformat(),
    }


def service_account() -> str:
    """A service account's key file, made up for this run: signing in with it is part of the demo."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps({
        "type": "service_account", "client_email": "sightline@northwind.example", "private_key": pem, "private_key_id": "demo",
        "token_uri": "https://oauth2.googleapis.com/token",
    })  # fmt: skip


def home() -> ZoneInfo:
    """Where the demo company's days begin."""
    return ZoneInfo(
        read_yaml(configuration() / "organisation.yaml", "organisation.yaml", expand=False).data["timezone"]
    )


def configuration() -> Path:
    """The demo company's configuration: the checkout's, or the one that the wheel brings along."""
    here = Path(__file__).parent
    shipped = here / "config"
    return shipped if shipped.is_dir() else here.parent / "config"
