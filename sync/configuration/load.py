"""The configuration directory, checked as a whole: all errors at once, each with file, line and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, SecretStr, ValidationError

from connectors.contract import Binding, ConfigError, FieldRef, Source, Tracker, tracker
from normalizer.mapping import Mapping as Translation
from normalizer.mapping import MappingErrors, ScaleText, compile_mapping
from normalizer.people import Person, fingerprint
from signals.calendar import DAYS, Calendar, absences
from signals.calendar import Person as Owner
from signals.catalogue import CATALOGUE
from signals.plan import Plan
from sync.configuration.models import (
    NEEDED,
    PARTS,
    ROLES,
    BindingEntry,
    DepartmentFile,
    Organisation,
    PeopleFile,
    PersonEntry,
    SourceEntry,
)
from sync.configuration.plan import Gathered, PlanFile
from sync.configuration.sentences import note, without
from sync.configuration.yaml_file import ConfigErrors, PathTo, Problem, YamlFile, dotted, read_yaml

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class BoundSource:
    """One source with everything a run needs."""

    key: str
    kind: str
    department: str
    file: str
    entry: SourceEntry
    source: Source
    mappings: Mapping[str, Translation]
    """By binding key."""
    fingerprints: Mapping[str, str]
    """By binding key: changes when scope or fields do, so that the tracker must be read anew."""


@dataclass(frozen=True)
class Configuration:
    """A directory that holds."""

    directory: Path
    organisation: Organisation
    people: tuple[PersonEntry, ...]
    departments: tuple[DepartmentFile, ...]
    sources: tuple[BoundSource, ...]
    plan: Plan

    @cached_property
    def calendar(self) -> Calendar:
        """The organisation's working days and weeks."""
        o = self.organisation
        return Calendar(
            o.timezone, DAYS.index(o.week_close.day), o.week_close.time, o.holidays.country, frozenset(o.holidays.days)
        )

    @cached_property
    def owners(self) -> Mapping[str, Owner]:
        """Everybody in people.yaml by key, as far as judging what they own needs to know."""
        return {
            p.key: Owner(
                p.key,
                p.name,
                p.kind,
                p.active,
                p.department,
                absences((a.from_, a.to) for a in p.absences),
                p.identities,
            )
            for p in self.people
        }

    @cached_property
    def judging(self) -> str:
        """What tells apart two configurations under which things may stand differently, beside the plan."""
        c = self.calendar
        calendar = (c.zone, c.close_day, str(c.close_time), c.country, sorted(map(str, c.own_holidays)))
        departments = [(d.department, d.cadence, d.signals) for d in self.departments]
        people = [
            (p.key, p.name, p.kind, p.active, sorted(map(str, p.absent)), p.identities) for p in self.owners.values()
        ]
        told = (self.organisation.signals, departments, people, calendar, [s.key for s in self.sources])
        return blake2b(msgspec.json.encode(told), digest_size=16).hexdigest()

    @cached_property
    def plan_bindings(self) -> Mapping[tuple[str, str], BindingEntry]:
        """By source and binding: those whose records are parts of the plan, and no work items."""
        return {(s.key, b.key): b for s in self.sources for b in s.entry.bindings if b.role != "item"}

    @property
    def planned(self) -> bool:
        """Whether there is a plan to judge, in the files or in trackers."""
        return bool(self.plan.workstreams or self.plan_bindings)

    def persons(self) -> list[Person]:
        """The people as the normalizer knows them."""
        return [Person(p.key, p.name, p.kind, tuple(p.emails), tuple(p.aliases), p.identities) for p in self.people]

    def source(self, key: str) -> BoundSource:
        """One source by its key.

        Raises:
            ConfigError: there is none.
        """
        for source in self.sources:
            if source.key == key:
                return source
        near = difflib.get_close_matches(key, [s.key for s in self.sources], 1)
        hint = f" - did you mean '{near[0]}'?" if near else f": known are {', '.join(s.key for s in self.sources)}"
        raise ConfigError(f"no source is called '{key}'{hint}")


def load(directory: Path, *, credentials: bool = True, instead: Path | None = None) -> Configuration:
    """Reads and checks a configuration directory.

    credentials: expand ${...} and check connections; without them the answer is good for names and mappings only.
    instead: a department's file that is taken in the place of the one in the directory.

    Raises:
        ConfigErrors: with everything that is wrong.
    """
    return _Loader(directory, credentials, instead).load()


