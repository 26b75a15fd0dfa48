"""What pydantic found wrong, as one sentence with its place and a suggestion."""

from __future__ import annotations

import copy
import difflib
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from sync.configuration.yaml_file import PathTo, YamlFile, dotted

PLAIN = {
    "string_too_short": "must not be empty",
    "dict_type": "must be settings of the form 'name: value'",
    "model_type": "must be settings of the form 'name: value'",
    "list_type": "must be a list: lines that start with '- '",
    "string_type": "must be one text",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "date_from_datetime_parsing": "must be a date such as 2026-11-30",
    "time_parsing": 'must be a time such as "17:00"',
}


def note(file: YamlFile, base: PathTo, model: type, detail: Any) -> None:
    """One pydantic error as a sentence with its line. Values that may be secret are not shown."""
    path = base
    for part in detail["loc"]:
        if (*path, part) in file.lines or part == detail["loc"][-1]:
            path = (*path, part)  # the rest are names of alternatives, which no file contains
    if any(p.path == dotted(path) for p in file.problems) or any(u[: len(path)] == path for u in file.unset):
        return  # what is wrong there is told already
    kind, last = detail["type"], detail["loc"][-1] if detail["loc"] else ""
    shown = "" if path in file.expanded or isinstance(detail["input"], dict | list) else f", not '{detail['input']}'"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(last), _siblings(model, detail["loc"][:-1]), 1)
        hint = f" - did you mean '{near[0]}'?" if near else ""
        if not hint and not str(last).isidentifier() and detail["input"] is None:
            hint = ": a text that contains a comma stands in quotes"
        file.problem(path, "is no setting here" + hint)
    elif kind == "missing":
        if (*base, *detail["loc"]) not in file.lines:  # else it is there, and what is wrong with it is told already
            file.problem(path, "is missing")
    elif kind in ("literal_error", "union_tag_invalid"):
        expected = detail["ctx"].get("expected") or detail["ctx"].get("expected_tags")
        tag = detail["ctx"].get("tag")
        path = (*path, "kind") if tag and (*path, "kind") in file.lines else path
        near = difflib.get_close_matches(
            str(tag or detail["input"]), [w.strip(" '") for w in str(expected).replace(" or ", ",").split(",")], 1
        )
        said = f", not '{tag}'" if tag else shown
        file.problem(path, f"must be {expected}{said}" + (f" - did you mean '{near[0]}'?" if near else ""))
    elif kind == "value_error":
        file.problem(path, str(detail["ctx"]["error"]))
    else:
        file.problem(path, f"{PLAIN.get(kind, detail['msg'][0].lower() + detail['msg'][1:])}{shown}")


def _siblings(model: Any, loc: tuple[Any, ...]) -> list[str]:
    """The settings that may stand where `loc` leads, for a suggestion."""
    names: list[str] = []
    options = [model]
    for part in loc:
        options = [m for o in options for m in _inner(o, part)] or options
    for option in options:
        for name, info in getattr(option, "model_fields", {}).items():
            names.append(info.alias or name)
    return names


def _inner(model: Any, part: Any) -> list[Any]:
    fields = getattr(model, "model_fields", {})
    if part in fields:
        return list(_models(fields[part].annotation))
    return [model] if isinstance(part, int | str) else []


def _models(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType, list, dict, tuple, typing.Annotated):
        for inner in typing.get_args(annotation):
            yield from _models(inner)


def without(data: Any, places: Sequence[tuple[Any, ...]]) -> Any:
    """The data less what stands at these places; names of alternatives in a place stand for nothing in the data."""
    left = copy.deepcopy(data)
    for place in places:
        parent, key, at = None, None, left
        for part in place:
            if (isinstance(at, dict) and part in at) or (
                isinstance(at, list) and isinstance(part, int) and part < len(at)
            ):
                parent, key, at = at, part, at[part]
        if isinstance(parent, dict) and key in parent:
            del parent[key]
    return left
