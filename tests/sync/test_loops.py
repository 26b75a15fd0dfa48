"""Decisions in the ledger, on both databases: what is kept follows them, and each loop is closed or reopened by what was read."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.planning import board_at
from ledger.decisions import NotRecorded
from ledger.model import Annotation, Decision, Outcome
from signals.deciding import Followed
from signals.exceptions import NeedsDecision
from signals.plan import Milestone
from sync.closing import note_open
from sync.deciding import spoken_at
from sync.recording import NoRight, NotRecordable, Remark, Ruling, annotate, decide
from tests.companies import Scripted
from tests.sync.test_standing import same

DUE = date(2026, 11, 24)
"""A Tuesday, four working days after the company's now."""


@pytest.fixture
def company(ledger_url: str, tmp_path: Path) -> Iterator[Scripted]:
    made = Scripted(tmp_path, workstreams=21, items=300, url=ledger_url)
    made.fill()
    yield made
    made.close()


def late(company: Scripted) -> NeedsDecision:
    """An exception of a workstream whose milestones are dated by hand, so that a test can end it."""
    rows = board_at(company.ledger, company.configuration).exceptions()
    by_hand = {w.key for w in company.configuration.plan.workstreams if w.milestones}
    return next(e for e in rows if e.signal == "behind_pace" and e.subject in by_hand)


def owner(company: Scripted, key: str) -> str:
    node = company.configuration.plan.node(key)
    assert node is not None
    assert node.owner is not None
    return node.owner


def ruled(company: Scripted, e: NeedsDecision, **more: Any) -> Decision:
    who = owner(company, e.subject)
    told: dict[str, Any] = {"kind": "recovery", "signal": e.key, "decided_by": who, "act_owner": "p1", "act_by": DUE}
    return decide(company.ledger, company.configuration, Ruling(**{**told, **more}), by="test")


def only(company: Scripted) -> Followed:
    (found,) = spoken_at(company.ledger, company.configuration, company.now).decisions
    return found


def pass_to(company: Scripted, day: int, *, read: bool = True) -> None:
    """Lets time pass to the noon of a day in November."""
    company.now = datetime(2026, 11, day, 12, tzinfo=UTC)
    if read:
        company._good()
    note_open(company.ledger, company.configuration)


def finish(company: Scripted, key: str) -> None:
    """The plan says from now on that a workstream's milestones are done."""
    plan = company.configuration.plan
    done = tuple(Milestone(f"M{k}", due_on=date(2026, 10, 20), done_on=date(2026, 10, 20)) for k in range(4))
    streams = tuple(msgspec.structs.replace(w, milestones=done) if w.key == key else w for w in plan.workstreams)
    company.configuration = replace(company.configuration, plan=msgspec.structs.replace(plan, workstreams=streams))


# -- what is kept follows --------------------------------------------------------------------------------------------------


def test_what_is_kept_follows_every_decision(company: Scripted) -> None:
    """Judged again is what the decision concerns, and it stands as judging everything anew says."""
    plan = company.configuration.plan
    company.ledger.meet(["w0"])
    company.now += timedelta(minutes=1)
    company.ledger.meet(["w3", "kr1", "o0"])
    same(company)
    stood = company.ledger.stood()
    for kind, subject in (
        ("not_now", "w3"), ("reject", "kr2"), ("not_now", plan.objectives[0].key), ("intake", "w3"), ("intake", "kr1"),
        ("recovery", "w4"),
    ):  # fmt: skip
        on = company.configuration.calendar.day(company.now) - timedelta(days=12)
        company.ledger.decisions.record(Decision(kind, subject, "p0", on, "p1", DUE), by="test")  # type: ignore[arg-type]  # a literal
        same(company)
    assert company.ledger.stood().stamp == stood.stamp
    assert company.ledger.stood().revision > stood.revision


def test_a_decision_turns_work_into_a_zombie_and_an_addition_into_a_plan(company: Scripted) -> None:
    for node, days in (("w0", 5), ("w3", 1)):  # what is met first of all is the plan; what comes later came in
        company.now -= timedelta(days=days)
        company.ledger.meet([node])
        company.now += timedelta(days=days)

    def opened(signal: str) -> set[str]:
        return {e.subject for e in board_at(company.ledger, company.configuration).exceptions() if e.signal == signal}

    assert "w3" in opened("mid_cycle_addition")
    assert opened("zombie_work") == set()
    decided = {"subject": "w3", "decided_by": "p0", "decided_on": date(2026, 11, 2)}
    rejected = decide(company.ledger, company.configuration, Ruling(kind="reject", **decided), by="test")  # type: ignore[arg-type]  # by name
    for _ in range(3):
        with company.ledger.writing(company.leases["beta"]) as w:
            w.record([company._recorded(3, first=False)], run=1, mapping_version="m")
        company.now += timedelta(days=1)
    assert opened("zombie_work") == {"w3"}
    assert "w3" in opened("mid_cycle_addition")
    decide(
        company.ledger, company.configuration,
        Ruling(kind="intake", decided_by="p0", supersedes=rejected.id), by="test",
    )  # fmt: skip
    assert opened("zombie_work") == set()
    assert "w3" not in opened("mid_cycle_addition")
    same(company)


