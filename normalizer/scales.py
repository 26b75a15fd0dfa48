"""The built-in scales: what the words of common scales mean (domain.md, 5). Departments lay their own over them."""

from __future__ import annotations

import unicodedata
from typing import Any

ON, RISK, OFF = {"health": "on_track"}, {"health": "at_risk"}, {"health": "off_track"}
DONE = {"lifecycle": "done", "health": "not_applicable"}
NOTHING: dict[str, Any] = {"lifecycle": "unknown", "health": "unknown"}

RAG: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("green", "g", "🟢"), ON),
    **dict.fromkeys(("amber", "yellow", "a", "y", "🟡", "🟠"), RISK),
    **dict.fromkeys(("red", "r", "🔴"), OFF),
    **dict.fromkeys(("blue", "complete", "🔵"), DONE),
    **dict.fromkeys(("grey", "gray", "n/a", "tbd", "-", "⚪"), NOTHING),
}
WORDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("on track", "on_track"), ON),
    "at risk": {"lifecycle": "in_progress", "health": "at_risk"},
    "at_risk": {"lifecycle": "in_progress", "health": "at_risk"},
    **dict.fromkeys(("off track", "off_track"), OFF),
    "shipped": DONE,
    "in flight": {"lifecycle": "in_progress", "health": "unknown"},
    **dict.fromkeys(("n/a", "tbd"), NOTHING),
}
NAMED: dict[str, dict[str, dict[str, Any]]] = {"rag": RAG, "words": WORDS}

BANDS: dict[str, tuple[float, float, float, float]] = {
    # lowest, highest, on_track from, at_risk from: on the raw scale
    "confidence_1_10": (1, 10, 7, 4),
    "percent": (0, 100, 70, 40),
    "confidence_0_1": (0, 1, 0.7, 0.4),
}
BAND_NAMES = {"1-10": "confidence_1_10", "0-1": "confidence_0_1", "%": "percent"}

CATEGORY = {"new": "not_started", "indeterminate": "in_progress", "done": "done", "cancelled": "cancelled"}
"""The trackers' own hints: Jira's status categories, Notion's groups, Salesforce's stage flags. Whatever else says nothing."""

CANCELLING = frozenset({
    "won't do", "won't fix", "wont do", "wont fix", "cancelled", "canceled", "declined", "duplicate",
    "cannot reproduce", "obsolete",
})  # fmt: skip
"""Resolutions that turn a done category into cancelled."""


def folded(word: str) -> str:
    """A word as it is compared: NFKC, trimmed, spaces collapsed, case and typographic apostrophes folded."""
    return " ".join(unicodedata.normalize("NFKC", word).replace("’", "'").casefold().split())
