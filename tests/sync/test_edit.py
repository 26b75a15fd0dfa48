"""Files that are written for a person to read: whatever a tracker's words hold, they stay words."""

from __future__ import annotations

from pathlib import Path

from connectors.contract import Discovery, Place, SeenField, SeenPerson, StatusValue
from sync.configuration import load
from sync.configuration.draft import department_file
from sync.configuration.edit import NewRule, with_rules
from sync.configuration.yaml_file import read_yaml
from tests.tracked import write

FILE = """\
department: prod
name: Product
sources:
  - key: prod
    kind: notion
    connection: {url: http://127.0.0.1:9, token: "${TEST_TOKEN}"}
    bindings:
      - key: work
        scope: {database: 1f5b2c3d4e5f80607182 93a4b5c6d7e8}
"""
EVIL = "Done\nsources: []\u2028x: y"


def read(path: Path, text: str) -> dict[str, object]:
    path.write_text(text, encoding="utf-8")
    data = read_yaml(path, path.name, expand=False).data
    assert isinstance(data, dict)
    return data


def test_a_word_with_a_line_break_adds_no_line_to_the_file(tmp_path: Path) -> None:
    """Anybody who may type into a tracker could else write into the configuration."""
    path = tmp_path / "prod.yaml"
    path.write_text(FILE.replace(" 93a4", "93a4"), encoding="utf-8")
    rules = [
        NewRule("prod", "work", "lifecycle", EVIL, {}, f"nothing tells {EVIL}"),
        NewRule("prod", "work", "lifecycle", f"{EVIL}!", {"lifecycle": "done"}, f"it was called '{EVIL}'"),
        NewRule("prod", "work", "health", "#00ff00", {"health": "on_track"}, EVIL),
        NewRule("prod", "work", "lifecycle", "x" * 50_000, {}, "nothing tells what it means"),
    ]
    text = with_rules(path, rules)
    assert max(map(len, text.splitlines())) < 400
    scales = read(path, text)["sources"][0]["bindings"][0]["scales"]  # type: ignore[index]  # as YAML gives it
    assert scales["lifecycle"] == {f"{EVIL}!": "done"}
    assert scales["health"]["palette"] == {"#00ff00": "green"}


def test_a_draft_names_what_has_no_latin_letter(tmp_path: Path, monkeypatch: object) -> None:
    """Keys are unique, the types tell the roles, and the fields that nobody reads are listed with their words."""
    fields = (
        SeenField("課題の名", "title", "title"),
        SeenField("段階", "a", "status", (StatusValue("", "1", "終", "done"),)),
        SeenField("人", "b", "people"),
        SeenField("日", "c", "date"),
        SeenField("色", "d", "select", (StatusValue("", "2", "青"), StatusValue("", "3", "赤"))),
    )
    places = tuple(Place("data source", name, {"database": "1" * 32}, fields) for name in ("課題", "計画"))
    people = (SeenPerson("u1", "山田 太郎", "taro@x.jp"), SeenPerson("u2", "田中"), SeenPerson("u3", "佐藤"))
    folder = write(tmp_path / "config", FILE.replace(" 93a4", "93a4"))
    configuration = load(folder, credentials=False)
    text = department_file(configuration.sources[0], configuration, Discovery(places, people))
    for part in (
        "{key: taro, ",
        "{key: person, ",
        "{key: person-2, ",
        "色 (select: 青, 赤)",
        "say what it is: {health: {id: title}}",
    ):
        assert part in text
    bindings = read(tmp_path / "d.yaml", text)["sources"][0]["bindings"]  # type: ignore[index]  # as YAML gives it
    assert [b["key"] for b in bindings] == ["data-source", "data-source-2"]
    assert bindings[0]["fields"] == {"lifecycle": {"id": "a"}, "owner": {"id": "b"}, "due_on": {"id": "c"}}
    assert bindings[0]["scales"] == {"lifecycle": {"終": "done"}}


def test_a_draft_of_a_sheet_takes_nothing_over_that_cannot_be_read(tmp_path: Path) -> None:
    """A tab without a header is shown and stays out; a column with its usual name is not called unread."""
    columns = (SeenField("Plan"), SeenField("RAG", None, "", (StatusValue("", "Late", "Late"),)), SeenField("Budget"))
    book = {"spreadsheet": "1" * 30}
    places = (
        Place("tab", "Notes", {**book, "tab": "Notes"}),
        Place("tab", "Plan", {**book, "tab": "Plan"}, columns, ("Plan",)),
    )
    sheet = FILE.replace("kind: notion", "kind: google_sheets").replace(
        '{url: http://127.0.0.1:9, token: "${TEST_TOKEN}"}', '{auth: {kind: token, token: "${TEST_TOKEN}"}}'
    )
    folder = write(tmp_path / "config", sheet[: sheet.index("    bindings:")] + "    bindings: []\n")
    configuration = load(folder, credentials=False)
    text = department_file(configuration.sources[0], configuration, Discovery(places))
    (only,) = read(tmp_path / "d.yaml", text)["sources"][0]["bindings"]  # type: ignore[index]  # as YAML gives it
    assert (only["key"], only["row_key"], only["scales"]) == ("plan", ["Plan"], {"health": {"Late": "off_track"}})
    assert "# read by its usual name: RAG as health" in text
    assert "# not bound: Budget\n" in text
    nothing = department_file(configuration.sources[0], configuration, Discovery(places[:1]))
    assert read(tmp_path / "n.yaml", nothing)["sources"][0]["bindings"] == []  # type: ignore[index]  # as YAML gives it
