"""What `sightline doctor` asks a Jira: credential, rights, fields, link types, JQL and clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.contract import Finding, SourceError
from connectors.findings import asked, clock
from connectors.jira.pull import Puller

if TYPE_CHECKING:
    from connectors.jira.client import JiraConnector


def examine(jira: JiraConnector) -> Sequence[Finding]:
    """Each check in one sentence. Never raises."""
    return asked(jira, CHECKS)


def _credential(jira: JiraConnector) -> str:
    who = jira.ask("myself")
    return (
        f"signed in as {who.get('displayName')} ({who.get('timeZone')}) on {'Cloud' if jira.cloud else 'Data Center'}"
    )


def _rights(jira: JiraConnector) -> str:
    roster = jira.roster()
    if not roster:
        raise SourceError("no project is visible", hint="give the account 'Browse projects' on the projects to be read")
    return f"{len(roster)} projects are visible"


def _fields(jira: JiraConnector) -> str:
    drift = jira.metadata().drift
    if drift:
        raise SourceError("; ".join(str(d) for d in drift))
    return "every mapped field exists"


def _links(jira: JiraConnector) -> str:
    answer = jira.ask("issueLinkType")
    known = {str(t.get(k)) for t in answer.get("issueLinkTypes") or [] for k in ("name", "id")}
    if missing := [name for name in jira.connection.blocking_links if name not in known]:
        raise SourceError(f"no link type is called {', '.join(missing)}", hint=f"known are {', '.join(sorted(known))}")
    return f"blocking links are {', '.join(jira.connection.blocking_links)}"


def _scope(jira: JiraConnector) -> str:
    for binding in jira.source.bindings:
        Puller(jira, binding).try_scope()
    return f"{len(jira.source.bindings)} JQL scopes are understood"


def _clock(jira: JiraConnector) -> str:
    return clock(jira.wire)


def _limits(jira: JiraConnector) -> str:
    told = {k: v for k, v in jira.wire.headers.items() if "ratelimit" in k.replace("-", "")}
    known = ", ".join(f"{k} {v}" for k, v in sorted(told.items())) or "the site tells none"
    budget = jira.wire.policy.budget
    return f"{known}; ours: {jira.wire.policy.rate:g} requests/s, budget {budget or 'not limited'} per run"


CHECKS = {
    "credential": _credential, "rights": _rights, "fields": _fields, "link types": _links, "scope": _scope, "clock": _clock,
    "rate budget": _limits,
}  # fmt: skip
