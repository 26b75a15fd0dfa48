"""Whole changelogs of issues: in bulk on Cloud, one by one where a site has no bulk, from the issue on Data Center."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectors.contract import Change, SourceUnavailable
from connectors.jira.errors import Refused
from connectors.jira.reader import Shape, changes

if TYPE_CHECKING:
    from connectors.jira.client import JiraConnector

AT_ONCE = 1000


def changelogs(client: JiraConnector, shape: Shape, refs: Sequence[str]) -> Mapping[str, tuple[Change, ...]]:
    """Every change of these issues, by issue id.

    Raises:
        SourceError: a changelog did not come whole.
    """
    found: dict[str, tuple[Change, ...]] = {}
    for start in range(0, len(refs), AT_ONCE):
        part = list(refs[start : start + AT_ONCE])
        try:
            logs = _bulk(client, part) if client.cloud else {ref: _one(client, ref) for ref in part}
        except Refused:
            logs = {ref: _one(client, ref) for ref in part}
        found |= {ref: changes(log, shape) for ref, log in logs.items()}
    return found


def _bulk(client: JiraConnector, refs: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {ref: [] for ref in refs}
    token: str | None = None
    seen: set[str] = set()
    while True:
        body = {"issueIdsOrKeys": refs, "maxResults": 10_000} | ({"nextPageToken": token} if token else {})
        page = client.ask("changelog/bulkfetch", body=body)
        if not isinstance(page, dict) or not isinstance(page.get("issueChangeLogs"), list):
            raise SourceUnavailable(f"{client.source.key}: Jira sent no changelogs", source=client.source.key)
        for log in page["issueChangeLogs"]:
            if isinstance(log, dict):
                found.setdefault(str(log.get("issueId")), []).extend(log.get("changeHistories") or [])
        token = page.get("nextPageToken")
        if not token:
            return found
        if token in seen:
            sentence = f"{client.source.key} gives the same changelog page again and again"
            raise SourceUnavailable(sentence, source=client.source.key)
        seen.add(token)


def _one(client: JiraConnector, ref: str) -> list[Any]:
    """One issue's changelog: with the issue, and paged where that was cut off. Gone issues have none."""
    try:
        answer = client.ask(f"issue/{ref}", {"expand": "changelog", "fields": "status"})
        log = answer.get("changelog") if isinstance(answer, dict) else None
        log = log if isinstance(log, dict) else {}
        entries = list(log.get("histories") or [])
        if len(entries) < int(log.get("total") or 0):
            entries = list(client.paged(f"issue/{ref}/changelog", {}))
    except Refused as refused:
        if refused.status == 404:
            return []
        raise
    return entries
