"""Alerts that a person must see: one open alert per kind and subject, resolved once."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from pydantic_core import to_jsonable_python
from sqlalchemy import Index, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Local
from app.core.clock import wall_now
from app.core.ids import new_id

log = structlog.get_logger()


class Alert(Local):
    """Something is wrong and stays listed until it is resolved."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index(
            "uq_alerts_open",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    raised_at: Mapped[datetime] = mapped_column(index=True)
    resolved_at: Mapped[datetime | None]


async def raise_alert(session: AsyncSession, kind: str, subject: str, **facts: Any) -> bool:
    """Open an alert; false when it is open already. Facts carry ids, never personal data."""
    told = to_jsonable_python(facts, fallback=str)
    opened = await session.scalar(
        insert(Alert)
        .values(id=new_id(), kind=kind, subject=subject, facts=told, raised_at=wall_now())
        .on_conflict_do_nothing()
        .returning(Alert.id)
    )
    if opened is not None:
        log.warning("alert", kind=kind, subject=subject)
    return opened is not None


async def resolve_alert(session: AsyncSession, kind: str, subject: str) -> None:
    """Close an open alert, if there is one."""
    await session.execute(
        update(Alert)
        .where(Alert.kind == kind, Alert.subject == subject, Alert.resolved_at.is_(None))
        .values(resolved_at=wall_now())
    )


async def list_open_alerts(session: AsyncSession, *, limit: int = 200) -> list[Alert]:
    """Open alerts, newest first."""
    return list(
        await session.scalars(
            select(Alert)
            .where(Alert.resolved_at.is_(None))
            .order_by(Alert.raised_at.desc())
            .limit(limit)
        )
    )
