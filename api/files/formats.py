"""How a table is written as a file: CSV, JSON Lines, Parquet. Rows come in batches of columns, and nothing of them is kept."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from importlib.util import find_spec
from itertools import starmap
from operator import itemgetter
from typing import Any, BinaryIO, NamedTuple

import msgspec

from api.objects import object_with
from ledger.published import Kind, Table
from ledger.reading import Columns

Write = Callable[[Table, Iterable[Columns], BinaryIO], None]
BLANK = "".join(map(chr, (*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF)))  # fmt: skip
STARTS = "=+-@＝＋－＠"
FORMULA = re.compile(f"[{BLANK}'\"]*[{re.escape(STARTS)}]|[\\t\\r\\n]")
"""What a spreadsheet takes for a formula, also behind blanks and quotes, or for a way to smuggle one into another cell."""
SUSPECT = frozenset(f"{BLANK}'\"{STARTS}")
_FIRST = itemgetter(0)
WORDS = {True: "true", False: "false"}
ROW_GROUP, PAGE = 8_192, 1 << 16


class Format(msgspec.Struct, frozen=True):
    """A file's ending, its media type, what it is, and how it is written."""

    ending: str
    media_type: str
    description: str
    write: Write


# -- CSV -----------------------------------------------------------------------------------------------------------------


def write_csv(table: Table, rows: Iterable[Columns], out: BinaryIO) -> None:
    """RFC 4180 in UTF-8: a header, no value as an empty field, true and false; texts that a spreadsheet would execute are disarmed."""
    lines: list[str] = []
    writer = csv.writer(_Lines(lines.append))
    writer.writerow(table.names)
    for columns in rows:
        shown = [_shown(c.kind, values) for c, values in zip(table.columns, columns, strict=True)]
        writer.writerows(zip(*shown, strict=True))
        out.write("".join(lines).encode())
        lines.clear()
    out.write("".join(lines).encode())


class _Lines(NamedTuple):
    """What a writer of CSV takes for a file."""

    write: Callable[[str], None]


def write_csv_for_excel(table: Table, rows: Iterable[Columns], out: BinaryIO) -> None:
    """The same behind a byte order mark, without which Excel takes UTF-8 for something else."""
    out.write("\ufeff".encode())
    write_csv(table, rows, out)


def _shown(kind: Kind, values: Sequence[Any]) -> Sequence[Any]:
    if kind == "bool":
        return [WORDS.get(v) for v in values]
    if kind != "string" or SUSPECT.isdisjoint(map(_FIRST, filter(None, values))):
        return values
    return [disarmed(v) if v else v for v in values]


def disarmed(text: str) -> str:
    """A text that no spreadsheet takes for a formula: with a quote before it, where it might be taken for one."""
    return f"'{text}" if FORMULA.match(text) else text


# -- JSON Lines ----------------------------------------------------------------------------------------------------------


def write_jsonl(table: Table, rows: Iterable[Columns], out: BinaryIO) -> None:
    """One object per row with every column, as OData has them: nothing is changed."""
    row = object_with(table.names)
    encode = msgspec.json.Encoder().encode_lines
    for columns in rows:
        out.write(encode(list(starmap(row, zip(*columns, strict=True)))))


# -- Parquet -------------------------------------------------------------------------------------------------------------


def parquet_is_there() -> bool:
    """Whether the library that writes Parquet is installed; it is large, and nothing else needs it."""
    return find_spec("pyarrow") is not None


def write_parquet(table: Table, rows: Iterable[Columns], out: BinaryIO) -> None:
    """Typed columns in row groups of 8k rows, so that little is held, compressed with zstd; instants in UTC with milliseconds."""
    import pyarrow as pa
    from pyarrow import parquet

    pa.set_memory_pool(pa.system_memory_pool())  # its own keeps what it once had
    types = _arrow_types(pa)
    fields = [
        pa.field(c.name, types[c.kind], c.nullable, metadata={"description": c.description}) for c in table.columns
    ]
    schema = pa.schema(fields, metadata={"description": table.description})
    with parquet.ParquetWriter(
        out, schema, compression="zstd", data_page_size=PAGE, dictionary_pagesize_limit=PAGE
    ) as writer:
        for group in _groups(_arrow(pa, schema, columns) for columns in rows):
            writer.write_table(pa.Table.from_batches(group, schema), ROW_GROUP)


def _arrow_types(pa: Any) -> Mapping[Kind, Any]:
    return {
        "string": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "date": pa.date32(),
        "instant": pa.timestamp("ms", "UTC"),
    }  # fmt: skip


def _arrow(pa: Any, schema: Any, columns: Columns) -> Any:
    """A record batch."""
    arrays = [_array(pa, field.type, values) for field, values in zip(schema, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(pa: Any, kind: Any, values: Sequence[Any]) -> Any:
    """Dates and instants are read out of their texts here: what Arrow loads for it takes 10 MB."""
    if pa.types.is_date(kind):
        return pa.array([None if v is None else date.fromisoformat(v) for v in values], kind)
    if pa.types.is_timestamp(kind):
        return pa.array([None if v is None else datetime.fromisoformat(v) for v in values], kind)
    return pa.array(values, kind)


def _groups(batches: Iterable[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        if sum(b.num_rows for b in group) + batch.num_rows > ROW_GROUP:
            yield group
            group = []
    if group:
        yield group


FORMATS: Mapping[str, Format] = {
    f.ending: f
    for f in (
        Format("csv", "text/csv; charset=utf-8; header=present", "CSV, safe to open in a spreadsheet", write_csv),
        Format("jsonl", "application/jsonl; charset=utf-8", "JSON Lines, values as they are", write_jsonl),
        Format("parquet", "application/vnd.apache.parquet", "Parquet with typed columns", write_parquet),
    )
}
FOR_EXCEL = Format("csv", FORMATS["csv"].media_type, "CSV behind a byte order mark", write_csv_for_excel)