class _Loader:
    def __init__(self, directory: Path, credentials: bool, instead: Path | None) -> None:
        self.directory, self.credentials, self.instead = directory, credentials, instead
        self.problems: list[Problem] = []
        self.seen: dict[tuple[str, str], str] = {}
        self.named: list[tuple[YamlFile, PathTo, str | None]] = []

    def load(self) -> Configuration:
        if not self.directory.is_dir():
            raise ConfigErrors(
                [Problem(str(self.directory), 0, "", "is no directory: 'sightline init' writes a starting set")]
            )
        organisation = self._file(self.directory / "organisation.yaml", Organisation)
        if organisation is not None:
            _check_signals(organisation[0].signals, organisation[1])
        people = self._file(self.directory / "people.yaml", PeopleFile)
        self._check_people(people)
        files = sorted((self.directory / "departments").glob("*.y*ml"))
        if not files:
            self._problem(str(self.directory / "departments"), "holds no department file: 'sightline init' writes one")
        departments: list[DepartmentFile] = []
        sources: list[BoundSource] = []
        gathered = Gathered()
        if (planned := self.directory / "plan.yaml").exists() and (read := self._file(planned, PlanFile, expand=True)):
            gathered.take_file(*read)
            self._take(read[1])
        another = self._file(self.instead, DepartmentFile) if self.instead else None
        loads = [self._file(p, DepartmentFile) for p in files if not (self.instead and p.samefile(self.instead))]
        if another is not None:
            loads = [x for x in loads if x is None or x[0].department != another[0].department] + [another]
        for loaded in loads:
            if loaded is not None:
                sources += self._sources(*loaded)
                _check_signals(loaded[0].signals, loaded[1])
                gathered.take(loaded[0].objectives, loaded[0].workstreams, loaded[1], loaded[0].department)
                self._take(loaded[1])
                departments.append(_without_secrets(loaded[0]))
        self._check_names(people, departments)
        if organisation is not None:
            _check_channels(*organisation, [d.department for d in departments])
            self._take(organisation[1])
        if self.problems or organisation is None or people is None:
            raise ConfigErrors(self.problems)
        keys = ([p.key for p in people[0].people], [s.key for s in sources])
        made = Configuration(
            self.directory,
            organisation[0],
            tuple(people[0].people),
            tuple(departments),
            (),
            self._plan(gathered, *keys),
        )
        if self.problems:
            raise ConfigErrors(self.problems)
        known = fingerprint(made.persons())
        return replace(made, sources=tuple(_knowing(source, known) for source in sources))

    def _problem(self, file: str, sentence: str, line: int = 0, path: str = "") -> None:
        self.problems.append(Problem(file, line, path, sentence))

    def _plan(self, gathered: Gathered, people: list[str], sources: list[str]) -> Plan:
        """The plan, with whatever leads nowhere or in a circle noted."""
        plan = gathered.plan(people, sources)
        for file in {id(f): f for f, *_ in gathered.named}.values():
            self._take(file)
        for origin, sentence in gathered.circles():
            file_name, _, line = origin.rpartition(":")
            self._problem(file_name, sentence, int(line), "dependencies")
        return plan

    def _file(self, path: Path, model: type[M], *, expand: bool = False) -> tuple[M, YamlFile] | None:
        """One file as its model, or None with its problems noted."""
        file = read_yaml(path, str(path), expand=expand or self.credentials)
        made: M | None = None
        if file.data is not None and not isinstance(file.data, dict):
            file.problem((), "must be settings of the form 'name: value'")
        elif file.data is not None:
            made = self._validated(model, file.data, file, ())
        self._take(file)
        return None if made is None else (made, file)

    # -- departments -----------------------------------------------------------------------------------------------

    def _sources(self, department: DepartmentFile, file: YamlFile) -> Iterator[BoundSource]:
        self._once("department", department.department, file, ("department",))
        self.named.append((file, ("head",), department.head))
        for n, entry in enumerate(department.sources):
            path: PathTo = ("sources", n)
            self._once("source", entry.key, file, (*path, "key"))
            self.named.append((file, (*path, "mapping_owner"), entry.mapping_owner))
            try:
                kind = tracker(entry.kind)
            except ConfigError as error:
                file.problem((*path, "kind"), str(error))
                continue
            finally:
                self._take(file)
            yield self._source(department, entry, kind, file, path)
            self._take(file)

    def _source(
        self, department: DepartmentFile, entry: SourceEntry, kind: Tracker, file: YamlFile, path: PathTo
    ) -> BoundSource:
        connection = (
            self._validated(kind.Connection, entry.connection, file, (*path, "connection"))
            if self.credentials
            else None
        )
        bindings, mappings, prints = [], {}, {}
        for n, binding in enumerate(entry.bindings):
            here: PathTo = (*path, "bindings", n)
            self._once(f"binding of {file.name}, {entry.key},", binding.key, file, (*here, "key"))
            # Without credentials ${...} stays as it stands: such a scope cannot be judged, and nobody will ask by it.
            judged = self.credentials or "${" not in str(binding.scope)
            scope = self._validated(kind.Scope, binding.scope, file, (*here, "scope")) if judged else None
            fields = self._fields(kind, binding, file, here)
            _check_parts(binding, file, here)
            bindings.append(Binding(binding.key, scope, fields, tuple(binding.row_key), file.origin(here)))
            mapping = self._mapping(entry, binding, file, path, here)
            if mapping is not None:
                mappings[binding.key] = mapping
            prints[binding.key] = _fingerprint(entry, binding, fields)
        source = Source(entry.key, entry.kind, connection, tuple(bindings))
        return BoundSource(
            entry.key,
            entry.kind,
            department.department,
            file.name,
            entry.model_copy(update={"connection": {}}),
            source,
            mappings,
            prints,
        )

    def _fields(self, kind: Tracker, binding: BindingEntry, file: YamlFile, path: PathTo) -> dict[str, FieldRef]:
        parts = PARTS.get(binding.role)
        fields = {role: f for role, f in kind.DEFAULT_FIELDS.items() if parts is None or role in parts}
        known = (*(parts or ()), *ROLES)
        for role, entry in binding.fields.items():
            near = difflib.get_close_matches(role, known, 1, 0.75)
            if role not in known and near:
                file.problem((*path, "fields", role), f"'{role}' is no role - did you mean '{near[0]}'?")
            fields[role] = FieldRef(entry.id, entry.name, entry.schema_, file.origin((*path, "fields", role)))
        return fields

    def _mapping(
        self, entry: SourceEntry, binding: BindingEntry, file: YamlFile, source: PathTo, here: PathTo
    ) -> Translation | None:
        policy = binding.unmapped
        per_role = isinstance(policy, dict) and "fixed" not in policy
        try:
            return compile_mapping(
                source=entry.key,
                binding=binding.key,
                source_scales=_scales(entry.scales, file, (*source, "scales")),
                binding_scales=_scales(binding.scales, file, (*here, "scales")),
                unmapped=policy if per_role and isinstance(policy, dict) else {"*": policy},
                file=file.name,
            )
        except MappingErrors as errors:
            for origin, sentence in errors.errors:
                line = int(origin.rpartition(":")[2]) if ":" in origin else file.line(here)
                file.problem(file.place(line, source, sentence), sentence)
            return None

    def _once(self, what: str, key: str, file: YamlFile, path: PathTo) -> None:
        first = self.seen.setdefault((what, key), file.origin(path))
        if first != file.origin(path):
            file.problem(path, f"the {what} '{key}' exists already: {first}")

    # -- people ----------------------------------------------------------------------------------------------------

    def _check_people(self, people: tuple[PeopleFile, YamlFile] | None) -> None:
        if people is None:
            return
        entries, file = people
        for n, person in enumerate(entries.people):
            here: PathTo = ("people", n)
            self._once("person", person.key, file, (*here, "key"))
            for e, email in enumerate(person.emails):
                self._once("e-mail", email.casefold(), file, (*here, "emails", e))
            for source, user in person.identities.items():
                self._once(f"identity in {source}", user, file, (*here, "identities", source))
        self._take(file)

    def _check_names(self, people: tuple[PeopleFile, YamlFile] | None, departments: list[DepartmentFile]) -> None:
        if people is None:
            return
        entries, file = people
        self._check_persons({p.key for p in entries.people})
        keys, known = [p.key for p in entries.people], [d.department for d in departments]
        for n, person in enumerate(entries.people):
            for what, name, options in (("manager", person.manager, keys), ("department", person.department, known)):
                if name is not None and name not in options and not (what == "department" and self.problems):
                    near = difflib.get_close_matches(name, options, 1)
                    hint = f" - did you mean '{near[0]}'?" if near else ""
                    # A department may arrive with its tracker later: only a likely misspelling is an error.
                    if what == "manager" or near:
                        file.problem(("people", n, what), f"no {what} is called '{name}'{hint}")
        self._take(file)

    def _check_persons(self, keys: set[str]) -> None:
        """Whoever answers for a department or a mapping must be known."""
        for file, path, name in self.named:
            if name is not None and name not in keys:
                near = difflib.get_close_matches(name, sorted(keys), 1)
                if near:  # a person may be written down later: only a likely misspelling is an error
                    file.problem(path, f"nobody in people.yaml has the key '{name}' - did you mean '{near[0]}'?")
                self._take(file)

    # -- models ----------------------------------------------------------------------------------------------------

    def _validated(self, model: type, data: Any, file: YamlFile, path: PathTo) -> Any:
        """Data as a model, or None with what is wrong noted in the file; secrets must come from outside."""
        try:
            made = model.model_validate(data)  # type: ignore[attr-defined]  # every tracker's models are pydantic's
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=True)
            for detail in details:
                note(file, path, model, detail)
            rest = without(data, [d["loc"] for d in details])  # go on, so that all errors are told at once
            return None if rest == data else self._validated(model, rest, file, path)
        for secret in _secrets(made, path):
            if self.credentials and secret not in file.expanded:
                file.problem(
                    secret, "is a secret written in the file: put it into the environment and write ${NAME} here"
                )
        return made

    def _take(self, file: YamlFile) -> None:
        self.problems += file.problems
        file.problems.clear()


