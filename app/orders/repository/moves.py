"""What lines gained and gave up, as the entitlement entries say."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.orders.changes.purses import Move
from app.orders.models import EntitlementEntry, OrderLine


async def list_moves(session: AsyncSession, lines: Sequence[OrderLine]) -> dict[UUID, list[Move]]:
    """What each line gained and gave up, make-ups aside, oldest first."""
    moves: dict[UUID, list[Move]] = {line.order_line_id: [] for line in lines}
    own = {line.order_line_id: line.product_id for line in lines}
    keys = [(line.customer_id, line.order_line_id) for line in lines]
    if keys:
        rows = await session.scalars(
            select(EntitlementEntry)
            .where(
                tuple_(EntitlementEntry.customer_id, EntitlementEntry.order_line_id).in_(keys),
                # A make-up is a gift with a cause: it is brought beside the line's own days.
                (EntitlementEntry.kind != "gift") | EntitlementEntry.cause_id.is_(None),
            )
            .order_by(EntitlementEntry.order_line_id, EntitlementEntry.entry_id)
        )
        for row in rows:
            moves[row.order_line_id].append(_move(row, own[row.order_line_id]))
    return moves


async def list_moves_of(session: AsyncSession, line: OrderLine, *, change_id: UUID) -> list[Move]:
    """What a line gained and gave up by a change, oldest first."""
    rows = await session.scalars(
        select(EntitlementEntry)
        .where(
            EntitlementEntry.customer_id == line.customer_id,
            EntitlementEntry.order_line_id == line.order_line_id,
            EntitlementEntry.cause_id == change_id,
        )
        .order_by(EntitlementEntry.entry_id)
    )
    return [_move(row, line.product_id) for row in rows]


def _move(row: EntitlementEntry, own: UUID) -> Move:
    return Move(row.kind, row.product_id or own, row.bottles, row.value_fen)


def entitle(
    session: AsyncSession,
    line: OrderLine,
    *,
    kind: str,
    bottles: int,
    value_fen: int,
    now: datetime,
    cause_id: UUID | None = None,
    product_id: UUID | None = None,
) -> None:
    """Append bottles (of the line's own product, unless said) and value a line gains or gives up."""
    session.add(
        EntitlementEntry(
            customer_id=line.customer_id,
            entry_id=new_id(),
            order_line_id=line.order_line_id,
            kind=kind,
            bottles=bottles,
            value_fen=value_fen,
            product_id=None if product_id == line.product_id else product_id,
            at=now,
            cause_id=cause_id,
        )
    )
