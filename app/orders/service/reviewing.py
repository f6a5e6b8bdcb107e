"""Review of online orders by coverage or by a person (S1 4.3.1)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import request_refund
from app.core.clock import local_date
from app.core.events import publish
from app.customers.models import AddressVersion
from app.customers.service import contact_phone, get_address
from app.network.service import (
    Coverage,
    check_coverage,
    get_block_station,
    match_many,
)
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.changes.destinations import DEFAULT_STOP_NO, ServedBy, find_standing
from app.orders.changes.relocating import OUT_OF_AREA, approve_move, reject_move
from app.orders.depositing import let_go
from app.orders.errors import NoReviewWaiting
from app.orders.events import OrderRejected
from app.orders.models import Order, OrderChange, OrderReview
from app.orders.repository import Candidate
from app.orders.service.confirming import confirm_order
from app.orders.states import OrderStatus


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
    coverage, served_by = await _who_serves(session, order, today=local_date(now))
    review = OrderReview(
        customer_id=customer_id, order_id=order_id, verdict=coverage.verdict, opened_at=now
    )
    session.add(review)
    await session.flush()
    if coverage.verdict == "uncovered":
        await _reject(session, order, review, reason=OUT_OF_AREA, actor="system", now=now)
    elif served_by is not None:
        await _approve(session, order, review, served_by=served_by, actor="system", now=now)
    else:
        await _tell(session, order, "order_address_unclear", {"order": order.order_no}, now=now)
    return coverage.verdict


async def _who_serves(
    session: AsyncSession, order: Order, *, today: date
) -> tuple[Coverage, ServedBy | None]:
    """The verdict on an order's address; a renewal goes on with who comes already."""
    if order.renews_order_id is not None:
        standing = await find_standing(
            session, customer_id=order.customer_id, address_id=order.address_id, today=today
        )
        if standing is not None:
            return Coverage("covered"), standing
    building = await get_address(
        session, customer_id=order.customer_id, address_id=order.address_id
    )
    coverage = await check_coverage(session, building=building, on=today)
    return coverage, ServedBy.of(coverage)


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
    change_id: UUID | None = None,
) -> Order:
    """A reviewer's decision on an order, or on its move; approval names the block.

    `change_id` names the move that was looked at, so that another one is not meant.
    Raises NoReviewWaiting and what `approve_move` raises.
    """
    order = await repository.get_order(session, customer_id, order_id)
    if change_id is not None or order.status is OrderStatus.DELIVERING:
        return await _decide_move(
            session,
            order,
            change_id,
            served_by=await _named_block(session, block_id, stop_no) if approve else None,
            reason=reason or OUT_OF_AREA,
            actor=actor,
            now=now,
        )
    order = await repository.lock_order(session, customer_id, order_id)
    review = await session.get(OrderReview, (customer_id, order_id), with_for_update=True)
    if order.status is not OrderStatus.UNDER_REVIEW or review is None or review.decision:
        raise NoReviewWaiting
    served_by = await _named_block(session, block_id, stop_no) if approve else None
    if served_by is not None:
        await _approve(session, order, review, served_by=served_by, actor=actor, now=now)
    else:
        await _reject(session, order, review, reason=reason or OUT_OF_AREA, actor=actor, now=now)
    return order


async def _named_block(
    session: AsyncSession, block_id: UUID | None, stop_no: int | None
) -> ServedBy | None:
    if block_id is None:
        return None
    station_id = await get_block_station(session, block_id=block_id)
    return ServedBy(station_id, block_id, DEFAULT_STOP_NO if stop_no is None else stop_no)


async def _decide_move(
    session: AsyncSession,
    order: Order,
    change_id: UUID | None,
    *,
    served_by: ServedBy | None,
    reason: str,
    actor: str,
    now: datetime,
) -> Order:
    waiting = await repository.find_waiting_move(session, order.customer_id, order.order_id)
    if waiting is None or change_id not in {None, waiting.change_id}:
        raise NoReviewWaiting
    if served_by is None:
        return await reject_move(
            session,
            order=order,
            change_id=waiting.change_id,
            reason=reason,
            actor=actor,
            now=now,
        )
    return await approve_move(
        session,
        order=order,
        change_id=waiting.change_id,
        served_by=served_by,
        actor=actor,
        now=now,
    )


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
    await let_go(session, order, actor=actor, now=now)
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


class ReviewReason(StrEnum):
    """Why a person must look, by the coverage as it is now."""

    PLACE_UNKNOWN = "place_unknown"
    CHECK_NUMBER = "check_number"
    SEVERAL_BLOCKS = "several_blocks"
    COVERED_NOW = "covered_now"
    UNCOVERED_NOW = "uncovered_now"


REASON_LABELS = {
    ReviewReason.PLACE_UNKNOWN: "地址中没有可识别的小区、道路或坐标",
    ReviewReason.CHECK_NUMBER: "附近有区块，请核对门牌号和区县",
    ReviewReason.SEVERAL_BLOCKS: "有多个区块可能配送，请选定一个",
    ReviewReason.COVERED_NOW: "现已在配送范围内，可直接通过",
    ReviewReason.UNCOVERED_NOW: "附近没有区块",
}


def _reason(coverage: Coverage) -> ReviewReason:
    if coverage.verdict == "covered":
        return ReviewReason.COVERED_NOW
    if coverage.verdict == "uncovered":
        return ReviewReason.UNCOVERED_NOW
    if not coverage.candidates:
        return ReviewReason.PLACE_UNKNOWN
    several = len(coverage.candidates) > 1
    return ReviewReason.SEVERAL_BLOCKS if several else ReviewReason.CHECK_NUMBER


@dataclass(frozen=True)
class WaitingReview:
    """An order or a move in the reviewer's queue, with the coverage of its building as it is now."""

    review: OrderReview
    order: Order
    change: OrderChange | None
    """The move that is reviewed; None: the order itself."""
    building: AddressVersion
    reason: ReviewReason
    candidates: list[Candidate]
    stop_no: int | None


async def list_waiting(
    session: AsyncSession,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None,
    today: date,
    city_code: str | None = None,
) -> list[WaitingReview]:
    """The reviewer's queue, oldest first, in a fixed number of statements."""
    waiting = await repository.waiting_reviews(
        session, limit=limit, after=after, city_code=city_code
    )
    covered = await match_many(
        session, buildings=[building for _, _, _, building in waiting], on=today
    )
    blocks = await repository.read_candidates(
        session, {block for coverage in covered for block in _choices(coverage)}
    )
    return [
        WaitingReview(
            review=review,
            order=order,
            change=change,
            building=building,
            reason=_reason(coverage),
            candidates=[blocks[block] for block in _choices(coverage)],
            stop_no=coverage.stop_no,
        )
        for (review, order, change, building), coverage in zip(waiting, covered, strict=True)
    ]


def _choices(coverage: Coverage) -> tuple[UUID, ...]:
    return coverage.candidates if coverage.block_id is None else (coverage.block_id,)