def test_a_block_is_silent_while_somebody_acts_and_reopened_when_that_day_has_come(company: Scripted) -> None:
    """The decision itself silences the signal: that must not pass for its having helped."""

    def blocked() -> set[str]:
        return {
            e.subject
            for e in board_at(company.ledger, company.configuration).exceptions()
            if e.signal == "escalation_avoided"
        }

    (key, *others) = sorted(blocked())
    assert others
    given = Ruling(
        kind="tradeoff", signal=f"escalation_avoided:{key}:", decided_by="p0", act_owner="p1", act_by=DUE
    )  # fmt: skip
    decide(company.ledger, company.configuration, given, by="test")
    assert blocked() == set(others)
    same(company)
    pass_to(company, 24)
    assert (key in blocked(), only(company).loop) == (False, "open")
    pass_to(company, 25)
    assert (key in blocked(), only(company).loop) == (True, "reopened")


def test_a_decision_is_known_from_when_it_was_recorded(company: Scripted) -> None:
    """Asked again tomorrow for the same instant as it was known then, the answer is the same."""
    before = company.now
    company.now += timedelta(days=2)
    company.ledger.decisions.record(Decision("not_now", "w3", "p0", date(2026, 11, 16)), by="test")

    def decided(at: datetime, basis: Any) -> int:
        return len(board_at(company.ledger, company.configuration, at, basis).plan.decisions)

    assert (decided(before, "known"), decided(before, "happened")) == (0, 1)
    assert (decided(company.now, "known"), decided(before - timedelta(days=3), "happened")) == (1, 0)


# -- the loop --------------------------------------------------------------------------------------------------------------


def test_a_decision_that_helped_is_closed_when_it_is_due(company: Scripted) -> None:
    e = late(company)
    made = ruled(company, e)
    finish(company, e.subject)
    pass_to(company, 24)
    assert only(company).loop == "open"
    pass_to(company, 25)
    found = only(company)
    assert (found.loop, found.outcomes[0].state) == ("closed", "closed")
    assert found.outcomes[0].evidence == f"{e.key} is not open any more"
    assert [(a.who, a.what, a.subject) for a in company.ledger.audit.acts()][:2] == [
        ("sightline", "decision closed", made.id), ("test", "decide", f"{made.id} recovery {e.key} by {made.decided_by}"),
    ]  # fmt: skip


def test_a_decision_that_did_not_help_is_an_exception_again_until_it_clears(company: Scripted) -> None:
    e = late(company)
    ruled(company, e, note="more people")
    shown = next(x for x in board_at(company.ledger, company.configuration).exceptions() if x.key == e.key)
    assert shown.decision is not None
    assert (shown.decision.loop, shown.because) == ("open", e.because)
    pass_to(company, 25)
    (again,) = [x for x in board_at(company.ledger, company.configuration).exceptions() if x.key == e.key]
    assert again.because.endswith("(decided 2026-11-18 to recover it, p1 acts, due 2026-11-24, not cleared)")
    pass_to(company, 26)
    assert [o.state for o in only(company).outcomes] == ["reopened"]
    finish(company, e.subject)
    pass_to(company, 27)
    assert [o.state for o in only(company).outcomes] == ["reopened", "closed"]
    same(company)


def test_a_tracker_that_was_not_read_since_closes_nothing(company: Scripted) -> None:
    """What was read before the day says nothing of after it."""
    e = late(company)
    ruled(company, e)
    finish(company, e.subject)
    pass_to(company, 25, read=False)
    assert only(company).loop == "due"
    pass_to(company, 25)
    assert only(company).loop == "closed"


