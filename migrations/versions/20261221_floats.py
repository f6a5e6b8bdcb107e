"""cash: change money for deliverers, and a station's cash to the operator's office

Revision: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

STAMP = sa.DateTime(timezone=True)
OLD_FIGURES = "opening_fen, taken_fen, handed_in_fen, difference_fen, deposited_fen"
OLD_AMOUNT = "due_fen >= 0 AND counted_fen >= 0 AND due_fen + counted_fen > 0"


def upgrade() -> None:
    """Apply; what was closed and counted before knew no float and no office."""
    _create_floats()
    _create_remittances()
    op.add_column(
        "cash_hand_ins",
        sa.Column("float_fen", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.alter_column("cash_hand_ins", "float_fen", server_default=None)
    _replace_check(
        "cash_hand_ins",
        "amount",
        f"{OLD_AMOUNT} AND float_fen >= 0 AND due_fen <= held_fen - float_fen",
    )
    op.drop_constraint(op.f("ck_cash_days_closed"), "cash_days")
    for name in ("floats_fen", "remitted_fen"):
        op.add_column("cash_days", sa.Column(name, sa.BigInteger(), nullable=True))
    op.execute("UPDATE cash_days SET floats_fen = 0, remitted_fen = 0 WHERE state = 'closed'")
    op.create_check_constraint(
        op.f("ck_cash_days_closed"),
        "cash_days",
        f"num_nulls(closed_by, closed_at, {OLD_FIGURES}, floats_fen, remitted_fen, closing_fen)"
        " = CASE state WHEN 'closed' THEN 0 ELSE 10 END",
    )
    _replace_check(
        "cash_days",
        "sum",
        "closing_fen = opening_fen + handed_in_fen - deposited_fen - floats_fen - remitted_fen",
    )


def _create_floats() -> None:
    op.create_table(
        "cash_floats",
        sa.Column("float_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("deliverer_id", sa.Uuid(), nullable=False),
        sa.Column("move", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("booked_by", sa.Uuid(), nullable=False),
        sa.Column("booked_at", STAMP, nullable=False),
        sa.Column("booked_date", sa.Date(), nullable=False),
        sa.CheckConstraint("move IN ('given', 'returned')", name=op.f("ck_cash_floats_move")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_cash_floats_amount")),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name="fk_cash_floats_station_id"),
        sa.ForeignKeyConstraint(
            ["deliverer_id"], ["deliverers.id"], name="fk_cash_floats_deliverer_id"
        ),
        sa.PrimaryKeyConstraint("float_id", name="pk_cash_floats"),
    )
    for column in ("deliverer_id", "station_id"):
        op.create_index(
            f"ix_cash_floats_{column}", "cash_floats", [column, "booked_at", "float_id"]
        )
    op.create_index("ix_cash_floats_booked_at", "cash_floats", ["booked_at", "float_id"])
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON cash_floats FROM CURRENT_USER")


def _create_remittances() -> None:
    op.create_table(
        "cash_remittances",
        sa.Column("remittance_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("previous_no", sa.BigInteger(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sent_by", sa.Uuid(), nullable=False),
        sa.Column("sent_at", STAMP, nullable=False),
        sa.Column("booked_date", sa.Date(), nullable=False),
        sa.Column("received_by", sa.Uuid(), nullable=True),
        sa.Column("received_at", STAMP, nullable=True),
        sa.Column("cancelled_by", sa.Uuid(), nullable=True),
        sa.Column("cancelled_at", STAMP, nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_cash_remittances_{name}"))
            for name, rule in {
                "state": "state IN ('sent', 'received', 'cancelled')",
                "moved": "(state = 'received') = (received_at IS NOT NULL)"
                " AND (state = 'cancelled') = (cancelled_at IS NOT NULL)",
                "number": "number > 0 AND previous_no IS NOT DISTINCT FROM nullif(number - 1, 0)",
                "amount": "amount_fen > 0",
                "second_person": "received_by <> sent_by",
                "received": "num_nonnulls(received_by, received_at) <> 1",
                "cancelled": "num_nulls(cancelled_by, cancelled_at, cancel_reason) IN (0, 3)",
            }.items()
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name="fk_cash_remittances_station_id"
        ),
        sa.PrimaryKeyConstraint("remittance_id", name="pk_cash_remittances"),
        sa.UniqueConstraint("station_id", "year", "number", name="uq_cash_remittances_number"),
    )
    # Each number needs the one before: there is no gap, and no row in between can be deleted.
    op.create_foreign_key(
        "fk_cash_remittances_previous_no",
        "cash_remittances",
        "cash_remittances",
        ["station_id", "year", "previous_no"],
        ["station_id", "year", "number"],
    )
    op.create_index(
        "ix_cash_remittances_station_id",
        "cash_remittances",
        ["station_id", "sent_at", "remittance_id"],
    )
    op.create_index("ix_cash_remittances_sent_at", "cash_remittances", ["sent_at", "remittance_id"])
    op.create_index(
        "ix_cash_remittances_sent",
        "cash_remittances",
        ["station_id"],
        postgresql_where=sa.text("state = 'sent'"),
    )


def _replace_check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def downgrade() -> None:
    """Take back; floats and remittances stay booked on the ledger, and days then need reopening."""
    op.drop_constraint(op.f("ck_cash_days_sum"), "cash_days")
    op.drop_constraint(op.f("ck_cash_days_closed"), "cash_days")
    for name in ("remitted_fen", "floats_fen"):
        op.drop_column("cash_days", name)
    op.create_check_constraint(
        op.f("ck_cash_days_closed"),
        "cash_days",
        f"num_nulls(closed_by, closed_at, {OLD_FIGURES}, closing_fen)"
        " = CASE state WHEN 'closed' THEN 0 ELSE 8 END",
    )
    op.create_check_constraint(
        op.f("ck_cash_days_sum"),
        "cash_days",
        "closing_fen = opening_fen + handed_in_fen - deposited_fen",
        postgresql_not_valid=True,
    )
    _replace_check("cash_hand_ins", "amount", f"{OLD_AMOUNT} AND due_fen <= held_fen")
    op.drop_column("cash_hand_ins", "float_fen")
    op.drop_table("cash_remittances")
    op.drop_table("cash_floats")
