"""Shapes of the JSON API of invoices. Amounts are integer fen, VAT included."""

import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, StringConstraints, model_validator

from app.core.ids import public_pair, public_single
from app.core.money import PositiveFen
from app.core.schemas import Answer, Phone, Request, ShortText
from app.identity.rules import mask_phone
from app.invoices.models import InvoiceBatch
from app.invoices.rules import INVOICE_NUMBER, mask_email, mask_number, mask_title
from app.invoices.service import InvoiceView, Issued, OrderInvoices, TakenAnswers, Title
from app.invoices.service.answers import PDF_URL
from app.invoices.service.batches import BatchView
from app.invoices.states import INVOICE_LABELS, TITLE_LABELS, InvoiceState, TitleKind


def _plain_number(given: object) -> object:
    if not isinstance(given, str):
        return given
    return "".join(unicodedata.normalize("NFKC", given).split()).upper()


TaxNumber = Annotated[
    str, StringConstraints(min_length=1, max_length=40), BeforeValidator(_plain_number)
]
"""As people write it: spaces, full-width and small letters are put right."""
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=200,
        pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,5}$",
    ),
]
Number = Annotated[str, StringConstraints(pattern=INVOICE_NUMBER)]


class InvoiceIn(Request):
    """An invoice wanted; without an amount for all that may still be asked for."""

    title_kind: TitleKind
    title: ShortText
    tax_number: TaxNumber | None = None
    email: Email | None = None
    phone: Phone | None = None
    amount_fen: PositiveFen | None = None

    @model_validator(mode="after")
    def _delivered_somewhere(self) -> Self:
        if self.email is None and self.phone is None:
            raise ValueError("email or phone is needed")
        return self

    def wanted(self) -> Title:
        """Whom it is made out to."""
        return Title(self.title_kind, self.title, self.tax_number, self.email, self.phone)


class IssuedIn(Request):
    """What the provider says of an issued invoice."""

    number: Number
    issued_date: date
    pdf_url: Annotated[str, StringConstraints(pattern=PDF_URL)] | None = None

    def issued(self) -> Issued:
        """As a value."""
        return Issued(self.number, self.issued_date, self.pdf_url)


class RefusalIn(Request):
    """Why a request is refused; the household reads it."""

    reason: ShortText


class RedIn(Request):
    """The red invoice that takes an issued one back."""

    number: Number
    issued_date: date
    reason: ShortText


class InvoiceLineOut(Answer):
    """One product of an invoice; `net_fen` and `tax_fen` sum up to `amount_fen`."""

    product_id: str
    product_name: str
    specification: str
    vat_permille: int
    amount_fen: int
    net_fen: int
    tax_fen: int


class InvoiceMoveOut(Answer):
    """What became of a request, when, by whom and why."""

    state: InvoiceState
    label: str
    at: datetime
    actor: str
    reason: str | None


class InvoiceOut(Answer):
    """A request; title and contact in full for the own household only."""

    id: str
    order_id: str
    order_no: str
    state: InvoiceState
    label: str
    amount_fen: int
    tax_fen: int
    title_kind: TitleKind
    title_kind_label: str
    title: str
    tax_number: str | None
    email: str | None
    phone: str | None
    asked_at: datetime
    invoice_number: str | None
    issued_date: date | None
    pdf_url: str | None
    reason: str | None
    red_number: str | None
    red_date: date | None
    batch_id: str | None
    over_since: datetime | None
    over_fen: int
    lines: list[InvoiceLineOut]
    history: list[InvoiceMoveOut]

    @classmethod
    def of(cls, view: InvoiceView, *, full: bool) -> "InvoiceOut":
        """Of a request; masked unless `full`."""
        row, title = view.request, view.title

        def shown(value: str | None, mask: Callable[[str], str]) -> str | None:
            return value if full or not value else mask(value)

        return cls(
            id=public_pair("inv", row.customer_id, row.request_id),
            order_id=public_pair("ord", row.customer_id, row.order_id),
            order_no=row.order_no,
            state=row.state,
            label=INVOICE_LABELS[row.state],
            amount_fen=row.amount_fen,
            tax_fen=row.tax_fen,
            title_kind=title.kind,
            title_kind_label=TITLE_LABELS[title.kind],
            title=shown(title.title, mask_title) or "",
            tax_number=shown(title.tax_number, mask_number),
            email=shown(title.email, mask_email),
            phone=shown(title.phone, mask_phone),
            asked_at=row.asked_at,
            invoice_number=row.invoice_number,
            issued_date=row.issued_date,
            pdf_url=row.pdf_url,
            reason=row.reason,
            red_number=row.red_number,
            red_date=row.red_date,
            batch_id=row.batch_id and public_single("bat", row.batch_id),
            over_since=row.over_since,
            over_fen=view.over_fen,
            lines=[
                InvoiceLineOut(
                    product_id=public_single("prd", line.product_id),
                    product_name=line.product_name,
                    specification=line.specification,
                    vat_permille=line.vat_permille,
                    amount_fen=line.amount_fen,
                    net_fen=line.amount_fen - line.tax_fen,
                    tax_fen=line.tax_fen,
                )
                for line in view.lines
            ],
            history=[
                InvoiceMoveOut(
                    state=move.to_state,
                    label=INVOICE_LABELS[move.to_state],
                    at=move.at,
                    actor=move.actor,
                    reason=move.reason,
                )
                for move in view.moves
            ],
        )


class OrderInvoicesOut(Answer):
    """What of an order may be invoiced, and what was asked for, newest first."""

    paid_fen: int
    asked_fen: int
    rest_fen: int
    items: list[InvoiceOut]

    @classmethod
    def of(cls, found: OrderInvoices, *, full: bool) -> "OrderInvoicesOut":
        """Of an order."""
        return cls(
            paid_fen=found.rest.paid_fen,
            asked_fen=found.rest.standing_fen,
            rest_fen=found.rest.rest_fen,
            items=[InvoiceOut.of(view, full=full) for view in found.invoices],
        )


class BatchOut(Answer):
    """Requests handed to the provider in one file."""

    id: str
    batch_no: str
    made_at: datetime
    made_by: str
    requests: int
    amount_fen: int

    @classmethod
    def of(cls, batch: InvoiceBatch) -> "BatchOut":
        """Of a row."""
        return cls(
            id=public_single("bat", batch.id),
            batch_no=batch.batch_no,
            made_at=batch.made_at,
            made_by=batch.made_by,
            requests=batch.requests,
            amount_fen=batch.amount_fen,
        )


class TakenOut(Answer):
    """Who took a file out, and when."""

    at: datetime
    actor: str
    rows: int


class BatchDetailOut(BatchOut):
    """A batch, and who took its file out, the latest first."""

    taken: list[TakenOut]

    @classmethod
    def of_view(cls, view: BatchView) -> "BatchDetailOut":
        """Of a batch."""
        return cls(
            **BatchOut.of(view.batch).model_dump(),
            taken=[TakenOut.model_validate(one) for one in view.taken],
        )


class WrongRowOut(Answer):
    """A row of a file that had no effect."""

    line_no: int
    reason: str


class AnswersOut(Answer):
    """What became of the rows of the provider's file."""

    issued: int
    rejected: int
    known: int
    wrong: list[WrongRowOut]

    @classmethod
    def of(cls, taken: TakenAnswers) -> "AnswersOut":
        """Of a file."""
        return cls(
            issued=taken.issued,
            rejected=taken.rejected,
            known=taken.known,
            wrong=[WrongRowOut.model_validate(one) for one in taken.wrong],
        )
