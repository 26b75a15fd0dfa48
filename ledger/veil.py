"""What one reader may see. Headlines and counts are everybody's; the rows of a confidential binding are its own department's."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

Bound = tuple[str, str]
"""A source and a binding of it."""
NOBODY = "confidential: no department's file describes it any more"


@dataclass(frozen=True, slots=True)
class Veil:
    """Stands between a reader and the rows. Bindings are allowed, never forbidden: what no file describes any more stays hidden."""

    shown: frozenset[Bound] | None = None
    """None: everything, as for whoever holds the database."""
    asks: Mapping[Bound, str] = field(default_factory=dict)
    """Of hidden bindings: the sentence that stands in the place of a detail."""
    watched: frozenset[Bound] = frozenset()
    """Confidential bindings that this reader may see: reading them is noted in `met`."""
    met: set[Bound] = field(default_factory=set)

    @property
    def lifted(self) -> bool:
        """Whether nothing is hidden and nothing noted."""
        return self.shown is None and not self.watched

    @property
    def sight(self) -> Hashable:
        """The same for readers who see the same: what is kept for one may be given to the other."""
        return self.shown, frozenset(self.asks.items())

    def note_all(self) -> None:
        """An answer is made of everything: every confidential binding that this reader may see counts as read."""
        self.met.update(self.watched)

    def ask(self, source: str, binding: str) -> str:
        """Whom to ask about a binding's rows; "" where this reader may see them, which is noted where they are confidential."""
        if self.shown is not None and (source, binding) not in self.shown:
            return self.asks.get((source, binding), NOBODY)
        if (source, binding) in self.watched:
            self.met.add((source, binding))
        return ""

    def ask_source(self, source: str) -> str:
        """Whom to ask about what a source says of itself, such as its words and its errors; "" where no binding of it is hidden."""
        if self.shown is None:
            return ""
        told = next((sentence for (key, _), sentence in self.asks.items() if key == source), "")
        return told or ("" if any(key == source for key, _ in self.shown) else NOBODY)
