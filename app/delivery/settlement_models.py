"""Tables of what is settled with dealers, and of the custody of prepaid money; integer fen.

Money itself stands in the ledger; a statement's lines say what it is made of.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import EnumText, Shared
from app.core.states import values_of
from app.delivery.settlement_states import LineKind, StatementState


class DealerStatement(Shared):
    """What the operator and a dealer owe each other for some whole days (结算单).

    Numbers run per year without a gap: each but the first needs the one before.
    """

    __tablename__ = "dealer_statements"
    __table_args__ = (
        ExcludeConstraint(
            ("dealer_id", "="),
            ("period", "&&"),
            using="gist",
            name="ex_dealer_statements",
            where=text("state <> 'discarded'"),
        ),
        UniqueConstraint("year", "number", name="uq_dealer_statements_number"),
        ForeignKeyConstraint(
            ["year", "previous_no"],
            ["dealer_statements.year", "dealer_statements.number"],
            name="fk_dealer_statements_previous_no",
        ),
        CheckConstraint(f"state IN ({values_of(StatementState)})", name="state"),
        CheckConstraint(
            "NOT isempty(period) AND NOT lower_inf(period) AND NOT upper_inf(period)",
            name="period",
        ),
        CheckConstraint(
            "number > 0 AND previous_no IS NOT DISTINCT FROM nullif(number - 1, 0)", name="number"
        ),
        CheckConstraint(
            "num_nonnulls(year, number, total_fen, issued_by, issued_at)"
            " = CASE WHEN state IN ('issued', 'settled') THEN 5 ELSE 0 END",
            name="issued",
        ),
        CheckConstraint(
            "num_nonnulls(settled_by, settled_at, bank_date, slip_no)"
            " = CASE state WHEN 'settled' THEN 4 ELSE 0 END",
            name="settled",
        ),
        CheckConstraint("settled_by <> issued_by", name="second_person"),
        CheckConstraint(
            "num_nonnulls(discarded_by, discarded_at)"
            " = CASE state WHEN 'discarded' THEN 2 ELSE 0 END",
            name="discarded",
        ),
        Index("ix_dealer_statements_created_at", "created_at", "statement_id"),
        Index("ix_dealer_statements_dealer_id", "dealer_id", "created_at", "statement_id"),
    )

    statement_id: Mapped[UUID] = mapped_column(primary_key=True)
    dealer_id: Mapped[UUID] = mapped_column(ForeignKey("dealers.id"))
    period: Mapped[Range[date]] = mapped_column(DATERANGE)
    state: Mapped[StatementState] = mapped_column(EnumText(StatementState))
    year: Mapped[int | None]
    number: Mapped[int | None]
    previous_no: Mapped[int | None]
    total_fen: Mapped[int | None]
    """Above zero the operator owes the dealer, below zero the dealer owes the operator."""
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    issued_by: Mapped[UUID | None]
    issued_at: Mapped[datetime | None]
    settled_by: Mapped[UUID | None]
    settled_at: Mapped[datetime | None]
    bank_date: Mapped[date | None]
    slip_no: Mapped[str | None]
    discarded_by: Mapped[UUID | None]
    discarded_at: Mapped[datetime | None]


class DealerStatementLine(Shared):
    """A line of an issued statement: per station and term, or a station's cash; append-only."""

    __tablename__ = "dealer_statement_lines"
    __table_args__ = (
        CheckConstraint(f"kind IN ({values_of(LineKind)})", name="kind"),
        CheckConstraint("kind <> 'share' OR term_from IS NOT NULL", name="term"),
    )

    statement_id: Mapped[UUID] = mapped_column(
        ForeignKey("dealer_statements.statement_id"), primary_key=True
    )
    line_no: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    kind: Mapped[LineKind] = mapped_column(EnumText(LineKind))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    term_from: Mapped[date | None]
    share_bp: Mapped[int]
    fen_per_bottle: Mapped[int]
    bottles: Mapped[int]
    """Brought on the days of the period."""
    bottles_corrected: Mapped[int]
    """What became known since of days settled before."""
    delivered_fen: Mapped[int]
    corrected_fen: Mapped[int]
    """Booked in the period about deliveries posted before."""
    amount_fen: Mapped[int]
    """Above zero for the dealer."""


class DealerStatementDay(Shared):
    """How many bottles of a station's day a statement counts; append-only.

    All statements of a day add up to what is settled of it; what differs goes on the next one.
    """

    __tablename__ = "dealer_statement_days"

    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), primary_key=True)
    service_date: Mapped[date] = mapped_column(primary_key=True)
    statement_id: Mapped[UUID] = mapped_column(
        ForeignKey("dealer_statements.statement_id"), primary_key=True, index=True
    )
    bottles: Mapped[int]


class CustodyPolicy(Shared):
    """Which part of prepaid balances is to be held in custody (存管), from a date on."""

    __tablename__ = "custody_policies"
    __table_args__ = (CheckConstraint("permille BETWEEN 0 AND 1000", name="permille"),)

    valid_from: Mapped[date] = mapped_column(primary_key=True)
    permille: Mapped[int]
    article: Mapped[str]
    """The rule it follows from."""
    set_by: Mapped[UUID]
    set_at: Mapped[datetime]
