"""Finding messages that nobody is working on, and forgetting codes."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.enqueueing import Payload, enqueue_many
from app.notifications import repository

SEND_JOB = "notifications.send_sms"
KEEP_CODES = timedelta(days=1)
_BATCH = 5000


def payload_of(customer_id: UUID, message_id: UUID) -> Payload:
    """What the sending job is given."""
    return {"customer_id": str(customer_id), "message_id": str(message_id)}


async def sweep(session: AsyncSession, *, sending: bool = True) -> int:
    """Wake every message whose next try is due, whatever became of its job; answers how many.

    What was not sent in time is given up. Without a provider (`sending` false) nothing is woken.
    """
    wall = wall_now()
    await repository.expire_queued(session, wall=wall)
    if not sending:
        return 0
    due = await repository.list_due(session, wall=wall, limit=_BATCH)
    await enqueue_many(
        session,
        SEND_JOB,
        [payload_of(customer_id, message_id) for customer_id, message_id in due],
        dedupe_keys=[f"sms:{message_id}" for _, message_id in due],
    )
    return len(due)


async def prune(session: AsyncSession) -> None:
    """Delete login codes a day after their time, and what was reported about them."""
    await repository.prune_codes(session, before=wall_now() - KEEP_CODES)
