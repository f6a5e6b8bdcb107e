"""KPIs day by day."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from fastapi import Query

from app.core.db import SessionDep
from app.core.schemas import Answer
from app.core.unit import Router
from app.identity.access import ClockDep
from app.kpi import service
from app.kpi.api.callers import KpiReader, ScopeText, scope_of
from app.kpi.api.schemas import plain
from app.kpi.definitions import KpiKey
from app.kpi.trends import Trend, read_trends

router = Router()


class PointOut(Answer):
    """One day; `value` is null where nothing was counted."""

    date: date
    value: Decimal | None
    status: str
    numerator: int
    denominator: int


class TrendOut(Answer):
    """A KPI day by day, without gaps."""

    key: str
    title: str
    unit: str
    direction: str
    target: Decimal
    points: list[PointOut]


class TrendsOut(Answer):
    """KPIs of a scope day by day; `counted_at`: when the least fresh day was counted."""

    scope: str
    from_date: date
    to_date: date
    counted_at: datetime | None
    items: list[TrendOut]


@router.get("/kpi/trend")
async def read_trend(
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    scope: ScopeText = None,
    key: Annotated[list[KpiKey] | None, Query(max_length=8)] = None,
    to_date: Annotated[date | None, Query(alias="to")] = None,
    days: Annotated[int, Query(ge=1, le=92)] = 30,
) -> TrendsOut:
    """KPIs day by day up to a date (today unless said), for operator, city, station and block.

    `key` may be repeated. A block has no trend of its temperatures.
    """
    asked = scope_of(caller, scope)
    last = to_date or clock.today()
    first = max(last - timedelta(days=days - 1), service.FIRST_DATE)
    period = service.read_period(first, last)
    found, counted_at = await read_trends(
        session, scope=asked, period=period, keys=key or list(KpiKey), now=clock.now()
    )
    return TrendsOut(
        scope=asked.text,
        from_date=period.first,
        to_date=period.last,
        counted_at=counted_at,
        items=[_present(trend) for trend in found],
    )


def _present(trend: Trend) -> TrendOut:
    return TrendOut(
        key=trend.definition.key,
        title=trend.definition.title,
        unit=trend.definition.unit,
        direction=trend.definition.direction,
        target=plain(trend.target),
        points=[
            PointOut(
                date=point.service_date,
                value=point.verdict.value,
                status=point.verdict.status,
                numerator=point.numerator,
                denominator=point.denominator,
            )
            for point in trend.points
        ],
    )
