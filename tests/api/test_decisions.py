"""Deciding and replying over HTTP and at the terminal: who may, as whom, what is answered, and what is read by whom."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app as command
from api.planning import board_at
from demo.company import DemoCompany, configuration
from ledger.model import Annotation, Decision
from ledger.store import Ledger
from ledger.veil import Veil
from normalizer.people import People
from sync.closing import note_open
from sync.configuration import load
from sync.run import sync_source
from tests.asking import local
from tests.companies import Scripted

CLI = CliRunner()
DUE = "2026-11-24"


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Scripted]:
    made = Scripted(tmp_path, workstreams=6, items=30)
    made.fill()
    yield made
    made.close()


def late(company: Scripted) -> tuple[str, str, str]:
    """(key, subject, decision owner) of an exception that its owner decides."""
    rows = board_at(company.ledger, company.configuration).exceptions()
    e = next(e for e in rows if e.signal == "behind_pace")
    node = company.configuration.plan.node(e.subject)
    assert node is not None
    return e.key, e.subject, str(node.owner)


def client(company: Scripted, person: str = "", *scopes: str, name: str = "") -> TestClient:
    """A client with the key of a person."""
    _, secret = company.ledger.keys.create(
        name or person or "program", scopes=scopes or ("read", "decide"), person=person, by="test"
    )
    app = create_app(company.ledger, company.configuration)
    return TestClient(app, headers={"Authorization": f"Bearer {secret}"})


def body(company: Scripted, **more: Any) -> dict[str, Any]:
    told = {"kind": "recovery", "signal": late(company)[0], "act_owner": "p1", "act_by": DUE, "note": "two more people"}
    return {**told, **more}


# -- who may ---------------------------------------------------------------------------------------------------------------


def test_whoever_decides_records_it_with_a_key_of_their_own(company: Scripted) -> None:
    key, subject, owner = late(company)
    with client(company, owner) as http:
        answer = http.post("/v1/decisions", json=body(company))
        assert answer.status_code == 201, answer.text
        told = answer.json()
        assert (told["decided_by"], told["decided_on"], told["subject"], told["loop"]) == (
            owner,
            "2026-11-18",
            subject,
            "open",
        )
        assert http.get(answer.headers["location"]).json() == told
        shown = next(e for e in http.get("/v1/exceptions").json()["items"] if e["key"] == key)
        assert shown["decision"] == told
        explained = http.get(f"/v1/nodes/{subject}/explain").json()
        assert (explained["decisions"], explained["annotations"]) == ([told], [])
    noted = company.ledger.audit.acts(1)[0]
    assert (noted.who.startswith(f"{owner} (key-"), noted.what) == (True, "decide")
    assert noted.subject == f"{told['id']} recovery {key} by {owner}"
    assert "two more people" not in str(company.ledger.audit.acts())


def test_whoever_does_not_decide_is_refused_and_told_who_does(company: Scripted) -> None:
    _, subject, owner = late(company)
    other = next(p for p in ("p5", "p6") if p != owner)
    with client(company, other) as http:
        answer = http.post("/v1/decisions", json=body(company))
        assert (answer.status_code, answer.json()["type"]) == (403, "no-decision-right")
        assert f"({owner}) does" in answer.json()["detail"]
        answer = http.post("/v1/decisions", json=body(company, decided_by=owner))
        assert (answer.status_code, "speaks for nobody else" in answer.json()["detail"]) == (403, True)
        answer = http.post("/v1/annotations", json={"subject": subject, "text": "No"})
        assert (answer.status_code, f"({owner}) may" in answer.json()["detail"]) == (403, True)
        assert http.get("/v1/decisions").json()["items"] == []


def test_a_key_that_is_nobodys_or_only_reads_records_nothing(company: Scripted) -> None:
    with client(company) as http:
        answer = http.post("/v1/decisions", json=body(company))
        assert (answer.status_code, "--person" in answer.json()["detail"]) == (403, True)
    with client(company, late(company)[2], "read", "odata", "sync", "admin") as http:
        for path in ("/v1/decisions", "/v1/annotations"):
            answer = http.post(path, json=body(company))
            assert (answer.status_code, answer.json()["type"]) == (403, "missing-scope")
            assert "'decide'" in answer.json()["detail"]
    with client(company, late(company)[2], "decide", name="only") as http:
        assert http.get("/v1/decisions").json()["type"] == "missing-scope"


def test_before_there_are_keys_the_request_says_who_decides(company: Scripted) -> None:
    _, _, owner = late(company)
    with local(create_app(company.ledger, company.configuration)) as http:
        answer = http.post("/v1/decisions", json=body(company))
        assert (answer.status_code, answer.json()["type"]) == (400, "cannot-record")
        assert "decided_by is missing" in answer.json()["detail"]
        assert "nobody active" in http.post("/v1/decisions", json=body(company, decided_by="p77")).json()["detail"]
        assert http.post("/v1/decisions", json=body(company, decided_by=owner)).json()["decided_by"] == owner
        assert http.post("/v1/annotations", json={"subject": "w1", "text": "No"}).status_code == 400


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_page_of_somebody_else_records_nothing(company: Scripted, kind: str | None) -> None:
    """A browser sends these kinds from any page to this machine without asking first; JSON it asks for, and is refused."""
    told = json.dumps(body(company, decided_by=late(company)[2]))
    with local(create_app(company.ledger, company.configuration)) as http:
        headers = {"Content-Type": kind, "Origin": "https://evil.example"} if kind else {"Content-Type": ""}
        answer = http.post("/v1/decisions", content=told, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (
            (403, "cross-site") if kind else (422, "request-validation-failed")
        )
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        assert http.options("/v1/decisions", headers=asked).headers.get("access-control-allow-origin") is None
    assert company.ledger.decisions.recorded() == []


# -- what is asked and answered --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"act_by": "24.11.2026"}, "written like 2026-11-20"),
        ({"act_by": 1_795_000_000}, "written like 2026-11-20"),
        ({"act_by": "2026-02-30"}, "act_by"),
        ({"kind": "maybe"}, "kind"),
        ({"note": "a\0b"}, "NUL"),
        ({"note": "\ud800"}, "valid string"),
        ({"\ud800": "x"}, "valid string"),
        ({"note": "x" * 4001}, "4000"),
        ({"colour": "green"}, "colour"),
        ({"signal": ""}, "signal"),
    ],
)
def test_a_body_is_taken_by_the_letter(company: Scripted, change: dict[str, Any], says: str) -> None:
    with client(company, late(company)[2]) as http:
        sent = json.dumps(body(company, **change)).encode()
        answer = http.post("/v1/decisions", content=sent, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert says in answer.text
        assert "two more people" not in answer.text


def test_a_body_that_is_too_long_or_no_json_is_refused(company: Scripted) -> None:
    with client(company, late(company)[2]) as http:
        for sent, code in (("{" * 60_000, 422), ("[" * 60_000, 400), ('{"note": NaN}', 422)):
            answer = http.post("/v1/decisions", content=sent, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.headers["content-type"]) == (code, "application/problem+json"), sent[:9]
        for long in (b"x" * 70_000, iter([b"x" * 7_000] * 10)):  # told how long it is, and not
            answer = http.post("/v1/decisions", content=long, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
            assert (answer.json()["type"], answer.json()["status"]) == ("too-long", 413)
            assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_the_same_request_is_answered_as_the_first_time(company: Scripted) -> None:
    _, subject, owner = late(company)
    with client(company, owner) as http:
        headers = {"Idempotency-Key": "4f0c"}
        first, again = (http.post("/v1/decisions", json=body(company), headers=headers) for _ in range(2))
        assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
        other = http.post("/v1/decisions", json=body(company, note="else"), headers=headers)
        assert (other.status_code, other.json()["type"]) == (409, "already-recorded")
        reply = {"subject": subject, "text": "So"}
        first, again = (http.post("/v1/annotations", json=reply, headers=headers) for _ in range(2))
        assert (again.status_code, again.json()) == (201, first.json())
        assert len(http.get("/v1/decisions").json()["items"]) == len(http.get("/v1/annotations").json()["items"]) == 1


def test_decisions_are_listed_filtered_and_page_by_page(company: Scripted) -> None:
    _, subject, owner = late(company)
    with client(company, owner) as http:
        first = http.post("/v1/decisions", json=body(company)).json()
        made = [first]
        for n in range(4):
            answer = http.post("/v1/decisions", json=body(company, signal=None, supersedes=made[-1]["id"], note=str(n)))
            assert answer.status_code == 201, answer.text
            made.append(answer.json())
        ids = [d["id"] for d in made]
        found, cursor = [], ""
        while cursor is not None:
            page = http.get("/v1/decisions", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
            found += [d["id"] for d in page["items"]]
            cursor = page["next_cursor"]
        assert found == ids == sorted(ids)

        def listed(**asked: str) -> list[str]:
            return [d["id"] for d in http.get("/v1/decisions", params=asked).json()["items"]]

        assert listed(loop="open") == ids[-1:]
        assert listed(kind="recovery,intake") == listed(sort="decided_on") == ids
        assert listed(sort="-id") == ids[::-1]
        brief = http.get("/v1/decisions", params={"fields": "id,note", "limit": 1, "sort": "id"}).json()
        assert brief["items"] == [{"id": ids[0], "note": first["note"]}]
        said = http.get("/v1/decisions", params={"cursor": ids[0]})
        assert (said.status_code, "this is no cursor" in said.text) == (422, True)
        other = http.get("/v1/decisions", params={"cursor": brief["next_cursor"]})  # of another order
        assert (other.status_code, "another question" in other.text) == (422, True)
        assert listed(subject=subject, kind="recovery", act_owner="p1") == ids
        assert listed(act_owner="p2") == listed(kind="intake") == listed(subject="w99") == []
        assert http.get(f"/v1/decisions/{ids[0]}").json()["superseded_by"] == ids[1]
        assert http.get("/v1/decisions", params={"as_of": "2026-11-17T00:00:00Z"}).json()["items"] == []
        assert http.post("/v1/decisions", json=body(company, supersedes=ids[0])).status_code == 409
        answer = http.get("/v1/decisions/d-9")
        assert (answer.status_code, answer.json()["type"]) == (404, "no-such-decision")


def test_an_expired_annotation_is_listed_when_asked_for(company: Scripted) -> None:
    _, subject, owner = late(company)
    with client(company, owner) as http:
        override = {
            "kind": "override",
            "subject": subject,
            "text": "Signed",
            "health": "on_track",
            "expires_on": "2026-11-18",
        }
        made = http.post("/v1/annotations", json=override)
        assert (made.status_code, made.json()["said_by"]) == (201, owner)
        assert http.get(f"/v1/nodes/{subject}/explain").json()["annotations"] == [made.json()]
        company.now += timedelta(days=1)
        assert http.get("/v1/annotations").json()["items"] == []
        assert http.get("/v1/annotations", params={"expired": "include"}).json()["items"] == [made.json()]
        assert http.get(f"/v1/nodes/{subject}/explain").json()["annotations"] == []


def test_words_about_what_is_hidden_are_hidden(company: Scripted) -> None:
    """That something was decided stays everybody's, as the headline does."""
    key, subject, owner = late(company)
    home = company.configuration.plan.workstream_by_key[subject].department
    company.ledger.decisions.record(Decision("recovery", subject, owner, date(2026, 11, 18), "p1", date(2026, 11, 24), key, "secret"), by="t")  # fmt: skip
    company.ledger.decisions.annotate(Annotation("reply", subject, "secret", owner, key), by="t")
    hidden, shown = ("alpha", "beta") if home == "d0" else ("beta", "alpha")
    veil = Veil(frozenset({(shown, "work")}), {(hidden, "work"): "confidential: ask D"})
    board = board_at(company.ledger.seen_by(veil), company.configuration)
    (e,) = [e for e in board.exceptions() if e.key == key]
    assert e.decision is not None
    assert (e.decision.loop, e.decision.note, e.annotations[0].text) == ("open", *["confidential: ask D"] * 2)
    assert board.spoken().decisions == (e.decision,)
    assert "secret" not in repr(board.spoken())
    (above,) = {company.configuration.plan.key_result_by_key[k].objective for k in company.configuration.plan.workstream_by_key[subject].supports[:1]}  # fmt: skip
    company.ledger.decisions.annotate(Annotation("reply", above, "secret", owner), by="t")
    told = board_at(company.ledger.seen_by(veil), company.configuration).spoken()
    assert [a.text for a in told.of(above).annotations] == ["confidential: ask D"]
    assert "secret" in repr(board_at(company.ledger, company.configuration).spoken())


