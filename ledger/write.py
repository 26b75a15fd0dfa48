"""Everything that changes the ledger, inside one fenced transaction.

Bulk statements go straight to the driver (`exec_driver_sql` with a list of tuples): an ORM flush costs ten times as much.
What is unchanged is not written: the batch's known hashes are read first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection
from sqlmodel import SQLModel

from ledger import tables as t
from ledger.model import (
    Counts,
    Finding,
    Item,
    Known,
    Presence,
    PresenceChange,
    Recorded,
    Version,
    from_ms,
    raw_hash,
    to_ms,
)
from ledger.tables import columns
from ledger.text import storable

CHUNK = 500
_encode = msgspec.json.Encoder().encode
Row = tuple[Any, ...]


def chunks(values: Sequence[str], size: int = CHUNK) -> Iterator[Sequence[str]]:
    """The values in slices that fit into one statement's parameters."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


class Writer:
    """What a fenced transaction can do. Not to be kept after it."""

    def __init__(self, connection: Connection, source: str, now: datetime) -> None:
        self._connection = connection
        self._mark = "?" if connection.dialect.name == "sqlite" else "%s"
        self.source = source
        self.now = to_ms(now)
        self._written: tuple[int, int] | None = None

    # -- items ---------------------------------------------------------------------------------------------------

    def known(self, ids: Sequence[str]) -> dict[str, Known]:
        """What the ledger holds of these items; absent ones were never seen."""
        rows = self._select(
            "SELECT id, raw_hash, mapping_version, binding, scope, presence, missing_since FROM item", ids
        )
        return {
            r[0]: Known(r[1], r[2], r[3], r[4], Presence(r[5]), None if r[6] is None else from_ms(r[6])) for r in rows
        }

    def record(
        self, batch: Sequence[Recorded], *, run: int, mapping_version: str, known: dict[str, Known] | None = None
    ) -> Counts:
        """Writes new and changed records with their versions, raw records, events and links.

        `known`: what `known()` said of the batch, if it was asked already. Every record given is written: leave the
        unchanged ones out. One record twice in a batch: the last one counts.
        """
        latest = {r.item.id: r for r in batch}
        known = self.known(list(latest)) if known is None else known
        old = [i for i in latest if i in known]
        histories = self._open_versions(old)
        items, versions = [], []
        raws: dict[tuple[str, str], Row] = {}
        for key, recorded in latest.items():
            body = text(_encode(recorded.item))
            digest = raw_hash(recorded.versions[-1].raw)
            items.append(self._item_row(recorded.item, body, digest, mapping_version))
            raws[key, digest] = (key, digest, text(recorded.versions[-1].raw), self.now, run)
            for version, digest in self._new_versions(recorded, histories.get(key)):
                if (key, digest) not in raws:
                    raws[key, digest] = (key, digest, text(version.raw), self.now, run)
                versions.append(self._version_row(version, digest, mapping_version))
        self._insert(t.RawRecordRow, list(raws.values()), "ON CONFLICT DO NOTHING")
        self._upsert(t.ItemRow, items, keep=("first_seen_at",))
        self._insert(t.ItemVersionRow, versions, "ON CONFLICT DO NOTHING")
        self._details(list(latest.values()), old)
        return Counts(seen=len(latest), new=len(latest) - len(old), changed=len(old))

    def _new_versions(self, recorded: Recorded, known: dict[int, str] | None) -> Iterator[tuple[Version, str]]:
        """The versions that are not in the ledger yet. History is only added to: what was known stays known."""
        for version in recorded.versions[:-1]:
            if known is None or to_ms(version.valid_from) not in known:
                yield version, raw_hash(version.raw)
        present = recorded.versions[-1]
        digest = raw_hash(present.raw)
        at = to_ms(present.valid_from)
        if not known:
            yield present, digest
        elif known.get(max(known)) != digest:
            # A tracker without history, or a field that its history leaves out: it became so at the last edit,
            # and where that instant is taken already, when we saw it.
            valid_from = at if at > max(known) else max(self.now, max(known) + 1)
            yield Version(from_ms(valid_from), present.item, present.raw), digest

    def _open_versions(self, ids: Sequence[str]) -> dict[str, dict[int, str]]:
        rows = self._select(
            "SELECT item_id, valid_from, raw_hash FROM item_version", ids, "item_id", "AND observed_to IS NULL"
        )
        histories: dict[str, dict[int, str]] = {}
        for key, valid_from, digest in rows:
            histories.setdefault(key, {})[valid_from] = digest
        return histories

    def _details(self, batch: Sequence[Recorded], old: Sequence[str]) -> None:
        """Events are added, links and unmapped words replaced: they are what the record says now."""
        events, links, unmapped = [], [], []
        for r in batch:
            key = r.item.id
            events += [
                (key, e.id, to_ms(e.at), e.field, e.before, e.after, e.actor_ref, e.actor_name, e.actor_kind)
                for e in r.events
            ]
            links += [
                (key, link.target, link.kind, link.direction, link.original, link.target_key, link.target_item)
                for link in r.links
            ]
            unmapped += [(key, u.field, u.raw, u.raw_id, self.now) for u in r.item.unmapped]
        self._delete("item_link", old)
        self._delete("item_unmapped", old)
        self._insert(t.ItemEventRow, events, "ON CONFLICT DO NOTHING")
        self._insert(t.ItemLinkRow, links, "ON CONFLICT DO NOTHING")
        self._insert(t.ItemUnmappedRow, unmapped, "ON CONFLICT DO NOTHING")

    def remap(
        self,
        binding: str,
        translate: Callable[[bytes], Item],
        *,
        mapping_version: str,
        after: str = "",
        limit: int = 500,
    ) -> str | None:
        """Translates what is kept of up to `limit` items anew; returns the last id, or None when there are no more.

        A version whose translation differs is closed (it stays known for its time) and written anew.
        """
        rows = self._connection.exec_driver_sql(
            self._sql("SELECT id, raw_hash FROM item WHERE source = ? AND binding = ? AND id > ? ORDER BY id LIMIT ?"),
            (self.source, binding, after, limit),
        ).fetchall()
        if not rows:
            return None
        present = {str(key): str(digest) for key, digest in rows}
        raws = {
            (k, h): p
            for k, h, p in self._select("SELECT item_id, hash, payload FROM raw_record", list(present), "item_id")
        }
        items, unmapped = [], []
        for key, digest in present.items():
            item = translate(raws[key, digest].encode())
            items.append((*self._canonical(item, text(_encode(item))), mapping_version, *self._stamp(), key))
            unmapped += [(key, u.field, u.raw, u.raw_id, self.now) for u in item.unmapped]
        self._many(
            "UPDATE item SET lifecycle = ?, reported_health = ?, status = ?, owner = ?, due_on = ?, blocked = ?, "
            "body = ?, mapping_version = ?, changed_at = ?, revision = ? WHERE id = ?",
            items,
        )
        self._remap_versions(list(present), raws, translate, mapping_version)
        self._delete("item_unmapped", list(present))
        self._insert(t.ItemUnmappedRow, unmapped, "ON CONFLICT DO NOTHING")
        return str(rows[-1][0])

    def _remap_versions(
        self, ids: Sequence[str], raws: dict[tuple[str, str], str], translate: Callable[[bytes], Item], version: str
    ) -> None:
        closed, added = [], []
        rows = self._select(
            "SELECT item_id, valid_from, observed_from, raw_hash, body FROM item_version",
            ids,
            "item_id",
            "AND observed_to IS NULL",
        )
        for key, valid_from, observed_from, digest, body in rows:
            raw = raws[key, digest].encode()
            row = self._version_row(Version(from_ms(valid_from), translate(raw), raw), digest, version)
            if row[-1] != body:
                since = max(self.now, observed_from + 1)  # two readings within one millisecond stay two
                closed.append((since, key, valid_from, observed_from))
                added.append((*row[:2], since, *row[3:]))
        self._many(
            "UPDATE item_version SET observed_to = ? WHERE item_id = ? AND valid_from = ? AND observed_from = ?", closed
        )
        self._insert(t.ItemVersionRow, added, "ON CONFLICT DO NOTHING")

    def places(self, cells: Mapping[str, Mapping[str, str]]) -> None:
        """Stores where items lie now: by item, role to cell."""
        known = dict(self._select("SELECT item_id, cells FROM item_place", list(cells), "item_id"))
        told = {key: text(_encode(place)) for key, place in cells.items()}
        rows = [(key, place) for key, place in told.items() if known.get(key) != place]
        self._upsert(t.ItemPlaceRow, rows, keys=("item_id",))

    def presence(self, changes: Sequence[PresenceChange]) -> None:
        """Sets what became of records that were not seen, or were seen again."""
        self._many(
            "UPDATE item SET presence = ?, presence_reason = ?, missing_since = ?, changed_at = ?, revision = ? WHERE id = ?",
            [
                (
                    str(c.presence),
                    storable(c.reason),
                    None if c.missing_since is None else to_ms(c.missing_since),
                    *self._stamp(),
                    c.item,
                )
                for c in changes
            ],
        )

    def resolve_links(self) -> None:
        """Finds the items that unresolved links mean: a ref in this source, or the address, key or ref of one item anywhere;
        what an address leads to counts where no item has the address itself."""
        unresolved = "target_item IS NULL AND item_id LIKE ? AND EXISTS"
        mine = self.source + ":%"
        own = "SELECT i.id FROM item i WHERE i.id = ? || item_link.target"
        self._connection.exec_driver_sql(
            self._sql(f"UPDATE item_link SET target_item = ({own}) WHERE {unresolved} ({own})"),
            (self.source + ":", mine, self.source + ":"),
        )
        ways = (("url", "target"), ("key", "target"), ("ref", "target"), ("key", "target_key"), ("ref", "target_key"))
        for column, named in ways:
            one = f"SELECT MIN(i.id) FROM item i WHERE i.{column} = item_link.{named} AND i.{column} <> '' HAVING COUNT(*) = 1"
            # Any source's link may wait for an item that this source has just brought.
            self._connection.exec_driver_sql(
                f"UPDATE item_link SET target_item = ({one}) WHERE target_item IS NULL "
                f"AND {named} IN (SELECT {column} FROM item)"
            )

    # -- what a run says of itself -------------------------------------------------------------------------------

    def run_started(self, mode: str) -> int:
        """Opens a run; its id is written on every raw record."""
        row = self._connection.exec_driver_sql(
            self._sql(
                "INSERT INTO sync_run (source, mode, state, reason, hint, started_at, seen, new, changed, gone, "
                "unreadable, requests, retries, good) VALUES (?, ?, 'running', '', '', ?, 0, 0, 0, 0, 0, 0, 0, ?) RETURNING id"
            ),
            (self.source, mode, self.now, False),
        ).fetchone()
        assert row is not None  # RETURNING always answers
        self._connection.exec_driver_sql(
            self._sql(
                "UPDATE sync_run SET state = 'failed', reason = 'was cut off' WHERE source = ? AND state = 'running' AND id < ?"
            ),
            (self.source, row[0]),
        )
        return int(row[0])

    def run_finished(
        self,
        run: int,
        *,
        state: str,
        reason: str,
        hint: str,
        counts: Counts,
        unreadable: int,
        requests: int,
        retries: int,
        good: bool,
        not_before: datetime | None,
        whole: int | None = None,
        findings: Sequence[Finding] = (),
    ) -> None:
        """Closes a run; a good one moves the source's last good read to the run's start."""
        self._connection.exec_driver_sql(
            self._sql(
                "UPDATE sync_run SET state = ?, reason = ?, hint = ?, finished_at = ?, seen = ?, new = ?, changed = ?, "
                "gone = ?, unreadable = ?, requests = ?, retries = ?, good = ?, whole = ?, findings = ? WHERE id = ?"
            ),
            (
                state,
                storable(reason),
                storable(hint),
                self.now,
                counts.seen,
                counts.new,
                counts.changed,
                counts.gone,
                unreadable,
                requests,
                retries,
                good,
                whole,
                storable(text(_encode(findings))),
                run,
            ),
        )
        paused = None if not_before is None else to_ms(not_before)
        self._connection.exec_driver_sql(
            self._sql(
                "INSERT INTO source_state (source, last_good_at, not_before) VALUES (?, NULL, ?) "
                "ON CONFLICT (source) DO UPDATE SET not_before = excluded.not_before"
            ),
            (self.source, paused),
        )
        if good:
            self._connection.exec_driver_sql(
                self._sql(
                    "UPDATE source_state SET last_good_at = (SELECT started_at FROM sync_run WHERE id = ?) WHERE source = ?"
                ),
                (run, self.source),
            )

    def save_binding(self, binding: str, **columns: str | int | None) -> None:
        """Stores where the next read of a binding starts: any of cursor, resume, fields, mapping_version, census_at."""
        names = ", ".join(columns)
        marks = ", ".join("?" for _ in columns)
        sets = ", ".join(f"{name} = excluded.{name}" for name in columns)
        self._connection.exec_driver_sql(
            self._sql(
                f"INSERT INTO binding_state (source, binding, {names}) VALUES (?, ?, {marks}) "
                f"ON CONFLICT (source, binding) DO UPDATE SET {sets}"
            ),
            (self.source, binding, *columns.values()),
        )

    def vocabulary(self, words: Iterable[Row], *, within: Collection[str | None] | None = None) -> None:
        """Snapshots the tracker's words: rows of (field, id, name, category, scope, colour). What is gone is closed, not
        removed; `within` some scopes only."""
        names = "field, id, name, category, scope, colour"
        current = {
            (r[0], r[1]): tuple(r)
            for r in self._connection.exec_driver_sql(
                self._sql(f"SELECT {names} FROM status_value WHERE source = ? AND valid_to IS NULL"), (self.source,)
            )
            if within is None or r[4] in within
        }
        said = {(w[0], w[1]): (*w[:2], storable(w[2]), *w[3:]) for w in words}
        gone = [k for k, row in current.items() if said.get(k) != row]
        self._many(
            "UPDATE status_value SET valid_to = ? WHERE source = ? AND field = ? AND id = ? AND valid_to IS NULL",
            [(self.now, self.source, *key) for key in gone],
        )
        fresh = [
            (self.source, *w[:2], self.now, None, *w[2:])
            for key, w in said.items()
            if key not in current or key in gone
        ]
        self._insert(t.StatusValueRow, fresh, "ON CONFLICT DO NOTHING")

    def scopes(self, scopes: Iterable[tuple[str, str, str, str]]) -> None:
        """Stores (scope, name, state, reason) of each; `since` moves only when the state changes."""
        known = {
            r[0]: r[1:]
            for r in self._connection.exec_driver_sql(
                self._sql("SELECT scope, name, state, reason FROM scope_state WHERE source = ?"), (self.source,)
            )
        }
        rows = [
            (self.source, s, storable(name), state, storable(reason), self.now)
            for s, name, state, reason in scopes
            if tuple(known.get(s, ())) != (name, state, reason)
        ]
        self._upsert(t.ScopeStateRow, rows, keys=("source", "scope"))

    def mapping(self, binding: str, version: str, body: str, *, author: str, reason: str) -> None:
        """Records that a mapping is in force from now on."""
        self._insert(
            t.MappingVersionRow,
            [(self.source, binding, self.now, version, storable(body), storable(author), storable(reason))],
            "ON CONFLICT DO NOTHING",
        )

    # -- rows ----------------------------------------------------------------------------------------------------

    def _item_row(self, item: Item, body: str, digest: str, mapping_version: str) -> Row:
        return (
            item.id, item.source, item.binding, item.ref, item.scope, item.key, item.url,
            *self._canonical(item, body),
            digest, mapping_version, str(Presence.PRESENT), "", None, self.now, *self._stamp(),
        )  # fmt: skip

    @staticmethod
    def _canonical(item: Item, body: str) -> Row:
        return (
            str(item.lifecycle), str(item.reported_health), item.status, item.owner,
            None if item.due_on is None else item.due_on.isoformat(), item.blocked, body,
        )  # fmt: skip

    def _version_row(self, version: Version, digest: str, mapping_version: str) -> Row:
        item = version.item
        lean = msgspec.structs.replace(item, words=(), unmapped=())  # how it was read is told anew from the raw record
        return (
            item.id, to_ms(version.valid_from), self.now, None, digest, mapping_version,
            str(item.lifecycle), str(item.reported_health), item.status, text(_encode(lean)),
        )  # fmt: skip

    def _stamp(self) -> tuple[int, int]:
        """This transaction's `changed_at` and revision; taken once, on the first write that readers can see.

        Both grow from commit to commit, whatever the clocks of those who write say: the row is locked until this one ends.
        """
        if self._written is None:
            row = self._connection.exec_driver_sql(
                self._sql(
                    "UPDATE meta SET revision = revision + 1, written_at = CASE WHEN written_at < ? THEN ? ELSE written_at + 1 END "
                    "WHERE id = 1 RETURNING written_at, revision"
                ),
                (self.now, self.now),
            ).fetchone()
            assert row is not None  # every ledger has this row
            self._written = int(row[0]), int(row[1])
        return self._written

    # -- statements ----------------------------------------------------------------------------------------------

    def _sql(self, statement: str) -> str:
        return statement.replace("?", self._mark) if self._mark != "?" else statement

    def _select(self, select: str, ids: Sequence[str], column: str = "id", more: str = "") -> Iterator[Any]:
        for part in chunks(ids):
            marks = ", ".join(self._mark for _ in part)
            yield from self._connection.exec_driver_sql(f"{select} WHERE {column} IN ({marks}) {more}", tuple(part))

    def _delete(self, table: str, ids: Sequence[str]) -> None:
        for part in chunks(ids):
            marks = ", ".join(self._mark for _ in part)
            self._connection.exec_driver_sql(f"DELETE FROM {table} WHERE item_id IN ({marks})", tuple(part))

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        if rows:
            self._connection.exec_driver_sql(self._sql(statement), list(rows))

    def _insert(self, table: type[SQLModel], rows: Sequence[Row], tail: str = "") -> None:
        if not rows:
            return
        names = _names(table)
        marks = ", ".join(self._mark for _ in names)
        name = table.__tablename__
        self._connection.exec_driver_sql(f"INSERT INTO {name} ({', '.join(names)}) VALUES ({marks}) {tail}", list(rows))

    def _upsert(
        self, table: type[SQLModel], rows: Sequence[Row], *, keys: tuple[str, ...] = ("id",), keep: tuple[str, ...] = ()
    ) -> None:
        names = [n for n in _names(table) if n not in keys and n not in keep]
        sets = ", ".join(f"{name} = excluded.{name}" for name in names)
        self._insert(table, rows, f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}")


def _names(table: type[SQLModel]) -> list[str]:
    return [column.name for column in columns(table)]


def text(encoded: bytes) -> str:
    """JSON as the text column stores it."""
    return encoded.decode()
