"""Breaks that only money at Alipay and UnionPay can have."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import Payment, PaymentChannel, PaymentStatus, RefundStatus
from app.core.alerts import raise_alert
from tests.billing.breaking import Plant, book, payment, refund
from tests.factories.world import MORNING, World

ACCOUNTS = {
    PaymentChannel.ALIPAY: "channel:alipay:2088000000000001",
    PaymentChannel.UNIONPAY: "channel:unionpay:777290058110048",
}


async def captured(session: AsyncSession, world: World, channel: PaymentChannel) -> Payment:
    """A captured and booked payment with an alert, so that nothing else is broken."""
    account = ACCOUNTS[channel]
    paid = payment(
        world,
        channel=channel,
        merchant_account=account.rpartition(":")[2],
        status=PaymentStatus.CAPTURED,
        captured_at=MORNING,
        captured_fen=1_000,
    )
    session.add(paid)
    await session.flush()
    await book(session, paid, account, "prepaid", "payment_captured")
    await raise_alert(session, "unmatched_payment", str(paid.payment_id))
    return paid


def refunded_elsewhere(channel: PaymentChannel) -> Plant:
    """A refund that says it went back through the channel, booked at another."""

    async def plant(session: AsyncSession, world: World) -> None:
        paid = await captured(session, world, channel)
        made = refund(paid, status=RefundStatus.SUCCEEDED, to_origin=True)
        session.add(made)
        await session.flush()
        source = {"source_id": made.refund_id}
        await book(session, paid, "prepaid", "refund_payable", "refund_requested", **source)
        elsewhere = ACCOUNTS[channel].replace(channel.value, "wechat")
        await book(session, paid, "refund_payable", elsewhere, "refund_succeeded", **source)

    return _named(plant, f"{channel}_refunded_elsewhere")


def refund_stuck(channel: PaymentChannel) -> Plant:
    """A refund under way for two days."""

    async def plant(session: AsyncSession, world: World) -> None:
        paid = await captured(session, world, channel)
        two_days_ago = MORNING - timedelta(days=2)
        made = refund(
            paid, status=RefundStatus.SUBMITTED, created_at=two_days_ago, approved_at=two_days_ago
        )
        session.add(made)
        await session.flush()
        source = {"source_id": made.refund_id}
        await book(session, paid, "prepaid", "refund_payable", "refund_requested", **source)

    return _named(plant, f"{channel}_refund_stuck")


def _named(plant: Plant, name: str) -> Plant:
    plant.__name__ = name
    return plant


PLANTS: list[tuple[Plant, str]] = [
    pair
    for channel in ACCOUNTS
    for pair in (
        (refunded_elsewhere(channel), "I3 refunds go back the way the money came, or are marked"),
        (refund_stuck(channel), "I9 no payment or refund is stuck"),
    )
]
