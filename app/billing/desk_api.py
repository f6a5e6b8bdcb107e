"""JSON endpoints of finance's desk: a day's closing, work on refunds, a customer's statement."""

from datetime import date
from typing import Annotated, Final

from fastapi import Depends, Path, Query

from app.billing import service
from app.billing.bill_schemas import DifferenceOut
from app.billing.desk_schemas import DayClosingOut, RefundWorkSums, StatementOut
from app.billing.schemas import RefundOut
from app.billing.service import refund_work
from app.billing.service.daily import list_all_differences, view_closing
from app.billing.service.statements import read_statement
from app.billing.states import DifferenceKind, DifferenceState, PaymentChannel, RefundWork
from app.core.db import SessionDep
from app.core.ids import read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role

router = Router(tags=["billing"])

FIRST_DATE: Final = date(2000, 1, 1)
LAST_DATE: Final = date(2199, 12, 31)

Books = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.AUDITOR))]
Day = Annotated[date | None, Query(ge=FIRST_DATE, le=LAST_DATE)]


@router.get("/refund-work")
async def list_work(
    _: Books, page: PageDep, session: SessionDep, work: RefundWork = RefundWork.APPROVE
) -> Page[RefundOut]:
    """Refunds by what they wait for, what waits longest first; those done newest first."""
    found = await refund_work.list_refund_work(
        session, work=work, after=page.after_instant(), limit=page.limit
    )
    last = found[-1].refund if len(found) == page.limit else None
    return Page(
        items=[
            RefundOut.of(one.refund, evidence=service.read_evidence(one.refund), for_staff=True)
            for one in found
        ],
        next_cursor=last and cursor_of(last.created_at.isoformat(), str(last.refund_id)),
    )


@router.get("/refund-work/sums")
async def sum_work(_: Books, session: SessionDep) -> RefundWorkSums:
    """How many refunds wait for each act, for how much, since when."""
    return RefundWorkSums.of(await refund_work.sum_refund_work(session))


@router.get("/closings/{day}")
async def get_closing(
    _: Books,
    day: Annotated[date, Path(ge=FIRST_DATE, le=LAST_DATE)],
    session: SessionDep,
    clock: ClockDep,
) -> DayClosingOut:
    """Every bill and every station's cash of a date, and what is left to do about it."""
    return DayClosingOut.of(await view_closing(session, day=day, today=clock.today()))


@router.get("/bill-differences")
async def list_differences(
    _: Books,
    page: PageDep,
    session: SessionDep,
    kind: DifferenceKind | None = None,
    channel: PaymentChannel | None = None,
    state: DifferenceState | None = None,
    day: Annotated[date | None, Query(alias="date", ge=FIRST_DATE, le=LAST_DATE)] = None,
) -> Page[DifferenceOut]:
    """What all bills and our books disagree about, oldest first."""
    found = await list_all_differences(
        session,
        kind=kind,
        channel=channel,
        state=state,
        day=day,
        after=page.after_instant(),
        limit=page.limit,
    )
    last = found[-1][0] if len(found) == page.limit else None
    return Page(
        items=[DifferenceOut.of(one) for one, _ in found],
        next_cursor=last and cursor_of(last.opened_at.isoformat(), str(last.difference_id)),
    )


@router.get("/ledger/statement")
async def get_statement(
    _: Books,
    session: SessionDep,
    clock: ClockDep,
    customer: Annotated[str, Query(max_length=60)],
    since: Day = None,
    until: Day = None,
) -> StatementOut:
    """A customer's accounts with every transfer and the balance after it, by default to today."""
    return StatementOut.of(
        await read_statement(
            session,
            customer_id=read_single("cus", customer),
            since=since or FIRST_DATE,
            until=until or clock.today(),
        )
    )
