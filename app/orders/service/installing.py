"""Milk boxes (奶箱): hung up before the first delivery, which waits for it.

An order that waits is approved and has its bottles, but no days: they wait as in a pause without an
end. Once the box hangs, the order resumes on the first day that is still open.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.deposits import needs_box
from app.catalog.models import DepositKind
from app.core.ids import new_id
from app.core.states import MoveNotAllowed
from app.network.service import hold_open_days
from app.orders import repository
from app.orders.changes.computing import compute
from app.orders.changes.undoing import undo_change
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import write_change
from app.orders.depositing import Handling
from app.orders.models import BoxInstallation, Order, OrderLine
from app.orders.repository import deposits, installations
from app.orders.states import INSTALLATION_MOVES, InstallationState, OrderStatus

RESUME = WantedChange(kind="resume")


async def await_box(
    session: AsyncSession,
    order: Order,
    lines: list[OrderLine],
    *,
    station_id: UUID,
    due_date: date,
    actor: str,
    now: datetime,
) -> bool:
    """Let a locked order that is being confirmed wait for its door's box; answers whether it does.

    Not a renewal, nor where a box hangs or was taken over with its deposit.
    """
    if order.renews_order_id is not None or not await needs_box(
        session, product_ids={line.product_id for line in lines}
    ):
        return False
    box = await installations.find_standing(session, order.customer_id, order.address_id, lock=True)
    if box is None:
        there = await deposits.list_with_household(session, order.customer_id, order.address_id)
        if any(one.is_opening and one.kind is DepositKind.BOX for one in there):
            return False
        box = await _open(
            session, order, station_id=station_id, due_date=due_date, actor=actor, now=now
        )
    order.installation_id = box.installation_id
    if box.state is InstallationState.DONE:
        return False
    box.due_date = min(box.due_date, due_date)
    await session.flush()
    return True


async def _open(
    session: AsyncSession,
    order: Order,
    *,
    station_id: UUID,
    due_date: date,
    actor: str,
    now: datetime,
) -> BoxInstallation:
    box = BoxInstallation(
        customer_id=order.customer_id,
        installation_id=new_id(),
        address_id=order.address_id,
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
    return box


async def finish_installation(
    session: AsyncSession,
    *,
    customer_id: UUID,
    installation_id: UUID,
    handling: Handling,
    note: str | None,
) -> BoxInstallation:
    """The box hangs: every order that waited for it begins on the first day still open.

    Raises InstallationUnknown, MoveNotAllowed, DayClosed when that day froze meanwhile.
    """
    doors, actor, now = handling.doors, handling.actor, handling.now
    found = await installations.get_installation(session, customer_id, installation_id, doors=doors)
    INSTALLATION_MOVES.require(found.state, InstallationState.DONE)
    holds = set()
    waiting = await installations.list_waiting_orders(session, customer_id, installation_id)
    for order_id in waiting:
        order = await repository.get_order(session, customer_id, order_id)
        if order.status is OrderStatus.DELIVERING:
            computed = await compute(session, order, RESUME, now=now, box_hangs=True)
            holds |= set(computed.holds)
    await hold_open_days(session, holds=sorted(holds), now=now)
    locked = [await repository.lock_order(session, customer_id, one) for one in waiting]
    box = await installations.get_installation(
        session, customer_id, installation_id, doors=doors, lock=True
    )
    await installations.move_installation(
        session, box, InstallationState.DONE, at=now, actor=actor, note=note
    )
    made = []
    for order in locked:
        if order.status is not OrderStatus.DELIVERING:
            continue
        computed = await compute(session, order, RESUME, now=now)
        change = await write_change(
            session, order, computed.effect, computed.outcome, actor=actor, now=now
        )
        made.append(str(change.change_id))
    box.change_ids = made
    await session.flush()
    return box


async def reopen_installation(
    session: AsyncSession,
    *,
    customer_id: UUID,
    installation_id: UUID,
    handling: Handling,
    note: str | None,
) -> BoxInstallation:
    """Take back that a box hangs, before the orders that began by it bring anything.

    Raises InstallationUnknown, MoveNotAllowed, UndoTooLate, ChangeBuiltUpon, ChangeNotUndoable.
    """
    doors, actor, now = handling.doors, handling.actor, handling.now
    found = await installations.get_installation(session, customer_id, installation_id, doors=doors)
    if found.state is not InstallationState.DONE:
        raise MoveNotAllowed(current=found.state.value, wanted=InstallationState.OPEN.value)
    for change_id in found.change_ids:
        change = await repository.get_change(session, customer_id, UUID(change_id))
        await undo_change(
            session,
            customer_id=customer_id,
            order_id=change.order_id,
            change_id=change.change_id,
            actor=actor,
            now=now,
        )
    box = await installations.get_installation(
        session, customer_id, installation_id, doors=doors, lock=True
    )
    await installations.move_installation(
        session, box, InstallationState.OPEN, at=now, actor=actor, note=note
    )
    box.change_ids = []
    await session.flush()
    return box
