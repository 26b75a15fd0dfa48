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
    AccessDenied,
    Binding,
    Change,
    Finding,
    Found,
    Metadata,
    Mode,
    Page,
    Seen,
    Source,
    SourceError,
    SourceUnavailable,
    StatusValue,
    Verdict,
)
from connectors.contract import Scope as VisibleScope
from connectors.jira import ApiToken, Connection
from connectors.jira.errors import Refused
from connectors.jira.pull import Puller
from connectors.jira.reader import Shape, changes, read_all
from connectors.jira.shape import find_fields
from connectors.wire import READ_MARK, Policy, Wire, parsed

LOOKUP = 100
HISTORY = 1000


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
        try:
            if body is None:
                answer = self._jira._session.get(url, params=dict(params or {}))
            else:
                answer = self._jira._session.post(url, json=body, headers={READ_MARK: "1"})
        except JIRAError as error:
            # The library's error shows headers and bodies: only Jira's own messages go on.
            raise Refused(int(error.status_code or 0), self.wire.redact(str(error.text or ""))[:300]) from None
        return parsed(answer.content, source=self.source.key, what=f"answer of Jira's {path.split('/')[0]}")

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
        self._projects = {str(p["id"]): p for p in self._roster() if "id" in p}
        categories = {str(s["id"]): str((s.get("statusCategory") or {}).get("key")) for s in statuses}
        drift = []
        for binding in self.source.bindings:
            shape, gone = find_fields(self.source.key, binding, fields, self.connection, categories)
            self._shapes[binding.key] = shape
            drift += gone
        return Metadata(
            statuses=tuple(_status_value(s) for s in statuses),
            scopes=tuple(
                VisibleScope(ref, str(p.get("key") or ref), "archived" if p.get("archived") else "live")
                for ref, p in self._projects.items()
            ),
            drift=tuple(drift),
        )

    def _list(self, path: str) -> list[dict[str, Any]]:
        answer = self.ask(path)
        if not isinstance(answer, list):
            raise SourceUnavailable(f"{self.source.key}: Jira's {path} answered no list", source=self.source.key)
        return [entry for entry in answer if isinstance(entry, dict)]

    def _roster(self) -> list[dict[str, Any]]:
        """The projects that this credential sees, on Cloud with when each was last updated."""
        if not self.cloud:
            return self._list("project")
        return list(self.paged("project/search", {"expand": "insight"}))

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
        shape = self.shape(binding)
        if not self.cloud:
            return {ref: self._long_history(ref, shape) for ref in refs}
        found: dict[str, list[Any]] = {}
        for start in range(0, len(refs), HISTORY):
            asked = list(refs[start : start + HISTORY])
            found.update({ref: [] for ref in asked})
            token: str | None = None
            seen: set[str] = set()
            while True:
                body = {"issueIdsOrKeys": asked, "maxResults": 10_000} | ({"nextPageToken": token} if token else {})
                page = self.ask("changelog/bulkfetch", body=body)
                for log in page.get("issueChangeLogs") or []:
                    found.setdefault(str(log.get("issueId")), []).extend(log.get("changeHistories") or [])
                token = page.get("nextPageToken")
                if not token:
                    break
                if token in seen:
                    raise SourceUnavailable(
                        f"{self.source.key} gives the same changelog page again and again", source=self.source.key
                    )
                seen.add(token)
        return {ref: changes(histories, shape) for ref, histories in found.items()}

    def _long_history(self, ref: str, shape: Shape) -> tuple[Change, ...]:
        """One issue's whole changelog on Data Center."""
        answer = self.ask(f"issue/{ref}", {"expand": "changelog", "fields": "status"})
        log = answer.get("changelog") if isinstance(answer, dict) else None
        return changes(log.get("histories") if isinstance(log, dict) else None, shape)

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
        if self.cloud:
            for start in range(0, len(refs), LOOKUP):
                body = {"issueIdsOrKeys": list(refs[start : start + LOOKUP]), "fields": shape.wanted}
                yield from self.ask("issue/bulkfetch", body=body).get("issues") or []
            return
        for ref in refs:
            try:
                yield self.ask(f"issue/{ref}", {"fields": ",".join(shape.wanted)})
            except Refused as refused:
                if refused.status != 404:
                    raise SourceUnavailable(f"{self.source.key}: {refused}", source=self.source.key) from None

    def check(self) -> Sequence[Finding]:
        """Credential, rights, fields, link types, JQL and clock, each in one sentence."""
        checks = (("credential", self._check_credential), ("rights", self._check_rights), ("fields", self._check_fields),
                  ("link types", self._check_links), ("scope", self._check_scope), ("clock", self._check_clock))  # fmt: skip
        found: list[Finding] = []
        for name, check in checks:
            try:
                found.append(Finding(name, True, check()))
            except SourceError as error:
                found.append(Finding(name, False, " - ".join(filter(None, [str(error), error.hint]))))
                if isinstance(error, AccessDenied | SourceUnavailable):
                    break
            except Refused as refused:
                found.append(Finding(name, False, f"Jira says: {refused}"))
        return found

    def _check_credential(self) -> str:
        who = self.ask("myself")
        return f"signed in as {who.get('displayName')} ({who.get('timeZone')}) on {'Cloud' if self.cloud else 'Data Center'}"

    def _check_rights(self) -> str:
        roster = self._roster()
        if not roster:
            raise SourceError(
                "no project is visible", hint="give the account 'Browse projects' on the projects to be read"
            )
        return f"{len(roster)} projects are visible"

    def _check_fields(self) -> str:
        drift = self.metadata().drift
        if drift:
            raise SourceError("; ".join(str(d) for d in drift))
        return "every mapped field exists"

    def _check_links(self) -> str:
        answer = self.ask("issueLinkType")
        known = {str(t.get(k)) for t in answer.get("issueLinkTypes") or [] for k in ("name", "id")}
        if missing := [name for name in self.connection.blocking_links if name not in known]:
            raise SourceError(
                f"no link type is called {', '.join(missing)}", hint=f"known are {', '.join(sorted(known))}"
            )
        return f"blocking links are {', '.join(self.connection.blocking_links)}"

    def _check_scope(self) -> str:
        for binding in self.source.bindings:
            Puller(self, binding).try_scope()
        return f"{len(self.source.bindings)} JQL scopes are understood"

    def _check_clock(self) -> str:
        server = self.wire.server_time
        if server is None:
            return "the server tells no time"
        skew = abs((datetime.now(UTC) - server).total_seconds())
        if skew > 60:
            raise SourceError(
                f"this machine's clock and the server's differ by {skew:.0f} s", hint="set the clock by NTP"
            )
        return f"within {skew:.0f} s of the server's"

    def close(self) -> None:
        self._jira._session.close()


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
