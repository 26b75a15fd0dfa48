"""Runs the HTTP service, and beside it the schedule."""

from __future__ import annotations

import uvicorn

from api.app import create_app
from ledger.store import Ledger
from sync.configuration import Configuration

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run(ledger: Ledger, configuration: Configuration, *, host: str, port: int, schedule: bool) -> None:
    """Serves until it is stopped. Without access control it listens on loopback only."""
    if host not in LOOPBACK:
        raise SystemExit("There are no access keys yet: serve on 127.0.0.1 and put a protecting proxy in front of it.")
    uvicorn.run(create_app(ledger, configuration, schedule=schedule), host=host, port=port, log_level="warning")
