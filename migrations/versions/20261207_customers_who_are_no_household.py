"""the few customers who are no household are found without reading the others

Revision: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index over them alone."""
    op.create_index(
        "ix_customers_no_household",
        "customers",
        ["customer_id"],
        postgresql_where=sa.text("kind <> 'household'"),
    )


def downgrade() -> None:
    """Without it."""
    op.drop_index("ix_customers_no_household", table_name="customers")
