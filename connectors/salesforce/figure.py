"""One figure over an object as one record: how many, or how much, for a key result's current value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectors.contract import Binding, Found, Page, RawRecord, Said, Seen, SourceChanged, SourceUnavailable, Verdict
from connectors.plain import number
from connectors.salesforce.errors import Refused
from connectors.salesforce.soql import both, select

if TYPE_CHECKING:
    from connectors.salesforce.client import SalesforceConnector

ROLE = "current_value"


class Figure:
    """A COUNT or SUM; read anew by every run, for it costs one request."""

    def __init__(self, client: SalesforceConnector, binding: Binding) -> None:
        self.client, self.binding = client, binding
        self.table: str = binding.scope.object

    def pull(
        self, *, full: bool, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        """One page of one record."""
        yield Page(records=(self._record(),))
        yield Verdict(complete=True, cursor={}, whole=True)

    def census(self) -> Iterator[Sequence[Seen] | Verdict]:
        """The figure is always there."""
        yield [Seen(self.binding.key, self.table)]
        yield Verdict(complete=True)

    def find(self, refs: Sequence[str]) -> Sequence[Found]:
        """What is no figure of this binding was read by an earlier one of its name."""
        record = self._record() if self.binding.key in refs else None
        gone = "this binding reads one figure now"
        return [
            Found(ref, "present", record) if ref == self.binding.key else Found(ref, "moved_out", None, gone)
            for ref in refs
        ]

    def try_scope(self) -> None:
        """Asks for the figure."""
        self._record()

    def _record(self) -> RawRecord:
        wanted = self.binding.scope.aggregate
        expression = f"SUM({wanted.field})" if wanted.function == "sum" else "COUNT(Id)"
        where = both(self.binding.scope.where, wanted.where)
        try:
            rows = [
                row for rows in self.client.query(select([f"{expression} figure"], self.table, where)) for row in rows
            ]
        except Refused as refused:
            hint = f"check the aggregate at {self.binding.origin}"
            raise SourceChanged(f"{refused} ({self.binding.key})", source=refused.source, hint=hint) from None
        if len(rows) != 1 or "figure" not in rows[0]:
            sentence = f"{self.client.source.key}: a figure was asked for and none was told"
            raise SourceUnavailable(sentence, source=self.client.source.key)
        value = rows[0]["figure"]
        what = f"Sum of {wanted.field} of {self.table}" if wanted.function == "sum" else f"Number of {self.table}"
        said = () if value is None else (Said(number(value)),)  # a sum over nothing is no number
        url = f"{self.client.connection.url}/lightning/o/{self.table}/list"
        return RawRecord(
            ref=self.binding.key, scope=self.table, key=self.binding.key, title=what, url=url, type="Figure",
            fields={ROLE: said},
        )  # fmt: skip
