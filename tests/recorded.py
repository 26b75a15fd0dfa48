"""Real recorded answers, read from the folder beside the project; none is copied into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).resolve().parents[2] / "shared" / "recorded"
needed = pytest.mark.skipif(not HOME.is_dir(), reason=f"the recorded answers are not at {HOME}")


def load(path: str) -> Any:
    """One recorded file, parsed."""
    return json.loads((HOME / path).read_text(encoding="utf-8"))
