"""The ledger keeps its promises on both databases."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from ledger.engine import transaction
from ledger.lease import FencedOut
from ledger.migrations import HEAD, newest
from ledger.model import Counts, Item, Lifecycle, Presence, PresenceChange, Recorded, Version, item_id, raw_hash
from ledger.read import Filter
from ledger.store import LeaseHeld, Ledger, LedgerError

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)


def said(ref: str, title: str, at: datetime = T0, lifecycle: Lifecycle = Lifecycle.IN_PROGRESS) -> Recorded:
    item = Item(item_id("eng", ref), "eng", "items", ref, "P", f"ENG-{ref}", title, lifecycle=lifecycle)
    return Recorded((Version(at, item, f'{{"title":"{title}","state":"{lifecycle}"}}'.encode()),))


def record(ledger: Ledger, *batch: Recorded) -> Counts:
    lease = ledger.lease("eng", "test")
    try:
        with ledger.writing(lease) as w:
            return w.record(batch, run=1, mapping_version="m1")
    finally:
        ledger.release(lease)


def test_migrations_and_tables_are_the_same(ledger_url: str) -> None:
    """A column that only the code knows fails at the first customer."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        assert ledger.drift() == []
        assert ledger.is_current()
        assert newest() == HEAD


def test_a_database_without_tables_is_refused_with_the_next_step(ledger_url: str) -> None:
    """The person reads the sentence, not a stack trace."""
    with pytest.raises(LedgerError, match="run 'sightline sync'"):
        Ledger.open(ledger_url)


def test_a_wrong_database_kind_is_named() -> None:
    """The URL is typed by hand."""
    with pytest.raises(LedgerError, match="'mysql' is no database Sightline knows"):
        Ledger.open("mysql://root@localhost/x")


def test_the_same_saying_twice_is_one_version(ledger_url: str) -> None:
    """Overlapping reads must not make history."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        record(ledger, said("1", "A"))
        record(ledger, said("1", "A"))
        assert len(ledger.history("eng:1")) == 1


def test_a_changed_saying_adds_a_version_and_keeps_the_old(ledger_url: str) -> None:
    """Everything is answerable as of an instant."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        record(ledger, said("1", "A"))
        record(ledger, said("1", "B", T0 + timedelta(days=1)))
        assert [v.item.title for v in ledger.history("eng:1")] == ["A", "B"]


def test_what_was_known_then_is_still_known_then(ledger_url: str) -> None:
    """A published week must not change because something was learnt later."""
    clock = [T0]
    with Ledger.open(ledger_url, migrate=True, clock=lambda: clock[0]) as ledger:
        record(ledger, said("1", "A"))
        clock[0] = T0 + timedelta(days=2)
        record(ledger, said("1", "B", T0 + timedelta(days=1)))
        then = ledger.history("eng:1", known_at=T0 + timedelta(hours=1))
        assert [v.item.title for v in then] == ["A"]


def test_two_processes_never_hold_one_source(ledger_url: str) -> None:
    """Two writers would interleave pages."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        ledger.lease("eng", "host-a:1")
        with pytest.raises(LeaseHeld, match="host-a:1"):
            ledger.lease("eng", "host-b:2")


def test_a_holder_that_was_paused_writes_nothing(ledger_url: str) -> None:
    """A process that wakes up after its lease was taken still believes it holds it."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        paused = ledger.lease("eng", "a", ttl_seconds=-1)
        ledger.lease("eng", "b")
        with pytest.raises(FencedOut), ledger.writing(paused) as w:
            w.record([said("1", "stale")], run=1, mapping_version="m1")
        assert ledger.item("eng:1") is None


