"""The published tables: what BI tools, spreadsheets and people's own SQL may build on.

Each is one row of TABLES and one view in the database, with the same columns, names and types on SQLite and PostgreSQL:
text is compared and sorted by its bytes, dates are ISO text, and instants are ISO text in UTC with milliseconds
("2026-11-20T17:00:00.000Z"), so that they sort as time, compare exactly, and read the same in every tool.
Adding a table: one more row here, and one more migration, because views are made anew after each (`migrations.upgrade`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Literal

import msgspec
from sqlalchemy import Boolean, Connection, Double, Integer, TableClause, Text, column, table
from sqlalchemy.types import TypeEngine

Kind = Literal["string", "int", "float", "bool", "date", "instant"]


class WrongQuestion(Exception):
    """What is asked of a published table cannot be answered; the sentence names the part that is wrong."""


class Told(msgspec.Struct, frozen=True):
    """A value out of JSON, such as an item's body; `default` is SQL for what is left out there."""

    name: str
    default: str = ""
    column: str = "body"


class Column(msgspec.Struct, frozen=True):
    """One published column. `sql` is an expression over the table's source; the stored column of that name where it is empty.

    also: where the same value lies in JSON too, beside which a whole table need not be asked for it.
    """

    name: str
    kind: Kind
    description: str
    sql: str | Told = ""
    nullable: bool = False
    also: Told | None = None


class Relation(msgspec.Struct, frozen=True):
    """A way from rows here to the rows of another table whose `target_column` has the value of `column`."""

    name: str
    target: str
    column: str
    target_column: str
    many: bool


class Table(msgspec.Struct, frozen=True):
    """One published table. Rows come in the order of `key` unless asked otherwise.

    `source` is SQL after FROM; `on_postgresql` stands in its place where PostgreSQL says it differently.
    """

    name: str
    entity: str
    view: str
    description: str
    source: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    relations: tuple[Relation, ...] = ()
    on_postgresql: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    def column(self, name: str) -> Column | None:
        return next((c for c in self.columns if c.name == name), None)

    def relation(self, name: str) -> Relation | None:
        return next((r for r in self.relations if r.name == name), None)


RANK = (
    "CASE status WHEN 'off_track' THEN 1 WHEN 'at_risk' THEN 2 WHEN 'unknown' THEN 3 WHEN 'on_track' THEN 4 ELSE 5 END"
)
STATUS = (
    Column("status", "string", "The one word: done, cancelled, paused or not_started, else the reported health"),
    Column("status_label", "string", "The same for people, such as 'at risk'", "REPLACE(status, '_', ' ')"),
    Column("status_rank", "int", "For sorting: 1 off track, 2 at risk, 3 unknown, 4 on track, 5 any other", RANK),
    Column("lifecycle", "string", "not_started, in_progress, paused, done, cancelled or unknown", also=Told("lifecycle", "'unknown'")),
    Column("reported_health", "string", "on_track, at_risk, off_track, unknown or not_applicable, as the tracker says it",
           also=Told("reported_health", "'unknown'")),
)  # fmt: skip
ABOUT = (
    Column("title", "string", "What it is called", Told("title")),
    Column("type", "string", "The tracker's word for what kind of record it is", Told("type"), nullable=True),
    Column("confidence", "float", "How sure its people are, 0-1", Told("confidence"), nullable=True),
    Column("progress", "float", "How far it is, 0-1", Told("progress"), nullable=True),
    Column("progress_kind", "string", "outcome, milestone, item_count, percent_reported or none: never to be averaged together",
           Told("progress_kind", "'none'")),
    Column("owner", "string", "Key of the owner in people.yaml, where the person is known", Told("owner"), nullable=True),
    Column("owner_name", "string", "The owner's name as the tracker says it", Told("owner_name"), nullable=True),
    Column("start_on", "date", "Planned start", Told("start_on"), nullable=True),
    Column("due_on", "date", "Promised end", Told("due_on"), nullable=True),
    Column("completed_at", "instant", "When it was finished", Told("completed_at"), nullable=True),
    Column("blocked", "bool", "Whether it is said to be blocked; null where nothing says so", Told("blocked"), nullable=True),
    Column("blocked_on", "string", "What it waits for, as said", Told("blocked_on"), nullable=True),
    Column("decision_needed", "string", "The decision it asks for, as said", Told("decision_needed"), nullable=True),
)  # fmt: skip
STORED = ("owner", "due_on", "blocked")
"""What an item's row has beside its JSON, cheaper to filter by."""
ABOUT_ITEM = tuple(
    msgspec.structs.replace(c, sql="", also=c.sql) if isinstance(c.sql, Told) and c.name in STORED else c for c in ABOUT
)
ITEM = Column("item_id", "string", "The item: source, colon, id in the source")
ONE_ITEM = Relation("Item", "Items", "item_id", "id", many=False)
ONE_SOURCE = Relation("Source", "Sources", "source", "source", many=False)
LATEST = "(SELECT r.{} FROM sync_run r WHERE r.source = source_state.source ORDER BY r.id DESC LIMIT 1)"
NEXT = (
    "(SELECT MIN(n.valid_from) FROM item_version n WHERE n.item_id = item_version.item_id "
    "AND n.valid_from > item_version.valid_from AND n.observed_to IS NULL)"
)
AFTER_FIRST = "SUBSTR(key, STRPOS(key, ':') + 1)"

