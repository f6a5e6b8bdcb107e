"""The milk box (奶箱) a door must have before milk is brought there: opened when it is needed,
cancelled when nobody waits for it any more.
"""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.deposits import needs_box
from app.catalog.models import DepositKind
from app.core.ids import new_id
from app.orders.models import BoxInstallation
from app.orders.repository import deposits, installations
from app.orders.states import InstallationState


async def require_box(
    session: AsyncSession,
    *,
    customer_id: UUID,
    address_id: UUID,
    product_ids: Collection[UUID],
    station_id: UUID,
    due_date: date,
    actor: str,
    now: datetime,
) -> BoxInstallation | None:
    """The box of a door for these products, locked, opened where there is none.

    None where none is needed, or one was taken over with its deposit.
    """
    if not await needs_box(session, product_ids=product_ids):
        return None
    box = await installations.find_standing(session, customer_id, address_id, lock=True)
    if box is None:
        there = await deposits.list_with_household(session, customer_id, address_id)
        if any(one.is_opening and one.kind is DepositKind.BOX for one in there):
            return None
        box = BoxInstallation(
            customer_id=customer_id,
            installation_id=new_id(),
            address_id=address_id,
            station_id=station_id,
            due_date=due_date,
            state=InstallationState.OPEN,
            created_at=now,
            change_ids=[],
        )
        session.add(box)
        await session.flush()
        installations.add_move(
            session, box, InstallationState.OPEN, from_state=None, at=now, actor=actor
        )
    if box.state is InstallationState.OPEN:
        box.due_date = min(box.due_date, due_date)
    await session.flush()
    return box


async def leave_box(
    session: AsyncSession,
    *,
    customer_id: UUID,
    address_id: UUID,
    actor: str,
    now: datetime,
    besides: UUID | None = None,
) -> bool:
    """Whether a door's box is still to be hung up; it is cancelled unless another order than
    `besides`, or a move, waits for it.
    """
    box = await installations.find_standing(session, customer_id, address_id, lock=True)
    if box is None or box.state is not InstallationState.OPEN:
        return False
    key = (customer_id, box.installation_id)
    if not await installations.list_waiting_orders(
        session, *key, besides=besides
    ) and not await installations.list_waiting_moves(session, customer_id, address_id):
        await installations.move_installation(
            session, box, InstallationState.CANCELLED, at=now, actor=actor
        )
    return True
