"""The command: what people type, and what they read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from demo import faults
from demo.company import DemoCompany, configuration

CLI = CliRunner()

RECORDS = {"eng-jira": 36, "legal-jira": 15, "marketing-sheet": 15, "product-notion": 21, "sales-salesforce": 19}
"""What each source of the demo company holds."""


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoCompany]:
    with DemoCompany() as company:
        for name, value in company.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SIGHTLINE_CONFIG", str(configuration()))
        monkeypatch.setenv("SIGHTLINE_DATABASE_URL", f"sqlite:///{tmp_path / 'l.db'}")
        yield company


def run(*words: str, code: int = 0) -> str:
    done = CLI.invoke(app, words)
    assert done.exit_code == code, done.output
    return done.output


def as_json(*words: str, code: int = 0) -> Any:
    return json.loads(run(*words, "--json", code=code))


def test_the_first_answer_takes_two_commands(company: DemoCompany) -> None:
    synced = run("sync")
    for source, count in RECORDS.items():
        assert f"complete {source}: {count} read, {count} new" in synced
    answer = run("status")
    assert "at risk  Engineering" in answer
    assert re.search(r"waits for LEGAL-7 .* \(legal-jira\), due \S+, 35 days ago", answer)
    assert "owner tom-brandt" in answer


def test_status_without_a_sync_says_what_to_do(company: DemoCompany) -> None:
    assert "run 'sightline sync'" in run("status", code=2)


def test_an_item_is_explained_from_the_word_to_the_line_to_the_tracker(company: DemoCompany) -> None:
    run("sync")
    told = as_json("explain", "LEGAL-2")
    by_field = {w["field"]: w for w in told["words"]}
    life, health = by_field["lifecycle"], by_field["health"]
    assert (life["raw"], life["canonical"]) == ("Warten auf Behörde", "in_progress")
    assert (health["raw"], health["canonical"]) == ("Rot", "off_track")
    for word in (life, health):
        file, _, line = word["rule"].rpartition(":")
        assert word["raw"] in Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    assert told["url"] == f"{company.legal_server.url}/browse/LEGAL-2"
    text = run("explain", "LEGAL-2")
    for part in ("Rot", "off_track", "legal.yaml:", "/browse/LEGAL-2", "raw record"):
        assert part in text


def test_items_are_listed_and_filtered(company: DemoCompany) -> None:
    run("sync")
    everything = as_json("items", "--limit", "500")
    assert len(everything) == sum(RECORDS.values())
    red = as_json("items", "--status", "off_track", "--source", "legal-jira")
    assert [(i["key"], i["status"], i["raw_status"]) for i in red] == [("LEGAL-2", "off_track", "Rot")]
    assert "LEGAL-2" in run("items", "--status", "off_track")
    assert "There are more than these 2: --limit" in run("items", "--limit", "2")
    assert "There are more" not in run("items", "--limit", "500")


def test_a_wrong_filter_names_the_known_ones(company: DemoCompany) -> None:
    run("sync")
    assert "--status grn is not one of at_risk, cancelled, done" in run("items", "--status", "grn", code=2)


def test_an_unknown_item_is_said(company: DemoCompany) -> None:
    run("sync")
    assert "no single item has the id or key 'ENG-999'" in run("explain", "ENG-999", code=2)


def test_an_unknown_source_is_said_with_a_suggestion(company: DemoCompany) -> None:
    assert "did you mean 'eng-jira'?" in run("sync", "eng-jia", code=2)


def test_a_failed_source_is_named_with_what_to_do_and_the_others_go_on(company: DemoCompany) -> None:
    run("sync")
    company.engineering_server.revoked = True
    said = run("sync", code=1)
    assert "failed eng-jira" in said
    assert "renew the token" in said
    assert "complete legal-jira" in said
    answer = run("status")
    assert "eng-jira: failed eng-jira (127.0.0.1) does not accept the credential" in answer
    assert "at risk  Engineering" in answer  # the last answer, with its age


def test_sync_as_json_is_one_document(company: DemoCompany) -> None:
    told = as_json("sync")
    assert {o["source"]: o["counts"]["new"] for o in told if o["state"] == "complete"} == RECORDS
    assert all(o["requests"] > 0 for o in told)


def test_a_mass_disappearance_is_held_until_a_person_says_that_it_is_so(company: DemoCompany) -> None:
    """A team that clears its sheet for the new quarter is not stuck, and a fault does not delete a quarter's work."""
    run("sync")
    (book,) = company.marketing.books.values()
    del book.tabs[0].rows[4:]
    company.marketing.touch(book)
    assert "13 of 15 records vanished at once" in run("sync", "marketing-sheet")
    assert len(as_json("items", "--source", "marketing-sheet", "--presence", "unobserved")) == 13
    assert "--accept-missing needs the sources" in run("sync", "--accept-missing", code=2)
    run("sync", "marketing-sheet", "--accept-missing")
    assert len(as_json("items", "--source", "marketing-sheet", "--presence", "deleted")) == 13
    assert len(as_json("items", "--source", "marketing-sheet")) == 2


