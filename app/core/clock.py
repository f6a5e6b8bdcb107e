"""Two clocks: business time, which rules are given, and wall time, for tokens and leases.

Business time is the wall clock, except in a demo database where a row moves it (a morning can be
played at any hour). Rules and SQL receive it as a parameter and never read a clock.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Boolean, CheckConstraint, Float, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Local, UtcDateTime

OPERATOR_ZONE = ZoneInfo("Asia/Shanghai")


def wall_now() -> datetime:
    """Real time in UTC: tokens, leases, back-off, channel signatures."""
    return datetime.now(UTC)


def local_date(at: datetime) -> date:
    """The operator's date at an instant."""
    return at.astimezone(OPERATOR_ZONE).date()


def local_instant(day: date, at: time) -> datetime:
    """The UTC instant of a wall-clock time on an operator's day."""
    return datetime.combine(day, at, tzinfo=OPERATOR_ZONE).astimezone(UTC)


class BusinessClockRow(Local):
    """Offset and speed of a demo's business clock; absent in production."""

    __tablename__ = "business_clock"
    __table_args__ = (
        CheckConstraint("singleton", name="singleton"),
        CheckConstraint("speed >= 0", name="speed"),
    )

    singleton: Mapped[bool] = mapped_column(Boolean, primary_key=True, default=True)
    anchor_wall_at: Mapped[datetime] = mapped_column(UtcDateTime)
    anchor_business_at: Mapped[datetime] = mapped_column(UtcDateTime)
    speed: Mapped[float] = mapped_column(Float)


@dataclass
class BusinessClock:
    """Business time as of the last `refresh`; identical for web and worker."""

    anchor_wall_at: datetime | None = None
    anchor_business_at: datetime | None = None
    speed: float = 1.0

    def now(self) -> datetime:
        """Business instant, UTC."""
        wall = wall_now()
        if self.anchor_wall_at is None or self.anchor_business_at is None:
            return wall
        passed = (wall - self.anchor_wall_at).total_seconds() * self.speed
        return self.anchor_business_at + timedelta(seconds=passed)

    def today(self) -> date:
        """Business date in the operator's zone."""
        return local_date(self.now())

    async def refresh(self, session: AsyncSession) -> None:
        """Read the demo's row, if there is one."""
        row = await session.scalar(select(BusinessClockRow))
        if row is None:
            self.anchor_wall_at = self.anchor_business_at = None
            self.speed = 1.0
            return
        self.anchor_wall_at, self.anchor_business_at = row.anchor_wall_at, row.anchor_business_at
        self.speed = row.speed
