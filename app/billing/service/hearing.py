"""What a kept message of a channel does: once, by a job, however often it came."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.channels.protocol import Notification, TradeState
from app.billing.errors import FactsDiffer
from app.billing.models import ChannelEvent
from app.billing.repository import events as rows
from app.billing.repository import payments as payment_rows
from app.billing.repository import refunds as refund_rows
from app.billing.service.capturing import FACTS_DIFFER, capture
from app.billing.service.finishing import take_channel_word
from app.core.alerts import raise_alert
from app.core.db import Database
from app.core.enqueueing import enqueue_many, write_and_enqueue

log = structlog.get_logger()

APPLY_JOB: Final = "billing.apply_notification"
WAITED: Final = timedelta(minutes=1)
"""A message that waits so long has lost its job."""

OLDEST: Final = timedelta(days=2)
"""A message that waited longer has its effect as of then."""

_TOLD: Final = TypeAdapter(Notification)


async def keep_notification(
    database: Database, channel: str, told: Notification, *, now: datetime
) -> bool:
    """Keep a verified message and enqueue its effect, in one commit.

    False, with nothing kept, for a repeated one, and for a payment of another merchant or amount or
    captured by another transaction than told.
    """
    paid, about = told.transaction, told.transaction or told.refund
    is_paid = paid is not None and paid.state is TradeState.PAID
    return await write_and_enqueue(
        database,
        rows.KEEP_PAID if is_paid else rows.KEEP,
        *(channel, told.event_id, told.kind, about.number if about else ""),
        *(_TOLD.dump_json(told).decode(), now),
        *((paid.merchant, paid.amount_fen, paid.transaction_id) if paid and is_paid else ()),
        name=APPLY_JOB,
        payload=_payload(channel, told.event_id),
        dedupe_key=_key(channel, told.event_id),
    )


async def apply_notification(
    session: AsyncSession, *, channel: str, event_id: str, now: datetime
) -> None:
    """Let a kept message have its effect, as of when it came; harmless when repeated.

    Where the books have moved on and no longer fit, nothing is captured and an alert is raised.
    """
    event = await rows.lock_event(session, channel, event_id)
    if event is None or event.handled_at is not None:
        return
    event.handled_at = now
    await session.flush()
    try:
        async with session.begin_nested():
            # older dates of the ledger are closed
            await _apply(session, event, at=max(event.received_at, now - OLDEST))
    except FactsDiffer as error:
        log.warning("notification.differs", number=error.number, differing=error.differing)
        await raise_alert(session, FACTS_DIFFER, error.number, differing=error.differing)


async def wake_waiting_notifications(session: AsyncSession, *, now: datetime) -> int:
    """Enqueue the effect of messages whose job was lost; answers how many."""
    waiting = await rows.list_waiting(session, before=now - WAITED)
    await enqueue_many(
        session,
        APPLY_JOB,
        [_payload(*one) for one in waiting],
        dedupe_keys=[_key(*one) for one in waiting],
    )
    return len(waiting)


async def is_word_waiting(session: AsyncSession, *, customer_id: UUID, reference_id: UUID) -> bool:
    """Whether a message about a payment of this reference has not had its effect yet."""
    return await rows.is_word_waiting(session, customer_id=customer_id, reference_id=reference_id)


async def _apply(session: AsyncSession, event: ChannelEvent, *, at: datetime) -> None:
    told = _TOLD.validate_python(event.told)
    if told.transaction is not None:
        # only money is believed at once: that nothing will come, the poller asks for itself
        if told.transaction.state is TradeState.PAID:
            number = await payment_rows.get_number(session, event.channel, event.number)
            payment = await payment_rows.lock_payment(session, number.customer_id, number.row_id)
            appid = told.transaction.appid  # compared at the door
            await capture(session, payment, told.transaction, appid=appid, at=at)
    elif told.refund is not None:
        number = await payment_rows.get_number(session, event.channel, event.number)
        refund = await refund_rows.lock_refund(session, number.customer_id, number.row_id)
        payment = await payment_rows.get_payment(session, number.customer_id, refund.payment_id)
        await take_channel_word(session, payment, refund, told.refund, at=at)
    else:
        await raise_alert(session, "unknown_channel_event", event.kind)


def _payload(channel: str, event_id: str) -> dict[str, str]:
    return {"channel": channel, "event_id": event_id}


def _key(channel: str, event_id: str) -> str:
    return f"{APPLY_JOB}:{channel}:{event_id}"
