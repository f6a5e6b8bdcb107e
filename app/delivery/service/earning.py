"""Revenue: what was brought earns its value out of `prepaid`, a service date at a time.

A day is posted after the morning's late window, by what is known then. What becomes known later, a
late phone, a delivery that failed after all, a change, the end of an order, is booked as a
difference on the day on which it becomes known.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date, local_instant
from app.core.db import Database
from app.core.ids import new_id
from app.delivery.repository import earning as rows
from app.delivery.repository.earning import Booking, DueDay, Entry
from app.delivery.rules import LATEST, OLDEST_SERVICE_DATE

log = structlog.get_logger()

POSTED_AT: Final = time(12)
"""From then on a morning's deliveries are posted: rounds are over, most phones were heard."""
DELIVERED: Final = "milk_delivered"
CORRECTED: Final = "revenue_corrected"
STOPS_AT_ONCE: Final = 200_000
OVERLAP: Final = timedelta(hours=1)
"""Looked at twice, for transactions that ended after a check and began before it."""


def revenue_reference(day: date) -> UUID:
    """What the transfers of a service date are about."""
    return uuid5(NAMESPACE_URL, f"suixinding:revenue:{day.isoformat()}")


async def post_revenue(database: Database, *, now: datetime) -> Booking:
    """Book what became known of posted days, then every day that is due, the oldest first.

    Each slice is a transaction of its own; a run that was killed is finished by the next.
    """
    booked = [await _correct(database, now=now)]
    async with database.transaction() as session:
        due = await rows.list_due_days(session, until=last_due_date(now))
    for some in _slices(due):
        async with database.transaction() as session:
            booked.append(await _post_slice(session, some, now=now))
    total = Booking(sum(one.customers for one in booked), sum(one.revenue_fen for one in booked))
    if total.customers:
        log.info("revenue_posted", days=len(due), customers=total.customers, fen=total.revenue_fen)
    return total


def last_due_date(now: datetime) -> date:
    """The latest service date whose late window has passed."""
    today = local_date(now)
    return today if now >= local_instant(today, POSTED_AT) else today - timedelta(days=1)


async def post_day(
    session: AsyncSession, *, day: date, blocks: list[UUID] | None = None, now: datetime
) -> Booking:
    """Book what a date's bottles earned, in some blocks or in all; a second time nothing.

    Dates of a line are posted in their order.
    """
    await rows.lock_revenue(session)
    entry = _entry(day, cause=DELIVERED, now=now)
    return await rows.post_day(session, day=day, blocks=blocks, entry=entry)


def _slices(due: Sequence[DueDay]) -> Iterator[list[DueDay]]:
    """A date at once, unless it is too large: then some of its stations."""
    for _, stations in groupby(due, key=lambda one: one.service_date):
        some: list[DueDay] = []
        for one in stations:
            if some and _stops(some) + one.stops > STOPS_AT_ONCE:
                yield some
                some = []
            some.append(one)
        yield some


def _stops(some: Sequence[DueDay]) -> int:
    return sum(one.stops for one in some)


async def _post_slice(session: AsyncSession, some: list[DueDay], *, now: datetime) -> Booking:
    day = some[0].service_date
    is_small = await rows.count_stops(session, day=day) <= STOPS_AT_ONCE
    blocks = [block for one in some for block in one.blocks]
    booking = await post_day(session, day=day, blocks=None if is_small else blocks, now=now)
    await rows.note_days(session, day=day, stations=[one.station_id for one in some], now=now)
    return booking


async def _correct(database: Database, *, now: datetime) -> Booking:
    async with database.transaction() as session:
        await rows.lock_revenue(session)
        since, last = await rows.last_check(session), await rows.last_posted_date(session)
        booking = Booking(0, 0)
        if since is not None and last is not None:
            booking = await rows.post_corrections(
                session,
                since=min(since, now) - OVERLAP,
                first=last - OLDEST_SERVICE_DATE - LATEST,
                last=last,
                entry=_entry(local_date(now), cause=CORRECTED, now=now),
            )
        await rows.note_check(session, booking, now=now)
    return booking


def _entry(about: date, *, cause: str, now: datetime) -> Entry:
    reference = revenue_reference(about)
    return Entry(
        transfer_id=uuid5(reference, cause) if cause == DELIVERED else new_id(),
        reference_id=reference,
        cause=cause,
        today=local_date(now),
        now=now,
    )
