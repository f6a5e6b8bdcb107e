"""Routes: counting what a deliverer hands in, and its receipt (交款单; S1 5.2.7 奶款核销)."""

from datetime import date
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Path, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.repository import read_names
from app.billing.cash_schemas import HandInIn
from app.billing.cash_states import HAND_IN_LABELS, HandInState
from app.billing.service import cash
from app.core.clock import local_date
from app.core.db import SessionDep
from app.core.ids import HOUSE, named_id, public_single, read_single
from app.core.schemas import ShortText
from app.core.unit import Router
from app.identity.access import ClockDep
from app.network import service as network
from app.web.common.forms import Made, MadeBefore, as_shape, carry_out, go_to, once
from app.web.finance import words
from app.web.finance.asking import Text, read_station, read_yuan
from app.web.finance.capitals import capital_yuan
from app.web.finance.rights import Finance, Reader
from app.web.finance.showing import HOME, show

CASH: Final = f"{HOME}/cash"
MOST_DELIVERERS: Final = 500
router = Router(prefix=CASH, include_in_schema=False)

Back = Annotated[str, Form(max_length=2000)]
Reason = Annotated[ShortText, Form()]
HandInId = Annotated[str, Path(max_length=60)]
Said = Annotated[str, Form(max_length=60)]


@router.get("/count")
async def count_page(
    request: Request,
    _: Finance,
    session: SessionDep,
    clock: ClockDep,
    station: Annotated[Text, Query()] = "",
    deliverer: Annotated[Text, Query()] = "",
) -> Response:
    """Who hands in at which station, what he holds by the books, and what is counted."""
    station_id = read_station(station)
    hands = await _hands(session, station_id, today=clock.today())
    chosen = next(
        (one for one in hands if public_single("dlv", one.deliverer_id) == deliverer), None
    )
    return show(
        request,
        "count.html",
        station=station,
        stations=await network.list_stations(session),
        hands=hands,
        chosen=chosen,
    )


async def _hands(
    session: AsyncSession, station_id: UUID | None, *, today: date
) -> list[cash.DelivererStanding]:
    """The station's deliverers who ever held cash, most first."""
    if station_id is None:
        return []
    await network.get_station(session, station_id=station_id)
    return await cash.list_deliverer_standing(
        session, station_id=station_id, today=today, after=None, limit=MOST_DELIVERERS
    )


@router.post("/hand-ins")
async def count(
    request: Request,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    station: Said,
    deliverer: Said,
    due: Said,
    counted: Said,
    reason: Annotated[str, Form(max_length=500)] = "",
    signed: Annotated[bool, Form()] = False,
) -> Response:
    """Write down what was counted, and go on to its receipt."""
    said = as_shape(
        HandInIn,
        {
            "station": station,
            "deliverer": deliverer,
            "due_fen": read_yuan(due),
            "counted_fen": read_yuan(counted),
            "reason": reason.strip() or None,
            "is_signed": signed,
        },
    )
    station_id = read_single("stn", station)
    await network.get_station(session, station_id=station_id)
    told = "已入账"
    try:
        async with once(request, caller) as call:
            found = await cash.count_hand_in(
                session,
                hand_in_id=named_id(HOUSE, call.name),
                station_id=station_id,
                deliverer_id=read_single("dlv", said.deliverer),
                due_fen=said.due_fen,
                counted_fen=said.counted_fen,
                reason=said.reason,
                is_signed=said.is_signed,
                by=caller.account_id,
                own_deliverer_id=caller.deliverer_id,
                now=clock.now(),
            )
            if found.row.state == HandInState.WAITING:
                told = "差异超过限额，待另一人复核"
            address = _receipt(found.row.hand_in_id)
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        address, told = made.address, "交款单已开过"
    return go_to(request, address, told)


def _receipt(hand_in_id: UUID) -> str:
    return f"{CASH}/hand-ins/{public_single('hin', hand_in_id)}"


@router.get("/hand-ins/{hand_in}")
async def receipt_page(
    request: Request, hand_in: HandInId, caller: Reader, session: SessionDep
) -> Response:
    """The receipt of a hand-in, made to be printed and signed, and what is left to do about it."""
    found = await cash.view_hand_in(session, hand_in_id=read_single("hin", hand_in))
    row = found.row
    people = {one for one in (row.counted_by, row.approved_by, row.cancelled_by) if one}
    names = {one: name.display_name for one, name in (await read_names(session, people)).items()}
    station = await network.get_station(session, station_id=row.station_id)
    return show(
        request,
        "hand_in.html",
        id=hand_in,
        one=found,
        station=station,
        day=local_date(row.counted_at),
        names=names,
        capital=capital_yuan(row.counted_fen),
        states=HAND_IN_LABELS,
        looks=words.HAND_INS,
        waiting=HandInState.WAITING,
        is_own=row.counted_by == caller.account_id,
        back=_receipt(row.hand_in_id),
    )


@router.post("/hand-ins/{hand_in}/approve")
async def approve(
    request: Request,
    hand_in: HandInId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    back: Back = CASH,
) -> Response:
    """The second person books a hand-in whose difference is above the limit."""
    act = partial(
        cash.approve_hand_in,
        session,
        hand_in_id=read_single("hin", hand_in),
        within=None,
        by=caller.account_id,
        own_deliverer_id=caller.deliverer_id,
        now=clock.now(),
    )
    return await carry_out(request, caller, session, act, back=back, told="已复核入账")


@router.post("/hand-ins/{hand_in}/confirm")
async def confirm(
    request: Request,
    hand_in: HandInId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    back: Back = CASH,
) -> Response:
    """Note that the deliverer has signed the paper."""
    act = partial(
        cash.confirm_hand_in,
        session,
        hand_in_id=read_single("hin", hand_in),
        within=None,
        is_cashier=True,
        own_deliverer_id=caller.deliverer_id,
        by=caller.account_id,
        now=clock.now(),
    )
    return await carry_out(request, caller, session, act, back=back, told="已登记签字")


@router.post("/hand-ins/{hand_in}/cancel")
async def cancel(
    request: Request,
    hand_in: HandInId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    note: Reason,
    back: Back = CASH,
) -> Response:
    """Take a hand-in back before its day is closed; the note says why, the number stays used."""
    act = partial(
        cash.cancel_hand_in,
        session,
        hand_in_id=read_single("hin", hand_in),
        within=None,
        by=caller.account_id,
        reason=note,
        now=clock.now(),
    )
    return await carry_out(request, caller, session, act, back=back, told="交款单已作废")
