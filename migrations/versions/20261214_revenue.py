"""revenue: what delivered milk has earned, and daily totals of the ledger

Revision: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BY_TIME = (
    ("ledger_transfers", "booked_date"),
    ("deliveries", "recorded_at"),
    ("entitlement_entries", "at"),
)
"""Rows come in this order and are looked for by it: a block-range index is enough."""


def upgrade() -> None:
    """Apply."""
    for table, column in BY_TIME:
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_using="brin")
    op.create_index(
        "ix_orders_ended_at",
        "orders",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_entitlement_entries_moved",
        "entitlement_entries",
        ["customer_id", "order_line_id"],
        postgresql_where=sa.text("kind NOT IN ('bought', 'opening', 'gift')"),
    )
    op.create_table(
        "ledger_daily_totals",
        sa.Column("booked_date", sa.Date(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("debit_fen", sa.BigInteger(), nullable=False),
        sa.Column("credit_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "least(debit_fen, credit_fen) >= 0 AND debit_fen + credit_fen > 0",
            name=op.f("ck_ledger_daily_totals_amounts"),
        ),
        sa.PrimaryKeyConstraint("booked_date", "account", name=op.f("pk_ledger_daily_totals")),
    )
    op.create_table(
        "line_earnings",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("bottles", sa.Integer(), nullable=False),
        sa.Column("earned_fen", sa.BigInteger(), nullable=False),
        sa.Column("through_date", sa.Date(), nullable=False),
        sa.CheckConstraint("bottles >= 0", name=op.f("ck_line_earnings_bottles")),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
            name=op.f("fk_line_earnings_customer_id_order_line_id"),
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "order_line_id", "product_id", name=op.f("pk_line_earnings")
        ),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "revenue_days",
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_revenue_days_station_id")
        ),
        sa.PrimaryKeyConstraint("station_id", "service_date", name=op.f("pk_revenue_days")),
    )
    op.create_table(
        "revenue_checks",
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("revenue_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("checked_at", name=op.f("pk_revenue_checks")),
    )


def downgrade() -> None:
    """Take back; what is posted stays on the ledger."""
    for table in ("revenue_checks", "revenue_days", "line_earnings", "ledger_daily_totals"):
        op.drop_table(table)
    op.drop_index("ix_entitlement_entries_moved", table_name="entitlement_entries")
    op.drop_index("ix_orders_ended_at", table_name="orders")
    for table, column in reversed(BY_TIME):
        op.drop_index(f"ix_{table}_{column}", table_name=table)
