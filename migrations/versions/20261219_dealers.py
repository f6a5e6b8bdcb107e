"""dealers: their stations, terms and statements, and the custody of prepaid money

Revision: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "custody_policies",
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("permille", sa.BigInteger(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "permille BETWEEN 0 AND 1000", name=op.f("ck_custody_policies_permille")
        ),
        sa.PrimaryKeyConstraint("valid_from", name=op.f("pk_custody_policies")),
    )
    op.create_table(
        "dealers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("settled_through", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dealers")),
        sa.UniqueConstraint("code", name=op.f("uq_dealers_code")),
    )
    op.create_table(
        "dealer_statements",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("dealer_id", sa.Uuid(), nullable=False),
        sa.Column("period", postgresql.DATERANGE(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("year", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("previous_no", sa.BigInteger(), nullable=True),
        sa.Column("total_fen", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bank_date", sa.Date(), nullable=True),
        sa.Column("slip_no", sa.Text(), nullable=True),
        sa.Column("discarded_by", sa.Uuid(), nullable=True),
        sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("dealer_id"), "="),
            (sa.column("period"), "&&"),
            where=sa.text("state <> 'discarded'"),
            using="gist",
            name="ex_dealer_statements",
        ),
        sa.CheckConstraint(
            "num_nonnulls(discarded_by, discarded_at) = CASE state WHEN 'discarded' THEN 2 ELSE 0 END",
            name=op.f("ck_dealer_statements_discarded"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(settled_by, settled_at, bank_date, slip_no) = CASE state WHEN 'settled' THEN 4 ELSE 0 END",
            name=op.f("ck_dealer_statements_settled"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(year, number, total_fen, issued_by, issued_at) = CASE WHEN state IN ('issued', 'settled') THEN 5 ELSE 0 END",
            name=op.f("ck_dealer_statements_issued"),
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'issued', 'settled', 'discarded')",
            name=op.f("ck_dealer_statements_state"),
        ),
        sa.CheckConstraint(
            "NOT isempty(period) AND NOT lower_inf(period) AND NOT upper_inf(period)",
            name=op.f("ck_dealer_statements_period"),
        ),
        sa.CheckConstraint(
            "number > 0 AND previous_no IS NOT DISTINCT FROM nullif(number - 1, 0)",
            name=op.f("ck_dealer_statements_number"),
        ),
        sa.CheckConstraint(
            "settled_by <> issued_by", name=op.f("ck_dealer_statements_second_person")
        ),
        sa.ForeignKeyConstraint(
            ["dealer_id"], ["dealers.id"], name=op.f("fk_dealer_statements_dealer_id")
        ),
        sa.ForeignKeyConstraint(
            ["year", "previous_no"],
            ["dealer_statements.year", "dealer_statements.number"],
            name="fk_dealer_statements_previous_no",
        ),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_dealer_statements")),
        sa.UniqueConstraint("year", "number", name="uq_dealer_statements_number"),
    )
    op.create_index(
        "ix_dealer_statements_created_at",
        "dealer_statements",
        ["created_at", "statement_id"],
        unique=False,
    )
    op.create_index(
        "ix_dealer_statements_dealer_id",
        "dealer_statements",
        ["dealer_id", "created_at", "statement_id"],
        unique=False,
    )
    op.create_table(
        "dealer_terms",
        sa.Column("dealer_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("share_bp", sa.BigInteger(), nullable=False),
        sa.Column("fen_per_bottle", sa.BigInteger(), nullable=False),
        sa.Column("bears_compensation", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "fen_per_bottle BETWEEN 0 AND 100000", name=op.f("ck_dealer_terms_fen_per_bottle")
        ),
        sa.CheckConstraint("share_bp BETWEEN 0 AND 10000", name=op.f("ck_dealer_terms_share")),
        sa.ForeignKeyConstraint(
            ["dealer_id"], ["dealers.id"], name=op.f("fk_dealer_terms_dealer_id")
        ),
        sa.PrimaryKeyConstraint("dealer_id", "valid_from", name=op.f("pk_dealer_terms")),
    )
    op.create_table(
        "dealer_statement_days",
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("service_date", sa.Date(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("bottles", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["dealer_statements.statement_id"],
            name=op.f("fk_dealer_statement_days_statement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_dealer_statement_days_station_id")
        ),
        sa.PrimaryKeyConstraint(
            "station_id", "service_date", "statement_id", name=op.f("pk_dealer_statement_days")
        ),
    )
    op.create_index(
        op.f("ix_dealer_statement_days_statement_id"),
        "dealer_statement_days",
        ["statement_id"],
        unique=False,
    )
    op.create_table(
        "dealer_statement_lines",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("term_from", sa.Date(), nullable=True),
        sa.Column("share_bp", sa.BigInteger(), nullable=False),
        sa.Column("fen_per_bottle", sa.BigInteger(), nullable=False),
        sa.Column("bottles", sa.BigInteger(), nullable=False),
        sa.Column("bottles_corrected", sa.BigInteger(), nullable=False),
        sa.Column("delivered_fen", sa.BigInteger(), nullable=False),
        sa.Column("corrected_fen", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind <> 'share' OR term_from IS NOT NULL", name=op.f("ck_dealer_statement_lines_term")
        ),
        sa.CheckConstraint(
            "kind IN ('share', 'compensation', 'cash')", name=op.f("ck_dealer_statement_lines_kind")
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["dealer_statements.statement_id"],
            name=op.f("fk_dealer_statement_lines_statement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_dealer_statement_lines_station_id")
        ),
        sa.PrimaryKeyConstraint("statement_id", "line_no", name=op.f("pk_dealer_statement_lines")),
    )
    op.create_table(
        "dealer_stations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dealer_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("station_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_dealer_stations",
        ),
        sa.CheckConstraint("NOT isempty(valid)", name=op.f("ck_dealer_stations_valid")),
        sa.ForeignKeyConstraint(
            ["dealer_id"], ["dealers.id"], name=op.f("fk_dealer_stations_dealer_id")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_dealer_stations_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dealer_stations")),
    )
    op.create_index(
        op.f("ix_dealer_stations_dealer_id"), "dealer_stations", ["dealer_id"], unique=False
    )
    for table in ("dealer_statement_lines", "dealer_statement_days"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM CURRENT_USER")


def downgrade() -> None:
    """Take back."""
    for table in (
        "dealer_stations",
        "dealer_statement_lines",
        "dealer_statement_days",
        "dealer_terms",
        "dealer_statements",
        "dealers",
        "custody_policies",
    ):
        op.drop_table(table)
