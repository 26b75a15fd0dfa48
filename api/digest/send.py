"""Sends a week's digest to each channel once: claimed in the ledger before, noted after, tried again only where it was surely not taken."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import apprise
import msgspec

from api.digest.letter import Form, Letter, letter, written
from api.door.access import Reader, veil_for
from api.planning import board_at
from ledger.deliveries import Delivery, State
from ledger.store import Ledger
from signals.calendar import DAYS, Calendar
from sync.configuration import Configuration
from sync.configuration.digest import Channel, Digest

LATE = timedelta(days=2)
"""A digest that is later than this is not sent any more: the next one comes."""
PATIENCE = 60
"""Seconds that a channel may take to answer: who is cut off while it takes a message leaves nobody knowing whether it did."""
NOT_TAKEN = re.compile(
    r"error=(?!504)\d{3}|refused|establish a new connection|failed to resolve|name or service not known|connect timeout"
    r"|\([45]\d\d, ",
    re.I,
)
"""In what apprise tells of a failure: the channel answered that it did not take it, or was never reached."""
READER = Reader("", "the digest", ("read",), ())


class Sent(msgspec.Struct, frozen=True):
    """What became of one channel just now. `says` never holds its address."""

    channel: str
    state: State
    says: str


def due(calendar: Calendar, digest: Digest, now: datetime) -> str | None:
    """The week whose digest is to be sent now; None before its day and time, and long after."""
    week = calendar.week_at(now - timedelta(days=7))
    at = send_at(calendar, digest, week)
    return week if at <= now < at + LATE else None


def send_at(calendar: Calendar, digest: Digest, week: str) -> datetime:
    """The first such day and time after a week has closed, in UTC."""
    closes = calendar.close_of(week)
    days = (calendar.day(closes) + timedelta(days=n) for n in range(8))
    zone = ZoneInfo(calendar.zone)
    found = (datetime.combine(d, digest.time, zone) for d in days if d.weekday() == DAYS.index(digest.day))
    return next(at.astimezone(UTC) for at in found if at > closes)


def letter_for(ledger: Ledger, configuration: Configuration, week: str, departments: tuple[str, ...] = ()) -> Letter:
    """The digest as whoever may see some departments' confidential rows may have it."""
    veil = veil_for(msgspec.structs.replace(READER, departments=departments), configuration)
    digest = configuration.organisation.digest
    found = letter(
        board_at(ledger.seen_by(veil), configuration), configuration.organisation.name, week,
        digest.pages.rstrip("/") if digest else "",
    )  # fmt: skip
    if veil.met:
        ledger.audit.read(READER.name, ", ".join("/".join(bound) for bound in sorted(veil.met)))
    return found


def send(ledger: Ledger, configuration: Configuration, week: str, *, again: str | None = None) -> Iterator[Sent]:
    """Sends to every channel that has not had it, and to `again` whatever it had."""
    digest = configuration.organisation.digest
    had = {d.channel for d in ledger.deliveries.of(week) if not ledger.deliveries.may_retry(d)}
    for channel in digest.to if digest else []:
        if channel.name in had and channel.name != again:
            continue
        found = letter_for(ledger, configuration, week, channel.departments)
        if not ledger.deliveries.claim(week, channel.name, again=channel.name == again):
            continue  # another process was faster
        sent = deliver(channel, found)
        ledger.deliveries.end(week, channel.name, sent.state, sent.says)
        yield sent


def deliver(channel: Channel, found: Letter) -> Sent:
    """Hands the letter to one channel, in the form that it likes best."""
    service = apprise.Apprise()
    if not service.add(channel.url.get_secret_value()):
        return Sent(channel.name, "failed", "apprise does not understand this channel's address")
    (server,) = service
    server.socket_connect_timeout = server.socket_read_timeout = PATIENCE
    form = _form(server.notify_format)
    with apprise.LogCapture(level=logging.DEBUG, name="apprise") as told:  # type: ignore[no-untyped-call]  # apprise's own has no types
        taken = service.notify(title=found.subject, body=written(found, form), body_format=form)
    if taken:
        return Sent(channel.name, "sent", f"sent as {form}")
    return _failure(channel, told.getvalue())


def _failure(channel: Channel, told: str) -> Sent:
    """What a failure means; of what apprise told only what cannot hold an address or a secret is repeated."""
    code = re.search(r"error=(\d{3})", told)
    if NOT_TAKEN.search(told):
        return Sent(channel.name, "failed", f"it answered {code[1]}" if code else "it was not reached, or refused")
    return Sent(channel.name, "unsure", "the connection broke while it was being sent: it may or may not have arrived")


def _form(likes: object) -> Form:
    """Of what a channel shows best, what we write: mail is HTML, Slack and Teams Markdown, anything else text."""
    first = likes[0] if isinstance(likes, tuple) else likes
    forms: dict[str, Form] = {"html": "html", "markdown": "markdown"}
    return forms.get(str(getattr(first, "value", first)), "text")


def states(ledger: Ledger, configuration: Configuration, week: str) -> list[Delivery]:
    """What became of a week's digest at the channels that there are."""
    digest = configuration.organisation.digest
    names = [c.name for c in digest.to] if digest else []
    return [d for d in ledger.deliveries.of(week) if d.channel in names]
