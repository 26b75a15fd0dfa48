"""One run over one source: connector -> normalizer -> ledger, kept true through kills, pauses and faults.

    lease -> metadata -> (changed mapping: translate what is kept anew) -> pull each binding -> census -> release

Every batch of pages is one transaction together with its checkpoint, and its first statement is the fence. An incomplete
read moves no cursor and concludes nothing from absence.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from connectors.contract import (
    Binding,
    Change,
    Connector,
    Metadata,
    Page,
    RateLimited,
    RawRecord,
    SourceChanged,
    SourceError,
    Verdict,
    tracker,
)
from ledger.lease import FencedOut
from ledger.model import Counts, Finding, FindingKind, Known, Presence, Recorded, item_id, raw_hash
from ledger.store import Lease, LeaseHeld, Ledger
from ledger.write import Writer
from normalizer.history import encoded, recorded
from normalizer.people import People
from normalizer.translate import Translator
from sync.census import settle_scopes, shown_now, take_census
from sync.configuration import BoundSource
from sync.configuration.models import Thresholds
from sync.lease import take_lease
from sync.mapping import put_into_force, translator_for
from sync.presence import Breaker

BATCH = 1000
State = Literal["complete", "incomplete", "failed", "paused", "busy"]
Progress = Callable[[str, int], None]
_json = msgspec.json.encode
astuple = msgspec.structs.astuple


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. `census` None: when it is due."""

    full: bool = False
    census: bool | None = None
    dry_run: bool = False
    even_if_paused: bool = False
    census_every: timedelta = timedelta(hours=24)
    breaker: Breaker = field(default_factory=Breaker)

    @classmethod
    def under(
        cls,
        t: Thresholds,
        *,
        full: bool = False,
        census: bool = False,
        dry_run: bool = False,
        now: bool = False,
        accept_missing: bool = False,
    ) -> Options:
        """What was asked for, under an organisation's thresholds.

        accept_missing: a person says that what vanished at once is truly gone; every id is compared, no breaker holds it.
        """
        confirm = timedelta(hours=t.confirm_deletion_after_hours)
        breaker = Breaker(t.mass_missing_share, t.mass_missing_count, t.mass_missing_at_least, confirm)
        return cls(
            full=full,
            census=True if census or accept_missing else None,
            dry_run=dry_run,
            even_if_paused=now,
            census_every=timedelta(hours=t.census_every_hours),
            breaker=Breaker(1, sys.maxsize, sys.maxsize, confirm) if accept_missing else breaker,
        )


@dataclass(slots=True)
class Outcome:
    """What a run came to. `notes` are sentences for people: drift, suspects, unreadable records."""

    source: str
    state: State = "complete"
    reason: str = ""
    hint: str = ""
    counts: Counts = field(default_factory=Counts)
    unreadable: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    retry_at: datetime | None = None
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """The notes that a signal may speak of, by kind."""
    whole: dict[str, int] = field(default_factory=dict)
    """By binding, how many records a read of every id found."""

    def found(self, kind: FindingKind, sentences: Iterable[str]) -> None:
        """Notes what was found out about the source."""
        for says in sentences:
            self.notes.append(says)
            self.findings.append(Finding(kind, says))

    def worsen(self, reason: str) -> None:
        """The read was not whole."""
        self.state, self.reason = "incomplete", reason


