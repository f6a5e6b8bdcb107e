"""Statuses of cash on its way from a deliverer's hand to the bank, with their moves."""

from enum import StrEnum

from app.core.states import StateTable


class HandInState(StrEnum):
    """Life of one hand-in."""

    WAITING = "waiting"
    """The difference is above the limit: a second person looks at it before it is booked."""
    BOOKED = "booked"
    CANCELLED = "cancelled"


class Confirmation(StrEnum):
    """How the deliverer said that the count is right."""

    APP = "app"
    SIGNED = "signed"
    """On paper; the cashier noted it."""


class FloatMove(StrEnum):
    """Which way change money goes between a station and a deliverer."""

    GIVEN = "given"
    RETURNED = "returned"


class RemittanceState(StrEnum):
    """Cash of a station on its way to the operator's office."""

    SENT = "sent"
    RECEIVED = "received"
    CANCELLED = "cancelled"


class CashDayState(StrEnum):
    """A station's day: takes bookings of cash, or is closed."""

    OPEN = "open"
    CLOSED = "closed"


HAND_IN_LABELS = {
    HandInState.WAITING: "待复核",
    HandInState.BOOKED: "已入账",
    HandInState.CANCELLED: "已作废",
}
FLOAT_LABELS = {FloatMove.GIVEN: "发放", FloatMove.RETURNED: "收回"}
REMITTANCE_LABELS = {
    RemittanceState.SENT: "待财务收讫",
    RemittanceState.RECEIVED: "财务已收讫",
    RemittanceState.CANCELLED: "已作废",
}
CASH_DAY_LABELS = {CashDayState.OPEN: "未结账", CashDayState.CLOSED: "已结账"}

HAND_IN_MOVES: StateTable[HandInState] = StateTable(
    {
        HandInState.WAITING: frozenset({HandInState.BOOKED, HandInState.CANCELLED}),
        HandInState.BOOKED: frozenset({HandInState.CANCELLED}),
    }
)
REMITTANCE_MOVES: StateTable[RemittanceState] = StateTable(
    {RemittanceState.SENT: frozenset({RemittanceState.RECEIVED, RemittanceState.CANCELLED})}
)
CASH_DAY_MOVES: StateTable[CashDayState] = StateTable(
    {
        CashDayState.OPEN: frozenset({CashDayState.CLOSED}),
        CashDayState.CLOSED: frozenset({CashDayState.OPEN}),
    }
)
