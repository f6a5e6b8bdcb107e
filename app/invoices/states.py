"""States of a request for an invoice, and whom it is made out to."""

from enum import StrEnum

from app.core.states import StateTable


class TitleKind(StrEnum):
    """Whom an invoice is made out to."""

    PERSON = "person"
    COMPANY = "company"


class InvoiceState(StrEnum):
    """Life of one request; `reversed` is an issued one that a red invoice took back."""

    REQUESTED = "requested"
    EXPORTED = "exported"
    ISSUED = "issued"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REVERSED = "reversed"


INVOICE_MOVES: StateTable[InvoiceState] = StateTable(
    {
        InvoiceState.REQUESTED: frozenset(
            {InvoiceState.EXPORTED, InvoiceState.REJECTED, InvoiceState.CANCELLED}
        ),
        InvoiceState.EXPORTED: frozenset({InvoiceState.ISSUED, InvoiceState.REJECTED}),
        InvoiceState.ISSUED: frozenset({InvoiceState.REVERSED}),
    }
)

STANDING = (InvoiceState.REQUESTED, InvoiceState.EXPORTED, InvoiceState.ISSUED)
"""Those whose amounts count as invoiced."""

INVOICE_LABELS = {
    InvoiceState.REQUESTED: "待开票",
    InvoiceState.EXPORTED: "开票中",
    InvoiceState.ISSUED: "已开票",
    InvoiceState.REJECTED: "未通过",
    InvoiceState.CANCELLED: "已撤回",
    InvoiceState.REVERSED: "已红冲",
}

TITLE_LABELS = {TitleKind.PERSON: "个人", TitleKind.COMPANY: "单位"}
