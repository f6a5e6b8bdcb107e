"""All SQL of identity."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, any_, delete, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.identity.models import (
    AccessLogEntry,
    LoginCode,
    PhoneAccount,
    RefreshToken,
    Role,
    SessionRow,
    StaffAccount,
    Throttle,
)

# -- accounts of customers


async def insert_phone_accounts(
    session: AsyncSession, accounts: Mapping[bytes, UUID]
) -> dict[bytes, UUID]:
    """Open accounts for phones that have none; answers those opened here."""
    opened = await session.execute(
        insert(PhoneAccount)
        .values(
            [
                {"phone_index": index, "account_id": account_id}
                for index, account_id in sorted(accounts.items())
            ]
        )
        .on_conflict_do_nothing(index_elements=[PhoneAccount.phone_index])
        .returning(PhoneAccount.phone_index, PhoneAccount.account_id)
    )
    return {row.phone_index: row.account_id for row in opened}


async def find_phone_accounts(
    session: AsyncSession, indexes: Sequence[bytes], *, hold: bool = False
) -> dict[bytes, UUID]:
    """Accounts of phones; `hold` keeps them open until the transaction ends."""
    query = select(PhoneAccount.phone_index, PhoneAccount.account_id).where(
        PhoneAccount.phone_index.in_(indexes)
    )
    if hold:
        query = query.order_by(PhoneAccount.phone_index).with_for_update(read=True)
    return {row.phone_index: row.account_id for row in await session.execute(query)}


async def delete_phone_account(
    session: AsyncSession, *, phone_index: bytes, account_id: UUID
) -> None:
    """Free a phone and forget its codes."""
    await session.execute(
        delete(PhoneAccount).where(
            PhoneAccount.phone_index == phone_index, PhoneAccount.account_id == account_id
        )
    )
    await session.execute(delete(LoginCode).where(LoginCode.phone_index == phone_index))


# -- login codes


async def claim_code_try(
    session: AsyncSession, *, request_id: UUID, phone_index: bytes, tries: int, wall: datetime
) -> tuple[bytes, bytes] | None:
    """Count a try and answer `(hash, salt)`; None when the code is not (or no longer) good."""
    row = (
        await session.execute(
            update(LoginCode)
            .where(
                LoginCode.request_id == request_id,
                LoginCode.phone_index == phone_index,
                LoginCode.used_at.is_(None),
                LoginCode.expires_at > wall,
                LoginCode.tries < tries,
            )
            .values(tries=LoginCode.tries + 1)
            .returning(LoginCode.code_hash, LoginCode.salt)
        )
    ).one_or_none()
    return None if row is None else (row.code_hash, row.salt)


async def use_code(session: AsyncSession, *, request_id: UUID, wall: datetime) -> bool:
    """Spend a code; false when it was spent before."""
    used = await session.scalar(
        update(LoginCode)
        .where(
            LoginCode.request_id == request_id,
            LoginCode.used_at.is_(None),
            LoginCode.expires_at > wall,
        )
        .values(used_at=wall)
        .returning(LoginCode.request_id)
    )
    return used is not None


# -- throttles


async def add_counts(session: AsyncSession, buckets: Sequence[tuple[str, datetime]]) -> None:
    """Count one in each bucket; the rows stay locked until the transaction ends."""
    await session.execute(
        insert(Throttle)
        .values([{"key": key, "window_at": at, "count": 1} for key, at in buckets])
        .on_conflict_do_update(
            index_elements=[Throttle.key, Throttle.window_at], set_={"count": Throttle.count + 1}
        )
    )


async def list_counts(
    session: AsyncSession, since: Sequence[tuple[str, datetime]]
) -> list[tuple[str, datetime, int]]:
    """Counts of each key in buckets that start after its instant."""
    rows = await session.execute(
        select(Throttle.key, Throttle.window_at, Throttle.count.label("number")).where(
            or_(*(and_(Throttle.key == key, Throttle.window_at > at) for key, at in since))
        )
    )
    return [(row.key, row.window_at, row.number) for row in rows]


async def take_back_counts(session: AsyncSession, buckets: Sequence[tuple[str, datetime]]) -> None:
    """Count one less in each bucket."""
    for key, at in buckets:
        await session.execute(
            update(Throttle)
            .where(Throttle.key == key, Throttle.window_at == at, Throttle.count > 0)
            .values(count=Throttle.count - 1)
        )


# -- sessions


async def spend_refresh_token(
    session: AsyncSession, *, refresh_hash: bytes, wall: datetime
) -> bool:
    """Mark a refresh token used; false when it is gone, expired or used."""
    spent = await session.scalar(
        update(RefreshToken)
        .where(
            RefreshToken.refresh_hash == refresh_hash,
            RefreshToken.used_at.is_(None),
            RefreshToken.expires_at > wall,
        )
        .values(used_at=wall)
        .returning(RefreshToken.refresh_hash)
        .execution_options(synchronize_session=False)
    )
    return spent is not None


async def lock_session(session: AsyncSession, session_id: UUID) -> bool:
    """Hold a session until the transaction ends; false when it has ended."""
    found = await session.scalar(
        select(RefreshToken.refresh_hash)
        .where(RefreshToken.session_id == session_id, RefreshToken.generation == 0)
        .with_for_update()
    )
    return found is not None


async def find_refresh_token(session: AsyncSession, refresh_hash: bytes) -> RefreshToken | None:
    """A refresh token, used or not."""
    return await session.get(RefreshToken, refresh_hash)


async def delete_access(session: AsyncSession, *, account_id: UUID, session_id: UUID) -> None:
    """End the access token of a session."""
    await session.execute(
        delete(SessionRow).where(
            SessionRow.account_id == account_id, SessionRow.session_id == session_id
        )
    )


async def delete_sessions(
    session: AsyncSession,
    *,
    account_id: UUID,
    only: UUID | None = None,
    but: UUID | None = None,
) -> None:
    """End all sessions of an account, `only` one of them, or all `but` one.

    Locking the sessions first makes a rotation under way finish, so that its tokens go too.
    """
    conditions = [RefreshToken.account_id == account_id]
    if only is not None:
        conditions.append(RefreshToken.session_id == only)
    if but is not None:
        conditions.append(RefreshToken.session_id != but)
    await session.execute(
        select(RefreshToken.refresh_hash)
        .where(*conditions, RefreshToken.generation == 0)
        .order_by(RefreshToken.session_id)
        .with_for_update()
    )
    await session.execute(delete(RefreshToken).where(*conditions))
    access = [SessionRow.account_id == account_id]
    if only is not None:
        access.append(SessionRow.session_id == only)
    if but is not None:
        access.append(SessionRow.session_id != but)
    await session.execute(delete(SessionRow).where(*access))


# -- staff


async def insert_staff(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Add a member of staff; false when the login is taken."""
    added = await session.scalar(
        insert(StaffAccount)
        .values(**values)
        .on_conflict_do_nothing(index_elements=[StaffAccount.login])
        .returning(StaffAccount.id)
    )
    return added is not None


