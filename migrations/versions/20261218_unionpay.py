"""UnionPay: payments of another channel, its bills, and how it gives money back

Revision: 0028
Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

CHANNELS = "'wechat', 'alipay', 'cash', 'pos', 'marketplace'"
TABLES = ("payments", "channel_bills", "refund_rules")
KNOWN = """
INSERT INTO refund_rules
    (channel, valid_from, max_age_days, max_refunds, gap_seconds, articles, set_at)
VALUES
    ('unionpay', '2020-01-01', 330, NULL, 0, '银联在线网关支付：退货须在支付后十一个月内',
     '2020-01-01T00:00:00Z')
"""


def upgrade() -> None:
    """Let them say so, and write down what is known."""
    for table in TABLES:
        _recheck(table, f"{CHANNELS}, 'unionpay'")
    op.execute(KNOWN)


def downgrade() -> None:
    """Take the value away for what comes; what came through UnionPay stays as written."""
    op.execute("DELETE FROM refund_rules WHERE channel = 'unionpay' AND set_by IS NULL")
    for table in reversed(TABLES):
        _recheck(table, CHANNELS, postgresql_not_valid=True)


def _recheck(table: str, values: str, **options: bool) -> None:
    name = op.f(f"ck_{table}_channel")
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, f"channel IN ({values})", **options)
