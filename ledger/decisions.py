"""Decisions, what became of them, and annotations. Only ever added to: a correction names what it supersedes, and both stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, false, insert, or_, select, update

from ledger.engine import transaction
from ledger.keys import note
from ledger.model import Annotation, Decision, Health, Outcome, from_ms, to_ms
from ledger.tables import AnnotationRow, DecisionOutcomeRow, DecisionRow, Meta, columns
from ledger.text import storable

MOST = 4000
"""Characters of a note or a reply."""


class NotRecorded(Exception):
    """Something like it is recorded already, or it cannot be kept as it is; the message says which."""


class Decisions:
    """The decisions and annotations. Each call is a transaction of its own; what is added leaves its line in the audit log with it."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self.engine, self.clock = engine, clock

    # -- reading -----------------------------------------------------------------------------------------------------

    def recorded(self, *, until: datetime | None = None) -> list[Decision]:
        """Every decision recorded by an instant, or ever; superseded ones too, oldest first."""
        c = columns(DecisionRow)
        return [_decision(r) for r in self._rows(DecisionRow, *_by(c.recorded_at, until))]

    def outcomes(self, *, until: datetime) -> dict[str, list[Outcome]]:
        """What was found of decisions by an instant, oldest first."""
        c = columns(DecisionOutcomeRow)
        with transaction(self.engine, writing=False) as connection:
            rows = connection.execute(select(*c).where(c.at <= to_ms(until)).order_by(c.at)).fetchall()
        found: dict[str, list[Outcome]] = {}
        for r in rows:
            found.setdefault(r.decision, []).append(Outcome(from_ms(r.at), r.state, r.evidence))
        return found

    def annotations(self, *, until: datetime) -> list[Annotation]:
        """Every annotation recorded by an instant, expired ones too, oldest first."""
        c = columns(AnnotationRow)
        return [_annotation(r) for r in self._rows(AnnotationRow, *_by(c.recorded_at, until))]

    def subjects_since(self, revision: int) -> set[str]:
        """What was decided on after a revision of the ledger: how that stands may be another."""
        c = columns(DecisionRow)
        with transaction(self.engine, writing=False) as connection:
            return {r[0] for r in connection.execute(select(c.subject).where(c.revision > revision))}

    def decided_once(self, once: str) -> Decision | None:
        """The decision that a request of this name recorded."""
        return next((_decision(r) for r in self._rows(DecisionRow, columns(DecisionRow).once == once)), None)

    def annotated_once(self, once: str) -> Annotation | None:
        """The annotation that a request of this name recorded."""
        return next((_annotation(r) for r in self._rows(AnnotationRow, columns(AnnotationRow).once == once)), None)

    def _rows(self, table: type[DecisionRow] | type[AnnotationRow], *conditions: Any) -> list[Any]:
        c = columns(table)
        with transaction(self.engine, writing=False) as connection:
            return list(connection.execute(select(*c).where(*conditions).order_by(c.id)))

    # -- adding ------------------------------------------------------------------------------------------------------

    def record(self, decision: Decision, *, by: str, once: str | None = None) -> Decision:
        """Keeps a decision; as it is kept. once: what its caller named the request by.

        Raises:
            NotRecorded: it supersedes one that another supersedes, its request is recorded, or its note cannot be kept.
        """
        _keepable(decision.note)
        c, now = columns(DecisionRow), self.clock()
        with transaction(self.engine, writing=True) as connection:
            revision = _next_revision(connection)
            asked = ((c.once, once), (c.supersedes, decision.supersedes))
            alike = or_(false(), *(column == value for column, value in asked if value))
            for rival in connection.execute(select(c.id, c.supersedes).where(alike)):
                if decision.supersedes and rival.supersedes == decision.supersedes:
                    raise NotRecorded(f"{rival.id} supersedes {decision.supersedes} already: supersede that one")
                raise NotRecorded(f"this request is recorded already, as {rival.id}")
            kept = msgspec.structs.replace(decision, id=f"d-{revision:09d}", recorded_at=from_ms(to_ms(now)))
            connection.execute(insert(DecisionRow).values(**_row(kept), recorded_by=by, once=once, revision=revision))
            about = kept.signal or kept.subject
            instead = f", superseding {kept.supersedes}" if kept.supersedes else ""
            note(connection, now, by, "decide", f"{kept.id} {kept.kind} {about} by {kept.decided_by}{instead}")
        return kept

    def found(self, decision: str, outcome: Outcome) -> bool:
        """Notes what was found of a decision; False where another process noted the same just before."""
        c = columns(DecisionOutcomeRow)
        with transaction(self.engine, writing=True) as connection:
            _next_revision(connection)
            last = connection.execute(select(c.state).where(c.decision == decision).order_by(c.at.desc()).limit(1))
            if last.scalar() == outcome.state:
                return False
            row = {"decision": decision, "at": to_ms(outcome.at), "state": outcome.state, "evidence": outcome.evidence}
            connection.execute(insert(DecisionOutcomeRow).values(**row))
            note(connection, outcome.at, "sightline", f"decision {outcome.state}", decision)
        return True

    def annotate(self, annotation: Annotation, *, by: str, once: str | None = None) -> Annotation:
        """Keeps an annotation; as it is kept. once: what its caller named the request by.

        Raises:
            NotRecorded: its request is recorded, or its text cannot be kept.
        """
        _keepable(annotation.text)
        c, now = columns(AnnotationRow), self.clock()
        with transaction(self.engine, writing=True) as connection:
            revision = _next_revision(connection)
            if once and (rival := connection.execute(select(c.id).where(c.once == once)).first()):
                raise NotRecorded(f"this request is recorded already, as {rival.id}")
            kept = msgspec.structs.replace(annotation, id=f"a-{revision:09d}", recorded_at=from_ms(to_ms(now)))
            connection.execute(insert(AnnotationRow).values(**_row(kept), recorded_by=by, once=once))
            note(
                connection,
                now,
                by,
                "annotate",
                f"{kept.id} {kept.kind} {kept.signal or kept.subject} by {kept.said_by}",
            )
        return kept


def _keepable(text: str) -> None:
    if len(text) > MOST:
        raise NotRecorded(f"{len(text)} characters are too many: say it in {MOST}")
    if storable(text) != text:
        raise NotRecorded("a NUL or half a character stands in the text: no database keeps it")


def _next_revision(connection: Connection) -> int:
    """Taken before anything is asked: from here on one such transaction waits for another. Ids are made of it, and so sort by time."""
    c = columns(Meta)
    return int(connection.execute(update(Meta).values(revision=c.revision + 1).returning(c.revision)).scalar_one())


def _by(column: Any, until: datetime | None) -> list[Any]:
    return [] if until is None else [column <= to_ms(until)]


def _row(kept: Decision | Annotation) -> dict[str, Any]:
    """Dates as ISO text, instants as milliseconds."""
    row = msgspec.to_builtins(kept)
    row.pop("origin", None)
    return {**row, "recorded_at": to_ms(kept.recorded_at) if kept.recorded_at else None}


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _decision(r: Any) -> Decision:
    return Decision(
        r.kind, r.subject, r.decided_by, date.fromisoformat(r.decided_on), r.act_owner, _day(r.act_by), r.signal, r.note, r.id,
        "", from_ms(r.recorded_at), r.supersedes,
    )  # fmt: skip


def _annotation(r: Any) -> Annotation:
    health = Health(r.health) if r.health else None
    return Annotation(
        r.kind, r.subject, r.text, r.said_by, r.signal, health, _day(r.expires_on), r.id, from_ms(r.recorded_at)
    )
