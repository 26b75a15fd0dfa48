"""An OData $filter, read into a condition on a published table: the same rows on SQLite and PostgreSQL, or a refusal.

The grammar is odata-query's; everything it does not guard is guarded here: names come from the published columns alone, kinds
must fit, size and depth are bounded, and whatever its parser raises is a refusal. What null means is OData's, not SQL's:
`x ne 'a'` holds where x is null, every comparison is true or false, and functions and arithmetic of null are null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from operator import add, ge, gt, le, lt, mod, mul, sub
from typing import Any, Literal, NamedTuple

from odata_query import ast
from odata_query.exceptions import (
    ArgumentCountException,
    ODataException,
    TokenizingException,
    UnknownFunctionException,
)
from odata_query.grammar import ODataLexer, ODataParser
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Integer,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    not_,
    null,
    or_,
    true,
)
from sqlalchemy import literal as bound

from ledger.dialects import by_bytes, floor_of, in_lower, in_upper, rounded, strpos
from ledger.published import VIEWS, Kind, Table, WrongQuestion
from ledger.text import storable

TOKENS, NODES, DEPTH = 5_000, 1_500, 25
"""More words, parts and levels than a person or a tool needs, and fewer than either database gives up at (SQLite: 1000 levels, and
`a or b or c` has one for each part)."""
BIGGEST = 2**63 - 1
_PARSER_RAISES = (ODataException, AttributeError, TypeError, ValueError, IndexError, KeyError, NotImplementedError)
"""All that odata-query was seen to raise: its own errors, and those of its rules for what it does not support."""
_SPACE = "".join(map(chr, (*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)))  # fmt: skip
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.I)


class Value(NamedTuple):
    """An expression with what is known of it. Of kind "null": nothing but the literal."""

    sql: ColumnElement[Any]
    kind: Kind | Literal["null"]
    nullable: bool = False
    constant: bool = False


def predicate(text: str, table: Table, *, now: datetime) -> ColumnElement[bool]:
    """The condition that a $filter sets on the rows of a table.

    Raises:
        WrongQuestion: it cannot be read, or names what there is not.
    """
    return _Reader(table, now).truth(_tree(text), True, 0)


def constant(text: str) -> tuple[Kind | Literal["null"], Any]:
    """Kind and value of a literal as OData writes it: 'it''s', 7, true, 2026-11-20, null; instants as published.

    Raises:
        WrongQuestion: it is none.
    """
    read = _literal(_tree(text))
    if read is None:
        raise WrongQuestion(f"{text[:80]!r} is no value: write text as 'text', numbers and instants without quotes")
    return read


def equal(table: Table, values: Mapping[str, Any]) -> ColumnElement[bool]:
    """The condition that columns have these values."""
    c = VIEWS[table.name].c
    return and_(true(), *(c[name].is_(None) if value is None else c[name] == value for name, value in values.items()))


# -- text to tree ------------------------------------------------------------------------------------------------


def _tree(text: str) -> Any:
    if storable(text) != text:
        raise WrongQuestion("the expression has characters that no text here has")
    if not text.strip():
        raise WrongQuestion("the expression is empty")
    try:
        tokens = list(_cured(text.strip()))
    except TokenizingException as error:
        raise WrongQuestion(_nowhere(text.strip(), error)) from error
    try:
        tree = ODataParser().parse(iter(tokens))
    except UnknownFunctionException as error:
        raise WrongQuestion(
            f"there is no function '{error.function_name}': there are {', '.join(FUNCTIONS)}"
        ) from error
    except ArgumentCountException as error:
        raise WrongQuestion(f"{error.function_name}() takes another number of values") from error
    except _PARSER_RAISES as error:
        raise WrongQuestion(_nowhere(text.strip(), error)) from error
    return tree


def _nowhere(text: str, error: Exception) -> str:
    token = getattr(error, "token", None)
    where = "its end" if token is None else f"character {token.index + 1}: {text[token.index : token.index + 30]!r}"
    return f"the expression cannot be read at {where}"


def _cured(text: str) -> Iterator[Any]:
    """The lexer's tokens, as the parser should see them: `not(...)` is no function, `in ('a')` is a list, and all is bounded."""
    depth, opened = 0, []  # opened: [depth of a list after `in`, whether it has a comma]
    expected = False
    for count, token in enumerate(ODataLexer().tokenize(text)):
        if count > TOKENS:
            raise WrongQuestion(f"the expression has more than {TOKENS} words: ask in parts")
        if token.type in ("/", ":", "=", "ANY", "ALL"):
            raise WrongQuestion(
                f"at character {token.index + 1}: a filter speaks of the columns of its own set, without paths"
            )
        if token.type == "ODATA_IDENTIFIER" and token.value == ast.Identifier("not"):
            token.type, token.value = "NOT", ast.Not()
        if token.type == "(":
            depth += 1
            if expected:
                opened.append([depth, False])
        elif token.type == "," and opened and opened[-1][0] == depth:
            opened[-1][1] = True
        elif token.type == ")":
            if opened and opened[-1][0] == depth and not opened.pop()[1]:
                yield _comma(token)
            depth -= 1
        expected = token.type == "IN" or (expected and token.type == "WS")
        yield token


