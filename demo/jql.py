"""The part of JQL that the demo Jira understands. What it does not understand it refuses, as Jira does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

TOKEN = re.compile(r'\s*(?:(?P<word>"(?:[^"\\]|\\.)*"|\'[^\']*\'|[^\s()=!<>,"\']+)|(?P<sign>>=|<=|!=|=|>|<|\(|\)|,))')
Matches = Callable[[Any], bool]


class JqlError(Exception):
    """The sentence that Jira answers with 400."""


@dataclass(frozen=True, slots=True)
class Query:
    matches: Matches
    order: tuple[tuple[str, bool], ...]
    """(field, descending) of each."""
    bounded: bool


def parse(jql: str, *, now: datetime, zone: ZoneInfo, knows: Callable[[str, str], bool]) -> Query:
    """A JQL as a function of an issue. `zone` is the asking account's: text instants are read in it, by the minute.

    knows: whether a project ("project", key) or an issue ("id", id or key) exists for the account.
    """
    where, _, order = re.sub(r"(?i)\border\s+by\b", "\0", jql).partition("\0")
    tokens = _tokens(where)
    parser = _Parser(tokens, now, zone, knows)
    matches = parser.disjunction() if tokens else lambda _issue: True
    if parser.at != len(tokens):
        raise JqlError(f"Error in the JQL Query: Expecting operator but got '{tokens[parser.at]}'.")
    return Query(matches, _order(order), bool(tokens))


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise JqlError(f"Error in the JQL Query: The character '{text[at]}' is a reserved JQL character.")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    found = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, way = part.partition(" ")
        if name.lower() not in ("created", "updated", "key", "id", "issuekey"):
            raise JqlError(f"Field '{name}' does not exist or you do not have permission to view it.")
        found.append((name.lower(), way.strip().lower() == "desc"))
    return tuple(found)


class _Parser:
    def __init__(self, tokens: list[str], now: datetime, zone: ZoneInfo, knows: Callable[[str, str], bool]) -> None:
        self.tokens, self.at = tokens, 0
        self.now, self.zone, self.knows = now, zone, knows

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        if self.at > len(self.tokens):
            raise JqlError("Error in the JQL Query: Expecting a value before the end of the query.")
        return self.tokens[self.at - 1]

    def disjunction(self) -> Matches:
        parts = [self.conjunction()]
        while self.peek().lower() == "or":
            self.take()
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else lambda issue: any(p(issue) for p in parts)

    def conjunction(self) -> Matches:
        parts = [self.term()]
        while self.peek().lower() == "and":
            self.take()
            parts.append(self.term())
        return parts[0] if len(parts) == 1 else lambda issue: all(p(issue) for p in parts)

    def term(self) -> Matches:
        if self.peek() == "(":
            self.take()
            inside = self.disjunction()
            if self.take() != ")":
                raise JqlError("Error in the JQL Query: Expecting ')'.")
            return inside
        field, operator = self.take().strip('"').lower(), self.take().lower()
        if operator in ("in", "not"):
            negated = operator == "not" and self.take().lower() == "in"
            values = self._list()
            inner = self._any_of(field, values)
            return (lambda issue: not inner(issue)) if negated else inner
        value = self.take().strip("\"'")
        if field in ("created", "updated"):
            return self._instant(field, operator, value)
        if operator not in ("=", "!="):
            raise JqlError(f"The operator '{operator}' is not supported by the '{field}' field.")
        inner = self._any_of(field, [value])
        return inner if operator == "=" else lambda issue: not inner(issue)

    def _list(self) -> list[str]:
        if self.take() != "(":
            raise JqlError("Error in the JQL Query: Expecting '('.")
        values = [self.take().strip("\"'")]
        while (sign := self.take()) == ",":
            values.append(self.take().strip("\"'"))
        if sign != ")":
            raise JqlError("Error in the JQL Query: Expecting ')'.")
        return values

    def _any_of(self, field: str, values: list[str]) -> Matches:
        wanted = {v.casefold() for v in values}
        if field == "project":
            for value in values:
                if not self.knows("project", value):
                    raise JqlError(f"The value '{value}' does not exist for the field 'project'.")
            return lambda i: i.project.key.casefold() in wanted or i.project.id in wanted
        if field in ("id", "key", "issue", "issuekey"):
            for value in values:
                if not self.knows("id", value):
                    raise JqlError(f"An issue with key '{value}' does not exist for field '{field}'.")
            return lambda i: i.id in wanted or i.key.casefold() in wanted
        if field == "status":
            return lambda i: i.status.name.casefold() in wanted or i.status.id in wanted
        if field == "statuscategory":
            return lambda i: i.status.category in wanted
        if field == "issuetype":
            return lambda i: i.type.casefold() in wanted
        raise JqlError(f"Field '{field}' does not exist or you do not have permission to view it.")

    def _instant(self, field: str, operator: str, value: str) -> Matches:
        at = self._read(value)
        compare: dict[str, Callable[[datetime], bool]] = {
            ">=": lambda x: x >= at, ">": lambda x: x > at, "<": lambda x: x < at, "<=": lambda x: x <= at,
        }  # fmt: skip
        if operator not in compare:
            raise JqlError(f"The operator '{operator}' is not supported by the '{field}' field.")
        test = compare[operator]
        return lambda issue: test(getattr(issue, field))

    def _read(self, value: str) -> datetime:
        if re.fullmatch(r"\d{10,14}", value):
            return datetime.fromtimestamp(int(value) / 1000, UTC)
        if match := re.fullmatch(r"-(\d+)([mhdw])", value):
            return (
                self.now
                - int(match[1])
                * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}[
                    match[2]
                ]
            )
        for pattern in ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d"):
            try:
                return datetime.strptime(value, pattern).replace(tzinfo=self.zone).astimezone(UTC)
            except ValueError:
                continue
        raise JqlError(
            f"Date value '{value}' for field is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm'."
        )
