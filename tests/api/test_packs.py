"""Packs from the trackers to the reader: published once, never changed, closed by themselves, told over HTTP and at the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from api.kept import Keeper
from api.markdown import as_markdown
from api.packs import NoSuchPack, pack_named
from api.retold import behind
from ledger.engine import LedgerError
from ledger.model import Decision
from ledger.pages import Page
from ledger.published import BY_NAME
from ledger.veil import Veil
from signals.plan import Period
from sync.closing import Pack, close_week
from sync.longer import MonthPack, QuarterPack
from sync.packs import close, close_due, packs
from sync.schedule import scheduled
from sync.versions import NotClosedYet
from tests.asking import local
from tests.companies import START, Scripted

CLI = CliRunner()
WEEK, NOVEMBER, QUARTER = (
    datetime(2026, 11, 25, 12, tzinfo=UTC),
    datetime(2026, 12, 3, 12, tzinfo=UTC),
    datetime(2027, 1, 5, 12, tzinfo=UTC),
)


@pytest.fixture
def company(tmp_path: Path, ledger_url: str) -> Iterator[Scripted]:
    made = Scripted(tmp_path, workstreams=8, items=120, url=ledger_url)
    made.fill()
    yield made
    made.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Scripted]:
    """The same on SQLite only, for what does not lie in the database."""
    made = Scripted(tmp_path, workstreams=8, items=120)
    made.fill()
    yield made
    made.close()


def until(company: Scripted, now: datetime) -> None:
    """Lets time pass, with a good read at its end."""
    company.now = now
    company.change(20)


def bodies(company: Scripted) -> dict[tuple[str, int], str]:
    return {(name, version): body for name, version, _, body in company.ledger.closes()}


def decided(company: Scripted, *decisions: Decision) -> None:
    plan = msgspec.structs.replace(company.configuration.plan, decisions=decisions)
    company.configuration = replace(company.configuration, plan=plan)


# -- published once --------------------------------------------------------------------------------------------------------


def test_what_is_published_stays_byte_for_byte_whatever_is_known_later(company: Scripted) -> None:
    """Two more weeks of changes, and decisions about days that were closed: what was settled is asked again and is the same."""
    until(company, WEEK)
    close(company.ledger, company.configuration, "2026-W47")
    until(company, NOVEMBER)
    close_due(company.ledger, company.configuration)
    before = bodies(company)
    told = {
        name: as_markdown(pack_named(company.ledger, company.configuration, name)) for name in ("2026-W47", "2026-11")
    }
    decided(company, Decision("reject", "w1", "p1", date(2026, 11, 10)))
    until(company, NOVEMBER + timedelta(days=2))
    close_due(company.ledger, company.configuration)
    close(company.ledger, company.configuration, "2026-11", restate=False)
    assert {key: body for key, body in bodies(company).items() if key in before} == before
    assert {name: as_markdown(pack_named(company.ledger, company.configuration, name)) for name in told} == told


def test_a_restatement_is_another_version_that_names_what_it_says_differently(company: Scripted) -> None:
    until(company, NOVEMBER)
    first = close(company.ledger, company.configuration, "2026-11")
    assert isinstance(first, MonthPack)
    assert (first.version, first.restated, first.provisional) == (1, (), False)
    decided(company, Decision("tradeoff", "w1", "p1", date(2026, 11, 10)))
    second = close(company.ledger, company.configuration, "2026-11")
    assert (second.version, second.restated) == (2, ("w1",))
    assert [p.version for p in packs(company.ledger, "2026-11")] == [1, 2]
    assert packs(company.ledger, "2026-11")[0] == first
    third = close(company.ledger, company.configuration, "2026-11")
    assert third == second, "what says the same is no version of its own"


def test_a_week_that_was_published_before_there_were_pages_still_reads(company: Scripted) -> None:
    """Its stored body has no page; it is told as what it was, and a restatement of it does not claim that all of it changed."""
    until(company, WEEK)
    pack = close_week(company.ledger, company.configuration, "2026-W47")
    old: dict[str, Any] = json.loads(bodies(company)["2026-W47", 1])
    for name in ("page", "diagnosis", "decisive"):
        del old[name]
    company.ledger.publish("2026-W47", json.dumps(old))
    (_, kept) = packs(company.ledger, "2026-W47")
    assert isinstance(kept, Pack)
    assert (kept.page, kept.nodes, kept.check_ins) == (None, pack.nodes, pack.check_ins)
    assert "published before weeks had a page" in as_markdown(kept)
    again = close_week(company.ledger, company.configuration, "2026-W47")
    assert (again.version, again.restated, again.page) == (3, (), pack.page)


def test_published_tables_of_weeks_hold_weeks_only(company: Scripted) -> None:
    """Months and periods lie beside the weeks: no report on weeks may find them, whoever asks for it."""
    veil = Veil(frozenset({("beta", "work")}), {("alpha", "work"): "ask"})
    narrow = behind(company.ledger.seen_by(veil), company.configuration, Keeper())

    until(company, QUARTER)
    for name in ("2026-W50", "2026-12", "Q4"):
        close(company.ledger, company.configuration, name)
    for table in ("StatusWeekly", "CheckIns"):
        for served in (company.ledger.served(), narrow):
            found = served.page(BY_NAME[table], Page(("week",), (), limit=100_000))
            assert {week for (week,) in found} >= {"2026-W50"}
            assert all("-W" in week for (week,) in found)


def test_what_was_decided_in_a_week_stands_in_its_pack_and_what_is_said_later_does_not(company: Scripted) -> None:
    """Recorded on Thursday: this week's. Recorded after the week had settled, about a day in it: not what was known then."""
    company.now = datetime(2026, 11, 19, 12, tzinfo=UTC)
    company.ledger.decisions.record(Decision("not_now", "w1", "p1", date(2026, 11, 19)), by="test")
    until(company, WEEK)
    company.ledger.decisions.record(Decision("reject", "w2", "p1", date(2026, 11, 19)), by="test")
    pack = close_week(company.ledger, company.configuration, "2026-W47")
    assert pack.page is not None
    assert [s.says for s in pack.page.stopped] == ["'Workstream 1': not now, decided by Person 1 on 2026-11-19"]
    assert pack.diagnosis is not None
    assert {s.key: s.present for s in pack.diagnosis.signs}["no_not_now_list"] == "no"


