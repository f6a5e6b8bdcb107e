"""Shapes of the JSON API of billing. Amounts are integer fen."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.billing.models import LedgerTransfer, Payment, Refund, RefundLimit, RefundRule
from app.billing.repository.ledger import CashHeld
from app.billing.repository.totals import AccountBalance
from app.billing.service.closing import TrialBalance
from app.billing.service.ledger import ClearingItems
from app.billing.service.reading import ReceiptView
from app.billing.states import (
    PAYMENT_LABELS,
    REFUND_LABELS,
    PaymentChannel,
    PaymentMethod,
    PaymentStatus,
    RefundStatus,
)
from app.core.ids import public_pair, public_single
from app.core.money import Fen
from app.core.schemas import Answer, Request, ShortText


class ChannelRefusal(Answer):
    """How WeChat Pay wants to be told that a notification was not accepted."""

    code: str = "FAIL"
    message: str


class PaymentOut(Answer):
    """One attempt to pay. `handle` is for the payer's client, while it can be paid."""

    id: str
    reference_id: UUID
    channel: PaymentChannel
    method: PaymentMethod
    status: PaymentStatus
    status_label: str
    amount_fen: int
    created_at: datetime
    expires_at: datetime
    captured_at: datetime | None
    is_surplus: bool
    handle: dict[str, Any] | None

    @classmethod
    def of(cls, payment: Payment, *, with_handle: bool) -> "PaymentOut":
        """Of a row; only the payer gets the handle."""
        status = PaymentStatus(payment.status)
        payable = with_handle and status is PaymentStatus.PENDING
        return cls(
            id=public_pair("pay", payment.customer_id, payment.payment_id),
            reference_id=payment.reference_id,
            channel=PaymentChannel(payment.channel),
            method=PaymentMethod(payment.method),
            status=status,
            status_label=PAYMENT_LABELS[status],
            amount_fen=payment.amount_fen,
            created_at=payment.created_at,
            expires_at=payment.expires_at,
            captured_at=payment.captured_at,
            is_surplus=payment.unmatched_reason is not None,
            handle=payment.handle if payable else None,
        )


class RefundOut(Answer):
    """One refund. `failure` and `evidence` are shown to staff only."""

    id: str
    payment_id: str
    reference_id: UUID
    amount_fen: int
    cause: str
    status: RefundStatus
    status_label: str
    to_origin: bool
    created_at: datetime
    finished_at: datetime | None
    requested_by: UUID | None
    approved_by: UUID | None
    failure: str | None
    evidence: str | None

    @classmethod
    def of(cls, refund: Refund, *, evidence: str | None, for_staff: bool) -> "RefundOut":
        """Of a row."""
        status = RefundStatus(refund.status)
        return cls(
            id=public_pair("rfd", refund.customer_id, refund.refund_id),
            payment_id=public_pair("pay", refund.customer_id, refund.payment_id),
            reference_id=refund.reference_id,
            amount_fen=refund.amount_fen,
            cause=refund.cause,
            status=status,
            status_label=REFUND_LABELS[status],
            to_origin=refund.to_origin,
            created_at=refund.created_at,
            finished_at=refund.finished_at,
            requested_by=refund.requested_by if for_staff else None,
            approved_by=refund.approved_by if for_staff else None,
            failure=refund.failure if for_staff else None,
            evidence=evidence if for_staff else None,
        )


class EvidenceIn(Request):
    """What proves that money was handed over: number of the paper, or of the bank transfer."""

    evidence: ShortText


class RefundLimitIn(Request):
    """From today on, a staff member's refund above this waits for a second person."""

    limit_fen: Fen


class RefundLimitOut(Answer):
    """A limit and since when it holds."""

    valid_from: date
    limit_fen: int
    set_by: UUID
    set_at: datetime


class RefundLimits(Answer):
    """Limits, newest first; without any, `default_limit_fen` holds."""

    items: list[RefundLimitOut]
    default_limit_fen: int

    @classmethod
    def of(cls, limits: list[RefundLimit], *, default_limit_fen: int) -> "RefundLimits":
        """Of rows."""
        return cls(
            items=[RefundLimitOut.model_validate(limit) for limit in limits],
            default_limit_fen=default_limit_fen,
        )


class RefundRuleIn(Request):
    """How a channel gives money back from today on; None is no limit."""

    channel: PaymentChannel
    max_age_days: Annotated[int, Field(gt=0, le=3650)] | None = None
    max_refunds: Annotated[int, Field(gt=0, le=10_000)] | None = None
    gap_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    articles: ShortText
    """The rule, contract or law that says so."""


