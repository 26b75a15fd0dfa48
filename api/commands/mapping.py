"""Commands for whoever owns a department's words: discover, map and people."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands import terminal
from api.commands.terminal import DATABASE, HERE, ConfigDir, Database, Json

if TYPE_CHECKING:
    from ledger.store import Ledger
    from sync.configuration import BoundSource, Configuration
    from sync.configuration.models import DepartmentFile

map_app = typer.Typer(help="See, propose, try and put into force what a department's words mean.", no_args_is_help=True)
people_app = typer.Typer(help="Find out who the trackers' users are.", no_args_is_help=True)
Sources = Annotated[list[str] | None, typer.Argument(help="Source keys; all when none is given.")]
File = Annotated[
    Path, typer.Argument(help="A department's file, or a changed copy of it.", exists=True, dir_okay=False)
]


def discover(
    source: Annotated[str, typer.Argument(help="A source's key.")],
    write: Annotated[Path | None, typer.Option("--write", help="Where to write the department file.")] = None,
    config: ConfigDir = HERE,
    json: Json = False,
) -> None:
    """List what a source's credential can see, and write a commented department file of it."""
    from api.commands.text_mapping import show_discovery
    from connectors.contract import SourceError, tracker
    from sync.configuration.draft import department_file

    configuration = terminal.configuration(config)
    bound = _chosen(configuration, [source])[0]
    try:
        with closing(tracker(bound.kind).connect(bound.source)) as connector:
            found = connector.discover()
    except SourceError as error:
        terminal.stop(" - ".join(filter(None, (str(error), error.hint))), code=1)
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_discovery(terminal.console(), found)
    path = write or config / "discovered" / f"{source}.yaml"
    if path.exists():
        typer.echo(f"kept {path}: it exists; remove it, or give --write another name", err=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(department_file(bound, configuration, found), encoding="utf-8")
    typer.echo(f"wrote {path}: read it and take over what you want into {bound.file}", err=True)


@map_app.command("show")
def map_show(
    sources: Sources = None, config: ConfigDir = HERE, database: Database = DATABASE, json: Json = False
) -> None:
    """Every word really seen, with how often, its rule and what it became."""
    from api.commands.text_mapping import show_bindings
    from api.mapping import bindings_of

    configuration = terminal.configuration(config, credentials=False)
    with terminal.ledger(database) as ledger:
        found = [b for bound in _chosen(configuration, sources) for b in bindings_of(ledger, bound)]
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_bindings(terminal.console(), found)


@map_app.command("inbox")
def map_inbox(
    department: Annotated[list[str] | None, typer.Option("--department", help="Only these departments.")] = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Words without a translation, department by department, with samples and links."""
    from api.commands.text_mapping import show_inbox
    from api.mapping import inbox

    configuration = terminal.configuration(config, credentials=False)
    for key in department or ():
        if key not in {d.department for d in configuration.departments}:
            terminal.stop(f"no department is called '{key}'")
    with terminal.ledger(database) as ledger:
        found = [u for u in inbox(ledger, configuration) if not department or u.department in department]
        chosen = [s for s in configuration.sources if not department or s.department in department]
        unread = _unread(ledger, chosen)
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_inbox(terminal.console(), found, unread)


@map_app.command("suggest")
def map_suggest(
    sources: Sources = None,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write a copy of the department's file with the rules added.")
    ] = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Propose rules from the trackers' own metadata; nothing is applied."""
    from api.commands.text_mapping import show_proposals
    from api.mapping import proposals
    from sync.configuration.edit import with_rules

    configuration = terminal.configuration(config, credentials=False)
    chosen = _chosen(configuration, sources)
    files = {bound.file for bound in chosen}
    if write and (len(files) != 1 or write.exists()):
        terminal.stop(f"{write} exists" if write.exists() else "--write needs the sources of one department: name one")
    with terminal.ledger(database) as ledger:
        found = [p for bound in chosen for p in proposals(ledger, configuration, bound)]
        unread = _unread(ledger, chosen)
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_proposals(terminal.console(), found, unread)
    if write and found:
        from api.mapping import as_rules

        rules, scales = as_rules(found)
        write.write_text(with_rules(Path(files.pop()), rules, scales), encoding="utf-8")
        typer.echo(
            f"wrote {write}: read it, then 'sightline map test {write}' and 'sightline map apply {write}'", err=True
        )


@map_app.command("test")
def map_test(file: File, config: ConfigDir = HERE, database: Database = DATABASE, json: Json = False) -> None:
    """What a changed department file would turn, before it is active; writes nothing."""
    from api.commands.text_mapping import show_previews
    from normalizer.people import People
    from sync.mapping import preview

    configuration, department = _with(config, file)
    people = People(configuration.persons())
    with terminal.ledger(database) as ledger:
        found = [p for bound in _of(configuration, department) for p in preview(ledger, bound, people)]
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_previews(terminal.console(), found)


@map_app.command("apply")
def map_apply(
    file: File,
    by: Annotated[str, typer.Option("--by", help="Who decided: a key of people.yaml.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in a sentence.")],
    config: ConfigDir = HERE,
    database: Database = DATABASE,
) -> None:
    """Put a department's file into force: recorded with author and reason, what is kept is translated anew."""
    from ledger.store import LeaseHeld
    from normalizer.people import People
    from sync.configuration.install import install
    from sync.mapping import apply_mapping

    configuration, department = _with(config, file)
    if by not in {p.key for p in configuration.people}:
        terminal.stop(f"nobody in people.yaml has the key '{by}'")
    if not reason.strip():
        terminal.stop("--reason is empty: say why, for whoever asks in a year")
    installed = install(file, config, department.department)
    configuration = terminal.configuration(config, credentials=False)
    people = People(configuration.persons())
    if installed:
        typer.echo(f"wrote {installed}")
    with terminal.ledger(database, migrate=True) as ledger:
        if installed:
            ledger.audit.note(terminal.user(), "config install", f"{department.department}: {installed.name}")
        ledger.audit.note(terminal.user(), "map apply", f"{department.department} by {by}: {reason}")
        for bound in _of(configuration, department):
            try:
                changed = apply_mapping(ledger, bound, people, author=by, reason=reason)
            except LeaseHeld as held:
                terminal.stop(f"{held}: its next sync puts the file into force, or apply it again then", code=1)
            typer.echo(f"{bound.key}: {'in force for ' + ', '.join(changed) if changed else 'nothing changed'}")


@people_app.command("suggest")
def people_suggest(config: ConfigDir = HERE, database: Database = DATABASE, json: Json = False) -> None:
    """Owners that people.yaml does not know, and who they may be; nobody is merged by itself."""
    from api.commands.text_mapping import show_identities
    from api.mapping import identities

    configuration = terminal.configuration(config, credentials=False)
    with terminal.ledger(database) as ledger:
        found = identities(ledger, configuration)
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_identities(terminal.console(), found)


def _chosen(configuration: Configuration, keys: list[str] | None) -> list[BoundSource]:
    from connectors.contract import ConfigError

    try:
        return [configuration.source(key) for key in keys] if keys else list(configuration.sources)
    except ConfigError as error:
        terminal.stop(str(error))


def _unread(ledger: Ledger, chosen: list[BoundSource]) -> list[str]:
    """Sources that were never read completely."""
    good = ledger.last_good()
    return [bound.key for bound in chosen if bound.key not in good]


def _with(config: Path, file: Path) -> tuple[Configuration, DepartmentFile]:
    """The configuration with a file in its department's place, and that department."""
    configuration = terminal.configuration(config, credentials=False, instead=file)
    return configuration, configuration.departments[-1]


def _of(configuration: Configuration, department: DepartmentFile) -> list[BoundSource]:
    return [s for s in configuration.sources if s.department == department.department]
