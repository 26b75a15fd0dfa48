"""How everything in the plan stands now, as it was judged last: kept, so that an answer is read and not computed.

All of it is a view of the rest of the ledger: what is missing is judged anew. `stamp` says under which plan, thresholds and day it was
judged, `stood` up to which revision it knows the items.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from ledger.engine import transaction
from ledger.model import FINISHED
from ledger.remembered import CHUNK, GONE, Remembered
from ledger.tables import ItemRow, MemberRow, Meta, StandingRow, columns

NONE = ""
"""The workstream of an item that belongs to none."""


class Stood(msgspec.Struct, frozen=True):
    """What `standing` knows: under which stamp, and up to which revision."""

    stamp: str
    revision: int


class Stands(msgspec.Struct, frozen=True):
    """One row: JSON texts, "" where there is none."""

    kind: str
    key: str
    status: str = ""
    judged: str = ""
    exceptions: str = ""


class Place(msgspec.Struct, frozen=True, gc=False):
    """What decides which workstreams an item belongs to."""

    id: str
    source: str
    binding: str
    key: str
    title: str
    active: bool
    """It is there and unfinished."""


class Standing(Remembered):
    """Reading and keeping how things stand."""

    def stood(self) -> Stood:
        """What is known by now."""
        c = columns(Meta)
        return Stood(*self._rows(select(c.stamp, c.stood))[0])

    def standing(self, kind: str, keys: Collection[str] | None = None) -> dict[str, Stands]:
        """Rows of a kind, by key; those of some keys only where keys are given."""
        c = columns(StandingRow)
        statement = select(c.kind, c.key, c.status, c.judged, c.exceptions).where(c.kind == kind)
        if keys is None:
            return {r[1]: Stands(*r) for r in self._rows(statement)}
        wanted = sorted(keys)
        parts = [wanted[n : n + CHUNK] for n in range(0, len(wanted), CHUNK)]
        return {r[1]: Stands(*r) for part in parts for r in self._rows(statement.where(c.key.in_(part)))}

    def open_rows(self) -> list[tuple[str, str]]:
        """(key, exceptions as JSON) of every node that has any."""
        c = columns(StandingRow)
        return [(r[0], r[1]) for r in self._rows(select(c.key, c.exceptions).where(c.exceptions != ""))]

    # -- membership --------------------------------------------------------------------------------------------------

    def places(self, sources: Sequence[str], ids: Sequence[str] | None = None) -> Iterator[Place]:
        """What decides on membership, of every item of some sources, or of some items; streamed."""
        i = columns(ItemRow)
        statement = select(i.id, i.source, i.binding, i.key, i.body, i.presence, i.lifecycle).where(
            i.source.in_(sources)
        )
        parts = [None] if ids is None else [ids[n : n + CHUNK] for n in range(0, len(ids), CHUNK)]
        with transaction(self.engine, writing=False) as connection:
            for part in parts:
                wanted = statement if part is None else statement.where(i.id.in_(part))
                for r in connection.execution_options(yield_per=5000).execute(wanted):
                    active = r[5] not in GONE and r[6] not in FINISHED
                    yield Place(r[0], r[1], r[2], r[3], _titled(r[4]).title, active)

    def changed_since(self, revision: int, sources: Sequence[str], *, limit: int) -> tuple[list[str], int]:
        """(ids of items that changed after a revision, the ledger's revision); more than `limit` are not listed."""
        i = columns(ItemRow)
        with transaction(self.engine, writing=False) as connection:
            now = int(connection.execute(select(columns(Meta).revision)).scalar_one())
            mine = func.coalesce(i.source, "").in_(
                sources
            )  # so that SQLite looks for what is new, not for what is theirs
            wanted = select(i.id).where(i.revision > revision, i.revision <= now, mine).limit(limit)
            return [r[0] for r in connection.execute(wanted)], now

    def members(self, workstreams: Collection[str]) -> dict[str, list[str]]:
        """Workstream to the ids of its items."""
        m = columns(MemberRow)
        found: dict[str, list[str]] = {key: [] for key in workstreams}
        wanted = sorted(found)
        for n in range(0, len(wanted), CHUNK):
            part = select(m.workstream, m.item_id).where(m.workstream.in_(wanted[n : n + CHUNK]))
            for key, ref in self._rows(part.order_by(m.workstream, m.item_id)):
                found[key].append(ref)
        return found

    def homes(self, ids: Sequence[str]) -> dict[str, list[tuple[str, str, bool]]]:
        """Item to (workstream, department, active) as they are kept; an item that is not known yet has none."""
        m = columns(MemberRow)
        found: dict[str, list[tuple[str, str, bool]]] = {}
        for n in range(0, len(ids), CHUNK):
            part = select(m.item_id, m.workstream, m.department, m.active).where(m.item_id.in_(ids[n : n + CHUNK]))
            for ref, *home in self._rows(part):
                found.setdefault(ref, []).append((home[0], home[1], home[2]))
        return found

    # -- keeping -----------------------------------------------------------------------------------------------------

    def forget_standing(self) -> None:
        """Empties what is kept: it is judged anew."""
        with transaction(self.engine, writing=True) as connection:
            connection.execute(delete(MemberRow))
            connection.execute(update(Meta).values(stamp="", stood=0))

    def place(self, rows: Sequence[tuple[str, str, str, bool]]) -> None:
        """Keeps (item, workstream, department, active)."""
        with transaction(self.engine, writing=True) as connection:
            _place(connection, rows)

    def stand(
        self,
        rows: Sequence[Stands],
        *,
        before: Stood,
        after: Stood,
        places: Sequence[tuple[str, str, str, bool]] = (),
        moved: Sequence[str] = (),
        whole: bool = False,
    ) -> bool:
        """Keeps rows, and that they are known `after`; False where somebody else was quicker, and nothing was kept.

        whole: rows that are not among these go. places: see `place`; whatever was kept of the items `moved` goes.
        """
        with transaction(self.engine, writing=True) as connection:
            if Stood(*connection.execute(select(columns(Meta).stamp, columns(Meta).stood)).one()) != before:
                return False
            if whole:
                connection.execute(delete(StandingRow))
            m = columns(MemberRow)
            for n in range(0, len(moved), CHUNK):
                connection.execute(delete(MemberRow).where(m.item_id.in_(moved[n : n + CHUNK])))
            _place(connection, places)
            if rows:
                mark = "?" if connection.dialect.name == "sqlite" else "%s"
                connection.exec_driver_sql(
                    f"INSERT INTO standing (kind, key, status, judged, exceptions) VALUES ({', '.join([mark] * 5)}) "
                    "ON CONFLICT (kind, key) DO UPDATE SET status = excluded.status, judged = excluded.judged, "
                    "exceptions = excluded.exceptions",
                    [(r.kind, r.key, r.status, r.judged, r.exceptions) for r in rows],
                )
            connection.execute(update(Meta).values(stamp=after.stamp, stood=after.revision))
        return True


class _Titled(msgspec.Struct):
    title: str = ""


_titled = msgspec.json.Decoder(_Titled).decode


def _place(connection: Connection, rows: Sequence[tuple[str, str, str, bool]]) -> None:
    if rows:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(
            f"INSERT INTO member (item_id, workstream, department, active) VALUES ({', '.join([mark] * 4)}) "
            "ON CONFLICT (item_id, workstream) DO UPDATE SET department = excluded.department, active = excluded.active",
            list(rows),
        )
