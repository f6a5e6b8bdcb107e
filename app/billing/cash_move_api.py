"""JSON endpoints of change money for deliverers, and of cash brought to the operator's office."""

from typing import Annotated

from fastapi import Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_move_schemas import FloatIn, FloatOut, RemittanceIn, RemittanceOut
from app.billing.cash_rights import (
    Cashiers,
    Finance,
    HandReaders,
    Readers,
    hand_filter,
    own_station,
    station_filter,
    station_for,
)
from app.billing.cash_schemas import ReasonIn
from app.billing.cash_states import FloatMove, RemittanceState
from app.billing.service import cash
from app.core.clock import BusinessClock
from app.core.db import SessionDep
from app.core.idempotency import IdempotentCall, IdempotentDep
from app.core.ids import HOUSE, named_id, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep, Principal
from app.workforce.errors import DelivererUnknown

router = Router(prefix="/cash", tags=["cash"])

PublicId = Annotated[str | None, Query(max_length=60)]


@router.post("/floats", response_model=FloatOut, status_code=201)
async def give_float(
    caller: Cashiers, call: IdempotentDep, body: FloatIn, session: SessionDep, clock: ClockDep
) -> Response:
    """Give a deliverer change money out of the station's cash."""
    return await _move(caller, call, body, session, clock, FloatMove.GIVEN)


@router.post("/floats/returns", response_model=FloatOut, status_code=201)
async def take_float_back(
    caller: Cashiers, call: IdempotentDep, body: FloatIn, session: SessionDep, clock: ClockDep
) -> Response:
    """Take change money back from a deliverer, in whole or part."""
    return await _move(caller, call, body, session, clock, FloatMove.RETURNED)


@router.get("/floats")
async def list_floats(
    caller: HandReaders,
    page: PageDep,
    session: SessionDep,
    station: PublicId = None,
    deliverer: PublicId = None,
) -> Page[FloatOut]:
    """Floats given and taken back, newest first: a deliverer's own, a station's, or all."""
    station_id, deliverer_id = hand_filter(
        caller, station=station, deliverer=deliverer, foreign=DelivererUnknown
    )
    found = await cash.list_floats(
        session,
        station_id=station_id,
        deliverer_id=deliverer_id,
        after=page.after_instant(),
        limit=page.limit,
    )
    last = found[-1].row if len(found) == page.limit else None
    return Page(
        items=[FloatOut.of(view) for view in found],
        next_cursor=last and cursor_of(last.booked_at.isoformat(), str(last.float_id)),
    )


@router.post("/remittances", response_model=RemittanceOut, status_code=201)
async def send_remittance(
    caller: Cashiers, call: IdempotentDep, body: RemittanceIn, session: SessionDep, clock: ClockDep
) -> Response:
    """Bring cash of the station to the office, under the station's next number."""
    found = await cash.send_remittance(
        session,
        remittance_id=named_id(HOUSE, call.name),
        station_id=await station_for(session, caller, body.station),
        amount_fen=body.amount_fen,
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 201, RemittanceOut.of(found))


@router.get("/remittances")
async def list_remittances(
    caller: Readers,
    page: PageDep,
    session: SessionDep,
    station: PublicId = None,
    state: RemittanceState | None = None,
) -> Page[RemittanceOut]:
    """Remittances, newest first; a station manager sees the own station's."""
    found = await cash.list_remittances(
        session,
        station_id=station_filter(caller, station),
        state=state,
        after=page.after_instant(),
        limit=page.limit,
    )
    last = found[-1].row if len(found) == page.limit else None
    return Page(
        items=[RemittanceOut.of(view) for view in found],
        next_cursor=last and cursor_of(last.sent_at.isoformat(), str(last.remittance_id)),
    )


@router.post("/remittances/{remittance}/receive", response_model=RemittanceOut)
async def receive_remittance(
    caller: Finance, call: IdempotentDep, remittance: str, session: SessionDep, clock: ClockDep
) -> Response:
    """The office says that the cash has come; another person than who sent it."""
    found = await cash.receive_remittance(
        session,
        remittance_id=read_single("rmt", remittance),
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 200, RemittanceOut.of(found))


@router.post("/remittances/{remittance}/cancel", response_model=RemittanceOut)
async def cancel_remittance(
    caller: Cashiers,
    call: IdempotentDep,
    remittance: str,
    body: ReasonIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Take back what the office has not received, before the closing of its day."""
    found = await cash.cancel_remittance(
        session,
        remittance_id=read_single("rmt", remittance),
        within=own_station(caller),
        by=caller.account_id,
        reason=body.reason,
        now=clock.now(),
    )
    return await call.remember(session, 200, RemittanceOut.of(found))


async def _move(
    caller: Principal,
    call: IdempotentCall,
    body: FloatIn,
    session: AsyncSession,
    clock: BusinessClock,
    move: FloatMove,
) -> Response:
    found = await cash.move_float(
        session,
        float_id=named_id(HOUSE, call.name),
        station_id=await station_for(session, caller, body.station),
        deliverer_id=read_single("dlv", body.deliverer),
        move=move,
        amount_fen=body.amount_fen,
        by=caller.account_id,
        own_deliverer_id=caller.deliverer_id,
        now=clock.now(),
    )
    return await call.remember(session, 201, FloatOut.of(found))