async def find_staff_by_login(session: AsyncSession, login: str) -> StaffAccount | None:
    """A member of staff by login."""
    found: StaffAccount | None = await session.scalar(
        select(StaffAccount).where(StaffAccount.login == login)
    )
    return found


async def find_staff(session: AsyncSession, staff_id: UUID) -> StaffAccount | None:
    """A member of staff by id."""
    return await session.get(StaffAccount, staff_id)


async def lock_staff(
    session: AsyncSession, staff_id: UUID, *, shared: bool = False
) -> StaffAccount | None:
    """A member of staff, held until the transaction ends."""
    found: StaffAccount | None = await session.scalar(
        select(StaffAccount)
        .where(StaffAccount.id == staff_id)
        .with_for_update(read=shared)
        .execution_options(populate_existing=True)
    )
    return found


async def lock_admins(session: AsyncSession) -> list[UUID]:
    """Active administrators, held until the transaction ends."""
    return list(
        await session.scalars(
            select(StaffAccount.id)
            .where(StaffAccount.is_active, literal(Role.ADMIN.value) == any_(StaffAccount.roles))
            .order_by(StaffAccount.id)
            .with_for_update()
        )
    )


async def list_staff(
    session: AsyncSession, *, after: UUID | None, limit: int, is_active: bool | None
) -> list[StaffAccount]:
    """Staff by id."""
    query = select(StaffAccount).order_by(StaffAccount.id).limit(limit)
    if after is not None:
        query = query.where(StaffAccount.id > after)
    if is_active is not None:
        query = query.where(StaffAccount.is_active == is_active)
    return list(await session.scalars(query))


# -- access log


async def list_access_log(
    session: AsyncSession,
    *,
    before: UUID | None,
    limit: int,
    account_id: UUID | None,
    customer_id: UUID | None,
) -> list[AccessLogEntry]:
    """Entries, newest first (ids sort by time)."""
    query = select(AccessLogEntry).order_by(AccessLogEntry.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AccessLogEntry.id < before)
    if account_id is not None:
        query = query.where(AccessLogEntry.account_id == account_id)
    if customer_id is not None:
        query = query.where(AccessLogEntry.customer_id == customer_id)
    return list(await session.scalars(query))


# -- pruning


async def prune(
    session: AsyncSession, *, codes_before: datetime, counts_before: datetime, wall: datetime
) -> None:
    """Forget old codes, ended sessions and counts nobody asks for any more."""
    await session.execute(delete(LoginCode).where(LoginCode.created_at < codes_before))
    await session.execute(delete(RefreshToken).where(RefreshToken.expires_at <= wall))
    await session.execute(delete(SessionRow).where(SessionRow.access_expires_at <= wall))
    await session.execute(delete(Throttle).where(Throttle.window_at < counts_before))
