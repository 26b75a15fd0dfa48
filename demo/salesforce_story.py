"""Sales' part of the demo company's story: first enterprise accounts in three new verticals, told once a month, 1 to 10.

Healthcare goes well, Energy hopes, and Public sector waits for its legal entity. Deterministic for a day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from demo.salesforce_site import FieldType, Record, SalesforceSite

CONFIDENCE, VERTICAL = "Confidence__c", "Vertical__c"
STAGES = (
    ("Qualification", False, False, 10.0, "Pipeline"), ("Needs Analysis", False, False, 20.0, "Pipeline"),
    ("Proposal", False, False, 65.0, "Best Case"), ("Negotiation", False, False, 80.0, "Commit"),
    ("Closed Won", True, True, 100.0, "Closed"), ("Closed Lost", True, False, 0.0, "Omitted"),
)  # fmt: skip
DEALS = {
    "Healthcare": (
        ("First hospital group", 4, 9, 120_000), ("Clinic chain pilot", 3, 8, 80_000), ("Regional laboratory network", 2, 7, 60_000),
        ("Care provider framework", 2, 8, 150_000), ("Sales playbook Healthcare", 1, 7, None), ("University hospital", 5, 1, 90_000),
    ),
    "Public sector": (
        ("First state ministry", 2, 4, 200_000), ("City administration pilot", 1, 3, 70_000), ("Procurement framework", 2, 2, 300_000),
        ("Federal agency", 0, 5, 180_000), ("Sales playbook Public sector", 1, 6, None), ("County roll-out", 0, 4, 50_000),
    ),
    "Energy": (
        ("First grid operator", 3, 7, 220_000), ("Wind park operator", 2, 6, 110_000), ("Municipal utility pilot", 4, 10, 95_000),
        ("Storage start-up", 1, 5, 40_000), ("Sales playbook Energy", 1, 8, None), ("Heating network", 0, 6, 65_000),
    ),
}  # fmt: skip
"""Vertical to (name, stage reached, confidence 1-10, amount)."""
NEXT = {
    "First state ministry": "Contract needs LEGAL-7: no entity, no signature",
    "Procurement framework": "waits for LEGAL-7",
    "First grid operator": "Reference call, then price",
    "Care provider framework": "Demo of ENG-3 on site",
}


def sales(site: SalesforceSite, today: date) -> None:
    """Fills an org: eighteen deals with ten weeks of history, judged a week after the month began."""
    for name, closed, won, probability, forecast in STAGES:
        site.stage(name, closed=closed, won=won, probability=probability, forecast=forecast)
    site.custom_field("Opportunity", FieldType(CONFIDENCE, "Confidence (1-10)", "double"), tracked=True)
    site.custom_field("Opportunity", FieldType(VERTICAL, "Vertical", "picklist"))
    people = (
        site.user("Omar Reyes", "omar.reyes@northwind.example"),
        site.user("Grace Lindqvist", "grace.lindqvist@northwind.example"),
        site.user("Pavel Novak"),
    )
    deals = [(vertical, deal) for vertical, some in DEALS.items() for deal in some]
    for number, (vertical, (name, reached, confidence, amount)) in enumerate(deals):
        owner = people[number % 3]
        created = _at(today - timedelta(weeks=10) + timedelta(days=number % 9), 9)
        close = (
            today + timedelta(days=14 + (number * 11) % 70) - timedelta(days=30 if vertical == "Public sector" else 0)
        )
        deal = site.create(
            "Opportunity", owner, at=created, Name=f"{name} ({vertical})" if vertical not in name else name,
            StageName="Qualification", CloseDate=close, Amount=amount, OwnerId=owner.id, NextStep=NEXT.get(name),
            Type="New Business", Vertical__c=vertical,
        )  # fmt: skip
        _walk(site, deal, owner, created, reached)
        judged = min(today - timedelta(days=1), today.replace(day=1) + timedelta(days=6))
        if number != 9:  # one deal has no judgement yet
            site.edit(deal, owner, at=_at(judged, 15), Confidence__c=float(confidence))


def _walk(site: SalesforceSite, deal: Record, owner: Record, created: datetime, reached: int) -> None:
    """Through the stages, about ten days each; a lost one goes straight there."""
    steps = [5] if reached == 5 else range(1, reached + 1)
    for n, step in enumerate(steps, 1):
        site.edit(deal, owner, at=created + timedelta(days=10 * n, hours=2), StageName=STAGES[step][0])


def _at(on: date, hour: int) -> datetime:
    """A working hour of a day, in UTC."""
    return datetime.combine(on, time(hour, 7), UTC)
