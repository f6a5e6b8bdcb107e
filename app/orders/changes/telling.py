"""Word to households about changes that need nobody: milk that comes again by itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.customers.service import contact_phone
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.rules import ONE_DAY


async def tell_resuming(
    session: AsyncSession, *, after: UUID, limit: int, now: datetime
) -> UUID | None:
    """Tell `limit` households whose pause ends tomorrow, once each; answers where to go on.

    None when all have been told (S1 5.2.5).
    """
    resuming = await repository.list_resuming(
        session, tomorrow=local_date(now) + ONE_DAY, after=after, limit=limit
    )
    for one in resuming:
        await send_sms(
            session,
            customer_id=one.customer_id,
            phone=await contact_phone(session, customer_id=one.customer_id),
            template="milk_resumed",
            parameters={"order": one.order_no, "date": one.resumes_date.isoformat()},
            cause=f"milk_resumed:{one.change_id}",
            now=now,
        )
    return resuming[-1].change_id if len(resuming) == limit else None
