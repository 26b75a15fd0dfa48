"""Commands about the plan: how a node stands, what needs a decision, what changed, and closing a week."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from api.commands import terminal
from api.commands.terminal import DATABASE, HERE, AsOf, BasisOption, ConfigDir, Database, Json

if TYPE_CHECKING:
    from ledger.store import Ledger
    from signals.nodes import NodeStatus
    from sync.anew import Basis
    from sync.configuration import Configuration


def answer_node(
    configuration: Configuration,
    database: str,
    node: str,
    *,
    as_of: datetime | None,
    basis: str,
    limit: int,
    json: bool,
) -> None:
    """Prints how a node of the plan stands."""
    from api.commands.text_plan import show_standing
    from api.planning import NoSuchNode, board_at, standing

    with terminal.ledger(database) as ledger:
        try:
            board = board_at(ledger, configuration, terminal.past(as_of, configuration), _basis(basis))
            found = standing(board, node, basis=_basis(basis), limit=limit)
        except NoSuchNode as error:
            terminal.stop(str(error))
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_standing(terminal.console(), found)


def pillars_of(ledger: Ledger, configuration: Configuration, at: datetime | None) -> list[NodeStatus]:
    """How each pillar stands; none where there is no plan."""
    if not configuration.plan.pillars:
        return []
    from api.planning import board_at

    return list(board_at(ledger, configuration, at).nodes("pillar").values())


def is_node(config: Path, ledger: Ledger, key: str) -> bool:
    """Whether a key is an objective's, key result's or workstream's; nobody's where the configuration cannot be read."""
    from sync.bound_plan import plan_at
    from sync.configuration import ConfigErrors, load

    try:
        configuration = load(config, credentials=False)
    except ConfigErrors:
        return False
    return plan_at(ledger, configuration, ledger.clock()).node(key) is not None


def explain_node(config: Path, ledger: Ledger, node: str, *, as_of: datetime | None, json: bool) -> bool:
    """Prints why a node of the plan stands as it does; False where there is no such node."""
    from api.commands.text_plan import show_reasons
    from api.planning import NoSuchNode, reasons

    configuration = terminal.configuration(config, credentials=False)
    try:
        found = reasons(ledger, configuration, node, terminal.past(as_of, configuration))
    except NoSuchNode:
        return False
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_reasons(terminal.console(), found)
    return True


def exceptions(
    node: Annotated[str, typer.Argument(help="Below this node of the plan.")] = "company",
    as_of: AsOf = None,
    basis: BasisOption = "happened",
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Everything that needs a decision: who owns the result, what is needed, who decides."""
    from api.commands.text_plan import show_exceptions
    from api.planning import NoSuchNode, board_at, standing

    configuration = terminal.configuration(config, credentials=False)
    with terminal.ledger(database) as ledger:
        try:
            board = board_at(ledger, configuration, terminal.past(as_of, configuration), _basis(basis))
            found = standing(board, node, basis=_basis(basis), limit=0)
        except NoSuchNode as error:
            terminal.stop(str(error))
    if json:
        typer.echo(terminal.as_json(found.exceptions))
    else:
        show_exceptions(terminal.console(), found.exceptions, found.exceptions_total)


def changes(
    since: Annotated[
        datetime, typer.Option("--since", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Compare with this day.")
    ],
    as_of: AsOf = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """What is different between two days: headlines that moved, signals that opened and cleared."""
    from api.commands.text_plan import show_changes
    from api.planning import board_at
    from api.planning import changes as changed

    configuration = terminal.configuration(config, credentials=False)
    with terminal.ledger(database) as ledger:
        before = board_at(ledger, configuration, terminal.instant(since, configuration))
        found = changed(before, board_at(ledger, configuration, terminal.past(as_of, configuration)))
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_changes(terminal.console(), found)


def trace(
    key_result: Annotated[str, typer.Argument(help="A key result's key.")],
    as_of: AsOf = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Of a key result below 0.7: which workstream signalled first, in which week, or was it a surprise?"""
    from api.planning import NoSuchNode, traced

    configuration = terminal.configuration(config, credentials=False)
    with terminal.ledger(database) as ledger:
        try:
            found = traced(ledger, configuration, key_result, terminal.instant(as_of, configuration))
        except NoSuchNode as error:
            terminal.stop(str(error))
    if json:
        typer.echo(terminal.as_json(found))
        return
    when = f", week {found.week} ({found.on})" if found.week else ""
    score = "not scored" if found.score is None else f"{found.score:g}"
    typer.echo(f"{found.key_result}: {score}, {found.verdict.replace('_', ' ')}{when}: {found.because}")


def close(
    name: Annotated[
        str | None,
        typer.Argument(help="A week (2026-W47), a month (2026-11) or a period of the plan; the last week when none."),
    ] = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Publish a week, month or period: as it was known at its close, never to be overwritten."""
    from sync.packs import close as closed
    from sync.versions import NotClosedYet

    configuration = terminal.configuration(config, credentials=False)
    with terminal.ledger(database, migrate=True) as ledger:
        try:
            pack = closed(ledger, configuration, name)
            ledger.audit.note(terminal.user(), "close", f"{pack.name} version {pack.version}")
        except NotClosedYet as error:
            terminal.stop(str(error))
    if json:
        typer.echo(terminal.as_json(pack))
    else:
        state = "provisional until " + pack.settles_at.isoformat() if pack.provisional else "settled"
        typer.echo(f"{pack.name}: version {pack.version}, {state}; 'sightline pack {pack.name}' shows it")


def _basis(text: str) -> Basis:
    if text not in ("happened", "known"):
        terminal.stop(f"--basis is happened or known, not '{text}'")
    return cast("Basis", text)
