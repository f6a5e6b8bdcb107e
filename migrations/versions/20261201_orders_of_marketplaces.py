"""Orders of marketplaces: shops, SKUs, outside orders and refunds; payments made outside

Revision: 0011
Revises: 0010
"""

import re
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STAMP = sa.DateTime(timezone=True)
CHANNELS = "'wechat', 'cash', 'pos'"
METHODS = "'native', 'jsapi', 'h5', 'door'"
AGREED = "'web', 'app', 'mini_program', 'door', 'sms_link'"
PURPOSES = "'ticket_result', 'phone_order', 'ticket_rating'"
KIND = "marketplace_claim"
TEXT = "您在${shop}购买的${number}号订单请打开${site}/l/${token} 填写送奶地址，${until}前有效。"
SEED_TEXT = """
INSERT INTO sms_templates
    (id, kind, category, text, variables, valid, useful_minutes, useful_until, created_at,
     created_by)
SELECT uuidv7(), :kind, 'service', :text, :variables, '(,)', 1440, NULL, :at, 'system'
"""
SEED_CODES = """
INSERT INTO sms_template_codes
    (template_id, account, provider_code, approval, note, changed_at, changed_by)
SELECT t.id, a.account, 'SMS_' || upper(t.kind),
       CASE WHEN EXISTS (SELECT FROM demo_mark) THEN 'approved' ELSE 'draft' END,
       NULL, :at, 'system'
FROM sms_templates t CROSS JOIN unnest(ARRAY['primary', 'backup']) AS a(account)
WHERE t.kind = :kind
"""


def upgrade() -> None:
    """Add the tables, and what payments, orders, links and SMS may say besides."""
    _shops()
    _orders()
    _refunds()
    _recheck("payments", "channel", f"{CHANNELS}, 'marketplace'")
    _recheck("payments", "method", f"{METHODS}, 'outside'")
    _recheck("orders", "agreed_through", f"{AGREED}, 'marketplace'")
    _recheck("links", "purpose", f"{PURPOSES}, 'marketplace_claim'")
    connection, at = op.get_bind(), datetime.now(UTC)
    connection.execute(
        sa.text(SEED_TEXT).bindparams(
            sa.bindparam("at", at, STAMP),
            sa.bindparam("text", TEXT, sa.Text()),
            sa.bindparam("variables", re.findall(r"\$\{(\w+)\}", TEXT), sa.ARRAY(sa.Text())),
            kind=KIND,
        )
    )
    connection.execute(
        sa.text(SEED_CODES).bindparams(
            sa.bindparam("at", at, STAMP), sa.bindparam("kind", KIND, sa.Text())
        )
    )


def _recheck(table: str, column: str, values: str, **options: bool) -> None:
    name = f"ck_{table}_{column}"
    op.drop_constraint(op.f(name), table, type_="check")
    op.create_check_constraint(op.f(name), table, f"{column} IN ({values})", **options)


