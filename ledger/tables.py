"""The tables. Instants are epoch milliseconds (UTC), dates ISO text: the same stored value on SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Text
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlmodel import Field, SQLModel


def columns(table: type[SQLModel]) -> ReadOnlyColumnCollection[str, Column[Any]]:
    """The columns of one of the tables below, by name."""
    return SQLModel.metadata.tables[str(table.__tablename__)].c


def _instant(*, null: bool = False, key: bool = False) -> Column[int]:
    return Column(BigInteger, nullable=null, primary_key=key, autoincrement=False)


def _text(*, null: bool = False, key: bool = False) -> Column[str]:
    return Column(Text, nullable=null, primary_key=key)


class Meta(SQLModel, table=True):
    """One row: how many writes were committed, for ETags and modified_since."""

    id: int = Field(default=1, primary_key=True)
    revision: int = Field(default=0, sa_column=_instant())
    noted_at: int | None = Field(default=None, sa_column=_instant(null=True))
    """When open signals were last noted."""
    stamp: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    """Under which plan, thresholds and day everything in `standing` was judged."""
    stood: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """The revision up to which `standing` knows the items."""
    written_at: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """`changed_at` of what was written last: whatever is written later has a later one."""


class LeaseRow(SQLModel, table=True):
    """Who may write a source now. `epoch` is the fence: it grows with every taking."""

    __tablename__ = "lease"
    source: str = Field(sa_column=_text(key=True))
    epoch: int = 0
    holder: str = Field(sa_column=_text())
    until: int = Field(sa_column=_instant())


class SourceState(SQLModel, table=True):
    __tablename__ = "source_state"
    source: str = Field(sa_column=_text(key=True))
    last_good_at: int | None = Field(default=None, sa_column=_instant(null=True))
    not_before: int | None = Field(default=None, sa_column=_instant(null=True))


class SyncRunRow(SQLModel, table=True):
    __tablename__ = "sync_run"
    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(sa_column=Column(Text, nullable=False, index=True))
    mode: str
    state: str
    reason: str = Field(default="", sa_column=_text())
    hint: str = Field(default="", sa_column=_text())
    started_at: int = Field(sa_column=_instant())
    finished_at: int | None = Field(default=None, sa_column=_instant(null=True))
    seen: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    unreadable: int = 0
    requests: int = 0
    retries: int = 0
    good: bool = False
    whole: int | None = None
    findings: str = Field(default="[]", sa_column=Column(Text, nullable=False, server_default="[]"))


class BindingState(SQLModel, table=True):
    """Where the next read of one binding starts. Lives in the same transactions as the data it speaks of."""

    __tablename__ = "binding_state"
    source: str = Field(sa_column=_text(key=True))
    binding: str = Field(sa_column=_text(key=True))
    cursor: str | None = Field(default=None, sa_column=_text(null=True))
    resume: str | None = Field(default=None, sa_column=_text(null=True))
    fields: str | None = Field(default=None, sa_column=_text(null=True))
    mapping_version: str | None = Field(default=None, sa_column=_text(null=True))
    census_at: int | None = Field(default=None, sa_column=_instant(null=True))


class RawRecordRow(SQLModel, table=True):
    """What was said, as read; one row per distinct saying of one record."""

    __tablename__ = "raw_record"
    item_id: str = Field(sa_column=_text(key=True))
    hash: str = Field(sa_column=_text(key=True))
    payload: str = Field(sa_column=_text())
    fetched_at: int = Field(sa_column=_instant())
    run: int


class ItemRow(SQLModel, table=True):
    """The present state of an item. `body` is the Item as JSON, rendered once when it was written."""

    __tablename__ = "item"
    id: str = Field(sa_column=_text(key=True))
    source: str = Field(sa_column=_text())
    binding: str = Field(sa_column=_text())
    ref: str = Field(sa_column=_text())
    scope: str = Field(sa_column=_text())
    key: str = Field(sa_column=Column(Text, nullable=False, index=True))
    url: str = Field(sa_column=Column(Text, nullable=False))
    lifecycle: str
    reported_health: str
    status: str
    owner: str | None = Field(default=None, sa_column=_text(null=True))
    due_on: str | None = None
    blocked: bool | None = None
    body: str = Field(sa_column=_text())
    raw_hash: str = Field(sa_column=_text())
    mapping_version: str
    presence: str
    presence_reason: str = Field(default="", sa_column=_text())
    missing_since: int | None = Field(default=None, sa_column=_instant(null=True))
    first_seen_at: int = Field(sa_column=_instant())
    changed_at: int = Field(sa_column=_instant())
    revision: int = Field(sa_column=_instant())


Index("ix_item_source", columns(ItemRow).source, columns(ItemRow).binding)
Index("ix_item_ref", columns(ItemRow).ref)
Index("ix_item_revision", columns(ItemRow).revision)
Index("ix_item_changed_at", columns(ItemRow).changed_at, columns(ItemRow).id)


class ItemVersionRow(SQLModel, table=True):
    """True in the tracker from `valid_from` on, as we knew from `observed_from` until `observed_to`."""

    __tablename__ = "item_version"
    item_id: str = Field(sa_column=_text(key=True))
    valid_from: int = Field(sa_column=_instant(key=True))
    observed_from: int = Field(sa_column=_instant(key=True))
    observed_to: int | None = Field(default=None, sa_column=_instant(null=True))
    raw_hash: str = Field(sa_column=_text())
    mapping_version: str
    lifecycle: str
    reported_health: str
    status: str
    body: str = Field(sa_column=_text())


class ItemEventRow(SQLModel, table=True):
    __tablename__ = "item_event"
    item_id: str = Field(sa_column=_text(key=True))
    id: str = Field(sa_column=_text(key=True))
    at: int = Field(sa_column=_instant())
    field: str = Field(sa_column=_text())
    before: str | None = Field(default=None, sa_column=_text(null=True))
    after: str | None = Field(default=None, sa_column=_text(null=True))
    actor_ref: str | None = Field(default=None, sa_column=_text(null=True))
    actor_name: str | None = Field(default=None, sa_column=_text(null=True))
    actor_kind: str


Index("ix_item_event_actor", columns(ItemEventRow).actor_ref, columns(ItemEventRow).at)


class ItemLinkRow(SQLModel, table=True):
    __tablename__ = "item_link"
    item_id: str = Field(sa_column=_text(key=True))
    target: str = Field(sa_column=_text(key=True))
    kind: str = Field(sa_column=_text(key=True))
    direction: str = Field(sa_column=_text(key=True))
    original: str = Field(sa_column=_text(key=True))
    target_key: str | None = Field(default=None, sa_column=_text(null=True))
    target_item: str | None = Field(default=None, sa_column=Column(Text, nullable=True, index=True))


class ItemPlaceRow(SQLModel, table=True):
    """Where in its source an item lies now, by role: cells as JSON. Sorting a sheet changes these and no item."""

    __tablename__ = "item_place"
    item_id: str = Field(sa_column=_text(key=True))
    cells: str = Field(sa_column=_text())


class ItemUnmappedRow(SQLModel, table=True):
    """One word of one item that has no translation; the inbox is these, counted."""

    __tablename__ = "item_unmapped"
    item_id: str = Field(sa_column=_text(key=True))
    field: str = Field(sa_column=_text(key=True))
    raw: str = Field(sa_column=_text(key=True))
    raw_id: str | None = Field(default=None, sa_column=_text(null=True))
    first_seen_at: int = Field(sa_column=_instant())


class StatusValueRow(SQLModel, table=True):
    """The tracker's own vocabulary, kept after the tracker forgot it: `valid_to` is when it was first missing."""

    __tablename__ = "status_value"
    source: str = Field(sa_column=_text(key=True))
    field: str = Field(sa_column=_text(key=True))
    id: str = Field(sa_column=_text(key=True))
    valid_from: int = Field(sa_column=_instant(key=True))
    valid_to: int | None = Field(default=None, sa_column=_instant(null=True))
    name: str = Field(sa_column=_text())
    category: str | None = Field(default=None, sa_column=_text(null=True))
    scope: str | None = Field(default=None, sa_column=_text(null=True))
    colour: str | None = Field(default=None, sa_column=_text(null=True))


