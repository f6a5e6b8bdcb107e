"""withdrawals: a scope taken out of the plan, and what it took from each line

Revision: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STAMP = sa.DateTime(timezone=True)
IDS = postgresql.ARRAY(sa.Uuid())


def upgrade() -> None:
    """Apply."""
    _create_withdrawals()
    _create_lines()


def _create_withdrawals() -> None:
    op.create_table(
        "withdrawals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("station_ids", IDS, nullable=False),
        sa.Column("block_ids", IDS, nullable=True),
        sa.Column("product_ids", IDS, nullable=True),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("settle", sa.Text(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("households", sa.BigInteger(), nullable=False),
        sa.Column("bottles", sa.BigInteger(), nullable=False),
        sa.Column("credit_fen", sa.BigInteger(), nullable=False),
        sa.Column("stops", sa.BigInteger(), nullable=False),
        sa.Column("make_ups", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", STAMP, nullable=False),
        sa.Column("told_at", STAMP, nullable=True),
        sa.Column("undone_at", STAMP, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("kept_lines", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("cardinality(station_ids) > 0", name=op.f("ck_withdrawals_stations")),
        sa.CheckConstraint("first_date <= last_date", name=op.f("ck_withdrawals_dates")),
        sa.CheckConstraint(
            "settle IN ('period', 'money', 'as_chosen')", name=op.f("ck_withdrawals_settle")
        ),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_by IS NULL)", name=op.f("ck_withdrawals_undone")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_withdrawals"),
    )
    op.create_index("ix_withdrawals_last_date", "withdrawals", ["last_date"])
    op.create_index("ix_withdrawals_newest", "withdrawals", ["at", "id"])


def _create_lines() -> None:
    op.create_table(
        "withdrawn_lines",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("withdrawal_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("days", postgresql.ARRAY(sa.Date()), nullable=False),
        sa.Column("bottles", sa.BigInteger(), nullable=False),
        sa.Column("settle", sa.Text(), nullable=False),
        sa.Column("credit_bottles", sa.BigInteger(), nullable=False),
        sa.Column("credit_fen", sa.BigInteger(), nullable=False),
        sa.Column("until_before", sa.Date(), nullable=False),
        sa.Column("until_after", sa.Date(), nullable=True),
        sa.Column("is_regular", sa.Boolean(), nullable=False),
        sa.Column("order_version", sa.BigInteger(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default="taken"),
        sa.CheckConstraint("settle IN ('period', 'money')", name=op.f("ck_withdrawn_lines_settle")),
        sa.CheckConstraint(
            "bottles > 0 AND credit_bottles BETWEEN 0 AND bottles",
            name=op.f("ck_withdrawn_lines_bottles"),
        ),
        sa.CheckConstraint("credit_fen >= 0", name=op.f("ck_withdrawn_lines_credit")),
        sa.CheckConstraint(
            "state IN ('taken', 'put_back', 'kept')", name=op.f("ck_withdrawn_lines_state")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
            name="fk_withdrawn_lines_customer_id_order_line_id",
        ),
        sa.ForeignKeyConstraint(
            ["withdrawal_id"], ["withdrawals.id"], name="fk_withdrawn_lines_withdrawal_id"
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "order_line_id", "withdrawal_id", name="pk_withdrawn_lines"
        ),
    )
    op.create_index(
        "ix_withdrawn_lines_withdrawal_id", "withdrawn_lines", ["withdrawal_id", "customer_id"]
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("withdrawn_lines")
    op.drop_table("withdrawals")