# -- by themselves ---------------------------------------------------------------------------------------------------------


def test_weeks_months_and_periods_are_published_by_themselves_and_again_once_they_have_settled(
    company: Scripted,
) -> None:
    """November, which nobody published; December and the period provisional an hour after their end, settled three days later."""
    until(company, datetime(2027, 1, 1, 0, tzinfo=UTC))
    due = close_due(company.ledger, company.configuration)
    assert [(p.name, p.provisional) for p in due] == [
        ("2026-W52", False),
        ("2026-11", False),
        ("2026-12", True),
        ("Q4", True),
    ]
    until(company, QUARTER)
    settled = close_due(company.ledger, company.configuration)
    assert [(p.name, p.provisional) for p in settled] == [("2026-W53", False), ("2026-12", False), ("Q4", False)]
    rows = company.ledger.closed()
    company.now += timedelta(hours=1)
    close_due(company.ledger, company.configuration)
    assert company.ledger.closed() == rows


def test_a_month_publishes_the_weeks_that_nobody_published(one: Scripted) -> None:
    """The service was down for two weeks: what its month says of them is told as it was known when they settled."""
    until(one, NOVEMBER)
    close(one.ledger, one.configuration, "2026-11")
    month = packs(one.ledger, "2026-11")[-1]
    assert isinstance(month, MonthPack)
    assert [week for week, _ in month.page.weeks] == ["2026-W47", "2026-W48"]
    assert month.page.missing == ("2026-W45", "2026-W46"), "nothing was read before the 18th"
    assert {p.name for p in one.ledger.closed() if "-W" in p.name} == {"2026-W47", "2026-W48"}


