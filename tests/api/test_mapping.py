"""A department head's way from an empty file to no unmapped word, in the terminal and over HTTP."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from demo.company import DemoCompany, configuration
from ledger.model import Lifecycle, from_ms, to_ms
from ledger.store import Ledger
from sync.configuration import load
from sync.configuration.live import Live
from tests.asking import local

CLI = CliRunner()
SOURCES = {
    "eng-jira": "engineering", "legal-jira": "legal", "marketing-sheet": "marketing", "product-notion": "product",
    "sales-salesforce": "sales",
}  # fmt: skip


class Desk:
    """A copy of the demo company's configuration, its trackers, and a ledger."""

    def __init__(self, folder: Path, company: DemoCompany) -> None:
        self.folder, self.company, self.config = folder, company, folder / "config"
        shutil.copytree(configuration(), self.config)
        self.url = f"sqlite:///{folder / 'l.db'}"

    def run(self, *words: str, code: int = 0) -> str:
        done = CLI.invoke(app, words)
        assert done.exit_code == code, done.output
        return " ".join(done.output.split())

    def json(self, *words: str) -> Any:
        done = CLI.invoke(app, [*words, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def file(self, department: str) -> Path:
        return self.config / "departments" / f"{department}.yaml"

    def change(self, department: str, old: str, new: str, *, copy: bool = True) -> Path:
        """A changed copy of a department's file."""
        text = self.file(department).read_text(encoding="utf-8")
        assert old in text
        path = self.folder / f"{department}-new.yaml" if copy else self.file(department)
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with DemoCompany() as company:
        for name, value in company.environment().items():
            monkeypatch.setenv(name, value)
        made = Desk(tmp_path, company)
        monkeypatch.setenv("SIGHTLINE_CONFIG", str(made.config))
        monkeypatch.setenv("SIGHTLINE_DATABASE_URL", made.url)
        monkeypatch.chdir(tmp_path)
        yield made


# -- from an empty file ---------------------------------------------------------------------------------------------------


def test_from_an_empty_file_to_no_unmapped_word(desk: Desk) -> None:
    """discover, take over, sync, suggest, decide, test, apply: for each of the five trackers."""
    for path in (desk.config / "departments").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text[: text.index("    bindings:")] + "    bindings: []\n", encoding="utf-8")
    assert "nothing is bound yet: 'sightline discover eng-jira'" in desk.run("sync", code=1)
    for source, department in SOURCES.items():
        desk.run("discover", source)
        shutil.move(desk.config / "discovered" / f"{source}.yaml", desk.file(department))
    assert "all good" in desk.run("config", "check")
    desk.run("sync")
    assert len(desk.json("items", "--limit", "500")) == 105
    decided = {"Warten auf Behörde": "in_progress", "Needs Vendor": "paused", "Ready": "done"}
    for source, department in SOURCES.items():
        fresh = desk.folder / f"{department}-new.yaml"
        desk.run("map", "suggest", source, "--write", str(fresh))
        if not fresh.exists():
            continue
        text = fresh.read_text(encoding="utf-8")
        open_words = re.findall(r"# to decide: .*scales\.(\w+): '([^']+)'", text)
        for role, word in open_words:
            text = _decided(text, role, word, decided[word])
        fresh.write_text(text, encoding="utf-8")
        desk.run("map", "test", str(fresh))
        head = re.search(r"^head: (\S+)", text, re.MULTILINE)
        assert head is not None
        desk.run("map", "apply", str(fresh), "--by", head[1], "--reason", "first reading")
    assert desk.json("map", "inbox") == []
    assert "Every word has a translation." in desk.run("map", "inbox")
    assert desk.json("map", "suggest") == []
    healths = {i["reported_health"] for i in desk.json("items", "--limit", "500", "--source", "legal-jira")}
    assert {"on_track", "at_risk", "off_track"} <= healths


def _decided(text: str, role: str, word: str, becomes: str) -> str:
    """What a person writes for a word that nothing told of."""
    line = f'            "{word}": {becomes}\n'
    if f"          {role}:\n" in text:
        return text.replace(f"          {role}:\n", f"          {role}:\n{line}", 1)
    return text.replace("        scales:\n", f"        scales:\n          {role}:\n{line}", 1)


def test_discover_lists_what_a_credential_sees_and_overwrites_nothing(desk: Desk) -> None:
    told = desk.run("discover", "product-notion")
    for part in (
        "data source New verticals",
        "in flight, at risk, shipped",
        "3 people: Nora Lind, Ben Okafor, Eva Sommer",
    ):
        assert part in told
    path = desk.config / "discovered" / "product-notion.yaml"
    text = path.read_text(encoding="utf-8")
    assert "${SIGHTLINE_DEMO_PRODUCT_TOKEN}" in text
    assert desk.company.product_server.token not in text
    path.write_text("mine", encoding="utf-8")
    assert "kept" in desk.run("discover", "product-notion")
    assert path.read_text(encoding="utf-8") == "mine"


def test_discover_of_a_refused_credential_says_what_to_do(desk: Desk) -> None:
    desk.company.engineering_server.revoked = True
    assert "renew the token" in desk.run("discover", "eng-jira", code=1)


@pytest.mark.parametrize("source", SOURCES)
def test_a_discovered_file_loads(desk: Desk, source: str) -> None:
    desk.run("discover", source)
    made = load(desk.config, instead=desk.config / "discovered" / f"{source}.yaml")
    assert made.source(source).source.bindings


# -- show and inbox ---------------------------------------------------------------------------------------------------------


def test_every_word_really_seen_is_shown_with_its_rule(desk: Desk) -> None:
    desk.run("sync")
    (legal,) = desk.json("map", "show", "legal-jira")
    words = {(w["field"], w["raw"]): w for w in legal["words"]}
    waiting = words["lifecycle", "Warten auf Behörde"]
    assert (waiting["count"], waiting["becomes"]) == (3, "in_progress")
    file, _, line = waiting["rule"].rpartition(":")
    assert "Warten auf Behörde" in Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    assert words["lifecycle", "Offen"]["rule"].startswith("built-in: the tracker's category")
    assert any("'ruht'" in u for u in legal["unused"])
    assert "3 × 'Warten auf Behörde' → in_progress" in desk.run("map", "show", "legal-jira")


def test_the_inbox_names_department_samples_and_links(desk: Desk) -> None:
    desk.change("legal", "            Warten auf Behörde: {lifecycle: in_progress}\n", "", copy=False)
    desk.run("sync")
    (entry,) = desk.json("map", "inbox")
    assert (entry["department"], entry["raw"], entry["count"], entry["suggestion"]) == (
        "legal",
        "Warten auf Behörde",
        3,
        None,
    )
    assert entry["samples"][0]["url"].startswith(desk.company.legal_server.url)
    told = desk.run("map", "inbox", "--department", "legal")
    for part in ("3 × lifecycle 'Warten auf Behörde'", "/browse/LEGAL-", "a person must say what it means"):
        assert part in told
    assert "no department is called 'x'" in desk.run("map", "inbox", "--department", "x", code=2)


def test_a_word_that_its_category_contradicts_is_in_doubt(desk: Desk) -> None:
    """A status called Fertig in the category "in progress": translated, and said aloud."""
    site = desk.company.legal
    status = site.status("10999", "Fertig", "indeterminate")
    site.edit(next(iter(site.issues.values())), None, status=status)
    desk.run("sync")
    (proposal,) = desk.json("map", "suggest", "legal-jira")
    (doubt,) = proposal["doubts"]
    assert doubt["raw"] == "Fertig"
    assert "says in_progress, the word itself says done" in doubt["suggestion"]["conflict"]


# -- test and apply ---------------------------------------------------------------------------------------------------------


def test_a_change_is_previewed_and_nothing_is_written(desk: Desk) -> None:
    desk.run("sync")
    before = Path(desk.folder / "l.db").read_bytes()
    fresh = desk.change("marketing", "Running: in_progress, ", "")
    told = desk.run("map", "test", str(fresh))
    assert "turns 9 items from in_progress to unknown such as" in told
    assert "words without translation: 0 → 9" in told
    with Ledger.open(desk.url) as ledger:
        assert ledger.inbox() == []
    assert Path(desk.folder / "l.db").read_bytes() == before


def test_a_wrong_file_is_named_with_its_line_and_changes_nothing(desk: Desk) -> None:
    desk.run("sync")
    fresh = desk.change("marketing", "Running: in_progress", "Running: in_progess")
    for command in (("map", "test", str(fresh)), ("map", "apply", str(fresh), "--by", "priya-shah", "--reason", "x")):
        said = desk.run(*command, code=2)
        assert "marketing-new.yaml:28" in said
        assert "did you mean 'in_progress'?" in said
    assert "in_progess" not in desk.file("marketing").read_text(encoding="utf-8")


def test_an_applied_mapping_has_an_author_and_a_reason_and_translates_history(desk: Desk) -> None:
    desk.run("sync")
    requests = desk.company.legal_server.faults.count()
    fresh = desk.change("legal", "Warten auf Behörde: {lifecycle: in_progress}", "Warten auf Behörde: paused")
    said = desk.run("map", "apply", str(fresh), "--by", "lea-vogel", "--reason", "an authority decides when it goes on")
    assert "in force for legal-entities" in said
    assert desk.file("legal").read_text(encoding="utf-8") == fresh.read_text(encoding="utf-8")
    assert desk.file("legal").with_suffix(".yaml.before").exists()
    (legal,) = desk.json("map", "show", "legal-jira")
    assert (legal["author"], legal["reason"]) == ("lea-vogel", "an authority decides when it goes on")
    with Ledger.open(desk.url) as ledger:
        item = ledger.item("LEGAL-2")
        assert item is not None
        assert item.item.lifecycle is Lifecycle.PAUSED
        known = ledger.history(item.item.id)
        assert Lifecycle.PAUSED in {v.item.lifecycle for v in known}
        then = from_ms(to_ms(known[-1].observed_from) - 1)
        assert Lifecycle.PAUSED not in {v.item.lifecycle for v in ledger.history(item.item.id, known_at=then)}
        versions = ledger.mapping_versions("legal-jira", "legal-entities")
        assert [v.author for v in versions] == ["lea-vogel", str(desk.file("legal"))]
    assert desk.company.legal_server.faults.count() == requests
    assert "nothing changed" in desk.run("map", "apply", str(fresh), "--by", "lea-vogel", "--reason", "again")


def test_whoever_applies_must_be_known_and_say_why(desk: Desk) -> None:
    fresh = desk.change("legal", "Ruht: paused", "Ruht: cancelled")
    assert "nobody in people.yaml has the key 'x'" in desk.run(
        "map", "apply", str(fresh), "--by", "x", "--reason", "y", code=2
    )
    assert "--reason is empty" in desk.run("map", "apply", str(fresh), "--by", "lea-vogel", "--reason", " ", code=2)


def test_a_renamed_option_is_offered_its_old_rule(desk: Desk) -> None:
    desk.change(
        "product",
        "scales: {lifecycle: words}",
        "scales: {lifecycle: {in flight: in_progress, shipped: done, at risk: in_progress}}",
        copy=False,
    )
    desk.run("sync")
    home = next(iter(desk.company.product.databases.values())).data_sources[0]
    desk.company.product.rename_option(home.properties["State"], "in flight", "unterwegs")
    desk.run("sync")
    (proposal,) = desk.json("map", "suggest", "product-notion")
    (word,) = proposal["words"]
    assert word["raw"] == "unterwegs"
    assert word["suggestion"]["becomes"] == {"lifecycle": "in_progress"}
    assert word["suggestion"]["because"] == ["it was called 'in flight', which has a rule"]
    said = desk.run("doctor", code=1)
    assert re.search(r"'in flight', translated at \S+product.yaml:\d+, is no word of the tracker any more", said)


# -- people ---------------------------------------------------------------------------------------------------------------------


def test_people_are_proposed_and_linked_only_by_their_file(desk: Desk) -> None:
    desk.run("sync")
    told = {i["name"]: i for i in desk.json("people", "suggest")}
    assert set(told) == {"Eva Sommer", "Ben Okafor", "Grace Lindqvist", "Pavel Novak"}
    assert told["Ben Okafor"]["email"] == "ben.okafor@northwind.example"
    line = next(
        part for part in CLI.invoke(app, ["people", "suggest"]).output.splitlines() if "key: pavel-novak" in part
    )
    people = desk.config / "people.yaml"
    people.write_text(
        people.read_text(encoding="utf-8") + "  " + line.split(": ", 1)[1].strip() + "\n", encoding="utf-8"
    )
    desk.run("sync", "sales-salesforce")
    assert "pavel-novak" in {i["owner"] for i in desk.json("items", "--source", "sales-salesforce")}
    assert "Pavel Novak" not in {i["name"] for i in desk.json("people", "suggest")}
    sales, _ = desk.json("map", "show", "sales-salesforce")
    assert sales["reason"] == "people.yaml changed"


def test_a_name_alike_is_only_a_proposal(desk: Desk) -> None:
    people = desk.config / "people.yaml"
    people.write_text(people.read_text(encoding="utf-8") + "  - {key: eva-s, name: 'Sommer, Eva'}\n", encoding="utf-8")
    desk.run("sync")
    told = {i["name"]: i for i in desk.json("people", "suggest")}
    assert told["Eva Sommer"]["person"] == "eva-s"
    assert "confirm before you paste it" in told["Eva Sommer"]["because"]
    assert "eva-s" not in {i["owner"] for i in desk.json("items", "--limit", "500")}


# -- over HTTP ----------------------------------------------------------------------------------------------------------------


def test_departments_their_mapping_and_the_inbox_over_http(desk: Desk) -> None:
    desk.change("legal", "            Warten auf Behörde: {lifecycle: in_progress}\n", "", copy=False)
    desk.run("sync")
    with Ledger.open(desk.url) as ledger, local(create_app(ledger, load(desk.config))) as client:
        departments = {d["department"]: d for d in client.get("/v1/departments").json()["items"]}
        assert departments["legal"]["unmapped"] == 1
        assert departments["sales"]["cadence"] == "monthly"
        mapping = client.get("/v1/departments/legal/mapping").json()
        assert mapping["unmapped"][0]["raw"] == "Warten auf Behörde"
        assert {w["raw"] for w in mapping["bindings"][0]["words"]} >= {"Offen", "Grün", "Rot"}
        (entry,) = client.get("/v1/unmapped").json()["items"]
        assert (entry["department"], entry["samples"][0]["key"][:6]) == ("legal", "LEGAL-")
        missing = client.get("/v1/departments/lagal/mapping")
        assert missing.status_code == 404
        assert "known are engineering, legal" in missing.json()["detail"]
        assert client.get("/v1/links/unresolved").status_code == 200


def test_a_running_service_takes_a_changed_file_and_survives_a_broken_one(desk: Desk) -> None:
    live = Live(load(desk.config))
    live._looked = 0
    desk.change("legal", "name: Legal", "name: Legal and more", copy=False)
    assert "Legal and more" in [d.name for d in live.current.departments]
    desk.change("legal", "kind: jira", "kind: jra", copy=False)
    live._looked = 0
    assert "Legal and more" in [d.name for d in live.current.departments]
    assert "legal.yaml" in live.problem
    assert "last good configuration stays in force" in live.problem
    desk.change("legal", "kind: jra", "kind: jira", copy=False)
    live._looked = 0
    assert live.current is not None
    assert live.problem == ""


def test_an_empty_inbox_of_a_source_that_nobody_read_is_no_good_news(desk: Desk) -> None:
    """Before the first sync every list is empty, and nothing is translated."""
    desk.run("sync", "product-notion")
    for words in (("map", "inbox"), ("map", "suggest")):
        told = desk.run(*words)
        assert "legal-jira has not been read completely yet" in told
        assert "Every word" not in told
        assert "Nothing to propose" not in told
    path = desk.change("legal", "cadence: weekly", "cadence: weekly")
    assert "nothing of it is read yet: 'sightline sync legal-jira'" in desk.run("map", "test", str(path))


def test_numbers_on_no_one_scale_are_for_a_person_to_declare(desk: Desk) -> None:
    """Two slips among judgements from 1 to 10 must make neither a percentage of them nor silence."""
    scale = "        scales:\n          # The stages' own flags say what is won, lost and open.\n          confidence: confidence_1_10\n"
    desk.change("sales", scale, "", copy=False)
    deals = desk.company.sales.tables["Opportunity"].rows.values()
    for value, deal in zip((0, 11), deals, strict=False):
        desk.company.sales.edit(deal, None, Confidence__c=value)
    desk.run("sync", "sales-salesforce")
    told = desk.run("map", "suggest", "sales-salesforce")
    assert "0 to 11: not all of these numbers lie on one built-in scale" in told
    assert "percent" not in told
    fresh = desk.folder / "new.yaml"
    desk.run("map", "suggest", "sales-salesforce", "--write", str(fresh))
    assert "# to decide: sales-salesforce, first-enterprise-accounts, scales.confidence: '0 to 11'" in fresh.read_text()
    text = desk.file("sales").read_text(encoding="utf-8")
    fresh.write_text(
        text.replace("      # How many", "        scales: {confidence: confidence_1_10}\n      # How many"),
        encoding="utf-8",
    )
    told = desk.run("map", "test", str(fresh))
    assert re.search(r"turns \d+ items from unknown to a number \(confidence\)", told)
