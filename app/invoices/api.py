"""JSON endpoints of invoices.

Answers that are kept for a repeated request carry no personal data: they are masked.
"""

from datetime import date, time, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from app.core.clock import local_instant
from app.core.db import SessionDep
from app.core.errors import InvalidInput, NotFound
from app.core.exporting import file_answer
from app.core.idempotency import IdempotentDep
from app.core.ids import named_id, read_pair, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.invoices import service
from app.invoices.errors import BatchUnknown, InvoiceUnknown
from app.invoices.repository.requests import Wanted
from app.invoices.schemas import (
    AnswersOut,
    BatchDetailOut,
    BatchOut,
    InvoiceIn,
    InvoiceOut,
    IssuedIn,
    OrderInvoicesOut,
    RedIn,
    RefusalIn,
)
from app.invoices.states import InvoiceState
from app.orders.callers import own_order

router = Router(tags=["invoices"])

Asker = Annotated[Principal, Depends(Allow(Role.CUSTOMER, Role.SERVICE_AGENT))]
Reader = Annotated[
    Principal, Depends(Allow(Role.CUSTOMER, Role.SERVICE_AGENT, Role.FINANCE, Role.AUDITOR))
]
Finance = Annotated[Principal, Depends(Allow(Role.FINANCE))]
Books = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.AUDITOR))]
Day = Annotated[date | None, Query(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _is_own(caller: Principal) -> bool:
    return caller.has(Role.CUSTOMER)


def _request_of(caller: Principal, text: str) -> tuple[UUID, UUID]:
    customer_id, request_id = read_pair("inv", text)
    if _is_own(caller) and customer_id != caller.account_id:
        raise InvoiceUnknown
    return customer_id, request_id


def _batch_id(text: str) -> UUID:
    try:
        return read_single("bat", text)
    except NotFound as error:
        raise BatchUnknown from error


async def _answer(
    session: SessionDep, customer_id: UUID, request_id: UUID, *, full: bool = False
) -> InvoiceOut:
    view = await service.view_invoice(session, customer_id=customer_id, request_id=request_id)
    return InvoiceOut.of(view, full=full)


@router.post("/orders/{order_id}/invoices", status_code=201, response_model=InvoiceOut)
async def ask_invoice(
    caller: Asker,
    call: IdempotentDep,
    order_id: str,
    body: InvoiceIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Ask for an invoice about an order: the customer's own, or by an agent for a household."""
    customer_id, row_id = own_order(caller, order_id)
    request_id = named_id(row_id, call.name)
    await service.ask_invoice(
        session,
        customer_id=customer_id,
        order_id=row_id,
        request_id=request_id,
        title=body.wanted(),
        amount_fen=body.amount_fen,
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 201, await _answer(session, customer_id, request_id))


@router.get("/orders/{order_id}/invoices")
async def show_order_invoices(
    caller: Reader, order_id: str, session: SessionDep
) -> OrderInvoicesOut:
    """What of an order may still be invoiced, and what was asked for."""
    customer_id, row_id = own_order(caller, order_id)
    found = await service.view_order_invoices(session, customer_id=customer_id, order_id=row_id)
    return OrderInvoicesOut.of(found, full=_is_own(caller))


@router.get("/invoices")
async def list_invoices(
    caller: Reader,
    page: PageDep,
    session: SessionDep,
    state: InvoiceState | None = None,
    batch: Annotated[str | None, Query(max_length=60)] = None,
    from_date: Day = None,
    to_date: Day = None,
) -> Page[InvoiceOut]:
    """Requests by the day they were asked for, the latest first: the own, or all for staff."""
    if from_date is not None and to_date is not None and to_date < from_date:
        raise InvalidInput("to_date before from_date")
    wanted = Wanted(
        customer_id=caller.account_id if _is_own(caller) else None,
        batch_id=None if batch is None else _batch_id(batch),
        state=state,
        since=None if from_date is None else local_instant(from_date, time()),
        until=None if to_date is None else local_instant(to_date + timedelta(days=1), time()),
    )
    found = await service.list_invoices(
        session, wanted, after=page.after_instant(), limit=page.limit + 1
    )
    shown, cursor = found[: page.limit], None
    if len(found) > page.limit:
        last = shown[-1].request
        cursor = cursor_of(last.asked_at.isoformat(), str(last.request_id))
    return Page(
        items=[InvoiceOut.of(view, full=_is_own(caller)) for view in shown], next_cursor=cursor
    )


@router.get("/invoice-corrections")
async def list_corrections(_: Books, page: PageDep, session: SessionDep) -> Page[InvoiceOut]:
    """Requests of orders invoiced above what is paid: issued ones need a red invoice (红字发票)."""
    found = await service.list_corrections(
        session, after=page.after_instant(), limit=page.limit + 1
    )
    shown, cursor = found[: page.limit], None
    if len(found) > page.limit and (since := shown[-1].request.over_since) is not None:
        cursor = cursor_of(since.isoformat(), str(shown[-1].request.request_id))
    return Page(items=[InvoiceOut.of(view, full=False) for view in shown], next_cursor=cursor)


@router.get("/invoices/{invoice_id}")
async def show_invoice(caller: Reader, invoice_id: str, session: SessionDep) -> InvoiceOut:
    """One request and what became of it."""
    customer_id, request_id = _request_of(caller, invoice_id)
    return await _answer(session, customer_id, request_id, full=_is_own(caller))


@router.post("/invoices/{invoice_id}/cancel", response_model=InvoiceOut)
async def cancel_invoice(
    caller: Asker, call: IdempotentDep, invoice_id: str, session: SessionDep, clock: ClockDep
) -> Response:
    """Take back a request that has not gone to the provider."""
    customer_id, request_id = _request_of(caller, invoice_id)
    await service.withdraw_invoice(
        session,
        customer_id=customer_id,
        request_id=request_id,
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 200, await _answer(session, customer_id, request_id))


@router.post("/invoices/{invoice_id}/reject", response_model=InvoiceOut)
async def reject_invoice(
    caller: Finance,
    call: IdempotentDep,
    invoice_id: str,
    body: RefusalIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Refuse a request; the household is told why by SMS."""
    customer_id, request_id = _request_of(caller, invoice_id)
    await service.reject_invoice(
        session,
        customer_id=customer_id,
        request_id=request_id,
        reason=body.reason,
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 200, await _answer(session, customer_id, request_id))


@router.post("/invoices/{invoice_id}/issue", response_model=InvoiceOut)
async def issue_invoice(
    caller: Finance,
    call: IdempotentDep,
    invoice_id: str,
    body: IssuedIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Enter number, date and PDF of an issued invoice; the household is told by SMS."""
    customer_id, request_id = _request_of(caller, invoice_id)
    await service.issue_invoice(
        session,
        customer_id=customer_id,
        request_id=request_id,
        issued=body.issued(),
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 200, await _answer(session, customer_id, request_id))


@router.post("/invoices/{invoice_id}/reverse", response_model=InvoiceOut)
async def reverse_invoice(
    caller: Finance,
    call: IdempotentDep,
    invoice_id: str,
    body: RedIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Enter the red invoice that takes back an issued one as a whole."""
    customer_id, request_id = _request_of(caller, invoice_id)
    await service.reverse_invoice(
        session,
        customer_id=customer_id,
        request_id=request_id,
        red=service.Issued(body.number, body.issued_date),
        reason=body.reason,
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 200, await _answer(session, customer_id, request_id))


@router.post("/invoice-batches", status_code=201, response_model=BatchOut)
async def make_batch(
    caller: Finance, call: IdempotentDep, session: SessionDep, clock: ClockDep
) -> Response:
    """Take the requests that wait into a batch for the invoicing provider."""
    batch = await service.make_batch(session, actor=caller.actor, now=clock.now())
    return await call.remember(session, 201, BatchOut.of(batch))


@router.get("/invoice-batches")
async def list_batches(_: Books, page: PageDep, session: SessionDep) -> Page[BatchOut]:
    """Batches, the latest first."""
    found = await service.list_batches(session, after=page.after_instant(), limit=page.limit + 1)
    shown, cursor = found[: page.limit], None
    if len(found) > page.limit:
        cursor = cursor_of(shown[-1].made_at.isoformat(), str(shown[-1].id))
    return Page(items=[BatchOut.of(batch) for batch in shown], next_cursor=cursor)


@router.get("/invoice-batches/{batch}")
async def show_batch(_: Books, batch: str, session: SessionDep) -> BatchDetailOut:
    """A batch, and who took its file out."""
    view = await service.view_batch(session, batch_id=_batch_id(batch))
    return BatchDetailOut.of_view(view)


@router.get("/invoice-batches/{batch}/file.xlsx", response_class=Response)
async def take_batch(caller: Finance, batch: str, session: SessionDep, clock: ClockDep) -> Response:
    """The file of a batch for the provider, the same each time; it is noted who takes it."""
    file, row = await service.write_batch(
        session, batch_id=_batch_id(batch), caller=caller, now=clock.now()
    )
    return file_answer(file, f"开票申请-{row.batch_no}.xlsx")


@router.post("/invoice-batches/{batch}/answers", response_model=AnswersOut, openapi_extra=FILE_BODY)
async def take_answers(
    caller: Finance,
    call: IdempotentDep,
    batch: str,
    request: Request,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """The provider's answer to a batch as CSV or XLSX (2 MB at most); wrong rows are listed."""
    taken = await service.take_answers(
        session,
        batch_id=_batch_id(batch),
        body=await request.body(),
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 200, AnswersOut.of(taken))
