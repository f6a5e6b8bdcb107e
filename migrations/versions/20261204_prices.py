"""prices: by city and channel, less for a long period, what a term really used costs

Revision: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


STAMP = sa.DateTime(timezone=True)
SETTLED = "ck_cancel_policies_card_arithmetic"


def upgrade() -> None:
    """Apply."""
    _widen_prices()
    _create_discounts()
    _create_promotions()
    op.add_column(
        "order_lines",
        sa.Column("discount_fen", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.add_column("order_lines", sa.Column("discount_id", sa.Uuid(), nullable=True))
    op.add_column("order_lines", sa.Column("priced_date", sa.Date(), nullable=True))
    op.add_column("order_lines", sa.Column("promotion_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_order_lines_promotion_id", "order_lines", "promotions", ["promotion_id"], ["id"]
    )
    op.create_foreign_key(
        "fk_order_lines_discount_id", "order_lines", "period_discounts", ["discount_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_order_lines_discount"),
        "order_lines",
        "discount_fen >= 0 AND (discount_id IS NULL OR priced_date IS NOT NULL)",
    )
    op.drop_constraint(SETTLED, "cancel_policies")
    op.create_check_constraint(
        op.f(SETTLED),
        "cancel_policies",
        "card_arithmetic IN ('price_paid', 'list_price', 'term_price')",
    )
    # No line has a discount yet, and without one both come to the same: nobody's terms change.
    op.execute(
        "UPDATE cancel_policies SET card_arithmetic = 'term_price'"
        " WHERE created_by = 'system' AND lower(valid) = '2025-05-01'"
    )


def _widen_prices() -> None:
    op.add_column("product_prices", sa.Column("city_code", sa.Text(), nullable=True))
    op.add_column("product_prices", sa.Column("channel", sa.Text(), nullable=True))
    op.create_foreign_key(
        "fk_product_prices_city_code", "product_prices", "cities", ["city_code"], ["code"]
    )
    op.create_check_constraint(
        op.f("ck_product_prices_channel"),
        "product_prices",
        "channel IN ('web', 'phone', 'door', 'shop', 'marketplace')",
    )
    op.drop_constraint("ex_prices", "product_prices")
    op.create_exclude_constraint(
        "ex_prices",
        "product_prices",
        ("product_id", "="),
        (sa.literal_column("coalesce(city_code, '')"), "="),
        (sa.literal_column("coalesce(channel, '')"), "="),
        ("valid", "&&"),
        using="gist",
    )


def _create_discounts() -> None:
    op.create_table(
        "period_discounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("min_days", sa.SmallInteger(), nullable=True),
        sa.Column("min_bottles", sa.SmallInteger(), nullable=True),
        sa.Column("off_permille", sa.SmallInteger(), nullable=True),
        sa.Column("off_fen", sa.BigInteger(), nullable=True),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", STAMP, nullable=False),
        sa.CheckConstraint("length(name) > 0", name=op.f("ck_period_discounts_name")),
        sa.CheckConstraint(
            "NOT isempty(valid) AND NOT lower_inf(valid)", name=op.f("ck_period_discounts_valid")
        ),
        sa.CheckConstraint(
            "num_nonnulls(min_days, min_bottles) = 1 AND min_days BETWEEN 1 AND 730"
            " OR num_nonnulls(min_days, min_bottles) = 1 AND min_bottles BETWEEN 1 AND 4000",
            name=op.f("ck_period_discounts_reached"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(off_permille, off_fen) = 1 AND off_permille BETWEEN 1 AND 900"
            " OR num_nonnulls(off_permille, off_fen) = 1 AND off_fen > 0",
            name=op.f("ck_period_discounts_granted"),
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name="fk_period_discounts_product_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_period_discounts"),
        postgresql.ExcludeConstraint(
            (
                sa.literal_column(
                    "coalesce(product_id, '00000000-0000-0000-0000-000000000000'::uuid)"
                ),
                "=",
            ),
            (sa.literal_column("coalesce(min_days, 0)"), "="),
            (sa.literal_column("coalesce(min_bottles, 0)"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_period_discounts",
        ),
    )


def _create_promotions() -> None:
    op.create_table(
        "promotions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("product_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("buy_bottles", sa.SmallInteger(), nullable=True),
        sa.Column("gift_bottles", sa.SmallInteger(), nullable=True),
        sa.Column("off_permille", sa.SmallInteger(), nullable=True),
        sa.Column("off_fen", sa.BigInteger(), nullable=True),
        sa.Column("forbids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", STAMP, nullable=False),
        sa.CheckConstraint(
            "length(name) > 0 AND length(rule) > 0", name=op.f("ck_promotions_words")
        ),
        sa.CheckConstraint(
            "NOT isempty(valid) AND NOT lower_inf(valid)", name=op.f("ck_promotions_valid")
        ),
        sa.CheckConstraint("cardinality(product_ids) > 0", name=op.f("ck_promotions_products")),
        sa.CheckConstraint(
            "channel IN ('web', 'phone', 'door', 'shop', 'marketplace')",
            name=op.f("ck_promotions_channel"),
        ),
        sa.CheckConstraint(
            "buy_bottles > 0 AND gift_bottles > 0", name=op.f("ck_promotions_gifts")
        ),
        sa.CheckConstraint(
            "off_permille BETWEEN 1 AND 900", name=op.f("ck_promotions_off_permille")
        ),
        sa.CheckConstraint("off_fen > 0", name=op.f("ck_promotions_off_fen")),
        sa.CheckConstraint(
            "num_nonnulls(buy_bottles, gift_bottles) = 2"
            " AND num_nonnulls(off_permille, off_fen) = 0"
            " OR num_nonnulls(buy_bottles, gift_bottles) = 0"
            " AND num_nonnulls(off_permille, off_fen) = 1",
            name=op.f("ck_promotions_granted"),
        ),
        sa.CheckConstraint(
            "forbids <@ ARRAY['pause', 'skip', 'cancel', 'swap', 'quantity']::text[]",
            name=op.f("ck_promotions_forbids"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_promotions"),
    )
    op.create_index("ix_promotions_valid", "promotions", ["valid"], postgresql_using="gist")


def downgrade() -> None:
    """Take back; prices of one city or channel have no place before."""
    op.execute(
        "UPDATE cancel_policies SET card_arithmetic = 'price_paid'"
        " WHERE card_arithmetic = 'term_price'"
    )
    op.drop_constraint(SETTLED, "cancel_policies")
    op.create_check_constraint(
        op.f(SETTLED), "cancel_policies", "card_arithmetic IN ('price_paid', 'list_price')"
    )
    op.drop_constraint("fk_order_lines_promotion_id", "order_lines", type_="foreignkey")
    op.drop_column("order_lines", "promotion_id")
    op.drop_constraint("fk_order_lines_discount_id", "order_lines", type_="foreignkey")
    op.drop_constraint(op.f("ck_order_lines_discount"), "order_lines")
    for column in ("priced_date", "discount_id", "discount_fen"):
        op.drop_column("order_lines", column)
    op.drop_table("period_discounts")
    op.drop_table("promotions")
    op.execute("DELETE FROM product_prices WHERE city_code IS NOT NULL OR channel IS NOT NULL")
    op.drop_constraint("ex_prices", "product_prices")
    op.create_exclude_constraint(
        "ex_prices", "product_prices", ("product_id", "="), ("valid", "&&"), using="gist"
    )
    op.drop_constraint(op.f("ck_product_prices_channel"), "product_prices")
    op.drop_constraint("fk_product_prices_city_code", "product_prices", type_="foreignkey")
    op.drop_column("product_prices", "channel")
    op.drop_column("product_prices", "city_code")
