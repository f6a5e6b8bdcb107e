"""Orders as they are shown: status, what is derived from terms, lines with their days."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders import repository
from app.orders.gifts import Gift, coming_days, days_of
from app.orders.models import Deposit, Order, OrderAgreement, OrderChange, OrderHistory, OrderLine
from app.orders.repository import Door
from app.orders.repository.deposits import list_of_orders
from app.orders.repository.gifts import list_gifts
from app.orders.repository.installations import list_awaited
from app.orders.rules import ONE_DAY, Placement, Term, bottles_from, end_date, gifts_by_day
from app.orders.states import LABELS, OrderStatus

AWAITING_BOX = ("awaiting_box", "等待安装奶箱")
"""Shown while the first delivery waits for the door's milk box."""


@dataclass(frozen=True)
class LineView:
    """A line with what is left from `today` on."""

    line: OrderLine
    terms: Sequence[Term]
    end_date: date | None
    bottles_left: int
    placement: Placement | None
    """Pattern and product as they are today; None when it has never had a day."""
    gifts: Sequence[Gift]
    """Those that come on days of their own."""
    gifts_to_come: Mapping[date, int]
    """On which days behind today how many gifts come, last or beside its own bottles."""


@dataclass(frozen=True)
class OrderView:
    """An order as people see it; `shown_status` adds not_started, paused, awaiting_box."""

    order: Order
    lines: list[LineView]
    shown_status: str
    label: str
    doors: Sequence[Door]
    """Where it is brought, each from a day on."""
    address_id: UUID
    """Where it is brought today, or was last."""
    deposits: Sequence[Deposit] = ()
    """Those paid with it."""

    @property
    def awaits_box(self) -> bool:
        """Whether its first delivery waits for a milk box."""
        return self.shown_status == AWAITING_BOX[0]

    @property
    def next_door(self) -> Door | None:
        """Where an accepted move will bring it."""
        last = self.doors[-1]
        return None if last.address_id == self.address_id else last


async def view_order(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, today: date
) -> OrderView:
    """One order; raises OrderUnknown."""
    order = await repository.get_order(session, customer_id, order_id)
    return (await _views(session, customer_id, [order], today=today))[0]


async def list_order_views(
    session: AsyncSession,
    *,
    customer_id: UUID,
    limit: int,
    before: tuple[datetime, UUID] | None,
    today: date,
) -> list[OrderView]:
    """A customer's orders, newest first."""
    orders = await repository.list_orders(session, customer_id, limit=limit, before=before)
    return await _views(session, customer_id, orders, today=today)


async def list_running_views(
    session: AsyncSession, *, customer_id: UUID, today: date
) -> list[OrderView]:
    """A customer's orders that are not over, newest first."""
    running = await repository.list_running(session, customer_id)
    return await _views(session, customer_id, running, today=today) if running else []


async def list_changes_of(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID
) -> list[OrderChange]:
    """Every change of an order, the operator's too, oldest first."""
    return await repository.list_changes(session, customer_id, order_id)


async def list_moves_of(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID
) -> list[OrderHistory]:
    """Every move of an order's status, oldest first."""
    return list(await repository.list_history(session, customer_id, order_id))


async def find_agreement(
    session: AsyncSession, *, on: date, version: str | None = None
) -> OrderAgreement | None:
    """The agreement of this version, or the one in force on a day."""
    if version is not None:
        return await session.get(OrderAgreement, version)
    return await repository.current_agreement(session, on=on)


async def find_order_by_number(session: AsyncSession, *, number: str) -> tuple[UUID, UUID] | None:
    """`(customer_id, order_id)` behind our short number or an outside one."""
    return await repository.find_number(session, number)


async def _views(
    session: AsyncSession, customer_id: UUID, orders: Sequence[Order], *, today: date
) -> list[OrderView]:
    lines = await repository.list_lines(session, customer_id, [order.order_id for order in orders])
    terms = await repository.list_terms(
        session, [(line.customer_id, line.order_line_id) for line in lines]
    )
    gifts = await list_gifts(session, lines)
    turns = await repository.list_turns(
        session, [(line.customer_id, line.order_line_id) for line in lines]
    )
    doors = await repository.list_doors(
        session, [(order.customer_id, order.order_id) for order in orders]
    )
    deposits = await list_of_orders(session, customer_id, [order.order_id for order in orders])
    awaited = await list_awaited(
        session, customer_id, {order.installation_id for order in orders} - {None}
    )
    views = []
    for order in orders:
        ways = doors[order.order_id]
        mine = [
            LineView(
                line=line,
                terms=terms[line.order_line_id],
                end_date=end_date(terms[line.order_line_id]),
                bottles_left=bottles_from(terms[line.order_line_id], today)
                + line.unscheduled_bottles,
                placement=_placement(
                    line, terms[line.order_line_id], turns[line.order_line_id], ways, today=today
                ),
                gifts=gifts[line.order_line_id],
                gifts_to_come=_gifts_to_come(
                    line, terms[line.order_line_id], gifts[line.order_line_id], today=today
                ),
            )
            for line in lines
            if line.order_id == order.order_id
        ]
        shown, label = shown_status(
            order.status,
            [view.terms for view in mine],
            today=today,
            waits=any(view.line.unscheduled_bottles for view in mine),
        )
        if order.status is OrderStatus.DELIVERING and order.installation_id in awaited:
            shown, label = AWAITING_BOX
        reached = [door for door in ways if door.from_date <= today]
        views.append(
            OrderView(
                order=order,
                lines=mine,
                shown_status=shown,
                label=label,
                doors=ways,
                address_id=reached[-1].address_id,
                deposits=[one for one in deposits if one.order_id == order.order_id],
            )
        )
    return views


def _gifts_to_come(
    line: OrderLine, terms: Sequence[Term], gifts: Sequence[Gift], *, today: date
) -> dict[date, int]:
    waiting = line.unscheduled_bottles
    found = Counter(gifts_by_day(terms, gifts=line.gift_bottles, waiting=waiting))
    found.update(coming_days(gifts, days_of(terms), since=today + ONE_DAY, goes_on=waiting > 0))
    for gift in gifts:
        if gift.brought_date is not None:
            found[gift.brought_date] += gift.bottles
    return {day: count for day, count in sorted(found.items()) if day > today}


def _placement(
    line: OrderLine,
    terms: Sequence[Term],
    turns: Sequence[repository.Turn],
    doors: Sequence[Door],
    *,
    today: date,
) -> Placement | None:
    if not terms:
        return None
    return repository.line_course(line, terms, turns, doors).at(today)


def shown_status(
    status: OrderStatus, terms: Sequence[Sequence[Term]], *, today: date, waits: bool = False
) -> tuple[str, str]:
    """Status and Chinese label; `not_started` and `paused` are derived and never stored.

    `waits`: a pause without an end holds bottles back.
    """
    if status is not OrderStatus.DELIVERING or not any(terms):
        return status.value, LABELS[status]
    every = [term for line in terms for term in line]
    if all(term.first > today for term in every):
        return "not_started", "未开始"
    if not any(term.first <= today < term.until for term in every) and (
        waits or any(term.first > today for term in every)
    ):
        return "paused", "已停奶"
    return status.value, LABELS[status]
