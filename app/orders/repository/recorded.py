"""SQL of changes recorded at the door, and of which kinds need the household's word."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.orders.errors import PolicyChangedMeanwhile
from app.orders.models import ConfirmationPolicy, Order, OrderChange
from app.orders.states import ChangeStatus

_EXCLUDED: Final = "23P01"


async def needs_confirmation(session: AsyncSession, kind: str, *, on: date) -> bool:
    """Whether a kind waits for the household on a day; without a rule it does."""
    found = await session.scalar(
        select(ConfirmationPolicy.needs_confirmation).where(
            ConfirmationPolicy.kind == kind, ConfirmationPolicy.valid.contains(on)
        )
    )
    return found is not False


async def list_rules(session: AsyncSession) -> list[ConfirmationPolicy]:
    """Every rule ever in force, by kind and date."""
    return list(
        await session.scalars(
            select(ConfirmationPolicy).order_by(
                ConfirmationPolicy.kind, func.lower(ConfirmationPolicy.valid).nulls_first()
            )
        )
    )


async def replace_rule(
    session: AsyncSession, *, kind: str, from_date: date, needs_confirmation: bool, actor: str
) -> ConfirmationPolicy:
    """Let a rule hold for a kind from a date on; what held before ends there.

    Raises PolicyChangedMeanwhile when another change came first.
    """
    mine = ConfirmationPolicy.kind == kind
    await session.execute(select(ConfirmationPolicy.id).where(mine).with_for_update())
    await session.execute(
        delete(ConfirmationPolicy).where(mine, func.lower(ConfirmationPolicy.valid) >= from_date)
    )
    await session.execute(
        update(ConfirmationPolicy)
        .where(mine, ConfirmationPolicy.valid.contains(from_date))
        .values(valid=func.daterange(func.lower(ConfirmationPolicy.valid), from_date, "[)"))
        .execution_options(synchronize_session=False)
    )
    rule = ConfirmationPolicy(
        id=new_id(),
        kind=kind,
        valid=Range(from_date, None, bounds="[)"),
        needs_confirmation=needs_confirmation,
        created_by=actor,
    )
    session.add(rule)
    try:
        await session.flush()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _EXCLUDED:
            raise PolicyChangedMeanwhile from error
        raise
    return rule


async def find_same(
    session: AsyncSession, order: Order, request: dict[str, Any]
) -> OrderChange | None:
    """The same wish of a locked order that waits already."""
    found: OrderChange | None = await session.scalar(
        select(OrderChange)
        .where(
            OrderChange.customer_id == order.customer_id,
            OrderChange.order_id == order.order_id,
            OrderChange.status == ChangeStatus.AWAITING_CONFIRMATION,
            OrderChange.request == request,
        )
        .limit(1)
    )
    return found


async def list_recorded(
    session: AsyncSession,
    deliverer_id: UUID,
    *,
    limit: int,
    before: tuple[datetime, UUID] | None,
) -> list[tuple[OrderChange, Order]]:
    """What a deliverer wrote down, newest first."""
    query = (
        select(OrderChange, Order)
        .join(
            Order,
            (Order.customer_id == OrderChange.customer_id)
            & (Order.order_id == OrderChange.order_id),
        )
        .where(OrderChange.recorded_by == deliverer_id)
        .order_by(OrderChange.at.desc(), OrderChange.change_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(tuple_(OrderChange.at, OrderChange.change_id) < before)
    return [(change, order) for change, order in await session.execute(query)]


_EXPIRE: Final = text("""
WITH waiting AS (
    SELECT c.customer_id, c.order_id, c.change_id, c.confirm_before_at <= :now AS is_late
    FROM order_changes c WHERE c.status = 'awaiting_confirmation'
    UNION ALL
    SELECT c.customer_id, c.order_id, c.change_id, false
    FROM order_changes c WHERE c.status IN ('under_review', 'awaiting_box')
), due AS (
    SELECT c.customer_id, c.change_id
    FROM waiting w
    JOIN orders o ON o.customer_id = w.customer_id AND o.order_id = w.order_id
    JOIN order_changes c ON c.customer_id = w.customer_id AND c.change_id = w.change_id
        AND c.status IN ('awaiting_confirmation', 'under_review', 'awaiting_box')
    WHERE w.is_late OR o.status <> 'delivering'
    ORDER BY c.customer_id, c.change_id
    LIMIT :limit
    FOR UPDATE OF c SKIP LOCKED
), ended AS (
    UPDATE order_changes c SET status = 'expired'
    FROM due WHERE c.customer_id = due.customer_id AND c.change_id = due.change_id
    RETURNING c.customer_id, c.change_id, old.status AS before
), reviews AS (
    UPDATE order_reviews r SET decision = 'withdrawn', decided_at = :now, decided_by = 'system'
    FROM ended
    WHERE r.customer_id = ended.customer_id AND r.review_id = ended.change_id
      AND r.decision IS NULL
)
INSERT INTO order_change_history
    (customer_id, entry_id, change_id, from_status, to_status, at, actor, reason)
SELECT customer_id, uuidv7(), change_id, before, 'expired', :now, 'system', NULL FROM ended
""")


async def expire_waiting(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """End what nobody confirmed before its cut-off, and what waits on orders that are over."""
    result = await session.execute(_EXPIRE, {"now": now, "limit": limit})
    return int(getattr(result, "rowcount", 0))
