"""bills of the channel, and what they and our books disagree about

Revision: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "channel_bills",
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("merchant_account", sa.Text(), nullable=False),
        sa.Column("bill_date", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.Column("bad_count", sa.BigInteger(), nullable=False),
        sa.Column("paid_count", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("refund_count", sa.BigInteger(), nullable=False),
        sa.Column("refunded_fen", sa.BigInteger(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("matched_count", sa.BigInteger(), nullable=False),
        sa.Column("ours_paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("ours_refunded_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(status = 'waiting') = (taken_at IS NULL)", name=op.f("ck_channel_bills_taken")
        ),
        sa.CheckConstraint(
            "channel IN ('wechat', 'alipay', 'cash', 'pos', 'marketplace')",
            name=op.f("ck_channel_bills_channel"),
        ),
        sa.CheckConstraint("origin IN ('channel', 'file')", name=op.f("ck_channel_bills_origin")),
        sa.CheckConstraint(
            "status IN ('waiting', 'loaded', 'empty')", name=op.f("ck_channel_bills_status")
        ),
        sa.CheckConstraint(
            "(origin IS NULL) = (taken_at IS NULL)", name=op.f("ck_channel_bills_origin_known")
        ),
        sa.CheckConstraint(
            "line_count >= paid_count + refund_count AND bad_count >= 0",
            name=op.f("ck_channel_bills_counts"),
        ),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_channel_bills")),
        sa.UniqueConstraint(
            "channel",
            "merchant_account",
            "bill_date",
            name=op.f("uq_channel_bills_channel_merchant_account_bill_date"),
        ),
    )
    op.create_index("ix_channel_bills_bill_date", "channel_bills", ["bill_date", "bill_id"])
    op.create_index(
        "ix_channel_bills_wanted",
        "channel_bills",
        ["next_try_at"],
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )
    op.create_table(
        "channel_bill_differences",
        sa.Column("difference_id", sa.Uuid(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("theirs_fen", sa.BigInteger(), nullable=True),
        sa.Column("ours_fen", sa.BigInteger(), nullable=True),
        sa.Column("ours_date", sa.Date(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("row_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'only_ours') = (theirs_fen IS NULL)",
            name=op.f("ck_channel_bill_differences_theirs"),
        ),
        sa.CheckConstraint(
            "(kind = 'only_theirs') = (ours_fen IS NULL)",
            name=op.f("ck_channel_bill_differences_ours"),
        ),
        sa.CheckConstraint(
            "ended_at IS NULL OR state = 'resolved'", name=op.f("ck_channel_bill_differences_ended")
        ),
        sa.CheckConstraint(
            "entry IN ('payment', 'refund')", name=op.f("ck_channel_bill_differences_entry")
        ),
        sa.CheckConstraint(
            "kind IN ('only_theirs', 'only_ours', 'amount_differs', 'date_differs')",
            name=op.f("ck_channel_bill_differences_kind"),
        ),
        sa.CheckConstraint(
            "state = 'open' OR reason IS NOT NULL", name=op.f("ck_channel_bill_differences_reason")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'explained', 'resolved')",
            name=op.f("ck_channel_bill_differences_state"),
        ),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["channel_bills.bill_id"], name=op.f("fk_channel_bill_differences_bill_id")
        ),
        sa.PrimaryKeyConstraint("difference_id", name=op.f("pk_channel_bill_differences")),
        sa.UniqueConstraint(
            "bill_id",
            "entry",
            "number",
            name=op.f("uq_channel_bill_differences_bill_id_entry_number"),
        ),
    )
    op.create_index(
        "ix_channel_bill_differences_listed",
        "channel_bill_differences",
        ["bill_id", "opened_at", "difference_id"],
    )
    op.create_index(
        "ix_channel_bill_differences_live",
        "channel_bill_differences",
        ["bill_id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "channel_bill_faults",
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["channel_bills.bill_id"], name=op.f("fk_channel_bill_faults_bill_id")
        ),
        sa.PrimaryKeyConstraint("bill_id", "line_no", name=op.f("pk_channel_bill_faults")),
    )
    op.create_table(
        "channel_bill_lines",
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("channel_no", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("moves_money", sa.Boolean(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "entry IN ('payment', 'refund')", name=op.f("ck_channel_bill_lines_entry")
        ),
        sa.CheckConstraint("amount_fen >= 0", name=op.f("ck_channel_bill_lines_amount")),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["channel_bills.bill_id"], name=op.f("fk_channel_bill_lines_bill_id")
        ),
        sa.PrimaryKeyConstraint("bill_id", "entry", "number", name=op.f("pk_channel_bill_lines")),
    )
    op.create_index("ix_channel_bill_lines_number", "channel_bill_lines", ["number"])
    op.create_table(
        "channel_bill_difference_moves",
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("difference_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("moved_by", sa.Uuid(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'explained', 'resolved')",
            name=op.f("ck_channel_bill_difference_moves_state"),
        ),
        sa.ForeignKeyConstraint(
            ["difference_id"],
            ["channel_bill_differences.difference_id"],
            name=op.f("fk_channel_bill_difference_moves_difference_id"),
        ),
        sa.PrimaryKeyConstraint("move_id", name=op.f("pk_channel_bill_difference_moves")),
    )
    op.create_index(
        "ix_channel_bill_difference_moves_difference_id",
        "channel_bill_difference_moves",
        ["difference_id", "move_id"],
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON channel_bill_difference_moves FROM CURRENT_USER")
    op.create_index(
        "ix_payments_captured",
        "payments",
        ["merchant_account", "captured_at"],
        postgresql_where=sa.text("captured_at IS NOT NULL"),
    )
    op.create_index(
        "ix_refunds_asked_at",
        "refunds",
        ["asked_at"],
        postgresql_where=sa.text("asked_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_refunds_asked_at", "refunds")
    op.drop_index("ix_payments_captured", "payments")
    for table in ("difference_moves", "differences", "lines", "faults"):
        op.drop_table(f"channel_bill_{table}")
    op.drop_table("channel_bills")
