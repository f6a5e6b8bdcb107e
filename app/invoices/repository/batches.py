"""SQL of batches: requests are taken into one by a statement over all that wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch
from app.invoices.errors import BatchUnknown
from app.invoices.models import InvoiceBatch, InvoiceRequest

MOST_REQUESTS: Final = 20_000
"""In one batch; the rest waits for the next."""
_LOCK: Final = 7_300_724
"""Advisory lock that lets one transaction at a time make a batch."""

_TAKE: Final = """
WITH chosen AS MATERIALIZED (
    SELECT i.customer_id, i.request_id, i.asked_at FROM invoice_requests i
    WHERE i.state = 'requested' AND i.over_since IS NULL
    ORDER BY i.asked_at, i.request_id LIMIT $2
    FOR UPDATE SKIP LOCKED
), numbered AS (
    SELECT c.*, row_number() OVER (ORDER BY c.asked_at, c.request_id) AS place FROM chosen c
)
UPDATE invoice_requests i SET state = 'exported', batch_id = $1, batch_row = n.place
FROM numbered n
WHERE i.customer_id = n.customer_id AND i.request_id = n.request_id
RETURNING i.customer_id, i.request_id, i.amount_fen
"""
_MOVES: Final = """
INSERT INTO invoice_moves (customer_id, move_id, request_id, from_state, to_state, at, actor)
SELECT i.customer_id, uuidv7(), i.request_id, 'requested', 'exported', $2, $3
FROM invoice_requests i WHERE i.batch_id = $1
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What went into a batch, in fen, and whose it is."""

    requests: int
    amount_fen: int
    customer_ids: set[UUID]


async def lock_batches(session: AsyncSession) -> None:
    """Until commit nobody else makes a batch."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def next_number(session: AsyncSession, *, on: date) -> str:
    """The next batch number of a day; hold the lock."""
    prefix = f"FP{on:%Y%m%d}-"
    last = await session.scalar(
        select(InvoiceBatch.batch_no)
        .where(InvoiceBatch.batch_no.startswith(prefix, autoescape=True))
        .order_by(InvoiceBatch.made_at.desc())
        .limit(1)
    )
    number = 1 if last is None else int(last.removeprefix(prefix)) + 1
    return f"{prefix}{number:03}"


async def take_waiting(
    session: AsyncSession, *, batch_id: UUID, actor: str, now: datetime
) -> Taken:
    """Take the requests that wait into a batch, oldest first, but for those above what is paid."""
    rows = await fetch(session, _TAKE, batch_id, MOST_REQUESTS)
    if rows:
        await fetch(session, _MOVES, batch_id, now, actor)
    return Taken(
        requests=len(rows),
        amount_fen=sum(row["amount_fen"] for row in rows),
        customer_ids={row["customer_id"] for row in rows},
    )


async def get_batch(session: AsyncSession, batch_id: UUID) -> InvoiceBatch:
    """A batch; raises BatchUnknown."""
    found = await session.get(InvoiceBatch, batch_id)
    if found is None:
        raise BatchUnknown
    return found


async def list_batches(
    session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[InvoiceBatch]:
    """Batches, the latest first."""
    query = select(InvoiceBatch)
    if after is not None:
        query = query.where(tuple_(InvoiceBatch.made_at, InvoiceBatch.id) < tuple_(*after))
    found = await session.scalars(
        query.order_by(InvoiceBatch.made_at.desc(), InvoiceBatch.id.desc()).limit(limit)
    )
    return found.all()


async def list_batch_rows(
    session: AsyncSession, batch_id: UUID, *, after_row: int, limit: int
) -> Sequence[InvoiceRequest]:
    """Requests of a batch in their order in it."""
    found = await session.scalars(
        select(InvoiceRequest)
        .where(InvoiceRequest.batch_id == batch_id, InvoiceRequest.batch_row > after_row)
        .order_by(InvoiceRequest.batch_row)
        .limit(limit)
    )
    return found.all()
