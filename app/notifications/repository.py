"""All SQL of notifications."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import HOUSE
from app.notifications.models import SmsMessage, SmsReceipt
from app.notifications.states import OPEN_STATUSES, SmsStatus


async def insert_message(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Add a message; false when its cause has one already."""
    added = await session.scalar(
        insert(SmsMessage)
        .values(**values)
        .on_conflict_do_nothing(index_elements=[SmsMessage.customer_id, SmsMessage.cause])
        .returning(SmsMessage.message_id)
    )
    return added is not None


async def find_by_cause(
    session: AsyncSession, *, customer_id: UUID, cause: str
) -> SmsMessage | None:
    """The one message of a cause."""
    found: SmsMessage | None = await session.scalar(
        select(SmsMessage).where(SmsMessage.customer_id == customer_id, SmsMessage.cause == cause)
    )
    return found


async def lock_message(
    session: AsyncSession, *, customer_id: UUID, message_id: UUID
) -> SmsMessage | None:
    """A message, held until the transaction ends."""
    found: SmsMessage | None = await session.scalar(
        select(SmsMessage)
        .where(SmsMessage.customer_id == customer_id, SmsMessage.message_id == message_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


async def list_messages(
    session: AsyncSession, *, customer_id: UUID, before: UUID | None = None, limit: int
) -> list[SmsMessage]:
    """A customer's messages, newest first (ids sort by time)."""
    query = (
        select(SmsMessage)
        .where(SmsMessage.customer_id == customer_id)
        .order_by(SmsMessage.message_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(SmsMessage.message_id < before)
    return list(await session.scalars(query))


async def list_due(session: AsyncSession, *, wall: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Messages in no final state whose next try is due, longest overdue first."""
    rows = await session.execute(
        select(SmsMessage.customer_id, SmsMessage.message_id)
        .where(SmsMessage.status.in_(OPEN_STATUSES), SmsMessage.due_at <= wall)
        .order_by(SmsMessage.due_at)
        .limit(limit)
    )
    return [(row.customer_id, row.message_id) for row in rows]


async def fail_expired(session: AsyncSession, *, wall: datetime) -> int:
    """Give up what was not sent in time; answers how many."""
    failed = await session.scalars(
        update(SmsMessage)
        .where(SmsMessage.status == SmsStatus.QUEUED, SmsMessage.send_before_at <= wall)
        .values(status=SmsStatus.FAILED, failure="expired")
        .returning(SmsMessage.message_id)
    )
    return len(failed.all())


async def blank_messages(session: AsyncSession, *, customer_id: UUID) -> None:
    """Erasure: phone and content go, what was open is not sent any more."""
    await session.execute(
        update(SmsMessage)
        .where(SmsMessage.customer_id == customer_id, SmsMessage.status.in_(OPEN_STATUSES))
        .values(status=SmsStatus.FAILED, failure="erased")
    )
    await session.execute(
        update(SmsMessage)
        .where(SmsMessage.customer_id == customer_id)
        .values(phone_sealed=b"", parameters_sealed=b"")
    )


async def find_receipt(
    session: AsyncSession, *, provider: str, provider_message_id: str
) -> SmsReceipt | None:
    """What is known about a provider's message number."""
    return await session.get(SmsReceipt, (provider, provider_message_id), populate_existing=True)


async def link_receipt(
    session: AsyncSession,
    *,
    provider: str,
    provider_message_id: str,
    customer_id: UUID,
    message_id: UUID,
) -> None:
    """Note whose message a provider's number names."""
    await session.execute(
        insert(SmsReceipt)
        .values(
            provider=provider,
            provider_message_id=provider_message_id,
            customer_id=customer_id,
            message_id=message_id,
            facts={},
        )
        .on_conflict_do_nothing()
    )


async def fill_receipt(
    session: AsyncSession,
    *,
    provider: str,
    provider_message_id: str,
    at: datetime,
    succeeded: bool,
    facts: Mapping[str, Any],
) -> bool:
    """Keep the first report about a number; false for a repeat."""
    filled = await session.scalar(
        update(SmsReceipt)
        .where(
            SmsReceipt.provider == provider,
            SmsReceipt.provider_message_id == provider_message_id,
            SmsReceipt.received_at.is_(None),
        )
        .values(received_at=at, succeeded=succeeded, facts=dict(facts))
        .returning(SmsReceipt.provider)
    )
    return filled is not None


async def prune_codes(session: AsyncSession, *, before: datetime) -> None:
    """Delete login codes whose time ended before an instant, with their receipts."""
    gone = (
        await session.execute(
            delete(SmsMessage)
            .where(
                SmsMessage.customer_id == HOUSE,
                SmsMessage.send_before_at < before,
                SmsMessage.cause.startswith("login_code:"),
            )
            .returning(SmsMessage.provider, SmsMessage.provider_message_id)
        )
    ).all()
    numbers = [row.provider_message_id for row in gone if row.provider_message_id is not None]
    for start in range(0, len(numbers), 1000):
        await session.execute(
            delete(SmsReceipt).where(
                SmsReceipt.provider_message_id.in_(numbers[start : start + 1000])
            )
        )
