"""Tables of cash on its way from a deliverer's hand over the station to the bank; integer fen.

Money itself stands in the ledger; these rows say who counted what, under which number.
"""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.billing.cash_states import (
    CashDayState,
    Confirmation,
    FloatMove,
    HandInState,
    RemittanceState,
)
from app.core.base import DeviceOwned, EnumText, Shared
from app.core.states import values_of

_HAND_IN_STATE: Final = (
    "CASE state WHEN 'waiting' THEN num_nonnulls(booked_at, cancelled_at) = 0"
    " WHEN 'booked' THEN booked_at IS NOT NULL AND cancelled_at IS NULL"
    " ELSE cancelled_at IS NOT NULL END"
)
_FIGURES: Final = (
    "opening_fen, taken_fen, handed_in_fen, difference_fen, deposited_fen, floats_fen,"
    " remitted_fen, closing_fen"
)


class HandIn(DeviceOwned):
    """Cash a deliverer hands in at a station, counted by a cashier, under a receipt number.

    Numbers run per station and year without a gap: each row but the first needs the one before.
    """

    __tablename__ = "cash_hand_ins"
    __table_args__ = (
        UniqueConstraint("station_id", "year", "receipt_no", name="uq_cash_hand_ins_receipt_no"),
        ForeignKeyConstraint(
            ["station_id", "year", "previous_no"],
            ["cash_hand_ins.station_id", "cash_hand_ins.year", "cash_hand_ins.receipt_no"],
            name="fk_cash_hand_ins_previous_no",
        ),
        CheckConstraint(f"state IN ({values_of(HandInState)})", name="state"),
        CheckConstraint(_HAND_IN_STATE, name="moved"),
        CheckConstraint(
            "receipt_no > 0 AND previous_no IS NOT DISTINCT FROM nullif(receipt_no - 1, 0)",
            name="receipt_no",
        ),
        CheckConstraint(
            "due_fen >= 0 AND counted_fen >= 0 AND due_fen + counted_fen > 0"
            " AND float_fen >= 0 AND due_fen <= held_fen - float_fen",
            name="amount",
        ),
        CheckConstraint("counted_fen = due_fen OR reason IS NOT NULL", name="reason"),
        CheckConstraint("num_nonnulls(booked_at, booked_date) <> 1", name="booked"),
        CheckConstraint("approved_by <> counted_by", name="second_person"),
        CheckConstraint("num_nonnulls(approved_by, approved_at) <> 1", name="approved"),
        CheckConstraint(
            "num_nulls(confirmation, confirmed_by, confirmed_at) IN (0, 3)", name="confirmed"
        ),
        CheckConstraint(f"confirmation IN ({values_of(Confirmation)})", name="confirmation"),
        CheckConstraint(
            "num_nulls(cancelled_by, cancelled_at, cancel_reason) IN (0, 3)", name="cancelled"
        ),
        Index("ix_cash_hand_ins_deliverer_id", "deliverer_id", "counted_at", "hand_in_id"),
        Index("ix_cash_hand_ins_station_id", "station_id", "counted_at", "hand_in_id"),
        Index("ix_cash_hand_ins_counted_at", "counted_at", "hand_in_id"),
        Index(
            "uq_cash_hand_ins_waiting",
            "deliverer_id",
            unique=True,
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "ix_cash_hand_ins_unfinished",
            "station_id",
            postgresql_where=text("state = 'waiting' OR state = 'booked' AND confirmed_at IS NULL"),
        ),
    )

    hand_in_id: Mapped[UUID] = mapped_column(primary_key=True)
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    year: Mapped[int]
    receipt_no: Mapped[int]
    previous_no: Mapped[int | None]
    deliverer_id: Mapped[UUID] = mapped_column(ForeignKey("deliverers.id"))
    held_fen: Mapped[int]
    """What he held by the books when it was counted."""
    float_fen: Mapped[int]
    """How much of that was float, which stays with him."""
    due_fen: Mapped[int]
    """How much of that is settled by this hand-in."""
    counted_fen: Mapped[int]
    reason: Mapped[str | None]
    """Why counted is not due."""
    state: Mapped[HandInState] = mapped_column(EnumText(HandInState))
    counted_by: Mapped[UUID]
    counted_at: Mapped[datetime]
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None]
    booked_at: Mapped[datetime | None]
    booked_date: Mapped[date | None]
    confirmation: Mapped[Confirmation | None] = mapped_column(EnumText(Confirmation))
    confirmed_by: Mapped[UUID | None]
    confirmed_at: Mapped[datetime | None]
    cancelled_by: Mapped[UUID | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]

    @property
    def difference_fen(self) -> int:
        """Counted less due: below zero is a shortage."""
        return self.counted_fen - self.due_fen