def sync_source(
    bound: BoundSource,
    ledger: Ledger,
    people: People,
    options: Options = Options(),  # frozen
    *,
    progress: Progress = lambda _what, _count: None,
) -> Outcome:
    """Runs one source. Never raises for what one source does: the outcome says it, and the others go on.

    Raises:
        LedgerError: the database does not answer.
    """
    outcome = Outcome(bound.key)
    began = ledger.clock()
    paused = ledger.not_before(bound.key)
    if paused and paused > began and not options.even_if_paused:
        outcome.state, outcome.retry_at = "paused", paused
        outcome.reason = f"{bound.key} asked to be left alone until {paused:%Y-%m-%d %H:%M:%S} UTC; nothing was asked"
        return outcome
    if options.dry_run:
        with closing(tracker(bound.kind).connect(bound.source)) as connector:
            _guarded(outcome, connector, lambda: _Rehearsal(bound, ledger, connector, outcome).run(options))
        return outcome
    try:
        lease = take_lease(ledger, bound.key)
    except LeaseHeld as held:
        outcome.state, outcome.reason = "busy", str(held)
        return outcome
    try:
        with closing(tracker(bound.kind).connect(bound.source)) as connector:
            run = _Run(bound, ledger, lease, connector, people, options, outcome, progress)
            run.run()
    except FencedOut as fenced:
        outcome.state, outcome.reason = "failed", str(fenced)
    finally:
        ledger.release(lease)
        outcome.seconds = (ledger.clock() - began).total_seconds()
    return outcome


def _guarded(outcome: Outcome, connector: Connector, work: Callable[[], None]) -> None:
    """Does the work; what the source does wrong becomes the outcome."""
    try:
        work()
    except RateLimited as error:
        outcome.state, outcome.reason, outcome.retry_at = "paused", str(error), error.retry_at
    except SourceError as error:
        outcome.state, outcome.reason, outcome.hint = "failed", str(error), error.hint
        if isinstance(error, SourceChanged):
            outcome.findings.append(Finding("schema_drift", str(error)))
    outcome.requests, outcome.retries = connector.requests, connector.retries


