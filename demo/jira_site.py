"""The state behind a demo Jira: projects, people, statuses, issues and their history. No HTTP here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

Deployment = Literal["cloud", "datacenter"]


@dataclass(slots=True)
class Project:
    id: str
    key: str
    name: str
    state: Literal["live", "archived", "hidden"] = "live"
    next_number: int = 1


@dataclass(frozen=True, slots=True)
class Status:
    id: str
    name: str
    category: Literal["new", "indeterminate", "done", "undefined"]


@dataclass(frozen=True, slots=True)
class User:
    id: str
    name: str
    email: str | None = None
    kind: Literal["atlassian", "app", "customer"] = "atlassian"
    active: bool = True


@dataclass(frozen=True, slots=True)
class FieldType:
    """One entry of /field. `type` option, string, number, array, date, user."""

    id: str
    name: str
    type: str = "string"
    custom: str | None = None


@dataclass(slots=True)
class Issue:
    id: str
    number: int
    project: Project
    title: str
    status: Status
    created: datetime
    updated: datetime
    type: str = "Story"
    assignee: User | None = None
    resolution: str | None = None
    resolved: datetime | None = None
    due: date | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    """Custom field id to plain value: a text, a number, or an option's name."""
    parent: str | None = None
    links: list[tuple[str, str, str]] = field(default_factory=list)
    """(link type, "out" or "in", other issue's id)"""
    histories: list[dict[str, Any]] = field(default_factory=list)
    """Newest last: {id, author, created, items}."""
    searchable_at: datetime | None = None

    @property
    def key(self) -> str:
        return f"{self.project.key}-{self.number}"


