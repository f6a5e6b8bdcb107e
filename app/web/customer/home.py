"""What anyone may look at: what there is, what is new, and whether it comes to one's door."""

from datetime import timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import announcing
from app.catalog import service as catalog
from app.catalog.models import StorageClass
from app.core.db import SessionDep
from app.core.ids import public_single
from app.core.unit import Router
from app.delivery.service import MilkState, view_calendar
from app.identity.access import OPEN, ClockDep, Principal
from app.identity.browser import check_origin
from app.identity.models import AccountKind
from app.network import service as network
from app.network.errors import NoOpenDay
from app.orders.schemas import BuildingIn
from app.web.common.templating import render
from app.web.customer.markets import market_for
from app.web.customer.visitors import Household, Visitor
from app.web.customer.words import ANNOUNCEMENT_LABELS, product_names

router = Router(include_in_schema=False, dependencies=[OPEN])
MOST_PRODUCTS = 100
SHOWN_NEWS = 3
MOST_NEWS = 50
AHEAD = timedelta(days=35)
BUILDING = ("city_code", "district", "compound", "street", "house_no")


@router.get("/")
async def show_home(
    request: Request, visitor: Visitor, session: SessionDep, clock: ClockDep
) -> Response:
    """Products, news and the question for coverage; a household sees its next milk first."""
    if visitor is not None and visitor.kind is not AccountKind.CUSTOMER:
        return RedirectResponse("/work", status_code=303)
    if visitor is not None:
        request.state.principal = visitor
    offered = await catalog.list_offered(
        session, on=clock.today(), limit=MOST_PRODUCTS, market=await market_for(session, visitor)
    )
    news = await announcing.list_announcements(session, on=clock.today(), limit=SHOWN_NEWS + 1)
    return render(
        request,
        "customer/home.html",
        cities=await network.list_cities(session),
        products=[(public_single("prd", row.product.id), row) for row in offered],
        chilled=StorageClass.CHILLED,
        news=news[:SHOWN_NEWS],
        more_news=len(news) > SHOWN_NEWS,
        news_labels=ANNOUNCEMENT_LABELS,
        upcoming=None if visitor is None else await _upcoming(session, visitor, clock),
    )


async def _upcoming(session: AsyncSession, visitor: Principal, clock: ClockDep) -> dict[str, Any]:
    """The next day with milk, and today's."""
    today = clock.today()
    calendar = await view_calendar(
        session, customer_id=visitor.customer_id, first=today, last=today + AHEAD, now=clock.now()
    )
    due = [
        day
        for day in sorted(calendar.days.values(), key=lambda one: one.service_date)
        if day.service_date > today and any(line.state is MilkState.PLANNED for line in day.lines)
    ]
    shown = [day for day in (calendar.days.get(today), *due[:1]) if day is not None]
    wanted = {line.product_id for day in shown for line in day.lines}
    return {
        "today": calendar.days.get(today),
        "next": due[0] if due else None,
        "has_orders": bool(calendar.orders),
        "first_open": calendar.first_open,
        "cutoff_at": calendar.cutoff_at,
        "names": await product_names(session, wanted, on=today),
    }


@router.get("/news")
async def show_news(
    request: Request, _: Household, session: SessionDep, clock: ClockDep
) -> Response:
    """All news that stands today."""
    news = await announcing.list_announcements(session, on=clock.today(), limit=MOST_NEWS)
    return render(request, "customer/news.html", news=news, news_labels=ANNOUNCEMENT_LABELS)


@router.post("/coverage")
async def check_coverage(
    request: Request, _: Household, session: SessionDep, clock: ClockDep
) -> Response:
    """Whether an address is served and from when; a POST keeps it out of addresses."""
    check_origin(request)
    form = await request.form()
    said = {name: str(form.get(name, "")).strip() for name in BUILDING}
    try:
        building = BuildingIn.model_validate(said).building()
    except ValidationError:
        building = None
    if building is None or not (building.street or building.compound):
        return render(request, "customer/coverage_part.html", verdict=None, first=None, said=said)
    coverage = await network.check_coverage(session, building=building, on=clock.today())
    first = None
    if coverage.verdict == "covered" and coverage.station_id is not None:
        try:
            first = await network.first_open_date(
                session, station_id=coverage.station_id, now=clock.now(), lead_days=0
            )
        except NoOpenDay:
            first = None
    return render(
        request,
        "customer/coverage_part.html",
        verdict=coverage.verdict,
        first=first,
        said=said,
    )
