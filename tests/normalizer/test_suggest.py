"""What a word may mean: the tracker's own metadata first, the word itself second, and contradictions said aloud."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Said
from ledger.model import Lifecycle
from normalizer.likeness import likely
from normalizer.mapping import Rule
from normalizer.people import Person
from normalizer.suggest import hue_of, role_for, roles_for, scale_for, suggest


@pytest.mark.parametrize(
    ("role", "word", "category", "colour", "becomes"),
    [
        ("lifecycle", "In Arbeit", "indeterminate", None, {"lifecycle": "in_progress"}),
        ("lifecycle", "Elaboração vencida", "indeterminate", None, {"lifecycle": "in_progress"}),
        ("lifecycle", "Active", "done", None, {"lifecycle": "done"}),
        ("lifecycle", "at risk", None, "red", {"lifecycle": "in_progress", "health": "at_risk"}),
        ("lifecycle", "shipped", None, "green", {"lifecycle": "done"}),
        ("health", "Gelb", None, None, {"health": "at_risk"}),
        ("health", "🟢", None, None, {"health": "on_track"}),
        ("health", "Sonnig", None, "#93c47d", {"health": "on_track"}),
        ("health", "blue", None, None, {"lifecycle": "done"}),
    ],
)
def test_signs_make_a_suggestion(
    role: str, word: str, category: str | None, colour: str | None, becomes: dict[str, str]
) -> None:
    told = suggest(role, word, category=category, colour=colour)
    assert told is not None
    assert (told.becomes, told.conflict) == (becomes, "")


@pytest.mark.parametrize(
    ("role", "word", "category", "colour"),
    [
        ("lifecycle", "Done", "new", None),  # made through Notion's API, every option lies in To-do
        ("lifecycle", "Resolved", "indeterminate", None),
        ("lifecycle", "Cancelled", "done", None),
        ("health", "Green", None, "#e06666"),
    ],
)
def test_signs_that_contradict_each_other_are_a_conflict(
    role: str, word: str, category: str | None, colour: str | None
) -> None:
    told = suggest(role, word, category=category, colour=colour)
    assert told is not None
    assert told.conflict
    assert told.confidence == 0.5


@pytest.mark.parametrize("word", ["Ready", "Active", "Warten auf Behörde", "", "42", "🦄"])
def test_what_nothing_tells_is_not_guessed(word: str) -> None:
    assert suggest("lifecycle", word) is None


def test_a_renamed_option_brings_its_rule_along() -> None:
    told = suggest("lifecycle", "Under way", former=("In flight", Rule("f.yaml:3", lifecycle=Lifecycle.IN_PROGRESS)))
    assert told is not None
    assert (told.becomes, told.because) == (
        {"lifecycle": "in_progress"},
        ("it was called 'In flight', which has a rule",),
    )
    assert told.confidence > 0.9


@given(st.text(max_size=40), st.sampled_from([None, "new", "done", "undefined", "odd"]), st.sampled_from([None, "red", "#12ab9f", "mauve"]))  # fmt: skip
def test_any_word_may_be_asked_for(word: str, category: str | None, colour: str | None) -> None:
    for role in ("lifecycle", "health", "resolution", "blocked"):
        told = suggest(role, word, category=category, colour=colour)
        assert told is None or 0 < told.confidence < 1


def test_colours_are_told_by_their_hue() -> None:
    told = {c: hue_of(c) for c in ("#93c47d", "#ffd966", "#e06666", "#3c78d8", "#d9d9d9", "#ffffff", "orange", "mauve")}
    assert list(told.values()) == ["green", "amber", "red", "blue", "grey", None, "amber", None]


def test_a_scale_is_proposed_only_where_it_has_every_value() -> None:
    assert scale_for("health", ["Green", "amber"]) == "rag"
    assert scale_for("health", ["Green", "late"]) is None
    assert scale_for("confidence", ["7", "3", "10"]) == "confidence_1_10"
    assert scale_for("confidence", ["40", "80"]) == "percent"
    assert scale_for("confidence", ["0", "3", "7", "11"]) is None  # slips among judgements from 1 to 10
    assert scale_for("confidence", ["0.3", "1"]) == "confidence_0_1"
    assert scale_for("confidence", ["7", "n/a"]) is None
    assert scale_for("confidence", []) is None


def test_a_fields_name_tells_its_role() -> None:
    told = [role_for(n) for n in ("Confidence__c", "Close Date", "Ampel", "Confidence (1-10)", "Assignee", "Campaign")]
    assert told == ["confidence", "due_on", "health", "confidence", "owner", None]
    fields = [("Stand der Dinge", "status"), ("Wer", "people"), ("Von", "date"), ("Bis", "date"), ("Prüfer", "text")]
    assert roles_for(fields) == {"lifecycle": 0, "owner": 1, "due_on": 3}
    assert roles_for([("Von", "date"), ("Nach", "date")]) == {}  # two of a kind: a person decides
    assert roles_for([("Wer", "people")], taken={"owner"}) == {}
    assert roles_for([("ステータス", "select"), ("الموعد النهائي", "")]) == {"lifecycle": 0, "due_on": 1}


PEOPLE = [
    Person("eva", "Eva Sommer"),
    Person("bob", "Bob Smith"),
    Person("rob", "Rob Smith"),
    Person("lea", "Léa Vogel"),
]


@pytest.mark.parametrize(("name", "key"), [("Sommer, Eva", "eva"), ("Lea Vogel", "lea"), ("Eva Somer", "eva")])
def test_names_alike_are_proposed(name: str, key: str) -> None:
    found = likely(name, PEOPLE)
    assert found is not None
    assert found[0].key == key


@pytest.mark.parametrize("name", ["Wei Li", "B Smith", "Robb Smith", "", "Eva"])
def test_two_who_are_alike_are_nobodys_suggestion(name: str) -> None:
    found = likely(name, PEOPLE)
    assert found is None or found[0].key == "rob"  # "Robb Smith" leads clearly, the others do not


def test_likeness_links_nobody() -> None:
    """Suggesting is not linking: the normalizer knows identities, e-mails and declared aliases only."""
    from normalizer.people import People

    assert People(PEOPLE).find("s", Said("Sommer, Eva", id="7")) is None
