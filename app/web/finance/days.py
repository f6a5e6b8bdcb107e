"""Routes: a day's closing at a glance, and closing every station that is ready (S1 5.2.7)."""

from datetime import date, timedelta
from functools import partial
from typing import Annotated, Final

from fastapi import Form, Path, Query, Request
from fastapi.responses import Response

from app.billing import service as billing
from app.billing.service import daily
from app.billing.states import BILL_LABELS, CHANNEL_LABELS, PaymentChannel
from app.core.db import SessionDep
from app.core.ids import read_single
from app.core.unit import Router
from app.identity.access import ClockDep
from app.web.common.forms import carry_out
from app.web.finance.asking import DayText, Text, one_of, read_day
from app.web.finance.rights import Finance, Reader
from app.web.finance.showing import HOME, show

router = Router(include_in_schema=False)

Back = Annotated[str, Form(max_length=2000)]
DAYS: Final = f"{HOME}/days"


@router.get(HOME)
async def day_page(
    request: Request,
    _: Reader,
    session: SessionDep,
    clock: ClockDep,
    day: Annotated[DayText, Query()] = "",
) -> Response:
    """Every channel and every station of a day, by default the last one that is over."""
    today = clock.today()
    shown = read_day(day, usual=today - timedelta(days=1), last=today)
    closing = await daily.view_closing(session, day=shown, today=today)
    return show(
        request,
        "day.html",
        closing=closing,
        day=shown,
        today=today,
        before=shown - timedelta(days=1),
        after=shown + timedelta(days=1) if shown < today else None,
        channel_labels=CHANNEL_LABELS,
        bill_labels=BILL_LABELS,
        as_files=billing.AS_FILES,
        back=f"{HOME}?day={shown}",
    )


@router.post(DAYS + "/{day}/close")
async def close_stations(
    request: Request,
    day: Annotated[date, Path()],
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    back: Back = HOME,
) -> Response:
    """Close the day of every station that is ready, all or none."""
    act = partial(
        daily.close_ready_stations, session, day=day, by=caller.account_id, now=clock.now()
    )
    return await carry_out(request, caller, session, act, back=back, told="已结账")


@router.post(DAYS + "/{day}/bill")
async def ask_for_bill(
    request: Request,
    day: Annotated[date, Path()],
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    channel: Text = "",
    back: Back = HOME,
) -> Response:
    """Want a channel's bill of a day that has none, WeChat Pay's unless another is named."""
    act = partial(
        billing.ask_for_day,
        session,
        day=day,
        channel=one_of(PaymentChannel, channel) or PaymentChannel.WECHAT,
        by=caller.account_id,
        now=clock.now(),
    )
    told = "已索取账单，稍后自动对账"
    return await carry_out(request, caller, session, act, back=back, told=told)


@router.post(HOME + "/bills/{bill}/download")
async def download_again(
    request: Request,
    bill: Annotated[str, Path(max_length=60)],
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    back: Back = HOME,
) -> Response:
    """Download a bill once more."""
    act = partial(
        billing.ask_again,
        session,
        bill_id=read_single("bil", bill),
        by=caller.account_id,
        now=clock.now(),
    )
    told = "已安排重新下载，稍后自动对账"
    return await carry_out(request, caller, session, act, back=back, told=told)
