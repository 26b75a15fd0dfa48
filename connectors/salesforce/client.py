"""The only I/O of the Salesforce connector: tokens, queries and their pages, and what the org says of itself.

`simple-salesforce` addresses and keeps the session; its login, retries and paging are not used (README.md, known limits).
Reading passes and their cursors are in `pull.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from simple_salesforce.api import Salesforce

from connectors.contract import (
    AccessDenied,
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
    SourceChanged,
    SourceUnavailable,
    StatusValue,
    Verdict,
)
from connectors.contract import Scope as VisibleScope
from connectors.salesforce import NEWEST, Connection, GivenSession
from connectors.salesforce.auth import access_token, secrets
from connectors.salesforce.check import examine
from connectors.salesforce.errors import Incomplete, Refused, SessionExpired, complaint, judged
from connectors.salesforce.figure import Figure
from connectors.salesforce.history import changelogs
from connectors.salesforce.pull import Puller
from connectors.salesforce.reader import STAGE, Shape
from connectors.salesforce.report import Report
from connectors.salesforce.shape import categories, find_fields, persons
from connectors.salesforce.soql import is_id, lists, select
from connectors.wire import PageGuard, Policy, Wire, parsed

STAGES = ("ApiName", "MasterLabel", "IsActive", "IsClosed", "IsWon", "DefaultProbability", "ForecastCategoryName")
BUSY = frozenset({"QUERY_TIMEOUT", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW"})
TRIES = 3
"""How often a busy Salesforce is asked: each costs a request of the org's day."""
HIDDEN = frozenset({"NOT_FOUND", "INVALID_TYPE", "INSUFFICIENT_ACCESS", "FORBIDDEN"})
QUEUE = "00G"


