"""Commands for access: keys, and the log of who did and read what."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands import terminal
from api.commands.terminal import DATABASE, HERE, ConfigDir, Database, Json

if TYPE_CHECKING:
    from ledger.keys import Key

keys_app = typer.Typer(help="Make, list and revoke the keys of the HTTP service.", no_args_is_help=True)
UNITS = {"h": 3600, "d": 86400, "w": 604800}


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="What it is for, such as power-bi.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read (default), odata, sync, decide, admin.")
    ] = None,
    department: Annotated[
        list[str] | None,
        typer.Option("--department", help="See confidential rows of these only; of all when none is given."),
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", help="Whose it is, by people.yaml: who decides and replies with it.")
    ] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="After 12h, 90d or 8w; never when left out.")] = None,
    in_url: Annotated[bool, typer.Option("--in-url", help="It may stand in an address as ?key=...")] = False,
    config: ConfigDir = HERE,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Make a key and print it; nobody can ever ask for it again."""
    from ledger.keys import KeyRefused

    scopes, now = tuple(dict.fromkeys(scope or ["read"])), datetime.now(UTC)
    if not re.fullmatch(r"[\w.@-]{1,64}", name):
        terminal.stop(f"'{name}' is no name: up to 64 letters, digits, '-', '_', '.' and '@'")
    _check(scopes, department, config, expires=expires, in_url=in_url)
    _check_person(scopes, person, config)
    until = now + _duration(expires) if expires else None
    with terminal.ledger(database, migrate=True) as ledger:
        try:
            key, secret = ledger.keys.create(
                name, scopes=scopes, departments=department or None, person=person or "", expires_at=until, in_url=in_url,
                by=terminal.user(),
            )  # fmt: skip
        except KeyRefused as refused:
            terminal.stop(f"{refused}: 'sightline keys revoke ID'", code=1)
    if json:
        typer.echo(terminal.as_json({"key": secret, **_shape(key, now)}))
        return
    typer.echo(secret)
    typer.echo(
        f"{key.id}: shown this once; keep it where secrets are kept. From now on every request needs a key.", err=True
    )


@keys_app.command("list")
def keys_list(database: Database = DATABASE, json: Json = False) -> None:
    """Every key that was ever made, without its secret."""
    with terminal.ledger(database) as ledger:
        found, now = ledger.keys.all(), ledger.clock()
    if json:
        typer.echo(terminal.as_json([_shape(key, now) for key in found]))
        return
    for key in found:
        typer.echo(_line(key, now))
    if not found:
        typer.echo(
            "There are no keys: the service answers its own machine only. 'sightline keys create NAME' makes one."
        )


@keys_app.command("revoke")
def keys_revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="As 'sightline keys list' shows it.")],  # the domain's word
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Let a key in no more, at once."""
    from ledger.keys import KeyRefused

    with terminal.ledger(database) as ledger:
        try:
            key, now = ledger.keys.revoke(id, by=terminal.user()), ledger.clock()
        except KeyRefused as refused:
            terminal.stop(f"{refused}: 'sightline keys list' lists them")
    typer.echo(terminal.as_json(_shape(key, now)) if json else _line(key, now))


def audit(
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 100,
    database: Database = DATABASE,
    json: Json = False,
) -> None:
    """Who changed what, and which key read confidential rows; the latest first."""
    with terminal.ledger(database) as ledger:
        found = ledger.audit.acts(limit)
    if json:
        typer.echo(terminal.as_json(found))
        return
    for act in found:
        typer.echo(f"{act.at:%Y-%m-%d %H:%M:%S}  {act.who}  {act.what}  {act.subject}")


def _check(
    scopes: tuple[str, ...], departments: list[str] | None, config: Path, *, expires: str | None, in_url: bool
) -> None:
    """Ends the command where there can be no such key."""
    from api.door.access import IN_ADDRESSES, SCOPES

    if wrong := [s for s in scopes if s not in SCOPES]:
        terminal.stop(f"--scope {wrong[0]} is not one of {', '.join(SCOPES)}")
    if departments:
        known = [d.department for d in terminal.configuration(config, credentials=False).departments]
        if unknown := [d for d in departments if d not in known]:
            terminal.stop(f"no department is called '{unknown[0]}': known are {', '.join(known)}")
    if in_url and (wide := [s for s in scopes if s not in IN_ADDRESSES]):
        terminal.stop(f"a key in an address may only read ({', '.join(IN_ADDRESSES)}), not {wide[0]}")
    if in_url and not expires and not departments:
        terminal.stop("a key in an address is seen by many: give it --expires, or --department")


def _check_person(scopes: tuple[str, ...], person: str | None, config: Path) -> None:
    """Ends the command where the key would be nobody's that is to decide, or somebody's who is not there."""
    if "decide" in scopes and not person:
        terminal.stop("a key that may decide is somebody's: --person KEY, as people.yaml has it")
    if person:
        owners = terminal.configuration(config, credentials=False).owners
        known = [key for key, p in owners.items() if p.kind == "human" and p.active]
        if person not in known:
            terminal.stop(f"nobody active in people.yaml has the key '{person}': known are {', '.join(known)}")


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([hdw])", text)
    if match is None or not int(match[1]):
        terminal.stop(f"--expires '{text}' is no time span: write 12h, 90d or 8w")
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])


def _shape(key: Key, now: datetime) -> dict[str, object]:
    import msgspec

    return {**msgspec.to_builtins(key), "state": key.state(now)}


def _line(key: Key, now: datetime) -> str:
    whose = "all departments" if key.departments is None else ", ".join(key.departments)
    person = f", as {key.person}" if key.person else ""
    until = f", until {key.expires_at:%Y-%m-%d}" if key.expires_at and key.active(now) else ""
    used = f"last used {key.last_used_at:%Y-%m-%d %H:%M} UTC" if key.last_used_at else "never used"
    address = ", in addresses" if key.in_url else ""
    return (
        f"{key.id}  {key.state(now):7}  {key.name}  {key.starts}...{key.last4}  {', '.join(key.scopes)}  "
        f"{whose}{person}{until}{address}  {used}"
    )
