"""Jira's REST API in front of a JiraSite, with the documented traps: see connectors/jira/README.md for each."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import msgspec

from demo.jira_site import Issue, JiraSite, Project, User, option_id
from demo.jql import JqlError, Query, parse
from demo.loopback import Loopback, Reply, Request

CLOUD_ID = "11111111-2222-3333-4444-555555555555"
REMOVED = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
EXPANDED_HISTORY = 40
_encode = msgspec.json.Encoder().encode
Params = Mapping[str, Any]


class Answer(Exception):
    """A status other than 200."""

    def __init__(self, status: int, *messages: str) -> None:
        super().__init__(*messages)
        self.status = status


class JiraServer(Loopback):
    """A site on a loopback port. `token` is the only credential it takes; `scoped` ones are good at the gateway only."""

    content_type = "application/json;charset=UTF-8"

    @property
    def api(self) -> type[Api]:
        """What answers a question."""
        return Api

    def __init__(
        self,
        site: JiraSite,
        *,
        email: str = "sync@northwind.example",
        token: str = "demo-token",
        scoped: bool = False,
        page_cap: int = 100,
    ) -> None:
        self.site, self.token, self.scoped, self.page_cap = site, token, scoped, page_cap
        super().__init__()
        basic = base64.b64encode(f"{email}:{token}".encode()).decode()
        self.accepted = {f"Basic {basic}"} if site.deployment == "cloud" else {f"Bearer {token}"}
        self.email = email
        self.revoked = False
        self.refuses_milliseconds = False
        """Like older sites, which read only text instants."""
        self.repeats_token = False
        """A known fault: every page names the same next page."""

    @property
    def gateway(self) -> str:
        """Where scoped tokens are good."""
        return f"{self.url}/ex/jira/{CLOUD_ID}"

    def reply(self, request: Request) -> Reply:
        params = {k: v[0] if len(v) == 1 else v for k, v in parse_qs(request.query).items()}
        body = json.loads(request.body) if request.body else None
        try:
            return Reply(
                200, self.answer(request.method, request.path, params, body, request.headers.get("Authorization"))
            )
        except Answer as refused:
            return Reply(refused.status, _encode({"errorMessages": list(refused.args), "errors": {}}))

    @contextmanager
    def no_credential_needed(self) -> Iterator[None]:
        """For contract checkers, which send none."""
        before, self.accepted = self.accepted, set()
        yield
        self.accepted = before

    # -- answers ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, params: Params, body: Any, authorization: str | None) -> bytes:
        """The body of a 200; raises Answer for the rest."""
        gateway = path.startswith(f"/ex/jira/{CLOUD_ID}")
        path = path.removeprefix(f"/ex/jira/{CLOUD_ID}")
        if path == "/_edge/tenant_info":
            return _encode({"cloudId": CLOUD_ID})
        if self.accepted and (self.revoked or authorization not in self.accepted or (self.scoped and not gateway)):
            raise Answer(401, "Client must be authenticated to access this resource.")
        parts = path.strip("/").split("/")
        if parts[:2] != ["rest", "api"] or len(parts) < 4:
            raise Answer(404, "Not found")
        with self.site.lock:
            return _encode(self.api(self, parts[2]).route(method, parts[3:], params, body or {}))


class Api:
    """One question."""

    def __init__(self, server: JiraServer, version: str) -> None:
        self.server, self.site, self.version = server, server.site, version
        self.cloud = self.site.deployment == "cloud"

    def route(self, method: str, path: list[str], params: Params, body: Mapping[str, Any]) -> Any:
        name = "/".join(path)
        common: dict[str, Callable[[], Any]] = {
            "serverInfo": self.server_info,
            "myself": self.myself,
            "status": lambda: [self.status(s) for s in self.site.statuses.values()],
            "statuscategory": lambda: [category(k) for k in CATEGORIES],
            "field": self.fields,
            "issueLinkType": self.link_types,
            "resolution": lambda: [
                {"id": i, "name": n, "self": f"{self.server.url}/resolution/{i}"}
                for n, i in self.site.resolutions.items()
            ],
            "mypermissions": lambda: {
                "permissions": {
                    "BROWSE_PROJECTS": {
                        "id": "10",
                        "key": "BROWSE_PROJECTS",
                        "name": "Browse Projects",
                        "havePermission": True,
                    }
                }
            },
        }
        if name in common and method == "GET":
            return common[name]()
        if path[0] == "issue" and len(path) >= 2 and path[1] != "bulkfetch":
            return self.one_issue(path[1:], params)
        both = {**params, **body}
        routes = self.cloud_routes() if self.cloud else self.datacenter_routes()
        if (method, name) in routes:
            return routes[method, name](both)
        if self.cloud and name == "search":
            raise Answer(410, REMOVED)
        raise Answer(404, "null for uri: " + name)

    def cloud_routes(self) -> dict[tuple[str, str], Callable[[Params], Any]]:
        return {
            ("GET", "search/jql"): self.search_jql,
            ("POST", "search/jql"): self.search_jql,
            ("POST", "search/approximate-count"): lambda p: {"count": len(self.search(str(p.get("jql", ""))))},
            ("POST", "issue/bulkfetch"): self.bulkfetch,
            ("POST", "changelog/bulkfetch"): self.changelogs,
            ("GET", "project/search"): self.project_search,
            ("GET", "field/search"): self.field_search,
            ("GET", "users/search"): self.people,
        }

    def datacenter_routes(self) -> dict[tuple[str, str], Callable[[Params], Any]]:
        return {
            ("GET", "search"): self.search_classic,
            ("POST", "search"): self.search_classic,
            ("GET", "user/search"): self.people,
            ("GET", "project"): lambda _: [self.project(p) for p in self.site.projects.values() if p.state != "hidden"],
        }

    def people(self, params: Params) -> Any:
        """Users, a page of them: Cloud lists all, Data Center those that match a text ("." is everybody)."""
        start, size = int(params.get("startAt") or 0), int(params.get("maxResults") or 50)
        return [self.user(u) for u in list(self.site.users.values())[start : start + size]]

    # -- about the site ---------------------------------------------------------------------------------------------

    def server_info(self) -> Any:
        now = stamp(self.site.clock(), self.site.zone)
        if self.cloud:
            return {
                "baseUrl": self.server.url,
                "version": "1001.0.0-SNAPSHOT",
                "versionNumbers": [1001, 0, 0],
                "deploymentType": "Cloud",
                "buildNumber": 100274,
                "serverTime": now,
                "serverTitle": "Jira",
            }
        return {
            "baseUrl": self.server.url,
            "version": "9.12.8",
            "versionNumbers": [9, 12, 8],
            "deploymentType": "Server",
            "buildNumber": 9120008,
            "serverTime": now,
            "serverTitle": "Jira",
        }

    def myself(self) -> Any:
        me = User("sync-account", "Sightline Sync", self.server.email)
        return {**self.user(me), "timeZone": self.site.zone, "locale": "en_US"}

    def fields(self) -> Any:
        return [self.field(f.id) for f in self.site.fields.values()]

    def field(self, field_id: str) -> Any:
        f = self.site.fields[field_id]
        schema: dict[str, Any] = {"type": f.type}
        if f.custom:
            schema |= {"custom": f.custom, "customId": int(f.id.removeprefix("customfield_"))}
            schema |= {"items": "option"} if f.type == "array" else {}
        else:
            schema["system"] = f.id
        return {
            "id": f.id,
            "key": f.id,
            "name": f.name,
            "custom": f.custom is not None,
            "orderable": True,
            "navigable": True,
            "searchable": True,
            "clauseNames": [f.id],
            "schema": schema,
        }

    def field_search(self, params: Params) -> Any:
        values = [
            {k: v for k, v in self.field(f).items() if k in ("id", "key", "name", "schema")} for f in self.site.fields
        ]
        return paged(values, params)

    def link_types(self) -> Any:
        return {
            "issueLinkTypes": [
                {
                    "id": i,
                    "name": n,
                    "inward": inward,
                    "outward": outward,
                    "self": f"{self.server.url}/issueLinkType/{i}",
                }
                for n, (i, inward, outward) in self.site.link_types.items()
            ]
        }

    def project(self, project: Project) -> Any:
        shown = {
            "id": project.id,
            "key": project.key,
            "name": project.name,
            "projectTypeKey": "software",
            "self": f"{self.server.url}/rest/api/{self.version}/project/{project.id}",
        }
        return shown | ({"archived": True} if project.state == "archived" else {})

    def project_search(self, params: Params) -> Any:
        wanted = {s for value in as_list(params.get("status")) for s in value.split(",")} or {"live"}
        shown = [p for p in self.site.projects.values() if p.state in wanted]
        values = [self.project(p) for p in shown]
        if "insight" in str(params.get("expand", "")):
            for project, value in zip(shown, values, strict=True):
                updated = [i.updated for i in self.site.issues.values() if i.project is project]
                value["insight"] = {"totalIssueCount": len(updated)} | (
                    {"lastIssueUpdateTime": stamp(max(updated), "UTC")} if updated else {}
                )
        return paged(values, params)

    # -- searching -------------------------------------------------------------------------------------------------

    def query(self, jql: str) -> Query:
        def knows(what: str, value: str) -> bool:
            if what == "project":
                return any(
                    p.state == "live" and value.casefold() in (p.key.casefold(), p.id)
                    for p in self.site.projects.values()
                )
            return self.cloud or self.site.find(value) is not None

        if self.server.refuses_milliseconds and (bare := re.search(r"[<>]=?\s*(\d{10,})", jql)):
            raise Answer(400, f"Date value '{bare[1]}' for field 'updated' is invalid.")
        try:
            return parse(jql, now=self.site.clock(), zone=ZoneInfo(self.site.zone), knows=knows)
        except JqlError as error:
            raise Answer(400, str(error)) from None

    def search(self, jql: str) -> list[Issue]:
        query = self.query(jql)
        if self.cloud and not query.bounded:
            raise Answer(
                400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        found = [i for i in self.site.visible() if query.matches(i)]
        for name, descending in reversed(query.order or (("created", True),)):
            found.sort(key=ORDERS[name], reverse=descending)
        return found

    def search_jql(self, params: Params) -> Any:
        """Tokens; `fields` is only `id` unless asked; fewer than asked when there are fields; no total."""
        if "startAt" in params:
            raise Answer(400, "startAt is not supported: use nextPageToken")
        if "expand" in params and not isinstance(params["expand"], str):
            raise Answer(400, "expand must be a string")
        found = self.search(str(params.get("jql", "")))
        names = split(params.get("fields")) or ["id"]
        asked = max(1, int(params.get("maxResults", 50)))
        size = min(asked, 5000 if set(names) <= {"id", "project", "key"} else self.server.page_cap)
        start = 0 if self.server.repeats_token else self._start(params.get("nextPageToken"))
        page = found[start : start + size]
        expand = str(params.get("expand", ""))
        answer: dict[str, Any] = {
            "issues": [self.issue(i, names, expand) for i in page],
            "isLast": start + size >= len(found),
        }
        if not answer["isLast"]:
            answer["nextPageToken"] = base64.urlsafe_b64encode(f"at:{start + size}".encode()).decode()
        return answer

    def _start(self, token: Any) -> int:
        if not token:
            return 0
        try:
            return int(base64.urlsafe_b64decode(str(token)).decode().removeprefix("at:"))
        except ValueError:
            raise Answer(400, "The provided next page token is invalid or expired.") from None

    def search_classic(self, params: Params) -> Any:
        expand = ",".join(as_list(params.get("expand")))
        found = self.search(str(params.get("jql", "")))
        start, size = int(params.get("startAt", 0)), min(int(params.get("maxResults", 50)), self.server.page_cap)
        names = split(params.get("fields")) or ["*navigable"]
        issues = [self.issue(i, names, expand) for i in found[start : start + size]]
        return {"expand": "schema,names", "startAt": start, "maxResults": size, "total": len(found), "issues": issues}

    def bulkfetch(self, params: Params) -> Any:
        wanted = params.get("issueIdsOrKeys") or []
        if not 1 <= len(wanted) <= 100:
            raise Answer(400, "issueIdsOrKeys must have between 1 and 100 entries")
        found = [i for ref in wanted if (i := self.site.find(str(ref)))]
        return {
            "issues": [self.issue(i, split(params.get("fields")) or ["*navigable"], "") for i in found],
            "issueErrors": [],
        }

    def one_issue(self, path: list[str], params: Params) -> Any:
        issue = self.site.find(path[0])
        if issue is None:
            raise Answer(404, "Issue does not exist or you do not have permission to see it.")
        if path[1:] == ["changelog"] and self.cloud:
            return paged([self.history(h) for h in issue.histories], params, default=100)
        if path[1:]:
            raise Answer(404, "null for uri: issue/" + "/".join(path))
        return self.issue(issue, split(params.get("fields")) or ["*all"], str(params.get("expand", "")))

    def changelogs(self, params: Params) -> Any:
        wanted = [str(w) for w in params.get("issueIdsOrKeys") or []]
        if not 1 <= len(wanted) <= 1000:
            raise Answer(400, "issueIdsOrKeys must have between 1 and 1000 entries")
        names = params.get("fieldIds") or []
        entries = []
        for ref in wanted:
            issue = self.site.find(ref)
            for history in issue.histories if issue else []:
                shown = self.history(history)
                shown["items"] = [i for i in shown["items"] if not names or i.get("fieldId") in names]
                if issue and shown["items"]:
                    entries.append((history["created"], issue.id, shown))
        entries.sort(key=lambda e: e[0])
        start, size = self._start(params.get("nextPageToken")), min(int(params.get("maxResults", 1000)), 10_000)
        logs: dict[str, list[Any]] = {}
        for _, ref, shown in entries[start : start + size]:
            logs.setdefault(ref, []).append(shown)
        answer: dict[str, Any] = {
            "issueChangeLogs": [{"issueId": ref, "changeHistories": h} for ref, h in logs.items()]
        }
        if start + size < len(entries):
            answer["nextPageToken"] = base64.urlsafe_b64encode(f"at:{start + size}".encode()).decode()
        return answer

    # -- renderings ------------------------------------------------------------------------------------------------

    def user(self, user: User | None) -> Any:
        if user is None:
            return None
        if not self.cloud:
            return {
                "self": f"{self.server.url}/rest/api/2/user?username={user.id}",
                "name": user.id,
                "key": user.id,
                "emailAddress": user.email or "",
                "displayName": user.name,
                "active": user.active,
                "timeZone": "Europe/Berlin",
            }
        shown = {
            "self": f"{self.server.url}/rest/api/3/user?accountId={user.id}",
            "accountId": user.id,
            "accountType": user.kind,
            "displayName": user.name,
            "active": user.active,
            "timeZone": "Europe/Berlin",
        }
        return shown | ({"emailAddress": user.email} if user.email else {})

    def status(self, status: Any) -> Any:
        base = f"{self.server.url}/rest/api/{self.version}"
        return {
            "self": f"{base}/status/{status.id}",
            "description": "",
            "iconUrl": f"{self.server.url}/",
            "name": status.name,
            "id": status.id,
            "statusCategory": category(status.category, base),
        }

    def history(self, history: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": history["id"],
            "author": self.user(history["author"]),
            "created": stamp(history["created"], self.site.zone),
            "items": [dict(i) for i in history["items"]],
        }

    def issue(self, issue: Issue, names: list[str], expand: str) -> Any:
        base = f"{self.server.url}/rest/api/{self.version}"
        shown: dict[str, Any] = {
            "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
            "id": issue.id,
            "self": f"{base}/issue/{issue.id}",
            "key": issue.key,
        }
        wanted = None if set(names) & {"*all", "*navigable"} else set(names)
        if names != ["id"]:
            shown["fields"] = {k: v for k, v in self.values(issue).items() if wanted is None or k in wanted}
        if "changelog" in expand:
            entries = [self.history(h) for h in issue.histories]
            if self.cloud:
                entries = entries[::-1][:EXPANDED_HISTORY]
            shown["changelog"] = {
                "startAt": 0,
                "maxResults": len(entries),
                "total": len(issue.histories),
                "histories": entries,
            }
        return shown

    def values(self, issue: Issue) -> dict[str, Any]:
        resolution = issue.resolution
        values = {
            "summary": issue.title,
            "project": self.project(issue.project),
            "issuetype": {"id": "10001", "name": issue.type, "subtask": False},
            "status": self.status(issue.status),
            "created": stamp(issue.created, self.site.zone),
            "updated": stamp(issue.updated, self.site.zone),
            "assignee": self.user(issue.assignee),
            "duedate": issue.due.isoformat() if issue.due else None,
            "resolution": {"id": self.site.resolutions[resolution], "name": resolution, "description": ""}
            if resolution
            else None,
            "resolutiondate": stamp(issue.resolved, self.site.zone) if issue.resolved else None,
            "priority": {"id": "3", "name": "Medium"},
            "labels": [],
            "issuelinks": [self.edge(n, *link) for n, link in enumerate(issue.links)],
        }
        if issue.parent and (parent := self.site.find(issue.parent)):
            values["parent"] = {
                "id": parent.id,
                "key": parent.key,
                "fields": {"summary": parent.title, "status": self.status(parent.status)},
            }
        return values | {
            f.id: self.custom(f.type, issue.fields.get(f.id)) for f in self.site.fields.values() if f.custom
        }

    def custom(self, kind: str, value: Any) -> Any:
        if value is None:
            return None
        if kind == "option":
            return {
                "self": f"{self.server.url}/customFieldOption/{option_id(value)}",
                "value": value,
                "id": option_id(value),
            }
        if kind == "array":
            return [self.custom("option", value)]
        return value

    def edge(self, n: int, kind: str, direction: str, other_id: str) -> Any:
        type_id, inward, outward = self.site.link_types[kind]
        edge: dict[str, Any] = {
            "id": f"9{n:04d}{other_id}",
            "type": {"id": type_id, "name": kind, "inward": inward, "outward": outward},
        }
        other = self.site.find(other_id)
        if other is not None:
            stub = {
                "id": other.id,
                "key": other.key,
                "fields": {"summary": other.title, "status": self.status(other.status)},
            }
            edge["outwardIssue" if direction == "out" else "inwardIssue"] = stub
        return edge


CATEGORIES = {
    "undefined": (1, "No Category", "medium-gray"),
    "new": (2, "To Do", "blue-gray"),
    "indeterminate": (4, "In Progress", "yellow"),
    "done": (3, "Done", "green"),
}
ORDERS: dict[str, Callable[[Issue], Any]] = {
    "created": lambda i: i.created, "updated": lambda i: i.updated, "id": lambda i: int(i.id),
    "key": lambda i: (i.project.key, i.number), "issuekey": lambda i: (i.project.key, i.number),
}  # fmt: skip


def category(key: str, base: str = "") -> Any:
    number, name, colour = CATEGORIES[key]
    return {"self": f"{base}/statuscategory/{number}", "id": number, "key": key, "colorName": colour, "name": name}


def paged(values: list[Any], params: Params, default: int = 50) -> Any:
    start, size = int(params.get("startAt", 0)), min(int(params.get("maxResults", default)), 100)
    return {
        "startAt": start,
        "maxResults": size,
        "total": len(values),
        "isLast": start + size >= len(values),
        "values": values[start : start + size],
    }


def stamp(at: datetime, zone: str) -> str:
    """2026-11-21T09:00:00.123+0100, in the account's zone."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"


def split(value: Any) -> list[str]:
    return [part for entry in as_list(value) for part in str(entry).split(",") if part]


def as_list(value: Any) -> list[str]:
    return [] if value is None else list(value) if isinstance(value, list) else [str(value)]
