"""messages that were not sent are found by their status

Revision: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index over the rare statuses."""
    op.create_index(
        "ix_sms_messages_unsent",
        "sms_messages",
        ["status", "created_at", "message_id"],
        postgresql_where=sa.text("status IN ('failed', 'expired', 'suppressed')"),
    )


def downgrade() -> None:
    """Without it."""
    op.drop_index("ix_sms_messages_unsent", table_name="sms_messages")
