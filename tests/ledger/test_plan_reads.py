"""What the plan and the mapping ask of the ledger, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ledger.model import Event, Item, ItemLink, Lifecycle, Presence, PresenceChange, Recorded, Unmapped, Version, to_ms
from ledger.store import Ledger

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)


def item(ref: str, life: Lifecycle, **more: object) -> Item:
    return Item(f"eng:{ref}", "eng", "items", ref, "P", f"ENG-{ref}", f"Title {ref}", lifecycle=life, **more)  # type: ignore[arg-type]


def filled(url: str) -> Ledger:
    """Two items: one with two states, an act, an edge to the other and one that leads nowhere, and a word without a translation."""
    ledger = Ledger.open(url, migrate=True, clock=lambda: T0 + timedelta(hours=1))
    lease = ledger.lease("eng", "test")
    states = (
        Version(
            T0 - timedelta(days=9),
            item("1", Lifecycle.NOT_STARTED),
            b'{"ref":"1","scope":"P","key":"ENG-1","title":"a"}',
        ),
        Version(
            T0 - timedelta(days=2),
            item("1", Lifecycle.IN_PROGRESS, unmapped=(Unmapped("health", "Lila", "7"),)),
            b'{"ref":"1","scope":"P","key":"ENG-1","title":"b"}',
        ),
    )
    acts = (Event("e1", T0 - timedelta(days=2), "lifecycle", "To Do", "Doing", "u1", "Ann", "human"),)
    links = (
        ItemLink("ENG-2", "blocks", "in", "depends_on"),
        ItemLink("https://x.example/9", "blocks", "in", "depends_on"),
    )
    other = (
        Version(
            T0 - timedelta(days=5),
            item("2", Lifecycle.IN_PROGRESS),
            b'{"ref":"2","scope":"P","key":"ENG-2","title":"c"}',
        ),
    )
    with ledger.writing(lease) as w:
        run = w.run_started("full")
        w.record([Recorded(states, acts, links), Recorded(other)], run=run, mapping_version="m", known={})
        w.mapping("items", "m", "{}", author="ann", reason="first")
        w.vocabulary([("lifecycle", "1", "Doing", "indeterminate", "P", "blue")])
        w.resolve_links()
    ledger.release(lease)
    return ledger


def test_states_acts_and_edges_as_of_an_instant(ledger_url: str) -> None:
    with filled(ledger_url) as ledger:
        now = ledger.clock()
        both = ["eng:1", "eng:2"]
        told = [(t.item_id, t.body.lifecycle, t.raw[:1]) for t in ledger.states(both, at=now, known=False, raws=True)]
        assert told == [
            ("eng:1", Lifecycle.NOT_STARTED, b"{"), ("eng:1", Lifecycle.IN_PROGRESS, b"{"), ("eng:2", Lifecycle.IN_PROGRESS, b"{"),
        ]  # fmt: skip
        week_ago = T0 - timedelta(days=7)
        assert [t.item_id for t in ledger.states(both, at=week_ago, known=False) if t.raw == b""] == ["eng:1"]
        assert list(ledger.states(both, at=week_ago, known=True)) == []
        last = [(t.item_id, t.body.lifecycle) for t in ledger.latest(["eng"], at=now, known=False)]
        assert last == [("eng:1", Lifecycle.IN_PROGRESS), ("eng:2", Lifecycle.IN_PROGRESS)]
        assert [(a[0], a[2], a[4]) for a in ledger.acts(both, at=now)] == [("eng:1", "lifecycle", "Ann")]
        edge = {("eng:1", "eng:2")}
        assert ledger.waits() == ledger.waits(of=["eng:1"]) == ledger.waits(on=["eng:2"]) == edge
        assert ledger.waits(of=["eng:2"]) == ledger.waits(on=["eng:1"]) == set()
        assert [(u.key, u.target) for u in ledger.unresolved()] == [("ENG-1", "https://x.example/9")]
        assert ledger.by_keys(["ENG-1", "ENG-9"], ["eng"]) == {"ENG-1": "eng:1"}
        assert ledger.tells_actors("eng")
        assert not ledger.tells_actors("other")
        assert ledger.unmapped_words(at=now) == {"eng": 1}


def test_what_vanished_was_there_before(ledger_url: str) -> None:
    """As is known now it was gone when it was first missed; as was known then, when that was concluded."""
    with filled(ledger_url) as ledger:
        lease = ledger.lease("eng", "test")
        with ledger.writing(lease) as w:
            w.presence([PresenceChange("eng:2", Presence.DELETED, "gone", T0 + timedelta(minutes=30))])

        def there(at: datetime, *, known: bool) -> bool:
            return all(t.present for t in ledger.states(["eng:2"], at=at, known=known))

        before, between = T0 + timedelta(minutes=20), T0 + timedelta(minutes=40)
        assert (there(before, known=False), there(between, known=False)) == (True, False)
        concluded = ledger.clock() + timedelta(
            milliseconds=1
        )  # no two writes are of one instant, and this clock stands still
        assert (there(between, known=True), there(concluded, known=True)) == (True, False)


def test_many_acts_beside_each_other_are_found(ledger_url: str) -> None:
    """Whose acts lie within a minute of more than so many of the same person."""
    with filled(ledger_url) as ledger:
        lease = ledger.lease("eng", "test")
        batch = []
        for n in range(30):
            at = T0 + timedelta(seconds=n)
            made = item(f"b{n}", Lifecycle.IN_PROGRESS)
            act = Event(f"b{n}", at, "lifecycle", None, "Doing", "u2", "Bob", "human")
            batch.append(Recorded((Version(at, made, f'{{"n":{n}}}'.encode()),), (act,)))
        with ledger.writing(lease) as w:
            w.record(batch, run=1, mapping_version="m", known={})
        ids = [r.item.id for r in batch]
        now = ledger.clock()
        assert len(ledger.crowded(ids, at=now, span=60_000, more_than=20)) == 30
        assert ledger.crowded(ids, at=now, span=60_000, more_than=30) == []
        assert ledger.crowded(["eng:1"], at=now, span=60_000, more_than=1) == []
        assert len(ledger.acts_of("u2", to_ms(T0), to_ms(T0 + timedelta(seconds=9)))) == 10


def test_what_each_record_said_as_of_an_instant(ledger_url: str) -> None:
    """The last state of each, on what is known now or was known then."""
    with filled(ledger_url) as ledger:

        def told(at: datetime, *, known: bool) -> list[tuple[str, bytes]]:
            return [(s.id, s.raw[-4:-2]) for s in ledger.stated("eng", "items", at=at, known=known)]

        assert told(ledger.clock(), known=False) == [("eng:1", b'"b'), ("eng:2", b'"c')]
        assert told(T0 - timedelta(days=7), known=False) == [("eng:1", b'"a')]
        assert told(T0 - timedelta(days=7), known=True) == []
        assert ledger.stated("eng", "others", at=ledger.clock(), known=False) == []


def test_words_inbox_and_mapping_versions(ledger_url: str) -> None:
    with filled(ledger_url) as ledger:
        (entry,) = ledger.inbox()
        assert (entry.raw, entry.count, entry.samples[0][1]) == ("Lila", 1, "ENG-1")
        assert [v.author for v in ledger.mapping_versions("eng", "items")] == ["ann"]
        assert ledger.vocabulary("eng")[0].colour == "blue"
        assert ledger.scopes_of("eng") == {"items": {"P"}}
        assert sorted(ref for _, ref, _ in ledger.words("eng")) == ["eng:1", "eng:2"]
        assert [(i.key, raw[:1]) for i, raw in ledger.raws("eng")] == [("ENG-1", b"{"), ("ENG-2", b"{")]
        assert ledger.tallies()[0][:2] == ("eng", "items")


def test_published_weeks_are_never_overwritten(ledger_url: str) -> None:
    with Ledger.open(ledger_url, migrate=True) as ledger:
        assert [ledger.publish("2026-W45", body) for body in ("a", "a", "b", "b")] == [1, 1, 2, 2]
        assert [(week, version, body) for week, version, _, body in ledger.closes()] == [
            ("2026-W45", 1, "a"),
            ("2026-W45", 2, "b"),
        ]


def test_a_signal_is_open_from_when_it_was_noted_until_it_cleared(ledger_url: str) -> None:
    """When it was first visible stays known, also after it cleared and opened again."""
    now = [T0]
    with Ledger.open(ledger_url, migrate=True, clock=lambda: now[0]) as ledger:
        days = [T0 + timedelta(days=n) for n in range(4)]
        for day, opened in zip(days, ({"a", "b"}, {"a"}, {"b"}, {"b"}), strict=True):
            now[0] = day
            ledger.note_signals({key: ("warn", f"{key} is so") for key in opened})
        assert ledger.opened(at=days[0]) == {"a": (days[0], days[0]), "b": (days[0], days[0])}
        assert ledger.opened(at=days[1]) == {"a": (days[0], days[0])}
        assert ledger.opened(at=days[3]) == {"b": (days[2], days[0])}


def test_a_node_is_met_once(ledger_url: str) -> None:
    times = iter((T0, T0 + timedelta(days=1)))
    with Ledger.open(ledger_url, migrate=True, clock=lambda: next(times)) as ledger:
        ledger.meet(["a"])
        ledger.meet(["a", "b"])
        seen = ledger.first_seen()
        assert seen["b"] - seen["a"] == 86_400_000
