"""From a tracker's words to the one format: total, honest, and with the rule that did it (domain.md, 4-5)."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import RawRecord, Said, Words
from ledger.model import Health, Item, Lifecycle
from normalizer.mapping import Mapping, MappingErrors, ScaleText, compile_mapping
from normalizer.people import People, Person
from normalizer.scales import NAMED, folded
from normalizer.translate import Translator


def mapping(
    scales: dict[str, Any] | None = None, source_scales: dict[str, Any] | None = None, unmapped: Any = "unknown"
) -> Mapping:
    def texts(scales: dict[str, Any]) -> dict[str, ScaleText]:
        made = {}
        for role, scale in scales.items():
            if isinstance(scale, str):
                made[role] = ScaleText(scale=scale, origin="f.yaml:9")
            else:
                words = tuple((raw, becomes, f"f.yaml:{10 + n}") for n, (raw, becomes) in enumerate(scale.items()))
                made[role] = ScaleText(words=words, origin="f.yaml:9")
        return made

    return compile_mapping(
        source="s",
        binding="b",
        source_scales=texts(source_scales or {}),
        binding_scales=texts(scales or {}),
        unmapped={"*": unmapped},
        file="f.yaml",
    )


def translated(fields: dict[str, Any], scales: dict[str, Any] | None = None, **more: Any) -> Item:
    said = {role: value if isinstance(value, tuple) else (Said(value),) for role, value in fields.items()}
    return Translator(mapping(scales, **more), People()).translate(RawRecord("1", "p", "ENG-1", "T", fields=said))


def status(name: str, category: str | None, id: str | None = None) -> Words:
    return (Said(name, id=id, category=category),)


# -- acceptance ----------------------------------------------------------------------------------------------------------


def test_four_trackers_words_reach_one_format() -> None:
    """A2"""
    assert translated({"health": "Amber "}, {"health": "rag"}).reported_health is Health.AT_RISK
    sales = translated({"confidence": 7}, {"confidence": "confidence_1_10"})
    assert sales.reported_health is Health.ON_TRACK
    assert sales.confidence == pytest.approx(6 / 9)
    product = translated({"lifecycle": "in flight"}, {"lifecycle": "words"})
    assert (product.lifecycle, product.reported_health) == (Lifecycle.IN_PROGRESS, Health.UNKNOWN)
    jira = translated({"lifecycle": status("Cancelled", "done"), "resolution": "Won't Do"})
    assert (jira.lifecycle, jira.reported_health) == (Lifecycle.CANCELLED, Health.NOT_APPLICABLE)


def test_a_new_status_without_meaning_is_unknown_and_in_the_inbox_once() -> None:
    """A3"""
    item = translated({"lifecycle": status("Needs Vendor", "undefined", "10030")})
    assert (item.lifecycle, item.reported_health) == (Lifecycle.UNKNOWN, Health.UNKNOWN)
    assert [(u.field, u.raw, u.raw_id) for u in item.unmapped] == [("lifecycle", "Needs Vendor", "10030")]
    word = item.word("lifecycle")
    assert word is not None
    assert "add it to f.yaml" in word.finding


# -- Jira's categories -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("category", "life"), [("new", "not_started"), ("indeterminate", "in_progress"), ("done", "done"), ("undefined", "unknown"), (None, "unknown")])  # fmt: skip
def test_a_category_tells_where_the_work_is_and_never_how_it_goes(category: str | None, life: str) -> None:
    item = translated({"lifecycle": status("X", category)})
    assert item.lifecycle == life
    assert item.reported_health in (Health.UNKNOWN, Health.NOT_APPLICABLE)
    assert (item.reported_health is Health.NOT_APPLICABLE) == (life == "done")


@pytest.mark.parametrize(
    "resolution", ["Won't Do", "Won’t Fix", "Cancelled", "Declined", "DUPLICATE", "Cannot Reproduce", " obsolete "]
)
def test_done_by_giving_up_is_cancelled(resolution: str) -> None:
    assert (
        translated({"lifecycle": status("Closed", "done"), "resolution": resolution}).lifecycle is Lifecycle.CANCELLED
    )


def test_a_resolution_says_nothing_of_work_that_goes_on() -> None:
    item = translated({"lifecycle": status("Doing", "indeterminate"), "resolution": "Duplicate"})
    assert item.lifecycle is Lifecycle.IN_PROGRESS


def test_a_status_deleted_in_the_tracker_keeps_its_category() -> None:
    """A4: the changelog names only the id; the snapshot of the vocabulary knows what it was."""
    translator = Translator(mapping(), People(), {"77": "done"})
    record = RawRecord("1", "p", "ENG-1", "T", fields={"lifecycle": (Said("Shipped!", id="77"),)})
    assert translator.translate(record).lifecycle is Lifecycle.DONE


# -- matching and precedence -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["ruht", "RUHT", "  Ruht ", "Ｒｕｈｔ", "ru\u00adht".replace("\u00ad", "")])
def test_a_word_matches_whatever_its_case_width_and_spaces(written: str) -> None:
    assert translated({"lifecycle": written}, {"lifecycle": {"Ruht": "paused"}}).lifecycle is Lifecycle.PAUSED


def test_the_stable_id_wins_over_the_name() -> None:
    """A renamed status keeps its meaning."""
    item = translated(
        {"lifecycle": status("In Progress", "indeterminate", "10100")},
        {"lifecycle": {"10100": "paused", "In Progress": "done"}},
    )
    assert item.lifecycle is Lifecycle.PAUSED


def test_the_binding_wins_over_the_source_and_the_source_over_the_category() -> None:
    words = {"lifecycle": status("Ready", "new")}
    assert translated(words, source_scales={"lifecycle": {"Ready": "in_progress"}}).lifecycle is Lifecycle.IN_PROGRESS
    both = translated(words, {"lifecycle": {"Ready": "paused"}}, source_scales={"lifecycle": {"Ready": "in_progress"}})
    assert both.lifecycle is Lifecycle.PAUSED
    word = both.word("lifecycle")
    assert word is not None
    assert word.rule == "f.yaml:10"


def test_two_rules_for_one_word_are_an_error_with_both_lines() -> None:
    with pytest.raises(MappingErrors, match=r"f.yaml:11: 'ruht ' has two rules: the other one is at f.yaml:10"):
        mapping({"lifecycle": {"Ruht": "paused", "ruht ": "done"}})


def test_a_health_word_in_the_lifecycle_scale_is_an_error_that_says_how_to_write_it() -> None:
    with pytest.raises(MappingErrors, match=r"it is a health: write 'Gut: \{health: on_track\}'"):
        mapping({"lifecycle": {"Gut": "on_track"}})


@pytest.mark.parametrize(
    ("policy", "life"), [("unknown", "unknown"), ({"fixed": "paused"}, "paused"), ("reject", "unknown")]
)
def test_the_policy_decides_what_an_unmapped_word_becomes(policy: Any, life: str) -> None:
    item = translated({"lifecycle": "Frobnicating"}, unmapped=policy)
    assert item.lifecycle == life
    assert len(item.unmapped) == 1


def test_one_word_may_say_both_axes_and_may_be_assumed() -> None:
    item = translated(
        {"lifecycle": "in flight"},
        {"lifecycle": {"in flight": {"lifecycle": "in_progress", "health": "on_track", "assumed": "true"}}},
    )
    assert (item.lifecycle, item.reported_health, item.health_assumed) == (Lifecycle.IN_PROGRESS, Health.ON_TRACK, True)


# -- numbers -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "health"), [(10, "on_track"), (7, "on_track"), (6.9, "at_risk"), (4, "at_risk"), (3.9, "off_track"), (1, "off_track")])  # fmt: skip
def test_confidence_is_banded_on_its_own_scale(value: float, health: str) -> None:
    assert translated({"confidence": value}, {"confidence": "confidence_1_10"}).reported_health == health


@pytest.mark.parametrize("value", [0, 11, -3, "70 %", "7/10", "seven", True, math.nan, math.inf, "7,5"])
def test_a_number_off_the_scale_is_a_finding_and_is_not_clamped(value: Any) -> None:
    item = translated({"confidence": value}, {"confidence": "confidence_1_10"})
    assert item.reported_health is Health.UNKNOWN
    assert item.confidence is None
    word = item.word("confidence")
    assert word is not None
    assert word.finding


@pytest.mark.parametrize("blank", ["", "n/a", "TBD", "grey", " - ", None])
def test_blank_is_unknown_and_never_green(blank: str | None) -> None:
    item = translated({"health": blank}, {"health": "rag"})
    assert item.reported_health is Health.UNKNOWN


def test_percent_progress_is_a_share_of_one() -> None:
    item = translated({"progress": 45}, {"progress": "percent"})
    assert (item.progress, item.progress_kind) == (0.45, "percent_reported")


# -- people, dates, flags -------------------------------------------------------------------------------------------------------

PEOPLE = People([
    Person("mia", "Mia Wong", emails=("mia@x.example",), identities={"s": "u1"}),
    Person("lea", "Lea Vogel", aliases=("Vogel, Lea",)),
])  # fmt: skip


@pytest.mark.parametrize(
    ("said", "person"),
    [
        (Said("Somebody", id="u1"), "mia"),
        (Said("M.", email="MIA@x.example"), "mia"),
        (Said("vogel,  lea"), "lea"),
        (Said("Lea Vogl"), None),
        (Said("Mia", id="u2"), None),
    ],
)
def test_people_are_known_by_what_is_declared_and_never_by_likeness(said: Said, person: str | None) -> None:
    record = RawRecord("1", "p", "ENG-1", "T", fields={"owner": (said,)})
    assert Translator(mapping(), PEOPLE).translate(record).owner == person


def test_an_identity_holds_in_its_own_source_only() -> None:
    assert PEOPLE.find("other", Said("X", id="u1")) is None


def test_two_owners_are_no_owner() -> None:
    item = translated({"owner": (Said("Ann"), Said("Bob"))})
    assert item.owner is None
    word = item.word("owner")
    assert word is not None
    assert word.finding == "2 owners are named: one is needed"


def test_a_date_that_is_none_is_a_finding() -> None:
    assert translated({"due_on": "2026-11-30"}).due_on == date(2026, 11, 30)
    item = translated({"due_on": "end of Q4"})
    word = item.word("due_on")
    assert item.due_on is None
    assert word is not None
    assert "no date" in word.finding


def test_a_set_flag_is_blocked_and_an_unread_one_is_unknown() -> None:
    assert translated({"blocked": "Impediment"}).blocked is True
    assert translated({"blocked": ()}).blocked is False
    assert translated({}).blocked is None


def test_done_has_no_health_whatever_was_said() -> None:
    item = translated({"lifecycle": status("Done", "done"), "health": "Red"}, {"health": "rag"})
    assert item.reported_health is Health.NOT_APPLICABLE
    word = item.word("health")
    assert word is not None
    assert word.raw == "Red"


# -- properties -----------------------------------------------------------------------------------------------------------------

scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**62), 2**62), st.floats(), st.text(max_size=30))
saids = st.builds(
    Said, value=scalars, id=st.one_of(st.none(), st.text(max_size=8)), category=st.one_of(st.none(), st.text(max_size=8)),
    email=st.one_of(st.none(), st.text(max_size=8)), colour=st.one_of(st.none(), st.text(max_size=8)),
)  # fmt: skip
roles = st.sampled_from(["lifecycle", "health", "confidence", "progress", "owner", "start_on", "due_on", "completed_at", "blocked", "blocked_on", "decision_needed", "resolution", "depends_on", "anything"])  # fmt: skip
records = st.builds(
    RawRecord, ref=st.text(max_size=8), scope=st.text(max_size=4), key=st.text(max_size=8), title=st.text(max_size=20),
    fields=st.dictionaries(roles, st.lists(saids, max_size=3).map(tuple), max_size=8),
)  # fmt: skip
SCALES = [
    {},
    {"health": "rag", "lifecycle": "words", "confidence": "confidence_1_10", "progress": "percent"},
    {"health": "percent", "confidence": "confidence_0_1", "lifecycle": {"a": "done"}},
]
GREEN_WORDS = {w for named in NAMED.values() for w, becomes in named.items() if becomes.get("health") == "on_track"}


@settings(max_examples=400, deadline=None)
@given(records, st.sampled_from(SCALES))
def test_translation_is_total(record: RawRecord, scales: dict[str, Any]) -> None:
    """Whatever a tracker holds becomes an item that both databases store; it never raises."""
    item = Translator(mapping(scales), PEOPLE).translate(record)
    assert msgspec.json.decode(msgspec.json.encode(item), type=Item) == item
    assert item.confidence is None or 0 <= item.confidence <= 1
    assert item.progress is None or 0 <= item.progress <= 1
    assert item.lifecycle in Lifecycle
    assert (item.reported_health is Health.NOT_APPLICABLE) >= (item.lifecycle in (Lifecycle.DONE, Lifecycle.CANCELLED))


@settings(max_examples=400, deadline=None)
@given(records, st.sampled_from(SCALES))
def test_green_needs_a_rule_that_says_green(record: RawRecord, scales: dict[str, Any]) -> None:
    """No unknown word, blank, or undeclared number ever reads as on track."""
    item = Translator(mapping(scales), PEOPLE).translate(record)
    if item.reported_health is not Health.ON_TRACK:
        return
    reasons = [w for w in item.words if w.canonical and "on_track" in w.canonical and w.rule]
    assert reasons
    for word in reasons:
        named = folded(word.raw or "") in GREEN_WORDS
        banded = word.rule == "f.yaml:9"
        assert named or banded, word


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=12))
def test_a_word_nobody_mapped_is_unknown_and_listed(word: str) -> None:
    item = translated({"lifecycle": word}, {"lifecycle": {"Known": "done"}})
    if folded(word) in ("known",):
        assert item.lifecycle is Lifecycle.DONE
    else:
        assert item.lifecycle is Lifecycle.UNKNOWN


@settings(max_examples=100, deadline=None)
@given(records, st.sampled_from(SCALES))
def test_translation_is_a_function(record: RawRecord, scales: dict[str, Any]) -> None:
    """The second time, from memory, says the same as the first, and as a translator that never met the word."""
    one = Translator(mapping(scales), PEOPLE)
    first = one.translate(record)
    assert one.translate(record) == first
    assert Translator(mapping(scales), PEOPLE).translate(record) == first


def test_a_version_changes_with_a_meaning_and_not_with_a_line() -> None:
    one = mapping({"lifecycle": {"A": "done", "B": "paused"}})
    moved = mapping({"lifecycle": {"B": "paused", "A": "done"}})
    other = mapping({"lifecycle": {"A": "done", "B": "cancelled"}})
    assert one.version == moved.version != other.version


def test_an_instant_of_completion_counts_only_when_done() -> None:
    at = "2026-11-01T10:00:00.000+0100"
    assert translated({"lifecycle": status("D", "done"), "completed_at": at}).completed_at == datetime(
        2026, 11, 1, 9, tzinfo=UTC
    )
    assert translated({"lifecycle": status("D", "new"), "completed_at": at}).completed_at is None
