"""The command about what was published."""

from __future__ import annotations

from typing import Annotated

import typer

from api.commands import terminal
from api.commands.terminal import DATABASE, HERE, ConfigDir, Database, Json


def pack(
    name: Annotated[
        str | None,
        typer.Argument(help="A week (2026-W47), a month (2026-11) or a period of the plan; the last week when none."),
    ] = None,
    version: Annotated[int | None, typer.Option("--version", min=1, help="The last one when none is given.")] = None,
    everything: Annotated[bool, typer.Option("--list", help="Everything that is published, by name.")] = False,
    markdown: Annotated[bool, typer.Option("--md", help="Answer as Markdown.")] = False,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """What was published at the close of a week, a month or a period: 'sightline close' publishes, this shows."""
    from api.markdown import as_markdown
    from api.packs import NoSuchPack, pack_named, published_packs

    if markdown and json:
        terminal.stop("--md and --json are two answers: ask for one")
    configuration = terminal.configuration(config, credentials=False)
    with terminal.ledger(database) as ledger:
        if everything:
            rows = published_packs(ledger)
            typer.echo(
                terminal.as_json(rows) if json else "\n".join(f"{r.last.name}  version {r.last.version}" for r in rows)
            )
            return
        try:
            found = pack_named(ledger, configuration, name, version)
        except NoSuchPack as error:
            terminal.stop(str(error), code=1)
    if json:
        typer.echo(terminal.as_json(found))
    elif markdown:
        typer.echo(as_markdown(found), nl=False)
    else:
        from rich.markdown import Markdown

        terminal.console().print(Markdown(as_markdown(found), hyperlinks=False))
