"""Takes out of a verdict what its reader may not see, before anything is made of it: outcome and severity stay, words and numbers go."""

from __future__ import annotations

import msgspec

from signals.catalogue import Evidence, Verdict
from signals.facts import Facts, ItemFacts


def masked(item: ItemFacts, ask: str) -> ItemFacts:
    """An item that counts and says nothing: no title, key, link or words."""
    states = tuple(msgspec.structs.replace(s, decision_needed=ask if s.decision_needed else None) for s in item.states)
    blocked_on = ask if item.blocked_on else None
    return ItemFacts(item.id, ask, ask, "", item.source, states, item.acts, item.present, blocked_on)


def veiled(facts: Facts, v: Verdict) -> Verdict:
    """The verdict as its reader may have it."""
    ask = _ask(facts, v) if facts.hidden else ""
    if not ask:
        return v
    return msgspec.structs.replace(
        v,
        because=ask if v.because else "",
        reason=ask if v.reason else "",
        evidence=(Evidence("", ask),) if v.evidence else (),
        inputs={},
    )


def _ask(facts: Facts, v: Verdict) -> str:
    """Whom to ask about what a verdict stands on: its subject, a record it names, or a provider's work; "" where all may be seen."""
    stands_on = [v.subject, *(e.ref for e in v.evidence)]
    promise = facts.plan.dependency_by_key.get(v.variant) if v.signal.startswith("dependency_") else None
    if promise is not None:
        item = facts.item_of(promise.provider_item)
        stands_on += [item.id] if item else [promise.provider] if v.signal == "dependency_stalled" else []
    return next((ask for ref in stands_on if (ask := facts.asks.get(ref))), "")
