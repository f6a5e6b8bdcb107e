"""Revenue: delivered milk earns its value out of what was prepaid, once, and is corrected."""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from app.billing.models import LedgerTransfer
from app.billing.service import post
from app.core.db import Database
from app.core.ids import new_id
from app.delivery.models import DeliveryStatus, LineEarning, RevenueDay
from app.delivery.service.earning import post_day, post_revenue
from app.orders.changes.purses import Move, Purse
from app.orders.models import EntitlementEntry, Order
from app.orders.states import OrderStatus
from tests.factories.delivery import RunningLine
from tests.factories.revenue import (
    add_round,
    bring,
    noon,
    paid_line,
    prepay,
    report,
    revenue_of,
)
from tests.factories.world import TODAY, World
from tests.fixtures.invariants import assert_invariants

DAYS = [TODAY + timedelta(days=step) for step in range(8)]


async def booked(database: Database, line: RunningLine) -> list[int]:
    """What was booked in order, with the invariants checked beside."""
    async with database.transaction() as session:
        await assert_invariants(session, noon(DAYS[-1]), only=("I1", "I2", "I5", "I12"))
        return [fen for _, _, fen in await revenue_of(session, line.customer_id)]


def entry(line: RunningLine, move: Move) -> EntitlementEntry:
    return EntitlementEntry(
        customer_id=line.customer_id,
        entry_id=new_id(),
        order_line_id=line.order_line_id,
        kind=move.kind,
        bottles=move.bottles,
        value_fen=move.value_fen,
        product_id=None if move.product_id == line.product_id else move.product_id,
        at=noon(DAYS[0]),
    )


async def test_each_morning_earns_the_next_bottles_and_a_second_run_nothing(
    database: Database, world: World
) -> None:
    async with database.transaction() as session:
        line = await paid_line(session, world, bottles=7, paid_fen=2_000)
        for day in DAYS[:3]:
            await bring(session, world, line, day, bottles=2)
            await add_round(session, world, day)
    await post_revenue(database, now=noon(DAYS[0]) - timedelta(hours=1))
    assert await booked(database, line) == []
    for day in DAYS[:3]:
        await post_revenue(database, now=noon(day))
        await post_revenue(database, now=noon(day) + timedelta(minutes=5))
    assert await booked(database, line) == [571, 571, 572]
    async with database.transaction() as session:
        facts = await revenue_of(session, line.customer_id)
        assert [fact[:2] for fact in facts] == [(day, "milk_delivered") for day in DAYS[:3]]
        assert await session.scalar(select(func.count()).select_from(RevenueDay)) == 3


async def test_gifts_and_make_ups_earn_nothing_and_the_last_bottle_completes_the_price(
    database: Database, world: World
) -> None:
    async with database.transaction() as session:
        line = await paid_line(session, world, bottles=3, paid_fen=1_000)
        session.add(entry(line, Move("gift", line.product_id, 2, 0)))
        await bring(session, world, line, DAYS[0], bottles=2)
        await bring(session, world, line, DAYS[0], delivery_no=1, cause_id=new_id(), is_gift=True)
        await bring(session, world, line, DAYS[1], bottles=2)
        for day in DAYS[:2]:
            await add_round(session, world, day)
    for day in DAYS[:2]:
        await post_revenue(database, now=noon(day))
    async with database.transaction() as session:
        assert [fen for _, _, fen in await revenue_of(session, line.customer_id)] == [666, 334]


async def test_a_late_phone_and_a_correction_are_booked_when_they_become_known(
    database: Database, world: World
) -> None:
    async with database.transaction() as session:
        line = await paid_line(session, world)
        await bring(session, world, line, DAYS[0], status=DeliveryStatus.PLANNED)
        await bring(session, world, line, DAYS[1])
        for day in DAYS[:2]:
            await add_round(session, world, day)
    for day in DAYS[:2]:
        await post_revenue(database, now=noon(day))
    assert await booked(database, line) == [332]
    late = noon(DAYS[2])
    async with database.transaction() as session:
        await report(session, line, DAYS[0], DeliveryStatus.DELIVERED, at=late)
    for hours in (1, 2):
        await post_revenue(database, now=late + timedelta(hours=hours))
        assert await booked(database, line) == [332, 332]
    async with database.transaction() as session:
        await report(
            session, line, DAYS[1], DeliveryStatus.FAILED, at=late + timedelta(minutes=150)
        )
    await post_revenue(database, now=late + timedelta(hours=3))
    assert await booked(database, line) == [332, 332, -332]
    async with database.transaction() as session:
        facts = await revenue_of(session, line.customer_id)
    assert [fact[:2] for fact in facts[1:]] == [(DAYS[2], "revenue_corrected")] * 2


async def test_what_was_brought_before_is_posted_once_however_often_the_run_is_killed(
    live_city: tuple[Database, World],
) -> None:
    database, world = live_city
    async with database.transaction() as session:
        line = await paid_line(session, world)
        for day in DAYS[:5]:
            await bring(session, world, line, day)
            await add_round(session, world, day)
    now = noon(DAYS[4])
    async with database.transaction() as session:
        await post_day(session, day=DAYS[0], now=now)  # killed before it was noted
    runs = await asyncio.gather(*(post_revenue(database, now=now) for _ in range(3)))
    assert sum(run.revenue_fen for run in runs) == 29_900 * 5 // 90 - 332
    assert sorted(await booked(database, line)) == sorted([332, 332, 332, 332, 333])
    async with database.transaction() as session:
        dates = await session.scalars(
            select(LedgerTransfer.reference_id).where(LedgerTransfer.cause == "milk_delivered")
        )
        assert len(set(dates)) == 5
        assert await session.scalar(select(func.count()).select_from(RevenueDay)) == 5


