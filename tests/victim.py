"""A process that syncs when it is told to, to be killed at any instant: python -m tests.victim CONFIG DATABASE BATCH"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import sync.run
from ledger.store import Ledger
from normalizer.people import People
from sync.configuration import load
from sync.presence import Breaker
from sync.run import Options, sync_source


def main(config: str, database: str, batch: str) -> None:
    sync.run.BATCH = int(batch)
    configuration = load(Path(config))
    with Ledger.open(database, migrate=True) as ledger:
        print("ready", flush=True)
        sys.stdin.readline()
        options = Options(census=True, breaker=Breaker(confirm=timedelta()))
        for bound in configuration.sources:
            outcome = sync_source(bound, ledger, People(configuration.persons()), options)
            print(outcome.state, outcome.reason, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
