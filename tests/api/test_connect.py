"""What /connect shows is run as it is shown: with a key where the service asks for one, and without where it does not."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from ruamel.yaml import YAML

from api.app import create_app
from api.connect.routes import written
from api.connect.tools import KEY, Snippet, Tool, tools
from ledger.pages import Page, sorted_by
from ledger.published import BY_NAME
from ledger.store import Ledger
from tests.api.odata.conftest import fill, listening
from tests.companies import Scripted

ITEMS = BY_NAME["Items"]
CLIENTS = Path(sys.prefix) / "odata-clients" / "node_modules"
NODE = shutil.which("node")
OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
PARSE = """
const P = require("@microsoft/powerquery-parser");
P.TaskUtils.tryLexParse({...P.DefaultSettings}, require("fs").readFileSync(0, "utf8"))
  .then((task) => { if (!P.TaskUtils.isParseStageOk(task)) { console.error(task.error.message); process.exit(1); } });
"""


class Service:
    """A service that listens, what it shows on /connect, and a key for it where it asks for one."""

    def __init__(self, root: str, secret: str, counts: Counter[str], ledger: Ledger, folder: Path) -> None:
        self.root, self.secret, self.counts, self.ledger, self.folder = root, secret, counts, ledger, folder
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        shown = requests.get(f"{root}connect.json", headers=self.headers, timeout=10).json()["items"]
        self.tools = {t["key"]: t for t in shown}

    def snippet(self, tool: str, language: str) -> str:
        """What is shown for a tool, with the key where it says to put it."""
        text: str = next(s["text"] for s in self.tools[tool]["snippets"] if s["language"] == language)
        assert (KEY in text) is bool(self.secret) or tool in ("power-bi", "excel", "tableau", "metabase")
        return text.replace(KEY, self.secret)

    def run(self, tool: str) -> str:
        """What a snippet of Python prints, run by itself."""
        done = subprocess.run(
            [sys.executable, "-c", self.snippet(tool, "python")],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module", params=["open", "keyed"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("connect")
    company = Scripted(tmp_path_factory.mktemp("company"), workstreams=3, items=0)
    company.close()
    with Ledger.open(f"sqlite:///{folder / 'l.db'}", migrate=True) as ledger:
        fill(ledger)
        secret = ""
        if request.param == "keyed":
            ends = datetime.now(UTC) + timedelta(days=1)
            _, secret = ledger.keys.create("tools", by="test", scopes=("read", "odata"), expires_at=ends, in_url=True)
        rows = ledger.served().page(ITEMS, Page(("status",), sorted_by(ITEMS)))
        counts = Counter(str(row[0]) for row in rows)
        with listening(create_app(ledger, company.configuration)) as root:
            yield Service(root.removesuffix("odata/"), secret, counts, ledger, folder)


def test_every_tool_says_what_to_do_with_the_address_that_was_called(service: Service) -> None:
    for tool in service.tools.values():
        assert tool["steps"], tool["key"]
        assert tool["snippets"], tool["key"]
        shown = json.dumps(tool)
        assert service.root.rstrip("/") in shown or tool["key"] == "metabase"
    text = requests.get(f"{service.root}connect.md", headers=service.headers, timeout=10).text
    assert all(s["text"] in text for tool in service.tools.values() for s in tool["snippets"])


def test_no_key_is_shown_only_where_it_goes(service: Service) -> None:
    """The page is made from nothing that is secret: whoever reads it puts the own key in."""
    shown = requests.get(f"{service.root}connect.json", headers=service.headers, timeout=10).text
    assert (KEY in shown) is bool(service.secret)
    assert not service.secret or service.secret not in shown


@pytest.mark.parametrize("tool", ["pandas", "polars", "duckdb", "shillelagh"])
def test_a_snippet_of_python_counts_what_the_ledger_has(service: Service, tool: str) -> None:
    told = service.run(tool)
    for status, count in service.counts.items():
        assert any(status in line and str(count) in line for line in told.splitlines() or [told]), (status, told)


def test_the_shell_gets_what_it_asks_for(service: Service) -> None:
    done = subprocess.run(["sh", "-ec", service.snippet("curl", "shell")], cwd=service.folder, capture_output=True, text=True, check=True)  # fmt: skip
    assert json.loads(done.stdout)["items"]
    lines = (service.folder / "bi_items.jsonl").read_text(encoding="utf-8").splitlines()
    assert Counter(json.loads(line)["status"] for line in lines) == service.counts


@pytest.mark.parametrize("tool", ["google-sheets", "looker-studio"])
def test_a_sheets_formula_names_a_csv_that_opens_by_its_address_alone(service: Service, tool: str) -> None:
    formula = service.snippet(tool, "formula")
    assert (formula[:13], formula[-2:]) == ('=IMPORTDATA("', '")')
    with urllib.request.urlopen(formula[13:-2], timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/csv")
        assert len(next(csv.reader(io.TextIOWrapper(answer, "utf-8")))) > 5


def test_the_calendar_opens_by_its_address_alone(service: Service) -> None:
    with urllib.request.urlopen(service.snippet("calendar", "address"), timeout=10) as answer:
        assert answer.read().startswith(b"BEGIN:VCALENDAR")


@pytest.mark.parametrize("tool", ["power-bi", "excel", "tableau"])
def test_an_address_for_bi_tools_is_the_root_of_the_odata_service(service: Service, tool: str) -> None:
    basic = ("anybody", service.secret) if service.secret else None
    answer = requests.get(service.snippet(tool, "address"), auth=basic, timeout=10).json()
    assert "PlanNodes" in {s["name"] for s in answer["value"]}


def test_power_bi_opens_a_file_that_names_the_service_and_no_key(service: Service) -> None:
    told = requests.get(f"{service.root}connect/sightline.pbids", headers=service.headers, timeout=10)
    (connection,) = told.json()["connections"]
    assert connection["details"] == {"protocol": "odata", "address": {"url": f"{service.root}odata/"}}
    assert "attachment" in told.headers["content-disposition"]


@pytest.mark.skipif(
    NODE is None or not CLIENTS.is_dir(), reason="'make odata-clients' installs Microsoft's parser of M where npm is"
)
@pytest.mark.parametrize("tool", ["power-bi", "excel"])
def test_m_is_m_by_microsofts_own_parser(service: Service, tool: str) -> None:
    done = subprocess.run([str(NODE), "-e", PARSE], input=service.snippet(tool, "m"), cwd=CLIENTS.parent, capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_excels_m_asks_for_page_by_page_is_every_item_once(service: Service) -> None:
    """The same questions as the M: a fixed address, and the cursor as a parameter."""
    found: list[Any] = []
    cursor: str | None = None
    while cursor is not None or not found:
        asked = {"limit": "5", **({"cursor": cursor} if cursor else {})}
        page = requests.get(f"{service.root}v1/items", params=asked, headers=service.headers, timeout=10).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert Counter(i["status"] for i in found) == service.counts
    assert len({i["id"] for i in found}) == len(found)


def test_grafanas_file_is_yaml_that_allows_this_service_only(service: Service) -> None:
    (source,) = YAML(typ="safe").load(service.snippet("grafana", "yaml"))["datasources"]
    assert source["jsonData"]["allowedHosts"] == [source["url"]] == [service.root.rstrip("/")]
    key = source.get("secureJsonData", {}).get("bearerToken", "")
    answer = requests.get(
        f"{source['url']}/v1/exceptions", headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=10
    )
    assert (key, answer.status_code, type(answer.json()["items"])) == (service.secret, 200, list)


def test_the_sql_for_metabase_runs_on_the_views(service: Service) -> None:
    question = service.snippet("metabase", "sql")
    with sqlite3.connect(f"file:{service.folder / 'l.db'}?mode=ro", uri=True) as database:
        asked = database.execute(question)
        assert [c[0] for c in asked.description] == ["department", "headline", "nodes"]


@pytest.mark.skipif(
    OFFICE is None, reason="LibreOffice Calc is not installed: 'make calc' installs it where that is allowed"
)
def test_calc_opens_the_address(service: Service) -> None:
    address = service.snippet("calc", "address")
    home = f"-env:UserInstallation=file://{service.folder}/home"
    command = [str(OFFICE), "--headless", home, "--convert-to", "fods", "--outdir", str(service.folder), address]
    done = subprocess.run(command, cwd=service.folder, capture_output=True, text=True, timeout=120)
    (made,) = service.folder.glob("*.fods")
    text = made.read_text(encoding="utf-8")
    made.unlink()
    assert all(f"<text:p>{status}</text:p>" in text for status in service.counts), done.stderr


def test_every_snippet_has_a_test_that_runs_it() -> None:
    """A tool that is added here is added above."""
    run = {
        "pandas": {"python"}, "polars": {"python"}, "duckdb": {"python"}, "shillelagh": {"python"}, "curl": {"shell"},
        "google-sheets": {"formula"}, "looker-studio": {"formula"}, "calendar": {"address"}, "power-bi": {"address", "m"},
        "excel": {"address", "m"}, "tableau": {"address"}, "grafana": {"yaml"}, "metabase": {"sql"}, "calc": {"address"},
    }  # fmt: skip
    assert {t.key: {s.language for s in t.snippets} for t in tools("http://x/", keyed=True)} == run


def test_a_text_for_people_fences_what_is_to_be_copied() -> None:
    tool = Tool("x", "X", "files", ("Do this.",), (Snippet("sql", "SELECT 1"),))
    assert written((tool,)) == "# Connect\n\n## X (files)\n\n1. Do this.\n\n```sql\nSELECT 1\n```\n"