class ScopeStateRow(SQLModel, table=True):
    """A project, data source, object or tab, and whether the credential sees it."""

    __tablename__ = "scope_state"
    source: str = Field(sa_column=_text(key=True))
    scope: str = Field(sa_column=_text(key=True))
    name: str = Field(sa_column=_text())
    state: str
    reason: str = Field(default="", sa_column=_text())
    since: int = Field(sa_column=_instant())


class MappingVersionRow(SQLModel, table=True):
    """A mapping that was in force from `effective_from` on; `body` lets explain work without the files."""

    __tablename__ = "mapping_version"
    source: str = Field(sa_column=_text(key=True))
    binding: str = Field(sa_column=_text(key=True))
    effective_from: int = Field(sa_column=_instant(key=True))
    version: str
    body: str = Field(sa_column=_text())
    author: str = Field(default="", sa_column=_text())
    reason: str = Field(default="", sa_column=_text())


class ApiKeyRow(SQLModel, table=True):
    """An access key: everything of it but the key itself, which is kept as its SHA-256 and its last four characters."""

    __tablename__ = "api_key"
    id: str = Field(sa_column=_text(key=True))
    hash: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    last4: str
    name: str = Field(sa_column=_text())
    scopes: str = Field(sa_column=_text())
    departments: str | None = Field(default=None, sa_column=_text(null=True))
    person: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    in_url: bool = False
    created_at: int = Field(sa_column=_instant())
    expires_at: int | None = Field(default=None, sa_column=_instant(null=True))
    revoked_at: int | None = Field(default=None, sa_column=_instant(null=True))
    last_used_at: int | None = Field(default=None, sa_column=_instant(null=True))


