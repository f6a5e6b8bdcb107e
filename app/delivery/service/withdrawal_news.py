"""Telling households of a withdrawal, and of its undo: by jobs, some hundred households each."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.enqueueing import enqueue
from app.core.ids import HOUSE
from app.core.money import yuan_text
from app.customers.service import contact_phones
from app.notifications.service import Note, list_told, send_many
from app.orders.models import Withdrawal
from app.orders.repository import withdrawals

TELL_JOB = "delivery.tell_withdrawn"
BATCH = 500
"""Households told by one job."""
PATIENCE = timedelta(minutes=10)
SAID = ("day_withdrawn", "day_withdrawn_credited")
"""What households are told of a withdrawal itself."""


async def wake_telling(session: AsyncSession, withdrawal_id: UUID, *, is_undo: bool) -> None:
    """Have a job tell the households of a withdrawal, or of its undo, from the first one on."""
    await enqueue_telling(session, withdrawal_id, is_undo=is_undo, after=HOUSE)


async def enqueue_telling(
    session: AsyncSession, withdrawal_id: UUID, *, is_undo: bool, after: UUID
) -> None:
    """Have a job tell the households behind one.

    An undo has jobs of its own: those of its withdrawal may still be under way.
    """
    payload = {"withdrawal_id": str(withdrawal_id), "is_undo": is_undo, "after": str(after)}
    key = f"{TELL_JOB}:{withdrawal_id}:{is_undo}:{after}"
    await enqueue(session, TELL_JOB, payload, dedupe_key=key)


async def wake_untold(session: AsyncSession, *, now: datetime) -> None:
    """Have told what a lost job left untold."""
    for withdrawal_id, is_undo in await withdrawals.list_untold(session, before=now - PATIENCE):
        await wake_telling(session, withdrawal_id, is_undo=is_undo)


async def tell_households(
    session: AsyncSession, *, withdrawal_id: UUID, is_undo: bool, after: UUID, now: datetime
) -> UUID | None:
    """Write the SMS of one batch of households, each once; answers the last, None at the end.

    A withdrawal that has been undone meanwhile is not told any more. Its undo is told to those who
    have been told of the withdrawal: it waits for a batch that is being written at this moment.
    """
    made = await withdrawals.lock_withdrawal(session, withdrawal_id)
    if is_undo != (made.undone_at is not None):
        return None
    rows = await withdrawals.list_households(session, withdrawal_id, after=after, limit=BATCH)
    concerned = {row.customer_id for row in rows if row.is_put_back or not is_undo}
    if is_undo:
        causes = [f"{kind}:{withdrawal_id}" for kind in SAID]
        concerned = await list_told(session, customer_ids=concerned, causes=causes)
    phones = await contact_phones(session, customer_ids=sorted(concerned))
    notes = [
        _note(made, row, phones[row.customer_id])
        for row in rows
        if row.customer_id in concerned and row.customer_id in phones
    ]
    await send_many(session, notes, now=now)
    if len(rows) == BATCH:
        return UUID(str(rows[-1].customer_id))
    await withdrawals.mark_told(session, withdrawal_id, is_undo=is_undo, now=now)
    return None


def _note(made: Withdrawal, row: Row[Any], phone: str) -> Note:
    """What one household is told; `last_date` is that of its lines as they were moved."""
    days = made.first_date.isoformat()
    if made.last_date != made.first_date:
        days += f"至{made.last_date.isoformat()}"
    values = {"date": days}
    if made.undone_at is not None:
        kind, values = "withdrawal_undone", values | {"new_end": row.last_before.isoformat()}
    elif row.credit_fen:
        kind, values = "day_withdrawn_credited", values | {"amount": yuan_text(row.credit_fen)}
    else:
        end = (row.last_date or made.last_date).isoformat()
        kind, values = "day_withdrawn", values | {"new_end": end}
    if made.undone_at is None:
        values["reason"] = made.reason[:20]
    return Note(row.customer_id, phone, kind, values, f"{kind}:{made.id}")
