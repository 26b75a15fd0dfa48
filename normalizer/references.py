"""Finds records of any tracker named in a text: a Jira key, an address, a Salesforce id, a Notion id."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

# Ours alone: no pattern here comes from a user, and none can backtrack over the same characters twice.
URL = re.compile(r"https?://[^\s<>\"'|\])]+")
JIRA_KEY = re.compile(r"(?<![A-Za-z0-9_/-])([A-Z][A-Z0-9_]{1,20}-[1-9][0-9]{0,8})(?![A-Za-z0-9_-])")
SALESFORCE_ID = re.compile(r"(?<![A-Za-z0-9])([a-zA-Z0-9]{15}(?:[A-Z0-5]{3})?)(?![A-Za-z0-9])")
NOTION_ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?![0-9a-f])")
KEY_PART = re.compile(r"[A-Z][A-Z0-9_]{1,20}-[1-9][0-9]{0,8}")
NOTION_HOSTS = ("notion.so", "notion.site", "notion.com")
SALESFORCE_HOSTS = ("salesforce.com", "force.com")
SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def references(text: str, *, apart_from: str = "") -> list[tuple[str, str | None]]:
    """What a text names, in order, each once: (target, the key or id that an address leads to)."""
    found: dict[str, str | None] = {}
    for url in URL.findall(text):
        url = url.rstrip(".,;:!?")
        found[url] = within(url)
    told = {alias for alias in found.values() if alias}
    rest = URL.sub(" ", text)
    names = JIRA_KEY.findall(rest)
    names += [whole(c) for c in SALESFORCE_ID.findall(rest) if _mixed(c) and not NOTION_ID.fullmatch(c)]
    names += [c.replace("-", "") for c in NOTION_ID.findall(rest)]
    found |= dict.fromkeys((n for n in names if n not in told), None)
    if not found and text.strip() and len(text) <= 120 and "\n" not in text.strip():
        found[text.strip()] = None  # the whole text may be a row's key in a sheet; kept and listed if it is not
    return [(target, alias) for target, alias in found.items() if apart_from not in (target, alias)]


def within(url: str) -> str | None:
    """The record that an address leads to, as its tracker names it: a Jira key, a Notion id, a Salesforce id."""
    try:
        parts = urlsplit(url)
        host, query = (parts.hostname or "").casefold(), parse_qs(parts.query)
    except ValueError:
        return None
    if host.endswith(NOTION_HOSTS):
        ids = [*query.get("p", ()), *_tail(parts.path)]  # ?p= is the page that is open above the one in the path
        return ids[0].replace("-", "") if ids and NOTION_ID.fullmatch(ids[0]) else None
    if host.endswith(SALESFORCE_HOSTS):
        ids = [p for p in parts.path.split("/") if SALESFORCE_ID.fullmatch(p) and _mixed(p)]
        return whole(ids[-1]) if ids else None
    chosen = [*query.get("selectedIssue", ()), *reversed(parts.path.split("/"))]
    return next((p for p in chosen if KEY_PART.fullmatch(p)), None)


def _tail(path: str) -> list[str]:
    """The id at the end of a page's address: .../Launch-checklist-1f5b... or with its own hyphens."""
    last = path.rstrip("/").rsplit("/", 1)[-1]
    bare = re.sub(r"[^0-9a-f]", "", last[-36:].replace("-", "")) if len(last) >= 32 else ""
    return [bare[-32:]] if len(bare) >= 32 else []


def whole(ref: str) -> str:
    """A Salesforce id with its 18 characters: the last three tell the case of the first fifteen."""
    if len(ref) != 15:
        return ref
    parts = (ref[n : n + 5] for n in (0, 5, 10))
    return ref + "".join(SUFFIX[sum(1 << n for n, c in enumerate(part) if c.isupper())] for part in parts)


def _mixed(text: str) -> bool:
    """15 or 18 letters and digits are an id only if they mix: words and numbers of that length are no ids."""
    return any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