NODE = (
    Column("name", "string", "What it is called"),
    Column("owner", "string", "Key of its owner in people.yaml", nullable=True),
    Column("status", "string", "One word: done, cancelled, paused or not_started by lifecycle, else the headline"),
    Column("lifecycle", "string", "not_started, in_progress, paused, done, cancelled or unknown"),
    Column("headline", "string", "The worse of what was said and what shows: on_track, at_risk, off_track or unknown"),
    Column("reported", "string", "What its people said"),
    Column("derived", "string", "What behaviour shows"),
    Column("because", "string", "Why the headline is what it is, in a sentence"),
    Column("tag", "string", "derived_only, reported_only (unverified), or empty"),
    Column("coverage", "float", "Share of what is below whose health is known, 0-1", nullable=True),
    Column("unknown_share", "float", "The rest of it, 0-1", nullable=True),
    Column("progress", "float", "How far it is, 0-1", nullable=True),
    Column("progress_kind", "string", "outcome, milestone, item_count or none: never to be averaged together"),
    Column("outcome_health", "string", "Of a key result: its metric's health", nullable=True),
    Column("execution_health", "string", "Of a key result: its workstreams' health", nullable=True),
    Column("score", "float", "Of a key result: how far its metric has come, 0-1", nullable=True),
    Column("outcome", "string", "Of what is closed: achieved, partial, missed, dropped or unknown", nullable=True),
    Column("watermelon", "bool", "Said to be on track, and shows otherwise on two days"),
    Column("candid", "bool", "Said to be worse than shows"),
    Column("items", "int", "Items below it"),
)  # fmt: skip
PLANNED = (
    Column("parent", "string", "Key of the node above; of a workstream see Supports", nullable=True),
    Column("pillar", "string", "Key of its pillar", nullable=True),
    Column("objective", "string", "Key of its objective", nullable=True),
    Column("period", "string", "Key of its period", nullable=True),
    Column("department", "string", "Key of its department", nullable=True),
    Column("sponsor", "string", "Key of its sponsor in people.yaml", nullable=True),
    Column("weight", "float", "How much it counts beside its like", nullable=True),
    Column("critical", "bool", "Whether it alone decides about what is above it", nullable=True),
    Column("rank", "int", "Of a key result: its place", nullable=True),
    Column("baseline", "float", "Of a metric: where it began", nullable=True),
    Column("target", "float", "Of a metric: where it should come", nullable=True),
    Column("unit", "string", "Of a metric", nullable=True),
    Column("direction", "string", "increase, decrease, maintain_above or maintain_below", nullable=True),
    Column("start_on", "date", "Of a workstream: planned start", nullable=True),
    Column("end_on", "date", "Of a workstream: planned end", nullable=True),
    Column("bau", "bool", "Of a workstream: business as usual, which no roll-up counts", nullable=True),
)  # fmt: skip
COMMITMENT = (
    Column("consumer", "string", "Key of the workstream that waits"),
    Column("provider", "string", "Key of the workstream that delivers, or 'external'"),
    Column("deliverable", "string", "What"),
    Column("needed_by", "date", "By when it is needed", nullable=True),
    Column("committed_by", "date", "By when it is promised", nullable=True),
    Column("provider_person", "string", "Who promised it", nullable=True),
    Column("rank", "int", "Its place among the consumer's", nullable=True),
    Column("state", "string", "proposed, committed, delivered, accepted or withdrawn"),
    Column("provider_item", "string", "The record that is meant", nullable=True),
)  # fmt: skip
EXCEPTION = (
    Column("key", "string", "What makes it the same tomorrow: signal, subject and variant"),
    Column("signal", "string", "Which signal, such as behind_pace"),
    Column("title", "string", "The signal in words"),
    Column("severity", "string", "warn or high"),
    Column("subject", "string", "Key of the node that it is about"),
    Column("node", "string", "The node's name"),
    Column("because", "string", "The sentence"),
    Column("result_owner", "string", "Who owns the result", nullable=True),
    Column("decision_owner", "string", "Who decides", nullable=True),
    Column("decision_needed", "string", "What decision is needed now"),
    Column("sla_days", "int", "Within how many working days", nullable=True),
)  # fmt: skip
CHECK_IN = (
    Column("node", "string", "Key of the workstream"),
    Column("reported_raw", "string", "The words as said, the worst first"),
    Column("reported", "string", "What they mean; unknown from two full cadences without a word on"),
    Column("last_reported", "string", "What they meant when they were said"),
    Column("confidence", "float", "0-1, the lowest of its items", nullable=True),
    Column("progress", "float", "0-1 of its milestones", nullable=True),
    Column("biggest_risk", "string", "As said", nullable=True),
    Column("need_from_others", "string", "As said", nullable=True),
    Column("freshness", "string", "fresh, carried, stale, missing or source_down"),
    Column("cadences", "int", "Full cadences of the team without a change"),
    Column("said_at", "instant", "When something was last said", nullable=True),
    Column("said_by", "string", "Who said it, where the tracker tells", nullable=True),
    Column("url", "string", "Where"),
    Column("slower_than_weekly", "bool", "Whether its team speaks less often than weekly"),
)  # fmt: skip
NEWEST = "w.version = (SELECT MAX(v.version) FROM weekly_close v WHERE v.week = w.week)"
WEEK = (
    Column("version", "int", "Which publication of the week this is", "w.version"),
    Column("provisional", "bool", "Whether the sources may still tell of the week", Told("provisional", column="w.body")),
    Column("closed_at", "instant", "When it was published", "w.closed_at"),
)  # fmt: skip


