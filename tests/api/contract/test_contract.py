"""The contract: kept, compared, and without a fault that others' rules find."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.contract import KEPT, contract

INSTALLED = KEPT.parent / ".venv" / "contract-linters" / "node_modules" / ".bin"


def test_the_kept_contract_is_the_served_one() -> None:
    """What changes for whoever asks is seen in the change itself: 'make openapi' writes the file anew."""
    assert KEPT.read_text(encoding="utf-8") == contract(), "'make openapi' writes openapi.json anew"


@pytest.mark.parametrize(
    ("linter", "words"),
    [
        ("redocly", ["lint", "openapi.json", "--format=json", "--extends=recommended"]),
        ("spectral", ["lint", "openapi.json", "--format=json", "--ruleset=.spectral.yaml", "--fail-severity=hint"]),
    ],
)
def test_linters_of_others_find_nothing(linter: str, words: list[str], tmp_path: Path) -> None:
    program = INSTALLED / linter
    if not program.exists():
        pytest.skip(f"{linter} is not installed: 'make contract-linters' installs it where npm is")
    (tmp_path / "openapi.json").write_text(KEPT.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n', encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "REDOCLY_TELEMETRY": "off",
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
    }  # fmt: skip
    ran = subprocess.run(
        [str(program), *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    begin = min(i for i in (ran.stdout.find("["), ran.stdout.find("{")) if i >= 0)  # notices stand before and after
    found = json.JSONDecoder().raw_decode(ran.stdout, begin)[0]
    problems = found["problems"] if isinstance(found, dict) else found
    assert [(p.get("ruleId") or p.get("code"), p.get("message")) for p in problems] == []
    assert ran.returncode == 0, ran.stderr


def test_every_operation_is_told_in_words_and_in_one_chapter() -> None:
    told = json.loads(KEPT.read_text(encoding="utf-8"))
    chapters = {t["name"] for t in told["tags"]}
    for path, operations in told["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert len(operation["tags"]) == 1, path
            assert operation["tags"][0] in chapters, path


def test_no_parameter_is_called_as_the_access_key_is() -> None:
    """What comes as ?key= is taken out of the address at the door: a filter of that name would be ignored."""
    for path, operations in json.loads(KEPT.read_text(encoding="utf-8"))["paths"].items():
        for operation in operations.values():
            assert "key" not in {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}, path
