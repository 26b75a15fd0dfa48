"""Deciding and replying in the browser: what the two forms record, what they refuse, and that nothing typed is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.planning import board_at
from demo.company import DemoCompany, configuration
from ledger.store import Ledger
from normalizer.people import People
from signals.catalogue import CATALOGUE
from signals.deciding import may_decide
from signals.exceptions import NeedsDecision
from sync.configuration import load
from sync.run import sync_source
from tests.api.test_pages import BROWSER, opened, words
from tests.asking import local
from tests.tracked import Clock

EVIL = '"><script>alert(1)</script>'


class House:
    """The demo company, synced once, whose people decide at this machine."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(configuration(), folder / "config")
        self.clock = Clock()
        self.loaded = load(folder / "config")
        self.ledger = Ledger.open(f"sqlite:///{folder / 'l.db'}", migrate=True, clock=self.clock)
        self.app = create_app(self.ledger, self.loaded)

    def open_one(self, signal: str) -> NeedsDecision:
        rows = board_at(self.ledger, self.loaded).exceptions()
        return next(e for e in rows if e.signal == signal)

    def decider(self, e: NeedsDecision) -> str:
        """Whom the plan names for it."""
        return may_decide(self.loaded.plan, CATALOGUE[e.signal].situation, e.subject, self.loaded.owners)[0]

    @property
    def friday(self) -> str:
        calendar = self.loaded.calendar
        return calendar.add(calendar.day(self.clock()), 3).isoformat()

    def decision(self, e: NeedsDecision, **more: str) -> dict[str, str]:
        given = {
            "about": e.key,
            "person": self.decider(e),
            "kind": "recovery",
            "act_owner": self.decider(e),
        }
        return {
            **given,
            "act_by": self.friday,
            "note": "Two more people until Friday",
            "once": "page-1",
            "csrf_token": "",
            **more,
        }

    def recorded(self) -> list[tuple[str, str]]:
        return [(d.signal or d.subject, d.note) for d in self.ledger.decisions.recorded()]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with DemoCompany() as company, pytest.MonkeyPatch.context() as patch:
        for name, value in company.environment().items():
            patch.setenv(name, value)
        made = House(tmp_path_factory.mktemp("saying"))
        with made.ledger:
            for bound in made.loaded.sources:
                assert sync_source(bound, made.ledger, People(made.loaded.persons())).state == "complete"
            yield made


@pytest.fixture
def browser(house: House) -> Iterator[TestClient]:
    with house.ledger.engine.begin() as connection:
        for table in ("decision", "annotation", "api_key"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    house.clock.ahead += timedelta(minutes=1)
    with local(house.app, headers={**BROWSER, "Origin": "http://127.0.0.1:8000"}) as client:
        yield client


def test_every_signal_leads_to_the_page_where_it_is_decided(house: House, browser: TestClient) -> None:
    links = [link for link in opened(browser, "/exceptions").links if link.startswith("/decide?about=")]
    assert links
    for link in links:
        assert {"form", "select", "textarea"} <= opened(browser, link).elements


def test_a_decision_is_recorded_and_stands_beside_its_signal(house: House, browser: TestClient) -> None:
    e = house.open_one("behind_pace")
    answer = browser.post("/decide", data=house.decision(e), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/workstreams/{e.subject}")
    assert house.recorded() == [(e.key, "Two more people until Friday")]
    assert "Two more people until Friday" in words(opened(browser, f"/workstreams/{e.subject}").text)
    acts = house.ledger.audit.acts()
    assert any("decide" in a.what or "decision" in a.what for a in acts)
    assert "Two more people" not in str(acts)


def test_whose_decision_and_whose_words_they_are_is_said_by_name(house: House, browser: TestClient) -> None:
    """Beside a signal stands who decided: a decision that is nobody's is no decision."""
    e = house.open_one("behind_pace")
    name = house.loaded.owners[house.decider(e)].name
    browser.post("/decide", data=house.decision(e))
    browser.post("/reply", data={"about": e.key, "person": house.decider(e), "text": "We wait for the court"})
    page = words(opened(browser, f"/workstreams/{e.subject}").text)
    assert f"{name} decided 20" in page
    assert f"{name} replies: We wait for the court" in page


def test_what_was_decided_is_not_asked_again(house: House, browser: TestClient) -> None:
    """Nobody is told to decide by a day, and that it is overdue, who has decided; only what did not help is asked anew."""
    e = house.open_one("behind_pace")
    asked = f"{e.decision_owner} decides"
    shown = f"/exceptions?signal={e.signal}&node={e.subject}"
    assert asked in words(opened(browser, shown).text)
    browser.post("/decide", data=house.decision(e))
    page = words(opened(browser, shown).text)
    assert asked not in page
    assert page.count("Two more people until Friday") == 1


def test_a_text_as_long_as_its_field_takes_is_recorded_and_a_blank_one_is_none(
    house: House, browser: TestClient
) -> None:
    """A browser counts an end of a line once and sends two characters: what was typed would be refused, and lost."""
    e = house.open_one("behind_pace")
    longest = "\r\n".join("x" * 39 for _ in range(100))
    assert browser.post("/decide", data=house.decision(e, note=longest), follow_redirects=False).status_code == 303
    assert house.recorded() == [(e.key, longest.replace("\r\n", "\n"))]
    told = {"about": e.key, "person": house.decider(e), "text": " \r\n "}
    assert browser.post("/reply", data=told, follow_redirects=False).status_code == 422


def test_a_form_that_is_sent_twice_records_one_decision_and_another_one_another(
    house: House, browser: TestClient
) -> None:
    e = house.open_one("behind_pace")
    for _ in range(2):
        assert browser.post("/decide", data=house.decision(e), follow_redirects=False).status_code == 303
    assert len(house.recorded()) == 1
    assert browser.post("/decide", data=house.decision(e, note="Another"), follow_redirects=False).status_code == 303
    assert len(house.recorded()) == 2


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"act_by": ""}, 400, "who acts, and until when"),
        ({"act_by": "2020-01-01"}, 400, "has passed"),
        ({"act_owner": "nobody-here"}, 400, "nobody active in people.yaml"),
        ({"about": "behind_pace:nowhere:"}, 404, "no exception"),
        ({"person": "", "note": EVIL}, 400, "person is missing"),
    ],
)
def test_what_is_refused_is_said_and_what_was_typed_stays(
    house: House, browser: TestClient, change: dict[str, str], status: int, says: str
) -> None:
    given = house.decision(house.open_one("behind_pace"), **change)
    answer = browser.post("/decide", data=given)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text[:2000]
    assert house.recorded() == []
    assert "<script" not in answer.text
    if status == 400:
        assert ("Two more people until Friday" in answer.text) or "&lt;script&gt;" in answer.text


