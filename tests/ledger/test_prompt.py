"""What is answered at once: the same as in a thread, or nothing at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import ledger.prompt
from ledger.lists import EVENTS, ITEMS, LINKS, VERSIONS, Condition, Wanted
from ledger.pages import Sort
from ledger.prompt import TooLong
from ledger.read import Reads
from ledger.store import Ledger
from ledger.veil import Veil
from ledger.written import FEW, _written
from tests.companies import SOURCES, Scripted


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Scripted]:
    company = Scripted(tmp_path, workstreams=6, items=600)
    company.fill()
    yield company
    company.close()


def at_once(reads: Reads) -> Reads:
    prompt = reads.prompt
    assert prompt is not None
    return prompt


VEILS = {
    "everything": Veil(),
    "one source": Veil(frozenset({(SOURCES[0], "work")}), {(SOURCES[1], "work"): "ask them"}),
}


@pytest.mark.parametrize("veil", VEILS)
@pytest.mark.parametrize("of", [ITEMS, VERSIONS, EVENTS], ids=["items", "versions", "events"])
def test_it_is_what_is_answered_otherwise(
    company: Scripted, monkeypatch: pytest.MonkeyPatch, of: object, veil: str
) -> None:
    monkeypatch.setattr(ledger.prompt, "MOMENT", 60.0)
    reads = company.ledger.seen_by(VEILS[veil])
    for wanted in (
        Wanted(limit=7),
        Wanted(order=[Sort("source", descending=True)], limit=50),
        Wanted([Condition("source", "one of", [SOURCES[0]])]),
        Wanted([Condition("source", "one of", [])]),
    ):
        assert at_once(reads).listed(of, wanted) == reads.listed(of, wanted)  # type: ignore[arg-type]
    for id in ("alpha:4", "beta:5", "alpha-4", "nobody"):
        assert at_once(reads).one(id) == reads.one(id)
    assert at_once(reads).horizon() == reads.horizon()
    hidden = veil == "one source"
    assert (reads.one("beta:5") is None) is hidden


def test_what_takes_longer_than_a_moment_is_broken_off(company: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.prompt, "MOMENT", -1.0)
    with pytest.raises(TooLong):
        at_once(company.ledger.seen_by(Veil())).listed(ITEMS)
    monkeypatch.setattr(ledger.prompt, "MOMENT", 60.0)
    assert len(at_once(company.ledger.seen_by(Veil())).listed(ITEMS)) == 600, "and nothing of it is left behind"


def test_what_goes_wrong_is_told_where_it_is_asked_again(company: Scripted) -> None:
    """There are sentences for it there."""
    with sqlite3.connect(company.folder / "l.db") as other:
        other.execute("ALTER TABLE item_link RENAME TO gone")
    with pytest.raises(TooLong):
        at_once(company.ledger.seen_by(Veil())).listed(LINKS)


def test_what_is_not_written_before_is_not_asked_at_once(company: Scripted) -> None:
    with pytest.raises(TooLong):
        at_once(company.ledger.seen_by(Veil())).history("alpha:4")


def test_what_asks_for_many_values_is_not_asked_at_once(company: Scripted) -> None:
    """SQL for thousands of values takes tens of milliseconds to write, and is kept for nobody."""
    many = Wanted([Condition("key", "one of", [f"k-{n}" for n in range(FEW + 1)])])
    with pytest.raises(TooLong):
        at_once(company.ledger.seen_by(Veil())).listed(ITEMS, many)
    before = _written.cache_info().currsize
    assert company.ledger.seen_by(Veil()).listed(ITEMS, many) == []
    assert _written.cache_info().currsize == before


def test_nobody_waits_for_a_connection(company: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made when the service starts, whoever holds the others."""
    monkeypatch.setattr(ledger.prompt, "MOMENT", 60.0)
    ready = company.ledger.at_once
    assert ready is not None
    ready.begin()
    monkeypatch.setattr(company.ledger.engine, "raw_connection", lambda: pytest.fail("it asks for a connection"))
    assert at_once(company.ledger.seen_by(Veil())).one("alpha:4") is not None


def test_another_machines_database_is_asked_in_threads(ledger_url: str) -> None:
    with Ledger.open(ledger_url, migrate=True) as opened:
        near = opened.seen_by(Veil()).prompt is not None
        assert near is ledger_url.startswith("sqlite")


def test_what_is_written_quietly_is_there_and_tells_nobody(ledger_url: str) -> None:
    with Ledger.open(ledger_url, migrate=True) as opened, Ledger.open(ledger_url) as other:
        before, theirs = opened.state(), other.state()
        opened.audit.read("ann", "hr/salaries")
        opened.audit.read("ann", "hr/grades")
        assert [a.subject for a in other.audit.acts()] == ["hr/grades", "hr/salaries"]
        if ledger_url.startswith("sqlite"):
            assert opened.state() == before
            assert other.state() != theirs, "another process cannot know what it was"
        opened.audit.note("ann", "keys create", "bi")
        assert opened.state() != before


def test_what_cannot_be_written_at_once_is_written_all_the_same(company: Scripted) -> None:
    """While somebody writes, nobody who only asks for the word waits for it."""
    watch = company.ledger.watch
    with sqlite3.connect(company.folder / "l.db", isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert watch.quietly("INSERT INTO audit (at, who, what, subject) VALUES (1, 'a', 'read', 'b')", ()) is False
        assert company.ledger.state()
        writer.execute("COMMIT")
    company.ledger.audit.read("a", "b")
    assert len(company.ledger.audit.acts()) == 1
