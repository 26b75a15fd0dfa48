"""The command `sightline`. Heavy imports wait until a command needs them.

Exit codes: 0 done · 1 something needs a person (a source failed, a check is not ok) · 2 wrong use or configuration.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands import terminal
from api.commands.decisions import annotate, decide, decisions
from api.commands.digest import digest
from api.commands.keys import audit, keys_app
from api.commands.mapping import discover, map_app, people_app
from api.commands.packs import pack
from api.commands.plan import answer_node, changes, close, exceptions, explain_node, is_node, pillars_of, trace
from api.commands.sessions import sessions_app
from api.commands.terminal import DATABASE, HERE, AsOf, BasisOption, ConfigDir, Database, Json

if TYPE_CHECKING:
    from ledger.store import Ledger
    from sync.configuration import Configuration
    from sync.run import Outcome

app = typer.Typer(
    help="Sightline reads every department's tracker and answers how the company is tracking.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
config_app = typer.Typer(help="Check and describe the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(map_app, name="map")
app.add_typer(people_app, name="people")
app.add_typer(keys_app, name="keys")
app.add_typer(sessions_app, name="sessions")
for command in (discover, exceptions, changes, trace, close, pack, digest, audit, decide, annotate, decisions):
    app.command()(command)


@app.command()
def init(directory: Annotated[Path, typer.Argument(help="Where to write.")] = HERE) -> None:
    """Write a commented starting configuration; never overwrites a file."""
    from sync.configuration.template import write_starting_set

    for path, written in write_starting_set(directory):
        typer.echo(f"{'wrote' if written else 'kept '} {path}")
    typer.echo("Next: set the variables named in departments/engineering.yaml, then 'sightline config check'.")


@config_app.command("check")
def config_check(config: ConfigDir = HERE) -> None:
    """Read the whole configuration and name everything that is wrong, with file and line."""
    configuration = terminal.configuration(config)
    words = f"{len(configuration.departments)} departments, {len(configuration.sources)} sources, {len(configuration.people)} people"
    if configuration.plan.workstreams:
        words += f", {len(configuration.plan.objectives)} objectives, {len(configuration.plan.workstreams)} workstreams"
    typer.echo(f"{config}: all good ({words}). Next: 'sightline doctor' asks the trackers.")


@config_app.command("schema")
def config_schema(
    what: Annotated[str, typer.Argument(help="organisation, people, plan or department")] = "department",
) -> None:
    """Print the JSON Schema of one kind of file, for editors."""
    from sync.configuration.schema import SCHEMAS, schema

    if what not in SCHEMAS:
        terminal.stop(f"'{what}' has no schema: known are {', '.join(SCHEMAS)}")
    typer.echo(terminal.as_json(schema(what)))


@app.command()
def doctor(config: ConfigDir = HERE, database: Database = DATABASE, json: Json = False) -> None:
    """Check credentials, rights, fields, clock, database and unmapped words; say what to do next."""
    from api.doctor import examine

    findings = examine(terminal.configuration(config), database)
    if json:
        typer.echo(terminal.as_json(findings))
    else:
        console = terminal.console()
        for f in findings:
            mark = "[green]ok[/]  " if f.ok else "[red]look[/]"
            console.print(f"{mark} [bold]{f.subject}[/] {f.check}: ", end="")
            console.print(f.says, markup=False, soft_wrap=True)
    if not all(f.ok for f in findings):
        raise typer.Exit(1)


@app.command()
def sync(
    sources: Annotated[list[str] | None, typer.Argument(help="Source keys; all when none is given.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything anew.")] = False,
    census: Annotated[bool, typer.Option("--census", help="Also compare every id, to notice what vanished.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count, write nothing.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Ask even a source that asked to be left alone.")] = False,
    accept_missing: Annotated[
        bool, typer.Option("--accept-missing", help="What vanished at once is truly gone: hold it no longer.")
    ] = False,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Read the trackers into the ledger; one source's failure never hides the others."""
    from connectors.contract import ConfigError
    from sync.bound_plan import meet_plan
    from sync.closing import note_open

    configuration = terminal.configuration(config)
    if accept_missing and not sources:
        terminal.stop("--accept-missing needs the sources it is meant for")
    try:
        chosen = [configuration.source(key) for key in sources] if sources else list(configuration.sources)
    except ConfigError as error:
        terminal.stop(str(error))
    with terminal.ledger(database, migrate=True) as ledger:
        if accept_missing and not dry_run:
            ledger.audit.note(terminal.user(), "sync --accept-missing", ", ".join(s.key for s in chosen))
        outcomes = run_sources(
            chosen,
            configuration,
            ledger,
            full=full,
            census=census,
            dry_run=dry_run,
            now=now,
            accept_missing=accept_missing,
            quiet=json,
        )
        if not dry_run:
            meet_plan(ledger, configuration)
            changed = any(o.counts.new or o.counts.changed or o.counts.gone for o in outcomes)
            note_open(ledger, configuration, changed=changed)
    if json:
        typer.echo(terminal.as_json(outcomes))
    if any(o.state not in ("complete", "busy") for o in outcomes):
        raise typer.Exit(1)


def run_sources(
    chosen: Any, configuration: Configuration, ledger: Ledger, *, quiet: bool = False, **choice: bool
) -> list[Outcome]:
    """Runs sources one after another and shows each outcome as it comes; quiet, nothing is shown."""
    from normalizer.people import People
    from sync.run import Options, sync_source

    options = Options.under(configuration.organisation.thresholds, **choice)
    people, outcomes = People(configuration.persons()), []
    for bound in chosen:
        if quiet:
            outcomes.append(sync_source(bound, ledger, people, options))
            continue
        from api.commands.text import progress, show_outcome

        console = terminal.console()
        with progress(console, bound.key) as report:
            outcomes.append(sync_source(bound, ledger, people, options, progress=report))
        show_outcome(console, outcomes[-1])
    return outcomes


