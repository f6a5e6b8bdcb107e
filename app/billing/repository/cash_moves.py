"""All SQL of floats and of remittances to the operator's office."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_errors import RemittanceUnknown
from app.billing.cash_models import CashFloat, Remittance
from app.billing.cash_states import RemittanceState
from app.network.models import Station
from app.workforce.models import Deliverer

After = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class FloatView:
    """A float given or taken back, with the deliverer's name."""

    row: CashFloat
    deliverer_name: str


@dataclass(frozen=True, slots=True)
class RemittanceView:
    """A remittance with the code its number begins with."""

    row: Remittance
    station_code: str


_FLOATS: Final = select(CashFloat, Deliverer.name).join(
    Deliverer, Deliverer.id == CashFloat.deliverer_id
)
_REMITTANCES: Final = select(Remittance, Station.code).join(
    Station, Station.id == Remittance.station_id
)


async def find_float(session: AsyncSession, float_id: UUID) -> CashFloat | None:
    """A float given or taken back; the caller holds its station's cash."""
    return await session.get(CashFloat, float_id, populate_existing=True)


async def view_float(session: AsyncSession, row: CashFloat) -> FloatView:
    """A float with its name."""
    found = await session.execute(_FLOATS.where(CashFloat.float_id == row.float_id))
    return FloatView(*found.one())


async def list_floats(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    deliverer_id: UUID | None,
    after: After | None,
    limit: int,
) -> list[FloatView]:
    """Floats given and taken back, newest first."""
    wanted: list[ColumnElement[bool]] = []
    if station_id is not None:
        wanted.append(CashFloat.station_id == station_id)
    if deliverer_id is not None:
        wanted.append(CashFloat.deliverer_id == deliverer_id)
    if after is not None:
        wanted.append(tuple_(CashFloat.booked_at, CashFloat.float_id) < tuple_(*after))
    found = await session.execute(
        _FLOATS.where(*wanted)
        .order_by(CashFloat.booked_at.desc(), CashFloat.float_id.desc())
        .limit(limit)
    )
    return [FloatView(row, name) for row, name in found]


async def find_remittance(session: AsyncSession, remittance_id: UUID) -> Remittance | None:
    """A remittance as it is now."""
    return await session.get(Remittance, remittance_id, populate_existing=True)


async def get_remittance(
    session: AsyncSession, remittance_id: UUID, *, lock: bool = False
) -> Remittance:
    """A remittance as it is now, under its row lock where asked; raises RemittanceUnknown."""
    found = await session.get(
        Remittance, remittance_id, populate_existing=True, with_for_update=lock or None
    )
    if found is None:
        raise RemittanceUnknown
    return found


async def last_remittance_no(session: AsyncSession, *, station_id: UUID, year: int) -> int | None:
    """The last number given, None before the first; the caller holds the station's cash."""
    return await session.scalar(
        select(func.max(Remittance.number)).where(
            Remittance.station_id == station_id, Remittance.year == year
        )
    )


async def view_remittance(session: AsyncSession, row: Remittance) -> RemittanceView:
    """A remittance with its station's code."""
    found = await session.execute(_REMITTANCES.where(Remittance.remittance_id == row.remittance_id))
    return RemittanceView(*found.one())


async def list_remittances(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    state: RemittanceState | None,
    after: After | None,
    limit: int,
) -> Sequence[RemittanceView]:
    """Remittances, newest first."""
    wanted: list[ColumnElement[bool]] = []
    if station_id is not None:
        wanted.append(Remittance.station_id == station_id)
    if state is not None:
        wanted.append(Remittance.state == state)
    if after is not None:
        wanted.append(tuple_(Remittance.sent_at, Remittance.remittance_id) < tuple_(*after))
    found = await session.execute(
        _REMITTANCES.where(*wanted)
        .order_by(Remittance.sent_at.desc(), Remittance.remittance_id.desc())
        .limit(limit)
    )
    return [RemittanceView(row, code) for row, code in found]
