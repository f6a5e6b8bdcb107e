"""Milk boxes to be hung up, and the orders that wait for them."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.customers.models import Address, AddressVersion
from app.orders.deposit_errors import InstallationUnknown
from app.orders.models import BoxInstallation, InstallationMove, Order, OrderChange
from app.orders.repository.deposits import LIVE, AtDoors
from app.orders.states import INSTALLATION_MOVES, ChangeStatus, InstallationState


async def find_standing(
    session: AsyncSession, customer_id: UUID, address_id: UUID, *, lock: bool = False
) -> BoxInstallation | None:
    """The box of a door, there or still to be hung up."""
    query = select(BoxInstallation).where(
        BoxInstallation.customer_id == customer_id,
        BoxInstallation.address_id == address_id,
        BoxInstallation.state.in_((InstallationState.OPEN, InstallationState.DONE)),
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found: BoxInstallation | None = await session.scalar(query)
    return found


async def list_awaited(
    session: AsyncSession, customer_id: UUID, installation_ids: Collection[UUID | None]
) -> set[UUID]:
    """Those of these boxes that are still to be hung up."""
    if not installation_ids:
        return set()
    found = await session.scalars(
        select(BoxInstallation.installation_id).where(
            BoxInstallation.customer_id == customer_id,
            BoxInstallation.installation_id.in_(installation_ids),
            BoxInstallation.state == InstallationState.OPEN,
        )
    )
    return set(found)


async def get_installation(
    session: AsyncSession,
    customer_id: UUID,
    installation_id: UUID,
    *,
    doors: AtDoors,
    lock: bool = False,
) -> BoxInstallation:
    """A box at one of these doors; raises InstallationUnknown."""
    query = select(BoxInstallation).where(
        BoxInstallation.customer_id == customer_id,
        BoxInstallation.installation_id == installation_id,
        *doors.of(BoxInstallation),
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found: BoxInstallation | None = await session.scalar(query)
    if found is None:
        raise InstallationUnknown
    return found


async def list_waiting_orders(
    session: AsyncSession, customer_id: UUID, installation_id: UUID, *, besides: UUID | None = None
) -> list[UUID]:
    """Running orders whose first delivery waits for a box, in key order."""
    query = (
        select(Order.order_id)
        .where(
            Order.customer_id == customer_id,
            Order.installation_id == installation_id,
            Order.status.in_(LIVE),
        )
        .order_by(Order.order_id)
    )
    if besides is not None:
        query = query.where(Order.order_id != besides)
    return list(await session.scalars(query))


async def list_waiting_moves(
    session: AsyncSession, customer_id: UUID, address_id: UUID
) -> list[OrderChange]:
    """Moves that wait for the box of the door they go to, by order."""
    found = await session.scalars(
        select(OrderChange)
        .where(
            OrderChange.customer_id == customer_id,
            OrderChange.kind == "move",
            OrderChange.status == ChangeStatus.AWAITING_BOX,
            OrderChange.request["address_id"].astext == str(address_id),
        )
        .order_by(OrderChange.order_id)
    )
    return list(found)


_NEEDLESS: Final = text("""
WITH needless AS (
    SELECT b.customer_id, b.installation_id
    FROM box_installations b
    WHERE b.state = 'open'
      AND NOT EXISTS (SELECT FROM orders o
                      WHERE o.customer_id = b.customer_id
                        AND o.installation_id = b.installation_id
                        AND o.status IN ('under_review', 'delivering'))
      AND NOT EXISTS (SELECT FROM order_changes c
                      WHERE c.customer_id = b.customer_id AND c.status = 'awaiting_box'
                        AND c.request->>'address_id' = CAST(b.address_id AS text))
    LIMIT :limit
    FOR UPDATE OF b SKIP LOCKED
), moved AS (
    UPDATE box_installations b SET state = 'cancelled'
    FROM needless n
    WHERE b.customer_id = n.customer_id AND b.installation_id = n.installation_id
    RETURNING b.customer_id, b.installation_id
)
INSERT INTO installation_moves
    (customer_id, entry_id, installation_id, from_state, to_state, at, actor, reason)
SELECT customer_id, uuidv7(), installation_id, 'open', 'cancelled', :now, 'system', NULL FROM moved
""")


async def cancel_needless(session: AsyncSession, *, now: datetime, limit: int) -> None:
    """Cancel boxes to be hung up that nothing waits for any more; one statement."""
    await session.execute(_NEEDLESS, {"now": now, "limit": limit})


async def move_installation(
    session: AsyncSession,
    box: BoxInstallation,
    wanted: InstallationState,
    *,
    at: datetime,
    actor: str,
    note: str | None = None,
) -> None:
    """Move a locked box along the table, with its history; raises MoveNotAllowed."""
    INSTALLATION_MOVES.require(box.state, wanted)
    add_move(session, box, wanted, from_state=box.state, at=at, actor=actor, reason=note)
    box.state = wanted
    if wanted is InstallationState.DONE:
        box.done_at, box.note = at, note
    elif wanted is InstallationState.OPEN:
        box.done_at, box.note = None, note
    await session.flush()


def add_move(
    session: AsyncSession,
    box: BoxInstallation,
    wanted: InstallationState,
    *,
    from_state: InstallationState | None,
    at: datetime,
    actor: str,
    reason: str | None = None,
) -> None:
    """One entry: who, when, why."""
    session.add(
        InstallationMove(
            customer_id=box.customer_id,
            entry_id=new_id(),
            installation_id=box.installation_id,
            from_state=None if from_state is None else from_state.value,
            to_state=wanted.value,
            at=at,
            actor=actor,
            reason=reason,
        )
    )


async def list_installations(
    session: AsyncSession,
    *,
    state: InstallationState,
    doors: AtDoors,
    limit: int,
    after: tuple[date, UUID] | None,
) -> list[tuple[BoxInstallation, AddressVersion]]:
    """Boxes in a state with their building, those that are due first first."""
    query = (
        select(BoxInstallation, AddressVersion)
        .join(
            Address,
            (Address.customer_id == BoxInstallation.customer_id)
            & (Address.address_id == BoxInstallation.address_id),
        )
        .join(
            AddressVersion,
            (AddressVersion.customer_id == Address.customer_id)
            & (AddressVersion.address_version_id == Address.current_version_id),
        )
        .where(
            BoxInstallation.state == state,
            *doors.of(BoxInstallation),
        )
        .order_by(BoxInstallation.due_date, BoxInstallation.installation_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(
            tuple_(BoxInstallation.due_date, BoxInstallation.installation_id) > tuple_(*after)
        )
    return [(box, place) for box, place in await session.execute(query)]