class SalesforceConnector:
    """One Salesforce org."""

    def __init__(self, source: Source, *, wire: Wire | None = None) -> None:
        self.source = source
        self.connection: Connection = source.connection
        self.wire = wire or _wire(source.key, self.connection)
        self.session = self.wire.prepare(requests.Session())
        self.hidden: set[str] = set()
        """History tables that this credential does not see."""
        self.counted: dict[str, list[Seen]] = {}
        """By binding key: every record that this run saw, once it has seen them all."""
        self._library: Salesforce | None = None
        self._version = "" if self.connection.api_version == "auto" else self.connection.api_version
        self._fields: dict[str, list[dict[str, Any]]] = {}
        self._names: dict[str, str] = {}
        self._shapes: dict[str, Shape] = {}
        self._users: dict[str, Any] = {}

    @property
    def requests(self) -> int:
        return self.wire.requests

    @property
    def retries(self) -> int:
        return self.wire.retries

    # -- asking ----------------------------------------------------------------------------------------------------

    def ask(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """One REST question below /services/data/vXX.0/. Parsed JSON.

        Raises:
            Refused: 400, 404 and their like, with Salesforce's own code and message.
            SourceError: see Wire.ask.
        """
        return self._get(f"{self._org().base_url}{path}", path, params)

    def follow(self, next_records: str) -> Any:
        """The next page of a query, at the address that Salesforce gave, word for word."""
        if not next_records.startswith("/services/data/"):
            sentence = f"{self.source.key}: Salesforce names a next page outside of its API: paging was stopped"
            raise SourceUnavailable(sentence, source=self.source.key)
        self._org()
        return self._get(f"{self.connection.url}{next_records}", "query", None)

    def _org(self) -> Salesforce:
        """The vendor library on our session, with a token of ours and the newest version that both sides know."""
        if self._library is None:
            token = access_token(self.connection, self.session, self.wire)
            self.wire.hide(token)
            self._version = self._version or self._newest()
            url, version = self.connection.url, self._version
            self._library = Salesforce(instance_url=url, session_id=token, session=self.session, version=version)
            self._library.base_url = f"{url}/services/data/v{version}/"  # the library knows only https
        return self._library

    def _newest(self) -> str:
        """The newest API version that the org lists, at most the one that this connector was written against."""
        answer = self.session.get(f"{self.connection.url}/services/data/")
        listed = parsed(answer.content, source=self.source.key, what="list of API versions")
        found = [v.get("version") for v in listed if isinstance(v, dict)] if isinstance(listed, list) else []
        known = [v for v in found if isinstance(v, str) and _order(v) and _order(v) <= _order(NEWEST)]
        if not known:
            sentence = f"{self.source.key}: the org offers no API version up to {NEWEST}"
            raise SourceChanged(sentence, source=self.source.key, hint="is connection.url the org's My Domain?")
        return max(known, key=_order)

    def _get(self, url: str, path: str, params: Mapping[str, str] | None) -> Any:
        what = f"answer of Salesforce's {path}"
        content = self._send(url, params)
        try:
            return parsed(content, source=self.source.key, what=what)
        except SourceUnavailable:
            # A body cut off on a connection that announced no length looks like bad JSON: once more.
            return parsed(self._send(url, params), source=self.source.key, what=what)

    def _send(self, url: str, params: Mapping[str, str] | None) -> bytes:
        """One GET; with a new token, once, where the old one ran out."""
        try:
            return self._once(url, params)
        except SessionExpired:
            if isinstance(self.connection.auth, GivenSession):
                raise
        self._library = None
        self._org()
        return self._once(url, params)

    def _once(self, url: str, params: Mapping[str, str] | None) -> bytes:
        """One GET; a few times, while Salesforce says with 400 that it is busy."""
        code = ""
        for number in range(1, TRIES + 1):
            headers = {"Authorization": f"Bearer {self._org().session_id}"}
            answer = self.session.get(url, params=dict(params or {}), headers=headers)
            if answer.status_code < 300:
                return bytes(answer.content)
            code, message = complaint(answer.content)
            if code not in BUSY:
                raise Refused(answer.status_code, code, self.wire.redact(message), source=self.source.key)
            if number < TRIES:
                self.wire.rest(number)
        sentence = f"{self.source.key}: Salesforce is busy ({code}), and was {TRIES} times: what was read is kept"
        raise SourceUnavailable(sentence, source=self.source.key)

    def query(self, soql: str, *, deleted: bool = False) -> Iterator[list[dict[str, Any]]]:
        """A query's rows, page by page, each row once; deleted and merged ones too where wanted.

        Raises:
            Incomplete: fewer rows came than were promised.
            Refused: the query is wrong for this org, or its locator ran out (INVALID_QUERY_LOCATOR).
        """
        guard, seen, received = PageGuard(self.source.key), set[Any](), 0
        page = self.ask("queryAll" if deleted else "query", {"q": soql})
        while True:
            rows = page.get("records") if isinstance(page, dict) else None
            if not isinstance(rows, list):
                sentence = f"{self.source.key}: a query was answered without its records"
                raise SourceUnavailable(sentence, source=self.source.key)
            received += len(rows)
            fresh = [r for r in rows if isinstance(r, dict) and (r.get("Id") is None or r.get("Id") not in seen)]
            seen.update(r.get("Id") for r in fresh)
            if fresh:
                yield fresh
            following = page.get("nextRecordsUrl")
            if page.get("done") is True or not following:
                break
            guard.next(str(following), fresh=len(fresh))
            page = self.follow(str(following))
        promised = page.get("totalSize")
        if page.get("done") is not True or (isinstance(promised, int) and received < promised):
            raise Incomplete(f"Salesforce promised {promised} rows and sent {received}")

    # -- the contract ----------------------------------------------------------------------------------------------

    def metadata(self) -> Metadata:
        self._fields, self._shapes = {}, {}
        statuses: list[StatusValue] = []
        scopes: list[VisibleScope] = []
        drift: list[SourceChanged] = []
        deals = any(b.scope.object in ("Opportunity", None) for b in self.source.bindings)  # a report may be about them
        stages = self._stages() if deals else []
        for binding in self.source.bindings:
            try:
                shape, name, gone = self._look(binding, stages)
            except Refused as refused:
                if refused.status != 404 and refused.code not in HIDDEN:
                    raise
                drift.append(_dark(binding, refused))
                continue
            self._shapes[binding.key] = shape
            scopes.append(VisibleScope(shape.object, name))
            statuses += _vocabulary(shape, stages)
            drift += gone
        scopes = list({s.id: s for s in scopes}.values())
        return Metadata(tuple(dict.fromkeys(statuses)), tuple(scopes), tuple(drift))

    def _look(self, binding: Binding, stages: list[dict[str, Any]]) -> tuple[Shape, str, list[SourceChanged]]:
        """A binding's shape, the name of its scope, and its drift."""
        if binding.scope.report:
            shape, name, gone = Report(self, binding).shape(stages)
        else:
            table = binding.scope.object
            described = self.describe(table)
            name = self._names[table]
            bound = [b.scope.object for b in self.source.bindings if b.scope.object]
            shape, gone = find_fields(self.source.key, self.connection.url, binding, table, described, stages, bound)
            gone = [] if binding.scope.aggregate else gone
        shape.users.update(self._users)
        return shape, name, gone

    def describe(self, table: str) -> list[dict[str, Any]]:
        """An object's fields, as far as this credential sees them; asked once per run."""
        if table not in self._fields:
            answer = self.ask(f"sobjects/{table}/describe")
            fields = answer.get("fields") if isinstance(answer, dict) else None
            if not isinstance(fields, list) or not fields:
                sentence = f"{self.source.key}: {table} was described without its fields"
                raise SourceUnavailable(sentence, source=self.source.key)
            self._names[table] = str(answer.get("label") or table)
            self._fields[table] = [f for f in fields if isinstance(f, dict) and isinstance(f.get("name"), str)]
        return self._fields[table]

    def _stages(self) -> list[dict[str, Any]]:
        """Every stage with its flags, inactive ones too; none where they are hidden: a row's own flags decide then."""
        try:
            return [row for rows in self.query(select(STAGES, "OpportunityStage")) for row in rows]
        except (Refused, Incomplete):
            return []

    def shape(self, binding: Binding) -> Shape:
        """How to read this binding's rows; known from metadata on.

        Raises:
            AccessDenied: the object or report is not visible.
        """
        if binding.key not in self._shapes:
            self.metadata()
        if binding.key not in self._shapes:
            what = binding.scope.object or f"the report {binding.scope.report}"
            raise AccessDenied(
                f"{self.source.key}: {what}, read by {binding.key}, is not visible to this credential",
                source=self.source.key,
                hint=f"correct the name at {binding.origin}, or give the run-as user read access in a permission set",
            )
        return self._shapes[binding.key]

    def reader(self, binding: Binding) -> Puller | Report | Figure:
        """Who reads a binding."""
        if binding.scope.report:
            return Report(self, binding)
        return Figure(self, binding) if binding.scope.aggregate else Puller(self, binding)

    def pull(
        self, binding: Binding, *, mode: Mode, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        try:
            yield from self.reader(binding).pull(full=mode == "full" or cursor is None, cursor=cursor, resume=resume)
        except Incomplete as reason:
            yield Verdict(complete=False, reason=str(reason))

    def census(self, binding: Binding) -> Iterator[Sequence[Seen] | Verdict]:
        try:
            yield from self.reader(binding).census()
        except Incomplete as reason:
            yield Verdict(complete=False, reason=str(reason))

    def history(self, binding: Binding, refs: Sequence[str]) -> Mapping[str, tuple[Change, ...]]:
        if binding.scope.report or binding.scope.aggregate:
            return {}
        try:
            return changelogs(self, self.shape(binding), refs)
        except Incomplete as reason:
            raise SourceUnavailable(f"{self.source.key}: {reason}", source=self.source.key) from None

    def find(self, binding: Binding, refs: Sequence[str]) -> Sequence[Found]:
        try:
            return self.reader(binding).find(refs)
        except Incomplete as reason:
            raise SourceUnavailable(f"{self.source.key}: {reason}", source=self.source.key) from None

    def discover(self) -> Discovery:
        from connectors.salesforce.discover import discover

        return discover(self)

    def check(self) -> Sequence[Finding]:
        return examine(self)

    def close(self) -> None:
        self.session.close()

    # -- people ----------------------------------------------------------------------------------------------------

    def meet(self, refs: Iterable[str]) -> None:
        """Asks for the users and queues among these ids that were not met before: one SELECT for a page's."""
        unknown = sorted({r for r in refs if is_id(r)} - self._users.keys())
        for table, wanted, fields in (
            ("User", [r for r in unknown if not r.startswith(QUEUE)], ("Id, Name, Email, UserType", "Id, Name")),
            ("Group", [r for r in unknown if r.startswith(QUEUE)], ("Id, Name",)),
        ):
            for condition in lists(wanted):
                self._users |= persons(self._people(table, fields, condition))
        self._users |= {ref: None for ref in unknown if ref not in self._users}
        known = {ref: one for ref, one in self._users.items() if one is not None}
        for shape in self._shapes.values():
            shape.users.update(known)

    def _people(self, table: str, fields: Sequence[str], condition: str) -> list[dict[str, Any]]:
        """Users, with their e-mail where it is shown; none where they are hidden: ids stay ids."""
        for names in fields:
            try:
                return [row for rows in self.query(select([names], table, condition)) for row in rows]
            except Refused:
                continue
        return []


def _dark(binding: Binding, refused: Refused) -> SourceChanged:
    what = binding.scope.object or f"the report {binding.scope.report}"
    sentence = f"{refused.source}: {what}, read by {binding.key} ({binding.origin}), is not visible to this credential"
    return SourceChanged(sentence, source=refused.source, hint="ask the org's administrator for read access to it")


def _vocabulary(shape: Shape, stages: Sequence[Mapping[str, Any]]) -> list[StatusValue]:
    """The words of the mapped lists: stages with their flags, and the others' options."""
    flags = categories(stages)
    return [
        StatusValue(role, value, label, flags.get(value) if name == STAGE else None, shape.object)
        for role, name in shape.roles.items()
        for (of, value), label in shape.labels.items()
        if of == name
    ]


def _order(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(p) for p in parts) if all(p.isdigit() for p in parts) else ()


def _wire(source: str, connection: Connection) -> Wire:
    policy = Policy(
        hosts=frozenset(urlsplit(url).netloc for url in (connection.url, connection.tokens)),
        timeout=connection.timeout,
        rate=connection.requests_per_second,
        budget=connection.request_budget,
        private_network=connection.private_network,
        ca_file=connection.ca_file,
        proxy=connection.proxy,
    )

    def judge(answer: Any) -> Any:
        return judged(answer, source=source, max_org_percent=connection.max_org_percent)

    return Wire(source, policy, secrets=secrets(connection), judge=judge)
