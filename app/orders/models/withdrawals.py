"""Tables of what the operator takes out of the plan: whose lines, on which days, for which reason."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Index, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, EnumText, Shared
from app.core.states import values_of
from app.orders.states import WithdrawalSettle


class Withdrawal(Shared):
    """No milk for a scope of stations, blocks and products over some days (festival, flood)."""

    __tablename__ = "withdrawals"
    __table_args__ = (
        CheckConstraint("cardinality(station_ids) > 0", name="stations"),
        CheckConstraint("first_date <= last_date", name="dates"),
        CheckConstraint(f"settle IN ({values_of(WithdrawalSettle)})", name="settle"),
        CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone"),
        Index("ix_withdrawals_last_date", "last_date"),
        Index("ix_withdrawals_newest", "at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    station_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    block_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    """None: every block of the stations."""
    product_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    """None: every product."""
    first_date: Mapped[date]
    last_date: Mapped[date]
    reason: Mapped[str]
    settle: Mapped[WithdrawalSettle] = mapped_column(EnumText(WithdrawalSettle))
    lines: Mapped[int]
    households: Mapped[int]
    bottles: Mapped[int]
    credit_fen: Mapped[int]
    stops: Mapped[int]
    make_ups: Mapped[int]
    actor: Mapped[str]
    at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    """When the last household's message was written; of the undo, once it is undone."""
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
    kept_lines: Mapped[int | None]
    """Lines an undo had to leave as they are."""


class WithdrawnLine(CustomerOwned):
    """What a withdrawal took from one line, and how the line stood before: what an undo needs."""

    __tablename__ = "withdrawn_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
        ),
        CheckConstraint("settle IN ('period', 'money')", name="settle"),
        CheckConstraint("bottles > 0 AND credit_bottles BETWEEN 0 AND bottles", name="bottles"),
        CheckConstraint("credit_fen >= 0", name="credit"),
        CheckConstraint("state IN ('taken', 'put_back', 'kept')", name="state"),
        Index("ix_withdrawn_lines_withdrawal_id", "withdrawal_id", "customer_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_line_id: Mapped[UUID] = mapped_column(primary_key=True)
    withdrawal_id: Mapped[UUID] = mapped_column(ForeignKey("withdrawals.id"), primary_key=True)
    change_id: Mapped[UUID]
    """The receipt of its order."""
    order_id: Mapped[UUID]
    station_id: Mapped[UUID]
    days: Mapped[list[date]] = mapped_column(ARRAY(Date))
    bottles: Mapped[int]
    settle: Mapped[str]
    credit_bottles: Mapped[int]
    credit_fen: Mapped[int]
    until_before: Mapped[date]
    until_after: Mapped[date | None]
    """The day after its last one. None: nothing is left to come."""
    is_regular: Mapped[bool]
    """One pattern, nothing asked for day by day: moved by statements alone."""
    order_version: Mapped[int]
    """The order's after the act; another one says that something has happened since."""
    before: Mapped[list[Any]] = mapped_column(JSONB)
    """Its terms that reached the first day or beyond, in order."""
    state: Mapped[str] = mapped_column(default="taken", server_default="taken")
    """What an undo did: days put back, or the line left as it is."""
