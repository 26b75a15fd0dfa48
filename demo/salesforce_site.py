"""The state behind a demo Salesforce: objects, fields, stages, people, records, and what was deleted. No HTTP here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
SNAPSHOT = ("StageName", "Amount", "CloseDate", "Probability", "ForecastCategory")


@dataclass(frozen=True, slots=True)
class FieldType:
    """One entry of a describe. `visible` False: field-level security hides it."""

    name: str
    label: str
    type: str = "string"
    refers: tuple[str, ...] = ()
    calculated: bool = False
    visible: bool = True
    name_field: bool = False
    master: bool = False


@dataclass(slots=True)
class Table:
    """One object. `visible` False: the run-as user has no right to it."""

    name: str
    label: str
    prefix: str
    fields: dict[str, FieldType]
    rows: dict[str, Record] = field(default_factory=dict)
    visible: bool = True
    tracked: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Record:
    """One row. Several commits where one is late: (seen from, the values then)."""

    id: str
    table: str
    commits: list[tuple[datetime, dict[str, Any]]]
    shared: bool = True

    def values(self, now: datetime) -> dict[str, Any] | None:
        """The row as anybody sees it now; None before its first commit."""
        return next((values for at, values in reversed(self.commits) if at <= now), None)


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    label: str
    closed: bool
    won: bool
    probability: float
    forecast: str
    active: bool = True


def full_id(prefix: str, number: int) -> str:
    """An 18-character id: 15 that know case, and three that check it."""
    short = f"{prefix}Hs{number:010d}"
    return short + "".join(
        SUFFIX[sum(1 << n for n, c in enumerate(short[start : start + 5]) if c.isupper())] for start in (0, 5, 10)
    )


class SalesforceSite:
    """One org with everything in memory. Edits may come while it is serving."""

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.stages: dict[str, Stage] = {}
        self.tables: dict[str, Table] = {}
        self.reports: dict[str, Report] = {}
        self.extra: dict[str, dict[str, str]] = {}
        """Object to (picklist field to its label), for lists other than the stage."""
        self._next = 1
        for name, (label, prefix, fields) in STANDARD.items():
            self.tables[name] = Table(name, label, prefix, {f.name: f for f in (*SYSTEM, *fields)})
        self.tables["Opportunity"].tracked = {"StageName", "CloseDate", "OwnerId", "Amount"}

    # -- set-up ----------------------------------------------------------------------------------------------------

    def table(self, name: str, label: str, prefix: str, *fields: FieldType) -> Table:
        """An object of the org's own."""
        made = Table(name, label, prefix, {f.name: f for f in (*SYSTEM, NAME, *fields)})
        self.tables[name] = made
        return made

    def custom_field(self, table: str, made: FieldType, *, tracked: bool = False) -> FieldType:
        self.tables[table].fields[made.name] = made
        if tracked:
            self.tables[table].tracked.add(made.name)
        return made

    def secure(self, table: str, name: str, *, visible: bool) -> None:
        """Field-level security hides a field, or shows it."""
        fields = self.tables[table].fields
        fields[name] = replace(fields[name], visible=visible)

    def stage(self, name: str, *, closed: bool = False, won: bool = False, probability: float, forecast: str) -> Stage:
        made = Stage(name, name, closed, won, probability, forecast)
        self.stages[name] = made
        row = {
            "ApiName": name, "MasterLabel": name, "IsActive": True, "IsClosed": closed, "IsWon": won,
            "DefaultProbability": probability, "ForecastCategoryName": forecast, "ForecastCategory": forecast.replace(" ", ""),
            "SortOrder": len(self.stages),
        }  # fmt: skip
        self._insert("OpportunityStage", row, self.clock(), None)
        return made

    def user(self, name: str, email: str | None = None, kind: str = "Standard") -> Record:
        row = {"Name": name, "Email": email, "UserType": kind, "IsActive": True}
        return self._insert("User", row, self.clock(), None)

    # -- life ------------------------------------------------------------------------------------------------------

    def create(
        self,
        table: str,
        by: Record | None = None,
        *,
        at: datetime | None = None,
        seen: datetime | None = None,
        **values: Any,
    ) -> Record:
        """A new row. `seen`: when its transaction is committed, later than its stamp."""
        with self.lock:
            at = at or self.clock()
            record = self._insert(table, values, at, by, seen)
            if table == "Opportunity":
                self._staged(record.commits[-1][1], values)
                self._snapshot(record, at, by)
            return record

    def edit(
        self,
        record: Record,
        by: Record | None,
        *,
        at: datetime | None = None,
        seen: datetime | None = None,
        **changes: Any,
    ) -> None:
        """Sets fields and stamps the row; history is kept as the object keeps it."""
        with self.lock:
            at = at or self.clock()
            before = record.commits[-1][1]
            after = {**before, **changes}
            if record.table == "Opportunity":
                self._staged(after, changes)
            who = by.id if by else before["LastModifiedById"]
            stamp = max(at.replace(microsecond=0), before["SystemModstamp"])
            after |= {"LastModifiedDate": stamp, "SystemModstamp": stamp, "LastModifiedById": who}
            record.commits.append((seen or at, after))
            self._track(record, before, after, at, by)

    def _staged(self, values: dict[str, Any], changes: dict[str, Any]) -> None:
        """What a stage brings with it."""
        stage = self.stages.get(str(values.get("StageName")))
        if stage is not None and "StageName" in changes:
            values |= {"IsClosed": stage.closed, "IsWon": stage.won, "ForecastCategoryName": stage.forecast}
            values |= {"Probability": changes.get("Probability", stage.probability)}
            values["ForecastCategory"] = stage.forecast.replace(" ", "")

    def _track(
        self, record: Record, before: dict[str, Any], after: dict[str, Any], at: datetime, by: Record | None
    ) -> None:
        for name in sorted(self.tables[record.table].tracked):
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            sides = [(old, new)]
            label = name
            if name.endswith("Id"):
                label = name.removesuffix("Id")
                sides.append((self._name_of(old), self._name_of(new)))
            for one, other in sides:
                row = {"Field": label, "OldValue": _history_value(one), "NewValue": _history_value(other)}
                self._insert("OpportunityFieldHistory", {"OpportunityId": record.id, **row}, at, by)
        if record.table == "Opportunity" and any(before.get(n) != after.get(n) for n in SNAPSHOT):
            self._snapshot(record, at, by)

    def _snapshot(self, record: Record, at: datetime, by: Record | None) -> None:
        values = record.commits[-1][1]
        row = {name: values.get(name) for name in SNAPSHOT}
        self._insert("OpportunityHistory", {"OpportunityId": record.id, **row}, at, by)

    def _name_of(self, ref: Any) -> Any:
        found = self.tables["User"].rows.get(str(ref))
        return found.commits[-1][1]["Name"] if found else ref

    def recalculate(self, record: Record, **values: Any) -> None:
        """A formula has another result: no stamp moves."""
        with self.lock:
            at, last = record.commits[-1]
            record.commits[-1] = (at, {**last, **values})

    def delete(self, record: Record, *, master: Record | None = None) -> None:
        """Into the recycle bin; merged where there is a master."""
        with self.lock:
            now = self.clock().replace(microsecond=0)
            merged = {"MasterRecordId": master.id} if master else {}
            record.commits.append((now, {**record.commits[-1][1], "IsDeleted": True, "SystemModstamp": now, **merged}))

    def purge(self, record: Record) -> None:
        """Out of the recycle bin, for ever."""
        with self.lock:
            self.tables[record.table].rows.pop(record.id, None)

    def rename_user(self, user: Record, name: str) -> None:
        """Their records are not stamped by it."""
        self.recalculate(user, Name=name)

    def _insert(
        self, table: str, values: dict[str, Any], at: datetime, by: Record | None, seen: datetime | None = None
    ) -> Record:
        ref = full_id(self.tables[table].prefix, self._next)
        self._next += 1
        stamp, who = at.replace(microsecond=0), by.id if by else ROOT
        standing = {
            "Id": ref, "IsDeleted": False, "CreatedDate": stamp, "CreatedById": who, "LastModifiedDate": stamp,
            "LastModifiedById": who, "SystemModstamp": stamp,
        }  # fmt: skip
        record = Record(ref, table, [(seen or at, {**standing, **values})])
        self.tables[table].rows[ref] = record
        return record

    # -- what a credential sees ------------------------------------------------------------------------------------

    def rows(self, table: str, *, deleted: bool = False) -> Iterator[dict[str, Any]]:
        """Committed rows that are shared; deleted ones too where wanted. Related names come along."""
        now = self.clock()
        for record in list(self.tables[table].rows.values()):
            values = record.values(now)
            if values is not None and record.shared and (deleted or not values["IsDeleted"]):
                yield values


