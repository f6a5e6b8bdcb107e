"""Money paid on a marketplace: owed to us by it from the capture on, refunded by it alone.

What the marketplace gives back is mirrored here, never asked of it: a refund of ours on such a
payment waits until the marketplace tells of its own.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import rules
from app.billing.errors import PaymentIdTaken, RefundExceedsPaid
from app.billing.models import Payment, Refund
from app.billing.repository import payments as payment_rows
from app.billing.repository import refunds as rows
from app.billing.service.finishing import BY_HAND, move_refund, succeed
from app.billing.service.ledger import PREPAID, REFUND_PAYABLE, account_of, post, transfer_id
from app.billing.service.refunds import add_refund, left_of
from app.billing.states import PaymentChannel, PaymentMethod, PaymentStatus, RefundStatus
from app.core.alerts import resolve_alert

CHANNEL: Final = PaymentChannel.MARKETPLACE
IN_PARTS: Final = "paid in parts by the marketplace"


async def record_marketplace_payment(
    session: AsyncSession,
    *,
    customer_id: UUID,
    payment_id: UUID,
    reference_id: UUID,
    account: str,
    outside_number: str,
    amount_fen: int,
    now: datetime,
) -> Payment:
    """Book what a marketplace took for us as captured: debit its receivable, credit `prepaid`.

    `account` is the shop (`tmall:<code>`), `outside_number` the marketplace's own, which pays once.
    No PaymentCaptured is published: who records it knows what it pays for. Raises PaymentIdTaken
    where the number has paid for something else; ValueError unless `amount_fen` > 0.
    """
    if amount_fen <= 0:
        raise ValueError("a payment is positive")
    owner = await payment_rows.claim_number(
        session,
        channel=CHANNEL.value,
        number=outside_number,
        kind="payment",
        customer_id=customer_id,
        row_id=payment_id,
    )
    if owner != payment_id:
        raise PaymentIdTaken
    added = await payment_rows.add_payment(
        session,
        {
            "customer_id": customer_id,
            "payment_id": payment_id,
            "reference_id": reference_id,
            "merchant_account": account,
            "out_trade_no": outside_number,
            "channel_transaction_id": outside_number,
            "amount_fen": amount_fen,
        }
        | _captured_outside(amount_fen, now=now),
    )
    payment = await payment_rows.get_payment(session, customer_id, payment_id)
    if not added:
        if (payment.reference_id, payment.amount_fen) != (reference_id, amount_fen):
            raise PaymentIdTaken
        return payment
    await post(
        session,
        customer_id=customer_id,
        debit=account_of(payment),
        credit=PREPAID,
        amount_fen=amount_fen,
        cause="payment_captured",
        reference_id=reference_id,
        source_id=payment_id,
        now=now,
    )
    return payment


def _captured_outside(amount_fen: int, *, now: datetime) -> dict[str, Any]:
    return {
        "channel": CHANNEL,
        "method": PaymentMethod.OUTSIDE,
        "description": "",
        "status": PaymentStatus.CAPTURED,
        "expires_at": now,
        "created_at": now,
        "captured_at": now,
        "captured_fen": amount_fen,
    }


async def mirror_refund(
    session: AsyncSession,
    *,
    customer_id: UUID,
    reference_id: UUID,
    refund_no: str,
    amount_fen: int,
    now: datetime,
) -> list[Refund]:
    """Book a refund the marketplace has made, once per `refund_no`; answers what it settled.

    Refunds of ours that waited for it are settled first, the rest becomes one of its own. Raises
    RefundExceedsPaid with nothing changed when the marketplace gave back more than is left.
    """
    paid = [
        payment
        for payment in await payment_rows.lock_captured(session, customer_id, reference_id)
        if payment.channel == CHANNEL
    ]
    made = await rows.list_payment_refunds(session, customer_id, [p.payment_id for p in paid])
    if known := [refund for refund in made if refund.channel_refund_id == refund_no]:
        return known
    waiting = [refund for refund in made if refund.status == RefundStatus.APPROVED]
    left = sum(left_of(payment, made).left_fen for payment in paid)
    owed = sum(refund.amount_fen for refund in waiting)
    if amount_fen > left + owed:
        raise RefundExceedsPaid(asked_fen=amount_fen, refundable_fen=left + owed)
    by_id = {payment.payment_id: payment for payment in paid}
    settled, rest = await _settle_waiting(
        session, by_id, waiting, refund_no=refund_no, amount_fen=amount_fen, now=now
    )
    free = [left_of(payment, made) for payment in paid]
    for share in rules.spread_refund(rest, free):
        payment = by_id[share.payment_id]
        settled.append(
            await _mirrored(
                session, payment, refund_no=refund_no, amount_fen=share.amount_fen, now=now
            )
        )
    return settled


async def _settle_waiting(
    session: AsyncSession,
    paid: dict[UUID, Payment],
    waiting: Sequence[Refund],
    *,
    refund_no: str,
    amount_fen: int,
    now: datetime,
) -> tuple[list[Refund], int]:
    settled, rest = [], amount_fen
    for refund in waiting:
        payment = paid[refund.payment_id]
        if rest >= refund.amount_fen:
            refund.channel_refund_id = refund_no
            await succeed(session, refund, account=account_of(payment), at=now)
            settled.append(refund)
            rest -= refund.amount_fen
        elif rest:
            settled.append(
                await _split(session, payment, refund, refund_no=refund_no, part=rest, now=now)
            )
            rest = 0
    return settled, rest


async def _split(
    session: AsyncSession,
    payment: Payment,
    refund: Refund,
    *,
    refund_no: str,
    part: int,
    now: datetime,
) -> Refund:
    """The marketplace pays a part of what we wait for: the part ends, the rest waits on."""
    for status in (RefundStatus.SUBMITTED, RefundStatus.FAILED):
        move_refund(refund, status)
    refund.finished_at, refund.failure = now, IN_PARTS
    await session.flush()
    await post(
        session,
        customer_id=refund.customer_id,
        debit=REFUND_PAYABLE,
        credit=refund.from_account,
        amount_fen=refund.amount_fen,
        cause="refund_failed",
        reference_id=refund.reference_id,
        source_id=refund.refund_id,
        now=now,
        reverses_id=transfer_id(refund.refund_id, "refund_requested"),
    )
    await resolve_alert(session, BY_HAND, str(refund.refund_id))
    ended = await _mirrored(session, payment, refund_no=refund_no, amount_fen=part, now=now)
    await _owed(
        session,
        payment,
        amount_fen=refund.amount_fen - part,
        cause=f"{refund.cause.partition('#')[0]}#{refund_no}",
        now=now,
    )
    return ended


async def _mirrored(
    session: AsyncSession, payment: Payment, *, refund_no: str, amount_fen: int, now: datetime
) -> Refund:
    refund = await _owed(
        session, payment, amount_fen=amount_fen, cause=f"marketplace:{refund_no}", now=now
    )
    refund.channel_refund_id = refund_no
    await succeed(session, refund, account=account_of(payment), at=now)
    return refund


async def _owed(
    session: AsyncSession, payment: Payment, *, amount_fen: int, cause: str, now: datetime
) -> Refund:
    return await add_refund(
        session,
        payment,
        amount_fen=amount_fen,
        cause=cause,
        from_account=PREPAID,
        refunds_before=0,
        waits=False,
        requested_by=None,
        approved_by=None,
        now=now,
    )
