"""RawRecord -> Item: total, pure, and every word with the rule that translated it. Unknown stays unknown."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Mapping as Dict
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import msgspec

from connectors.contract import RawRecord, Said, Words, record_of
from ledger.model import FINISHED, Health, Item, Lifecycle, ProgressKind, Unmapped, Word, item_id
from ledger.text import brief
from normalizer.mapping import Bands, Mapping, Rule, Scale
from normalizer.people import People
from normalizer.scales import CANCELLING, CATEGORY, folded

BLANK = frozenset({"", "n/a", "tbd", "-", "none", "grey", "gray"})
MEMO = 20_000
T = TypeVar("T")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What one role's words became."""

    word: Word
    rule: Rule | None = None
    unmapped: Unmapped | None = None
    number: float | None = None


class Translator:
    """Translates records of one binding; remembers words it has met, so that the second time costs a lookup.

    categories: the tracker's own category by status id, also of statuses that it has deleted since.
    """

    def __init__(self, mapping: Mapping, people: People, categories: Dict[str, str | None] | None = None) -> None:
        self.mapping = mapping
        self.people = people
        self.categories = categories or {}
        self._memo: dict[tuple[str, Words], Any] = {}

    def raw(self, raw: bytes) -> Item:
        """Translates a record as the ledger keeps it (JSON)."""
        return self.translate(record_of(raw))

    def translate(self, record: RawRecord) -> Item:
        """The record on the one format. Never raises; what cannot be told is unknown, with a finding."""
        said = record.fields
        words: list[Word] = []
        unmapped: list[Unmapped] = []
        life = self._read("lifecycle", said, words, unmapped)
        lifecycle = (life.rule.lifecycle if life and life.rule else None) or Lifecycle.UNKNOWN
        lifecycle = self._resolved(lifecycle, said, words, unmapped)
        health, assumed = self._health(life, said, words, unmapped)
        lifecycle = lifecycle if lifecycle is not Lifecycle.UNKNOWN else self._life_of_health(lifecycle, said)
        confidence = self._read("confidence", said, words, unmapped)
        progress = self._read("progress", said, words, unmapped)
        owner, owner_ref, owner_name = self._owner(said.get("owner"), words)
        finished = lifecycle in FINISHED
        return Item(
            id=item_id(self.mapping.source, record.ref),
            source=self.mapping.source,
            binding=self.mapping.binding,
            ref=record.ref,
            scope=record.scope,
            key=record.key,
            title=record.title,
            url=record.url,
            type=record.type,
            lifecycle=lifecycle,
            reported_health=Health.NOT_APPLICABLE if finished else health,
            health_assumed=assumed and not finished,
            confidence=confidence.number if confidence else None,
            progress=progress.number if progress else None,
            progress_kind=self._progress_kind(progress),
            owner=owner,
            owner_ref=owner_ref,
            owner_name=owner_name,
            start_on=self._date("start_on", said, words),
            due_on=self._date("due_on", said, words),
            completed_at=self._instant("completed_at", said, words) if finished else None,
            blocked=self._blocked(said, words),
            blocked_on=self._text("blocked_on", said, words) or self._text("depends_on", said, words),
            decision_needed=self._text("decision_needed", said, words),
            biggest_risk=self._text("biggest_risk", said, words),
            need_from_others=self._text("need_from_others", said, words),
            remote_created_at=record.created_at,
            remote_updated_at=record.updated_at,
            words=tuple(words),
            unmapped=tuple(unmapped),
        )

    # -- words ---------------------------------------------------------------------------------------------------

    def _read(self, role: str, said: dict[str, Words], words: list[Word], unmapped: list[Unmapped]) -> Reading | None:
        values = said.get(role)
        if values is None:
            return None
        reading = self._once(role, values, self.look)
        words.append(reading.word)
        if reading.unmapped is not None:
            unmapped.append(reading.unmapped)
        return reading

    def _once(self, role: str, values: Words, make: Callable[[str, Words], T]) -> T:
        """What `make` tells of a role's words, told once per word. Numbers are told every time: 1, 1.0 and True are one key."""
        if len(values) != 1 or type(values[0].value) is not str:
            return make(role, values)
        key = (role, values)
        told: T | None = self._memo.get(key)
        if told is None:
            told = make(role, values)
            if len(self._memo) >= MEMO:
                self._memo.clear()
            self._memo[key] = told
        return told

    def look(self, role: str, values: Words) -> Reading:
        if len(values) > 1:
            raw = ", ".join(as_text(v) for v in values)
            return Reading(Word(role, raw, None, "", finding=f"{role} has {len(values)} values: one is needed"))
        said = values[0] if values else Said()
        raw = as_text(said)
        scale = self.mapping.scales.get(role) or Scale()
        rule = self._rule(scale, said)
        if rule is not None:
            return Reading(
                Word(role, raw, _became(rule, role), rule.origin, raw_id=said.id, assumed=rule.assumed), rule
            )
        if role in ("confidence", "progress") or scale.bands:
            return _banded(role, said, raw, scale.bands or _default_bands(role), self.mapping.file)
        if role == "health" and folded(raw) in BLANK and not said.colour:
            return Reading(
                Word(role, raw or None, "unknown", "built-in: blank says nothing (domain.md 5)", raw_id=said.id)
            )
        category = said.category or self.categories.get(said.id or "")
        if role == "lifecycle" and category in CATEGORY:
            rule = Rule(
                f"built-in: the tracker's category '{category}' (domain.md 5)", lifecycle=Lifecycle(CATEGORY[category])
            )
            return Reading(Word(role, raw, str(rule.lifecycle), rule.origin, raw_id=said.id), rule)
        return self._unmapped(role, said, raw, category)

    def _rule(self, scale: Scale, said: Said) -> Rule | None:
        """Stable id first, then the folded name, then the nearest declared colour."""
        for key in (said.id, said.value if isinstance(said.value, str) else as_text(said)):
            if key is not None and (rule := scale.words.get(folded(key))):
                return rule
        if said.colour and scale.palette and said.value in (None, ""):
            return _nearest(said.colour, scale)
        return None

    def _unmapped(self, role: str, said: Said, raw: str, category: str | None) -> Reading:
        policy = self.mapping.unmapped.get(role, self.mapping.unmapped.get("*", "unknown"))
        finding = f"'{brief(raw)}' has no translation: add it to {self.mapping.file}, scales.{role}"
        if role == "lifecycle" and not raw:
            finding = f"{role} is empty"
        if policy == "reject":
            finding += " (the binding rejects unmapped values)"
        entry = Unmapped(role, raw, said.id) if raw else None
        if policy.startswith("fixed:"):
            word = policy.removeprefix("fixed:")
            rule = Rule(
                f"{self.mapping.file}: unmapped, fixed",
                lifecycle=Lifecycle(word) if role == "lifecycle" else None,
                health=Health(word) if role == "health" else None,
                assumed=True,
            )
            return Reading(Word(role, raw, word, rule.origin, raw_id=said.id, assumed=True), rule, entry)
        return Reading(Word(role, raw, "unknown", "", raw_id=said.id, finding=finding), None, entry)

    # -- axes ----------------------------------------------------------------------------------------------------

    def _resolved(
        self, lifecycle: Lifecycle, said: dict[str, Words], words: list[Word], unmapped: list[Unmapped]
    ) -> Lifecycle:
        """A done record with a resolution such as Won't Do was cancelled."""
        values = said.get("resolution")
        if not values:
            return lifecycle
        raw = as_text(values[0])
        rule = self._rule(self.mapping.scales.get("resolution") or Scale(), values[0])
        if rule is not None and rule.lifecycle is not None:
            words.append(Word("resolution", raw, str(rule.lifecycle), rule.origin, raw_id=values[0].id))
            return rule.lifecycle
        if lifecycle is Lifecycle.DONE and folded(raw) in CANCELLING:
            origin = f"built-in: done with resolution '{raw}' (domain.md 5)"
            words.append(Word("resolution", raw, "cancelled", origin, raw_id=values[0].id))
            return Lifecycle.CANCELLED
        words.append(Word("resolution", raw, None, "", raw_id=values[0].id))
        return lifecycle

    def _health(
        self, life: Reading | None, said: dict[str, Words], words: list[Word], unmapped: list[Unmapped]
    ) -> tuple[Health, bool]:
        """What the team says: its health field, else its status word, else its declared confidence scale."""
        own = self._read("health", said, words, unmapped)
        if own is not None:
            rule = own.rule
            return (Health.UNKNOWN, False) if rule is None or rule.health is None else (rule.health, rule.assumed)
        if life and life.rule and life.rule.health is not None:
            return life.rule.health, life.rule.assumed
        scale = self.mapping.scales.get("confidence")
        values = said.get("confidence")
        if values and scale and scale.bands:
            rule = self.look("confidence", values).rule
            if rule is not None and rule.health is not None:
                return rule.health, rule.assumed
        return Health.UNKNOWN, False

    def _life_of_health(self, lifecycle: Lifecycle, said: dict[str, Words]) -> Lifecycle:
        """A health word may speak of the work too ("blue" is done, "at risk" is in progress)."""
        values = said.get("health")
        rule = self.look("health", values).rule if values and len(values) == 1 else None
        return rule.lifecycle if rule is not None and rule.lifecycle is not None else lifecycle

    def _progress_kind(self, progress: Reading | None) -> ProgressKind:
        if progress is None or progress.number is None:
            return "none"
        kind = (self.mapping.scales.get("progress") or Scale()).kind
        return kind if kind in ("outcome", "milestone", "item_count") else "percent_reported"  # type: ignore[return-value]  # checked at compile time

    def _blocked(self, said: dict[str, Words], words: list[Word]) -> bool | None:
        values = said.get("blocked")
        if values is None:
            return None
        raw = ", ".join(as_text(v) for v in values)
        scale = self.mapping.scales.get("blocked") or Scale()
        for value in values:
            if (rule := self._rule(scale, value)) and rule.blocked is not None:
                words.append(Word("blocked", raw, str(rule.blocked).lower(), rule.origin))
                return rule.blocked
        flagged = bool(values) and values[0].value not in (False, None, "")
        words.append(
            Word("blocked", raw or None, str(flagged).lower(), "built-in: a set flag is blocked (domain.md 5)")
        )
        return flagged

    def _owner(self, values: Words | None, words: list[Word]) -> tuple[str | None, str | None, str | None]:
        if values is None:
            return None, None, None
        owner, word = self._once("owner", values, self._person)
        words.append(word)
        return owner

    def _person(self, role: str, values: Words) -> tuple[tuple[str | None, str | None, str | None], Word]:
        """(key in people.yaml, id in the tracker, name to show) and how that was told."""
        if not values:
            return (None, None, None), Word(role, None, None, "", finding="nobody owns this")
        raw = ", ".join(as_text(v) for v in values)
        if len(values) > 1:
            return (None, None, raw), Word(
                role, raw, None, "", finding=f"{len(values)} owners are named: one is needed"
            )
        ref = values[0].id
        found = self.people.find(self.mapping.source, values[0])
        if found is None:
            finding = "not linked to a person in people.yaml"
            return (None, ref, raw), Word(role, raw, None, "", raw_id=ref, finding=finding)
        person, how = found
        word = Word(role, raw, person.key, f"people.yaml: {person.key} by {how}", raw_id=ref)
        return (person.key, ref, person.name), word

    # -- plain fields --------------------------------------------------------------------------------------------

    def _text(self, role: str, said: dict[str, Words], words: list[Word]) -> str | None:
        values = said.get(role)
        if not values:
            return None
        text = ", ".join(as_text(v) for v in values)
        words.append(Word(role, text, text, "as said"))
        return text or None

    def _date(self, role: str, said: dict[str, Words], words: list[Word]) -> date | None:
        values = said.get(role)
        if not values:
            return None
        on, word = self._once(role, values[:1], _dated)
        words.append(word)
        return on

    def _instant(self, role: str, said: dict[str, Words], words: list[Word]) -> datetime | None:
        values = said.get(role)
        if not values:
            return None
        raw = as_text(values[0])
        try:
            at = datetime.fromisoformat(raw)
        except ValueError:
            at = None
        finding = "" if at else f"'{brief(raw)}' is no instant in the form 2026-11-30T17:00:00+00:00"
        at = at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
        words.append(Word(role, raw, at.isoformat() if at else None, "as said" if at else "", finding=finding))
        return at


