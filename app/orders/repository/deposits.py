"""Deposits: those of an order, those of a door, lists by state."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, text, tuple_
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.core.ids import new_id
from app.customers.models import Address, AddressVersion
from app.network.models import AddressBlock, Block
from app.orders.deposit_errors import DepositUnknown
from app.orders.models import BoxInstallation, Deposit, DepositMove, Order
from app.orders.states import DEPOSIT_MOVES, DepositState, OrderStatus

WITH_HOUSEHOLD: Final = (DepositState.HELD, DepositState.DUE_BACK)
"""The household has the box or the bottles."""
LIVE: Final = (OrderStatus.UNDER_REVIEW, OrderStatus.DELIVERING)
"""Orders for which a deposit stays with a door."""


@dataclass(frozen=True, slots=True)
class AtDoors:
    """Whose doors somebody sees: all, a station's, or those of some blocks, from a day on.

    Doors to come too: their box hangs before the first delivery.
    """

    on: date
    station_id: UUID | None = None
    block_ids: Collection[UUID] | None = None

    def of(self, table: type[Deposit | BoxInstallation]) -> list[ColumnElement[bool]]:
        """The condition on a table's door; none for all."""
        if self.station_id is None and self.block_ids is None:
            return []
        served = exists().where(
            AddressBlock.customer_id == table.customer_id,
            AddressBlock.address_id == table.address_id,
            AddressBlock.valid.op("&&")(Range(self.on, None, bounds="[)")),
            AddressBlock.block_id == Block.id,
        )
        if self.station_id is not None:
            served = served.where(Block.station_id == self.station_id)
        if self.block_ids is not None:
            served = served.where(Block.id.in_(self.block_ids))
        return [served]


async def move_deposit(
    session: AsyncSession,
    deposit: Deposit,
    wanted: DepositState,
    *,
    at: datetime,
    actor: str,
    reason: str | None = None,
) -> UUID:
    """Move a locked deposit along the table; answers the history's entry. MoveNotAllowed."""
    DEPOSIT_MOVES.require(deposit.state, wanted)
    entry = DepositMove(
        customer_id=deposit.customer_id,
        entry_id=new_id(),
        deposit_id=deposit.deposit_id,
        from_state=deposit.state.value,
        to_state=wanted.value,
        at=at,
        actor=actor,
        reason=reason,
    )
    session.add(entry)
    deposit.state, deposit.moved_at, deposit.reason = wanted, at, reason
    await session.flush()
    return entry.entry_id


async def move_door(
    session: AsyncSession,
    deposit: Deposit,
    address_id: UUID,
    *,
    at: datetime,
    actor: str,
    reason: str,
) -> None:
    """Let a locked deposit stand for another door; its history says why."""
    state = deposit.state.value
    session.add(
        DepositMove(
            customer_id=deposit.customer_id,
            entry_id=new_id(),
            deposit_id=deposit.deposit_id,
            from_state=state,
            to_state=state,
            at=at,
            actor=actor,
            reason=reason,
        )
    )
    deposit.address_id = address_id
    await session.flush()


async def list_of_orders(
    session: AsyncSession, customer_id: UUID, order_ids: Collection[UUID]
) -> list[Deposit]:
    """Deposits paid with these orders, in order of kinds."""
    found = await session.scalars(
        select(Deposit)
        .where(Deposit.customer_id == customer_id, Deposit.order_id.in_(order_ids))
        .order_by(Deposit.kind, Deposit.deposit_id)
    )
    return list(found)


