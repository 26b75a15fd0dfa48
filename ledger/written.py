"""Pages of lists as a driver takes them. SQL is written once for every kind of question, since to write it takes longer than to answer most of
it; the values are put in when it is asked.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec
from sqlalchemy import Boolean, Dialect, Select

from ledger.behind import allowed
from ledger.lists import Condition, Listed, Wanted
from ledger.veil import Bound, Veil

FEW = 250
"""Values of a question that others may ask too: of those with more of them, hardly two are of one kind."""


class Asked(msgspec.Struct, frozen=True):
    """A page as a driver takes it: its SQL, the values that go with it, and what makes rows, by name, of what comes."""

    text: str
    values: Any
    rows: Callable[[Iterable[Sequence[Any]]], list[Any]]


class _Slot(msgspec.Struct, frozen=True):
    """Stands for a value in SQL that is written once for all values."""

    n: int


def asked(of: Listed, wanted: Wanted, dialect: Dialect, shown: frozenset[Bound] | None = None) -> Asked:
    """A page of a list. shown: the bindings that a veil shows.

    Raises:
        WrongQuestion: `wanted.after` is no place in this order.
    """
    of.check(wanted, dialect.name)
    values: list[Any] = []

    def slot(value: Any) -> _Slot:
        values.append(value)
        return _Slot(len(values) - 1)

    where = tuple(Condition(w.column, w.is_, _slotted(w, slot)) for w in wanted.where)
    after = None if wanted.after is None else tuple(None if v is None else slot(v) for v in wanted.after)
    kind = Wanted(where, tuple(wanted.order), after, None if wanted.limit is None else cast(int, slot(wanted.limit)))
    write = _written if len(values) <= FEW else _written.__wrapped__
    return write(of, kind, dialect, shown).asked(values)


def _slotted(w: Condition, slot: Callable[[Any], _Slot]) -> Any:
    if w.is_ == "one of":
        return tuple(map(slot, w.value))
    return w.value if w.is_ == "is" else slot(w.value)


class _Written:
    """One kind of question, whatever its values."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        self._names, self._params = compiled.positiontup, compiled.params
        row: Any = namedtuple("Row", [c.name for c in statement.selected_columns])  # type: ignore[misc]
        self._row: Callable[[Sequence[Any]], Any] = row._make
        self._bools = [n for n, c in enumerate(statement.selected_columns) if isinstance(c.type, Boolean)]

    def asked(self, values: Sequence[Any]) -> Asked:
        put = {name: values[v.n] if isinstance(v, _Slot) else v for name, v in self._params.items()}
        return Asked(self.text, put if self._names is None else tuple(map(put.__getitem__, self._names)), self._rows)

    def _rows(self, came: Iterable[Sequence[Any]]) -> list[Any]:
        return list(map(self._row, map(self._truly, came) if self._bools else came))

    def _truly(self, row: Sequence[Any]) -> Sequence[Any]:
        """SQLite knows no booleans: it says 0 and 1."""
        return [v if n not in self._bools or v is None else bool(v) for n, v in enumerate(row)]


@lru_cache(256)
def _written(of: Listed, kind: Wanted, dialect: Dialect, shown: frozenset[Bound] | None) -> _Written:
    hides = [] if of.home is None or shown is None else [allowed(Veil(shown), *map(of.columns.__getitem__, of.home))]
    return _Written(of.statement(kind, hides, dialect.name), dialect)
