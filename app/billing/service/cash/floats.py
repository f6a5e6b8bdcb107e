"""Change money (备用金) that a station gives a deliverer before his round, and takes back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_errors import AnotherPersonNeeded, FloatIsLess, StationHoldsLess
from app.billing.cash_models import CashFloat
from app.billing.cash_states import FloatMove
from app.billing.repository import cash_moves as rows
from app.billing.repository import ledger as ledger_rows
from app.billing.repository.cash_moves import FloatView
from app.billing.service.cash.booking import book_float, hand_of, safe_of
from app.billing.service.cash.days import lock_open_day
from app.billing.service.cash.hand_ins import require_of_station
from app.core.clock import local_date
from app.core.idempotency import IdempotencyKeyReused


async def move_float(
    session: AsyncSession,
    *,
    float_id: UUID,
    station_id: UUID,
    deliverer_id: UUID,
    move: FloatMove,
    amount_fen: int,
    by: UUID,
    own_deliverer_id: UUID | None,
    now: datetime,
) -> FloatView:
    """Give a deliverer change money out of the station's cash, or take it back in whole or part.

    A cashier gives himself none (`own_deliverer_id`). Harmless when repeated under its id. Raises
    DelivererUnknown (also of another station), AnotherPersonNeeded, CashDayClosed,
    StationHoldsLess, FloatIsLess, IdempotencyKeyReused.
    """
    today = local_date(now)
    await require_of_station(session, deliverer_id, station_id=station_id, today=today)
    if own_deliverer_id == deliverer_id:
        raise AnotherPersonNeeded
    await lock_open_day(session, station_id, today)
    held_fen = await ledger_rows.lock_cash_held(session, safe_of(station_id))
    await ledger_rows.lock_cash(session, hand_of(deliverer_id))
    known = await rows.find_float(session, float_id)
    if known is not None:
        was = (known.station_id, known.deliverer_id, known.move, known.amount_fen)
        if was != (station_id, deliverer_id, move, amount_fen):
            raise IdempotencyKeyReused
        return await rows.view_float(session, known)
    if move is FloatMove.GIVEN and amount_fen > held_fen:
        raise StationHoldsLess(held_fen=held_fen)
    if move is FloatMove.RETURNED:
        float_fen = await ledger_rows.find_float(session, hand_of(deliverer_id))
        if amount_fen > float_fen:
            raise FloatIsLess(float_fen=float_fen)
    row = CashFloat(
        float_id=float_id,
        station_id=station_id,
        deliverer_id=deliverer_id,
        move=move,
        amount_fen=amount_fen,
        booked_by=by,
        booked_at=now,
        booked_date=today,
    )
    session.add(row)
    await session.flush()
    await book_float(session, row, now=now)
    return await rows.view_float(session, row)


async def list_floats(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    deliverer_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[FloatView]:
    """Floats given and taken back, of a station, a deliverer or all, newest first."""
    return await rows.list_floats(
        session, station_id=station_id, deliverer_id=deliverer_id, after=after, limit=limit
    )
