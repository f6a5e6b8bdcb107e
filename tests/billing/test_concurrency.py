"""Many at once, on a database of real commits and several connections."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from app.billing.bill_models import Bill, BillDifferenceMove, BillLine
from app.billing.errors import BalanceShort, ReceiptNumberTaken, RefundExceedsPaid
from app.billing.models import ChannelEvent, LedgerTransfer, Payment, PaymentChannel, Refund
from app.billing.service import (
    accept_notification,
    ask_channel,
    ask_for_bills,
    download_bill,
    open_payment,
    pay_credit,
    request_refund,
    submit_refund,
)
from app.billing.states import BillStatus, DifferenceKind
from app.core.db import Database
from app.core.ids import new_id
from app.core.runtime import Runtime
from simulators.channels.faults import FaultKind
from tests.billing.forging import paid_view, write_letter
from tests.factories.billing import open_one, pay_one, read_payment, start_one, take_cash
from tests.factories.world import MORNING, Household, World
from tests.fixtures.application import SetClock, app_over, make_test_runtime
from tests.fixtures.database import cloned_database
from tests.fixtures.doses import dose
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments, open_payments

ROUNDS = dose(1, 100)


@dataclass
class Live:
    """A product on its own database, and a household of the test's own."""

    database: Database
    runtime: Runtime
    world: World
    payments: Payments
    household: Household

    async def count(self, model: type[Payment | Refund | LedgerTransfer]) -> int:
        """Rows of the test's household."""
        async with self.database.transaction() as session:
            query = select(func.count()).select_from(model)
            own = model.customer_id == self.household.customer_id
            return await session.scalar(query.where(own)) or 0


