"""What somebody who signed in may do and see: worked out at each request, so that a change of the files counts at once."""

from __future__ import annotations

import msgspec

from api.deps import NoAccess, SignInRefused
from ledger.sessions import Identity
from sync.configuration import Configuration
from sync.configuration.models import PersonEntry
from sync.configuration.sign_in import SignIn


class Rights(msgspec.Struct, frozen=True):
    """`departments` None: every department's confidential rows. `person`: a key of people.yaml, "" for who is not in it."""

    scopes: tuple[str, ...]
    departments: tuple[str, ...] | None
    person: str


def rights_of(identity: Identity, configuration: Configuration) -> Rights:
    """The rights of an identity under the configuration in force.

    Raises:
        NoAccess: another issuer's, or there is no signing in any more.
        SignInRefused: there is nobody with this address, or nobody any more.
    """
    settings = configuration.organisation.sign_in
    if settings is None or settings.issuer != identity.issuer:
        raise NoAccess("whoever signed in then signs in elsewhere now: sign in anew")
    person = _person(identity.email, configuration)
    if person is None and settings.unknown_people == "refuse":
        raise SignInRefused(
            f"people.yaml has nobody with the address {identity.email}: whoever keeps that file can add it"
        )
    if person is not None and not (person.active and person.kind == "human"):
        raise SignInRefused(
            f"people.yaml says that {person.name} is not active, or no human: whoever keeps it can change that"
        )
    roles = _roles(identity, person, settings)
    scopes = ("read", *(["decide"] if person else []), *(["odata"] if "coo" in roles else []))
    if "admin" in roles:
        scopes += ("sync", "admin")
    departments = None if "coo" in roles else _departments(identity, person, configuration)
    return Rights(scopes, departments, person.key if person else "")


def _person(email: str, configuration: Configuration) -> PersonEntry | None:
    """Exact, whatever the case: no two people of the file have one address."""
    asked = email.casefold()
    return next((p for p in configuration.people if asked in (e.casefold() for e in p.emails)), None)


def _roles(identity: Identity, person: PersonEntry | None, settings: SignIn) -> set[str]:
    if identity.roles is not None:
        return {role for role, words in settings.roles.items() if not {*words}.isdisjoint(identity.roles)}
    return {*person.roles} if person else set()


def _departments(identity: Identity, person: PersonEntry | None, configuration: Configuration) -> tuple[str, ...]:
    """One's own department, by key or name, and those that one heads. A department that the provider tells and nobody knows is none."""
    told = identity.department if identity.department is not None else person and person.department
    own = {told.casefold()} if told else set()
    return tuple(
        d.department
        for d in configuration.departments
        if own & {d.department, d.name.casefold()} or (person is not None and d.head == person.key)
    )
