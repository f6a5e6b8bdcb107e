"""The use cases of invoices, cut by noun; other packages import from here."""

from app.invoices.service.answers import TakenAnswers, WrongRow, take_answers
from app.invoices.service.asking import ask_invoice, cancel_waiting, withdraw_invoice
from app.invoices.service.batches import list_batches, make_batch, view_batch, write_batch
from app.invoices.service.handling import Issued, issue_invoice, reject_invoice, reverse_invoice
from app.invoices.service.moving import Title
from app.invoices.service.reading import (
    InvoiceView,
    OrderInvoices,
    list_corrections,
    list_invoices,
    view_invoice,
    view_order_invoices,
)

__all__ = [
    "InvoiceView",
    "Issued",
    "OrderInvoices",
    "TakenAnswers",
    "Title",
    "WrongRow",
    "ask_invoice",
    "cancel_waiting",
    "issue_invoice",
    "list_batches",
    "list_corrections",
    "list_invoices",
    "make_batch",
    "reject_invoice",
    "reverse_invoice",
    "take_answers",
    "view_batch",
    "view_invoice",
    "view_order_invoices",
    "withdraw_invoice",
    "write_batch",
]
