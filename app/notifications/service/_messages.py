"""Writing messages down, and showing them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.identity.errors import PhoneInvalid
from app.identity.rules import is_mobile, mask_phone, normalise_phone
from app.notifications import repository
from app.notifications.models import SmsMessage
from app.notifications.service._sealing import (
    open_parameters,
    open_phone,
    seal_parameters,
    seal_phone,
)
from app.notifications.service._sweeping import SEND_JOB, payload_of
from app.notifications.states import SmsStatus
from app.notifications.templates import get_template

KEEP_TRYING = timedelta(hours=24)
"""News older than this are not sent any more."""
_EXPORTED = 1000


async def send_sms(
    session: AsyncSession,
    *,
    customer_id: UUID,
    phone: str,
    template: str,
    parameters: Mapping[str, str],
    cause: str,
    now: datetime,
    send_before: datetime | None = None,
) -> None:
    """Have one SMS sent for a cause, after this transaction; the same cause again does nothing.

    `send_before` is on the clock of `now`; without it the message is given up after 24 hours. A
    landline is kept as failed. Raises ValueError for an unknown template or wrong parameters.
    """
    values = get_template(template).fit(parameters)
    message_id, wall = new_id(), wall_now()
    try:
        number = normalise_phone(phone)
    except PhoneInvalid:
        number = phone
    sendable = is_mobile(number)
    patience = KEEP_TRYING if send_before is None else send_before - now
    added = await repository.insert_message(
        session,
        {
            "customer_id": customer_id,
            "message_id": message_id,
            "cause": cause,
            "template": template,
            "phone_sealed": seal_phone(message_id, number),
            "parameters_sealed": seal_parameters(message_id, values),
            "status": SmsStatus.QUEUED if sendable else SmsStatus.FAILED,
            "failure": None if sendable else "not_a_mobile",
            "due_at": wall,
            "send_before_at": wall + patience,
            "created_at": now,
        },
    )
    if added and sendable:
        await enqueue(
            session,
            SEND_JOB,
            payload_of(customer_id, message_id),
            dedupe_key=f"sms:{message_id}",
        )


@dataclass(frozen=True, slots=True)
class SmsShown:
    """A message as staff see it: the phone masked, the content not at all."""

    customer_id: UUID
    message_id: UUID
    template: str
    phone: str = field(repr=False)
    status: SmsStatus
    attempts: int
    duplicate_possible: bool
    failure: str | None
    created_at: datetime


def _shown(message: SmsMessage) -> SmsShown:
    return SmsShown(
        customer_id=message.customer_id,
        message_id=message.message_id,
        template=message.template,
        phone=mask_phone(open_phone(message)),
        status=SmsStatus(message.status),
        attempts=message.attempts,
        duplicate_possible=message.duplicate_possible,
        failure=message.failure,
        created_at=message.created_at,
    )


async def list_messages(
    session: AsyncSession, *, customer_id: UUID, before: UUID | None, limit: int
) -> list[SmsShown]:
    """A customer's messages older than `before`, newest first."""
    rows = await repository.list_messages(
        session, customer_id=customer_id, before=before, limit=limit
    )
    return [_shown(row) for row in rows]


async def list_own_messages(session: AsyncSession, *, customer_id: UUID) -> list[dict[str, Any]]:
    """The newest thousand messages in full, as JSON values, for the customer's own copy."""
    rows = await repository.list_messages(session, customer_id=customer_id, limit=_EXPORTED)
    return [
        {
            "template": row.template,
            "phone": open_phone(row),
            "parameters": open_parameters(row),
            "status": row.status,
            "created_at": row.created_at.isoformat(),
        }
        for row in rows
    ]


async def find_parameters(
    session: AsyncSession, *, customer_id: UUID, cause: str
) -> dict[str, str] | None:
    """What the message of a cause says, by variable; None without one. Never to be logged."""
    message = await repository.find_by_cause(session, customer_id=customer_id, cause=cause)
    return None if message is None else open_parameters(message)
