"""One binding's translation rules, compiled: what each raw word becomes, and the line that says so."""

from __future__ import annotations

import difflib
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from ledger.model import Health, Lifecycle
from normalizer.scales import BAND_NAMES, BANDS, CATEGORY, NAMED, folded

AXES: dict[str, list[str]] = {"lifecycle": [str(v) for v in Lifecycle], "health": [str(v) for v in Health]}
COLOURS = frozenset({Health.ON_TRACK, Health.AT_RISK, Health.OFF_TRACK})
PROGRESS_KINDS = ("outcome", "milestone", "item_count", "percent_reported")


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one raw word becomes. `blocked` only for the role of that name."""

    origin: str
    lifecycle: Lifecycle | None = None
    health: Health | None = None
    blocked: bool | None = None
    assumed: bool = False


class Bands(msgspec.Struct, frozen=True):
    """A number scale: its ends, and from where it is on track and at risk, on the raw scale."""

    name: str
    low: float
    high: float
    on_track: float
    at_risk: float
    origin: str


class Scale(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one role is read. `words` is by folded word or stable id."""

    words: dict[str, Rule] = {}
    bands: Bands | None = None
    palette: dict[str, str] = {}
    tolerance: float = 40.0
    kind: str = ""


class Mapping(msgspec.Struct, frozen=True):
    """Everything that decides how a record of one binding is translated; kept in the ledger as JSON."""

    source: str
    binding: str
    file: str
    scales: dict[str, Scale]
    unmapped: dict[str, str]
    """Role to policy: "unknown", "reject" or "fixed:<word>"; the role "*" is for all others."""
    rules: str = ""
    """Changes when a translation changes, and not when a line moves."""
    people: str = ""
    """Changes when somebody is known by another name, e-mail or identity."""
    version: str = ""
    """Both of these: what was translated under another version is translated anew."""

    @property
    def ceiling(self) -> Health | None:
        """The worst that this team's words can say, where that is not off track: it cannot say red. None where it can, or says
        nothing of health at all."""
        said = {rule.health for scale in self.scales.values() for rule in scale.words.values()}
        for bands in (scale.bands for scale in self.scales.values() if scale.bands):
            said.add(Health.OFF_TRACK if bands.at_risk > bands.low else Health.AT_RISK)
        said |= {
            Health(p.removeprefix("fixed:")) for p in self.unmapped.values() if p.removeprefix("fixed:") in COLOURS
        }
        if Health.OFF_TRACK in said:
            return None
        return next((h for h in (Health.AT_RISK, Health.ON_TRACK) if h in said), None)

    def knowing(self, people: str) -> Mapping:
        """The same rules with other people."""
        version = blake2b(f"{self.rules} {people}".encode(), digest_size=6).hexdigest()
        return msgspec.structs.replace(self, people=people, version=version)

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()

    @staticmethod
    def from_json(body: str) -> Mapping:
        return _mapping(body)


_mapping = msgspec.json.Decoder(Mapping).decode


@dataclass(frozen=True, slots=True)
class ScaleText:
    """One role's scale as a department wrote it, each word with the file:line it stands on."""

    scale: str | None = None
    words: tuple[tuple[str, Any, str], ...] = ()
    options: Dict[str, Any] = field(default_factory=dict)
    origin: str = ""


class MappingErrors(Exception):
    """Everything wrong with a binding's scales: (origin, sentence) of each."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{origin}: {sentence}" for origin, sentence in errors))
        self.errors = errors


def compile_mapping(
    *,
    source: str,
    binding: str,
    source_scales: Dict[str, ScaleText],
    binding_scales: Dict[str, ScaleText],
    unmapped: Dict[str, Any],
    file: str,
) -> Mapping:
    """Lays a binding's scales over its source's and the built-in ones.

    Raises:
        MappingErrors: with all that is wrong, each with its line.
    """
    errors: list[tuple[str, str]] = []
    scales: dict[str, Scale] = {}
    for role in sorted({*source_scales, *binding_scales}):
        layers = [layer[role] for layer in (source_scales, binding_scales) if role in layer]
        scales[role] = _scale(role, layers, errors)
    policies = {role: _policy(role, value, file, errors) for role, value in unmapped.items()}
    if errors:
        raise MappingErrors(errors)
    mapping = Mapping(source, binding, file, scales, policies)
    return msgspec.structs.replace(mapping, rules=_version(mapping)).knowing("")


def _scale(role: str, layers: list[ScaleText], errors: list[tuple[str, str]]) -> Scale:
    """One role's scale: the later layer wins, word by word; within one layer a word may stand once."""
    words: dict[str, Rule] = {}
    bands: Bands | None = None
    palette: dict[str, str] = {}
    tolerance, kind = 40.0, ""
    for layer in layers:
        name = BAND_NAMES.get(layer.scale or "", layer.scale)
        if name in NAMED:
            words = {**words, **{w: _rule(b, f"built-in: {name} {w!r} (domain.md 5)") for w, b in NAMED[name].items()}}
        elif name in BANDS:
            bands = _bands(name, layer, errors)
        elif name is not None:
            near = difflib.get_close_matches(name, [*NAMED, *BANDS, *BAND_NAMES], 1)
            hint = f" - did you mean '{near[0]}'?" if near else f": known are {', '.join([*NAMED, *BANDS])}"
            errors.append((layer.origin, f"'{name}' is no scale{hint}"))
        words = {**words, **_words(role, layer, errors)}
        palette = {**palette, **{str(k).lower(): str(v) for k, v in (layer.options.get("palette") or {}).items()}}
        tolerance = float(layer.options.get("tolerance", tolerance))
        kind = str(layer.options.get("kind", kind))
    if role == "progress" and kind not in ("", *PROGRESS_KINDS):
        errors.append((layers[-1].origin, f"'{kind}' is no kind of progress: known are {', '.join(PROGRESS_KINDS)}"))
    return Scale(words, bands, palette, tolerance, kind)


