"""The mark of a demo database: only with it may demo data, logins and a moved clock exist."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Local


class DemoMark(Local):
    """Present in a demo database only."""

    __tablename__ = "demo_mark"
    __table_args__ = (CheckConstraint("singleton", name="singleton"),)

    singleton: Mapped[bool] = mapped_column(Boolean, primary_key=True, default=True)
    seed: Mapped[int]
    marked_at: Mapped[datetime]


async def is_demo(session: AsyncSession) -> bool:
    """Whether this database is marked as a demo."""
    return await session.scalar(select(DemoMark.seed)) is not None
