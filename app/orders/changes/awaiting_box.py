"""Moves that wait for the milk box of their new door: the old one is served until it hangs."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.orders import repository
from app.orders.changes.computing import Computed, compute
from app.orders.changes.destinations import find_standing
from app.orders.changes.relocating import let_move_happen
from app.orders.changes.stays import Holds
from app.orders.changes.wanted import WantedChange
from app.orders.errors import NothingToChange, PreviewOutdated
from app.orders.models import Order, OrderChange
from app.orders.states import ChangeStatus, OrderStatus


async def hold_move(session: AsyncSession, change: OrderChange, *, now: datetime) -> Holds:
    """Days to keep open for a move whose box is about to hang; none for one that is needless."""
    order = await repository.get_order(session, change.customer_id, change.order_id)
    computed = await _compute_waiting(session, order, change, now=now)
    return () if computed is None else computed.holds


async def complete_move(
    session: AsyncSession,
    order: Order,
    change_id: UUID,
    *,
    holds: Collection[tuple[UUID, date]],
    actor: str,
    now: datetime,
) -> bool:
    """Let a move of a locked order happen whose box hangs now, whether it did; `holds` are open.

    One whose order has nothing left to bring expires. Raises PreviewOutdated.
    """
    change = await repository.get_change(session, order.customer_id, change_id, lock=True)
    if change.status is not ChangeStatus.AWAITING_BOX:
        return False
    computed = await _compute_waiting(session, order, change, now=now)
    if computed is None:
        repository.move_change(session, change, ChangeStatus.EXPIRED, at=now, actor=actor)
        await session.flush()
        return False
    if not set(computed.holds) <= set(holds):
        raise PreviewOutdated
    repository.move_change(session, change, ChangeStatus.APPLIED, at=now, actor=actor)
    change.effective_date = computed.effect.effective_date
    change.preview = computed.effect.as_json() | {"review": change.preview.get("review")}
    await let_move_happen(session, order, change, computed, now=now)
    return True


async def _compute_waiting(
    session: AsyncSession, order: Order, change: OrderChange, *, now: datetime
) -> Computed | None:
    wanted = WantedChange.from_json(change.request)
    if order.status is not OrderStatus.DELIVERING or wanted.address_id is None:
        return None
    served_by = await find_standing(
        session,
        customer_id=order.customer_id,
        address_id=wanted.address_id,
        today=local_date(now),
    )
    try:
        return await compute(session, order, wanted, now=now, served_by=served_by)
    except NothingToChange:
        return None
