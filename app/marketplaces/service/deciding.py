"""What a person decides about an outside order that does not go on by itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.marketplaces.errors import NothingToReview
from app.marketplaces.models import ExternalOrder
from app.marketplaces.repository import orders as rows
from app.marketplaces.service.receiving import enqueue_processing
from app.marketplaces.states import WAITING, ExternalState


async def accept(
    session: AsyncSession, *, external_id: UUID, actor: str, reason: str | None, now: datetime
) -> ExternalOrder:
    """Have an order placed with the amount paid, whatever its positions say; it goes on.

    Raises ExternalOrderUnknown, NothingToReview.
    """
    order = await rows.find_by_id(session, external_id, lock=True)
    if order.state is not ExternalState.NEEDS_REVIEW:
        raise NothingToReview(state=order.state.value)
    order.accepted_at = now
    await rows.change_state(
        session, order, ExternalState.RECEIVED, at=now, actor=actor, reason=reason or "accepted"
    )
    await enqueue_processing(session, [(order.source, order.number)])
    return order


async def refuse(
    session: AsyncSession, *, external_id: UUID, actor: str, reason: str, now: datetime
) -> ExternalOrder:
    """Take an order out of the work; its money is given back on the marketplace, by the shop.

    Raises ExternalOrderUnknown, NothingToReview.
    """
    order = await rows.find_by_id(session, external_id, lock=True)
    if order.state not in WAITING:
        raise NothingToReview(state=order.state.value)
    await rows.change_state(
        session, order, ExternalState.REFUSED, at=now, actor=actor, reason=reason
    )
    return order
