"""Which block serves a door and where in its round; the round's order."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.network.errors import AssignmentRaced, StopsChanged
from app.network.models import AddressBlock
from app.network.repository import serving
from app.network.repository.serving import Assignment, Serving, StopPlace


async def assign_address(
    session: AsyncSession,
    *,
    customer_id: UUID,
    address_id: UUID,
    block_id: UUID,
    stop_no: int,
    valid_from: date,
) -> None:
    """Let a block serve an address from a day on, for good; harmless when repeated.

    Another running assignment ends the day before, a later one is dropped. Raises AssignmentRaced.
    """
    wanted = Assignment(customer_id, address_id, block_id, stop_no, valid_from)
    for _ in range(2):
        if await _settle(session, wanted):
            return
    raise AssignmentRaced


async def _settle(session: AsyncSession, wanted: Assignment) -> bool:
    """Make room and insert; false when another request was faster: its row is visible now."""
    owner = (wanted.customer_id, wanted.address_id)
    standing = await serving.lock_assignments(session, *owner, from_date=wanted.valid_from)
    if len(standing) == 1 and _says(standing[0], wanted):
        return True
    begun = [row for row in standing if row.valid_from < wanted.valid_from]
    coming = [row.valid_from for row in standing if row.valid_from >= wanted.valid_from]
    await serving.drop_assignments(session, *owner, dates=coming)
    for row in begun:
        row.valid = Range(row.valid_from, wanted.valid_from, bounds="[)")
    await session.flush()
    return await serving.add_assignment(session, wanted)


def _says(row: AddressBlock, wanted: Assignment) -> bool:
    covers = row.valid_from <= wanted.valid_from and row.valid.upper is None
    return covers and (row.block_id, row.stop_no) == (wanted.block_id, wanted.stop_no)


async def assign_many(session: AsyncSession, *, assignments: Sequence[Assignment]) -> int:
    """Give addresses their first block, in one statement; answers how many were new.

    An address that has a block on its day, or will have one later, keeps it.
    """
    return await serving.add_assignments(session, assignments) if assignments else 0


async def find_serving(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID, on: date
) -> Serving | None:
    """Block, station and deliverer of an address on a day; None when nobody serves it."""
    return await serving.find_serving(
        session, customer_id=customer_id, address_id=address_id, on=on
    )


async def list_stops(session: AsyncSession, *, block_id: UUID, on: date) -> list[StopPlace]:
    """Stops of a block on a day in stop order: the buildings, no personal data."""
    return await serving.list_stops(session, block_id=block_id, on=on)


async def order_stops(
    session: AsyncSession, *, block_id: UUID, order: Sequence[tuple[UUID, UUID]], on: date
) -> list[StopPlace]:
    """Put a block's stops (customer id, address id) into this order; answers them so.

    Raises StopsChanged unless the order names each stop of that day exactly once.
    """
    present = await serving.lock_stops(session, block_id=block_id, on=on)
    if len(order) != len(present) or set(order) != present:
        raise StopsChanged(stops=len(present))
    await serving.renumber_stops(session, block_id=block_id, order=order, on=on)
    return await serving.list_stops(session, block_id=block_id, on=on)
