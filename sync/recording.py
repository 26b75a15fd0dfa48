"""Records decisions and annotations: of whom, about what, until when. Pages, the API and the terminal all come here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TypeVar

import msgspec

from ledger.decisions import NotRecorded
from ledger.model import Annotation, AnnotationKind, Decision, DecisionKind, Health
from ledger.store import Ledger
from signals.catalogue import CATALOGUE, INTAKE
from signals.deciding import ACTED_ON, SITUATION, decision_owners, in_force, may_decide
from signals.plan import Plan
from signals.rollup import KNOWN
from sync.bound_plan import plan_at
from sync.configuration import Configuration
from sync.standing import above_now, open_now, refresh

K = TypeVar("K", Decision, Annotation)
FOUND = ("signal", "subject", "decided_on")
"""Parts that are found where they are not given."""
LONGEST = timedelta(days=366)
"""How far ahead somebody may promise to act, or an override may hold."""


class NoRight(Exception):
    """This person may not say it; the message names who may."""


class NotRecordable(Exception):
    """It cannot be recorded as it is; the message says what is wrong and what to do."""


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it is given: about an open signal by its key, or about a node of the plan. `decided_on` None: today."""

    kind: DecisionKind
    signal: str = ""
    subject: str = ""
    decided_by: str
    decided_on: date | None = None
    act_owner: str | None = None
    act_by: date | None = None
    note: str = ""
    supersedes: str | None = None


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """An annotation as it is given: beside a signal by its key, or beside a node of the plan. `health` only of an override."""

    kind: AnnotationKind = "reply"
    signal: str = ""
    subject: str = ""
    text: str
    said_by: str
    health: Health | None = None
    expires_on: date | None = None


def decide(
    ledger: Ledger, configuration: Configuration, given: Ruling, *, by: str, once: str | None = None
) -> Decision:
    """Records a decision; as it was recorded. once: what its caller names the request by: the same request is recorded once.

    Raises:
        NoRight: somebody else decides this.
        NotRecordable: what it is about, a person or a day is wrong.
        NotRecorded: the ledger has another that supersedes the same one, or that was recorded by a request of this name.
    """
    if once and (had := ledger.decisions.decided_once(once)) is not None:
        return _same(had, given)
    room = _Room(ledger, configuration)
    room.person("decided_by", given.decided_by)
    earlier = room.superseded(given.supersedes, given) if given.supersedes else None
    signal, subject = (earlier.signal, earlier.subject) if earlier else room.about(given.signal, given.subject)
    if not signal and room.plan.node(subject) is None:
        raise NotRecordable(f"a decision is about an objective, a key result or a workstream, and '{subject}' is none")
    room.right(given, signal, subject)
    decided_on = room.decided_on(given.decided_on)
    room.act(given)
    made = Decision(
        given.kind, subject, given.decided_by, decided_on, given.act_owner, given.act_by, signal, given.note,
        supersedes=given.supersedes,
    )  # fmt: skip
    return ledger.decisions.record(made, by=by, once=once)


def annotate(
    ledger: Ledger, configuration: Configuration, given: Remark, *, by: str, once: str | None = None
) -> Annotation:
    """Records what a team says beside a signal or a node; as it was recorded. once: see `decide`.

    Raises:
        NoRight: the node is another department's.
        NotRecordable: what it is about, its text, health or expiry is wrong.
        NotRecorded: the ledger has another that was recorded by a request of this name.
    """
    if once and (had := ledger.decisions.annotated_once(once)) is not None:
        return _same(had, given)
    room = _Room(ledger, configuration)
    room.person("said_by", given.said_by)
    signal, subject = room.about(given.signal, given.subject)
    room.belongs(given.said_by, subject)
    if not given.text.strip():
        raise NotRecordable("text says nothing: write what the team wants to be read beside it")
    room.expiry(given)
    made = Annotation(given.kind, subject, given.text, given.said_by, signal, given.health, given.expires_on)
    return ledger.decisions.annotate(made, by=by, once=once)


def _same(had: K, given: Ruling | Remark) -> K:
    """What a request recorded before, asked again: what is given must be as it was; what was found for it need not be given."""
    asked = msgspec.structs.asdict(given).items()
    if any(getattr(had, name) != value for name, value in asked if value or name not in FOUND):
        raise NotRecorded(
            f"a request of this name recorded {had.id}, which says something else: name each request anew"
        )
    return had


