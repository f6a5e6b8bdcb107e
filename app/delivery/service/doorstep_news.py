"""Word to households on the morning itself: milk that comes late, milk that did not come (S1 5.2.5).

Told are those whose round is heard of. A failed door is told ten minutes after the tap, so that the
deliverer can still mend a wrong one; a late one from 7:00 on, with the time by his pace so far.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import OPERATOR_ZONE, local_date, local_instant
from app.core.db import Database
from app.customers.service import contact_phones
from app.delivery.repository import doorstep_news
from app.delivery.repository.doorstep_news import MissedDoor, WaitingDoor
from app.delivery.rules import FAILURE_TITLES, ON_TIME_LIMIT, FailureReason
from app.notifications.service import Note, send_many

SLOT = timedelta(minutes=5)
TIME_TO_MEND = timedelta(minutes=10)
HEARD_WITHIN = timedelta(minutes=15)
LATE_UNTIL = time(9)
"""Who is not told by then is not told any more that he has to wait."""
LATEST_PROMISE = time(12)
SPARE = timedelta(minutes=15)
ROUNDED = timedelta(minutes=10)
BLOCKS_AT_ONCE = 10


async def tell_doors(database: Database, *, slot: datetime, now: datetime) -> int:
    """Tell what became known of today's doors in a slot; answers how many messages are new."""
    day = local_date(slot)
    async with database.transaction() as session:
        blocks = await doorstep_news.list_heard_blocks(
            session, day=day, since=slot - TIME_TO_MEND - SLOT
        )
    told = 0
    for start in range(0, len(blocks), BLOCKS_AT_ONCE):
        some = blocks[start : start + BLOCKS_AT_ONCE]
        async with database.transaction() as session:
            told += await _tell_blocks(session, some, slot=slot, now=now)
    return told


async def _tell_blocks(
    session: AsyncSession, blocks: Sequence[UUID], *, slot: datetime, now: datetime
) -> int:
    day = local_date(slot)
    missed = await doorstep_news.list_missed(
        session,
        blocks=blocks,
        day=day,
        since=slot - TIME_TO_MEND - SLOT,
        until=slot - TIME_TO_MEND,
    )
    waiting: list[WaitingDoor] = []
    if ON_TIME_LIMIT <= now.astimezone(OPERATOR_ZONE).time() < LATE_UNTIL:
        waiting = await doorstep_news.list_waiting(
            session, blocks=blocks, day=day, since=slot - HEARD_WITHIN
        )
    doors: list[MissedDoor | WaitingDoor] = [*missed, *waiting]
    phones = await contact_phones(session, customer_ids={door.customer_id for door in doors})
    notes = [
        _missed_note(door, phones[door.customer_id], day.isoformat())
        if isinstance(door, MissedDoor)
        else _late_note(door, phones[door.customer_id], day.isoformat())
        for door in doors
        if door.customer_id in phones
    ]
    return await send_many(session, notes, now=now)


def _missed_note(door: MissedDoor, phone: str, day: str) -> Note:
    reason = FAILURE_TITLES[FailureReason(door.reason)]
    kind = "delivery_failed" if door.our_fault else "delivery_not_left"
    return Note(
        door.customer_id,
        phone,
        kind,
        {"date": day, "reason": f"部分未送，{reason}" if door.is_part else reason},
        f"delivery_failed:{day}:{door.address_id}",
    )


def _late_note(door: WaitingDoor, phone: str, day: str) -> Note:
    return Note(
        door.customer_id,
        phone,
        "delivery_late",
        {"date": day, "until": f"{expected_by(door):%H:%M}"},
        f"delivery_late:{day}:{door.address_id}",
    )


def expected_by(door: WaitingDoor) -> datetime:
    """Local time by which a waiting door is served at its round's pace, with time to spare."""
    pace = (door.last_tap_at - door.first_tap_at) / max(1, door.done - 1)
    due = (door.last_tap_at + pace * door.doors + SPARE).astimezone(OPERATOR_ZONE)
    midnight = local_instant(due.date(), time(0)).astimezone(OPERATOR_ZONE)
    rounded = midnight - (midnight - due) // ROUNDED * ROUNDED
    latest = local_instant(local_date(door.last_tap_at), LATEST_PROMISE).astimezone(OPERATOR_ZONE)
    return min(rounded, latest)
