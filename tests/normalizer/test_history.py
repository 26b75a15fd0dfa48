"""From a record and its changelog to every state it was in; and what its texts refer to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Change, Link, RawRecord, Said
from normalizer.history import links, rewind
from normalizer.references import references

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def record(**fields: str) -> RawRecord:
    said = {role: (Said(value),) for role, value in fields.items()}
    return RawRecord("1", "p", "ENG-1", "T", created_at=T0, fields=said)


def change(hours: int, field: str, before: str, after: str) -> Change:
    return Change(f"{hours}{field}", T0 + timedelta(hours=hours), field, (Said(before),), (Said(after),))


def values(states: list[tuple[datetime, RawRecord]], role: str) -> list[Any]:
    return [s.fields[role][0].value if s.fields[role] else None for _, s in states]


def test_a_changelog_gives_every_state_with_its_instant() -> None:
    states = rewind(record(lifecycle="C"), [change(1, "lifecycle", "A", "B"), change(2, "lifecycle", "B", "C")])
    assert values(states, "lifecycle") == ["A", "B", "C"]
    assert [at for at, _ in states] == [T0, T0 + timedelta(hours=1), T0 + timedelta(hours=2)]


def test_two_fields_go_back_each_on_its_own() -> None:
    states = rewind(
        record(lifecycle="B", owner="bob"), [change(1, "owner", "ann", "bob"), change(2, "lifecycle", "A", "B")]
    )
    assert [(x, y) for x, y in zip(values(states, "lifecycle"), values(states, "owner"), strict=True)] == [
        ("A", "ann"),
        ("A", "bob"),
        ("B", "bob"),
    ]


def test_changes_of_one_instant_make_one_state() -> None:
    assert (
        len(rewind(record(lifecycle="B", owner="x"), [change(1, "owner", "y", "x"), change(1, "lifecycle", "A", "B")]))
        == 2
    )


def test_what_the_mapping_does_not_read_makes_no_state() -> None:
    assert len(rewind(record(lifecycle="A"), [change(1, "[description]", "x", "y")])) == 1


def test_without_a_history_there_is_one_state() -> None:
    assert rewind(record(lifecycle="A"), []) == [(T0, record(lifecycle="A"))]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from(["lifecycle", "owner"])), max_size=12))
def test_playing_the_changes_forward_again_ends_in_the_present(steps: list[tuple[int, str]]) -> None:
    """The states are ordered, start at the creation, and each follows from the one before by its changes."""
    now = {"lifecycle": "v0", "owner": "v0"}
    made = []
    for n, (hours, field) in enumerate(sorted(steps)):
        made.append(change(hours * 100 + n, field, now[field], f"v{n + 1}"))
        now[field] = f"v{n + 1}"
    states = rewind(record(**now), made)
    assert [at for at, _ in states] == sorted(at for at, _ in states)
    assert states[0][0] == T0
    assert values(states, "lifecycle")[0] == values(states, "owner")[0] == "v0"
    assert states[-1][1] == record(**now)
    assert len(states) == len(made) + 1


PAGE = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("needs LEGAL-7 and ENG-12.", [("LEGAL-7", None), ("ENG-12", None)]),
        (
            "see https://acme.atlassian.net/browse/ENG-9?focus=1, please (ENG-9)",
            [("https://acme.atlassian.net/browse/ENG-9?focus=1", "ENG-9")],
        ),
        (
            "https://j.example/boards/1?selectedIssue=ENG-7",
            [("https://j.example/boards/1?selectedIssue=ENG-7", "ENG-7")],
        ),
        (f"https://www.notion.so/acme/Plan-{PAGE}?v=1", [(f"https://www.notion.so/acme/Plan-{PAGE}?v=1", PAGE)]),
        (f"https://notion.so/Coffee-deadbeef-cafe-{PAGE}", [(f"https://notion.so/Coffee-deadbeef-cafe-{PAGE}", PAGE)]),
        (f"https://a.notion.site/x{PAGE[1:]}?p={PAGE}", [(f"https://a.notion.site/x{PAGE[1:]}?p={PAGE}", PAGE)]),
        ("01234567-89ab-cdef-0123-456789abcdef", [(PAGE, None)]),
        ("opp 0065g00000ABCdEAAX", [("0065g00000ABCdEAAX", None)]),
        ("opp 0065f00000AbCdE", [("0065f00000AbCdEAAV", None)]),
        (
            "https://acme.lightning.force.com/lightning/r/Opportunity/0065f00000AbCdE/view",
            [("https://acme.lightning.force.com/lightning/r/Opportunity/0065f00000AbCdE/view", "0065f00000AbCdEAAV")],
        ),
        ("https://example.org/a/page", [("https://example.org/a/page", None)]),
        ("https://[broken", [("https://[broken", None)]),
        ("Row 17 of marketing", [("Row 17 of marketing", None)]),
        ("", []),
        ("ENG-1", []),
        ("https://acme.atlassian.net/browse/ENG-1", []),
        ("COVID-19-plan", [("COVID-19-plan", None)]),
        ("ENG-012", [("ENG-012", None)]),
    ],
)
def test_a_text_names_records_of_any_tracker(text: str, found: list[tuple[str, str | None]]) -> None:
    assert references(text, apart_from="ENG-1") == found


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | st.from_regex(r"https?://(www\.notion\.so|a\.force\.com|x)/.{0,60}", fullmatch=True))
def test_any_text_may_be_looked_through(text: str) -> None:
    assert all(isinstance(target, str) for target, _ in references(text))


def test_a_dependency_field_makes_the_other_the_blocker() -> None:
    made = RawRecord(
        "1",
        "p",
        "ENG-1",
        "T",
        fields={"depends_on": (Said("needs LEGAL-7"),)},
        links=(Link("9", "blocks", "out", "blocks", "ENG-9"),),
    )
    assert [(x.target, x.kind, x.direction) for x in links(made)] == [
        ("9", "blocks", "out"),
        ("LEGAL-7", "blocks", "in"),
    ]
