"""What every command of the terminal shares: its options, the configuration, the ledger, and how it stops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from ledger.store import Ledger
    from sync.configuration import Configuration

ConfigDir = Annotated[Path, typer.Option("--config", envvar="SIGHTLINE_CONFIG", help="The configuration directory.")]
Database = Annotated[
    str, typer.Option("--database", envvar="SIGHTLINE_DATABASE_URL", help="sqlite:///file or postgresql://...")
]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        help="As of a day's end, or an instant (organisation time).",
    ),
]
BasisOption = Annotated[str, typer.Option("--basis", help="happened: as known now; known: as it was known then.")]
HERE = Path("config")
DATABASE = "sqlite:///sightline.db"


def configuration(directory: Path, *, credentials: bool = True, instead: Path | None = None) -> Configuration:
    """The configuration, whole; everything that is wrong with it ends the command.

    instead: a department's file that is taken in the place of the one in the directory.
    """
    from sync.configuration import ConfigErrors, load

    try:
        return load(directory, credentials=credentials, instead=instead)
    except ConfigErrors as errors:
        for problem in errors.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(2) from None


def serving(host: str, port: int) -> None:
    """Says where the pages stand."""
    typer.echo(
        f"\nThe answer stands at http://{host}:{port}/ (for programs: /v1, described at /docs). Stop with Ctrl-C."
    )


@contextmanager
def ledger(url: str, *, migrate: bool = False) -> Iterator[Ledger]:
    """The ledger; what the database says wrong ends the command with a sentence."""
    from ledger.engine import LedgerError
    from ledger.store import Ledger

    try:
        with Ledger.open(url, migrate=migrate) as ledger:
            yield ledger
    except LedgerError as error:
        stop(str(error))


def console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def as_json(value: Any) -> str:
    import dataclasses

    import msgspec

    def hook(other: Any) -> Any:
        return (
            dataclasses.asdict(other) if dataclasses.is_dataclass(other) and not isinstance(other, type) else str(other)
        )

    return msgspec.json.format(msgspec.json.encode(value, enc_hook=hook), indent=2).decode()


def instant(as_of: datetime | None, configuration: Configuration) -> datetime:
    """The instant that is asked for: now, or a moment in the organisation's own time; a day means its end."""
    from datetime import UTC, time
    from zoneinfo import ZoneInfo

    now = datetime.now(UTC)
    if as_of is None:
        return now
    whole_day = as_of.time() == time(0)
    moment = datetime.combine(as_of.date(), time(23, 59, 59)) if whole_day else as_of
    return min(moment.replace(tzinfo=ZoneInfo(configuration.organisation.timezone)).astimezone(UTC), now)


def user() -> str:
    """Who works at this terminal, for the audit log."""
    import os
    import pwd

    try:
        return f"{pwd.getpwuid(os.getuid()).pw_name} (terminal)"
    except KeyError:  # a container's user that has no name
        return f"uid {os.getuid()} (terminal)"


def past(as_of: datetime | None, configuration: Configuration) -> datetime | None:
    """The same; None where none is asked for, which is now and need not be judged anew."""
    return None if as_of is None else instant(as_of, configuration)


def stop(sentence: str, code: int = 2) -> NoReturn:
    """Ends the command: 2 for wrong use or configuration, 1 where something needs a person."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)
