"""Real recorded answers of Notion through the reader: nothing is lost, nothing guessed, nothing raised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Binding, FieldRef
from connectors.notion.reader import read as read_page
from connectors.notion.reader import ref_of, trashed
from connectors.notion.shape import find_properties, properties
from demo.notion_http import error
from tests import recorded

pytestmark = recorded.needed


def bodies() -> Iterator[tuple[str, Any]]:
    """Every answered body of the cassettes, with its file."""
    for path in sorted((recorded.HOME / "notion" / "open").rglob("*.json")):
        told = recorded.load(str(path.relative_to(recorded.HOME)))
        for entry in told if isinstance(told, list) else [told]:
            if isinstance(entry, dict):
                yield path.name, entry.get("response", {}).get("body", entry)


def objects(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a kind anywhere in them."""

    def within(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if value.get("object") == kind:
                yield value
            for inner in value.values():
                yield from within(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from within(inner)

    for name, body in bodies():
        for found in within(body):
            yield name, found


def every_role(schema: Any) -> Binding:
    """A binding that maps every property of a schema to a role of its own."""
    return Binding("all", None, {f"p{n}": FieldRef(id=p.id) for n, p in enumerate(properties(schema))})


def test_every_recorded_page_is_read_with_every_property() -> None:
    count = values = 0
    for name, page in objects("page"):
        if not isinstance(page.get("properties"), dict) or not all(
            isinstance(p, dict) and "id" in p for p in page["properties"].values()
        ):
            continue  # a request's own words, or an answer cut down by its recorder
        schema = {
            "properties": {n: {"id": p["id"], "type": p.get("type"), "name": n} for n, p in page["properties"].items()}
        }
        shape, _ = find_properties("x", every_role(schema), schema)
        record = read_page(page, shape)
        assert record.ref == ref_of(page), name
        assert record.created_at is not None, name
        missing = [p for p in record.problems if "cut off" not in p]
        assert not missing, (name, missing)
        count += 1
        values += sum(len(words) for words in record.fields.values())
    assert count > 30
    assert values > 60


def test_recorded_status_groups_that_hold_everything_in_to_do_are_not_believed() -> None:
    """The recorded Task DB: Backlog, Blocked, In Progress and Done all in To-do, Complete empty."""
    told: dict[str, set[str | None]] = {}
    for _, schema in objects("data_source"):
        for found in properties(schema):
            if found.type == "status" and len(found.options) > 1:
                names = {n for _, n, _ in found.options}
                told.setdefault("/".join(sorted(names)), set()).update(found.categories.values())
    assert told
    for names, categories in told.items():
        assert categories != {"new"}, names


def test_recorded_trash_is_told_by_either_word() -> None:
    states = [trashed(page) for _, page in objects("page")]
    assert True in states
    assert False in states


@pytest.mark.parametrize("file", ["api_response_error", "api_response_error_request_id"])
def test_a_recorded_refusal_has_the_shape_that_the_twin_answers(file: str) -> None:
    answer = recorded.load(f"notion/open/notion-sdk-py/{Path(file).name}.json")
    body = next(e["response"]["body"] for e in answer if e["response"]["status"] >= 400)
    ours = json.loads(error(body["status"], body["code"], body["message"]))
    assert set(ours) >= {"object", "status", "code", "message", "request_id"}
    assert ours["object"] == body["object"] == "error"
