"""What truly happened at the door wins over what a line gave up meanwhile."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import post
from app.core.events import publish
from app.core.ids import new_id
from app.core.money import value_of_first
from app.orders import repository
from app.orders.changes.purses import Move
from app.orders.events import SpentBottlesAsked
from app.orders.models import OrderLine

_CAUSE: Final = "brought_after_given_up"


async def correct_given_up(
    session: AsyncSession, *, lines: Collection[tuple[UUID, UUID]], now: datetime
) -> dict[UUID, int]:
    """Give lines (customer, line) back what they gave up and a late report says was brought.

    The household keeps its money, so the value comes from `compensation`. A report that turns out
    wrong takes it away again. Answers the bottles that stand corrected, by line.
    """
    corrected = {}
    by_customer: dict[UUID, list[UUID]] = defaultdict(list)
    for customer_id, line_id in sorted(lines):
        by_customer[customer_id].append(line_id)
    for customer_id, line_ids in by_customer.items():
        found = await repository.lock_lines(session, customer_id, line_ids)
        asked = SpentBottlesAsked(customer_id=customer_id, order_line_ids=line_ids)
        await publish(session, asked)
        moves = await repository.list_moves(session, found)
        for line in found:
            corrected[line.order_line_id] = await _correct(
                session,
                line,
                moves[line.order_line_id],
                spent=asked.spent.get(line.order_line_id, 0),
                now=now,
            )
    return corrected


async def _correct(
    session: AsyncSession, line: OrderLine, moves: list[Move], *, spent: int, now: datetime
) -> int:
    cause_id = uuid5(line.order_line_id, _CAUSE)
    own = await repository.list_moves_of(session, line, change_id=cause_id)
    stands = sum(move.signed_bottles for move in own)
    wanted = max(0, spent - sum(move.signed_bottles for move in moves) + stands)
    taken = [move for move in moves if move.signed_bottles < 0 or move.kind == "restored"]
    bottles = -sum(move.signed_bottles for move in taken)
    wanted = min(wanted, stands + bottles)
    if wanted > stands:
        value = value_of_first(
            wanted - stands,
            paid_fen=-sum(move.signed_fen for move in taken),
            bottles_bought=bottles,
        )
        await _book(session, line, "restored", wanted - stands, value, cause_id=cause_id, now=now)
    elif wanted < stands:
        value = sum(move.signed_fen for move in own)
        kept = value_of_first(wanted, paid_fen=value, bottles_bought=stands)
        await _book(
            session, line, "forfeited", stands - wanted, value - kept, cause_id=cause_id, now=now
        )
    return wanted


async def _book(
    session: AsyncSession,
    line: OrderLine,
    kind: str,
    bottles: int,
    value_fen: int,
    *,
    cause_id: UUID,
    now: datetime,
) -> None:
    repository.entitle(
        session,
        line,
        kind=kind,
        bottles=bottles,
        value_fen=value_fen,
        now=now,
        cause_id=cause_id,
    )
    await session.flush()
    if value_fen:
        gained = kind == "restored"
        await post(
            session,
            customer_id=line.customer_id,
            debit="compensation" if gained else "prepaid",
            credit="prepaid" if gained else "compensation",
            amount_fen=value_fen,
            cause=_CAUSE,
            reference_id=line.order_id,
            source_id=new_id(),
            now=now,
        )