async def lock_at_doors(
    session: AsyncSession, customer_id: UUID, *address_ids: UUID
) -> list[Deposit]:
    """Deposits of these doors that are not over, locked in key order."""
    found = await session.scalars(
        select(Deposit)
        .where(
            Deposit.customer_id == customer_id,
            Deposit.address_id.in_(address_ids),
            Deposit.state.in_((DepositState.ASKED, *WITH_HOUSEHOLD)),
        )
        .order_by(Deposit.deposit_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(found)


async def list_with_household(
    session: AsyncSession, customer_id: UUID, address_id: UUID
) -> list[Deposit]:
    """What a door has of ours, paid for."""
    found = await session.scalars(
        select(Deposit).where(
            Deposit.customer_id == customer_id,
            Deposit.address_id == address_id,
            Deposit.state.in_(WITH_HOUSEHOLD),
        )
    )
    return list(found)


_DOOR: Final = """
coalesce((
    SELECT CAST(c.request->>'address_id' AS uuid) FROM order_changes c
    WHERE c.customer_id = o.customer_id AND c.order_id = o.order_id
      AND c.kind = 'move' AND c.status = 'applied'
    ORDER BY c.effective_date DESC, c.change_id DESC LIMIT 1
), o.address_id)"""
"""Where an order `o` goes at last: its address, or that of its last move."""
_FIND_DOOR: Final = text(
    f"SELECT {_DOOR} FROM orders o WHERE o.customer_id = :customer AND o.order_id = :order"
)
_RUNS: Final = text(f"""
SELECT EXISTS (
    SELECT FROM orders o
    WHERE o.customer_id = :customer AND o.order_id IS DISTINCT FROM CAST(:besides AS uuid)
      AND o.status IN ('under_review', 'delivering') AND {_DOOR} = :address
)
""")


async def find_door(session: AsyncSession, order: Order) -> UUID:
    """The address an order goes to at last."""
    keys = {"customer": order.customer_id, "order": order.order_id}
    found = await session.scalar(_FIND_DOOR, keys)
    return order.address_id if found is None else UUID(str(found))


async def runs_at_door(
    session: AsyncSession, customer_id: UUID, address_id: UUID, *, besides: UUID | None = None
) -> bool:
    """Whether an order runs at a door, or will, `besides` one."""
    keys = {"customer": customer_id, "address": address_id, "besides": besides}
    return bool(await session.scalar(_RUNS, keys))


async def list_never_brought(
    session: AsyncSession, customer_id: UUID, address_id: UUID
) -> set[UUID]:
    """Deposits held at a door where no order was confirmed since they were paid."""
    paid, confirmed = aliased(Order), aliased(Order)
    found = await session.scalars(
        select(Deposit.deposit_id)
        .join(paid, (paid.customer_id == Deposit.customer_id) & (paid.order_id == Deposit.order_id))
        .where(
            Deposit.customer_id == customer_id,
            Deposit.address_id == address_id,
            Deposit.state == DepositState.HELD,
            paid.confirmed_at.is_(None),
            ~exists().where(
                confirmed.customer_id == Deposit.customer_id,
                confirmed.address_id == Deposit.address_id,
                confirmed.confirmed_at >= paid.paid_at,
            ),
        )
    )
    return set(found)


_ENDED: Final = f"""
WITH ended AS (
    SELECT DISTINCT o.customer_id, {_DOOR} AS address_id
    FROM unnest(CAST(:customers AS uuid[]), CAST(:orders AS uuid[])) AS w(customer_id, order_id)
    JOIN orders o ON o.customer_id = w.customer_id AND o.order_id = w.order_id
)"""
_LOCK_HELD: Final = text(f"""{_ENDED}
SELECT FROM deposits d
JOIN ended e ON d.customer_id = e.customer_id AND d.address_id = e.address_id
WHERE d.state = 'held'
ORDER BY d.customer_id, d.deposit_id
FOR UPDATE OF d
""")
_DUE_BACK: Final = text(f"""{_ENDED}, free AS (
    SELECT e.customer_id, e.address_id FROM ended e
    WHERE NOT EXISTS (SELECT FROM orders o
                      WHERE o.customer_id = e.customer_id
                        AND o.status IN ('under_review', 'delivering')
                        AND {_DOOR} = e.address_id)
), moved AS (
    UPDATE deposits d SET state = 'due_back', moved_at = :now
    FROM free f
    WHERE d.customer_id = f.customer_id AND d.address_id = f.address_id AND d.state = 'held'
    RETURNING d.customer_id, d.deposit_id
)
INSERT INTO deposit_moves
    (customer_id, entry_id, deposit_id, from_state, to_state, at, actor, reason)
SELECT customer_id, uuidv7(), deposit_id, 'held', 'due_back', :now, 'system', NULL FROM moved
""")


async def make_due_back(
    session: AsyncSession, ended: Collection[tuple[UUID, UUID]], *, now: datetime
) -> None:
    """Deposits of doors where nothing runs after these orders' end are due back.

    Locked first: an order that is paid at this moment is seen, or sees them due back.
    """
    if not ended:
        return
    keys = {
        "customers": [customer_id for customer_id, _ in ended],
        "orders": [order_id for _, order_id in ended],
    }
    await session.execute(_LOCK_HELD, keys)
    await session.execute(_DUE_BACK, keys | {"now": now})


async def lock_deposit(
    session: AsyncSession, customer_id: UUID, deposit_id: UUID, *, doors: AtDoors
) -> Deposit:
    """A deposit of these doors, locked and read anew; raises DepositUnknown."""
    found: Deposit | None = await session.scalar(
        select(Deposit)
        .where(
            Deposit.customer_id == customer_id,
            Deposit.deposit_id == deposit_id,
            *doors.of(Deposit),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise DepositUnknown
    return found


async def list_deposits(
    session: AsyncSession,
    *,
    state: DepositState,
    doors: AtDoors,
    limit: int,
    after: tuple[datetime, UUID] | None,
) -> list[tuple[Deposit, Order, AddressVersion]]:
    """Deposits in a state, those that wait longest first, with their order and building."""
    query = (
        select(Deposit, Order, AddressVersion)
        .join(
            Order,
            (Order.customer_id == Deposit.customer_id) & (Order.order_id == Deposit.order_id),
        )
        .join(
            Address,
            (Address.customer_id == Deposit.customer_id)
            & (Address.address_id == Deposit.address_id),
        )
        .join(
            AddressVersion,
            (AddressVersion.customer_id == Address.customer_id)
            & (AddressVersion.address_version_id == Address.current_version_id),
        )
        .where(
            Deposit.state == state,
            *doors.of(Deposit),
        )
        .order_by(Deposit.moved_at, Deposit.deposit_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Deposit.moved_at, Deposit.deposit_id) > after)
    return [(deposit, order, place) for deposit, order, place in await session.execute(query)]
