"""JSON endpoints of finance's desk: work on refunds, and a customer's statement."""

from datetime import date
from typing import Annotated, Final

from fastapi import Depends, Query

from app.billing import service
from app.billing.desk_schemas import RefundWorkSums, StatementOut
from app.billing.schemas import RefundOut
from app.billing.service import refund_work
from app.billing.service.statements import read_statement
from app.billing.states import RefundWork
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
