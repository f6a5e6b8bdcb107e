"""SQL of outside orders, their lines, refunds and moves."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.marketplaces.errors import ExternalOrderUnknown
from app.marketplaces.models import (
    ExternalLine,
    ExternalMove,
    ExternalOrder,
    ExternalRefund,
    SkuMapping,
)
from app.marketplaces.states import (
    EXTERNAL_MOVES,
    ExternalState,
    Marketplace,
    RefundOutcome,
)

BATCH: Final = 500
Key = tuple[Marketplace, str]


async def insert_orders(
    session: AsyncSession, orders: Sequence[dict[str, Any]], lines: Sequence[dict[str, Any]]
) -> set[str]:
    """Insert orders that are not there yet, with their lines and first move; their numbers."""
    if not orders:
        return set()
    added = await session.execute(
        insert(ExternalOrder)
        .values(list(orders))
        .on_conflict_do_nothing()
        .returning(ExternalOrder.source, ExternalOrder.number, ExternalOrder.received_at)
    )
    fresh = {row.number: row for row in added}
    if not fresh:
        return set()
    await session.execute(insert(ExternalLine), [line for line in lines if line["number"] in fresh])
    by_number = {order["number"]: order for order in orders}
    await session.execute(
        insert(ExternalMove),
        [
            {
                "entry_id": new_id(),
                "source": row.source,
                "number": number,
                "from_state": None,
                "to_state": ExternalState.RECEIVED.value,
                "at": row.received_at,
                "actor": "system",
                "reason": by_number[number]["way"].value,
            }
            for number, row in fresh.items()
        ],
    )
    return set(fresh)


async def lock_orders(
    session: AsyncSession, source: Marketplace, numbers: Collection[str]
) -> Sequence[ExternalOrder]:
    """Orders re-read under row locks, in the order of their numbers."""
    found = await session.scalars(
        select(ExternalOrder)
        .where(ExternalOrder.source == source, ExternalOrder.number.in_(numbers))
        .order_by(ExternalOrder.number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.all()


async def lock_order(session: AsyncSession, key: Key) -> ExternalOrder | None:
    """One order, re-read under its row lock."""
    return await session.get(ExternalOrder, key, populate_existing=True, with_for_update=True)


async def find_by_id(
    session: AsyncSession, external_id: UUID, *, lock: bool = False
) -> ExternalOrder:
    """One order by our id; raises ExternalOrderUnknown."""
    query = (
        select(ExternalOrder)
        .where(ExternalOrder.external_id == external_id)
        .execution_options(populate_existing=True)
    )
    found = await session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise ExternalOrderUnknown
    return found


async def replace_lines(
    session: AsyncSession, order: ExternalOrder, lines: Sequence[dict[str, Any]]
) -> None:
    """The lines as they are said now, of an order that is not placed."""
    await session.execute(
        delete(ExternalLine).where(
            ExternalLine.source == order.source, ExternalLine.number == order.number
        )
    )
    await session.execute(insert(ExternalLine), list(lines))


async def list_lines(session: AsyncSession, keys: Collection[Key]) -> Sequence[ExternalLine]:
    """Lines of orders, by number and position."""
    found = await session.scalars(
        select(ExternalLine)
        .where(tuple_(ExternalLine.source, ExternalLine.number).in_(list(keys)))
        .order_by(ExternalLine.number, ExternalLine.line_no)
        .execution_options(populate_existing=True)
    )
    return found.all()


async def change_state(
    session: AsyncSession,
    order: ExternalOrder,
    wanted: ExternalState,
    *,
    at: datetime,
    actor: str,
    reason: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Move a locked order along the table, with its history; raises MoveNotAllowed."""
    EXTERNAL_MOVES.require(order.state, wanted)
    session.add(
        ExternalMove(
            entry_id=new_id(),
            source=order.source,
            number=order.number,
            from_state=order.state.value,
            to_state=wanted.value,
            at=at,
            actor=actor,
            reason=reason,
            facts=facts,
        )
    )
    order.state, order.reason, order.changed_at = wanted, reason, at
    await session.flush()