def _of(source: str, c: Column) -> Column:
    """A column of JSON that stands in a column of the database."""
    absent = {"tag": "''", "progress_kind": "'none'", "watermelon": "FALSE", "candid": "FALSE", "items": "0"}
    return msgspec.structs.replace(c, sql=Told(c.name, absent.get(c.name, ""), source))


TABLES = (
    Table(
        "Items", "Item", "bi_items", "Every item of every tracker on the one format, as it is now", "item", ("id",),
        (
            Column("id", "string", "Source, colon, id in the source", also=Told("id")),
            Column("key", "string", "What people call it, such as ENG-26", also=Told("key")),
            *ABOUT_ITEM[:1],
            Column("url", "string", "Where it stands in its tracker", also=Told("url", "''")),
            Column("source", "string", "Key of the source", also=Told("source")),
            Column("binding", "string", "Which part of the source it was read by", also=Told("binding")),
            *STATUS,
            Column("health_assumed", "bool", "Whether the health was assumed by a rule instead of said", Told("health_assumed", "FALSE")),
            *ABOUT_ITEM[1:],
            Column("presence", "string", "present, deleted, access_lost, moved_out or unobserved"),
            Column("presence_reason", "string", "Why it is not present, in a sentence; empty where it is"),
            Column("source_created_at", "instant", "When it was made in its tracker", Told("remote_created_at"), nullable=True),
            Column("source_updated_at", "instant", "When it was last edited in its tracker", Told("remote_updated_at"), nullable=True),
            Column("first_seen_at", "instant", "When we first read it"),
            Column("changed_at", "instant", "When we last noted a change of it"),
            Column("mapping_version", "string", "The mapping that translated its words"),
        ),
        (
            Relation("Versions", "ItemVersions", "id", "item_id", many=True),
            Relation("Events", "ItemEvents", "id", "item_id", many=True),
            Relation("Links", "Links", "id", "item_id", many=True),
            Relation("UnmappedValues", "UnmappedValues", "id", "item_id", many=True),
            ONE_SOURCE,
        ),
    ),
    Table(
        "ItemVersions", "ItemVersion", "bi_item_versions",
        "Every state an item was in, from valid_from until valid_to, as we know it today",
        "item_version WHERE observed_to IS NULL", ("item_id", "valid_from"),
        (
            ITEM,
            Column("valid_from", "instant", "Since when it was so in the tracker"),
            Column("valid_to", "instant", "Until when; null where it still is so", NEXT, nullable=True),
            Column("observed_from", "instant", "Since when we know it so"),
            *STATUS,
            *ABOUT,
            Column("mapping_version", "string", "The mapping that translated its words"),
        ),
        (ONE_ITEM,),
    ),
    Table(
        "ItemEvents", "ItemEvent", "bi_item_events", "What was done to an item, by whom, when", "item_event", ("item_id", "id"),
        (
            ITEM,
            Column("id", "string", "The event's id in the tracker"),
            Column("at", "instant", "When it was done"),
            Column("field", "string", "What was changed"),
            Column("before", "string", "What it said before", nullable=True),
            Column("after", "string", "What it said after", nullable=True),
            Column("actor_name", "string", "Who did it, as the tracker says it", nullable=True),
            Column("actor_kind", "string", "human, automation or unknown"),
        ),
        (ONE_ITEM,),
    ),
    Table(
        "Links", "Link", "bi_links", "What an item's record names: what blocks it, its parent, what relates to it", "item_link",
        ("item_id", "target", "kind", "direction", "original"),
        (
            ITEM,
            Column("target", "string", "What is named, as said"),
            Column("kind", "string", "blocks, parent or relates"),
            Column("direction", "string", "out: the item does it to the target; in: the target does it to the item"),
            Column("original", "string", "The tracker's word for the link"),
            Column("target_key", "string", "The key that the target's address leads to", nullable=True),
            Column("target_item_id", "string", "The item meant; null where no tracker that we read has it", "target_item", nullable=True),
        ),
        (ONE_ITEM, Relation("Target", "Items", "target_item_id", "id", many=False)),
    ),
    Table(
        "Sources", "Source", "bi_sources", "Every source, and how fresh what we know of it is", "source_state", ("source",),
        (
            Column("source", "string", "Key of the source"),
            Column("last_good_at", "instant", "When it was last read completely", nullable=True),
            Column("not_before", "instant", "Before when it does not want to be asked again", nullable=True),
            Column("last_run_state", "string", "running, complete, incomplete, failed or paused", LATEST.format("state"), nullable=True),
            Column("last_run_reason", "string", "Why the last run did not complete, in a sentence", LATEST.format("reason"), nullable=True),
        ),
        (
            Relation("Items", "Items", "source", "source", many=True),
            Relation("SyncRuns", "SyncRuns", "source", "source", many=True),
            Relation("MappingVersions", "MappingVersions", "source", "source", many=True),
        ),
    ),
    Table(
        "SyncRuns", "SyncRun", "bi_sync_runs", "Every read of a source, and what it came to", "sync_run", ("id",),
        (
            Column("id", "int", "Grows with each run"),
            Column("source", "string", "Key of the source"),
            Column("mode", "string", "incremental, full, census or remap"),
            Column("state", "string", "running, complete, incomplete, failed or paused"),
            Column("reason", "string", "Why it did not complete, in a sentence"),
            Column("hint", "string", "What a person can do about it"),
            Column("started_at", "instant", "When it began"),
            Column("finished_at", "instant", "When it ended", nullable=True),
            Column("seen", "int", "Records read"),
            Column("new", "int", "Of these, never seen before"),
            Column("changed", "int", "Of these, saying something else than before"),
            Column("gone", "int", "Items found to be no longer there"),
            Column("unreadable", "int", "Records that could not be read"),
            Column("requests", "int", "Requests to the tracker"),
            Column("retries", "int", "Requests that had to be sent again"),
            Column("good", "bool", "Whether it counts as a complete read"),
        ),
        (ONE_SOURCE,),
    ),
    Table(
        "UnmappedValues", "UnmappedValue", "bi_unmapped_values", "Every word of an item that has no translation",
        "item_unmapped", ("item_id", "field", "raw"),
        (
            ITEM,
            Column("field", "string", "Which field says it"),
            Column("raw", "string", "The word as said"),
            Column("raw_id", "string", "The tracker's id of the word", nullable=True),
            Column("first_seen_at", "instant", "When we first read it so"),
        ),
        (ONE_ITEM,),
    ),
    Table(
        "MappingVersions", "MappingVersion", "bi_mapping_versions", "Every mapping that was in force, since when, by whom and why",
        "mapping_version", ("source", "binding", "effective_from"),
        (
            Column("source", "string", "Key of the source"),
            Column("binding", "string", "Which part of the source"),
            Column("effective_from", "instant", "Since when it was in force"),
            Column("version", "string", "Its fingerprint, as items name it in mapping_version"),
            Column("author", "string", "Who put it into force; empty where nobody is named"),
            Column("reason", "string", "Why"),
        ),
        (ONE_SOURCE,),
    ),
    Table(
        "Signals", "Signal", "bi_signals", "Every time that something needed somebody, from when until when", "signal_log",
        ("key", "opened_at"),
        (
            Column("key", "string", "Signal, subject and variant, with colons between"),
            Column("opened_at", "instant", "When it was noted as open"),
            Column("cleared_at", "instant", "When it was noted as over; null where it is open", nullable=True),
            Column("signal", "string", "Which signal, such as behind_pace", "SUBSTR(key, 1, STRPOS(key, ':') - 1)"),
            Column("subject", "string", "The node of the plan or the source that it is about",
                   f"SUBSTR({AFTER_FIRST}, 1, STRPOS({AFTER_FIRST}, ':') - 1)"),
            Column("variant", "string", "What tells two of one kind on one subject apart; often empty",
                   f"SUBSTR({AFTER_FIRST}, STRPOS({AFTER_FIRST}, ':') + 1)"),
            Column("severity", "string", "How grave it was when it opened"),
            Column("because", "string", "The sentence it opened with"),
        ),
    ),
    Table(
        "PlanNodes", "PlanNode", "bi_plan_nodes",
        "Every pillar, objective, key result and workstream, where it belongs, and how it stands since the last sync",
        "standing s LEFT JOIN standing p ON p.kind = 'plan' AND p.key = s.key "
        "WHERE s.kind IN ('company', 'pillar', 'objective', 'key_result', 'workstream')", ("key",),
        (
            Column("key", "string", "The node's key", "s.key"),
            Column("kind", "string", "company, pillar, objective, key_result or workstream", "s.kind"),
            *(_of("s.status", c) for c in NODE),
            *(_of("p.status", c) for c in PLANNED),
        ),
        (
            Relation("Parent", "PlanNodes", "parent", "key", many=False),
            Relation("Children", "PlanNodes", "key", "parent", many=True),
            Relation("KeyResults", "Supports", "key", "workstream", many=True),
            Relation("Workstreams", "Supports", "key", "key_result", many=True),
            Relation("Exceptions", "Exceptions", "key", "subject", many=True),
            Relation("Weeks", "StatusWeekly", "key", "node", many=True),
        ),
    ),
    Table(
        "Supports", "Support", "bi_supports", "Which workstream delivers which key result; either may have several",
        "standing WHERE kind = 'supports'", ("workstream", "key_result"),
        (
            Column("workstream", "string", "The workstream's key", Told("workstream", column="status")),
            Column("key_result", "string", "The key result's key", Told("key_result", column="status")),
        ),
        (
            Relation("Workstream", "PlanNodes", "workstream", "key", many=False),
            Relation("KeyResult", "PlanNodes", "key_result", "key", many=False),
        ),
    ),
    Table(
        "Dependencies", "Dependency", "bi_dependencies", "Commitments between workstreams: what, by when, who",
        "standing WHERE kind = 'dependency'", ("key",),
        (
            Column("key", "string", "The commitment's key", "key"),
            *(_of("status", c) for c in COMMITMENT),
        ),
        (
            Relation("Consumer", "PlanNodes", "consumer", "key", many=False),
            Relation("Provider", "PlanNodes", "provider", "key", many=False),
        ),
    ),
    Table(
        "Exceptions", "Exception", "bi_exceptions", "What needs a decision in the plan since the last sync, and who decides it",
        "(SELECT * FROM standing WHERE exceptions <> '') s, json_each(s.exceptions) e", ("key",),
        tuple(_of("e.value", c) for c in EXCEPTION),
        (Relation("Node", "PlanNodes", "subject", "key", many=False),),
        "(SELECT * FROM standing WHERE exceptions <> '') s CROSS JOIN LATERAL json_array_elements(NULLIF(s.exceptions, '')::json) e(value)",
    ),
    Table(
        "StatusWeekly", "WeeklyStatus", "bi_status_weekly", "How every node stood at the close of each week, as published last",
        f"weekly_close w, json_each(w.body, '$.nodes') n WHERE {NEWEST}", ("week", "node"),
        (
            Column("week", "string", "ISO week, such as 2026-W47", "w.week"),
            Column("node", "string", "The node's key", Told("key", column="n.value")),
            Column("kind", "string", "company, pillar, objective, key_result or workstream", Told("kind", column="n.value")),
            *(_of("n.value", c) for c in NODE if c.name != "status"),
            *WEEK,
        ),
        (Relation("Node", "PlanNodes", "node", "key", many=False),),
        f"weekly_close w CROSS JOIN LATERAL json_array_elements(w.body::json -> 'nodes') n(value) WHERE {NEWEST}",
    ),
    Table(
        "CheckIns", "CheckIn", "bi_check_ins", "What each workstream said in each closed week, as published last",
        f"weekly_close w, json_each(w.body, '$.check_ins') n WHERE {NEWEST}", ("week", "node"),
        (
            Column("week", "string", "ISO week, such as 2026-W47", "w.week"),
            *(_of("n.value", c) for c in CHECK_IN),
            *WEEK,
        ),
        (Relation("Node", "PlanNodes", "node", "key", many=False),),
        f"weekly_close w CROSS JOIN LATERAL json_array_elements(w.body::json -> 'check_ins') n(value) WHERE {NEWEST}",
    ),
    Table(
        "Calendar", "Day", "bi_calendar", "The days of the planned periods, in the organisation's calendar",
        "standing WHERE kind = 'day'", ("day",),
        (
            Column("day", "date", "The day", "key"),
            Column("week", "string", "The organisation week that its morning counts to", Told("week", column="status")),
            Column("week_closes_at", "instant", "When that week closes", Told("week_closes_at", column="status")),
            Column("period", "string", "Key of the period", Told("period", column="status"), nullable=True),
            Column("weekday", "int", "1 Monday to 7 Sunday", Told("weekday", column="status")),
            Column("working_day", "bool", "Whether people work: no weekend and no holiday", Told("working_day", column="status")),
        ),
    ),
)  # fmt: skip
BY_NAME: Mapping[str, Table] = {t.name: t for t in TABLES}
RETIRED: tuple[str, ...] = ()
"""Views of earlier versions, to be dropped where they are still met."""

