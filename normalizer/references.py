"""Finds records of any tracker named in a text: a Jira key, a URL, a Salesforce id, a Notion id."""

from __future__ import annotations

import re

# Ours alone: no pattern here comes from a user, and none can backtrack over the same characters twice.
URL = re.compile(r"https?://[^\s<>\"'|\])]+")
JIRA_KEY = re.compile(r"(?<![A-Za-z0-9_/-])([A-Z][A-Z0-9_]{1,20}-[1-9][0-9]{0,8})(?![A-Za-z0-9_-])")
SALESFORCE_ID = re.compile(r"(?<![A-Za-z0-9])([a-zA-Z0-9]{15}(?:[A-Z0-5]{3})?)(?![A-Za-z0-9])")
NOTION_ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?![0-9a-f])")


def references(text: str, *, apart_from: str = "") -> list[str]:
    """What a text names, in order, each once: targets for ItemLink.target. A key inside a URL counts as its key."""
    found: dict[str, None] = {}
    for url in URL.findall(text):
        url = url.rstrip(".,;:!?")
        key = JIRA_KEY.search(url.rsplit("/", 1)[-1]) if "/browse/" in url else None
        found[key.group(1) if key else url] = None
    rest = URL.sub(" ", text)
    for key in JIRA_KEY.findall(rest):
        found[key] = None
    for candidate in SALESFORCE_ID.findall(rest):
        # 15 or 18 letters and digits are an id only if they mix: words and numbers of that length are no ids.
        if (
            any(c.isdigit() for c in candidate)
            and any(c.isalpha() for c in candidate)
            and not NOTION_ID.fullmatch(candidate)
        ):
            found[candidate] = None
    for candidate in NOTION_ID.findall(rest):
        found[candidate.replace("-", "")] = None
    if not found and text.strip() and len(text) <= 120 and "\n" not in text.strip():
        found[text.strip()] = None  # the whole text may be a row's key in a sheet; kept and listed if it is not
    found.pop(apart_from, None)
    return list(found)
