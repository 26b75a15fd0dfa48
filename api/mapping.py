"""What a department's words became, what has no translation yet, what may be proposed, and who may be whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from connectors.contract import Said, record_of
from ledger.model import Health
from ledger.read import Inbox, Reads
from normalizer.likeness import likely
from normalizer.mapping import Rule
from normalizer.people import People, Person
from normalizer.scales import folded
from normalizer.suggest import Suggestion, scale_for, suggest
from normalizer.translate import Translator
from sync.configuration import BoundSource, Configuration
from sync.configuration.edit import NewRule
from sync.configuration.models import DepartmentFile
from sync.mapping import translator_for

WORDED = ("lifecycle", "health", "resolution", "blocked", "confidence", "progress")
PROPOSED = ("lifecycle", "health", "resolution")
NO_SCALE = "not all of these numbers lie on one built-in scale: declare the one that is meant, and correct what is outside of it"
MANY = 60
"""Different values of one number field that are listed one by one."""


class Sample(msgspec.Struct, frozen=True):
    """An item that says the word."""

    id: str
    key: str
    url: str


class SeenWord(msgspec.Struct, frozen=True):
    """A word really seen, how often, and what it became by which rule; `rule` "" where none has it."""

    source: str
    binding: str
    field: str
    raw: str
    raw_id: str | None
    count: int
    becomes: str | None
    rule: str
    finding: str = ""


class BindingMapping(msgspec.Struct, frozen=True):
    """One binding's mapping: since when, by whom, why, every word with its rule, and the rules that nothing has met."""

    source: str
    binding: str
    file: str
    version: str | None
    since: datetime | None
    author: str
    reason: str
    words: tuple[SeenWord, ...]
    unused: tuple[str, ...]
    """Words of rules that no item says: a word that the tracker renamed or dropped, or a misspelling."""
    ceiling: Health | None = None
    """The worst that these words can say, where that is not off track."""


class Unmapped(msgspec.Struct, frozen=True):
    """A word without a translation: whose it is, how often it is said, where, and what it may mean."""

    department: str
    source: str
    binding: str
    field: str
    raw: str
    raw_id: str | None
    count: int
    first_seen_at: datetime | None
    samples: tuple[Sample, ...]
    file: str
    suggestion: Suggestion | None


class Proposal(msgspec.Struct, frozen=True):
    """Rules to add to one role of one binding: a scale that has every word, or word by word."""

    department: str
    source: str
    binding: str
    field: str
    file: str
    scale: str | None
    words: tuple[Unmapped, ...]
    doubts: tuple[Unmapped, ...]
    """Words that the tracker's category translates now, and that say something else."""
    numbers: str = ""
    """"0 to 11", where numbers without a declared scale lie on no built-in one as a whole: a person declares it."""


class DepartmentMapping(msgspec.Struct, frozen=True):
    """Everything about one department's words."""

    department: str
    name: str
    mapping_owners: tuple[str, ...]
    bindings: tuple[BindingMapping, ...]
    unmapped: tuple[Unmapped, ...]


class Identity(msgspec.Struct, frozen=True):
    """A tracker's user who is nobody in people.yaml yet, and who that may be."""

    source: str
    id: str | None
    name: str
    email: str | None
    items: int
    person: str | None
    """Key of the person it may be; None: nobody is like it."""
    because: str
    also: tuple[tuple[str, str], ...] = ()
    """(source, id) of other users with the same e-mail."""


# -- words -------------------------------------------------------------------------------------------------------------


def mapping_of(ledger: Reads, configuration: Configuration, department: DepartmentFile) -> DepartmentMapping:
    """One department's words, bindings and inbox."""
    sources = [s for s in configuration.sources if s.department == department.department]
    return DepartmentMapping(
        department.department,
        department.name,
        tuple(dict.fromkeys(s.entry.mapping_owner or department.head or "" for s in sources)),
        tuple(binding for s in sources for binding in bindings_of(ledger, s)),
        tuple(u for u in inbox(ledger, configuration) if u.department == department.department),
    )


def bindings_of(ledger: Reads, bound: BoundSource) -> list[BindingMapping]:
    """Every binding of a source that may be seen, with the words that its present items say."""
    seen: Counter[tuple[str, str, str, str | None]] = Counter()
    told: dict[tuple[str, str, str, str | None], tuple[str | None, str, str]] = {}
    for of, _, words in ledger.words(bound.key):
        for word in words:
            if word.field in WORDED and word.raw:
                key = (of, word.field, word.raw, word.raw_id)
                seen[key] += 1
                told[key] = (word.canonical, word.rule, word.finding)
    found = []
    for binding in bound.source.bindings:
        if ledger.veil.ask(bound.key, binding.key):
            continue
        words_here = [
            SeenWord(bound.key, *key, count, *told[key]) for key, count in seen.most_common() if key[0] == binding.key
        ]
        versions = ledger.mapping_versions(bound.key, binding.key)
        now = versions[0] if versions else None
        found.append(
            BindingMapping(
                bound.key, binding.key, bound.file, now.version if now else None, now.effective_from if now else None,
                now.author if now else "", now.reason if now else "",
                tuple(sorted(words_here, key=lambda w: (WORDED.index(w.field), -w.count, w.raw))),
                tuple(_unused(bound, binding.key, words_here)), bound.mappings[binding.key].ceiling,
            )
        )  # fmt: skip
    return found


