"""Milk boxes (奶箱): hung up before the first delivery, which waits for it.

An order that waits is approved and has its bottles, but no days: they wait as in a pause without an
end. Once the box hangs, the order resumes on the first day that is still open.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import DepositKind
from app.core.states import MoveNotAllowed
from app.network.service import hold_open_days
from app.orders import repository
from app.orders.boxes import require_box
from app.orders.changes.awaiting_box import complete_move, hold_move
from app.orders.changes.computing import compute
from app.orders.changes.undoing import undo_change
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import write_change
from app.orders.deposit_errors import BoxHasDeposit, BoxInUse
from app.orders.depositing import Handling
from app.orders.models import BoxInstallation, Order, OrderLine
from app.orders.repository import deposits, installations
from app.orders.states import INSTALLATION_MOVES, ChangeStatus, InstallationState, OrderStatus

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
    if order.renews_order_id is not None:
        return False
    box = await require_box(
        session,
        customer_id=order.customer_id,
        address_id=order.address_id,
        product_ids={line.product_id for line in lines},
        station_id=station_id,
        due_date=due_date,
        actor=actor,
        now=now,
    )
    if box is None:
        return False
    order.installation_id = box.installation_id
    await session.flush()
    return box.state is InstallationState.OPEN


async def finish_installation(
    session: AsyncSession,
    *,
    customer_id: UUID,
    installation_id: UUID,
    handling: Handling,
    note: str | None,
) -> BoxInstallation:
    """The box hangs: every order that waited for it begins on the first day still open, and every
    move to its door happens.

    Raises InstallationUnknown, MoveNotAllowed, DayClosed when that day froze meanwhile,
    PreviewOutdated when an order changed at this moment.
    """
    doors, actor, now = handling.doors, handling.actor, handling.now
    found = await installations.get_installation(session, customer_id, installation_id, doors=doors)
    INSTALLATION_MOVES.require(found.state, InstallationState.DONE)
    waiting = await installations.list_waiting_orders(session, customer_id, installation_id)
    moves = await installations.list_waiting_moves(session, customer_id, found.address_id)
    holds = {
        *await _holds_of(session, customer_id, waiting, now=now),
        *[hold for one in moves for hold in await hold_move(session, one, now=now)],
    }
    await hold_open_days(session, holds=sorted(holds), now=now)
    keys = sorted({*waiting, *(one.order_id for one in moves)})
    locked = {one: await repository.lock_order(session, customer_id, one) for one in keys}
    box = await installations.get_installation(
        session, customer_id, installation_id, doors=doors, lock=True
    )
    await installations.move_installation(
        session, box, InstallationState.DONE, at=now, actor=actor, note=note
    )
    made = [
        await _begin(session, locked[one], actor=actor, now=now)
        for one in waiting
        if locked[one].status is OrderStatus.DELIVERING
    ]
    for move in moves:
        order = locked[move.order_id]
        if await complete_move(session, order, move.change_id, holds=holds, actor=actor, now=now):
            made.append(move.change_id)
    box.change_ids = [str(one) for one in made]
    await session.flush()
    return box


async def _holds_of(
    session: AsyncSession, customer_id: UUID, order_ids: list[UUID], *, now: datetime
) -> set[tuple[UUID, date]]:
    holds: set[tuple[UUID, date]] = set()
    for order_id in order_ids:
        order = await repository.get_order(session, customer_id, order_id)
        if order.status is OrderStatus.DELIVERING:
            computed = await compute(session, order, RESUME, now=now, box_hangs=True)
            holds |= set(computed.holds)
    return holds


async def _begin(session: AsyncSession, order: Order, *, actor: str, now: datetime) -> UUID:
    computed = await compute(session, order, RESUME, now=now)
    change = await write_change(
        session, order, computed.effect, computed.outcome, actor=actor, now=now
    )
    return change.change_id


async def remove_box(
    session: AsyncSession,
    *,
    customer_id: UUID,
    installation_id: UUID,
    handling: Handling,
    note: str | None,
) -> BoxInstallation:
    """A box without a deposit is taken down: of a marketplace's order, or of a door that was left.

    Raises InstallationUnknown, BoxInUse, BoxHasDeposit, MoveNotAllowed unless it hangs.
    """
    box = await installations.get_installation(
        session, customer_id, installation_id, doors=handling.doors, lock=True
    )
    INSTALLATION_MOVES.require(box.state, InstallationState.REMOVED)
    if await deposits.runs_at_door(session, customer_id, box.address_id):
        raise BoxInUse
    there = await deposits.list_with_household(session, customer_id, box.address_id)
    if any(one.kind is DepositKind.BOX for one in there):
        raise BoxHasDeposit
    await installations.move_installation(
        session,
        box,
        InstallationState.REMOVED,
        at=handling.now,
        actor=handling.actor,
        note=note,
    )
    return box


async def reopen_installation(
    session: AsyncSession,
    *,
    customer_id: UUID,
    installation_id: UUID,
    handling: Handling,
    note: str | None,
) -> BoxInstallation:
    """Take back that a box hangs, before what began by it brings anything; moves wait again.

    Raises InstallationUnknown, MoveNotAllowed, UndoTooLate, ChangeBuiltUpon, ChangeNotUndoable.
    """
    doors, actor, now = handling.doors, handling.actor, handling.now
    found = await installations.get_installation(session, customer_id, installation_id, doors=doors)
    if found.state is not InstallationState.DONE:
        raise MoveNotAllowed(current=found.state.value, wanted=InstallationState.OPEN.value)
    for change_id in found.change_ids:
        change = await repository.get_change(session, customer_id, UUID(change_id))
        if change.status is not ChangeStatus.APPLIED:
            continue
        await undo_change(
            session,
            customer_id=customer_id,
            order_id=change.order_id,
            change_id=change.change_id,
            actor=actor,
            now=now,
            to=ChangeStatus.AWAITING_BOX if change.kind == "move" else ChangeStatus.UNDONE,
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
