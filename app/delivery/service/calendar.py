"""What a household gets on which day: what came, what will come, and why there is none."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.delivery.models import Delivery, DeliveryStatus
from app.delivery.service.reading import list_deliveries
from app.network.errors import NoOpenDay
from app.network.models import PlanDay, PlanDayState
from app.network.service import list_days
from app.orders.errors import OrderNotChangeable
from app.orders.gifts import coming_days
from app.orders.rules import gifts_by_day
from app.orders.service import OrderView, list_changes_of, list_order_views, stays_of
from app.orders.states import ChangeStatus, OrderStatus

SHOWN_ORDERS = 100
"""Newer orders than these are asked for their days."""
_WITH_DAYS = frozenset({OrderStatus.DELIVERING, OrderStatus.COMPLETED, OrderStatus.CANCELLED})
_LOOK_AHEAD_DAYS = 40


class MilkState(StrEnum):
    """What became of a line's milk on a day."""

    PLANNED = "planned"
    DELIVERED = "delivered"
    SHORT = "short"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"


_WITHOUT_MILK: Mapping[str, MilkState] = {
    "skip": MilkState.SKIPPED,
    "pause": MilkState.PAUSED,
    "day_withdrawn": MilkState.WITHDRAWN,
}
"""Kinds of changes after which a day brings nothing, in their own words."""


@dataclass(frozen=True, slots=True)
class MilkLine:
    """One line on one day; `bottles` as planned, `reason` of a failure."""

    order_id: UUID
    order_line_id: UUID
    order_no: str
    product_id: UUID
    bottles: int
    bottles_delivered: int
    state: MilkState
    delivery_no: int = 0
    reason: str | None = None
    done_at: datetime | None = None
    address_id: UUID | None = None
    gifts: int = 0
    """How many of the planned bottles are gifts."""
    is_gift: bool = False
    """A gift that comes beside the line's own bottles."""


@dataclass(frozen=True, slots=True)
class MilkDay:
    """A day with its lines."""

    service_date: date
    lines: list[MilkLine] = field(default_factory=list)

    @property
    def bottles(self) -> int:
        """Bottles that came or will."""
        return sum(
            line.bottles if line.state is MilkState.PLANNED else line.bottles_delivered
            for line in self.lines
        )

    @property
    def gifts(self) -> int:
        """How many of the bottles to come are gifts."""
        return sum(line.gifts for line in self.lines)


@dataclass(frozen=True, slots=True)
class MilkCalendar:
    """Days by date. `first_open` is the next day that can be changed, until `cutoff_at`."""

    days: Mapping[date, MilkDay]
    orders: Sequence[OrderView]
    first_open: date | None
    cutoff_at: datetime | None


async def view_calendar(
    session: AsyncSession, *, customer_id: UUID, first: date, last: date, now: datetime
) -> MilkCalendar:
    """A household's days from `first` to `last`, both included (S1 4.2.5)."""
    today = local_date(now)
    views = [
        view
        for view in await list_order_views(
            session, customer_id=customer_id, limit=SHOWN_ORDERS, before=None, today=today
        )
        if view.order.status in _WITH_DAYS
    ]
    owners = {line.line.order_line_id: view for view in views for line in view.lines}
    came = await list_deliveries(
        session, customer_id=customer_id, line_ids=owners.keys(), from_date=first, to_date=last
    )
    lines = [(one.service_date, _as_delivered(one, owners)) for one in came]
    known = {(one.service_date, one.order_line_id) for one in came}
    lines += [
        (day, line)
        for day, line in [
            *_as_planned(views, first=first, last=last),
            *_as_given(views, first=first, last=last, planned=known, today=today),
        ]
        if (day, line.order_line_id) not in known and day >= today
    ]
    known |= {(day, line.order_line_id) for day, line in lines}
    for view in views:
        stopped = await _without_milk(session, view)
        lines += [
            (day, line)
            for (day, line_id), line in stopped.items()
            if first <= day <= last and (day, line_id) not in known
        ]
    days: dict[date, MilkDay] = {}
    for day, line in sorted(lines, key=lambda one: (one[0], one[1].order_no, one[1].delivery_no)):
        days.setdefault(day, MilkDay(day)).lines.append(line)
    first_open = await _first_open(session, views, now=now)
    return MilkCalendar(
        days=days,
        orders=views,
        first_open=None if first_open is None else first_open.service_date,
        cutoff_at=None if first_open is None else first_open.cutoff_at,
    )


def _as_delivered(one: Delivery, owners: Mapping[UUID, OrderView]) -> MilkLine:
    order = owners[one.order_line_id].order
    return MilkLine(
        order_id=order.order_id,
        order_line_id=one.order_line_id,
        order_no=order.order_no,
        product_id=one.product_id,
        bottles=one.quantity,
        bottles_delivered=one.quantity_delivered,
        state=MilkState(DeliveryStatus(one.status).value),
        delivery_no=one.delivery_no,
        reason=one.reason,
        done_at=one.done_at,
        address_id=one.address_id,
        gifts=one.quantity if one.is_gift else 0,
        is_gift=one.is_gift,
    )


