"""The part of SOQL that the demo Salesforce understands. What it does not understand it refuses, as Salesforce does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

Row = Mapping[str, Any]
Matches = Callable[[Row], bool]
TOKEN = re.compile(
    r"\s*(?P<token>'(?:[^'\\]|\\.)*'|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)|\d{4}-\d\d-\d\d|LAST_N_DAYS:\d+|-?\d+(?:\.\d+)?"
    r"|[A-Za-z_][\w.]*|>=|<=|!=|<>|=|<|>|\(|\)|,)"
)
RESERVED = frozenset(
    {"select", "from", "where", "order", "by", "limit", "and", "or", "not", "in", "like", "asc", "desc"}
)


class SoqlError(Exception):
    """What Salesforce answers with 400: its code and its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Figure:
    """COUNT(), COUNT(field) or SUM(field), with the name of the answer's column."""

    function: str
    field: str
    alias: str


@dataclass(frozen=True, slots=True)
class Query:
    table: str
    fields: tuple[str, ...]
    figure: Figure | None
    matches: Matches
    order: tuple[tuple[str, bool], ...]
    """(field, descending) of each."""
    limit: int | None

    def run(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that match, in order."""
        found = [row for row in rows if self.matches(row)]
        for name, descending in reversed(self.order):
            found.sort(key=lambda r, n=name: _sortable(r.get(n)), reverse=descending)  # type: ignore[misc]  # bound now
        return found if self.limit is None else found[: self.limit]


def parse(soql: str, *, types: Callable[[str], Mapping[str, str]], now: datetime) -> Query:
    """A query as a function of rows.

    types: an object's visible fields and their types; raises SoqlError INVALID_TYPE for one that is not there.
    """
    return _Parser(_tokens(soql), types, now).query()


def _tokens(text: str) -> list[str]:
    tokens, at, text = [], 0, text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise SoqlError("MALFORMED_QUERY", f"line 1:{at} no viable alternative at character '{text[at]}'")
        tokens.append(match["token"])
        at = match.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return tokens


class _Parser:
    def __init__(self, tokens: list[str], types: Callable[[str], Mapping[str, str]], now: datetime) -> None:
        self.tokens, self.at, self.types, self.now = tokens, 0, types, now
        self.table = ""
        self.known: dict[str, str] = {}
        self.written: dict[str, str] = {}

    # -- tokens ----------------------------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self) -> str:
        if self.at >= len(self.tokens):
            raise SoqlError("MALFORMED_QUERY", "unexpected token: <EOF>")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, *words: str) -> None:
        for word in words:
            if (token := self.take()).lower() != word:
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{token}'")

    def skip(self, word: str) -> bool:
        if self.peek().lower() == word:
            self.at += 1
            return True
        return False

    # -- the query -------------------------------------------------------------------------------------------------

    def query(self) -> Query:
        self.expect("select")
        names, figure = self._columns()
        self.expect("from")
        self.table = self.take()
        known = self.types(self.table)
        self.known = {name.casefold(): kind for name, kind in known.items()}
        self.written = {name.casefold(): name for name in known}
        fields = tuple(self._field(n) for n in names)
        if figure is not None and figure.field:
            figure = Figure(figure.function, self._field(figure.field), figure.alias)
            if figure.function == "sum" and self.known[figure.field.casefold()] not in (
                "double",
                "currency",
                "percent",
                "int",
            ):
                raise SoqlError("MALFORMED_QUERY", f"field {figure.field} does not support aggregate operator SUM")
        matches = self._disjunction() if self.skip("where") else lambda _row: True
        order = self._order() if self.skip("order") else ()
        limit = self._limit() if self.skip("limit") else None
        if self.peek():
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{self.peek()}'")
        return Query(self.table, fields, figure, matches, order, limit)

    def _columns(self) -> tuple[list[str], Figure | None]:
        if self.peek(1) == "(":
            function, field = self.take().lower(), ""
            self.expect("(")
            if self.peek() != ")":
                field = self.take()
            self.expect(")")
            if function not in ("count", "sum") or (function == "sum" and not field):
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{function}'")
            alias = "" if self.peek().lower() == "from" else self.take()
            return [], Figure(function, field, alias or ("expr0" if field else ""))
        names = [self.take()]
        while self.skip(","):
            names.append(self.take())
        if bad := [n for n in names if n.lower() in RESERVED or not n[0].isalpha()]:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{bad[0]}'")
        if len({n.casefold() for n in names}) != len(names):
            raise SoqlError("INVALID_FIELD", "duplicate field selected: " + names[0])
        return names, None

    def _field(self, name: str) -> str:
        if name.casefold() not in self.known:
            raise SoqlError(
                "INVALID_FIELD",
                f"\nSELECT {name} FROM {self.table}\n       ^\nERROR at Row:1:Column:8\nNo such column '{name}' on entity "
                f"'{self.table}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom "
                "field name. Please reference your WSDL or the describe call for the appropriate names.",
            )
        return self.written[name.casefold()]

    def _order(self) -> tuple[tuple[str, bool], ...]:
        self.expect("by")
        found = []
        while True:
            name = self._field(self.take())
            descending = self.skip("desc")
            if not descending:
                self.skip("asc")
            found.append((name, descending))
            if not self.skip(","):
                return tuple(found)

    def _limit(self) -> int:
        if not (text := self.take()).isdigit():
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text}'")
        return int(text)

    # -- conditions ------------------------------------------------------------------------------------------------

    def _disjunction(self) -> Matches:
        """Terms joined by AND alone or by OR alone: Salesforce refuses a mixture without brackets."""
        parts, joint = [self._term()], self.peek().lower()
        while self.peek().lower() in ("and", "or"):
            if self.take().lower() != joint:
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{'or' if joint == 'and' else 'and'}'")
            parts.append(self._term())
        every = all if joint != "or" else any
        return lambda row: every(part(row) for part in parts)

    def _term(self) -> Matches:
        if self.skip("not"):
            inner = self._term()
            return lambda row: not inner(row)
        if self.skip("("):
            inner = self._disjunction()
            self.expect(")")
            return inner
        name = self._field(self.take())
        kind, operator = self.known[name.casefold()], self.take().lower()
        if operator == "not":
            self.expect("in")
            inside = self._any(name, kind)
            return lambda row: not inside(row)
        if operator == "in":
            return self._any(name, kind)
        value = self._value(name, kind, self.take())
        if operator == "like":
            pattern = re.compile(re.escape(str(value)).replace("%", ".*").replace("_", "."), re.IGNORECASE | re.DOTALL)
            return lambda row: pattern.fullmatch(str(row.get(name) or "")) is not None
        return _compared(name, kind, operator, value)

    def _any(self, name: str, kind: str) -> Matches:
        self.expect("(")
        tests = [_compared(name, kind, "=", self._value(name, kind, self.take()))]
        while self.skip(","):
            tests.append(_compared(name, kind, "=", self._value(name, kind, self.take())))
        self.expect(")")
        return lambda row: any(test(row) for test in tests)

    def _value(self, name: str, kind: str, token: str) -> Any:
        """A literal of the field's own type."""
        if token.lower() == "null":
            return None
        value = self._literal(token)
        fits = {
            "datetime": isinstance(value, datetime),
            "date": isinstance(value, date) and not isinstance(value, datetime),
            "boolean": isinstance(value, bool),
            **dict.fromkeys(("double", "currency", "percent", "int"), isinstance(value, float)),
        }.get(kind, isinstance(value, str))
        if not fits:
            quotes = " and should not be enclosed in quotes" if isinstance(value, str) else ""
            raise SoqlError(
                "INVALID_FIELD", f"value of filter criterion for field '{name}' must be of type {kind}{quotes}"
            )
        return value

    def _literal(self, token: str) -> Any:
        if token.startswith("'"):
            return re.sub(r"\\(.)", r"\1", token[1:-1])
        if token.lower() in ("true", "false"):
            return token.lower() == "true"
        if "T" in token and token[:4].isdigit():
            if not token.endswith("Z") and token[-6] not in "+-":
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{token}'")
            return datetime.fromisoformat(token)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", token):
            return date.fromisoformat(token)
        if re.fullmatch(r"-?\d+(\.\d+)?", token):
            return float(token)
        if token.upper() == "TODAY":
            return self.now.date()
        if token.upper().startswith("LAST_N_DAYS:"):
            return self.now.date() - timedelta(days=int(token.partition(":")[2]))
        raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{token}'")


def _compared(name: str, kind: str, operator: str, wanted: Any) -> Matches:
    wanted = _comparable(wanted, kind)

    def test(row: Row) -> bool:
        value = _comparable(row.get(name), kind)
        if operator in ("=", "!=", "<>"):
            return bool((value == wanted) is (operator == "="))
        if value is None or wanted is None:
            return False
        return bool(COMPARE[operator](value, wanted))

    if operator not in ("=", "!=", "<>", *COMPARE):
        raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{operator}'")
    return test


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def _comparable(value: Any, kind: str) -> Any:
    """Texts without case, ids by their first 15 characters with it."""
    if isinstance(value, str):
        return value[:15] if kind in ("id", "reference") else value.casefold()
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)
