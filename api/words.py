"""The words of an answer, the same in the terminal and on the pages: shape and word of a colour, age, and what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ledger.model import Health
from signals.rollup import FEW, KNOWN

SHAPES = {
    "on_track": ("●", "on track"), "at_risk": ("▲", "at risk"), "off_track": ("■", "off track"), "unknown": ("○", "unknown"),
    "not_applicable": ("-", "n/a"), "done": ("✓", "done"), "cancelled": ("✗", "cancelled"), "paused": ("‖", "paused"),
    "not_started": ("·", "not started"),
}  # fmt: skip
"""Never colour alone: of each status its shape and its word."""
SEVERITIES = {"high": "■", "warn": "▲", "watch": "○"}
CONTROL = dict.fromkeys((*range(32), 127, *range(128, 160), *range(8234, 8239), *range(8294, 8298)))
"""Characters that steer a terminal, break a line or turn it around: none of a tracker's leaves this service as text for people."""
TAGS = {"derived_only": "nobody said anything; from behaviour", "reported_only": "unverified"}


class Told(Protocol):
    """What these words need of a node's status."""

    @property
    def reported(self) -> Health: ...
    @property
    def derived(self) -> Health: ...
    @property
    def watermelon(self) -> bool: ...
    @property
    def candid(self) -> bool: ...
    @property
    def assumed(self) -> bool: ...
    @property
    def ceiling(self) -> Health | None: ...
    @property
    def distribution(self) -> dict[str, int]: ...
    @property
    def coverage(self) -> float | None: ...


def plain(word: object) -> str:
    """off_track as people write it."""
    return str(word).replace("_", " ")


def age(seconds: float | None) -> str:
    """3 min old, 5 h old, 2 d old"""
    if seconds is None:
        return "never read"
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word} old"
    return f"{max(seconds, 0):.0f} s old"


def notes(n: Told) -> list[str]:
    """What is to be said beside a node's colours."""
    told = (
        ("said green and shows otherwise", n.watermelon),
        ("says worse than shows", n.candid),
        ("counts as green by declaration", n.assumed),
        ("whose words cannot say red", n.ceiling is not None),
    )
    return [note for note, holds in told if holds]


def counts(distribution: Mapping[str, int]) -> str:
    """2 on track, 1 off track; "" where there is nothing to count."""
    return ", ".join(f"{c} {plain(w)}" for w, c in distribution.items() if c)


def known(n: Told) -> str:
    """How much of what is below a node is known: of few a count, which a share would make look like more; "" where nothing is below."""
    if n.coverage is None:
        return ""
    told = sum(n.distribution.get(str(h), 0) for h in KNOWN)
    of = told + n.distribution.get("unknown", 0)
    return f"{told} of {of}" if of < FEW else f"{n.coverage:.0%}"
