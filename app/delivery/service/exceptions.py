"""Lines the plan set aside: a person looks at each and says what becomes of it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.delivery.errors import (
    DayNotPlanned,
    PlanExceptionResolved,
    PlanExceptionUnknown,
    StillNotPlannable,
)
from app.delivery.models import ExceptionReason, ExceptionResolution, PlanException
from app.delivery.repository import confirming, planning, reading, setting_aside
from app.delivery.repository.scope import DayScope
from app.orders.service import RestoreItem, restore_failed


async def resolve_exception(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_line_id: UUID,
    service_date: date,
    resolution: ExceptionResolution,
    station_id: UUID | None,
    account_id: UUID,
    now: datetime,
) -> PlanException:
    """Deal with a line that was set aside; `station_id` narrows to one station's.

    `planned`: its cause is mended, it joins the day's plan. `day_added`: its bottles are brought
    after the line's last day. `dismissed`: nothing is owed. Raises PlanExceptionUnknown,
    PlanExceptionResolved, StillNotPlannable, DayNotPlanned.
    """
    found = await reading.lock_exception(
        session, customer_id=customer_id, order_line_id=order_line_id, service_date=service_date
    )
    if station_id not in {None, found.station_id}:
        raise PlanExceptionUnknown
    if found.resolved_at is not None:
        raise PlanExceptionResolved(resolution=found.resolution)
    if resolution is ExceptionResolution.PLANNED:
        await _plan_line(session, found, now=now)
    elif resolution is ExceptionResolution.DAY_ADDED:
        await _add_day(session, found, now=now)
    found.resolved_at, found.resolution, found.resolved_by = now, resolution, account_id
    await session.flush()
    return found


async def _plan_line(session: AsyncSession, found: PlanException, *, now: datetime) -> None:
    line = (found.customer_id, found.order_line_id)
    served = await planning.find_line(session, line=line, service_date=found.service_date)
    if served is None or served.station_id is None:
        raise StillNotPlannable(reason=ExceptionReason.NO_BLOCK.value)
    if found.service_date < local_date(now):
        raise DayNotPlanned(service_date=found.service_date.isoformat())
    await planning.lock_plan(session, found.service_date)
    scope = DayScope(found.service_date, [served.station_id], line)
    if not await planning.is_planned(session, scope):
        raise DayNotPlanned(service_date=found.service_date.isoformat())
    reason = await setting_aside.judge_line(session, scope)
    if reason is not None:
        raise StillNotPlannable(reason=reason.value)
    stop = (found.customer_id, found.service_date, served.address_id)
    await confirming.lock_stops(session, [stop])
    found.resolution = ExceptionResolution.PLANNED
    found.resolved_at = now
    await session.flush()
    await planning.insert_deliveries(session, scope, again=True, now=now)
    await planning.insert_stops(session, scope, again=True)
    await planning.rebuild_totals(session, scope, now=now)
    await confirming.rebuild_stops(session, [stop])


async def _add_day(session: AsyncSession, found: PlanException, *, now: datetime) -> None:
    line = (found.customer_id, found.order_line_id)
    served = await planning.find_line(session, line=line, service_date=found.service_date)
    if served is None or not served.bottles or served.station_id is None:
        raise StillNotPlannable(reason=found.reason)
    await restore_failed(
        session,
        items=[
            RestoreItem(
                customer_id=found.customer_id,
                order_line_id=found.order_line_id,
                service_date=found.service_date,
                delivery_no=0,
                bottles=served.bottles,
            )
        ],
        now=now,
    )
