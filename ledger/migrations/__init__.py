"""The tables' versions. alembic is imported only where something is to be done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEAD = "0007"
"""The version of this code's tables; a test holds it to the newest script."""


def upgrade(connection: Connection) -> None:
    """Runs the scripts that are missing, on this connection."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


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

    return list(
        compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), SQLModel.metadata)
    )


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
