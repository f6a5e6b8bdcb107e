"""A process dies between any two steps of pay and refund; others finish what it began."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from unittest import mock

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.channels.accounts import use_gateway
from app.billing.channels.wechat import WeChatGateway
from app.billing.jobs import sweep
from app.billing.models import Payment, PaymentChannel, PaymentStatus, Refund, RefundStatus
from app.billing.repository.ledger import list_transfers
from app.billing.service import ask_channel, request_refund
from app.core.db import Database
from app.core.jobs import JobContext
from tests.factories.billing import open_one, read_payment, read_refund
from tests.factories.world import MORNING, Household, World
from tests.fixtures.application import SetClock
from tests.fixtures.doses import dose
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

pytestmark = pytest.mark.usefixtures("heard")
MINUTE = timedelta(minutes=1)
MOST_MINUTES = 10
PAIRS = dose(10, 500)
PAID_FEN, BACK_FEN = 10_500, 4_000


class Killed(BaseException):
    """kill -9: nobody catches it, nothing is cleaned up but what the server rolls back."""


@contextmanager
def a_process() -> Iterator[None]:
    """What runs in it may be killed."""
    try:
        yield
    except* Killed:
        pass


@dataclass
class Reaper:
    """Kills at chosen moments: before and after each commit and each call of the channel."""

    moments: set[int]
    passed: int = 0
    struck: int = 0

    def strike(self) -> None:
        """One more moment has come."""
        self.passed += 1
        if self.passed in self.moments:
            self.struck += 1
            raise Killed


class MortalGateway:
    """The real gateway, in a process that may die before a call or before its answer is read."""

    def __init__(self, inner: object, reaper: Reaper) -> None:
        self._inner = inner
        self._reaper = reaper

    def __getattr__(self, name: str) -> Any:
        """What the gateway has; its calls are moments to die at."""
        found = getattr(self._inner, name)
        if name not in {
            "place_order",
            "query_order",
            "close_order",
            "submit_refund",
            "query_refund",
        }:
            return found

        async def call(*arguments: object) -> object:
            self._reaper.strike()
            answer = await found(*arguments)
            self._reaper.strike()
            return answer

        return call


@dataclass
class Till:
    """A payment and a refund of it, pursued by processes that may die."""

    database: Database
    payments: Payments
    clock: SetClock
    context: JobContext
    household: Household

    async def pay_and_give_back(self, reaper: Reaper) -> tuple[Payment, Refund]:
        """The whole story; the payer and the clerk try again until they are told it is done."""
        self.clock.set(MORNING)
        payment = await open_one(self.database, self.household, now=MORNING)
        refunds: list[Refund] = []

        async def ask() -> None:
            await ask_channel(
                self.database,
                customer_id=payment.customer_id,
                payment_id=payment.payment_id,
                now=self.clock.now(),
            )
            self.payments.pay(payment.out_trade_no)

        async def give_back() -> None:
            refunds[:] = await self._give_back(payment)

        with self._mortal(reaper):
            await self._again(ask)
            await self._until_final(lambda: self._is_paid(payment))
            await self._again(give_back)
            await self._until_final(lambda: self._is_returned(refunds[0]))
        return await read_payment(self.database, payment), await read_refund(
            self.database, refunds[0]
        )

    @contextmanager
    def _mortal(self, reaper: Reaper) -> Iterator[None]:
        whole = self.database.transaction

        @asynccontextmanager
        async def transaction() -> AsyncIterator[AsyncSession]:
            async with whole() as session:
                yield session
                await session.flush()
                reaper.strike()
            reaper.strike()

        mortal = cast("WeChatGateway", MortalGateway(self.payments.gateway, reaper))
        use_gateway(PaymentChannel.WECHAT, mortal)
        try:
            with mock.patch.object(self.database, "transaction", transaction):
                yield
        finally:
            use_gateway(PaymentChannel.WECHAT, self.payments.gateway)

    async def _again(self, act: Callable[[], Awaitable[None]]) -> None:
        for _ in range(4):
            with a_process():
                return await act()
        raise AssertionError("never done")

    async def _is_paid(self, payment: Payment) -> bool:
        return (await read_payment(self.database, payment)).status == PaymentStatus.CAPTURED

    async def _is_returned(self, refund: Refund) -> bool:
        return (await read_refund(self.database, refund)).status == RefundStatus.SUCCEEDED

    async def _until_final(self, is_final: Callable[[], Awaitable[bool]]) -> None:
        """The schedule's minutes, one after the other, each worked on by a new process."""
        for _ in range(MOST_MINUTES + 1):
            for work in (self._hear, self._work):
                with a_process():
                    await work()
            with a_process():
                if await is_final():
                    return
            self.clock.set(self.clock.now() + MINUTE)
        raise AssertionError(f"not final after {MOST_MINUTES} minutes")

    async def _hear(self) -> None:
        await self.payments.advance(MINUTE.total_seconds())
        await self.payments.deliver_notifications()

    async def _work(self) -> None:
        await drain(self.context)
        await sweep(self.context, {})
        await drain(self.context)

    async def _give_back(self, payment: Payment) -> list[Refund]:
        async with self.database.transaction() as session:
            return await request_refund(
                session,
                customer_id=payment.customer_id,
                reference_id=payment.reference_id,
                amount_fen=BACK_FEN,
                cause="order_rejected",
                now=self.clock.now(),
            )


@pytest.fixture
def till(
    database: Database, payments: Payments, clock: SetClock, job_context: JobContext, world: World
) -> Till:
    return Till(database, payments, clock, job_context, world.household)


async def assert_paid_and_returned_once(till: Till, payment: Payment, refund: Refund) -> None:
    account = f"channel:wechat:{till.payments.gateway.merchant}"
    async with till.database.transaction() as session:
        transfers = await list_transfers(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            after=None,
            limit=10,
        )
    assert sorted(
        (one.cause, one.debit_account, one.credit_account, one.amount_fen) for one in transfers
    ) == [
        ("payment_captured", account, "prepaid", PAID_FEN),
        ("refund_requested", "prepaid", "refund_payable", BACK_FEN),
        ("refund_succeeded", "refund_payable", account, BACK_FEN),
    ]
    assert till.payments.refunds(payment.out_trade_no) == [
        (refund.out_refund_no, BACK_FEN, "SUCCESS")
    ]


async def hold(till: Till) -> None:
    async with till.database.transaction() as session:
        await assert_invariants(session, till.clock.now(), only=("I1", "I3", "I4", "I9"))


async def test_a_death_at_any_moment_changes_nothing_in_the_end(till: Till) -> None:
    moment = 0
    while True:
        moment += 1
        reaper = Reaper({moment})
        payment, refund = await till.pay_and_give_back(reaper)
        await assert_paid_and_returned_once(till, payment, refund)
        if not reaper.struck:
            break
    assert moment > 20
    await hold(till)


async def test_nor_do_two_deaths_in_a_row(till: Till) -> None:
    chance = random.Random(20260315)
    for _ in range(PAIRS):
        reaper = Reaper(set(chance.sample(range(1, 40), 2)))
        payment, refund = await till.pay_and_give_back(reaper)
        await assert_paid_and_returned_once(till, payment, refund)
    await hold(till)
