"""What lines gained and gave up, as the entitlement entries say."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.orders.changes.purses import Move
from app.orders.models import EntitlementEntry, OrderLine
from app.orders.repository.plain import KEYS, OF_KEYS, key_columns, run

# A make-up or a dated gift is a gift with a cause: it is brought beside the line's own days. The
# gifts of a line that a change has added are its own.
_MOVES = f"""
SELECT t.order_line_id, t.kind, t.product_id, t.bottles, t.value_fen
FROM {KEYS} JOIN entitlement_entries t ON {OF_KEYS}
WHERE t.kind <> 'gift' OR t.cause_id IS NULL
   OR EXISTS (SELECT FROM order_changes c
              WHERE c.customer_id = t.customer_id AND c.change_id = t.cause_id)
ORDER BY t.order_line_id, t.entry_id
"""


async def list_moves(session: AsyncSession, lines: Sequence[OrderLine]) -> dict[UUID, list[Move]]:
    """What each line gained and gave up, make-ups and dated gifts aside, oldest first."""
    moves: dict[UUID, list[Move]] = {line.order_line_id: [] for line in lines}
    own = {line.order_line_id: line.product_id for line in lines}
    keys = [(line.customer_id, line.order_line_id) for line in lines]
    if keys:
        for row in await run(session, _MOVES, *key_columns(keys)):
            line_id, kind, product_id, bottles, value_fen = row.values()
            moves[line_id].append(Move(kind, product_id or own[line_id], bottles, value_fen))
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
