"""the slice

Revision: 0001
Revises:
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


QUEUE = Path(__file__).parents[1] / "sql" / "job_queue_1.6.sql"


def _run_script(sql: str) -> None:
    adapted = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda connection: connection.execute(sql))


def upgrade() -> None:
    """Apply."""
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    _run_script(QUEUE.read_text())
    op.create_table(
        "access_log",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_access_log")),
    )
    op.create_index("ix_access_log_customer_id", "access_log", ["customer_id", "at"], unique=False)
    op.create_index("ix_access_log_id", "access_log", ["id"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_raised_at"), "alerts", ["raised_at"], unique=False)
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "book_numbers",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_book_numbers")),
    )
    op.create_table(
        "business_clock",
        sa.Column("singleton", sa.Boolean(), nullable=False),
        sa.Column("anchor_wall_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("anchor_business_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("speed", sa.Float(), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_business_clock_singleton")),
        sa.CheckConstraint("speed >= 0", name=op.f("ck_business_clock_speed")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_business_clock")),
    )
    op.create_table(
        "channel_events",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("channel", "event_id", name=op.f("pk_channel_events")),
    )
    op.create_index(
        op.f("ix_channel_events_received_at"), "channel_events", ["received_at"], unique=False
    )
    op.create_table(
        "channel_numbers",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "number", name=op.f("pk_channel_numbers")),
    )
    op.create_table(
        "cities",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_cities")),
    )
    op.create_table(
        "clock_slots",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", "slot_at", name=op.f("pk_clock_slots")),
    )
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("phone_tail", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_from", sa.Text(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('household', 'school')", name=op.f("ck_customers_kind")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customers")),
    )
    op.create_table(
        "demo_mark",
        sa.Column("singleton", sa.Boolean(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("singleton", name=op.f("ck_demo_mark_singleton")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_demo_mark")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(
        op.f("ix_idempotency_keys_started_at"), "idempotency_keys", ["started_at"], unique=False
    )
    op.create_table(
        "kpi_targets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("value", sa.Numeric(precision=12, scale=3), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("key"), "="), (sa.column("valid"), "&&"), using="gist", name="ex_kpi_targets"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_targets")),
    )
    op.create_table(
        "ledger_transfers",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("booked_date", sa.Date(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("debit_account", sa.Text(), nullable=False),
        sa.Column("credit_account", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_ledger_transfers_amount")),
        sa.CheckConstraint(
            "debit_account <> credit_account", name=op.f("ck_ledger_transfers_accounts")
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "booked_date", "transfer_id", name=op.f("pk_ledger_transfers")
        ),
        postgresql_partition_by="RANGE (booked_date)",
    )
    op.create_index(
        "ix_ledger_transfers_cash",
        "ledger_transfers",
        ["booked_date"],
        unique=False,
        postgresql_where=sa.text("debit_account LIKE 'cash:%' OR credit_account LIKE 'cash:%'"),
    )
    op.create_index(
        "ix_ledger_transfers_reference_id",
        "ledger_transfers",
        ["customer_id", "reference_id"],
        unique=False,
    )
    op.create_table(
        "login_codes",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_login_codes")),
    )
    op.create_index(op.f("ix_login_codes_expires_at"), "login_codes", ["expires_at"], unique=False)
    op.create_table(
        "once_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_once_keys")),
    )
    op.create_table(
        "order_agreements",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_order_agreements")),
    )
    op.create_table(
        "order_numbers",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_order_numbers")),
    )
    op.create_table(
        "payments",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("merchant_account", sa.Text(), nullable=False),
        sa.Column("out_trade_no", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column(
            "handle", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("payer_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("captured_fen", sa.BigInteger(), nullable=True),
        sa.Column("channel_transaction_id", sa.Text(), nullable=True),
        sa.Column("unmatched_reason", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(status = 'captured') = (captured_at IS NOT NULL AND captured_fen IS NOT NULL)",
            name=op.f("ck_payments_captured"),
        ),
        sa.CheckConstraint(
            "channel IN ('wechat', 'cash', 'pos')", name=op.f("ck_payments_channel")
        ),
        sa.CheckConstraint(
            "method IN ('native', 'jsapi', 'h5', 'door')", name=op.f("ck_payments_method")
        ),
        sa.CheckConstraint(
            "status IN ('created', 'pending', 'unknown', 'captured', 'closed', 'failed')",
            name=op.f("ck_payments_status"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_payments_amount")),
        sa.PrimaryKeyConstraint("customer_id", "payment_id", name=op.f("pk_payments")),
    )
    op.create_index(
        "ix_payments_open",
        "payments",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('created', 'pending', 'unknown')"),
    )
    op.create_index(
        "ix_payments_reference_id", "payments", ["customer_id", "reference_id"], unique=False
    )
    op.create_table(
        "phone_accounts",
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("phone_index", name=op.f("pk_phone_accounts")),
    )
    op.create_table(
        "picking_totals",
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("bottles", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "block_id", "service_date", "product_id", name=op.f("pk_picking_totals")
        ),
    )
    op.create_index(
        "ix_picking_totals_station", "picking_totals", ["station_id", "service_date"], unique=False
    )
    op.create_table(
        "plan_exceptions",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('no_block', 'block_inactive', 'bad_pattern', 'order_not_running', 'more_bottles_than_left')",
            name=op.f("ck_plan_exceptions_reason"),
        ),
        sa.CheckConstraint(
            "resolution IN ('planned', 'day_added', 'dismissed')",
            name=op.f("ck_plan_exceptions_resolution"),
        ),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolution IS NULL)", name=op.f("ck_plan_exceptions_resolved")
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "service_date", "order_line_id", name=op.f("pk_plan_exceptions")
        ),
    )
    op.create_index(
        "ix_plan_exceptions_service_date", "plan_exceptions", ["service_date"], unique=False
    )
    op.create_table(
        "privacy_texts",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('privacy_terms', 'marketing_sms', 'behaviour_analysis')",
            name=op.f("ck_privacy_texts_purpose"),
        ),
        sa.PrimaryKeyConstraint("purpose", "version", name=op.f("pk_privacy_texts")),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("specification", sa.Text(), nullable=False),
        sa.Column("aliases", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("storage_class", sa.Text(), nullable=False),
        sa.Column("max_celsius", sa.Numeric(precision=4, scale=1), nullable=True),
        sa.Column("shelf_life_days", sa.BigInteger(), nullable=False),
        sa.Column("lead_days", sa.BigInteger(), nullable=False),
        sa.Column("on_sale", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "storage_class IN ('chilled', 'ambient')", name=op.f("ck_products_storage_class")
        ),
        sa.CheckConstraint("shelf_life_days > 0 AND lead_days >= 0", name=op.f("ck_products_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("code", name=op.f("uq_products_code")),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("refresh_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("refresh_hash", name=op.f("pk_refresh_tokens")),
    )
    op.create_index("ix_refresh_tokens_account_id", "refresh_tokens", ["account_id"], unique=False)
    op.create_index(
        op.f("ix_refresh_tokens_session_id"), "refresh_tokens", ["session_id"], unique=False
    )
    op.create_table(
        "refund_limits",
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("limit_fen", sa.BigInteger(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("limit_fen >= 0", name=op.f("ck_refund_limits_limit")),
        sa.PrimaryKeyConstraint("valid_from", name=op.f("pk_refund_limits")),
    )
    op.create_table(
        "route_sheets",
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("deliverer_id", sa.Uuid(), nullable=True),
        sa.Column("stops", sa.Integer(), nullable=False),
        sa.Column("bottles", sa.Integer(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("block_id", "service_date", name=op.f("pk_route_sheets")),
    )
    op.create_index(
        "ix_route_sheets_deliverer", "route_sheets", ["deliverer_id", "service_date"], unique=False
    )
    op.create_index(
        "ix_route_sheets_station", "route_sheets", ["station_id", "service_date"], unique=False
    )
    op.create_table(
        "satisfaction_answers",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("customer_kind", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=True),
        sa.Column("station_id", sa.Uuid(), nullable=True),
        sa.Column("block_id", sa.Uuid(), nullable=True),
        sa.Column("deliverer_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('return_visit', 'survey', 'rating')",
            name=op.f("ck_satisfaction_answers_kind"),
        ),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_satisfaction_answers_score")),
        sa.PrimaryKeyConstraint("customer_id", "answer_id", name=op.f("pk_satisfaction_answers")),
    )
    op.create_index("ix_satisfaction_answers_at", "satisfaction_answers", ["at"], unique=False)
    op.create_index(
        "uq_satisfaction_answers_source",
        "satisfaction_answers",
        ["customer_id", "kind", "source_id"],
        unique=True,
    )
    op.create_table(
        "security_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_events")),
    )
    op.create_index(op.f("ix_security_events_at"), "security_events", ["at"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("access_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("access_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('customer', 'staff')", name=op.f("ck_sessions_kind")),
        sa.PrimaryKeyConstraint("access_hash", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"], unique=False)
    op.create_table(
        "sms_messages",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("parameters_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("enquiries", sa.BigInteger(), nullable=False),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duplicate_possible", sa.Boolean(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("provider_message_id", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("send_before_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('queued', 'sending', 'unknown', 'accepted', 'delivered', 'failed')",
            name=op.f("ck_sms_messages_status"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "message_id", name=op.f("pk_sms_messages")),
    )
    op.create_index(
        "ix_sms_messages_open",
        "sms_messages",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'sending', 'unknown')"),
    )
    op.create_index("uq_sms_messages_cause", "sms_messages", ["customer_id", "cause"], unique=True)
    op.create_table(
        "sms_receipts",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_message_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("succeeded", sa.Boolean(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("provider", "provider_message_id", name=op.f("pk_sms_receipts")),
    )
    op.create_table(
        "staff_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=True),
        sa.Column("deliverer_id", sa.Uuid(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_accounts")),
        sa.UniqueConstraint("login", name=op.f("uq_staff_accounts_login")),
    )
    op.create_table(
        "stops",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("customer_kind", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("deliverer_id", sa.Uuid(), nullable=True),
        sa.Column("stop_no", sa.Integer(), nullable=False),
        sa.Column("bottles", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bulk_marked", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'made', 'partly', 'failed', 'withdrawn')",
            name=op.f("ck_stops_state"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "service_date", "address_id", name=op.f("pk_stops")),
        postgresql_partition_by="RANGE (service_date)",
    )
    op.create_index("ix_stops_block", "stops", ["block_id", "service_date"], unique=False)
    op.create_index("ix_stops_service_date", "stops", ["service_date"], unique=False)
    op.create_table(
        "sync_events",
        sa.Column("deliverer_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("device_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clock_offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("deliverer_id", "event_id", name=op.f("pk_sync_events")),
    )
    op.create_index(
        "ix_sync_events_received_at",
        "sync_events",
        ["received_at"],
        unique=False,
        postgresql_using="brin",
    )
    op.create_table(
        "temperature_readings",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("celsius", sa.Numeric(precision=4, scale=1), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "celsius BETWEEN -60 AND 80", name=op.f("ck_temperature_readings_celsius")
        ),
        sa.PrimaryKeyConstraint("device_id", "at", name=op.f("pk_temperature_readings")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "throttles",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("window_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "window_at", name=op.f("pk_throttles")),
    )
    op.create_table(
        "ticket_numbers",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ticket_numbers")),
    )
    op.create_table(
        "tickets",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_no", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("is_food_safety", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("customer_kind", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=True),
        sa.Column("station_id", sa.Uuid(), nullable=True),
        sa.Column("block_id", sa.Uuid(), nullable=True),
        sa.Column("deliverer_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("order_line_id", sa.Uuid(), nullable=True),
        sa.Column("service_date", sa.Date(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_reason", sa.Text(), nullable=True),
        sa.Column("reopened_count", sa.SmallInteger(), nullable=False),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("is_unfounded", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "(status = 'merged') = (merged_into_id IS NOT NULL)", name=op.f("ck_tickets_merged")
        ),
        sa.CheckConstraint(
            "kind IN ('complaint', 'request', 'consultation')", name=op.f("ck_tickets_kind")
        ),
        sa.CheckConstraint(
            "severity IN ('general', 'major', 'urgent')", name=op.f("ck_tickets_severity")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'answered', 'resolved', 'closed', 'merged')",
            name=op.f("ck_tickets_status"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "ticket_id", name=op.f("pk_tickets")),
    )
    op.create_index("ix_tickets_received_at", "tickets", ["received_at"], unique=False)
    op.create_index(
        "ix_tickets_running",
        "tickets",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'answered')"),
    )
    op.create_table(
        "trips",
        sa.Column("vehicle_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("trip_no", sa.BigInteger(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("precool_celsius", sa.Numeric(precision=4, scale=1), nullable=True),
        sa.Column("precool_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("precool_passed", sa.Boolean(), nullable=True),
        sa.Column("cleaned", sa.Boolean(), nullable=True),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("departed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "departed_at IS NULL OR loaded_at IS NOT NULL", name=op.f("ck_trips_loaded_first")
        ),
        sa.CheckConstraint(
            "loaded_at IS NULL OR precool_passed IS TRUE", name=op.f("ck_trips_precooled_first")
        ),
        sa.PrimaryKeyConstraint("vehicle_id", "service_date", "trip_no", name=op.f("pk_trips")),
    )
    op.create_index("ix_trips_service_date", "trips", ["service_date"], unique=False)
    op.create_table(
        "addresses",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("current_version_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_addresses_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", "address_id", name=op.f("pk_addresses")),
    )
    op.create_table(
        "compensations",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("compensation_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("credit_fen", sa.BigInteger(), nullable=True),
        sa.Column("service_date", sa.Date(), nullable=True),
        sa.Column("order_line_id", sa.Uuid(), nullable=True),
        sa.Column("bottles", sa.BigInteger(), nullable=True),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "CASE kind WHEN 'credit' THEN credit_fen > 0 ELSE service_date IS NOT NULL AND bottles > 0 END",
            name=op.f("ck_compensations_content"),
        ),
        sa.CheckConstraint("kind IN ('make_up', 'credit')", name=op.f("ck_compensations_kind")),
        sa.ForeignKeyConstraint(
            ["customer_id", "ticket_id"],
            ["tickets.customer_id", "tickets.ticket_id"],
            name=op.f("fk_compensations_customer_id_ticket_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "compensation_id", name=op.f("pk_compensations")),
    )
    op.create_index(
        "ix_compensations_ticket_id", "compensations", ["customer_id", "ticket_id"], unique=False
    )
    op.create_table(
        "consents",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Text(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "channel IN ('web', 'app', 'mini_program', 'phone', 'door')",
            name=op.f("ck_consents_channel"),
        ),
        sa.CheckConstraint(
            "purpose IN ('privacy_terms', 'marketing_sms', 'behaviour_analysis')",
            name=op.f("ck_consents_purpose"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_consents_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", "consent_id", name=op.f("pk_consents")),
    )
    op.create_table(
        "handover_checks",
        sa.Column("vehicle_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("trip_no", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("check_no", sa.SmallInteger(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("celsius", sa.Numeric(precision=4, scale=1), nullable=False),
        sa.Column("limit_celsius", sa.Numeric(precision=4, scale=1), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('loading', 'vehicle_to_station', 'station_to_deliverer')",
            name=op.f("ck_handover_checks_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["vehicle_id", "service_date", "trip_no"],
            ["trips.vehicle_id", "trips.service_date", "trips.trip_no"],
            name=op.f("fk_handover_checks_vehicle_id_service_date_trip_no"),
        ),
        sa.PrimaryKeyConstraint(
            "vehicle_id",
            "service_date",
            "trip_no",
            "kind",
            "block_id",
            "check_no",
            name=op.f("pk_handover_checks"),
        ),
    )
    op.create_table(
        "product_prices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("product_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_prices",
        ),
        sa.CheckConstraint("price_fen > 0", name=op.f("ck_product_prices_price_fen")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_product_prices_product_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_prices")),
    )
    op.create_table(
        "product_vat_rates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("permille", sa.BigInteger(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("product_id"), "="), (sa.column("valid"), "&&"), using="gist", name="ex_vat"
        ),
        sa.CheckConstraint(
            "permille BETWEEN 0 AND 1000", name=op.f("ck_product_vat_rates_permille")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_product_vat_rates_product_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_vat_rates")),
    )
    op.create_table(
        "receipts",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("receipt_no", sa.Text(), nullable=False),
        sa.Column("collector_id", sa.Uuid(), nullable=False),
        sa.Column("collected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column(
            "pos_slip", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_receipts_amount")),
        sa.ForeignKeyConstraint(
            ["customer_id", "payment_id"],
            ["payments.customer_id", "payments.payment_id"],
            name=op.f("fk_receipts_customer_id_payment_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "payment_id", name=op.f("pk_receipts")),
    )
    op.create_index(
        "ix_receipts_collector_id", "receipts", ["collector_id", "collected_at"], unique=False
    )
    op.create_table(
        "refunds",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("out_refund_no", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("from_account", sa.Text(), nullable=False),
        sa.Column("to_origin", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("channel_refund_id", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("evidence_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('requested', 'approved', 'submitted', 'processing', 'abnormal', 'succeeded', 'failed')",
            name=op.f("ck_refunds_status"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(
            ["customer_id", "payment_id"],
            ["payments.customer_id", "payments.payment_id"],
            name=op.f("fk_refunds_customer_id_payment_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "refund_id", name=op.f("pk_refunds")),
    )
    op.create_index("ix_refunds_created_at", "refunds", ["created_at", "refund_id"], unique=False)
    op.create_index(
        "ix_refunds_open",
        "refunds",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("status NOT IN ('succeeded', 'failed')"),
    )
    op.create_index(
        "ix_refunds_reference_id", "refunds", ["customer_id", "reference_id"], unique=False
    )
    op.create_index(
        "uq_refunds_cause", "refunds", ["customer_id", "payment_id", "cause"], unique=True
    )
    op.create_table(
        "return_visits",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("remarks_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("visited_by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reached OR remarks_sealed IS NOT NULL", name=op.f("ck_return_visits_unreached")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "ticket_id"],
            ["tickets.customer_id", "tickets.ticket_id"],
            name=op.f("fk_return_visits_customer_id_ticket_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "visit_id", name=op.f("pk_return_visits")),
    )
    op.create_index("ix_return_visits_at", "return_visits", ["at"], unique=False)
    op.create_index(
        "ix_return_visits_ticket_id", "return_visits", ["customer_id", "ticket_id"], unique=False
    )
    op.create_table(
        "stations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["city_code"], ["cities.code"], name=op.f("fk_stations_city_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stations")),
        sa.UniqueConstraint("code", name=op.f("uq_stations_code")),
    )
    op.create_table(
        "ticket_events",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id", "ticket_id"],
            ["tickets.customer_id", "tickets.ticket_id"],
            name=op.f("fk_ticket_events_customer_id_ticket_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "event_id", name=op.f("pk_ticket_events")),
    )
    op.create_index(
        "ix_ticket_events_ticket_id", "ticket_events", ["customer_id", "ticket_id"], unique=False
    )
    op.create_index(
        "uq_ticket_events_breach",
        "ticket_events",
        ["customer_id", "ticket_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'breached'"),
    )
    op.create_table(
        "ticket_messages",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("author_kind", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "audience IN ('public', 'internal')", name=op.f("ck_ticket_messages_audience")
        ),
        sa.CheckConstraint(
            "author_kind IN ('customer', 'staff', 'system')",
            name=op.f("ck_ticket_messages_author_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "ticket_id"],
            ["tickets.customer_id", "tickets.ticket_id"],
            name=op.f("fk_ticket_messages_customer_id_ticket_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "message_id", name=op.f("pk_ticket_messages")),
    )
    op.create_index(
        "ix_ticket_messages_ticket_id",
        "ticket_messages",
        ["customer_id", "ticket_id"],
        unique=False,
    )
    op.create_table(
        "trip_legs",
        sa.Column("vehicle_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("trip_no", sa.BigInteger(), nullable=False),
        sa.Column("leg_no", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "ended_at IS NULL OR ended_at > started_at", name=op.f("ck_trip_legs_order")
        ),
        sa.ForeignKeyConstraint(
            ["vehicle_id", "service_date", "trip_no"],
            ["trips.vehicle_id", "trips.service_date", "trips.trip_no"],
            name=op.f("fk_trip_legs_vehicle_id_service_date_trip_no"),
        ),
        sa.PrimaryKeyConstraint(
            "vehicle_id", "service_date", "trip_no", "leg_no", name=op.f("pk_trip_legs")
        ),
    )
    op.create_table(
        "address_versions",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("address_version_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("house_no", sa.Text(), nullable=False),
        sa.Column("compound", sa.Text(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("door_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("recipient_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id", "address_id"],
            ["addresses.customer_id", "addresses.address_id"],
            name=op.f("fk_address_versions_customer_id_address_id"),
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "address_version_id", name=op.f("pk_address_versions")
        ),
    )
    op.create_table(
        "blocks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_blocks_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocks")),
        sa.UniqueConstraint("code", name=op.f("uq_blocks_code")),
    )
    op.create_index(op.f("ix_blocks_station_id"), "blocks", ["station_id"], unique=False)
    op.create_table(
        "cold_stores",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_cold_stores_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cold_stores")),
    )
    op.create_index(op.f("ix_cold_stores_station_id"), "cold_stores", ["station_id"], unique=False)
    op.create_table(
        "deliverers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("employee_no", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_deliverers_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliverers")),
        sa.UniqueConstraint("employee_no", name=op.f("uq_deliverers_employee_no")),
    )
    op.create_index(op.f("ix_deliverers_station_id"), "deliverers", ["station_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("confirmation", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("agreement_version", sa.Text(), nullable=True),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deliverer_id", sa.Uuid(), nullable=True),
        sa.Column("outside_number", sa.Text(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pay_before_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "confirmation IN ('online', 'offline', 'imported')", name=op.f("ck_orders_confirmation")
        ),
        sa.CheckConstraint(
            "confirmed_at IS NOT NULL OR status NOT IN ('delivering', 'completed')",
            name=op.f("ck_orders_confirmed"),
        ),
        sa.CheckConstraint(
            "source IS NULL OR source IN ('web', 'app', 'mini_program', 'tmall', 'jd', 'phone', 'door', 'shop')",
            name=op.f("ck_orders_source"),
        ),
        sa.CheckConstraint(
            "status IN ('pending_payment', 'expired', 'under_review', 'rejected', 'delivering', 'completed', 'cancelled')",
            name=op.f("ck_orders_status"),
        ),
        sa.CheckConstraint("price_fen >= 0", name=op.f("ck_orders_price")),
        sa.ForeignKeyConstraint(
            ["agreement_version"],
            ["order_agreements.version"],
            name=op.f("fk_orders_agreement_version"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "address_id"],
            ["addresses.customer_id", "addresses.address_id"],
            name=op.f("fk_orders_customer_id_address_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "order_id", name=op.f("pk_orders")),
    )
    op.create_index("ix_orders_address_id", "orders", ["customer_id", "address_id"], unique=False)
    op.create_index("ix_orders_confirmed_at", "orders", ["confirmed_at"], unique=False)
    op.create_index("ix_orders_status_placed_at", "orders", ["status", "placed_at"], unique=False)
    op.create_table(
        "plan_days",
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cutoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'frozen', 'withdrawn')", name=op.f("ck_plan_days_state")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_plan_days_station_id")
        ),
        sa.PrimaryKeyConstraint("station_id", "service_date", name=op.f("pk_plan_days")),
    )
    op.create_index(
        "ix_plan_days_open",
        "plan_days",
        ["cutoff_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "station_cutoffs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("cutoff_time", sa.Time(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("station_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_cutoffs",
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_station_cutoffs_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_cutoffs")),
    )
    op.create_table(
        "vehicles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plate", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_vehicles_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vehicles")),
        sa.UniqueConstraint("plate", name=op.f("uq_vehicles_plate")),
    )
    op.create_index(op.f("ix_vehicles_station_id"), "vehicles", ["station_id"], unique=False)
    op.create_table(
        "address_blocks",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("stop_no", sa.BigInteger(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("customer_id"), "="),
            (sa.column("address_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_address_blocks",
        ),
        sa.ForeignKeyConstraint(
            ["block_id"], ["blocks.id"], name=op.f("fk_address_blocks_block_id")
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "address_id", "valid_from", name=op.f("pk_address_blocks")
        ),
    )
    op.create_index("ix_address_blocks_block_id", "address_blocks", ["block_id"], unique=False)
    op.create_table(
        "block_deliverers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("deliverer_id", sa.Uuid(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("block_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_deliverers",
        ),
        sa.ForeignKeyConstraint(
            ["block_id"], ["blocks.id"], name=op.f("fk_block_deliverers_block_id")
        ),
        sa.ForeignKeyConstraint(
            ["deliverer_id"], ["deliverers.id"], name=op.f("fk_block_deliverers_deliverer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block_deliverers")),
    )
    op.create_index(
        op.f("ix_block_deliverers_deliverer_id"), "block_deliverers", ["deliverer_id"], unique=False
    )
    op.create_table(
        "coverage_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("compound", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("house_from", sa.BigInteger(), nullable=True),
        sa.Column("house_to", sa.BigInteger(), nullable=True),
        sa.Column("parity", sa.Text(), nullable=False),
        sa.Column(
            "polygon", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("west", sa.Double(), nullable=True),
        sa.Column("south", sa.Double(), nullable=True),
        sa.Column("east", sa.Double(), nullable=True),
        sa.Column("north", sa.Double(), nullable=True),
        sa.Column("first_stop_no", sa.BigInteger(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.CheckConstraint(
            "CASE kind WHEN 'compound' THEN compound IS NOT NULL WHEN 'street' THEN street IS NOT NULL ELSE polygon IS NOT NULL AND num_nulls(west, south, east, north) = 0 END",
            name=op.f("ck_coverage_rules_shape"),
        ),
        sa.CheckConstraint(
            "kind IN ('compound', 'street', 'polygon')", name=op.f("ck_coverage_rules_kind")
        ),
        sa.CheckConstraint(
            "parity IN ('all', 'odd', 'even')", name=op.f("ck_coverage_rules_parity")
        ),
        sa.CheckConstraint("house_from <= house_to", name=op.f("ck_coverage_rules_houses")),
        sa.CheckConstraint("west <= east AND south <= north", name=op.f("ck_coverage_rules_box")),
        sa.ForeignKeyConstraint(
            ["block_id"], ["blocks.id"], name=op.f("fk_coverage_rules_block_id")
        ),
        sa.ForeignKeyConstraint(
            ["city_code"], ["cities.code"], name=op.f("fk_coverage_rules_city_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coverage_rules")),
    )
    op.create_index(
        op.f("ix_coverage_rules_block_id"), "coverage_rules", ["block_id"], unique=False
    )
    op.create_index(
        "ix_coverage_rules_box",
        "coverage_rules",
        [sa.literal_column("box(point(west, south), point(east, north))")],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("kind = 'polygon'"),
    )
    op.create_index(
        "ix_coverage_rules_compound", "coverage_rules", ["city_code", "compound"], unique=False
    )
    op.create_index(
        "ix_coverage_rules_street", "coverage_rules", ["city_code", "street"], unique=False
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("vehicle_id", sa.Uuid(), nullable=True),
        sa.Column("min_celsius", sa.Numeric(precision=4, scale=1), nullable=True),
        sa.Column("max_celsius", sa.Numeric(precision=4, scale=1), nullable=False),
        sa.Column("slot_seconds", sa.BigInteger(), nullable=False),
        sa.Column("in_service_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_service_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(store_id IS NULL) <> (vehicle_id IS NULL)", name=op.f("ck_devices_place")
        ),
        sa.CheckConstraint(
            "in_service_until > in_service_from", name=op.f("ck_devices_in_service")
        ),
        sa.CheckConstraint(
            "min_celsius IS NULL OR min_celsius < max_celsius", name=op.f("ck_devices_limits")
        ),
        sa.CheckConstraint("slot_seconds BETWEEN 10 AND 86400", name=op.f("ck_devices_slot")),
        sa.ForeignKeyConstraint(["store_id"], ["cold_stores.id"], name=op.f("fk_devices_store_id")),
        sa.ForeignKeyConstraint(
            ["vehicle_id"], ["vehicles.id"], name=op.f("fk_devices_vehicle_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("code", name=op.f("uq_devices_code")),
    )
    op.create_index(op.f("ix_devices_store_id"), "devices", ["store_id"], unique=False)
    op.create_index(op.f("ix_devices_vehicle_id"), "devices", ["vehicle_id"], unique=False)
    op.create_table(
        "order_changes",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("preview", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_id"],
            ["orders.customer_id", "orders.order_id"],
            name=op.f("fk_order_changes_customer_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "change_id", name=op.f("pk_order_changes")),
    )
    op.create_index("ix_order_changes_at", "order_changes", ["at"], unique=False)
    op.create_index(
        "ix_order_changes_order_id", "order_changes", ["customer_id", "order_id"], unique=False
    )
    op.create_table(
        "order_history",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_id"],
            ["orders.customer_id", "orders.order_id"],
            name=op.f("fk_order_history_customer_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "entry_id", name=op.f("pk_order_history")),
    )
    op.create_index(
        "ix_order_history_order_id", "order_history", ["customer_id", "order_id"], unique=False
    )
    op.create_table(
        "order_lines",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.SmallInteger(), nullable=True),
        sa.Column("interval_days", sa.SmallInteger(), nullable=True),
        sa.Column("weekday_quantities", sa.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("anchor_date", sa.Date(), nullable=True),
        sa.Column("cycle_days", sa.BigInteger(), nullable=True),
        sa.Column("bottles_bought", sa.BigInteger(), nullable=False),
        sa.Column("gift_bottles", sa.BigInteger(), nullable=False),
        sa.Column("unscheduled_bottles", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("unit_price_fen", sa.BigInteger(), nullable=True),
        sa.Column("vat_permille", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(weekday_quantities IS NULL AND quantity BETWEEN 1 AND 99 AND interval_days BETWEEN 1 AND 90) OR (weekday_quantities IS NOT NULL AND quantity IS NULL AND interval_days IS NULL AND array_length(weekday_quantities, 1) = 7)",
            name=op.f("ck_order_lines_pattern"),
        ),
        sa.CheckConstraint(
            "bottles_bought > 0 AND gift_bottles >= 0 AND unscheduled_bottles >= 0",
            name=op.f("ck_order_lines_bottles"),
        ),
        sa.CheckConstraint("paid_fen >= 0", name=op.f("ck_order_lines_paid")),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_id"],
            ["orders.customer_id", "orders.order_id"],
            name=op.f("fk_order_lines_customer_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_order_lines_product_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", "order_line_id", name=op.f("pk_order_lines")),
    )
    op.create_index(
        "ix_order_lines_order_id", "order_lines", ["customer_id", "order_id"], unique=False
    )
    op.create_table(
        "order_reviews",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "decision IS NULL OR decision IN ('approved', 'rejected')",
            name=op.f("ck_order_reviews_decided"),
        ),
        sa.CheckConstraint(
            "verdict IN ('covered', 'unclear', 'uncovered')", name=op.f("ck_order_reviews_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_id"],
            ["orders.customer_id", "orders.order_id"],
            name=op.f("fk_order_reviews_customer_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "order_id", name=op.f("pk_order_reviews")),
    )
    op.create_index(
        "ix_order_reviews_waiting",
        "order_reviews",
        ["opened_at"],
        unique=False,
        postgresql_where=sa.text("decision IS NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_no", sa.SmallInteger(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.SmallInteger(), nullable=False),
        sa.Column("quantity_delivered", sa.SmallInteger(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("address_version_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("deliverer_id", sa.Uuid(), nullable=True),
        sa.Column("stop_no", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("our_fault", sa.Boolean(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bulk_marked", sa.Boolean(), nullable=False),
        sa.Column("celsius", sa.Numeric(precision=4, scale=1), nullable=True),
        sa.Column("event_id", sa.Uuid(), nullable=True),
        sa.Column("restored_bottles", sa.SmallInteger(), nullable=False),
        sa.Column("cause_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "CASE status WHEN 'delivered' THEN quantity_delivered = quantity WHEN 'short' THEN quantity_delivered BETWEEN 1 AND quantity - 1 ELSE quantity_delivered = 0 END",
            name=op.f("ck_deliveries_quantity_delivered"),
        ),
        sa.CheckConstraint(
            "status IN ('planned', 'delivered', 'short', 'failed', 'cancelled')",
            name=op.f("ck_deliveries_status"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_deliveries_quantity")),
        sa.CheckConstraint(
            "restored_bottles BETWEEN 0 AND quantity", name=op.f("ck_deliveries_restored_bottles")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "address_version_id"],
            ["address_versions.customer_id", "address_versions.address_version_id"],
            name=op.f("fk_deliveries_customer_id_address_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
            name=op.f("fk_deliveries_customer_id_order_line_id"),
        ),
        sa.PrimaryKeyConstraint(
            "customer_id",
            "service_date",
            "order_line_id",
            "delivery_no",
            name=op.f("pk_deliveries"),
        ),
        postgresql_partition_by="RANGE (service_date)",
    )
    op.create_index("ix_deliveries_block", "deliveries", ["block_id", "service_date"], unique=False)
    op.create_table(
        "device_outages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("device_id"), "="),
            (sa.column("during"), "&&"),
            using="gist",
            name="ex_outages",
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_outages_device_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_outages")),
    )
    op.create_table(
        "entitlement_entries",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bottles", sa.BigInteger(), nullable=False),
        sa.Column("value_fen", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('bought', 'gift', 'opening', 'swapped_in', 'swapped_out', 'transferred_in', 'transferred_out', 'credited', 'refunded', 'forfeited', 'restored')",
            name=op.f("ck_entitlement_entries_kind"),
        ),
        sa.CheckConstraint(
            "bottles > 0 AND value_fen >= 0", name=op.f("ck_entitlement_entries_amounts")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
            name=op.f("fk_entitlement_entries_customer_id_order_line_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "entry_id", name=op.f("pk_entitlement_entries")),
    )
    op.create_index(
        "ix_entitlement_entries_line",
        "entitlement_entries",
        ["customer_id", "order_line_id"],
        unique=False,
    )
    op.create_table(
        "order_terms",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.SmallInteger(), nullable=True),
        sa.Column("interval_days", sa.SmallInteger(), nullable=True),
        sa.Column("anchor_date", sa.Date(), nullable=False),
        sa.Column("weekday_quantities", sa.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("address_version_id", sa.Uuid(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("customer_id"), "="),
            (sa.column("order_line_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_order_terms",
        ),
        sa.CheckConstraint(
            "(weekday_quantities IS NULL AND quantity BETWEEN 1 AND 99 AND interval_days BETWEEN 1 AND 90) OR (weekday_quantities IS NOT NULL AND quantity IS NULL AND interval_days IS NULL AND array_length(weekday_quantities, 1) = 7)",
            name=op.f("ck_order_terms_pattern"),
        ),
        sa.CheckConstraint(
            "NOT isempty(valid) AND NOT upper_inf(valid)", name=op.f("ck_order_terms_valid")
        ),
        sa.CheckConstraint("first_date = lower(valid)", name=op.f("ck_order_terms_first_date")),
        sa.ForeignKeyConstraint(
            ["customer_id", "address_version_id"],
            ["address_versions.customer_id", "address_versions.address_version_id"],
            name=op.f("fk_order_terms_customer_id_address_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
            name=op.f("fk_order_terms_customer_id_order_line_id"),
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_order_terms_product_id")
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "order_line_id", "first_date", name=op.f("pk_order_terms")
        ),
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON ledger_transfers FROM CURRENT_USER")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON entitlement_entries FROM CURRENT_USER")


def downgrade() -> None:
    """Take back."""
    _run_script(
        "DROP TABLE pgqueuer, pgqueuer_log, pgqueuer_schedules, pgqueuer_statistics CASCADE;"
        "DROP FUNCTION fn_pgqueuer_changed; DROP TYPE pgqueuer_status;"
    )
    op.drop_table("order_terms")
    op.drop_index("ix_entitlement_entries_line", table_name="entitlement_entries")
    op.drop_table("entitlement_entries")
    op.drop_table("device_outages")
    op.drop_index("ix_deliveries_block", table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_index(
        "ix_order_reviews_waiting",
        table_name="order_reviews",
        postgresql_where=sa.text("decision IS NULL"),
    )
    op.drop_table("order_reviews")
    op.drop_index("ix_order_lines_order_id", table_name="order_lines")
    op.drop_table("order_lines")
    op.drop_index("ix_order_history_order_id", table_name="order_history")
    op.drop_table("order_history")
    op.drop_index("ix_order_changes_order_id", table_name="order_changes")
    op.drop_index("ix_order_changes_at", table_name="order_changes")
    op.drop_table("order_changes")
    op.drop_index(op.f("ix_devices_vehicle_id"), table_name="devices")
    op.drop_index(op.f("ix_devices_store_id"), table_name="devices")
    op.drop_table("devices")
    op.drop_index("ix_coverage_rules_street", table_name="coverage_rules")
    op.drop_index("ix_coverage_rules_compound", table_name="coverage_rules")
    op.drop_index(
        "ix_coverage_rules_box",
        table_name="coverage_rules",
        postgresql_using="gist",
        postgresql_where=sa.text("kind = 'polygon'"),
    )
    op.drop_index(op.f("ix_coverage_rules_block_id"), table_name="coverage_rules")
    op.drop_table("coverage_rules")
    op.drop_index(op.f("ix_block_deliverers_deliverer_id"), table_name="block_deliverers")
    op.drop_table("block_deliverers")
    op.drop_index("ix_address_blocks_block_id", table_name="address_blocks")
    op.drop_table("address_blocks")
    op.drop_index(op.f("ix_vehicles_station_id"), table_name="vehicles")
    op.drop_table("vehicles")
    op.drop_table("station_cutoffs")
    op.drop_index(
        "ix_plan_days_open", table_name="plan_days", postgresql_where=sa.text("state = 'open'")
    )
    op.drop_table("plan_days")
    op.drop_index("ix_orders_status_placed_at", table_name="orders")
    op.drop_index("ix_orders_confirmed_at", table_name="orders")
    op.drop_index("ix_orders_address_id", table_name="orders")
    op.drop_table("orders")
    op.drop_index(op.f("ix_deliverers_station_id"), table_name="deliverers")
    op.drop_table("deliverers")
    op.drop_index(op.f("ix_cold_stores_station_id"), table_name="cold_stores")
    op.drop_table("cold_stores")
    op.drop_index(op.f("ix_blocks_station_id"), table_name="blocks")
    op.drop_table("blocks")
    op.drop_table("address_versions")
    op.drop_table("trip_legs")
    op.drop_index("ix_ticket_messages_ticket_id", table_name="ticket_messages")
    op.drop_table("ticket_messages")
    op.drop_index(
        "uq_ticket_events_breach",
        table_name="ticket_events",
        postgresql_where=sa.text("kind = 'breached'"),
    )
    op.drop_index("ix_ticket_events_ticket_id", table_name="ticket_events")
    op.drop_table("ticket_events")
    op.drop_table("stations")
    op.drop_index("ix_return_visits_ticket_id", table_name="return_visits")
    op.drop_index("ix_return_visits_at", table_name="return_visits")
    op.drop_table("return_visits")
    op.drop_index("uq_refunds_cause", table_name="refunds")
    op.drop_index("ix_refunds_reference_id", table_name="refunds")
    op.drop_index(
        "ix_refunds_open",
        table_name="refunds",
        postgresql_where=sa.text("status NOT IN ('succeeded', 'failed')"),
    )
    op.drop_index("ix_refunds_created_at", table_name="refunds")
    op.drop_table("refunds")
    op.drop_index("ix_receipts_collector_id", table_name="receipts")
    op.drop_table("receipts")
    op.drop_table("product_vat_rates")
    op.drop_table("product_prices")
    op.drop_table("handover_checks")
    op.drop_table("consents")
    op.drop_index("ix_compensations_ticket_id", table_name="compensations")
    op.drop_table("compensations")
    op.drop_table("addresses")
    op.drop_index("ix_trips_service_date", table_name="trips")
    op.drop_table("trips")
    op.drop_index(
        "ix_tickets_running",
        table_name="tickets",
        postgresql_where=sa.text("status IN ('open', 'answered')"),
    )
    op.drop_index("ix_tickets_received_at", table_name="tickets")
    op.drop_table("tickets")
    op.drop_table("ticket_numbers")
    op.drop_table("throttles")
    op.drop_table("temperature_readings")
    op.drop_index("ix_sync_events_received_at", table_name="sync_events", postgresql_using="brin")
    op.drop_table("sync_events")
    op.drop_index("ix_stops_service_date", table_name="stops")
    op.drop_index("ix_stops_block", table_name="stops")
    op.drop_table("stops")
    op.drop_table("staff_accounts")
    op.drop_table("sms_receipts")
    op.drop_index("uq_sms_messages_cause", table_name="sms_messages")
    op.drop_index(
        "ix_sms_messages_open",
        table_name="sms_messages",
        postgresql_where=sa.text("status IN ('queued', 'sending', 'unknown')"),
    )
    op.drop_table("sms_messages")
    op.drop_index("ix_sessions_account_id", table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_security_events_at"), table_name="security_events")
    op.drop_table("security_events")
    op.drop_index("uq_satisfaction_answers_source", table_name="satisfaction_answers")
    op.drop_index("ix_satisfaction_answers_at", table_name="satisfaction_answers")
    op.drop_table("satisfaction_answers")
    op.drop_index("ix_route_sheets_station", table_name="route_sheets")
    op.drop_index("ix_route_sheets_deliverer", table_name="route_sheets")
    op.drop_table("route_sheets")
    op.drop_table("refund_limits")
    op.drop_index(op.f("ix_refresh_tokens_session_id"), table_name="refresh_tokens")
    op.drop_index("ix_refresh_tokens_account_id", table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_table("products")
    op.drop_table("privacy_texts")
    op.drop_index("ix_plan_exceptions_service_date", table_name="plan_exceptions")
    op.drop_table("plan_exceptions")
    op.drop_index("ix_picking_totals_station", table_name="picking_totals")
    op.drop_table("picking_totals")
    op.drop_table("phone_accounts")
    op.drop_index("ix_payments_reference_id", table_name="payments")
    op.drop_index(
        "ix_payments_open",
        table_name="payments",
        postgresql_where=sa.text("status IN ('created', 'pending', 'unknown')"),
    )
    op.drop_table("payments")
    op.drop_table("order_numbers")
    op.drop_table("order_agreements")
    op.drop_table("once_keys")
    op.drop_index(op.f("ix_login_codes_expires_at"), table_name="login_codes")
    op.drop_table("login_codes")
    op.drop_index("ix_ledger_transfers_reference_id", table_name="ledger_transfers")
    op.drop_index(
        "ix_ledger_transfers_cash",
        table_name="ledger_transfers",
        postgresql_where=sa.text("debit_account LIKE 'cash:%' OR credit_account LIKE 'cash:%'"),
    )
    op.drop_table("ledger_transfers")
    op.drop_table("kpi_targets")
    op.drop_index(op.f("ix_idempotency_keys_started_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_table("demo_mark")
    op.drop_table("customers")
    op.drop_table("clock_slots")
    op.drop_table("cities")
    op.drop_table("channel_numbers")
    op.drop_index(op.f("ix_channel_events_received_at"), table_name="channel_events")
    op.drop_table("channel_events")
    op.drop_table("business_clock")
    op.drop_table("book_numbers")
    op.drop_index(
        "uq_alerts_open", table_name="alerts", postgresql_where=sa.text("resolved_at IS NULL")
    )
    op.drop_index(op.f("ix_alerts_raised_at"), table_name="alerts")
    op.drop_table("alerts")
    op.drop_index("ix_access_log_id", table_name="access_log")
    op.drop_index("ix_access_log_customer_id", table_name="access_log")
    op.drop_table("access_log")
