"""Closed months over REST."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import Path, Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.schemas import Answer
from app.core.unit import Router
from app.identity.access import ClockDep
from app.kpi import months
from app.kpi.api.callers import KpiReader, Manager, ScopeText, scope_of
from app.kpi.api.schemas import plain
from app.kpi.months import Figure, MonthFigure, MonthReport

router = Router()
MonthText = Annotated[str, Path(max_length=10)]


class MonthClosedOut(Answer):
    """A month that has just been closed."""

    month: str
    closed_at: datetime
    closed_by: str


class FigureOut(Answer):
    """A KPI as counted at one time."""

    value: Decimal | None
    status: str
    numerator: int
    denominator: int


class MonthFigureOut(Answer):
    """A KPI of a closed month; `difference` is what is known now less what was reported."""

    key: str
    title: str
    unit: str
    direction: str
    target: Decimal
    reported: FigureOut
    now: FigureOut
    difference: Decimal | None


class MonthOut(Answer):
    """A closed month of a scope."""

    month: str
    scope: str
    closed_at: datetime
    closed_by: str
    items: list[MonthFigureOut]


@router.post("/kpi/months/{month}/close", status_code=201, response_model=MonthClosedOut)
async def close_month(
    caller: Manager, call: IdempotentDep, session: SessionDep, clock: ClockDep, month: MonthText
) -> Response:
    """Keep the eight figures of a month that is over, for every scope, as they are known now.

    They stand for good; what comes late shows as the difference.
    """
    closed = await months.close_month(
        session, month=months.read_month(month), actor=caller.actor, now=clock.now()
    )
    answer = MonthClosedOut(
        month=_text(closed.month), closed_at=closed.closed_at, closed_by=closed.closed_by
    )
    return await call.remember(session, 201, answer)


@router.get("/kpi/months")
async def list_months(
    caller: KpiReader, session: SessionDep, page: PageDep, scope: ScopeText = None
) -> Page[MonthOut]:
    """Closed months of operator, city or station, the newest first."""
    asked = scope_of(caller, scope)
    found = await months.list_reports(
        session, scope=asked, limit=page.limit + 1, before=_before(page)
    )
    shown = found[: page.limit]
    return Page(
        items=[present_month(report, asked.text) for report in shown],
        next_cursor=cursor_of(_text(shown[-1].month)) if len(found) > page.limit else None,
    )


@router.get("/kpi/months/{month}")
async def read_month(
    caller: KpiReader, session: SessionDep, month: MonthText, scope: ScopeText = None
) -> MonthOut:
    """One closed month of operator, city or station."""
    asked = scope_of(caller, scope)
    report = await months.read_report(session, month=months.read_month(month), scope=asked)
    return present_month(report, asked.text)


def _before(page: PageRequest) -> date | None:
    if page.after is None:
        return None
    match page.after:
        case [str() as month]:
            return months.read_month(month)
    raise BadCursor


def _text(month: date) -> str:
    return f"{month:%Y-%m}"


def present_month(report: MonthReport, scope: str) -> MonthOut:
    """A closed month for the API."""
    return MonthOut(
        month=_text(report.month),
        scope=scope,
        closed_at=report.closed_at,
        closed_by=report.closed_by,
        items=[_present_figure(figure) for figure in report.figures],
    )


def _present_figure(figure: MonthFigure) -> MonthFigureOut:
    return MonthFigureOut(
        key=figure.definition.key,
        title=figure.definition.title,
        unit=figure.definition.unit,
        direction=figure.definition.direction,
        target=plain(figure.target),
        reported=_once(figure.reported),
        now=_once(figure.now),
        difference=figure.difference,
    )


def _once(figure: Figure) -> FigureOut:
    return FigureOut(
        value=figure.verdict.value,
        status=figure.verdict.status,
        numerator=figure.numerator,
        denominator=figure.denominator,
    )
