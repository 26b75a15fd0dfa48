"""`sightline sessions`: who is signed in, and ending a session from here."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands import terminal
from api.commands.terminal import DATABASE, HERE, ConfigDir, Database, Json

if TYPE_CHECKING:
    from ledger.sessions import Session

sessions_app = typer.Typer(help="People who signed in at the identity provider.", no_args_is_help=True)


@sessions_app.command("list")
def sessions_list(config: ConfigDir = HERE, database: Database = DATABASE, json: Json = False) -> None:
    """Every session that still lets somebody in, the newest first."""
    settings = terminal.configuration(config, credentials=False).organisation.sign_in
    with terminal.ledger(database) as ledger:
        now = ledger.clock()
        found = [
            s for s in ledger.sessions.all()
            if settings and s.open(now, ends_after=settings.ends_after, idle_after=settings.idle_after)
        ]  # fmt: skip
    if json:
        typer.echo(terminal.as_json(found))
        return
    for session in found:
        typer.echo(_line(session))
    if not found:
        typer.echo("Nobody is signed in." if settings else "Nobody signs in here: organisation.yaml has no sign_in.")


@sessions_app.command("revoke")
def sessions_revoke(
    id: Annotated[
        str, typer.Argument(metavar="ID", help="As 'sightline sessions list' shows it.")
    ],  # the domain's word
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """End a session, at once; whoever had it signs in again, or is kept out in people.yaml or at the provider."""
    from ledger.sessions import SessionRefused

    with terminal.ledger(database) as ledger:
        try:
            session = ledger.sessions.end(id, by=terminal.user(), what="sessions revoke")
        except SessionRefused as refused:
            terminal.stop(f"{refused}: 'sightline sessions list' lists them")
    typer.echo(terminal.as_json(session) if json else f"{_line(session)}  ended")


def _line(session: Session) -> str:
    def told(at: datetime) -> str:
        return f"{at:%Y-%m-%d %H:%M} UTC"

    return (
        f"{session.id}  {session.identity.email}  since {told(session.created_at)}, last seen {told(session.seen_at)}"
    )
