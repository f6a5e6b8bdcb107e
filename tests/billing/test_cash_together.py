"""Cashiers at once, on a database of real commits: no cash counted twice, no number left out."""

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

from app.billing.cash_errors import CashDayClosed, CashDayUnfinished, DelivererHoldsLess
from app.billing.cash_models import HandIn
from app.billing.models import LedgerTransfer
from app.billing.repository.cash import HandInView
from app.billing.service import cash
from app.core.db import Database
from app.core.errors import AppError
from app.core.ids import HOUSE, new_id
from app.identity.models import Role
from tests.factories.billing import take_cash
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.invariants import assert_invariants

LATER = MORNING + timedelta(hours=1)
CASHIERS = (UUID(int=1), UUID(int=2))


async def count(
    database: Database, world: World, fen: int, *, number: int, by: UUID
) -> HandInView | AppError:
    """Count a deliverer's cash, or say why not."""
    try:
        async with database.transaction() as session:
            return await cash.count_hand_in(
                session,
                hand_in_id=new_id(),
                station_id=world.station_id,
                deliverer_id=world.deliverers[number],
                due_fen=fen,
                counted_fen=fen,
                reason=None,
                is_signed=True,
                by=by,
                own_deliverer_id=None,
                now=LATER,
            )
    except AppError as error:
        return error


async def close(database: Database, world: World) -> int | AppError:
    """Close the day: what is in the station then, or why not."""
    try:
        async with database.transaction() as session:
            closed = await cash.close_day(
                session,
                station_id=world.station_id,
                day=TODAY,
                by=world.staff[Role.STATION_MANAGER].account_id,
                now=LATER,
            )
    except AppError as error:
        return error
    return closed.figures.closing_fen


async def test_two_cashiers_count_and_one_closes(live_city: tuple[Database, World]) -> None:
    database, world = live_city
    async with database.transaction() as session:
        for number in (0, 1):
            await take_cash(
                session,
                world.household,
                collector_id=world.deliverers[number],
                receipt_no=f"A-{number}",
            )
    both = await asyncio.gather(
        *(count(database, world, 9_000, number=0, by=by) for by in CASHIERS)
    )
    [refused] = [one for one in both if isinstance(one, AppError)]
    assert isinstance(refused, DelivererHoldsLess)
    assert refused.facts == {"held_fen": 0, "float_fen": 0}

    *counted, closing = await asyncio.gather(
        *(count(database, world, 1_000, number=1, by=by) for by in CASHIERS),
        close(database, world),
    )
    late = [one for one in counted if isinstance(one, AppError)]
    assert all(isinstance(one, CashDayClosed) for one in late)
    assert not isinstance(closing, CashDayUnfinished)
    assert closing == 9_000 + 1_000 * (len(counted) - len(late))
    async with database.transaction() as session:
        numbers = list(await session.scalars(select(HandIn.receipt_no).order_by(HandIn.receipt_no)))
        booked = await session.scalar(
            select(func.count()).where(LedgerTransfer.customer_id == HOUSE)
        )
        await assert_invariants(session, LATER, only=("I1", "I4"))
    assert numbers == list(range(1, 2 + len(counted) - len(late)))
    assert booked == len(numbers)
