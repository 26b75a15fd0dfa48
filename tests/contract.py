"""The HTTP contract as it is kept in openapi.json: `python -m tests.contract` writes it anew."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from api.app import create_app
from ledger.store import Ledger

KEPT = Path(__file__).resolve().parents[1] / "openapi.json"


def contract() -> str:
    """As the service tells it, whatever its ledger and configuration."""
    nothing: Any = SimpleNamespace(directory=Path("/nowhere"))
    with (
        tempfile.TemporaryDirectory() as folder,
        Ledger.open(f"sqlite:///{folder}/l.db", migrate=True) as ledger,
    ):
        return json.dumps(create_app(ledger, nothing).openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    KEPT.write_text(contract(), encoding="utf-8")