def _comma(like: Any) -> Any:
    token = type(like)()
    token.type, token.value, token.lineno, token.index = ",", ",", like.lineno, like.index
    return token


# -- literals ----------------------------------------------------------------------------------------------------


def _literal(node: Any) -> tuple[Kind | Literal["null"], Any] | None:
    """Kind and value of a literal; None for any other node."""
    try:
        match node:
            case ast.Null():
                return "null", None
            case ast.String(text):
                return "string", text
            case ast.Boolean():
                return "bool", node.py_val
            case ast.Integer(digits):
                return "int", _bounded(int(digits) if len(digits) < 30 else BIGGEST + 1, digits)
            case ast.Float(digits):
                return "float", _bounded(float(digits), digits)
            case ast.Date(text):
                return "date", date.fromisoformat(text).isoformat()
            case ast.DateTime(text):
                return "instant", instant(text)
    except (ValueError, OverflowError) as error:
        raise WrongQuestion(f"'{node.val}' is not in the calendar or on the clock") from error
    return None


def _bounded(number: float, digits: str) -> float:
    if not -BIGGEST <= number <= BIGGEST:
        raise WrongQuestion(f"the number {digits[:30]} is too large")
    return number


def instant(text: str) -> str:
    """An instant as the views write it. Digits beyond milliseconds follow at the end, where they compare right.

    Raises:
        WrongQuestion: it has no offset.
        ValueError, OverflowError: there is no such instant.
    """
    parts = _INSTANT.fullmatch(text)
    if parts is None:
        raise WrongQuestion(
            f"the instant {text} needs an offset: write {text}Z for UTC, and %2B for a plus in an address"
        )
    second, fraction, offset = parts[1].upper(), (parts[2] or "").ljust(3, "0"), parts[3].upper()
    at = datetime.fromisoformat(second + offset).astimezone(UTC)
    return f"{at.isoformat()[:19]}.{fraction[:3]}Z{fraction[3:].rstrip('0')}"


# -- tree to SQL -------------------------------------------------------------------------------------------------