def test_the_serving_process_publishes_every_hour(one: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    from sync.configuration.live import Live

    until(one, QUARTER)
    live = Live(one.configuration)
    job = next(j for j in scheduled(one.ledger, live).get_jobs() if j.id == "close")
    job.func()
    assert {"2026-W53", "2026-12", "Q4"} <= {p.name for p in one.ledger.closed()}

    def broken(*_: Any) -> None:
        raise LedgerError("the database is away")

    monkeypatch.setattr("sync.schedule.close_due", broken)
    job.func()  # is said in the log, and tried again in an hour


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("2026-12", "2026-12 closes at 2026-12-31 22:59 UTC"),
        ("Q4", "Q4 closes at 2026-12-31 22:59 UTC"),
        ("2026-09", "nothing was read by 2026-10-02 21:59 UTC, when 2026-09 settled: it would say nothing"),
        (
            "2026-13",
            "'2026-13' is no week such as 2026-W47, no month such as 2026-11, and no period: known periods are Q4",
        ),
        ("2026-W99", "'2026-W99' is no week"),
    ],
)
def test_what_cannot_be_closed_is_said_with_why(one: Scripted, name: str, says: str) -> None:
    with pytest.raises(NotClosedYet, match=says):
        close(one.ledger, one.configuration, name)
    assert one.ledger.closed() == []


def test_a_period_is_reviewed_in_the_middle_and_scored_on_its_day(one: Scripted) -> None:
    """The review is a pack of its own; the score waits for the scoring day, and knows what was read by then."""
    period = Period("Q4", START, date(2026, 12, 31), date(2026, 11, 20), date(2027, 1, 8))
    plan = msgspec.structs.replace(one.configuration.plan, periods=(period,))
    one.configuration = replace(one.configuration, plan=plan)
    until(one, WEEK)
    review = close(one.ledger, one.configuration, "Q4-mid")
    assert isinstance(review, QuarterPack)
    assert review.closes_at == one.configuration.calendar.end_of(date(2026, 11, 20))
    assert max(s.week for s in (t.trace for t in review.page.traces) if s.week) <= 8
    until(one, QUARTER)
    with pytest.raises(NotClosedYet, match="Q4 closes at 2027-01-08"):
        close(one.ledger, one.configuration, "Q4")
    until(one, datetime(2027, 1, 12, tzinfo=UTC))
    scored = close(one.ledger, one.configuration, "Q4")
    assert isinstance(scored, QuarterPack)
    assert scored.page.end_on == date(2026, 12, 31)
    assert scored.diagnosis.period == "Q4"


# -- asked -----------------------------------------------------------------------------------------------------------------