@dataclass(frozen=True, slots=True)
class Report:
    """A saved report: an object's rows in columns. `names` are the report's own column names by field."""

    id: str
    name: str
    table: str
    columns: dict[str, str]
    """Column to field."""
    where: str = ""
    group: str | None = None


def _history_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


ROOT = full_id("005", 0)
NAME = FieldType("Name", "Name", name_field=True)
SYSTEM = (
    FieldType("Id", "Record ID", "id"), FieldType("IsDeleted", "Deleted", "boolean"),
    FieldType("CreatedDate", "Created Date", "datetime"), FieldType("CreatedById", "Created By ID", "reference", ("User",)),
    FieldType("LastModifiedDate", "Last Modified Date", "datetime"),
    FieldType("LastModifiedById", "Last Modified By ID", "reference", ("User",)),
    FieldType("SystemModstamp", "System Modstamp", "datetime"),
)  # fmt: skip
STANDARD: dict[str, tuple[str, str, tuple[FieldType, ...]]] = {
    "Opportunity": ("Opportunity", "006", (
        NAME, FieldType("StageName", "Stage", "picklist"), FieldType("Amount", "Amount", "currency"),
        FieldType("CloseDate", "Close Date", "date"), FieldType("Probability", "Probability (%)", "percent"),
        FieldType("ForecastCategory", "Forecast Category", "picklist"),
        FieldType("ForecastCategoryName", "Forecast Category", "picklist"), FieldType("IsClosed", "Closed", "boolean"),
        FieldType("IsWon", "Won", "boolean"), FieldType("OwnerId", "Owner ID", "reference", ("User",)),
        FieldType("NextStep", "Next Step"), FieldType("Type", "Opportunity Type", "picklist"),
        FieldType("Description", "Description", "textarea"),
    )),
    "Case": ("Case", "500", (
        FieldType("CaseNumber", "Case Number", name_field=True), FieldType("Subject", "Subject"),
        FieldType("Status", "Status", "picklist"), FieldType("OwnerId", "Owner ID", "reference", ("Group", "User")),
        FieldType("ParentId", "Parent Case ID", "reference", ("Case",)),
        FieldType("MasterRecordId", "Master Record ID", "reference", ("Case",)),
    )),
    "User": ("User", "005", (
        NAME, FieldType("Email", "Email", "email"), FieldType("UserType", "User Type", "picklist"),
        FieldType("IsActive", "Active", "boolean"),
    )),
    "Group": ("Group", "00G", (NAME,)),
    "OpportunityStage": ("Opportunity Stage", "01J", (
        FieldType("ApiName", "API Name"), FieldType("MasterLabel", "Master Label"), FieldType("IsActive", "Is Active", "boolean"),
        FieldType("SortOrder", "Sort Order", "int"), FieldType("IsClosed", "Closed", "boolean"),
        FieldType("IsWon", "Won", "boolean"), FieldType("DefaultProbability", "Probability (%)", "percent"),
        FieldType("ForecastCategory", "Forecast Category", "picklist"),
        FieldType("ForecastCategoryName", "Forecast Category", "picklist"),
    )),
    "OpportunityHistory": ("Opportunity History", "008", (
        FieldType("OpportunityId", "Opportunity ID", "reference", ("Opportunity",)), FieldType("StageName", "To Stage", "picklist"),
        FieldType("Amount", "Amount", "currency"), FieldType("CloseDate", "Close Date", "date"),
        FieldType("Probability", "Probability", "percent"), FieldType("ForecastCategory", "To ForecastCategory", "picklist"),
    )),
    "OpportunityFieldHistory": ("Opportunity Field History", "017", (
        FieldType("OpportunityId", "Opportunity ID", "reference", ("Opportunity",)), FieldType("Field", "Changed Field", "picklist"),
        FieldType("OldValue", "Old Value", "anyType"), FieldType("NewValue", "New Value", "anyType"),
    )),
}  # fmt: skip


def later(at: datetime, minutes: float) -> datetime:
    """An instant some minutes after another."""
    return at + timedelta(minutes=minutes)