async def list_moves(session: AsyncSession, key: Key) -> Sequence[ExternalMove]:
    """Moves of an order, oldest first."""
    found = await session.scalars(
        select(ExternalMove)
        .where(ExternalMove.source == key[0], ExternalMove.number == key[1])
        .order_by(ExternalMove.entry_id)
    )
    return found.all()


async def insert_refunds(session: AsyncSession, refunds: Sequence[dict[str, Any]]) -> list[Key]:
    """Insert refunds that are not there yet; the orders they are of."""
    if not refunds:
        return []
    added = await session.execute(
        insert(ExternalRefund)
        .values(list(refunds))
        .on_conflict_do_nothing()
        .returning(ExternalRefund.source, ExternalRefund.number)
    )
    return sorted({(row.source, row.number) for row in added})


async def list_refunds(
    session: AsyncSession, key: Key, *, lock: bool = False
) -> Sequence[ExternalRefund]:
    """Refunds of an order, oldest first; lock the order before."""
    query = (
        select(ExternalRefund)
        .where(ExternalRefund.source == key[0], ExternalRefund.number == key[1])
        .order_by(ExternalRefund.refunded_at, ExternalRefund.refund_no)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query.with_for_update() if lock else query)).all()


async def sum_refunds(
    session: AsyncSession, source: Marketplace, numbers: Collection[str]
) -> dict[tuple[str, str | None], int]:
    """What is known to be given back, by number and position."""
    found = await session.execute(
        select(ExternalRefund.number, ExternalRefund.line_no, func.sum(ExternalRefund.amount_fen))
        .where(ExternalRefund.source == source, ExternalRefund.number.in_(numbers))
        .group_by(ExternalRefund.number, ExternalRefund.line_no)
    )
    return {(number, line_no): int(amount) for number, line_no, amount in found}


async def end_refunds(session: AsyncSession, key: Key, *, outcome: RefundOutcome) -> None:
    """Nothing remains to be done about the refunds of an order that is none of ours."""
    await session.execute(
        update(ExternalRefund)
        .where(
            ExternalRefund.source == key[0],
            ExternalRefund.number == key[1],
            ExternalRefund.outcome.is_(None),
        )
        .values(outcome=outcome, next_try_at=None)
        .execution_options(synchronize_session=False)
    )


async def list_standing(session: AsyncSession, *, before: datetime) -> Sequence[Key]:
    """Orders that wait for no person and have stood still since an instant."""
    rows = await session.execute(
        select(ExternalOrder.source, ExternalOrder.number)
        .where(
            ExternalOrder.state.in_([ExternalState.RECEIVED, ExternalState.MAPPED]),
            ExternalOrder.changed_at < before,
        )
        .order_by(ExternalOrder.received_at)
        .limit(BATCH)
    )
    return [(row.source, row.number) for row in rows]


async def list_due_refunds(session: AsyncSession, *, now: datetime) -> Sequence[Key]:
    """Orders with a refund that is due to be looked at, where the order is known."""
    rows = await session.execute(
        select(ExternalRefund.source, ExternalRefund.number)
        .join(
            ExternalOrder,
            and_(
                ExternalOrder.source == ExternalRefund.source,
                ExternalOrder.number == ExternalRefund.number,
            ),
        )
        .where(ExternalRefund.next_try_at <= now)
        .distinct()
        .limit(BATCH)
    )
    return [(row.source, row.number) for row in rows]


async def list_waiting_for_skus(session: AsyncSession, shop_id: UUID, sku: str) -> Sequence[Key]:
    """Orders of a shop that wait for what an SKU is."""
    rows = await session.execute(
        select(ExternalOrder.source, ExternalOrder.number)
        .join(
            ExternalLine,
            and_(
                ExternalLine.source == ExternalOrder.source,
                ExternalLine.number == ExternalOrder.number,
            ),
        )
        .where(
            ExternalOrder.shop_id == shop_id,
            ExternalOrder.state == ExternalState.NEEDS_SKU,
            ExternalLine.sku == sku,
        )
        .distinct()
        .order_by(ExternalOrder.number)
    )
    return [(row.source, row.number) for row in rows]