def test_a_decision_of_the_plans_file_is_followed_too(company: Scripted) -> None:
    e = late(company)
    filed = Decision("recovery", e.subject, "p0", date(2026, 11, 2), "p1", DUE, id="f-1", origin="plan.yaml:7")
    plan = msgspec.structs.replace(company.configuration.plan, decisions=(filed,))
    company.configuration = replace(company.configuration, plan=plan)
    with pytest.raises(NotRecordable, match="f-1 stands at plan.yaml:7: change it there"):
        ruled(company, e, supersedes="f-1")
    pass_to(company, 25)
    assert (only(company).loop, only(company).origin) == ("reopened", "plan.yaml:7")


def test_a_loop_is_told_as_of_then(company: Scripted) -> None:
    e = late(company)
    ruled(company, e)
    decided = company.now
    pass_to(company, 25)
    told = [
        spoken_at(company.ledger, company.configuration, at, "known").decisions
        for at in (decided - timedelta(hours=1), decided, company.now)
    ]
    assert [[d.loop for d in of] for of in told] == [[], ["open"], ["reopened"]]


def test_what_two_processes_find_is_noted_once(company: Scripted) -> None:
    made = company.ledger.decisions.record(Decision("recovery", "w3", "p0", date(2026, 11, 2), "p1", DUE), by="test")
    found = Outcome(company.now, "closed", "it")
    assert company.ledger.decisions.found(made.id, found)
    later = Outcome(company.now + timedelta(seconds=1), "closed", "it")
    assert not company.ledger.decisions.found(made.id, later)
    assert company.ledger.decisions.outcomes(until=later.at) == {made.id: [found]}


# -- recording -------------------------------------------------------------------------------------------------------------


def test_a_decision_is_never_overwritten(company: Scripted) -> None:
    e = late(company)
    first = ruled(company, e)
    second = ruled(company, e, supersedes=first.id, act_by=date(2026, 11, 25))
    told = spoken_at(company.ledger, company.configuration, company.now).decisions
    assert [(d.id, d.superseded_by, d.loop) for d in told] == [(first.id, second.id, None), (second.id, None, "open")]
    with pytest.raises(NotRecorded, match="superseded already"):
        ruled(company, e, supersedes=first.id)
    with pytest.raises(NotRecorded, match=f"{second.id} supersedes {first.id} already"):
        company.ledger.decisions.record(msgspec.structs.replace(second, id="", recorded_at=None), by="test")


def test_of_those_who_correct_the_same_decision_at_once_one_does(company: Scripted) -> None:
    """Whatever two readers saw before: the ledger asks again when it writes."""
    first = company.ledger.decisions.record(Decision("recovery", "w1", "p0", date(2026, 11, 2)), by="test")
    correction = Decision("tradeoff", "w1", "p0", date(2026, 11, 2), supersedes=first.id)

    def correct(n: int) -> str:
        try:
            return company.ledger.decisions.record(correction, by="test", once=f"r{n % 4}").id
        except NotRecorded:
            return ""

    with ThreadPoolExecutor(8) as pool:
        made = [key for key in pool.map(correct, range(8)) if key]
    assert [d.id for d in company.ledger.decisions.recorded()] == [first.id, *made]
    assert len(made) == 1


