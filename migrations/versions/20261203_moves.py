"""moves: reviewed like orders; changes recorded at the door, and which of them need a word

Revision: 0013
Revises: 0012
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STAMP = sa.DateTime(timezone=True)
STATUSES = "'awaiting_payment', 'paid', 'applied', 'undone', 'expired', 'refused'"
NEW_STATUSES = f"{STATUSES}, 'under_review', 'rejected', 'awaiting_confirmation', 'declined'"
PURPOSES = "'ticket_result', 'phone_order', 'ticket_rating', 'marketplace_claim'"

TEXTS = (
    (
        "move_under_review",
        "您的订单${order}的搬家申请需要核对新地址，我们会尽快通知您结果。",
        ["order"],
    ),
    (
        "move_confirmed",
        "您的订单${order}自${date}起送到新地址，${until}及以前仍送原地址。",
        ["order", "date", "until"],
    ),
    (
        "move_rejected",
        "很抱歉，您的订单${order}的搬家未通过审核：${reason}。牛奶仍送原地址。",
        ["order", "reason"],
    ),
    (
        "change_recorded",
        (
            "送奶员为您的订单${order}记录了变更：${what}。请打开${site}/l/${token} 核对并确认，"
            "${until}前有效，不确认则不变。"
        ),
        ["order", "what", "site", "token", "until"],
    ),
)
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
    _widen_changes()
    _widen_reviews()
    _create_policies()
    op.drop_constraint(op.f("ck_links_purpose"), "links", type_="check")
    op.create_check_constraint(
        op.f("ck_links_purpose"), "links", f"purpose IN ({PURPOSES}, 'change_confirmation')"
    )
    _seed_texts()


def _widen_changes() -> None:
    op.add_column("order_changes", sa.Column("recorded_by", sa.Uuid(), nullable=True))
    op.add_column("order_changes", sa.Column("confirm_before_at", STAMP, nullable=True))
    op.add_column("order_changes", sa.Column("confirmed_at", STAMP, nullable=True))
    op.drop_constraint(op.f("ck_order_changes_status"), "order_changes", type_="check")
    op.create_check_constraint(
        op.f("ck_order_changes_status"), "order_changes", f"status IN ({NEW_STATUSES})"
    )
    op.create_check_constraint(
        op.f("ck_order_changes_confirmation"),
        "order_changes",
        "status <> 'awaiting_confirmation' OR recorded_by IS NOT NULL"
        " AND confirm_before_at IS NOT NULL",
    )
    op.create_index(
        "uq_order_changes_waiting_move",
        "order_changes",
        ["customer_id", "order_id"],
        unique=True,
        postgresql_where=sa.text("status = 'under_review'"),
    )
    op.create_index(
        "ix_order_changes_recorded_by",
        "order_changes",
        ["recorded_by", "at", "change_id"],
        postgresql_where=sa.text("recorded_by IS NOT NULL"),
    )
    op.create_index(
        "ix_order_changes_unconfirmed",
        "order_changes",
        ["confirm_before_at"],
        postgresql_where=sa.text("status = 'awaiting_confirmation'"),
    )


def _widen_reviews() -> None:
    op.add_column("order_reviews", sa.Column("review_id", sa.Uuid(), nullable=True))
    op.add_column("order_reviews", sa.Column("change_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE order_reviews SET review_id = order_id")
    op.alter_column("order_reviews", "review_id", nullable=False)
    op.drop_constraint("pk_order_reviews", "order_reviews", type_="primary")
    op.create_primary_key("pk_order_reviews", "order_reviews", ["customer_id", "review_id"])
    op.create_foreign_key(
        "fk_order_reviews_customer_id_change_id",
        "order_reviews",
        "order_changes",
        ["customer_id", "change_id"],
        ["customer_id", "change_id"],
    )
    op.create_check_constraint(
        op.f("ck_order_reviews_subject"),
        "order_reviews",
        "review_id = coalesce(change_id, order_id)",
    )
    op.drop_constraint(op.f("ck_order_reviews_decided"), "order_reviews", type_="check")
    op.create_check_constraint(
        op.f("ck_order_reviews_decided"),
        "order_reviews",
        "decision IS NULL OR decision IN ('approved', 'rejected', 'withdrawn')",
    )


def _create_policies() -> None:
    op.create_table(
        "confirmation_policies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("needs_confirmation", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('skip', 'pause', 'resume', 'change_quantity')",
            name=op.f("ck_confirmation_policies_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_confirmation_policies"),
        postgresql.ExcludeConstraint(
            (sa.column("kind"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_confirmation_policies",
        ),
    )


def _seed_texts() -> None:
    connection, at = op.get_bind(), datetime.now(UTC)
    for kind, words, variables in TEXTS:
        connection.execute(
            sa.text(TEXT).bindparams(
                sa.bindparam("at", at, STAMP),
                sa.bindparam("kind", kind),
                sa.bindparam("text", words),
                sa.bindparam("variables", variables, postgresql.ARRAY(sa.Text())),
            )
        )
        connection.execute(
            sa.text(CODES).bindparams(
                sa.bindparam("at", at, STAMP), sa.bindparam("kind", kind, sa.Text())
            )
        )


def downgrade() -> None:
    """Take back; what waits for a review or a word has not happened."""
    kinds = ", ".join(f"'{kind}'" for kind, _, _ in TEXTS)
    op.execute(
        "DELETE FROM sms_template_codes WHERE template_id IN"
        f" (SELECT id FROM sms_templates WHERE kind IN ({kinds}))"
    )
    op.execute(f"DELETE FROM sms_templates WHERE kind IN ({kinds})")
    op.execute("DELETE FROM links WHERE purpose = 'change_confirmation'")
    op.drop_constraint(op.f("ck_links_purpose"), "links", type_="check")
    op.create_check_constraint(op.f("ck_links_purpose"), "links", f"purpose IN ({PURPOSES})")
    op.drop_table("confirmation_policies")
    _narrow_reviews()
    for name in ("unconfirmed", "recorded_by"):
        op.drop_index(f"ix_order_changes_{name}", "order_changes")
    op.drop_index("uq_order_changes_waiting_move", "order_changes")
    for name in ("confirmation", "status"):
        op.drop_constraint(op.f(f"ck_order_changes_{name}"), "order_changes", type_="check")
    op.execute(
        "UPDATE order_changes SET status = CASE WHEN status IN ('rejected', 'declined')"
        f" THEN 'refused' ELSE 'expired' END WHERE status NOT IN ({STATUSES})"
    )
    op.create_check_constraint(
        op.f("ck_order_changes_status"), "order_changes", f"status IN ({STATUSES})"
    )
    op.drop_column("order_changes", "confirmed_at")
    op.drop_column("order_changes", "confirm_before_at")
    op.drop_column("order_changes", "recorded_by")


def _narrow_reviews() -> None:
    op.execute("DELETE FROM order_reviews WHERE change_id IS NOT NULL")
    op.drop_constraint(op.f("ck_order_reviews_decided"), "order_reviews", type_="check")
    op.create_check_constraint(
        op.f("ck_order_reviews_decided"),
        "order_reviews",
        "decision IS NULL OR decision IN ('approved', 'rejected')",
    )
    op.drop_constraint(op.f("ck_order_reviews_subject"), "order_reviews", type_="check")
    op.drop_constraint(
        "fk_order_reviews_customer_id_change_id", "order_reviews", type_="foreignkey"
    )
    op.drop_constraint("pk_order_reviews", "order_reviews", type_="primary")
    op.drop_column("order_reviews", "change_id")
    op.drop_column("order_reviews", "review_id")
    op.create_primary_key("pk_order_reviews", "order_reviews", ["customer_id", "order_id"])
