"""renewals, line by line; dated rules of what cancelling gives back

Revision: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STANDING = "renews_order_id IS NOT NULL AND status NOT IN ('expired', 'rejected', 'cancelled')"

POLICIES = """
INSERT INTO cancel_policies
    (id, valid, articles, full_refund_days, card_days, card_arithmetic, created_by)
VALUES
    (uuidv7(), '(,2025-05-01)', '消费者权益保护法实施条例第二十二条', 0, 90, 'price_paid', 'system'),
    (uuidv7(), '[2025-05-01,)',
     '消费者权益保护法实施条例第二十二条；法释〔2025〕4号（七日内全额退款、按已履行部分结算）',
     7, 90, 'price_paid', 'system')
"""


def upgrade() -> None:
    """Apply."""
    _create_policies()
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


def _create_policies() -> None:
    op.create_table(
        "cancel_policies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("articles", sa.Text(), nullable=False),
        sa.Column("full_refund_days", sa.SmallInteger(), nullable=False),
        sa.Column("card_days", sa.SmallInteger(), nullable=False),
        sa.Column("card_arithmetic", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "full_refund_days >= 0 AND full_refund_days <= 90 AND card_days > 0",
            name=op.f("ck_cancel_policies_days"),
        ),
        sa.CheckConstraint(
            "card_arithmetic IN ('price_paid', 'list_price')",
            name=op.f("ck_cancel_policies_card_arithmetic"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cancel_policies"),
        postgresql.ExcludeConstraint(
            (sa.column("valid"), "&&"), using="gist", name="ex_cancel_policies"
        ),
    )
    op.execute(POLICIES)


def downgrade() -> None:
    """Take back."""
    op.drop_table("cancel_policies")
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
