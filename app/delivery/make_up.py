"""Make-up deliveries (补送): bottles brought once more, free of charge, on a coming morning.

Before the plan of their day they wait as rows the plan will find; after it they are an addendum to
stops, route sheet and picking totals. They never touch the line's own days.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import raise_alert
from app.core.clock import local_date
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.ids import new_id
from app.delivery.models import Delivery, DeliveryStatus
from app.delivery.repository import planning
from app.delivery.repository.planning import DayScope
from app.network import service as network
from app.network.errors import DayClosed, NoOpenDay
from app.network.models import PlanDay, PlanDayState
from app.network.service import Serving
from app.orders.models import EntitlementEntry, OrderLine, OrderTerm
from app.orders.repository import list_doors


class MakeUpTooLate(InvalidInput):
    """A make-up goes with the round of a coming day; today's is under way."""

    code = "make_up_too_late"
    title = "补送日期须在今天之后"


class AddressNotServed(Conflict):
    """No block serves the address on that day."""

    code = "address_not_served"
    title = "该地址当天无人配送"


@dataclass(frozen=True, slots=True)
class _MakeUp:
    customer_id: UUID
    order_line_id: UUID
    service_date: date
    bottles: int
    cause_id: UUID


@dataclass(frozen=True, slots=True)
class _Goods:
    product_id: UUID
    address_id: UUID
    address_version_id: UUID


async def add_make_up(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_line_id: UUID,
    service_date: date,
    bottles: int,
    cause_id: UUID,
    now: datetime,
) -> int:
    """Bring bottles of a line once more on a service date after today; answers the delivery_no.

    The same cause on the same date adds nothing. Goes to where the line goes on that day, or went
    last. Raises NotFound for a line that is not the customer's, MakeUpTooLate, AddressNotServed,
    and DayClosed where the day is withdrawn or does not exist.
    """
    if service_date <= local_date(now):
        raise MakeUpTooLate
    make_up = _MakeUp(customer_id, order_line_id, service_date, bottles, cause_id)
    delivery_no, is_new = await _place(session, make_up, now=now)
    if is_new:
        session.add(
            EntitlementEntry(
                customer_id=customer_id,
                entry_id=new_id(),
                order_line_id=order_line_id,
                kind="gift",
                bottles=bottles,
                value_fen=0,
                at=now,
                cause_id=cause_id,
            )
        )
        await session.flush()
    return delivery_no


async def move_make_ups(
    session: AsyncSession,
    *,
    station_id: UUID,
    service_date: date,
    now: datetime,
    wished: date | None = None,
    blocks: Collection[UUID] | None = None,
    products: Collection[UUID] | None = None,
) -> int:
    """Bring the make-ups of a withdrawn day on the station's next open day, not before `wished`.

    Those of some blocks or products, if said. The old rows stay, cancelled; what cannot be brought
    any more raises the alert `make_up_unplaced`. Answers how many were moved.
    """
    query = (
        select(Delivery)
        .where(
            Delivery.service_date == service_date,
            Delivery.station_id == station_id,
            Delivery.delivery_no > 0,
            Delivery.status == DeliveryStatus.PLANNED,
            Delivery.cause_id.is_not(None),
        )
        .order_by(Delivery.customer_id, Delivery.order_line_id, Delivery.delivery_no)
    )
    if blocks is not None:
        query = query.where(Delivery.block_id.in_(blocks))
    if products is not None:
        query = query.where(Delivery.product_id.in_(products))
    waiting = await session.scalars(query)
    moved = 0
    for old in list(waiting):
        old.status = DeliveryStatus.CANCELLED
        await session.flush()
        cause_id = old.cause_id or old.customer_id
        try:
            later = await network.first_open_date(
                session, station_id=station_id, now=now, lead_days=0, wished=wished or service_date
            )
            make_up = _MakeUp(old.customer_id, old.order_line_id, later, old.quantity, cause_id)
            await _place(session, make_up, now=now)
        except (AddressNotServed, DayClosed, NoOpenDay):
            await raise_alert(session, "make_up_unplaced", str(cause_id))
        else:
            moved += 1
    return moved


async def _place(session: AsyncSession, make_up: _MakeUp, *, now: datetime) -> tuple[int, bool]:
    """The delivery's number, and whether it is new."""
    goods = await _find_goods(session, make_up)
    serving = await network.find_serving(
        session,
        customer_id=make_up.customer_id,
        address_id=goods.address_id,
        on=make_up.service_date,
    )
    if serving is None:
        raise AddressNotServed
    is_planned = await _hold_day(session, serving.station_id, make_up.service_date)
    known = await session.execute(
        select(Delivery.delivery_no, Delivery.cause_id).where(
            Delivery.customer_id == make_up.customer_id,
            Delivery.service_date == make_up.service_date,
            Delivery.order_line_id == make_up.order_line_id,
        )
    )
    causes = {row.delivery_no: row.cause_id for row in known}
    for delivery_no, cause_id in causes.items():
        if cause_id == make_up.cause_id:
            return delivery_no, False
    delivery_no = max(causes, default=0) + 1
    session.add(_delivery(make_up, goods, serving, delivery_no))
    await session.flush()
    if is_planned:
        scope = DayScope(make_up.service_date, [serving.station_id])
        await planning.insert_stops(session, scope, again=True)
        await planning.rebuild_totals(session, scope, now=now)
    return delivery_no, True


async def _hold_day(session: AsyncSession, station_id: UUID, service_date: date) -> bool:
    """Keep the day's plan as it is until commit; answers whether there is one already."""
    await planning.lock_plan(session, service_date)
    day = await session.scalar(
        select(PlanDay)
        .where(PlanDay.station_id == station_id, PlanDay.service_date == service_date)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    if day is None or day.state is PlanDayState.WITHDRAWN:
        raise DayClosed(service_date=service_date.isoformat())
    return day.planned_at is not None


async def _find_goods(session: AsyncSession, make_up: _MakeUp) -> _Goods:
    line = (
        await session.execute(
            select(OrderLine.product_id, OrderLine.order_id).where(
                OrderLine.customer_id == make_up.customer_id,
                OrderLine.order_line_id == make_up.order_line_id,
            )
        )
    ).one_or_none()
    if line is None:
        raise NotFound
    product_id = await session.scalar(
        select(OrderTerm.product_id)
        .where(
            OrderTerm.customer_id == make_up.customer_id,
            OrderTerm.order_line_id == make_up.order_line_id,
            OrderTerm.first_date <= make_up.service_date,
        )
        .order_by(OrderTerm.first_date.desc())
        .limit(1)
    )
    doors = await list_doors(session, [(make_up.customer_id, line.order_id)])
    door = [one for one in doors[line.order_id] if one.from_date <= make_up.service_date][-1]
    product_id = line.product_id if product_id is None else product_id
    return _Goods(product_id, door.address_id, door.address_version_id)


def _delivery(make_up: _MakeUp, goods: _Goods, serving: Serving, delivery_no: int) -> Delivery:
    return Delivery(
        customer_id=make_up.customer_id,
        service_date=make_up.service_date,
        order_line_id=make_up.order_line_id,
        delivery_no=delivery_no,
        product_id=goods.product_id,
        quantity=make_up.bottles,
        quantity_delivered=0,
        address_id=goods.address_id,
        address_version_id=goods.address_version_id,
        station_id=serving.station_id,
        block_id=serving.block_id,
        deliverer_id=serving.deliverer_id,
        stop_no=max(0, serving.stop_no),
        status=DeliveryStatus.PLANNED,
        cause_id=make_up.cause_id,
    )
