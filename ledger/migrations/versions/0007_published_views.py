"""the published views, and how PostgreSQL pages through them

The views themselves stand in `ledger.published` and are made anew after every upgrade (`migrations.upgrade`). A change of
one needs a migration, so that a database passes there: copy this one without its indexes, with the new fingerprint.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

views = "a3bc3be34738"
"""`ledger.published.fingerprint()` when this was written."""

INDEXES = {
    "item": ("id",),
    "item_version": ("item_id",),
    "item_event": ("item_id", "id"),
    "item_link": ("item_id", "target"),
}


def upgrade() -> None:
    """Pages are sought by key in the order of bytes, which is not the order of PostgreSQL's own indexes of text."""
    if op.get_bind().dialect.name == "postgresql":
        for table, columns in INDEXES.items():
            keys = ", ".join(f'{c} COLLATE "C"' for c in columns)
            op.execute(f"CREATE INDEX published_{table} ON {table} ({keys})")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in INDEXES:
            op.execute(f"DROP INDEX published_{table}")
