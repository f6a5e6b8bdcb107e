"""The mark of a demo database: only with it may demo data, logins and a moved clock exist."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Local
from app.core.clock import wall_now
from app.core.errors import NotFound, SetupError


class DemoMark(Local):
    """Present in a demo database only."""

    __tablename__ = "demo_mark"
    __table_args__ = (CheckConstraint("singleton", name="singleton"),)

    singleton: Mapped[bool] = mapped_column(Boolean, primary_key=True, default=True)
    marked_at: Mapped[datetime]
    loaded_at: Mapped[datetime | None]
    """When the demo city was written into it."""


async def find_mark(session: AsyncSession) -> DemoMark | None:
    """The mark, if this database is a demo."""
    found: DemoMark | None = await session.scalar(select(DemoMark))
    return found


async def require_demo(session: AsyncSession) -> None:
    """Raise NotFound outside a demo: what is only for demos does not exist there."""
    if await find_mark(session) is None:
        raise NotFound


async def mark_demo(session: AsyncSession, *, was_empty: bool) -> None:
    """Mark an empty database as a demo; raises SetupError for one that holds real data."""
    if await find_mark(session) is not None:
        return
    if not was_empty:
        raise SetupError(
            "DEMO=1 needs an empty database, and this one holds data that is no demo: "
            "unset DEMO or name another database."
        )
    session.add(DemoMark(marked_at=wall_now()))


async def require_same_kind(session: AsyncSession, *, demo: bool) -> None:
    """Raise SetupError when a demo's database meets a real start, or the reverse."""
    marked = await find_mark(session) is not None
    if marked and not demo:
        raise SetupError(
            "This database is marked as a demo: start it with DEMO=1, or name another database "
            "for real work."
        )
    if demo and not marked:
        raise SetupError(
            "DEMO=1, but this database is not marked as a demo: unset DEMO, or run "
            "`python -m app migrate` with DEMO=1 on an empty database."
        )
