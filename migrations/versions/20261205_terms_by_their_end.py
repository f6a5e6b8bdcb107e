"""the orders that end soon are found by their terms' ends

Revision: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index over the ends."""
    op.create_index("ix_order_terms_until", "order_terms", [sa.text("upper(valid)")])


def downgrade() -> None:
    """Without it."""
    op.drop_index("ix_order_terms_until", table_name="order_terms")
