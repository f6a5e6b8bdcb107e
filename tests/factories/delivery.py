"""Running order lines and phones' events for tests of delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id, public_pair
from app.orders.models import EntitlementEntry, Order, OrderLine, OrderTerm
from app.orders.states import ConfirmationKind, OrderSource, OrderStatus
from tests.factories.world import MORNING, TODAY, Household

TOMORROW = TODAY + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RunningLine:
    """A line of an order in delivery."""

    customer_id: UUID
    order_id: UUID
    order_line_id: UUID
    address_id: UUID
    address_version_id: UUID
    product_id: UUID

    @property
    def public_id(self) -> str:
        """As phones name it."""
        return public_pair("lin", self.customer_id, self.order_line_id)

    @property
    def public_order_id(self) -> str:
        """As customers name its order."""
        return public_pair("ord", self.customer_id, self.order_id)

    @property
    def public_address_id(self) -> str:
        """As phones name its stop."""
        return public_pair("adr", self.customer_id, self.address_id)


async def _add_order(
    session: AsyncSession, line: RunningLine, *, paid_fen: int, status: OrderStatus
) -> None:
    session.add(
        Order(
            customer_id=line.customer_id,
            order_id=line.order_id,
            order_no=line.order_id.hex[-10:],
            status=status,
            confirmation=ConfirmationKind.ONLINE,
            source=OrderSource.WEB,
            address_id=line.address_id,
            price_fen=paid_fen,
            placed_at=MORNING,
            paid_at=MORNING,
            confirmed_at=MORNING,
        )
    )
    await session.flush()


def _entitle(session: AsyncSession, line: RunningLine, *, bottles: int, paid_fen: int) -> None:
    session.add(
        EntitlementEntry(
            customer_id=line.customer_id,
            entry_id=new_id(),
            order_line_id=line.order_line_id,
            kind="bought",
            bottles=bottles,
            value_fen=paid_fen,
            at=MORNING,
        )
    )


async def add_line(
    session: AsyncSession,
    household: Household,
    product_id: UUID,
    *,
    first: date = TOMORROW,
    until: date | None = None,
    quantity: int = 1,
    interval_days: int = 1,
    weekdays: Sequence[int] | None = None,
    anchor: date | None = None,
    bottles: int = 1000,
    paid_fen: int | None = None,
    status: OrderStatus = OrderStatus.DELIVERING,
    with_term: bool = True,
) -> RunningLine:
    """An order with one line and one term over [first, until), by default a month, ¥3.50 a bottle."""
    paid_fen = 350 * bottles if paid_fen is None else paid_fen
    line = RunningLine(
        customer_id=household.customer_id,
        order_id=new_id(),
        order_line_id=new_id(),
        address_id=household.address_id,
        address_version_id=household.address_version_id,
        product_id=product_id,
    )
    await _add_order(session, line, paid_fen=paid_fen, status=status)
    session.add(
        OrderLine(
            customer_id=line.customer_id,
            order_line_id=line.order_line_id,
            order_id=line.order_id,
            product_id=product_id,
            quantity=None if weekdays else quantity,
            interval_days=None if weekdays else interval_days,
            weekday_quantities=None if weekdays is None else list(weekdays),
            start_date=first,
            anchor_date=anchor or first,
            bottles_bought=bottles,
            paid_fen=paid_fen,
            vat_permille=90,
        )
    )
    await session.flush()
    _entitle(session, line, bottles=bottles, paid_fen=paid_fen)
    if with_term:
        await add_term(
            session,
            line,
            first=first,
            until=until or first + timedelta(days=30),
            quantity=quantity,
            interval_days=interval_days,
            weekdays=weekdays,
            anchor=anchor,
        )
    await session.flush()
    return line


async def add_term(
    session: AsyncSession,
    line: RunningLine,
    *,
    first: date,
    until: date,
    quantity: int = 1,
    interval_days: int = 1,
    weekdays: Sequence[int] | None = None,
    anchor: date | None = None,
) -> None:
    """One more term of a line over [first, until)."""
    session.add(
        OrderTerm(
            customer_id=line.customer_id,
            order_line_id=line.order_line_id,
            first_date=first,
            valid=Range(first, until, bounds="[)"),
            product_id=line.product_id,
            quantity=None if weekdays else quantity,
            interval_days=None if weekdays else interval_days,
            anchor_date=anchor or first,
            weekday_quantities=None if weekdays is None else list(weekdays),
            address_id=line.address_id,
            address_version_id=line.address_version_id,
        )
    )
    await session.flush()


def batch(*events: dict[str, Any], sent_at: datetime) -> dict[str, Any]:
    """What a phone sends; its clock says `sent_at`."""
    return {"batch_id": str(new_id()), "sent_at": sent_at.isoformat(), "events": list(events)}


def stop_done(
    line: RunningLine, *, device_at: datetime, service_date: date = TOMORROW, **more: Any
) -> dict[str, Any]:
    """A tap at a door; delivered unless `outcome` says otherwise."""
    return {
        "event_id": str(new_id()),
        "kind": "stop_done",
        "device_at": device_at.isoformat(),
        "stop": line.public_address_id,
        "service_date": service_date.isoformat(),
        "outcome": "delivered",
        **more,
    }
