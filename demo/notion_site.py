"""The state behind a demo Notion: databases, their data sources, pages and people. No HTTP here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Literal
from uuid import UUID

Kind = Literal[
    "title", "status", "select", "multi_select", "checkbox", "number", "date", "people", "relation", "rich_text", "url", "email",
    "phone_number", "unique_id", "formula", "rollup", "created_by", "last_edited_by", "created_time", "last_edited_time",
]  # fmt: skip
GROUPS = (("To-do", "gray"), ("In progress", "blue"), ("Complete", "green"))


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    email: str | None = None
    bot: bool = False


@dataclass(slots=True)
class Option:
    id: str
    name: str
    color: str = "default"
    group: str = "To-do"
    """Of a status option; what the API adds lands in To-do."""


@dataclass(slots=True)
class Property:
    id: str
    """As the API writes it: URL-encoded."""
    name: str
    type: Kind
    options: list[Option] = field(default_factory=list)
    prefix: str | None = None
    compute: Callable[[Page], dict[str, Any]] | None = None
    """Of a formula or rollup: its result as the API writes it, {"type": "number", "number": 3}."""
    over: str | None = None
    """Of a rollup: the name of its relation."""
    format: str = "number"
    """Of a number: how it is shown, such as percent."""


@dataclass(slots=True)
class Database:
    id: str
    title: str
    shared: bool = True
    in_trash: bool = False
    data_sources: list[DataSource] = field(default_factory=list)
    created: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class DataSource:
    id: str
    name: str
    database: Database
    properties: dict[str, Property] = field(default_factory=dict)
    """By name."""
    in_trash: bool = False
    next_number: int = 1


@dataclass(slots=True)
class Page:
    id: str
    home: DataSource | None
    """None: under a page, a row of nothing."""
    title: str
    created: datetime
    edited: datetime
    values: dict[str, Any] = field(default_factory=dict)
    """Property id to plain value: an option's name, people, ids of related pages, a date or (start, end)."""
    author: Person | None = None
    editor: Person | None = None
    in_trash: bool = False
    shared: bool = True
    number: int = 0


