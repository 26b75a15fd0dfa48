"""Who a tracker's user is: by declared identity, e-mail or declared alias. Never by likeness of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from connectors.contract import Said
from normalizer.scales import folded


@dataclass(frozen=True, slots=True)
class Person:
    """One entry of people.yaml."""

    key: str
    name: str
    kind: str = "human"
    emails: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)
    """Source key to the user's id there."""


def fingerprint(people: Iterable[Person]) -> str:
    """Changes when somebody is known by another key, name, e-mail, alias or identity."""
    known = sorted((p.key, p.name, sorted(p.emails), sorted(p.aliases), sorted(p.identities.items())) for p in people)
    return blake2b(repr(known).encode(), digest_size=6).hexdigest()


class People:
    """Finds the person behind what a tracker said."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        self._by_identity: dict[tuple[str, str], Person] = {}
        self._by_email: dict[str, Person] = {}
        self._by_alias: dict[str, Person] = {}
        for person in people:
            self._by_identity |= dict.fromkeys(person.identities.items(), person)
            self._by_email |= {folded(email): person for email in person.emails}
            self._by_alias |= {folded(alias): person for alias in (person.name, *person.aliases)}

    def find(self, source: str, said: Said) -> tuple[Person, str] | None:
        """The person and how it was told ("identity", "e-mail", "alias"), or None."""
        if said.id and (person := self._by_identity.get((source, said.id))):
            return person, "identity"
        for text in (said.email, said.value if isinstance(said.value, str) else None):
            if text and (person := self._by_email.get(folded(text))):
                return person, "e-mail"
        if isinstance(said.value, str) and (person := self._by_alias.get(folded(said.value))):
            return person, "alias"
        return None
