"""A day at a glance: every bill and every station's cash, and whether the day may be closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.bill_models import Bill, BillDifference
from app.billing.cash_models import BankDeposit
from app.billing.channels.accounts import bill_sources
from app.billing.repository import daily as rows
from app.billing.repository.daily import StationDay
from app.billing.service.bill_desk import BillView, list_bills
from app.billing.service.cash import close_day
from app.billing.states import BillStatus, DifferenceKind, DifferenceState, PaymentChannel
from app.core.clock import local_date

MOST_BILLS: Final = 200


@dataclass(frozen=True, slots=True)
class DayClosing:
    """A date's bills and cash; closed when every bill agrees and every station is closed.

    `unasked`: channels of our merchant accounts without a bill of the date, which has passed.
    """

    day: date
    bills: Sequence[BillView]
    stations: Sequence[StationDay]
    unasked: Sequence[PaymentChannel]

    @property
    def open_count(self) -> int:
        """Differences nobody has explained or resolved."""
        return sum(one.work.open_count for one in self.bills)

    @property
    def missing_count(self) -> int:
        """Bills that have not come."""
        waiting = sum(one.bill.status == BillStatus.WAITING for one in self.bills)
        return waiting + len(self.unasked)

    @property
    def unread_count(self) -> int:
        """Rows of bills that could not be read."""
        return sum(one.bill.bad_count for one in self.bills)

    @property
    def open_stations(self) -> Sequence[StationDay]:
        """Stations with cash whose day is not closed."""
        return [one for one in self.stations if not one.is_closed and not one.is_idle]

    @property
    def ready_stations(self) -> Sequence[StationDay]:
        """Those of them that can be closed now."""
        return [one for one in self.open_stations if not one.is_unfinished]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do about the day."""
        left = (self.open_count, self.missing_count, self.unread_count, self.open_stations)
        return not any(left)


async def view_closing(session: AsyncSession, *, day: date, today: date) -> DayClosing:
    """A date's bills and every station's cash."""
    bills = await list_bills(
        session,
        since=day,
        until=day,
        status=None,
        channel=None,
        with_open=False,
        after=None,
        limit=MOST_BILLS,
    )
    known = {(one.bill.channel, one.bill.merchant_account) for one in bills}
    unasked = [
        channel
        for channel, source in bill_sources().items()
        if (channel, source.merchant) not in known
    ]
    return DayClosing(
        day=day,
        bills=bills,
        stations=await rows.list_station_days(session, day=day),
        unasked=unasked if day < today else [],
    )


async def close_ready_stations(
    session: AsyncSession, *, day: date, by: UUID, now: datetime
) -> Sequence[StationDay]:
    """Close the day of every station that can be closed, all or none; answers which.

    Raises what closing one raises, for what changed meanwhile.
    """
    closing = await view_closing(session, day=day, today=local_date(now))
    ready = sorted(closing.ready_stations, key=lambda one: one.station_id)
    for one in ready:
        await close_day(session, station_id=one.station_id, day=day, by=by, now=now)
    return ready


async def list_all_differences(
    session: AsyncSession,
    *,
    kind: DifferenceKind | None,
    channel: PaymentChannel | None,
    state: DifferenceState | None,
    day: date | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[tuple[BillDifference, Bill]]:
    """Differences over all bills, oldest first, each with its bill."""
    return await rows.list_differences(
        session, kind=kind, channel=channel, state=state, day=day, after=after, limit=limit
    )


async def list_deposits_of(
    session: AsyncSession, *, day: date, station_id: UUID | None, limit: int
) -> Sequence[BankDeposit]:
    """Bank deposits booked on a date, of one station or all, newest first."""
    return await rows.list_deposits_of(session, day=day, station_id=station_id, limit=limit)


async def list_station_days(session: AsyncSession, *, day: date) -> Sequence[StationDay]:
    """Every station's cash of a date, by code."""
    return await rows.list_station_days(session, day=day)
