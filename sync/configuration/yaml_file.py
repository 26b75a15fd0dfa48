"""A YAML 1.2 file as plain text values with the line of every one.

Every scalar stays the text that was written, so that a status called `On`, `No`, `8`, `007` or `12:30` survives; the models
give settings their types. Anchors, aliases, duplicate keys, endless depth and huge files are refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

PathTo = tuple[str | int, ...]
MAX_BYTES, MAX_DEPTH = 2**20, 12
VARIABLE = re.compile(r"\$\{([^}]*)\}")
NOTHING = ("", "~", "null")


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One thing wrong with the configuration, with its place."""

    file: str
    line: int
    path: str
    sentence: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.path}: {self.sentence}" if self.path else f"{where}: {self.sentence}"


class ConfigErrors(Exception):
    """Everything that is wrong with a configuration, in the order of files and lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(p) for p in self.problems))


@dataclass(slots=True)
class YamlFile:
    """One file: `data` of dicts, lists, texts and None; `lines` by path; `expanded` are paths that came from outside,
    `unset` those that should have."""

    name: str
    data: Any = None
    lines: dict[PathTo, int] = field(default_factory=dict)
    expanded: set[PathTo] = field(default_factory=set)
    unset: set[PathTo] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: PathTo) -> int:
        """The line of the path, or of its nearest known parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def origin(self, path: PathTo) -> str:
        return f"{self.name}:{self.line(path)}"

    def place(self, line: int, under: PathTo, sentence: str) -> PathTo:
        """The path on a line that a sentence quotes the last part of, else the first one there."""
        there = [p for p, n in self.lines.items() if n == line and p[: len(under)] == under]
        return next((p for p in there if f"'{p[-1]}'" in sentence), there[0] if there else under)

    def problem(self, path: PathTo, sentence: str) -> None:
        self.problems.append(Problem(self.name, self.line(path), dotted(path), sentence))


def dotted(path: PathTo) -> str:
    """sources[0].connection.url"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_yaml(path: Path, name: str, *, expand: bool = True) -> YamlFile:
    """One file, with everything wrong with it in `problems`. `expand` replaces ${VAR} and ${file:...}."""
    file = YamlFile(name)
    text = _text(path, file)
    if text is None:
        return file
    try:
        root = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = (error.problem or error.context or "cannot be read as YAML").strip()
        tab = " (YAML is indented by spaces, not tabs)" if "\\t" in what else ""
        opened = error.context_mark.line + 1 if error.context and error.context_mark else line
        since = f" ({error.context}, from line {opened} on)" if opened != line else ""
        file.problems.append(Problem(name, line, "", f"is no valid YAML: {what}{since}{tab}"))
        return file
    except (YAMLError, ValueError, RecursionError, AttributeError) as error:
        file.problems.append(
            Problem(name, 1, "", f"is no valid YAML: {str(error).splitlines()[0] if str(error) else 'too deep'}")
        )
        return file
    if root is None:
        file.problems.append(Problem(name, 1, "", "is empty"))
        return file
    file.data = _value(root, (), file, set())
    if expand:
        file.data = _expanded(file.data, (), file, _outside)
    return file


def _text(path: Path, file: YamlFile) -> str | None:
    try:
        raw = path.read_bytes()
    except OSError as error:
        file.problems.append(Problem(file.name, 0, "", f"cannot be read: {error.strerror}"))
        return None
    if len(raw) > MAX_BYTES:
        file.problems.append(
            Problem(file.name, 0, "", f"is larger than {MAX_BYTES // 1024} KiB: split it by department")
        )
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        file.problems.append(Problem(file.name, line, "", "is not UTF-8: save the file with that encoding"))
        return None


def _value(node: Node, path: PathTo, file: YamlFile, above: set[int]) -> Any:
    file.lines.setdefault(path, node.start_mark.line + 1)
    if node.anchor is not None or id(node) in above:
        file.problem(path, "anchors and aliases (& and *) are not used here: write the value out")
        return None
    if len(path) > MAX_DEPTH:
        file.problem(path, f"nests deeper than {MAX_DEPTH} levels")
        return None
    above = above | {id(node)}
    if isinstance(node, SequenceNode):
        return [_value(child, (*path, n), file, above) for n, child in enumerate(node.value)]
    if isinstance(node, MappingNode):
        return _mapping(node, path, file, above)
    assert isinstance(node, ScalarNode)  # YAML knows three kinds of node
    return None if node.style is None and str(node.value) in NOTHING else str(node.value)


def _mapping(node: MappingNode, path: PathTo, file: YamlFile, above: set[int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, ScalarNode):
            file.lines.setdefault(path, key_node.start_mark.line + 1)
            file.problem(path, "a key must be a plain word")
            continue
        key = str(key_node.value)
        here = (*path, key)
        if key in result:
            line = key_node.start_mark.line + 1
            file.problems.append(
                Problem(file.name, line, dotted(here), f"stands twice: the first is on line {file.lines[here]}")
            )
            continue
        file.lines[here] = key_node.start_mark.line + 1
        result[key] = _value(value_node, here, file, above)
    return result


def _expanded(value: Any, path: PathTo, file: YamlFile, outside: Callable[[str, PathTo, YamlFile], str]) -> Any:
    if isinstance(value, dict):
        return {k: _expanded(v, (*path, k), file, outside) for k, v in value.items()}
    if isinstance(value, list):
        return [_expanded(v, (*path, n), file, outside) for n, v in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        file.expanded.add(path)
        return VARIABLE.sub(lambda m: outside(m.group(1), path, file), value)
    return value


def _outside(name: str, path: PathTo, file: YamlFile) -> str:
    """The value of an environment variable or of a mounted file; missing ones are a problem, never a literal."""
    if name.startswith("file:"):
        try:
            return Path(name.removeprefix("file:")).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            missing = f"the file {name.removeprefix('file:')} cannot be read: {reason}"
    elif value := os.environ.get(name):
        return value
    else:
        missing = f"the environment variable {name} is not set: set it, or write ${{file:/path/to/secret}}"
    file.unset.add(path)
    file.problem(path, missing)
    return ""
