"""Vanished is not deleted (reliability.md, 0.3 and 2): the decisions, by example and as a model that lives for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import integers, sampled_from

from connectors.contract import Found, Scope
from ledger.model import Presence
from sync.presence import Breaker, Missing, judge, triage

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LIVE = [Scope("p", "ENG")]


def missing(n: int, scope: str = "p") -> list[Missing]:
    return [Missing(f"s:{i}", str(i), scope, Presence.PRESENT) for i in range(n)]


def test_a_scope_that_is_gone_takes_nothing_with_it() -> None:
    made = triage(missing(30, "q"), known={"q": 30}, scopes=LIVE, breaker=Breaker(), now=NOW)
    assert {d.presence for d in made.decided} == {Presence.ACCESS_LOST}
    assert made.ask == []


def test_a_tracker_that_tells_no_scopes_is_asked_for_every_id() -> None:
    made = triage(missing(2, "q"), known={"q": 30}, scopes=None, breaker=Breaker(), now=NOW)
    assert len(made.ask) == 2


def test_the_breaker_trips_on_a_share_or_a_count_but_not_on_a_handful() -> None:
    breaker = Breaker()
    assert breaker.trips(21, 100)
    assert not breaker.trips(20, 100)
    assert breaker.trips(51, 10_000)
    assert not breaker.trips(4, 4)


def test_a_deletion_takes_two_complete_reads_and_the_time_between() -> None:
    gone = Found("1", "not_found")
    first = judge(missing(1)[0], gone, suspect=None, breaker=Breaker(), now=NOW)
    assert first.presence is Presence.UNOBSERVED
    again = Missing("s:0", "0", "p", first.presence, first.missing_since)
    early = judge(again, gone, suspect=None, breaker=Breaker(), now=NOW + timedelta(hours=23))
    late = judge(again, gone, suspect=None, breaker=Breaker(), now=NOW + timedelta(hours=24))
    assert (early.presence, late.presence) == (Presence.UNOBSERVED, Presence.DELETED)


def test_a_suspect_scope_deletes_nothing_however_long() -> None:
    old = Missing("s:0", "0", "p", Presence.UNOBSERVED, NOW - timedelta(days=400))
    assert (
        judge(old, Found("0", "not_found"), suspect="many", breaker=Breaker(), now=NOW).presence is Presence.UNOBSERVED
    )


def test_an_id_that_could_not_be_asked_proves_nothing() -> None:
    old = Missing("s:0", "0", "p", Presence.UNOBSERVED, NOW - timedelta(days=400))
    assert judge(old, None, suspect=None, breaker=Breaker(), now=NOW).presence is Presence.UNOBSERVED


class Life(RuleBasedStateMachine):
    """Records live, are deleted, hidden one by one or with their scope; censuses come as they may, some of them cut short."""

    def __init__(self) -> None:
        super().__init__()
        self.truth: dict[str, Literal["there", "hidden", "deleted"]] = {str(n): "there" for n in range(24)}
        self.visible = True
        self.now = NOW
        self.known: dict[str, Missing] = {r: Missing(f"s:{r}", r, "p", Presence.PRESENT) for r in self.truth}

    @rule(ref=integers(0, 23))
    def delete(self, ref: int) -> None:
        self.truth[str(ref)] = "deleted"

    @rule(ref=integers(0, 23), way=sampled_from(["there", "hidden"]))
    def hide_or_show(self, ref: int, way: Literal["there", "hidden"]) -> None:
        if self.truth[str(ref)] != "deleted":
            self.truth[str(ref)] = way

    @rule()
    def lose_or_regain_the_scope(self) -> None:
        self.visible = not self.visible

    @rule(hours=integers(1, 40))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def census(self) -> None:
        scopes = LIVE if self.visible else [Scope("other", "OTHER")]
        seen = {r for r, state in self.truth.items() if state == "there"} if self.visible else set()
        gone = [m for r, m in self.known.items() if r not in seen and m.presence is not Presence.DELETED]
        known = sum(m.presence is Presence.PRESENT for m in self.known.values())
        made = triage(gone, known={"p": known}, scopes=scopes, breaker=Breaker(), now=self.now)
        decisions = list(made.decided)
        for record in made.ask:
            decisions.append(
                judge(
                    record,
                    Found(record.ref, "not_found"),
                    suspect=made.suspect.get("p"),
                    breaker=Breaker(),
                    now=self.now,
                )
            )
        for d in decisions:
            ref = d.item.removeprefix("s:")
            self.known[ref] = Missing(d.item, ref, "p", d.presence, d.missing_since)
        for ref in seen:
            self.known[ref] = Missing(f"s:{ref}", ref, "p", Presence.PRESENT)

    @invariant()
    def nothing_that_is_shown_is_ever_deleted_in_one_look(self) -> None:
        for ref, record in self.known.items():
            if record.presence is Presence.DELETED:
                assert self.truth[ref] != "there" or record.missing_since is not None
                assert record.missing_since is not None
                assert self.now - record.missing_since >= Breaker().confirm

    @invariant()
    def a_lost_scope_deletes_nothing(self) -> None:
        if not self.visible:
            newly = [m for m in self.known.values() if m.presence is Presence.ACCESS_LOST]
            assert all(m.missing_since is not None for m in newly)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