class BankDeposit(DeviceOwned):
    """Cash of a station paid in at the bank, with the number of the bank's slip."""

    __tablename__ = "bank_deposits"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("deposited_date <= booked_date", name="deposited_date"),
        CheckConstraint(
            "num_nulls(cancelled_by, cancelled_at, cancel_reason) IN (0, 3)", name="cancelled"
        ),
        Index(
            "uq_bank_deposits_slip_no",
            "station_id",
            "slip_no",
            unique=True,
            postgresql_where=text("cancelled_at IS NULL"),
        ),
        Index("ix_bank_deposits_station_id", "station_id", "booked_at", "deposit_id"),
        Index("ix_bank_deposits_booked_at", "booked_at", "deposit_id"),
    )

    deposit_id: Mapped[UUID] = mapped_column(primary_key=True)
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    slip_no: Mapped[str]
    amount_fen: Mapped[int]
    deposited_date: Mapped[date]
    """The date on the bank's slip."""
    booked_by: Mapped[UUID]
    booked_at: Mapped[datetime]
    booked_date: Mapped[date]
    cancelled_by: Mapped[UUID | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]


class CashFloat(DeviceOwned):
    """Change money a station gives a deliverer, or takes back; either way undoes the other."""

    __tablename__ = "cash_floats"
    __table_args__ = (
        CheckConstraint(f"move IN ({values_of(FloatMove)})", name="move"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("ix_cash_floats_deliverer_id", "deliverer_id", "booked_at", "float_id"),
        Index("ix_cash_floats_station_id", "station_id", "booked_at", "float_id"),
        Index("ix_cash_floats_booked_at", "booked_at", "float_id"),
    )

    float_id: Mapped[UUID] = mapped_column(primary_key=True)
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    deliverer_id: Mapped[UUID] = mapped_column(ForeignKey("deliverers.id"))
    move: Mapped[FloatMove] = mapped_column(EnumText(FloatMove))
    amount_fen: Mapped[int]
    booked_by: Mapped[UUID]
    booked_at: Mapped[datetime]
    booked_date: Mapped[date]


class Remittance(DeviceOwned):
    """Cash a station brings to the operator's office, which says yes to it.

    Numbers run per station and year without a gap: each row but the first needs the one before.
    """

    __tablename__ = "cash_remittances"
    __table_args__ = (
        UniqueConstraint("station_id", "year", "number", name="uq_cash_remittances_number"),
        ForeignKeyConstraint(
            ["station_id", "year", "previous_no"],
            ["cash_remittances.station_id", "cash_remittances.year", "cash_remittances.number"],
            name="fk_cash_remittances_previous_no",
        ),
        CheckConstraint(f"state IN ({values_of(RemittanceState)})", name="state"),
        CheckConstraint(
            "(state = 'received') = (received_at IS NOT NULL)"
            " AND (state = 'cancelled') = (cancelled_at IS NOT NULL)",
            name="moved",
        ),
        CheckConstraint(
            "number > 0 AND previous_no IS NOT DISTINCT FROM nullif(number - 1, 0)", name="number"
        ),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("received_by <> sent_by", name="second_person"),
        CheckConstraint("num_nonnulls(received_by, received_at) <> 1", name="received"),
        CheckConstraint(
            "num_nulls(cancelled_by, cancelled_at, cancel_reason) IN (0, 3)", name="cancelled"
        ),
        Index("ix_cash_remittances_station_id", "station_id", "sent_at", "remittance_id"),
        Index("ix_cash_remittances_sent_at", "sent_at", "remittance_id"),
        Index("ix_cash_remittances_sent", "station_id", postgresql_where=text("state = 'sent'")),
    )

    remittance_id: Mapped[UUID] = mapped_column(primary_key=True)
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    year: Mapped[int]
    number: Mapped[int]
    previous_no: Mapped[int | None]
    amount_fen: Mapped[int]
    state: Mapped[RemittanceState] = mapped_column(EnumText(RemittanceState))
    sent_by: Mapped[UUID]
    sent_at: Mapped[datetime]
    booked_date: Mapped[date]
    received_by: Mapped[UUID | None]
    received_at: Mapped[datetime | None]
    cancelled_by: Mapped[UUID | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]


class CashDay(DeviceOwned):
    """One day of a station's cash; every booking of the day locks it, closing freezes its figures."""

    __tablename__ = "cash_days"
    __table_args__ = (
        CheckConstraint(f"state IN ({values_of(CashDayState)})", name="state"),
        CheckConstraint(
            f"num_nulls(closed_by, closed_at, {_FIGURES})"
            " = CASE state WHEN 'closed' THEN 0 ELSE 10 END",
            name="closed",
        ),
        CheckConstraint(
            "closing_fen = opening_fen + handed_in_fen - deposited_fen - floats_fen - remitted_fen",
            name="sum",
        ),
        Index("ix_cash_days_business_date", "business_date", "station_id"),
    )

    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), primary_key=True)
    business_date: Mapped[date] = mapped_column(primary_key=True)
    state: Mapped[CashDayState] = mapped_column(EnumText(CashDayState))
    closed_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    opening_fen: Mapped[int | None]
    taken_fen: Mapped[int | None]
    """Cash booked as received by the station's deliverers, as known at the closing."""
    handed_in_fen: Mapped[int | None]
    """Counted at hand-ins, less what was cancelled."""
    difference_fen: Mapped[int | None]
    """Counted less due; below zero is a shortage."""
    deposited_fen: Mapped[int | None]
    floats_fen: Mapped[int | None]
    """Float given less taken back."""
    remitted_fen: Mapped[int | None]
    """To the operator's office."""
    closing_fen: Mapped[int | None]


