"""the desk: promises, teams, templates, links, phone orders

Revision: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STAMP = sa.DateTime(timezone=True)
TICKET_CHECKS = {
    "ck_tickets_handling": "handling IN ('common', 'complex', 'emergency')",
    "ck_tickets_urgent": "severity <> 'urgent' OR handling = 'emergency'",
    "ck_tickets_team": "team IN ('response', 'technical', 'quality', 'training')",
}
ROLES = (
    "'customer', 'deliverer', 'station_manager', 'reviewer', 'service_agent', 'finance',"
    " 'quality', 'school', 'auditor', 'manager', 'admin'"
)
MINUTES = "opens_minute >= 0 AND opens_minute < closes_minute AND closes_minute <= 1440"

RULES = """
WITH made AS (
    INSERT INTO sla_rules (id, severity, applies_to, valid, answer_minutes, handle_minutes,
                           visit_minutes, needs_call_back, calendar_id)
    SELECT uuidv7(), severity, 'all', '(,)', 1440, 1440, 2880, true, NULL
    FROM unnest(ARRAY['general', 'major', 'urgent']) AS severity
    RETURNING id, severity
)
INSERT INTO sla_levels (rule_id, level, after_minutes, to_role, to_team)
SELECT id, 1, CASE severity WHEN 'general' THEN 1200 WHEN 'major' THEN 720 ELSE 120 END,
       'manager', NULL
FROM made
"""
"""24 hours to answer and to handle are the standard's (S1 4.5.2.2, 5.2.1)."""

RUNNING = """
UPDATE tickets
SET clock_started_at = due_at - interval '24 hours',
    handling = CASE severity WHEN 'urgent' THEN 'emergency' ELSE 'common' END,
    team = 'response'
WHERE status IN ('open', 'answered')
"""
LEVELS = """
INSERT INTO ticket_escalations
    (customer_id, ticket_id, run, level, due_at, to_role, to_team, raised_at)
SELECT customer_id, ticket_id, reopened_count, 1,
       clock_started_at + make_interval(
           hours => CASE severity WHEN 'general' THEN 20 WHEN 'major' THEN 12 ELSE 2 END),
       'manager', NULL, escalated_at
FROM tickets WHERE status IN ('open', 'answered')
"""
TEMPLATES = (
    (
        "receipt",
        "受理确认",
        "{顾客称呼}您好，您的{问题}（单号{工单号}）已受理，我们将在{处理时限}前处理。",
    ),
    (
        "question",
        "核实情况",
        "{顾客称呼}您好，为尽快处理您的{问题}（单号{工单号}），请告知瓶身批号和发现时间，如方便请保留原瓶。",
    ),
    ("apology", "致歉", "{顾客称呼}您好，{问题}给您带来不便，我们诚恳致歉。"),
    (
        "commitment",
        "改进承诺",
        "我们已核查原因并采取措施，承诺同样的问题不再发生；如再次出现，请随时联系我们，我们将第一时间处理并给予补偿。",
    ),
    (
        "answer",
        "送达情况",
        "{顾客称呼}您好，您{配送日期}的鲜奶由{奶站}于{送达时间}送达。如有出入，请回复告知。",
    ),
    (
        "result",
        "补偿结果",
        "{顾客称呼}您好，就{问题}（单号{工单号}），我们已为您办理：{补偿内容}。再次致歉，感谢您的谅解。",
    ),
)


def upgrade() -> None:
    """Apply."""
    _create_rules()
    _create_desk()
    _widen_tickets()
    _create_links()
    _widen_orders()


