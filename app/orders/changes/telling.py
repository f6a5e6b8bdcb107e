"""Word to households that nobody asked for: milk that comes again, an order that ends soon."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.enqueueing import enqueue_many
from app.customers.service import contact_phones
from app.notifications.service import Note, send_many
from app.orders import repository
from app.orders.repository import notices
from app.orders.rules import ONE_DAY

REMIND_JOB = "orders.send_renewal_reminders"


async def tell_resuming(
    session: AsyncSession, *, after: UUID, limit: int, now: datetime
) -> UUID | None:
    """Tell `limit` households whose pause ends tomorrow, once each; answers where to go on.

    None when all have been told (S1 5.2.5).
    """
    resuming = await repository.list_resuming(
        session, tomorrow=local_date(now) + ONE_DAY, after=after, limit=limit
    )
    phones = await contact_phones(session, customer_ids={one.customer_id for one in resuming})
    await send_many(
        session,
        [
            Note(
                one.customer_id,
                phones[one.customer_id],
                "milk_resumed",
                {"order": one.order_no, "date": one.resumes_date.isoformat()},
                f"milk_resumed:{one.change_id}",
            )
            for one in resuming
        ],
        now=now,
    )
    return resuming[-1].change_id if len(resuming) == limit else None


async def notice_renewals(session: AsyncSession, *, now: datetime) -> int:
    """Find the orders that end within seven days and have jobs tell them; answers the batches."""
    today = local_date(now)
    batches = await notices.notice_ending(session, today=today)
    await _enqueue(session, [(today, batch) for batch in batches])
    return len(batches)


async def wake_reminders(session: AsyncSession) -> None:
    """Have told what a lost job left untold."""
    await _enqueue(session, await notices.list_waiting_batches(session))


async def _enqueue(session: AsyncSession, batches: list[tuple[date, int]]) -> None:
    await enqueue_many(
        session,
        REMIND_JOB,
        [{"noticed": day.isoformat(), "batch": batch} for day, batch in batches],
        dedupe_keys=[f"{REMIND_JOB}:{day.isoformat()}:{batch}" for day, batch in batches],
    )


async def send_reminders(session: AsyncSession, *, noticed: date, batch: int, now: datetime) -> int:
    """Remind the households of a batch to renew, once per order and end (S1 5.2.5)."""
    ending = await notices.claim_untold(session, noticed=noticed, batch=batch, now=now)
    phones = await contact_phones(session, customer_ids={one.customer_id for one in ending})
    await send_many(
        session,
        [
            Note(
                one.customer_id,
                phones[one.customer_id],
                "renewal_reminder",
                {"order": one.order_no, "date": one.end_date.isoformat()},
                f"renewal_reminder:{one.order_id}:{one.end_date.isoformat()}",
            )
            for one in ending
            if one.runs
        ],
        now=now,
    )
    return len(ending)