def test_one_source_alone(company: DemoCompany) -> None:
    assert [o["source"] for o in as_json("sync", "legal-jira")] == ["legal-jira"]


def test_doctor_finds_everything_well(company: DemoCompany) -> None:
    run("sync")
    found = as_json("doctor")
    checks = {(f["subject"], f["check"]): f for f in found}
    for check in ("credential", "rights", "fields", "link types", "scope", "clock", "rate budget"):
        assert checks["eng-jira", check]["ok"], checks["eng-jira", check]
    assert checks["database", "tables"]["ok"]


def test_doctor_says_what_to_do_about_each_trouble(company: DemoCompany) -> None:
    run("sync")
    company.engineering_server.revoked = True
    company.legal_server.faults.add("field", faults.answered(b"[]"), times=5)
    text = run("doctor", code=1)
    assert "renew the token" in text
    assert "'Ampel', read as health" in text
    assert "legal.yaml:" in text


def test_doctor_lists_words_without_translation_with_the_file_to_open(company: DemoCompany) -> None:
    site = company.engineering
    strange = site.status("10999", "Waiting for Godot", "indeterminate")
    strange = site.status("10998", "Beckett", "undefined")
    site.edit(next(iter(site.issues.values())), None, status=strange)
    run("sync")
    text = " ".join(run("doctor", code=1).split())
    assert "'Beckett' of 1 items such as" in text
    assert "engineering.yaml, bindings product-adaptation, scales.lifecycle" in text


def test_doctor_without_a_database_says_what_makes_one(company: DemoCompany) -> None:
    assert "sightline sync" in run("doctor", code=1)


def test_a_database_that_is_none_is_a_sentence(company: DemoCompany) -> None:
    assert "is no database Sightline knows" in run("sync", "--database", "mysql://x/y", code=2)
    said = run("sync", "--database", "postgresql://u:canary-pw@127.0.0.1:9/x", code=2)
    assert "does not answer" in said
    assert "canary-pw" not in said


def test_init_check_and_schema_lead_from_nothing_to_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "new"
    assert "wrote" in run("init", str(home))
    assert "kept" in run("init", str(home))
    first = (home / "departments" / "engineering.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../schema/department.json"
    assert (home / "schema" / "department.json").exists()
    said = run("config", "check", "--config", str(home), code=2)
    assert "engineering.yaml:14: sources[0].connection.url: the environment variable JIRA_URL is not set" in said
    for name, value in (("JIRA_URL", "https://a.example"), ("JIRA_EMAIL", "a@b.example"), ("JIRA_TOKEN", "x")):
        monkeypatch.setenv(name, value)
    assert "all good" in run("config", "check", "--config", str(home))
    assert json.loads(run("config", "schema", "department"))["$defs"]
    assert "known are" in run("config", "schema", "nothing", code=2)


def test_broken_configuration_ends_every_command_with_its_lines(tmp_path: Path) -> None:
    run("init", str(tmp_path))
    file = tmp_path / "departments" / "engineering.yaml"
    file.write_text(file.read_text().replace("kind: jira", "kind: jria"))
    for command in (["sync"], ["status"], ["doctor"], ["config", "check"]):
        assert "engineering.yaml:10: sources[0].kind: 'jria' is no kind of tracker" in run(
            *command, "--config", str(tmp_path), code=2
        )


def test_text_of_a_tracker_cannot_steer_the_terminal(company: DemoCompany) -> None:
    """Row 28, 30: control characters, our own markup, and text that runs backwards."""
    issue = list(company.engineering.issues.values())[-1]
    company.engineering.edit(issue, None, title="\x1b]0;owned\x07[red]\u202etxt.exe")
    run("sync")
    text = run("explain", issue.key)
    assert "\x1b]0" not in text
    assert "\u202e" not in text
    assert "[red]" in text


def test_the_demo_once_prints_the_answer_and_stops(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "demo", "--once"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=_environment(),
    )
    assert done.returncode == 0, done.stderr
    assert "Northwind Instruments as of" in done.stdout
    assert "at risk  Engineering" in done.stdout
    assert os.listdir(tmp_path) == []


def test_the_demo_tells_another_days_story(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "demo", "--once", "--today", "2026-09-15"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=_environment(),
    )
    assert "as of 2026-09-15" in done.stdout


def test_serve_answers_over_http_and_stops_on_a_signal(company: DemoCompany) -> None:
    import signal
    import socket
    import urllib.request

    run("sync")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", "serve", "--port", str(port)], env=_environment()
    ) as server:
        try:
            for _ in range(200):
                time.sleep(0.05)
                try:
                    body = urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/items?limit=1").read()
                    break
                except OSError:
                    continue
            assert json.loads(body)["items"][0]["source"] == "eng-jira"
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(20) in (0, 130)


def test_serve_keeps_to_loopback_until_there_are_keys(company: DemoCompany) -> None:
    run("sync")
    done = CLI.invoke(app, ["serve", "--host", "0.0.0.0"])
    assert done.exit_code != 0


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": root}
