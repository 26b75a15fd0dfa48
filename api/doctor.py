"""What `sightline doctor` looks at, and what it says to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import msgspec
from fastapi_problem.error import StatusProblem

from api.door.oidc import LEEWAY, Provider
from connectors.contract import tracker
from ledger.engine import LedgerError
from ledger.store import Ledger
from ledger.text import brief
from normalizer.scales import folded
from sync.bound_plan import plan_at
from sync.configuration import BoundSource, Configuration


class Examined(msgspec.Struct, frozen=True):
    """One line: `says` is what was seen and, where not ok, what to do."""

    subject: str
    check: str
    ok: bool
    says: str


def examine(configuration: Configuration, database: str) -> list[Examined]:
    """Every source, the identity provider and the database. Asks them; never raises for what they answer."""
    found = []
    for bound in configuration.sources:
        with closing(tracker(bound.kind).connect(bound.source)) as connector:
            found += [Examined(bound.key, f.check, f.ok, f.says) for f in connector.check()]
    return [*found, *_sign_in(configuration), *_database(configuration, database), *channels(configuration)]


def _sign_in(configuration: Configuration) -> Iterator[Examined]:
    """Whether the identity provider is the one that is configured, and its clock ours."""
    settings = configuration.organisation.sign_in
    if settings is None:
        return
    provider = Provider(settings, lambda: datetime.now(UTC))
    try:
        keys = provider.keys()
    except StatusProblem as problem:
        yield Examined("sign-in", "provider", False, str(problem.detail))
        return
    yield Examined("sign-in", "provider", True, f"{settings.issuer} answers; {len(keys.keys)} keys sign for it")
    yield _clock(provider.server_time)


def _clock(server: datetime | None) -> Examined:
    """How far this machine's clock lies from the identity provider's."""
    if server is None:
        return Examined("sign-in", "clock", True, "the provider tells no time")
    skew = abs((datetime.now(UTC) - server).total_seconds())
    if skew > LEEWAY:
        says = f"this machine's clock and the provider's differ by {skew:.0f} s, and no token is good: set the clock by NTP"
        return Examined("sign-in", "clock", False, says)
    return Examined("sign-in", "clock", True, f"within {skew:.0f} s of the provider's")


def channels(configuration: Configuration) -> Iterator[Examined]:
    """Whether the digest's addresses mean something; nothing is sent."""
    for channel in configuration.organisation.digest.to if configuration.organisation.digest else []:
        import apprise  # takes a while, and is not needed by whoever sends nothing

        ok = bool(apprise.Apprise().add(channel.url.get_secret_value()))
        says = "the address can be sent to" if ok else "this is no address that apprise knows: see docs/digest.md"
        yield Examined(f"digest to {channel.name}", "address", ok, says)


def _database(configuration: Configuration, database: str) -> list[Examined]:
    try:
        with Ledger.open(database) as ledger:
            inbox = ledger.inbox()
            gone = [f for bound in configuration.sources for f in _gone(ledger, bound)]
            unread = plan_at(ledger, configuration, ledger.clock()).unread
    except LedgerError as error:
        return [Examined("database", "tables", False, str(error))]
    found = [Examined("database", "tables", True, "answers and is up to date")]
    files = {s.key: s.file for s in configuration.sources}
    for entry in inbox:
        where = f"{files.get(entry.source, entry.source)}, bindings {entry.binding}, scales.{entry.field}"
        sample = entry.samples[0][1] if entry.samples else "?"
        says = (
            f"'{brief(entry.raw)}' of {entry.count} items such as {sample} has no translation: add it to {where}, or ask "
            "'sightline map suggest'"
        )
        found.append(Examined(entry.source, "unmapped word", False, says))
    return found + gone + [Examined(u.source, "plan", False, u.says) for u in unread]


def _gone(ledger: Ledger, bound: BoundSource) -> Iterator[Examined]:
    """Rules for words that the tracker had and has no more."""
    now = {folded(text) for w in ledger.vocabulary(bound.key) for text in (w.name, w.id)}
    had = {folded(text) for w in ledger.forgotten(bound.key) for text in (w.name, w.id)}
    rules = {
        (word, rule.origin)
        for mapping in bound.mappings.values()
        for scale in mapping.scales.values()
        for word, rule in scale.words.items()
        if not rule.origin.startswith("built-in")
    }
    for word, origin in sorted(rules):
        if word in had - now:
            says = f"'{word}', translated at {origin}, is no word of the tracker any more: 'sightline map suggest {bound.key}'"
            yield Examined(bound.key, "deleted word", False, f"{says} tells what it is called now, if it was renamed")