@app.command()
def status(
    node: Annotated[
        str | None, typer.Argument(help="A pillar, objective, key result or workstream; or 'company'.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every exception, not only the worst seven.")] = False,
    as_of: AsOf = None,
    basis: BasisOption = "happened",
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """How are we tracking? The answer, its age, and what needs somebody now; of one node of the plan, or of every department."""
    from api.asking import overview
    from api.commands.text import show_overview

    configuration = terminal.configuration(config, credentials=False)
    if as_of is not None and node is None:
        node = "company"  # departments' counts are of now; the plan is judged as of any instant
    if node is not None:
        answer_node(configuration, database, node, as_of=as_of, basis=basis, limit=0 if everything else 7, json=json)
        return
    with terminal.ledger(database) as ledger:
        answer = overview(ledger, configuration, limit=0 if everything else 7)
        if json:
            typer.echo(terminal.as_json(answer))
            return
        pillars = pillars_of(ledger, configuration, None)
    show_overview(terminal.console(), answer, pillars)


@app.command()
def items(
    source: Annotated[list[str] | None, typer.Option("--source", help="Only these sources.")] = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", help="on_track, at_risk, off_track, unknown, done ...")
    ] = None,
    presence: Annotated[
        list[str] | None, typer.Option("--presence", help="present (default), unobserved, deleted ...")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 100,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """List items as the ledger holds them."""
    from api.commands.text import show_items
    from api.v1.rows import kept_row
    from ledger.model import Health, Lifecycle, Presence
    from ledger.read import Filter

    for name, given, known in (
        ("--status", status, {*map(str, Health), *map(str, Lifecycle)}),
        ("--presence", presence, {*map(str, Presence)}),
    ):
        if wrong := [word for word in given or () if word not in known]:
            terminal.stop(f"{name} {wrong[0]} is not one of {', '.join(sorted(known))}")
    where = Filter(sources=source or (), status=status or (), presence=presence or (Presence.PRESENT,))
    with terminal.ledger(database) as ledger:
        found = ledger.items(where, limit=limit + 1)
    if json:
        typer.echo(terminal.as_json([kept_row(kept) for kept in found[:limit]]))
    else:
        show_items(terminal.console(), found[:limit])
    if len(found) > limit:
        typer.echo(f"There are more than these {limit}: --limit takes up to 10000.", err=True)


@app.command()
def explain(
    item: Annotated[str, typer.Argument(help="An item's id or key, such as ENG-12, or a node of the plan.")],
    as_of: AsOf = None,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Why does an item or a node read as it does? Raw value, rule with file and line, result, link; or every signal with its inputs."""
    from api.asking import explain as explained
    from api.commands.text import show_explanation

    with terminal.ledger(database) as ledger:
        found = explained(ledger, item)
        # A key that is no id may name a record and the node of the plan that it is: the node is meant.
        asked = found is None or (found.id != item and is_node(config, ledger, item))
        if asked and config.is_dir() and explain_node(config, ledger, item, as_of=as_of, json=json):
            return
    if found is None:
        terminal.stop(f"no single item has the id or key '{item}': 'sightline items' lists them")
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_explanation(terminal.console(), found)


@app.command()
def links(database: Database = DATABASE, json: Json = False) -> None:
    """What items name and no tracker has, as far as Sightline sees."""
    from api.commands.text import show_unresolved

    with terminal.ledger(database) as ledger:
        found = ledger.unresolved()
    if json:
        typer.echo(terminal.as_json(found))
    else:
        show_unresolved(terminal.console(), found)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535)] = 8000,
    schedule: Annotated[
        bool, typer.Option("--schedule/--no-schedule", help="Also sync each source when it is due.")
    ] = True,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
) -> None:
    """Serve the pages and the API, and sync each source on its schedule."""
    from api.server import run

    configuration = terminal.configuration(config)
    with terminal.ledger(database, migrate=True) as ledger:
        run(ledger, configuration, host=host, port=port, schedule=schedule)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Print the answer and stop.")] = False,
    today: Annotated[datetime | None, typer.Option("--today", formats=["%Y-%m-%d"], help="The story's day.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535)] = 8000,
) -> None:
    """Start the demo company's trackers on loopback, sync them, print the answer, and serve it."""
    import tempfile

    from api.asking import overview
    from api.commands.text import show_overview
    from api.server import run
    from demo.company import DemoCompany, configuration

    day: date | None = today.date() if today else None
    company = DemoCompany(day)
    os.environ.update(company.environment())  # before its threads run: it must not grow while one of them reads it
    with company, tempfile.TemporaryDirectory(prefix="sightline-demo-") as folder:
        loaded = terminal.configuration(configuration())
        with terminal.ledger(f"sqlite:///{folder}/demo.db", migrate=True) as ledger:
            console = terminal.console()
            run_sources(list(loaded.sources), loaded, ledger)
            console.print()
            as_of = datetime.combine(day, datetime.now(UTC).timetz()) if day else None
            pillars = pillars_of(ledger, loaded, as_of)
            show_overview(console, overview(ledger, loaded, now=as_of), pillars)
            if once:
                return
            run(ledger, loaded, host="127.0.0.1", port=port, schedule=True)


def main() -> None:
    """The console script."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
