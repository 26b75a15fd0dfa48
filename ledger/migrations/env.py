"""Alembic's entry: runs on the connection that `ledger.store` hands over."""

from alembic import context
from sqlmodel import SQLModel

import ledger.tables  # noqa: F401  # registers the tables in SQLModel.metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
