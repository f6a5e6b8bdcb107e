"""JSON endpoints of what is promised: SLA rules and service calendars."""

from typing import Annotated

from fastapi import Path
from fastapi.responses import Response

from app.aftersales import promises
from app.aftersales.promise_schemas import (
    CalendarIn,
    CalendarSetOut,
    CalendarsOut,
    MovedOut,
    RuleIn,
    RuleSetOut,
    RulesOut,
    present_calendars,
    present_rules,
)
from app.aftersales.rights import Keeper, Watcher
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.unit import Router
from app.identity.access import ClockDep

router = Router()

RowId = Annotated[str, Path(max_length=80)]


@router.get("/sla-rules")
async def list_rules(_: Watcher, session: SessionDep) -> RulesOut:
    """What is promised to whom, now, before and later."""
    return present_rules(await promises.list_rules(session))


@router.post("/sla-rules", status_code=201, response_model=RuleSetOut)
async def set_rule(
    caller: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: RuleIn
) -> Response:
    """Let a rule hold from a day on; running tickets whose clock began since then follow."""
    rule_id, moved = await promises.set_rule(
        session, wanted=body.text(), actor=caller.actor, now=clock.now()
    )
    answer = RuleSetOut(id=public_single("sla", rule_id), moved=moved)
    return await call.remember(session, 201, answer)


@router.delete("/sla-rules/{rule_id}")
async def end_rule(
    caller: Keeper, session: SessionDep, clock: ClockDep, rule_id: RowId
) -> MovedOut:
    """End a rule for households or schools: from today the common one holds for them."""
    moved = await promises.end_rule(
        session, rule_id=read_single("sla", rule_id), actor=caller.actor, now=clock.now()
    )
    return MovedOut(moved=moved)


@router.get("/service-calendars")
async def list_calendars(_: Watcher, session: SessionDep) -> CalendarsOut:
    """Calendars that rules may name; KPIs know none."""
    return present_calendars(await promises.list_calendars(session))


@router.post("/service-calendars", status_code=201, response_model=CalendarSetOut)
async def add_calendar(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: CalendarIn
) -> Response:
    """Write down a calendar; nothing runs on it until a rule names it."""
    calendar_id = await promises.add_calendar(session, written=body.text(), now=clock.now())
    answer = CalendarSetOut(id=public_single("cal", calendar_id), moved=0)
    return await call.remember(session, 201, answer)


@router.put("/service-calendars/{calendar_id}")
async def change_calendar(
    caller: Keeper, session: SessionDep, clock: ClockDep, calendar_id: RowId, body: CalendarIn
) -> CalendarSetOut:
    """Write a calendar anew; deadlines of running tickets on it are computed anew."""
    moved = await promises.change_calendar(
        session,
        calendar_id=read_single("cal", calendar_id),
        written=body.text(),
        actor=caller.actor,
        now=clock.now(),
    )
    return CalendarSetOut(id=calendar_id, moved=moved)
