"""What every tracker must answer, whatever it is: the only thing the other rooms know of a tracker.

The errors are named after who acts next:

    SourceError
    ├── SourceUnavailable   wait: the tracker is down or throttling; the last answer is kept
    │   └── RateLimited     ... and it said when to come back (`retry_at`)
    ├── AccessDenied        a person fixes rights or the token
    ├── SourceChanged       the mapping owner acts: a column, option or field the mapping needs is gone
    └── UnreadableRecord    nobody at once: one record is skipped, reported, and the rest carries on
    ConfigError             whoever wrote the file: names file, line and key

A message is one sentence fit for a COO, without a secret; the cause is chained for the engineer.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec


class SourceError(Exception):
    """Something about one source; never hides the other sources."""

    def __init__(self, message: str, *, source: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.source = source
        self.hint = hint


class SourceUnavailable(SourceError):
    """Down, broken or throttling: wait. What is already known is kept."""


class RateLimited(SourceUnavailable):
    """Asked to wait longer than one run may take; `retry_at` is when the tracker may be asked again."""

    def __init__(self, message: str, *, retry_at: datetime, source: str = "", hint: str = "") -> None:
        super().__init__(message, source=source, hint=hint)
        self.retry_at = retry_at


class AccessDenied(SourceError):
    """Rights or credential: a person must act before it works again."""


class SourceChanged(SourceError):
    """A field, column or option that the mapping names is gone: the mapping owner acts."""


class UnreadableRecord(SourceError):
    """One record could not be read; the others carry on."""


class ConfigError(Exception):
    """A configuration that cannot be used; the message names file, line and key."""


# gc=False: these hold texts and each other, never a cycle; looking for one costs a quarter of a run's time.
Scalar = str | int | float | bool | None


class Said(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One value exactly as the tracker holds it: typed as the tracker typed it, never a string made a number.

    `id` is the tracker's own stable id of the value (status id, option id, account id), `category` the tracker's own
    hint about it (Jira status category, Notion group, Salesforce stage flag; "default": filled in by the tracker and nobody's
    judgement), `colour` a "#rrggbb" seen on it.
    """

    value: Scalar = None
    id: str | None = None
    category: str | None = None
    email: str | None = None
    colour: str | None = None


Words = tuple[Said, ...]
"""A field's values as said; () was read and is empty."""


