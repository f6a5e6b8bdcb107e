"""Tables of invoices. Amounts are integer fen, VAT included."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, EnumText, Registry, Shared
from app.core.reseal import SealedTable
from app.core.states import values_of
from app.invoices.states import InvoiceState, TitleKind


class InvoiceBatch(Shared):
    """Requests handed to the invoicing provider in one file, which is the same whenever it is made."""

    __tablename__ = "invoice_batches"
    __table_args__ = (
        CheckConstraint("requests > 0 AND amount_fen > 0", name="size"),
        Index("ix_invoice_batches_made_at", "made_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_no: Mapped[str] = mapped_column(unique=True)
    """Day and number within it: FP20260315-001."""
    made_at: Mapped[datetime]
    made_by: Mapped[str]
    requests: Mapped[int]
    amount_fen: Mapped[int]


class InvoiceRequest(CustomerOwned):
    """What a household wants an invoice for; its title and contact are sealed."""

    __tablename__ = "invoice_requests"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_id"], ["orders.customer_id", "orders.order_id"]
        ),
        CheckConstraint(f"state IN ({values_of(InvoiceState)})", name="state"),
        CheckConstraint(f"title_kind IN ({values_of(TitleKind)})", name="title_kind"),
        CheckConstraint("amount_fen > 0 AND tax_fen BETWEEN 0 AND amount_fen", name="amount"),
        CheckConstraint(
            "state NOT IN ('requested', 'exported') OR title_sealed IS NOT NULL"
            " AND num_nonnulls(email_sealed, phone_sealed) > 0"
            " AND (title_kind = 'company') = (tax_number_sealed IS NOT NULL)",
            name="complete",
        ),
        CheckConstraint(
            "(state IN ('issued', 'reversed')) = (invoice_number IS NOT NULL)"
            " AND (invoice_number IS NULL) = (issued_date IS NULL)",
            name="issued",
        ),
        CheckConstraint(
            "(state = 'reversed') = (red_number IS NOT NULL)"
            " AND (red_number IS NULL) = (red_date IS NULL)",
            name="reversed",
        ),
        CheckConstraint(
            "CASE WHEN state IN ('exported', 'issued', 'reversed') THEN batch_id IS NOT NULL"
            " WHEN state IN ('requested', 'cancelled') THEN batch_id IS NULL ELSE true END"
            " AND (batch_id IS NULL) = (batch_row IS NULL)",
            name="batch",
        ),
        CheckConstraint(
            "over_since IS NULL OR state IN ('requested', 'exported', 'issued')", name="over"
        ),
        Index("ix_invoice_requests_order_id", "customer_id", "order_id"),
        Index("ix_invoice_requests_asked_at", "asked_at", "request_id"),
        Index("ix_invoice_requests_state", "state", "asked_at", "request_id"),
        Index("ix_invoice_requests_batch", "batch_id", "batch_row"),
        Index(
            "ix_invoice_requests_over",
            "over_since",
            "request_id",
            postgresql_where=text("over_since IS NOT NULL"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    """Made from the request's key: a repeated one is the same row."""
    order_id: Mapped[UUID]
    order_no: Mapped[str]
    amount_fen: Mapped[int]
    tax_fen: Mapped[int]
    title_kind: Mapped[TitleKind] = mapped_column(EnumText(TitleKind))
    title_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    tax_number_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[InvoiceState] = mapped_column(EnumText(InvoiceState))
    asked_at: Mapped[datetime]
    actor: Mapped[str]
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoice_batches.id"))
    batch_row: Mapped[int | None]
    """Where it stands in its batch, from 1 on."""
    invoice_number: Mapped[str | None]
    issued_date: Mapped[date | None]
    pdf_url: Mapped[str | None]
    reason: Mapped[str | None]
    """Why it was rejected or taken back, as the household reads it."""
    red_number: Mapped[str | None]
    red_date: Mapped[date | None]
    over_since: Mapped[datetime | None]
    """Since when its order is invoiced for more than was paid and not given back."""


class InvoiceLine(CustomerOwned):
    """One product of an invoice; name and rate as they were when it was asked for."""

    __tablename__ = "invoice_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "request_id"],
            ["invoice_requests.customer_id", "invoice_requests.request_id"],
        ),
        CheckConstraint("amount_fen > 0 AND tax_fen BETWEEN 0 AND amount_fen", name="amount"),
        CheckConstraint("vat_permille BETWEEN 0 AND 1000", name="vat_permille"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    product_name: Mapped[str]
    specification: Mapped[str]
    vat_permille: Mapped[int]
    amount_fen: Mapped[int]
    tax_fen: Mapped[int]


class InvoiceMove(CustomerOwned):
    """Every move of a request: who, when, why."""

    __tablename__ = "invoice_moves"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "request_id"],
            ["invoice_requests.customer_id", "invoice_requests.request_id"],
        ),
        Index("ix_invoice_moves_request_id", "customer_id", "request_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    move_id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID]
    from_state: Mapped[InvoiceState | None] = mapped_column(EnumText(InvoiceState))
    to_state: Mapped[InvoiceState] = mapped_column(EnumText(InvoiceState))
    at: Mapped[datetime]
    actor: Mapped[str]
    reason: Mapped[str | None]


class InvoiceNumber(Registry):
    """The number of an invoice or red invoice, and whose it is."""

    __tablename__ = "invoice_numbers"

    number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    request_id: Mapped[UUID]


SEALED = ("title", "tax_number", "email", "phone")
RESEALABLE = (
    SealedTable(
        model=InvoiceRequest,
        key=("customer_id", "request_id"),
        row_id="request_id",
        cells={f"{name}_sealed": name for name in SEALED},
    ),
)
"""What a rotation of the data keys seals anew."""