class CashDayMove(DeviceOwned):
    """Who closed or reopened a station's day, when, why, and its figures; append-only."""

    __tablename__ = "cash_day_moves"
    __table_args__ = (
        ForeignKeyConstraint(
            ["station_id", "business_date"], ["cash_days.station_id", "cash_days.business_date"]
        ),
        CheckConstraint(f"to_state IN ({values_of(CashDayState)})", name="to_state"),
        CheckConstraint("to_state <> 'open' OR reason IS NOT NULL", name="reason"),
        Index("ix_cash_day_moves_day", "station_id", "business_date", "move_id"),
    )

    station_id: Mapped[UUID] = mapped_column(primary_key=True)
    move_id: Mapped[UUID] = mapped_column(primary_key=True)
    business_date: Mapped[date]
    to_state: Mapped[CashDayState] = mapped_column(EnumText(CashDayState))
    by: Mapped[UUID]
    at: Mapped[datetime]
    reason: Mapped[str | None]
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB)


class CashDifferenceLimit(Shared):
    """Above which difference a hand-in waits for a second person, from a date on."""

    __tablename__ = "cash_difference_limits"
    __table_args__ = (CheckConstraint("limit_fen >= 0", name="limit"),)

    valid_from: Mapped[date] = mapped_column(primary_key=True)
    limit_fen: Mapped[int]
    set_by: Mapped[UUID]
    set_at: Mapped[datetime]
