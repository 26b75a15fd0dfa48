"""when each signal opened and cleared

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signal_log",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("cleared_at", sa.BigInteger(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", "opened_at"),
    )
    op.add_column("meta", sa.Column("noted_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("meta", "noted_at")
    op.drop_table("signal_log")