class _Reader:
    """Reads one tree; counts what it read, because conditions as values are read twice."""

    def __init__(self, table: Table, now: datetime) -> None:
        self.table = table
        self.now = now
        self.left = NODES

    def truth(self, node: Any, wanted: bool, depth: int) -> ColumnElement[bool]:
        """SQL that is true where the node is `wanted`; elsewhere false or null, which select the same rows.

        `not` is carried down to the comparisons, so that they stay plain and an index can serve them.
        """
        self._count(depth)
        match node:
            case ast.BoolOp(op=op):
                parts = [self.truth(part, wanted, depth + 1) for part in _chain(node)]
                return and_(*parts) if isinstance(op, ast.And) is wanted else or_(*parts)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return self.truth(inner, not wanted, depth + 1)
            case ast.Compare(comparator=ast.In(), left=left, right=ast.List(items)):
                return self._one_of(self.value(left, depth + 1), [self._item(i, depth + 1) for i in items], wanted)
            case ast.Compare(comparator=op, left=left, right=right):
                return _compared(op, self.value(left, depth + 1), self.value(right, depth + 1), wanted)
        value = self.value(node, depth + 1)
        if value.kind == "null":
            return false()
        if value.kind != "bool":
            raise WrongQuestion(f"{_spoken(node)} is a {value.kind}: compare it with something")
        return value.sql if wanted else not_(value.sql)

    def value(self, node: Any, depth: int) -> Value:
        """The node as a value."""
        self._count(depth)
        read = _literal(node)
        if read is not None:
            return _bound(*read)
        match node:
            case ast.Identifier():
                return self._column(node.full_name())
            case ast.Call(func=name, args=arguments):
                return self._call(name.full_name(), [self.value(a, depth + 1) for a in arguments])
            case ast.BinOp(op=op, left=left, right=right):
                return _calculated(op, self.value(left, depth + 1), self.value(right, depth + 1))
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                value = self.value(inner, depth + 1)
                return value if value.kind == "null" else value._replace(sql=-_number(value, "-"))
            case ast.Compare():
                return Value(case((self.truth(node, True, depth + 1), true()), else_=false()), "bool")
            case ast.BoolOp() | ast.UnaryOp():
                held, failed = (self.truth(node, wanted, depth + 1) for wanted in (True, False))
                return Value(case((held, true()), (failed, false())), "bool", nullable=True)
        raise WrongQuestion(f"{_spoken(node)} cannot be used here")

    def _count(self, depth: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise WrongQuestion(f"the expression has more than {NODES} parts: ask in parts, or write `in (...)`")
        if depth > DEPTH:
            raise WrongQuestion(f"the expression is nested deeper than {DEPTH} levels")

    def _column(self, name: str) -> Value:
        found = self.table.column(name)
        if found is None:
            raise WrongQuestion(f"{self.table.name} has no column '{name}'")
        return Value(VIEWS[self.table.name].c[name], found.kind, found.nullable)

    def _item(self, node: Any, depth: int) -> Value:
        """An item of a list; a literal there is not counted: databases take thousands."""
        read = _literal(node)
        return self.value(node, depth) if read is None else _bound(*read)

    def _one_of(self, value: Value, items: list[Value], wanted: bool) -> ColumnElement[bool]:
        each = [_compared(ast.Eq(), value, item, wanted) for item in items if not _plain(value, item)]
        plain = [item.sql for item in items if _plain(value, item)]
        if plain and wanted:
            each.append(value.sql.in_(plain))
        elif plain:
            outside = value.sql.not_in(plain)
            each.append(or_(outside, value.sql.is_(None)) if value.nullable else outside)
        return or_(*each) if wanted else and_(*each)

    def _call(self, name: str, values: list[Value]) -> Value:
        if name == "now":
            return _bound("instant", instant(self.now.isoformat()))
        function = FUNCTIONS.get(name)
        if function is None:
            raise WrongQuestion(f"there is no function '{name}': there are {', '.join(FUNCTIONS)}")
        for value, kinds in zip(values, function.takes, strict=False):
            if value.kind not in (*kinds, "null"):
                raise WrongQuestion(f"{name}() takes {' or '.join(kinds)} and was given a {value.kind}")
        if any(v.kind == "null" for v in values):
            return _bound("null", None)
        sql = function.build(*(v.sql for v in values))
        gives = function.gives if function.gives != "same" else values[0].kind
        return Value(sql, gives, any(v.nullable for v in values), all(v.constant for v in values))


def _chain(node: Any) -> list[Any]:
    """The parts of `a or b or c`, which the parser nests once for each."""
    parts, open_ = [], [node]
    while open_:
        found = open_.pop()
        if isinstance(found, ast.BoolOp) and type(found.op) is type(node.op):
            open_ += [found.right, found.left]
        else:
            parts.append(found)
    return parts


def _bound(kind: Kind | Literal["null"], value: Any) -> Value:
    if kind == "null":
        return Value(null(), "null", nullable=True, constant=True)
    types: Mapping[str, Any] = {"int": BigInteger(), "float": Double(), "bool": Boolean()}
    return Value(bound(value, types.get(kind, Text())), kind, constant=True)


def _plain(value: Value, item: Value) -> bool:
    """Whether an item of a list can stand in SQL's own IN."""
    return item.constant and not item.nullable and item.kind == value.kind


_ORDERED: Mapping[type[Any], Callable[[Any, Any], Any]] = {ast.Lt: lt, ast.LtE: le, ast.Gt: gt, ast.GtE: ge}


def _compared(op: Any, left: Value, right: Value, wanted: bool) -> ColumnElement[bool]:
    """True where `left op right` is `wanted`; comparisons are never null in OData."""
    equality = isinstance(op, (ast.Eq, ast.NotEq))
    same = isinstance(op, ast.Eq) is wanted
    if "null" in (left.kind, right.kind):
        other = right if left.kind == "null" else left
        if not equality:
            return false() if wanted else true()
        known = other.sql.is_(None) if other.nullable else false()
        return known if same else not_(known)
    if left.kind != right.kind and {left.kind, right.kind} != {"int", "float"}:
        raise WrongQuestion(f"a {left.kind} and a {right.kind} cannot be compared{_hint(left.kind, right.kind)}")
    if equality:
        both = left.nullable and right.nullable
        if same:
            return left.sql.is_not_distinct_from(right.sql) if both else left.sql == right.sql
        return left.sql.is_distinct_from(right.sql) if left.nullable or right.nullable else left.sql != right.sql
    operator = _ORDERED.get(type(op))
    if operator is None or left.kind == "bool":
        raise WrongQuestion(f"{left.kind} values cannot be compared with {type(op).__name__.lower()}")
    bare = left.kind == "string" and left.constant and right.constant
    found: ColumnElement[bool] = operator(by_bytes(left.sql) if bare else left.sql, right.sql)
    if wanted:
        return found
    return found.is_not(true()) if left.nullable or right.nullable else not_(found)


def _hint(*kinds: str) -> str:
    if set(kinds) == {"date", "instant"}:
        return ": write 2026-11-20T00:00:00Z, or date(...) of the instant"
    return ": text stands in 'quotes', everything else does not" if "string" in kinds else ""


def _number(value: Value, sign: str) -> ColumnElement[Any]:
    if value.kind not in ("int", "float"):
        raise WrongQuestion(f"{sign} takes numbers and was given a {value.kind}")
    return cast(value.sql, BigInteger) if value.kind == "int" else value.sql


_ARITHMETIC: Mapping[type[Any], Callable[[Any, Any], Any]] = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Mod: mod}


