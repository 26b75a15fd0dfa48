"""what changed since an instant is found by it: the last write's instant, and items by theirs

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("meta", sa.Column("written_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE meta SET written_at = COALESCE((SELECT MAX(changed_at) FROM item), 0)")
    op.create_index("ix_item_changed_at", "item", ["changed_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_item_changed_at", "item")
    op.drop_column("meta", "written_at")
