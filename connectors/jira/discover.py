"""The projects that a credential sees, the site's fields and statuses, and people: for `sightline discover`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.contract import AccessDenied, Discovery, Place, SeenField, SeenPerson, StatusValue
from connectors.jira.errors import Refused
from connectors.plain import clean

if TYPE_CHECKING:
    from connectors.jira.client import JiraConnector

PEOPLE = 1000
PAGE = 50


def discover(jira: JiraConnector) -> Discovery:
    """Fields and statuses are the site's: every project has the same list."""
    statuses = jira.metadata().statuses or ()
    words = tuple(StatusValue("", s.id, s.name, s.category) for s in statuses)
    fields = tuple(
        SeenField(clean(str(f.get("name"))), str(f.get("id")), _kind(f), words if f.get("id") == "status" else ())
        for f in jira.field_list()
    )
    projects = [p for p in jira.roster() or () if not p.get("archived")]
    notes = [] if projects else ["no project is visible: give the account Browse Projects"]
    people: list[SeenPerson] = []
    try:
        people = _people(jira)
    except (Refused, AccessDenied):
        notes.append("people are not listed to this credential: those who own something are known after the first sync")
    places = tuple(
        Place(
            "project",
            clean(f"{p.get('key')} {p.get('name') or ''}").strip(),
            {"jql": f"project = {_quoted(p)}"},
            fields,
        )
        for p in projects
    )
    return Discovery(places, tuple(people), tuple(notes))


def _quoted(project: dict[str, Any]) -> str:
    """A key that is a reserved word of JQL must be quoted; quoting never harms."""
    return '"' + clean(str(project.get("key"))).replace('"', "") + '"'


def _kind(entry: dict[str, Any]) -> str:
    schema = entry.get("schema")
    return clean(str(schema.get("type") or "")) if isinstance(schema, dict) else ""


def _people(jira: JiraConnector) -> list[SeenPerson]:
    found: dict[str, SeenPerson] = {}
    path, params = ("users/search", {}) if jira.cloud else ("user/search", {"username": "."})
    for start in range(0, PEOPLE, PAGE):
        page = jira.ask(path, {**params, "startAt": start, "maxResults": PAGE})
        for user in page if isinstance(page, list) else []:
            ref = user.get("accountId") or user.get("name") if isinstance(user, dict) else None
            if isinstance(ref, str) and user.get("accountType", "atlassian") == "atlassian":
                email = user.get("emailAddress")
                name = clean(str(user.get("displayName") or ref))
                found[ref] = SeenPerson(ref, name, email or None, user.get("active") is not False)
        if not isinstance(page, list) or len(page) < PAGE:
            break
    return list(found.values())
