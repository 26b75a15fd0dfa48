"""The lists of departments, of the words that wait for a translation, of links that lead nowhere, and of sources."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.asking import sources
from api.deps import ConfigurationDep, LedgerDep
from api.mapping import inbox
from api.v1.listing import (
    FIELDS,
    SORT,
    Paged,
    PageOut,
    Ranked,
    Row,
    Several,
    SomeOf,
    answer_at_hand,
    fields_of,
    known,
    matching,
    row_as,
    sort_by,
)
from api.v1.question import Question
from api.v1.shapes import DepartmentEntryOut, SourceOut, UnmappedOut, UnresolvedLinkOut, department_shape
from api.v1.shapes_lists import Keys, LinkKinds, RunState
from connectors.contract import kinds
from sync.configuration import BoundSource, Configuration

source_lists = APIRouter(prefix="/v1", route_class=Question)


def _there(
    asked: DepartmentsAsked | UnmappedAsked | UnresolvedAsked | SourcesAsked, configuration: Configuration
) -> None:
    """Refuses a source or a department that there is not."""
    known("source", getattr(asked, "source", ()), [s.key for s in configuration.sources])
    known("department", getattr(asked, "department", ()), [d.department for d in configuration.departments])


class DepartmentRow(DepartmentEntryOut, Row):
    """One department, and how many of its words wait for a translation."""


class DepartmentsOut(PageOut):
    items: list[DepartmentRow]


class DepartmentsAsked(Paged):
    department: Keys = Field([], description="Departments' keys.")
    fields: Annotated[list[str], fields_of(DepartmentRow)] = FIELDS
    sort: Annotated[list[str], sort_by("department", "name", "unmapped")] = SORT


class UnmappedRow(UnmappedOut, Row):
    """A word without a translation."""


class UnmappedListOut(PageOut):
    items: list[UnmappedRow]
    never_read: list[str] = Field(
        description="Sources that were never read whole: which of their words have no translation is not known."
    )


class UnmappedAsked(Paged):
    department: Keys = Field([], description="Departments' keys.")
    source: Keys = Field([], description="Source keys.")
    binding: Keys = Field([], description="Bindings' keys.")
    field: Keys = Field([], description="Fields that say the word.")
    fields: Annotated[list[str], fields_of(UnmappedRow)] = FIELDS
    sort: Annotated[list[str], sort_by("department", "source", "binding", "field", "count", "first_seen_at")] = SORT


class UnresolvedRow(UnresolvedLinkOut, Row):
    """Something that an item names and that no tracker has, as far as we see."""


class UnresolvedOut(PageOut):
    items: list[UnresolvedRow]


class UnresolvedAsked(Paged):
    source: Keys = Field([], description="Source keys.")
    kind: LinkKinds = Field([])
    fields: Annotated[list[str], fields_of(UnresolvedRow)] = FIELDS
    sort: Annotated[list[str], sort_by("item", "source", "target", "kind")] = SORT


class SourceRow(SourceOut, Row):
    """How fresh a source is, and what could not be read."""


class SourcesOut(PageOut):
    items: list[SourceRow]


class SourcesAsked(Paged):
    source: Keys = Field([], description="Source keys.")
    kind: Annotated[list[str], SomeOf(tuple(kinds()), "kind of tracker")] = Field([])
    state: Annotated[list[Literal["never"] | RunState], Several] = Field([], description="Of the last run.")
    fields: Annotated[list[str], fields_of(SourceRow)] = FIELDS
    sort: Annotated[list[str], sort_by("key", "kind", "state", "last_good_at", "unmapped")] = SORT


@source_lists.get(
    "/departments", summary="Departments, and what waits for their heads", tags=["departments"], response_model=DepartmentsOut
)  # fmt: skip
def list_departments(
    asked: Annotated[DepartmentsAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Every department with its sources, the owners of its mapping, and how many of its words wait for a translation."""
    _there(asked, configuration)
    unmapped = ledger.unmapped_words(at=ledger.clock())
    waiting = {d.department: sum(unmapped.get(s.key, 0) for s in d.sources) for d in configuration.departments}
    rows: list[Ranked] = [
        ((n,), department_shape(d, configuration, waiting).model_dump())
        for n, d in enumerate(configuration.departments)
    ]
    return answer_at_hand("departments", matching(rows, asked, "department"), asked, as_of=ledger.clock())


@source_lists.get(
    "/unmapped", summary="Words without a translation, with samples and suggestions", tags=["departments"],
    response_model=UnmappedListOut,
)  # fmt: skip
def list_unmapped(
    asked: Annotated[UnmappedAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Every word that has no translation yet, the file it belongs in, and what it may mean; the most frequent first."""
    _there(asked, configuration)
    rows: list[Ranked] = [
        ((-u.count, u.source, u.binding, u.field, u.raw), row_as(UnmappedRow, u)) for u in inbox(ledger, configuration)
    ]
    found = matching(rows, asked, "department", "source", "binding", "field")
    good = ledger.last_good()
    never = [s.key for s in configuration.sources if s.key not in good and _is_asked(s, asked)]
    return answer_at_hand("unmapped", found, asked, as_of=ledger.clock(), never_read=never)


def _is_asked(source: BoundSource, asked: UnmappedAsked) -> bool:
    return source.key in (asked.source or [source.key]) and source.department in (
        asked.department or [source.department]
    )


@source_lists.get(
    "/links/unresolved", summary="What items name and no tracker has", tags=["items"], response_model=UnresolvedOut
)
def list_unresolved(
    asked: Annotated[UnresolvedAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Keys and addresses that items name and that lead to nothing we see."""
    _there(asked, configuration)
    rows: list[Ranked] = [
        ((u.item, u.target, u.kind, u.direction, u.original), row_as(UnresolvedRow, u)) for u in ledger.unresolved()
    ]
    return answer_at_hand("unresolved", matching(rows, asked, "source", "kind"), asked, as_of=ledger.clock())


@source_lists.get("/sources", summary="How fresh is what we know?", tags=["sources"], response_model=SourcesOut)
def list_sources(
    asked: Annotated[SourcesAsked, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """Every source with its last run, when it is due next, and what of it could not be read."""
    _there(asked, configuration)
    rows: list[Ranked] = [((n,), row_as(SourceRow, s)) for n, s in enumerate(sources(ledger, configuration))]
    return answer_at_hand("sources", matching(rows, asked, "kind", "state", key="source"), asked, as_of=ledger.clock())
