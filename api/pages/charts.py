"""Small pictures as SVG, drawn on the server. Colours are the stylesheet's, by class; every picture says in words what it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from api.pages.shapes import PaceOut, StepOut, WeekOut
from api.words import counts, plain

LEVEL = {"on_track": 5, "at_risk": 14, "off_track": 23}
STEP = 14
ORDER = ("off_track", "at_risk", "on_track", "unknown", "not_applicable", "done", "cancelled")


def spark(weeks: Sequence[WeekOut]) -> Markup:
    """The headline week by week, and as a thin line what was reported: on track on top, off track at the bottom, unknown a gap."""
    if len(weeks) < 2:
        return Markup()
    width = STEP * len(weeks)
    said = ", ".join(f"{plain(w.headline)} at the close of {w.week}" for w in weeks)
    parts = [_line("said", [w.reported for w in weeks]), _line("line", [w.headline for w in weeks])]
    parts += [_mark(w.headline, STEP * n + STEP / 2, LEVEL.get(w.headline, 14)) for n, w in enumerate(weeks)]
    return _svg("spark", width, 28, f"Headline: {said}", parts)


def _line(kind: str, healths: Sequence[str]) -> Markup:
    points = [(STEP * n + STEP / 2, LEVEL.get(h)) for n, h in enumerate(healths)]
    pieces = [f"M{a[0]:g} {a[1]}L{b[0]:g} {b[1]}" for a, b in pairwise(points) if a[1] is not None and b[1] is not None]
    return Markup('<path class="{}" d="{}"/>').format(kind, "".join(pieces)) if pieces else Markup()


def _mark(health: str, x: float, y: float) -> Markup:
    """The shape of a health: circle, triangle, square; a ring where it is unknown."""
    shapes = {
        "at_risk": f'<path class="at_risk" d="M{x - 4:g} {y + 3.5:g}L{x:g} {y - 4:g}L{x + 4:g} {y + 3.5:g}Z"/>',
        "off_track": f'<rect class="off_track" x="{x - 3.5:g}" y="{y - 3.5:g}" width="7" height="7"/>',
        "on_track": f'<circle class="on_track" cx="{x:g}" cy="{y:g}" r="3.7"/>',
    }
    return Markup(shapes.get(health, f'<circle class="ring" cx="{x:g}" cy="{y:g}" r="2.6"/>'))  # noqa: S704  # numbers of ours


def bar(distribution: Mapping[str, int]) -> Markup:
    """How many of what is below stand how, as parts of one bar, the worst first."""
    total = sum(distribution.values())
    if not total:
        return Markup()
    parts, x = [], 0.0
    for word in ORDER:
        if count := distribution.get(word, 0):
            width = 120 * count / total
            parts.append(
                Markup('<rect class="{}" x="{:.4g}" width="{:.4g}" height="8"/>').format(word, x, max(width - 1, 1))
            )
            x += width
    return _svg("bar", 120, 8, counts(distribution), parts)


def course(pace: Sequence[PaceOut], what: str, *, curve: bool = False) -> Markup:
    """What was planned and what was done, day by day; a line stands at the last known day. curve: the plan rises between its days."""
    if len(pace) < 2:
        return Markup()
    first, last = pace[0].on.toordinal(), pace[-1].on.toordinal()

    def at(on: date) -> float:
        return 600 * (on.toordinal() - first) / max(last - first, 1)

    known = [p for p in pace if p.done is not None]
    points = [(at(p.on), 150 - 140 * p.planned) for p in pace]
    planned = "M" + "L".join(f"{x:.4g} {y:.4g}" for x, y in points) if curve else _steps(points)
    done = _steps((at(p.on), 150 - 140 * (p.done or 0)) for p in known)
    parts = [
        Markup('<path class="grid" d="M0 10H600M0 80H600M0 150H600"/>'),
        Markup('<path class="planned" d="{}"/>').format(planned),
        Markup('<path class="done" d="{}"/>').format(done),
    ]
    if known:
        today, now = at(known[-1].on), known[-1]
        parts.append(Markup('<path class="today" d="M{:.4g} 0V160"/>').format(today))
        told = f"By {now.on}, {now.planned:.0%} of {what} was planned and {now.done:.0%} done."
    else:
        told = f"Of {what} nothing is known yet; all of it is planned by {pace[-1].on}."
    return _svg("course", 600, 160, told, parts, stretched=True)


def _steps(points: Iterable[tuple[float, float]]) -> str:
    """A path that goes level to each point, then up."""
    found = list(points)
    if not found:
        return ""
    return f"M{found[0][0]:.4g} 150V{found[0][1]:.4g}" + "".join(f"H{x:.4g}V{y:.4g}" for x, y in found[1:])


def slip(step: StepOut, first: date | None, last: date | None) -> Markup:
    """One milestone on the workstream's time: a tick at its baseline, its shape where it is due or was done; its dates stand beside it."""
    if step.baseline_on is None or first is None or last is None or last <= first:
        return Markup()
    span = (last - first).days

    def at(on: date) -> float:
        return 4 + 112 * (min(max(on, first), last) - first).days / span

    ends = step.done_on or step.due_on or step.baseline_on
    health = {"done": "on_track", "late": "off_track"}.get(step.state, "unknown")
    begin, end = at(step.baseline_on), at(ends)
    parts = [
        Markup('<path d="M{:.4g} 6H{:.4g}M{:.4g} 1V11"/>').format(begin, end, begin),
        _mark(health, end, 6),
    ]
    return Markup('<svg class="slip" viewBox="0 0 120 12" aria-hidden="true">{}</svg>').format(Markup().join(parts))


def _svg(
    kind: str, width: float, height: float, label: str, parts: Iterable[Any], *, stretched: bool = False
) -> Markup:
    fit = Markup(' preserveAspectRatio="none"') if stretched else Markup()
    return Markup('<svg class="{}" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}"{}>{}</svg>').format(
        kind, width, height, label, fit, Markup().join(_all(parts))
    )


def _all(parts: Iterable[Any]) -> Iterator[Markup]:
    for part in parts:
        yield part if isinstance(part, Markup) else Markup("{}").format(part)
