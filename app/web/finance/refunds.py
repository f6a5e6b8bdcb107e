"""Routes: refunds that wait for a person, and the three acts on them (S1 5.2.7)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Path, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.repository import read_names
from app.billing import service as billing
from app.billing.models import Refund
from app.billing.rules import DEFAULT_REFUND_LIMIT_FEN
from app.billing.service import refund_work
from app.billing.states import CHANNEL_LABELS, REFUND_LABELS, RefundStatus, RefundWork
from app.core.db import SessionDep
from app.core.ids import public_pair, read_pair
from app.core.pagination import PageDep, cursor_of
from app.core.schemas import ShortText
from app.core.unit import Router
from app.identity.access import ClockDep, Principal
from app.orders.repository import read_order_numbers
from app.web.common.forms import carry_out
from app.web.common.templating import is_htmx
from app.web.finance import words
from app.web.finance.rights import Finance, Reader
from app.web.finance.showing import HOME, ROWS_A_PAGE, show

REFUNDS: Final = f"{HOME}/refunds"
router = Router(prefix=REFUNDS, include_in_schema=False)

RefundId = Annotated[str, Path(max_length=80)]
Evidence = Annotated[ShortText, Form()]
Back = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Row:
    """A refund as the list shows it."""

    id: str
    refund: Refund
    status: RefundStatus
    channel: str
    captured_at: object
    order_no: str | None
    cause: str
    failure: str
    requested_by: str | None
    approved_by: str | None
    settled_by: str | None
    evidence: str | None
    is_own: bool
    """Asked for by the caller: a second person decides."""


async def _rows(
    session: AsyncSession, caller: Principal, tasks: list[refund_work.RefundTask]
) -> list[Row]:
    refunds = [task.refund for task in tasks]
    people = {
        person
        for one in refunds
        for person in (one.requested_by, one.approved_by, one.settled_by)
        if person is not None
    }
    names = {one: name.display_name for one, name in (await read_names(session, people)).items()}
    numbers = await read_order_numbers(
        session, {(one.customer_id, one.reference_id) for one in refunds}
    )

    def name_of(person: UUID | None) -> str | None:
        return None if person is None else names.get(person, "已离职员工")

    return [
        Row(
            id=public_pair("rfd", task.refund.customer_id, task.refund.refund_id),
            refund=task.refund,
            status=RefundStatus(task.refund.status),
            channel=CHANNEL_LABELS[task.channel],
            captured_at=task.captured_at,
            order_no=numbers.get(task.refund.reference_id),
            cause=words.refund_cause(task.refund.cause),
            failure=words.failure_text(task.refund.failure),
            requested_by=name_of(task.refund.requested_by),
            approved_by=name_of(task.refund.approved_by),
            settled_by=name_of(task.refund.settled_by),
            evidence=billing.read_evidence(task.refund),
            is_own=not refund_work.may_act_on(task.refund, by=caller.account_id),
        )
        for task in tasks
    ]


@router.get("")
async def list_page(
    request: Request,
    caller: Reader,
    session: SessionDep,
    page: PageDep,
    work: Annotated[str, Query(max_length=20)] = RefundWork.APPROVE,
) -> Response:
    """Refunds by what they wait for, what waits longest first."""
    chosen = next((one for one in RefundWork if one == work), RefundWork.APPROVE)
    found = await refund_work.list_refund_work(
        session, work=chosen, after=page.after_instant(), limit=ROWS_A_PAGE + 1
    )
    shown = list(found[:ROWS_A_PAGE])
    cursor = None
    if len(found) > ROWS_A_PAGE:
        last = shown[-1].refund
        cursor = cursor_of(last.created_at.isoformat(), str(last.refund_id))
    limits = await billing.list_refund_limits(session)
    return show(
        request,
        "refund_rows.html" if is_htmx(request) else "refunds.html",
        rows=await _rows(session, caller, shown),
        work=chosen,
        works=words.WORK_LABELS,
        hint=words.WORK_HINTS[chosen],
        empty=words.EMPTY[chosen],
        sums=await refund_work.sum_refund_work(session),
        labels=REFUND_LABELS,
        kinds=words.REFUND_KINDS,
        limit_fen=limits[0].limit_fen if limits else DEFAULT_REFUND_LIMIT_FEN,
        next_cursor=cursor,
        is_first=page.after is None,
        address=f"{REFUNDS}?work={chosen.value}",
    )


def _on_refund(
    act: Callable[..., Awaitable[Refund]],
    session: AsyncSession,
    caller: Principal,
    clock: ClockDep,
    refund: str,
) -> Callable[..., Awaitable[Refund]]:
    """An act on the refund that an address names, by the caller."""
    customer_id, row_id = read_pair("rfd", refund)
    return partial(
        act,
        session,
        customer_id=customer_id,
        refund_id=row_id,
        by=caller.account_id,
        now=clock.now(),
    )


@router.post("/{refund}/approve")
async def approve(
    request: Request,
    refund: RefundId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    back: Back = REFUNDS,
) -> Response:
    """The second person lets a refund go."""
    act = _on_refund(billing.approve_refund, session, caller, clock, refund)
    return await carry_out(request, caller, session, act, back=back, told="已批准退款")


@router.post("/{refund}/paid-out")
async def pay_out(
    request: Request,
    refund: RefundId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    note: Evidence,
    back: Back = REFUNDS,
) -> Response:
    """An approved cash or POS refund was handed over; the note names its paper."""
    act = _on_refund(billing.pay_out, session, caller, clock, refund)
    told = "已登记付款，退款完成"
    return await carry_out(
        request, caller, session, partial(act, evidence=note), back=back, told=told
    )


@router.post("/{refund}/settle")
async def settle(
    request: Request,
    refund: RefundId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    note: Evidence,
    back: Back = REFUNDS,
) -> Response:
    """What the channel cannot pay back was paid by hand; the note names its paper."""
    act = _on_refund(billing.resolve_manually, session, caller, clock, refund)
    told = "已登记线下退款，标记为非原路退回"
    return await carry_out(
        request, caller, session, partial(act, evidence=note), back=back, told=told
    )
