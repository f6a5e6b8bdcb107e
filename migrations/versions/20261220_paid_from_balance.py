"""the customer's balance as a way of paying

Revision: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

CHANNELS = "'wechat', 'alipay', 'unionpay', 'cash', 'pos', 'marketplace'"
METHODS = "'native', 'jsapi', 'h5', 'page', 'app', 'door', 'outside'"
TABLES = ("payments", "channel_bills", "refund_rules")


def upgrade() -> None:
    """Let payments say so."""
    for table in TABLES:
        _recheck(table, "channel", f"{CHANNELS}, 'balance'")
    _recheck("payments", "method", f"{METHODS}, 'balance'")


def downgrade() -> None:
    """Take the value away for what comes; what was paid from balances stays as written."""
    _recheck("payments", "method", METHODS, postgresql_not_valid=True)
    for table in reversed(TABLES):
        _recheck(table, "channel", CHANNELS, postgresql_not_valid=True)


def _recheck(table: str, column: str, values: str, **options: bool) -> None:
    name = op.f(f"ck_{table}_{column}")
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, f"{column} IN ({values})", **options)
