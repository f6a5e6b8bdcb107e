"""A household and Alipay: payments asked for, paid, and told of."""

from datetime import datetime

from app.billing.models import Payment, PaymentChannel
from app.billing.service import ask_channel
from app.core.db import Database
from tests.factories.billing import open_one, read_payment
from tests.factories.world import MORNING, Household
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments

REFUND = "alipay.trade.refund"
QUERY = "alipay.trade.query"
PRECREATE = "alipay.trade.precreate"


async def start_alipay(
    database: Database, household: Household, *, method: str = "native", now: datetime = MORNING
) -> Payment:
    """An attempt that waits for its payer."""
    payment = await open_one(
        database, household, channel=PaymentChannel.ALIPAY, method=method, now=now
    )
    return await ask_channel(
        database, customer_id=household.customer_id, payment_id=payment.payment_id, now=now
    )


async def pay_alipay(database: Database, payments: Payments, household: Household) -> Payment:
    """A captured payment: asked for, paid, notified."""
    payment = await start_alipay(database, household)
    payments.simulator.alipay.trades.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    return await read_payment(database, payment)


def answers(payments: Payments, number: str) -> list[tuple[int | None, str]]:
    """How the application answered each notification about a trade, in order."""
    store = payments.simulator.alipay.store
    return [
        (attempt.status, attempt.answer)
        for notice in store.list_notices(number)
        for attempt in store.list_attempts(notice.id)
    ]


async def hold(database: Database, clock: SetClock) -> None:
    """The rules of money hold."""
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only=("I1", "I3", "I4", "I9"))


def account(payments: Payments) -> str:
    """The ledger account of the money at Alipay."""
    return f"channel:alipay:{payments.alipay.merchant}"