def _create_rules() -> None:
    op.create_table(
        "service_calendars",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("changed_at", STAMP, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_service_calendars"),
        sa.UniqueConstraint("name", name="uq_service_calendars_name"),
    )
    op.create_table(
        "calendar_hours",
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("opens_minute", sa.SmallInteger(), nullable=False),
        sa.Column("closes_minute", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_calendar_hours_weekday")),
        sa.CheckConstraint(MINUTES, name=op.f("ck_calendar_hours_minutes")),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["service_calendars.id"], name="fk_calendar_hours_calendar_id"
        ),
        sa.PrimaryKeyConstraint("calendar_id", "weekday", name="pk_calendar_hours"),
    )
    op.create_table(
        "calendar_days",
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("opens_minute", sa.SmallInteger(), nullable=True),
        sa.Column("closes_minute", sa.SmallInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(opens_minute IS NULL) = (closes_minute IS NULL)", name=op.f("ck_calendar_days_pair")
        ),
        sa.CheckConstraint(MINUTES, name=op.f("ck_calendar_days_minutes")),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["service_calendars.id"], name="fk_calendar_days_calendar_id"
        ),
        sa.PrimaryKeyConstraint("calendar_id", "day", name="pk_calendar_days"),
    )
    op.create_table(
        "sla_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("applies_to", sa.Text(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("answer_minutes", sa.BigInteger(), nullable=False),
        sa.Column("handle_minutes", sa.BigInteger(), nullable=False),
        sa.Column("visit_minutes", sa.BigInteger(), nullable=False),
        sa.Column("needs_call_back", sa.Boolean(), nullable=False),
        sa.Column("calendar_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "severity IN ('general', 'major', 'urgent')", name=op.f("ck_sla_rules_severity")
        ),
        sa.CheckConstraint(
            "applies_to IN ('all', 'household', 'school')", name=op.f("ck_sla_rules_applies_to")
        ),
        sa.CheckConstraint(
            "answer_minutes > 0 AND handle_minutes > 0 AND visit_minutes > 0",
            name=op.f("ck_sla_rules_minutes"),
        ),
        postgresql.ExcludeConstraint(
            ("severity", "="),
            ("applies_to", "="),
            ("valid", "&&"),
            using="gist",
            name="ex_sla_rules",
        ),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["service_calendars.id"], name="fk_sla_rules_calendar_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sla_rules"),
    )
    op.create_index("ix_sla_rules_calendar_id", "sla_rules", ["calendar_id"])
    op.create_table(
        "sla_levels",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("after_minutes", sa.BigInteger(), nullable=False),
        sa.Column("to_role", sa.Text(), nullable=True),
        sa.Column("to_team", sa.Text(), nullable=True),
        sa.CheckConstraint("level BETWEEN 1 AND 9", name=op.f("ck_sla_levels_level")),
        sa.CheckConstraint("after_minutes > 0", name=op.f("ck_sla_levels_after")),
        sa.CheckConstraint("num_nonnulls(to_role, to_team) = 1", name=op.f("ck_sla_levels_to_one")),
        sa.CheckConstraint(f"to_role IN ({ROLES})", name=op.f("ck_sla_levels_to_role")),
        sa.CheckConstraint(
            "to_team IN ('response', 'technical', 'quality', 'training')",
            name=op.f("ck_sla_levels_to_team"),
        ),
        sa.ForeignKeyConstraint(["rule_id"], ["sla_rules.id"], name="fk_sla_levels_rule_id"),
        sa.PrimaryKeyConstraint("rule_id", "level", name="pk_sla_levels"),
    )
    op.execute(RULES)


