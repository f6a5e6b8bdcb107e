"""Links as their receivers get them: out of the SMS."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.notifications.models import SmsMessage
from app.notifications.service._sealing import open_parameters


async def tokens_of(session: AsyncSession, customer_id: UUID, template: str) -> list[str]:
    """Tokens of a customer's messages of a template, oldest first."""
    found = await session.scalars(
        select(SmsMessage)
        .where(SmsMessage.customer_id == customer_id, SmsMessage.template == template)
        .order_by(SmsMessage.message_id)
    )
    return [open_parameters(message)["token"] for message in found]