def _unused(bound: BoundSource, binding: str, words: Sequence[SeenWord]) -> Iterator[str]:
    for role, scale in bound.mappings[binding].scales.items():
        said = {folded(w.raw) for w in words if w.field == role} | {folded(w.raw_id) for w in words if w.raw_id}
        for word, rule in scale.words.items():
            if not rule.origin.startswith("built-in") and word not in said:
                yield f"{role}: '{word}' ({rule.origin})"


# -- the inbox and proposals ---------------------------------------------------------------------------------------------


def inbox(ledger: Reads, configuration: Configuration) -> list[Unmapped]:
    """Every word without a translation, department by department, most frequent first, each with what it may mean."""
    known = {s.key: s for s in configuration.sources}
    signs = {key: _Signs(ledger, bound) for key, bound in known.items()}
    return [_unmapped(e, known[e.source], signs[e.source]) for e in ledger.inbox() if e.source in known]


class _Signs:
    """What a tracker itself tells of its words."""

    def __init__(self, ledger: Reads, bound: BoundSource) -> None:
        self.bound = bound
        self.now = ledger.vocabulary(bound.key)
        self.scopes = ledger.scopes_of(bound.key)
        self.by_id = {(w.field, w.id): w for w in self.now}
        self.by_name = {(w.field, folded(w.name)): w for w in self.now}
        self.former: dict[tuple[str, str], list[str]] = {}
        for word in ledger.forgotten(bound.key):
            self.former.setdefault((word.field, word.id), []).append(word.name)

    def suggest(self, binding: str, field: str, raw: str, raw_id: str | None) -> Suggestion | None:
        """What a word of a binding may mean."""
        word = self.by_id.get((field, raw_id or "")) or self.by_name.get((field, folded(raw)))
        colour = raw if raw.startswith("#") and len(raw) == 7 else word.colour if word else None
        former = self._former(binding, field, raw_id) if raw_id else None
        return suggest(field, raw, category=word.category if word else None, colour=colour, former=former)

    def _former(self, binding: str, field: str, raw_id: str) -> tuple[str, Rule] | None:
        scale = self.bound.mappings[binding].scales.get(field) if binding in self.bound.mappings else None
        for name in reversed(self.former.get((field, raw_id), [])):
            if scale is not None and (rule := scale.words.get(folded(name))) is not None:
                return name, rule
        return None


def _unmapped(entry: Inbox, bound: BoundSource, signs: _Signs) -> Unmapped:
    return Unmapped(
        bound.department, entry.source, entry.binding, entry.field, entry.raw, entry.raw_id, entry.count, entry.first_seen_at,
        tuple(Sample(*s) for s in entry.samples), bound.file,
        signs.suggest(entry.binding, entry.field, entry.raw, entry.raw_id),
    )  # fmt: skip


def proposals(ledger: Reads, configuration: Configuration, bound: BoundSource) -> list[Proposal]:
    """Rules that a department may add for one source: for words seen, for words that the tracker offers and nobody says yet,
    and for number fields without a scale. Nothing is applied."""
    signs = _Signs(ledger, bound)
    waiting = [u for u in inbox(ledger, configuration) if u.source == bound.key]
    people = People(configuration.persons())
    found = []
    for view in bindings_of(ledger, bound):
        translator = translator_for(ledger, bound, view.binding, people)
        offered = list(_offered(signs, translator, view, waiting))
        doubts = list(_doubts(signs, view))
        for field in (*PROPOSED, "confidence", "progress"):
            words = [u for u in (*waiting, *offered) if (u.binding, u.field) == (view.binding, field)]
            doubtful = tuple(u for u in doubts if u.field == field)
            scale = _scale(bound, view, field, words)
            numbers = "" if scale else _undeclared(view, field)
            if words or doubtful or scale or numbers:
                found.append(
                    Proposal(
                        bound.department,
                        bound.key,
                        view.binding,
                        field,
                        bound.file,
                        scale,
                        tuple(words[:MANY]),
                        doubtful,
                        numbers,
                    )
                )
    return found


