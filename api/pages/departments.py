"""The mirror: how a department is read, word by word, how fresh that is, and what is said about the team."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from api.asking import answers, sources
from api.course import Close
from api.mapping import mapping_of
from api.pages.asked import Asking
from api.pages.parts import Names, known_department, line, needed
from api.pages.render import Page
from api.pages.shapes import AdherenceOut, DepartmentPageOut, DepartmentRowOut, DepartmentsPageOut
from api.pages.tables import Table, table
from api.planning import board_at
from api.v1.shapes import DepartmentMappingOut, DepartmentOut, SourceOut, department_shape
from api.words import SHAPES
from signals.overview import Answer


def departments(asking: Asking) -> Page:
    """Every department in one line."""
    configuration, ledger = asking.configuration, asking.ledger
    board = board_at(ledger, configuration)
    names, said = Names(configuration, board.plan), answers(ledger, configuration, board.as_of)
    waiting = _waiting(said)
    open_of = Counter(names.department(e.subject) for e in board.exceptions())
    rows = []
    for d, a in zip(configuration.departments, said, strict=True):
        entry = department_shape(d, configuration, waiting).model_dump()
        rows.append(
            DepartmentRowOut(
                **entry, headline=a.headline, because=a.because, coverage=a.coverage,
                data_age_seconds=a.data_age_seconds, decisions=open_of[d.department], address=f"/departments/{d.department}",
            )
        )  # fmt: skip
    columns = "department name head headline because coverage unmapped decisions cadence sources"
    told = DepartmentsPageOut(as_of=board.as_of, items=rows)
    return Page(
        "departments.html", "Departments", board.as_of, told, (table("Departments", columns, rows),), dated=False
    )


def department(asking: Asking) -> Page:
    """One department's mirror, as things are now.

    Raises:
        NoSuchDepartment: there is none of this key.
    """
    configuration, ledger, key = asking.configuration, asking.ledger, asking.key
    mine = known_department(configuration, key)
    board = board_at(ledger, configuration)
    names, closes = Names(configuration, board.plan), asking.closes(board.as_of)
    streams, keys = names.streams_of(key), {s.key for s in mine.sources}
    said = answers(ledger, configuration, board.as_of)
    entry = department_shape(mine, configuration, _waiting(said))
    answer = next(a for a in said if a.department == key)
    rows = [e for e in board.exceptions() if names.department(e.subject) == key]
    told = DepartmentPageOut(
        as_of=board.as_of,
        department=entry,
        head_name=names.person(mine.head),
        owner_names=[names.person(o) or o for o in entry.mapping_owners],
        answer=DepartmentOut.model_validate(msgspec.to_builtins(answer)),
        mapping=DepartmentMappingOut.model_validate(msgspec.to_builtins(mapping_of(ledger, configuration, mine))),
        adherence=_adherence(closes, key),
        sources=[SourceOut.model_validate(s) for s in sources(ledger, configuration) if s["key"] in keys],
        workstreams=[line(names, n, closes) for n in board.nodes("workstream", streams).values()],
        exceptions=needed(names, rows, configuration.calendar.day(board.as_of)),
    )
    lead = f"{' '.join(SHAPES[answer.headline])}: {mine.name}. {answer.because}"
    return Page(
        "department.html", f"{mine.name}: how we read you", board.as_of, told, _tables(told), (lead,), dated=False
    )


def _tables(told: DepartmentPageOut) -> tuple[Table, ...]:
    words = [w for b in told.mapping.bindings for w in b.words]
    return (
        table("Words", "field raw raw_id count becomes rule finding", words),
        table("Words without a translation", "source binding field raw count file", told.mapping.unmapped),
        table("Sources", "key kind state reason last_good_at unmapped unobserved access_lost", told.sources),
        table("Workstreams", "key name headline reported derived because", told.workstreams),
        table("Needs a decision", "severity because node decision_owner decision_needed decide_by", told.exceptions),
    )


def _waiting(told: Iterable[Answer]) -> dict[str, int]:
    """By department: words that wait for a translation."""
    return {a.department: sum(s.unmapped for s in a.sources) for a in told}


def _adherence(closes: list[Close], key: str) -> AdherenceOut | None:
    """As the last published week tells it; None where none does."""
    told = next((c for c in reversed(closes) if c.published and key in c.adherence), None)
    if told is None:
        return None
    fresh, due = told.adherence[key]
    return AdherenceOut(week=told.week, fresh=fresh, due=due)
