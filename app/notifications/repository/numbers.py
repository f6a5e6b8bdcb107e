"""SQL of numbers, replies, and how the accounts fare."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.notifications.models import SmsAccountState, SmsAttempt, SmsNumber, SmsReply
from app.notifications.states import MAY_HAVE_ARRIVED, SmsAccount, SmsCategory


async def lock_number(session: AsyncSession, phone_index: bytes) -> SmsNumber:
    """A number, held until the transaction ends, so that its messages are counted one by one."""
    await session.execute(
        insert(SmsNumber).values(phone_index=phone_index).on_conflict_do_nothing()
    )
    return (
        await session.scalars(
            select(SmsNumber)
            .where(SmsNumber.phone_index == phone_index)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one()


async def opt_out(session: AsyncSession, phone_index: bytes, *, at: datetime) -> None:
    """Note a number's last word against promotions."""
    statement = insert(SmsNumber).values(phone_index=phone_index, opted_out_at=at)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[SmsNumber.phone_index],
            set_={
                "opted_out_at": func.greatest(
                    SmsNumber.opted_out_at, statement.excluded.opted_out_at
                )
            },
        )
    )


async def list_sent(
    session: AsyncSession,
    *,
    phone_index: bytes,
    category: SmsCategory,
    kind: str | None,
    since: datetime,
) -> list[datetime]:
    """When messages of a category, or of one kind, that may have arrived were handed over."""
    query = select(SmsAttempt.started_at).where(
        SmsAttempt.phone_index == phone_index,
        SmsAttempt.started_at > since,
        SmsAttempt.category == category,
        or_(SmsAttempt.outcome.is_(None), SmsAttempt.outcome.in_(MAY_HAVE_ARRIVED)),
    )
    if kind is not None:
        query = query.where(SmsAttempt.kind == kind)
    return list(await session.scalars(query))


async def insert_reply(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Keep a reply; false when it was kept before."""
    added = await session.scalar(
        insert(SmsReply).values(**values).on_conflict_do_nothing().returning(SmsReply.reply_id)
    )
    return added is not None


async def list_replies(
    session: AsyncSession, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[SmsReply]:
    """Replies, newest first."""
    query = (
        select(SmsReply)
        .order_by(SmsReply.received_at.desc(), SmsReply.reply_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(tuple_(SmsReply.received_at, SmsReply.reply_id) < before)
    return list(await session.scalars(query))


async def find_account(session: AsyncSession, account: SmsAccount) -> SmsAccountState | None:
    """How an account fares; None while it never failed."""
    return await session.get(SmsAccountState, account, populate_existing=True)


async def take_trial(
    session: AsyncSession, account: SmsAccount, *, wall: datetime, until: datetime
) -> bool:
    """Take the one trial of a paused account whose pause has ended; false when another did."""
    taken = await session.scalar(
        update(SmsAccountState)
        .where(SmsAccountState.account == account, SmsAccountState.paused_until <= wall)
        .values(paused_until=until)
        .returning(SmsAccountState.account)
        .execution_options(synchronize_session=False)
    )
    return taken is not None


async def count_failure(session: AsyncSession, account: SmsAccount, *, reason: str) -> int:
    """Count a failure; answers how many there were in a row."""
    failures = await session.scalar(
        insert(SmsAccountState)
        .values(account=account, failures=1, reason=reason)
        .on_conflict_do_update(
            index_elements=[SmsAccountState.account],
            set_={"failures": SmsAccountState.failures + 1, "reason": reason},
        )
        .returning(SmsAccountState.failures)
    )
    return failures or 0


async def pause_account(session: AsyncSession, account: SmsAccount, *, until: datetime) -> None:
    """Leave an account alone for a while; a longer pause stays."""
    await session.execute(
        update(SmsAccountState)
        .where(SmsAccountState.account == account)
        .values(paused_until=func.greatest(SmsAccountState.paused_until, until))
        .execution_options(synchronize_session=False)
    )


async def clear_failures(session: AsyncSession, account: SmsAccount) -> bool:
    """An account answered: it is whole again. False when it was."""
    cleared = await session.scalar(
        update(SmsAccountState)
        .where(
            SmsAccountState.account == account,
            or_(SmsAccountState.failures > 0, SmsAccountState.paused_until.is_not(None)),
        )
        .values(failures=0, paused_until=None, reason=None)
        .returning(SmsAccountState.account)
        .execution_options(synchronize_session=False)
    )
    return cleared is not None
