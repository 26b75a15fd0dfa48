"""Runs each source when it is due, inside the serving process. The lease keeps two such processes apart."""

from __future__ import annotations

import logging
from collections.abc import Callable

from apscheduler.schedulers.background import BackgroundScheduler

from ledger.engine import LedgerError
from ledger.store import Ledger
from normalizer.people import People
from sync.configuration import BoundSource, Configuration
from sync.run import Options, sync_source

log = logging.getLogger("sightline.schedule")


def scheduled(ledger: Ledger, configuration: Configuration, options: Options) -> BackgroundScheduler:
    """A scheduler, not started, with one job per source; a run that is late is run once, never piled up."""
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for bound in configuration.sources:
        job = _job(bound, ledger, People(configuration.persons()), options)
        scheduler.add_job(
            job, "interval", seconds=bound.entry.every, id=bound.key, jitter=min(30, bound.entry.every // 10)
        )
    return scheduler


def _job(bound: BoundSource, ledger: Ledger, people: People, options: Options) -> Callable[[], None]:
    state = ["complete"]

    def run() -> None:
        try:
            outcome = sync_source(bound, ledger, people, options)
        except LedgerError as error:
            log.warning("%s: %s", bound.key, error)
            return
        if outcome.state != state[0]:  # once when it goes down, once when it is back
            log.warning("%s: %s %s", bound.key, outcome.state, outcome.reason)
        state[0] = outcome.state

    return run
