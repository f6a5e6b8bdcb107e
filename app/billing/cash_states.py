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


class CashDayState(StrEnum):
    """A station's day: takes hand-ins and bank deposits, or is closed."""

    OPEN = "open"
    CLOSED = "closed"


HAND_IN_LABELS = {
    HandInState.WAITING: "待复核",
    HandInState.BOOKED: "已入账",
    HandInState.CANCELLED: "已作废",
}
CASH_DAY_LABELS = {CashDayState.OPEN: "未结账", CashDayState.CLOSED: "已结账"}

HAND_IN_MOVES: StateTable[HandInState] = StateTable(
    {
        HandInState.WAITING: frozenset({HandInState.BOOKED, HandInState.CANCELLED}),
        HandInState.BOOKED: frozenset({HandInState.CANCELLED}),
    }
)
CASH_DAY_MOVES: StateTable[CashDayState] = StateTable(
    {
        CashDayState.OPEN: frozenset({CashDayState.CLOSED}),
        CashDayState.CLOSED: frozenset({CashDayState.OPEN}),
    }
)
