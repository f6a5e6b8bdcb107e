"""Dealers with their stations and terms, written straight into the tables."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.network.models import Dealer, DealerStation, DealerTerm
from tests.factories.world import MORNING

LONG_SINCE = date(2020, 1, 1)


async def add_dealer(session: AsyncSession, *, code: str = "D01") -> UUID:
    """A dealer without stations."""
    dealer_id = new_id()
    session.add(Dealer(id=dealer_id, code=code, name=f"经销商{code}", created_at=MORNING))
    await session.flush()
    return dealer_id


async def give_station(
    session: AsyncSession, dealer_id: UUID, station_id: UUID, first: date, until: date | None
) -> None:
    """A station is a dealer's from a day on, up to but not including another."""
    session.add(
        DealerStation(
            id=new_id(),
            dealer_id=dealer_id,
            station_id=station_id,
            valid=Range(first, until, bounds="[)"),
        )
    )
    await session.flush()


async def agree(session: AsyncSession, dealer_id: UUID, **changed: Any) -> None:
    """A dealer's terms: 15 % and 10 fen per bottle since long, unless said otherwise."""
    facts: dict[str, Any] = {
        "dealer_id": dealer_id,
        "valid_from": LONG_SINCE,
        "share_bp": 1_500,
        "fen_per_bottle": 10,
        "bears_compensation": True,
        "note": "合同2026-01",
        "set_by": new_id(),
        "set_at": MORNING,
    }
    session.add(DealerTerm(**facts | changed))
    await session.flush()
