"""The demo company's story as of a day: four departments want to "Expand into three new enterprise verticals".

Product adaptation (Engineering, Jira Cloud) goes well except where it waits for Legal; the legal entities (Jira Data Center,
German words) are about six weeks late. Deterministic for a day.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from demo.jira_site import Issue, JiraSite, Status, User

VERTICALS = ("Healthcare", "Public sector", "Energy")
RAG, DEPENDS, POINTS, FLAGGED, START, AMPEL = (
    "customfield_10031", "customfield_10040", "customfield_10016", "customfield_10021", "customfield_10015", "customfield_11001",
)  # fmt: skip
GREENHOPPER = "com.pyxis.greenhopper.jira:"
TYPES = "com.atlassian.jira.plugin.system.customfieldtypes:"
ADAPTATIONS = (
    "Audit trail for regulated customers", "Role model per tenant", "Data residency in the EU", "Single sign-on with SAML",
    "Retention rules", "Import of legacy records", "Field-level encryption", "Offline mode for site visits",
    "Accessibility to EN 301 549", "Reporting pack", "Sandbox for procurement", "Contract metadata",
)  # fmt: skip
ENTITIES = (
    "Gesellschaftsvertrag", "Eintragung ins Handelsregister", "Steuernummer", "Bankkonto", "Datenschutzbeauftragter",
)  # fmt: skip


def engineering(site: JiraSite, today: date) -> None:
    """Fills a Jira Cloud: product adaptation for three verticals, about forty issues with ten weeks of history."""
    chance = random.Random(2)
    to_do = site.status("10000", "To Do", "new")
    doing = site.status("3", "In Progress", "indeterminate")
    review = site.status("10010", "In Review", "indeterminate")
    parked = site.status("10020", "Parked", "undefined")
    site.status("10030", "Needs Vendor", "undefined")
    done = site.status("10001", "Done", "done")
    mia = site.user("5b10a0effa615349cb016cd8", "Mia Wong", "mia.wong@northwind.example")
    tom = site.user("5b10ac8d82e05b22cc7d4ef5", "Tom Brandt", "tom.brandt@northwind.example")
    aisha = site.user("5b10a2844c20165700ede21g", "Aisha Khan")
    robot = site.user("557058:f58131cb-b67d-43c7-b30d-6b58d40bd077", "Release Robot", kind="app")
    site.custom_field(RAG, "RAG", "option", TYPES + "select")
    site.custom_field(DEPENDS, "Depends on", "string", TYPES + "textfield")
    site.custom_field(POINTS, "Story point estimate", "number", GREENHOPPER + "jsw-story-points")
    site.custom_field(FLAGGED, "Flagged", "array", TYPES + "multicheckboxes")
    site.custom_field(START, "Start date", "date", TYPES + "datepicker")
    project = site.project("ENG", "Product adaptation")
    begin = today - timedelta(weeks=10)
    for number, (title, vertical) in enumerate((t, v) for v in VERTICALS for t in ADAPTATIONS):
        owner = (mia, tom, aisha)[number % 3]
        created = instant(begin + timedelta(days=number % 10), 9)
        due = begin + timedelta(days=21 + number * 2)
        issue = site.create(
            project,
            f"{title} ({vertical})",
            to_do,
            at=created,
            due=due,
            fields={POINTS: float(chance.choice((2, 3, 5, 8)))},
        )
        site.edit(issue, mia, at=created + timedelta(hours=2), assignee=owner)
        _work(site, issue, owner, robot, today, (doing, review, done), chance)
    _colours(site, (mia, tom, aisha), today)
    issues = list(site.issues.values())
    late = issues[24]
    site.edit(issues[-1], mia, at=instant(today - timedelta(days=9), 10), status=parked)
    for issue, need in ((late, "needs LEGAL-2"), (issues[25], "waits for LEGAL-7"), (issues[30], "LEGAL-4 and ENG-20")):
        site.edit(issue, tom, at=instant(today - timedelta(days=20), 11), **{DEPENDS: need})
    site.edit(issues[26], aisha, at=instant(today - timedelta(days=6), 15), **{FLAGGED: "Impediment"})
    cancelled = issues[13]
    site.edit(cancelled, mia, at=instant(today - timedelta(days=12), 16), status=done, resolution="Won't Do")


def _work(
    site: JiraSite, issue: Issue, owner: User, robot: User, today: date, steps: Sequence[Status], chance: random.Random
) -> None:
    """Walks an issue through its workflow about as its due date asks, by day."""
    assert issue.due is not None  # every issue of the story has one
    doing, review, done = steps
    for status, before in ((doing, 14), (review, 4), (done, 0)):
        on = issue.due - timedelta(days=before) + timedelta(days=chance.choice((-2, -1, 0, 0, 1)))
        if on <= today - timedelta(days=1) and on > issue.created.date():
            site.edit(
                issue, robot if status is review else owner, at=instant(on, 8 + chance.randrange(9)), status=status
            )
            if status is done:
                site.edit(issue, owner, at=instant(on, 17), resolution="Done")


def _colours(site: JiraSite, people: Sequence[User], today: date) -> None:
    """Every open issue says how it is going; two do not."""
    open_issues = [i for i in site.issues.values() if i.status.category != "done"]
    for n, issue in enumerate(open_issues):
        colour = "Red" if n == 3 else "Amber" if n % 6 == 2 else "Green"
        if n not in (7, 11):
            site.edit(issue, people[n % 3], at=instant(today - timedelta(days=1 + n % 5), 14), **{RAG: colour})


def legal(site: JiraSite, today: date) -> None:
    """Fills a Jira Data Center: three legal entities, German words, about six weeks late."""
    open_ = site.status("1", "Offen", "new")
    doing = site.status("3", "In Arbeit", "indeterminate")
    waiting = site.status("10100", "Warten auf Behörde", "undefined")
    site.status("10101", "Ruht", "undefined")
    done = site.status("6", "Erledigt", "done")
    jonas = site.user("jkeller", "Jonas Keller", "jonas.keller@northwind.example")
    lea = site.user("lvogel", "Vogel, Lea")
    site.custom_field(AMPEL, "Ampel", "option", TYPES + "select")
    project = site.project("LEGAL", "Gesellschaftsgründungen")
    for number, (title, vertical) in enumerate((t, v) for v in VERTICALS for t in ENTITIES):
        created = instant(today - timedelta(weeks=11), 9 + number % 8)
        due = today - timedelta(days=42) + timedelta(days=(number % 5) * 7)
        issue = site.create(
            project,
            f"{title}: {vertical}",
            open_,
            at=created,
            due=due,
            assignee=(jonas, lea)[number % 2],
            type="Aufgabe",
        )
        if number % 5 < 3:
            site.edit(issue, lea, at=instant(today - timedelta(weeks=8, days=number % 4), 10), status=doing)
        if number % 5 == 1:
            site.edit(issue, jonas, at=instant(today - timedelta(weeks=6), 11), status=waiting)
        if number % 5 == 0:
            site.edit(issue, lea, at=instant(today - timedelta(weeks=5), 12), status=done, resolution="Done")
        else:
            colour = "Rot" if number == 1 else "Gelb" if number % 5 == 1 else "Grün"
            site.edit(issue, jonas, at=instant(today - timedelta(days=4), 9), **{AMPEL: colour})
    register, tax = list(site.issues.values())[1:3]
    site.link(register, tax)


def instant(on: date, hour: int) -> datetime:
    """A working hour of a day, in UTC."""
    return datetime.combine(on, time(hour, 7), UTC)
