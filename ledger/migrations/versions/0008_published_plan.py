"""the plan, its weeks, what needs a decision and the calendar are published too

Revision ID: 0008
Revises: 0007
"""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

views = "e8d9adbb460f"
"""`ledger.published.fingerprint()` when this was written."""


def upgrade() -> None:
    """The views are made anew after every upgrade."""


def downgrade() -> None:
    """The views are made anew by the code that is gone back to."""