def _calculated(op: Any, left: Value, right: Value) -> Value:
    """Arithmetic. Dividing by nothing gives null; whole numbers divide to whole numbers, toward zero."""
    name = {"mult": "mul"}.get(type(op).__name__.lower(), type(op).__name__.lower())
    if "null" in (left.kind, right.kind):
        return _bound("null", None)
    whole = left.kind == right.kind == "int"
    a, b = _number(left, name), _number(right, name)
    if name == "mod" and not whole:
        raise WrongQuestion("mod takes whole numbers")
    if not whole:
        a, b = cast(a, Double), cast(b, Double)
    nullable, kind = left.nullable or right.nullable, "int" if whole else "float"
    if name in ("div", "mod"):
        b, nullable = func.nullif(b, bound(0, b.type), type_=b.type), True
    sql = (a // b if whole else a / b) if name == "div" else _ARITHMETIC[type(op)](a, b)
    return Value(sql, kind, nullable, left.constant and right.constant)  # type: ignore[arg-type]  # one of the two kinds


def _spoken(node: Any) -> str:
    match node:
        case ast.Identifier():
            return f"'{node.full_name()}'"
        case ast.Call(func=name):
            return f"{name.full_name()}()"
        case ast.BinOp() | ast.UnaryOp():
            return "a calculation"
        case ast.List():
            return "a list"
    return f"'{str(getattr(node, 'val', 'this'))[:40]}'"


# -- functions ---------------------------------------------------------------------------------------------------


class _Function(NamedTuple):
    takes: tuple[tuple[str, ...], ...]
    gives: Any  # a Kind, or "same": as its first value
    build: Callable[..., ColumnElement[Any]]


def _ends(text: Any, end: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = func.substr(text, func.length(text) - func.length(end) + 1, type_=Text()) == end
    return found


def _substring(text: Any, start: Any, length: Any = None) -> ColumnElement[Any]:
    """From 0; a start or a length below 0 counts as 0."""
    begin = _clamped(start) + 1
    return (
        func.substr(text, begin, type_=Text())
        if length is None
        else func.substr(text, begin, _clamped(length), type_=Text())
    )


def _clamped(number: Any) -> ColumnElement[int]:
    return cast(case((number < 0, 0), (number > 10**9, 10**9), else_=number), Integer)


def _digits(start: int, length: int) -> Callable[[Any], ColumnElement[int]]:
    return lambda at: cast(func.substr(at, start, length), Integer)


_TEXT, _WHOLE, _NUMBER, _DAY, _CLOCK = ("string",), ("int",), ("int", "float"), ("date", "instant"), ("instant",)
FUNCTIONS: Mapping[str, _Function] = {
    "contains": _Function((_TEXT, _TEXT), "bool", lambda a, b: strpos(a, b) > 0),
    "startswith": _Function((_TEXT, _TEXT), "bool", lambda a, b: func.substr(a, 1, func.length(b), type_=Text()) == b),
    "endswith": _Function((_TEXT, _TEXT), "bool", _ends),
    "indexof": _Function((_TEXT, _TEXT), "int", lambda a, b: strpos(a, b) - 1),
    "concat": _Function((_TEXT, _TEXT), "string", lambda a, b: a + b),
    "length": _Function((_TEXT,), "int", lambda a: func.length(a, type_=Integer())),
    "substring": _Function((_TEXT, _WHOLE, _WHOLE), "string", _substring),
    "tolower": _Function((_TEXT,), "string", in_lower),
    "toupper": _Function((_TEXT,), "string", in_upper),
    "trim": _Function((_TEXT,), "string", lambda a: func.trim(a, bound(_SPACE, Text()), type_=Text())),
    "year": _Function((_DAY,), "int", _digits(1, 4)),
    "month": _Function((_DAY,), "int", _digits(6, 2)),
    "day": _Function((_DAY,), "int", _digits(9, 2)),
    "hour": _Function((_CLOCK,), "int", _digits(12, 2)),
    "minute": _Function((_CLOCK,), "int", _digits(15, 2)),
    "second": _Function((_CLOCK,), "int", _digits(18, 2)),
    "date": _Function((_CLOCK,), "date", lambda a: func.substr(a, 1, 10, type_=Text())),
    "now": _Function((), "instant", null),
    "round": _Function((_NUMBER,), "same", lambda a: a if isinstance(a.type, Integer) else rounded(a)),
    "floor": _Function((_NUMBER,), "same", lambda a: a if isinstance(a.type, Integer) else floor_of(a)),
    "ceiling": _Function((_NUMBER,), "same", lambda a: a if isinstance(a.type, Integer) else -floor_of(-a)),
}
"""What a filter may call, with the kinds that each value may have."""
