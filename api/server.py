"""Runs the HTTP service, and beside it the schedule."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from api.app import create_app
from api.commands import terminal
from api.door.access import MAKE_ONE, on_loopback
from ledger.store import Ledger
from sync.configuration import Configuration


def run(ledger: Ledger, configuration: Configuration, *, host: str, port: int, schedule: bool) -> None:
    """Serves until it is stopped. Where nobody signs in and there is no access key, it listens on loopback only."""
    signing_in = configuration.organisation.sign_in is not None
    if not on_loopback(host) and not signing_in and not ledger.keys.active():
        raise SystemExit(f"There is no access key, and {host} is not this machine's own loopback: {MAKE_ONE}.")
    terminal.serving(host, port)
    app = create_app(ledger, configuration, schedule=schedule)
    uvicorn.run(app, host=host, port=port, log_level="warning", log_config=log_config())


def log_config() -> dict[str, Any]:
    """Every line of the log names the request it belongs to."""
    made = deepcopy(LOGGING_CONFIG)
    made["filters"] = {"request": {"()": "asgi_correlation_id.CorrelationIdFilter", "default_value": "-"}}
    for handler in made["handlers"].values():
        handler["filters"] = ["request"]
    for formatter in made["formatters"].values():
        formatter["fmt"] = formatter["fmt"].replace("%(levelprefix)s", "%(levelprefix)s [%(correlation_id)s]")
    made["loggers"]["sightline"] = {"handlers": ["default"], "level": "WARNING", "propagate": False}
    return made
