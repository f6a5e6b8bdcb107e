"""Shapes of the JSON API of floats and remittances. Amounts are integer fen."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from app.billing.cash_schemas import PublicId
from app.billing.cash_states import (
    FLOAT_LABELS,
    REMITTANCE_LABELS,
    FloatMove,
    RemittanceState,
)
from app.billing.repository.cash_moves import FloatView, RemittanceView
from app.core.ids import public_single
from app.core.money import PositiveFen
from app.core.schemas import Answer, Request


class FloatIn(Request):
    """Change money for a deliverer, or from him; finance names the station."""

    deliverer: PublicId
    station: PublicId | None = None
    amount_fen: PositiveFen


class RemittanceIn(Request):
    """Cash for the office; finance names the station."""

    station: PublicId | None = None
    amount_fen: PositiveFen


class FloatOut(Answer):
    """Change money given or taken back."""

    id: str
    station: str
    deliverer: str
    deliverer_name: str
    move: FloatMove
    move_label: str
    amount_fen: int
    booked_by: UUID
    booked_at: datetime
    booked_date: date

    @classmethod
    def of(cls, view: FloatView) -> Self:
        """Of a row with its name."""
        row = view.row
        move = FloatMove(row.move)
        return cls(
            id=public_single("flt", row.float_id),
            station=public_single("stn", row.station_id),
            deliverer=public_single("dlv", row.deliverer_id),
            deliverer_name=view.deliverer_name,
            move=move,
            move_label=FLOAT_LABELS[move],
            amount_fen=row.amount_fen,
            booked_by=row.booked_by,
            booked_at=row.booked_at,
            booked_date=row.booked_date,
        )


class RemittanceOut(Answer):
    """Cash of a station brought to the office, and who said yes to it."""

    id: str
    number: str
    station: str
    amount_fen: int
    state: RemittanceState
    state_label: str
    sent_by: UUID
    sent_at: datetime
    booked_date: date
    received_by: UUID | None
    received_at: datetime | None
    cancelled_by: UUID | None
    cancelled_at: datetime | None
    cancel_reason: str | None

    @classmethod
    def of(cls, view: RemittanceView) -> Self:
        """Of a row with its station's code."""
        row = view.row
        state = RemittanceState(row.state)
        return cls(
            id=public_single("rmt", row.remittance_id),
            number=f"{view.station_code}-{row.year}-{row.number:06}",
            station=public_single("stn", row.station_id),
            amount_fen=row.amount_fen,
            state=state,
            state_label=REMITTANCE_LABELS[state],
            sent_by=row.sent_by,
            sent_at=row.sent_at,
            booked_date=row.booked_date,
            received_by=row.received_by,
            received_at=row.received_at,
            cancelled_by=row.cancelled_by,
            cancelled_at=row.cancelled_at,
            cancel_reason=row.cancel_reason,
        )
