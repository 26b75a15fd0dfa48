"""what each run found out, who edited when, and how everything in the plan stands

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sync_run", sa.Column("whole", sa.Integer(), nullable=True))
    op.add_column("sync_run", sa.Column("findings", sa.Text(), nullable=False, server_default="[]"))
    op.create_index("ix_item_event_actor", "item_event", ["actor_ref", "at"])
    op.create_table(
        "member",
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("workstream", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", "workstream"),
    )
    op.create_index("ix_member_workstream", "member", ["workstream", "item_id"])
    op.create_table(
        "standing",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("judged", sa.Text(), nullable=False),
        sa.Column("exceptions", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
    )
    op.add_column("meta", sa.Column("stamp", sa.Text(), nullable=False, server_default=""))
    op.add_column("meta", sa.Column("stood", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("meta", "stood")
    op.drop_column("meta", "stamp")
    op.drop_table("standing")
    op.drop_index("ix_member_workstream", "member")
    op.drop_table("member")
    op.drop_index("ix_item_event_actor", "item_event")
    op.drop_column("sync_run", "findings")
    op.drop_column("sync_run", "whole")