def _check_signals(thresholds: Mapping[str, Mapping[str, float]], file: YamlFile) -> None:
    """Thresholds name signals and settings that there are."""
    for signal, values in thresholds.items():
        row = CATALOGUE.get(signal)
        if row is None:
            near = difflib.get_close_matches(signal, CATALOGUE, 1)
            hint = f" - did you mean '{near[0]}'?" if near else ": /v1/definitions lists them"
            file.problem(("signals", signal), f"there is no signal '{signal}'{hint}")
            continue
        for name in values:
            if name not in row.thresholds:
                known = ", ".join(row.thresholds) or "none"
                file.problem(("signals", signal, name), f"{signal} has no threshold '{name}': it has {known}")


def _check_parts(binding: BindingEntry, file: YamlFile, path: PathTo) -> None:
    """What a record of the plan cannot be without must have a field; figures alone are no key results, and need none.

    The plan is everybody's, as headlines are.
    """
    if binding.confidential and binding.role != "item" and not binding.figures:
        file.problem(
            (*path, "confidential"),
            f"the plan is everybody's: a binding of the role {binding.role} cannot be confidential",
        )
    figures = binding.figures and not set(binding.fields) & set(PARTS["key_result"]) - {"current_value"}
    for part in () if figures else NEEDED.get(binding.role, ()):
        if part not in binding.fields:
            file.problem((*path, "fields"), f"a binding of the role {binding.role} needs fields.{part}")


