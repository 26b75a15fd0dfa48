"""A department file written from what a credential can see: every place as a binding, every field with the role it may have.

It is a draft for a person to read: each proposed rule stands with how sure it is and why; what contradicts itself, and what
nothing tells, stands as a comment to decide.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from connectors.contract import Discovery, Place, SeenField, tracker
from normalizer.suggest import roles_for, suggest
from sync.configuration.load import BoundSource, Configuration
from sync.configuration.yaml_file import read_yaml

PLAIN = re.compile(r"[A-Za-zÀ-ÿ][\wÀ-ÿ ./()-]*|-?\d+(\.\d+)?")
WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "none", "y", "n"})
SCALES = {"confidence": ("confidence_1_10", "percent"), "progress": ("percent", "confidence_0_1")}
FIELDS = 40
"""Fields of a place that are listed."""


def department_file(bound: BoundSource, configuration: Configuration, found: Discovery) -> str:
    """The text of a department's file: its connection as it stands, one binding per place."""
    department = next(d for d in configuration.departments if d.department == bound.department)
    there = ", ".join(b.key for b in bound.source.bindings)
    lines = [
        f"# Proposed by 'sightline discover {bound.key}': read every line, keep the bindings you want and decide what is marked. Take them",
        f"# over into {bound.file}{f' beside {there}' if there else ''}; 'sightline map apply' does so with this whole file.",
        *_people(bound, found),
        *(f"# {_comment(note)}" for note in found.notes),
        f"department: {department.department}",
        f"name: {scalar(department.name)}",
        *([f"head: {department.head}"] if department.head else []),
        f"cadence: {department.cadence}",
        "",
        "sources:",
        *_source(bound),
        "    bindings:" if any(place.fields for place in found.places) else "    bindings: []",
    ]
    taken: set[str] = set()
    for place in found.places:
        binding = _binding(place, bound, _key(place.name, taken, place.kind))
        lines += binding if place.fields else (f"#{line[1:]}" for line in binding)
    return "\n".join(lines) + "\n"


def scalar(value: object) -> str:
    """A text as YAML, quoted where it would be read as something else."""
    text = str(value)
    plain = PLAIN.fullmatch(text) and text == text.strip() and text.casefold() not in WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _source(bound: BoundSource) -> Iterator[str]:
    """The source as it stands in the file but for its bindings, its ${...} unexpanded."""
    data = read_yaml(Path(bound.file), bound.file, expand=False).data
    sources = data.get("sources", []) if isinstance(data, dict) else []
    mine: dict[str, object] = next((s for s in sources if s.get("key") == bound.key), {})
    lines = list(_nested({name: value for name, value in mine.items() if name != "bindings"}, 4))
    yield f"  - {lines[0].strip()}"
    yield from lines[1:]


def _nested(value: dict[str, object], indent: int) -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield f"{' ' * indent}{name}:"
            yield from _nested(inner, indent + 2)
        elif isinstance(inner, list):
            yield f"{' ' * indent}{name}: {json.dumps(inner, ensure_ascii=False)}"
        else:
            yield f"{' ' * indent}{name}: {scalar(inner)}"


def _key(name: str, taken: set[str], otherwise: str) -> str:
    """A key that tells what it is of; where a name has no letter that a key may have, what stands for it."""
    base = as_key(name) or as_key(otherwise) or "key"
    key, n = base, 2
    while key in taken:
        key, n = f"{base}-{n}", n + 1
    taken.add(key)
    return key


