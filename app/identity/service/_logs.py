"""What must be provable later: who read whose data in full, and what looked like an attack."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import new_id
from app.identity import repository
from app.identity.access import Principal
from app.identity.models import AccessLogEntry, SecurityEvent

log = structlog.get_logger()


async def log_access(
    session: AsyncSession,
    *,
    caller: Principal,
    customer_id: UUID,
    subject: str,
    reason: str,
    now: datetime,
) -> None:
    """Note that staff read a customer's `subject` (e.g. "contact") in full, and why."""
    await log_accesses(
        session, caller=caller, customer_ids=[customer_id], subject=subject, reason=reason, now=now
    )


async def log_accesses(
    session: AsyncSession,
    *,
    caller: Principal,
    customer_ids: Collection[UUID],
    subject: str,
    reason: str,
    now: datetime,
) -> None:
    """The same for several customers in one statement (a route sheet, an export)."""
    if not customer_ids:
        return
    await session.execute(
        insert(AccessLogEntry),
        [
            {
                "account_id": caller.account_id,
                "id": new_id(),
                "customer_id": customer_id,
                "subject": subject,
                "reason": reason,
                "at": now,
            }
            for customer_id in customer_ids
        ],
    )


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One reading of personal data; instants are UTC, ids sort by time."""

    id: UUID
    account_id: UUID
    customer_id: UUID
    subject: str
    reason: str
    at: datetime


async def list_access_log(
    session: AsyncSession,
    *,
    before: UUID | None,
    limit: int,
    account_id: UUID | None = None,
    customer_id: UUID | None = None,
) -> list[AccessEntry]:
    """Readings older than `before`, newest first, of one member of staff or one customer."""
    rows = await repository.list_access_log(
        session, before=before, limit=limit, account_id=account_id, customer_id=customer_id
    )
    return [
        AccessEntry(
            id=row.id,
            account_id=row.account_id,
            customer_id=row.customer_id,
            subject=row.subject,
            reason=row.reason,
            at=row.at,
        )
        for row in rows
    ]


async def record_security_event(session: AsyncSession, *, kind: str, facts: str = "") -> None:
    """Keep a security event; facts carry ids, never personal data or what was typed."""
    log.warning("security", kind=kind, facts=facts)
    session.add(SecurityEvent(id=new_id(), kind=kind, facts=facts, at=wall_now()))
    await session.flush()


async def security_event(database: Database, *, kind: str, facts: str = "") -> None:
    """Keep a security event although the request is about to be refused."""
    async with database.transaction() as session:
        await record_security_event(session, kind=kind, facts=facts)