def _check_channels(organisation: Organisation, file: YamlFile, known: list[str]) -> None:
    """A channel of the digest may be told of departments that there are: a misspelling would leave out what it should tell."""
    for n, channel in enumerate(organisation.digest.to if organisation.digest else []):
        for m, name in enumerate(channel.departments):
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f" - did you mean '{near[0]}'?" if near else f": known are {', '.join(known)}"
                file.problem(("digest", "to", n, "departments", m), f"no department is called '{name}'{hint}")


def _knowing(source: BoundSource, people: str) -> BoundSource:
    return replace(source, mappings={key: m.knowing(people) for key, m in source.mappings.items()})


def _without_secrets(department: DepartmentFile) -> DepartmentFile:
    """The file as read, less the connections: their secrets live on in SecretStr only."""
    sources = [s.model_copy(update={"connection": {}}) for s in department.sources]
    return department.model_copy(update={"sources": sources})


def _scales(scales: Mapping[str, Any], file: YamlFile, path: PathTo) -> dict[str, ScaleText]:
    """Scales as written -> what the normalizer compiles, each word with its line."""
    found: dict[str, ScaleText] = {}
    for role, entry in scales.items():
        here = (*path, role)
        origin = file.origin(here)
        if isinstance(entry, str):
            found[role] = ScaleText(scale=entry, origin=origin)
            continue
        words = entry
        options: dict[str, Any] = {}
        if "scale" in entry or "words" in entry:
            options = {k: v for k, v in entry.items() if k not in ("scale", "words")}
            words, here = entry.get("words") or {}, (*here, "words")
        rules = tuple((str(raw), becomes, file.origin((*here, raw))) for raw, becomes in words.items())
        found[role] = ScaleText(entry.get("scale"), rules, options, origin)
    return found


def _fingerprint(entry: SourceEntry, binding: BindingEntry, fields: Mapping[str, FieldRef]) -> str:
    """What decides which records and fields are read; a change of it means reading anew."""
    read = sorted((role, str(f.id), str(f.name), str(f.schema)) for role, f in fields.items())
    what = (entry.kind, sorted(map(str, binding.scope.items())), binding.row_key, read)
    return blake2b(repr(what).encode(), digest_size=6).hexdigest()


def _secrets(value: Any, path: PathTo) -> Iterator[PathTo]:
    if isinstance(value, SecretStr):
        yield path
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), (*path, name))
    elif isinstance(value, list):
        for n, part in enumerate(value):
            yield from _secrets(part, (*path, n))


__all__ = ["BoundSource", "ConfigErrors", "Configuration", "dotted", "load", "read_yaml"]
