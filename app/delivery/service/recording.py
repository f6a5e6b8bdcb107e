"""Whose round an order is on: what a deliverer may write down at its door (S1 4.2.5)."""

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.errors import NotFound
from app.delivery.models import Stop
from app.delivery.service.resting import list_round_blocks
from app.network.service import find_serving
from app.orders.repository import list_doors
from app.orders.repository.orders import find_order_of_line


async def find_order_on_round(
    session: AsyncSession, *, line: tuple[UUID, UUID], deliverer_id: UUID, now: datetime
) -> UUID:
    """The order of a line at a door of a deliverer's round of today or tomorrow, as a stand-in too.

    Whether the line brings anything on these days does not matter.

    Raises NotFound for anybody else's.
    """
    customer_id, order_line_id = line
    order_id = await find_order_of_line(session, customer_id, order_line_id)
    if order_id is None:
        raise NotFound
    today = local_date(now)
    doors = (await list_doors(session, [(customer_id, order_id)]))[order_id]
    reached = [door for door in doors if door.from_date <= today][-1]
    for on in (today, today + timedelta(days=1)):
        serving = await find_serving(
            session, customer_id=customer_id, address_id=reached.address_id, on=on
        )
        own = await list_round_blocks(session, deliverer_id=deliverer_id, on=on)
        if serving is not None and serving.block_id in own:
            return order_id
    if await _has_stop(
        session, customer_id, reached.address_id, deliverer_id=deliverer_id, today=today
    ):
        return order_id
    raise NotFound


async def _has_stop(
    session: AsyncSession,
    customer_id: UUID,
    address_id: UUID,
    *,
    deliverer_id: UUID,
    today: date,
) -> bool:
    found = await session.scalar(
        select(Stop.deliverer_id).where(
            Stop.customer_id == customer_id,
            Stop.address_id == address_id,
            Stop.service_date.in_((today, today + timedelta(days=1))),
            Stop.deliverer_id == deliverer_id,
        )
    )
    return found is not None