def test_a_failing_batch_leaves_nothing(ledger_url: str) -> None:
    """Data and checkpoint stand or fall together."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        lease = ledger.lease("eng", "a")
        with pytest.raises(ZeroDivisionError), ledger.writing(lease) as w:
            w.record([said("1", "A")], run=1, mapping_version="m1")
            w.save_binding("items", cursor="{}")
            raise ZeroDivisionError
        assert ledger.item("eng:1") is None
        assert ledger.binding("eng", "items").cursor is None


def test_no_update_is_lost_between_threads(ledger_url: str) -> None:
    """SQLAlchemy on SQLite loses updates silently unless writing transactions begin with the lock."""
    with Ledger.open(ledger_url, migrate=True) as ledger:

        def add(connection: Connection) -> None:
            read = connection.exec_driver_sql("SELECT revision FROM meta WHERE id = 1" + lock).scalar_one()
            connection.exec_driver_sql(f"UPDATE meta SET revision = {read + 1} WHERE id = 1")

        lock = " FOR UPDATE" if ledger_url.startswith("postgresql") else ""

        def work() -> None:
            for _ in range(200):
                with transaction(ledger.engine, writing=True) as connection:
                    add(connection)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.revision() == 800


def test_a_record_seen_again_is_present_again(ledger_url: str) -> None:
    """Vanished is not deleted."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        record(ledger, said("1", "A"))
        lease = ledger.lease("eng", "a")
        with ledger.writing(lease) as w:
            w.presence([PresenceChange("eng:1", Presence.UNOBSERVED, "not seen", T0)])
        assert ledger.items() == []
        ledger.release(lease)
        record(ledger, said("1", "A"))
        assert [k.presence for k in ledger.items()] == [Presence.PRESENT]


def test_a_new_mapping_translates_what_is_kept(ledger_url: str) -> None:
    """A corrected scale re-translates history without asking the tracker."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        record(ledger, said("1", "A"))
        lease = ledger.lease("eng", "a")
        with ledger.writing(lease) as w:
            done = w.remap("items", lambda raw: said("1", "A", lifecycle=Lifecycle.PAUSED).item, mapping_version="m2")
            assert done == "eng:1"
        kept = ledger.item("eng:1")
        assert kept is not None
        assert (kept.item.lifecycle, kept.mapping_version) == (Lifecycle.PAUSED, "m2")
        assert [v.item.lifecycle for v in ledger.history("eng:1")] == [Lifecycle.PAUSED]


def test_two_translations_within_one_millisecond_are_two(tmp_path: Path) -> None:
    """Else the second one would be lost, and history would say what nobody translates any more."""
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}", migrate=True, clock=lambda: T0) as ledger:
        record(ledger, said("1", "A"))
        lease = ledger.lease("eng", "a")
        for life in (Lifecycle.PAUSED, Lifecycle.DONE):
            with ledger.writing(lease) as w:
                w.remap("items", lambda raw, life=life: said("1", "A", lifecycle=life).item, mapping_version=str(life))
        assert [v.item.lifecycle for v in ledger.history("eng:1")] == [Lifecycle.DONE]


def test_a_word_the_tracker_forgot_is_remembered(ledger_url: str) -> None:
    """A deleted status loses its category in the tracker; history must not."""
    clock = [T0]
    with Ledger.open(ledger_url, migrate=True, clock=lambda: clock[0]) as ledger:
        lease = ledger.lease("eng", "a")
        with ledger.writing(lease) as w:
            w.vocabulary([("lifecycle", "7", "Parked", "done", None, "green")])
        clock[0] += timedelta(days=1)
        with ledger.writing(lease) as w:
            w.vocabulary([])
        assert ledger.vocabulary("eng") == []
        assert [v.category for v in ledger.vocabulary("eng", at=T0 + timedelta(hours=1))] == ["done"]


def test_filters_and_paging_meet_every_item_once(ledger_url: str) -> None:
    """A page boundary must lose nothing."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        record(ledger, *(said(str(n), f"T{n}") for n in range(25)))
        seen: list[str] = []
        while page := ledger.items(Filter(unfinished=True), after=seen[-1] if seen else "", limit=10):
            seen += [k.item.id for k in page]
        assert len(seen) == len(set(seen)) == 25


def test_the_raw_record_is_kept(ledger_url: str) -> None:
    """Every figure can be traced to what was said."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        recorded = said("1", "A")
        record(ledger, recorded)
        raw = recorded.versions[-1].raw
        assert ledger.raw("eng:1", raw_hash(raw)) == raw