async def list_waiting_to_agree(session: AsyncSession, shop_id: UUID) -> Sequence[Key]:
    """Orders of a shop that wait for nothing but the agreement."""
    rows = await session.execute(
        select(ExternalOrder.source, ExternalOrder.number).where(
            ExternalOrder.shop_id == shop_id,
            ExternalOrder.state == ExternalState.NEEDS_ADDRESS,
            ExternalOrder.reason == "agreement",
        )
    )
    return [(row.source, row.number) for row in rows]


async def list_mappable(session: AsyncSession) -> Sequence[Key]:
    """Orders that wait for SKUs which have all been mapped meanwhile."""
    unmapped = (
        select(ExternalLine.sku)
        .outerjoin(
            SkuMapping,
            and_(SkuMapping.shop_id == ExternalOrder.shop_id, SkuMapping.sku == ExternalLine.sku),
        )
        .where(
            ExternalLine.source == ExternalOrder.source,
            ExternalLine.number == ExternalOrder.number,
            SkuMapping.sku.is_(None),
        )
        .correlate(ExternalOrder)
        .exists()
    )
    rows = await session.execute(
        select(ExternalOrder.source, ExternalOrder.number)
        .where(ExternalOrder.state == ExternalState.NEEDS_SKU, ~unmapped)
        .limit(BATCH)
    )
    return [(row.source, row.number) for row in rows]


async def count_unmapped(session: AsyncSession) -> list[tuple[UUID, str, str, int, datetime]]:
    """Unmapped SKUs of waiting orders: shop, SKU, a title, orders, since when."""
    rows = await session.execute(
        select(
            ExternalOrder.shop_id,
            ExternalLine.sku,
            func.max(ExternalLine.title),
            func.count(ExternalOrder.number.distinct()),
            func.min(ExternalOrder.received_at),
        )
        .join(
            ExternalLine,
            and_(
                ExternalLine.source == ExternalOrder.source,
                ExternalLine.number == ExternalOrder.number,
            ),
        )
        .outerjoin(
            SkuMapping,
            and_(SkuMapping.shop_id == ExternalOrder.shop_id, SkuMapping.sku == ExternalLine.sku),
        )
        .where(ExternalOrder.state == ExternalState.NEEDS_SKU, SkuMapping.sku.is_(None))
        .group_by(ExternalOrder.shop_id, ExternalLine.sku)
        .order_by(func.min(ExternalOrder.received_at))
    )
    return [(shop, sku, title, count, since) for shop, sku, title, count, since in rows]


async def list_orders(
    session: AsyncSession,
    *,
    wanted: Sequence[ColumnElement[bool]],
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[ExternalOrder]:
    """Orders newest first."""
    conditions = list(wanted)
    if after is not None:
        conditions.append(
            tuple_(ExternalOrder.received_at, ExternalOrder.external_id) < tuple_(*after)
        )
    found = await session.scalars(
        select(ExternalOrder)
        .where(*conditions)
        .order_by(ExternalOrder.received_at.desc(), ExternalOrder.external_id.desc())
        .limit(limit)
    )
    return found.all()


async def blank_customer(session: AsyncSession, customer_id: UUID) -> None:
    """Empty what was said of an erased customer."""
    await session.execute(
        update(ExternalOrder)
        .where(ExternalOrder.customer_id == customer_id)
        .values(raw_sealed=b"", receiver_sealed=b"", claim_token_sealed=None)
        .execution_options(synchronize_session=False)
    )


async def list_of_customer(session: AsyncSession, customer_id: UUID) -> Sequence[ExternalOrder]:
    """Outside orders a customer has claimed."""
    found = await session.scalars(
        select(ExternalOrder)
        .where(ExternalOrder.customer_id == customer_id)
        .order_by(ExternalOrder.received_at)
    )
    return found.all()
