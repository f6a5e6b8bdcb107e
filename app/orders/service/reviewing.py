"""Review of online orders by coverage or by a person (S1 4.3.1)."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import request_refund
from app.core.clock import local_date
from app.core.events import publish
from app.customers.service import Building, contact_phone, get_address
from app.network.service import Coverage, check_coverage, get_block_station
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.errors import NoReviewWaiting
from app.orders.events import OrderRejected
from app.orders.models import Order, OrderReview
from app.orders.service.confirming import ServedBy, confirm_order
from app.orders.states import OrderStatus

OUT_OF_AREA = "地址不在配送范围内"
DEFAULT_STOP_NO = 9999


async def review_by_coverage(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, now: datetime
) -> str | None:
    """Decide a paid order by its address; answers the verdict, None when nothing waits.

    Covered: approved at once. Unclear: a reviewer's queue. Uncovered: rejected and refunded.
    """
    order = await repository.lock_order(session, customer_id, order_id)
    if order.status is not OrderStatus.UNDER_REVIEW:
        return None
    if await session.get(OrderReview, (customer_id, order_id)) is not None:
        return None
    building = await get_address(session, customer_id=customer_id, address_id=order.address_id)
    coverage = await check_coverage(session, building=building, on=local_date(now))
    review = OrderReview(
        customer_id=customer_id, order_id=order_id, verdict=coverage.verdict, opened_at=now
    )
    session.add(review)
    await session.flush()
    if coverage.verdict == "uncovered":
        await _reject(session, order, review, reason=OUT_OF_AREA, actor="system", now=now)
    elif served_by := _served_by(coverage):
        await _approve(session, order, review, served_by=served_by, actor="system", now=now)
    else:
        await _tell(session, order, "order_address_unclear", {"order": order.order_no}, now=now)
    return coverage.verdict


def _served_by(coverage: Coverage) -> ServedBy | None:
    if coverage.verdict != "covered" or coverage.station_id is None or coverage.block_id is None:
        return None
    stop_no = DEFAULT_STOP_NO if coverage.stop_no is None else coverage.stop_no
    return ServedBy(coverage.station_id, coverage.block_id, stop_no)


async def decide_review(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_id: UUID,
    approve: bool,
    block_id: UUID | None,
    stop_no: int | None,
    reason: str | None,
    actor: str,
    now: datetime,
) -> Order:
    """A reviewer's decision; approval names the block. Raises NoReviewWaiting."""
    order = await repository.lock_order(session, customer_id, order_id)
    review = await session.get(OrderReview, (customer_id, order_id), with_for_update=True)
    if order.status is not OrderStatus.UNDER_REVIEW or review is None or review.decision:
        raise NoReviewWaiting
    if approve and block_id is not None:
        station_id = await get_block_station(session, block_id=block_id)
        served_by = ServedBy(station_id, block_id, DEFAULT_STOP_NO if stop_no is None else stop_no)
        await _approve(session, order, review, served_by=served_by, actor=actor, now=now)
    else:
        await _reject(session, order, review, reason=reason or OUT_OF_AREA, actor=actor, now=now)
    return order


async def _approve(
    session: AsyncSession,
    order: Order,
    review: OrderReview,
    *,
    served_by: ServedBy,
    actor: str,
    now: datetime,
) -> None:
    first = await confirm_order(session, order, served_by=served_by, actor=actor, now=now)
    review.decision, review.decided_at, review.decided_by = "approved", now, actor
    parameters = {"order": order.order_no, "date": first.isoformat()}
    await _tell(session, order, "order_confirmed", parameters, now=now)


async def _reject(
    session: AsyncSession,
    order: Order,
    review: OrderReview,
    *,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    review.decision, review.decided_at, review.decided_by = "rejected", now, actor
    review.reason = reason
    order.ended_at = now
    await repository.change_status(
        session, order, OrderStatus.REJECTED, at=now, actor=actor, reason=reason
    )
    await request_refund(
        session,
        customer_id=order.customer_id,
        reference_id=order.order_id,
        amount_fen=order.price_fen,
        cause="order_rejected",
        now=now,
    )
    parameters = {"order": order.order_no, "reason": reason}
    await _tell(session, order, "order_rejected", parameters, now=now)
    await publish(
        session, OrderRejected(customer_id=order.customer_id, order_id=order.order_id, at=now)
    )


async def _tell(
    session: AsyncSession, order: Order, template: str, parameters: dict[str, str], *, now: datetime
) -> None:
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=await contact_phone(session, customer_id=order.customer_id),
        template=template,
        parameters=parameters,
        cause=f"{template}:{order.order_id}",
        now=now,
    )


@dataclass(frozen=True)
class WaitingReview:
    """An order in the reviewer's queue, with the coverage beside it."""

    review: OrderReview
    order: Order
    building: Building
    candidates: tuple[UUID, ...]


async def list_waiting(
    session: AsyncSession,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None,
    today: date,
) -> list[WaitingReview]:
    """The reviewer's queue, oldest first."""
    waiting = []
    for review, order in await repository.waiting_reviews(session, limit=limit, after=after):
        building = await get_address(
            session, customer_id=order.customer_id, address_id=order.address_id
        )
        coverage = await check_coverage(session, building=building, on=today)
        waiting.append(WaitingReview(review, order, building, coverage.candidates))
    return waiting