def _as_planned(
    views: Iterable[OrderView], *, first: date, last: date
) -> Iterable[tuple[date, MilkLine]]:
    for view in views:
        if view.order.status is not OrderStatus.DELIVERING:
            continue
        for shown in view.lines:
            gifts = gifts_by_day(
                shown.terms,
                gifts=shown.line.gift_bottles,
                waiting=shown.line.unscheduled_bottles,
            )
            for term in shown.terms:
                if term.until <= first or term.first > last:
                    continue
                for day, bottles in term.deliveries():
                    if first <= day <= last:
                        yield (
                            day,
                            MilkLine(
                                order_id=view.order.order_id,
                                order_line_id=shown.line.order_line_id,
                                order_no=view.order.order_no,
                                product_id=term.product_id,
                                bottles=bottles,
                                bottles_delivered=0,
                                state=MilkState.PLANNED,
                                address_id=term.address_id,
                                gifts=gifts.get(day, 0),
                            ),
                        )


def _as_given(
    views: Iterable[OrderView],
    *,
    first: date,
    last: date,
    planned: Collection[tuple[date, UUID]],
    today: date,
) -> Iterable[tuple[date, MilkLine]]:
    """Dated gifts to come, on days of their line that have no plan yet."""
    for view in views:
        if view.order.status is not OrderStatus.DELIVERING:
            continue
        for shown in view.lines:
            line_id = shown.line.order_line_id
            products = {
                day: term
                for term in shown.terms
                for day, _ in term.deliveries(today)
                if (day, line_id) not in planned
            }
            coming = coming_days(
                shown.gifts,
                sorted((day, 1) for day in products),
                since=today,
                goes_on=shown.line.unscheduled_bottles > 0,
            )
            for day, bottles in coming.items():
                if first <= day <= last:
                    yield (
                        day,
                        MilkLine(
                            order_id=view.order.order_id,
                            order_line_id=line_id,
                            order_no=view.order.order_no,
                            product_id=products[day].product_id,
                            bottles=bottles,
                            bottles_delivered=0,
                            state=MilkState.PLANNED,
                            delivery_no=1,
                            address_id=products[day].address_id,
                            gifts=bottles,
                            is_gift=True,
                        ),
                    )


async def _without_milk(
    session: AsyncSession, view: OrderView
) -> dict[tuple[date, UUID], MilkLine]:
    """Days on which changes that stand left a line nothing; the last word counts."""
    order = view.order
    products = {
        shown.line.order_line_id: (
            shown.line.product_id if shown.placement is None else shown.placement.product_id
        )
        for shown in view.lines
    }
    found: dict[tuple[date, UUID], MilkLine] = {}
    changes = await list_changes_of(session, customer_id=order.customer_id, order_id=order.order_id)
    for change in sorted(changes, key=lambda one: (one.confirmed_at or one.at, one.change_id)):
        if change.status is not ChangeStatus.APPLIED:
            continue
        state = _WITHOUT_MILK.get(change.kind)
        for said in change.preview.get("lines", ()):
            if said["order_line_id"] is None:
                continue
            line_id = UUID(said["order_line_id"])
            days = said.get("days", ())
            if state is MilkState.WITHDRAWN:
                # Receipts from when days were withdrawn one by one name theirs as effective.
                only = [change.effective_date.isoformat()]
                days = [(day, 0, 0) for day in said.get("days_withdrawn", only)]
            for text, before, after in days:
                key = (date.fromisoformat(text), line_id)
                found.pop(key, None)
                if after or state is None:
                    continue
                found[key] = MilkLine(
                    order_id=order.order_id,
                    order_line_id=line_id,
                    order_no=order.order_no,
                    product_id=products[line_id],
                    bottles=before,
                    bottles_delivered=0,
                    state=state,
                )
    return found


async def _first_open(
    session: AsyncSession, views: Sequence[OrderView], *, now: datetime
) -> PlanDay | None:
    """The next day of the station of the newest running order that takes changes."""
    today = local_date(now)
    for view in views:
        if view.order.status is not OrderStatus.DELIVERING:
            continue
        try:
            stays = await stays_of(session, view.order, now=now)
            first = stays.first_open()
        except (OrderNotChangeable, NoOpenDay):
            continue
        ahead = await list_days(
            session,
            station_id=stays.station_on(first),
            from_date=first,
            until=date.fromordinal(today.toordinal() + _LOOK_AHEAD_DAYS),
        )
        for day in ahead:
            if day.state is PlanDayState.OPEN and day.cutoff_at > now:
                return day
    return None
