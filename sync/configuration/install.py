"""Puts a department's changed file into the configuration directory, in one step; what stood there is kept beside it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from sync.configuration.yaml_file import read_yaml


def install(file: Path, directory: Path, department: str) -> Path | None:
    """Where the file was installed; None where it lies there already."""
    folder = directory / "departments"
    if file.resolve().parent == folder.resolve():
        return None
    target = next(
        (p for p in sorted(folder.glob("*.y*ml")) if _department(p) == department), folder / f"{department}.yaml"
    )
    if target.exists():
        shutil.copy2(target, target.with_suffix(target.suffix + ".before"))
    with tempfile.NamedTemporaryFile("wb", dir=folder, prefix=".", delete=False) as fresh:
        fresh.write(file.read_bytes())
    os.chmod(fresh.name, target.stat().st_mode if target.exists() else 0o644)
    os.replace(fresh.name, target)
    return target


def _department(path: Path) -> str | None:
    data = read_yaml(path, str(path), expand=False).data
    name = data.get("department") if isinstance(data, dict) else None
    return name if isinstance(name, str) else None
