"""Counts what a no-change sync of the demo company asks of each tracker, beside the least that its protocol allows.

The minimum is one question for each thing that must be known anew in every run: the words, the fields, what is visible, and whether
anything changed. `python -m tests.economy`, also part of `make bench`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from demo.company import DemoCompany, configuration
from ledger.store import Ledger
from normalizer.people import People
from sync.configuration import load
from sync.run import sync_source

MINIMUM = {
    "eng-jira": ("statuses", "fields", "projects with their last update", "projects on the shelf"),
    "legal-jira": ("statuses", "fields", "projects", "issues updated since"),
    "marketing-sheet": ("access token", "the file's version"),
    "product-notion": ("database", "data source", "rows edited since"),
    "sales-salesforce": ("access token", "API versions", "stages", "describe", "rows stamped since", "the figure"),
}


def measure() -> dict[str, tuple[int, int, int]]:
    """By source: requests of the first sync, of one without a change, and the minimum."""
    company = DemoCompany()
    os.environ.update(company.environment())
    with company, tempfile.TemporaryDirectory() as folder:
        loaded = load(configuration())
        people, found = People(loaded.persons()), {}
        with Ledger.open(f"sqlite:///{Path(folder) / 'l.db'}", migrate=True) as ledger:
            for bound in loaded.sources:
                first = sync_source(bound, ledger, people)
                again = sync_source(bound, ledger, people)
                found[bound.key] = (first.requests, again.requests, len(MINIMUM[bound.key]))
    return found


def main() -> None:
    print(f"{'requests to':20}{'first sync':>12}{'no change':>12}{'minimum':>10}   for")
    for source, (first, again, least) in measure().items():
        print(f"{source:20}{first:12}{again:12}{least:10}   {', '.join(MINIMUM[source])}")


if __name__ == "__main__":
    main()
