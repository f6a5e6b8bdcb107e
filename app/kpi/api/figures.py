"""The eight KPIs, their definitions, targets and rows (S1 5.2.1)."""

from datetime import timedelta
from typing import Annotated

from fastapi import Path

from app.core.db import SessionDep
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep, DelivererCaller
from app.kpi import service
from app.kpi.api.callers import Admin, FirstDate, KpiReader, LastDate, ScopeText, scope_of
from app.kpi.api.schemas import (
    DefinitionOut,
    KpiRowOut,
    KpisOut,
    TargetIn,
    TargetOut,
    TargetsOut,
    present_definition,
    present_kpi,
    present_row,
)
from app.kpi.definitions import KpiKey, ScopeKind
from app.kpi.drilldown import Place, list_kpi_rows
from app.kpi.models import KpiTarget
from app.kpi.scopes import Scope

router = Router()

OWN_KEYS = (KpiKey.ON_TIME_RATE, KpiKey.SATISFACTION, KpiKey.COMPLAINT_RATE)
Key = Annotated[str, Path(max_length=60)]


@router.get("/kpi")
async def read_kpis(
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    first: FirstDate,
    last: LastDate,
    scope: ScopeText = None,
) -> KpisOut:
    """The eight KPIs of a period (both dates inclusive) and scope, as known now.

    `scope`: operator, city:310000, station:stn_…, block:blk_…, deliverer:dlv_…; a station manager
    sees his own station.
    """
    period, asked, now = service.read_period(first, last), scope_of(caller, scope), clock.now()
    results = await service.read_kpis(session, scope=asked, period=period, now=now)
    return KpisOut(
        from_date=first,
        to_date=last,
        scope=asked.text,
        as_of=now,
        items=[present_kpi(result) for result in results],
    )


@router.get("/me/month")
async def read_own_month(caller: DelivererCaller, session: SessionDep, clock: ClockDep) -> KpisOut:
    """A deliverer's own month to date: on time, satisfaction with him, complaints."""
    today, now = clock.today(), clock.now()
    scope = Scope(ScopeKind.DELIVERER, row_id=caller.own_deliverer_id)
    period = service.read_period(today.replace(day=1), today)
    results = await service.read_kpis(session, scope=scope, period=period, now=now, keys=OWN_KEYS)
    return KpisOut(
        from_date=period.first,
        to_date=period.last,
        scope=scope.text,
        as_of=now,
        items=[present_kpi(result) for result in results],
    )


@router.get("/kpi/targets")
async def list_targets(_: KpiReader, session: SessionDep) -> TargetsOut:
    """The operator's own targets; where there is none, the standard's applies."""
    found = await service.list_targets(session)
    return TargetsOut(items=[_present_target(target) for target in found])


@router.put("/kpi/targets/{key}")
async def set_target(
    _: Admin, session: SessionDep, clock: ClockDep, key: Key, body: TargetIn
) -> TargetOut:
    """Set a target from a date on; the target before it ends the day before."""
    target = await service.set_target(
        session, key=key, value=body.value, from_date=body.from_date, now=clock.now()
    )
    return _present_target(target)


def _present_target(target: KpiTarget) -> TargetOut:
    until = target.valid.upper
    return TargetOut(
        key=target.key,
        value=target.value,
        from_date=target.valid.lower or service.FIRST_DATE,
        until=None if until is None else until - timedelta(days=1),
    )


@router.get("/kpi/{key}")
async def read_definition(_: KpiReader, key: Key) -> DefinitionOut:
    """What a KPI counts, against which target of the standard."""
    return present_definition(service.find_definition(key))


@router.get("/kpi/{key}/rows")
async def list_rows(
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    key: Key,
    first: FirstDate,
    last: LastDate,
    scope: ScopeText = None,
    only_missed: bool = False,
) -> Page[KpiRowOut]:
    """The rows behind a KPI: what each adds to numerator and denominator, by public id."""
    definition = service.find_definition(key)
    found = await list_kpi_rows(
        session,
        key=definition.key,
        scope=scope_of(caller, scope),
        period=service.read_period(first, last),
        now=clock.now(),
        limit=page.limit,
        after=read_row_cursor(page),
        only_missed=only_missed,
    )
    cursor = None
    if found.next_place is not None:
        section, place = found.next_place
        cursor = cursor_of(section, *place)
    return Page(items=[present_row(row) for row in found.rows], next_cursor=cursor)


def read_row_cursor(page: PageRequest) -> tuple[int, Place] | None:
    """Where a page of rows begins; raises BadCursor."""
    if page.after is None:
        return None
    match page.after:
        case [int() as section, *place] if all(isinstance(part, str) for part in place):
            return section, [str(part) for part in place]
    raise BadCursor
