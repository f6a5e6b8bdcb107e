"""Shapes of the JSON API of cash on its way to the bank. Amounts are integer fen."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from app.billing.cash_models import BankDeposit, CashDay, CashDayMove, CashDifferenceLimit
from app.billing.cash_states import (
    CASH_DAY_LABELS,
    HAND_IN_LABELS,
    CashDayState,
    Confirmation,
    HandInState,
)
from app.billing.repository.cash import HandInView
from app.billing.repository.standing import CustomerStanding, DelivererStanding, StationStanding
from app.billing.service.cash.days import CashDayView
from app.core.ids import public_single
from app.core.money import Fen, PositiveFen
from app.core.schemas import Answer, Request, ShortText

PublicId = Annotated[str, Field(max_length=60)]


class StandingBy(StrEnum):
    """What the standing of cash is listed by."""

    DELIVERER = "deliverer"
    STATION = "station"
    CUSTOMER = "customer"


class HandInIn(Request):
    """What was counted. `due_fen` is the system's amount on the cashier's screen that this settles:

    at most what he holds beside his float.

    Finance names the station; a station manager's is his own. `is_signed`: the deliverer has signed
    the paper receipt, and need not confirm in his app.
    """

    deliverer: PublicId
    station: PublicId | None = None
    due_fen: Fen
    counted_fen: Fen
    reason: ShortText | None = None
    is_signed: bool = False


class ReasonIn(Request):
    """Why something is taken back or reopened."""

    reason: ShortText


class BankDepositIn(Request):
    """A bank's slip: its number, the amount, the date on it."""

    station: PublicId | None = None
    slip_no: ShortText
    amount_fen: PositiveFen
    deposited_date: date


class DifferenceLimitIn(Request):
    """From today on, a difference above this waits for a second person."""

    limit_fen: Fen


class HandInOut(Answer):
    """A hand-in: what the books said, what was counted, and who said yes to it."""

    id: str
    receipt_no: str
    station: str
    deliverer: str
    deliverer_name: str
    held_fen: int
    float_fen: int
    due_fen: int
    counted_fen: int
    difference_fen: int
    reason: str | None
    state: HandInState
    state_label: str
    counted_by: UUID
    counted_at: datetime
    approved_by: UUID | None
    approved_at: datetime | None
    booked_date: date | None
    confirmation: Confirmation | None
    confirmed_at: datetime | None
    cancelled_by: UUID | None
    cancelled_at: datetime | None
    cancel_reason: str | None

    @classmethod
    def of(cls, view: HandInView) -> Self:
        """Of a row with its names."""
        row = view.row
        state = HandInState(row.state)
        return cls(
            id=public_single("hin", row.hand_in_id),
            receipt_no=view.number,
            station=public_single("stn", row.station_id),
            deliverer=public_single("dlv", row.deliverer_id),
            deliverer_name=view.deliverer_name,
            held_fen=row.held_fen,
            float_fen=row.float_fen,
            due_fen=row.due_fen,
            counted_fen=row.counted_fen,
            difference_fen=row.difference_fen,
            reason=row.reason,
            state=state,
            state_label=HAND_IN_LABELS[state],
            counted_by=row.counted_by,
            counted_at=row.counted_at,
            approved_by=row.approved_by,
            approved_at=row.approved_at,
            booked_date=row.booked_date,
            confirmation=row.confirmation,
            confirmed_at=row.confirmed_at,
            cancelled_by=row.cancelled_by,
            cancelled_at=row.cancelled_at,
            cancel_reason=row.cancel_reason,
        )


class BankDepositOut(Answer):
    """Cash of a station paid in at the bank."""

    id: str
    station: str
    slip_no: str
    amount_fen: int
    deposited_date: date
    booked_by: UUID
    booked_at: datetime
    booked_date: date
    cancelled_by: UUID | None
    cancelled_at: datetime | None
    cancel_reason: str | None

    @classmethod
    def of(cls, row: BankDeposit) -> Self:
        """Of a row."""
        return cls(
            id=public_single("bdp", row.deposit_id),
            station=public_single("stn", row.station_id),
            slip_no=row.slip_no,
            amount_fen=row.amount_fen,
            deposited_date=row.deposited_date,
            booked_by=row.booked_by,
            booked_at=row.booked_at,
            booked_date=row.booked_date,
            cancelled_by=row.cancelled_by,
            cancelled_at=row.cancelled_at,
            cancel_reason=row.cancel_reason,
        )


class CashFiguresOut(Answer):
    """A day's cash: opening + handed in - deposited - floats - remitted = closing.

    Floats are given less taken back; a negative difference is a shortage.
    """

    opening_fen: int
    taken_fen: int
    handed_in_fen: int
    difference_fen: int
    deposited_fen: int
    floats_fen: int
    remitted_fen: int
    closing_fen: int


