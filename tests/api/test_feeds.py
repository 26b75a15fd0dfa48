"""The plan as a calendar: what is due and promised, with ids that stay, in the form that calendars read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from icalendar import Calendar, Event

from api.app import create_app
from signals.plan import Dependency, Milestone
from tests.asking import local
from tests.companies import Scripted
from tests.conftest import new_database

LONG = 'Übergabe, mit; allem \\ "und" Zeilen\num ' + "ß" * 60 + " 日本語の題 😀" * 9
DUE = date(2026, 12, 4)


def planned(company: Scripted, **changes: Any) -> Scripted:
    """The company with workstream w0 as told."""
    plan = company.configuration.plan
    first, *rest = plan.workstreams
    streams = (msgspec.structs.replace(first, **changes), *rest)
    company.configuration = replace(company.configuration, plan=msgspec.structs.replace(plan, workstreams=streams))
    return company


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    url = new_database(request.getfixturevalue("postgres")) if request.param == "postgresql" else None
    made = Scripted(tmp_path_factory.mktemp("feed"), workstreams=8, items=160, url=url)
    made.fill()
    points = (
        Milestone("Hand over", due_on=DUE),
        Milestone("Hand over", due_on=DUE + timedelta(days=1), baseline_due_on=DUE),
        Milestone(LONG, due_on=DUE, done_on=date(2026, 11, 2)),
        Milestone("Bound", item="alpha:8"),
        Milestone("Gone", item="alpha:999", due_on=DUE),
        Milestone("Never dated"),
    )
    yield planned(made, milestones=points, from_due_dates=False)
    made.close()


@pytest.fixture
def client(company: Scripted) -> Iterator[TestClient]:
    with local(create_app(company.ledger, company.configuration)) as client:
        yield client


def events(client: TestClient, query: str = "") -> list[Event]:
    answer = client.get(f"/feeds/plan.ics{query}")
    assert answer.status_code == 200, answer.text
    return list(Calendar.from_ical(answer.content).walk("VEVENT"))


def of(client: TestClient, title: str) -> list[Event]:
    return [e for e in events(client) if title in str(e["summary"])]


def test_every_dated_milestone_and_commitment_is_an_event_of_its_day(client: TestClient, company: Scripted) -> None:
    plan = company.configuration.plan
    promised = [d for d in plan.dependencies if d.committed_by]
    assert len([e for e in events(client) if str(e["uid"]).startswith("committed-")]) == len(promised)
    assert [e.start for e in of(client, "Hand over")] == [DUE, DUE + timedelta(days=1)]
    assert [e.end - e.start for e in of(client, "Hand over")] == [timedelta(days=1)] * 2
    assert of(client, "Never dated") == []
    assert len(of(client, "Workstream 2")) > 1, "every item with a due date is one where the plan says so"


def test_an_items_milestone_tells_its_date_state_and_address(client: TestClient, company: Scripted) -> None:
    (event,) = of(client, "Bound")
    kept = company.ledger.item("alpha:8")
    assert kept is not None
    assert (event.start, str(event["url"])) == (kept.item.due_on, kept.item.url)
    assert kept.item.lifecycle.replace("_", " ") in str(event["description"])
    assert event["status"] == ("CANCELLED" if kept.item.lifecycle == "cancelled" else "CONFIRMED")
    (broken,) = of(client, "Gone")
    assert "not there" in str(broken["description"])


def test_done_is_a_hundred_percent_and_a_moved_date_is_told(client: TestClient) -> None:
    (done,) = of(client, "Übergabe")
    assert str(done["summary"]).startswith("✓")
    assert str(done["x-sightline-percent-complete"]) == "100"
    assert f"First due on {DUE}" in str(of(client, "Hand over")[1]["description"])


def test_text_comes_back_as_it_was_however_long_and_odd(client: TestClient) -> None:
    (event,) = of(client, "Übergabe")
    assert LONG in str(event["summary"])


def test_the_form_is_rfc_5545s(client: TestClient) -> None:
    """Lines end in CRLF and have at most 75 bytes; every event has what must be there; ids are told once."""
    answer = client.get("/feeds/plan.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    lines = answer.content.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= 75 and b"\n" not in line and b"\r" not in line for line in lines)
    for line in lines:
        line.decode()  # a fold never cuts a letter in two
    found = events(client)
    for event in found:
        assert {"UID", "DTSTAMP", "DTSTART", "SUMMARY", "STATUS"} <= set(event)
        assert re.fullmatch(rb"\d{8}T\d{6}Z", event["dtstamp"].to_ical())
        assert event["dtstart"].params["VALUE"] == "DATE"
    assert len({str(e["uid"]) for e in found}) == len(found)


def test_an_id_stays_when_a_date_moves(client: TestClient, company: Scripted) -> None:
    """A calendar moves the event that it has, instead of showing two."""
    before = [str(e["uid"]) for e in of(client, "Hand over")]
    w = company.configuration.plan.workstreams[0]
    later = tuple(
        msgspec.structs.replace(m, due_on=m.due_on + timedelta(days=9)) if m.due_on else m for m in w.milestones
    )
    plan = company.configuration.plan
    moved = replace(
        company.configuration,
        plan=msgspec.structs.replace(
            plan, workstreams=(msgspec.structs.replace(w, milestones=later), *plan.workstreams[1:])
        ),
    )
    with local(create_app(company.ledger, moved)) as other:
        assert [str(e["uid"]) for e in of(other, "Hand over")] == before
        assert of(other, "Hand over")[0].start == DUE + timedelta(days=9)


@pytest.mark.parametrize(
    ("state", "status", "mark"),
    [
        ("proposed", "TENTATIVE", ""),
        ("committed", "CONFIRMED", ""),
        ("accepted", "CONFIRMED", "✓"),
        ("withdrawn", "CANCELLED", ""),
    ],
)
def test_a_commitments_state_is_the_events(company: Scripted, state: Any, status: str, mark: str) -> None:
    need = Dependency("x", "w0", "w1", "The thing", DUE, DUE + timedelta(days=3), state=state, provider_item="beta:1")
    told = msgspec.structs.replace(company.configuration.plan, dependencies=(need,))
    with local(create_app(company.ledger, replace(company.configuration, plan=told))) as client:
        found = of(client, "The thing")
        assert [(e.start, e["status"]) for e in found] == [(DUE, status), (DUE + timedelta(days=3), status)]
        assert all(str(e["summary"]).startswith(mark) and str(e["url"]).endswith("/1") for e in found)
        assert "later than it is needed" in str(found[0]["description"])


def test_workstreams_and_departments_narrow_it(client: TestClient) -> None:
    one = {str(e["uid"]) for e in events(client, "?workstream=w0")}
    two = {str(e["uid"]) for e in events(client, "?workstream=w0&workstream=w1")}
    mine = {str(e["uid"]) for e in events(client, "?department=d0")}
    every = {str(e["uid"]) for e in events(client)}
    assert one < two < every
    assert one <= mine < every


@pytest.mark.parametrize(
    ("query", "near"), [("workstream=w99", "w"), ("department=d00", "d0"), ("workstreem=w0", "workstream")]
)
def test_what_is_not_known_is_refused_with_the_near_name(client: TestClient, query: str, near: str) -> None:
    answer = client.get(f"/feeds/plan.ics?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert near in answer.json()["detail"]


def test_head_and_what_has_not_changed(client: TestClient, company: Scripted) -> None:
    client.headers["X-Request-ID"] = "the-same"
    got, told = client.get("/feeds/plan.ics"), client.head("/feeds/plan.ics")
    assert (dict(got.headers), told.content) == (dict(told.headers), b"")
    tag = {"If-None-Match": got.headers["etag"]}
    assert client.get("/feeds/plan.ics", headers=tag).status_code == 304
    company.now += timedelta(minutes=5)
    assert client.get("/feeds/plan.ics", headers=tag).status_code == 304, "time alone changes nothing"
    company.change(60)
    assert client.get("/feeds/plan.ics", headers=tag).status_code == 200


def test_a_company_without_a_plan_has_an_empty_calendar(tmp_path: Path) -> None:
    made = Scripted(tmp_path, workstreams=1, items=0)
    plan = msgspec.structs.replace(
        made.configuration.plan, workstreams=(), dependencies=(), key_results=(), objectives=()
    )
    with local(create_app(made.ledger, replace(made.configuration, plan=plan))) as client:
        assert events(client) == []
    made.close()
