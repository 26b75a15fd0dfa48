"""The configuration of a running service: taken anew when a file changes; one that is wrong leaves the last good one in force."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from sync.configuration.load import Configuration, load
from sync.configuration.yaml_file import ConfigErrors

log = logging.getLogger("sightline.configuration")
LOOK_EVERY = 1.0
"""Seconds between two looks at the files."""
Mark = tuple[tuple[str, int, int], ...]


class Live:
    """Threads may share it."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration, self._mark = configuration, _mark(configuration.directory)
        self._looked, self._lock = time.monotonic(), threading.Lock()
        self.problem = ""
        """What is wrong with the files now, and since when the last good ones are in force; "" when they are."""

    @property
    def current(self) -> Configuration:
        """The configuration in force."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_EVERY:
                self._looked = time.monotonic()
                mark = _mark(self._configuration.directory)
                if mark != self._mark:
                    self._mark = mark
                    self._take()
            return self._configuration

    def _take(self) -> None:
        try:
            self._configuration, self.problem = load(self._configuration.directory), ""
        except ConfigErrors as errors:
            more = f" (and {len(errors.problems) - 1} more)" if len(errors.problems) > 1 else ""
            self.problem = f"{errors.problems[0]}{more}; the last good configuration stays in force"
            log.warning("%s", self.problem)


def _mark(directory: Path) -> Mark:
    """Changes when a file of the configuration is written, comes or goes."""
    files = [*directory.glob("*.y*ml"), *(directory / "departments").glob("*.y*ml")]
    found = []
    for path in sorted(files):
        try:
            told = path.stat()
        except FileNotFoundError:
            continue
        found.append((str(path), told.st_mtime_ns, told.st_size))
    return tuple(found)
