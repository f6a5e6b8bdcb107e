"""Money taken at the door: cash in the deliverer's hand, or a POS slip."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.errors import (
    PaymentIdTaken,
    PaymentMethodUnknown,
    PosSlipInvalid,
    PosSlipTaken,
    ReceiptNumberTaken,
)
from app.billing.models import Payment, Receipt
from app.billing.repository import payments as rows
from app.billing.rules import PosSlip, read_slip
from app.billing.service.ledger import PREPAID, account_of, post
from app.billing.states import PaymentChannel, PaymentMethod, PaymentStatus

RECEIPTS = "receipt"
"""Under this channel the registry keeps receipt numbers."""


async def record_door_payment(
    session: AsyncSession,
    *,
    customer_id: UUID,
    reference_id: UUID,
    channel: PaymentChannel,
    amount_fen: int,
    collector_id: UUID,
    receipt_no: str,
    pos_slip: PosSlip | Mapping[str, str] | None,
    collected_at: datetime,
    payment_id: UUID,
    now: datetime,
) -> Payment:
    """Book cash or a POS slip as captured at once, under a client-made id; harmless when repeated.

    No PaymentCaptured is published: who records it knows what it pays for. Raises
    PaymentIdTaken (same id, other facts), ReceiptNumberTaken, PosSlipTaken, PosSlipInvalid,
    PaymentMethodUnknown; ValueError unless `amount_fen` > 0.
    """
    if amount_fen <= 0:
        raise ValueError("a payment is positive")
    if channel not in {PaymentChannel.CASH, PaymentChannel.POS}:
        raise PaymentMethodUnknown(channel=channel.value)
    if (channel is PaymentChannel.POS) != (pos_slip is not None):
        raise PosSlipInvalid("a slip belongs to POS, and to POS only")
    slip = read_slip(pos_slip) if isinstance(pos_slip, Mapping) else pos_slip
    added = await rows.add_payment(
        session,
        {
            "customer_id": customer_id,
            "payment_id": payment_id,
            "reference_id": reference_id,
            "channel": channel,
            "merchant_account": str(collector_id) if slip is None else slip.merchant_no,
            "out_trade_no": receipt_no,
            "amount_fen": amount_fen,
            "channel_transaction_id": None if slip is None else slip.reference_no,
        }
        | _captured_at_once(amount_fen, now=now),
    )
    payment = await rows.get_payment(session, customer_id, payment_id)
    receipt = Receipt(
        customer_id=customer_id,
        payment_id=payment_id,
        receipt_no=receipt_no,
        collector_id=collector_id,
        collected_at=collected_at,
        amount_fen=amount_fen,
        pos_slip=None if slip is None else asdict(slip),
    )
    if not added:
        await _require_same(session, payment, receipt, reference_id=reference_id, channel=channel)
        return payment
    await _claim_numbers(session, receipt, slip)
    session.add(receipt)
    await session.flush()
    await _book(session, payment, now=now)
    return payment


def _captured_at_once(amount_fen: int, *, now: datetime) -> dict[str, Any]:
    return {
        "method": PaymentMethod.DOOR,
        "description": "",
        "status": PaymentStatus.CAPTURED,
        "expires_at": now,
        "created_at": now,
        "captured_at": now,
        "captured_fen": amount_fen,
    }


async def _book(session: AsyncSession, payment: Payment, *, now: datetime) -> None:
    await post(
        session,
        customer_id=payment.customer_id,
        debit=account_of(payment),
        credit=PREPAID,
        amount_fen=payment.amount_fen,
        cause="cash_received" if payment.channel == PaymentChannel.CASH else "pos_received",
        reference_id=payment.reference_id,
        source_id=payment.payment_id,
        now=now,
    )


async def _claim_numbers(session: AsyncSession, receipt: Receipt, slip: PosSlip | None) -> None:
    owner = await rows.claim_number(
        session,
        channel=RECEIPTS,
        number=receipt.receipt_no,
        kind="payment",
        customer_id=receipt.customer_id,
        row_id=receipt.payment_id,
    )
    if owner != receipt.payment_id:
        raise ReceiptNumberTaken(receipt_no=receipt.receipt_no)
    if slip is None:
        return
    owner = await rows.claim_number(
        session,
        channel=PaymentChannel.POS.value,
        number=slip.registry_number,
        kind="payment",
        customer_id=receipt.customer_id,
        row_id=receipt.payment_id,
    )
    if owner != receipt.payment_id:
        raise PosSlipTaken(slip=slip.registry_number)


async def _require_same(
    session: AsyncSession,
    payment: Payment,
    repeated: Receipt,
    *,
    reference_id: UUID,
    channel: PaymentChannel,
) -> None:
    kept = await session.get(Receipt, (payment.customer_id, payment.payment_id))
    is_same = (
        kept is not None
        and (payment.reference_id, payment.channel) == (reference_id, channel)
        and kept.receipt_no == repeated.receipt_no
        and kept.collector_id == repeated.collector_id
        and kept.amount_fen == repeated.amount_fen
        and kept.pos_slip == repeated.pos_slip
    )
    if not is_same:
        raise PaymentIdTaken
