"""Programs of others, each in a process of its own, as their users run them: what their libraries break is theirs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def told_apart(program: str, *given: str, folder: Path) -> Any:
    """What a program in Python prints as JSON; it is started in the folder, and finds what it is given in `sys.argv`."""
    command = [sys.executable, "-c", f"import json, sys\n{program}", *given]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
