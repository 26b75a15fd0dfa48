"""The only I/O of the Notion connector: what is asked, in which order, and when an answer is whole.

The `notion-client` library authenticates and addresses; its own retries, which repeat no query, are off. Reading passes and
their cursors are in `pull.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import notion_client

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
    RawRecord,
    Seen,
    Source,
    SourceChanged,
    SourceError,
    SourceUnavailable,
    UnreadableRecord,
    Verdict,
)
from connectors.contract import Scope as VisibleScope
from connectors.notion import Connection
from connectors.notion.check import examine
from connectors.notion.errors import Refused, TooSlow
from connectors.notion.pull import DataSource, Puller
from connectors.notion.reader import read, scope_of, trashed
from connectors.notion.shape import elsewhere, find_properties, name_of, vocabulary
from connectors.plain import mapping, objects, text_or_none
from connectors.wire import READ_MARK, Answer, PageGuard, Policy, Wire, parsed

MANY = 30
"""From this many ids on, a query of everything is cheaper than asking for each."""
CONFLICT, TIMEOUT = 409, 504
SHARE = "open it in Notion and add the connection under ... > Connections, or correct the id"


class NotionWire(Wire):
    """The wire, except that what Notion takes too long for comes back to the asker, who may ask for less."""

    def _problem(self, answer: Answer, where: str) -> tuple[str | None, float | None]:
        if answer.status == TIMEOUT:
            self._note(answer)
            return None, None
        return super()._problem(answer, where)


@dataclass(slots=True)
class Resolved:
    """What a binding's scope is now."""

    sources: list[DataSource] = field(default_factory=list)
    scopes: list[VisibleScope] = field(default_factory=list)
    drift: list[SourceChanged] = field(default_factory=list)
    problem: SourceError | None = None
    """Why nothing, or not all of it, can be read."""


