"""An order that ends soon is told once, seven days ahead."""

from datetime import timedelta

import httpx
from sqlalchemy import select, text

from app.core.db import Database
from app.core.jobs import JobContext
from app.notifications.models import SmsMessage
from app.orders.jobs import notice_ending_orders, sweep
from app.orders.models import RenewalNotice
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.application import SetClock
from tests.orders.conftest import Deliver
from tests.orders.test_changes import Drain

DAY = timedelta(days=1)


async def reminded(database: Database) -> list[str]:
    """Causes of the reminders, oldest first."""
    async with database.transaction() as session:
        found = await session.scalars(
            select(SmsMessage.cause)
            .where(SmsMessage.template == "renewal_reminder")
            .order_by(SmsMessage.message_id)
        )
        return list(found)


async def test_once_a_week_before_the_end(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
    job_context: JobContext,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=10)
    for ahead, expected in ((2, 0), (3, 1), (3, 1), (4, 1)):
        clock.set(MORNING + DAY * ahead)
        await notice_ending_orders(job_context, {})
        await drain_jobs()
        assert len(await reminded(database)) == expected, ahead
    assert (await reminded(database))[0].endswith((TODAY + DAY * 10).isoformat())
    # A day more is no news; a pause of weeks is told again when it ends.
    await orders.change(client, order["id"], world.household, kind="skip", date=TODAY + DAY * 6)
    await notice_ending_orders(job_context, {})
    await drain_jobs()
    assert len(await reminded(database)) == 1
    await orders.change(
        client,
        order["id"],
        world.household,
        kind="pause",
        from_date=TODAY + DAY * 7,
        until_date=TODAY + DAY * 27,
    )
    clock.set(MORNING + DAY * 28)
    for _ in range(2):
        await notice_ending_orders(job_context, {})
        await drain_jobs()
    assert len(await reminded(database)) == 2


async def test_a_paused_order_is_not_reminded_and_a_lost_job_is_woken(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
    job_context: JobContext,
    drain_jobs: Drain,
) -> None:
    paused = await paid_order(bottles=6)
    await orders.change(
        client, paused["id"], world.household, kind="pause", from_date=TODAY + DAY * 4
    )
    await paid_order(bottles=6)
    clock.set(MORNING + timedelta(minutes=1))
    await notice_ending_orders(job_context, {})
    async with database.transaction() as session:
        assert len(list(await session.scalars(select(RenewalNotice)))) == 1
        await session.execute(text("DELETE FROM pgqueuer"))
    assert await reminded(database) == []
    await sweep(job_context, {})
    await drain_jobs()
    assert len(await reminded(database)) == 1
    async with database.transaction() as session:
        assert (await session.scalars(select(RenewalNotice.told_at))).one() == clock.now()
