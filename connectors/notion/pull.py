"""Reading passes over one binding, and their cursors.

    full         every row, created_time ascending
    incremental  last_edited_time on or after the last run's start less two minutes, rounded down to the minute: Notion
                 rounds it likewise, so that whatever was edited in a minute not yet past is read again
    census       ids only

A data source that was not read before, or of which a mapped property's options changed, is read whole even then; one with a
formula or rollup in a role once a day, for their results change without an edit. A query ends after 10,000 rows, sometimes
without a word but `request_status`: it goes on from the last row's creation. Cursor {"since", "read", "whole"}: an iso_instant,
what each data source looked like, when each was last read whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.contract import AccessDenied, Binding, Page, RawRecord, Seen, SourceChanged, SourceUnavailable, Verdict
from connectors.notion.errors import CursorRefused, Incomplete, Refused, TooSlow
from connectors.notion.reader import Shape, completed, cut_off, read_all, ref_of, trashed
from connectors.notion.shape import digest
from connectors.plain import iso_instant
from connectors.wire import PageGuard

if TYPE_CHECKING:
    from connectors.notion.client import NotionConnector

OVERLAP = timedelta(minutes=2)
WHOLE_EVERY = timedelta(hours=24)
PAGE, SMALLEST = 100, 10
RESTARTS = 3
PATIENCE = 5
"""How often the smallest page is asked for that Notion does not finish."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """One data source of a binding that can be read."""

    id: str
    name: str
    shape: Shape


class Puller:
    """One pull of one binding. Not reused."""

    def __init__(self, client: NotionConnector, binding: Binding) -> None:
        self.client, self.binding = client, binding
        self.key = client.source.key
        self._size = PAGE
        self._met: dict[str, list[Seen]] = {}
        """By data source: what a read of it from its first row on brought."""

    # -- the contract ----------------------------------------------------------------------------------------------

    def pull(
        self, *, full: bool, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        """Pages, then one Verdict. The watermark is the earlier of our clock and the server's at the start."""
        sources = self.client.readable(self.binding)
        started = self._now()
        resume = resume if full and resume and iso_instant(resume.get("started")) else None
        started = iso_instant(resume["started"]) or started if resume else started
        whole = {} if full or cursor is None else dict(cursor.get("whole") or {})
        try:
            for data_source in sources:
                since = None if full or cursor is None else self._since(data_source, cursor, started)
                if resume and data_source.id in resume.get("done", ()):
                    whole[data_source.id] = stamp(started)
                    continue
                yield from self._records(data_source, since, started if full else None, list(whole), resume)
                if since is None:
                    whole[data_source.id] = stamp(started)
        except Incomplete as reason:
            yield Verdict(complete=False, reason=str(reason))
            return
        kept = {s.id: whole[s.id] for s in sources if s.id in whole}
        read = {s.id: digest(s.shape) for s in sources}
        begin = stamp(_floor(started - OVERLAP))
        yield Verdict(
            complete=True, cursor={"since": begin, "read": read, "whole": kept}, whole=self._took_all(sources)
        )

    def _took_all(self, sources: Sequence[DataSource]) -> bool:
        """Whether this pull itself met every row, so that it is its own census."""
        if not all(s.id in self._met for s in sources):
            return False
        self.client.counted[self.binding.key] = [seen for s in sources for seen in self._met[s.id]]
        return True

    def _since(self, data_source: DataSource, cursor: Mapping[str, Any], now: datetime) -> datetime | None:
        """From when on edits are to be read; None where all of it is."""
        before = (cursor.get("read") or {}).get(data_source.id)
        marks = digest(data_source.shape)
        if before is None or any(before.get(role) != mark for role, mark in marks.items()):
            return None
        last = iso_instant((cursor.get("whole") or {}).get(data_source.id))
        computed = any(p.type in ("formula", "rollup") for p in data_source.shape.roles.values())
        if computed and (last is None or now - last >= WHOLE_EVERY):
            return None
        return iso_instant(cursor.get("since"))

    def _records(
        self,
        data_source: DataSource,
        since: datetime | None,
        started: datetime | None,
        done: Sequence[str],
        resume: Mapping[str, Any] | None,
    ) -> Iterator[Page]:
        """The records of one data source; with where to resume when this is a full read."""
        after = iso_instant(resume.get("created_from")) if resume and resume.get("source") == data_source.id else None
        if since is None and after is None:
            self._met[data_source.id] = []
        for rows in self._rows(data_source, data_source.shape.wanted, since=since, after=after):
            if data_source.id in self._met:
                self._met[data_source.id] += [Seen(ref, data_source.shape.scope) for r in rows if (ref := ref_of(r))]
            whole = [self.completed(row, data_source.shape) for row in rows]
            records, unreadable = read_all(whole, data_source.shape)
            yield Page(
                records=tuple(records),
                resume=_resume(records, data_source, started, done),
                unreadable=tuple(unreadable),
            )

    def completed(self, page: dict[str, Any], shape: Shape) -> dict[str, Any]:
        """The page with whatever Notion cut off after 25 references."""
        ref = ref_of(page)
        for property_id in cut_off(page, shape) if ref else ():
            try:
                items, told = self.client.property_items(str(ref), property_id)
            except Refused:
                continue  # it stays cut off, and the record says so
            page = completed(page, property_id, items, told)
        return page

    def census(self) -> Iterator[Sequence[Seen] | Verdict]:
        """Every page's id now in the binding; asks nothing where this run has read them all."""
        if (taken := self.client.counted.get(self.binding.key)) is not None:
            yield taken
            yield Verdict(complete=True)
            return
        seen: list[Seen] = []
        try:
            for data_source in self.client.readable(self.binding):
                for rows in self._rows(data_source, ["title"]):
                    part = [Seen(ref, data_source.shape.scope) for row in rows if (ref := ref_of(row))]
                    seen += part
                    yield part
        except Incomplete as reason:
            yield Verdict(complete=False, reason=str(reason))
            return
        self.client.counted[self.binding.key] = seen
        yield Verdict(complete=True)

    def try_scope(self) -> None:
        """Asks each data source for a page of the smallest size, so that a filter which Notion refuses is told now."""
        for data_source in self.client.readable(self.binding):
            self._size = SMALLEST
            self._page(data_source, ["title"], self._condition(None, None), None)

    # -- querying --------------------------------------------------------------------------------------------------

    def _rows(
        self,
        data_source: DataSource,
        wanted: Sequence[str],
        *,
        since: datetime | None = None,
        after: datetime | None = None,
    ) -> Iterator[list[dict[str, Any]]]:
        """Every row once, in the order of creation, beyond any number that one query gives."""
        seen: set[str | None] = set()
        restarts = 0
        while True:
            window = _Window(after)
            try:
                for rows in self._window(data_source, wanted, self._condition(since, after), window):
                    fresh = [r for r in rows if (ref := ref_of(r)) is None or ref not in seen]
                    seen.update(ref_of(r) for r in fresh)
                    if fresh:
                        yield fresh
            except CursorRefused:
                restarts += 1
                if restarts > RESTARTS:
                    raise Incomplete(
                        f"Notion dropped the page cursor of '{data_source.name}' again and again"
                    ) from None
                after = window.last
                continue
            if not window.cut:
                return
            if window.last is None or window.last == after or not window.ordered:
                raise Incomplete(_beyond(data_source, window.last))
            after = window.last

    def _window(
        self, data_source: DataSource, wanted: Sequence[str], condition: Any, window: _Window
    ) -> Iterator[list[dict[str, Any]]]:
        """The pages of one query to its end; `window` notes how far it came and whether it was cut."""
        guard, seen = PageGuard(self.key), set[str | None]()
        token: str | None = None
        while True:
            answer = self._page(data_source, wanted, condition, token)
            rows = [r for r in answer["results"] if isinstance(r, dict) and r.get("object", "page") == "page"]
            fresh = len({ref_of(r) for r in rows} - seen)
            seen.update(ref_of(r) for r in rows)
            window.note(rows, answer)
            yield [r for r in rows if not trashed(r)]
            if answer["has_more"] is not True:
                return
            token = answer.get("next_cursor")
            if not isinstance(token, str) or not token:
                raise Incomplete(f"Notion promised more rows of '{data_source.name}' and did not say where")
            guard.next(token, fresh=fresh)

    def _page(
        self, data_source: DataSource, wanted: Sequence[str], condition: Any, token: str | None
    ) -> dict[str, Any]:
        """One page of a query, in smaller pages where Notion does not finish in time.

        Raises:
            CursorRefused: `token` is not good any more.
            SourceChanged: Notion does not take the filter.
        """
        tries = 0
        while True:
            body = {"page_size": self._size, "sorts": [{"timestamp": "created_time", "direction": "ascending"}]}
            body |= {k: v for k, v in (("filter", condition), ("start_cursor", token)) if v is not None}
            try:
                answer = self.client.query(data_source.id, body, wanted)
            except TooSlow:
                tries += self._size == SMALLEST
                if tries >= PATIENCE:
                    sentence = f"{self.key}: Notion does not finish a page of {SMALLEST} rows of '{data_source.name}'"
                    raise SourceUnavailable(sentence, source=self.key) from None
                if tries:
                    self.client.wire.rest(tries)
                self._size = max(SMALLEST, self._size // 2)
                continue
            except Refused as refused:
                raise self._refusal(refused, data_source, token) from None
            self._size = min(PAGE, self._size * 2)
            if not isinstance(answer.get("results"), list) or not isinstance(answer.get("has_more"), bool):
                raise SourceUnavailable(f"{self.key}: a query was answered without its rows", source=self.key)
            return answer

    def _refusal(self, refused: Refused, data_source: DataSource, token: str | None) -> Exception:
        if refused.unseen:
            return AccessDenied(
                f"{self.key}: '{data_source.name}' is not shared with the connection any more",
                source=self.key,
                hint="open it in Notion and add the connection under ... > Connections",
            )
        if token is not None and "cursor" in refused.message.casefold():
            return CursorRefused()
        hint = f"check the scope's filter at {self.binding.origin}"
        return SourceChanged(f"{refused} (the query of {self.binding.key})", source=self.key, hint=hint)

    def _condition(self, since: datetime | None, after: datetime | None) -> dict[str, Any] | None:
        extra = [
            {"timestamp": name, name: {"on_or_after": stamp(at)}}
            for name, at in (("last_edited_time", since), ("created_time", after))
            if at is not None
        ]
        return combined(self.binding.scope.filter, extra)

    # -- time ------------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        ours, server = datetime.now(UTC), self.client.wire.server_time
        return ours if server is None else min(ours, server.astimezone(UTC))


class _Window:
    """How far one query came."""

    def __init__(self, after: datetime | None) -> None:
        self.last, self.cut, self.ordered = after, False, True

    def note(self, rows: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> None:
        """Takes a page's rows and Notion's own word on whether they are all."""
        for row in rows:
            at = iso_instant(row.get("created_time"))
            if at is not None and self.last is not None and at < self.last:
                self.ordered = False
            self.last = max(filter(None, (self.last, at)), default=None)
        status = answer.get("request_status")
        self.cut = self.cut or (isinstance(status, dict) and status.get("type") == "incomplete")


def combined(own: Mapping[str, Any] | None, extra: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """A department's filter and ours together, never nested deeper than Notion takes (two levels).

    An `or` is multiplied out: (a or b) and c is asked as (a and c) or (b and c).
    """
    if not own or not extra:
        every = [*([own] if own else []), *extra]
        return dict(every[0]) if len(every) == 1 else {"and": [dict(e) for e in every]} if every else None
    if isinstance(own.get("and"), list):
        return {"and": [*own["and"], *extra]}
    if isinstance(own.get("or"), list):
        return {"or": [{"and": [*_conditions(part), *extra]} for part in _alternatives(own["or"])]}
    return {"and": [own, *extra]}


def _alternatives(parts: Sequence[Any]) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, dict) and isinstance(part.get("or"), list):
            yield from part["or"]
        else:
            yield part


def _conditions(part: Any) -> list[Any]:
    inner = part.get("and") if isinstance(part, dict) else None
    return inner if isinstance(inner, list) else [part]


def stamp(at: datetime) -> str:
    """An instant as Notion writes and compares it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def _floor(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _beyond(data_source: DataSource, last: datetime | None) -> str:
    minute = f" in the minute of {stamp(last)}" if last else ""
    return (
        f"Notion gives no more rows of '{data_source.name}' than one query may bring, and too many were created{minute} to "
        "divide the query further: give the binding a filter, or two bindings one each"
    )


def _resume(
    records: Sequence[RawRecord], data_source: DataSource, started: datetime | None, done: Sequence[str]
) -> dict[str, Any] | None:
    last = records[-1].created_at if records else None
    if started is None or last is None:
        return None
    return {"started": stamp(started), "source": data_source.id, "created_from": stamp(last), "done": list(done)}
