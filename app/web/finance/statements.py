"""Routes: a customer's account as a statement, found by an order's number or a phone."""

from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Path, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service.statements import read_statement
from app.core.db import SessionDep
from app.core.ids import public_single, read_single
from app.core.unit import Router
from app.customers import service as customers
from app.identity.access import ClockDep
from app.identity.errors import PhoneInvalid
from app.orders.repository import read_order_numbers
from app.orders.service import find_order_by_number
from app.web.common.flash import see_other
from app.web.finance import words
from app.web.finance.asking import DayText, read_day
from app.web.finance.errors import BadPeriod, NothingFound
from app.web.finance.rights import Reader
from app.web.finance.showing import HOME, show

STATEMENTS: Final = f"{HOME}/statements"
router = Router(prefix=STATEMENTS, include_in_schema=False)

USUAL_MONTHS: Final = timedelta(days=92)


@router.get("")
async def search_page(request: Request, _: Reader) -> Response:
    """The search, before anybody is found."""
    return show(request, "statements.html", error=None, said="")


@router.post("")
async def search(
    request: Request,
    _: Reader,
    session: SessionDep,
    text: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Go to the customer's statement; a phone never stands in an address."""
    customer_id = await _customer_of(session, text.strip())
    if customer_id is None:
        return show(
            request, "statements.html", status_code=400, error=NothingFound.title, said=text.strip()
        )
    return see_other(f"{STATEMENTS}/{public_single('cus', customer_id)}")


async def _customer_of(session: AsyncSession, text: str) -> UUID | None:
    if not text:
        return None
    if (order := await find_order_by_number(session, number=text.upper())) is not None:
        return order[0]
    try:
        found = await customers.find_by_phone(session, phone=text)
    except PhoneInvalid:
        return None
    return None if found is None else found.customer_id


@router.get("/{customer}")
async def statement_page(
    request: Request,
    _: Reader,
    session: SessionDep,
    clock: ClockDep,
    customer: Annotated[str, Path(max_length=60)],
    since: DayText = "",
    until: DayText = "",
) -> Response:
    """One customer's accounts over a period, each with its running balance; made to be printed."""
    today = clock.today()
    last = read_day(until, usual=today, last=today)
    first = read_day(since, usual=(last - USUAL_MONTHS).replace(day=1), last=today)
    if first > last:
        raise BadPeriod
    customer_id = read_single("cus", customer)
    profile = await customers.get_profile(session, customer_id=customer_id)
    statement = await read_statement(session, customer_id=customer_id, since=first, until=last)
    numbers = await read_order_numbers(
        session,
        {
            (customer_id, line.transfer.reference_id)
            for account in statement.accounts
            for line in account.lines
        },
    )
    return show(
        request,
        "statement.html",
        customer=customer,
        profile=profile,
        statement=statement,
        numbers=numbers,
        first=first,
        last=last,
        today=today,
        account_labels=words.ACCOUNTS,
        account_hints=words.ACCOUNT_HINTS,
        cause_text=words.cause_text,
    )
