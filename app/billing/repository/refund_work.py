"""SQL of finance's work on refunds: what waits for a person, and for which act."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, and_, func, not_, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import Payment, Refund
from app.billing.rules import BY_HAND
from app.billing.states import OPEN_REFUNDS, PaymentChannel, RefundStatus, RefundWork

_UNPAID = text("refunds.status <> 'succeeded'")
"""Said in words, so that the index over just these serves whatever else is asked."""
HANDED_OUT = (PaymentChannel.CASH, PaymentChannel.POS)
"""Channels whose refunds a person hands over."""


@dataclass(frozen=True, slots=True)
class RefundTask:
    """A refund, how its payment came, and when."""

    refund: Refund
    channel: PaymentChannel
    captured_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorkSum:
    """How many refunds wait for an act, for how much (fen), and since when."""

    count: int
    amount_fen: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Endings:
    """How failures are written: refusals begin with `refused`, of which the codes `passing` are
    tried again; `replaced` ended because other refunds took its place.
    """

    refused: str
    passing: Collection[str]
    replaced: str

    def by_hand(self) -> ColumnElement[bool]:
        """What the channel cannot pay back, as `approving.resolve_manually` takes it.

        False, not NULL, where there is no failure, so that its opposite is true.
        """
        early = (RefundStatus.REQUESTED, RefundStatus.APPROVED)
        return func.coalesce(
            or_(
                Refund.status == RefundStatus.ABNORMAL,
                and_(
                    Refund.status == RefundStatus.FAILED,
                    Refund.failure.is_distinct_from(self.replaced),
                ),
                and_(Refund.status.in_(early), Refund.failure.in_(BY_HAND)),
                and_(
                    Refund.status == RefundStatus.SUBMITTED,
                    Refund.failure.startswith(self.refused),
                    Refund.failure.not_in([self.refused + code for code in self.passing]),
                ),
            ),
            False,
        )


def _waiting(work: RefundWork, by_hand: ColumnElement[bool]) -> ColumnElement[bool]:
    handed_out = and_(
        Refund.status == RefundStatus.APPROVED, Payment.channel.in_(HANDED_OUT), not_(by_hand)
    )
    match work:
        case RefundWork.APPROVE:
            return and_(
                Refund.status == RefundStatus.REQUESTED,
                Payment.channel != PaymentChannel.MARKETPLACE,
                not_(by_hand),
            )
        case RefundWork.PAY_OUT:
            return handed_out
        case RefundWork.BY_HAND:
            return by_hand
        case RefundWork.UNDER_WAY:
            return and_(
                Refund.status.in_(OPEN_REFUNDS),
                or_(
                    Refund.status != RefundStatus.REQUESTED,
                    Payment.channel == PaymentChannel.MARKETPLACE,
                ),
                not_(by_hand),
                not_(handed_out),
            )
        case RefundWork.DONE:
            return Refund.status == RefundStatus.SUCCEEDED


async def list_tasks(
    session: AsyncSession,
    *,
    work: RefundWork,
    endings: Endings,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[RefundTask]:
    """Refunds that wait for an act, oldest first; those that are done, newest first."""
    place = tuple_(Refund.created_at, Refund.refund_id)
    newest_first = work is RefundWork.DONE
    wanted: list[ColumnElement[bool] | TextClause] = [_waiting(work, endings.by_hand())]
    if not newest_first:
        wanted.append(_UNPAID)
    if after is not None:
        wanted.append(place < tuple_(*after) if newest_first else place > tuple_(*after))
    order = (Refund.created_at, Refund.refund_id)
    rows = await session.execute(
        select(Refund, Payment.channel, Payment.captured_at)
        .join(
            Payment,
            and_(
                Payment.customer_id == Refund.customer_id, Payment.payment_id == Refund.payment_id
            ),
        )
        .where(*wanted)
        .order_by(*([column.desc() for column in order] if newest_first else order))
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [
        RefundTask(refund, PaymentChannel(channel), captured_at)
        for refund, channel, captured_at in rows
    ]


async def sum_work(session: AsyncSession, *, endings: Endings) -> dict[RefundWork, WorkSum]:
    """What waits, by act; what is done is not counted."""
    by_hand = endings.by_hand()
    kinds = [work for work in RefundWork if work is not RefundWork.DONE]
    columns = [
        column
        for work in kinds
        for column in (
            func.count().filter(_waiting(work, by_hand)),
            func.coalesce(func.sum(Refund.amount_fen).filter(_waiting(work, by_hand)), 0),
            func.min(Refund.created_at).filter(_waiting(work, by_hand)),
        )
    ]
    row: Sequence[Any] = (
        await session.execute(
            select(*columns)
            .select_from(Refund)
            .join(
                Payment,
                and_(
                    Payment.customer_id == Refund.customer_id,
                    Payment.payment_id == Refund.payment_id,
                ),
            )
            .where(_UNPAID)
        )
    ).one()
    return {
        work: WorkSum(row[3 * place], int(row[3 * place + 1]), row[3 * place + 2])
        for place, work in enumerate(kinds)
    }