class _Run:
    def __init__(
        self,
        bound: BoundSource,
        ledger: Ledger,
        lease: Lease,
        connector: Connector,
        people: People,
        options: Options,
        outcome: Outcome,
        progress: Progress,
    ) -> None:
        self.bound, self.ledger, self.lease, self.connector = bound, ledger, lease, connector
        self.people, self.options, self.outcome, self.progress = people, options, outcome, progress
        self.order = {b.key: n for n, b in enumerate(bound.source.bindings)}
        self.id = 0
        self.scopes_returned = False

    def run(self) -> None:
        """The whole run, closed in the ledger whatever happens to the source."""
        mode = "full" if self.options.full else "census" if self.options.census else "incremental"
        with self.ledger.writing(self.lease) as w:
            self.id = w.run_started(mode)
        _guarded(self.outcome, self.connector, self._read_everything)
        with self.ledger.writing(self.lease) as w:
            if self.outcome.counts.new or self.outcome.counts.changed:
                w.resolve_links()
            w.run_finished(
                self.id,
                state=self.outcome.state,
                reason=self.outcome.reason or "; ".join(self.outcome.notes),
                hint=self.outcome.hint,
                counts=self.outcome.counts,
                unreadable=self.outcome.unreadable,
                requests=self.outcome.requests,
                retries=self.outcome.retries,
                good=self.outcome.state == "complete",
                not_before=self.outcome.retry_at,
                whole=self._whole(),
                findings=self.outcome.findings,
            )

    def _whole(self) -> int | None:
        """How many records the source has, where this run looked at all of them."""
        counts = self.outcome.whole
        return sum(counts.values()) if counts.keys() == self.order.keys() and counts else None

    def _read_everything(self) -> None:
        if not self.bound.source.bindings:
            self.outcome.worsen(f"nothing is bound yet: 'sightline discover {self.bound.key}' lists what there is")
            return
        metadata = self.connector.metadata()
        if metadata.statuses is not None:
            with self.ledger.writing(self.lease) as w:
                w.vocabulary(map(astuple, metadata.statuses), within=shown_now(metadata))
        self.scopes_returned = settle_scopes(self, metadata)
        self.outcome.found("schema_drift", map(str, metadata.drift))
        bindings, changed = self.bound.source.bindings, list[SourceChanged]()
        for binding in bindings:
            try:
                self._read(binding, metadata)
            except SourceChanged as error:
                changed.append(error)
        if len(changed) == len(bindings):
            raise changed[0]
        for told in changed:  # one table that changed must not keep the others of its source from being read
            self.outcome.findings.append(Finding("schema_drift", str(told)))
            self.outcome.worsen("; ".join(filter(None, (self.outcome.reason, str(told)))))
            self.outcome.hint = told.hint

    def _read(self, binding: Binding, metadata: Metadata) -> None:
        """Reads one binding, and counts what it holds where that is due."""
        translator = translator_for(self.ledger, self.bound, binding.key, self.people)
        full = self._remap(binding, translator)
        verdict = self._pull(binding, translator, full=full)
        if verdict.complete and (verdict.whole or self._census_is_due(binding, full=full)):
            take_census(self, binding, translator, metadata)

    # -- mapping ---------------------------------------------------------------------------------------------------

    def _remap(self, binding: Binding, translator: Translator) -> bool:
        """Puts a changed mapping into force. True: what is read has changed, so it is read anew."""
        put_into_force(self.ledger, self.lease, self.bound, binding.key, translator)
        before = self.ledger.binding(self.bound.key, binding.key).fields
        now = self.bound.fingerprints[binding.key]
        if before not in (None, now):
            self.outcome.notes.append(f"{binding.key}: what is read has changed, so everything is read anew")
        return self.options.full or before != now

    # -- pulling ---------------------------------------------------------------------------------------------------

    def _pull(self, binding: Binding, translator: Translator, *, full: bool) -> Verdict:
        """Reads one binding into the ledger."""
        state = self.ledger.binding(self.bound.key, binding.key)
        cursor, resume = _loaded(state.cursor), _loaded(state.resume)
        pull = self.connector.pull(binding, mode="full" if full else "incremental", cursor=cursor, resume=resume)
        verdict = Verdict(complete=False, reason="the read ended without a verdict")
        for pages, last in _batches(pull):
            verdict = last or verdict
            self._write(binding, translator, pages)
        if verdict.truncated:
            self.outcome.findings.append(Finding("truncated", verdict.reason))
        if not verdict.complete:
            self.outcome.worsen(f"{binding.key}: {verdict.reason}")
            return verdict
        with self.ledger.writing(self.lease) as w:
            w.save_binding(
                binding.key,
                cursor=_json(verdict.cursor).decode(),
                resume=None,
                fields=self.bound.fingerprints[binding.key],
            )
        return verdict

    def _write(self, binding: Binding, translator: Translator, pages: Sequence[Page]) -> None:
        """One batch of pages and its checkpoint, in one transaction; history is asked before it, for what changed."""
        records = {r.ref: r for page in pages for r in page.records}
        along = {ref: c for page in pages for ref, c in page.changes.items()}
        self._report(pages)
        known = self.ledger.known([item_id(self.bound.key, ref) for ref in records])
        fresh = [r for r in records.values() if self._is_news(r, known, binding, translator)]
        changes = self._history(binding, fresh, along)
        words = [word for page in pages for word in page.words or ()]
        with self.ledger.writing(self.lease) as w:
            self.store(w, fresh, changes, translator, known)
            if any(page.words is not None for page in pages):
                w.vocabulary(map(astuple, words), within=(binding.key,))
            w.places({item_id(self.bound.key, r.ref): r.cells for r in records.values() if r.cells})
            if pages and pages[-1].resume is not None:
                w.save_binding(binding.key, resume=_json(pages[-1].resume).decode())
        self.outcome.counts.seen += len(records)
        self.progress(binding.key, self.outcome.counts.seen)

    def store(
        self,
        w: Writer,
        fresh: Sequence[RawRecord],
        changes: Mapping[str, tuple[Change, ...]],
        translator: Translator,
        known: dict[str, Known],
    ) -> None:
        """Translates and records what is new or changed."""
        now = self.ledger.clock()
        batch: list[Recorded] = [recorded(r, changes.get(r.ref), translator, observed_at=now) for r in fresh]
        counts = w.record(batch, run=self.id, mapping_version=translator.mapping.version, known=known)
        self.outcome.counts.new += counts.new
        self.outcome.counts.changed += counts.changed

    def _history(
        self, binding: Binding, fresh: Sequence[RawRecord], along: Mapping[str, tuple[Change, ...]]
    ) -> Mapping[str, tuple[Change, ...]]:
        missing = [r.ref for r in fresh if r.ref not in along]
        return {**along, **(self.connector.history(binding, missing) if missing else {})}

    def is_anothers(self, before: Known | None, binding: Binding) -> bool:
        """Whether an earlier binding of this source reads the item already; it stays with that one."""
        if before is None or before.presence is not Presence.PRESENT:
            return False
        return self.order.get(before.binding, len(self.order)) < self.order[binding.key]

    def _is_news(self, record: RawRecord, known: dict[str, Known], binding: Binding, translator: Translator) -> bool:
        """Whether this says something else than before."""
        before = known.get(item_id(self.bound.key, record.ref))
        if before is None:
            return True
        if self.is_anothers(before, binding):
            return False
        same = before.raw_hash == raw_hash(encoded(record)) and before.mapping_version == translator.mapping.version
        return not (same and before.binding == binding.key and before.presence is Presence.PRESENT)

    def _report(self, pages: Sequence[Page]) -> None:
        for page in pages:
            self.outcome.unreadable += len(page.unreadable)
            self.outcome.found("schema_drift", map(str, page.drift))
            self.outcome.found("unreadable", [str(u) for u in page.unreadable[:3] if len(self.outcome.notes) < 20])

    def _census_is_due(self, binding: Binding, *, full: bool) -> bool:
        if self.scopes_returned:
            return True
        if self.options.census is not None:
            return self.options.census or full
        at = self.ledger.binding(self.bound.key, binding.key).census_at
        return full or at is None or self.ledger.clock() - at >= self.options.census_every


