"""The digest inside the serving process: looked at once a minute, sent when it is due."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ledger.engine import LedgerError
from ledger.store import Ledger
from sync.configuration.live import Live

log = logging.getLogger("sightline.digest")
LOOK_EVERY = 60
"""Seconds between two looks whether the digest is due."""


def sender(ledger: Ledger, live: Live) -> Callable[[], None]:
    """Sends what is due, and again where that failed."""

    def run() -> None:
        configuration = live.current
        digest = configuration.organisation.digest
        if digest is None or not configuration.planned:
            return
        from api.digest.send import (
            due,
            send,
        )  # apprise takes a while to import, and is not needed by whoever sends none

        try:
            week = due(configuration.calendar, digest, ledger.clock())
            for sent in send(ledger, configuration, week) if week else ():
                tell = log.info if sent.state == "sent" else log.warning
                tell("digest of %s to %s: %s, %s", week, sent.channel, sent.state, sent.says)
        except LedgerError as error:
            log.warning("digest: %s", error)

    return run
