"""Trackers that change all the time, with faults in between: afterwards the ledger holds what the tracker holds, field by field."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo import faults
from demo.faults import Faults
from demo.notion_site import Page
from demo.salesforce_site import Record
from demo.sheets_site import as_cell
from ledger.model import Presence
from tests.connectors.notion.test_notion_sync import Roadmap
from tests.connectors.salesforce.test_salesforce_sync import Org
from tests.connectors.test_google_sheets import HEADER, Sheet, row
from tests.tracked import Department

ROUNDS, STEPS = 8, 15
HARMS: tuple[Callable[[], faults.Action], ...] = (
    lambda: faults.status(503),
    lambda: faults.status(500),
    lambda: faults.cut(0.5),
    lambda: faults.empty,
)


def live(department: Department, plans: Faults, chance: random.Random, step: Callable[[], None], path: str) -> None:
    """Rounds of changes and syncs, then a run that nothing harms and that counts every id, and one two days later for what only
    time can tell."""
    for _ in range(ROUNDS):
        for _ in range(STEPS):
            step()
        harm(plans, chance, path, step)
        department.sync(at_least=10**6)
    plans.plans.clear()
    for days in (0, 2):
        department.clock.ahead = timedelta(days=days)
        outcome = department.sync(census=True, at_least=10**6)
        assert outcome.state == "complete", outcome.reason


def harm(plans: Faults, chance: random.Random, path: str, work: Callable[[], None]) -> None:
    """One request somewhere goes wrong once or twice, or the tracker changes after every page."""
    plans.plans.clear()
    if chance.random() < 0.5:
        plans.add(path, faults.meanwhile(work), times=10**6)
    else:
        plans.add("", chance.choice(HARMS)(), after=chance.randrange(1, 6), times=chance.choice((1, 2)))


@pytest.mark.parametrize("seed", range(3))
def test_a_notion_that_never_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setenv("TEST_TOKEN", "ntn_test")
    chance, roadmap = random.Random(seed), Roadmap(tmp_path, page_cap=7)
    site, home = roadmap.site, roadmap.home
    site.clock = lambda: datetime.now(UTC)
    other = site.data_source(site.database("Elsewhere"))
    roadmap.add(40)

    def step() -> None:
        page: Page = chance.choice(list(site.pages.values()))
        match chance.randrange(8):
            case 0:
                site.create(home, f"New {chance.random():.6f}", Status="Later")
            case 1:
                site.trash(page, restore=page.in_trash)
            case 2 if chance.random() < 0.3:
                site.delete(page)
            case 3:
                site.move(page, other if page.home is home else home)
            case _ if page.home is home:
                due = date(2027, 1, 1 + chance.randrange(28))
                site.edit(page, title=f"{page.title}.", Status=chance.choice(("Later", "Doing", "Shipped")), Due=due)
            case _:
                pass

    live(roadmap, roadmap.server.faults, chance, step, "/query")
    status, due = home.properties["Status"].id, home.properties["Due"].id
    truth = {p.id.replace("-", ""): (p.title, p.values.get(status), p.values.get(due)) for p in site.rows(home)}
    held = {ref: (k.item.title, _raw(k.item, "lifecycle"), k.item.due_on) for ref, k in roadmap.present().items()}
    assert held == truth
    assert {k.presence for k in roadmap.all().values()} >= {Presence.PRESENT, Presence.DELETED, Presence.MOVED_OUT}
    roadmap.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_salesforce_that_never_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setenv("TEST_TOKEN", "demo-sales-secret")
    chance = random.Random(seed)
    org = Org(tmp_path, batch=9, scope="{object: Opportunity, where: \"Type != 'Small'\"}")
    site, omar = org.site, org.omar
    for n in range(40):
        org.deal(f"Deal {n}", Type="Big", Confidence__c=float(1 + n % 10))

    def step() -> None:
        rows = site.tables["Opportunity"].rows.values()
        deal: Record = chance.choice([r for r in rows if not r.commits[-1][1]["IsDeleted"]])
        match chance.randrange(8):
            case 0:  # committed later than its stamp tells
                at = datetime.now(UTC) - timedelta(minutes=chance.randrange(5))
                values = {"StageName": "Open", "CloseDate": date(2027, 2, 1), "OwnerId": omar.id, "Type": "Big"}
                site.create("Opportunity", omar, at=at, Name=f"N{chance.random():.6f}", **values)
            case 1 if chance.random() < 0.5:
                site.delete(deal)
            case 2 if chance.random() < 0.3:
                site.purge(deal)
            case 3:
                site.edit(deal, omar, Type=chance.choice(("Big", "Small")))
            case _:
                stage = chance.choice(("Open", "Active", "Verloren"))
                site.edit(deal, omar, StageName=stage, Confidence__c=float(chance.randrange(1, 11)))

    live(org, org.server.faults, chance, step, "/query")
    rows = [r for r in site.rows("Opportunity") if r.get("Type") != "Small"]
    truth = {r["Id"]: (r["Name"], r["StageName"], r.get("Confidence__c")) for r in rows}
    held = {
        ref: (k.item.title, _raw(k.item, "lifecycle"), _number(_raw(k.item, "confidence")))
        for ref, k in org.present().items()
    }
    assert held == truth
    org.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_sheet_that_never_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setenv("TEST_TOKEN", "demo-google-token")
    chance = random.Random(seed)
    sheet = Sheet(tmp_path, [HEADER, *[row(f"Row {n}", "#00ff00") for n in range(30)]])
    rows = sheet.tab.rows

    def step() -> None:
        n = chance.randrange(1, len(rows))
        match chance.randrange(7):
            case 0:
                fresh = dict(zip(HEADER, row(f"New {chance.random():.6f}", "#ff9900"), strict=True))
                rows.insert(n, [as_cell(fresh[str(c.value)]) for c in rows[0]])
            case 1 if len(rows) > 5:
                rows.pop(n)
            case 2:
                body = rows[1:]
                chance.shuffle(body)
                rows[1:] = body
            case 3:
                a, b = chance.sample(range(len(HEADER)), 2)
                for cells in rows:
                    cells[a], cells[b] = cells[b], cells[a]
            case _:
                at = [c.value for c in rows[0]].index("Status")
                rows[n][at] = as_cell(chance.choice(("Doing", "Done")))
        sheet.site.touch(sheet.book)

    live(sheet, sheet.server.faults, chance, step, "/spreadsheets/")
    names = [c.value for c in rows[0]]
    key, status, rag = names.index("Campaign"), names.index("Status"), names.index("RAG")
    truth = {str(c[key].value): (c[status].value, c[rag].colour) for c in rows[1:]}
    held = {k.item.title: (_raw(k.item, "lifecycle"), _raw(k.item, "health")) for k in sheet.present().values()}
    assert held == truth
    sheet.close()


def _raw(item: Any, field: str) -> str | None:
    word = item.word(field)
    return word.raw if word and word.raw else None


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
