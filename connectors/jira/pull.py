"""Reading passes over one binding, and their cursors.

    full         created ASC (on Cloud in ranges side by side: ranges.py), then a catch-up of what was updated meanwhile
    incremental  updated >= last run's start less 15 minutes (skipped where no visible project was updated since)
    lag          what was updated up to 12 hours ago, once more: the search index is late, sometimes by hours
    census       ids only

Cursor {"since": ms, "lag": ms}: run-start watermarks, never max(updated). Instants in JQL are epoch milliseconds, because
text literals are read in the account's own time zone with minute precision; they are the fallback. Data Center is paged by
`created` as a key, for a deletion shifts startAt pages; Cloud by its tokens.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from connectors.contract import Binding, Page, RawRecord, Seen, SourceChanged, SourceUnavailable, Verdict
from connectors.jira.errors import Refused
from connectors.jira.ranges import Ranges
from connectors.jira.reader import changes, instant, read_all, ref_of
from connectors.wire import PageGuard

if TYPE_CHECKING:
    from connectors.jira.client import JiraConnector

OVERLAP = timedelta(minutes=15)
HORIZON = timedelta(hours=12)
PAGE = 1000
CENSUS_PAGE = 5000
LONG_JQL = 1500
RESTARTS = 3


class Incomplete(Exception):
    """The tracker gave an answer of which it says itself that it is not whole."""


class TokenRefused(Exception):
    """A page token ran out or was dropped: the search starts anew from the last record's creation."""


