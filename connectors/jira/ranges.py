"""A full read of Jira Cloud in ranges of `created`, side by side.

The pages of one search come one after another, each named by the one before: at 150 ms a page, 100,000 issues take minutes
whatever the reader does. Ranges are independent searches. There is one at first; whoever is idle takes over the later half of
the one with most left to read, so that an uneven history is shared evenly and a small site costs no request more.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.contract import Page, SourceUnavailable
from connectors.jira.reader import instant, read_all

if TYPE_CHECKING:
    from connectors.jira.pull import Puller

WORKERS = 8
WORTH_SHARING = 4
"""Pages that a range must seem to have left before another worker takes half of it."""
SLACK = 26 * 3_600_000
"""Milliseconds by which a lower bound may be read earlier than it was meant: as text it is in the account's zone, and of an hour that
clocks show twice."""


@dataclass(slots=True, eq=False)
class Range:
    """[start, end) in milliseconds of `created`; `first` and `at` are the first and last one read, `stored` the last one
    handed on."""

    start: int
    end: int
    first: int | None = None
    at: int | None = None
    stored: int | None = None
    pages: int = 0
    done: bool = False

    @property
    def left(self) -> float:
        """How many pages it seems to have left, if it goes on as before."""
        if self.at is None or self.first is None:
            return 0.0
        return self.pages * (self.end - self.at) / max(self.at - self.first, 1)


class Ranges:
    """One full read. `resume` as it was handed out with a page."""

    def __init__(self, puller: Puller, started: int, resume: Mapping[str, Any] | None) -> None:
        self.puller, self.started = puller, started
        parts = resume["parts"] if resume else [(0, started + 1)]
        self.ranges = [Range(start, end) for start, end in parts]
        self.waiting = list(self.ranges)
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.pages: queue.Queue[tuple[Range, list[Any] | None] | BaseException] = queue.Queue(2 * WORKERS)

    def read(self) -> Iterator[Page]:
        """Pages in the order in which they come; the resume point of each covers everything not handed on before it."""
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="jira-range") as workers:
            for _ in range(WORKERS):
                workers.submit(self._work)
            try:
                while not all(r.done for r in self.ranges):
                    got = self.pages.get()
                    if isinstance(got, BaseException):
                        yield from self._rest()
                        raise got
                    yield from self._handed(*got)
            finally:
                self.stopped.set()

    def _rest(self) -> Iterator[Page]:
        """What has come already when a worker fails: it need not be read again."""
        self.stopped.set()
        while not self.pages.empty():
            got = self.pages.get_nowait()
            if not isinstance(got, BaseException):
                yield from self._handed(*got)

    def _handed(self, part: Range, issues: list[Any] | None) -> Iterator[Page]:
        if issues is None:
            part.done = True
        else:
            yield self._page(part, issues)

    def _page(self, part: Range, issues: Sequence[Any]) -> Page:
        records, unreadable = read_all(issues, self.puller.shape)
        part.stored = max(filter(None, (part.stored, _created(issues[-1]))), default=None)
        with self.lock:
            open_parts = [(r.start if r.stored is None else r.stored, r.end) for r in self.ranges if not r.done]
        resume = {"started": self.started, "parts": open_parts}
        return Page(tuple(records), {}, resume, tuple(unreadable))

    # -- in the workers' threads -------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self.stopped.is_set():
                part = self._next()
                if part is not None:
                    self._read_range(part)
                elif all(r.done or r in self.waiting for r in self.ranges):
                    return
                else:
                    self.stopped.wait(0.02)
        except BaseException as error:  # noqa: BLE001  # raised again where the pages are taken
            self._put(error)

    def _next(self) -> Range | None:
        """A range that waits, or half of the one with most left."""
        with self.lock:
            if self.waiting:
                return self.waiting.pop(0)
            most = max((r for r in self.ranges if not r.done), key=lambda r: r.left, default=None)
            if most is None or most.at is None or most.left < WORTH_SHARING:
                return None
            middle = (most.at + most.end) // 2
            half = Range(middle, most.end)
            most.end = middle
            self.ranges.append(half)
            return half

    def _read_range(self, part: Range) -> None:
        condition = f"{self.puller.scope} AND created >= {part.start}" if part.start else self.puller.scope
        if part.end <= self.started:
            condition += f" AND created < {part.end}"
        for issues in self.puller.by_token(condition, self.puller.shape.wanted):
            self._held(part, issues[0])
            with self.lock:
                part.pages += 1
                part.first = part.first or _created(issues[0])
                part.at = _created(issues[-1]) or part.at
                end = part.end
            # The last range is open: whatever was created meanwhile belongs to it.
            inside = issues if end > self.started else [i for i in issues if (_created(i) or 0) < end]
            if inside:
                self._put((part, inside))
            if len(inside) < len(issues) or self.stopped.is_set():
                break  # another worker has the rest
        with self.lock:
            part.at = part.end
        self._put((part, None))

    def _held(self, part: Range, issue: Mapping[str, Any]) -> None:
        """Raises SourceUnavailable where an answer ignores `created`: dividing it would go on for ever."""
        at = _created(issue)
        if at is not None and at < part.start - SLACK:
            key = self.puller.client.source.key
            sentence = f"{key}: Jira was asked for issues created after an instant and answers with older ones: paging was stopped"
            raise SourceUnavailable(sentence, source=key)

    def _put(self, what: tuple[Range, list[Any] | None] | BaseException) -> None:
        """Hands on, and waits while too much is waiting; gives up when nobody reads any more."""
        while not self.stopped.is_set():
            with suppress(queue.Full):
                self.pages.put(what, timeout=0.1)
                return


def _created(issue: Mapping[str, Any]) -> int | None:
    at = instant((issue.get("fields") or {}).get("created"), "created", [])
    return None if at is None else int(at.timestamp() * 1000)
