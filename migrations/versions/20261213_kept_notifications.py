"""notifications of channels: kept with what they say, and worked off by a job

Revision: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

WAITING = "ix_channel_events_waiting"


def upgrade() -> None:
    """Keep what they say."""
    op.add_column("channel_events", sa.Column("told", postgresql.JSONB(), nullable=True))
    op.create_index(
        WAITING, "channel_events", ["received_at"], postgresql_where=sa.text("handled_at IS NULL")
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_index(WAITING, table_name="channel_events")
    op.drop_column("channel_events", "told")
