"""Invoices as households, finance and auditors see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.invoices.models import InvoiceLine, InvoiceMove, InvoiceRequest
from app.invoices.repository import money, requests
from app.invoices.repository.money import Rest
from app.invoices.repository.requests import Wanted
from app.invoices.service.moving import Title, open_title

After = tuple[datetime, UUID]
"""Where a page goes on: instant and id of the last row before it."""
MOST_OF_ORDER = 200


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """A request with its lines, and its title in full."""

    request: InvoiceRequest
    title: Title
    lines: Sequence[InvoiceLine]
    moves: Sequence[InvoiceMove] = ()
    over_fen: int = 0
    """By how much its order is invoiced too high; known on the list of corrections."""


@dataclass(frozen=True, slots=True)
class OrderInvoices:
    """What of an order may be invoiced, and what was asked for, newest first."""

    rest: Rest
    invoices: Sequence[InvoiceView]


async def view_invoice(
    session: AsyncSession, *, customer_id: UUID, request_id: UUID
) -> InvoiceView:
    """One request with what became of it; raises InvoiceUnknown."""
    request = await requests.get_request(session, customer_id, request_id)
    lines = await requests.list_lines(session, [request])
    moves = await requests.list_moves(session, customer_id, request_id)
    return InvoiceView(request, open_title(request), lines[request_id], moves)


async def view_order_invoices(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID
) -> OrderInvoices:
    """What of an order may be invoiced; raises OrderUnknown."""
    rest = await money.read_rest(session, customer_id, order_id)
    wanted = Wanted(customer_id=customer_id, order_id=order_id)
    return OrderInvoices(
        rest, await list_invoices(session, wanted, after=None, limit=MOST_OF_ORDER)
    )


async def list_invoices(
    session: AsyncSession, wanted: Wanted, *, after: After | None, limit: int
) -> list[InvoiceView]:
    """Requests, the latest first."""
    return await _views(
        session, await requests.list_requests(session, wanted, after=after, limit=limit), {}
    )


async def list_corrections(
    session: AsyncSession, *, after: After | None, limit: int
) -> list[InvoiceView]:
    """Requests of orders invoiced above what is paid, the longest waiting first.

    An issued one needs a red invoice, one that is not issued yet is refused.
    """
    found = await requests.list_marked(session, after=after, limit=limit)
    over = await money.list_over(session, [(one.customer_id, one.order_id) for one in found])
    return await _views(session, found, over)


async def _views(
    session: AsyncSession, found: Sequence[InvoiceRequest], over: dict[UUID, int]
) -> list[InvoiceView]:
    lines = await requests.list_lines(session, found)
    return [
        InvoiceView(one, open_title(one), lines[one.request_id], over_fen=over.get(one.order_id, 0))
        for one in found
    ]