class Puller:
    """One pull of one binding. Not reused."""

    def __init__(self, client: JiraConnector, binding: Binding) -> None:
        self.client = client
        self.binding = binding
        self.shape = client.shape(binding)
        self.scope = f"({binding.scope.jql})"
        self._literals = False
        self._zone: ZoneInfo | None = None

    # -- the contract ----------------------------------------------------------------------------------------------

    def pull(
        self, *, full: bool, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        """Pages, then one Verdict. The watermark is the earlier of our clock and the server's at the start."""
        started = self._now()
        try:
            if full:
                resume = resume if resume and ("parts" in resume) == self.client.cloud else None
                started = _instant(resume["started"]) if resume else started
                yield from self._full(started, resume)
                yield from self._search(f"{self.scope} AND updated >= {self._at(started)}", None)
                lag = started
            else:
                assert cursor is not None  # a pull without cursor is full
                yield from self._incremental(_instant(cursor["since"]))
                lag = yield from self._lag(_instant(cursor["lag"]), started)
        except Incomplete as reason:
            yield Verdict(complete=False, reason=str(reason))
            return
        yield Verdict(complete=True, cursor={"since": _ms(started - OVERLAP), "lag": _ms(lag)})

    def _full(self, started: datetime, resume: Mapping[str, Any] | None) -> Iterator[Page]:
        if self.client.cloud:
            yield from Ranges(self, _ms(started), resume).read()
            return
        condition = self.scope
        if resume:
            condition += f" AND created >= {self._at(_instant(resume['created_from']))}"
        yield from self._search(condition, started)

    def _incremental(self, since: datetime) -> Iterator[Page]:
        last = self.client.last_updated()
        if last is not None and last < since:
            return
        yield from self._search(f"{self.scope} AND updated >= {self._at(since)}", None)

    def _lag(self, lag: datetime, started: datetime) -> Generator[Page, None, datetime]:
        """Reads what is at least 12 hours old once more; returns where the next lag pass starts."""
        until = started - HORIZON
        if until <= lag - OVERLAP:
            return lag
        window = f"updated >= {self._at(lag - OVERLAP)} AND updated < {self._at(until)}"
        yield from self._search(f"{self.scope} AND {window}", None)
        return until

    def census(self) -> Iterator[Sequence[Seen] | Verdict]:
        """Every id now in the binding. The project comes along: it decides what an absence means."""
        try:
            for issues in self._pages(self.scope, ["project"], CENSUS_PAGE, expand=None):
                seen = []
                for issue in issues:
                    project = (issue.get("fields") or {}).get("project") or {}
                    seen.append(Seen(str(ref_of(issue)), str(project.get("id") or "")))
                yield seen
        except Incomplete as reason:
            yield Verdict(complete=False, reason=str(reason))
            return
        yield Verdict(complete=True)

    def matching(self, refs: Sequence[str]) -> set[str]:
        """Which of these existing issues are inside the binding's JQL."""
        inside: set[str] = set()
        for start in range(0, len(refs), 50):
            ids = ", ".join(refs[start : start + 50])
            for issues in self._pages(f"{self.scope} AND id in ({ids})", ["project"], 50, expand=None):
                inside |= {str(ref_of(issue)) for issue in issues}
        return inside

    def try_scope(self) -> None:
        """Asks for one issue, so that a JQL which this site refuses is told now."""
        self._page(f"{self.scope} AND created >= {self._at(self._now())}", ["project"], 1, None, None, None)

    # -- searching -------------------------------------------------------------------------------------------------

    def _search(self, condition: str, resumable: datetime | None) -> Iterator[Page]:
        """Records of a condition, in pages; with where to resume when this is a full read."""
        expand = None if self.client.cloud else "changelog"
        for issues in self._pages(condition, self.shape.wanted, PAGE, expand=expand):
            records, unreadable = read_all(issues, self.shape)
            yield Page(
                records=tuple(records),
                changes=self._along(issues) if expand else {},
                resume=_resume(records, resumable),
                unreadable=tuple(unreadable),
            )

    def _along(self, issues: Sequence[Any]) -> dict[str, Any]:
        """Changelogs that came whole with their issues; a cut one is left to Connector.history."""
        found = {}
        for issue in issues:
            log = issue.get("changelog") if isinstance(issue, dict) else None
            entries = log.get("histories") if isinstance(log, dict) else None
            if isinstance(log, dict) and isinstance(entries, list) and len(entries) >= int(log.get("total") or 0):
                found[str(ref_of(issue))] = changes(entries, self.shape)
        return found

    def _pages(self, condition: str, fields: Sequence[str], size: int, *, expand: str | None) -> Iterator[list[Any]]:
        """Every issue of a condition once, in the order of creation."""
        if self.client.cloud:
            return self.by_token(condition, fields, size)
        return self._by_created(condition, fields, size, expand)

    def by_token(self, condition: str, fields: Sequence[str], size: int = PAGE) -> Iterator[list[Any]]:
        """Cloud. An answer that promised more and then brings nothing, without saying that it is the last, is not whole."""
        guard, seen = PageGuard(self.client.source.key), set[str | None]()
        token: str | None = None
        where, after, restarts, doubted = condition, None, 0, False
        while True:
            try:
                page = self._page(where, fields, size, None, token, None)
            except TokenRefused:
                restarts += 1
                if restarts > RESTARTS:
                    raise Incomplete("Jira dropped the page token again and again") from None
                where = condition if after is None else f"{condition} AND created >= {self._at(after)}"
                guard, token = PageGuard(self.client.source.key), None
                continue
            issues = page["issues"]
            if not issues and page.get("isLast") is not True:
                if token is not None:
                    raise Incomplete("a page that was promised came empty")
                if not doubted:  # nothing at all, and not said to be the end: believed when it is said twice
                    doubted = True
                    continue
            fresh = _fresh(issues, seen)
            if fresh:
                after = _created(fresh[-1]) or after
                yield fresh
            token = page.get("nextPageToken")
            if not token or page.get("isLast") is True:
                return
            guard.next(token, fresh=len(fresh))

    def _by_created(self, condition: str, fields: Sequence[str], size: int, expand: str | None) -> Iterator[list[Any]]:
        """Data Center: each page starts at the last one's latest `created`; startAt only counts inside one instant."""
        guard, seen = PageGuard(self.client.source.key), set[str | None]()
        after: datetime | None = None
        start = 0
        while True:
            where = condition if after is None else f"{condition} AND created >= {self._at(after)}"
            page = self._page(where, [*fields, "created"], size, expand, None, start)
            issues = page["issues"]
            fresh = _fresh(issues, seen)
            if fresh:
                yield fresh
            if start + len(issues) >= _total(page):
                return
            if not issues:
                raise Incomplete(f"a page came empty though {_total(page)} issues are there")
            last = _created(issues[-1])
            if fresh and last is not None and last != after:
                after, start = last, 0
            else:
                start += len(issues)
            guard.next(f"{after}:{start}", fresh=len(fresh))

    def _page(
        self, condition: str, fields: Sequence[str], size: int, expand: str | None, token: str | None, start: int | None
    ) -> dict[str, Any]:
        """One page of a search; asked again with text literals where the site does not take milliseconds."""
        literals = self._literals
        jql = f"{condition} ORDER BY created ASC, key ASC"
        jql = self._in_words(jql) if literals else jql
        question: dict[str, Any] = {"jql": jql, "maxResults": size, "fields": list(fields)}
        question |= {
            k: v for k, v in (("expand", expand), ("nextPageToken", token), ("startAt", start)) if v is not None
        }
        try:
            page = self._ask(jql, question, fields)
        except Refused as refused:
            if refused.status == 400 and token is None and not literals and jql != self._in_words(jql):
                self._literals = True  # a site that does not take milliseconds
                return self._page(condition, fields, size, expand, token, start)
            if token is not None:
                raise TokenRefused from None
            sentence = f"{refused} (the search of {self.binding.key})"
            hint = f"check the scope at {self.binding.origin}, and whether the account still sees its projects"
            raise SourceChanged(sentence, source=self.client.source.key, hint=hint) from None
        if not isinstance(page, dict) or not isinstance(page.get("issues"), list):
            sentence = f"{self.client.source.key}: a search was answered without its issues"
            raise SourceUnavailable(sentence, source=self.client.source.key)
        if warnings := page.get("warnings") or page.get("warningMessages"):
            raise Incomplete(f"Jira warns: {str(warnings)[:200]}")
        page["issues"] = [i for i in page["issues"] if isinstance(i, dict)]
        return page

    def _ask(self, jql: str, question: dict[str, Any], fields: Sequence[str]) -> Any:
        """GET while the JQL is short enough for a URL; POST bodies carry no nulls and, on Cloud, `expand` as text."""
        path = "search/jql" if self.client.cloud else "search"
        if len(jql) <= LONG_JQL:
            return self.client.ask(path, {**question, "fields": ",".join(fields)})
        if not self.client.cloud and "expand" in question:
            question = {**question, "expand": [question["expand"]]}
        return self.client.ask(path, body=question)

    # -- time ------------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        ours, server = datetime.now(UTC), self.client.wire.server_time
        return ours if server is None else min(ours, server.astimezone(UTC))

    @staticmethod
    def _at(at: datetime) -> str:
        """An instant in JQL: epoch milliseconds, which no time zone touches."""
        return str(_ms(at))

    def _in_words(self, jql: str) -> str:
        """The same JQL with instants as text in the account's own zone, never later than meant by a lower bound."""

        def literal(match: re.Match[str]) -> str:
            field, operator, ms = match.groups()
            lower = operator != "<"
            at = _instant(ms) + timedelta(minutes=0 if lower else 1)
            while any(read > at if lower else read < at for read in self._readings(at)):
                at += timedelta(hours=-1 if lower else 1)  # the hour that clocks show twice: keep clear of it
            return f'{field} {operator} "{at.astimezone(self._account_zone()):%Y-%m-%d %H:%M}"'

        return re.sub(r"\b(updated|created) (>=|<) (\d{10,14})\b", literal, jql)

    def _readings(self, at: datetime) -> list[datetime]:
        """What an instant's local time may be read as, to the minute: two instants in the hour that clocks show twice."""
        zone = self._account_zone()
        local = at.astimezone(zone).replace(second=0, microsecond=0)
        drift = at - at.replace(second=0, microsecond=0)
        return [local.replace(fold=fold).astimezone(UTC) + drift for fold in (0, 1)]

    def _account_zone(self) -> ZoneInfo:
        if self._zone is None:
            self._zone = ZoneInfo(str(self.client.ask("myself").get("timeZone") or "UTC"))
        return self._zone


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _instant(ms: Any) -> datetime:
    return datetime.fromtimestamp(int(ms) / 1000, UTC)


def _fresh(issues: Sequence[Mapping[str, Any]], seen: set[str | None]) -> list[Any]:
    """The issues that were not seen before; they are from now on."""
    found = []
    for issue in issues:
        ref = ref_of(issue)
        if ref not in seen:
            seen.add(ref)
            found.append(issue)
    return found


def _total(page: Mapping[str, Any]) -> int:
    total = page.get("total")
    return total if isinstance(total, int) else 0


def _created(issue: Mapping[str, Any]) -> datetime | None:
    return instant((issue.get("fields") or {}).get("created"), "created", [])


def _resume(records: Sequence[RawRecord], started: datetime | None) -> dict[str, int] | None:
    last = records[-1].created_at if records else None
    return {"created_from": _ms(last), "started": _ms(started)} if started and last else None
