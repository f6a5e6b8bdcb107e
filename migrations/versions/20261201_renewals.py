"""renewals: an order that goes on where another ends, line by line

Revision: 0010
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None

STANDING = "renews_order_id IS NOT NULL AND status NOT IN ('expired', 'rejected', 'cancelled')"


def upgrade() -> None:
    """Apply."""
    op.add_column("orders", sa.Column("renews_order_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_orders_customer_id_renews_order_id",
        "orders",
        "orders",
        ["customer_id", "renews_order_id"],
        ["customer_id", "order_id"],
    )
    op.create_index(
        "uq_orders_renews_order_id",
        "orders",
        ["customer_id", "renews_order_id"],
        unique=True,
        postgresql_where=sa.text(STANDING),
    )
    op.add_column("order_lines", sa.Column("renews_line_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_order_lines_customer_id_renews_line_id",
        "order_lines",
        "order_lines",
        ["customer_id", "renews_line_id"],
        ["customer_id", "order_line_id"],
    )
    op.create_index(
        "ix_order_lines_renews_line_id",
        "order_lines",
        ["customer_id", "renews_line_id"],
        postgresql_where=sa.text("renews_line_id IS NOT NULL"),
    )
    op.add_column("order_changes", sa.Column("made_order_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_order_changes_customer_id_made_order_id",
        "order_changes",
        "orders",
        ["customer_id", "made_order_id"],
        ["customer_id", "order_id"],
    )


def downgrade() -> None:
    """Take back."""
    op.drop_constraint(
        "fk_order_changes_customer_id_made_order_id", "order_changes", type_="foreignkey"
    )
    op.drop_column("order_changes", "made_order_id")
    op.drop_index("ix_order_lines_renews_line_id", "order_lines")
    op.drop_constraint(
        "fk_order_lines_customer_id_renews_line_id", "order_lines", type_="foreignkey"
    )
    op.drop_column("order_lines", "renews_line_id")
    op.drop_index("uq_orders_renews_order_id", "orders")
    op.drop_constraint("fk_orders_customer_id_renews_order_id", "orders", type_="foreignkey")
    op.drop_column("orders", "renews_order_id")
