"""Decisions and what became of them: who may decide, what answers which signal, and whether it cleared when it was due. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

import msgspec

from ledger.model import Annotation, Decision, DecisionKind, Outcome
from signals.catalogue import CATALOGUE, CONFLICT, INTAKE, MISSED, RANK, SLIPS, Verdict
from signals.plan import Plan

Loop = Literal["open", "due", "closed", "reopened"]
SITUATION: Mapping[DecisionKind, str] = {
    "intake": INTAKE, "defer": INTAKE, "not_now": INTAKE, "reject": INTAKE, "rebaseline": SLIPS, "tradeoff": CONFLICT,
    "recovery": MISSED,
}  # fmt: skip
"""Which row of the decision-rights table a decision is made by that answers no signal, but is about a node as a whole."""
ACTED_ON = ("rebaseline", "tradeoff", "recovery")
"""Kinds after which somebody does something until a day."""
WORDS: Mapping[DecisionKind, str] = {
    "intake": "take it in", "defer": "defer it", "not_now": "not do it now", "reject": "reject it", "rebaseline": "re-plan it",
    "tradeoff": "trade it off", "recovery": "recover it",
}  # fmt: skip


class Followed(Decision, frozen=True):
    """A decision and what became of it."""

    loop: Loop | None = None
    """None: nothing is awaited of it, as it has no day or another supersedes it."""
    superseded_by: str | None = None
    outcomes: tuple[Outcome, ...] = ()
    says: str = ""


class Spoken(msgspec.Struct, frozen=True):
    """What people decided and said as of an instant; superseded and expired words too."""

    decisions: tuple[Followed, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    today: date = date.min

    def of(self, key: str) -> Spoken:
        """The same about one node."""
        decisions = tuple(d for d in self.decisions if d.subject == key)
        return Spoken(decisions, tuple(a for a in self.annotations if a.subject == key), self.today)

    def counts(self, annotation: Annotation) -> bool:
        """Whether an annotation has not expired."""
        return annotation.expires_on is None or self.today <= annotation.expires_on


class Raised(Protocol):
    """A verdict, or what needs a decision."""

    @property
    def signal(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def key(self) -> str: ...


def in_force(decisions: Collection[Decision]) -> tuple[Decision, ...]:
    """Those that no other one supersedes."""
    replaced = {d.supersedes for d in decisions}
    return tuple(d for d in decisions if d.id not in replaced)


def followed(
    decisions: Collection[Decision], outcomes: Mapping[str, Sequence[Outcome]], today: date
) -> tuple[Followed, ...]:
    """Decisions as they stand on a day. outcomes: by decision, oldest first."""
    replaced = {d.supersedes: d.id for d in decisions if d.supersedes}
    found = []
    for d in decisions:
        told = tuple(outcomes.get(d.id, ()))
        loop = None if d.act_by is None or d.id in replaced else _loop(d.act_by, told, today)
        found.append(Followed(*msgspec.structs.astuple(d), loop, replaced.get(d.id), told, _says(d, loop)))
    return tuple(found)


def _loop(act_by: date, told: Sequence[Outcome], today: date) -> Loop:
    if told:
        return told[-1].state
    return "due" if today > act_by else "open"


def _says(d: Decision, loop: Loop | None) -> str:
    who = f", {d.act_owner} acts" if d.act_owner else ""
    due = f", due {d.act_by}" if d.act_by else ""
    became = {"reopened": ", not cleared", "closed": ", cleared", "due": ", not checked yet"}.get(loop or "", "")
    return f"decided {d.decided_on} to {WORDS[d.kind]}{who}{due}{became}"


def answers(d: Decision, raised: Raised) -> bool:
    """Whether a decision is about what shows: that very signal, or its node in a situation of the decision's kind."""
    if d.signal:
        return raised.key == d.signal
    return raised.subject == d.subject and CATALOGUE[raised.signal].situation == SITUATION[d.kind]


def answer(decisions: Iterable[Followed], raised: Raised) -> Followed | None:
    """The latest decision about what shows. One that was closed answers nothing: what shows came after it."""
    found = [d for d in decisions if d.superseded_by is None and d.loop != "closed" and answers(d, raised)]
    return max(reversed(found), key=lambda d: (bool(d.signal), d.decided_on), default=None)


def checked(d: Followed, verdicts: Iterable[Verdict], now: datetime) -> Outcome | None:
    """What is found of a decision that is due or was reopened; None where that is nothing new, or cannot be told.

    verdicts: of its subject, judged from what was read after it was due.
    """
    told = list(verdicts)
    if (
        d.loop not in ("due", "reopened") or not told
    ):  # nothing is judged of what left the plan, or cannot be read as a part of it
        return None
    left = [v for v in told if v.outcome == "open" and answers(d, v) and (d.signal or RANK[str(v.severity)] > 1)]
    if left:
        return Outcome(now, "reopened", f"{left[0].key} is still open") if d.loop == "due" else None
    name, _, _ = d.signal.partition(":")
    if any(v.signal == name and (v.outcome == "not_computable" or v.reason) for v in told):
        return None  # it cannot be computed, or shows again since today: neither is cleared
    return Outcome(now, "closed", f"{d.signal or f'what needed it of {d.subject}'} is not open any more")


# -- rights ----------------------------------------------------------------------------------------------------------------


def decision_owners(plan: Plan, situation: str, subject: str) -> list[str]:
    """Who decides in a situation of a node, the first before all: keys of people, or names of forums.

    By the plan's decision rights; where it has none for the situation, a workstream's sponsor, else the owner.
    """
    node, stream = plan.node(subject), plan.workstream_by_key.get(subject)
    owner = node.owner if node else None
    named: list[str | None] = [r.decision_owner for r in plan.decision_rights if r.situation == situation]
    if not named:
        named = [(stream.sponsor if stream else None) or owner]
    meant = {"owner": owner, "sponsor": plan.sponsor_of(subject)}
    return [who for name in named if (who := meant.get(name or "", name))]


def may_decide(plan: Plan, situation: str, subject: str, people: Collection[str]) -> list[str]:
    """Keys of the people who may record a decision; for a forum its node's sponsor does."""
    owners = decision_owners(plan, situation, subject)
    named = [who if who in people else plan.sponsor_of(subject) for who in owners]
    return list(dict.fromkeys(who for who in named if who))
