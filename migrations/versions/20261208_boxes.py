"""deposits not asked on marketplaces, moves that wait for a milk box

Revision: 0018
Revises: 0017
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

DEPOSITS = "'asked', 'held', 'due_back', 'returned', 'kept', 'dropped'"
CHANGES = (
    "'awaiting_payment', 'paid', 'applied', 'undone', 'expired', 'refused', 'under_review',"
    " 'rejected', 'awaiting_confirmation', 'declined'"
)
KIND = "move_awaits_box"
WORDS = "您的订单${order}的新地址需先安装奶箱，装好后短信通知您开始日期；之前仍送原地址。"
TEXT = """
INSERT INTO sms_templates
    (id, kind, category, text, variables, valid, useful_minutes, useful_until, created_at,
     created_by)
VALUES (uuidv7(), :kind, 'service', :text, :variables, '(,)', 1440, NULL, :at, 'system')
"""
CODES = """
INSERT INTO sms_template_codes
    (template_id, account, provider_code, approval, note, changed_at, changed_by)
SELECT t.id, a.account, 'SMS_' || upper(t.kind),
       CASE WHEN EXISTS (SELECT FROM demo_mark) THEN 'approved' ELSE 'draft' END,
       NULL, :at, 'system'
FROM sms_templates t CROSS JOIN unnest(ARRAY['primary', 'backup']) AS a(account)
WHERE t.kind = :kind
"""


def upgrade() -> None:
    """Apply."""
    _say_states("deposits", "state", f"{DEPOSITS}, 'not_asked'")
    _say_states("order_changes", "status", f"{CHANGES}, 'awaiting_box'")
    _index_waiting("status IN ('under_review', 'awaiting_box')")
    seeded = {
        "kind": sa.bindparam("kind", KIND, sa.Text()),
        "at": sa.bindparam("at", datetime.now(UTC), sa.DateTime(timezone=True)),
        "text": sa.bindparam("text", WORDS),
        "variables": sa.bindparam("variables", ["order"], postgresql.ARRAY(sa.Text())),
    }
    connection = op.get_bind()
    connection.execute(sa.text(TEXT).bindparams(*seeded.values()))
    connection.execute(sa.text(CODES).bindparams(seeded["kind"], seeded["at"]))


def downgrade() -> None:
    """Take back: moves that wait for a box have not happened, and expire."""
    op.execute("DELETE FROM deposits WHERE state = 'not_asked'")
    op.execute("UPDATE order_changes SET status = 'expired' WHERE status = 'awaiting_box'")
    _say_states("deposits", "state", DEPOSITS)
    _say_states("order_changes", "status", CHANGES)
    _index_waiting("status = 'under_review'")
    ours = "(SELECT id FROM sms_templates WHERE kind = 'move_awaits_box')"
    op.execute(f"DELETE FROM sms_template_codes WHERE template_id IN {ours}")
    op.execute("DELETE FROM sms_templates WHERE kind = 'move_awaits_box'")


def _say_states(table: str, column: str, states: str) -> None:
    name = op.f(f"ck_{table}_{column}")
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, f"{column} IN ({states})")


def _index_waiting(where: str) -> None:
    op.drop_index("uq_order_changes_waiting_move", "order_changes")
    op.create_index(
        "uq_order_changes_waiting_move",
        "order_changes",
        ["customer_id", "order_id"],
        unique=True,
        postgresql_where=sa.text(where),
    )
