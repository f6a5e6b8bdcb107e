"""What a withdrawn day would have brought, listed for the KPIs."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.delivery.repository import planning
from app.delivery.repository.scope import DayScope


async def mark_withdrawn(
    session: AsyncSession,
    *,
    stations: Collection[UUID],
    service_date: date,
    blocks: Collection[UUID] | None = None,
    products: Collection[UUID] | None = None,
) -> int:
    """List what would have been due on a day that is being withdrawn, as `withdrawn` stops.

    To be called before the lines' terms roll on; KPIs show these stops apart. A stop that another
    withdrawal has listed gets the bottles on top. Answers how many addresses are hit.
    """
    await planning.prepare_bulk_work(session)
    stops = await planning.insert_withdrawn_stops(
        session, DayScope(service_date, sorted(stations)), blocks=blocks, products=products
    )
    await planning.end_bulk_work(session)
    return stops
