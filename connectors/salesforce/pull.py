"""Reading passes over one object's rows, and their cursors.

    full         ORDER BY Id, resumable after the last Id; then a catch-up of what was stamped meanwhile
    incremental  SystemModstamp >= last run's start less 10 minutes, ORDER BY SystemModstamp, Id
    re-read      once a day everything: formulas, owners' names and labels change without a stamp, and a long transaction
                 may show its rows later than any overlap
    census       Ids only

Cursor {"since": ms, "reread": ms}: run-start watermarks, never max(SystemModstamp), for a row may be committed minutes after
its stamp (five are known; the overlap is twice that). A locator that ran out is replaced by the key of the last row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.contract import Binding, Found, Page, Seen, SourceChanged, Verdict
from connectors.salesforce.errors import Incomplete, Refused
from connectors.salesforce.reader import instant, read, read_all
from connectors.salesforce.soql import LONGEST, both, lists, moment, parts, quoted, select

if TYPE_CHECKING:
    from connectors.salesforce.client import SalesforceConnector

OVERLAP = timedelta(minutes=10)
REREAD = timedelta(hours=24)
RESTARTS = 3
Rows = Iterator[list[dict[str, Any]]]
Key = Callable[[Mapping[str, Any]], str | None]


class Puller:
    """One pull of one binding. Not reused."""

    def __init__(self, client: SalesforceConnector, binding: Binding) -> None:
        self.client, self.binding = client, binding
        self.shape = client.shape(binding)
        self.where: str | None = binding.scope.where
        self.table = self.shape.object

    # -- the contract ----------------------------------------------------------------------------------------------

    def pull(
        self, *, full: bool, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        """Pages, then one Verdict. The watermark is the earlier of our clock and the server's at the start."""
        started = self._now()
        reread = _instant(cursor.get("reread")) if cursor else started
        if full or cursor is None or self.shape.stamp is None or started - reread >= REREAD:
            resume = resume if full and resume and "after" in resume else None
            started = _instant(resume["started"]) if resume else started
            met: list[Seen] = []
            for page in self._full(started, str(resume["after"]) if resume else None):
                met += [Seen(r.ref, self.table) for r in page.records]
                yield page
            yield from self._since(started)
            reread = started
            if resume is None:
                self.client.counted[self.binding.key] = met
        else:
            yield from self._since(_instant(cursor["since"]))
        whole = self.binding.key in self.client.counted
        yield Verdict(complete=True, cursor={"since": _ms(started - OVERLAP), "reread": _ms(reread)}, whole=whole)

    def census(self) -> Iterator[Sequence[Seen] | Verdict]:
        """Every Id now in the binding, also of rows that no stamp led to; asks nothing where this run has read them all."""
        if (taken := self.client.counted.get(self.binding.key)) is not None:
            yield taken
            yield Verdict(complete=True)
            return
        for rows in self._by_id(["Id"], None):
            yield [Seen(str(row["Id"]), self.table) for row in rows if row.get("Id")]
        yield Verdict(complete=True)

    def find(self, refs: Sequence[str]) -> Sequence[Found]:
        """Asks for rows by Id, those in the recycle bin too."""
        extra = [n for n in ("IsDeleted", "MasterRecordId") if n in self.shape.types]
        rows: dict[str, dict[str, Any]] = {}
        for condition in lists(refs):
            for page in self._wide(condition, "Id ASC", [*self.shape.wanted, *extra], deleted=True):
                rows |= {str(row.get("Id")): row for row in page}
        live = {ref: row for ref, row in rows.items() if row.get("IsDeleted") is not True}
        self._meet(list(live.values()))
        inside = self._inside(list(live))
        return [self._found(ref, rows.get(ref), ref in inside) for ref in refs]

    def try_scope(self) -> None:
        """Asks for nothing, so that a condition which this org refuses is told now."""
        for _ in self._asked(select(["Id"], self.table, both(self.where, "Id = null"))):
            pass

    # -- one by one ------------------------------------------------------------------------------------------------

    def _found(self, ref: str, row: Mapping[str, Any] | None, inside: bool) -> Found:
        if row is None:
            return Found(
                ref, "not_found", None, "its id is not found: purged, or not shared with this credential any more"
            )
        if row.get("IsDeleted") is True:
            master = row.get("MasterRecordId")
            reason = f"was merged into {master}" if master else "was deleted and lies in the recycle bin"
            return Found(ref, "deleted", None, reason)
        record = read(row, self.shape)
        if inside:
            return Found(ref, "present", record)
        return Found(ref, "moved_out", record, f"{record.key} no longer matches {self.where}")

    def _inside(self, refs: Sequence[str]) -> set[str]:
        """Which of these live rows are inside the binding's condition."""
        if not self.where:
            return set(refs)
        found: set[str] = set()
        for condition in lists(refs):
            for rows in self._asked(select(["Id"], self.table, both(self.where, condition))):
                found |= {str(row.get("Id")) for row in rows}
        return found

    # -- searching -------------------------------------------------------------------------------------------------

    def _full(self, started: datetime, after: str | None) -> Iterator[Page]:
        for rows in self._by_id(self.shape.wanted, after):
            resume = {"after": rows[-1].get("Id"), "started": _ms(started)}
            yield self._page(rows, resume)

    def _since(self, since: datetime) -> Iterator[Page]:
        stamp = self.shape.stamp
        if stamp is None:
            return
        lower = f"{stamp} >= {moment(since)}"

        def key(row: Mapping[str, Any]) -> str | None:
            at = instant(row.get(stamp), stamp, [])
            ref = quoted(str(row.get("Id")))
            return f"{stamp} > {moment(at)} OR ({stamp} = {moment(at)} AND Id > {ref})" if at else None

        for rows in self._keyed(self.shape.wanted, lower, f"{stamp} ASC, Id ASC", key, None):
            yield self._page(rows, None)

    def _page(self, rows: list[dict[str, Any]], resume: Mapping[str, Any] | None) -> Page:
        self._meet(rows)
        records, unreadable = read_all(rows, self.shape)
        return Page(records=tuple(records), resume=resume, unreadable=tuple(unreadable))

    def _meet(self, rows: Sequence[Mapping[str, Any]]) -> None:
        mapped = [name for name in self.shape.roles.values() if name in self.shape.people]
        self.client.meet(str(row.get(name)) for row in rows for name in mapped)

    def _by_id(self, fields: Sequence[str], after: str | None) -> Rows:
        def key(row: Mapping[str, Any]) -> str | None:
            return f"Id > {quoted(str(row['Id']))}" if row.get("Id") else None

        return self._keyed(fields, None, "Id ASC", key, f"Id > {quoted(after)}" if after else None)

    def _keyed(self, fields: Sequence[str], condition: str | None, order: str, key: Key, after: str | None) -> Rows:
        """Rows in the order of a key. A locator that ran out is replaced by asking for what comes after the last row."""
        restarts = 0
        while True:
            try:
                for rows in self._wide(both(self.where, condition, after), order, fields):
                    after = key(rows[-1]) or after
                    yield rows
                return
            except Refused as refused:
                restarts += 1
                if refused.code != "INVALID_QUERY_LOCATOR" or restarts > RESTARTS:
                    raise self._told(refused) from None

    def _wide(self, where: str, order: str, fields: Sequence[str], *, deleted: bool = False) -> Rows:
        """Rows with all of these fields, in more than one SELECT where one would be too long for an address."""
        key = [n for n in ("Id", self.shape.stamp) if n]
        first, *others = parts(fields, key, LONGEST - 3 * len(where) - 200)
        for rows in self._asked(select(first, self.table, where, order), deleted=deleted):
            by_ref = {str(row.get("Id")): row for row in rows}
            for more in others:
                rest: dict[str, Any] = {}
                for condition in lists(list(by_ref)):
                    for part in self._asked(select(more, self.table, condition), deleted=deleted):
                        rest |= {str(row.get("Id")): row for row in part}
                # A row that went between two parts is left to the census; one that changed is read again by its stamp.
                by_ref = {ref: {**rest[ref], **row} for ref, row in by_ref.items() if ref in rest}
            if by_ref:
                yield list(by_ref.values())

    def _asked(self, soql: str, *, deleted: bool = False) -> Rows:
        try:
            yield from self.client.query(soql, deleted=deleted)
        except Refused as refused:
            raise refused if refused.code == "INVALID_QUERY_LOCATOR" else self._told(refused) from None

    def _told(self, refused: Refused) -> Exception:
        if refused.code == "INVALID_QUERY_LOCATOR":
            return Incomplete("Salesforce dropped the query's locator again and again")
        sentence = f"{refused} (the query of {self.binding.key})"
        hint = f"check scope and fields at {self.binding.origin}, and what the run-as user may see"
        return SourceChanged(sentence, source=refused.source, hint=hint)

    def _now(self) -> datetime:
        return now(self.client)


def now(client: SalesforceConnector) -> datetime:
    """The earlier of our clock and the server's, as its last answer told."""
    ours, server = datetime.now(UTC), client.wire.server_time
    return ours if server is None else min(ours, server.astimezone(UTC))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _instant(ms: Any) -> datetime:
    return datetime.fromtimestamp(int(ms or 0) / 1000, UTC)