class NotionSite:
    """One workspace with everything in memory. Edits may come while it is serving."""

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.name = "Northwind Instruments"
        self.query_cap = 10_000
        """Rows that one query gives at most."""
        self.users: dict[str, Person] = {}
        self.databases: dict[str, Database] = {}
        self.pages: dict[str, Page] = {}
        self.revision = 0
        """Grows with every change of a page."""
        self._made = 0

    def _id(self, what: str) -> str:
        """A new id, the same ones in every process; not of any UUID version, as Notion's are not."""
        self._made += 1
        return str(UUID(bytes=blake2b(f"{what}:{self._made}".encode(), digest_size=16).digest()))

    # -- set-up ----------------------------------------------------------------------------------------------------

    def user(self, name: str, email: str | None = None, *, bot: bool = False, id: str | None = None) -> Person:
        person = Person(id or self._id("user"), name, email, bot)
        self.users[person.id] = person
        return person

    def database(self, title: str) -> Database:
        database = Database(self._id("database"), title, created=self.clock())
        self.databases[database.id] = database
        return database

    def data_source(self, database: Database, name: str | None = None) -> DataSource:
        """A data source with nothing but a title, called Name."""
        with self.lock:
            made = DataSource(self._id("data source"), name or database.title, database)
            made.properties["Name"] = Property("title", "Name", "title")
            database.data_sources.append(made)
            return made

    def property(self, home: DataSource, name: str, type: Kind, options: tuple[str, ...] = (), **more: Any) -> Property:
        """A property. Options of a status are written "In progress: Doing", else they land in To-do."""
        made = Property(property_id(f"{home.name}.{name}"), name, type, **more)
        for text in options:
            group, _, option = text.rpartition(": ")
            made.options.append(Option(self._id("option"), option or text, group=group or "To-do"))
        home.properties[name] = made
        return made

    def rename_property(self, home: DataSource, name: str, to: str) -> None:
        """Another name, the same id; no page is edited by it."""
        with self.lock:
            found = home.properties[name]
            found.name = to
            home.properties = {p.name: p for p in home.properties.values()}

    def rename_option(self, found: Property, name: str, to: str) -> None:
        """Another name, the same id; no page is edited by it."""
        with self.lock:
            next(o for o in found.options if o.name == name).name = to
            for page in self.pages.values():
                value = page.values.get(found.id)
                if value == name:
                    page.values[found.id] = to
                elif isinstance(value, list) and name in value:
                    page.values[found.id] = [to if v == name else v for v in value]

    # -- life ------------------------------------------------------------------------------------------------------

    def create(
        self, home: DataSource, title: str, author: Person | None = None, *, at: datetime | None = None, **values: Any
    ) -> Page:
        """A page; values by property name, with _ for a space."""
        with self.lock:
            at = at or self.clock()
            page = Page(self._id("page"), home, title, at, at, author=author, editor=author, number=home.next_number)
            home.next_number += 1
            self.pages[page.id] = page
            self._set(page, values)
            return page

    def edit(self, page: Page, author: Person | None = None, *, at: datetime | None = None, **values: Any) -> None:
        """Sets the title or properties by name, with _ for a space."""
        with self.lock:
            page.title = values.pop("title", page.title)
            self._set(page, values)
            page.editor = author or page.editor
            page.edited = max(page.edited, at or self.clock())

    def _set(self, page: Page, values: dict[str, Any]) -> None:
        for name, value in values.items():
            assert page.home is not None  # only rows have properties
            page.values[page.home.properties[name.replace("_", " ")].id] = value
        self.revision += 1

    def trash(self, page: Page, *, restore: bool = False) -> None:
        with self.lock:
            page.in_trash, page.edited = not restore, self.clock()
            self.revision += 1

    def delete(self, page: Page) -> None:
        """Gone from the trash too."""
        with self.lock:
            self.pages.pop(page.id)
            self.revision += 1

    def move(self, page: Page, home: DataSource | None) -> None:
        """To another data source, where properties of the same name keep their values; None: under a page."""
        with self.lock:
            names = {p.id: n for n, p in page.home.properties.items()} if page.home else {}
            kept = {names[ref]: value for ref, value in page.values.items() if ref in names}
            page.values = {home.properties[n].id: v for n, v in kept.items() if n in home.properties} if home else {}
            page.home, page.edited = home, self.clock()
            self.revision += 1

    # -- what the connection sees ------------------------------------------------------------------------------------

    def data_sources(self) -> Iterator[DataSource]:
        for database in self.databases.values():
            if database.shared:
                yield from database.data_sources

    def find(self, ref: str) -> Page | None:
        """A page by its id, with or without hyphens, trashed or not, if it may be seen."""
        page = self.pages.get(hyphenated(ref))
        visible = page is not None and page.shared and (page.home is None or page.home.database.shared)
        return page if visible else None

    def rows(self, home: DataSource, *, trashed: bool = False) -> list[Page]:
        """The pages of a data source, in no order that means anything."""
        found = [p for p in self.pages.values() if p.home is home and p.shared and p.in_trash is trashed]
        return sorted(found, key=lambda p: p.id)


def hyphenated(ref: str) -> str:
    """An id as the API writes it, from either form; what is none stays as it is."""
    try:
        return str(UUID(ref))
    except ValueError:
        return ref


def property_id(name: str) -> str:
    """Four signs, some of which must be encoded in an address: as Notion's are."""
    signs = "abcdefghijkmnpqrstuvwxyzABCDEFGH"
    number = int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big")
    return (
        "".join(signs[number >> shift & 31] for shift in (0, 5))
        + ("%3A", "%5D", "%60", "~")[number >> 20 & 3]
        + signs[number >> 10 & 31]
    )


def minute(at: datetime) -> datetime:
    """Notion's instants of pages: the minute, rounded down."""
    return at.astimezone(UTC).replace(second=0, microsecond=0)