class _Rehearsal:
    """A dry run: reads and compares, writes nothing, takes no lease."""

    def __init__(self, bound: BoundSource, ledger: Ledger, connector: Connector, outcome: Outcome) -> None:
        self.bound, self.ledger, self.connector, self.outcome = bound, ledger, connector, outcome

    def run(self, options: Options) -> None:
        self.outcome.notes += [str(d) for d in self.connector.metadata().drift]
        for binding in self.bound.source.bindings:
            state = self.ledger.binding(self.bound.key, binding.key)
            full = options.full or state.fields != self.bound.fingerprints[binding.key]
            pull = self.connector.pull(
                binding, mode="full" if full else "incremental", cursor=_loaded(state.cursor), resume=None
            )
            for pages, verdict in _batches(pull):
                self._compare(pages)
                if verdict is not None and not verdict.complete:
                    self.outcome.worsen(f"{binding.key}: {verdict.reason}")

    def _compare(self, pages: Sequence[Page]) -> None:
        records = {item_id(self.bound.key, r.ref): r for page in pages for r in page.records}
        known = self.ledger.known(list(records))
        for key, record in records.items():
            self.outcome.counts.seen += 1
            self.outcome.counts.new += key not in known
            self.outcome.counts.changed += key in known and known[key].raw_hash != raw_hash(encoded(record))


def _batches(pull: Iterator[Page | Verdict]) -> Iterator[tuple[list[Page], Verdict | None]]:
    """Pages gathered to about a thousand records; the verdict comes with the last batch. What came before a failure is kept."""
    pages: list[Page] = []
    size = 0
    try:
        for part in pull:
            if isinstance(part, Verdict):
                yield pages, part
                return
            pages.append(part)
            size += len(part.records)
            if size >= BATCH:
                yield pages, None
                pages, size = [], 0
    except SourceError:
        if pages:
            yield pages, None
        raise
    if pages:
        yield pages, None


def _loaded(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
