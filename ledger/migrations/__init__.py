"""The tables' versions. alembic is imported only where something is to be done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEAD = "0013"
"""The version of this code's tables; a test holds it to the newest script."""


def upgrade(connection: Connection) -> None:
    """Runs the scripts that are missing, on this connection, and makes the published views anew around them."""
    from alembic import command

    from ledger import published

    config = _config()
    config.attributes["connection"] = connection
    published.drop(connection)
    command.upgrade(config, "head")
    published.create(connection)


def newest() -> str | None:
    """The version of the newest script."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head()


def differences(connection: Connection) -> list[object]:
    """What the database's tables and the code's do not have in common."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlmodel import SQLModel

    import ledger.tables  # noqa: F401  # registers the tables in SQLModel.metadata

    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _compared})
    return list(compare_metadata(context, SQLModel.metadata))


def _compared(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    """Whether a thing stands in ledger.tables; the indexes that serve the published views are PostgreSQL's alone."""
    return not (kind == "index" and (name or "").startswith("published_"))


def views() -> str | None:
    """The fingerprint of the published views that the newest script about them was written for."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return next((str(s.module.views) for s in scripts if hasattr(s.module, "views")), None)


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
