"""Routes: what the channels' bills and our books disagree about, worked off (S1 5.2.7)."""

from datetime import date
from functools import partial
from typing import Annotated, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Form, Path, Query, Request
from fastapi.responses import Response

from app.aftersales.repository import read_names
from app.billing import service as billing
from app.billing.service import daily
from app.billing.states import (
    CHANNEL_LABELS,
    DIFFERENCE_LABELS,
    DIFFERENCE_STATE_LABELS,
    BillEntry,
    DifferenceKind,
    DifferenceState,
    PaymentChannel,
)
from app.core.db import SessionDep
from app.core.ids import read_single
from app.core.pagination import PageDep, cursor_of
from app.core.schemas import ShortText
from app.core.unit import Router
from app.identity.access import ClockDep
from app.web.common.forms import carry_out
from app.web.common.templating import is_htmx
from app.web.finance import words
from app.web.finance.asking import DayText, Text, one_of, read_day
from app.web.finance.rights import Finance, Reader
from app.web.finance.showing import HOME, ROWS_A_PAGE, show

DIFFERENCES: Final = f"{HOME}/differences"
ALL: Final = "all"
router = Router(prefix=DIFFERENCES, include_in_schema=False)
BillId = Annotated[str, Path(max_length=60)]
DifferenceId = Annotated[str, Path(max_length=60)]
TOLD: Final = {
    DifferenceState.EXPLAINED: "已说明，继续跟踪",
    DifferenceState.RESOLVED: "已解决",
    DifferenceState.OPEN: "已重新打开",
}


@router.get("")
async def list_page(
    request: Request,
    _: Reader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    kind: Text = "",
    channel: Text = "",
    state: Text = DifferenceState.OPEN,
    day: DayText = "",
) -> Response:
    """Differences over all bills, what waits longest first; open ones unless asked otherwise."""
    today = clock.today()
    shown_day: date | None = read_day(day, usual=today, last=today) if day else None
    chosen = one_of(DifferenceState, state)
    found = await daily.list_all_differences(
        session,
        kind=one_of(DifferenceKind, kind),
        channel=one_of(PaymentChannel, channel),
        state=chosen,
        day=shown_day,
        after=page.after_instant(),
        limit=ROWS_A_PAGE + 1,
    )
    rows = found[:ROWS_A_PAGE]
    cursor = None
    if len(found) > ROWS_A_PAGE:
        last = rows[-1][0]
        cursor = cursor_of(last.opened_at.isoformat(), str(last.difference_id))
    people: set[UUID] = {one.settled_by for one, _ in rows if one.settled_by is not None}
    said = {"kind": kind, "channel": channel, "day": day, "state": chosen.value if chosen else ALL}
    return show(
        request,
        "difference_rows.html" if is_htmx(request) else "differences.html",
        rows=rows,
        names=await read_names(session, people),
        kinds=DIFFERENCE_LABELS,
        kind_looks=words.DIFFERENCE_KINDS,
        states=DIFFERENCE_STATE_LABELS,
        state_looks=words.DIFFERENCE_STATES,
        channels=CHANNEL_LABELS,
        billed=words.BILL_FILES,
        is_refund=BillEntry.REFUND,
        asked=said,
        is_narrowed=bool(kind or channel or day) or chosen is not DifferenceState.OPEN,
        today=today,
        next_cursor=cursor,
        is_first=page.after is None,
        address=f"{DIFFERENCES}?{urlencode({name: one for name, one in said.items() if one})}",
    )


@router.get("/{bill}/{difference}")
async def difference_page(
    request: Request, bill: BillId, difference: DifferenceId, _: Reader, session: SessionDep
) -> Response:
    """One difference: both sides, and who said what about it and when."""
    bill_id = read_single("bil", bill)
    found, moves = await billing.view_difference(
        session, bill_id=bill_id, difference_id=read_single("dif", difference)
    )
    people = {one.moved_by for one in moves if one.moved_by is not None}
    names = await read_names(session, people)
    return show(
        request,
        "difference.html",
        one=found,
        bill=(await billing.view_bill(session, bill_id=bill_id)).bill,
        moves=moves,
        names={one: name.display_name for one, name in names.items()},
        path=f"{DIFFERENCES}/{bill}/{difference}",
        kinds=DIFFERENCE_LABELS,
        states=DIFFERENCE_STATE_LABELS,
        state_looks=words.DIFFERENCE_STATES,
        channels=CHANNEL_LABELS,
        is_refund=BillEntry.REFUND,
    )


@router.post("/{bill}/{difference}")
async def move(
    request: Request,
    bill: BillId,
    difference: DifferenceId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    to: Annotated[DifferenceState, Query()],
    note: Annotated[ShortText, Form()],
    back: Annotated[str, Form(max_length=2000)] = DIFFERENCES,
) -> Response:
    """Explain a difference, resolve it or open it again; the note says why."""
    act = partial(
        billing.move_difference,
        session,
        bill_id=read_single("bil", bill),
        difference_id=read_single("dif", difference),
        state=to,
        reason=note,
        by=caller.account_id,
        now=clock.now(),
    )
    return await carry_out(request, caller, session, act, back=back, told=TOLD[to])
