"""Reactions of invoices to events from below: money that goes back, a customer who is forgotten."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.events import RefundSubmitted, RefundSucceeded
from app.core.registration import Reaction
from app.identity.events import CustomerErased, CustomerExportAsked
from app.invoices import service
from app.invoices.repository import money
from app.invoices.repository.requests import Wanted
from app.orders.events import OrderCancelled, OrderRejected

MOST_EXPORTED = 1000


async def judge_refunded(session: AsyncSession, event: RefundSubmitted | RefundSucceeded) -> None:
    """Money went back: is its order invoiced too high now?"""
    order_id = await money.find_order(session, event.customer_id, event.reference_id)
    if order_id is not None:
        await money.mark_over(
            session, customer_id=event.customer_id, order_id=order_id, now=event.at
        )


async def judge_ended(session: AsyncSession, event: OrderCancelled | OrderRejected) -> None:
    """An order ended early: is it invoiced too high now?"""
    await money.mark_over(
        session, customer_id=event.customer_id, order_id=event.order_id, now=event.at
    )


async def forget(session: AsyncSession, event: CustomerErased) -> None:
    """What waits is taken back; what was issued keeps its title alone, which the books need."""
    await service.cancel_waiting(session, customer_id=event.customer_id, now=event.at)


async def export(session: AsyncSession, event: CustomerExportAsked) -> None:
    """The invoices' part of a customer's own data."""
    found = await service.list_invoices(
        session, Wanted(customer_id=event.customer_id), after=None, limit=MOST_EXPORTED
    )
    event.parts["invoices"] = [
        {
            "order_no": view.request.order_no,
            "state": view.request.state.value,
            "amount_fen": view.request.amount_fen,
            "title": view.title.title,
            "tax_number": view.title.tax_number,
            "email": view.title.email,
            "phone": view.title.phone,
            "asked_at": view.request.asked_at.isoformat(),
            "invoice_number": view.request.invoice_number,
        }
        for view in found
    ]


REACTIONS: list[Reaction] = [
    (RefundSubmitted, judge_refunded),
    (RefundSucceeded, judge_refunded),
    (OrderCancelled, judge_ended),
    (OrderRejected, judge_ended),
    (CustomerErased, forget),
    (CustomerExportAsked, export),
]
