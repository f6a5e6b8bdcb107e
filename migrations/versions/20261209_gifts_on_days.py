"""gifts: promotions say when their gifts come, lines have gifts on days of their own

Revision: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

WAITING = sa.text("brought_date IS NULL AND lapsed_at IS NULL")


def upgrade() -> None:
    """Apply."""
    op.add_column("promotions", sa.Column("gift_every", sa.SmallInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_promotions_gift_every"),
        "promotions",
        "gift_every IS NULL OR gift_bottles IS NOT NULL AND gift_every BETWEEN 2 AND 90",
    )
    op.add_column(
        "order_lines", sa.Column("dated_gifts", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("order_lines", sa.Column("gift_every", sa.SmallInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_order_lines_dated_gifts"),
        "order_lines",
        "dated_gifts >= 0 AND (dated_gifts > 0) = (gift_every IS NOT NULL)",
    )
    op.add_column(
        "deliveries", sa.Column("is_gift", sa.Boolean(), nullable=False, server_default="false")
    )
    op.create_table(
        "line_gifts",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("gift_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("bottles", sa.SmallInteger(), nullable=False),
        sa.Column("promised_date", sa.Date(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("brought_date", sa.Date(), nullable=True),
        sa.Column("lapsed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("bottles BETWEEN 1 AND 99", name=op.f("ck_line_gifts_bottles")),
        sa.CheckConstraint(
            "num_nonnulls(brought_date, lapsed_at) < 2", name=op.f("ck_line_gifts_ended")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
            name=op.f("fk_line_gifts_customer_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "gift_id", name=op.f("pk_line_gifts")),
    )
    op.create_index("ix_line_gifts_line", "line_gifts", ["customer_id", "order_line_id"])
    op.create_index("ix_line_gifts_waiting", "line_gifts", ["due_date"], postgresql_where=WAITING)


def downgrade() -> None:
    """Take back."""
    op.drop_table("line_gifts")
    op.drop_column("deliveries", "is_gift")
    op.drop_constraint(op.f("ck_order_lines_dated_gifts"), "order_lines")
    op.drop_column("order_lines", "gift_every")
    op.drop_column("order_lines", "dated_gifts")
    op.drop_constraint(op.f("ck_promotions_gift_every"), "promotions")
    op.drop_column("promotions", "gift_every")