def test_packs_over_http(company: Scripted) -> None:
    until(company, QUARTER)
    close_due(company.ledger, company.configuration)
    names = {"week": "2026-W53", "month": "2026-12", "period": "Q4"}
    with local(create_app(company.ledger, company.configuration)) as client:
        rows = client.get("/v1/packs").json()["items"]
        assert {r["kind"]: r["name"] for r in reversed(rows)} == names
        assert [r["closes_at"] for r in rows] == sorted((r["closes_at"] for r in rows), reverse=True)
        first = client.get("/v1/packs?limit=1&kind=month,period&fields=name").json()
        assert first["items"] == [{"name": next(r["name"] for r in rows if r["kind"] != "week")}]
        assert client.get(f"/v1/packs?kind=month,period&cursor={first['next_cursor']}").json()["items"][0] in rows
        for kind, name in names.items():
            told = client.get(f"/v1/packs/{name}")
            assert (told.status_code, told.json()["kind"], told.json()["name"]) == (200, kind, name)
            assert client.get(f"/v1/packs/{name}", headers={"If-None-Match": told.headers["ETag"]}).status_code == 304
            written = client.get(f"/v1/packs/{name}.md")
            assert written.headers["content-type"] == "text/markdown; charset=utf-8"
            assert written.text == as_markdown(pack_named(company.ledger, company.configuration, name))
            again = client.get(f"/v1/packs/{name}.md", headers={"If-None-Match": written.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert client.head(f"/v1/packs/{name}.md").headers["ETag"] == written.headers["ETag"]
        assert client.get("/v1/packs/Q4").json()["page"]["misses"] == len(
            client.get("/v1/packs/Q4").json()["page"]["traces"]
        )
        assert client.get("/v1/diagnosis").json()["pack"] == "2026-W53"
        assert client.get("/v1/diagnosis?pack=Q4").json()["diagnosis"]["period"] == "Q4"
        assert client.get("/v1/diagnosis?pack=2026-12").status_code == 404
        calibration = client.get("/v1/calibration").json()
        assert calibration["periods"] == ["Q4"]
        assert calibration["departments"] == client.get("/v1/packs/Q4").json()["page"]["calibration"]
        assert client.get("/v1/packs/2026-W53?version=1").status_code == 200
        assert "has no version 9: it has 1" in client.get("/v1/packs/2026-W53?version=9").json()["detail"]
        assert "did you mean '2026-W53'?" in client.get("/v1/packs/2026-W53x").json()["detail"]
        assert client.get("/v1/packs/Q4?versoin=1").status_code == 422


def test_before_anything_is_published_it_is_said_how(one: Scripted) -> None:
    with local(create_app(one.ledger, one.configuration)) as client:
        assert client.get("/v1/packs").json()["items"] == []
        assert "'sightline close' publishes" in client.get("/v1/diagnosis").json()["detail"]
        assert client.get("/v1/calibration").json() == {"periods": [], "departments": []}
    with pytest.raises(NoSuchPack, match="no week is published yet"):
        pack_named(one.ledger, one.configuration)


def test_the_same_sentences_stand_in_the_struct_and_in_markdown(one: Scripted) -> None:
    """What is read in a meeting and what a program reads is one thing."""
    from markdown_it import MarkdownIt

    until(one, QUARTER)
    parser = MarkdownIt("commonmark").enable("table")
    for pack in close_due(one.ledger, one.configuration):
        tokens = [
            t for b in parser.parse(as_markdown(pack)) for t in (b.children or ()) if t.type in ("text", "text_special")
        ]
        flat = "".join(t.content for t in tokens).replace("\u200b", "")
        said = _sentences(msgspec.to_builtins(pack.page))  # type: ignore[union-attr]  # a week of today has a page
        assert len(said) > 3, pack.name
        assert [s for s in said if s not in flat] == [], pack.name


def _sentences(told: Any) -> list[str]:
    """Every sentence of a page: what it says, and why something needs a decision."""
    if isinstance(told, dict):
        own = [v for k, v in told.items() if k in ("says", "because") and isinstance(v, str) and v]
        rest = [s for k, v in told.items() if k not in ("load", "scores", "warning", "evidence") for s in _sentences(v)]
        return own + rest
    return [s for part in told for s in _sentences(part)] if isinstance(told, list | tuple) else []


def test_packs_at_the_terminal(one: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    until(one, QUARTER)
    close_due(one.ledger, one.configuration)
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(one.folder / "config"))
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", one.url)

    def run(*words: str, code: int = 0) -> str:
        done = CLI.invoke(app, ["pack", *words])
        assert done.exit_code == code, done.output
        return done.output

    assert run("--list").splitlines()[0] == "2026-W53  version 1"
    assert run("Q4", "--md") == as_markdown(pack_named(one.ledger, one.configuration, "Q4"))
    assert json.loads(run("--json"))["week"] == "2026-W53"
    assert "Diagnosis" in run()
    assert "did you mean" in run("2026-W5", code=1)
    assert "ask for one" in run("--md", "--json", code=2)


def test_the_last_week_is_also_closed_by_its_name_at_the_terminal(
    one: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(one.folder / "config"))
    monkeypatch.setenv("SIGHTLINE_DATABASE_URL", one.url)
    done = CLI.invoke(app, ["close", "1999-Q1"])
    assert done.exit_code == 2
    assert "no period: known periods are none" in done.output
