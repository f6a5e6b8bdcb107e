"""A person has a message sent once more, by name and with a reason."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.notifications import repository
from app.notifications.errors import (
    CodeNotResent,
    ContentGone,
    NoLongerUseful,
    StillOnItsWay,
)
from app.notifications.service._messages import Resend, SmsShown, shown, write_message
from app.notifications.service._sealing import open_parameters, open_phone
from app.notifications.states import OPEN_STATUSES, SmsStatus
from app.notifications.templates import KINDS


async def resend_sms(
    session: AsyncSession,
    *,
    customer_id: UUID,
    message_id: UUID,
    actor: str,
    reason: str,
    now: datetime,
) -> SmsShown:
    """Send an ended message once more to the same phone, as a message of its own.

    Limits and consents hold for it too. Raises NotFound, StillOnItsWay, CodeNotResent,
    ContentGone, NoLongerUseful.
    """
    message = await repository.lock_message(session, customer_id=customer_id, message_id=message_id)
    if message is None:
        raise NotFound
    if SmsStatus(message.status) in OPEN_STATUSES:
        raise StillOnItsWay(status=message.status)
    kind = KINDS.get(message.template)
    if kind is None or kind.is_code:
        raise CodeNotResent
    phone = open_phone(message)
    if not phone:
        raise ContentGone
    times = await repository.count_resends(session, customer_id=customer_id, message_id=message_id)
    written = await write_message(
        session,
        customer_id=customer_id,
        phone=phone,
        template=message.template,
        values=open_parameters(message),
        cause=f"resend:{message_id}:{times + 1}",
        now=now,
        resend=Resend(message_id, actor, reason),
    )
    if written is None or written[1] is SmsStatus.EXPIRED:
        raise NoLongerUseful
    return shown(
        await repository.get_message(session, customer_id=customer_id, message_id=written[0])
    )
