"""a word of a tracker has its colour; suggestions are made when they are asked for; links find items by ref

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("status_value", sa.Column("colour", sa.Text(), nullable=True))
    op.drop_column("item_unmapped", "suggestion")
    op.create_index("ix_item_ref", "item", ["ref"])


def downgrade() -> None:
    op.drop_index("ix_item_ref", "item")
    op.add_column("item_unmapped", sa.Column("suggestion", sa.Text(), nullable=True))
    op.drop_column("status_value", "colour")
