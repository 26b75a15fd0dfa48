"""What the documents say is so."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from api.cli import app
from connectors.contract import kinds

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("connectors/*/README.md")])


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def commands() -> dict[str, set[str]]:
    """Every command that there is, with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: object, name: str) -> None:
        inner = getattr(command, "commands", None)
        if inner:
            for word, sub in inner.items():
                walk(sub, f"{name} {word}".strip())
        else:
            found[name] = {o for p in getattr(command, "params", []) for o in (*p.opts, *p.secondary_opts)}

    walk(get_command(app), "")
    return found


def uses(path: Path) -> list[str]:
    """Every `sightline ...` that a document shows."""
    shown = re.findall(r"(?:^|`|\n|'|\$ )sightline((?: [^\n`'#|;)]+)?)", text(path))
    return [s.strip() for s in shown if s.strip()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_in_a_document_exists(path: Path) -> None:
    known = commands()
    for use in uses(path):
        words = use.split()
        name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known), None)
        assert name is not None or words[0] in ("serves", "is", "reads"), f"{path.name}: sightline {use}"
        if name:
            for option in re.findall(r"(--[a-z-]+)", use):
                assert option in known[name] | {"--help"}, f"{path.name}: sightline {use}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_make_target_in_a_document_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.M))
    for target in re.findall(r"`make ([a-z-]+)", text(path)):
        assert target in targets, f"{path.name}: make {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_that_a_document_links_exists(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", text(path)):
        assert (path.parent / target).exists(), f"{path.name}: {target}"
    for target in re.findall(
        r"`((?:connectors|normalizer|ledger|signals|sync|api|demo|tests|config|docs)/[a-z0-9_/.-]+)`", text(path)
    ):
        assert (ROOT / target).exists(), f"{path.name}: {target}"


def test_the_readme_names_every_command() -> None:
    for name in commands():
        assert f"sightline {name}" in text(ROOT / "README.md"), name


def test_every_tracker_is_in_the_readme() -> None:
    for kind in kinds():
        assert f"connectors/{kind}/README.md" in text(ROOT / "README.md")


def test_make_lists_every_target_with_its_help() -> None:
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "bench", "soak", "clean"):
        assert f"make {target}" in listed


def test_the_changelog_speaks_of_this_version() -> None:
    version = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]["version"]
    assert f"## {version}" in text(ROOT / "CHANGELOG.md")


def test_every_dependency_is_pinned_and_used() -> None:
    """A library that nothing imports is a promise that nobody keeps."""
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    sources = "\n".join(
        text(p)
        for folder in ("connectors", "normalizer", "ledger", "signals", "sync", "api", "demo")
        for p in (ROOT / folder).rglob("*.py")
    )
    spelled = {
        "fastapi-problem": "fastapi_problem",
        "ruamel-yaml": "ruamel.yaml",
        "psycopg": "psycopg",
        "notion-client": "notion_client",
        "simple-salesforce": "simple_salesforce",
        "google-auth": "google.auth",
        "pyjwt": "jwt",
    }
    not_imported = {
        "tzdata": "data that zoneinfo reads",
        "psycopg": "named in the database URL",
        "httptools": "uvicorn reads HTTP with it where it is",
        "uvloop": "uvicorn waits with it where it is",
        "python-multipart": "FastAPI reads forms with it",
    }
    for entry in project["dependencies"]:
        name = re.split(r"[\[=<>]", entry)[0].replace(".", "-")
        assert re.search(r"==|<", entry) or name == "tzdata", entry
        module = spelled.get(name, name.replace("-", "_"))
        if name not in not_imported:
            assert re.search(rf"(?:import|from) {re.escape(module)}\b", sources), f"nothing imports {module}"


def test_no_document_speaks_of_what_exists_only_here() -> None:
    for path in [*DOCUMENTS, *ROOT.glob("*.toml"), ROOT / "Makefile"]:
        assert not re.search(r"/work/|/root/|/home/", text(path)), path.name
