"""Rules added to a department's file, with its comments kept: a copy for its owner to read, never the file itself."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from ledger.text import brief

REMARKED = 200
"""Characters of a word that a remark shows."""


class NewRule(msgspec.Struct, frozen=True):
    """One word's rule for one role of one binding; `becomes` by axis. Empty: `comment` tells what a person must decide."""

    source: str
    binding: str
    field: str
    raw: str
    becomes: dict[str, str]
    comment: str


def with_rules(path: Path, rules: Iterable[NewRule], scales: Iterable[tuple[str, str, str, str]] = ()) -> str:
    """The file's text with rules added to its bindings' scales.

    scales: (source, binding, role, scale) of roles that get a built-in scale as a whole.
    """
    text = path.read_text(encoding="utf-8")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    if re.search(r"^sources:\s*\n +-", text, re.MULTILINE):
        yaml.indent(mapping=2, sequence=4, offset=2)
    document: Any = yaml.load(text)
    bindings = {
        (str(s.get("key")), str(b.get("key"))): b for s in document.get("sources", []) for b in s.get("bindings", [])
    }
    for source, binding, role, scale in scales:
        _scales(bindings[source, binding])[role] = scale
    remarks = []
    for rule in rules:
        binding = bindings[rule.source, rule.binding]
        if not rule.becomes:
            what = f"'{brief(rule.raw, REMARKED)}': {rule.comment}"
            remarks.append(f"# to decide: {rule.source}, {rule.binding}, scales.{rule.field}: {_one_line(what)}\n")
        elif rule.raw.startswith("#"):
            _paint(_scales(binding), rule)
        elif rule.raw not in (words := _words(_scales(binding), rule.field)):
            words[rule.raw] = _becomes(rule)
            words.yaml_add_eol_comment(_one_line(rule.comment), rule.raw)
    made = io.StringIO()
    yaml.dump(document, made)
    return "".join(remarks) + made.getvalue()


def _scales(binding: CommentedMap) -> CommentedMap:
    if not isinstance(binding.get("scales"), CommentedMap):
        binding["scales"] = CommentedMap()
    scales: CommentedMap = binding["scales"]
    scales.fa.set_block_style()
    return scales


def _words(scales: CommentedMap, role: str) -> CommentedMap:
    """Where a role's words stand; a role that was only a scale's name gets room for its own words."""
    entry = scales.get(role)
    if not isinstance(entry, CommentedMap):
        scales[role] = CommentedMap({} if entry is None else {"scale": entry, "words": CommentedMap()})
        entry = scales[role]
    if "scale" in entry or "words" in entry:
        if not isinstance(entry.get("words"), CommentedMap):
            entry["words"] = CommentedMap()
        entry.fa.set_block_style()
        entry = entry["words"]
    entry.fa.set_block_style()
    found: CommentedMap = entry
    return found


def _becomes(rule: NewRule) -> Any:
    """One word where it speaks of the role's own axis, else both axes."""
    axis = "lifecycle" if rule.field == "resolution" else rule.field
    if list(rule.becomes) == [axis]:
        return rule.becomes[axis]
    made = CommentedMap(rule.becomes)
    made.fa.set_flow_style()
    return made


def _paint(scales: CommentedMap, rule: NewRule) -> None:
    """A colour joins the palette, under the word of the built-in scale that means the same."""
    names = {"on_track": "green", "at_risk": "amber", "off_track": "red", "unknown": "grey"}
    entry = scales.get(rule.field)
    if not isinstance(entry, CommentedMap) or not {"scale", "words", "palette"} & set(entry):
        words = entry if isinstance(entry, CommentedMap) else None
        name = "rag" if entry is None or words is not None else entry
        scales[rule.field] = entry = CommentedMap({"scale": name} | ({"words": words} if words else {}))
    if not isinstance(entry.get("palette"), CommentedMap):
        entry["palette"] = CommentedMap()
    entry["palette"][rule.raw] = names[rule.becomes.get("health", "unknown")]
    entry["palette"].yaml_add_eol_comment(_one_line(rule.comment), rule.raw)


def _one_line(text: str) -> str:
    """A tracker's text within a comment: a line break in it must not become a line of the file."""
    return "".join(c if c.isprintable() else " " for c in text)
