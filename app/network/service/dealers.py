"""Dealers: who they are, which stations are theirs, and on which terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.network.errors import (
    DealerCodeTaken,
    DealerDaysSettled,
    DealerInactive,
    PeriodInvalid,
)
from app.network.models import Dealer, DealerStation, DealerTerm, Station
from app.network.repository import dated, dealers, stations
from app.network.rules import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class TermFacts:
    """What a dealer gets: basis points of delivered value, fen per bottle, and what he bears."""

    share_bp: int
    fen_per_bottle: int
    bears_compensation: bool
    note: str


async def create_dealer(session: AsyncSession, *, code: str, name: str, now: datetime) -> Dealer:
    """Add a dealer; raises DealerCodeTaken."""
    dealer = Dealer(id=new_id(), code=code, name=name, is_active=True, created_at=now)
    if not await stations.add_unless_taken(session, dealer):
        raise DealerCodeTaken(dealer_code=code)
    return dealer


async def get_dealer(session: AsyncSession, *, dealer_id: UUID) -> Dealer:
    """One dealer; raises DealerUnknown."""
    return await dealers.get_dealer(session, dealer_id)


async def lock_dealer(session: AsyncSession, *, dealer_id: UUID) -> Dealer:
    """One dealer, whose stations and terms stand still until commit; raises DealerUnknown."""
    [dealer] = await dealers.lock_dealers(session, [dealer_id])
    return dealer


async def list_dealers(
    session: AsyncSession, *, is_active: bool | None, after_code: str | None, limit: int
) -> list[Dealer]:
    """Dealers by code."""
    return await dealers.list_dealers(
        session, is_active=is_active, after_code=after_code, limit=limit
    )


async def change_dealer(
    session: AsyncSession, *, dealer_id: UUID, changes: Mapping[str, object]
) -> Dealer:
    """Change what `changes` names; an inactive dealer takes over no station. DealerUnknown."""
    dealer = await lock_dealer(session, dealer_id=dealer_id)
    for field, value in changes.items():
        setattr(dealer, field, value)
    await session.flush()
    return dealer


async def assign_station(
    session: AsyncSession,
    *,
    station_id: UUID,
    dealer_id: UUID | None,
    from_date: date,
    to_date: date | None,
) -> None:
    """Give a station to a dealer from a day on, or for some days (both included); None takes it back.

    Whoever had it on those days has it no more. Days on an issued statement, of the one or of the
    other, are not touched. Raises StationUnknown, DealerUnknown, DealerInactive, PeriodInvalid,
    DealerDaysSettled.
    """
    if to_date is not None and to_date < from_date:
        raise PeriodInvalid
    period = Period.of_days(from_date, to_date)
    await stations.lock_station(session, station_id)
    taken = await dealers.list_holdings(session, station_id=station_id, period=period)
    touched = {row.dealer_id: dealers.first_day(row, period) for row in reversed(taken)}
    if dealer_id is not None:
        touched[dealer_id] = from_date
    for dealer in await dealers.lock_dealers(session, touched):
        _require_unsettled(dealer, touched[dealer.id])
        if dealer.id == dealer_id and not dealer.is_active:
            raise DealerInactive
    await dated.cut_out(session, DealerStation, DealerStation.station_id, station_id, period)
    if dealer_id is not None:
        session.add(
            DealerStation(
                id=new_id(),
                dealer_id=dealer_id,
                station_id=station_id,
                valid=dated.to_range(period),
            )
        )
        await session.flush()


async def list_dealer_stations(
    session: AsyncSession, *, dealer_id: UUID
) -> list[tuple[DealerStation, Station]]:
    """Stations a dealer had, has and will have; raises DealerUnknown."""
    await dealers.get_dealer(session, dealer_id)
    return await dealers.list_stations(session, dealer_id=dealer_id)


async def set_term(
    session: AsyncSession,
    *,
    dealer_id: UUID,
    valid_from: date,
    facts: TermFacts,
    by: UUID,
    now: datetime,
) -> None:
    """Set what a dealer gets from a date on, which no issued statement has reached.

    Raises DealerUnknown, DealerDaysSettled.
    """
    _require_unsettled(await lock_dealer(session, dealer_id=dealer_id), valid_from)
    term = DealerTerm(
        dealer_id=dealer_id,
        valid_from=valid_from,
        share_bp=facts.share_bp,
        fen_per_bottle=facts.fen_per_bottle,
        bears_compensation=facts.bears_compensation,
        note=facts.note,
        set_by=by,
        set_at=now,
    )
    await dealers.put_term(session, term)


async def list_dealer_terms(session: AsyncSession, *, dealer_id: UUID) -> list[DealerTerm]:
    """A dealer's terms, oldest first; raises DealerUnknown."""
    await dealers.get_dealer(session, dealer_id)
    return await dealers.list_terms(session, dealer_id=dealer_id)


def _require_unsettled(dealer: Dealer, first: date) -> None:
    if dealer.settled_through is not None and first <= dealer.settled_through:
        raise DealerDaysSettled(settled_through=dealer.settled_through.isoformat())
