"""Finance at work: an invoice is issued, refused, or taken back by a red one."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.money import yuan_text
from app.invoices.errors import IssuedOtherwise
from app.invoices.models import InvoiceRequest
from app.invoices.repository import requests
from app.invoices.service.moving import lock_for_move, move, tell
from app.invoices.states import INVOICE_MOVES, InvoiceState


@dataclass(frozen=True, slots=True)
class Issued:
    """What the provider says of an issued invoice, or a red one."""

    number: str
    on: date
    pdf_url: str | None = None


async def issue_invoice(
    session: AsyncSession,
    *,
    customer_id: UUID,
    request_id: UUID,
    issued: Issued,
    actor: str,
    now: datetime,
) -> InvoiceRequest:
    """Note that an invoice was issued and tell the household; said again it does nothing.

    Raises InvoiceUnknown, MoveNotAllowed, InvoiceNumberTaken, IssuedOtherwise.
    """
    request = await lock_for_move(session, customer_id, request_id)
    if request.state is InvoiceState.ISSUED:
        if request.invoice_number != issued.number:
            raise IssuedOtherwise
        request.pdf_url = issued.pdf_url or request.pdf_url
        await session.flush()
        return request
    INVOICE_MOVES.require(request.state, InvoiceState.ISSUED)
    await requests.claim_number(
        session, number=issued.number, customer_id=customer_id, request_id=request_id
    )
    request.invoice_number, request.issued_date = issued.number, issued.on
    request.pdf_url = issued.pdf_url
    await move(session, request, InvoiceState.ISSUED, actor=actor, reason=None, now=now)
    await tell(session, request, "invoice_issued", now, amount=yuan_text(request.amount_fen))
    return request


async def reject_invoice(
    session: AsyncSession,
    *,
    customer_id: UUID,
    request_id: UUID,
    reason: str,
    actor: str,
    now: datetime,
) -> InvoiceRequest:
    """Refuse a request and tell the household why; raises InvoiceUnknown, MoveNotAllowed."""
    request = await lock_for_move(session, customer_id, request_id)
    await move(session, request, InvoiceState.REJECTED, actor=actor, reason=reason, now=now)
    await tell(session, request, "invoice_rejected", now, reason=reason)
    return request


async def reverse_invoice(
    session: AsyncSession,
    *,
    customer_id: UUID,
    request_id: UUID,
    red: Issued,
    reason: str,
    actor: str,
    now: datetime,
) -> InvoiceRequest:
    """Note the red invoice (红字发票) that takes back an issued one as a whole.

    What is still paid may then be asked for anew. Raises InvoiceUnknown, MoveNotAllowed,
    InvoiceNumberTaken.
    """
    request = await lock_for_move(session, customer_id, request_id)
    INVOICE_MOVES.require(request.state, InvoiceState.REVERSED)
    await requests.claim_number(
        session, number=red.number, customer_id=customer_id, request_id=request_id
    )
    request.red_number, request.red_date = red.number, red.on
    await move(session, request, InvoiceState.REVERSED, actor=actor, reason=reason, now=now)
    return request
