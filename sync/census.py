"""The id sweep of one binding: what vanished, what was missed, what came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.contract import Binding, Found, Metadata, RawRecord, Verdict
from ledger.model import Presence, PresenceChange, from_ms, item_id, to_ms
from normalizer.translate import Translator
from sync.presence import Decision, Missing, judge, triage

if TYPE_CHECKING:
    from sync.run import _Run

DARK = "no longer shown to this credential"
ASK_AT_MOST = 2000
"""Ids looked up in one run; the rest stay unobserved until the next."""


def take_census(run: _Run, binding: Binding, translator: Translator, metadata: Metadata) -> None:
    """Compares every id in the tracker with the ledger; concludes nothing from an incomplete answer."""
    seen: set[str] = set()
    verdict = Verdict(complete=False, reason="the census ended without a verdict")
    for part in run.connector.census(binding):
        if isinstance(part, Verdict):
            verdict = part
            break
        seen.update(s.ref for s in part)
        run.progress(f"{binding.key} census", len(seen))
    if not verdict.complete:
        run.outcome.worsen(f"{binding.key} census: {verdict.reason}")
        return
    run.outcome.whole[binding.key] = len(seen)
    missing, returned, known, held = _compare(run, binding, seen)
    decisions, moved = _decide(run, binding, metadata, missing, known)
    _refetch(run, binding, translator, [*_missed(run, binding, sorted(seen - held)), *returned])
    with run.ledger.writing(run.lease) as w:
        run.store(
            w,
            moved,
            run.connector.history(binding, [m.ref for m in moved]) if moved else {},
            translator,
            w.known([item_id(run.bound.key, m.ref) for m in moved]),
        )
        w.presence([PresenceChange(d.item, d.presence, d.reason, d.missing_since) for d in decisions])
        w.save_binding(binding.key, census_at=to_ms(run.ledger.clock()))
    run.outcome.counts.gone += sum(d.presence is not Presence.PRESENT for d in decisions)


def shown_now(metadata: Metadata) -> set[str | None] | None:
    """The scopes whose words were told now; None for all. A scope that went dark has not dropped its words."""
    if metadata.scopes is None:
        return None
    return {
        None,
        *(s.id for s in metadata.scopes if s.state != "no_access"),
        *(w.scope for w in metadata.statuses or ()),
    }


def settle_scopes(run: _Run, metadata: Metadata) -> bool:
    """Stores which scopes are visible now; records of those that went dark are not visible any more, and none is deleted.

    True: a scope is back, so that a census is due.
    """
    if metadata.scopes is None:
        return False
    now, before = run.ledger.clock(), {s.scope: s for s in run.ledger.scopes(run.bound.key)}
    visible = {s.id: s for s in metadata.scopes}
    rows = [(s.id, s.name, s.state, "") for s in metadata.scopes]
    rows += [(s.scope, s.name, "no_access", DARK) for s in before.values() if s.scope not in visible]
    changed = {scope: state for scope, _, state, _ in rows if scope in before and before[scope].state != state}
    decisions: list[Decision] = []
    if {"no_access", "archived"} & set(changed.values()):
        for binding in run.bound.source.bindings:
            lost = [
                Missing(item, ref, scope, Presence.PRESENT)
                for item, ref, scope, presence, _ in run.ledger.held(run.bound.key, binding.key)
                if presence == Presence.PRESENT and changed.get(scope) in ("no_access", "archived")
            ]
            decisions += triage(lost, known={}, scopes=metadata.scopes, breaker=run.options.breaker, now=now).decided
    with run.ledger.writing(run.lease) as w:
        w.scopes(rows)
        w.presence([PresenceChange(d.item, d.presence, d.reason, d.missing_since) for d in decisions])
    run.outcome.counts.gone += len(decisions)
    return "live" in changed.values()


def _compare(run: _Run, binding: Binding, seen: set[str]) -> tuple[list[Missing], list[str], Counter[str], set[str]]:
    """What the ledger holds and the census did not see; what was not present and was seen; records by scope; all refs."""
    missing, returned = [], []
    known: Counter[str] = Counter()
    held: set[str] = set()
    for item, ref, scope, presence, since in run.ledger.held(run.bound.key, binding.key):
        held.add(ref)
        if presence == Presence.PRESENT:
            known[scope] += 1
        if ref in seen:
            if presence != Presence.PRESENT:
                returned.append(ref)
        elif presence in (Presence.PRESENT, Presence.UNOBSERVED, Presence.ACCESS_LOST):
            missing.append(Missing(item, ref, scope, Presence(presence), None if since is None else from_ms(since)))
    return missing, returned, known, held


def _decide(
    run: _Run, binding: Binding, metadata: Metadata, missing: Sequence[Missing], known: Counter[str]
) -> tuple[list[Decision], list[RawRecord]]:
    """A presence for each vanished record, and the records that moved and are still shown."""
    now, breaker = run.ledger.clock(), run.options.breaker
    sorted_out = triage(missing, known=known, scopes=metadata.scopes, breaker=breaker, now=now)
    run.outcome.found("vanished", sorted_out.suspect.values())
    asked = sorted_out.ask[:ASK_AT_MOST]
    found: dict[str, Found] = {f.ref: f for f in run.connector.find(binding, [m.ref for m in asked])} if asked else {}
    decided = list(sorted_out.decided)
    for record in sorted_out.ask:
        suspect = sorted_out.suspect.get(record.scope)
        decided.append(judge(record, found.get(record.ref), suspect=suspect, breaker=breaker, now=now))
    moved = [f.record for f in found.values() if f.record is not None]
    return decided, moved


def _missed(run: _Run, binding: Binding, refs: Sequence[str]) -> list[str]:
    """Of the ids that this binding does not hold, those that no earlier binding of the source holds either."""
    known = run.ledger.known([item_id(run.bound.key, ref) for ref in refs])
    return [ref for ref in refs if not run.is_anothers(known.get(item_id(run.bound.key, ref)), binding)]


def _refetch(run: _Run, binding: Binding, translator: Translator, refs: Sequence[str]) -> None:
    """Reads by id what the passes missed, and what was gone and is back."""
    for start in range(0, len(refs), 500):
        part = refs[start : start + 500]
        records = [f.record for f in run.connector.find(binding, part) if f.record is not None and f.fate == "present"]
        if not records:
            continue
        changes = run.connector.history(binding, [r.ref for r in records])
        with run.ledger.writing(run.lease) as w:
            known = w.known([item_id(run.bound.key, r.ref) for r in records])
            run.store(w, records, changes, translator, known)