class Link(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An edge to another record: `original` is the tracker's own word, `kind` what the configuration says it means.

    `direction` "out" reads "this <kind> target" (this blocks target, this is child of target).
    """

    target: str
    """The target's ref in the same source, or any text (key, URL, id, row key) to be resolved across trackers."""
    kind: Literal["blocks", "parent", "relates"]
    direction: Literal["out", "in"] = "out"
    original: str = ""
    target_key: str | None = None


class RawRecord(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One record as said, tracker-neutral in form: only identity, times and the fields that the mapping reads.

    `fields` maps a role ("lifecycle", "health", "confidence", "progress", "owner", "start_on", "due_on",
    "completed_at", "blocked", "blocked_on", "decision_needed", "resolution", "priority", "depends_on", "blocks", "parent",
    "estimate", or any name of the department's own) to what was said. A role that is absent was not read.
    """

    ref: str
    """Stable id in the source: Jira issue id, Notion page id, Salesforce Id, a sheet row's key."""
    scope: str
    """The part of the source whose visibility decides this record's presence: project id, data source, object, tab."""
    key: str
    """The name people use: ENG-12, a title, a row key."""
    title: str
    url: str = ""
    type: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    fields: dict[str, Words] = {}
    links: tuple[Link, ...] = ()
    problems: tuple[str, ...] = ()
    """Sentences about fields of this record that could not be read."""
    cells: dict[str, str] = {}
    """Where in the source each role lies now ("" for the whole record), as text for people: "Campaigns!C17". Where a record
    lies is not what it says: a sorted sheet changes every cell and no record."""


record_of = msgspec.json.Decoder(RawRecord).decode
"""A record out of its JSON."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One field of one record changed at one instant, as the tracker's own history tells it.

    `field` is the role where the mapping reads the field, else the tracker's own field name in square brackets
    ("[description]") so that it can never be mistaken for a role.
    """

    id: str
    at: datetime
    field: str
    before: Words = ()
    after: Words = ()
    actor: Said | None = None
    actor_kind: Literal["human", "automation", "unknown"] = "unknown"


class Page(msgspec.Struct, frozen=True):
    """Some records with, where the tracker has one, their whole change history, and where to resume after them."""

    records: tuple[RawRecord, ...] = ()
    changes: Mapping[str, tuple[Change, ...]] = {}
    """By record ref, complete for that record, where the tracker sends history along; else `Connector.history` is asked."""
    resume: Mapping[str, Any] | None = None
    """Stored in the same transaction as the records; handed back as `resume` after a kill. Never a page token."""
    unreadable: tuple[UnreadableRecord, ...] = ()
    drift: tuple[SourceChanged, ...] = ()
    """Mapped fields that are gone, where the source shows its fields only with its records."""
    words: tuple[StatusValue, ...] | None = None
    """The binding's vocabulary, whole, where the source shows it only with its records; its `scope` is the binding's key."""


class Verdict(msgspec.Struct, frozen=True):
    """The last thing a pull or census yields. Without one, or with complete=False, nothing may be concluded
    from absence and the cursor stays where it was."""

    complete: bool
    reason: str = ""
    cursor: Mapping[str, Any] | None = None
    """What the next incremental pull needs (JSON): run-start watermark less overlap, never max(updated)."""
    whole: bool = False
    """Every record of the binding was in this pull: its census costs nothing and is taken at once."""
    truncated: bool = False
    """The source showed as much as it ever shows, and there is more."""


class Seen(msgspec.Struct, frozen=True):
    """What a census saw of one record."""

    ref: str
    scope: str


Fate = Literal["present", "moved_out", "archived", "access_lost", "deleted", "not_found"]
"""What asking for a vanished record by its id told. "deleted" is the tracker's own word; "not_found" is deleted OR hidden: the
caller decides with time."""


class Found(msgspec.Struct, frozen=True):
    """The answer to one id lookup; `record` where the tracker still returns it."""

    ref: str
    fate: Fate
    record: RawRecord | None = None
    reason: str = ""


class StatusValue(msgspec.Struct, frozen=True):
    """One word of the tracker's own vocabulary, as of this run."""

    field: str
    id: str
    name: str
    category: str | None = None
    scope: str | None = None
    colour: str | None = None
    """The colour that the tracker gives the word: a name such as green, or "#rrggbb"."""


class Scope(msgspec.Struct, frozen=True):
    """A project, data source, object or tab that the credential can see."""

    id: str
    name: str
    state: Literal["live", "archived", "no_access"] = "live"


class Metadata(msgspec.Struct, frozen=True):
    """What the source says of itself in this run."""

    statuses: tuple[StatusValue, ...] | None = ()
    """None: the tracker shows its words only with its records (Page.words)."""
    scopes: tuple[Scope, ...] | None = ()
    """Every scope visible now; a scope known from before and missing here is lost access, never deletion. None: the
    tracker does not tell its scopes, and nothing is concluded from them."""
    drift: tuple[SourceChanged, ...] = ()
    """Mapped fields that are gone, one sentence each; their roles stay absent from records, never empty."""


class SeenField(msgspec.Struct, frozen=True):
    """A field, property or column that the credential sees. `type` is the tracker's own word for its kind."""

    name: str
    id: str | None = None
    type: str = ""
    options: tuple[StatusValue, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """Something that a binding could read: a project, data source, object or tab."""

    kind: str
    name: str
    scope: Mapping[str, Any]
    """What to write under `scope:`."""
    fields: tuple[SeenField, ...] = ()
    row_key: tuple[str, ...] = ()
    note: str = ""


class SeenPerson(msgspec.Struct, frozen=True):
    """A user of the tracker."""

    id: str
    name: str
    email: str | None = None
    active: bool = True


class Discovery(msgspec.Struct, frozen=True):
    """What a credential can see; `notes` are sentences about what it cannot."""

    places: tuple[Place, ...] = ()
    people: tuple[SeenPerson, ...] = ()
    notes: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One line of `sightline doctor`."""

    check: str
    ok: bool
    says: str
    """What was seen and, where not ok, what to do next."""


class FieldRef(msgspec.Struct, frozen=True):
    """How a department names a field of its tracker: exactly one of id, name, schema (Jira's custom type key)."""

    id: str | None = None
    name: str | None = None
    schema: str | None = None
    origin: str = ""
    """file:line, for the sentence when the field is gone."""


class Binding(msgspec.Struct, frozen=True):
    """What is read from a source; `scope` is the kind's own pydantic model (`Scope` of its folder)."""

    key: str
    scope: Any
    fields: Mapping[str, FieldRef] = {}
    """Role to field, the kind's DEFAULT_FIELDS with the department's own laid over them."""
    row_key: tuple[str, ...] = ()
    """The columns that name a record where the source has no ids."""
    origin: str = ""


class Source(msgspec.Struct, frozen=True):
    """One connected tracker of one department; `connection` is the kind's own pydantic model."""

    key: str
    kind: str
    connection: Any
    bindings: tuple[Binding, ...] = ()


Mode = Literal["incremental", "full"]


@runtime_checkable
class Connector(Protocol):
    """One source, connected. Blocking; every method may raise SourceError and nothing else."""

    @property
    def requests(self) -> int:
        """Requests sent so far, for the account of costs."""
        ...

    @property
    def retries(self) -> int: ...

    def metadata(self) -> Metadata:
        """What the source says of itself now: vocabulary, visible scopes, drift. Asked once per run, before pulls."""
        ...

    def pull(
        self, binding: Binding, *, mode: Mode, cursor: Mapping[str, Any] | None, resume: Mapping[str, Any] | None
    ) -> Iterator[Page | Verdict]:
        """Yields pages and, last, one Verdict.

        cursor: the last complete pull's Verdict.cursor; None reads everything. mode "full" ignores the cursor.
        resume: the last stored Page.resume of an unfinished full pull, or None.
        """
        ...

    def history(self, binding: Binding, refs: Sequence[str]) -> Mapping[str, tuple[Change, ...]]:
        """Every change of these records, for those that have a history; asked only for records that are new or changed."""
        ...

    def census(self, binding: Binding) -> Iterator[Sequence[Seen] | Verdict]:
        """Yields every record's id now in the binding and, last, one Verdict."""
        ...

    def find(self, binding: Binding, refs: Sequence[str]) -> Sequence[Found]:
        """Asks for records by id, whatever scope they are in now: one Found per ref."""
        ...

    def discover(self) -> Discovery:
        """Everything that could be read with this credential, bound or not."""
        ...

    def check(self) -> Sequence[Finding]:
        """Credential, rights, clock and rate budget, each in one sentence. Never raises."""
        ...

    def close(self) -> None: ...


class Tracker(Protocol):
    """What `connectors/<kind>/__init__.py` offers; folder name is registration."""

    Connection: type
    """pydantic model (extra="forbid") of `sources[].connection`; secrets are pydantic SecretStr."""
    Scope: type
    """pydantic model (extra="forbid") of `bindings[].scope`."""
    DEFAULT_FIELDS: Mapping[str, FieldRef]

    @staticmethod
    def connect(source: Source) -> Connector: ...

    @staticmethod
    def replay(answer: Any) -> tuple[Sequence[RawRecord], Mapping[str, Sequence[Change]]]:
        """An example's answer.json (what was answered, and the field map) to its records and changes by ref: no I/O.

        Raises:
            UnreadableRecord: a record in it cannot be read.
        """
        ...


def kinds() -> list[str]:
    """Every tracker folder there is, by name."""
    import connectors

    return sorted(m.name for m in pkgutil.iter_modules(connectors.__path__) if m.ispkg)


def tracker(kind: str) -> Tracker:
    """Imports a tracker's folder, lazily.

    Raises:
        ConfigError: there is no folder of that name.
    """
    if kind not in kinds():
        near = difflib.get_close_matches(kind, kinds(), 1)
        hint = f" - did you mean '{near[0]}'?" if near else ""
        raise ConfigError(f"'{kind}' is no kind of tracker: known are {', '.join(kinds())}{hint}")
    module: Any = importlib.import_module(f"connectors.{kind}")
    return module  # type: ignore[no-any-return]  # a module is the connector; the contract's tests hold each to it
