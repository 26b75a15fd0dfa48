"""What a page is asked for: as of which day, in which form, by which reader; and whether it is still as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from hashlib import blake2b
from secrets import token_hex
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.conditional import names
from api.course import Close, Closes, weeks_of
from api.deps import DatabaseDep, LedgerDep, LiveDep, NoSuchAddress, NoSuchPlanNode, NoSuchPublished, WrongInstant
from api.packs import NoSuchPack
from api.pages.render import FORMS, Page, render
from api.planning import Board, NoSuchNode, board_at
from signals.catalogue import CATALOGUE, Severity

BORN = token_hex(8)
"""What this process made is another's after it: its templates and files may be others."""


def _day(given: Any) -> Any:
    """A day is written out; an empty field of a form is none."""
    if given == "":
        return None
    if isinstance(given, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d", given, re.ASCII):
        raise ValueError("a day is written like 2026-11-20")
    return given


def _word(given: Any) -> Any:
    return None if given == "" else given


def _signal(given: Any) -> Any:
    if given and given not in CATALOGUE:
        raise ValueError(f"no signal is called '{str(given)[:100]}': /definitions has their names")
    return _word(given)


class OnDay(BaseModel):
    """As of the end of which day. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")
    as_of: Annotated[date | None, BeforeValidator(_day)] = None


class Filtered(OnDay):
    """Which exceptions; every part that is given must hold."""

    department: Annotated[str | None, BeforeValidator(_word)] = None
    severity: Annotated[Severity | None, BeforeValidator(_word)] = None
    signal: Annotated[str | None, BeforeValidator(_signal)] = None
    decision_owner: Annotated[str | None, BeforeValidator(_word)] = None
    node: Annotated[str | None, BeforeValidator(_word)] = None
    page: int = Field(1, ge=1, le=10_000)


class Asking:
    """One reader's question for one page."""

    def __init__(self, request: Request, ledger: LedgerDep, database: DatabaseDep, live: LiveDep) -> None:
        self.request, self.ledger, self._database, self.live = request, ledger, database, live
        self.configuration = live.current
        self.key, self.form = _split(str(request.path_params.get("key", "")))
        self.form = request.path_params.get("form", self.form)
        if self.form not in FORMS:
            raise NoSuchAddress(f"a page comes as {', '.join(FORMS)}, not as '{self.form}'")

    def board(self, asked: OnDay) -> Board:
        """Everything as of the end of a day; as of now where none is given."""
        return board_at(self.ledger, self.configuration, self.at(asked))

    def at(self, asked: OnDay) -> datetime | None:
        """The instant meant; None, which is now, for today and where no day is given.

        Raises:
            WrongInstant: nothing can be known of that day.
        """
        on, calendar = asked.as_of, self.configuration.calendar
        today = calendar.day(self.ledger.clock())
        if on is None or on == today:
            return None
        if on.year < 1970:
            raise WrongInstant(f"{on} lies before 1970, and so before anything that is known")
        if on > today:
            raise WrongInstant(f"{on} lies in the future: today is {today}")
        return calendar.end_of(on)

    def closes(self, at: datetime) -> list[Close]:
        """How everything stood at each close of the period up to an instant, oldest first."""
        kept: Closes = self.request.app.state.closes
        return kept.of(self.ledger, self.configuration, weeks_of(self.configuration, at))

    def answer(self, make: Callable[[], Page]) -> Response:
        """The page, or that it is still what the asker has.

        Raises:
            NoSuchPlanNode: it is a node's, and there is none.
            NoSuchPublished: it is a pack's, and there is none.
        """
        headers = {"ETag": self._tag(), "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
        if names(self.request.headers.get("if-none-match", ""), headers["ETag"]):
            self.ledger.veil.note_all()  # who hears that nothing has changed has read it again
            return Response(status_code=304, headers=headers)
        try:
            made = make()
        except NoSuchNode as error:
            raise NoSuchPlanNode(str(error)) from error
        except NoSuchPack as error:
            raise NoSuchPublished(str(error)) from error
        return render(self.request, self.configuration, made, self.form, headers)

    def _tag(self) -> str:
        """Weak: it names under what a page was made, which holds until something is written or a minute has passed."""
        veil, minute = self.ledger.veil, self.ledger.clock().strftime("%Y-%m-%dT%H:%M")
        sees = (sorted(veil.shown) if veil.shown is not None else None, sorted(veil.asks.items()), sorted(veil.watched))
        url = self.request.url
        state = (
            self._database.state(),
            minute,
            BORN,
            self.request.state.csrf,
            id(self.configuration),
            self.live.problem,
        )
        told = repr((url.path, url.query, sees, state))
        return f'W/"{blake2b(told.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()}"'


def _split(key: str) -> tuple[str, str]:
    """The key of a node, and the form that its ending asks for."""
    stem, _, ending = key.rpartition(".")
    return (stem, ending) if stem and ending in FORMS else (key, "html")


Ask = Annotated[Asking, Depends()]
Day = Annotated[OnDay, Query()]
Filters = Annotated[Filtered, Query()]