class RefundRuleOut(Answer):
    """A rule and since when it holds; `set_by` is empty for those that came with the product."""

    channel: PaymentChannel
    valid_from: date
    max_age_days: int | None
    max_refunds: int | None
    gap_seconds: int
    articles: str
    set_by: UUID | None
    set_at: datetime


class RefundRules(Answer):
    """Rules by channel, newest first; a channel without one sets no limit."""

    items: list[RefundRuleOut]

    @classmethod
    def of(cls, rules: Sequence[RefundRule]) -> "RefundRules":
        """Of rows."""
        return cls(items=[RefundRuleOut.model_validate(rule) for rule in rules])


class AccountOut(Answer):
    """Totals of one ledger account; `balance_fen` is credit minus debit."""

    account: str
    debit_fen: int
    credit_fen: int
    balance_fen: int


class TrialBalanceOut(Answer):
    """Every account to the end of a date; the sums of debits and of credits are the same."""

    date: date
    accounts: list[AccountOut]
    debit_fen: int
    credit_fen: int

    @classmethod
    def of(cls, read: TrialBalance) -> "TrialBalanceOut":
        """Of what was read."""
        return cls(
            date=read.date,
            accounts=[AccountOut.model_validate(account) for account in read.accounts],
            debit_fen=read.debit_fen,
            credit_fen=read.credit_fen,
        )


class ClearingOut(Answer):
    """A clearing account: what waits in it and how old the oldest item is."""

    account: str
    balance_fen: int
    open_items: int
    oldest_at: datetime | None
    oldest_age_seconds: int | None


class Balances(Answer):
    """The ledger at a glance."""

    accounts: list[AccountOut]
    clearing: list[ClearingOut]

    @classmethod
    def of(
        cls, accounts: list[AccountBalance], clearing: list[ClearingItems], *, now: datetime
    ) -> "Balances":
        """Of totals and open items."""
        return cls(
            accounts=[AccountOut.model_validate(account) for account in accounts],
            clearing=[
                ClearingOut(
                    account=items.account,
                    balance_fen=items.balance_fen,
                    open_items=items.open_items,
                    oldest_at=items.oldest_at,
                    oldest_age_seconds=(
                        None
                        if items.oldest_at is None
                        else int((now - items.oldest_at).total_seconds())
                    ),
                )
                for items in clearing
            ],
        )


class TransferOut(Answer):
    """One transfer of the ledger."""

    transfer_id: UUID
    booked_date: date
    booked_at: datetime
    debit_account: str
    credit_account: str
    amount_fen: int
    cause: str
    reference_id: UUID
    source_id: UUID
    reverses_id: UUID | None

    @classmethod
    def of(cls, transfer: LedgerTransfer) -> "TransferOut":
        """Of a row."""
        return cls.model_validate(transfer)


class ReceiptOut(Answer):
    """Cash or a POS slip taken at the door."""

    payment_id: str
    receipt_no: str
    channel: PaymentChannel
    collector: str
    collected_at: datetime
    amount_fen: int
    pos_slip: dict[str, Any] | None

    @classmethod
    def of(cls, view: ReceiptView) -> "ReceiptOut":
        """Of a row and its channel."""
        receipt = view.receipt
        return cls(
            payment_id=public_pair("pay", receipt.customer_id, receipt.payment_id),
            receipt_no=receipt.receipt_no,
            channel=view.channel,
            collector=public_single("dlv", receipt.collector_id),
            collected_at=receipt.collected_at,
            amount_fen=receipt.amount_fen,
            pos_slip=receipt.pos_slip,
        )


class CashHeldOut(Answer):
    """Cash in one deliverer's hand: collected - handed in + float = held."""

    collector: str
    collected_fen: int
    handed_in_fen: int
    float_fen: int
    held_fen: int

    @classmethod
    def of(cls, held: CashHeld) -> "CashHeldOut":
        """Of a total."""
        return cls(
            collector=public_single("dlv", held.collector_id),
            collected_fen=held.collected_fen,
            handed_in_fen=held.handed_in_fen,
            float_fen=held.float_fen,
            held_fen=held.held_fen,
        )


class CashHeldList(Answer):
    """Deliverers who hold or held cash, most first."""

    items: list[CashHeldOut]
