"""Routes: cash of a station paid in at the bank, slip by slip (存款单; S1 5.2.7 奶款核销)."""

from datetime import date
from functools import partial
from typing import Annotated

from fastapi import Form, Path, Query, Request
from fastapi.responses import Response

from app.billing.cash_schemas import BankDepositIn
from app.billing.service import cash
from app.core.db import SessionDep
from app.core.ids import HOUSE, named_id, read_single
from app.core.schemas import ShortText
from app.core.unit import Router
from app.identity.access import ClockDep
from app.network import service as network
from app.web.common.forms import Made, MadeBefore, as_shape, carry_out, go_to, once
from app.web.finance.asking import Text, read_station, read_yuan
from app.web.finance.hand_ins import CASH, Back, Reason, Said
from app.web.finance.rights import Finance
from app.web.finance.showing import show

router = Router(prefix=CASH, include_in_schema=False)


@router.get("/slip")
async def slip_page(
    request: Request,
    _: Finance,
    session: SessionDep,
    clock: ClockDep,
    station: Annotated[Text, Query()] = "",
) -> Response:
    """A slip of the bank to write down, beside what the station holds."""
    today = clock.today()
    station_id = read_station(station)
    held = None
    if station_id is not None:
        await network.get_station(session, station_id=station_id)
        [safe] = await cash.list_station_standing(
            session, station_id=station_id, today=today, after=None, limit=1
        )
        held = safe.held_fen
    return show(
        request,
        "slip.html",
        station=station,
        stations=await network.list_stations(session),
        held=held,
        today=today,
    )


@router.post("/deposits")
async def record(
    request: Request,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    station: Said,
    slip_no: Annotated[ShortText, Form()],
    amount: Said,
    deposited_date: Annotated[date, Form()],
) -> Response:
    """Book a slip of the bank on today's date."""
    said = as_shape(
        BankDepositIn,
        {
            "station": station,
            "slip_no": slip_no,
            "amount_fen": read_yuan(amount),
            "deposited_date": deposited_date,
        },
    )
    station_id = read_single("stn", station)
    await network.get_station(session, station_id=station_id)
    address = f"{CASH}?station={station}"
    try:
        async with once(request, caller) as call:
            await cash.record_bank_deposit(
                session,
                deposit_id=named_id(HOUSE, call.name),
                station_id=station_id,
                slip_no=said.slip_no,
                amount_fen=said.amount_fen,
                deposited_date=said.deposited_date,
                by=caller.account_id,
                now=clock.now(),
            )
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        address = made.address
    return go_to(request, address, "存款单已登记")


@router.post("/deposits/{deposit}/cancel")
async def cancel(
    request: Request,
    deposit: Annotated[str, Path(max_length=60)],
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    note: Reason,
    back: Back = CASH,
) -> Response:
    """Take back a slip written down wrongly, before its day is closed."""
    act = partial(
        cash.cancel_bank_deposit,
        session,
        deposit_id=read_single("bdp", deposit),
        within=None,
        by=caller.account_id,
        reason=note,
        now=clock.now(),
    )
    return await carry_out(request, caller, session, act, back=back, told="存款单已作废")
