"""Breaks that only money at UnionPay can have."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import Payment, PaymentChannel, PaymentStatus, RefundStatus
from app.core.alerts import raise_alert
from tests.billing.breaking import Plant, book, payment, refund
from tests.factories.world import MORNING, World

UNIONPAY = "channel:unionpay:777290058110048"


async def captured(session: AsyncSession, world: World) -> Payment:
    """A captured and booked payment with an alert, so that nothing else is broken."""
    paid = payment(
        world,
        channel=PaymentChannel.UNIONPAY,
        merchant_account=UNIONPAY.rpartition(":")[2],
        status=PaymentStatus.CAPTURED,
        captured_at=MORNING,
        captured_fen=1_000,
    )
    session.add(paid)
    await session.flush()
    await book(session, paid, UNIONPAY, "prepaid", "payment_captured")
    await raise_alert(session, "unmatched_payment", str(paid.payment_id))
    return paid


async def unionpay_refunded_through_alipay(session: AsyncSession, world: World) -> None:
    paid = await captured(session, world)
    made = refund(paid, status=RefundStatus.SUCCEEDED, to_origin=True)
    session.add(made)
    await session.flush()
    source = {"source_id": made.refund_id}
    await book(session, paid, "prepaid", "refund_payable", "refund_requested", **source)
    elsewhere = UNIONPAY.replace("unionpay", "alipay")
    await book(session, paid, "refund_payable", elsewhere, "refund_succeeded", **source)


async def unionpay_refund_stuck(session: AsyncSession, world: World) -> None:
    paid = await captured(session, world)
    two_days_ago = MORNING - timedelta(days=2)
    made = refund(
        paid, status=RefundStatus.SUBMITTED, created_at=two_days_ago, approved_at=two_days_ago
    )
    session.add(made)
    await session.flush()
    source = {"source_id": made.refund_id}
    await book(session, paid, "prepaid", "refund_payable", "refund_requested", **source)


PLANTS: list[tuple[Plant, str]] = [
    (
        unionpay_refunded_through_alipay,
        "I3 refunds go back the way the money came, or are marked",
    ),
    (unionpay_refund_stuck, "I9 no payment or refund is stuck"),
]
