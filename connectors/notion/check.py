"""What `sightline doctor` asks a Notion: credential, rights, properties, status groups, filter and clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.contract import Finding, SourceError
from connectors.findings import asked, clock
from connectors.notion.pull import Puller
from connectors.plain import text_or_none

if TYPE_CHECKING:
    from connectors.notion.client import NotionConnector


def examine(notion: NotionConnector) -> Sequence[Finding]:
    """Each check in one sentence. Never raises."""
    return asked(notion, CHECKS)


def _credential(notion: NotionConnector) -> str:
    who = notion.ask("users/me")
    bot = who.get("bot")
    workspace = text_or_none(bot.get("workspace_name")) if isinstance(bot, dict) else None
    name = text_or_none(who.get("name")) or "a connection without a name"
    return f"signed in as {name}{f' of {workspace}' if workspace else ''}, API version {notion.connection.version}"


def _rights(notion: NotionConnector) -> str:
    notion.metadata()
    shown = [f"'{s.name}'" for b in notion.source.bindings for s in notion.readable(b)]
    return f"{len(shown)} data sources are shared with the connection: {', '.join(dict.fromkeys(shown))}"


def _fields(notion: NotionConnector) -> str:
    drift = [d for b in notion.source.bindings for d in notion.resolved(b).drift]
    if drift:
        raise SourceError("; ".join(str(d) for d in drift))
    return "every mapped property exists"


def _groups(notion: NotionConnector) -> str:
    """A status property whose options all lie in one group: made through the API, they all land in To-do."""
    shapes = [s.shape for b in notion.source.bindings for s in notion.resolved(b).sources]
    roles = [(shape, role, found) for shape in shapes for role, found in shape.roles.items()]
    untold = [found.name for _, _, found in roles if found.type == "status" and found.options and not found.categories]
    if untold:
        raise SourceError(
            f"the groups of {', '.join(dict.fromkeys(untold))} tell nothing: all options lie in To-do",
            hint="sort them into groups in Notion, or translate each under scales.lifecycle",
        )
    if any(found.type in ("select", "multi_select") for _, role, found in roles if role == "lifecycle"):
        return "a select has no groups: every option needs its line under scales.lifecycle"
    return "the groups of the status properties tell what is done"


def _scope(notion: NotionConnector) -> str:
    for binding in notion.source.bindings:
        Puller(notion, binding).try_scope()
    return f"{len(notion.source.bindings)} scopes are understood"


def _clock(notion: NotionConnector) -> str:
    return clock(notion.wire)


def _limits(notion: NotionConnector) -> str:
    policy = notion.wire.policy
    return f"Notion tells none; ours: {policy.rate:g} requests/s, budget {policy.budget or 'not limited'} per run"


CHECKS = {
    "credential": _credential, "rights": _rights, "fields": _fields, "status groups": _groups, "scope": _scope,
    "clock": _clock, "rate budget": _limits,
}  # fmt: skip