def as_rules(found: Sequence[Proposal]) -> tuple[list[NewRule], list[tuple[str, str, str, str]]]:
    """Proposals as rules for a copy of the file. Words whose signs contradict each other, or that nothing tells of, become
    remarks for a person to decide."""
    rules, scales = [], []
    for p in found:
        if p.scale is not None:
            scales.append((p.source, p.binding, p.field, p.scale))
        if p.numbers:
            rules.append(NewRule(p.source, p.binding, p.field, p.numbers, {}, NO_SCALE))
        for u in (*(() if p.scale is not None else p.words), *p.doubts):
            told = u.suggestion
            clear = told is not None and not told.conflict
            comment = f"{u.count} items; " + (
                "nothing tells what it means" if told is None
                else told.conflict or f"{told.confidence:.0%}, {', '.join(told.because)}"
            )  # fmt: skip
            rules.append(NewRule(p.source, p.binding, p.field, u.raw, told.becomes if told and clear else {}, comment))
    return rules, scales


def _offered(
    signs: _Signs, translator: Translator, view: BindingMapping, waiting: Sequence[Unmapped]
) -> Iterator[Unmapped]:
    """Words that the tracker offers for a mapped field, that nobody says yet and that nothing would translate."""
    fields = {w.field for w in view.words} & set(PROPOSED)
    said = {(w.field, folded(w.raw)) for w in view.words} | {(u.field, folded(u.raw)) for u in waiting}
    for word in signs.now:
        mine = word.scope is None or word.scope in (view.binding, *signs.scopes.get(view.binding, ()))
        if word.field not in fields or not mine or (word.field, folded(word.name)) in said:
            continue
        reading = translator.look(word.field, (Said(word.name, id=word.id, category=word.category),))
        if reading.rule is None and reading.unmapped is not None:
            suggestion = signs.suggest(view.binding, word.field, word.name, word.id)
            yield Unmapped(
                signs.bound.department, signs.bound.key, view.binding, word.field, word.name, word.id, 0, None, (),
                signs.bound.file, suggestion,
            )  # fmt: skip


def _doubts(signs: _Signs, view: BindingMapping) -> Iterator[Unmapped]:
    """Words that only the tracker's own category translates, where the word says something else."""
    for word in view.words:
        if word.field in PROPOSED and word.rule.startswith("built-in: the tracker's category"):
            suggestion = signs.suggest(view.binding, word.field, word.raw, word.raw_id)
            if suggestion is not None and suggestion.conflict:
                yield Unmapped(
                    signs.bound.department, signs.bound.key, view.binding, word.field, word.raw, word.raw_id, word.count,
                    None, (), signs.bound.file, suggestion,
                )  # fmt: skip


def _scale(bound: BoundSource, view: BindingMapping, field: str, words: Sequence[Unmapped]) -> str | None:
    """A built-in scale for a role that has none yet."""
    if field in bound.mappings[view.binding].scales:
        return None
    if field in ("confidence", "progress"):
        return scale_for(field, [w.raw for w in _without_scale(view, field)])
    return scale_for(field, [u.raw for u in words]) if len(words) > 1 else None


def _without_scale(view: BindingMapping, field: str) -> list[SeenWord]:
    return [w for w in view.words if w.field == field and "no scale is declared" in w.finding]


def _undeclared(view: BindingMapping, field: str) -> str:
    """From where to where the numbers of a field lie that has no scale; "" where there are none."""
    numbers = sorted(float(w.raw) for w in _without_scale(view, field))
    return f"{numbers[0]:g} to {numbers[-1]:g}" if numbers else ""


# -- people --------------------------------------------------------------------------------------------------------------


def identities(ledger: Reads, configuration: Configuration) -> list[Identity]:
    """Owners that no entry of people.yaml is known for, each with who it may be. Nobody is merged by itself."""
    people = configuration.persons()
    known, tally = People(people), Counter[tuple[str, Said]]()
    for source in configuration.sources:
        for _, raw in ledger.raws(source.key):
            for said in record_of(raw).fields.get("owner", ()):
                if known.find(source.key, said) is None:
                    tally[source.key, said] += 1
    by_email: dict[str, list[tuple[str, str]]] = {}
    for key, said in tally:
        if said.email and said.id:
            by_email.setdefault(folded(said.email), []).append((key, said.id))
    return [_identity(key, said, count, people, by_email) for (key, said), count in tally.most_common()]


def _identity(
    source: str, said: Said, count: int, people: Sequence[Person], by_email: dict[str, list[tuple[str, str]]]
) -> Identity:
    name = str(said.value or said.email or said.id or "")
    also = tuple(o for o in by_email.get(folded(said.email or ""), ()) if o != (source, said.id))
    found = likely(name, people)
    if found is None:
        elsewhere = "in another tracker" if any(o[0] != source for o in also) else "under another id"
        because = f"the same e-mail {elsewhere}" if also else "nobody in people.yaml has a name like it"
        return Identity(source, said.id, name, said.email, count, None, because, also)
    person, score = found
    because = f"the name is {score} % like '{person.name}': confirm before you paste it"
    return Identity(source, said.id, name, said.email, count, person.key, because, also)