TYPES: Mapping[Kind, TypeEngine[Any]] = {
    "string": Text(), "date": Text(), "instant": Text(), "int": Integer(), "float": Double(), "bool": Boolean(),
}  # fmt: skip
VIEWS: Mapping[str, TableClause] = {
    t.name: table(t.view, *(column(c.name, TYPES[c.kind]) for c in t.columns)) for t in TABLES
}
"""The views as SQLAlchemy knows them, by the name of their table."""


def create(connection: Connection) -> None:
    """Makes every view."""
    for statement in definitions(connection.dialect.name):
        connection.exec_driver_sql(statement)


def drop(connection: Connection) -> None:
    """Drops every view there is: a table that a view reads cannot be altered."""
    for view in (*(t.view for t in TABLES), *RETIRED):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view}")


def fingerprint() -> str:
    """Changes whenever a view does: a test holds the newest migration of the views to it."""
    text = "\n".join([*definitions("sqlite"), *definitions("postgresql")])
    return blake2b(text.encode(), digest_size=6).hexdigest()


def definitions(dialect: str) -> Iterator[str]:
    """CREATE VIEW of every table, on "sqlite" or "postgresql"."""
    for t in TABLES:
        yield f"CREATE VIEW {t.view} AS {selected(t, dialect)}"