def test_whoever_does_not_decide_it_is_told_who_does(house: House, browser: TestClient) -> None:
    e = house.open_one("behind_pace")
    other = next(k for k, p in house.loaded.owners.items() if p.kind == "human" and p.active and k != house.decider(e))
    answer = browser.post("/decide", data=house.decision(e, person=other))
    assert (answer.status_code, "does not decide" in answer.text) == (403, True)
    assert house.recorded() == []


def test_a_reply_and_an_override_stand_beside_and_take_nothing_away(house: House, browser: TestClient) -> None:
    e = house.open_one("behind_pace")
    owner = next(w.owner for w in house.loaded.plan.workstreams if w.key == e.subject) or ""
    before = board_at(house.ledger, house.loaded).nodes("workstream", [e.subject])[e.subject].headline
    told = {
        "about": e.key,
        "person": owner,
        "text": f"Waiting for the court {EVIL}",
        "kind": "reply",
        "health": "",
        "expires_on": "",
    }
    assert browser.post("/reply", data=told, follow_redirects=False).status_code == 303
    told = {
        **told,
        "kind": "override",
        "health": "on_track",
        "expires_on": house.friday,
        "text": "We catch up by Friday",
    }
    assert browser.post("/reply", data=told, follow_redirects=False).status_code == 303
    page = opened(browser, f"/workstreams/{e.subject}")
    assert "Waiting for the court" in page.text
    assert "We catch up by Friday" in page.text
    assert board_at(house.ledger, house.loaded).nodes("workstream", [e.subject])[e.subject].headline is before
    refused = browser.post("/reply", data={**told, "health": ""})
    assert (refused.status_code, "an override needs health" in refused.text) == (400, True)


@pytest.mark.parametrize("path", ["/decide", "/reply"])
def test_a_page_of_another_site_records_nothing(house: House, browser: TestClient, path: str) -> None:
    e = house.open_one("behind_pace")
    given = {**house.decision(e), "text": "x"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.post(path, data=given, headers=headers).status_code == 403
    assert house.recorded() == []


def test_a_programs_key_decides_nothing_here(house: House, browser: TestClient) -> None:
    e = house.open_one("behind_pace")
    _, secret = house.ledger.keys.create("program", scopes=("read", "decide"), by="test")
    headers = {"Authorization": f"Bearer {secret}", **BROWSER}
    with TestClient(house.app, headers=headers) as client:
        assert "/decide?about=" not in client.get("/exceptions").text
        assert client.get("/decide", params={"about": e.key}).status_code == 403
        assert client.post("/decide", data=house.decision(e)).status_code == 403
    assert house.recorded() == []


def test_a_form_with_what_it_does_not_have_is_refused(house: House, browser: TestClient) -> None:
    e = house.open_one("behind_pace")
    more: dict[str, Any] = {"loop": "closed"}
    assert browser.post("/decide", data={**house.decision(e), **more}).status_code == 422
    assert browser.post("/decide", data=house.decision(e, kind="maybe")).status_code == 422
    assert house.recorded() == []
