"""invoices: requests, their lines and batches, and who took lists out

Revision: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "exports_taken",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("rows >= 0 AND length(list) > 0", name=op.f("ck_exports_taken_list")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports_taken")),
    )
    op.create_index(
        "ix_exports_taken_subject", "exports_taken", ["list", "subject_id", "at"], unique=False
    )
    op.create_table(
        "invoice_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_no", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("requests > 0 AND amount_fen > 0", name=op.f("ck_invoice_batches_size")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_batches")),
        sa.UniqueConstraint("batch_no", name=op.f("uq_invoice_batches_batch_no")),
    )
    op.create_index(
        "ix_invoice_batches_made_at", "invoice_batches", ["made_at", "id"], unique=False
    )
    op.create_table(
        "invoice_numbers",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_invoice_numbers")),
    )
    op.create_table(
        "invoice_requests",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("tax_fen", sa.BigInteger(), nullable=False),
        sa.Column("title_kind", sa.Text(), nullable=False),
        sa.Column("title_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("tax_number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("batch_row", sa.BigInteger(), nullable=True),
        sa.Column("invoice_number", sa.Text(), nullable=True),
        sa.Column("issued_date", sa.Date(), nullable=True),
        sa.Column("pdf_url", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("red_number", sa.Text(), nullable=True),
        sa.Column("red_date", sa.Date(), nullable=True),
        sa.Column("over_since", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'reversed') = (red_number IS NOT NULL) AND (red_number IS NULL) = (red_date IS NULL)",
            name=op.f("ck_invoice_requests_reversed"),
        ),
        sa.CheckConstraint(
            "(state IN ('issued', 'reversed')) = (invoice_number IS NOT NULL) AND (invoice_number IS NULL) = (issued_date IS NULL)",
            name=op.f("ck_invoice_requests_issued"),
        ),
        sa.CheckConstraint(
            "CASE WHEN state IN ('exported', 'issued', 'reversed') THEN batch_id IS NOT NULL WHEN state IN ('requested', 'cancelled') THEN batch_id IS NULL ELSE true END AND (batch_id IS NULL) = (batch_row IS NULL)",
            name=op.f("ck_invoice_requests_batch"),
        ),
        sa.CheckConstraint(
            "over_since IS NULL OR state IN ('requested', 'exported', 'issued')",
            name=op.f("ck_invoice_requests_over"),
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'exported', 'issued', 'rejected', 'cancelled', 'reversed')",
            name=op.f("ck_invoice_requests_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('requested', 'exported') OR title_sealed IS NOT NULL AND num_nonnulls(email_sealed, phone_sealed) > 0 AND (title_kind = 'company') = (tax_number_sealed IS NOT NULL)",
            name=op.f("ck_invoice_requests_complete"),
        ),
        sa.CheckConstraint(
            "title_kind IN ('person', 'company')", name=op.f("ck_invoice_requests_title_kind")
        ),
        sa.CheckConstraint(
            "amount_fen > 0 AND tax_fen BETWEEN 0 AND amount_fen",
            name=op.f("ck_invoice_requests_amount"),
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["invoice_batches.id"], name=op.f("fk_invoice_requests_batch_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "order_id"],
            ["orders.customer_id", "orders.order_id"],
            name=op.f("fk_invoice_requests_customer_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "request_id", name=op.f("pk_invoice_requests")),
    )
    op.create_index(
        "ix_invoice_requests_asked_at", "invoice_requests", ["asked_at", "request_id"], unique=False
    )
    op.create_index(
        "ix_invoice_requests_batch", "invoice_requests", ["batch_id", "batch_row"], unique=False
    )
    op.create_index(
        "ix_invoice_requests_order_id",
        "invoice_requests",
        ["customer_id", "order_id"],
        unique=False,
    )
    op.create_index(
        "ix_invoice_requests_over",
        "invoice_requests",
        ["over_since", "request_id"],
        unique=False,
        postgresql_where=sa.text("over_since IS NOT NULL"),
    )
    op.create_index(
        "ix_invoice_requests_state",
        "invoice_requests",
        ["state", "asked_at", "request_id"],
        unique=False,
    )
    op.create_table(
        "invoice_lines",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.SmallInteger(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("specification", sa.Text(), nullable=False),
        sa.Column("vat_permille", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("tax_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "amount_fen > 0 AND tax_fen BETWEEN 0 AND amount_fen",
            name=op.f("ck_invoice_lines_amount"),
        ),
        sa.CheckConstraint(
            "vat_permille BETWEEN 0 AND 1000", name=op.f("ck_invoice_lines_vat_permille")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "request_id"],
            ["invoice_requests.customer_id", "invoice_requests.request_id"],
            name=op.f("fk_invoice_lines_customer_id_request_id"),
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_invoice_lines_product_id")
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "request_id", "line_no", name=op.f("pk_invoice_lines")
        ),
    )
    op.create_table(
        "invoice_moves",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id", "request_id"],
            ["invoice_requests.customer_id", "invoice_requests.request_id"],
            name=op.f("fk_invoice_moves_customer_id_request_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "move_id", name=op.f("pk_invoice_moves")),
    )
    op.create_index(
        "ix_invoice_moves_request_id", "invoice_moves", ["customer_id", "request_id"], unique=False
    )
    for table in ("exports_taken", "invoice_moves"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM CURRENT_USER")


def downgrade() -> None:
    """Take back."""
    for table in (
        "invoice_moves",
        "invoice_lines",
        "invoice_requests",
        "invoice_numbers",
        "invoice_batches",
        "exports_taken",
    ):
        op.drop_table(table)
