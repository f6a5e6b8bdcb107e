"""Withdrawals, their undo, their telling and the plan side by side, over several connections."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from app.core.db import Database
from app.core.ids import HOUSE
from app.delivery.repository import planning
from app.delivery.repository.scope import DayScope
from app.delivery.service.withdrawal_news import tell_households
from app.delivery.service.withdrawing import undo_withdrawal, withdraw, withdraw_late
from app.network.service import freeze_days
from app.notifications.models import SmsMessage
from app.orders.models import Withdrawal, WithdrawnLine
from app.orders.repository.withdrawals import Scope
from app.orders.states import WithdrawalSettle
from tests.delivery.test_partial_withdrawal import FROZEN
from tests.delivery.test_wide_withdrawal import ahead
from tests.factories.delivery import add_line
from tests.factories.identity import until_someone_waits
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock, make_test_runtime, test_keys


@dataclass
class Stage:
    """A committed city with one running line."""

    database: Database
    world: World

    def scope(self, first: int, last: int, *, milk: bool = False) -> Scope:
        """Days of the station, of milk alone if said."""
        return Scope(
            stations=[self.world.station_id],
            products=[self.world.milk_id] if milk else None,
            first=ahead(first),
            last=ahead(last),
        )

    async def withdraw(self, scope: Scope, *, standing: bool = False) -> UUID:
        """Withdraw and commit; answers the id."""
        async with self.database.transaction() as session:
            made = await withdraw(
                session,
                scope,
                settle=WithdrawalSettle.PERIOD,
                reason="停电",
                actor="test",
                now=MORNING,
                is_standing=standing,
            )
            return made.id


@pytest.fixture
async def stage(live_database: Database, tmp_path: Path) -> Stage:
    """One line of milk every day."""
    make_test_runtime(live_database, SetClock(MORNING), tmp_path)
    async with live_database.transaction() as session:
        world = await World.build(session, test_keys())
        await add_line(session, world.household, world.milk_id, bottles=30)
    return Stage(live_database, world)


async def test_an_undo_waits_for_the_telling_under_way(stage: Stage) -> None:
    """Else a household would hear that no milk comes, and never that it does after all."""
    made = await stage.withdraw(stage.scope(2, 2))

    async def undo() -> None:
        async with stage.database.transaction() as session:
            await undo_withdrawal(session, withdrawal_id=made, actor="test", now=MORNING)

    async with stage.database.transaction() as session:
        await tell_households(session, withdrawal_id=made, is_undo=False, after=HOUSE, now=MORNING)
        undoing = asyncio.create_task(undo())
        await until_someone_waits(stage.database)
    await undoing
    async with stage.database.transaction() as session:
        await tell_households(session, withdrawal_id=made, is_undo=True, after=HOUSE, now=MORNING)
        kinds = select(SmsMessage.template).order_by(SmsMessage.created_at, SmsMessage.message_id)
        assert list(await session.scalars(kinds)) == ["day_withdrawn", "withdrawal_undone"]


async def test_the_plan_and_a_withdrawal_do_not_wait_for_each_other(stage: Stage) -> None:
    """The plan rolls on what came onto its day late while somebody withdraws the days behind it."""
    world = stage.world
    await stage.withdraw(stage.scope(1, 1, milk=True))
    async with stage.database.transaction() as session:
        neighbour = await world.add_household(session)
        await add_line(session, neighbour, world.milk_id, bottles=30)
    async with stage.database.transaction() as session:
        await freeze_days(session, now=FROZEN)

    async def withdraw_behind() -> UUID:
        async with stage.database.transaction() as session:
            made = await withdraw(
                session,
                stage.scope(3, 4),
                settle=WithdrawalSettle.PERIOD,
                reason="停电",
                actor="test",
                now=FROZEN,
            )
            return made.id

    async with stage.database.transaction() as session:
        await withdraw_late(session, stations=[world.station_id], service_date=ahead(1), now=FROZEN)
        behind = asyncio.create_task(withdraw_behind())
        await until_someone_waits(stage.database)
        await planning.mark_planned(session, DayScope(ahead(1), [world.station_id]), now=FROZEN)
    made = await behind
    async with stage.database.transaction() as session:
        late = await session.scalars(select(Withdrawal.lines).where(Withdrawal.actor == "system"))
        assert late.one() == 1
        taken = select(WithdrawnLine.days).where(WithdrawnLine.withdrawal_id == made)
        assert list(await session.scalars(taken)) == [[ahead(3), ahead(4)]] * 2


async def test_two_clicks_at_once_withdraw_once(stage: Stage) -> None:
    results = await asyncio.gather(
        *[stage.withdraw(stage.scope(2, 2, milk=True)) for _ in range(2)], return_exceptions=True
    )
    codes = sorted(str(getattr(one, "code", "made")) for one in results)
    assert codes == ["made", "withdrawal_hits_nobody"]
    async with stage.database.transaction() as session:
        assert len(list(await session.scalars(select(Withdrawal)))) == 1
        assert len(list(await session.scalars(select(WithdrawnLine)))) == 1