class _Room:
    """What is known where something is decided: the plan, people, what is open, and the day."""

    def __init__(self, ledger: Ledger, configuration: Configuration) -> None:
        self.ledger, self.configuration = ledger, configuration
        self.plan: Plan = plan_at(ledger, configuration, ledger.clock())
        self.people = configuration.owners
        self.calendar = configuration.calendar
        self.today = self.calendar.day(ledger.clock())

    # -- who ---------------------------------------------------------------------------------------------------------

    def person(self, part: str, key: str) -> None:
        """Somebody of people.yaml who is there."""
        known = [k for k, p in self.people.items() if p.kind == "human" and p.active]
        if key not in known:
            raise NotRecordable(f"{part}: nobody active in people.yaml has the key '{key}'{_near(key, known)}")

    def names(self, keys: Iterable[str]) -> str:
        """People by name and key, as a sentence goes on."""
        return " or ".join(f"{self.people[k].name} ({k})" if k in self.people else k for k in keys)

    def right(self, given: Ruling, signal: str, subject: str) -> None:
        """Whoever decides is one whom the plan names."""
        situation = SITUATION[given.kind]
        if signal and situation != INTAKE:  # what is taken in or turned down is so for every signal
            situation = CATALOGUE[signal.partition(":")[0]].situation
        may = may_decide(self.plan, situation, subject, self.people)
        if given.decided_by in may:
            return
        who = self.names(may) or "nobody yet"
        owners = [o for o in decision_owners(self.plan, situation, subject) if o not in self.people]
        forum = f", for '{owners[0]}'" if owners and may else ""
        raise NoRight(
            f"{self.names([given.decided_by])} does not decide '{situation}' of '{subject}': {who} does{forum}; "
            "decision_rights in plan.yaml says who"
        )

    def belongs(self, person: str, subject: str) -> None:
        """Whoever replies belongs to the node's department, or owns it."""
        node = self.plan.node(subject)
        owner = node.owner if node else None
        department = self._department(subject)
        if person == owner or (department is not None and self.people[person].department == department):
            return
        known = {d.department: d.name for d in self.configuration.departments}
        may = ([f"the people of {known.get(department, department)}"] if department else []) + (
            [owner] if owner else []
        )
        raise NoRight(
            f"{self.names([person])} does not reply for '{subject}': {self.names(may) or 'nobody owns it, so nobody yet'} may; "
            "departments of people stand in people.yaml"
        )

    def _department(self, subject: str) -> str | None:
        if (w := self.plan.workstream_by_key.get(subject)) is not None:
            return w.department
        kr = self.plan.key_result_by_key.get(subject)
        if (o := self.plan.objective_by_key.get(kr.objective if kr else subject)) is not None:
            return o.department
        return next((s.department for s in self.configuration.sources if s.key == subject), None)

    # -- about what --------------------------------------------------------------------------------------------------

    def about(self, signal: str, subject: str) -> tuple[str, str]:
        """(key of an open signal or "", the node or tracker that it is about)"""
        if bool(signal) == bool(subject):
            raise NotRecordable(
                "say what it is about: signal, the key of an open exception, or subject, a node of the plan"
            )
        if subject:
            if self.plan.kind_of(subject) is None:
                raise NotRecordable(f"subject: the plan has no node '{subject}'{_near(subject, self.plan.keys)}")
            return "", subject
        refresh(self.ledger, self.configuration)
        rows = open_now(self.ledger, self.configuration, above_now(self.ledger, self.configuration))
        opened = {e.key: e.subject for e in rows}
        if signal not in opened:
            near = (
                _near(signal, opened)
                or ": /v1/exceptions and 'sightline exceptions --json' list the keys of those that are"
            )
            raise NotRecordable(f"signal: no exception '{signal}' is open{near}")
        return signal, opened[signal]

    def superseded(self, key: str, given: Ruling) -> Decision:
        """The decision that another one takes the place of: about the same."""
        decisions = [*self.plan.decisions, *self.ledger.decisions.recorded()]
        had = next((d for d in decisions if d.id == key), None)
        if had is None:
            raise NotRecordable(f"supersedes: there is no decision '{key}'")
        if had.origin:
            raise NotRecordable(f"supersedes: {key} stands at {had.origin}: change it there")
        if had not in in_force(decisions):
            raise NotRecorded(f"{key} is superseded already: supersede the one that did")
        if given.signal not in ("", had.signal) or given.subject not in ("", had.subject):
            raise NotRecordable(
                f"supersedes: {key} is about {had.signal or had.subject}: a correction is about the same"
            )
        return had

    # -- when --------------------------------------------------------------------------------------------------------

    def decided_on(self, on: date | None) -> date:
        """The day of the decision; today where none is given."""
        if on is not None and on > self.today:
            raise NotRecordable(f"decided_on: {on} lies ahead; today is {self.today}")
        if on is not None and on < self.today - LONGEST:
            raise NotRecordable(f"decided_on: {on} lies more than a year back")
        return on or self.today

    def act(self, given: Ruling) -> None:
        """Who acts and until when: both or neither, and of a kind after which somebody acts both."""
        if (given.act_owner is None) != (given.act_by is None) or (given.kind in ACTED_ON and given.act_by is None):
            raise NotRecordable(f"a decision '{given.kind}' needs act_owner and act_by: who acts, and until when")
        if given.act_owner is None or given.act_by is None:
            return
        self.person("act_owner", given.act_owner)
        self._ahead("act_by", given.act_by)
        if not self.calendar.works(given.act_by):
            next_one = self.calendar.add(given.act_by, 1)
            raise NotRecordable(f"act_by: {given.act_by} is no working day: the next one is {next_one}")

    def expiry(self, given: Remark) -> None:
        """An override says a health and ends; a reply may end."""
        if given.kind == "override" and (given.health not in KNOWN or given.expires_on is None):
            raise NotRecordable(
                f"an override needs health ({', '.join(KNOWN)}) and expires_on: how it is, and until when that counts"
            )
        if given.kind == "reply" and given.health is not None:
            raise NotRecordable("a reply says no health: kind 'override' does")
        if given.expires_on is not None:
            self._ahead("expires_on", given.expires_on)

    def _ahead(self, part: str, on: date) -> None:
        if on < self.today:
            raise NotRecordable(f"{part}: {on} has passed; today is {self.today}")
        if on > self.today + LONGEST:
            raise NotRecordable(f"{part}: {on} is more than a year ahead")


def _near(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, sorted(known), 1)
    return f" - did you mean '{near[0]}'?" if near else ""
