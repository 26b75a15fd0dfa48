"""A saved report's rows as records. Salesforce sends 2,000 rows of a report at most, and says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectors.contract import (
    Binding,
    FieldRef,
    Found,
    Page,
    RawRecord,
    Said,
    Seen,
    SourceChanged,
    SourceUnavailable,
    UnreadableRecord,
    Verdict,
    Words,
)
from connectors.plain import clean
from connectors.salesforce import DEFAULT_FIELDS
from connectors.salesforce.errors import Refused
from connectors.salesforce.reader import STAGE, Shape, said
from connectors.salesforce.shape import categories, gone, matching, option_labels
from connectors.salesforce.soql import is_id

if TYPE_CHECKING:
    from connectors.salesforce.client import SalesforceConnector

GONE = "the report does not show it any more: it no longer matches, was deleted, or is not shared"
NOBODY = ("005", "00G", "001", "003", "012")
"""Prefixes of users, queues, accounts, contacts, record types: not what a row is about while there is something else."""


class Report:
    """A report is read whole by every run: it has no stamps."""

    def __init__(self, client: SalesforceConnector, binding: Binding) -> None:
        self.client, self.binding = client, binding
        self.id: str = binding.scope.report

    # -- the contract ----------------------------------------------------------------------------------------------

    def shape(self, stages: Sequence[Mapping[str, Any]]) -> tuple[Shape, str, list[SourceChanged]]:
        """The report's columns as fields, its name, and a sentence for every mapped column that is not there."""
        told = self.client.ask(f"analytics/reports/{self.id}/describe")
        meta = told.get("reportMetadata") if isinstance(told, dict) else None
        info = (told.get("reportExtendedMetadata") or {}).get("detailColumnInfo") if isinstance(told, dict) else None
        if not isinstance(meta, dict) or not isinstance(info, dict):
            sentence = f"{self.client.source.key}: the report {self.id} was described without its columns"
            raise SourceUnavailable(sentence, source=self.client.source.key)
        columns = [{"name": n, "label": _label(i), "type": _type(i)} for n, i in info.items()]
        roles, drift = {}, []
        for role, ref in self.binding.fields.items():
            found = _columns(ref, columns)
            if len(found) == 1:
                roles[role] = found[0]
            elif ref != DEFAULT_FIELDS.get(role):
                drift.append(gone(self.client.source.key, "the report", role, ref, found, columns))
        shape = Shape(
            source=self.client.source.key,
            site=self.client.connection.url,
            object=self.id,
            roles=roles,
            types={str(c["name"]): str(c["type"]) for c in columns} | {STAGE: "picklist"},
            labels=option_labels([], stages),
            stages=categories(stages),
        )
        return shape, clean(str(meta.get("name") or self.id)), drift

    def pull(
        self, *, full: bool, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        """Every row, then whether those were all."""
        records, unreadable, whole = self._read()
        yield Page(records=tuple(records), unreadable=tuple(unreadable))
        yield self._verdict(whole)

    def census(self) -> Iterator[Sequence[Seen] | Verdict]:
        """Every row's record."""
        records, _, whole = self._read()
        yield [Seen(r.ref, self.id) for r in records]
        yield self._verdict(whole)

    def find(self, refs: Sequence[str]) -> Sequence[Found]:
        """Asks the report again."""
        by_ref = {r.ref: r for r in self._read()[0]}
        return [
            Found(ref, "present", by_ref[ref]) if ref in by_ref else Found(ref, "moved_out", None, GONE) for ref in refs
        ]

    def try_scope(self) -> None:
        """The columns were told already."""
        self.client.shape(self.binding)

    # -- reading ---------------------------------------------------------------------------------------------------

    def _verdict(self, whole: bool) -> Verdict:
        reason = f"the report {self.id} has more rows than the 2,000 that Salesforce sends: narrow its filter, or bind the object"
        return Verdict(whole, "" if whole else reason, {} if whole else None, truncated=not whole)

    def _read(self) -> tuple[list[RawRecord], list[UnreadableRecord], bool]:
        shape = self.client.shape(self.binding)
        source = self.client.source.key
        try:
            told = self.client.ask(f"analytics/reports/{self.id}", {"includeDetails": "true"})
        except Refused as refused:
            raise SourceChanged(f"{refused} (the report of {self.binding.key})", source=source) from None
        facts = told.get("factMap") if isinstance(told, dict) else None
        names = (told.get("reportMetadata") or {}).get("detailColumns") if isinstance(told, dict) else None
        if not isinstance(facts, dict) or not isinstance(names, list):
            raise SourceUnavailable(f"{source}: the report {self.id} was answered without its rows", source=source)
        if told.get("hasDetailRows") is False:
            hint = "show the report's detail rows in Salesforce and save it"
            raise SourceChanged(f"{source}: the report {self.id} shows no detail rows", source=source, hint=hint)
        rows = list(_rows(facts, [str(n) for n in names]))
        about = _subject(rows)
        if rows and about is None:
            hint = "add the record's name as a column and save the report"
            raise SourceChanged(
                f"{source}: no column of the report {self.id} leads to its records", source=source, hint=hint
            )
        records: dict[str, RawRecord] = {}
        unreadable = []
        for row in rows:
            try:
                record = as_record(row, str(about), shape)
                records.setdefault(record.ref, record)
            except UnreadableRecord as error:
                unreadable.append(error)
        return list(records.values()), unreadable, told.get("allData") is True


# -- pure --------------------------------------------------------------------------------------------------------------

Row = Mapping[str, tuple[Any, str]]
"""Column to (value, label)."""


def _rows(facts: Mapping[str, Any], names: Sequence[str]) -> Iterator[Row]:
    """Every detail row, of whatever group."""
    for fact in facts.values():
        found = fact.get("rows") if isinstance(fact, dict) else None
        for row in found if isinstance(found, list) else []:
            cells = row.get("dataCells") if isinstance(row, dict) else None
            cells = cells if isinstance(cells, list) else []
            shown = [(c.get("value"), str(c.get("label") or "")) if isinstance(c, dict) else (None, "") for c in cells]
            yield dict(zip(names, shown, strict=False))


def _subject(rows: Sequence[Row]) -> str | None:
    """The column whose values are the ids of what the report is about."""
    found = []
    for name in rows[0] if rows else ():
        values = [row[name][0] for row in rows if name in row]
        told = [v for v in values if isinstance(v, str) and is_id(v) and any(c.isdigit() for c in v)]
        if told and len(told) * 2 > len(values):
            found.append((told[0].startswith(NOBODY), -len(set(told)), name))
    return min(found)[2] if found else None


def as_record(row: Row, about: str, shape: Shape) -> RawRecord:
    """One row to one record.

    Raises:
        UnreadableRecord: it does not lead to a record.
    """
    ref, title = row.get(about, (None, ""))
    if not isinstance(ref, str) or not is_id(ref):
        raise UnreadableRecord(f"a row of the report {shape.object} leads to no record", source=shape.source)
    title = clean(title) or ref
    fields = {role: _cell(name, row[name], shape) for role, name in shape.roles.items() if name in row}
    return RawRecord(ref, shape.object, title, title, f"{shape.site}/{ref}", None, fields=fields)


def _cell(name: str, cell: tuple[Any, str], shape: Shape) -> Words:
    """A cell as said: an id brings its label, an amount its number, a stage its category."""
    value, label = cell
    if isinstance(value, dict):
        value = value.get("amount")
    if value in (None, "-") or value == "":
        return ()
    if _plain(name) == _plain(STAGE):
        return said(STAGE, value, shape)
    words = said(name, value, shape)
    if isinstance(value, str) and is_id(value) and label and label != value:
        return (Said(clean(label), id=clean(value)),)
    return words


def _columns(ref: FieldRef, columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns meant: by API name or label, else by the field's name without its underscores."""
    found = matching(FieldRef(name=ref.id or ref.name or ref.schema), columns)
    wanted = _plain(ref.id or ref.name or "")
    return found or [str(c["name"]) for c in columns if _plain(str(c["name"]).rpartition(".")[2]) == wanted]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _label(info: Any) -> str:
    return str(info.get("label") or "") if isinstance(info, dict) else ""


def _type(info: Any) -> str:
    return str(info.get("dataType") or "") if isinstance(info, dict) else ""