def _words(role: str, layer: ScaleText, errors: list[tuple[str, str]]) -> dict[str, Rule]:
    seen: dict[str, tuple[Any, str]] = {}
    rules: dict[str, Rule] = {}
    for raw, becomes, origin in layer.words:
        key = folded(raw)
        if key in seen:
            errors.append((origin, f"'{raw}' has two rules: the other one is at {seen[key][1]}; keep one"))
            continue
        seen[key] = (becomes, origin)
        rule = _own_rule(role, raw, becomes, origin, errors)
        if rule is not None:
            rules[key] = rule
    return rules


def _own_rule(role: str, raw: str, becomes: Any, origin: str, errors: list[tuple[str, str]]) -> Rule | None:
    """A department's own rule: one word of ours, true/false for `blocked`, or both axes at once."""
    if role == "blocked":
        if isinstance(becomes, bool) or str(becomes).casefold() in ("true", "false"):
            return Rule(origin, blocked=str(becomes).casefold() == "true")
        errors.append((origin, f"'{raw}' in blocked must become true or false, not '{becomes}'"))
        return None
    if not isinstance(becomes, dict):
        axis = "lifecycle" if role == "resolution" else role
        becomes = {axis if axis in AXES else "health": becomes}
    parts: dict[str, Any] = {}
    for axis, word in becomes.items():
        if axis == "assumed":
            parts["assumed"] = str(word).casefold() == "true"
        elif axis not in AXES:
            errors.append((origin, f"'{raw}' sets '{axis}': only lifecycle, health and assumed can be set"))
        elif str(word) not in AXES[axis]:
            near = difflib.get_close_matches(str(word), AXES[axis], 1)
            other = next((a for a in AXES if a != axis and str(word) in AXES[a]), None)
            hint = f" - did you mean '{near[0]}'?" if near else f": known are {', '.join(AXES[axis])}"
            if other:
                hint = f"; it is a {other}: write '{raw}: {{{other}: {word}}}'"
            errors.append((origin, f"'{raw}' becomes '{word}', which is no {axis}{hint}"))
        else:
            parts[axis] = str(word)
    return _rule(parts, origin) if parts else None


def _rule(becomes: Dict[str, Any], origin: str) -> Rule:
    life, health = becomes.get("lifecycle"), becomes.get("health")
    return Rule(
        origin,
        lifecycle=None if life is None else Lifecycle(life),
        health=None if health is None else Health(health),
        assumed=bool(becomes.get("assumed", False)),
    )


def _bands(name: str, layer: ScaleText, errors: list[tuple[str, str]]) -> Bands:
    low, high, on_track, at_risk = BANDS[name]
    try:
        on_track = float(layer.options.get("on_track", on_track))
        at_risk = float(layer.options.get("at_risk", at_risk))
    except ValueError:
        errors.append((layer.origin, "on_track and at_risk are numbers on the raw scale"))
    if not low <= at_risk <= on_track <= high:
        errors.append((layer.origin, f"bands must rise: {low:g} <= at_risk <= on_track <= {high:g}"))
    return Bands(name, low, high, on_track, at_risk, layer.origin or f"built-in: {name} (domain.md 5)")


def _policy(role: str, value: Any, file: str, errors: list[tuple[str, str]]) -> str:
    if value in ("unknown", "reject"):
        return str(value)
    fixed = value.get("fixed") if isinstance(value, dict) and len(value) == 1 else None
    known = AXES.get(role, [*AXES["lifecycle"], *AXES["health"]])
    if fixed in known:
        return f"fixed:{fixed}"
    errors.append(
        (file, f"unmapped for {role} is 'unknown', 'reject' or {{fixed: one of {', '.join(known)}}}, not '{value}'")
    )
    return "unknown"


def _version(mapping: Mapping) -> str:
    """12 hex characters that change when a translation changes, and not when a line moves."""

    def bare(rule: Rule) -> list[Any]:
        return [rule.lifecycle, rule.health, rule.blocked, rule.assumed]

    canonical = [
        sorted(mapping.unmapped.items()),
        CATEGORY,
        [
            [
                role,
                sorted((w, bare(r)) for w, r in s.words.items()),
                None if s.bands is None else list(msgspec.structs.astuple(s.bands)[:5]),
                sorted(s.palette.items()),
                s.tolerance,
                s.kind,
            ]
            for role, s in sorted(mapping.scales.items())
        ],
    ]
    return blake2b(msgspec.json.encode(canonical), digest_size=6).hexdigest()
