"""refunds not yet paid and differences of one state are listed by when they came

Revision: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Indexes over what is still work, and over differences by state."""
    op.create_index(
        "ix_refunds_unpaid",
        "refunds",
        ["created_at", "refund_id"],
        postgresql_where=sa.text("status <> 'succeeded'"),
    )
    op.create_index(
        "ix_channel_bill_differences_state",
        "channel_bill_differences",
        ["state", "opened_at", "difference_id"],
    )


def downgrade() -> None:
    """Without them."""
    op.drop_index("ix_channel_bill_differences_state", table_name="channel_bill_differences")
    op.drop_index("ix_refunds_unpaid", table_name="refunds")
