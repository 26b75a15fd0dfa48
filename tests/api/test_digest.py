"""The weekly digest: its words, who gets which, and that nobody gets it twice. Real HTTP and real SMTP on loopback."""

from __future__ import annotations

import html
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from api.digest.letter import Letter, Line, Pillar, letter, written
from api.digest.schedule import sender
from api.digest.send import LATE, due, letter_for, send, send_at
from api.doctor import channels
from api.planning import Below, board_at, standing
from demo.company import DemoCompany, configuration
from ledger.deliveries import ABANDONED, FIRST_WAIT, MOST_ATTEMPTS
from ledger.store import Ledger
from normalizer.people import People
from sync.configuration import ConfigErrors, Configuration, load
from sync.configuration.digest import Digest
from sync.configuration.live import Live
from sync.run import sync_source
from tests.asking import local
from tests.conftest import new_database

CLI = CliRunner()
HOSTILE = '<script>alert(1)</script> | [x](javascript:alert(1)) \x1b[31m\u202eevil "quoted" & *bold*'


class Sink:
    """A channel that keeps what it is given and answers as it is told: a code, or "hang up" after it has taken it."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.answers: list[int | str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.taken.append(json.loads(body))
                answer = outer.answers.pop(0) if outer.answers else 200
                if answer == "hang up":
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(int(answer))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"json://robot:hush-hush@127.0.0.1:{self.server.server_port}/in"


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class House:
    """The demo company, synced once, with two channels: the board's, and Legal's own."""

    def __init__(self, folder: Path, url: str, environment: dict[str, str]) -> None:
        self.config, self.url, self.clock, self.environment = folder / "config", url, Clock(), environment
        shutil.copytree(configuration(), self.config)
        legal = self.config / "departments" / "legal.yaml"
        text = legal.read_text(encoding="utf-8")
        legal.write_text(
            text.replace("      - key: legal-entities\n", "      - key: legal-entities\n        confidential: true\n")
        )
        with (self.config / "organisation.yaml").open("a", encoding="utf-8") as file:
            file.write(
                "\ndigest:\n  pages: https://sightline.example\n  to:\n"
                "    - {name: board, url: '${BOARD_URL}'}\n"
                "    - {name: legal, url: '${LEGAL_URL}', departments: [legal]}\n"
            )
        self.loaded: Configuration = load(self.config)
        self.ledger = Ledger.open(url, migrate=True, clock=self.clock)

    @property
    def week(self) -> str:
        return self.loaded.calendar.week_at(self.clock() - timedelta(days=7))

    def fresh(self) -> None:
        """Another week, of which nothing was sent."""
        self.clock.ahead += timedelta(days=7)

    def send(self, **more: Any) -> list[tuple[str, str]]:
        return [(s.channel, s.state) for s in send(self.ledger, self.loaded, self.week, **more)]


@pytest.fixture(scope="module")
def sinks() -> Iterator[tuple[Sink, Sink]]:
    board, legal = Sink(), Sink()
    yield board, legal
    for sink in (board, legal):
        sink.server.shutdown()
        sink.server.server_close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sinks: tuple[Sink, Sink]
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("digest")
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{folder / 'l.db'}" if sqlite else new_database(request.getfixturevalue("postgres"))
    with DemoCompany() as company, pytest.MonkeyPatch.context() as patch:
        environment = {**company.environment(), "BOARD_URL": sinks[0].url, "LEGAL_URL": sinks[1].url}
        for name, value in environment.items():
            patch.setenv(name, value)
        house = House(folder, url, environment)
        with house.ledger:
            for bound in house.loaded.sources:
                assert sync_source(bound, house.ledger, People(house.loaded.persons())).state == "complete"
            yield house


@pytest.fixture
def house(made: House, sinks: tuple[Sink, Sink], monkeypatch: pytest.MonkeyPatch) -> House:
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.fresh()
    for sink in sinks:
        sink.taken.clear()
        sink.answers.clear()
    return made


# -- what it says ------------------------------------------------------------------------------------------------------------


def test_it_says_what_needs_a_decision_in_the_words_of_every_other_answer(house: House) -> None:
    board = board_at(house.ledger, house.loaded)
    found = letter(board, "Acme", "2026-W47", "https://x.example")
    answer = standing(board, "company")
    assert [line.because for line in found.lines] == [e.because for e in answer.exceptions]
    assert found.more == answer.exceptions_total - len(answer.exceptions)
    assert [p.because for p in found.pillars] == [n.because for n in board.nodes("pillar").values()]
    assert str(answer.exceptions_total) in found.subject
    for e, line in zip(answer.exceptions, found.lines, strict=True):
        assert e.decision_needed in line.asks
        assert (e.decision_owner or "nobody named") in line.asks


def test_every_link_of_it_leads_to_its_page(house: House) -> None:
    """A digest is read where nobody can ask what was meant: a dead link is worse than none."""
    found = letter(board_at(house.ledger, house.loaded), "Acme", "2026-W47", "http://127.0.0.1:8000")
    links = [
        *(line.link for line in found.lines),
        *(pillar.link for pillar in found.pillars),
        f"{found.pages}/exceptions",
    ]
    with local(create_app(house.ledger, house.loaded)) as client:
        pages = {link: client.get(link.removeprefix(found.pages)) for link in links}
    assert {link: page.status_code for link, page in pages.items()} == dict.fromkeys(links, 200)
    for line in found.lines:
        assert line.because[:40] in html.unescape(pages[line.link].text)


def test_a_week_in_which_all_is_clear_is_one_line(house: House) -> None:
    found = letter_for(house.ledger, house.loaded, house.week)
    clear = msgspec.structs.replace(found, lines=(), more=0, verdict="all clear: 2 of 2 pillars on track")
    for form in ("text", "markdown"):
        assert len(written(clear, form).splitlines()) == 1
    assert written(clear, "html").count("<p") == 1


class Still:
    """A board on which nothing needs a decision."""

    def __init__(self, board: Any, headline: str) -> None:
        self.board, self.headline, self.as_of, self.plan = board, headline, board.as_of, board.plan

    def nodes(self, kind: str, keys: Any = None) -> Any:
        found = self.board.nodes(kind, keys)
        return {k: msgspec.structs.replace(n, headline=self.headline) for k, n in found.items()}

    def exceptions(self) -> list[Any]:
        return []

    def below(self, key: str, limit: int) -> Below:
        return Below(self.board.below(key, limit).portfolio, len(self.exceptions()), tuple(self.exceptions()[:limit]))


@pytest.mark.parametrize(
    ("headline", "says"), [("on_track", "all clear"), ("unknown", "nothing needs a decision, but")]
)
def test_what_is_not_known_is_never_all_clear(house: House, headline: str, says: str) -> None:
    found = letter(Still(board_at(house.ledger, house.loaded), headline), "Acme", "2026-W47")  # type: ignore[arg-type]  # as much of a board as it asks
    assert says in found.verdict
    assert says in found.subject


def test_what_comes_from_trackers_breaks_no_form_of_it() -> None:
    found = Letter(
        "2026-W47", datetime(2026, 11, 20, tzinfo=UTC), "s", "1 needs a decision", (Pillar("●", HOSTILE, "on track", HOSTILE, ""),),
        (Line("■", HOSTILE, HOSTILE, "https://x.example/a)b c<d>"),), 0, "",
    )  # fmt: skip
    html, markdown = written(found, "html"), written(found, "markdown")
    assert "<script" not in html
    assert not {"<", ">", "`"} & set(markdown)
    assert markdown.count("](") == 1
    assert "(https://x.example/a%29b%20c%3Cd%3E)" in markdown


def test_no_control_character_leaves(house: House) -> None:
    board = board_at(house.ledger, house.loaded)

    class Odd(Still):
        def exceptions(self) -> list[Any]:
            return [msgspec.structs.replace(e, because=HOSTILE) for e in self.board.exceptions()]

    found = letter(Odd(board, "at_risk"), "Acme", "2026-W47")  # type: ignore[arg-type]  # as much of a board as it asks
    for form in ("text", "markdown", "html"):
        text = written(found, form)
        assert not {"\x1b", "\u202e"} & set(text)


def test_confidential_rows_are_told_to_their_own_department_only(house: House, sinks: tuple[Sink, Sink]) -> None:
    assert house.send() == [("board", "sent"), ("legal", "sent")]
    board, legal = (sink.taken[0]["message"] for sink in sinks)
    assert "confidential: ask Legal" in board
    assert "confidential: ask Legal" not in legal
    assert ("the digest", "read") in {(a.who, a.what) for a in house.ledger.audit.acts()}


# -- that it arrives, once ---------------------------------------------------------------------------------------------------


def test_it_is_sent_once(house: House, sinks: tuple[Sink, Sink]) -> None:
    assert house.send() == [("board", "sent"), ("legal", "sent")]
    assert house.send() == []
    assert len(sinks[0].taken) == len(sinks[1].taken) == 1
    house.fresh()
    assert len(house.send()) == 2


def test_two_who_send_at_once_send_one(house: House, sinks: tuple[Sink, Sink]) -> None:
    both = [threading.Thread(target=house.send) for _ in range(4)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [len(sink.taken) for sink in sinks] == [1, 1]


def test_a_channel_that_refuses_is_asked_again_after_a_while_and_others_are_not(
    house: House, sinks: tuple[Sink, Sink]
) -> None:
    sinks[0].answers += [503, 500]
    assert house.send() == [("board", "failed"), ("legal", "sent")]
    assert house.send() == []
    house.clock.ahead += FIRST_WAIT
    assert house.send() == [("board", "failed")]
    house.clock.ahead += FIRST_WAIT
    assert house.send() == []
    house.clock.ahead += FIRST_WAIT
    assert house.send() == [("board", "sent")]
    assert [len(sink.taken) for sink in sinks] == [3, 1]


def test_a_channel_that_always_refuses_is_left_alone_at_last(house: House, sinks: tuple[Sink, Sink]) -> None:
    week = house.week
    sinks[0].answers += [500] * 20
    for n in range(MOST_ATTEMPTS + 3):
        list(send(house.ledger, house.loaded, week))
        house.clock.ahead += FIRST_WAIT * 2**n
    assert len(sinks[0].taken) == MOST_ATTEMPTS


def test_what_may_have_arrived_is_not_sent_again_unless_a_person_says_so(
    house: House, sinks: tuple[Sink, Sink]
) -> None:
    """The connection broke after the message was taken: to send it again could be to send it twice."""
    sinks[0].answers.append("hang up")
    assert house.send()[0] == ("board", "unsure")
    house.clock.ahead += timedelta(hours=12)
    assert house.send() == []
    assert house.send(again="board") == [("board", "sent")]


def test_a_process_that_died_while_sending_leaves_it_unsure(house: House, sinks: tuple[Sink, Sink]) -> None:
    assert house.ledger.deliveries.claim(house.week, "board")
    assert house.send() == [("legal", "sent")]
    house.clock.ahead += ABANDONED + timedelta(minutes=1)
    assert house.send() == []
    assert {d.channel: d.state for d in house.ledger.deliveries.of(house.week)}["board"] == "unsure"
    assert sinks[0].taken == []


def test_a_channel_that_nobody_answers_for_failed_and_its_secret_is_nowhere(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BOARD_URL", "json://robot:hush-hush@127.0.0.1:1/in")
    with caplog.at_level("DEBUG"):
        found = list(send(house.ledger, load(house.config), house.week))
    assert (found[0].state, found[0].says) == ("failed", "it was not reached, or refused")
    with house.ledger.engine.connect() as connection:
        kept = str(connection.exec_driver_sql("SELECT * FROM delivery").fetchall())
    assert "hush-hush" not in kept + caplog.text + repr(house.loaded)


def test_mail_is_html_with_a_text_part(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    mails: list[Message] = []

    class Keeping:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            mails.append(message_from_bytes(envelope.content, policy=default))
            return "250 kept"

    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    mail = Controller(Keeping(), hostname="127.0.0.1", port=port)
    mail.start()
    try:
        monkeypatch.setenv("BOARD_URL", f"mailto://127.0.0.1:{port}?from=sightline@example.com&to=board@example.com")
        assert next(iter(send(house.ledger, load(house.config), house.week))).state == "sent"
    finally:
        mail.stop()
    (message,) = mails
    parts = {
        p.get_content_type(): str(p.get_payload(decode=True), "utf-8") for p in message.walk() if not p.is_multipart()
    }
    expected = letter_for(house.ledger, house.loaded, house.week)
    assert message["subject"] == expected.subject
    assert set(parts) == {"text/plain", "text/html"}
    for line in expected.lines:
        assert line.because.split(":")[0] in " ".join(parts["text/plain"].split())
    assert "<li" in parts["text/html"]


# -- when ----------------------------------------------------------------------------------------------------------------------


def test_it_is_due_from_the_first_such_day_after_the_close_for_two_days(house: House) -> None:
    calendar, digest = house.loaded.calendar, house.loaded.organisation.digest
    assert digest is not None
    at = send_at(calendar, digest, "2026-W47")
    assert (at, calendar.day(at).isoformat()) == (datetime(2026, 11, 23, 7, tzinfo=UTC), "2026-11-23")
    assert due(calendar, digest, at - timedelta(minutes=1)) is None
    assert due(calendar, digest, at) == "2026-W47"
    assert due(calendar, digest, at + LATE - timedelta(minutes=1)) == "2026-W47"
    assert due(calendar, digest, at + LATE) is None


def test_a_digest_of_the_day_of_the_close_comes_after_it(house: House) -> None:
    digest = Digest.model_validate({"day": "friday", "time": "09:00", "to": [{"name": "x", "url": "json://x"}]})
    at = send_at(house.loaded.calendar, digest, "2026-W47")
    assert house.loaded.calendar.day(at).isoformat() == "2026-11-27"
    assert due(house.loaded.calendar, digest, at) == "2026-W47"


def test_the_serving_process_sends_what_is_due(house: House, sinks: tuple[Sink, Sink]) -> None:
    digest = house.loaded.organisation.digest
    assert digest is not None
    run = sender(house.ledger, Live(house.loaded))
    before = house.clock.ahead
    house.clock.ahead = send_at(house.loaded.calendar, digest, house.week) - datetime.now(UTC) - timedelta(minutes=2)
    run()
    assert sinks[0].taken == []
    house.clock.ahead += timedelta(minutes=3)
    run()
    run()
    assert len(sinks[0].taken) == 1
    house.clock.ahead = max(before, house.clock.ahead)


# -- the terminal, and what is configured wrong ----------------------------------------------------------------------------------


def test_a_preview_prints_and_sends_nothing(
    house: House, sinks: tuple[Sink, Sink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(house.config))
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", house.url)
    told = CLI.invoke(app, ["digest", "--preview"])
    assert told.exit_code == 0, told.output
    assert "need a decision" in told.output
    assert "confidential: ask Legal" in told.output
    whole = CLI.invoke(app, ["digest", "--preview", "--form", "html", "--department", "legal"]).output
    assert "<li" in whole
    assert "confidential: ask Legal" not in whole
    assert "--form is text" in CLI.invoke(app, ["digest", "--preview", "--form", "x"]).output
    assert sinks[0].taken == []


def test_the_command_sends_once_and_says_what_became_of_it(
    house: House, sinks: tuple[Sink, Sink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(house.config))
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", house.url)
    with Ledger.open(house.url) as ledger:
        week = house.loaded.calendar.week_at(ledger.clock() - timedelta(days=7))
    sinks[1].answers.append(404)
    first = CLI.invoke(app, ["digest"])
    assert (first.exit_code, f"{week} to legal: failed, it answered 404" in first.output) == (1, True)
    assert f"{week} to board: sent before" in CLI.invoke(app, ["digest"]).output
    assert len(sinks[0].taken) == 1
    assert f"{week} to legal: sent" in CLI.invoke(app, ["digest", "--again", "legal"]).output
    assert "known are board, legal" in CLI.invoke(app, ["digest", "--again", "bord"]).output


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        ("{name: a, url: 'json://in-the-file'}", "is a secret written in the file"),
        (
            "{name: a, url: '${BOARD_URL}', departments: [legl]}",
            "no department is called 'legl' - did you mean 'legal'?",
        ),
        ("{name: a, url: '${NOT_THERE}'}", "NOT_THERE is not set"),
        ("{name: a, url: '${PLAIN}'}", "is no address such as mailtos://"),
        ("{name: a, url: '${BOARD_URL}'}, {name: a, url: '${BOARD_URL}'}", "two channels are called 'a'"),
        ("{name: a, link: '${BOARD_URL}'}", "did you mean"),
    ],
)
def test_a_wrong_channel_is_named_with_its_line(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: str, says: str
) -> None:
    monkeypatch.setenv("PLAIN", "hush-hush")
    shutil.copytree(house.config, tmp_path / "c")
    path = tmp_path / "c" / "organisation.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("\ndigest:")] + f"\ndigest:\n  to: [{channel}]\n", encoding="utf-8")
    with pytest.raises(ConfigErrors) as errors:
        load(tmp_path / "c")
    told = "\n".join(str(p) for p in errors.value.problems)
    assert says in told or "link" in told
    assert f"organisation.yaml:{len(text[: text.index(chr(10) + 'digest:')].splitlines()) + 3}" in told
    assert "hush-hush" not in told


def test_doctor_names_a_channel_whose_address_means_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARD_URL", "carrier-pigeon://hush-hush")
    told = {e.subject: e for e in channels(load(house.config))}
    assert (told["digest to board"].ok, told["digest to legal"].ok) == (False, True)
    assert "hush-hush" not in str(told)
