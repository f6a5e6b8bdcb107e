"""deposits: rates, what is held for boxes and bottles, milk boxes to be hung up

Revision: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


STAMP = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "products", sa.Column("needs_box", sa.Boolean(), nullable=False, server_default="false")
    )
    _create_rates()
    _create_installations()
    _widen_orders()
    _create_deposits()
    # Deposits taken over from paper books become rows: they are held, and go back as balance.
    op.execute(
        "INSERT INTO deposits (customer_id, deposit_id, order_id, address_id, kind, amount_fen,"
        " is_opening, state, moved_at)"
        " SELECT o.customer_id, uuidv7(), o.order_id, o.address_id, 'box', t.amount_fen, true,"
        " CASE WHEN o.status = 'delivering' THEN 'held' ELSE 'due_back' END, t.booked_at"
        " FROM ledger_transfers t JOIN orders o ON o.customer_id = t.customer_id"
        " AND o.order_id = t.reference_id"
        " WHERE t.debit_account = 'opening' AND t.credit_account = 'deposit'"
    )


def _create_rates() -> None:
    op.create_table(
        "deposit_rates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", STAMP, nullable=False),
        sa.CheckConstraint("kind IN ('box', 'bottles')", name=op.f("ck_deposit_rates_kind")),
        sa.CheckConstraint(
            "(kind = 'bottles') = (product_id IS NOT NULL)", name=op.f("ck_deposit_rates_product")
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_deposit_rates_amount")),
        sa.CheckConstraint(
            "NOT isempty(valid) AND NOT lower_inf(valid)", name=op.f("ck_deposit_rates_valid")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name="fk_deposit_rates_product_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deposit_rates"),
        postgresql.ExcludeConstraint(
            (
                sa.literal_column(
                    "coalesce(product_id, '00000000-0000-0000-0000-000000000000'::uuid)"
                ),
                "=",
            ),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_deposit_rates",
        ),
    )


def _create_installations() -> None:
    op.create_table(
        "box_installations",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("installation_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", STAMP, nullable=False),
        sa.Column("done_at", STAMP, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("change_ids", postgresql.JSONB(), nullable=False, server_default="[]"),
        sa.CheckConstraint(
            "state IN ('open', 'done', 'cancelled', 'removed')",
            name=op.f("ck_box_installations_state"),
        ),
        sa.CheckConstraint(
            "(state IN ('done', 'removed')) = (done_at IS NOT NULL)",
            name=op.f("ck_box_installations_done"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "address_id"],
            ["addresses.customer_id", "addresses.address_id"],
            name="fk_box_installations_customer_id_address_id",
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name="fk_box_installations_station_id"
        ),
        sa.PrimaryKeyConstraint("customer_id", "installation_id", name="pk_box_installations"),
    )
    op.create_index(
        "uq_box_installations_door",
        "box_installations",
        ["customer_id", "address_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('open', 'done')"),
    )
    op.create_index(
        "ix_box_installations_due", "box_installations", ["state", "due_date", "installation_id"]
    )
    _create_moves("installation_moves", "installation_id", "box_installations")


def _create_moves(table: str, column: str, of: str) -> None:
    op.create_table(
        table,
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column(column, sa.Uuid(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("at", STAMP, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id", column],
            [f"{of}.customer_id", f"{of}.{column}"],
            name=f"fk_{table}_customer_id_{column}",
        ),
        sa.PrimaryKeyConstraint("customer_id", "entry_id", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_{column}", table, ["customer_id", column])


def _widen_orders() -> None:
    op.add_column(
        "orders", sa.Column("deposit_fen", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("orders", sa.Column("installation_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_orders_customer_id_installation_id",
        "orders",
        "box_installations",
        ["customer_id", "installation_id"],
        ["customer_id", "installation_id"],
    )
    op.create_index(
        "ix_orders_installation_id",
        "orders",
        ["customer_id", "installation_id"],
        postgresql_where=sa.text("installation_id IS NOT NULL"),
    )
    op.drop_constraint(op.f("ck_orders_price"), "orders")
    op.create_check_constraint(
        op.f("ck_orders_price"), "orders", "price_fen >= 0 AND deposit_fen >= 0"
    )


def _create_deposits() -> None:
    op.create_table(
        "deposits",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("deposit_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("is_opening", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("moved_at", STAMP, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('box', 'bottles')", name=op.f("ck_deposits_kind")),
        sa.CheckConstraint(
            "(kind = 'bottles') = (product_id IS NOT NULL)", name=op.f("ck_deposits_product")
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'held', 'due_back', 'returned', 'kept', 'dropped')",
            name=op.f("ck_deposits_state"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_deposits_amount")),
        sa.CheckConstraint(
            "state <> 'kept' OR reason IS NOT NULL", name=op.f("ck_deposits_reason")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_id"],
            ["orders.customer_id", "orders.order_id"],
            name="fk_deposits_customer_id_order_id",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "address_id"],
            ["addresses.customer_id", "addresses.address_id"],
            name="fk_deposits_customer_id_address_id",
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name="fk_deposits_product_id"),
        sa.PrimaryKeyConstraint("customer_id", "deposit_id", name="pk_deposits"),
    )
    op.create_index(
        "uq_deposits_door",
        "deposits",
        ["customer_id", "address_id", "kind", "product_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('held', 'due_back') AND NOT is_opening"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_deposits_order_id", "deposits", ["customer_id", "order_id"])
    op.create_index("ix_deposits_address_id", "deposits", ["customer_id", "address_id"])
    op.create_index("ix_deposits_state", "deposits", ["state", "moved_at", "deposit_id"])
    _create_moves("deposit_moves", "deposit_id", "deposits")


def downgrade() -> None:
    """Take back; what is held stays booked on the ledger."""
    op.drop_table("deposit_moves")
    op.drop_table("deposits")
    op.drop_constraint(op.f("ck_orders_price"), "orders")
    op.create_check_constraint(op.f("ck_orders_price"), "orders", "price_fen >= 0")
    op.drop_index("ix_orders_installation_id", "orders")
    op.drop_constraint("fk_orders_customer_id_installation_id", "orders", type_="foreignkey")
    op.drop_column("orders", "installation_id")
    op.drop_column("orders", "deposit_fen")
    op.drop_table("installation_moves")
    op.drop_table("box_installations")
    op.drop_table("deposit_rates")
    op.drop_column("products", "needs_box")
