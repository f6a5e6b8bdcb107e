"""Alipay: payments of another channel, and two more ways of paying

Revision: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

CHANNELS = "'wechat', 'cash', 'pos', 'marketplace'"
METHODS = "'native', 'jsapi', 'h5', 'door', 'outside'"


def upgrade() -> None:
    """Let payments say so."""
    _recheck("channel", f"{CHANNELS}, 'alipay'")
    _recheck("method", f"{METHODS}, 'page', 'app'")


def downgrade() -> None:
    """Take the values away for what comes; money that came through Alipay stays as written."""
    _recheck("method", METHODS, postgresql_not_valid=True)
    _recheck("channel", CHANNELS, postgresql_not_valid=True)


def _recheck(column: str, values: str, **options: bool) -> None:
    name = op.f(f"ck_payments_{column}")
    op.drop_constraint(name, "payments", type_="check")
    op.create_check_constraint(name, "payments", f"{column} IN ({values})", **options)
