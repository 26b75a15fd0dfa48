"""What SQLite and PostgreSQL say differently, as SQLAlchemy expressions that mean the same on both.

What SQLite lacks it is taught, connection by connection: its own `lower` knows no letter beyond ASCII.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sqlalchemy import Double, Integer, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class strpos(GenericFunction[int]):  # the SQL function's own name
    """Where the second text begins in the first, from 1; 0 where it does not. By characters, capitals count."""

    type = Integer()
    inherit_cache = True


class floor_of(GenericFunction[float]):
    """The whole number below, as a double."""

    type = Double()
    inherit_cache = True


class rounded(GenericFunction[float]):
    """The nearest whole number, halves away from zero, as a double."""

    type = Double()
    inherit_cache = True


class in_lower(GenericFunction[str]):
    """In small letters, by Unicode's rules."""

    type = Text()
    inherit_cache = True


class in_upper(GenericFunction[str]):
    """In capitals, by Unicode's rules."""

    type = Text()
    inherit_cache = True


class by_bytes(GenericFunction[str]):
    """A text that is compared by its bytes, as SQLite does and the published views do."""

    type = Text()
    inherit_cache = True


def taught(connection: Any) -> None:
    """Teaches a SQLite connection the functions above that it lacks; no value stays no value."""
    lacking: dict[str, Callable[[Any], Any]] = {"in_lower": str.lower, "in_upper": str.upper, "floor_of": _floor}
    for name, function in lacking.items():
        connection.create_function(name, 1, _of_a_value(function), deterministic=True)


def _of_a_value(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else function(value)


def _floor(number: float) -> float:
    return float(math.floor(number)) if math.isfinite(number) else number


def _said(name: Any, sqlite: str, postgresql: str) -> None:
    """Says how a function is written; "{}" is its arguments."""

    def on_sqlite(element: Any, compiler: Any, **more: Any) -> str:
        return sqlite.replace("{}", compiler.process(element.clause_expr.element, **more))

    def on_postgresql(element: Any, compiler: Any, **more: Any) -> str:
        return postgresql.replace("{}", compiler.process(element.clause_expr.element, **more))

    compiles(name, "sqlite")(on_sqlite)
    compiles(name, "postgresql")(on_postgresql)


_said(strpos, "instr({})", "strpos({})")
_said(floor_of, "floor_of({})", "floor({})")
_said(rounded, "round({})", "(SELECT trunc(v + 0.5 * sign(v)) FROM (SELECT {} AS v) AS of_value)")
_said(in_lower, "in_lower({})", '(lower(({}) COLLATE "und-x-icu") COLLATE "C")')
_said(in_upper, "in_upper({})", '(upper(({}) COLLATE "und-x-icu") COLLATE "C")')
_said(by_bytes, "({})", '(({}) COLLATE "C")')