def _create_desk() -> None:
    op.create_table(
        "team_members",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "team IN ('response', 'technical', 'quality', 'training')",
            name=op.f("ck_team_members_team"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["staff_accounts.id"], name="fk_team_members_account_id"
        ),
        sa.PrimaryKeyConstraint("team", "account_id", name="pk_team_members"),
    )
    op.create_index("ix_team_members_account_id", "team_members", ["account_id"])
    templates = op.create_table(
        "answer_templates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("changed_at", STAMP, nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('receipt', 'question', 'apology', 'commitment', 'answer', 'result')",
            name=op.f("ck_answer_templates_purpose"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_answer_templates"),
        sa.UniqueConstraint("title", name="uq_answer_templates_title"),
    )
    op.bulk_insert(
        templates,
        [
            {
                "id": sa.text("uuidv7()"),
                "purpose": purpose,
                "title": title,
                "text": text,
                "is_active": True,
                "changed_at": sa.text("'2026-01-01 00:00+08'"),
            }
            for purpose, title, text in TEMPLATES
        ],
        multiinsert=False,
    )


def _ticket_columns() -> list[sa.Column]:
    return [
        sa.Column("handling", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("clock_started_at", STAMP, nullable=True),
        sa.Column("reply_due_at", STAMP, nullable=True),
        sa.Column("visit_due_at", STAMP, nullable=True),
        sa.Column("confirmed_at", STAMP, nullable=True),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("changed_at", STAMP, nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=True),
        sa.Column("last_act", sa.Text(), nullable=True),
    ]


def _widen_tickets() -> None:
    for column in _ticket_columns():
        op.add_column("tickets", column)
    op.add_column("return_visits", sa.Column("manner_score", sa.SmallInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_return_visits_manner"),
        "return_visits",
        "manner_score IS NULL OR (reached AND manner_score BETWEEN 1 AND 5)",
    )
    op.add_column("ticket_messages", sa.Column("template_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_ticket_messages_template_id",
        "ticket_messages",
        "answer_templates",
        ["template_id"],
        ["id"],
    )
    op.create_index(
        "ix_tickets_to_visit",
        "tickets",
        ["visit_due_at"],
        postgresql_where=sa.text("status = 'resolved'"),
    )
    op.create_table(
        "ticket_escalations",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("run", sa.SmallInteger(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", STAMP, nullable=False),
        sa.Column("to_role", sa.Text(), nullable=True),
        sa.Column("to_team", sa.Text(), nullable=True),
        sa.Column("raised_at", STAMP, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id", "ticket_id"],
            ["tickets.customer_id", "tickets.ticket_id"],
            name="fk_ticket_escalations_customer_id_ticket_id",
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "ticket_id", "run", "level", name="pk_ticket_escalations"
        ),
    )
    op.create_index(
        "ix_ticket_escalations_due",
        "ticket_escalations",
        ["due_at"],
        postgresql_where=sa.text("raised_at IS NULL"),
    )
    op.execute(RUNNING)
    op.execute(
        "UPDATE tickets SET visit_due_at = resolved_at + interval '48 hours'"
        " WHERE status = 'resolved'"
    )
    op.execute(LEVELS)
    for name, rule in TICKET_CHECKS.items():
        op.create_check_constraint(op.f(name), "tickets", rule)


def _create_links() -> None:
    op.create_table(
        "links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", STAMP, nullable=False),
        sa.Column("expires_at", STAMP, nullable=False),
        sa.Column("revoked_at", STAMP, nullable=True),
        sa.Column("used_at", STAMP, nullable=True),
        sa.Column("used_for", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('ticket_result', 'phone_order')", name=op.f("ck_links_purpose")
        ),
        sa.CheckConstraint("(used_at IS NULL) = (used_for IS NULL)", name=op.f("ck_links_used")),
        sa.PrimaryKeyConstraint("token_hash", name="pk_links"),
    )
    op.create_index("ix_links_subject", "links", ["customer_id", "subject_id"])
    op.create_index("ix_links_expires_at", "links", ["expires_at"])


def _widen_orders() -> None:
    op.create_table(
        "payment_windows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("minutes BETWEEN 30 AND 10080", name=op.f("ck_payment_windows_minutes")),
        postgresql.ExcludeConstraint(("valid", "&&"), using="gist", name="ex_payment_windows"),
        sa.PrimaryKeyConstraint("id", name="pk_payment_windows"),
    )
    op.execute("INSERT INTO payment_windows (id, valid, minutes) VALUES (uuidv7(), '(,)', 1440)")
    op.add_column("orders", sa.Column("agreed_through", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_orders_agreed_through"),
        "orders",
        "agreed_through IN ('web', 'app', 'mini_program', 'door', 'sms_link')",
    )
    op.create_check_constraint(
        op.f("ck_orders_phone_agreement"),
        "orders",
        "source <> 'phone' OR confirmation <> 'online' OR agreement_version IS NOT NULL"
        " OR status IN ('pending_payment', 'expired', 'cancelled')",
    )


def downgrade() -> None:
    """Undo."""
    op.drop_constraint(op.f("ck_orders_phone_agreement"), "orders")
    op.drop_constraint(op.f("ck_orders_agreed_through"), "orders")
    op.drop_column("orders", "agreed_through")
    op.drop_table("payment_windows")
    op.drop_table("links")
    op.drop_table("ticket_escalations")
    op.drop_index("ix_tickets_to_visit", "tickets")
    op.drop_constraint("fk_ticket_messages_template_id", "ticket_messages")
    op.drop_column("ticket_messages", "template_id")
    op.drop_column("return_visits", "manner_score")
    for name in TICKET_CHECKS:
        op.drop_constraint(op.f(name), "tickets")
    for column in reversed(_ticket_columns()):
        op.drop_column("tickets", column.name)
    op.drop_table("answer_templates")
    op.drop_table("team_members")
    op.drop_table("sla_levels")
    op.drop_table("sla_rules")
    op.drop_table("calendar_days")
    op.drop_table("calendar_hours")
    op.drop_table("service_calendars")
