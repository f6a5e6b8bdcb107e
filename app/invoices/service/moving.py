"""The one function that moves a request, and what is sealed in one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Cell
from app.core.ids import new_id
from app.core.runtime import keys
from app.customers.service import contact_phones
from app.invoices.models import InvoiceMove, InvoiceRequest
from app.invoices.repository import money, requests
from app.invoices.states import INVOICE_MOVES, STANDING, InvoiceState, TitleKind
from app.notifications.service import send_sms


@dataclass(frozen=True, slots=True)
class Title:
    """Whom an invoice is made out to, and where it is sent."""

    kind: TitleKind
    title: str
    tax_number: str | None
    email: str | None
    phone: str | None


def seal_cell(request_id: UUID, name: str, plain: str | None) -> bytes | None:
    """A field of a request as it is stored."""
    if plain is None:
        return None
    return keys().seal(plain, Cell("invoice_requests", name, request_id))


def open_title(request: InvoiceRequest) -> Title:
    """What is sealed in a request; what was forgotten is empty."""

    def opened(name: str) -> str | None:
        sealed: bytes | None = getattr(request, f"{name}_sealed")
        if sealed is None:
            return None
        return keys().open(sealed, Cell("invoice_requests", name, request.request_id))

    return Title(
        kind=TitleKind(request.title_kind),
        title=opened("title") or "",
        tax_number=opened("tax_number"),
        email=opened("email"),
        phone=opened("phone"),
    )


async def lock_for_move(
    session: AsyncSession, customer_id: UUID, request_id: UUID
) -> InvoiceRequest:
    """A request under its order's lock and its own; raises InvoiceUnknown."""
    found = await requests.get_request(session, customer_id, request_id)
    await money.lock_order(session, customer_id, found.order_id)
    return await requests.lock_request(session, customer_id, request_id)


async def move(
    session: AsyncSession,
    request: InvoiceRequest,
    to: InvoiceState,
    *,
    actor: str,
    reason: str | None,
    now: datetime,
) -> None:
    """Move a locked request and note it; what it leaves or not of its order's money is judged anew.

    Raises MoveNotAllowed.
    """
    INVOICE_MOVES.require(request.state, to)
    note_move(session, request, request.state, to, actor=actor, reason=reason, now=now)
    request.state = to
    if reason is not None:
        request.reason = reason
    if to not in STANDING:
        request.over_since = None
    await session.flush()
    await money.mark_over(
        session, customer_id=request.customer_id, order_id=request.order_id, now=now
    )
    await session.refresh(request)


def note_move(
    session: AsyncSession,
    request: InvoiceRequest,
    before: InvoiceState | None,
    to: InvoiceState,
    *,
    actor: str,
    reason: str | None,
    now: datetime,
) -> None:
    """Who moved a request, when and why."""
    session.add(
        InvoiceMove(
            customer_id=request.customer_id,
            move_id=new_id(),
            request_id=request.request_id,
            from_state=before,
            to_state=to,
            at=now,
            actor=actor,
            reason=reason,
        )
    )


async def tell(
    session: AsyncSession, request: InvoiceRequest, template: str, now: datetime, **said: str
) -> None:
    """Send the household an SMS about a request, once per kind; nobody who was forgotten."""
    phone = (await contact_phones(session, customer_ids=[request.customer_id])).get(
        request.customer_id
    )
    if phone is not None:
        await send_sms(
            session,
            customer_id=request.customer_id,
            phone=phone,
            template=template,
            parameters={"order": request.order_no, **said},
            cause=f"{template}:{request.request_id}",
            now=now,
        )
