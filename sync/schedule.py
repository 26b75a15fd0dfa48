"""Runs each source when it is due, inside the serving process. The lease keeps two such processes apart."""

from __future__ import annotations

import logging
from collections.abc import Callable

from apscheduler.schedulers.background import BackgroundScheduler

from ledger.engine import LedgerError
from ledger.store import Ledger
from normalizer.people import People
from sync.closing import note_open
from sync.configuration import BoundSource
from sync.configuration.live import Live
from sync.packs import close_due
from sync.run import Options, sync_source

log = logging.getLogger("sightline.schedule")
ARRANGE = "arrange"
PUBLISH_EVERY = 3600
"""Seconds between two looks whether a week, month or period has closed or settled."""
ARRANGE_EVERY = 30
"""Seconds until a changed configuration has its sources scheduled."""


def scheduled(ledger: Ledger, live: Live) -> BackgroundScheduler:
    """A scheduler, not started, with one job per source; a run that is late is run once, never piled up."""
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    intervals: dict[str, int] = {}

    def arrange() -> None:
        wanted = {bound.key: bound for bound in live.current.sources}
        for key in intervals.keys() - wanted.keys():
            scheduler.remove_job(key)
            del intervals[key]
        for key, bound in wanted.items():
            if intervals.get(key) != bound.entry.every:
                intervals[key] = bound.entry.every
                _add(scheduler, _job(key, ledger, live), bound)

    arrange()
    scheduler.add_job(arrange, "interval", seconds=ARRANGE_EVERY, id=ARRANGE)
    scheduler.add_job(_publisher(ledger, live), "interval", seconds=PUBLISH_EVERY, id="close")
    return scheduler


def _publisher(ledger: Ledger, live: Live) -> Callable[[], None]:
    """Notes what is open, and publishes what closed last; again, as another version, once it has settled."""

    def publish() -> None:
        configuration = live.current
        if not configuration.planned:
            return
        try:
            note_open(ledger, configuration)
            packs = close_due(ledger, configuration)
        except LedgerError as error:
            log.warning("close: %s", error)
            return
        for pack in packs:
            log.info("%s: version %s", pack.name, pack.version)

    return publish


def _add(scheduler: BackgroundScheduler, job: Callable[[], None], bound: BoundSource) -> None:
    every = bound.entry.every
    scheduler.add_job(job, "interval", seconds=every, id=bound.key, jitter=min(30, every // 10), replace_existing=True)


def _job(key: str, ledger: Ledger, live: Live) -> Callable[[], None]:
    state = ["complete"]

    def run() -> None:
        configuration = live.current
        bound = next((s for s in configuration.sources if s.key == key), None)
        if bound is None:
            return
        options = Options.under(configuration.organisation.thresholds)
        try:
            outcome = sync_source(bound, ledger, People(configuration.persons()), options)
            if outcome.counts.new or outcome.counts.changed or outcome.counts.gone:
                note_open(ledger, configuration)
        except LedgerError as error:
            log.warning("%s: %s", key, error)
            return
        if outcome.state != state[0]:  # once when it goes down, once when it is back
            log.warning("%s: %s %s", key, outcome.state, outcome.reason)
        state[0] = outcome.state

    return run
