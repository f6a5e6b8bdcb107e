"""Deposits over several connections: double clicks, two workers, an end beside a beginning."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from app.billing.events import PaymentCaptured
from app.billing.models import LedgerTransfer, PaymentChannel, Refund
from app.core.db import Database
from app.core.ids import new_id, public_pair
from app.identity.models import Role
from app.orders.models import Deposit, DepositMove, Order
from app.orders.service import receive_payment
from app.orders.service.ending import complete_ended_orders
from tests.factories import orders
from tests.factories.identity import until_someone_waits
from tests.factories.world import MORNING, StaffMember, World, once
from tests.fixtures.application import SetClock, app_over, make_test_runtime
from tests.fixtures.invariants import assert_invariants
from tests.orders.test_door_orders import door_order, send

AT_ONCE = 8
END = MORNING + timedelta(days=60)


@dataclass
class Live:
    """The product over several connections."""

    database: Database
    world: World
    client: httpx.AsyncClient

    async def ended(self) -> str:
        """A door order paid in cash with its deposit, brought to its end: what is due back."""
        body = door_order(self.world, amount_fen=13_500, deposit_fen=3_000)
        body |= {"address": body["address"] | {"compound": "梅陇一村", "street": "梅陇路"}}
        assert (await send(self.client, self.world, body)).status_code == 201
        await asyncio.gather(*(self.complete() for _ in range(2)))
        async with self.database.transaction() as session:
            deposit = (await session.scalars(select(Deposit))).one()
            moves = Counter(await session.scalars(select(DepositMove.to_state)))
        assert moves == {"held": 1, "due_back": 1}, "two workers move it once"
        return public_pair("dep", deposit.customer_id, deposit.deposit_id)

    async def complete(self) -> int:
        """One worker's sweep."""
        async with self.database.transaction() as session:
            return await complete_ended_orders(session, now=END)

    async def at_once(
        self, deposit: str, act: str, *who: StaffMember, **said: str
    ) -> Counter[int | str]:
        """The same act by all of them, some time over."""
        answers = await asyncio.gather(
            *(
                self.client.post(
                    f"/deposits/{deposit}/{act}",
                    json=said,
                    headers=who[number % len(who)].headers | once(),
                )
                for number in range(AT_ONCE)
            )
        )
        return Counter(
            answer.status_code if answer.status_code < 300 else str(answer.json()["code"])
            for answer in answers
        )

    async def hold_true(self) -> None:
        """Every invariant of money."""
        async with self.database.transaction() as session:
            await assert_invariants(session, MORNING, only=("I1", "I2", "I3", "I4", "I5"))


@pytest.fixture
async def live(live_city: tuple[Database, World], tmp_path: Path) -> AsyncIterator[Live]:
    database, world = live_city
    runtime = make_test_runtime(database, SetClock(MORNING), tmp_path)
    transport = httpx.ASGITransport(app=app_over(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield Live(database, world, client)
    await runtime.http.aclose()


async def test_a_deposit_goes_back_once_however_often_it_is_said(live: Live) -> None:
    deposit = await live.ended()
    who = [live.world.deliverer_staff[0], live.world.staff[Role.STATION_MANAGER]]
    told = await live.at_once(deposit, "return", *who)
    assert told == {201: 1, "move_not_allowed": AT_ONCE - 1}
    async with live.database.transaction() as session:
        assert list(await session.scalars(select(Refund.amount_fen))) == [3_000]
    paid = await live.at_once(deposit, "paid-out", *who, evidence="押金收条 0017")
    assert paid == {201: 1, "move_not_allowed": AT_ONCE - 1}
    async with live.database.transaction() as session:
        out = await session.scalar(
            select(func.count())
            .select_from(LedgerTransfer)
            .where(LedgerTransfer.cause == "refund_succeeded")
        )
    assert out == 1
    await live.hold_true()


async def test_what_is_kept_and_given_back_at_once_is_one_of_them(live: Live) -> None:
    deposit = await live.ended()
    finance = live.world.staff[Role.FINANCE]
    kept, back = await asyncio.gather(
        live.at_once(deposit, "keep", finance, reason="未归还"),
        live.at_once(deposit, "return", finance),
    )
    assert kept[201] + back[201] == 1
    async with live.database.transaction() as session:
        state = await session.scalar(select(Deposit.state))
        refunds = await session.scalar(select(func.count()).select_from(Refund))
    assert (state, refunds) == (("kept", 0) if kept[201] else ("returned", 1))
    await live.hold_true()


async def test_a_payment_beside_the_end_keeps_the_deposit_held(live: Live) -> None:
    """The sweep meets a second order of the door whose payment is not committed yet."""
    body = door_order(live.world, amount_fen=13_500, deposit_fen=3_000)
    body |= {"phone": live.world.household.phone}
    assert (await send(live.client, live.world, body)).status_code == 201
    async with live.database.transaction() as session:
        customer_id, address_id = (
            await session.execute(select(Order.customer_id, Order.address_id))
        ).one()
    home = replace(live.world.household, address_id=address_id)
    second = await orders.place(live.client, live.world, home)
    assert (customer_id, second["deposit_fen"]) == (home.customer_id, 0)
    async with live.database.transaction() as session:
        await receive_payment(
            session,
            PaymentCaptured(
                customer_id=customer_id,
                payment_id=new_id(),
                reference_id=orders.ids_of(second)[1],
                amount_fen=second["due_fen"],
                channel=PaymentChannel.WECHAT,
                at=MORNING,
            ),
        )
        sweep = asyncio.create_task(live.complete())
        await until_someone_waits(live.database)
    assert await sweep == 1
    async with live.database.transaction() as session:
        assert await session.scalar(select(Deposit.state)) == "held"
