"""The household's milk, day by day: a month to look at, a day to change."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.aftersales import ratings
from app.catalog import service as catalog
from app.core.db import SessionDep
from app.core.ids import public_pair, public_single
from app.core.unit import Router
from app.delivery.rules import FAILURE_TITLES
from app.delivery.service import MilkCalendar, MilkDay, MilkLine, MilkState, view_calendar
from app.identity.access import ClockDep, CustomerCaller
from app.web.common.forms import once_key
from app.web.common.templating import is_htmx, render
from app.web.customer.markets import market_for
from app.web.customer.months import month_of
from app.web.customer.owned import ServiceDate
from app.web.customer.words import SCORES, STATE_KINDS, STATE_LABELS, product_names

router = Router(prefix="/my", include_in_schema=False)
MOST_PRODUCTS = 100
_RATEABLE = frozenset({MilkState.DELIVERED, MilkState.SHORT, MilkState.FAILED})
_FIRST_YEAR, _LAST_YEAR = 2020, 2099


def _asked_month(text: str, *, today: date) -> date:
    """The first day of the month an address names; this month for anything else."""
    try:
        asked = date.fromisoformat(f"{text}-01")
    except ValueError:
        return today.replace(day=1)
    return asked if _FIRST_YEAR <= asked.year <= _LAST_YEAR else today.replace(day=1)


@router.get("/calendar")
async def show_month(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    month: Annotated[str, Query(max_length=7)] = "",
) -> Response:
    """A month: what comes when, and what became of it."""
    today = clock.today()
    shown = month_of(_asked_month(month, today=today))
    calendar = await view_calendar(
        session,
        customer_id=caller.customer_id,
        first=shown.first,
        last=shown.last,
        now=clock.now(),
    )
    return render(
        request,
        "customer/calendar.html",
        month=shown,
        today=today,
        calendar=calendar,
        names=await _names(session, calendar.days.values(), on=today),
        state_of=state_of,
        state_labels=STATE_LABELS,
        state_kinds=STATE_KINDS,
        totals=_totals(calendar),
    )


def _totals(calendar: MilkCalendar) -> dict[str, int]:
    lines = [line for day in calendar.days.values() for line in day.lines]
    return {
        "planned": sum(line.bottles for line in lines if line.state is MilkState.PLANNED),
        "delivered": sum(line.bottles_delivered for line in lines),
        "off": len(
            {
                day.service_date
                for day in calendar.days.values()
                if state_of(day) in {MilkState.SKIPPED, MilkState.PAUSED, MilkState.WITHDRAWN}
            }
        ),
    }


_WORST_FIRST = (
    MilkState.FAILED,
    MilkState.SHORT,
    MilkState.PLANNED,
    MilkState.DELIVERED,
    MilkState.WITHDRAWN,
    MilkState.SKIPPED,
    MilkState.PAUSED,
    MilkState.CANCELLED,
)


def state_of(day: MilkDay) -> MilkState:
    """A day's state in one word: what needs looking at before what does not."""
    return min((line.state for line in day.lines), key=_WORST_FIRST.index)


async def _names(session: AsyncSession, days: Any, *, on: date) -> dict[UUID, Any]:
    return await product_names(
        session, {line.product_id for day in days for line in day.lines}, on=on
    )


@router.get("/days/{day}")
async def show_day(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    day: ServiceDate,
) -> Response:
    """One day, as a sheet over the month or as a page: its lines and what can be done."""
    today, customer_id = clock.today(), caller.customer_id
    calendar = await view_calendar(
        session, customer_id=customer_id, first=day, last=day, now=clock.now()
    )
    found = calendar.days.get(day, MilkDay(day))
    scores = await ratings.list_scores(
        session,
        customer_id=customer_id,
        stops={(line.address_id, day) for line in found.lines if line.address_id is not None},
    )
    offered = await catalog.list_offered(
        session, on=today, limit=MOST_PRODUCTS, market=await market_for(session, caller)
    )
    can_change = calendar.first_open is not None and day >= calendar.first_open
    return render(
        request,
        "customer/day_part.html" if is_htmx(request) else "customer/day.html",
        day=day,
        today=today,
        lines=[_shown(caller.customer_id, line, scores) for line in found.lines],
        can_change=can_change,
        calendar=calendar,
        names=await _names(session, [found], on=today),
        offered=[(public_single("prd", row.product.id), row) for row in offered],
        state_labels=STATE_LABELS,
        state_kinds=STATE_KINDS,
        failure_titles=FAILURE_TITLES,
        scores=SCORES,
        once=once_key,
    )


def _shown(
    customer_id: UUID, line: MilkLine, scores: dict[tuple[UUID, date], int]
) -> dict[str, Any]:
    return {
        "line": line,
        "order_id": public_pair("ord", customer_id, line.order_id),
        "line_id": public_pair("lin", customer_id, line.order_line_id),
        "can_rate": line.state in _RATEABLE,
        "score": next(
            (score for (address_id, _), score in scores.items() if address_id == line.address_id),
            None,
        ),
    }