# -- the terminal ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The demo company, synced once; its environment."""
    folder = tmp_path_factory.mktemp("decisions")
    with DemoCompany() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment().items():
            patch.setenv(name, value)
        shutil.copytree(configuration(), folder / "config")
        loaded, url = load(folder / "config"), f"sqlite:///{folder / 'l.db'}"
        with Ledger.open(url, migrate=True) as ledger:
            for bound in loaded.sources:
                assert sync_source(bound, ledger, People(loaded.persons())).state == "complete"
            note_open(ledger, loaded)
        yield {
            **running.environment(), "SIGHTLINE_CONFIG": str(folder / "config"), "SIGHTLINE_DATABASE_URL": url,
            "NEXT": str(loaded.calendar.add(loaded.calendar.day(ledger.clock()), 3)),
        }  # fmt: skip


@pytest.fixture
def terminal(demo: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    for name, value in demo.items():
        monkeypatch.setenv(name, value)

    def call(*words: str, code: int = 0) -> str:
        done = CLI.invoke(command, words)
        assert done.exit_code == code, done.output
        return done.output if code else done.stdout

    return call


def test_legal_is_late_and_its_owner_decides(terminal: Callable[..., str], demo: dict[str, str]) -> None:
    """A1 goes on: the exception names who decides, that person does, the team replies, and everybody sees both."""
    legal = next(
        e for e in json.loads(terminal("exceptions", "--json"))
        if (e["subject"], e["signal"]) == ("legal-entities", "behind_pace")
    )  # fmt: skip
    assert (legal["decision_owner"], legal["decision"], legal["annotations"]) == ("Jonas Keller", None, [])
    act = ("--kind", "recovery", "--act-owner", "lea-vogel", "--act-by", demo["NEXT"], "--note", "Two more notaries")
    refused = terminal("decide", legal["key"], *act, "--as", "mia-wong", code=1)
    assert "Jonas Keller (jonas-keller) does" in refused
    made = json.loads(terminal("decide", legal["key"], *act, "--as", "jonas-keller", "--json"))
    assert (made["decided_by"], made["signal"]) == ("jonas-keller", legal["key"])
    terminal("annotate", legal["key"], "--text", "The notary is away", "--as", "lea-vogel")
    until = ("--health", "on_track", "--until", demo["NEXT"])
    terminal("annotate", "legal-entities", "--text", "Nearly there", *until, "--as", "jonas-keller")
    for told in (terminal("exceptions", "legal-entities"), terminal("explain", "legal-entities")):
        shown = " ".join(told.split())
        assert f"to recover it, lea-vogel acts, due {demo['NEXT']}: Two more notaries" in shown
        assert "lea-vogel replies: The notary is away" in shown
        assert "jonas-keller says on track" in shown
    listed = terminal("decisions", "legal-entities", "--loop", "open")
    assert made["id"] in listed
    assert terminal("decisions", "--loop", "closed").strip() == "Nothing is decided."
    assert json.loads(terminal("audit", "--json"))[0]["what"] == "annotate"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("decide", "legal-entities", "--kind", "maybe", "--as", "mia-wong"), "--kind maybe is not one of intake"),
        (("decide", "legal-entitis", "--kind", "intake", "--as", "mia-wong"), "no exception 'legal-entitis' is open"),
        (
            ("annotate", "discovery", "--text", "x", "--health", "green", "--as", "nora-lind"),
            "--health green is not one",
        ),
        (("annotate", "discovery", "--text", "x", "--as", "nora"), "did you mean 'nora-lind'"),
        (("decisions", "--loop", "over"), "--loop over is not one of open, due, closed, reopened"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(
    terminal: Callable[..., str], words: tuple[str, ...], says: str
) -> None:
    assert says in terminal(*words, code=2)