@pytest.fixture(scope="module")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """World, simulator and application over real commits; cloning a database takes its time."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    async with cloned_database(f"billing_{worker}_{os.getpid()}") as database:
        runtime = make_test_runtime(database, SetClock(MORNING), tmp_path_factory.mktemp("var"))
        async with database.transaction() as session:
            world = await World.build(session, runtime.keys)
        async with open_payments(runtime, parallel=True) as payments:
            yield Live(database, runtime, world, payments, world.household)
        await runtime.http.aclose()


@pytest.fixture
async def live(city: Live) -> Live:
    """The city, seen by a new household."""
    async with city.database.transaction() as session:
        household = await city.world.add_household(session)
    return replace(city, household=household)


async def hold(live: Live) -> None:
    async with live.database.transaction() as session:
        await assert_invariants(session, MORNING, only=("I1", "I3", "I4", "I9"))


@pytest.mark.parametrize("_", range(ROUNDS))
async def test_ten_copies_of_a_notification_at_once(live: Live, _: int) -> None:
    payment = await start_one(live.database, live.household)
    live.payments.fault(FaultKind.NOTIFY_DUPLICATE, times=10)
    live.payments.pay(payment.out_trade_no)
    await live.payments.deliver_notifications()
    assert live.payments.answers(payment.out_trade_no) == [204] * 10
    async with live.database.transaction() as session:
        events = await session.scalar(
            select(func.count()).where(ChannelEvent.number == payment.out_trade_no)
        )
    assert events == 1
    assert await live.count(LedgerTransfer) == 1
    await hold(live)


@pytest.mark.parametrize("_", range(ROUNDS))
async def test_different_messages_and_queries_about_one_payment_at_once(live: Live, _: int) -> None:
    payment = await start_one(live.database, live.household)
    live.payments.fault(FaultKind.NOTIFY_LOST)
    live.payments.pay(payment.out_trade_no)
    view = paid_view(live.payments, payment.out_trade_no)
    transport = httpx.ASGITransport(app=app_over(live.runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:

        async def send() -> int:
            letter = write_letter(live.payments, view)
            answer = await client.post(
                "/channels/wechat/notifications", content=letter.body, headers=letter.headers
            )
            return answer.status_code

        async def query() -> int:
            await ask_channel(
                live.database, customer_id=payment.customer_id, payment_id=payment.payment_id
            )
            return 204

        answers = await asyncio.gather(*(send() for _ in range(6)), *(query() for _ in range(3)))
    assert set(answers) == {204}
    assert await live.count(LedgerTransfer) == 1
    await hold(live)


async def test_many_ask_for_one_payment_at_once(live: Live) -> None:
    payment = await open_one(live.database, live.household)

    async def ask() -> Payment:
        return await ask_channel(
            live.database, customer_id=payment.customer_id, payment_id=payment.payment_id
        )

    asked = await asyncio.gather(*(ask() for _ in range(5)))
    assert {found.status for found in asked} == {"pending"}
    placed = live.payments.simulator.desk.store.list_orders()
    assert [order.out_trade_no for order in placed].count(payment.out_trade_no) == 1


async def test_refunds_at_once_never_exceed_what_was_paid(live: Live) -> None:
    payment = await pay_one(live.database, live.payments, live.household, amount_fen=1_000)

    async def give_back(number: int) -> int:
        try:
            async with live.database.transaction() as session:
                made = await request_refund(
                    session,
                    customer_id=payment.customer_id,
                    reference_id=payment.reference_id,
                    amount_fen=300,
                    cause=f"cause {number}",
                    now=MORNING,
                )
        except RefundExceedsPaid:
            return 0
        return sum(refund.amount_fen for refund in made)

    given = await asyncio.gather(*(give_back(number) for number in range(8)))
    assert sum(given) == 900
    await hold(live)


async def test_one_cause_asked_for_at_once_is_one_refund(live: Live) -> None:
    payment = await pay_one(live.database, live.payments, live.household)

    async def give_back() -> object:
        async with live.database.transaction() as session:
            [refund] = await request_refund(
                session,
                customer_id=payment.customer_id,
                reference_id=payment.reference_id,
                amount_fen=2_000,
                cause="order_rejected",
                now=MORNING,
            )
        return refund.refund_id

    assert len(set(await asyncio.gather(*(give_back() for _ in range(6))))) == 1
    assert await live.count(Refund) == 1


async def test_one_refund_submitted_by_several_workers_is_one_refund(live: Live) -> None:
    payment = await pay_one(live.database, live.payments, live.household)
    async with live.database.transaction() as session:
        [refund] = await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=2_000,
            cause="order_rejected",
            now=MORNING,
        )

    async def submit() -> None:
        await submit_refund(
            live.database, customer_id=refund.customer_id, refund_id=refund.refund_id
        )

    await asyncio.gather(*(submit() for _ in range(4)))
    assert len(live.payments.refunds(payment.out_trade_no)) == 1
    live.payments.fault(FaultKind.NOTIFY_LOST)
    await live.payments.finish_refunds()
    view = live.payments.simulator.desk.refunds.notice_view(
        live.payments.simulator.desk.refunds.get(refund.out_refund_no)
    )

    async def hear() -> None:
        letter = write_letter(live.payments, view, event_type="REFUND.SUCCESS")
        await accept_notification(
            live.database,
            channel=PaymentChannel.WECHAT,
            headers=letter.headers,
            body=letter.body,
            now=MORNING,
        )

    await asyncio.gather(*(submit() for _ in range(4)), *(hear() for _ in range(4)))
    async with live.database.transaction() as session:
        booked = await session.scalar(
            select(func.count()).where(
                LedgerTransfer.cause == "refund_succeeded",
                LedgerTransfer.source_id == refund.refund_id,
            )
        )
    assert booked == 1
    await hold(live)


async def test_two_payments_of_one_reference_paid_at_once_are_both_captured(live: Live) -> None:
    reference = new_id()
    opened = [
        await start_one(live.database, live.household, reference_id=reference) for _ in range(2)
    ]
    for payment in opened:
        live.payments.pay(payment.out_trade_no)
    await live.payments.deliver_notifications()
    statuses = {(await read_payment(live.database, payment)).status for payment in opened}
    assert statuses == {"captured"}
    assert await live.count(LedgerTransfer) == 2


async def test_one_receipt_number_taken_by_two_phones_at_once(live: Live) -> None:
    async with live.database.transaction() as session:
        neighbour = await live.world.add_household(session)

    async def take(household: Household) -> bool:
        try:
            async with live.database.transaction() as session:
                await take_cash(
                    session,
                    household,
                    collector_id=live.world.deliverers[0],
                    receipt_no="SAME-1",
                )
        except ReceiptNumberTaken:
            return False
        return True

    taken = await asyncio.gather(take(live.household), take(neighbour))
    assert sorted(taken) == [False, True]
    beside = replace(live, household=neighbour)
    assert [await live.count(Payment), await beside.count(Payment)] == [int(won) for won in taken]
    await hold(live)


async def test_one_credit_granted_by_several_clicks_is_one_credit(live: Live) -> None:
    ticket, compensation = new_id(), new_id()

    async def grant(days: int = 0) -> int:
        async with live.database.transaction() as session:
            granted = await pay_credit(
                session,
                customer_id=live.household.customer_id,
                reference_id=ticket,
                source_id=compensation,
                amount_fen=500,
                cause="ticket_compensation",
                now=MORNING + timedelta(days=days),
            )
        return granted.amount_fen

    assert await asyncio.gather(*(grant() for _ in range(4))) == [500] * 4
    assert await grant(days=1) == 500
    assert await live.count(LedgerTransfer) == 1


async def test_two_workers_take_a_bill_once(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    there, day = live.payments.simulator.clock, timedelta(days=1)
    monkeypatch.setattr(there, "_moved", MORNING - day - there.wall())
    payment = await pay_one(live.database, live.payments, live.household)
    there._moved += day + timedelta(minutes=5)
    now = MORNING + timedelta(minutes=5)
    async with live.database.transaction() as session:
        await ask_for_bills(session, now=now)
        bill_id = await session.scalar(select(Bill.bill_id))
    assert bill_id is not None
    patience = timedelta(minutes=6)  # the second one takes the first for dead
    await asyncio.gather(
        download_bill(live.database, bill_id=bill_id, now=now),
        download_bill(live.database, bill_id=bill_id, now=now + patience),
    )
    async with live.database.transaction() as session:
        bill = await session.get_one(Bill, bill_id)
        assert (bill.status, bill.line_count, bill.next_try_at) == (BillStatus.LOADED, 1, None)
        lines = list(await session.scalars(select(BillLine.number)))
        moves = list(await session.scalars(select(BillDifferenceMove.kind)))
        assert (lines, moves) == ([payment.out_trade_no], [DifferenceKind.DATE_DIFFERS])
        await assert_invariants(session, MORNING, only=("I1", "I9", "I11"))


async def test_a_balance_for_one_pays_one_of_many(live: Live) -> None:
    customer_id = live.household.customer_id
    async with live.database.transaction() as session:
        await pay_credit(
            session,
            customer_id=customer_id,
            reference_id=new_id(),
            source_id=new_id(),
            amount_fen=1_050,
            cause="ticket_compensation",
            now=MORNING,
        )

    async def pay() -> bool:
        try:
            async with live.database.transaction() as session:
                await open_payment(
                    session,
                    customer_id=customer_id,
                    payment_id=new_id(),
                    reference_id=new_id(),
                    amount_fen=1_000,
                    channel=PaymentChannel.BALANCE,
                    method="balance",
                    description="",
                    expires_at=MORNING,
                    now=MORNING,
                )
        except BalanceShort:
            return False
        return True

    assert sorted(await asyncio.gather(*(pay() for _ in range(5)))) == [False] * 4 + [True]
    assert await live.count(Payment) == 1
    await hold(live)
