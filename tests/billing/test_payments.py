"""A household pays by WeChat Pay: the money is booked once, on verified facts only."""

from datetime import UTC, datetime, timedelta

from app.billing.models import PaymentStatus
from app.core.db import Database
from tests.factories.billing import Heard, booked, read_payment, start_one
from tests.factories.world import World
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments


async def test_a_paid_order_is_captured_by_its_notification(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payment = await start_one(database, world.household)
    assert payment.status == PaymentStatus.PENDING
    assert payment.handle is not None
    assert payment.handle["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")

    left = payments.order(payment.out_trade_no).expires_at - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)

    payments.pay(payment.out_trade_no)
    await payments.deliver_notifications()

    assert payments.answers(payment.out_trade_no) == [204]
    paid = await read_payment(database, payment)
    assert (paid.status, paid.captured_fen) == (PaymentStatus.CAPTURED, 10_500)
    account = f"channel:wechat:{payments.gateway.merchant}"
    assert await booked(database, world.household.customer_id) == [
        ("payment_captured", account, "prepaid", 10_500)
    ]
    assert [event.payment_id for event in heard.captured] == [payment.payment_id]
    async with database.transaction() as session:
        await assert_invariants(session, paid.created_at, only=("I1", "I3", "I4", "I9"))