def _dated(role: str, values: Words) -> tuple[date | None, Word]:
    raw = as_text(values[0])
    try:
        on = date.fromisoformat(raw[:10]) if isinstance(values[0].value, str) else None
    except ValueError:
        on = None
    if on is None:
        return None, Word(role, raw, None, "", finding=f"'{brief(raw)}' is no date in the form 2026-11-30")
    return on, Word(role, raw, on.isoformat(), "as said")


def as_text(said: Said) -> str:
    """A value as it is shown and compared: numbers without a trailing .0, booleans in lower case."""
    value = said.value
    if type(value) is str:
        return value
    if value is None:
        return said.colour or ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _became(rule: Rule, role: str) -> str:
    parts = [str(p) for p in (rule.lifecycle, rule.health) if p is not None]
    return str(rule.blocked).lower() if role == "blocked" else " + ".join(parts)


def _default_bands(role: str) -> Bands:
    name, high = ("percent", 100.0) if role == "progress" else ("undeclared", math.inf)
    return Bands(name, 0, high, high, high, f"built-in: {name} (domain.md 5)")


def _banded(role: str, said: Said, raw: str, bands: Bands, file: str) -> Reading:
    """A number on a declared scale. Nothing is clamped and no text is guessed into a number."""
    if raw == "" or folded(raw) in BLANK:
        return Reading(Word(role, raw or None, "unknown", "built-in: blank says nothing (domain.md 5)"))
    value = said.value
    if isinstance(value, str) and value.isascii() and value.isdigit() and str(int(value[:4])) == value:
        value = int(value)  # an option of a select list that is called "7" is the 7 of the declared scale
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Reading(
            Word(role, raw, "unknown", "", finding=f"'{brief(raw)}' is no number on the declared scale {bands.name}")
        )
    if bands.name == "undeclared":
        return Reading(Word(role, raw, "unknown", "", finding=f"no scale is declared: add scales.{role} to {file}"))
    if not bands.low <= value <= bands.high:
        outside = f"{raw} lies outside {bands.low:g} to {bands.high:g} of the declared scale {bands.name}"
        return Reading(Word(role, raw, "unknown", "", finding=outside))
    number = (value - bands.low) / (bands.high - bands.low)
    if role == "progress":
        return Reading(Word(role, raw, f"{number:.2f}", bands.origin), None, None, number)
    health = (
        Health.ON_TRACK if value >= bands.on_track else Health.AT_RISK if value >= bands.at_risk else Health.OFF_TRACK
    )
    assumed = said.category == "default"
    finding = "the tracker's own default for this stage: nobody judged it" if assumed else ""
    return Reading(
        Word(role, raw, str(health), bands.origin, raw_id=said.id, assumed=assumed, finding=finding),
        Rule(bands.origin, health=health, assumed=assumed),
        None,
        number,
    )


def _nearest(colour: str, scale: Scale) -> Rule | None:
    """The rule of the nearest declared colour, if it lies within the tolerance (Euclidean in RGB)."""
    try:
        distances = sorted((math.dist(_rgb(colour), _rgb(declared)), word) for declared, word in scale.palette.items())
    except ValueError:
        return None
    distance, word = distances[0]
    return scale.words.get(folded(word)) if distance <= scale.tolerance else None


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