class NotionConnector:
    """One Notion workspace, as far as it is shared with the connection."""

    def __init__(self, source: Source, *, wire: NotionWire | None = None) -> None:
        self.source = source
        self.connection: Connection = source.connection
        self.wire = wire or _wire(source.key, self.connection)
        self.counted: dict[str, list[Seen]] = {}
        """By binding key: every row that this run saw, once it has seen them all."""
        self._notion = notion_client.Client(
            auth=self.connection.token.get_secret_value(),
            base_url=self.connection.url,
            notion_version=self.connection.version,
            timeout_ms=int(self.connection.timeout * 1000),
            retry=False,
            logger=logging.getLogger(__name__),
            client=httpx.Client(transport=self.wire.transport(), trust_env=False),
        )
        self._resolved: dict[str, Resolved] = {}
        self._schemas: dict[str, Any] = {}

    @property
    def requests(self) -> int:
        return self.wire.requests

    @property
    def retries(self) -> int:
        return self.wire.retries

    # -- asking ----------------------------------------------------------------------------------------------------

    def ask(
        self,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        or_less: bool = False,
    ) -> dict[str, Any]:
        """One question: GET, or POST where there is a body (a read all the same). A JSON object.

        or_less: a 504 is told at once, for a smaller question may be answered.

        Raises:
            TooSlow: 504, where `or_less`.
            Refused: 400, 404 and their like, with Notion's own code and message.
            SourceError: see Wire.ask.
        """
        for number in range(1, self.wire.policy.attempts + 1):
            status, content = self._send(path, query, body)
            if status == TIMEOUT and or_less:
                raise TooSlow
            if status not in (CONFLICT, TIMEOUT):
                return self._understood(path, query, body, status, content)
            if number < self.wire.policy.attempts:
                self.wire.rest(number)
        raise SourceUnavailable(
            f"{self.source.key}: Notion answers {status} to {path} again and again", source=self.source.key
        )

    def _send(self, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        method = "GET" if body is None else "POST"
        request = self._notion._build_request(method, path, dict(query or {}), None if body is None else dict(body))
        if body is not None:
            request.headers[READ_MARK] = "1"
        answer = self._notion.client.send(request)
        return answer.status_code, answer.content

    def _understood(self, path: str, query: Any, body: Any, status: int, content: bytes) -> dict[str, Any]:
        key, what = self.source.key, f"answer of Notion's {path}"
        if status >= 400:
            raise self._refused(path, status, content)
        try:
            answer = parsed(content, source=key, what=what)
        except SourceUnavailable:
            # A body cut off on a connection that announced no length looks like bad JSON: once more.
            status, content = self._send(path, query, body)
            if status >= 400:
                raise self._refused(path, status, content) from None
            answer = parsed(content, source=key, what=what)
        if not isinstance(answer, dict):
            raise SourceUnavailable(f"{key}: Notion's {path} answered no object", source=key)
        return answer

    def _refused(self, path: str, status: int, content: bytes) -> Refused:
        try:
            told = parsed(content, source=self.source.key, what="error")
        except SourceUnavailable:
            told = None
        told = told if isinstance(told, dict) else {}
        message = self.wire.redact(str(told.get("message") or ""))[:300]
        return Refused(status, str(told.get("code") or ""), path, message, source=self.source.key)

    def query(self, data_source: str, body: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
        """One page of rows with only the wanted properties.

        Raises:
            TooSlow: a smaller page may be answered.
        """
        return self.ask(f"data_sources/{data_source}/query", {"filter_properties": list(wanted)}, body, or_less=True)

    def property_items(self, page: str, property_id: str) -> tuple[list[Any], Any]:
        """Every item of one property of one page, and what its list says of the whole."""
        guard, items = PageGuard(self.source.key), list[Any]()
        path = f"pages/{page}/properties/{quote(property_id, safe='%~')}"
        query: dict[str, Any] = {"page_size": 100}
        while True:
            answer = self.ask(path, query)
            if answer.get("object") != "list":
                return [answer], answer
            found = objects(answer.get("results"))
            items += found
            token = answer.get("next_cursor")
            if answer.get("has_more") is not True or not isinstance(token, str):
                return items, answer.get("property_item")
            guard.next(token, fresh=len(found))
            query["start_cursor"] = token

    # -- what there is ---------------------------------------------------------------------------------------------

    def metadata(self) -> Metadata:
        self._schemas.clear()
        self._resolved = {b.key: self._resolve(b) for b in self.source.bindings}
        every = self._resolved.values()
        statuses = [value for r in every for s in r.sources for value in vocabulary(s.shape)]
        return Metadata(
            statuses=tuple({(s.field, s.id): s for s in statuses}.values()),
            scopes=tuple({s.id: s for r in every for s in r.scopes}.values()),
            drift=tuple(d for r in every for d in r.drift),
        )

    def _resolve(self, binding: Binding) -> Resolved:
        """The data sources of a binding as they are now. A database may have gained one since the last run."""
        resolved = Resolved()
        shelved = False
        ids = [binding.scope.data_source] if binding.scope.data_source else []
        if binding.scope.database:
            ids, shelved = self._data_sources(binding, resolved)
        for ref in ids:
            schema = self._schema(ref)
            if schema is None:
                resolved.problem = resolved.problem or self._unshared("data source", ref, binding)
                continue
            name, scope = name_of(schema), text_or_none(schema.get("id")) or ref
            if shelved or trashed(schema):
                resolved.scopes.append(VisibleScope(scope, name, "archived"))
                where = f"{self.source.key}: '{name}', read by {binding.key}, is in the trash"
                resolved.problem = resolved.problem or SourceChanged(where, source=self.source.key)
                continue
            shape, gone = find_properties(self.source.key, binding, {**schema, "id": scope})
            resolved.scopes.append(VisibleScope(scope, name))
            resolved.sources.append(DataSource(ref, name, shape))
            resolved.drift += gone
        if resolved.sources and isinstance(resolved.problem, SourceError):
            resolved.drift.append(SourceChanged(f"{resolved.problem}; the others are read", source=self.source.key))
        return resolved

    def _data_sources(self, binding: Binding, resolved: Resolved) -> tuple[list[str], bool]:
        """The ids of a database's data sources, and whether it lies in the trash."""
        ref = binding.scope.database
        try:
            database = self.ask(f"databases/{ref}")
        except Refused as refused:
            if self._schema(ref) is not None:
                return [ref], False  # the id of a data source, as the browser copies it too
            if not refused.unseen:
                hint = f"check the scope at {binding.origin}: it must be a database, not a page or a linked view"
                resolved.problem = SourceChanged(str(refused), source=self.source.key, hint=hint)
            else:
                resolved.problem = self._unshared("database", ref, binding)
            return [], False
        entries = database.get("data_sources")
        if not isinstance(entries, list):
            raise SourceUnavailable(
                f"{self.source.key}: database {ref} was answered without its data sources", source=self.source.key
            )
        found = [str(e["id"]) for e in objects(entries) if isinstance(e.get("id"), str)]
        if len(found) > 1:
            names = ", ".join(f"'{text_or_none(e.get('name')) or e.get('id')}'" for e in objects(entries))
            sentence = f"{self.source.key}: the database '{name_of(database)}' has {len(found)} data sources, {names}: all are read"
            hint = "to read only one, write scope: {data_source: <its id>}"
            resolved.drift.append(SourceChanged(f"{sentence}; {hint}", source=self.source.key, hint=hint))
        if not found:
            sentence = f"{self.source.key}: the database '{name_of(database)}' shows no data source to the connection"
            resolved.problem = AccessDenied(sentence, source=self.source.key, hint=SHARE)
        return found, trashed(database)

    def _schema(self, ref: str) -> Any:
        """A data source as answered, once per run; None where the connection does not see it.

        Raises:
            SourceUnavailable: it came without its properties; every one has a title at least.
        """
        if ref not in self._schemas:
            try:
                schema = self.ask(f"data_sources/{ref}")
            except Refused as refused:
                if not refused.unseen and refused.status != 400:
                    raise
                self._schemas[ref] = None
                return None
            if not mapping(schema.get("properties")):
                sentence = f"{self.source.key}: data source {ref} was answered without its properties"
                raise SourceUnavailable(sentence, source=self.source.key)
            self._schemas[ref] = schema
        return self._schemas[ref]

    def _unshared(self, what: str, ref: str, binding: Binding) -> AccessDenied:
        sentence = (
            f"{self.source.key}: the {what} {ref}, read by {binding.key}, is not shared with the connection, or is gone"
        )
        return AccessDenied(sentence, source=self.source.key, hint=f"{SHARE} at {binding.origin}")

    def resolved(self, binding: Binding) -> Resolved:
        """What a binding's scope is; known from metadata on."""
        if binding.key not in self._resolved:
            self.metadata()
        return self._resolved[binding.key]

    def readable(self, binding: Binding) -> list[DataSource]:
        """The data sources of a binding that can be read now.

        Raises:
            SourceError: there is none; says why.
        """
        resolved = self.resolved(binding)
        if resolved.sources:
            return resolved.sources
        raise resolved.problem or SourceChanged(
            f"{self.source.key}: {binding.key} has nothing to read", source=self.source.key
        )

    # -- the contract ----------------------------------------------------------------------------------------------

    def pull(
        self, binding: Binding, *, mode: Mode, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        problem = self.resolved(binding).problem
        if problem and not self.resolved(binding).sources and any(r.sources for r in self._resolved.values()):
            # One database that went dark must not keep the others of this source from being read.
            yield Verdict(complete=False, reason=" - ".join(filter(None, (str(problem), problem.hint))))
            return
        yield from Puller(self, binding).pull(full=mode == "full" or cursor is None, cursor=cursor, resume=resume)

    def census(self, binding: Binding) -> Iterator[Sequence[Seen] | Verdict]:
        return Puller(self, binding).census()

    def history(self, binding: Binding, refs: Sequence[str]) -> Mapping[str, tuple[Change, ...]]:
        """Notion tells none: what was, is known from what was read."""
        return {}

    def find(self, binding: Binding, refs: Sequence[str]) -> Sequence[Found]:
        """Asks for each page by its id, many at once by a query of the whole binding."""
        shown = self._rows(binding) if len(refs) > MANY else {}
        return [Found(ref, "present", shown[ref]) if ref in shown else self._find(binding, ref) for ref in refs]

    def _rows(self, binding: Binding) -> dict[str, RawRecord]:
        """Every record of the binding by its id, as far as a query shows them."""
        pages = Puller(self, binding).pull(full=True, cursor=None, resume=None)
        return {r.ref: r for page in pages if isinstance(page, Page) for r in page.records}

    def _find(self, binding: Binding, ref: str) -> Found:
        try:
            page = self.ask(f"pages/{quote(ref, safe='')}")
        except Refused as refused:
            if refused.unseen:
                reason = "Notion does not find it: deleted for good, or not shared with the connection any more"
                return Found(ref, "not_found", None, reason)
            raise
        except AccessDenied:
            self.ask("users/me")  # the token itself may have been refused: that is not about this page
            return Found(ref, "access_lost", None, "Notion refuses to show it to the connection")
        return self._fate(binding, ref, page)

    def _fate(self, binding: Binding, ref: str, page: dict[str, Any]) -> Found:
        if trashed(page):
            return Found(ref, "deleted", None, "lies in the trash of Notion")
        home = scope_of(page)
        inside = next((s for s in self.resolved(binding).sources if s.id == home or s.shape.scope == home), None)
        record = self._record(binding, page, inside)
        counted = self.counted.get(binding.key)
        if page.get("is_archived") is True:
            return Found(ref, "archived", record, "was archived")
        if inside is None:
            return Found(ref, "moved_out", record, f"was moved out of what {binding.key} reads")
        if binding.scope.filter and counted is not None and ref not in {s.ref for s in counted}:
            return Found(ref, "moved_out", record, f"no longer matches the filter of {binding.key}")
        return Found(ref, "present", record)

    def _record(self, binding: Binding, page: dict[str, Any], inside: DataSource | None) -> RawRecord | None:
        shape = inside.shape if inside else elsewhere(page, binding, self.source.key)
        try:
            return read(Puller(self, binding).completed(page, shape), shape)
        except UnreadableRecord:
            return None

    def discover(self) -> Discovery:
        from connectors.notion.discover import discover

        return discover(self)

    def check(self) -> Sequence[Finding]:
        return examine(self)

    def close(self) -> None:
        self._notion.close()


def _wire(source: str, connection: Connection) -> NotionWire:
    policy = Policy(
        hosts=frozenset((urlsplit(connection.url).netloc,)),
        timeout=connection.timeout,
        rate=connection.requests_per_second,
        budget=connection.request_budget,
        private_network=connection.private_network,
        ca_file=connection.ca_file,
        proxy=connection.proxy,
    )
    return NotionWire(source, policy, secrets=(connection.token.get_secret_value(),))
