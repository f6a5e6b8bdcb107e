"""Routes: cash of a day by station, hand-ins and slips, where cash stands (S1 5.2.7 奶款核销)."""

from datetime import date
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.repository import read_names
from app.billing.cash_states import CASH_DAY_LABELS, HAND_IN_LABELS, HandInState
from app.billing.repository.cash import HandInView
from app.billing.service import cash, daily
from app.core.db import SessionDep
from app.core.ids import read_single
from app.core.unit import Router
from app.identity.access import ClockDep, Principal
from app.network import service as network
from app.web.common.forms import carry_out
from app.web.finance import words
from app.web.finance.asking import DayText, Text, read_day, read_station
from app.web.finance.hand_ins import CASH, Back, Reason
from app.web.finance.rights import Finance, Reader
from app.web.finance.showing import show

MOST_ROWS: Final = 200
MOST_HANDS: Final = 12
router = Router(prefix=CASH, include_in_schema=False)

StationId = Annotated[str, Path(max_length=60)]


@router.get("")
async def cash_page(
    request: Request,
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    day: DayText = "",
    station: Annotated[Text, Query()] = "",
) -> Response:
    """A day's hand-ins and slips of one station or all, the stations' figures, and who holds cash."""
    today = clock.today()
    shown = read_day(day, usual=today, last=today)
    station_id = read_station(station)
    stations = await network.list_stations(session)
    places = await daily.list_station_days(session, day=shown)
    view = None
    if station_id is not None:
        await network.get_station(session, station_id=station_id)
        view = await cash.view_day(session, station_id=station_id, day=shown, today=today)
    hand_ins = await cash.list_hand_ins(
        session,
        station_id=station_id,
        deliverer_id=None,
        state=None,
        on=shown,
        after=None,
        limit=MOST_ROWS,
    )
    deposits = await daily.list_deposits_of(
        session, day=shown, station_id=station_id, limit=MOST_ROWS
    )
    people = _people(hand_ins, [one.by for one in view.moves] if view else [])
    return show(
        request,
        "cash.html",
        day=shown,
        today=today,
        station=station,
        stations=stations,
        station_names={one.id: one.name for one in stations},
        places=[
            one
            for one in places
            if (station_id is None and not one.is_idle) or one.station_id == station_id
        ],
        closed={one.station_id for one in places if one.is_closed},
        view=view,
        hand_ins=hand_ins,
        deposits=deposits,
        hands=await _hands(session, station_id, today=today),
        most_hands=MOST_HANDS,
        safes=await _safes(session, station_id, today=today),
        names={one: name.display_name for one, name in (await read_names(session, people)).items()},
        own=_own(caller, hand_ins),
        states=HAND_IN_LABELS,
        looks=words.HAND_INS,
        waiting=HandInState.WAITING,
        day_states=CASH_DAY_LABELS,
        most=MOST_ROWS,
        back=f"{CASH}?day={shown}" + (f"&station={station}" if station else ""),
    )


async def _hands(
    session: AsyncSession, station_id: UUID | None, *, today: date
) -> list[cash.DelivererStanding]:
    found = await cash.list_deliverer_standing(
        session, station_id=station_id, today=today, after=None, limit=MOST_HANDS
    )
    return [one for one in found if one.held_fen]


async def _safes(
    session: AsyncSession, station_id: UUID | None, *, today: date
) -> list[cash.StationStanding]:
    found = await cash.list_station_standing(
        session, station_id=station_id, today=today, after=None, limit=MOST_HANDS
    )
    return [one for one in found if one.held_fen or one.with_deliverers_fen]


def _people(hand_ins: list[HandInView], more: list[UUID]) -> set[UUID]:
    found = {who for one in hand_ins for who in (one.row.counted_by, one.row.approved_by)}
    return {who for who in (*found, *more) if who is not None}


def _own(caller: Principal, hand_ins: list[HandInView]) -> set[UUID]:
    """Those the caller counted himself: a second person approves them."""
    return {one.row.hand_in_id for one in hand_ins if one.row.counted_by == caller.account_id}


@router.post("/{station}/{day}/close")
async def close(
    request: Request,
    station: StationId,
    day: Annotated[date, Path()],
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    back: Back = CASH,
) -> Response:
    """Freeze a station's day."""
    station_id = read_single("stn", station)
    await network.get_station(session, station_id=station_id)
    act = partial(
        cash.close_day,
        session,
        station_id=station_id,
        day=day,
        by=caller.account_id,
        now=clock.now(),
    )
    return await carry_out(request, caller, session, act, back=back, told="已结账")


@router.post("/{station}/{day}/reopen")
async def reopen(
    request: Request,
    station: StationId,
    day: Annotated[date, Path()],
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    note: Reason,
    back: Back = CASH,
) -> Response:
    """Let a closed day take bookings again; the note says why and stays."""
    station_id = read_single("stn", station)
    await network.get_station(session, station_id=station_id)
    act = partial(
        cash.reopen_day,
        session,
        station_id=station_id,
        day=day,
        by=caller.account_id,
        reason=note,
        now=clock.now(),
    )
    return await carry_out(request, caller, session, act, back=back, told="已重新打开")
