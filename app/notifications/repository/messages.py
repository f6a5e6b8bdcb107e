"""SQL of messages, attempts and reports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.base import EnumText
from app.core.db import fetch
from app.core.errors import NotFound
from app.core.ids import HOUSE
from app.notifications.models import SmsAttempt, SmsMessage, SmsReceipt, SmsReply
from app.notifications.states import NOT_SENT, OPEN_STATUSES, SmsStatus


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages are wanted; what is None does not matter. Instants UTC, `to_at` excluded."""

    customer_id: UUID | None = None
    phone_index: bytes | None = field(default=None, repr=False)
    cause: str | None = None
    """The beginning of the cause."""
    template: str | None = None
    status: SmsStatus | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None


async def insert_message(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Add a message; false when its cause has one of its kind already."""
    added = await session.scalar(
        insert(SmsMessage)
        .values(**values)
        .on_conflict_do_nothing(
            index_elements=[SmsMessage.customer_id, SmsMessage.cause, SmsMessage.template]
        )
        .returning(SmsMessage.message_id)
    )
    return added is not None


_SHARED = {
    "template": "text",
    "due_at": "timestamptz",
    "send_before_at": "timestamptz",
    "created_at": "timestamptz",
}
_OWN = {
    "customer_id": "uuid",
    "message_id": "uuid",
    "cause": "text",
    "phone_sealed": "bytea",
    "phone_index": "bytea",
    "parameters_sealed": "bytea",
    "status": "text",
    "failure": "text",
}
_VALUES = ", ".join(f"${place}::{kind}" for place, kind in enumerate(_SHARED.values(), 1))
_ARRAYS = ", ".join(
    f"${place}::{kind}[]" for place, kind in enumerate(_OWN.values(), len(_SHARED) + 1)
)
_INSERT_MANY = f"""
INSERT INTO sms_messages
    ({", ".join((*_SHARED, *_OWN))}, attempts, enquiries, duplicate_possible)
SELECT {_VALUES}, m.*, 0, 0, false FROM unnest({_ARRAYS}) AS m
ON CONFLICT (customer_id, cause, template) DO NOTHING RETURNING message_id
"""


async def insert_messages(
    session: AsyncSession, rows: Sequence[Mapping[str, Any]], *, shared: Mapping[str, Any]
) -> set[UUID]:
    """Add messages of one kind and time in one statement; answers those that are new.

    New as `insert_message` has it. `shared` are the columns all of them have in common.
    """
    if not rows:
        return set()
    columns = ([row[name] for row in rows] for name in _OWN)
    values = (shared[name] for name in _SHARED)
    return {row[0] for row in await fetch(session, _INSERT_MANY, *values, *columns)}


async def find_by_cause(
    session: AsyncSession, *, customer_id: UUID, cause: str, template: str
) -> SmsMessage | None:
    """The one message of a cause and kind."""
    found: SmsMessage | None = await session.scalar(
        select(SmsMessage).where(
            SmsMessage.customer_id == customer_id,
            SmsMessage.cause == cause,
            SmsMessage.template == template,
        )
    )
    return found


async def list_told(
    session: AsyncSession, *, customer_ids: Collection[UUID], causes: Collection[str]
) -> set[UUID]:
    """Customers with a message for one of these causes that is not known to have stayed away."""
    found = await session.scalars(
        select(SmsMessage.customer_id).where(
            SmsMessage.customer_id.in_(customer_ids),
            SmsMessage.cause.in_(causes),
            SmsMessage.status.not_in(NOT_SENT),
        )
    )
    return set(found)


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


async def get_message(session: AsyncSession, *, customer_id: UUID, message_id: UUID) -> SmsMessage:
    """A message; raises NotFound."""
    found = await session.get(SmsMessage, (customer_id, message_id), populate_existing=True)
    if found is None:
        raise NotFound
    return found


async def list_messages(
    session: AsyncSession, *, customer_id: UUID, limit: int
) -> list[SmsMessage]:
    """A customer's messages, newest first (ids sort by time)."""
    return list(
        await session.scalars(
            select(SmsMessage)
            .where(SmsMessage.customer_id == customer_id)
            .order_by(SmsMessage.message_id.desc())
            .limit(limit)
        )
    )


async def list_newest(
    session: AsyncSession,
    wanted: Filter,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[SmsMessage]:
    """Messages that a filter lets through, newest first."""
    query = (
        select(SmsMessage)
        .order_by(SmsMessage.created_at.desc(), SmsMessage.message_id.desc())
        .limit(limit)
    )
    exact = {
        SmsMessage.customer_id: wanted.customer_id,
        SmsMessage.phone_index: wanted.phone_index,
        SmsMessage.template: wanted.template,
    }
    query = query.where(*(column == value for column, value in exact.items() if value is not None))
    if wanted.status is not None:
        # in words, as only then the partial indexes of rare statuses are thought of
        status = literal(wanted.status, EnumText(SmsStatus), literal_execute=True)
        query = query.where(SmsMessage.status == status)
    if wanted.cause is not None:
        query = query.where(SmsMessage.cause.startswith(wanted.cause, autoescape=True))
    if wanted.from_at is not None:
        query = query.where(SmsMessage.created_at >= wanted.from_at)
    if wanted.to_at is not None:
        query = query.where(SmsMessage.created_at < wanted.to_at)
    if before is not None:
        query = query.where(tuple_(SmsMessage.created_at, SmsMessage.message_id) < before)
    return list(await session.scalars(query))


async def list_attempts(
    session: AsyncSession, *, customer_id: UUID, message_id: UUID
) -> list[SmsAttempt]:
    """The attempts of a message, oldest first."""
    return list(
        await session.scalars(
            select(SmsAttempt)
            .where(SmsAttempt.customer_id == customer_id, SmsAttempt.message_id == message_id)
            .order_by(SmsAttempt.attempt_no)
            .execution_options(populate_existing=True)
        )
    )


async def count_resends(session: AsyncSession, *, customer_id: UUID, message_id: UUID) -> int:
    """How often a person had a message sent once more."""
    found = await session.scalar(
        select(func.count())
        .select_from(SmsMessage)
        .where(SmsMessage.customer_id == customer_id, SmsMessage.resend_of == message_id)
    )
    return found or 0


async def has_newer(session: AsyncSession, message: SmsMessage) -> bool:
    """Whether the phone was written a newer message of the same kind."""
    found = await session.scalar(
        select(SmsMessage.message_id)
        .where(
            SmsMessage.phone_index == message.phone_index,
            SmsMessage.template == message.template,
            SmsMessage.created_at >= message.created_at,
            SmsMessage.message_id > message.message_id,
        )
        .limit(1)
    )
    return found is not None


async def list_due(session: AsyncSession, *, wall: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Messages in no final state whose next try is due, longest overdue first."""
    rows = await session.execute(
        select(SmsMessage.customer_id, SmsMessage.message_id)
        .where(SmsMessage.status.in_(OPEN_STATUSES), SmsMessage.due_at <= wall)
        .order_by(SmsMessage.due_at)
        .limit(limit)
    )
    return [(row.customer_id, row.message_id) for row in rows]


async def expire_queued(session: AsyncSession, *, wall: datetime) -> int:
    """Give up what was not sent in time; answers how many."""
    expired = await session.scalars(
        update(SmsMessage)
        .where(SmsMessage.status == SmsStatus.QUEUED, SmsMessage.send_before_at <= wall)
        .values(status=SmsStatus.EXPIRED)
        .returning(SmsMessage.message_id)
    )
    return len(expired.all())


async def blank_messages(session: AsyncSession, *, customer_id: UUID) -> None:
    """Erasure: phone and content go, what was open is not sent any more."""
    await session.execute(
        update(SmsMessage)
        .where(SmsMessage.customer_id == customer_id, SmsMessage.status.in_(OPEN_STATUSES))
        .values(status=SmsStatus.FAILED, failure="erased")
    )
    indexes = list(
        await session.scalars(
            select(SmsMessage.phone_index)
            .where(SmsMessage.customer_id == customer_id, SmsMessage.phone_index.is_not(None))
            .distinct()
        )
    )
    await session.execute(
        update(SmsReply)
        .where(SmsReply.phone_index.in_(indexes))
        .values(phone_sealed=b"", content_sealed=b"", phone_index=None)
    )
    await session.execute(
        update(SmsAttempt).where(SmsAttempt.customer_id == customer_id).values(phone_index=None)
    )
    await session.execute(
        update(SmsMessage)
        .where(SmsMessage.customer_id == customer_id)
        .values(phone_sealed=b"", parameters_sealed=b"", phone_index=None)
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
