"""Background jobs of marketplaces."""

from datetime import time, timedelta
from uuid import UUID

from app.core.clock import local_date, local_instant, wall_now
from app.core.enqueueing import Payload, enqueue_many
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule
from app.marketplaces import service
from app.marketplaces.repository import orders as rows
from app.marketplaces.repository import shops
from app.marketplaces.rules import PUSH_SPAN
from app.marketplaces.service.receiving import PROCESS_JOB
from app.marketplaces.states import Marketplace

PULL_JOB = "marketplaces.pull_shop"
REREAD_JOB = "marketplaces.reread_shop"
STANDS_AFTER = timedelta(minutes=2)


async def process_order(context: JobContext, payload: Payload) -> None:
    """Carry one outside order on; harmless when repeated."""
    key = (Marketplace(payload["source"]), payload["number"])
    await service.process_order(context.database, key, now=context.clock.now())


async def pull_shop(context: JobContext, payload: Payload) -> None:
    """Read one shop's changes; a failure waits for the next slot, the cursor stays."""
    await service.pull_shop(
        context.database, shop_id=UUID(payload["shop_id"]), now=context.clock.now()
    )


async def reread_shop(context: JobContext, payload: Payload) -> None:
    """Read one shop's yesterday again."""
    yesterday = local_date(wall_now()) - timedelta(days=1)
    await service.reread_day(
        context.database,
        shop_id=UUID(payload["shop_id"]),
        start=local_instant(yesterday, time()),
        now=context.clock.now(),
    )


async def _for_every_shop(context: JobContext, job: str) -> None:
    async with context.database.transaction() as session:
        found = await shops.list_pulled(session)
        await enqueue_many(
            session,
            job,
            [{"shop_id": str(shop_id)} for shop_id in found],
            dedupe_keys=[f"{job}:{shop_id}" for shop_id in found],
        )


async def pull_shops(context: JobContext, _: Payload) -> None:
    """Let every shop be read."""
    await _for_every_shop(context, PULL_JOB)


async def reread_shops(context: JobContext, _: Payload) -> None:
    """Let every shop's yesterday be read again."""
    await _for_every_shop(context, REREAD_JOB)


async def sweep(context: JobContext, _: Payload) -> None:
    """Wake up what stands still: orders nobody processed, refunds that are due."""
    now = context.clock.now()
    async with context.database.transaction() as session:
        standing = {
            *await rows.list_standing(session, before=now - STANDS_AFTER),
            *await rows.list_mappable(session),
            *await rows.list_due_refunds(session, now=now - STANDS_AFTER),
        }
        await service.enqueue_processing(session, sorted(standing))


async def prune_nonces(context: JobContext, _: Payload) -> None:
    """Forget nonces of pushes whose time is over."""
    async with context.database.transaction() as session:
        await shops.prune_nonces(session, before=wall_now() - 2 * PUSH_SPAN)


JOBS: list[JobSpec] = [
    JobSpec(PROCESS_JOB, process_order),
    JobSpec(PULL_JOB, pull_shop),
    JobSpec(REREAD_JOB, reread_shop),
    JobSpec("marketplaces.pull_shops", pull_shops),
    JobSpec("marketplaces.reread_shops", reread_shops),
    JobSpec("marketplaces.sweep", sweep),
    JobSpec("marketplaces.prune_nonces", prune_nonces),
]
SCHEDULES: list[Schedule] = [
    Schedule("marketplaces.pull_shops", every=timedelta(minutes=2), catch_up=timedelta(minutes=2)),
    Schedule("marketplaces.reread_shops", at=time(3, 50)),
    Schedule("marketplaces.sweep", every=timedelta(minutes=1), catch_up=timedelta(minutes=5)),
    Schedule("marketplaces.prune_nonces", at=time(4, 10)),
]
