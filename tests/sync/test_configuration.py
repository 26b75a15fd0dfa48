"""The files that people write: everything wrong is told at once, with file, line, place and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from connectors.contract import ConfigError
from demo.company import DemoCompany, configuration
from sync.configuration import ConfigErrors, load
from sync.configuration.schema import SCHEMAS, schema
from sync.configuration.template import write_starting_set
from tests.tracked import ORGANISATION, PEOPLE, write

GOOD = """\
department: eng
name: Engineering
head: ann
sources:
  - key: eng
    kind: jira
    connection:
      url: https://acme.atlassian.net
      auth: {kind: api_token, email: a@b.example, token: "${TEST_TOKEN}"}
    bindings:
      - key: work
        scope: {jql: project = ENG}
        fields:
          health: {name: RAG}
        scales:
          lifecycle: {Parked: paused}
          health: rag
"""
D = "departments/d0.yaml"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", "token-canary-77")


def problems(folder: Path, *departments: str, **files: str) -> list[str]:
    """What is said of a directory, with paths as a person in it sees them."""
    with pytest.raises(ConfigErrors) as caught:
        load(write(folder, *departments, **files))
    return [str(p).replace(f"{folder}/", "") for p in caught.value.problems]


def test_a_good_configuration_loads(tmp_path: Path) -> None:
    made = load(write(tmp_path, GOOD))
    assert made.source("eng").mappings["work"].scales["lifecycle"].words["parked"].origin.endswith("d0.yaml:16")


@pytest.mark.parametrize(
    ("wrong", "right", "sentences"),
    [
        ("head:", "hed:", [f"{D}:3: hed: is no setting here - did you mean 'head'?"]),
        ("name: Engineering\n", "", [f"{D}:1: name: is missing"]),
        ("kind: jira", "kind: jria", [f"{D}:6: sources[0].kind: 'jria' is no kind of tracker: known are {{kinds}} - did you mean 'jira'?"]),
        ("head: ann", "head: anne", [f"{D}:3: head: nobody in people.yaml has the key 'anne' - did you mean 'ann'?"]),
        ("TEST_TOKEN", "NO_TOKEN", [f"{D}:9: sources[0].connection.auth.token: the environment variable NO_TOKEN is not set: set it, or write ${{file:/path/to/secret}}"]),
        ("${TEST_TOKEN}", "${file:/nowhere/t}", [f"{D}:9: sources[0].connection.auth.token: the file /nowhere/t cannot be read: No such file or directory"]),
        ("${TEST_TOKEN}", "abc123", [f"{D}:9: sources[0].connection.auth.token: is a secret written in the file: put it into the environment and write ${{NAME}} here"]),
        ("api_token,", "api_tokn,", [f"{D}:9: sources[0].connection.auth.kind: must be 'api_token', 'pat', 'oauth', not 'api_tokn' - did you mean 'api_token'?"]),
        ("https://acme", "ftp://acme", [f"{D}:8: sources[0].connection.url: must be an address such as https://acme.atlassian.net, without user or password"]),
        ("https://acme", "https://me:pw@acme", [f"{D}:8: sources[0].connection.url: must be an address such as https://acme.atlassian.net, without user or password"]),
        ("    kind: jira", "    kind: jira\n    every: 15", [f"{D}:7: sources[0].every: '15' is no duration: write 15m, 2h or 1d"]),
        ("= ENG}", "= ENG ORDER BY created}", [f"{D}:12: sources[0].bindings[0].scope.jql: leave ORDER BY out: the order of reading is decided by Sightline"]),
        ("project = ENG", "key in (A, B)", [f"{D}:12: sources[0].bindings[0].scope.B): is no setting here: a text that contains a comma stands in quotes"]),
        ("health: {name", "helth: {name", [f"{D}:14: sources[0].bindings[0].fields.helth: 'helth' is no role - did you mean 'health'?"]),
        ("{Parked: paused}", "{Parked: pausd}", [f"{D}:16: sources[0].bindings[0].scales.lifecycle.Parked: 'Parked' becomes 'pausd', which is no lifecycle - did you mean 'paused'?"]),
        ("{Parked: paused}", "{Parked: at_risk}", [f"{D}:16: sources[0].bindings[0].scales.lifecycle.Parked: 'Parked' becomes 'at_risk', which is no lifecycle; it is a health: write 'Parked: {{health: at_risk}}'"]),
        ("health: rag", "health: rga", [f"{D}:17: sources[0].bindings[0].scales.health: 'rga' is no scale - did you mean 'rag'?"]),
        ("health: rag", "confidence: {scale: confidence_1_10, on_track: 3, at_risk: 6}", [f"{D}:17: sources[0].bindings[0].scales.confidence: bands must rise: 1 <= at_risk <= on_track <= 10"]),
        ("        scales:", "        unmapped: ignore\n        scales:", [f"{D}:15: sources[0].bindings[0].unmapped: 'ignore' is no policy: write unknown, reject or {{fixed: a word of ours}}"]),
        ("    bindings:", "\tbindings:", [f"{D}:10: is no valid YAML: found character '\\t' that cannot start any token (YAML is indented by spaces, not tabs)"]),
        ("{name: RAG}", "{name: RAG", [f"{D}:15: is no valid YAML: expected ',' or '}}', but got ':' (while parsing a flow mapping, from line 14 on)"]),
        ("scope: {", "scope: &x {", [f"{D}:12: sources[0].bindings[0].scope: anchors and aliases (& and *) are not used here: write the value out"]),
        ("head: ann", "name: Again", [f"{D}:3: name: stands twice: the first is on line 2"]),
        ("department: eng", "department: Eng Team", [f"{D}:1: department: 'Eng Team' must be a key of lower-case letters, digits and hyphens"]),
    ],
)  # fmt: skip
def test_a_wrong_department_file_is_told_with_its_line(
    tmp_path: Path, wrong: str, right: str, sentences: list[str]
) -> None:
    from connectors.contract import kinds

    assert wrong in GOOD
    found = problems(tmp_path, GOOD.replace(wrong, right))
    assert found == [s.replace("{kinds}", ", ".join(kinds())).replace("{{", "{").replace("}}", "}") for s in sentences]


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("organisation", "name: A\ntimezone: Europe/Berln\n", "organisation.yaml:2: timezone: 'Europe/Berln' is no time zone: write one such as Europe/Berlin or America/New_York"),
        ("organisation", ORGANISATION + "fiscal_year_start: 13-01\n", "organisation.yaml:3: fiscal_year_start: '13-01' must be a month and day such as 04-01"),
        ("organisation", ORGANISATION + "week_close: {day: fryday}\n", "organisation.yaml:3: week_close.day: must be 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday' or 'sunday', not 'fryday' - did you mean 'friday'?"),
        ("organisation", "", "organisation.yaml:1: is empty"),
        ("organisation", "- a\n", "organisation.yaml:1: must be settings of the form 'name: value'"),
        ("people", PEOPLE + "  - {key: bob, name: Bob, emails: [ANN@acme.example]}\n", "people.yaml:3: people[1].emails[0]: the e-mail 'ann@acme.example' exists already: people.yaml:2"),
        ("people", PEOPLE + "  - {key: ann, name: Anna}\n", "people.yaml:3: people[1].key: the person 'ann' exists already: people.yaml:2"),
        ("people", PEOPLE + "  - {key: bob, name: Bob, manager: an}\n", "people.yaml:3: people[1].manager: no manager is called 'an' - did you mean 'ann'?"),
        ("people", PEOPLE + "  - {key: bob, name: ''}\n", "people.yaml:3: people[1].name: must not be empty, not ''"),
    ],
)  # fmt: skip
def test_a_wrong_company_file_is_told_with_its_line(tmp_path: Path, file: str, text: str, sentence: str) -> None:
    assert problems(tmp_path, GOOD, **{file: text}) == [sentence]


def test_all_errors_come_at_once(tmp_path: Path) -> None:
    """A person corrects a file once, not six times."""
    broken = GOOD.replace("jira", "jria").replace("head:", "hed:").replace("pausd", "x")
    found = problems(
        tmp_path, broken, organisation="name: A\ntimezone: Mars\n", people=PEOPLE + "  - {key: B, name: ''}\n"
    )
    assert [line.split(": ")[0] for line in found] == [
        f"{D}:3",
        f"{D}:6",
        "organisation.yaml:2",
        "people.yaml:3",
        "people.yaml:3",
    ]


def test_a_key_is_used_once_in_the_company(tmp_path: Path) -> None:
    assert f"departments/d1.yaml:5: sources[0].key: the source 'eng' exists already: {D}:5" in problems(
        tmp_path, GOOD, GOOD
    )


def test_a_missing_directory_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="is no directory: 'sightline init' writes a starting set"):
        load(tmp_path / "nowhere")
    assert problems(tmp_path) == ["departments: holds no department file: 'sightline init' writes one"]


def test_a_file_in_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / D).write_bytes(GOOD.replace("Parked", "Geprüft").encode("latin-1"))
    with pytest.raises(ConfigErrors, match=r"d0.yaml:16: is not UTF-8: save the file with that encoding"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["x: " + "[" * 400 + "]" * 400, "x: " + "{a: " * 400 + "}" * 400, "a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]", "\x00", "x" * (2**20 + 1), "? [a, b]\n: c\n"])  # fmt: skip
def test_a_hostile_file_is_refused_at_once(tmp_path: Path, text: str) -> None:
    """Row 37."""
    assert problems(tmp_path, GOOD + text)


@pytest.mark.parametrize(
    "word", ["On", "No", "off", "8", "007", "1e3", "12:30", "2026-11-30", "null", "~", "0x1F", "Ja "]
)
def test_a_status_stays_the_text_that_was_written(tmp_path: Path, word: str) -> None:
    """YAML 1.1 makes false of `No` and 750 of `12:30`."""
    made = load(
        write(
            tmp_path,
            GOOD.replace(
                "{Parked: paused}", f"{{'{word}': done}}" if word in ("null", "~", "Ja ") else f"{{{word}: done}}"
            ),
        )
    )
    assert list(made.source("eng").mappings["work"].scales["lifecycle"].words) == [word.strip().casefold()]


def test_a_secret_is_in_no_sentence_and_no_repr(tmp_path: Path) -> None:
    """Row 32."""
    made = load(write(tmp_path, GOOD))
    assert "token-canary-77" not in repr(made)
    broken = problems(tmp_path / "b", GOOD.replace("https://acme.atlassian.net", "${TEST_TOKEN}"))
    assert broken
    assert "token-canary-77" not in "".join(broken)


def test_a_secret_may_come_from_a_mounted_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    made = load(write(tmp_path / "c", GOOD.replace("${TEST_TOKEN}", f"${{file:{tmp_path / 'secret'}}}")))
    assert made.source("eng").source.connection.auth.token.get_secret_value() == "from-a-file"


def test_an_unknown_source_is_told_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no source is called 'egn' - did you mean 'eng'?"):
        load(write(tmp_path, GOOD)).source("egn")


def test_the_shipped_configuration_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    with DemoCompany() as company:
        for name, value in company.environment().items():
            monkeypatch.setenv(name, value)
        assert {s.key for s in load(configuration()).sources} >= {"eng-jira", "legal-jira"}


def test_the_starting_set_loads_and_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(written for _, written in write_starting_set(tmp_path))
    for name, value in (("JIRA_URL", "https://a.example"), ("JIRA_EMAIL", "a@b.example"), ("JIRA_TOKEN", "x")):
        monkeypatch.setenv(name, value)
    assert load(tmp_path).source("eng-jira").kind == "jira"
    (tmp_path / "people.yaml").write_text("mine")
    assert not any(written for _, written in write_starting_set(tmp_path))
    assert (tmp_path / "people.yaml").read_text() == "mine"


def plain(path: Path) -> Any:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")), default=str))


@pytest.mark.parametrize("what", sorted(SCHEMAS))
def test_the_schema_takes_what_loads(what: str) -> None:
    """An editor that checks by the schema must not cry at the shipped files."""
    made = schema(what)
    Draft202012Validator.check_schema(made)
    home = configuration()
    files = sorted((home / "departments").glob("*.yaml")) if what == "department" else [home / f"{what}.yaml"]
    for file in files:
        errors = [
            f"{file.name}: {e.json_path}: {e.message}" for e in Draft202012Validator(made).iter_errors(plain(file))
        ]
        assert errors == []


def test_the_schema_refuses_a_misspelt_setting() -> None:
    wrong = plain(configuration() / "departments" / "engineering.yaml")
    wrong["sources"][0]["connection"]["urll"] = "x"
    assert not Draft202012Validator(schema("department")).is_valid(wrong)
