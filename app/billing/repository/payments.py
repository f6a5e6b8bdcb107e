"""SQL of payments, their numbers at channels, messages of channels, and receipts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.errors import PaymentUnknown
from app.billing.models import ChannelNumber, Payment, Receipt
from app.billing.states import OPEN_PAYMENTS, PaymentChannel, PaymentStatus
from app.core.db import fetch

_CLAIM_NUMBER: Final = """
INSERT INTO channel_numbers (channel, number, kind, customer_id, row_id)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING row_id
"""
BATCH: Final = 1000
"""Rows one sweep wakes up; the rest waits for the next."""


async def find_payment(
    session: AsyncSession, customer_id: UUID, payment_id: UUID
) -> Payment | None:
    """A payment as it is now."""
    return await session.get(Payment, (customer_id, payment_id), populate_existing=True)


async def get_payment(session: AsyncSession, customer_id: UUID, payment_id: UUID) -> Payment:
    """A payment as it is now; raises PaymentUnknown."""
    found = await find_payment(session, customer_id, payment_id)
    if found is None:
        raise PaymentUnknown
    return found


async def lock_payment(session: AsyncSession, customer_id: UUID, payment_id: UUID) -> Payment:
    """A payment, re-read under its row lock; raises PaymentUnknown."""
    found = await session.get(
        Payment, (customer_id, payment_id), populate_existing=True, with_for_update=True
    )
    if found is None:
        raise PaymentUnknown
    return found


async def lock_captured(
    session: AsyncSession, customer_id: UUID, reference_id: UUID
) -> list[Payment]:
    """The captured payments of a reference that pay for it, under row locks in key order."""
    found = await session.scalars(
        select(Payment)
        .where(
            Payment.customer_id == customer_id,
            Payment.reference_id == reference_id,
            Payment.status == PaymentStatus.CAPTURED,
            Payment.unmatched_reason.is_(None),
        )
        .order_by(Payment.payment_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(found)


async def list_captured(
    session: AsyncSession, customer_id: UUID, reference_id: UUID
) -> list[Payment]:
    """The captured payments of a reference that pay for it, in the order they came."""
    found = await session.scalars(
        select(Payment)
        .where(
            Payment.customer_id == customer_id,
            Payment.reference_id == reference_id,
            Payment.status == PaymentStatus.CAPTURED,
            Payment.unmatched_reason.is_(None),
        )
        .order_by(Payment.captured_at, Payment.payment_id)
    )
    return list(found)


async def list_payments(
    session: AsyncSession,
    *,
    customer_id: UUID,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Payment]:
    """A customer's attempts to pay that reached the channel, newest first."""
    wanted: list[ColumnElement[bool]] = [
        Payment.customer_id == customer_id,
        Payment.status != PaymentStatus.CREATED,
    ]
    if after is not None:
        wanted.append(tuple_(Payment.created_at, Payment.payment_id) < tuple_(*after))
    found = await session.scalars(
        select(Payment)
        .where(*wanted)
        .order_by(Payment.created_at.desc(), Payment.payment_id.desc())
        .limit(limit)
    )
    return found.all()


async def lock_open(session: AsyncSession, customer_id: UUID, reference_id: UUID) -> list[Payment]:
    """The attempts of a reference that may still be paid, under row locks in key order."""
    found = await session.scalars(
        select(Payment)
        .where(
            Payment.customer_id == customer_id,
            Payment.reference_id == reference_id,
            Payment.status.in_(OPEN_PAYMENTS),
        )
        .order_by(Payment.payment_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(found)


async def add_payment(session: AsyncSession, payment: Mapping[str, Any]) -> bool:
    """Insert a payment under a client-made id; false when the id is there already."""
    added = await session.scalar(
        insert(Payment).values(**payment).on_conflict_do_nothing().returning(Payment.payment_id)
    )
    return added is not None


async def list_due_payments(session: AsyncSession, *, now: datetime) -> Sequence[Payment]:
    """Open payments whose next try has come, oldest first."""
    found = await session.scalars(
        select(Payment)
        .where(Payment.status.in_(OPEN_PAYMENTS), Payment.next_try_at <= now)
        .order_by(Payment.next_try_at)
        .limit(BATCH)
    )
    return found.all()


async def claim_number(
    session: AsyncSession,
    *,
    channel: str,
    number: str,
    kind: str,
    customer_id: UUID,
    row_id: UUID,
) -> UUID:
    """Register a number and answer whose it is: `row_id`, or the row that had it before."""
    if await fetch(session, _CLAIM_NUMBER, channel, number, kind, customer_id, row_id):
        return row_id
    owner = await session.scalar(
        select(ChannelNumber.row_id).where(
            ChannelNumber.channel == channel, ChannelNumber.number == number
        )
    )
    if owner is None:
        raise LookupError("a registered number vanished")
    return owner


async def get_number(session: AsyncSession, channel: str, number: str) -> ChannelNumber:
    """Whose number this is; it is known to be one of ours."""
    return await session.get_one(ChannelNumber, (channel, number))


async def list_receipts(
    session: AsyncSession,
    *,
    collectors: Collection[UUID] | None,
    since: datetime | None,
    until: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[tuple[Receipt, PaymentChannel]]:
    """Receipts with their channel, newest first; `collectors` None means all."""
    wanted: list[ColumnElement[bool]] = []
    if collectors is not None:
        wanted.append(Receipt.collector_id.in_(collectors))
    if since is not None:
        wanted.append(Receipt.collected_at >= since)
    if until is not None:
        wanted.append(Receipt.collected_at < until)
    if after is not None:
        at, payment_id = after
        wanted.append(
            or_(
                Receipt.collected_at < at,
                and_(Receipt.collected_at == at, Receipt.payment_id < payment_id),
            )
        )
    rows = await session.execute(
        select(Receipt, Payment.channel)
        .join(
            Payment,
            and_(
                Payment.customer_id == Receipt.customer_id,
                Payment.payment_id == Receipt.payment_id,
            ),
        )
        .where(*wanted)
        .order_by(Receipt.collected_at.desc(), Receipt.payment_id.desc())
        .limit(limit)
    )
    return [(receipt, PaymentChannel(channel)) for receipt, channel in rows]
