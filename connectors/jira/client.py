"""The only I/O of the Jira connector: what is asked, in which order, and when an answer is whole.

The `jira` library authenticates and addresses; its own paging and retries lose records (README.md, known limits) and are
not used. Reading passes and their cursors are in `pull.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import jira
from jira.exceptions import JIRAError

from connectors.contract import (
    Binding,
    Change,
    Discovery,
    Finding,
    Found,
    Metadata,
    Mode,
    Page,
    Seen,
    Source,
    SourceUnavailable,
    StatusValue,
    Verdict,
)
from connectors.contract import Scope as VisibleScope
from connectors.jira import ApiToken, Connection
from connectors.jira.check import examine
from connectors.jira.errors import Refused
from connectors.jira.history import changelogs
from connectors.jira.pull import Puller
from connectors.jira.reader import Shape, read_all
from connectors.jira.shape import categories, find_fields
from connectors.wire import READ_MARK, Policy, Wire, parsed

LOOKUP = 100


class JiraConnector:
    """One Jira, Cloud or Data Center."""

    def __init__(self, source: Source, *, wire: Wire | None = None) -> None:
        self.source = source
        self.connection: Connection = source.connection
        self.wire = wire or _wire(source.key, self.connection)
        self._site: dict[str, Any] | None = None
        self._jira = self._library()
        self._projects: dict[str, Mapping[str, Any]] = {}
        self._shapes: dict[str, Shape] = {}

    @property
    def requests(self) -> int:
        return self.wire.requests

    @property
    def retries(self) -> int:
        return self.wire.retries

    def _library(self) -> jira.JIRA:
        """The vendor library for authentication and addressing; its retries, proxies and redirects are off."""
        auth = self.connection.auth
        secret = auth.token.get_secret_value()
        credentials: dict[str, Any] = {"token_auth": secret}
        if isinstance(auth, ApiToken):
            credentials = {"basic_auth": (auth.email, secret)}
        library = jira.JIRA(
            server=self.connection.base,
            options={"check_update": False},
            get_server_info=False,
            max_retries=0,
            timeout=self.connection.timeout,
            **credentials,
        )
        self.wire.prepare(library._session)
        return library

    # -- asking ----------------------------------------------------------------------------------------------------

    @property
    def cloud(self) -> bool:
        """Whether this is Jira Cloud: as configured, else as the site says of itself."""
        if self.connection.deployment != "auto":
            return self.connection.deployment == "cloud"
        if self._site is None:
            self._site = self.ask("serverInfo", version="2")
        return str(self._site.get("deploymentType", "")).casefold() == "cloud"

    def ask(
        self, path: str, params: Mapping[str, Any] | None = None, body: Any = None, version: str | None = None
    ) -> Any:
        """One REST question: GET, or POST where there is a body (a read all the same). Parsed JSON.

        Raises:
            Refused: 400, 404, 410 and their like, with Jira's own messages.
            SourceError: see Wire.ask.
        """
        version = version or ("3" if self.cloud else "2")
        url = self._jira._get_url(path, base="{server}/rest/api/" + version + "/{path}")
        what = f"answer of Jira's {path}"
        content = self._send(path, url, params, body)
        try:
            return parsed(content, source=self.source.key, what=what)
        except SourceUnavailable:
            # A body cut off on a connection that announced no length looks like bad JSON: once more.
            return parsed(self._send(path, url, params, body), source=self.source.key, what=what)

    def _send(self, path: str, url: str, params: Mapping[str, Any] | None, body: Any) -> bytes:
        try:
            if body is None:
                answer = self._jira._session.get(url, params=dict(params or {}))
            else:
                answer = self._jira._session.post(url, json=body, headers={READ_MARK: "1"})
        except JIRAError as error:
            # The library's error shows headers and bodies: only Jira's own messages go on.
            messages = self.wire.redact(str(error.text or ""))[:300]
            raise Refused(int(error.status_code or 0), path, messages, source=self.source.key) from None
        return bytes(answer.content)

    def paged(self, path: str, params: Mapping[str, Any], key: str = "values") -> Iterator[dict[str, Any]]:
        """Entries of a startAt-paged list: advances by what came, for a page shorter than asked is not the end."""
        start = 0
        while True:
            page = self.ask(path, {**params, "startAt": start, "maxResults": 50})
            entries = page.get(key) if isinstance(page, dict) else None
            if not isinstance(entries, list):
                raise SourceUnavailable(
                    f"{self.source.key}: Jira's {path} answered without '{key}'", source=self.source.key
                )
            yield from (e for e in entries if isinstance(e, dict))
            start += len(entries)
            if not entries or page.get("isLast") is True or start >= int(page.get("total") or 0):
                return

    # -- the contract ----------------------------------------------------------------------------------------------

    def metadata(self) -> Metadata:
        statuses = [s for s in self._list("status") if "id" in s]
        fields = self._list("field")
        roster = self.roster()
        self._projects = {str(p["id"]): p for p in (*(roster or ()), *self.archived()) if "id" in p}
        known = categories(statuses)
        drift = []
        for binding in self.source.bindings:
            shape, gone = find_fields(self.source.key, binding, fields, self.connection, known)
            self._shapes[binding.key] = shape
            drift += gone
        return Metadata(
            statuses=tuple(_status_value(s) for s in statuses),
            scopes=None if roster is None else tuple(_scope(ref, p) for ref, p in self._projects.items()),
            drift=tuple(drift),
        )

    def field_list(self) -> list[dict[str, Any]]:
        """Every field of the site, as far as this credential sees them."""
        return self._list("field")

    def _list(self, path: str) -> list[dict[str, Any]]:
        answer = self.ask(path)
        if not isinstance(answer, list):
            raise SourceUnavailable(f"{self.source.key}: Jira's {path} answered no list", source=self.source.key)
        return [entry for entry in answer if isinstance(entry, dict)]

    def roster(self) -> list[dict[str, Any]] | None:
        """The projects that this credential sees, on Cloud with when each was last updated; None where a site hides them."""
        if self.cloud:
            for params in ({"expand": "insight"}, {}):  # insight is not in Jira's contract: a site may refuse it
                try:
                    return list(self.paged("project/search", params))
                except Refused:
                    continue
        try:
            return self._list("project")
        except Refused:
            return None

    def archived(self) -> list[dict[str, Any]]:
        """Projects on the shelf, where the site tells (an experimental filter of Cloud)."""
        try:
            found = list(self.paged("project/search", {"status": "archived"})) if self.cloud else []
        except Refused:
            return []
        return [p for p in found if p.get("archived") is True]

    def last_updated(self) -> datetime | None:
        """When any visible project was last updated, where the site tells it of every one; else None."""
        latest: list[datetime] = []
        for project in self._projects.values():
            insight = project.get("insight")
            text = insight.get("lastIssueUpdateTime") if isinstance(insight, dict) else None
            if text is None and isinstance(insight, dict) and insight.get("totalIssueCount") == 0:
                continue
            if not isinstance(text, str):
                return None
            latest.append(datetime.fromisoformat(text).astimezone(UTC))
        return max(latest, default=None)

    def shape(self, binding: Binding) -> Shape:
        """How to read this binding's issues; known from metadata on."""
        if binding.key not in self._shapes:
            self.metadata()
        return self._shapes[binding.key]

    def pull(
        self, binding: Binding, *, mode: Mode, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        return Puller(self, binding).pull(full=mode == "full" or cursor is None, cursor=cursor, resume=resume)

    def census(self, binding: Binding) -> Iterator[Sequence[Seen] | Verdict]:
        return Puller(self, binding).census()

    def history(self, binding: Binding, refs: Sequence[str]) -> Mapping[str, tuple[Change, ...]]:
        return changelogs(self, self.shape(binding), refs)

    def find(self, binding: Binding, refs: Sequence[str]) -> Sequence[Found]:
        """Asks by id: Cloud 100 at a time, Data Center one by one (one unknown id there fails a whole search)."""
        shape = self.shape(binding)
        records, _ = read_all(list(self._lookup(refs, shape)), shape)
        inside = Puller(self, binding).matching([r.ref for r in records])
        by_ref = {r.ref: r for r in records}
        found = []
        for ref in refs:
            record = by_ref.get(ref)
            if record is None:
                found.append(
                    Found(ref, "not_found", None, "its id is not found: deleted, or hidden from this credential")
                )
            elif ref in inside:
                found.append(Found(ref, "present", record))
            else:
                found.append(
                    Found(ref, "moved_out", record, f"is now {record.key} and no longer matches {binding.scope.jql}")
                )
        return found

    def _lookup(self, refs: Sequence[str], shape: Shape) -> Iterator[Any]:
        for start in range(0, len(refs), LOOKUP):
            part = list(refs[start : start + LOOKUP])
            yield from self._lookup_bulk(part, shape) if self.cloud else self._lookup_each(part, shape)

    def _lookup_bulk(self, refs: list[str], shape: Shape) -> Iterator[Any]:
        try:
            answer = self.ask("issue/bulkfetch", body={"issueIdsOrKeys": refs, "fields": shape.wanted})
        except Refused:
            yield from self._lookup_each(refs, shape)
            return
        if not isinstance(answer, dict) or not isinstance(answer.get("issues"), list):
            raise SourceUnavailable(f"{self.source.key}: Jira looked up ids without an answer", source=self.source.key)
        yield from answer["issues"]

    def _lookup_each(self, refs: list[str], shape: Shape) -> Iterator[Any]:
        for ref in refs:
            try:
                yield self.ask(f"issue/{ref}", {"fields": ",".join(shape.wanted)})
            except Refused as refused:
                if refused.status != 404:
                    raise

    def discover(self) -> Discovery:
        from connectors.jira.discover import discover

        return discover(self)

    def check(self) -> Sequence[Finding]:
        return examine(self)

    def close(self) -> None:
        self._jira._session.close()


def _scope(ref: str, project: Mapping[str, Any]) -> VisibleScope:
    return VisibleScope(ref, str(project.get("key") or ref), "archived" if project.get("archived") else "live")


def _status_value(status: Mapping[str, Any]) -> StatusValue:
    category = (status.get("statusCategory") or {}).get("key")
    project = ((status.get("scope") or {}).get("project") or {}).get("id")
    return StatusValue(
        "lifecycle", str(status["id"]), str(status.get("name") or ""), category, str(project) if project else None
    )


def _wire(source: str, connection: Connection) -> Wire:
    hosts = frozenset(urlsplit(url).netloc for url in (connection.base,))
    policy = Policy(
        hosts=hosts,
        timeout=connection.timeout,
        rate=connection.requests_per_second,
        budget=connection.request_budget,
        private_network=connection.private_network,
        ca_file=connection.ca_file,
        proxy=connection.proxy,
    )
    return Wire(source, policy, secrets=(connection.auth.token.get_secret_value(),))