async def test_a_household_at_two_doors_has_one_transfer_a_day(
    database: Database, world: World
) -> None:
    async with database.transaction() as session:
        one = await paid_line(session, world)
        other = await paid_line(session, world)
        await bring(session, world, one, DAYS[0])
        await bring(session, world, other, DAYS[0], block_id=world.blocks[1])
        first = await post_day(session, day=DAYS[0], blocks=[world.blocks[0]], now=noon(DAYS[0]))
        second = await post_day(session, day=DAYS[0], blocks=[world.blocks[1]], now=noon(DAYS[0]))
    assert (first.customers, first.revenue_fen) == (1, 664)
    assert (second.customers, second.revenue_fen) == (0, 0)
    assert await booked(database, one) == [664]


async def test_an_order_that_is_over_has_earned_what_it_keeps(
    database: Database, world: World
) -> None:
    async with database.transaction() as session:
        forfeiting, returned = [
            await paid_line(session, world, await world.add_household(session)) for _ in range(2)
        ]
        for line in (forfeiting, returned):
            await bring(session, world, line, DAYS[0], bottles=2)
        await add_round(session, world, DAYS[0])
    await post_revenue(database, now=noon(DAYS[0]))
    assert await booked(database, forfeiting) == await booked(database, returned) == [664]
    async with database.transaction() as session:
        ended_at = noon(DAYS[0]) + timedelta(minutes=10)
        for line, value in ((forfeiting, 29_000), (returned, 29_900)):
            session.add(entry(line, Move("refunded", line.product_id, 88, value)))
            await session.execute(
                update(Order)
                .where(Order.order_id == line.order_id)
                .values(status=OrderStatus.CANCELLED, ended_at=ended_at)
            )
            await post(
                session,
                customer_id=line.customer_id,
                debit="prepaid",
                credit="balance",
                amount_fen=value,
                cause="order_cancelled",
                reference_id=line.order_id,
                source_id=new_id(),
                now=ended_at,
            )
    await post_revenue(database, now=ended_at + timedelta(minutes=50))
    assert await booked(database, forfeiting) == [664, 236]
    assert await booked(database, returned) == [664, -664]


@dataclass
class Fate:
    """What became of a line's bottles, by product; its moves as the purse valued them."""

    moves: list[Move]
    left: dict[UUID, int]
    brought: dict[UUID, int]

    def live(self, dice: random.Random) -> None:
        """Some bottles are brought, others swapped or credited."""
        products = list(self.left)
        for _ in range(dice.randint(1, 6)):
            product = dice.choice(products)
            if not self.left[product]:
                continue
            count = dice.randint(1, self.left[product])
            if dice.random() < 0.4:
                self.brought[product] += count
                self.left[product] -= count
                continue
            kind = dice.choice(["swapped_out", "credited"])
            self.moves += self.purse().give_up(kind, product, count, left=self.left[product])
            self.left[product] -= count
            if kind == "swapped_out":
                other = products[1 - products.index(product)]
                value = count * dice.randint(100, 500)
                self.moves.append(Move("swapped_in", other, count, value))
                self.left[other] += count

    def purse(self) -> Purse:
        return Purse(self.moves, spent=sum(self.brought.values()))

    @property
    def worth_fen(self) -> int:
        return sum(move.signed_fen for move in self.moves)

    @property
    def earned_fen(self) -> int:
        """All it is worth less what giving up the rest would give back."""
        purse = self.purse()
        rest = [
            move
            for product, count in self.left.items()
            if count
            for move in purse.give_up("credited", product, count, left=count)
        ]
        return self.worth_fen - sum(move.value_fen for move in rest)


async def test_swapped_bottles_are_worth_what_the_purse_says(
    database: Database, world: World
) -> None:
    """What is left of a line and what it has earned add up, however it was swapped to and fro."""
    dice = random.Random(7)
    products = [world.milk_id, world.yogurt_id]
    expected = {}
    async with database.transaction() as session:
        household = await world.add_household(session)
        for _ in range(40):
            bottles, paid = dice.randint(5, 40), dice.randint(500, 9_999)
            line = await paid_line(session, world, household, bottles=bottles, paid_fen=paid)
            bought = Move("bought", line.product_id, bottles, paid)
            fate = Fate(
                [bought], {products[0]: bottles, products[1]: 0}, dict.fromkeys(products, 0)
            )
            fate.live(dice)
            for move in fate.moves[1:]:
                session.add(entry(line, move))
            await prepay(session, line, max(1, fate.worth_fen - paid))
            for day, (product, count) in zip(DAYS, fate.brought.items(), strict=False):
                if count:
                    await bring(session, world, line, day, bottles=count, product_id=product)
            if any(fate.brought.values()):
                expected[line.order_line_id] = fate.earned_fen
        for day in DAYS[:2]:
            await post_day(session, day=day, now=noon(DAYS[1]))
        earned = await session.execute(
            select(LineEarning.order_line_id, func.sum(LineEarning.earned_fen)).group_by(
                LineEarning.order_line_id
            )
        )
        assert {line_id: int(fen) for line_id, fen in earned} == expected
        await assert_invariants(session, noon(DAYS[1]), only=("I12",))
    assert len(expected) > 15
