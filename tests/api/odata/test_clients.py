"""Clients that know nothing of us read the service from its $metadata alone. What is not installed is skipped with its reason."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from lxml import etree
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from api.odata.metadata import csdl
from ledger.published import TABLES
from ledger.store import Ledger
from tests.api.odata.conftest import NOW, fill, listening, service

HERE = Path(__file__).parent / "clients"
INSTALLED = Path(sys.prefix) / "odata-clients" / "node_modules"
needs_npm = pytest.mark.skipif(
    not INSTALLED.is_dir(), reason="the npm clients are not installed: 'make odata-clients' installs them where npm is"
)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium: 'make odata-clients' installs it where that is allowed"
)
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@needs_npm
def test_the_metadata_is_valid_by_the_schema_of_oasis() -> None:
    """The schemas come with OASIS's own odata-csdl."""
    schema = etree.XMLSchema(etree.parse(INSTALLED / "odata-csdl" / "schemas" / "edmx.xsd"))
    assert schema.validate(etree.fromstring(csdl().encode())), schema.error_log


def test_everything_in_the_metadata_is_described_and_leads_somewhere() -> None:
    root = etree.fromstring(csdl().encode())
    types = {f"Sightline.{t.get('Name')}": t for t in root.iter(f"{EDM}EntityType")}
    sets = {s.get("Name"): s.get("EntityType") for s in root.iter(f"{EDM}EntitySet")}
    assert set(sets) == {t.name for t in TABLES}
    for element in root.iter(f"{EDM}EntityType", f"{EDM}Property", f"{EDM}NavigationProperty", f"{EDM}EntitySet"):
        assert element.find(f"{EDM}Annotation[@Term='Core.Description']") is not None, element.get("Name")
    for binding in root.iter(f"{EDM}NavigationPropertyBinding"):
        assert binding.get("Target") in sets
    for kind in types.values():
        names = [p.get("Name") for p in kind.iter(f"{EDM}Property", f"{EDM}NavigationProperty")]
        assert len(names) == len(set(names))
        for way in kind.iter(f"{EDM}NavigationProperty"):
            target = types[way.get("Type").removeprefix("Collection(").removesuffix(")")]
            for bound in way.iter(f"{EDM}ReferentialConstraint"):
                assert bound.get("Property") in names
                assert target.find(f"{EDM}Property[@Name='{bound.get('ReferencedProperty')}']") is not None


# -- python-odata ------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_python_odata_reflects_filters_pages_and_expands(root: str) -> None:
    from odata import ODataService

    reflected = ODataService(root.rstrip("/"), reflect_entities=True, quiet_progress=True)
    assert set(reflected.entities) == {t.name for t in TABLES}
    items = reflected.entities["Items"]
    rows = requests.get(f"{root}Items", timeout=10).json()["value"]
    query = reflected.query(items)
    assert sorted(i.id for i in query) == [r["id"] for r in rows]
    found = query.filter((items.status == "at_risk") | items.title.contains("100%")).order_by(items.due_on.desc()).all()
    assert {i.id for i in found} == {r["id"] for r in rows if r["status"] == "at_risk" or "100%" in r["title"]}
    days = [str(i.due_on) for i in found if i.due_on is not None]
    assert days == sorted(days, reverse=True)
    one = query.get("eng:007")
    assert (one.key, one.changed_at.year) == ("ENG-7", NOW.year)
    expanded = query.expand(items.Versions).filter(items.key == "ENG-7").first()
    assert len(expanded.Versions) == 4


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_python_odata_follows_pages_to_the_end(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from odata import ODataService

    monkeypatch.setattr("api.odata.answers.PAGE", 7)
    reflected = ODataService(root.rstrip("/"), reflect_entities=True, quiet_progress=True)
    ids = [i.id for i in reflected.query(reflected.entities["Items"])]
    assert len(ids) == len(set(ids)) == 90


# -- odata2ts ----------------------------------------------------------------------------------------------------


@needs_npm
def test_a_typescript_client_generated_from_the_metadata_compiles_strictly_and_asks(root: str, tmp_path: Path) -> None:
    for name in ("tsconfig.json", "ask.ts"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "metadata.xml").write_text(csdl(), encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(INSTALLED)
    binaries = INSTALLED / ".bin"
    run(
        tmp_path,
        binaries / "odata2ts",
        "-s",
        "metadata.xml",
        "-o",
        "generated",
        "-m",
        "service",
        "-e",
        "ts",
        "-name",
        "sightline",
    )
    run(tmp_path, binaries / "tsc", "-p", ".")
    told = json.loads(run(tmp_path, "node", "out/ask.js", root.rstrip("/")))
    rows = requests.get(f"{root}Items", timeout=10).json()["value"]
    wanted = [r for r in rows if (r["status"] == "at_risk" and "%" in r["title"]) or r["owner"] is None]
    assert (told["count"], told["rank"]) == (len(wanted), 5)
    assert [set(r) for r in told["rows"]] == [{"id", "status", "due_on", "confidence"}] * 5


def run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(
        [str(c) for c in command], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# -- OpenUI5 in a browser ----------------------------------------------------------------------------------------


@pytest.fixture
def page_root(tmp_path: Path) -> Iterator[str]:
    """The service beside OpenUI5 and the page that uses it, on one origin."""
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True, clock=lambda: NOW) as ledger:
        fill(ledger)
        app = service(ledger)
        app.mount("/resources", StaticFiles(directory=INSTALLED / "@openui5" / "sap.ui.core" / "src"))
        # OpenUI5, unbuilt, loads itself by scripts that the service's own pages must not have.
        policy = {"Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval'"}
        app.add_route("/ask.html", lambda _request: FileResponse(HERE / "ask.html", headers=policy))
        with listening(app) as root:
            yield root.removesuffix("odata/")


@needs_npm
@needs_browser
def test_openui5_filters_sorts_counts_and_expands(page_root: str) -> None:
    """SAP's client, as it runs in production, without a batch: its model says `$direct`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(f"{page_root}ask.html")
        page.wait_for_function("window.found !== undefined", timeout=60_000)
        found: dict[str, Any] = page.evaluate("window.found")
        browser.close()
    rows = requests.get(f"{page_root}odata/Items", timeout=10).json()["value"]
    wanted = [r for r in rows if r["title"] == "O'Hara & 100%" or "_" in r["title"] or "a" not in r["title"] or (r["due_on"] or "9") < "2026-11-20"]  # fmt: skip
    assert "error" not in found, found
    assert (found["type"], found["told"]) == ("Edm.String", TABLES[0].column("status").description)  # type: ignore[union-attr]
    assert (found["count"], found["key"]) == (len(wanted), "ENG-7")
    in_order = sorted(wanted, key=lambda r: (r["due_on"] is not None, r["due_on"] or ""), reverse=True)
    assert found["ids"] == [r["id"] for r in in_order][:40]
    assert found["versions"] > 0
