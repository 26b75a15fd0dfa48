"""The command about the weekly digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from api.commands import terminal
from api.commands.terminal import DATABASE, HERE, ConfigDir, Database, Json

if TYPE_CHECKING:
    from api.digest.letter import Form, Letter


def digest(
    preview: Annotated[bool, typer.Option("--preview", help="Print it, and send nothing.")] = False,
    form: Annotated[str, typer.Option("--form", help="Of the preview: text, markdown or html.")] = "text",
    department: Annotated[
        list[str] | None, typer.Option("--department", help="Of the preview: with the confidential rows of these.")
    ] = None,
    again: Annotated[str | None, typer.Option("--again", help="Send to this channel whatever became of it.")] = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Send the digest of the last closed week to every channel that has not had it; or print it."""
    from datetime import timedelta

    configuration = terminal.configuration(config, credentials=not preview)
    if not configuration.planned:
        terminal.stop("there is no plan yet, so there is nothing to tell: config/plan.yaml, see docs/configuration.md")
    with terminal.ledger(database, migrate=not preview) as ledger:
        week = configuration.calendar.week_at(ledger.clock() - timedelta(days=7))
        if preview:
            from api.digest.send import letter_for

            if form not in ("text", "markdown", "html"):
                terminal.stop(f"--form is text, markdown or html, not '{form}'")
            _check_departments(department or [], [d.department for d in configuration.departments])
            _show(letter_for(ledger, configuration, week, tuple(department or ())), cast("Form", form), json=json)
            return
        names = [c.name for c in configuration.organisation.digest.to] if configuration.organisation.digest else []
        if not names:
            terminal.stop(
                f"nobody is to get it: add digest: {{to: [...]}} to {config / 'organisation.yaml'}, see docs/digest.md"
            )
        if again is not None and again not in names:
            terminal.stop(f"no channel is called '{again}': known are {', '.join(names)}")
        from api.digest.send import send, states

        sent = list(send(ledger, configuration, week, again=again))
        if again:
            ledger.audit.note(terminal.user(), "digest again", f"{week} to {again}")
        found = states(ledger, configuration, week)
    if json:
        typer.echo(terminal.as_json(found))
    else:
        now = {s.channel for s in sent}
        for d in found:
            typer.echo(
                f"{d.week} to {d.channel}: {d.state}{'' if d.channel in now else f' before, {d.tried_at:%Y-%m-%d %H:%M} UTC'}, {d.reason}"
            )
    if any(d.state != "sent" for d in found):
        raise typer.Exit(1)


def _check_departments(asked: list[str], known: list[str]) -> None:
    for name in asked:
        if name not in known:
            terminal.stop(f"no department is called '{name}': known are {', '.join(known)}")


def _show(found: Letter, form: Form, *, json: bool) -> None:
    from api.digest.letter import written

    if json:
        typer.echo(terminal.as_json(found))
        return
    if form == "text":
        typer.echo(f"Subject: {found.subject}\n")
    typer.echo(written(found, form), nl=False)
