"""refund rules: how each channel gives money back, from a date on, with the article

Revision: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CHANNELS = "'wechat', 'alipay', 'cash', 'pos', 'marketplace'"
KNOWN = """
INSERT INTO refund_rules
    (channel, valid_from, max_age_days, max_refunds, gap_seconds, articles, set_at)
VALUES
    ('wechat', '2020-01-01', 365, 50, 60,
     '微信支付《申请退款》：支付一年内；同一订单最多 50 次部分退款，间隔一分钟',
     '2020-01-01T00:00:00Z'),
    ('alipay', '2020-01-01', 365, NULL, 0,
     '支付宝签约合同约定的退款期限，通常十二个月', '2020-01-01T00:00:00Z'),
    ('pos', '2020-01-01', 180, NULL, 0,
     '收单机构规则：隔日退货，期限以收单协议为准', '2020-01-01T00:00:00Z')
"""


def upgrade() -> None:
    """Write down what is known of the channels."""
    op.create_table(
        "refund_rules",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("max_age_days", sa.BigInteger(), nullable=True),
        sa.Column("max_refunds", sa.BigInteger(), nullable=True),
        sa.Column("gap_seconds", sa.BigInteger(), nullable=False),
        sa.Column("articles", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"channel IN ({CHANNELS})", name=op.f("ck_refund_rules_channel")),
        sa.CheckConstraint(
            "max_age_days > 0 AND max_refunds > 0 AND gap_seconds >= 0 AND gap_seconds <= 3600",
            name=op.f("ck_refund_rules_limits"),
        ),
        sa.CheckConstraint("btrim(articles) <> ''", name=op.f("ck_refund_rules_articles")),
        sa.PrimaryKeyConstraint("channel", "valid_from", name=op.f("pk_refund_rules")),
    )
    op.execute(KNOWN)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("refund_rules")
