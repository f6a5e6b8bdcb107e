"""The clock of the worker: each slot of a schedule becomes exactly one job.

APScheduler only ticks. A tick inserts the slots that have come due on the business clock and
enqueues their jobs in one transaction, so two workers, a stopped worker or a clock that jumps give
each slot once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from app.core.base import Local
from app.core.clock import OPERATOR_ZONE, BusinessClock, local_date, local_instant
from app.core.db import Database
from app.core.enqueueing import enqueue_many

TICK_SECONDS = 1


class ClockSlot(Local):
    """A slot that has been given its job."""

    __tablename__ = "clock_slots"

    name: Mapped[str] = mapped_column(primary_key=True)
    slot_at: Mapped[datetime] = mapped_column(primary_key=True)


@dataclass(frozen=True)
class Schedule:
    """Run `job` every `every`, or daily at `at` (operator's time); payload gets `slot`.

    `catch_up` caps how far back missed slots are made up; older ones are dropped. A day, so that
    an installation that is off at night still gets its daily work in the morning.
    """

    job: str
    every: timedelta | None = None
    at: time | None = None
    catch_up: timedelta = timedelta(days=1)

    def due_slots(self, *, last: datetime | None, now: datetime) -> list[datetime]:
        """Slots after `last` up to `now`, oldest first; without a `last` only the newest."""
        newest = self._newest(now)
        earliest = max(last or newest - self._step, now - self.catch_up)
        slots = []
        slot = newest
        while slot > earliest:
            slots.append(slot)
            slot = self._before(slot)
        return slots[::-1] if last is not None else slots[:1]

    @property
    def _step(self) -> timedelta:
        return self.every or timedelta(days=1)

    def _newest(self, now: datetime) -> datetime:
        if self.at is None:
            seconds = self._step.total_seconds()
            return datetime.fromtimestamp(now.timestamp() // seconds * seconds, tz=now.tzinfo)
        today = local_instant(local_date(now), self.at)
        return today if today <= now else local_instant(local_date(now) - self._step, self.at)

    def _before(self, slot: datetime) -> datetime:
        if self.at is None:
            return slot - self._step
        return local_instant(local_date(slot) - self._step, self.at)


async def claim_slots(session: AsyncSession, schedule: Schedule, *, now: datetime) -> int:
    """Insert due slots and their jobs in this transaction; answers how many were new.

    Slots after `now` are no reason to stand still: a demo's clock was ahead and has been put back.
    """
    last = await session.scalar(
        select(func.max(ClockSlot.slot_at)).where(
            ClockSlot.name == schedule.job, ClockSlot.slot_at <= now
        )
    )
    slots = schedule.due_slots(last=last, now=now)
    if not slots:
        return 0
    claimed = await session.scalars(
        insert(ClockSlot)
        .values([{"name": schedule.job, "slot_at": slot} for slot in slots])
        .on_conflict_do_nothing()
        .returning(ClockSlot.slot_at)
    )
    fresh = sorted(claimed)
    await enqueue_many(
        session,
        schedule.job,
        [{"slot": slot.isoformat()} for slot in fresh],
        dedupe_keys=[f"{schedule.job}@{slot.isoformat()}" for slot in fresh],
    )
    return len(fresh)


async def prune_slots(session: AsyncSession, *, before: datetime) -> None:
    """Forget slots of long ago, but never the last one of a schedule."""
    newer = aliased(ClockSlot)
    await session.execute(
        delete(ClockSlot).where(
            ClockSlot.slot_at < before,
            exists().where(newer.name == ClockSlot.name, newer.slot_at > ClockSlot.slot_at),
        )
    )


async def tick(database: Database, clock: BusinessClock, schedules: Sequence[Schedule]) -> None:
    """One look at the clock for all schedules."""
    async with database.transaction() as session:
        await clock.refresh(session)
        now = clock.now()
        for schedule in schedules:
            await claim_slots(session, schedule, now=now)


def start_clock(
    database: Database, clock: BusinessClock, schedules: Sequence[Schedule]
) -> AsyncIOScheduler:
    """Tick every second until the scheduler is shut down."""
    scheduler = AsyncIOScheduler(timezone=OPERATOR_ZONE)
    scheduler.add_job(
        tick,
        "interval",
        seconds=TICK_SECONDS,
        args=(database, clock, schedules),
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
    scheduler.start()
    return scheduler
