"""readings are counted from their key

The key is built anew with the temperature beside it; meanwhile readings wait, and sensors that give
up send them again.

Revision: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _replace_key("INCLUDE (celsius)")


def downgrade() -> None:
    """Undo."""
    _replace_key("")


def _replace_key(beside: str) -> None:
    op.execute(
        "ALTER TABLE temperature_readings DROP CONSTRAINT pk_temperature_readings,"
        f" ADD CONSTRAINT pk_temperature_readings PRIMARY KEY (device_id, at) {beside}"
    )
