"""Commands about decisions: recording one, replying beside a signal, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from api.commands import terminal
from api.commands.terminal import DATABASE, HERE, AsOf, ConfigDir, Database, Json

if TYPE_CHECKING:
    from ledger.model import DecisionKind as Kind
    from ledger.store import Ledger
    from sync.configuration import Configuration

About = Annotated[
    str,
    typer.Argument(
        help="The key of an open exception, as 'sightline exceptions --json' has it, or of a node of the plan."
    ),
]
As = Annotated[str, typer.Option("--as", help="Who decides or replies: a person's key in people.yaml.")]
DAYS = ["%Y-%m-%d"]


def decide(
    about: About,
    kind: Annotated[
        str, typer.Option("--kind", help="intake, defer, not_now, reject, rebaseline, tradeoff or recovery.")
    ],
    person: As,
    act_owner: Annotated[str | None, typer.Option("--act-owner", help="Who acts on it.")] = None,
    act_by: Annotated[datetime | None, typer.Option("--act-by", formats=DAYS, help="Until which working day.")] = None,
    note: Annotated[str, typer.Option("--note", help="In words.")] = "",
    on: Annotated[datetime | None, typer.Option("--on", formats=DAYS, help="When it was decided; today.")] = None,
    supersedes: Annotated[str | None, typer.Option("--supersedes", help="The decision that this one corrects.")] = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Record what was decided about an exception, or about a node of the plan."""
    from ledger.model import DecisionKind
    from sync.recording import Ruling
    from sync.recording import decide as record

    _one_of("--kind", kind, get_args(DecisionKind))
    with _ledger(config, database) as (ledger, configuration):
        given = Ruling(
            kind=cast("Kind", kind), decided_by=person, decided_on=on.date() if on else None, act_owner=act_owner,
            act_by=act_by.date() if act_by else None, note=note, supersedes=supersedes, **_about(ledger, configuration, about),
        )  # fmt: skip
        made = record(ledger, configuration, given, by=terminal.user())
    typer.echo(
        terminal.as_json(made) if json else f"{made.id}: recorded; 'sightline decisions' tells what becomes of it"
    )


def annotate(
    about: About,
    text: Annotated[str, typer.Option("--text", help="What is to be read beside it.")],
    person: As,
    health: Annotated[
        str | None,
        typer.Option("--health", help="An override: on_track, at_risk or off_track; shown beside, never instead."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=DAYS, help="The last day on which it counts.")
    ] = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Reply beside a signal or a node; nothing is taken away by it."""
    from ledger.model import Health
    from sync.recording import Remark
    from sync.recording import annotate as record

    if health is not None:
        _one_of("--health", health, ("on_track", "at_risk", "off_track"))
    with _ledger(config, database) as (ledger, configuration):
        given = Remark(
            kind="override" if health else "reply", text=text, said_by=person, health=Health(health) if health else None,
            expires_on=until.date() if until else None, **_about(ledger, configuration, about),
        )  # fmt: skip
        made = record(ledger, configuration, given, by=terminal.user())
    typer.echo(terminal.as_json(made) if json else f"{made.id}: recorded")


def decisions(
    node: Annotated[str | None, typer.Argument(help="About this node of the plan only.")] = None,
    loop: Annotated[str | None, typer.Option("--loop", help="open, due, closed or reopened.")] = None,
    as_of: AsOf = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """What was decided, by whom, until when, and whether it helped."""
    from api.commands.text import safe
    from api.planning import spoken
    from signals.deciding import Loop

    if loop is not None:
        _one_of("--loop", loop, get_args(Loop))
    configuration = terminal.configuration(config, credentials=False)
    with terminal.ledger(database) as ledger:
        told = spoken(ledger, configuration, terminal.instant(as_of, configuration)).decisions
    found = [d for d in told if node in (None, d.subject) and loop in (None, d.loop)]
    if json:
        typer.echo(terminal.as_json(found))
        return
    for d in found:
        state = "superseded" if d.superseded_by else d.loop or "-"
        typer.echo(f"{d.id}  {state:10}  {safe(d.signal or d.subject)}: {d.decided_by} {d.says}{_noted(safe(d.note))}")
    if not found:
        typer.echo("Nothing is decided.")


def _noted(note: str) -> str:
    return f" - {note}" if note else ""


@contextmanager
def _ledger(config: Any, database: str) -> Iterator[tuple[Ledger, Configuration]]:
    """The ledger and the configuration; what cannot be recorded ends the command with its sentence."""
    from ledger.decisions import NotRecorded
    from sync.recording import NoRight, NotRecordable

    configuration = terminal.configuration(config, credentials=False)
    with terminal.ledger(database, migrate=True) as ledger:
        try:
            yield ledger, configuration
        except NotRecordable as error:
            terminal.stop(str(error))
        except (NoRight, NotRecorded) as error:
            terminal.stop(str(error), code=1)


def _about(ledger: Ledger, configuration: Configuration, key: str) -> dict[str, str]:
    from sync.bound_plan import plan_at

    is_node = plan_at(ledger, configuration, ledger.clock()).kind_of(key) is not None
    return {"subject" if is_node else "signal": key}


def _one_of(option: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        terminal.stop(f"{option} {given} is not one of {', '.join(known)}")
