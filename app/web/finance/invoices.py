"""Routes: requests for invoices, the red ones that are due, and what finance enters (S1 5.2.7)."""

from collections.abc import Awaitable, Callable
from datetime import date, time, timedelta
from functools import partial
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Form, Path, Query, Request
from fastapi.responses import Response

from app.core.clock import local_instant
from app.core.db import SessionDep
from app.core.ids import public_pair, read_pair, read_single
from app.core.pagination import PageDep, cursor_of
from app.core.schemas import ShortText
from app.core.unit import Router
from app.identity.access import ClockDep, Principal
from app.invoices import service as invoices
from app.invoices.repository.requests import Wanted
from app.invoices.rules import mask_title
from app.invoices.schemas import IssuedIn
from app.invoices.service import InvoiceView
from app.invoices.states import INVOICE_LABELS, TITLE_LABELS, InvoiceState
from app.web.common.forms import as_shape, carry_out
from app.web.common.templating import is_htmx
from app.web.finance import words
from app.web.finance.asking import DayText, Text, one_of, read_day
from app.web.finance.errors import BadPeriod
from app.web.finance.rights import Finance, Reader
from app.web.finance.showing import HOME, ROWS_A_PAGE, show

INVOICES: Final = f"{HOME}/invoices"
RED: Final = "red"
router = Router(prefix=INVOICES, include_in_schema=False)

InvoiceId = Annotated[str, Path(max_length=90)]
Back = Annotated[str, Form(max_length=2000)]
Reason = Annotated[ShortText, Form()]
Number = Annotated[str, Form(max_length=60)]
IssuedOn = Annotated[date, Form()]


@router.get("")
async def list_page(
    request: Request,
    _: Reader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    state: Text = "",
    since: DayText = "",
    until: DayText = "",
    batch: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Requests by filter, the latest first; or those of orders invoiced above what is paid."""
    today = clock.today()
    is_red = state == RED
    chosen = one_of(InvoiceState, state)
    after, limit = page.after_instant(), ROWS_A_PAGE + 1
    if is_red:
        found = await invoices.list_corrections(session, after=after, limit=limit)
    else:
        wanted = _wanted(chosen, since, until, batch, today=today)
        found = await invoices.list_invoices(session, wanted, after=after, limit=limit)
    rows, cursor = found[:ROWS_A_PAGE], None
    if len(found) > ROWS_A_PAGE:
        last = rows[-1].request
        at = last.over_since if is_red and last.over_since else last.asked_at
        cursor = cursor_of(at.isoformat(), str(last.request_id))
    said = {"state": state, "since": since, "until": until, "batch": batch}
    return show(
        request,
        "invoice_rows.html" if is_htmx(request) else "invoices.html",
        rows=[_row(one) for one in rows],
        is_red=is_red,
        asked=said,
        is_narrowed=any(said.values()),
        states=INVOICE_LABELS,
        looks=words.INVOICES,
        titles=TITLE_LABELS,
        mask_title=mask_title,
        today=today,
        next_cursor=cursor,
        is_first=page.after is None,
        address=f"{INVOICES}?{urlencode({name: one for name, one in said.items() if one})}",
    )


def _row(view: InvoiceView) -> tuple[str, InvoiceView]:
    return public_pair("inv", view.request.customer_id, view.request.request_id), view


def _wanted(
    state: InvoiceState | None, since: str, until: str, batch: str, *, today: date
) -> Wanted:
    first = read_day(since, usual=today, last=today) if since else None
    last = read_day(until, usual=today, last=today) if until else None
    if first and last and first > last:
        raise BadPeriod
    return Wanted(
        batch_id=read_single("bat", batch) if batch else None,
        state=state,
        since=None if first is None else local_instant(first, time()),
        until=None if last is None else local_instant(last + timedelta(days=1), time()),
    )


def _on_invoice(
    act: Callable[..., Awaitable[object]],
    session: SessionDep,
    caller: Principal,
    clock: ClockDep,
    invoice: str,
) -> Callable[..., Awaitable[object]]:
    """An act on the request that an address names, by the caller."""
    customer_id, request_id = read_pair("inv", invoice)
    return partial(
        act,
        session,
        customer_id=customer_id,
        request_id=request_id,
        actor=caller.actor,
        now=clock.now(),
    )


def _issued(number: str, on: date) -> invoices.Issued:
    said = {"number": "".join(number.split()), "issued_date": on}
    return as_shape(IssuedIn, said).issued()


@router.post("/{invoice}/issue")
async def issue(
    request: Request,
    invoice: InvoiceId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    number: Number,
    on: IssuedOn,
    back: Back = INVOICES,
) -> Response:
    """Enter the number of an issued invoice by hand; the household is told."""
    act = partial(
        _on_invoice(invoices.issue_invoice, session, caller, clock, invoice),
        issued=_issued(number, on),
    )
    return await carry_out(request, caller, session, act, back=back, told="已登记开票，已通知顾客")


@router.post("/{invoice}/reverse")
async def reverse(
    request: Request,
    invoice: InvoiceId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    number: Number,
    on: IssuedOn,
    note: Reason,
    back: Back = INVOICES,
) -> Response:
    """Enter the red invoice that takes an issued one back as a whole."""
    act = partial(
        _on_invoice(invoices.reverse_invoice, session, caller, clock, invoice),
        red=_issued(number, on),
        reason=note,
    )
    return await carry_out(request, caller, session, act, back=back, told="已登记红字发票")


@router.post("/{invoice}/reject")
async def reject(
    request: Request,
    invoice: InvoiceId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    note: Reason,
    back: Back = INVOICES,
) -> Response:
    """Refuse a request; the household reads why."""
    act = partial(
        _on_invoice(invoices.reject_invoice, session, caller, clock, invoice), reason=note
    )
    return await carry_out(request, caller, session, act, back=back, told="已拒绝，已通知顾客")
