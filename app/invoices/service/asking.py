"""A household, or an agent for it, asks for an invoice, and takes that back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.invoices.errors import (
    AmountAboveRest,
    OrderNotConfirmed,
    TaxNumberWrong,
    TitleIncomplete,
    VatRateMissing,
)
from app.invoices.models import InvoiceLine, InvoiceRequest
from app.invoices.repository import money, requests
from app.invoices.repository.money import Weight
from app.invoices.repository.requests import Wanted
from app.invoices.rules import is_tax_number, split_amount, tax_within
from app.invoices.service.moving import Title, lock_for_move, move, note_move, seal_cell
from app.invoices.states import InvoiceState, TitleKind

MOST_WAITING = 200


async def ask_invoice(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_id: UUID,
    request_id: UUID,
    title: Title,
    amount_fen: int | None,
    actor: str,
    now: datetime,
) -> InvoiceRequest:
    """Ask for an invoice about an order, by default for all that may still be asked for.

    Said again under the same id it answers the first one. Raises OrderUnknown, OrderNotConfirmed,
    AmountAboveRest, VatRateMissing, TaxNumberWrong, TitleIncomplete.
    """
    _check_title(title)
    order_no, confirmed_at = await money.lock_order(session, customer_id, order_id)
    known = await requests.find_request(session, customer_id, request_id)
    if known is not None:
        return known
    if confirmed_at is None:
        raise OrderNotConfirmed
    rest_fen = (await money.read_rest(session, customer_id, order_id)).rest_fen
    wanted_fen = rest_fen if amount_fen is None else amount_fen
    if not 0 < wanted_fen <= rest_fen:
        raise AmountAboveRest(rest_fen=rest_fen)
    weights = await money.list_weights(session, customer_id, order_id, on=local_date(now))
    if not weights:
        raise AmountAboveRest(rest_fen=0)
    lines = _lines(customer_id, request_id, wanted_fen, weights)
    request = InvoiceRequest(
        customer_id=customer_id,
        request_id=request_id,
        order_id=order_id,
        order_no=order_no,
        amount_fen=wanted_fen,
        tax_fen=sum(line.tax_fen for line in lines),
        title_kind=title.kind,
        title_sealed=seal_cell(request_id, "title", title.title),
        tax_number_sealed=seal_cell(request_id, "tax_number", title.tax_number),
        email_sealed=seal_cell(request_id, "email", title.email),
        phone_sealed=seal_cell(request_id, "phone", title.phone),
        state=InvoiceState.REQUESTED,
        asked_at=now,
        actor=actor,
    )
    session.add(request)
    await session.flush()
    session.add_all(lines)
    note_move(session, request, None, InvoiceState.REQUESTED, actor=actor, reason=None, now=now)
    await session.flush()
    return request


def _check_title(title: Title) -> None:
    if (title.kind is TitleKind.COMPANY) != (title.tax_number is not None):
        raise TitleIncomplete
    if title.tax_number is not None and not is_tax_number(title.tax_number):
        raise TaxNumberWrong


def _lines(
    customer_id: UUID, request_id: UUID, amount_fen: int, weights: list[Weight]
) -> list[InvoiceLine]:
    by_product = {one.product_id: one for one in weights}
    parts = split_amount(amount_fen, {one.product_id: one.fen for one in weights})
    lines = []
    for number, (product_id, part_fen) in enumerate(parts.items(), start=1):
        product = by_product[product_id]
        if product.vat_permille is None:
            raise VatRateMissing(product.name)
        lines.append(
            InvoiceLine(
                customer_id=customer_id,
                request_id=request_id,
                line_no=number,
                product_id=product_id,
                product_name=product.name,
                specification=product.specification,
                vat_permille=product.vat_permille,
                amount_fen=part_fen,
                tax_fen=tax_within(part_fen, permille=product.vat_permille),
            )
        )
    return lines


async def withdraw_invoice(
    session: AsyncSession, *, customer_id: UUID, request_id: UUID, actor: str, now: datetime
) -> InvoiceRequest:
    """Take back a request that has not gone to the provider; raises InvoiceUnknown, MoveNotAllowed."""
    request = await lock_for_move(session, customer_id, request_id)
    await move(session, request, InvoiceState.CANCELLED, actor=actor, reason=None, now=now)
    return request


async def cancel_waiting(session: AsyncSession, *, customer_id: UUID, now: datetime) -> None:
    """Take back what a customer who is forgotten has waiting, and forget whom it named."""
    wanted = Wanted(customer_id=customer_id, state=InvoiceState.REQUESTED)
    for one in await requests.list_requests(session, wanted, after=None, limit=MOST_WAITING):
        await withdraw_invoice(
            session, customer_id=customer_id, request_id=one.request_id, actor="system", now=now
        )
    await requests.blank_contacts(session, customer_id=customer_id)
