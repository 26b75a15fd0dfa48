"""Notion's REST API in front of a NotionSite, with the documented traps: see connectors/notion/README.md for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from demo import faults
from demo.loopback import Loopback, Reply, Request
from demo.notion_site import (
    GROUPS,
    Database,
    DataSource,
    NotionSite,
    Option,
    Page,
    Person,
    Property,
    hyphenated,
    minute,
)

VERSIONS = ("2025-09-03", "2026-03-11")
FEW = 25
"""References that a page shows of one property."""
LARGEST = 100
QUERY_KEYS = {"filter", "sorts", "start_cursor", "page_size", "archived", "in_trash", "result_type"}
REQUEST = "cd6c8914-2c88-4e7e-985d-b0fb9721ffc5"
BOT = "7775f3a3-893f-43fa-b625-460c61094c78"
_encode = msgspec.json.Encoder().encode
Params = Mapping[str, list[str]]


class Answer(Exception):
    """A status other than 200."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def error(status: int, code: str, message: str, **more: Any) -> bytes:
    """An error as Notion words it."""
    told = {"object": "error", "status": status, "code": code, "message": message, **more}
    return _encode(told | {"request_id": REQUEST})


def rate_limited(seconds: int, reason: str = "public_api_request_rate_limit") -> faults.Action:
    """429, as of one connection or, with "public_api_space_request_rate_limit", of the whole workspace."""
    body = error(
        429,
        "rate_limited",
        "You have been rate limited. Please try again in a few minutes.",
        additional_data={"rate_limit_reason": reason},
    )
    return faults.status(429, body, Retry_After=str(seconds))


class NotionServer(Loopback):
    """A workspace on a loopback port. `token` is the only credential it takes."""

    content_type = "application/json; charset=utf-8"

    def __init__(self, site: NotionSite, *, token: str = "ntn_demo-token", page_cap: int = LARGEST) -> None:
        self.site, self.token, self.page_cap = site, token, page_cap
        super().__init__()
        self.shows_email = True
        """Whether the connection has the capability to see e-mail addresses."""
        self.slow_above: int | None = None
        """Larger pages than this are not finished in time: 504."""
        self.repeats_cursor = False
        """A known fault: every page names the same next page."""

    def reply(self, request: Request) -> Reply:
        body = json.loads(request.body) if request.body else None
        try:
            return Reply(200, self.answer(request.method, request.path, parse_qs(request.query), body, request.headers))
        except Answer as refused:
            return Reply(refused.status, error(refused.status, refused.code, str(refused)))

    def answer(self, method: str, path: str, params: Params, body: Any, headers: Message) -> bytes:
        """The body of a 200; raises Answer for the rest."""
        if headers.get("Authorization") != f"Bearer {self.token}":
            raise Answer(401, "unauthorized", "API token is invalid.")
        version = headers.get("Notion-Version")
        if version not in VERSIONS:
            said = "`undefined`" if version is None else f'`"{version}"`'
            raise Answer(
                400,
                "missing_version" if version is None else "validation_error",
                f"Notion-Version header failed validation: Notion-Version header should be defined, instead was {said}.",
            )
        parts = path.strip("/").split("/")
        if parts[0] != "v1" or len(parts) < 2:
            raise Answer(400, "invalid_request_url", "Invalid request URL.")
        with self.site.lock:
            told = Api(self, version).route(method, parts[1:], params, body)
        return _encode(told | {"request_id": REQUEST})