class SessionRow(SQLModel, table=True):
    """Somebody's browser after signing in; of its secret only the SHA-256 is kept. `roles` are JSON; None: the issuer told none."""

    __tablename__ = "session"
    id: str = Field(sa_column=_text(key=True))
    hash: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    issuer: str = Field(sa_column=_text())
    email: str = Field(sa_column=_text())
    department: str | None = Field(default=None, sa_column=_text(null=True))
    roles: str | None = Field(default=None, sa_column=_text(null=True))
    created_at: int = Field(sa_column=_instant())
    seen_at: int = Field(sa_column=_instant())
    ended_at: int | None = Field(default=None, sa_column=_instant(null=True))


class AuditRow(SQLModel, table=True):
    """Who did or read what, and when. Only ever added to."""

    __tablename__ = "audit"
    id: int | None = Field(default=None, primary_key=True)
    at: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    who: str = Field(sa_column=_text())
    what: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())


class DeliveryRow(SQLModel, table=True):
    """What became of a week's digest at one channel. One row each: whoever holds it sends, so that nothing is sent twice."""

    __tablename__ = "delivery"
    week: str = Field(sa_column=_text(key=True))
    channel: str = Field(sa_column=_text(key=True))
    state: str = Field(sa_column=_text())
    attempts: int = 0
    tried_at: int = Field(sa_column=_instant())
    reason: str = Field(default="", sa_column=_text())


class DecisionRow(SQLModel, table=True):
    """What a person decided. Never changed: a correction is another row that names this one."""

    __tablename__ = "decision"
    id: str = Field(sa_column=_text(key=True))
    kind: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())
    signal: str = Field(sa_column=_text())
    decided_by: str = Field(sa_column=_text())
    decided_on: str
    act_owner: str | None = Field(default=None, sa_column=_text(null=True))
    act_by: str | None = None
    note: str = Field(sa_column=_text())
    supersedes: str | None = Field(default=None, sa_column=Column(Text, nullable=True, unique=True))
    recorded_at: int = Field(sa_column=_instant())
    recorded_by: str = Field(sa_column=_text())
    once: str | None = Field(default=None, sa_column=Column(Text, nullable=True, unique=True))
    """What its caller named the request by, so that the same request is recorded once."""
    revision: int = Field(sa_column=_instant())
    """The ledger's, when it was recorded: what is kept of how things stand is older or newer than it."""


class DecisionOutcomeRow(SQLModel, table=True):
    """What was found of a decision when it was due, or later: closed or reopened, and by what."""

    __tablename__ = "decision_outcome"
    decision: str = Field(sa_column=_text(key=True))
    at: int = Field(sa_column=_instant(key=True))
    state: str = Field(sa_column=_text())
    evidence: str = Field(sa_column=_text())


class AnnotationRow(SQLModel, table=True):
    """A team's reply, or what it says of its health, shown beside a signal. Never changed."""

    __tablename__ = "annotation"
    id: str = Field(sa_column=_text(key=True))
    kind: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())
    signal: str = Field(sa_column=_text())
    health: str | None = Field(default=None, sa_column=_text(null=True))
    text: str = Field(sa_column=_text())
    said_by: str = Field(sa_column=_text())
    expires_on: str | None = None
    recorded_at: int = Field(sa_column=_instant())
    recorded_by: str = Field(sa_column=_text())
    once: str | None = Field(default=None, sa_column=Column(Text, nullable=True, unique=True))


class PlanNodeRow(SQLModel, table=True):
    """When a node of the plan was first met: what came in mid-cycle is known by it."""

    __tablename__ = "plan_node"
    key: str = Field(sa_column=_text(key=True))
    first_seen_at: int = Field(sa_column=_instant())


class WeeklyCloseRow(SQLModel, table=True):
    """A published week, month or period. Never overwritten: what is known better later is another version."""

    __tablename__ = "weekly_close"
    week: str = Field(sa_column=_text(key=True))
    version: int = Field(primary_key=True)
    closed_at: int = Field(sa_column=_instant())
    body: str = Field(sa_column=_text())


class SignalLogRow(SQLModel, table=True):
    """One time that a signal was open; `because` is the sentence it opened with."""

    __tablename__ = "signal_log"
    key: str = Field(sa_column=_text(key=True))
    opened_at: int = Field(sa_column=_instant(key=True))
    cleared_at: int | None = Field(default=None, sa_column=_instant(null=True))
    severity: str = Field(sa_column=_text())
    because: str = Field(sa_column=_text())


class MemberRow(SQLModel, table=True):
    """Which workstreams an item belongs to, as `standing` knows it; an item of none has one row with the workstream "".

    Together with `standing` a view of everything else: both may be emptied at any time and are made again.
    """

    __tablename__ = "member"
    item_id: str = Field(sa_column=_text(key=True))
    workstream: str = Field(sa_column=_text(key=True))
    department: str = Field(sa_column=_text())
    active: bool
    """It is there and unfinished."""


Index("ix_member_workstream", columns(MemberRow).workstream, columns(MemberRow).item_id)


class StandingRow(SQLModel, table=True):
    """How a node of the plan stands now: its status, what was judged of it, and what needs a decision, as JSON."""

    __tablename__ = "standing"
    kind: str = Field(sa_column=_text(key=True))
    key: str = Field(sa_column=_text(key=True))
    status: str = Field(sa_column=_text())
    judged: str = Field(sa_column=_text())
    exceptions: str = Field(sa_column=_text())
