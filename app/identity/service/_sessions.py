"""Sessions: a short access token and a refresh token that is used once."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.ids import new_id
from app.identity import repository
from app.identity.access import token_hash
from app.identity.models import AccountKind, RefreshToken, SessionRow
from app.identity.rules import ACCESS_LIFETIME, CUSTOMER_SESSION, STAFF_SESSION
from app.identity.service._logs import record_security_event


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login gives; lifetimes in seconds of real time."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_seconds: int
    refresh_expires_in_seconds: int


async def issue_tokens(
    session: AsyncSession,
    *,
    account_id: UUID,
    kind: AccountKind,
    access_lifetime: timedelta = ACCESS_LIFETIME,
) -> Tokens:
    """Start a session: 15 minutes of access, refreshed for 30 days (staff: 12 hours) at most."""
    lifetime = STAFF_SESSION if kind is AccountKind.STAFF else CUSTOMER_SESSION
    wall = wall_now()
    return await _issue(
        session,
        account_id=account_id,
        kind=kind,
        session_id=new_id(),
        wall=wall,
        ends_at=wall + lifetime,
        access_lifetime=access_lifetime,
    )


async def _issue(
    session: AsyncSession,
    *,
    account_id: UUID,
    kind: AccountKind,
    session_id: UUID,
    wall: datetime,
    ends_at: datetime,
    generation: int = 0,
    access_lifetime: timedelta = ACCESS_LIFETIME,
) -> Tokens:
    access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    access_ends_at = min(wall + access_lifetime, ends_at)
    session.add(
        SessionRow(
            access_hash=token_hash(access),
            session_id=session_id,
            account_id=account_id,
            kind=kind,
            access_expires_at=access_ends_at,
        )
    )
    session.add(
        RefreshToken(
            refresh_hash=token_hash(refresh),
            session_id=session_id,
            account_id=account_id,
            kind=kind,
            expires_at=ends_at,
            generation=generation,
        )
    )
    await session.flush()
    return Tokens(
        access_token=access,
        refresh_token=refresh,
        expires_in_seconds=int((access_ends_at - wall).total_seconds()),
        refresh_expires_in_seconds=int((ends_at - wall).total_seconds()),
    )


async def rotate_tokens(session: AsyncSession, *, refresh_token: str) -> Tokens | None:
    """New tokens for a refresh token; None when it is refused.

    A token used twice was stolen, from us or from the thief: the whole session ends. The caller
    commits before it refuses.
    """
    refresh_hash = token_hash(refresh_token)
    known = await repository.find_refresh_token(session, refresh_hash)
    if known is None:
        return None
    kind = AccountKind(known.kind)
    if kind is AccountKind.STAFF:
        # before the token, as deactivation locks them in this order
        staff = await repository.lock_staff(session, known.account_id, shared=True)
        if staff is None or not staff.is_active:
            return None
    if not await repository.lock_session(session, known.session_id):
        return None
    wall = wall_now()
    if not await repository.spend_refresh_token(session, refresh_hash=refresh_hash, wall=wall):
        if known.expires_at > wall:
            await end_session(session, account_id=known.account_id, session_id=known.session_id)
            await record_security_event(
                session, kind="refresh_token_reused", facts=f"account={known.account_id}"
            )
        return None
    await repository.delete_access(
        session, account_id=known.account_id, session_id=known.session_id
    )
    return await _issue(
        session,
        account_id=known.account_id,
        kind=kind,
        session_id=known.session_id,
        wall=wall,
        ends_at=known.expires_at,
        generation=known.generation + 1,
    )


async def end_session(session: AsyncSession, *, account_id: UUID, session_id: UUID) -> None:
    """Log one session out: its access and refresh tokens are worth nothing from now on."""
    await repository.delete_sessions(session, account_id=account_id, only=session_id)


async def end_sessions(session: AsyncSession, *, account_id: UUID, but: UUID | None = None) -> None:
    """Log an account out everywhere, or everywhere `but` in one session."""
    await repository.delete_sessions(session, account_id=account_id, but=but)
