"""SQL of refunds and of the limit above which they need a second person."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.errors import RefundUnknown
from app.billing.models import Refund, RefundLimit, RefundRule
from app.billing.rules import RefundTerms
from app.billing.states import ASKABLE_REFUNDS, PaymentChannel, RefundStatus

BATCH: Final = 1000
"""Rows one sweep wakes up; the rest waits for the next."""


async def get_refund(session: AsyncSession, customer_id: UUID, refund_id: UUID) -> Refund:
    """A refund as it is now; raises RefundUnknown."""
    found = await session.get(Refund, (customer_id, refund_id), populate_existing=True)
    if found is None:
        raise RefundUnknown
    return found


async def lock_refund(session: AsyncSession, customer_id: UUID, refund_id: UUID) -> Refund:
    """A refund, re-read under its row lock; raises RefundUnknown."""
    found = await session.get(
        Refund, (customer_id, refund_id), populate_existing=True, with_for_update=True
    )
    if found is None:
        raise RefundUnknown
    return found


async def list_payment_refunds(
    session: AsyncSession, customer_id: UUID, payment_ids: Collection[UUID]
) -> Sequence[Refund]:
    """Refunds of these payments, oldest first; lock the payments before."""
    found = await session.scalars(
        select(Refund)
        .where(Refund.customer_id == customer_id, Refund.payment_id.in_(payment_ids))
        .order_by(Refund.created_at, Refund.refund_id)
        .execution_options(populate_existing=True)
    )
    return found.all()


async def last_refund_asked_at(session: AsyncSession, refund: Refund) -> datetime | None:
    """When another refund of the same payment was last sent to the channel."""
    return await session.scalar(
        select(func.max(Refund.asked_at)).where(
            Refund.customer_id == refund.customer_id,
            Refund.payment_id == refund.payment_id,
            Refund.refund_id != refund.refund_id,
        )
    )


async def list_due_refunds(session: AsyncSession, *, now: datetime) -> Sequence[Refund]:
    """Refunds the channel should be asked about now, oldest first."""
    found = await session.scalars(
        select(Refund)
        .where(Refund.status.in_(ASKABLE_REFUNDS), Refund.next_try_at <= now)
        .order_by(Refund.next_try_at)
        .limit(BATCH)
    )
    return found.all()


async def list_refunds(
    session: AsyncSession,
    *,
    customer_id: UUID | None,
    status: RefundStatus | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Refund]:
    """Refunds of one customer or of all, newest first."""
    wanted: list[ColumnElement[bool]] = []
    if customer_id is not None:
        wanted.append(Refund.customer_id == customer_id)
    if status is not None:
        wanted.append(Refund.status == status)
    if after is not None:
        wanted.append(tuple_(Refund.created_at, Refund.refund_id) < tuple_(*after))
    found = await session.scalars(
        select(Refund)
        .where(*wanted)
        .order_by(Refund.created_at.desc(), Refund.refund_id.desc())
        .limit(limit)
    )
    return found.all()


async def find_refund_limit(session: AsyncSession, *, on: date) -> int | None:
    """The limit in force on a date, in fen."""
    return await session.scalar(
        select(RefundLimit.limit_fen)
        .where(RefundLimit.valid_from <= on)
        .order_by(RefundLimit.valid_from.desc())
        .limit(1)
    )


async def list_refund_limits(session: AsyncSession) -> Sequence[RefundLimit]:
    """All limits, newest first."""
    found = await session.scalars(select(RefundLimit).order_by(RefundLimit.valid_from.desc()))
    return found.all()


async def put_refund_limit(
    session: AsyncSession, *, valid_from: date, limit_fen: int, set_by: UUID, now: datetime
) -> None:
    """Set the limit from a date on; a second one for the same date replaces the first."""
    statement = insert(RefundLimit).values(
        valid_from=valid_from, limit_fen=limit_fen, set_by=set_by, set_at=now
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[RefundLimit.valid_from],
            set_={
                "limit_fen": statement.excluded.limit_fen,
                "set_by": statement.excluded.set_by,
                "set_at": statement.excluded.set_at,
            },
        )
    )


_NO_LIMIT: Final = RefundTerms()


class TermsOfDay:
    """How each channel gives money back on a date; `found` are the rules up to it, in order."""

    def __init__(self, found: Sequence[RefundRule]) -> None:
        self._terms = {
            rule.channel: RefundTerms(
                max_age_days=rule.max_age_days,
                max_refunds=rule.max_refunds,
                gap_seconds=rule.gap_seconds,
            )
            for rule in found
        }

    def of(self, channel: PaymentChannel) -> RefundTerms:
        """Those of a channel; without any limit where no row tells."""
        return self._terms.get(channel, _NO_LIMIT)


async def read_terms(session: AsyncSession, *, on: date) -> TermsOfDay:
    """The refund terms in force on a date."""
    found = await session.scalars(
        select(RefundRule).where(RefundRule.valid_from <= on).order_by(RefundRule.valid_from)
    )
    return TermsOfDay(found.all())


async def list_refund_rules(session: AsyncSession) -> Sequence[RefundRule]:
    """All rules, by channel, the newest first."""
    found = await session.scalars(
        select(RefundRule)
        .order_by(RefundRule.channel, RefundRule.valid_from.desc())
        .execution_options(populate_existing=True)
    )
    return found.all()


async def put_refund_rule(session: AsyncSession, rule: RefundRule) -> None:
    """Write a rule; a second one for the same channel and date replaces the first."""
    told = {
        name: getattr(rule, name)
        for name in ("max_age_days", "max_refunds", "gap_seconds", "articles", "set_by", "set_at")
    }
    await session.execute(
        insert(RefundRule)
        .values(channel=rule.channel, valid_from=rule.valid_from, **told)
        .on_conflict_do_update(
            index_elements=[RefundRule.channel, RefundRule.valid_from], set_=told
        )
    )
