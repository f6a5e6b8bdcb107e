"""SQL of notifications: what they are about, and those that are kept and wait for their job."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import ChannelEvent, Payment, Refund
from app.core.bulk import as_row
from app.core.db import Database

BATCH: Final = 1000
"""Messages one sweep wakes up; the rest waits for the next."""

KEEP: Final = """
INSERT INTO channel_events (channel, event_id, kind, number, told, received_at)
VALUES ($7, $8, $9, $10, $11::jsonb, $12) ON CONFLICT DO NOTHING RETURNING event_id
"""
"""A statement of `core.enqueueing.write_and_enqueue`."""

KEEP_PAID: Final = """
INSERT INTO channel_events (channel, event_id, kind, number, told, received_at)
SELECT $7, $8, $9, $10, $11::jsonb, $12
FROM channel_numbers n
JOIN payments p ON p.customer_id = n.customer_id AND p.payment_id = n.row_id
WHERE n.channel = $7 AND n.number = $10 AND n.kind = 'payment'
  AND p.merchant_account = $13 AND p.amount_fen = $14
  AND (p.status <> 'captured' OR p.channel_transaction_id = $15)
ON CONFLICT DO NOTHING RETURNING event_id
"""
"""The same for a payment, which is kept only where it is the one we asked for."""

_PAYMENT: Final = """
SELECT p.* FROM channel_numbers n
JOIN payments p ON p.customer_id = n.customer_id AND p.payment_id = n.row_id
WHERE n.channel = $1 AND n.number = $2 AND n.kind = 'payment'
"""
_REFUND: Final = """
SELECT r.* FROM channel_numbers n
JOIN refunds r ON r.customer_id = n.customer_id AND r.refund_id = n.row_id
WHERE n.channel = $1 AND n.number = $2 AND n.kind = 'refund'
"""
_PAYMENT_OF_REFUND: Final = "SELECT * FROM payments WHERE customer_id = $1 AND payment_id = $2"
_WAITING_WORD: Final = text("""
SELECT EXISTS (
    SELECT FROM payments p
    JOIN channel_events e ON e.channel = p.channel AND e.number = p.out_trade_no
    WHERE p.customer_id = :customer_id AND p.reference_id = :reference_id
      AND e.handled_at IS NULL
)
""")


async def read_payment(database: Database, channel: str, number: str) -> Payment | None:
    """The payment under a number of ours, to look at."""
    row = await database.fetch_row(_PAYMENT, channel, number)
    return None if row is None else as_row(Payment, row)


async def read_refund(
    database: Database, channel: str, number: str
) -> tuple[Refund, Payment] | None:
    """The refund under a number of ours and its payment, to look at."""
    row = await database.fetch_row(_REFUND, channel, number)
    if row is None:
        return None
    paid = await database.fetch_row(_PAYMENT_OF_REFUND, row["customer_id"], row["payment_id"])
    return None if paid is None else (as_row(Refund, row), as_row(Payment, paid))


async def lock_event(session: AsyncSession, channel: str, event_id: str) -> ChannelEvent | None:
    """A kept message, re-read under its row lock."""
    return await session.get(
        ChannelEvent, (channel, event_id), populate_existing=True, with_for_update=True
    )


async def list_waiting(session: AsyncSession, *, before: datetime) -> list[tuple[str, str]]:
    """Channel and id of messages that wait since before an instant, oldest first."""
    rows = await session.execute(
        select(ChannelEvent.channel, ChannelEvent.event_id)
        .where(ChannelEvent.handled_at.is_(None), ChannelEvent.received_at <= before)
        .order_by(ChannelEvent.received_at)
        .limit(BATCH)
    )
    return [(row.channel, row.event_id) for row in rows]


async def is_word_waiting(session: AsyncSession, *, customer_id: UUID, reference_id: UUID) -> bool:
    """Whether a message about a payment of this reference has not had its effect yet."""
    asked = {"customer_id": customer_id, "reference_id": reference_id}
    return bool(await session.scalar(_WAITING_WORD, asked))