class CashDayMoveOut(Answer):
    """Who closed or reopened the day, when and why; with the figures it was closed with."""

    to_state: CashDayState
    by: UUID
    at: datetime
    reason: str | None
    figures: dict[str, Any]

    @classmethod
    def of(cls, move: CashDayMove) -> Self:
        """Of a row."""
        return cls.model_validate(move)


class CashDayOut(Answer):
    """A station's day: frozen figures when closed, else as they stand now."""

    station: str
    date: date
    state: CashDayState
    state_label: str
    figures: CashFiguresOut
    moves: list[CashDayMoveOut]

    @classmethod
    def of(cls, view: CashDayView) -> Self:
        """Of a view."""
        return cls(
            station=public_single("stn", view.station_id),
            date=view.business_date,
            state=view.state,
            state_label=CASH_DAY_LABELS[view.state],
            figures=CashFiguresOut.model_validate(view.figures),
            moves=[CashDayMoveOut.of(move) for move in view.moves],
        )


class CashDayLine(Answer):
    """One day in the list; an open one has no figures yet."""

    station: str
    date: date
    state: CashDayState
    state_label: str
    closed_at: datetime | None
    figures: CashFiguresOut | None

    @classmethod
    def of(cls, row: CashDay) -> Self:
        """Of a row."""
        state = CashDayState(row.state)
        return cls(
            station=public_single("stn", row.station_id),
            date=row.business_date,
            state=state,
            state_label=CASH_DAY_LABELS[state],
            closed_at=row.closed_at,
            figures=None if row.closed_at is None else CashFiguresOut.model_validate(row),
        )


class DelivererStandingOut(Answer):
    """One deliverer's cash: collected + float - handed in - paid out - short = held.

    `due_fen` is what he hands in next: held less the float.
    """

    deliverer: str
    name: str
    station: str | None
    collected_fen: int
    handed_in_fen: int
    paid_out_fen: int
    short_fen: int
    float_fen: int
    due_fen: int
    held_fen: int
    last_hand_in_at: datetime | None

    @classmethod
    def of(cls, row: DelivererStanding) -> Self:
        """Of a total."""
        return cls(
            deliverer=public_single("dlv", row.deliverer_id),
            name=row.name,
            station=_station(row.station_id),
            collected_fen=row.collected_fen,
            handed_in_fen=row.handed_in_fen,
            paid_out_fen=row.paid_out_fen,
            short_fen=row.short_fen,
            float_fen=row.float_fen,
            due_fen=row.due_fen,
            held_fen=row.held_fen,
            last_hand_in_at=row.last_hand_in_at,
        )


class StationStandingOut(Answer):
    """One station's cash: handed in - deposited - floats - remitted = held.

    `with_deliverers_fen` is still outside, floats with it.
    """

    station: str
    name: str
    handed_in_fen: int
    deposited_fen: int
    floats_fen: int
    remitted_fen: int
    difference_fen: int
    held_fen: int
    with_deliverers_fen: int
    last_closed_date: date | None

    @classmethod
    def of(cls, row: StationStanding) -> Self:
        """Of a total."""
        return cls(
            station=public_single("stn", row.station_id),
            name=row.name,
            handed_in_fen=row.handed_in_fen,
            deposited_fen=row.deposited_fen,
            floats_fen=row.floats_fen,
            remitted_fen=row.remitted_fen,
            difference_fen=row.difference_fen,
            held_fen=row.held_fen,
            with_deliverers_fen=row.with_deliverers_fen,
            last_closed_date=row.last_closed_date,
        )


class CustomerStandingOut(Answer):
    """A customer's cash of which `held_fen` is still in the deliverer's hand."""

    customer: str
    deliverer: str
    deliverer_name: str
    station: str | None
    collected_fen: int
    held_fen: int
    oldest_at: datetime

    @classmethod
    def of(cls, row: CustomerStanding) -> Self:
        """Of a total."""
        return cls(
            customer=public_single("cus", row.customer_id),
            deliverer=public_single("dlv", row.deliverer_id),
            deliverer_name=row.deliverer_name,
            station=_station(row.station_id),
            collected_fen=row.collected_fen,
            held_fen=row.held_fen,
            oldest_at=row.oldest_at,
        )


def _station(station_id: UUID | None) -> str | None:
    return None if station_id is None else public_single("stn", station_id)


class DifferenceLimitOut(Answer):
    """A limit and since when it holds."""

    valid_from: date
    limit_fen: int
    set_by: UUID
    set_at: datetime


class DifferenceLimits(Answer):
    """Limits, newest first; without any, `default_limit_fen` holds."""

    items: list[DifferenceLimitOut]
    default_limit_fen: int

    @classmethod
    def of(cls, limits: list[CashDifferenceLimit], *, default_limit_fen: int) -> Self:
        """Of rows."""
        return cls(
            items=[DifferenceLimitOut.model_validate(limit) for limit in limits],
            default_limit_fen=default_limit_fen,
        )