def _shops() -> None:
    op.create_table(
        "marketplace_shops",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("listing_agreement", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("credentials_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("push_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", STAMP, nullable=False),
        sa.CheckConstraint("source IN ('tmall', 'jd')", name=op.f("ck_marketplace_shops_source")),
        sa.ForeignKeyConstraint(
            ["city_code"], ["cities.code"], name=op.f("fk_marketplace_shops_city_code")
        ),
        sa.ForeignKeyConstraint(
            ["listing_agreement"],
            ["order_agreements.version"],
            name=op.f("fk_marketplace_shops_listing_agreement"),
        ),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_marketplace_shops")),
        sa.UniqueConstraint("code", name=op.f("uq_marketplace_shops_code")),
    )
    op.create_table(
        "marketplace_cursors",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("pulled_until", STAMP, nullable=False),
        sa.Column("leased_until", STAMP, nullable=True),
        sa.Column("succeeded_at", STAMP, nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_marketplace_cursors")),
    )
    op.create_table(
        "marketplace_skus",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("bottles", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.SmallInteger(), nullable=True),
        sa.Column("interval_days", sa.SmallInteger(), nullable=True),
        sa.Column("weekday_quantities", sa.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("changed_at", STAMP, nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(weekday_quantities IS NULL AND quantity BETWEEN 1 AND 99 AND interval_days BETWEEN 1 AND 90) OR (weekday_quantities IS NOT NULL AND quantity IS NULL AND interval_days IS NULL AND array_length(weekday_quantities, 1) = 7)",
            name=op.f("ck_marketplace_skus_pattern"),
        ),
        sa.CheckConstraint("bottles BETWEEN 1 AND 4000", name=op.f("ck_marketplace_skus_bottles")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_marketplace_skus_product_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["marketplace_shops.shop_id"], name=op.f("fk_marketplace_skus_shop_id")
        ),
        sa.PrimaryKeyConstraint("shop_id", "sku", name=op.f("pk_marketplace_skus")),
    )
    op.create_table(
        "promotion_codes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("deliverer_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", STAMP, nullable=False),
        sa.ForeignKeyConstraint(
            ["deliverer_id"], ["deliverers.id"], name=op.f("fk_promotion_codes_deliverer_id")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_promotion_codes")),
    )
    op.create_table(
        "push_nonces",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("seen_at", STAMP, nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "nonce", name=op.f("pk_push_nonces")),
    )
    op.create_index(op.f("ix_push_nonces_seen_at"), "push_nonces", ["seen_at"], unique=False)


def _orders() -> None:
    op.create_table(
        "external_orders",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", STAMP, nullable=False),
        sa.Column("modified_at", STAMP, nullable=False),
        sa.Column("received_at", STAMP, nullable=False),
        sa.Column("changed_at", STAMP, nullable=False),
        sa.Column("accepted_at", STAMP, nullable=True),
        sa.Column("raw_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("receiver_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("canvasser_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("claim_round", sa.BigInteger(), nullable=False),
        sa.Column("claim_token_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("claimed_by_sms", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(order_id IS NULL) = (customer_id IS NULL) AND (state = 'placed') = (order_id IS NOT NULL)",
            name=op.f("ck_external_orders_placed"),
        ),
        sa.CheckConstraint("source IN ('tmall', 'jd')", name=op.f("ck_external_orders_source")),
        sa.CheckConstraint(
            "state IN ('received', 'needs_sku', 'needs_address', 'needs_review', 'mapped', 'placed', 'refused', 'refunded_outside')",
            name=op.f("ck_external_orders_state"),
        ),
        sa.CheckConstraint("way IN ('pull', 'push', 'file')", name=op.f("ck_external_orders_way")),
        sa.CheckConstraint("paid_fen > 0", name=op.f("ck_external_orders_paid")),
        sa.ForeignKeyConstraint(
            ["canvasser_id"], ["deliverers.id"], name=op.f("fk_external_orders_canvasser_id")
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["marketplace_shops.shop_id"], name=op.f("fk_external_orders_shop_id")
        ),
        sa.PrimaryKeyConstraint("source", "number", name=op.f("pk_external_orders")),
        sa.UniqueConstraint("external_id", name=op.f("uq_external_orders_external_id")),
    )
    op.create_index(
        "ix_external_orders_canvasser_id",
        "external_orders",
        ["canvasser_id", "received_at"],
        unique=False,
        postgresql_where=sa.text("canvasser_id IS NOT NULL"),
    )
    op.create_index(
        "ix_external_orders_customer_id",
        "external_orders",
        ["customer_id"],
        unique=False,
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )
    op.create_index(
        "ix_external_orders_open",
        "external_orders",
        ["state", "received_at"],
        unique=False,
        postgresql_where=sa.text(
            "state IN ('mapped', 'needs_address', 'needs_review', 'needs_sku', 'received')"
        ),
    )
    op.create_index(
        "ix_external_orders_received_at",
        "external_orders",
        ["received_at", "external_id"],
        unique=False,
    )
    op.create_table(
        "external_lines",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "units >= 1 AND units <= 4000 AND paid_fen >= 0", name=op.f("ck_external_lines_amounts")
        ),
        sa.ForeignKeyConstraint(
            ["source", "number"],
            ["external_orders.source", "external_orders.number"],
            name=op.f("fk_external_lines_source_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source", "number", "line_no", name=op.f("pk_external_lines")),
    )
    op.create_index("ix_external_lines_sku", "external_lines", ["sku"], unique=False)
    op.create_table(
        "external_moves",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("at", STAMP, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "facts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.ForeignKeyConstraint(
            ["source", "number"],
            ["external_orders.source", "external_orders.number"],
            name=op.f("fk_external_moves_source_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_external_moves")),
    )
    op.create_index(
        "ix_external_moves_number", "external_moves", ["source", "number"], unique=False
    )


def _refunds() -> None:
    op.create_table(
        "external_refunds",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("refund_no", sa.Text(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Text(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("refunded_at", STAMP, nullable=False),
        sa.Column("received_at", STAMP, nullable=False),
        sa.Column("mirrored_at", STAMP, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("bottles", sa.BigInteger(), nullable=False),
        sa.Column("difference_fen", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at", STAMP, nullable=True),
        sa.CheckConstraint(
            "outcome IN ('ended', 'cut', 'nothing', 'waits', 'before_order', 'exceeds')",
            name=op.f("ck_external_refunds_outcome"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_external_refunds_amount")),
        sa.PrimaryKeyConstraint("source", "refund_no", name=op.f("pk_external_refunds")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_external_refunds_refund_id")),
    )
    op.create_index(
        "ix_external_refunds_due",
        "external_refunds",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )
    op.create_index(
        "ix_external_refunds_number", "external_refunds", ["source", "number"], unique=False
    )


def downgrade() -> None:
    """Drop them; money and agreements of marketplaces stay as they are written."""
    op.execute("DELETE FROM links WHERE purpose = 'marketplace_claim'")
    op.execute("DELETE FROM sms_templates WHERE kind = 'marketplace_claim'")
    _recheck("links", "purpose", PURPOSES)
    _recheck("orders", "agreed_through", AGREED, postgresql_not_valid=True)
    _recheck("payments", "method", METHODS, postgresql_not_valid=True)
    _recheck("payments", "channel", CHANNELS, postgresql_not_valid=True)
    for table in (
        "external_moves",
        "external_lines",
        "external_refunds",
        "external_orders",
        "promotion_codes",
        "push_nonces",
        "marketplace_skus",
        "marketplace_cursors",
        "marketplace_shops",
    ):
        op.drop_table(table)