class Api:
    """One question under one version."""

    def __init__(self, server: NotionServer, version: str) -> None:
        self.server, self.site = server, server.site
        self.archived_too = version < "2026-03-11"

    def route(self, method: str, path: list[str], params: Params, body: Any) -> Any:
        match method, path:
            case "GET", ["users", "me"]:
                return self.me()
            case "GET", ["users"]:
                return listed([self.person(u) for u in self.site.users.values()], "user", params)
            case "GET", ["users", ref] if hyphenated(ref) in self.site.users:
                return self.person(self.site.users[hyphenated(ref)])
            case "GET", ["databases", ref]:
                return self.database(self._database(ref))
            case "GET", ["data_sources", ref]:
                return self.data_source(self._data_source(ref))
            case "POST", ["data_sources", ref, "query"]:
                return self.query(self._data_source(ref), params, body or {})
            case "GET", ["pages", ref]:
                return self.page(self._page(ref), params.get("filter_properties"))
            case "GET", ["pages", ref, "properties", property_id]:
                return self.property_item(self._page(ref), property_id, params)
            case "POST", ["search"]:
                return self.search(body or {})
        raise Answer(400, "invalid_request_url", "Invalid request URL.")

    # -- finding -----------------------------------------------------------------------------------------------------

    def _database(self, ref: str) -> Database:
        self._valid(ref)
        found = self.site.databases.get(hyphenated(ref))
        if found is None or not found.shared:
            raise unseen("database", ref)
        return found

    def _data_source(self, ref: str) -> DataSource:
        self._valid(ref)
        for found in self.site.data_sources():
            if found.id == hyphenated(ref):
                return found
        raise unseen("data_source", ref)

    def _page(self, ref: str) -> Page:
        self._valid(ref)
        found = self.site.find(ref)
        if found is None:
            raise unseen("page", ref)
        return found

    @staticmethod
    def _valid(ref: str) -> None:
        if len(ref.replace("-", "")) != 32:
            raise invalid(f'path failed validation: path.id should be a valid uuid, instead was `"{ref}"`.')

    # -- querying ----------------------------------------------------------------------------------------------------

    def query(self, home: DataSource, params: Params, body: Mapping[str, Any]) -> Any:
        for key in body:
            if key not in QUERY_KEYS:
                raise invalid(
                    f"body failed validation: body.{key} should be not present, instead was {json.dumps(body[key])}."
                )
        size = body.get("page_size", LARGEST)
        if not isinstance(size, int) or not 1 <= size <= LARGEST:
            raise invalid(
                f"body failed validation: body.page_size should be ≤ `100`, instead was `{json.dumps(size)}`."
            )
        if self.server.slow_above is not None and size > self.server.slow_above:
            raise Answer(504, "gateway_timeout", "The request timed out on the server side.")
        wanted = params.get("filter_properties")
        rows = self.site.rows(home, trashed=bool(body.get("in_trash") or body.get("archived")))
        if body.get("filter"):
            self.checked(home, body["filter"])
            rows = [p for p in rows if self.matches(home, p, body["filter"], 0)]
        for sort in reversed(body.get("sorts") or [{"timestamp": "created_time", "direction": "descending"}]):
            rows.sort(key=lambda p: self.order(home, p, sort), reverse=sort.get("direction") == "descending")
        capped = rows[: self.site.query_cap]
        start = 0 if self.server.repeats_cursor else self._start(capped, body.get("start_cursor"))
        end = start + min(size, self.server.page_cap)
        more = end < len(capped)
        answer: dict[str, Any] = {
            "object": "list",
            "results": [self.page(p, wanted) for p in capped[start:end]],
            "next_cursor": capped[end].id if more else None,
            "has_more": more,
            "type": "page_or_data_source",
            "page_or_data_source": {},
        }
        if not more and len(rows) > len(capped):
            answer["request_status"] = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}
        return answer

    @staticmethod
    def _start(rows: list[Page], cursor: Any) -> int:
        if cursor is None:
            return 0
        for place, page in enumerate(rows):
            if page.id == cursor:
                return place
        raise invalid(f"The start_cursor provided is invalid: {cursor}")

    def order(self, home: DataSource, page: Page, sort: Mapping[str, Any]) -> Any:
        if sort.get("timestamp") in ("created_time", "last_edited_time"):
            return minute(page.created if sort["timestamp"] == "created_time" else page.edited)
        found = self._property(home, str(sort.get("property")))
        value = self.plain(found, page)
        return (value is None, str(value))

    def _property(self, home: DataSource, name: str) -> Property:
        for found in home.properties.values():
            if name in (found.name, found.id, unquote(found.id)):
                return found
        raise invalid(f"Could not find property with name or id: {name}")

    def checked(self, home: DataSource, condition: Any) -> None:
        """A filter names properties that exist, also where there are no rows to compare."""
        if isinstance(condition, dict):
            for part in (*condition.get("and", ()), *condition.get("or", ())):
                self.checked(home, part)
            if "property" in condition:
                self._property(home, str(condition["property"]))

    def matches(self, home: DataSource, page: Page, condition: Any, depth: int) -> bool:
        """Whether a page passes a filter; conditions nest two deep and no deeper."""
        for word, joined in (("and", all), ("or", any)):
            if isinstance(condition, dict) and word in condition:
                if depth >= 2:
                    raise invalid(f"body failed validation: body.filter.{word} is nested too deeply.")
                return joined([self.matches(home, page, part, depth + 1) for part in condition[word]])
        if not isinstance(condition, dict):
            raise invalid("body failed validation: body.filter should be an object.")
        if "timestamp" in condition:
            name = condition["timestamp"]
            at = minute(page.created if name == "created_time" else page.edited)
            return compared(at, moment, condition[name])
        found = self._property(home, str(condition.get("property")))
        kind = next((k for k in condition if k not in ("property", "type")), found.type)
        rule = condition[kind]
        if kind in ("formula", "rollup"):
            kind, rule = next(iter(rule.items()))
        return tested(self.plain(found, page), kind, rule)

    def plain(self, found: Property, page: Page) -> Any:
        """A property's value as filters compare it."""
        if found.type == "title":
            return page.title
        if found.type == "unique_id":
            return page.number
        if found.compute:
            result = found.compute(page)
            return result.get(result["type"])
        value = page.values.get(found.id)
        if isinstance(value, tuple):
            return value[0]
        return [v.id if isinstance(v, Person) else v for v in value] if isinstance(value, list) else value

    def search(self, body: Mapping[str, Any]) -> Any:
        text = str(body.get("query", "")).casefold()
        only = (body.get("filter") or {}).get("value")
        found: list[Any] = []
        if only in (None, "data_source"):
            found += [self.data_source(d) for d in self.site.data_sources() if text in d.name.casefold()]
        if only in (None, "page"):
            pages = [p for p in self.site.pages.values() if self.site.find(p.id) and text in p.title.casefold()]
            found += [self.page(p, None) for p in pages]
        return listed(found, "page_or_data_source", {})

    # -- renderings --------------------------------------------------------------------------------------------------

    def trashed(self, in_trash: bool) -> dict[str, bool]:
        """The older version says it twice."""
        return {"in_trash": in_trash} | ({"archived": in_trash} if self.archived_too else {})

    def me(self) -> Any:
        return {
            "object": "user",
            "id": BOT,
            "name": "Sightline",
            "avatar_url": None,
            "type": "bot",
            "bot": {
                "owner": {"type": "workspace", "workspace": True},
                "workspace_name": self.site.name,
                "workspace_id": "231674b6-2cc1-46bc-b742-c5c9fe4b9c73",
                "workspace_limits": {"max_file_upload_size_in_bytes": 5242880},
            },
        }

    def person(self, user: Person) -> Any:
        told = {"object": "user", "id": user.id, "name": user.name, "avatar_url": None}
        if user.bot:
            return told | {"type": "bot", "bot": {}}
        email = {"email": user.email} if user.email and self.server.shows_email else {}
        return told | {"type": "person", "person": email}

    def database(self, found: Database) -> Any:
        return {
            "object": "database",
            "id": found.id,
            "title": rich(found.title),
            "description": [],
            "parent": {"type": "workspace", "workspace": True},
            "is_inline": False,
            "is_locked": False,
            "created_time": f"{found.created.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.083+00:00",
            "last_edited_time": f"{found.created.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.083+00:00",
            "data_sources": [{"id": d.id, "name": d.name} for d in found.data_sources],
            "icon": None,
            "cover": None,
            "url": f"https://www.notion.so/{found.id.replace('-', '')}",
            "public_url": None,
            **self.trashed(found.in_trash),
        }

    def data_source(self, found: DataSource) -> Any:
        at = stamp(found.database.created)
        return {
            "object": "data_source",
            "id": found.id,
            "cover": None,
            "icon": None,
            "created_time": at,
            "created_by": {"object": "user", "id": BOT},
            "last_edited_by": {"object": "user", "id": BOT},
            "last_edited_time": at,
            "title": rich(found.name),
            "description": [],
            "is_inline": False,
            "properties": {p.name: self.schema(found, p) for p in found.properties.values()},
            "parent": {"type": "database_id", "database_id": found.database.id},
            "database_parent": {"type": "workspace", "workspace": True},
            "url": f"https://www.notion.so/{found.database.id.replace('-', '')}",
            "public_url": None,
            **self.trashed(found.in_trash or found.database.in_trash),
        }

    def schema(self, home: DataSource, found: Property) -> Any:
        told = {"id": found.id, "name": found.name, "description": None, "type": found.type}
        options = [{"id": o.id, "name": o.name, "color": o.color, "description": None} for o in found.options]
        config: dict[str, Any] = {"options": options} if found.options else {}
        if found.type == "status":
            config["groups"] = [
                {
                    "id": hyphenated(f"{n + 1:032x}"),
                    "name": name,
                    "color": color,
                    "option_ids": [o.id for o in found.options if o.group == name],
                }
                for n, (name, color) in enumerate(GROUPS)
            ]
        if found.type == "unique_id":
            config["prefix"] = found.prefix
        if found.type == "number":
            config["format"] = found.format
        if found.type == "rollup" and found.over:
            relation = home.properties[found.over]
            config |= {
                "rollup_property_name": "Name",
                "relation_property_name": relation.name,
                "rollup_property_id": "title",
                "relation_property_id": unquote(relation.id),
                "function": "count",
            }
        return told | {found.type: config}

    def page(self, page: Page, wanted: list[str] | None) -> Any:
        home = page.home
        held = list(home.properties.values()) if home else [Property("title", "title", "title")]
        if wanted is not None:
            asked = {self._property(home, w).id for w in wanted} if home else {"title"}
            held = [p for p in held if p.id in asked]
        slug = "-".join(
            filter(None, ("".join(c if c.isascii() and c.isalnum() else "-" for c in page.title)).split("-"))
        )
        plain = page.id.replace("-", "")
        return {
            "object": "page",
            "id": page.id,
            "created_time": stamp(page.created),
            "last_edited_time": stamp(page.edited),
            "created_by": {"object": "user", "id": page.author.id if page.author else BOT},
            "last_edited_by": {"object": "user", "id": page.editor.id if page.editor else BOT},
            "cover": None,
            "icon": None,
            "parent": {"type": "data_source_id", "data_source_id": home.id, "database_id": home.database.id}
            if home
            else {"type": "page_id", "page_id": "393abc1e-edcd-80f3-813b-e205934558c6"},
            "is_archived": False,
            "is_locked": False,
            "properties": {p.name: self.value(p, page) for p in held},
            "url": f"https://www.notion.so/{slug}-{plain}" if slug else f"https://www.notion.so/{plain}",
            "public_url": None,
            **self.trashed(page.in_trash),
        }

    def value(self, found: Property, page: Page) -> Any:
        """A property's value within a page: of relations, people and texts the first 25 references."""
        told: dict[str, Any] = {"id": found.id, "type": found.type}
        full = self.whole(found, page)
        if found.type == "relation":
            return told | {"relation": full[:FEW], "has_more": len(full) > FEW}
        return told | {found.type: full[:FEW] if found.type == "people" else full}

    def whole(self, found: Property, page: Page) -> Any:
        special: dict[str, Callable[[], Any]] = {
            "title": lambda: rich(page.title),
            "unique_id": lambda: {"prefix": found.prefix, "number": page.number},
            "created_time": lambda: stamp(page.created),
            "last_edited_time": lambda: stamp(page.edited),
            "created_by": lambda: self.author(page.author),
            "last_edited_by": lambda: self.author(page.editor),
        }
        if found.type in special:
            return special[found.type]()
        if found.compute:
            return found.compute(page)
        value = page.values.get(found.id)
        if found.type in ("people", "relation", "multi_select"):
            return [self.one(found, v) for v in value or []]
        if found.type == "rich_text":
            return value if isinstance(value, list) else rich(value or "")
        if found.type == "checkbox":
            return bool(value)
        return None if value is None else self.one(found, value)

    def author(self, person: Person | None) -> Any:
        return self.person(person) if person else {"object": "user", "id": BOT}

    def one(self, found: Property, value: Any) -> Any:
        if found.type == "people":
            return self.person(value)
        if found.type == "relation":
            return {"id": value}
        if found.type in ("status", "select", "multi_select"):
            return option(next(o for o in found.options if o.name == value))
        if found.type == "date":
            start, end = value if isinstance(value, tuple) else (value, None)
            return {"start": iso(start), "end": iso(end) if end else None, "time_zone": None}
        return value

    def property_item(self, page: Page, property_id: str, params: Params) -> Any:
        """One property by itself: a list where it may be long, else its value."""
        if page.home is None:
            raise invalid(f"Could not find property with name or id: {property_id}")
        found = self._property(page.home, property_id)
        full = self.whole(found, page)
        if found.type not in ("relation", "people", "title", "rich_text", "rollup"):
            return {"object": "property_item", "id": found.id, "type": found.type, found.type: full}
        told: dict[str, Any] = {"id": found.id, "next_url": None, "type": found.type, found.type: {}}
        entries = full
        if found.type == "rollup":
            told["rollup"] = {**full, "array": []} if full["type"] == "array" else full
            entries = full.get("array", [])
        items = [
            {
                "object": "property_item",
                "id": found.id,
                **(e if found.type == "rollup" else {"type": found.type, found.type: e}),
            }
            for e in entries
        ]
        return listed(items, "property_item", params) | {"property_item": told}


