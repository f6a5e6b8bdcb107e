"""Doors of a deliverer's blocks with milk that does not come today, for what is asked there (S1 4.2.5)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.customers.service import DoorDetails, open_door_details
from app.delivery.repository.resting import RestingLine, list_resting_lines
from app.delivery.repository.route_book import list_own_sheets
from app.identity.access import Principal
from app.identity.service import log_accesses
from app.network.service import list_blocks_of_deliverer
from app.orders.repository import list_terms


@dataclass(frozen=True)
class RestingDoor:
    """An address with the lines that bring nothing today, and the next day of each, if it has one."""

    customer_id: UUID
    address_id: UUID
    details: DoorDetails | None
    lines: list[tuple[RestingLine, date | None]]


async def list_round_blocks(
    session: AsyncSession, *, deliverer_id: UUID, on: date
) -> frozenset[UUID]:
    """The blocks a deliverer serves on a day, and those whose round of it he goes for somebody."""
    own = await list_blocks_of_deliverer(session, deliverer_id=deliverer_id, on=on)
    sheets = await list_own_sheets(session, deliverer_id=deliverer_id, dates=(on,))
    return frozenset([*(block_id for block_id, _ in own), *(sheet.block_id for sheet in sheets)])


async def open_resting_doors(
    session: AsyncSession, *, caller: Principal, now: datetime
) -> list[RestingDoor]:
    """The caller's doors of today and tomorrow with lines that bring nothing today; the look is logged.

    What has nothing more to come is left out. The number of statements is the same for any number
    of doors.
    """
    today = local_date(now)
    tomorrow = today + timedelta(days=1)
    deliverer_id = caller.own_deliverer_id
    blocks = await list_round_blocks(session, deliverer_id=deliverer_id, on=today)
    blocks |= await list_round_blocks(session, deliverer_id=deliverer_id, on=tomorrow)
    found = await list_resting_lines(session, blocks=blocks, today=today, tomorrow=tomorrow)
    terms = await list_terms(session, [(one.customer_id, one.order_line_id) for one in found])
    coming: list[tuple[RestingLine, date | None]] = []
    for line in found:
        days = (day for term in terms[line.order_line_id] for day, _ in term.deliveries(tomorrow))
        following = next(days, None)
        if following is not None or line.unscheduled_bottles:
            coming.append((line, following))
    pairs = {(line.customer_id, line.address_version_id) for line, _ in coming}
    details = await open_door_details(session, pairs=sorted(pairs))
    await log_accesses(
        session,
        caller=caller,
        customer_ids=sorted({customer_id for customer_id, _ in pairs}),
        subject="door",
        reason=f"resting {today.isoformat()}",
        now=now,
    )
    return [
        RestingDoor(
            customer_id=customer_id,
            address_id=address_id,
            details=details.get(lines[0][0].address_version_id),
            lines=lines,
        )
        for (customer_id, address_id), group in groupby(
            coming, key=lambda one: (one[0].customer_id, one[0].address_id)
        )
        for lines in [list(group)]
    ]
