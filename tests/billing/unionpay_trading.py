"""A household and UnionPay: payments asked for, paid on its page, and told of."""

import re
from datetime import datetime
from html import unescape

from app.billing.models import Payment, PaymentChannel
from app.billing.service import ask_channel
from app.core.db import Database
from tests.factories.billing import open_one, read_payment
from tests.factories.world import MORNING, Household
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import BASE_URL, Payments

_INPUT = re.compile(r'name="([^"]*)" value="([^"]*)"')
_ACTION = re.compile(r'action="([^"]*)"')


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """Where a self-submitting page goes, and what it sends."""
    [action] = _ACTION.findall(page)
    return unescape(action), {name: unescape(value) for name, value in _INPUT.findall(page)}


async def start_unionpay(
    database: Database, household: Household, *, method: str = "page", now: datetime = MORNING
) -> Payment:
    """An attempt that waits for its payer."""
    payment = await open_one(
        database, household, channel=PaymentChannel.UNIONPAY, method=method, now=now
    )
    return await ask_channel(
        database, customer_id=household.customer_id, payment_id=payment.payment_id, now=now
    )


async def enter(payments: Payments, payment: Payment) -> str:
    """The payer's browser submits the form; answers where it is sent on to."""
    assert payment.handle is not None
    action, form = form_of(payment.handle["pay_form"])
    assert action == f"{BASE_URL}/unionpay/gateway/api/frontTransReq.do"
    answer = await payments.http.post(action, data=form)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def pay_unionpay(database: Database, payments: Payments, household: Household) -> Payment:
    """A captured payment: asked for, paid, notified."""
    payment = await start_unionpay(database, household)
    await enter(payments, payment)
    payments.simulator.unionpay.txns.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    return await read_payment(database, payment)


def answers(payments: Payments, number: str) -> list[tuple[int | None, str]]:
    """How the application answered each notification about a number, in order."""
    store = payments.simulator.unionpay.store
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
    """The ledger account of the money at UnionPay."""
    return f"channel:unionpay:{payments.unionpay.merchant}"