# -- small things -------------------------------------------------------------------------------------------------------


def unseen(what: str, ref: str) -> Answer:
    return Answer(
        404,
        "object_not_found",
        f"Could not find {what} with ID: {hyphenated(ref)}. Make sure the relevant pages and databases are shared with your "
        'integration "Sightline".',
    )


def invalid(message: str) -> Answer:
    return Answer(400, "validation_error", message)


def listed(entries: list[Any], kind: str, params: Params) -> dict[str, Any]:
    """A page of a list; cursors are opaque."""
    size = min(int((params.get("page_size") or ["100"])[0]), LARGEST)
    cursor = (params.get("start_cursor") or ["at-0"])[0]
    start = int(cursor.removeprefix("at-")) if cursor.removeprefix("at-").isdigit() else -1
    if start < 0:
        raise invalid(f"The start_cursor provided is invalid: {cursor}")
    more = start + size < len(entries)
    return {
        "object": "list",
        "results": entries[start : start + size],
        "next_cursor": f"at-{start + size}" if more else None,
        "has_more": more,
        "type": kind,
        kind: {},
    }


def rich(text: str) -> list[Any]:
    """Rich text of one plain piece; nothing for an empty text."""
    return [piece(text)] if text else []


def piece(text: str, href: str | None = None) -> dict[str, Any]:
    """One piece of rich text, a link where `href` says so."""
    flags = dict.fromkeys(("bold", "italic", "strikethrough", "underline", "code"), False)
    link = {"url": href} if href else None
    return {
        "type": "text",
        "text": {"content": text, "link": link},
        "annotations": {**flags, "color": "default"},
        "plain_text": text,
        "href": href,
    }


