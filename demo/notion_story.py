"""The Product team's part of the demo company's story: discovery, pricing and packaging for three new verticals.

They write "shipped", "in flight" and "at risk" into a select called State, and nothing else: no confidence, no colour that
could say red. Three pages wait for Engineering. Deterministic for a day.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

from demo.notion_site import DataSource, NotionSite
from demo.story import VERTICALS, instant

WORK = (
    "Customer discovery interviews", "Buying process and procurement rules", "Positioning and naming", "Pricing model",
    "Packaging and bundles", "Launch checklist", "Reference customer programme",
)  # fmt: skip
NEEDS = {
    ("Healthcare", "Launch checklist"): "needs ENG-12",
    ("Public sector", "Packaging and bundles"): "waits for ENG-20",
    ("Energy", "Pricing model"): "needs ENG-31",
}
AT_RISK = {
    ("Public sector", "Packaging and bundles"),
    ("Energy", "Pricing model"),
    ("Energy", "Customer discovery interviews"),
}


def product(site: NotionSite, today: date) -> DataSource:
    """Fills a Notion: 21 pages of product work for three verticals. The data source they are in."""
    chance = random.Random(3)
    nora = site.user("Nora Lind", "nora.lind@northwind.example")
    ben = site.user("Ben Okafor", "ben.okafor@northwind.example")
    eva = site.user("Eva Sommer")
    database = site.database("Product roadmap")
    home = site.data_source(database, "New verticals")
    begin = today - timedelta(weeks=10)
    site.property(home, "State", "select", ("in flight", "at risk", "shipped"))
    site.property(home, "Owner", "people")
    site.property(home, "Due", "date")
    site.property(home, "Needs", "rich_text")
    site.property(home, "Follows", "relation")
    site.property(home, "Vertical", "select", VERTICALS)
    site.property(home, "ID", "unique_id", prefix="PROD")
    for vertical in VERTICALS:
        before = None
        for step, work in enumerate(WORK):
            due = begin + timedelta(days=14 + step * 13 + chance.randrange(4))
            created = instant(begin + timedelta(days=step), 9)
            page = site.create(
                home,
                f"{work} ({vertical})",
                nora,
                at=created,
                Owner=[(nora, ben, eva)[step % 3]],
                Due=due,
                Vertical=vertical,
                Follows=[before.id] if before else [],
            )
            before = page
            state = _state(vertical, work, due, today)
            changed = min(due, today) - timedelta(days=1 + chance.randrange(5))
            if state is not None:
                site.edit(page, ben, at=instant(max(changed, created.date()), 14), State=state)
            if needs := NEEDS.get((vertical, work)):
                site.edit(page, nora, at=instant(max(changed, created.date()), 15), Needs=needs)
    return home


def _state(vertical: str, work: str, due: date, today: date) -> str | None:
    """What the team wrote by today; nothing for what lies far ahead."""
    if due <= today - timedelta(days=3) and (vertical, work) not in AT_RISK:
        return "shipped"
    if (vertical, work) in AT_RISK:
        return "at risk"
    return "in flight" if due <= today + timedelta(days=24) else None
