"""Paying an order, and what a captured payment does to it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.events import PaymentCaptured
from app.billing.models import Payment, PaymentChannel
from app.billing.service import open_payment, return_surplus
from app.core.enqueueing import enqueue
from app.orders import repository
from app.orders.depositing import take
from app.orders.errors import AgreementNotAccepted, OrderNotPayable, OrderUnknown
from app.orders.states import ConfirmationKind, OrderStatus

REVIEW_JOB = "orders.review_order"


async def start_payment(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_id: UUID,
    payment_id: UUID,
    method: str,
    now: datetime,
    channel: PaymentChannel = PaymentChannel.WECHAT,
    openid: str | None = None,
    payer_address: str | None = None,
) -> Payment:
    """Open a payment attempt for an unpaid order; the same `payment_id` again is the same attempt.

    Raises OrderNotPayable, AgreementNotAccepted, PayerMissing (jsapi needs the openid),
    ChannelNotConfigured.
    """
    bill = await repository.lock_bill(session, customer_id, order_id)
    if (
        bill.status is not OrderStatus.PENDING_PAYMENT
        or bill.pay_before_at is None
        or bill.pay_before_at <= now
    ):
        raise OrderNotPayable
    if bill.agreement_version is None:
        raise AgreementNotAccepted
    return await open_payment(
        session,
        customer_id=customer_id,
        payment_id=payment_id,
        reference_id=order_id,
        amount_fen=bill.due_fen,
        channel=channel,
        method=method,
        description=f"随心订 {bill.order_no}",
        expires_at=bill.pay_before_at,
        payer_openid=openid if method == "jsapi" else None,
        payer_address=(
            payer_address if channel is PaymentChannel.WECHAT and method == "h5" else None
        ),
        now=now,
    )


async def receive_payment(session: AsyncSession, captured: PaymentCaptured) -> None:
    """A payment was captured: the order goes to review, or the money goes back.

    A second payment, one of another amount, and one for an order that ended meanwhile are
    returned in full. A door order's payment belongs to an order that is confirmed already.
    """
    try:
        order = await repository.lock_order(session, captured.customer_id, captured.reference_id)
    except OrderUnknown:
        return
    captured.claim()
    if order.confirmation is ConfirmationKind.OFFLINE:
        return
    if order.status is not OrderStatus.PENDING_PAYMENT or order.due_fen != captured.amount_fen:
        await return_surplus(
            session,
            customer_id=captured.customer_id,
            payment_id=captured.payment_id,
            reason=f"order is {order.status.value}",
            now=captured.at,
        )
        return
    order.paid_at = captured.at
    await repository.change_status(
        session, order, OrderStatus.UNDER_REVIEW, at=captured.at, actor="system", reason="paid"
    )
    await take(session, order, now=captured.at)
    await enqueue(
        session,
        REVIEW_JOB,
        {"customer_id": str(order.customer_id), "order_id": str(order.order_id)},
        dedupe_key=f"{REVIEW_JOB}:{order.order_id}",
    )
