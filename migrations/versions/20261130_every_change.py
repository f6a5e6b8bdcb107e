"""every change: statuses, phases of a line, days asked for one by one, value by product

Revision: 0008
Revises: 0007
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STAMP = sa.DateTime(timezone=True)
STATUSES = "'awaiting_payment', 'paid', 'applied', 'undone', 'expired', 'refused'"
PATTERN = (
    "((weekday_quantities IS NULL AND quantity BETWEEN 1 AND 99"
    " AND interval_days BETWEEN 1 AND 90)"
    " OR (weekday_quantities IS NOT NULL AND quantity IS NULL AND interval_days IS NULL"
    " AND array_length(weekday_quantities, 1) = 7)) AND anchor_date IS NOT NULL"
    " OR num_nonnulls(quantity, interval_days, weekday_quantities, anchor_date) = 0"
)
CHANGE_CHECKS = {
    "ck_order_changes_status": f"status IN ({STATUSES})",
    "ck_order_changes_amounts": "pay_fen >= 0 AND credit_fen >= 0",
    "ck_order_changes_payment": (
        "status NOT IN ('awaiting_payment', 'paid') OR pay_fen > 0 AND pay_before_at IS NOT NULL"
    ),
}

TEXT = """
INSERT INTO sms_templates
    (id, kind, category, text, variables, valid, useful_minutes, useful_until, created_at,
     created_by)
SELECT uuidv7(), 'change_refused', 'service',
       '很抱歉，您的订单${order}的变更（${what}）未能生效，已付${amount}元将原路退回。',
       ARRAY['order', 'what', 'amount'], '(,)', 1440, NULL, :at, 'system'
"""
CODES = """
INSERT INTO sms_template_codes
    (template_id, account, provider_code, approval, note, changed_at, changed_by)
SELECT t.id, a.account, 'SMS_CHANGE_REFUSED',
       CASE WHEN EXISTS (SELECT FROM demo_mark) THEN 'approved' ELSE 'draft' END,
       NULL, :at, 'system'
FROM sms_templates t CROSS JOIN unnest(ARRAY['primary', 'backup']) AS a(account)
WHERE t.kind = 'change_refused'
"""


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "order_lines",
        sa.Column(
            "unscheduled_products",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
    )
    op.add_column("order_terms", sa.Column("change_id", sa.Uuid(), nullable=True))
    op.add_column("entitlement_entries", sa.Column("product_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_entitlement_entries_product_id",
        "entitlement_entries",
        "products",
        ["product_id"],
        ["id"],
    )
    _widen_changes()
    _create_history()
    _create_phases()
    _create_notices()
    _seed_text()


def _widen_changes() -> None:
    columns: tuple[sa.Column[object], ...] = (
        sa.Column("status", sa.Text(), nullable=False, server_default="applied"),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("pay_fen", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("credit_fen", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("pay_before_at", STAMP, nullable=True),
        sa.Column("resumes_date", sa.Date(), nullable=True),
        sa.Column(
            "footprint",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
    )
    for column in columns:
        op.add_column("order_changes", column)
    for name, check in CHANGE_CHECKS.items():
        op.create_check_constraint(op.f(name), "order_changes", check)
    op.create_index(
        "ix_order_changes_open",
        "order_changes",
        ["pay_before_at"],
        postgresql_where=sa.text("status IN ('awaiting_payment', 'paid')"),
    )
    op.create_index(
        "ix_order_changes_resumes_date",
        "order_changes",
        ["resumes_date"],
        postgresql_where=sa.text("resumes_date IS NOT NULL"),
    )


def _create_history() -> None:
    op.create_table(
        "order_change_history",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("at", STAMP, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id", "change_id"],
            ["order_changes.customer_id", "order_changes.change_id"],
            name="fk_order_change_history_customer_id_change_id",
        ),
        sa.PrimaryKeyConstraint("customer_id", "entry_id", name="pk_order_change_history"),
    )
    op.create_index(
        "ix_order_change_history_change_id", "order_change_history", ["customer_id", "change_id"]
    )


def _create_phases() -> None:
    op.create_table(
        "line_phases",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("quantity", sa.SmallInteger(), nullable=True),
        sa.Column("interval_days", sa.SmallInteger(), nullable=True),
        sa.Column("weekday_quantities", postgresql.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("anchor_date", sa.Date(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(PATTERN, name=op.f("ck_line_phases_pattern")),
        sa.CheckConstraint(
            "num_nonnulls(product_id, quantity, weekday_quantities) > 0",
            name=op.f("ck_line_phases_something"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
            name="fk_line_phases_customer_id_order_line_id",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "change_id"],
            ["order_changes.customer_id", "order_changes.change_id"],
            name="fk_line_phases_customer_id_change_id",
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name="fk_line_phases_product_id"),
        sa.PrimaryKeyConstraint("customer_id", "order_line_id", "change_id", name="pk_line_phases"),
    )


def _create_notices() -> None:
    op.create_table(
        "renewal_notices",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("noticed_date", sa.Date(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("told_at", STAMP, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_id"],
            ["orders.customer_id", "orders.order_id"],
            name="fk_renewal_notices_customer_id_order_id",
        ),
        sa.PrimaryKeyConstraint("customer_id", "order_id", name="pk_renewal_notices"),
    )
    op.create_index(
        "ix_renewal_notices_untold",
        "renewal_notices",
        ["noticed_date", "batch"],
        postgresql_where=sa.text("told_at IS NULL"),
    )


def _seed_text() -> None:
    connection, at = op.get_bind(), datetime.now(UTC)
    for statement in (TEXT, CODES):
        connection.execute(sa.text(statement).bindparams(sa.bindparam("at", at, STAMP)))


def downgrade() -> None:
    """Take back."""
    op.execute(
        "DELETE FROM sms_template_codes WHERE template_id IN"
        " (SELECT id FROM sms_templates WHERE kind = 'change_refused')"
    )
    op.execute("DELETE FROM sms_templates WHERE kind = 'change_refused'")
    op.drop_table("renewal_notices")
    op.drop_table("line_phases")
    op.drop_table("order_change_history")
    op.drop_index("ix_order_changes_resumes_date", "order_changes")
    op.drop_index("ix_order_changes_open", "order_changes")
    for name in CHANGE_CHECKS:
        op.drop_constraint(op.f(name), "order_changes", type_="check")
    for column in (
        "footprint",
        "resumes_date",
        "pay_before_at",
        "credit_fen",
        "pay_fen",
        "rule",
        "status",
    ):
        op.drop_column("order_changes", column)
    op.drop_constraint(
        "fk_entitlement_entries_product_id", "entitlement_entries", type_="foreignkey"
    )
    op.drop_column("entitlement_entries", "product_id")
    op.drop_column("order_terms", "change_id")
    op.drop_column("order_lines", "unscheduled_products")
