"""Withdrawing a station's day."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.idempotency import IdempotentDep
from app.core.ids import read_single
from app.core.schemas import Answer, Request, ShortText
from app.delivery.service.withdrawing import withdraw_day
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role

router = APIRouter()

Withdrawer = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.STATION_MANAGER))]


class WithdrawIn(Request):
    """Why there is no milk that day; households are told."""

    reason: ShortText


class WithdrawnOut(Answer):
    """What was moved: stops listed, lines rolled to their end, make-ups to the next day."""

    station_id: str
    service_date: date
    stops: int
    lines: int
    make_ups: int


@router.post(
    "/stations/{station_id}/plan-days/{service_date}/withdraw",
    status_code=201,
    response_model=WithdrawnOut,
)
async def withdraw(
    station_id: str,
    service_date: date,
    body: WithdrawIn,
    caller: Withdrawer,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Take a day out before its freeze; the bottles roll on and the households are told."""
    station = read_single("stn", station_id)
    if caller.has(Role.STATION_MANAGER) and caller.station_id != station:
        raise NotFound
    done = await withdraw_day(
        session,
        station_id=station,
        service_date=service_date,
        reason=body.reason,
        actor=caller.actor,
        now=clock.now(),
    )
    answer = WithdrawnOut(
        station_id=station_id,
        service_date=service_date,
        stops=done.stops,
        lines=done.lines,
        make_ups=done.make_ups,
    )
    return await call.remember(session, 201, answer)