def option(found: Option) -> dict[str, str]:
    return {"id": found.id, "name": found.name, "color": found.color}


def stamp(at: datetime) -> str:
    """A page's instant: 2026-06-18T17:51:00.000Z."""
    return f"{minute(at):%Y-%m-%dT%H:%M:%S}.000Z"


def iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def compared(value: Any, read: Callable[[str], Any], rule: Mapping[str, Any]) -> bool:
    """A date's or instant's conditions."""
    tests: dict[str, Callable[[Any], bool]] = {
        "on_or_after": lambda other: value >= other,
        "on_or_before": lambda other: value <= other,
        "after": lambda other: value > other,
        "before": lambda other: value < other,
        "equals": lambda other: value == other,
    }
    for word, other in rule.items():
        if word not in tests:
            raise invalid(f"body failed validation: body.filter.{word} should be defined.")
        try:
            limit = read(other)
        except (ValueError, TypeError):
            raise invalid(
                f"body failed validation: body.filter.{word} should be a valid ISO 8601 date string."
            ) from None
        if not tests[word](limit):
            return False
    return True


def tested(value: Any, kind: str, rule: Mapping[str, Any]) -> bool:
    """A property's conditions."""
    word, other = next(iter(rule.items()))
    if word in ("is_empty", "is_not_empty"):
        return (value in (None, "", [])) is (word == "is_empty")
    if kind == "date":
        return value is not None and compared(iso(value)[:10], lambda t: str(t)[:10], rule)
    if kind == "checkbox":
        value = bool(value)
        if not isinstance(other, bool):
            raise invalid(f"body failed validation: body.filter.checkbox.{word} should be a boolean.")
    if word in ("contains", "does_not_contain"):
        return (other in (value or ())) is (word == "contains")
    if word in ("equals", "does_not_equal"):
        return (value == other) is (word == "equals")
    order = {"greater_than": 1, "less_than": -1, "greater_than_or_equal_to": 2, "less_than_or_equal_to": -2}
    if word in order and value is not None:
        return bool({1: value > other, -1: value < other, 2: value >= other, -2: value <= other}[order[word]])
    return False
