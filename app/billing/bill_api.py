"""JSON endpoints of the channels' bills: finance works on them, auditors read."""

from datetime import date
from typing import Annotated, Final

from fastapi import Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import service
from app.billing.bill_models import Bill
from app.billing.bill_schemas import (
    BillDayIn,
    BillFaultOut,
    BillOut,
    DifferenceFile,
    DifferenceOut,
    ReasonIn,
)
from app.billing.states import BillStatus, DifferenceKind, DifferenceState, PaymentChannel
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import read_single
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role

router = Router(tags=["billing"])

FIRST_DATE: Final = date(2000, 1, 1)
LAST_DATE: Final = date(2199, 12, 31)

Finance = Annotated[Principal, Depends(Allow(Role.FINANCE))]
Books = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.AUDITOR))]
Day = Annotated[date | None, Query(ge=FIRST_DATE, le=LAST_DATE)]


@router.get("/bills")
async def list_bills(
    _: Books,
    page: PageDep,
    session: SessionDep,
    since: Day = None,
    until: Day = None,
    status: BillStatus | None = None,
    channel: PaymentChannel | None = None,
    with_open: bool = False,
) -> Page[BillOut]:
    """Bills by day and merchant account, newest first; `with_open` only those with work left."""
    found = await service.list_bills(
        session,
        since=since,
        until=until,
        status=status,
        channel=channel,
        with_open=with_open,
        after=page.after_date(),
        limit=page.limit,
    )
    last = found[-1].bill if len(found) == page.limit else None
    return Page(
        items=[BillOut.of(view) for view in found],
        next_cursor=last and cursor_of(last.bill_date.isoformat(), str(last.bill_id)),
    )


@router.post("/bills", status_code=201, response_model=BillOut)
async def ask_for_day(
    caller: Finance, call: IdempotentDep, body: BillDayIn, session: SessionDep, clock: ClockDep
) -> Response:
    """Want the bill of a day that has none; the same bill for a day that has one."""
    bill = await service.ask_for_day(
        session,
        day=body.bill_date,
        channel=PaymentChannel(body.channel),
        merchant=body.merchant_account,
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 201, await _shown(session, bill))


@router.get("/bills/{bill_id}")
async def get_bill(_: Books, bill_id: str, session: SessionDep) -> BillOut:
    """One bill with its counts and sums."""
    return BillOut.of(await service.view_bill(session, bill_id=read_single("bil", bill_id)))


@router.post("/bills/{bill_id}/download", status_code=202, response_model=BillOut)
async def download_again(
    caller: Finance, call: IdempotentDep, bill_id: str, session: SessionDep, clock: ClockDep
) -> Response:
    """Download the bill once more; it comes by a job, `is_wanted` until it is there."""
    bill = await service.ask_again(
        session, bill_id=read_single("bil", bill_id), by=caller.account_id, now=clock.now()
    )
    return await call.remember(session, 202, await _shown(session, bill))


@router.post(
    "/bills/{bill_id}/file",
    response_model=BillOut,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("text/csv", "application/gzip", "application/zip")
            },
        }
    },
)
async def import_file(
    caller: Finance,
    call: IdempotentDep,
    bill_id: str,
    request: Request,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Take the bill from a file that is the body, as its channel makes it.

    WeChat Pay: trade bill of type ALL, gzipped or not. Alipay: the zip of its trade bill, or the
    业务明细 in it. UnionPay: the ZM file. POS: the acquirer's table of payments.
    """
    bill = await service.import_bill(
        session,
        bill_id=read_single("bil", bill_id),
        content=await request.body(),
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 200, await _shown(session, bill))


@router.get("/bills/{bill_id}/faults")
async def list_faults(
    _: Books, bill_id: str, page: PageDep, session: SessionDep
) -> Page[BillFaultOut]:
    """Rows that were set aside, with their line in the file and why."""
    found = await service.list_faults(
        session,
        bill_id=read_single("bil", bill_id),
        after_line=_after_line(page),
        limit=page.limit,
    )
    return Page(
        items=[BillFaultOut.of(fault) for fault in found],
        next_cursor=cursor_of(found[-1].line_no) if len(found) == page.limit else None,
    )


@router.get("/bills/{bill_id}/differences")
async def list_differences(
    _: Books,
    bill_id: str,
    page: PageDep,
    session: SessionDep,
    kind: DifferenceKind | None = None,
    state: DifferenceState | None = None,
) -> Page[DifferenceOut]:
    """What the bill and our books disagree about, oldest first."""
    found = await service.list_differences(
        session,
        bill_id=read_single("bil", bill_id),
        kind=kind,
        state=state,
        after=page.after_instant(),
        limit=page.limit,
    )
    return Page(
        items=[DifferenceOut.of(one) for one in found],
        next_cursor=(
            cursor_of(found[-1].opened_at.isoformat(), str(found[-1].difference_id))
            if len(found) == page.limit
            else None
        ),
    )


@router.get("/bills/{bill_id}/differences/{difference_id}")
async def get_difference(
    _: Books, bill_id: str, difference_id: str, session: SessionDep
) -> DifferenceFile:
    """A difference and what happened to it."""
    found, moves = await service.view_difference(
        session,
        bill_id=read_single("bil", bill_id),
        difference_id=read_single("dif", difference_id),
    )
    return DifferenceFile.of(found, list(moves))


async def _move(
    caller: Principal,
    call: IdempotentDep,
    bill_id: str,
    difference_id: str,
    body: ReasonIn,
    session: AsyncSession,
    clock: ClockDep,
    *,
    state: DifferenceState,
) -> Response:
    found = await service.move_difference(
        session,
        bill_id=read_single("bil", bill_id),
        difference_id=read_single("dif", difference_id),
        state=state,
        reason=body.reason,
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 200, DifferenceOut.of(found))


@router.post("/bills/{bill_id}/differences/{difference_id}/explain", response_model=DifferenceOut)
async def explain_difference(
    caller: Finance,
    call: IdempotentDep,
    bill_id: str,
    difference_id: str,
    body: ReasonIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Say why both sides differ; it goes on being looked at."""
    state = DifferenceState.EXPLAINED
    return await _move(caller, call, bill_id, difference_id, body, session, clock, state=state)


@router.post("/bills/{bill_id}/differences/{difference_id}/resolve", response_model=DifferenceOut)
async def resolve_difference(
    caller: Finance,
    call: IdempotentDep,
    bill_id: str,
    difference_id: str,
    body: ReasonIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Say what was done about it: the work is over."""
    state = DifferenceState.RESOLVED
    return await _move(caller, call, bill_id, difference_id, body, session, clock, state=state)


@router.post("/bills/{bill_id}/differences/{difference_id}/reopen", response_model=DifferenceOut)
async def reopen_difference(
    caller: Finance,
    call: IdempotentDep,
    bill_id: str,
    difference_id: str,
    body: ReasonIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Put it back on the work list."""
    return await _move(
        caller, call, bill_id, difference_id, body, session, clock, state=DifferenceState.OPEN
    )


async def _shown(session: AsyncSession, bill: Bill) -> BillOut:
    return BillOut.of(await service.view_bill(session, bill_id=bill.bill_id))


def _after_line(page: PageRequest) -> int:
    match page.after:
        case None:
            return 0
        case [int() as line_no]:
            return line_no
    raise BadCursor