def as_key(name: str) -> str:
    """A name as a key of a file, as far as it has letters that a key may have; \"\" where it has none."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", plain.casefold()).strip("-")[:40].strip("-")


def _binding(place: Place, bound: BoundSource, key: str) -> Iterator[str]:
    yield f"      - key: {key}                # {place.kind} {_comment(place.name)}{', ' + _comment(place.note) if place.note else ''}"
    scope = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in place.scope.items())
    yield f"        scope: {{{scope}}}"
    if place.row_key:
        yield f"        row_key: [{', '.join(json.dumps(k, ensure_ascii=False) for k in place.row_key)}]   # the columns that name a row"
    usual = _usual(place, bound)
    roles = _roles(place, usual)
    if usual:
        yield f"        # read by its usual name: {', '.join(f'{_comment(s.name)} as {role}' for role, s in usual.items())}"
    rest = [s for s in place.fields if s not in (*roles.values(), *usual.values()) and s.name not in place.row_key]
    if rest:
        more = f" and {len(rest) - FIELDS} more" if len(rest) > FIELDS else ""
        yield f"        # not bound: {', '.join(map(_shown, rest[:FIELDS]))}{more}"
        yield f"        # to read one of them, say what it is: {{health: {_by(rest[0])}}} under fields; docs/configuration.md lists the roles"
    if roles:
        yield "        fields:"
        for role, seen in roles.items():
            yield f"          {role}: {_by(seen)}{'   # ' + _comment(seen.name) if seen.id else ''}"
    # Where the tracker's own category tells every word, no line is needed.
    untold = {role: s for role, s in usual.items() if any(o.category is None for o in s.options)}
    yield from _scales({**untold, **roles})


def _usual(place: Place, bound: BoundSource) -> dict[str, SeenField]:
    """Role to the field that has it by its usual name, without a line in the file."""
    names = {ref.id or ref.name: role for role, ref in tracker(bound.kind).DEFAULT_FIELDS.items()}
    return {names[name]: s for s in place.fields for name in (s.id, s.name) if name in names}


def _roles(place: Place, usual: Mapping[str, SeenField]) -> dict[str, SeenField]:
    """Role to the field that may have it, beside the usual ones."""
    free = [s for s in place.fields if s not in usual.values()]
    return {role: free[n] for role, n in roles_for([(s.name, s.type) for s in free], usual).items()}


def _by(seen: SeenField) -> str:
    """How a department's file names a field."""
    return f"{{id: {scalar(seen.id)}}}" if seen.id else f"{{name: {scalar(seen.name)}}}"


def _shown(seen: SeenField) -> str:
    words = ", ".join(o.name for o in seen.options[:6])
    about = ": ".join(filter(None, (seen.type, words)))
    return _comment(f"{seen.name} ({about})" if about else seen.name)


def _scales(roles: Mapping[str, SeenField]) -> Iterator[str]:
    """Words that the tracker itself lists for a bound field, each as far as something tells what it means."""
    lines: list[str] = []
    for role, seen in roles.items():
        if role in ("confidence", "progress"):
            lines.append(
                f"          # {role}: {SCALES[role][0]}     # or {SCALES[role][1]}: declare the scale of '{_comment(seen.name)}'"
            )
        if role not in ("lifecycle", "health") or not seen.options:
            continue
        lines.append(f"          {role}:")
        sure = 0
        for word in seen.options:
            told = suggest(role, word.name, category=word.category, colour=word.colour)
            if told is None or told.conflict:
                why = told.conflict if told else "nothing tells what it means"
                lines.append(f"            # {scalar(word.name)}:     # decide: {_comment(why)}")
                continue
            sure += 1
            becomes = ", ".join(f"{axis}: {value}" for axis, value in told.becomes.items())
            one = told.becomes[role] if list(told.becomes) == [role] else f"{{{becomes}}}"
            lines.append(
                f"            {scalar(word.name)}: {one}     # {told.confidence:.0%}: {', '.join(told.because)}"
            )
        if not sure:
            lines = [f"          # {role}:" if line == f"          {role}:" else line for line in lines]
    if lines:
        yield "        scales:" if any(not line.lstrip().startswith("#") for line in lines) else "        # scales:"
        yield from lines


def _people(bound: BoundSource, found: Discovery) -> Iterator[str]:
    if found.people:
        yield "# People that the credential sees, for people.yaml (exact e-mails match by themselves):"
    taken: set[str] = set()
    for person in found.people[:200]:
        email = f"emails: [{person.email}]" if person.email else f"identities: {{{bound.key}: {json.dumps(person.id)}}}"
        key = _key(person.name, taken, (person.email or "person").partition("@")[0])
        yield f"#   - {{key: {key}, name: {_comment(scalar(person.name))}, {_comment(email)}}}"


def _comment(text: str) -> str:
    """A tracker's text within a comment: one line, no control characters."""
    return "".join(c if c.isprintable() else " " for c in text)[:120]