def test_the_same_request_is_recorded_once(company: Scripted) -> None:
    e = late(company)
    given = Ruling(
        kind="recovery", signal=e.key, decided_by=owner(company, e.subject), act_owner="p1", act_by=DUE
    )  # fmt: skip
    first = decide(company.ledger, company.configuration, given, by="test", once="n")
    company.now += timedelta(hours=1)
    assert decide(company.ledger, company.configuration, given, by="test", once="n") == first
    other = msgspec.structs.replace(given, note="else")
    with pytest.raises(NotRecorded, match="says something else"):
        decide(company.ledger, company.configuration, other, by="test", once="n")
    assert only(company).id == first.id


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"decided_by": "p77"}, "nobody active in people.yaml has the key 'p77'"),
        ({"signal": "behind_pace:w99:"}, "no exception 'behind_pace:w99:' is open"),
        ({"signal": "", "subject": "w99"}, "the plan has no node 'w99'"),
        ({"subject": "w1"}, "say what it is about"),
        ({"signal": ""}, "say what it is about"),
        ({"signal": "", "subject": "pillar0"}, "'pillar0' is none"),
        ({"act_owner": None}, "needs act_owner and act_by"),
        ({"act_owner": None, "act_by": None}, "needs act_owner and act_by"),
        ({"act_owner": "p99"}, "act_owner: nobody"),
        ({"act_by": date(2026, 11, 17)}, "act_by: 2026-11-17 has passed"),
        ({"act_by": date(2026, 11, 21)}, "2026-11-21 is no working day: the next one is 2026-11-23"),
        ({"act_by": date(2026, 12, 25)}, "2026-12-25 is no working day: the next one is 2026-12-28"),
        ({"act_by": date(2028, 1, 3)}, "more than a year ahead"),
        ({"decided_on": date(2026, 11, 19)}, "lies ahead"),
        ({"decided_on": date(2024, 11, 19)}, "more than a year back"),
        ({"supersedes": "d-1"}, "there is no decision 'd-1'"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_a_sentence(
    company: Scripted, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(NotRecordable, match=says):
        ruled(company, late(company), **change)
    assert company.ledger.decisions.recorded() == []


@pytest.mark.parametrize(("note", "says"), [("a\0b", "NUL"), ("\ud800", "half a character"), ("x" * 4001, "4001")])
def test_text_that_no_database_keeps_is_refused(company: Scripted, note: str, says: str) -> None:
    with pytest.raises(NotRecorded, match=says):
        ruled(company, late(company), note=note)
    with pytest.raises(NotRecorded, match=says):
        company.ledger.decisions.annotate(Annotation("reply", "w1", note, "p1"), by="test")


def test_whoever_does_not_decide_is_told_who_does(company: Scripted) -> None:
    e = late(company)
    who = owner(company, e.subject)
    other = next(p for p in ("p2", "p3") if p != who)
    with pytest.raises(
        NoRight, match=rf"does not decide 'missed_key_result' of '{e.subject}': Person \d+ \({who}\) does"
    ):
        ruled(company, e, decided_by=other)


def test_whoever_recovers_it_does_not_take_it_in(company: Scripted) -> None:
    """A right in one situation must not decide another: an intake would clear what somebody else is asked about."""
    e = late(company)
    with pytest.raises(NoRight, match="does not decide 'mid_cycle_initiative'"):
        ruled(company, e, kind="intake")
    assert ruled(company, e, kind="intake", decided_by="p0").kind == "intake"


def test_a_reply_is_its_departments_and_takes_nothing_away(company: Scripted) -> None:
    e = late(company)
    who = owner(company, e.subject)
    w = company.configuration.plan.workstream_by_key[e.subject]
    mate, stranger = [p for p in ("p2", "p3", "p4") if p != who][:2]
    people = tuple(
        p.model_copy(update={"department": w.department}) if p.key == mate else p for p in company.configuration.people
    )
    company.configuration = replace(company.configuration, people=people)
    for person in (who, mate):
        said = Remark(signal=e.key, text="The notary is away", said_by=person)
        annotate(company.ledger, company.configuration, said, by="test")
    with pytest.raises(NoRight, match=rf"the people of D \d or Person \d+ \({who}\) may"):
        annotate(
            company.ledger, company.configuration, Remark(subject=e.subject, text="No", said_by=stranger), by="test"
        )
    (shown,) = [x for x in board_at(company.ledger, company.configuration).exceptions() if x.key == e.key]
    assert [a.said_by for a in shown.annotations] == [who, mate]
    assert msgspec.structs.replace(shown, annotations=()) == e
    same(company)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "override"}, "an override needs health"),
        ({"kind": "override", "health": "on_track"}, "an override needs health"),
        ({"kind": "override", "health": "unknown", "expires_on": DUE}, "an override needs health"),
        ({"health": "on_track"}, "a reply says no health"),
        ({"expires_on": date(2026, 11, 17)}, "has passed"),
        ({"text": " \n"}, "text says nothing"),
    ],
)
def test_an_override_says_a_health_and_ends(company: Scripted, change: dict[str, Any], says: str) -> None:
    given = msgspec.convert({"subject": "w1", "text": "So", "said_by": owner(company, "w1"), **change}, Remark)
    with pytest.raises(NotRecordable, match=says):
        annotate(company.ledger, company.configuration, given, by="test")


def test_an_override_stands_beside_the_headline_until_it_expires(company: Scripted) -> None:
    before = board_at(company.ledger, company.configuration).nodes("workstream")
    given = {
        "kind": "override",
        "subject": "w1",
        "text": "Signed",
        "said_by": owner(company, "w1"),
        "health": "on_track",
    }
    annotate(
        company.ledger, company.configuration, msgspec.convert({**given, "expires_on": "2026-11-18"}, Remark), by="test"
    )
    board = board_at(company.ledger, company.configuration)
    assert board.nodes("workstream") == before
    assert [board.spoken().counts(a) for a in board.spoken().annotations] == [True]
    company.now += timedelta(days=1)
    later = board_at(company.ledger, company.configuration).spoken()
    assert [later.counts(a) for a in later.annotations] == [False]