def selected(t: Table, dialect: str) -> str:
    """SELECT of a table's columns from what is stored, on "sqlite" or "postgresql"."""
    shown = ",\n  ".join(f'{expressed(c, dialect)} AS "{c.name}"' for c in t.columns)
    return f"SELECT\n  {shown}\nFROM {from_where(t, dialect)}"


def expressed(c: Column, dialect: str) -> str:
    """SQL that a column stands for, on "sqlite" or "postgresql"."""
    return _whole(c, _on_sqlite(c) if dialect == "sqlite" else _on_postgresql(c))


def from_where(t: Table, dialect: str) -> str:
    """SQL after FROM, where a table's rows lie."""
    return t.on_postgresql if dialect == "postgresql" and t.on_postgresql else t.source


def _whole(c: Column, sql: str) -> str:
    default = c.sql.default if isinstance(c.sql, Told) else ""
    return f"COALESCE({sql}, {default})" if default else sql


def _on_sqlite(c: Column) -> str:
    if isinstance(c.sql, Told):
        told = f"json_extract({c.sql.column}, '$.{c.sql.name}')"
        kinds = {"float": f"CAST({told} AS REAL)", "instant": f"strftime('%Y-%m-%dT%H:%M:%fZ', {told})"}
        return kinds.get(c.kind, told)
    stored = c.sql.replace("STRPOS", "INSTR") or f'"{c.name}"'
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {stored} / 1000.0, 'unixepoch')" if c.kind == "instant" else stored


CASTS: Mapping[Kind, str] = {"float": "double precision", "bool": "boolean", "int": "integer"}


def _on_postgresql(c: Column) -> str:
    told = f"({c.sql.column}::json ->> '{c.sql.name}')" if isinstance(c.sql, Told) else ""
    stored = told or str(c.sql) or f'"{c.name}"'
    if c.kind == "instant":  # half a millisecond more: to_char cuts where SQLite rounds
        at = f"CAST({told} AS timestamptz) + interval '0.0005 s'" if told else f"to_timestamp({stored} / 1000.0)"
        stored = f"""to_char(({at}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
    if told and c.kind in CASTS:
        return f"CAST({told} AS {CASTS[c.kind]})"
    return stored if c.kind in ("int", "float", "bool") else f'({stored})::text COLLATE "C"'
