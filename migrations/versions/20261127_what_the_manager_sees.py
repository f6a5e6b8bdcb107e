"""what the manager sees: mornings by block, daily and closed figures, findings

Revision: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _add_block_mornings()
    _add_route_handovers()
    _add_kpi_days()
    _add_findings()
    _add_months()
    _add_exports()


def _add_exports() -> None:
    op.create_table(
        "kpi_exports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_exports")),
    )
    op.create_index("ix_kpi_exports_at", "kpi_exports", ["at"])
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON kpi_exports FROM CURRENT_USER")


def _add_findings() -> None:
    op.create_table(
        "kpi_findings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=True),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("value", sa.Numeric(14, 2), nullable=False),
        sa.Column("target", sa.Numeric(12, 3), nullable=False),
        sa.Column("numerator", sa.BigInteger(), nullable=False),
        sa.Column("denominator", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("responsible", sa.Text(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'acting', 'done', 'closed', 'dropped')", name="state"
        ),
        sa.CheckConstraint("first_date <= last_date", name="period"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_findings")),
    )
    op.create_index(
        "uq_kpi_findings_open",
        "kpi_findings",
        ["key", "scope", "first_date", "last_date"],
        unique=True,
        postgresql_where=sa.text("state IN ('open', 'acting', 'done')"),
    )
    op.create_index("ix_kpi_findings_created_at", "kpi_findings", ["created_at"])
    op.create_table(
        "kpi_finding_events",
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["finding_id"],
            ["kpi_findings.id"],
            name=op.f("fk_kpi_finding_events_finding_id"),
        ),
        sa.PrimaryKeyConstraint("finding_id", "id", name=op.f("pk_kpi_finding_events")),
    )


def _add_months() -> None:
    op.create_table(
        "kpi_months",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_kpi_months")),
    )
    op.create_table(
        "kpi_month_figures",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("numerator", sa.BigInteger(), nullable=False),
        sa.Column("denominator", sa.BigInteger(), nullable=False),
        sa.Column("longest_ms", sa.BigInteger(), nullable=True),
        sa.Column("target", sa.Numeric(12, 3), nullable=False),
        sa.PrimaryKeyConstraint("month", "scope", "key", name=op.f("pk_kpi_month_figures")),
    )
    for table in ("kpi_months", "kpi_month_figures", "kpi_finding_events"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM CURRENT_USER")


def _add_route_handovers() -> None:
    op.create_table(
        "route_handovers",
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("from_deliverer_id", sa.Uuid(), nullable=True),
        sa.Column("to_deliverer_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block_id", "service_date", "id", name=op.f("pk_route_handovers")),
    )
    op.create_index(
        "ix_route_handovers_deliverer", "route_handovers", ["from_deliverer_id", "service_date"]
    )


def _add_kpi_days() -> None:
    op.create_table(
        "kpi_days",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("numerator", sa.BigInteger(), nullable=False),
        sa.Column("denominator", sa.BigInteger(), nullable=False),
        sa.Column("longest_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("scope", "service_date", "key", name=op.f("pk_kpi_days")),
    )
    op.create_index("ix_kpi_days_service_date", "kpi_days", ["service_date"])
    op.create_table(
        "kpi_day_marks",
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("mornings", sa.BigInteger(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("service_date", name=op.f("pk_kpi_day_marks")),
    )


def _add_block_mornings() -> None:
    counts = (
        "due",
        "made",
        "on_time",
        "late",
        "bulk",
        "partly",
        "failed",
        "still_open",
        "withdrawn",
        "schools_due",
        "schools_made",
    )
    op.create_table(
        "block_mornings",
        sa.Column("block_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in counts),
        sa.Column(
            "made_by_slot",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("first_tap_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_tap_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("made = on_time + late + bulk", name="made"),
        sa.CheckConstraint("due = made + partly + failed + still_open", name="due"),
        sa.CheckConstraint(
            "least(on_time, late, bulk, partly, failed, still_open) >= 0", name="counts"
        ),
        sa.PrimaryKeyConstraint("block_id", "service_date", name=op.f("pk_block_mornings")),
    )
    op.create_index(
        "ix_block_mornings_service_date", "block_mornings", ["service_date", "station_id"]
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("kpi_exports")
    op.drop_table("kpi_month_figures")
    op.drop_table("kpi_months")
    op.drop_table("kpi_finding_events")
    op.drop_table("kpi_findings")
    op.drop_table("kpi_day_marks")
    op.drop_table("kpi_days")
    op.drop_table("route_handovers")
    op.drop_table("block_mornings")
