"""Refunds a marketplace has made: mirrored in the books, and cut from the order."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.errors import RefundExceedsPaid
from app.billing.service import mirror_refund
from app.core.alerts import raise_alert
from app.core.db import Database
from app.core.errors import AppError
from app.marketplaces.models import ExternalRefund
from app.marketplaces.repository import orders as rows
from app.marketplaces.repository.orders import Key
from app.marketplaces.service.receiving import enqueue_processing
from app.marketplaces.states import RefundOutcome
from app.orders.service import CutOutcome, cut_order

log = structlog.get_logger()

EXCEEDS: Final = "marketplace_refund_exceeds"
"""Alert: a marketplace gave back more than the order had left."""
TRY_AGAIN: Final = timedelta(minutes=5)
_OUTCOMES = {
    CutOutcome.ENDED: RefundOutcome.ENDED,
    CutOutcome.CUT: RefundOutcome.CUT,
    CutOutcome.NOTHING: RefundOutcome.NOTHING,
    CutOutcome.WAITS: RefundOutcome.WAITS,
}


async def apply_refunds(database: Database, key: Key, *, now: datetime) -> None:
    """Mirror and cut what an order's refunds ask for, each in a transaction of its own."""
    async with database.transaction() as session:
        order = await rows.lock_order(session, key)
        if order is None or order.order_id is None:
            await _before_order(session, key)
            return
        due = [
            refund.refund_no for refund in await rows.list_refunds(session, key) if _open(refund)
        ]
    for refund_no in due:
        try:
            async with database.transaction() as session:
                await _apply(session, key, refund_no, now=now)
        except AppError as error:
            log.warning("marketplaces.refund_waits", code=error.code)
            async with database.transaction() as session:
                await _put_off(session, key, refund_no, until=now + TRY_AGAIN)


def _open(refund: ExternalRefund) -> bool:
    return refund.next_try_at is not None


async def _before_order(session: AsyncSession, key: Key) -> None:
    """Refunds that wait for their order are looked at when it moves, not by the clock."""
    await session.execute(
        update(ExternalRefund)
        .where(ExternalRefund.source == key[0], ExternalRefund.number == key[1])
        .values(next_try_at=None)
        .execution_options(synchronize_session=False)
    )


async def wake(session: AsyncSession, key: Key) -> None:
    """Let the refunds of an order be looked at again, now that it has moved on."""
    for refund in await rows.list_refunds(session, key):
        if refund.outcome in {None, RefundOutcome.WAITS, RefundOutcome.BEFORE_ORDER}:
            refund.outcome = None
            refund.next_try_at = refund.received_at
    await session.flush()
    await enqueue_processing(session, [key])


async def _apply(session: AsyncSession, key: Key, refund_no: str, *, now: datetime) -> None:
    order = await rows.lock_order(session, key)
    if order is None or order.order_id is None or order.customer_id is None:
        return
    refund = await session.get(
        ExternalRefund, (key[0], refund_no), with_for_update=True, populate_existing=True
    )
    if refund is None or not _open(refund):
        return
    if refund.mirrored_at is None and not await _mirror(
        session, refund, order.customer_id, order.order_id, now=now
    ):
        return
    refunded = [one for one in await rows.list_refunds(session, key) if one.mirrored_at]
    is_whole = sum(one.amount_fen for one in refunded) >= order.paid_fen
    cut = await cut_order(
        session,
        customer_id=order.customer_id,
        order_id=order.order_id,
        refund_fen=order.paid_fen if is_whole else refund.amount_fen,
        line_ids=await _line_ids(session, key, None if is_whole else refund.line_no),
        cause_id=refund.refund_id,
        actor="system",
        now=now,
    )
    refund.outcome, refund.bottles = _OUTCOMES[cut.outcome], cut.bottles
    refund.difference_fen = refund.amount_fen - cut.value_fen
    refund.next_try_at = now + TRY_AGAIN if cut.outcome is CutOutcome.WAITS else None
    await session.flush()


async def _mirror(
    session: AsyncSession,
    refund: ExternalRefund,
    customer_id: UUID,
    order_id: UUID,
    *,
    now: datetime,
) -> bool:
    try:
        await mirror_refund(
            session,
            customer_id=customer_id,
            reference_id=order_id,
            refund_no=f"{refund.source.value}:{refund.refund_no}",
            amount_fen=refund.amount_fen,
            now=now,
        )
    except RefundExceedsPaid as error:
        refund.outcome, refund.next_try_at = RefundOutcome.EXCEEDS, None
        refund.difference_fen = refund.amount_fen
        await raise_alert(
            session, EXCEEDS, str(refund.refund_id), source=refund.source.value, **error.facts
        )
        await session.flush()
        return False
    refund.mirrored_at = now
    await session.flush()
    return True


async def _line_ids(session: AsyncSession, key: Key, line_no: str | None) -> list[UUID]:
    """Our lines behind a position of the marketplace, else all it paid for: none added since."""
    lines = await rows.list_lines(session, [key])
    named = [line.order_line_id for line in lines if line_no in {None, line.line_no}]
    every = [line.order_line_id for line in lines]
    return [line_id for line_id in named or every if line_id is not None]


async def _put_off(session: AsyncSession, key: Key, refund_no: str, *, until: datetime) -> None:
    refund = await session.get(
        ExternalRefund, (key[0], refund_no), with_for_update=True, populate_existing=True
    )
    if refund is not None and _open(refund):
        refund.next_try_at = until
