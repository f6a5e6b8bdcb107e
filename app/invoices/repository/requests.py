"""SQL of requests, their lines, moves and numbers."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.bulk import as_row
from app.core.db import fetch
from app.invoices.errors import InvoiceNumberTaken, InvoiceUnknown
from app.invoices.models import InvoiceLine, InvoiceMove, InvoiceNumber, InvoiceRequest
from app.invoices.states import InvoiceState

_LINES: Final = """
SELECT l.* FROM unnest($1::uuid[], $2::uuid[]) AS k (customer_id, request_id)
JOIN invoice_lines l ON l.customer_id = k.customer_id AND l.request_id = k.request_id
ORDER BY l.request_id, l.line_no
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests a list shows; instants are [since, until)."""

    customer_id: UUID | None = None
    order_id: UUID | None = None
    batch_id: UUID | None = None
    state: InvoiceState | None = None
    since: datetime | None = None
    until: datetime | None = None


async def find_request(
    session: AsyncSession, customer_id: UUID, request_id: UUID
) -> InvoiceRequest | None:
    """A request as it is now."""
    return await session.get(InvoiceRequest, (customer_id, request_id), populate_existing=True)


async def get_request(session: AsyncSession, customer_id: UUID, request_id: UUID) -> InvoiceRequest:
    """A request as it is now; raises InvoiceUnknown."""
    found = await find_request(session, customer_id, request_id)
    if found is None:
        raise InvoiceUnknown
    return found


async def lock_request(
    session: AsyncSession, customer_id: UUID, request_id: UUID
) -> InvoiceRequest:
    """A request, re-read under its row lock; lock its order before. Raises InvoiceUnknown."""
    found = await session.get(
        InvoiceRequest, (customer_id, request_id), populate_existing=True, with_for_update=True
    )
    if found is None:
        raise InvoiceUnknown
    return found


async def list_requests(
    session: AsyncSession,
    wanted: Wanted,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[InvoiceRequest]:
    """Requests, the latest first."""
    row = InvoiceRequest
    conditions: list[ColumnElement[bool]] = []
    for column, value in (
        (row.customer_id, wanted.customer_id),
        (row.order_id, wanted.order_id),
        (row.batch_id, wanted.batch_id),
        (row.state, wanted.state),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.since is not None:
        conditions.append(row.asked_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(row.asked_at < wanted.until)
    if after is not None:
        conditions.append(tuple_(row.asked_at, row.request_id) < tuple_(*after))
    found = await session.scalars(
        select(row)
        .where(*conditions)
        .order_by(row.asked_at.desc(), row.request_id.desc())
        .limit(limit)
    )
    return found.all()


async def list_marked(
    session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[InvoiceRequest]:
    """Requests of orders that are invoiced too high, the longest waiting first."""
    row = InvoiceRequest
    query = select(row).where(row.over_since.is_not(None))
    if after is not None:
        query = query.where(tuple_(row.over_since, row.request_id) > tuple_(*after))
    found = await session.scalars(query.order_by(row.over_since, row.request_id).limit(limit))
    return found.all()


async def list_lines(
    session: AsyncSession, requests: Collection[InvoiceRequest]
) -> dict[UUID, list[InvoiceLine]]:
    """The lines of these requests, by request, in their order."""
    lines: dict[UUID, list[InvoiceLine]] = defaultdict(list)
    if requests:
        rows = await fetch(
            session,
            _LINES,
            [one.customer_id for one in requests],
            [one.request_id for one in requests],
        )
        for row in rows:
            lines[row["request_id"]].append(as_row(InvoiceLine, row))
    return lines


async def list_moves(
    session: AsyncSession, customer_id: UUID, request_id: UUID
) -> Sequence[InvoiceMove]:
    """What became of a request, oldest first."""
    found = await session.scalars(
        select(InvoiceMove)
        .where(InvoiceMove.customer_id == customer_id, InvoiceMove.request_id == request_id)
        .order_by(InvoiceMove.at, InvoiceMove.move_id)
    )
    return found.all()


async def claim_number(
    session: AsyncSession, *, number: str, customer_id: UUID, request_id: UUID
) -> None:
    """Take an invoice's number for good; raises InvoiceNumberTaken."""
    taken = await session.scalar(
        insert(InvoiceNumber)
        .values(number=number, customer_id=customer_id, request_id=request_id)
        .on_conflict_do_nothing()
        .returning(InvoiceNumber.number)
    )
    if taken is None:
        raise InvoiceNumberTaken


async def blank_contacts(session: AsyncSession, *, customer_id: UUID) -> None:
    """Forget where a customer's invoices were sent, and whom those that never were issued named.

    What was issued keeps its title: the books need it.
    """
    row = InvoiceRequest
    mine = row.customer_id == customer_id
    await session.execute(
        update(row)
        .where(mine, row.state.not_in((InvoiceState.REQUESTED, InvoiceState.EXPORTED)))
        .values(email_sealed=None, phone_sealed=None)
    )
    await session.execute(
        update(row)
        .where(mine, row.state.in_((InvoiceState.REJECTED, InvoiceState.CANCELLED)))
        .values(title_sealed=None, tax_number_sealed=None)
    )
