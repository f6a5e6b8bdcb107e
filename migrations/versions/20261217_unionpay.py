"""UnionPay: payments of another channel, and its bills

Revision: 0027
Revises: 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CHANNELS = "'wechat', 'alipay', 'cash', 'pos', 'marketplace'"


def upgrade() -> None:
    """Let payments and bills say so."""
    for table in ("payments", "channel_bills"):
        _recheck(table, f"{CHANNELS}, 'unionpay'")


def downgrade() -> None:
    """Take the value away for what comes; what came through UnionPay stays as written."""
    for table in ("channel_bills", "payments"):
        _recheck(table, CHANNELS, postgresql_not_valid=True)


def _recheck(table: str, values: str, **options: bool) -> None:
    name = op.f(f"ck_{table}_channel")
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, f"channel IN ({values})", **options)