class JiraSite:
    """One Jira with everything in memory. Edits may come while it is serving."""

    def __init__(self, deployment: Deployment, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.deployment = deployment
        self.clock = clock
        self.lock = threading.RLock()
        self.zone = "Europe/Berlin"
        """The asking account's profile time zone."""
        self.index_lag_seconds = 0.0
        self.revision = 0
        """Grows with every change of an issue."""
        self.projects: dict[str, Project] = {}
        self.users: dict[str, User] = {}
        self.statuses: dict[str, Status] = {}
        self.fields: dict[str, FieldType] = {f.id: f for f in SYSTEM_FIELDS}
        self.issues: dict[str, Issue] = {}
        self.resolutions = {"Done": "10000", "Won't Do": "10001", "Duplicate": "10002", "Zurückgezogen": "10003"}
        self.link_types = {
            "Blocks": ("10000", "is blocked by", "blocks"),
            "Relates": ("10003", "relates to", "relates to"),
        }
        self._next_issue, self._next_history = 10_001, 50_001

    # -- set-up ----------------------------------------------------------------------------------------------------

    def project(self, key: str, name: str) -> Project:
        project = Project(str(10_000 + len(self.projects)), key, name)
        self.projects[project.id] = project
        return project

    def status(self, id: str, name: str, category: Literal["new", "indeterminate", "done", "undefined"]) -> Status:
        status = Status(id, name, category)
        self.statuses[id] = status
        return status

    def user(
        self, id: str, name: str, email: str | None = None, kind: Literal["atlassian", "app", "customer"] = "atlassian"
    ) -> User:
        user = User(id, name, email, kind)
        self.users[id] = user
        return user

    def custom_field(self, id: str, name: str, type: str, custom: str) -> FieldType:
        entry = FieldType(id, name, type, custom)
        self.fields[id] = entry
        return entry

    # -- life ------------------------------------------------------------------------------------------------------

    def create(self, project: Project, title: str, status: Status, *, at: datetime | None = None, **more: Any) -> Issue:
        with self.lock:
            at = at or self.clock()
            issue = Issue(str(self._next_issue), project.next_number, project, title, status, at, at, **more)
            project.next_number += 1
            self._next_issue += 1
            self._touch(issue, at)
            self.issues[issue.id] = issue
            return issue

    def edit(self, issue: Issue, author: User | None, *, at: datetime | None = None, **changes: Any) -> None:
        """Sets status, assignee, due, resolution, title, or a custom field by its id; the changelog notes it."""
        with self.lock:
            at = at or self.clock()
            items = [self._change(issue, name, value) for name, value in changes.items()]
            if "status" in changes:
                issue.resolved = at if issue.status.category == "done" else None
            issue.histories.append({"id": str(self._next_history), "author": author, "created": at, "items": items})
            self._next_history += 1
            self._touch(issue, at)

    def _change(self, issue: Issue, name: str, value: Any) -> dict[str, Any]:
        custom = name in self.fields and name not in ("status", "assignee", "due", "resolution")
        before = issue.fields.get(name) if custom else getattr(issue, name)
        if custom:
            issue.fields[name] = value
        else:
            setattr(issue, name, value)
        label, ids = self.fields[name].name if custom else CHANGE_NAMES[name], name if custom else CHANGE_IDS[name]
        (old, old_text), (new, new_text) = self._sides(name, before), self._sides(name, value)
        item = {
            "field": label,
            "fieldtype": "custom" if custom else "jira",
            "from": old,
            "fromString": old_text,
            "to": new,
            "toString": new_text,
        }
        return item | ({"fieldId": ids} if self.deployment == "cloud" else {})

    def _sides(self, name: str, value: Any) -> tuple[str | None, str | None]:
        if value is None:
            return None, None
        if isinstance(value, Status | User):
            return value.id, value.name
        if isinstance(value, date):
            return value.isoformat(), f"{value} 00:00:00.0"
        if name == "resolution":
            return self.resolutions[value], value
        if name in self.fields and self.fields[name].type in ("option", "array"):
            return f"[{option_id(value)}]", str(value)
        return None, str(value)

    def link(self, source: Issue, target: Issue, kind: str = "Blocks") -> None:
        with self.lock:
            source.links.append((kind, "out", target.id))
            target.links.append((kind, "in", source.id))
            now = self.clock()
            source.updated, target.updated = max(source.updated, now), max(target.updated, now)

    def move(self, issue: Issue, project: Project, *, at: datetime | None = None) -> None:
        """Another project: a new key, the same id."""
        with self.lock:
            issue.project, issue.number = project, project.next_number
            project.next_number += 1
            self._touch(issue, at or self.clock())

    def delete(self, issue: Issue) -> None:
        with self.lock:
            self.issues.pop(issue.id, None)
            self.revision += 1

    def delete_status(self, status: Status) -> None:
        """Gone from the vocabulary; no issue may have it any more."""
        with self.lock:
            self.statuses.pop(status.id)

    def _touch(self, issue: Issue, at: datetime) -> None:
        issue.updated = max(issue.updated, at)
        self.revision += 1
        issue.searchable_at = (
            datetime.fromtimestamp(at.timestamp() + self.index_lag_seconds, UTC) if self.index_lag_seconds else None
        )

    # -- what an account sees ----------------------------------------------------------------------------------------

    def visible(self) -> Iterator[Issue]:
        """Issues in live projects that the search index knows already."""
        now = self.clock()
        for issue in list(self.issues.values()):
            if issue.project.state == "live" and (issue.searchable_at is None or issue.searchable_at <= now):
                yield issue

    def find(self, ref: str) -> Issue | None:
        """By id or key, whatever project it is in now, if it may be seen."""
        issue = self.issues.get(ref) or next(
            (i for i in self.issues.values() if i.key.casefold() == ref.casefold()), None
        )
        return issue if issue and issue.project.state != "hidden" else None


def option_id(value: str) -> str:
    """A stable id for an option's name."""
    return str(20_000 + sum(value.encode()) % 10_000)


CHANGE_NAMES = {
    "status": "status",
    "assignee": "assignee",
    "due": "duedate",
    "resolution": "resolution",
    "title": "summary",
}
CHANGE_IDS = {**CHANGE_NAMES}
SYSTEM_FIELDS = (
    FieldType("summary", "Summary"), FieldType("status", "Status", "status"), FieldType("assignee", "Assignee", "user"),
    FieldType("duedate", "Due date", "date"), FieldType("resolution", "Resolution", "resolution"),
    FieldType("resolutiondate", "Resolved", "datetime"), FieldType("priority", "Priority", "priority"),
    FieldType("created", "Created", "datetime"), FieldType("updated", "Updated", "datetime"),
    FieldType("project", "Project", "project"), FieldType("issuetype", "Issue Type", "issuetype"),
    FieldType("issuelinks", "Linked Issues", "array"), FieldType("parent", "Parent", "issuelink"),
    FieldType("description", "Description"), FieldType("labels", "Labels", "array"),
)  # fmt: skip
