"""The data sources that are shared with a connection, their properties and options, and people: for `sightline discover`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from connectors.contract import AccessDenied, Discovery, Place, SeenField, SeenPerson, StatusValue
from connectors.notion.errors import Refused
from connectors.notion.reader import trashed
from connectors.notion.shape import name_of, properties
from connectors.plain import objects, text_or_none
from connectors.wire import PageGuard

if TYPE_CHECKING:
    from connectors.notion.client import NotionConnector


def discover(notion: NotionConnector) -> Discovery:
    """Every data source that the search shows; the search may be late, so that a new one can be missing."""
    notes: list[str] = []
    wanted = {"filter": {"property": "object", "value": "data_source"}, "page_size": 100}
    found = [s for s in _every(notion, "search", wanted) if s.get("object") == "data_source" and not trashed(s)]
    if not found:
        notes.append("no database is shared with the connection: open one in Notion and add it under ... > Connections")
    people: list[SeenPerson] = []
    try:
        people = [p for u in _every(notion, "users", None) if (p := _person(u)) is not None]
    except (Refused, AccessDenied):
        notes.append(
            "people are not listed to this connection: give it 'Read user information including email addresses'"
        )
    return Discovery(tuple(_place(s) for s in found), tuple(people), tuple(notes))


def _every(notion: NotionConnector, path: str, body: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Every object of a list, whether it is asked for by GET or by POST."""
    guard, token = PageGuard(notion.source.key), None
    while True:
        more: dict[str, Any] = {"start_cursor": token} if token else {}
        answer = notion.ask(path, {"page_size": 100, **more}) if body is None else notion.ask(path, None, body | more)
        results = objects(answer.get("results"))
        yield from results
        token = answer.get("next_cursor")
        if answer.get("has_more") is not True or not isinstance(token, str):
            return
        guard.next(token, fresh=len(results))


def _place(source: dict[str, Any]) -> Place:
    fields = tuple(
        SeenField(
            p.name, p.id, p.type, tuple(StatusValue("", r, n, p.categories.get(r), None, c) for r, n, c in p.options)
        )
        for p in properties(source)
    )
    parent = source.get("parent")
    database = text_or_none(parent.get("database_id")) if isinstance(parent, dict) else None
    scope = {"database": database} if database else {"data_source": str(source.get("id"))}
    return Place("data source", name_of(source), scope, fields)


def _person(user: dict[str, Any]) -> SeenPerson | None:
    ref, name, details = text_or_none(user.get("id")), text_or_none(user.get("name")), user.get("person")
    if ref is None or name is None or user.get("type") != "person":
        return None
    return SeenPerson(ref, name, text_or_none(details.get("email")) if isinstance(details, dict) else None)
