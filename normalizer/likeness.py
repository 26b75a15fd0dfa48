"""Which person a tracker's user may be, for somebody to confirm. Likeness of names suggests and never links."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rapidfuzz import fuzz, process

from normalizer.people import Person

ALIKE = 88
"""Of 100: below this two names are not proposed as one person."""
MARGIN = 5
"""By how much the likeliest must lead: two who are alike are nobody's suggestion."""


def likely(name: str, people: Sequence[Person]) -> tuple[Person, int] | None:
    """The one person whose name or alias is like this one, with the likeness (0-100); None where nobody or several are."""
    best: dict[str, tuple[Person, float]] = {}
    for person in people:
        names = [_plain(n) for n in (person.name, *person.aliases)]
        found = process.extractOne(_plain(name), names, scorer=fuzz.token_sort_ratio, score_cutoff=ALIKE)
        if found is not None:
            best[person.key] = (person, found[1])
    ranked = sorted(best.values(), key=lambda b: -b[1])
    if not ranked or (len(ranked) > 1 and ranked[0][1] - ranked[1][1] < MARGIN):
        return None
    return ranked[0][0], round(ranked[0][1])


def _plain(name: str) -> str:
    """Without accents, commas and case: "Vogel, Léa" is "lea vogel" to token_sort_ratio."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join(bare.replace(",", " ").casefold().split())
