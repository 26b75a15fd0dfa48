"""Sessions of people who signed in, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.sessions import Identity, SessionRefused
from ledger.store import Ledger
from tests.tracked import Clock

ANN = Identity("https://login.example", "Ann@Acme.example", "Rechtsabteilung", ("führung", "a, b"))
BOB = Identity("https://login.example", "bob@acme.example")


def test_who_somebody_is_is_kept_word_for_word(ledger_url: str) -> None:
    """What the provider does not tell is not the same as that it tells nothing."""
    with Ledger.open(ledger_url, migrate=True) as ledger:
        secrets = [ledger.sessions.begin(who)[1] for who in (ANN, BOB, Identity("i", "c@acme.example", "", ()))]
        found = [ledger.sessions.find(secret) for secret in secrets]
        assert [s.identity for s in found if s] == [ANN, BOB, Identity("i", "c@acme.example", "", ())]
        assert ledger.sessions.find("another") is None
        assert ledger.sessions.find("") is None


def test_a_session_ends_once_and_leaves_its_line(ledger_url: str) -> None:
    with Ledger.open(ledger_url, migrate=True) as ledger:
        first, secret = ledger.sessions.begin(ANN)
        second, _ = ledger.sessions.begin(ANN, instead_of=secret)
        assert [s.id for s in ledger.sessions.all()] == [second.id]
        with pytest.raises(SessionRefused, match="has ended already"):
            ledger.sessions.end(first.id, by="ann", what="sign out")
        with pytest.raises(SessionRefused, match="no session has the id"):
            ledger.sessions.end("session-0", by="ann", what="sign out")
        ledger.sessions.end(second.id, by="ann", what="sign out")
        assert ledger.sessions.all() == []
        assert [(a.who, a.what) for a in ledger.audit.acts()] == [
            ("ann", "sign out"),
            (second.who, "sign in"),
            (first.who, "sign in"),
        ]


def test_use_is_noted_once_a_minute_and_decides_when_it_is_idle(ledger_url: str) -> None:
    """Reading must not become writing."""
    clock = Clock()
    with Ledger.open(ledger_url, migrate=True, clock=clock) as ledger:
        session, secret = ledger.sessions.begin(BOB)
        ledger.sessions.used(session)
        assert ledger.sessions.find(secret) == session
        clock.ahead = timedelta(seconds=61)
        ledger.sessions.used(session)
        seen = ledger.sessions.find(secret)
        assert seen is not None
        assert seen.seen_at - session.seen_at >= timedelta(seconds=61)
        idle = session.seen_at + timedelta(minutes=10)
        assert not session.open(idle, ends_after=3600, idle_after=600)
        assert seen.open(idle, ends_after=3600, idle_after=600)
        assert not seen.open(idle, ends_after=599, idle_after=600)
