"""cash: hand-ins of deliverers, bank deposits, a station's days, the limit of differences

Revision: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STAMP = sa.DateTime(timezone=True)
FIGURES = ("opening_fen", "taken_fen", "handed_in_fen", "difference_fen", "deposited_fen")
FIGURES += ("closing_fen",)


def upgrade() -> None:
    """Apply."""
    for side, column in (("in", "debit_account"), ("out", "credit_account")):
        op.create_index(
            f"ix_ledger_transfers_cash_{side}",
            "ledger_transfers",
            [column, "cause"],
            postgresql_include=["amount_fen"],
            postgresql_where=sa.text(f"{column} LIKE 'cash:%'"),
        )
    _create_hand_ins()
    _index_hand_ins()
    _create_bank_deposits()
    _create_days()
    op.create_table(
        "cash_difference_limits",
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("limit_fen", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("set_at", STAMP, nullable=False),
        sa.CheckConstraint("limit_fen >= 0", name=op.f("ck_cash_difference_limits_limit")),
        sa.PrimaryKeyConstraint("valid_from", name="pk_cash_difference_limits"),
    )


def _create_hand_ins() -> None:
    op.create_table(
        "cash_hand_ins",
        sa.Column("hand_in_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.BigInteger(), nullable=False),
        sa.Column("receipt_no", sa.BigInteger(), nullable=False),
        sa.Column("previous_no", sa.BigInteger(), nullable=True),
        sa.Column("deliverer_id", sa.Uuid(), nullable=False),
        sa.Column("held_fen", sa.BigInteger(), nullable=False),
        sa.Column("due_fen", sa.BigInteger(), nullable=False),
        sa.Column("counted_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("counted_by", sa.Uuid(), nullable=False),
        sa.Column("counted_at", STAMP, nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", STAMP, nullable=True),
        sa.Column("booked_at", STAMP, nullable=True),
        sa.Column("booked_date", sa.Date(), nullable=True),
        sa.Column("confirmation", sa.Text(), nullable=True),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", STAMP, nullable=True),
        sa.Column("cancelled_by", sa.Uuid(), nullable=True),
        sa.Column("cancelled_at", STAMP, nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        *_checks(
            "cash_hand_ins",
            state="state IN ('waiting', 'booked', 'cancelled')",
            moved="CASE state WHEN 'waiting' THEN num_nonnulls(booked_at, cancelled_at) = 0"
            " WHEN 'booked' THEN booked_at IS NOT NULL AND cancelled_at IS NULL"
            " ELSE cancelled_at IS NOT NULL END",
            receipt_no="receipt_no > 0 AND previous_no IS NOT DISTINCT FROM"
            " nullif(receipt_no - 1, 0)",
            amount="due_fen >= 0 AND counted_fen >= 0 AND due_fen + counted_fen > 0"
            " AND due_fen <= held_fen",
            reason="counted_fen = due_fen OR reason IS NOT NULL",
            booked="num_nonnulls(booked_at, booked_date) <> 1",
            second_person="approved_by <> counted_by",
            approved="num_nonnulls(approved_by, approved_at) <> 1",
            confirmed="num_nulls(confirmation, confirmed_by, confirmed_at) IN (0, 3)",
            confirmation="confirmation IN ('app', 'signed')",
            cancelled="num_nulls(cancelled_by, cancelled_at, cancel_reason) IN (0, 3)",
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name="fk_cash_hand_ins_station_id"
        ),
        sa.ForeignKeyConstraint(
            ["deliverer_id"], ["deliverers.id"], name="fk_cash_hand_ins_deliverer_id"
        ),
        sa.PrimaryKeyConstraint("hand_in_id", name="pk_cash_hand_ins"),
        sa.UniqueConstraint("station_id", "year", "receipt_no", name="uq_cash_hand_ins_receipt_no"),
    )
    # Each number needs the one before: there is no gap, and no row in between can be deleted.
    op.create_foreign_key(
        "fk_cash_hand_ins_previous_no",
        "cash_hand_ins",
        "cash_hand_ins",
        ["station_id", "year", "previous_no"],
        ["station_id", "year", "receipt_no"],
    )


def _index_hand_ins() -> None:
    for column in ("deliverer_id", "station_id"):
        op.create_index(
            f"ix_cash_hand_ins_{column}", "cash_hand_ins", [column, "counted_at", "hand_in_id"]
        )
    op.create_index("ix_cash_hand_ins_counted_at", "cash_hand_ins", ["counted_at", "hand_in_id"])
    op.create_index(
        "uq_cash_hand_ins_waiting",
        "cash_hand_ins",
        ["deliverer_id"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_cash_hand_ins_unfinished",
        "cash_hand_ins",
        ["station_id"],
        postgresql_where=sa.text("state = 'waiting' OR state = 'booked' AND confirmed_at IS NULL"),
    )


def _create_bank_deposits() -> None:
    op.create_table(
        "bank_deposits",
        sa.Column("deposit_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("slip_no", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("deposited_date", sa.Date(), nullable=False),
        sa.Column("booked_by", sa.Uuid(), nullable=False),
        sa.Column("booked_at", STAMP, nullable=False),
        sa.Column("booked_date", sa.Date(), nullable=False),
        sa.Column("cancelled_by", sa.Uuid(), nullable=True),
        sa.Column("cancelled_at", STAMP, nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        *_checks(
            "bank_deposits",
            amount="amount_fen > 0",
            deposited_date="deposited_date <= booked_date",
            cancelled="num_nulls(cancelled_by, cancelled_at, cancel_reason) IN (0, 3)",
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name="fk_bank_deposits_station_id"
        ),
        sa.PrimaryKeyConstraint("deposit_id", name="pk_bank_deposits"),
    )
    op.create_index(
        "uq_bank_deposits_slip_no",
        "bank_deposits",
        ["station_id", "slip_no"],
        unique=True,
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )
    op.create_index(
        "ix_bank_deposits_station_id", "bank_deposits", ["station_id", "booked_at", "deposit_id"]
    )
    op.create_index("ix_bank_deposits_booked_at", "bank_deposits", ["booked_at", "deposit_id"])


def _create_days() -> None:
    op.create_table(
        "cash_days",
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", STAMP, nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in FIGURES),
        *_checks(
            "cash_days",
            state="state IN ('open', 'closed')",
            closed=f"num_nulls(closed_by, closed_at, {', '.join(FIGURES)})"
            " = CASE state WHEN 'closed' THEN 0 ELSE 8 END",
            sum="closing_fen = opening_fen + handed_in_fen - deposited_fen",
        ),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name="fk_cash_days_station_id"),
        sa.PrimaryKeyConstraint("station_id", "business_date", name="pk_cash_days"),
    )
    op.create_index("ix_cash_days_business_date", "cash_days", ["business_date", "station_id"])
    op.create_table(
        "cash_day_moves",
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=False),
        sa.Column("at", STAMP, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        *_checks(
            "cash_day_moves",
            to_state="to_state IN ('open', 'closed')",
            reason="to_state <> 'open' OR reason IS NOT NULL",
        ),
        sa.ForeignKeyConstraint(
            ["station_id", "business_date"],
            ["cash_days.station_id", "cash_days.business_date"],
            name="fk_cash_day_moves_station_id_business_date",
        ),
        sa.PrimaryKeyConstraint("station_id", "move_id", name="pk_cash_day_moves"),
    )
    op.create_index(
        "ix_cash_day_moves_day", "cash_day_moves", ["station_id", "business_date", "move_id"]
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON cash_day_moves FROM CURRENT_USER")


def _checks(table: str, **rules: str) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    ]


def downgrade() -> None:
    """Take back; what was handed in stays booked on the ledger."""
    op.drop_table("cash_difference_limits")
    op.drop_table("cash_day_moves")
    op.drop_table("cash_days")
    op.drop_table("bank_deposits")
    op.drop_table("cash_hand_ins")
    op.drop_index("ix_ledger_transfers_cash_out", "ledger_transfers")
    op.drop_index("ix_ledger_transfers_cash_in", "ledger_transfers")
