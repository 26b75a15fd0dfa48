"""What was published, as pages: packs by name, the diagnosis, the calibration."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from api.markdown import as_markdown
from api.packs import calibrated, diagnosed, pack_named, planned, published_packs
from api.pages.asked import Asking
from api.pages.parts import Names, needed
from api.pages.render import Page
from api.pages.shapes import ExceptionOut
from api.pages.shapes_packs import CalibrationPageOut, DiagnosisPageOut, PackPageOut, PacksPageOut, PublishedOut
from api.pages.tables import Table, table
from api.v1.shapes_packs import AnyPackOut, MonthPackOut, OnePack, OneVersion, WeekPackOut, pack_out
from sync.packs import AnyPack

ASKED = ("blocked", "derisk", "to_stop", "reallocate", "to_drop")
"""Parts of packs that ask for decisions."""


def published(asking: Asking) -> Page:
    """Everything that is published, what closed last first."""
    rows = [
        PublishedOut.model_validate({**msgspec.to_builtins(p.last), "kind": p.kind, "address": _address(p.last.name)})
        for p in published_packs(asking.ledger)
    ]
    told = PacksPageOut(as_of=asking.ledger.clock(), items=rows)
    columns = "name kind closes_at settles_at provisional version published_at restated"
    return Page("packs.html", "Packs", told.as_of, told, (table("Packs", columns, rows),), dated=False)


def pack(asking: Asking, asked: OneVersion) -> Page:
    """One pack, in its last version or in another one.

    Raises:
        NoSuchPack: it was not published, or has no such version.
    """
    found = pack_named(asking.ledger, asking.configuration, asking.key, asked.version)
    last = next(p.last.version for p in published_packs(asking.ledger) if p.last.name == found.name)
    names, shown = _names(asking), pack_out(found)
    told = PackPageOut(
        as_of=found.closes_at,
        pack=shown,
        versions=list(range(1, last + 1)),
        needs=_needs(names, found),
        addresses=_addresses(names),
        names=names.departments,
    )
    title = f"{shown.kind.capitalize()} {found.name}"
    return Page("pack.html", title, found.closes_at, told, (_table(shown),), dated=False, written=as_markdown(found))


def _needs(names: Names, found: AnyPack) -> dict[str, list[ExceptionOut]]:
    """What a pack asks to decide, by its part; by when, as of its close."""
    closed_on = names.configuration.calendar.day(found.closes_at)
    parts = {part: getattr(found.page, part) for part in ASKED if hasattr(found.page, part)}
    return {part: needed(names, rows, closed_on) for part, rows in parts.items()}


def _table(shown: AnyPackOut) -> Table:
    """What a pack's CSV is: nodes of a week, key results of a period, and of a month its nodes week by week."""
    if isinstance(shown, WeekPackOut):
        return table("Nodes", "kind key name headline reported derived because distribution coverage", shown.nodes)
    if isinstance(shown, MonthPackOut):
        points = [(t.kind, t.node, t.name, p) for t in shown.page.trends for p in t.points]
        columns = ("kind", "node", "name", "week", "headline", "reported", "coverage", "score")
        rows = tuple((*node, p.week, p.headline, p.reported, p.coverage, p.score) for *node, p in points)
        return Table("Trends", columns, rows)
    return table(
        "Scores", "node name objective score verdict headline reported derived coverage says", shown.page.scores
    )


def diagnosis(asking: Asking, asked: OnePack) -> Page:
    """The diagnosis of a pack; of the last week's where none is named.

    Raises:
        NoSuchPack: it was not published, or without a diagnosis.
    """
    found, as_of = diagnosed(asking.ledger, asking.configuration, asked.pack), asking.ledger.clock()
    more = {"as_of": as_of, "addresses": _addresses(_names(asking))}
    told = DiagnosisPageOut.model_validate({**msgspec.to_builtins(found), **more})
    signs = table("Signs", "key present because", told.diagnosis.signs)
    return Page("diagnosis.html", "Diagnosis", as_of, told, (signs,), (told.diagnosis.says,), dated=False)


def calibration(asking: Asking) -> Page:
    """What became of what each department said, over every period that was scored."""
    told = CalibrationPageOut.model_validate(
        {
            **msgspec.to_builtins(calibrated(asking.ledger)),
            "as_of": asking.ledger.clock(),
            "names": _names(asking).departments,
        }
    )
    colours = ("on_track", "at_risk", "off_track")
    columns = ("department", *(f"{c}_{n}" for c in colours for n in ("said", "reached")), "unknown", "says")
    rows = []
    for d in told.departments:
        counts = [n for c in colours for n in (getattr(d, c).said, getattr(d, c).reached)]
        rows.append((d.department, *counts, d.unknown, d.says))
    lead = f"Scored so far: {', '.join(told.periods) or 'nothing'}."
    shown = Table("What became of what was said", columns, tuple(rows))
    return Page("calibration.html", "Calibration", told.as_of, told, (shown,), (lead,), dated=False)


def _names(asking: Asking) -> Names:
    return Names(asking.configuration, planned(asking.ledger, asking.configuration))


def _addresses(names: Names) -> dict[str, str]:
    plan = names.plan
    keys = [n.key for of in (plan.pillars, plan.objectives, plan.key_results, plan.workstreams) for n in of]
    return {key: names.address(key) for key in ("company", *keys)}


def _address(name: str) -> str:
    return f"/packs/{quote(name, safe='')}"
