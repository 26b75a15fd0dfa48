"""A client as it asks from this machine itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

HERE = ("127.0.0.1", 50_000)


def local(app: FastAPI, **more: Any) -> TestClient:
    """A client on loopback, who is let in without a key as long as there are none."""
    return TestClient(app, **{"base_url": "http://127.0.0.1:8000", "client": HERE, **more})
