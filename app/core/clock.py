"""Two clocks: business time, which rules are given, and wall time, for tokens and leases.

Business time is the wall clock, except in a demo database where a row moves it (a morning can be
played at any hour). Rules and SQL receive it as a parameter and never read a clock.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Boolean, CheckConstraint, Float, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Local, UtcDateTime
from app.core.errors import Conflict

OPERATOR_ZONE = ZoneInfo("Asia/Shanghai")
FASTEST = 600.0
"""Business seconds a demo's clock may count in a second."""
LONGEST_MOVE = timedelta(days=7)
"""How far one move may put a demo's clock: the daily work of more days would not be made up."""


SPEED_HOLDS = timedelta(minutes=10)
"""For so long a speed holds, then the clock counts at 1 again: whoever set it may have been killed,
or the machine put to sleep. Setting it anew prolongs it."""


class ClockGoesForward(Conflict):
    """A demo's clock was to be put back: what happened would lie in the future."""

    code = "clock_goes_forward"
    title = "演示时钟只能向前调"


class ClockMoveTooLong(Conflict):
    """A demo's clock was to leap over too many days."""

    code = "clock_move_too_long"
    title = "演示时钟一次最多向前调7天"


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

    def at(self, wall: datetime) -> datetime:
        """Business instant at an instant of the wall clock."""
        return _business_at(self.anchor_wall_at, self.anchor_business_at, self.speed, wall)

    def speed_at(self, wall: datetime) -> float:
        """Business seconds in a second at an instant of the wall clock."""
        return self.speed if wall - self.anchor_wall_at < SPEED_HOLDS else 1.0


def _business_at(anchor: datetime, business: datetime, speed: float, wall: datetime) -> datetime:
    passed = wall - anchor
    held = min(passed, SPEED_HOLDS)
    return business + held * speed + (passed - held)


async def move_clock(
    session: AsyncSession, *, at: datetime | None, speed: float | None
) -> BusinessClockRow:
    """Put a demo's business clock forward to `at`, and let it run at `speed` from there.

    What is None stays as it is. The speed holds for SPEED_HOLDS. The caller has
    made sure that this is a demo. Web and worker follow within a second. Raises ClockGoesForward,
    ClockMoveTooLong.
    """
    start = wall_now()
    await session.execute(
        insert(BusinessClockRow)
        .values(singleton=True, anchor_wall_at=start, anchor_business_at=start, speed=1.0)
        .on_conflict_do_nothing()
    )
    row = (await session.scalars(select(BusinessClockRow).with_for_update())).one()
    wall = max(wall_now(), row.anchor_wall_at)
    now = row.at(wall)
    wanted = at or now
    if wanted < now:
        raise ClockGoesForward(now=now.isoformat())
    if wanted - now > LONGEST_MOVE:
        raise ClockMoveTooLong(now=now.isoformat(), most_days=LONGEST_MOVE.days)
    row.speed = row.speed_at(wall) if speed is None else speed
    row.anchor_wall_at, row.anchor_business_at = wall, wanted
    await session.flush()
    return row


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
        return _business_at(self.anchor_wall_at, self.anchor_business_at, self.speed, wall)

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
