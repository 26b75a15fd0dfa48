"""A page in the form that it is asked for: HTML, JSON, CSV or Markdown, of one and the same object."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from hashlib import blake2b
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel

from api import words
from api.pages import charts
from api.pages.tables import Table, as_csv, as_markdown
from sync.configuration import Configuration

STATIC = Path(__file__).parent / "static"
FORMS = ("html", "json", "csv", "md")
NAV = (
    ("Answer", "/"), ("Exceptions", "/exceptions"), ("Packs", "/packs"), ("Departments", "/departments"), ("Dependencies", "/dependencies"),
    ("Sources", "/sources"), ("Definitions", "/definitions"), ("Connect", "/connect"),
)  # fmt: skip
"""Everything that a page leads to from its head."""
UNDATED = ("/packs", "/departments", "/sources", "/definitions", "/connect", "/items", "/diagnosis", "/calibration")
"""Pages that tell of now, or of a close: they cannot be asked for as of a day."""


class Page(msgspec.Struct, frozen=True):
    """What is shown. `told` is its JSON; the first of `tables` its CSV; `lead` the answer in sentences, for Markdown."""

    template: str
    title: str
    as_of: datetime
    told: BaseModel
    tables: tuple[Table, ...] = ()
    lead: tuple[str, ...] = ()
    dated: bool = True
    """Whether it can be asked for as of another day."""
    forms: tuple[str, ...] = FORMS[1:]
    """In what else it comes."""
    written: str | None = None
    """Its Markdown, where sentences and tables cannot say it."""


def render(
    request: Request, configuration: Configuration, page: Page, form: str, headers: Mapping[str, str]
) -> Response:
    """The page's bytes with their media type."""
    if form == "json":
        return Response(page.told.model_dump_json(), media_type="application/json", headers=dict(headers))
    if form == "csv":
        name = quote(request.url.path.rpartition("/")[2])
        more = {**headers, "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(as_csv(page.tables[0]), media_type="text/csv; charset=utf-8; header=present", headers=more)
    if form == "md":
        written = as_markdown(page.title, page.lead, page.tables) if page.written is None else page.written
        return Response(written, media_type="text/markdown; charset=utf-8", headers=dict(headers))
    return Response(html(request, configuration, page), media_type="text/html; charset=utf-8", headers=dict(headers))


def html(request: Request, configuration: Configuration, page: Page) -> str:
    """The page as people see it."""
    zone = ZoneInfo(configuration.organisation.timezone)
    day = request.query_params.get("as_of", "") if page.dated else ""
    return _templates().get_template(page.template).render(
        page=page,
        told=page.told,
        organisation=configuration.organisation.name,
        nav=NAV,
        path=request.url.path,
        forms=forms_of(request, page.forms),
        session=request.state.session,
        csrf=request.state.csrf,
        speaks=not day and request.state.reader.speaks,
        day=day,
        shown_day=f"{page.as_of.astimezone(zone):%Y-%m-%d}",
        link=lambda address, **asked: link(address, day, asked),
        local=lambda at: f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}",
        called=lambda key: p.name if (p := configuration.owners.get(key or "")) else key,
        near=lambda text: text.replace(f"{configuration.directory.parent}{os.sep}", ""),
    )  # fmt: skip


def refusal(request: Request, told: Mapping[str, Any]) -> str:
    """A problem as people see it. told: what the problem says as JSON."""
    return _templates().get_template("problem.html").render(problem=told, nav=NAV, path=request.url.path)


def gate(title: str, sentence: str) -> str:
    """What somebody sees who is not signed in: nothing of the organisation stands on it, and its head leads nowhere."""
    return _templates().get_template("gate.html").render(title=title, sentence=sentence, nav=())


def link(address: str, day: str, asked: Mapping[str, Any]) -> str:
    """An address of ours, as of the same day as the page that it stands on, where it can be asked for so."""
    path, _, mark = address.partition("#")
    query = urlencode({k: v for k, v in {**asked, "as_of": "" if path.startswith(UNDATED) else day}.items() if v})
    return f"{path}{'?' + query if query else ''}{'#' + mark if mark else ''}"


def forms_of(request: Request, forms: Sequence[str]) -> dict[str, str]:
    """Where the same page stands in other forms."""
    path, query = request.url.path, request.url.query
    stem = "/index" if path == "/" else path
    return {form: f"{quote(stem)}.{form}{'?' + query if query else ''}" for form in forms}


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("api.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"plain": words.plain, "age": words.age, "web": web, "day": day_of, "cut": cut, "shorten": shorten}
    made.globals |= {
        "SHAPES": words.SHAPES, "SEVERITIES": words.SEVERITIES, "TAGS": words.TAGS, "notes": words.notes,
        "known": words.known, "counts": words.counts, "stylesheet": static("pages.css"), "icon": static("icon.svg"),
        "spark": charts.spark, "bar": charts.bar, "course": charts.course, "slip": charts.slip,
    }  # fmt: skip
    return made


@cache
def static(name: str) -> str:
    """The address of a file of ours: another one when its content is."""
    digest = blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"


def web(url: str | None) -> str:
    """An address that a tracker told, where it is one of the web; "" where a browser might do something else with it."""
    return url if url and url.startswith(("https://", "http://")) else ""


def cut(text: str | None, most: int) -> str:
    """A name on a list: what it leads to, and every other form of the page, has it whole."""
    told = text or ""
    most = room(told, most)
    return told if len(told) <= most else f"{told[: most - 1].rstrip()}…"


def shorten(sentence: str, most: int) -> str:
    """A sentence on a list, without its middle: what matters of it, such as for how long, stands at its end."""
    most = room(sentence, most)
    if len(sentence) <= most:
        return sentence
    end = min(38, most // 3)
    return f"{sentence[: most - end - 3].rstrip()} … {sentence[-end:].lstrip()}"


def room(text: str, most: int) -> int:
    """How many characters of a text there is room for where `most` of Latin's fit: a page stays small in every script."""
    weight = len(escape(text).encode("utf-8", "replace"))
    return min(most, int(1.3 * most * len(text) / weight)) if weight else most


def day_of(at: date | datetime | None) -> str:
    """2026-11-20; "" where there is none."""
    return "" if at is None else f"{at:%Y-%m-%d}"
